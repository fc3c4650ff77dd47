/* Numbers, rates and times as people read them, the same in CLI, console and previews. Unknown is
 * `–`, never 0. UTC with Z throughout. */
#pragma once
#include <stdint.h>

#include "base/clock.h"

enum { FORMAT_TEXT = 40 }; // room for each of them, NUL included

/* `1,204` up to 99,999, then `148k`, `1.2M`. */
void format_count(char out[FORMAT_TEXT], int64_t n);
/* In full: `1,204,518`. */
void format_count_full(char out[FORMAT_TEXT], int64_t n);
/* A fraction as per cent, without the sign: `6.4`, below 1 % `0.21`; negative: `–`. */
void format_rate(char out[FORMAT_TEXT], double rate);
/* A moment in sight of `now`: `11:55Z` on the same day and in the next 20 hours, `23 Nov 11:55Z` else, and
 * `11 Feb 2035` when it is more than 300 days away; 0 and never: `–`. */
void format_time(char out[FORMAT_TEXT], usec_t at, usec_t now);
/* `41 s 9 m 3 h 2 d` since `at`; 0: `–`. */
void format_age(char out[FORMAT_TEXT], usec_t at, usec_t now);
