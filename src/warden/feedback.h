/* Feedback: what comes back by mail, from the door to its consequence.
 *
 * At RCPT nothing passes but an address at domains.bounce whose local part is a token of ours
 * (mail/token.h), not forged and not older than FEEDBACK_LIFE, or one of the configured addresses for
 * complaints; so the door relays nothing. Nothing is ever answered to a report: no backscatter. The mail
 * goes to the reader process; what it says becomes an outcome of the message and recipient that the
 * token names; without a token the report's Message-ID or Feedback-ID leads there. The recipient is taken
 * from history, never from the report: who hides or forges it changes nobody else's record. Late news
 * carries the delivery's time, and comes once for a recipient, however often it is told. The customer's
 * sender gets a delivery report of a late bounce. 250 only when the report is on disk. At most
 * FEEDBACK_WAITING reports and FEEDBACK_BYTES of them are on their way, then 451. Runs on the loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/clock.h"

struct smtp_reply;
struct warden;

#define FEEDBACK_LIFE (30 * USEC_DAY)
enum {
    FEEDBACK_WAITING = 1000,
    FEEDBACK_BYTES = 128 << 20,
    FEEDBACK_TOKENS = 16, // of one mail; it changes nothing by what it was sent to beyond
};

/* May this recipient be written to? The reply stays as it is, or says why not: 550 5.1.1 for what is
 * no address of ours, forged or too old. */
void feedback_query(struct warden *w, const char *address, struct smtp_reply *reply);
/* A whole mail (borrowed) to accepted recipients. `done` on the loop, also inside the call, with what the
 * client is told: 250, or 451 when it could not be kept. Never after warden_free(). */
void feedback_take(struct warden *w, const char *const *recipients, size_t n, struct bytes mail,
                   void (*done)(void *ctx, const struct smtp_reply *reply), void *ctx);

/* Before the store is closed: what is on its way ends without an answer, and is sent again to us. */
void feedback_stop(struct warden *w);

/* Counted since the start, for `status`. */
struct feedback_figures {
    uint64_t bounces, complaints, unsubscribes, auto_replies, others; // mails
    uint64_t unmatched; // said something of a message that we do not know
    uint64_t forged, stale, died;
};
void feedback_figures_get(const struct warden *w, struct feedback_figures *out);
