/* What the ledger's entries add up to: customers, IPs, standing, rotation, holds.
 *
 * A pure fold: state_apply() takes entries in any order, some twice, and gives one state. A *hold*
 * stands until it expires or an effective lift names it; the strictest standing one rules. A lift is
 * effective unless a later effective lift names (undoes) it; later is by hlc, so that no two can undo
 * each other. A *register* sets fields, per field the last by (hlc, node). Time is an argument:
 * expiry needs no event to be true, state_next_expiry() only says when something will change by
 * itself. Entries of newer versions (unknown kinds, targets, values) change nothing.
 *
 * Asking (state_standing, state_throttle, state_rotation, state_lane, state_hold) allocates nothing and looks at
 * standing holds only: those of one target, or those on queues. Holds and lifts stay in memory for
 * ever, standing or not, since a later entry may name them: about 0.5 KiB each, as many as the
 * ledger has.
 *
 * The loop owns it; no locks. The one person's address it knows is a customer's contact. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/map.h"
#include "core/counter.h"
#include "core/entry.h"
#include "core/words.h"

/* The engine's own mail (notices, delivery reports) goes as this customer; nobody may add it, and
 * nothing can suspend it. A hold on queues covers it like all mail. */
#define STATE_SELF "postmaster"

struct selector;

/* Where an entry of shape hold or lift stands in the fold; owned by the state. */
struct state_entry {
    struct entry *entry;        // NULL: named by a lift, but not here yet
    struct state_entry **lifts; // lifts that name this one
    size_t lifts_n;
    bool is_lifted;                     // an effective lift names it
    struct state_entry *next_of_target; // unlifted holds of one target, the last to expire first
    struct state_entry *next_of_queue;  // unlifted holds on queues, likewise
    struct selector *selector;          // of a hold on queues; else NULL
    uint32_t rate;                      // of a throttle, in...
    usec_t rate_per;                    // ...this span; 0: none
    struct heap_node due;               // while being judged anew
};

/* When a register was written: the later by hlc, then node, then seq, wins. */
struct state_stamp {
    int64_t hlc;
    struct entry_name name;
};

struct state_customer {
    char name[64];
    char *contact;    // address for notices; "" when none
    char *pool;       // "" : the first pool
    char language[8]; // of notices: "de"; "": English
    bool is_known;    // added, or named in trust (set by who reads trust); false: only mentioned
    uint32_t rate;    // own limit, recipients…
    usec_t rate_per;  // …in this span; 0: none
    struct state_stamp contact_set, pool_set, removed_set, rate_set,
        language_set;       // the registers' clocks
    struct counter counter; // outcomes
    uint64_t queued, held;  // recipients that wait now; kept by delivery
    void *intake;           // intake's own (its rate bucket), or NULL; freed by intake
};

struct state_ip {
    char address[64];     // canonical text
    char *pool;           // where the configuration has it; "" when it is configured no more
    const char *helo;     // borrowed from the settings in force
    bool is_configured;   // the configuration has it
    bool is_here;         // the machine has it
    usec_t warming_since; // 0: warm
    struct counter counter;
};

struct state {
    struct map customers; // name → struct state_customer
    struct map ips;       // address → struct state_ip
    struct map entries;   // struct entry_name bytes → struct state_entry (holds and lifts)
    struct map by_target; // target → its first struct state_entry, by next_of_target
    struct state_entry *queue_holds; // by next_of_queue
    uint64_t version; // grows with every entry that changed something: what a preview is bound to
};

void state_init(struct state *s);
void state_deinit(struct state *s);

/* Takes in one entry (copied). Applying the same name twice changes nothing. */
void state_apply(struct state *s, const struct entry *e);

/* A hold that was applied under a provisional name before its commit (node 0, which no node has) now
 * stands as `e`; no lift may name it before. Does nothing when there is none of the provisional
 * name. */
void state_rename(struct state *s, struct entry_name provisional, const struct entry *e);

/* NULL when never heard of. */
struct state_customer *state_customer_get(const struct state *s, const char *name);
/* Makes it when new. `name` is a valid name. */
struct state_customer *state_customer_add(struct state *s, const char *name);
struct state_ip *state_ip_get(const struct state *s, const char *address);
struct state_ip *state_ip_add(struct state *s, const char *address);

/* What rules a customer (list "" ) or one of its lists (the stricter of both): its standing and the
 * hold behind it (NULL when good). */
enum standing state_standing(const struct state *s, const char *customer, const char *list,
                             usec_t now, const struct entry **why);
/* The throttle's rate in force: the smallest of the standing throttles; false when none. */
bool state_throttle(const struct state *s, const char *customer, const char *list, usec_t now,
                    uint32_t *count, usec_t *per);
/* An IP's rotation and the hold behind it (NULL: none); warming while it has warming_since. */
enum rotation state_rotation(const struct state *s, const char *ip, usec_t now,
                             const struct entry **why);

/* The standing pause of a lane: on `lane:IP/PROVIDER`, or on `provider:PROVIDER` (all its lanes); of
 * several the last to expire. NULL: none. */
const struct entry *state_lane(const struct state *s, const char *ip, const char *provider,
                               usec_t now);

/* One recipient's way out, for queue holds; NULL or "" where not known yet. */
struct state_path {
    const char *customer, *list, *provider, *ip, *pool;
};
/* The standing `hold` that covers it (the last to expire), or NULL; its target is what selector.h
 * reads. Suspension is asked apart (state_standing). O(standing holds on queues), people make few. */
const struct entry *state_hold(const struct state *s, const struct state_path *path, usec_t now);

/* Does this hold stand: not expired, not lifted, not undone? */
bool state_stands(const struct state *s, const struct state_entry *e, usec_t now);
/* The entry of that name, or NULL. */
struct state_entry *state_entry_get(const struct state *s, struct entry_name name);
/* The first effective lift that names it, or NULL: what `undone_by` shows. */
const struct entry *state_lifted_by(const struct state *s, const struct state_entry *e);
/* Calls back for every standing hold; for lists of what is in force. Nothing may be applied in it. */
void state_each_standing(const struct state *s, usec_t now,
                         void (*each)(void *ctx, const struct entry *e), void *ctx);
/* When the next standing hold expires; USEC_NEVER for none. O(unlifted holds). */
usec_t state_next_expiry(const struct state *s, usec_t now);
