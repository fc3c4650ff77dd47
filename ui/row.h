/* Reading what the engine sends: JSON rows, made clean once where they come in, then read by name.
 * Whatever is missing or of another type reads as unknown; nothing here fails. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* The one field whose text has lines. */
#define ROW_LINES "report"
/* Every string and key inside becomes visible text (text_visible), in place; a text of lines keeps
 * them. The engine does so too; the console trusts no engine with its terminal. */
void row_clean(json_t *json);

/* "" when there is none. Borrowed. */
const char *row_text(const json_t *row, const char *field);
/* NULL when it is none or null. Borrowed. */
const char *row_maybe(const json_t *row, const char *field);
/* False: unknown. */
bool row_number(const json_t *row, const char *field, double *v);
/* -1 when unknown. */
int64_t row_count(const json_t *row, const char *field);
/* 0 when unknown. */
usec_t row_time(const json_t *row, const char *field);
bool row_flag(const json_t *row, const char *field);
/* Up to `room` numbers of an array; unknown ones are -1. Gives how many. */
size_t row_numbers(const json_t *row, const char *field, double *v, size_t room);
