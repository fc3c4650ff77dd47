/* Replies that no rule knew, grouped by what they have in common (mail/replies_shape.h) and their code:
 * how often, since when, from whom, with one sample of which all addresses are masked. An operator reads
 * them, adds a rule, reloads: what the new rules know is gone.
 *
 * At most UNKNOWN_MOST are kept; one more, and of those not heard for the longest time (UNKNOWN_OLD) the
 * least frequent goes. Beside them the share of outcomes of the last hour of which nobody knows what they
 * mean. Runs on the loop; the counts are kept over a restart, the share is not. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "core/words.h"
#include "mail/replies_shape.h"

struct buf;
struct outcome;
struct replies;

enum { UNKNOWN_MOST = 2000, UNKNOWN_OLD = 64, UNKNOWN_PROVIDERS = 8, UNKNOWN_SAMPLE = 400 };

struct unknown_reply {
    struct list link; // the one heard last stands last
    uint64_t number;  // its name
    char shape[REPLY_SHAPE];
    char *sample; // the newest, masked
    uint16_t code;
    enum phase phase; // of the newest
    enum class class; // that the codes gave it
    uint64_t count;
    usec_t first_at, last_at;
    char *providers[UNKNOWN_PROVIDERS]; // the first ones; "" for one that has no name
    size_t providers_n;
    bool has_more; // providers than have room
};

/* Outcomes by minute. */
struct unknown_minute {
    int64_t minute; // since 1970; others are old
    uint32_t answered, undetermined;
};

struct unknown {
    struct map by_shape; // "CODE shape" → struct unknown_reply
    struct list in_order;
    uint64_t last_number;
    bool is_changed; // since it was kept last; whoever keeps it clears it
    struct unknown_minute minutes[60];
};

void unknown_init(struct unknown *u);
void unknown_deinit(struct unknown *u);
/* An outcome as it happens: counted, and if no rule knew its reply, taken in. */
void unknown_note(struct unknown *u, const struct outcome *o);
/* Other rules hold: forgets what they know, at whichever of its providers it was heard. */
void unknown_judge(struct unknown *u, const struct replies *replies);
/* Of the outcomes of the last hour that were answered; negative: none was. */
double unknown_share(const struct unknown *u, usec_t now);
void unknown_each(const struct unknown *u, void (*each)(void *ctx, const struct unknown_reply *r),
                  void *ctx);

void unknown_save(const struct unknown *u, struct buf *out);
/* False: it is none of ours, and nothing was taken. */
bool unknown_load(struct unknown *u, struct bytes in);
