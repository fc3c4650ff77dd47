/* Provider incidents: many unrelated customers fail at one provider at once, so it is the provider
 * (or, over all providers, our own DNS or network). Nobody is judged by it.
 *
 * Per provider a usage table in windows of 30 s, 2 min, 15 min, 1 h. x: bad ones over customers, each at
 * most 3 a window, so that one bad customer is no outage. e: what is expected, a customer's n times
 * the larger of the provider's long-run rate and that customer's own rate at other providers, so that
 * colluding customers are none either; who is expected to have more than 0.3 bad ones is scaled down
 * to that, so that a large customer says as much as a small one. Alarm when
 * (x ln(x/e) - x + e)/3 > excess, and at least `customers` are over expectation, and `share` of those who
 * would be if all failed alike. The sums are asked first, at most once a second. While it is open the short window is
 * emptied every minute and a half; it ends when such a piece has enough news and x < 2.5 e.
 *
 * Deferrals (the soft channel) open one only once 200 attempts are known there, when at least half of the
 * latest are deferred and three times as many as in the long run: greylisting never does.
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
    bool is_whole;                    // over all providers: `share` is of all who are active
    float rate[USAGE_CHANNELS];       // long-run part that is bad; learned outside incidents only
    uint64_t learned[USAGE_CHANNELS]; // observations behind it
    usec_t looked_at;                 // when it was judged last; at most once a second
    usec_t open_since;                // incident: recognised at; 0: none
    usec_t begun_at;                  // its evidence reaches back to here
    usec_t piece_at;                  // the piece of it that is collected now began here
    usec_t before_begun, before_end;  // the incident before; 0: none
    float latest[USAGE_CHANNELS];     // bad part of about the latest twenty
    bool is_odd[USAGE_CHANNELS];      // more than expected when looked at last: it learns little
    float level;                      // bad part when it was recognised
    enum usage_channel channel;       // what gave it away
    enum usage_window window;         // in which it was seen
    uint32_t customers, customers_of; // then
};

/* The rate of a customer elsewhere, for the expectation; asked for candidates only. 1: it is not known, and
 * not counted. NULL: 0. */
typedef double outage_elsewhere_fn(void *ctx, uint32_t customer, enum usage_channel channel);

void outage_deinit(struct outage *o);
void outage_observe_facts(struct outage *o, uint32_t customer, const struct usage_facts *facts,
                          usec_t at);
/* Is it an incident now? Sets open_since, begun_at, channel, window, customers. `share`: of those
 * active, how many must fail (our own failure wants half). */
bool outage_begins(struct outage *o, const struct policy *p, double share,
                   outage_elsewhere_fn *elsewhere, void *ctx, usec_t now);
/* What was collected is taken out, and the first piece begins: once an incident is accepted. */
void outage_open(struct outage *o, usec_t now);
/* Is the open incident over? Clears it. To be asked every few seconds. */
bool outage_ends(struct outage *o, outage_elsewhere_fn *elsewhere, void *ctx, usec_t now);
/* Ends it for another reason. */
void outage_close(struct outage *o, usec_t now);
/* Was there an incident here at that time: the open one or the one before? */
bool outage_was(const struct outage *o, usec_t at);
/* Bad ones beyond the long-run rate, over everybody, in a window; 0 when not even twice as many. */
double outage_excess(struct outage *o, enum usage_channel channel, enum usage_window window,
                     usec_t now);

/* Did others get through? Since usage_mark(): how many others had news, how many observations (each
 * at most 50) and the bad part of them. */
struct outage_news {
    uint32_t customers;
    double n, bad;
};
struct outage_news outage_others(struct outage *o, uint32_t customer);
/* How many others are active here, as of the last hour. */
uint32_t outage_active(struct outage *o, uint32_t customer, usec_t now);
void outage_save(const struct outage *o, struct buf *out);
bool outage_load(struct outage *o, struct bytes *in);
