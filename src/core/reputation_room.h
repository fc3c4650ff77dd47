/* What the files of reputation share: the things that are judged, and the doors between the files
 * (which file has a function stands above it). Nobody else includes this. */
#pragma once
#include <endian.h>
#include <string.h>

#include "base/hash.h"
#include "base/heap.h"
#include "base/map.h"
#include "core/clumping.h"
#include "core/evidence.h"
#include "core/habit.h"
#include "core/outage.h"
#include "core/reputation.h"
#include "core/seen.h"
#include "core/usage.h"

enum {
    REPUTATION_SLAB = 64,           // customers in one allocation
    REPUTATION_CUSTOMERS = 1000000, // more are not judged, and that is said once (call-operator)
    REPUTATION_PROVIDERS = 4096,    // more share one entry, "other"
    REPUTATION_IPS = 20000,
    REPUTATION_SAMPLES = 4096,
    REPUTATION_IP_NEWS = 512, // recent bad observations an IP
    REPUTATION_TRAPS = 16,    // newest hits kept a customer
    REPUTATION_LIST = 64,     // bytes of a list's name, with its NUL
    REPUTATION_NEW = 500,     // lifetime observations below which a customer is a newcomer
    REPUTATION_NEWCOMERS = 256,
    REPUTATION_LATEST = 128,             // final answers remembered over everybody
    REPUTATION_HINTS = 1024,             // remembered places of IPs' and providers' names
    REPUTATION_NOWHERE = UINT32_MAX - 1, // the provider of what has none
};
#define REPUTATION_MARK (10 * USEC_SECOND) // so old may a mark be when a run of bad ones alarms

enum reputation_pool { POOL_PREMIUM, POOL_SHARED, POOL_PROBATION, REPUTATION_POOLS };
enum due_what { DUE_CUSTOMER, DUE_IP, DUE_LANE, DUE_PROVIDER };

struct due {
    struct heap_node node;
    enum due_what what;
};

struct reputation_traps {
    uint32_t hits[REPUTATION_TRAPS]; // seconds, newest first; 0: none
    uint32_t since[RUNG_N];          // hits up to then are dealt with
};

/* In the order in which an outcome needs it: a good one touches half of the lines of the first two
 * groups. They come in slabs, so that each begins with a cache line. */
struct reputation_customer {
    char *name; // owned, or short_name
    char short_name[16];
    uint32_t index;
    uint32_t observations; // lifetime, saturating
    uint64_t clean_n;      // observations since its last action
    struct clumping_block block;
    struct habit *habit;     // NULL: nothing submitted that we saw
    enum standing standing;  // as far as this room believes
    bool is_clean_wanted;    // its standing may be restored by good evidence
    bool is_submission_told; // reputation_submitted() tells of it: outcomes need not
    uint8_t clean_harm;      // whose acceptable rate `clean` is about…
    uint8_t pooled;          // bad ones it put into the newcomers' evidence

    struct evidence harms[HARM_N];
    uint32_t submissions_newest;
    uint8_t clean_rung; // …and which rung's
    uint8_t waits_rung, waits_harm;
    uint32_t submissions[8], list_submissions[8]; // rings of 3 h: of repeats, unconfirmed
    float hard_n, hard_bad, soft_n, soft_bad;     // decayed over a day: its own rates, for outage
    uint32_t rates_second;
    struct evidence_volume finals;    // delivered and bounced, by delivery: of dead, spam
    struct evidence_volume reporting; // delivered at providers that report: of complaints

    struct due due;
    usec_t standing_until;   // 0: no end
    usec_t waits_since;      // a doubtful alarm waits for others' news; 0: none
    uint32_t waits_provider; // for news of that one
    float clean;             // log-likelihood of half the acceptable rate since the last action
    uint64_t pool;           // hash of its name; 0: unknown
    usec_t pool_since;
    char *list; // by which most of its bad ones came, by majority vote; NULL: none
    struct reputation_traps *traps; // NULL: hit none
    uint32_t votes, voted;          // for that list, and bad ones asked, since its last action
    uint8_t fill[8];                // up to the end of its last line
};
_Static_assert(sizeof(struct reputation_customer) % 64 == 0,
               "the next of its slab begins with a cache line");

struct reputation_news { // a recent bad observation over an IP
    uint32_t second, customer;
    uint16_t provider;
    uint8_t harm;
};

struct reputation_lane {
    struct due due;
    struct reputation_ip *ip;
    struct reputation_lane *next; // of the IP
    uint32_t provider;
    bool is_by_hand;      // paused by an operator: no block, never resumed by us
    bool has_passed;      // something was delivered since the pause was over
    float share;          // of the IP's deliveries when it was blocked, 0-1
    usec_t paused_until;  // 0: open; USEC_NEVER: no end
    usec_t span;          // of the last pause, for doubling; 0: none to double
    usec_t probing_until; // a block till then doubles
    uint32_t domains[3];  // gateways: hashes of recipient domains that were told no; 0: none…
    uint32_t domains_second[3]; // …and when last
};

struct reputation_ip {
    char *address; // owned
    uint32_t index;
    struct due due;
    char *pool; // owned; "" unknown
    bool is_configured, is_here;
    enum rotation rotation; // as far as this room believes
    usec_t rotation_until;  // 0: no end
    bool is_by_hand;        // an operator's: never returned by us
    bool is_for_listing;    // pulled or drained for its listings alone
    bool may_return_early;  // what took it out is gone: looked at again at the next due
    usec_t rest;            // span of the pull or drain, for resting again
    char *zones;            // owned: "zen.spamhaus.org bl.spamcop.net", the listings in force
    bool is_reverse_wrong;
    usec_t called_at;                    // the guard called an operator last
    struct usage usage;                  // customers over it
    float delivered_24h, complained_24h; // decayed
    float reported_24h;                  // deliveries at providers that report complaints, decayed
    float attempts_1h, deferred_1h;      // decayed; without incidents' and blocks'
    uint32_t decayed_second;             // the second these are decayed to
    uint32_t used_second, heard_second;  // last outcome over it; last news of it at all
    uint32_t *by_provider; // [providers] deliveries, decayed by halving each hour; NULL: none
    uint32_t by_provider_n, by_provider_hour;
    struct reputation_lane *lanes; // only those ever blocked or paused
    struct reputation_news *news;  // ring [REPUTATION_IP_NEWS]; NULL: none
    uint32_t news_n;               // ever
};

struct reputation_provider {
    char *name; // owned
    uint32_t index;
    struct due due;
    struct outage outage;
    usec_t pause;               // 0: the policy's
    bool is_silent, is_gateway; // by the policy
    uint32_t domains[3];        // gateways: hashes of the recipient domains that failed last…
    usec_t domains_at;          // …since then
};

struct reputation_slot {
    uint64_t hash;
    struct reputation_customer *c; // NULL: free
};

/* The newest customers that had something bad, and what they are worth together. */
struct reputation_newcomers {
    struct evidence harms[2];                 // dead recipients, spam rejections
    uint32_t customers[REPUTATION_NEWCOMERS]; // a ring of indices
    uint32_t n;                               // ever
};

struct reputation_sample {
    uint32_t customer, ip, provider;
    usec_t at;
    char text[DECISION_SAMPLE];
};

struct reputation {
    struct reputation_options o;
    usec_t now;
    usec_t ahead;     // the least of the times in a row that are far ahead, and…
    uint32_t ahead_n; // …how many they are
    uint32_t settled; // times that agreed since the start; below 16 it may still go back
    struct evidence_plans plans[HARM_N];
    double plans_clump;               // what they were made with
    uint64_t pools[REPUTATION_POOLS]; // hashes of the policy's names; 0: none
    struct clumping clumping;
    struct seen seen;
    struct reputation_newcomers newcomers;
    struct map ip_of, provider_of;          // name → the thing
    struct reputation_slot *slots;          // customers by name, open addressing
    uint32_t slots_n;                       // a power of two, at least twice the customers
    struct hash_key key;                    // of names
    struct reputation_customer **customers; // each REPUTATION_SLAB-th begins a slab, and owns it
    struct reputation_ip **ips;
    struct reputation_provider **providers;
    uint32_t customers_n, customers_room, ips_n, ips_room, providers_n, providers_room;
    struct outage everywhere;           // our own failure: all providers as one
    uint32_t latest[REPUTATION_LATEST]; // a ring of final answers: customer x 2 + bad
    uint32_t latest_n;                  // ever
    struct due everywhere_due;
    struct heap due;
    struct reputation_sample *samples; // ring
    uint64_t samples_n;
    double fleet_n[HARM_N], fleet_bad[HARM_N]; // decayed over a day: the prior's mean
    uint32_t fleet_second;
    float fleet_attempts, fleet_deferred; // decayed over a day (rotation.c): deferrals' mean
    uint32_t fleet_deferred_second;
    void (*on_trace)(void *ctx, const struct reputation_trace *t);
    void *trace_ctx;
    uint32_t trace_customer;    // USAGE_NONE: nobody
    bool is_trimmed;            // customers beyond the bound were met, and said
    uint64_t traced[HARM_N][2]; // bad and of since the trace began
    // Where names were found last; a wrong place costs a look into the map.
    struct reputation_ip *ip_hints[REPUTATION_HINTS];
    struct reputation_provider *provider_hints[REPUTATION_HINTS];
};

/* Gives a decision out: stamps `at`, calls on_decision. */
void reputation_decide(struct reputation *r, struct decision *d);
/* A customer's rung by somebody else's finding (the guard): throttles when below it. */
void reputation_throttle(struct reputation *r, uint32_t customer, const char *reason, usec_t now);
struct reputation_ip *reputation_ip_of(struct reputation *r, const char *address);
uint32_t reputation_provider_index(struct reputation *r, const char *name);
/* (bad, of) of a customer's harm in about a day. */
void reputation_counts(const struct reputation *r, const struct reputation_customer *c,
                       enum harm harm, uint64_t *bad, uint64_t *of);

/* --- reputation.c: names, time, what is due */
struct reputation_customer *reputation_customer_of(struct reputation *r,
                                                   const char *name); // NULL: no room
struct reputation_customer *reputation_customer_get(const struct reputation *r, const char *name);
struct reputation_provider *reputation_provider_of(struct reputation *r, const char *name);
/* Those of the name where it was found last; NULL: not there now. */
struct reputation_provider *reputation_provider_hint(const struct reputation *r, const char *name);
struct reputation_ip *reputation_ip_hint(const struct reputation *r, const char *address);
/* The moment of an outcome as it counts: its own, not later than now. Lets time pass up to it. */
usec_t reputation_time(struct reputation *r, usec_t at);
/* The plans by the policy and the clumping of now. */
void reputation_plan(struct reputation *r);

/* --- reputation_observe.c: observations into evidence */
struct reputation_bad { // where and when a bad observation was
    usec_t at;          // of its delivery
    bool is_late;
    uint32_t provider; // USAGE_NONE: unknown
    const struct outcome *outcome;
};
void reputation_good(struct reputation *r, struct reputation_customer *c, enum harm harm);
void reputation_bad(struct reputation *r, struct reputation_customer *c, enum harm harm,
                    const struct reputation_bad *bad);
void reputation_trace_say(struct reputation *r, const struct reputation_customer *c, enum harm harm,
                          const char *what, const struct outcome *o);

/* --- reputation_ladder.c */
/* Looks whether a harm's evidence asks for a step, and takes it, or waits. */
void reputation_look(struct reputation *r, struct reputation_customer *c, enum harm harm);
/* Both harms that a provider may have made. */
void reputation_look_again(struct reputation *r, struct reputation_customer *c);
/* Takes the step that this harm's evidence asks for, at once. */
void reputation_act(struct reputation *r, struct reputation_customer *c, enum harm harm,
                    enum rung rung);
void reputation_customer_due(struct reputation *r, struct reputation_customer *c);
/* Good evidence since the last step. */
void reputation_clean(struct reputation *r, struct reputation_customer *c, enum harm harm,
                      bool bad);
void reputation_plan_due(struct reputation *r, struct reputation_customer *c);
void reputation_customer_told(struct reputation *r, enum kind kind, const char *name, usec_t until,
                              usec_t now);
/* What an alarm is multiplied with for a customer of this volume. */
double reputation_scale(const struct reputation *r, const struct reputation_customer *c,
                        enum harm harm, enum rung rung);
/* Without the worst provider this much says that it is the customer. */
double reputation_weak(const struct reputation *r, enum harm harm, enum rung rung);
/* Distinct trap hits of 7 days that the rung has not dealt with. */
uint32_t reputation_traps(const struct reputation_customer *c, enum rung rung, usec_t now);

/* --- reputation_pools.c: pools by record; newcomers judged together */
uint64_t reputation_pool_hash(const char *name); // the same in every process; 0: "", NULL
/* The hashes of the policy's pools; after another policy. */
void reputation_pools_plan(struct reputation *r);
void reputation_pool_set(struct reputation *r, const char *customer, uint64_t pool);
void reputation_pool_demote(struct reputation *r, struct reputation_customer *c, enum rung rung);
void reputation_pool_restored(struct reputation *r, struct reputation_customer *c,
                              enum standing before);
void reputation_pool_promote(struct reputation *r, struct reputation_customer *c);
void reputation_newcomer(struct reputation *r, struct reputation_customer *c, enum harm harm,
                         const struct reputation_bad *bad);

/* --- reputation_watch.c: provider incidents and our own failure */
void reputation_watch(struct reputation *r, struct reputation_provider *p,
                      const struct reputation_customer *c, const struct usage_facts *facts,
                      const char *recipient, usec_t at);
/* A provider's, or (REPUTATION_NOWHERE) that over all of them. */
struct outage *reputation_outage(struct reputation *r, uint32_t provider);
/* Do the others' latest answers look as if all mail failed? */
bool reputation_may_be_ours(const struct reputation *r, uint32_t customer);
/* Is what came from there at that time evidence against nobody? */
bool reputation_is_excused(const struct reputation *r, const struct reputation_provider *p,
                           usec_t at, bool is_late);
void reputation_provider_due(struct reputation *r, struct due *due);

/* The product's two halves in one, as in wyhash (Wang Yi, 2019): a fifth of SipHash's work. */
static inline uint64_t reputation_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 v = (unsigned __int128)a * b;
    return (uint64_t)v ^ (uint64_t)(v >> 64);
}
/* Up to seven bytes as a number, each in it at least once; what it is with their number is unique. */
static inline uint64_t reputation_tail(const char *p, size_t n)
{
    uint32_t first, last;
    if (n < 4)
        return n ? (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 |
                       (uint64_t)(uint8_t)p[n - 1] << 16
                 : 0;
    memcpy(&first, p, 4);
    memcpy(&last, p + n - 4, 4);
    return le32toh(first) | (uint64_t)le32toh(last) << 32;
}
/* Of a name, by a key that strangers do not know. */
static inline uint64_t reputation_hash(const struct reputation *r, const char *name, size_t n)
{
    uint64_t h = n ^ r->key.k0, part;
    for (; n >= 8; n -= 8, name += 8) {
        memcpy(&part, name, 8);
        h = reputation_mix(part ^ r->key.k0, h ^ r->key.k1);
    }
    h = reputation_mix(reputation_tail(name, n) ^ r->key.k0, h ^ r->key.k1);
    return reputation_mix(h, r->key.k1);
}
/* What reputation_feed() will ask core/seen for; 0: nothing. */
uint64_t reputation_seen_hash(const struct reputation_customer *c, const struct outcome *o);
