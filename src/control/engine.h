/* What control asks of the engine. Control may not include delivery or settings: the wiring fills in
 * this struct of functions and the facts, and control never learns who answers. All calls are made on
 * the loop and return at once; row strings are borrowed during the call. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/words.h"

struct entry;
struct health;
struct incidents;
struct outcome;
struct reputation_harm;
struct reputation_rung;
struct spool_message;
struct suppress_removal;
struct suppress_row;

/* What waits of one customer for one provider. */
struct control_queue_row {
    const char *customer, *provider; // provider "" while its domain was not asked yet
    const char *pool;
    uint64_t waiting, held;        // recipients; held is no part of waiting
    usec_t oldest_at, next_try_at; // 0: unknown
    const char *last_reply;        // "" for none
};

/* One IP × one provider. */
struct control_lane_row {
    const char *ip, *provider;
    const char
        *lane_state; // "fine", "deferring", "backing off", "idle", "blocked", "paused", "probing"
    uint32_t connections, connections_max;
    uint64_t sent_1m, sent_1h;
    double deferred_rate; // of the last hour; negative: unknown
    bool is_blocked;      // an ip-reputation-block in the last hour and nothing delivered since
    usec_t until;         // paused, probing or backing off until (wall; USEC_NEVER: no end); 0: no
    const char *last_reply;
};

/* Replies of one shape that no rule knew. */
struct control_unknown_row {
    const char *phase, *class, *shape, *sample; // words of core/words.h; the sample is masked
    unsigned code;
    uint64_t count;
    usec_t first_at, last_at;
    const char *const *providers; // in order; "" where it was not known
    size_t providers_n;
    bool has_more_providers; // than are named
};

struct control_totals {
    uint64_t queued, held, in_flight, connections; // recipients; held is no part of queued
    usec_t last_outcome_at;                        // 0: none yet
};

/* A provider's limits; 0 is no limit. */
struct control_limits {
    uint32_t connections;     // per IP
    uint32_t connections_all; // over all our IPs
    uint32_t messages;        // per connection
    uint32_t rate;            // transactions per IP…
    usec_t rate_per;          // …in this span
};

struct control_health {
    uint64_t disk_free;   // bytes
    bool is_accepting;    // new mail is taken
    const char *problem;  // what is wrong, in words; "" for nothing. Borrowed until the next call
    usec_t last_probe_at; // of a blocklist's or reverse DNS's last answer; 0: none yet
};

/* How the rules of now read an answer. */
struct control_reading {
    enum class class;
    enum scope scope;
    char rule[64]; // "providers.yaml:204"; "" : no rule, its codes
};

/* What came back by mail since the start: mails, but for `unmatched` (news of no delivery that we know). */
struct control_feedback {
    uint64_t bounces, complaints, unsubscribes, auto_replies, others;
    uint64_t unmatched, died; // died: what ended the process that read it
    uint64_t forged, stale;   // return addresses refused
};

/* `hash` as in the ledger. r < 0: nothing was written (-ENOSPC: no space), e is NULL. */
typedef void control_act_fn(void *ctx, int r, const struct entry *e, const char *hash);

struct control_engine {
    void *ctx; // the first argument of all
    void (*each_queue)(void *ctx, void (*each)(void *to, const struct control_queue_row *r),
                       void *to);
    void (*each_lane)(void *ctx, void (*each)(void *to, const struct control_lane_row *r),
                      void *to);
    void (*totals)(void *ctx, struct control_totals *t);
    void (*limits)(void *ctx, const char *provider, struct control_limits *l);
    void (*health)(void *ctx, struct control_health *h);
    void (*feedback)(void *ctx, struct control_feedback *f); // may be NULL: nothing came
    /* Why a recipient waits, in words. */
    void (*why)(void *ctx, const struct spool_message *m, uint32_t recipient_no, char *out,
                size_t room);
    /* Enforces an operator's entry (moved in): appends it to the ledger and applies it to the state;
     * what protects at once, what lets more mail out after its commit. `done` is called once, on the
     * loop, maybe inside the call; the entry is borrowed during it. */
    void (*act)(void *ctx, struct entry *e, control_act_fn *done, void *done_ctx);
    /* Suppressions by hand: entry (moved in) and rows (copied) are written together; `done` as of act().
     * The other takes some out: e NULL and r 0 in its `done`: nothing of it was there. (warden/suppress.h) */
    void (*suppress)(void *ctx, struct entry *e, const struct suppress_row *rows, size_t n,
                     control_act_fn *done, void *done_ctx);
    void (*unsuppress)(void *ctx, struct entry *e, const struct suppress_removal *what,
                       control_act_fn *done, void *done_ctx);
    /* Reads the configuration again. 0, or 1 with *mistakes (owned): a line each, nothing changed. */
    int (*reload)(void *ctx, const char *actor, char **mistakes);

    /* What reputation knows (core/reputation.h); each may be NULL: nothing is known. False likewise. */
    bool (*next_rung)(void *ctx, const char *customer, struct reputation_rung *out);
    bool (*harm)(void *ctx, const char *customer, enum harm h, struct reputation_harm *out);
    bool (*ip_health)(void *ctx, const char *ip, struct health *out);
    bool (*is_incident)(void *ctx, const char *provider); // one is open there
    const struct incidents *(*incidents)(void *ctx);      // or NULL
    /* Judges an outcome's answer again; NULL or false: nothing is known. */
    bool (*judge)(void *ctx, const struct outcome *o, struct control_reading *out);
    void (*each_unknown)(void *ctx, void (*each)(void *to, const struct control_unknown_row *r),
                         void *to);
};

/* What control knows from the configuration; a reload hands it in again. */
struct control_settings {
    const char *node, *label, *version;
    const char *node_id;      // 8 letters
    usec_t started_at;        // wall
    const char *const *pools; // names; the first is the default
    size_t pools_n;
    usec_t expiry_warn, expiry_throttle, expiry_suspend, expiry_pull, expiry_drain, expiry_hold,
        expiry_pause;
    const char *mode;          // of the policy: "enforce", "observe", or "none" without one
    const char *throttle_rate; // of `throttle` without a rate: "100/h"
    unsigned refusal;          // a suspended customer's RCPT: 450 or 550
    bool tells_customer;       // notices go to the customer's contact
    const char *const *operators, *const *viewers; // names, or "@group"
    size_t operators_n, viewers_n;
};

enum { CONTROL_EXPIRY_HOURS = 4 }; // of an action, where neither it nor the settings say
