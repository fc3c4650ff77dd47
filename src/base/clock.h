/* Time, and the only reader of the system's clocks. Machines are handed `now`; they never ask.
 * Wall time and spans are microseconds; the hybrid logical clock orders ledger entries across nodes
 * (Kulkarni et al., Logical Physical Clocks, 2014). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t usec_t; // wall: microseconds since 1970; monotonic and spans: microseconds

#define USEC_MS ((usec_t)1000)
#define USEC_SECOND ((usec_t)1000000)
#define USEC_MINUTE (60 * USEC_SECOND)
#define USEC_HOUR (60 * USEC_MINUTE)
#define USEC_DAY (24 * USEC_HOUR)
#define USEC_NEVER INT64_MAX

enum { CLOCK_TEXT = 32 }; // room for clock_format, NUL included

usec_t clock_wall(void);
usec_t clock_monotonic(void);

/* `2026-11-24T12:04:31.123Z` (RFC 3339, UTC, milliseconds). */
void clock_format(char out[CLOCK_TEXT], usec_t at);
/* `Tue, 24 Nov 2026 12:04:31 +0000` (RFC 5322 §3.3). */
void clock_format_mail(char out[CLOCK_TEXT], usec_t at);
/* Reads what clock_format writes, with or without a fraction, `Z` only. */
bool clock_parse(usec_t *at, const char *text);
/* `2026-11-24`, midnight UTC. */
bool clock_parse_date(usec_t *at, const char *text);

/* The next hybrid timestamp after `last` at wall time `wall`: ms since 1970 × 65,536 + counter,
 * always greater than `last`. */
int64_t clock_hlc_next(int64_t last, usec_t wall);
