/* Suppressions at work: every outcome goes through the rule (core/suppression.h); what it asks for rules
 * in memory at once and is written within SUPPRESSING_SPAN, one ledger entry for all of a class and owner
 * in that time (a SIGKILL in between loses at most those: the evidence comes again). The entry says how
 * many and by whose answers, never an address.
 *
 * A provider in trouble says `unknown user` of everybody: while an incident is open there its answers
 * make no suppression and no suspicion, and when one opens those of the last quarter of an hour are
 * lifted, which stands in the incident's story. Without a policy the shipped spans hold, and `mode:
 * observe` changes nothing: this protects addresses and judges no customer. What the engine's own letters
 * meet suppresses nobody. Runs on the loop. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "core/suppression.h"
#include "net/timer.h"
#include "store/suppress.h"

struct decision;
struct entry;
struct ledger_row;
struct outcome;
struct warden;

#define SUPPRESSING_SPAN USEC_SECOND
#define SUPPRESSING_BEFORE                                                                         \
    (15 * USEC_MINUTE) // what an incident lifts began so long before it was seen
#define SUPPRESSING_SWEEP (5 * USEC_MINUTE) // from one 64th of the sweep to the next

/* As the warden has it. */
struct suppressing {
    struct suppressions all;
    struct map batches; // "CLASS OWNER" → struct batch: not written yet
    size_t waiting;     // rows in them
    struct timer due, sweep;
    size_t swept;      // the next slot to look at
    bool has_said_all; // that SUPPRESSION_MOST is reached
    struct list lifts; // struct lift: by incidents, not written yet
};

/* Reads all of them (blocks). */
void suppressing_init(struct warden *w);
void suppressing_deinit(struct warden *w);
void suppressing_on_outcome(struct warden *w, const struct outcome *o);
/* After a provider's incident was opened by this decision. */
void suppressing_on_incident(struct warden *w, const struct decision *d);
/* What waits is written now. */
void suppressing_flush(struct warden *w);

/* The loop's copy, for whoever asks at RCPT. Borrowed. */
const struct suppressions *warden_suppressions(const struct warden *w);

/* An operator's: entry (moved in) and rows, which rule once they are written. `done` (once, on the loop)
 * with the row of the ledger, or r < 0: nothing happened. Nothing is weakened: a known spam trap is left
 * alone but by a row that says so too, a person's wish by one that ends sooner or is another thing; row NULL:
 * so it was with all of them. */
void warden_suppress(struct warden *w, struct entry *e, const struct suppress_row *rows, size_t n,
                     void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx);
/* Likewise; row NULL in `removed`: nothing of it was there. */
void warden_unsuppress(struct warden *w, struct entry *e, const struct suppress_removal *what,
                       void (*done)(void *ctx, const struct suppress_removed *removed), void *ctx);
