/* Cells and sentences that several views share. */
#pragma once
#include <jansson.h>

#include "ui/line.h"
#include "ui/model.h"
#include "ui/widgets/page.h"

void cell_text(struct line *cell, const json_t *row, const char *field);
void cell_count(struct line *cell, const json_t *row, const char *field);
/* Per cent; at or over `warning` or `critical` (fractions; 0: never) the number says so. */
void cell_rate(struct line *cell, const json_t *row, const char *field, int decimals,
               double warning, double critical);
void cell_time(struct line *cell, const struct model *m, const json_t *row, const char *field);
void cell_chart(struct line *cell, const json_t *row, const char *field, int width);
/* What stands behind the colon of a target or key. */
const char *after_colon(const char *target);
/* The pen that says how bad a standing or rotation is. */
enum pen pen_of_state(const char *word);
enum pen pen_of_health(double health);
/* "6.4 %", `–` when unknown or negative. */
const char *percent(char out[32], const json_t *row, const char *field);

/* Why an IP is as it is, in words; "nothing to speak of" when nothing is. */
void say_reasons(char *out, size_t n, const json_t *row);

/* Proof of life: "outcome 0 s, bounce 41 s, probe 12 s": how long ago each was heard last. What the
 * engine does not listen for is not named. With complaints where `has_room`. */
void say_heard(char *out, size_t n, const struct model *m, bool has_room);
/* The next rung ("suspend", "warn") in a field and its level, 0 to 100, in another, and a bar of `bar`
 * columns (0: none); `–` where there is none. */
void add_rung(struct line *l, const json_t *from, const char *rung, const char *level, int bar);
/* A foot: ` text`, wrapped over at most n lines. */
void foot_say(struct line *lines, size_t n, int width, const char *text);

/* Lines of a page for log rows (each opens its entry) and for outcomes. */
void page_log(struct page *p, const struct model *m, const char *head, const json_t *entries);
void page_outcomes(struct page *p, const char *head, const json_t *outcomes);
/* "12:04:31Z" of an outcome, whose time is `at` or Unix seconds in `t`. */
usec_t outcome_time(const json_t *row);
