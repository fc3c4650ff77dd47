/* The engine's conscience: every change of standing, rotation and customers goes through here.
 *
 * A decision is data: a struct entry, made by an operator or (by policy) by the engine. Enforcing it
 * means: append it to the ledger, apply it to the state, let everybody who acts on the state know,
 * and tell the customer. A protective one (hold) rules in memory first and is committed right after;
 * one that lets more mail out applies only after its commit. What nobody hears of is no warning: a
 * customer's contact is written to, and senders get a report when a message of theirs fails for good.
 * The engine's own decisions come from reputation (warden/reputation.h). Never talks SMTP. Runs on the
 * loop. */
#pragma once
#include "base/clock.h"
#include "base/mem.h"
#include "core/outcome.h"

struct entry;
struct incidents;
struct ledger_row;
struct reader;
struct settings;
struct spool_message;
struct state;
struct store;
struct timers;
struct token_keys;
struct warden;

struct warden_options {
    struct store *store;
    struct state *state; // written here only, through the ledger
    struct timers *timers;
    const struct settings *settings;
    /* The state has changed: delivery and the consoles look again. */
    void (*on_changed)(void *ctx);
    /* An entry is in the ledger. */
    void (*on_entry)(void *ctx, const struct ledger_row *row);
    /* A message of the engine's own is durable; moved to the receiver, who sends it. */
    void (*on_message)(void *ctx, struct spool_message *m);
    /* Feedback (warden/feedback.h); all borrowed for the warden's life, NULL where there is none. Late news
     * of a delivery goes to all who count outcomes, and is recorded. */
    struct reader *reader;
    const struct token_keys *keys;
    void (*on_late)(void *ctx, const struct outcome *o);
    void *ctx;
};

struct warden *warden_new(const struct warden_options *options);
/* After the store is closed, before the timers are freed. */
struct warden *warden_free(struct warden *w);
DEFINE_CLEANUP(struct warden *, warden_free)
void warden_set_settings(struct warden *w, const struct settings *settings);
/* What somebody has to handle, and what was. Borrowed. */
const struct incidents *warden_incidents(const struct warden *w);

/* Enforces a decision (moved in). `done` on the loop once it is in the ledger, with the row as
 * written (borrowed), or with r < 0 (-ENOSPC: a protective one still rules and is tried again, one
 * that lets mail out did not happen; -ECANCELED: the end came first). `done` may be NULL. */
void warden_enforce(struct warden *w, struct entry *e,
                    void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx);

/* Takes in what became of a recipient of `message`: a final failure is reported to its sender, the
 * failures of one message within a second in one report. */
void warden_on_outcome(struct warden *w, const struct outcome *o,
                       const struct spool_message *message);
/* Reports still being collected, and notices that wait, go to the spool now, and suppressions to the disk; at
 * the engine's end. */
void warden_flush(struct warden *w);
