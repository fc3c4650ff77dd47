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

enum { USAGE_MOST = 2048, USAGE_NONE = UINT32_MAX };
enum usage_window { USAGE_2M, USAGE_15M, USAGE_1H, USAGE_N };
enum usage_channel { USAGE_HARD, USAGE_SOFT, USAGE_CHANNELS };

struct usage_user {
    uint32_t customer; // index in reputation; USAGE_NONE: free
    uint32_t second;   // of the last count, since 1970: what the decay starts from
    float n[USAGE_CHANNELS][USAGE_N], bad[USAGE_CHANNELS][USAGE_N];
};

struct usage {
    struct usage_user *users; // owned
    uint32_t room, count;     // slots (a power of two), and those in use
    struct usage_user all;    // the sum over everybody, counted or not
};

void usage_deinit(struct usage *u);
void usage_add(struct usage *u, uint32_t customer, enum usage_channel channel, usec_t at,
               bool is_bad);
/* A count taken back (an observation that turned out bad later: n 0, bad 1 added). */
void usage_add_bad(struct usage *u, uint32_t customer, usec_t at);
/* NULL when not kept. Decayed to `now` on return. */
struct usage_user *usage_get(struct usage *u, uint32_t customer, usec_t now);
/* Walks the users: for (uint32_t i = 0; (user = usage_next(&u, &i, now));), each decayed to now. */
struct usage_user *usage_next(struct usage *u, uint32_t *i, usec_t now);
/* The bad ones of a channel are forgotten for everybody (a provider incident took them out). */
void usage_forget_bad(struct usage *u, enum usage_channel channel);
void usage_save(const struct usage *u, struct buf *out);
bool usage_load(struct usage *u, struct bytes *in);
