/* Which customers used something (a provider, an IP), and how it went for each: a bounded table of
 * decayed counts, for telling a bad customer from a bad provider and for sharing out blame.
 *
 * At most USAGE_MOST customers are kept a thing; a new one then takes the place of one not active for
 * an hour among eight neighbours by hash, else it is not counted there (a sample of thousands of
 * customers says as much as all of them). Counts decay exponentially: a window of W is a time
 * constant of W. *Hard* counts observations and bad ones (a mailbox that is dead, a spam rejection),
 * *soft* attempts and deferrals. Grows from 8 slots. Zeroed is empty. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct buf;
struct bytes;

enum { USAGE_MOST = 2048, USAGE_NONE = UINT32_MAX, USAGE_WAYS = 8 };
enum usage_window { USAGE_30S, USAGE_2M, USAGE_15M, USAGE_1H, USAGE_N };
enum usage_channel { USAGE_HARD, USAGE_SOFT, USAGE_CHANNELS };

#define USAGE_ACTIVE 0.3 // decayed observations that make a customer active in a window

struct usage_user {
    uint32_t customer; // index in reputation; USAGE_NONE: free
    uint32_t second;   // of the last count, since 1970: what the decay starts from
    float n[USAGE_CHANNELS][USAGE_N], bad[USAGE_CHANNELS][USAGE_N];
};

/* Hard ones since usage_mark(), saturating. */
struct usage_marked {
    uint16_t n, bad;
};

/* The slots of one neighbourhood, in one cache line: finding, and whom a new one may replace. */
struct usage_set {
    uint32_t customer[USAGE_WAYS]; // as in users
    uint32_t second[USAGE_WAYS];
};

struct usage {
    struct usage_set *sets;      // owned, room / USAGE_WAYS
    struct usage_user *users;    // owned
    struct usage_marked *marked; // owned; of the users
    uint32_t room, count;        // slots (a power of two), and those in use
    float most[USAGE_N];         // so many at most has had any of them in a window
    usec_t mark_at;              // of the last usage_mark(); 0: none
    usec_t mark_until;           // somebody waits for news since the mark till then; 0: nobody
    struct usage_user all;       // the sum over everybody, counted or not
};

/* What one outcome says in both channels at once: 0 or 1 each; n 0 and bad 1: one that was counted as
 * good turned out bad. */
struct usage_facts {
    float n[USAGE_CHANNELS], bad[USAGE_CHANNELS];
};

void usage_deinit(struct usage *u);
void usage_add_facts(struct usage *u, uint32_t customer, const struct usage_facts *facts,
                     usec_t at);
/* Says that this customer will be counted soon: its memory is fetched meanwhile. */
void usage_prefetch(const struct usage *u, uint32_t customer);
/* NULL when not kept. Decayed to `now` on return. */
struct usage_user *usage_get(struct usage *u, uint32_t customer, usec_t now);
/* Walks the users: for (uint32_t i = 0; usage_next(&u, &i, window, now, &user);), each as a copy decayed
 * to now. Who is too long silent to be active in that window is passed over: that is most of a large
 * table, and cheap. */
bool usage_next(const struct usage *u, uint32_t *i, enum usage_window window, usec_t now,
                struct usage_user *user);
/* The bad ones of a channel are forgotten for everybody (a provider incident took them out). */
void usage_forget_bad(struct usage *u, enum usage_channel channel);
/* The shortest window begins anew for everybody, both channels: what follows is news alone. */
void usage_renew(struct usage *u);
/* From here on `marked` counts anew, for everybody. */
void usage_mark(struct usage *u, usec_t now);
/* What it is of a customer; nothing when not kept. */
struct usage_marked usage_marked(const struct usage *u, uint32_t customer);
void usage_save(const struct usage *u, struct buf *out);
bool usage_load(struct usage *u, struct bytes *in);
