/* One cell of a table: what a column's getter gives. It is what rows as JSON, sorting and filtering
 * all work on, so that a column is written once. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "base/clock.h"

enum value_type {
    VALUE_NONE,  // unknown: null; sorts last, matches no comparison
    VALUE_TEXT,  // text
    VALUE_WORD,  // a word of an ordered list: text, sorted by number
    VALUE_COUNT, // number, whole
    VALUE_RATE,  // number, a fraction
    VALUE_TIME,  // number, microseconds since 1970
    VALUE_FLAG,  // number, 0 or 1
    VALUE_JSON,  // json, owned: neither sorted nor filtered
};

struct value {
    enum value_type type;
    const char *text; // borrowed from the row, or in `room`
    double number;
    json_t *json;
    char room[1200]; // for texts that are made
};

void value_text(struct value *v, const char *text);
/* None when text is empty. */
void value_text_or_none(struct value *v, const char *text);
void value_printf(struct value *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
void value_word(struct value *v, const char *text, int rank);
void value_count(struct value *v, uint64_t n);
void value_rate(struct value *v, double rate); // negative: none
void value_time(struct value *v, usec_t at);   // 0 and never: none
void value_flag(struct value *v, bool is);
void value_json(struct value *v, json_t *json); // taken
/* As JSON, visible-clean; what it owned is given away. */
json_t *value_take_json(struct value *v);
void value_deinit(struct value *v);
