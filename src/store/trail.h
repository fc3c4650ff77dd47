/* The trail of what failed: the SMTP conversation of a failed attempt, and the raw report that told of a
 * bounce or complaint. For people (`explain`, the conversation view), never for a decision.
 *
 * Kept TRAIL_KEPT and at most TRAIL_BYTES in all, the oldest go first. Written by the db thread beside
 * its folds; at most TRAIL_WAITING bytes wait for it, more are dropped and counted, and all are while
 * there is hardly any disk space: mail never waits for this. All calls on the loop; callbacks come
 * there. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "core/id.h"

struct store;

#define TRAIL_KEPT (7 * USEC_DAY)
enum {
    TRAIL_ONE = 64 << 10, // of one; cut in the middle beyond
    TRAIL_BYTES = 256 << 20,
    TRAIL_WAITING = 4 << 20,
};

/* On disk: never renumber. */
enum trail_kind { TRAIL_CONVERSATION = 0, TRAIL_REPORT = 1 };

struct trail {
    enum trail_kind kind;
    struct message_id message; // zero: it belongs to none of ours
    uint32_t recipient_no;
    const uint32_t *others; // more recipients of the message that it is of as well; NULL: none
    size_t others_n;
    usec_t at;         // of the outcome that it explains; of several the last
    struct bytes text; // raw bytes, as they came; visible only after text_visible
};

/* Copies. */
void trail_add(struct store *s, const struct trail *t);
/* Flushed: `done` with 0 when it is on disk, < 0 when not; for a report whose 250 waits for that. */
void trail_add_durably(struct store *s, const struct trail *t, void (*done)(void *ctx, int r),
                       void *ctx);
/* All of one recipient of a message, newest first (UINT32_MAX: of any recipient). Borrowed in `done`.
 * What was added before is among them, or was dropped. */
void trail_list(struct store *s, struct message_id message, uint32_t recipient_no, size_t limit,
                void (*done)(void *ctx, const struct trail *trails, size_t n), void *ctx);
/* How many were dropped since the start. */
uint64_t trail_dropped(const struct store *s);
