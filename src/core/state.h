/* What the ledger's entries add up to: customers, IPs, standing, rotation, holds.
 *
 * A pure fold: state_apply() takes entries in any order, some twice, and gives one state. A *hold*
 * stands until it expires or an effective lift names it; the strictest standing one rules. A lift is
 * effective unless an effective entry names (undoes) it. A *register* sets fields, per field the last
 * by (hlc, node). Time is an argument: expiry needs no event to be true, state_next_expiry() only
 * says when something will change by itself.
 *
 * The loop owns it; no locks. Never sees a person's address. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/map.h"
#include "core/counter.h"
#include "core/entry.h"
#include "core/words.h"

/* The engine's own mail (notices, delivery reports) goes as this customer; nobody may add it, and
 * nothing can suspend it. */
#define STATE_SELF "postmaster"

/* Where an entry of shape hold or lift stands in the fold; owned by the state. */
struct state_entry {
    struct entry *entry;
    struct state_entry *next_of_target; // same target, newest first
    struct state_entry **lifts;         // entries that name this one
    size_t lifts_n;
};

struct state_customer {
    char name[64];
    char *contact;   // address for notices; "" when none
    char *pool;      // "" : the first pool
    bool is_known;   // added, or named in trust; false: only mentioned by an entry
    uint32_t rate;   // own limit, recipients…
    usec_t rate_per; // …in this span; 0: none
    int64_t contact_hlc, pool_hlc, known_hlc, rate_hlc; // registers' clocks
    struct counter counter;                             // outcomes
    uint64_t queued, held; // recipients that wait now; kept by delivery
    void *intake;          // intake's own (its rate bucket), or NULL
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
    struct map by_target; // target → newest struct state_entry
    uint64_t version;     // grows with every applied entry: what a preview is bound to
};

void state_init(struct state *s);
void state_deinit(struct state *s);

/* Takes in one entry (copied). Applying the same name twice changes nothing. */
void state_apply(struct state *s, const struct entry *e);

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
/* An IP's rotation and the hold behind it (NULL: none). */
enum rotation state_rotation(const struct state *s, const char *ip, usec_t now,
                             const struct entry **why);

/* One recipient's way out, for queue holds; NULL or "" where not known yet. */
struct state_path {
    const char *customer, *list, *provider, *ip, *pool;
};
/* The standing `hold` that covers it, or NULL. Suspension is asked apart (state_standing). */
const struct entry *state_hold(const struct state *s, const struct state_path *path, usec_t now);

/* Does this hold stand: not expired, not lifted, not undone? */
bool state_stands(const struct state *s, const struct state_entry *e, usec_t now);
/* The entry of that name, or NULL. */
struct state_entry *state_entry_get(const struct state *s, struct entry_name name);
/* The first effective lift that names it, or NULL: what `undone_by` shows. */
const struct entry *state_lifted_by(const struct state *s, const struct state_entry *e);
/* Calls back for every standing hold; for lists of what is in force. */
void state_each_standing(const struct state *s, usec_t now,
                         void (*each)(void *ctx, const struct entry *e), void *ctx);
/* When the next standing hold expires; USEC_NEVER for none. */
usec_t state_next_expiry(const struct state *s, usec_t now);
