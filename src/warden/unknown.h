/* Replies that no rule knew, by shape (mail/replies_shape.h): how often, since when, of whom, and a sample,
 * so that a person can write the rule. Fed with every live outcome whose `is_unknown` is set.
 *
 * At most UNKNOWN_MOST shapes: beyond it, of the UNKNOWN_OLD that were not seen for the longest time the
 * one with the fewest replies goes. 2 KiB each at most. A sample has its addresses masked (decide.h)
 * before it is kept. The table is a file of the state directory, written UNKNOWN_KEEP_SPAN after it
 * changed and at the end; a SIGKILL loses what was counted since. Shapes that a rule knows by now are
 * taken out when a configuration is taken in, and at the start. Runs on the loop. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "core/words.h"

struct buf;
struct outcome;
struct replies;
struct warden;

enum { UNKNOWN_MOST = 2000, UNKNOWN_OLD = 64, UNKNOWN_PROVIDERS = 8 };
#define UNKNOWN_KEEP_SPAN (10 * USEC_SECOND)

/* One shape in answer to one phase, with one code. Strings are owned. */
struct unknown_reply {
    struct list link;
    enum phase phase;
    uint16_t code;
    enum class class; // what the newest was taken for
    uint64_t count;
    usec_t first_at, last_at; // wall
    char *shape;
    char *sample;                       // the first reply, addresses masked
    char *providers[UNKNOWN_PROVIDERS]; // who said it, in order; "" where that was not known
    size_t providers_n;
    bool has_more_providers; // than are named
};

/* Zeroed and unknown_init() is empty. */
struct unknown {
    struct map by_key;    // phase/code/shape → struct unknown_reply
    struct list in_order; // seen longest ago first
    bool is_changed;      // since it was saved
};

void unknown_init(struct unknown *u);
void unknown_deinit(struct unknown *u);
/* Counts the reply of an outcome. */
void unknown_add(struct unknown *u, const struct outcome *o);
/* Judges each sample again, as its providers' answer: who is known by now is taken out, and the shape with
 * the last of those named. Gives how many shapes went. */
size_t unknown_forget_known(struct unknown *u, const struct replies *r);
void unknown_each(const struct unknown *u,
                  void (*each)(void *ctx, const struct unknown_reply *reply), void *ctx);
/* As bytes, and back into an empty table: false, and it is empty, when the bytes are no such table (another
 * version's, or damaged). Shapes are made anew of the samples. */
void unknown_save(struct unknown *u, struct buf *out);
bool unknown_load(struct unknown *u, struct bytes in);

/* unknown_keep.c: the warden's table. Borrowed. */
const struct unknown *warden_unknown(const struct warden *w);
/* Keeps it now; at the end, after the last outcome. */
void warden_keep_unknown(struct warden *w);
