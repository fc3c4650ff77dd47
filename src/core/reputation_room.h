/* What the files of reputation share: the things that are judged. Nobody else includes this. */
#pragma once
#include "base/heap.h"
#include "base/map.h"
#include "core/evidence.h"
#include "core/habit.h"
#include "core/outage.h"
#include "core/reputation.h"
#include "core/seen.h"
#include "core/usage.h"

enum {
    REPUTATION_CUSTOMERS = 1000000, // more are not judged, and that is said once (call-operator)
    REPUTATION_PROVIDERS = 4096,    // more share one entry, "other"
    REPUTATION_IPS = 20000,
    REPUTATION_SAMPLES = 4096,
    REPUTATION_IP_NEWS = 512, // recent bad observations an IP
};

enum due_what { DUE_CUSTOMER, DUE_IP, DUE_LANE, DUE_PROVIDER };

struct due {
    struct heap_node node;
    enum due_what what;
};

struct reputation_customer {
    char *name; // owned
    struct due due;
    enum standing standing; // as far as this room believes
    usec_t standing_until;  // 0: no end
    usec_t waits_since;     // a doubtful alarm waits for others' news; 0: none
    uint8_t waits_rung, waits_harm;
    bool is_clean_wanted; // its standing may be restored by good evidence
    float clean;          // log-likelihood of half the acceptable rate since the last action
    char pool[16];        // short of it: "" unknown
    usec_t pool_since;
    uint64_t clean_n;                 // observations since its last action
    uint32_t observations;            // lifetime, saturating
    struct evidence_volume finals;    // delivered and bounced, by delivery: of dead, spam
    struct evidence_volume reporting; // delivered at providers that report: of complaints
    uint32_t submissions[8], list_submissions[8]; // rings of 3 h: of repeats, unconfirmed
    uint32_t submissions_newest;
    float hard_n, hard_bad, soft_n, soft_bad; // decayed over a day: its own rates, for outage
    uint32_t rates_second;
    struct clumping_block block;
    struct evidence *harms[HARM_N]; // NULL: nothing bad seen
    struct habit *habit;            // NULL: nothing submitted that we saw
};

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
    uint32_t blocks;      // since the pause began, or (gateways) distinct domains' answers
    uint32_t domains[3];  // gateways: hashes of recipient domains that were told no
    usec_t domains_at;
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
    double listed;          // sum of the weights of its listings
    char *zones;            // owned: "zen.spamhaus.org=127.0.0.2 …", the listings in force
    bool is_reverse_wrong;
    usec_t called_at;                                  // the guard called an operator last
    struct usage usage;                                // customers over it
    float delivered_1h, complained_24h, delivered_24h; // decayed
    float reported_24h;                 // deliveries at providers that report complaints, decayed
    float attempts_1h, deferred_1h;     // decayed; without incidents' and blocks'
    uint32_t decayed_second;            // the second these are decayed to
    uint32_t used_second, heard_second; // last outcome over it; last news of it at all
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
};

struct reputation_sample {
    uint32_t customer, ip, provider;
    usec_t at;
    char text[DECISION_SAMPLE];
};

struct reputation {
    struct reputation_options o;
    usec_t now;
    usec_t ahead;     // a time that seemed too far ahead, and…
    uint32_t ahead_n; // …how many in a row agreed
    struct evidence_plans plans[HARM_N];
    double plans_clump; // what they were made with
    struct clumping clumping;
    struct seen seen;
    struct map customer_of, ip_of, provider_of; // name → the thing
    struct reputation_customer **customers;
    struct reputation_ip **ips;
    struct reputation_provider **providers;
    uint32_t customers_n, customers_room, ips_n, ips_room, providers_n, providers_room;
    struct outage everywhere; // our own failure: all providers as one
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
    uint32_t trace_customer; // USAGE_NONE: nobody
    bool is_trimmed;         // customers beyond the bound were met, and said
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
