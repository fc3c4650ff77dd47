/* Reputation: outcomes in, decisions out. The same code judges live, in `replay`, in the demo and in
 * the benchmarks.
 *
 * One struct holds what is known of customers, IPs, lanes and providers. Every outcome is counted
 * once per recipient and day (core/seen), goes as an observation to the customer's evidence
 * (core/evidence), to the provider's incident watch (core/outage), to the IP's record
 * (core/rotation), and what follows comes out of `on_decision`, in order, inside the call. Time is
 * the largest seen; reputation_tick() lets it pass without news. O(1) an event. What it believes to be
 * in force (standings, pauses, pulls) follows its own decisions and reputation_told().
 * docs/detection.md tells the ideas, docs/reputation-rules.md the rules. Pure: no clock, no I/O. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/decision.h"
#include "core/outcome.h"
#include "core/policy.h"

struct buf;
struct bytes;
struct reputation;
struct state;

struct reputation_options {
    const struct policy *policy; // borrowed
    const char *node;            // target of our own failures: "node:NAME"
    /* Borrowed during the call; inside it reputation must not be fed. */
    void (*on_decision)(void *ctx, const struct decision *d);
    void *ctx;
    /* Another one by a like policy, or NULL; borrowed during reputation_new(). Its alarms are taken over:
     * finding them takes some 50 ms. */
    const struct reputation *like;
};

struct reputation *reputation_new(const struct reputation_options *options);
struct reputation *reputation_free(struct reputation *r);
/* Another policy from now on; the evidence stays as it is. */
void reputation_set_policy(struct reputation *r, const struct policy *p);

/* IPs and their pools as configured; without it every IP seen is in one pool "". Called for each at
 * start and reload. `is_here` false: it does not count as active. */
void reputation_set_ip(struct reputation *r, const char *address, const char *pool, bool is_here);
/* Whether its name leads back to it (forward-confirmed reverse DNS); unknown until told. */
void reputation_set_reverse(struct reputation *r, const char *ip, bool is_wrong);
/* How long a provider asks for peace after a block (providers.yaml); without it policy.lane_pause. */
void reputation_set_pause(struct reputation *r, const char *provider, usec_t span);
/* A customer's pool, and since when it is known (wall; 0: unknown). */
void reputation_set_customer(struct reputation *r, const char *customer, const char *pool);

/* Takes in one outcome. `o->at` may be late or wrong: a time more than an hour ahead counts only when
 * 16 in a row are, and then the least of them. */
void reputation_feed(struct reputation *r, const struct outcome *o);
/* What expecting an outcome found; zeroed before its first step. */
struct reputation_found {
    uint64_t hash;                        // of the customer's name
    struct reputation_customer *probable; // the one of that hash
    struct reputation_customer *customer; // it is that one
    struct reputation_provider *provider;
    struct reputation_ip *ip;
};
/* This outcome will be fed soon: fetches what that needs into the cache, which otherwise is most of the
 * time that feeding takes. Changes nothing of reputation, and may be left out. Three steps in this
 * order, some outcomes apart: each needs what the one before has fetched. */
enum reputation_step { REPUTATION_NAME, REPUTATION_RECORD, REPUTATION_DETAILS };
void reputation_expect(const struct reputation *r, const struct outcome *o,
                       enum reputation_step step, struct reputation_found *found);
/* Feeds it after all steps, without asking for its names again. Nothing was loaded since the first. */
void reputation_feed_expected(struct reputation *r, const struct outcome *o,
                              const struct reputation_found *found);
/* Where a submission came from and what it was, for the signs of a stolen password: hashes, 0 unknown. */
void reputation_submitted(struct reputation *r, const char *customer, usec_t at,
                          const char *recipient, uint32_t network, uint32_t content);
/* Time passes: expiries, probes, ends of incidents. */
void reputation_tick(struct reputation *r, usec_t now);
/* When it wants to be called next; USEC_NEVER: nothing is due. */
usec_t reputation_due(const struct reputation *r);

/* Somebody else (an operator, another node) did this: `kind` warn, throttle, suspend, restore, pull,
 * drain, return, pause, resume on `target`, until then (0: no end). The rung's evidence begins anew. */
void reputation_told(struct reputation *r, enum kind kind, const char *target, usec_t until,
                     usec_t now);

/* --- what people read */
struct reputation_rung {
    enum harm harm; // the harm that is nearest to its next rung
    enum rung next; // that rung
    double level;   // 0–100
};
/* False when the customer is unknown or has no evidence. `next` is a rung above its standing. */
bool reputation_next_rung(const struct reputation *r, const char *customer,
                          struct reputation_rung *out);
/* One harm of a customer: counts of about 24 h and its level towards the next rung. */
struct reputation_harm {
    uint64_t bad, of;
    double rate[RUNG_N]; // the policy's limits, 0: none
    enum rung next;      // of the highest: it stands as high as it gets, nothing comes next
    bool is_highest;
    double level;
    double shrunk; // the rate pulled towards the fleet's mean (Beta prior): of small samples
};
bool reputation_harm_get(const struct reputation *r, const char *customer, enum harm harm,
                         struct reputation_harm *out);
/* An IP's health, 0–100, and its parts (core/health.h); false when unknown or without traffic. */
struct health;
bool reputation_health(const struct reputation *r, const char *ip, struct health *out);
/* Open incidents' providers: is one open there? */
bool reputation_is_incident(const struct reputation *r, const char *provider);
/* Who harmed an IP (provider NULL) or a lane most; fills culprits. */
size_t reputation_blame(const struct reputation *r, const char *ip, const char *provider,
                        struct decision_culprit *culprits, size_t room);
/* The fleet's own clumping as measured, and on how many blocks of 100. */
double reputation_clumping(const struct reputation *r, uint64_t *blocks);

/* A trace for `replay --explain`: called whenever the target's evidence in a harm or rung changed. */
struct reputation_trace {
    usec_t at;
    enum harm harm;
    uint64_t bad, of;        // since the trace began
    double evidence[RUNG_N]; // R
    double alarm[RUNG_N];
    const char *what; // "bad", "late", "taken out", "waits: may be the provider", "begins anew"
    const struct outcome *outcome; // or NULL
};
void reputation_trace(struct reputation *r, const char *target,
                      void (*on_trace)(void *ctx, const struct reputation_trace *t), void *ctx);

/* All of it as bytes and back, exactly: what follows after a load is what would have followed without
 * it. False: no bytes of this version (start fresh). */
void reputation_save(const struct reputation *r, struct buf *out);
bool reputation_load(struct reputation *r, struct bytes in);
