/* Provider incidents: many unrelated customers fail at one provider at once, so it is the provider
 * (or, over all providers, our own DNS or network). Nobody is judged by it.
 *
 * Per provider a usage table in windows of 2 min, 15 min and 1 h. x: bad ones over customers, each at
 * most 3 a window, so that one bad customer is no outage. e: what is expected, a customer's n times
 * the larger of the provider's long-run rate and that customer's own rate at other providers, so that
 * colluding customers are none either. Alarm when (x ln(x/e) - x + e)/3 > excess, and at least
 * `customers` and `share` of those active there are over expectation. A cheap bound from the sums is
 * asked first. It ends when x of the last 5 min is under 2.5 e.
 * docs/detection.md. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/usage.h"

struct buf;
struct bytes;
struct policy;

struct outage {
    struct usage usage;
    float rate[USAGE_CHANNELS];       // long-run part that is bad; learned outside incidents only
    uint64_t learned[USAGE_CHANNELS]; // observations behind it
    usec_t first_at;                  // of the first observation here
    usec_t looked_at;                 // when it was judged last; at most once a second
    usec_t open_since;                // incident: recognised at; 0: none
    usec_t begun_at;                  // its evidence reaches back to here
    enum usage_channel channel;       // what gave it away
    uint32_t customers, customers_of; // then
};

/* The rate of a customer elsewhere, for the expectation; asked for candidates only. */
typedef double outage_elsewhere_fn(void *ctx, uint32_t customer, enum usage_channel channel);

void outage_deinit(struct outage *o);
void outage_observe(struct outage *o, uint32_t customer, enum usage_channel channel, usec_t at,
                    bool is_bad);
/* Is it an incident now? Sets open_since, begun_at, channel, customers. `share`: of those active,
 * how many must fail (our own failure wants half). */
bool outage_begins(struct outage *o, const struct policy *p, double share,
                   outage_elsewhere_fn *elsewhere, void *ctx, usec_t now);
/* Is the open incident over? Clears it. */
bool outage_ends(struct outage *o, outage_elsewhere_fn *elsewhere, void *ctx, usec_t now);
/* Did others get through here since then? How many customers, and the bad part of their observations
 * (negative: none). */
uint32_t outage_others(struct outage *o, uint32_t customer, usec_t since, usec_t now, double *bad);
void outage_save(const struct outage *o, struct buf *out);
bool outage_load(struct outage *o, struct bytes *in);
