#include "core/counter.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

// Moves the ring on to bucket `number`, emptying what it passes; false when `number` is too old (or
// of a clock that was never set: before 1970).
static bool reach(uint32_t ring[][COUNTER_N], int n, int64_t *newest, int64_t number)
{
    if (number < 0 || number <= *newest - n)
        return false;
    if (number - *newest >= n) {
        memset(ring, 0, (size_t)n * sizeof(ring[0]));
        *newest = number;
    }
    while (*newest < number) {
        ++*newest;
        memset(ring[*newest % n], 0, sizeof(ring[0]));
    }
    return true;
}

void counter_add_n(struct counter *c, enum counter_what what, usec_t at, uint32_t n)
{
    int64_t minute = at / USEC_MINUTE, hour = at / USEC_HOUR;
    if (reach(c->minutes, COUNTER_MINUTES, &c->minute, minute))
        c->minutes[minute % COUNTER_MINUTES][what] += n;
    if (reach(c->hours, COUNTER_HOURS, &c->hour, hour))
        c->hours[hour % COUNTER_HOURS][what] += n;
    if (at > c->last_at)
        c->last_at = at;
}

// So many less, as far as there are; where the bucket is gone, so is what it counted.
static void take_n(struct counter *c, enum counter_what what, usec_t at, uint32_t n)
{
    int64_t minute = at / USEC_MINUTE, hour = at / USEC_HOUR;
    if (reach(c->minutes, COUNTER_MINUTES, &c->minute, minute)) {
        uint32_t *m = &c->minutes[minute % COUNTER_MINUTES][what];
        *m -= *m < n ? *m : n;
    }
    if (reach(c->hours, COUNTER_HOURS, &c->hour, hour)) {
        uint32_t *h = &c->hours[hour % COUNTER_HOURS][what];
        *h -= *h < n ? *h : n;
    }
}

// Late news belongs to its delivery.
static usec_t when(const struct outcome *o)
{
    return o->delivered_at ? o->delivered_at : o->at;
}

static void add_undetermined(struct counter *c, const struct outcome *o, usec_t at, uint32_t n)
{
    if (o->class == CLASS_UNDETERMINED)
        counter_add_n(c, COUNTER_UNDETERMINED, at, n);
}

static void add_failure(struct counter *c, const struct outcome *o, uint32_t n)
{
    usec_t at = when(o);
    if (o->delivered_at)
        take_n(c, COUNTER_DELIVERED, at, n);
    counter_add_n(c, COUNTER_BOUNCED, at, n);
    if (o->class == CLASS_UNKNOWN_USER || o->class == CLASS_INACTIVE_MAILBOX ||
        o->class == CLASS_DOMAIN_NOT_FOUND)
        counter_add_n(c, COUNTER_DEAD, at, n);
    if (o->class == CLASS_CONTENT_SPAM)
        counter_add_n(c, COUNTER_SPAM, at, n);
    add_undetermined(c, o, at, n);
}

void counter_load(struct counter *c, const struct outcome *o, uint32_t n)
{
    switch (o->kind) {
    case OUTCOME_ACCEPTED:
        counter_add_n(c, COUNTER_ACCEPTED, o->at, n);
        break;
    case OUTCOME_REFUSED:
        counter_add_n(c, COUNTER_REFUSED, o->at, n);
        break;
    case OUTCOME_DELIVERED:
        counter_add_n(c, COUNTER_DELIVERED, o->at, n);
        break;
    case OUTCOME_DEFERRED:
        counter_add_n(c, COUNTER_DEFERRED, o->at, n);
        add_undetermined(c, o, o->at, n);
        break;
    case OUTCOME_BOUNCED:
    case OUTCOME_EXPIRED:
        add_failure(c, o, n);
        break;
    case OUTCOME_COMPLAINED:
        counter_add_n(c, COUNTER_COMPLAINED, when(o), n);
        break;
    case OUTCOME_HELD:
    case OUTCOME_UNSUBSCRIBED:
    case OUTCOME_TRAP:
    case OUTCOME_LISTED:
    case OUTCOME_DELISTED:
        break;
    }
    if (o->class == CLASS_IP_REPUTATION_BLOCK && o->kind != OUTCOME_REFUSED)
        counter_add_n(c, COUNTER_BLOCKED, when(o), n);
}

void counter_add(struct counter *c, const struct outcome *o)
{
    counter_load(c, o, 1);
}

static uint64_t sum(uint32_t ring[][COUNTER_N], int n, enum counter_what what)
{
    uint64_t total = 0;
    for (int i = 0; i < n; i++)
        total += ring[i][what];
    return total;
}

uint64_t counter_minute(struct counter *c, enum counter_what what, usec_t now)
{
    int64_t minute = now / USEC_MINUTE;
    if (!reach(c->minutes, COUNTER_MINUTES, &c->minute, minute))
        return 0;
    // The running minute, and of the one before as much as the last 60 s still cover.
    bool has_before = reach(c->minutes, COUNTER_MINUTES, &c->minute, minute - 1);
    uint64_t before = has_before ? c->minutes[(minute - 1) % COUNTER_MINUTES][what] : 0;
    uint64_t left = (uint64_t)(USEC_MINUTE - now % USEC_MINUTE);
    return c->minutes[minute % COUNTER_MINUTES][what] + before * left / (uint64_t)USEC_MINUTE;
}

uint64_t counter_hour(struct counter *c, enum counter_what what, usec_t now)
{
    reach(c->minutes, COUNTER_MINUTES, &c->minute, now / USEC_MINUTE);
    return sum(c->minutes, COUNTER_MINUTES, what);
}

uint64_t counter_day(struct counter *c, enum counter_what what, usec_t now)
{
    reach(c->hours, COUNTER_HOURS, &c->hour, now / USEC_HOUR);
    return sum(c->hours, COUNTER_HOURS, what);
}

double counter_rate(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : -1.0;
}
