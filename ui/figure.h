/* How numbers, rates, ages and times stand on the screen. Unknown is `–`, never 0 or blank. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum { FIGURE_TEXT = 32, FIGURE_CHART = 256 };

/* `1,204` up to 99,999, then `148k`, `1.2M`. */
const char *figure_count(char out[FIGURE_TEXT], int64_t v);
/* In full: `1,204,000`. */
const char *figure_full(char out[FIGURE_TEXT], int64_t v);
/* A fraction as per cent without its sign: `6.4`; two decimals where asked for (`0.21`). */
const char *figure_rate(char out[FIGURE_TEXT], double fraction, int decimals);
/* `12:04Z` on the node's today and in the next 20 hours, else `23 Nov`. */
const char *figure_time(char out[FIGURE_TEXT], usec_t at, usec_t now);
/* `12:04:31Z`. */
const char *figure_clock(char out[FIGURE_TEXT], usec_t at);
/* `41 s 9 m 3 h 2 d` from `at` to `now`; the other way round for what is to come. */
const char *figure_age(char out[FIGURE_TEXT], usec_t at, usec_t now);
/* A bar of tenths, `width` columns: `██░░░`. */
const char *figure_bar(char out[FIGURE_CHART], double fraction, int width);
/* Block sparkline: n numbers (negative: unknown, `–`) folded into `width` columns. */
const char *figure_chart(char out[FIGURE_CHART], const double *v, size_t n, int width);
/* IPv4 addresses in a text as their last part, `.7`, for where there is little room. */
void figure_short_ips(char *out, size_t room, const char *text);
/* In capitals (ASCII): `THROTTLED`. */
const char *figure_loud(char out[FIGURE_TEXT], const char *word);
