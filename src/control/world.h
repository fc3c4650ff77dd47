/* What the tables, pages and previews read: the state, the engine's functions, copies of the settings,
 * and two short memories: the newest outcomes and the newest ledger entries. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "control/engine.h"
#include "core/entry.h"
#include "core/outcome.h"
#include "core/state.h"

struct store;

enum { WORLD_EVENTS = 2000, WORLD_LOG = 2000, WORLD_BLOCKS = 4096 };

/* An outcome with strings of its own. */
struct world_event {
    struct outcome outcome;
    uint64_t n;  // its number since the start, from 1
    char *texts; // what its strings point into
};

struct world_log_row {
    struct entry *entry;
    char hash[65];
};

struct world {
    struct state *state;
    struct store *store; // NULL: no ledger, history or spool to ask
    const struct control_engine *engine;
    struct control_settings settings;        // its strings are owned here
    struct world_event events[WORLD_EVENTS]; // a ring by number
    uint64_t events_n;                       // outcomes seen since the start
    usec_t bounce_at, complaint_at;          // when such an outcome was heard last; 0: not yet
    struct map blocks; // provider → struct world_blocks, of those that blocked us; WORLD_BLOCKS
    struct world_log_row log[WORLD_LOG]; // a ring; in order of seq
    size_t log_first, log_n;
    uint64_t verified_seq; // the newest entry when the chain was last found whole; 0: not yet
    usec_t verified_at;
    size_t asking;   // questions at the store or the engine whose answer is to come
    bool is_closing; // the last answer frees the whole
    struct {
        usec_t at;        // monotonic; when the sums were made
        uint64_t version; // of the state then
        uint64_t sent_1h, bounced_1h, deferred_1h, undetermined_1h, sent_1m;
        uint64_t customers, standings[4], ips, ips_active;
    } sums; // over all customers and IPs, made again once a second, or when the state's version moved on
};

/* Around every asynchronous call that was handed the world: it outlives the server until the last
 * answer has come. world_asked() is the last thing a callback does. (control.c) */
static inline void world_ask(struct world *w)
{
    w->asking++;
}
void world_asked(struct world *w);

void world_init(struct world *w);
void world_deinit(struct world *w);
/* Copies all of it but operators and viewers. */
void world_set_settings(struct world *w, const struct control_settings *s);
/* Copies it into the ring; gives its number. */
uint64_t world_add_event(struct world *w, const struct outcome *o);
/* Answers of the last 24 h that say our address is blocked, about, since the start. Of the first
 * WORLD_BLOCKS providers that said so. */
uint64_t world_blocks(const struct world *w, const char *provider, usec_t now);
/* NULL when it is no more, or not yet. */
const struct world_event *world_event_get(const struct world *w, uint64_t n);
/* Copies it into the ring; an entry that is there already, or is older than all, is left out. */
void world_add_entry(struct world *w, const struct entry *e, const char *hash);
/* i from 0, the oldest kept. NULL behind the newest. */
const struct world_log_row *world_log_at(const struct world *w, size_t i);
uint64_t world_log_seq(const struct world *w);
/* Brings w->sums up to date. */
void world_sum(struct world *w, usec_t now);
/* How an IP stands: rotation with its expiry and reason; *why may be NULL. */
bool world_ip_is_active(const struct world *w, const struct state_ip *ip, usec_t now);
/* The pool of a customer: its own, else the first. */
const char *world_pool_of(const struct world *w, const struct state_customer *c);
bool world_has_pool(const struct world *w, const char *name);
/* What waits of a customer, recipients: those held are counted apart. */
static inline uint64_t world_waiting(const struct state_customer *c)
{
    return c->queued > c->held ? c->queued - c->held : 0;
}
