/* Synthetic fleets with known truth: customers, providers and IPs as a stream of outcomes, the same
 * for the same seed. What judges them is told outcomes only; what it decides comes back, so that a
 * suspended customer stops and a pulled IP is not used.
 *
 * A world has a *fleet* that behaves acceptably (every rate under the policy's mildest limits, lists
 * that come in clumps, greylisting, full mailboxes, late complaints), and what its scenario adds:
 * *runs* (a batch of a customer's messages with rates of its own), an *outage*, *blocks*, *listings*. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/decision.h"
#include "core/outcome.h"
#include "sim/dice.h"

enum {
    WORLD_CUSTOMERS = 320,
    WORLD_PROVIDERS = 50,
    WORLD_IPS = 16,
    WORLD_RUNS = 16,
    WORLD_INCIDENTS = 64,
    WORLD_LANES = 64,
};
#define WORLD_BEGIN ((usec_t)1764059400 * USEC_SECOND) // a Tuesday, 08:30 UTC

struct world_provider {
    char name[16];
    double share;    // of the fleet's mail
    double dead;     // factor on a customer's part of dead mailboxes, 0.6–1.4
    double soft;     // part of first attempts that are put off
    double grey;     // part of new recipients that are greylisted
    double full;     // part of mailboxes that are full
    double late;     // part of bounces that come by mail, hours later
    bool is_silent;  // reports no single complaint
    bool is_gateway; // of many domains
};

/* What was done to a customer, by one who judges: first time, and what had gone out by then. */
struct world_fate {
    usec_t at; // 0: never
    uint32_t sent, harm;
};

struct world_customer {
    char name[16];
    double a_day; // messages
    double dead, spam, complaint;
    double clump;     // shape of its rate from one block of 100 to the next; 0: steady
    bool is_list;     // sends in campaigns: one hour in six
    usec_t phase;     // of its campaigns
    uint32_t ip, ips; // its pool's
    double providers[WORLD_PROVIDERS]; // cumulative
    double block_rate;
    uint32_t block_left;
    uint32_t known;   // ids of recipients it wrote to are recent ones
    uint32_t network; // of its client, hashed
    /* Truth. */
    bool is_culprit;
    usec_t bad_from;
    uint32_t sent, harm;           // since bad_from, of its runs that are culprits
    uint32_t harm_over[WORLD_IPS]; // dead ones, spam, complaints, as answered
    /* What is in force. */
    usec_t suspended_until, throttled_until, tokens_at;
    double tokens;
};

/* A batch of messages, evenly random over its time. */
struct world_run {
    uint32_t customer, n, sent;
    usec_t from, gap;     // mean span between two
    double dead, dead_to; // from the first to the last message
    double spam, complaint, trap;
    double gone;     // part that goes to one dead domain
    int provider;    // all to this one; -1: as the customer's mix
    bool is_same;    // always the same, dead, recipient
    bool is_refused; // …and refused at submission after the first
    bool is_harm;    // every message is harm (spam of a thief)
    bool is_culprits;
    uint32_t network; // 0: the customer's own
};

struct world_outage {
    usec_t from, to; // to 0: none
    int provider;    // -1: our own DNS
    double share;    // of the answers that fail
    bool is_soft;    // as deferrals
};

/* A lane that is blocked after so much spam of one customer. */
struct world_block {
    int provider; // -1: none
    uint32_t after, seen[WORLD_IPS];
    bool is_soft;
    usec_t from[WORLD_IPS]; // 0: not blocked
    usec_t told[WORLD_IPS]; // the first answer that said so
    usec_t span;
};

struct world_listing {
    uint32_t ip;
    usec_t from, to; // from 0: none
    const char *answer;
};

struct world_incident {
    int provider; // -1: ours
    usec_t at, end;
};

struct world_lane {
    uint32_t ip;
    int provider; // -1: the whole IP is out
    usec_t at, until;
    char culprit[16]; // the first that it named; "" none
};

struct world;
struct scenario {
    const char *name, *what;
    usec_t span;
    double top; // messages a day of the largest customer, at most
    double top_least;
    uint32_t customers; // at most
    uint32_t customers_least;
    void (*set)(struct world *w); // what it adds to the fleet
};

struct world_event;
struct world {
    const struct scenario *scenario;
    uint64_t seed;
    struct dice dice;
    usec_t now, end;
    struct world_provider providers[WORLD_PROVIDERS];
    struct world_customer customers[WORLD_CUSTOMERS];
    char ips[WORLD_IPS][16];
    uint32_t pool_of[WORLD_IPS];
    struct world_run runs[WORLD_RUNS];
    uint32_t providers_n, customers_n, ips_n, runs_n;
    struct world_outage outage;
    struct world_block block;
    struct world_listing listing;
    usec_t lump_at; // bounces by mail all come then; 0: each when it comes
    double full;    // part of mailboxes full from wave_from on
    usec_t wave_from;
    uint32_t recipients; // given out
    uint64_t outcomes;   // told
    bool has_habits;     // on_submitted is called
    /* Who judges. Borrowed during the call. */
    void (*on_outcome)(void *ctx, const struct outcome *o, uint32_t customer);
    void (*on_submitted)(void *ctx, const char *customer, usec_t at, const char *recipient,
                         uint32_t network);
    void *ctx;
    /* What came of it. */
    struct world_fate fates[WORLD_CUSTOMERS][RUNG_N];
    uint32_t warned, throttled, suspended; // all actions
    struct world_incident incidents[WORLD_INCIDENTS];
    struct world_lane lanes[WORLD_LANES];
    uint32_t incidents_n, lanes_n, calls;
    struct world_event *events; // heap by time
    uint32_t events_n, events_room;
};

/* The fleet and its scenario; nothing has happened yet. */
void world_init(struct world *w, const struct scenario *s, uint64_t seed);
void world_deinit(struct world *w);
/* The next thing happens; false at the end of the world. */
bool world_next(struct world *w);
/* Enforces it; what was decided counts from now on. */
void world_decided(struct world *w, const struct decision *d);
/* Notes what was done to a customer, once. */
void world_fate(const struct world *w, struct world_fate *f, uint32_t customer);

/* --- dice, for scenarios */
double world_between(struct world *w, double low, double high);
double world_log_between(struct world *w, double low, double high); // even in the logarithm
double world_exponential(struct world *w, double mean);
double world_normal(struct world *w);

/* --- building, for scenarios */
/* Another customer with so much mail a day of the fleet's quality; its index. */
uint32_t world_add_customer(struct world *w, double a_day);
/* One of the fleet with about so many messages a day. */
uint32_t world_pick_customer(struct world *w, double a_day_least, double a_day_most);
struct world_run *world_add_run(struct world *w, uint32_t customer, usec_t from, uint32_t n,
                                usec_t span);
/* The run is a culprit's. */
void world_blame(struct world *w, struct world_run *run);

extern const struct scenario scenarios[];
extern const size_t scenarios_n;
