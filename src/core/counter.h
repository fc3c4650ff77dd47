/* Counts over sliding windows, what people read: "6.2 % of 1,203 in 24 h". Two rings of buckets, of
 * a minute (1 h) and of an hour (24 h); a window's sum is exact to one bucket. O(1) an event, about
 * 2 KiB a thing. Late facts go into the bucket of their own time when it still stands. Pure. */
#pragma once
#include <stdint.h>

#include "base/clock.h"
#include "core/outcome.h"

enum counter_what {
    COUNTER_DELIVERED,
    COUNTER_DEFERRED,
    COUNTER_BOUNCED, // bounced and expired
    COUNTER_DEAD,    // of them: unknown-user, inactive-mailbox, domain-not-found
    COUNTER_SPAM,    // of them: content-spam
    COUNTER_BLOCKED, // ip-reputation-block, deferred or bounced
    COUNTER_COMPLAINED,
    COUNTER_REFUSED,
    COUNTER_ACCEPTED,
    COUNTER_UNDETERMINED, // of bounced and deferred: what the answer means is not known
    COUNTER_N
};

enum { COUNTER_MINUTES = 60, COUNTER_HOURS = 24 };

/* A zeroed counter has counted nothing. */
struct counter {
    uint32_t minutes[COUNTER_MINUTES][COUNTER_N];
    uint32_t hours[COUNTER_HOURS][COUNTER_N];
    int64_t minute, hour; // the newest bucket: its number since 1970
    usec_t last_at;       // of the newest event; 0: none yet
};

/* Takes in one outcome. A bounce that comes after its delivery (delivered_at) turns that delivery bad:
 * one delivered less, one bounced more, then. */
void counter_add(struct counter *c, const struct outcome *o);
/* n of one thing at time `at`; what the others come down to. */
void counter_add_n(struct counter *c, enum counter_what what, usec_t at, uint32_t n);
/* Takes in n outcomes like this one (only kind, class, at and delivered_at matter): loading history. */
void counter_load(struct counter *c, const struct outcome *o, uint32_t n);
/* Sums of the window that ends at `now`. */
/* About the last 60 s: an even flow within the minute before is assumed. */
uint64_t counter_minute(struct counter *c, enum counter_what what, usec_t now);
uint64_t counter_hour(struct counter *c, enum counter_what what, usec_t now);
uint64_t counter_day(struct counter *c, enum counter_what what, usec_t now);
/* part / whole, or a negative number when whole is 0: unknown, never 0. */
double counter_rate(uint64_t part, uint64_t whole);
