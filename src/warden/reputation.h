/* Reputation at work: what happened goes into core/reputation, what it decides comes out as entries.
 *
 * Every outcome of intake and delivery is fed in the loop's order, which is history's. Modes: enforce
 * (a decision is an entry that applies), observe (it is a KIND_OBSERVED that applies nothing), and
 * without a policy nothing is decided: evidence is gathered and shown, decisions are dropped. What
 * operators do is told to it, so that it knows what stands.
 *
 * A restart changes nothing (recall.c): the evidence is kept every KEEP_SPAN in a file of the state
 * directory, with the outcome it goes up to; what came since is read from history, and the ledger says
 * what was decided on it already. Runs on the loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct outcome;
struct reputation;
struct warden;

#define WARDEN_KEEP_SPAN (3 * USEC_MINUTE)

/* After warden_new(), when the state holds the ledger and the roster: reads what was kept, and history
 * since (blocks). A decision that should have been made and is in no ledger is made now. */
void warden_recall(struct warden *w);

/* One outcome, as it happens and right before or after it is recorded; those on the loop's order. */
void warden_on_fact(struct warden *w, const struct outcome *o);
/* One recipient of an accepted message: hashes of where it came from and of what it is; 0 unknown. */
void warden_on_submitted(struct warden *w, const char *customer, const char *recipient, usec_t at,
                         uint32_t network, uint32_t content);
/* Reverse DNS of an IP, as warden/probe.h finds it. */
void warden_on_reverse(struct warden *w, const char *ip, bool is_wrong, const char *why);
/* The listings in force, as outcomes told them: an IP and a zone. */
void warden_each_listing(const struct warden *w,
                         void (*each)(void *ctx, const char *ip, const char *zone), void *ctx);
/* The machine got or lost an address. */
void warden_roster_changed(struct warden *w);
/* Keeps what it knows now; at the end, after the last outcome. */
void warden_keep(struct warden *w);

/* For what people read. Borrowed, never NULL. */
const struct reputation *warden_reputation(const struct warden *w);
