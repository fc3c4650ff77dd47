/* The policy: every number by which reputation is judged. settings/ reads it from policy.yaml and
 * checks it; policy_default() is what the shipped file says. Strings and lists belong to whoever made
 * it. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/words.h"

/* What is sure, at what cost of being wrong (docs/detection.md). */
struct policy_rung {
    double rate;     // harm is acceptable up to this, 0–1; 0: this rung is not used
    double patience; // γ: observations to a false alarm of the worst acceptable customer, > 1
    uint32_t least;  // distinct bad recipients that it takes at least
};

/* A blocklist that is asked about every IP. */
struct policy_zone {
    const char *name; // "zen.spamhaus.org"
    double
        weight; // the sum over an IP's listings: from 1 it is pulled, from 0.5 drained; 0 informs
};

struct policy {
    bool is_there;             // a policy file was named; else nothing is decided automatically
    bool is_observing;         // mode: observe
    unsigned refusal;          // suspended customer's RCPT: 450 or 550
    const char *throttle_rate; // of a throttle without a rate: "100/h"
    bool tells_customer;       // notices to the customer's contact
    usec_t expiry_warn, expiry_throttle, expiry_suspend, expiry_pull, expiry_drain, expiry_hold;

    struct policy_rung rungs[HARM_N][RUNG_N]; // of traps: rate is hits in 7 days, patience unused
    usec_t
        habit_age; // a customer has no habits before: the signs of a stolen password (core/habit.h)
    double clumping; // evidence is divided by this, >= 1; 0: as measured over the fleet

    /* Provider incidents. */
    struct {
        uint32_t customers; // failing there, at least
        double share;       // of those active there, at least
        double excess;      // threshold on (x ln(x/e) - x + e)/3
        usec_t wait;        // a doubtful alarm waits at most this for others' news
    } incident;

    /* Lanes and IPs. */
    usec_t lane_pause;         // after a block where the provider's row names no time
    usec_t lane_pause_most;    // doubled up to this when blocked again while probing
    usec_t lane_step;          // after a pause: one connection, one more after each such span
    uint32_t pull_lanes;       // an IP blocked at so many providers at once is pulled
    usec_t blame_window;       // whose harm in this span before counts
    uint32_t guard_ips;        // automatic pulls leave a pool at least this many active IPs…
    double guard_share;        // …and this part of them
    const char *const *silent; // providers that never report single complaints
    size_t silent_n;
    const char *const *gateways; // they speak for many tenants: one tenant's rule pauses nothing
    size_t gateways_n;
    struct policy_zone *zones;
    size_t zones_n;
    usec_t probe_every; // of blocklists and reverse DNS

    /* How long an address is not written to, by why (core/suppression.h); USEC_NEVER: no end. */
    struct {
        usec_t dead, inactive, full, no_domain, complaint, unsubscribe;
        usec_t evidence; // so long the first sign of a dead address waits for its second
    } suppression;

    /* Pools by record; "" : no such pool, nobody is moved there. */
    struct {
        const char *premium, *shared, *probation;
        uint64_t premium_after; // clean observations in a row, as shared
        uint64_t shared_after;  // as probation
        usec_t premium_age, shared_age;
    } pools;
};

/* The shipped policy's numbers (mode: enforce, nothing named). Static strings. */
void policy_default(struct policy *p);
/* Is the provider one of those? */
bool policy_is_silent(const struct policy *p, const char *provider);
bool policy_is_gateway(const struct policy *p, const char *provider);
/* Sum of the weights of these zones; unknown ones weigh nothing. */
double policy_zone_weight(const struct policy *p, const char *zone);
