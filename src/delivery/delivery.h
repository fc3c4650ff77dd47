/* Delivery: what waits goes out, fairly, over the right IP, and comes back as outcomes.
 *
 * Recipients that may go soon are in memory, in queues by customer within a provider; what is beyond
 * a customer's window stays on disk and is fetched when its window empties (spool_due). A provider's
 * queues are served by deficit round robin over its customers (core/fair.h), each time a *lane* (IP ×
 * provider) has room: the IP is chosen at that moment, among the customer's pool, by rotation, limits
 * and load. So a pull or a suspension is effective at the next choice, and moves everything. Limits:
 * connections per lane, per provider over all IPs, and in all; messages per connection; rate per lane.
 * A lane that cannot connect backs off as a lane; its messages are not charged. A paused lane starts
 * nothing; after a pause, or when its IP was out of rotation, it begins with one connection and gets one
 * more each policy.lane_step while mail goes over it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/outcome.h"

struct delivery;
struct dns;
struct reply_verdict;
struct settings;
struct spool_message;
struct state;
struct store;
struct token_keys;
struct uv_loop_s;

struct delivery_options {
    struct uv_loop_s *loop;
    struct store *store;
    struct state *state; // read; queued and held of customers are delivery's to write
    struct dns *dns;
    const struct settings *settings;
    /* Sign the return path of each recipient where `domains.bounce` is set: such mail goes out one
     * recipient a transaction, and mail from the null return path as it is. Borrowed; NULL: never. */
    const struct token_keys *keys;
    /* Every outcome of a recipient, before it is recorded; delivery itself hands it to spool_outcome.
     * `message` is borrowed; final failures want a report (mail/dsn.h): the wiring makes it. */
    void (*on_outcome)(void *ctx, const struct outcome *o, const struct spool_message *message);
    /* A lane was refused at the provider's door, and nobody's mail was charged for it: an outcome
     * (deferred) without customer, message and recipient; not recorded. May be NULL. */
    void (*on_door)(void *ctx, const struct outcome *o);
    void *ctx;
};

/* Reads what waits (spool_each_waiting; blocks) into the counts: state_customer.queued is every
 * recipient that waits, held ones too; held is part of it. The state knows the IPs already. */
struct delivery *delivery_new(const struct delivery_options *options);
/* After delivery_stop(), then store_close() and dns_free(): what they still answered was dropped, and
 * none comes any more. Connections are closed as they are. Run the loop once more afterwards
 * (net/timer.h). Takes NULL; returns NULL. */
struct delivery *delivery_free(struct delivery *d);

/* A message that was just made durable (moved in): keeps it (spool_keep) when its customer's window
 * has room, else leaves it to the disk. */
void delivery_add(struct delivery *d, struct spool_message *m);
/* Begins to fetch and to send. Before it nothing goes out, delivery_add() only counts. */
void delivery_start(struct delivery *d);
/* Standing, rotation, holds or a customer's pool changed: takes effect now; nothing new is started that
 * they forbid. O(customers with mail + lanes). Inside on_outcome it takes effect right after. What
 * expires needs no call. */
void delivery_changed(struct delivery *d);
/* A reload; the state's IPs are up to date. The old settings may be freed afterwards, the old dns too
 * (when it is another). */
void delivery_set_settings(struct delivery *d, const struct settings *settings, struct dns *dns);
/* Starts nothing new; `done` (may be NULL) when the last transaction in flight has its result, after at
 * most 12 s. Nothing is written to the spool afterwards. */
void delivery_stop(struct delivery *d, void (*done)(void *ctx), void *ctx);

/* For the tables. Strings are borrowed during the call. */
struct delivery_queue_row {
    const char *customer, *provider; // provider "" while its domain was not asked yet
    const char *pool;
    uint64_t waiting, held;        // recipients, on disk too; held is no part of waiting
    usec_t oldest_at, next_try_at; // 0: unknown
    const char *last_reply;
};
void delivery_each_queue(struct delivery *d,
                         void (*each)(void *ctx, const struct delivery_queue_row *r), void *ctx);

struct delivery_lane_row {
    const char *ip, *provider;
    // "paused", "blocked", "probing", "backing off", "deferring", "fine", "idle"
    const char *lane_state;
    uint32_t connections, connections_max; // max 0: no limit
    uint64_t sent_1m, sent_1h;
    double deferred_rate; // of the last hour; negative: unknown
    bool is_blocked;      // an ip-reputation-block in the last hour and nothing delivered since
    usec_t until;         // paused or backing off until, probing: its next connection (wall); 0: no
    const char *last_reply;
};
void delivery_each_lane(struct delivery *d,
                        void (*each)(void *ctx, const struct delivery_lane_row *r), void *ctx);

struct delivery_totals {
    uint64_t queued, held;           // recipients; held is part of queued
    uint64_t in_flight, connections; // transactions; connections to the outside
    usec_t last_outcome_at;
};
void delivery_totals_get(struct delivery *d, struct delivery_totals *t);
/* How the rules in force read the answer of an outcome (mail/replies.h). */
void delivery_reading(const struct delivery *d, const struct outcome *o,
                      struct reply_verdict *verdict);
/* Why does it wait? In words, for `show message`. */
void delivery_why(struct delivery *d, const struct spool_message *m, uint32_t recipient_no,
                  char *out, size_t room);
