/* What the files of this room share. */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "core/incident.h"
#include "net/timer.h"
#include "warden/suppress.h"
#include "warden/unknown.h"
#include "warden/warden.h"

struct decision;
struct incoming;
struct recall;
struct reputation;

enum judging_mode {
    JUDGING_SILENT, // no policy: decisions are dropped
    JUDGING_OBSERVE,
    JUDGING_ENFORCE,
};

/* Reputation as the warden runs it (reputation.c, recall.c). */
struct judging {
    struct reputation *reputation;
    enum judging_mode mode;
    struct timer due;
    usec_t due_at;       // wall; what the timer is set for
    struct map beliefs;  // targets that reputation takes for in force, and no entry says so
    struct map listings; // "IP ZONE" of those in force
    usec_t fed_at;       // the newest outcome that was fed…
    uint64_t fed_n;      // …and how many had that very time
    usec_t kept_at;      // the same of what was kept last
    uint64_t kept_n;
    struct timer keep;   // when it is kept next
    bool is_keeping;     // one is being written
    struct recall *past; // while history is read; else NULL
};

struct notice_facts;

struct warden {
    struct warden_options options;
    struct list pending;          // struct pending: entries that are not in the ledger yet
    uint64_t provisional;         // names given to protective entries before their commit
    struct map reports;           // message id → struct report: failures being collected
    struct list reports_in_order; // oldest first
    struct timer reports_due;
    struct list letters;    // struct letter: on their way to the spool
    size_t letters_waiting; // of them: for room on the disk
    struct timer letters_due;
    struct incidents incidents;
    struct map conditions;      // subject → whether incident_note_condition() said on or off last
    struct timer incidents_due; // when it is looked whether one is over
    usec_t incidents_look_at;   // that, monotonic
    struct judging judging;
    struct suppressing suppressing;
    struct incoming *incoming; // what comes back by mail (feedback.c)
    struct map told;     // "customer:acme CAUSE" → struct notice_told: letters of the last day
    size_t told_most;    // so many, then old ones are swept out
    struct list notices; // struct waiting: letters about milder steps
    struct timer notices_due;
    struct unknown unknown;
    struct timer unknown_due; // when it is kept next
    bool unknown_is_due, unknown_is_keeping;
};

/* unknown_keep.c */
void unknown_open(struct warden *w);
void unknown_close(struct warden *w);
void unknown_on_outcome(struct warden *w, const struct outcome *o);
/* Other rules: what they know is taken out. */
void unknown_set_settings(struct warden *w);

void judging_init(struct warden *w);
void judging_deinit(struct warden *w);
/* Other settings: policy, roster, providers' pauses, the customers' pools. */
void judging_set_settings(struct warden *w);
/* An entry rules from now on: what somebody else did is told to reputation. */
void judging_on_entry(struct warden *w, const struct entry *e);
/* Carries a decision out as the mode says. */
void judging_enforce(struct warden *w, const struct decision *d);
/* Tells reputation of an entry as it was made, at its own time. */
void judging_tell(struct warden *w, const struct entry *e, usec_t now);
/* The same of a hold, whoever made it. */
void judging_tell_hold(struct warden *w, const struct entry *hold, usec_t now);
/* What reputation believes of the targets in `beliefs` is set from the state. */
void judging_forget_beliefs(struct warden *w);
void judging_believe(struct warden *w, const char *target);
/* Sets the timer anew. */
void judging_wait(struct warden *w);
/* While history is read: true when the decision stands in the ledger, or is put off. */
bool recall_takes(struct warden *w, const struct decision *d);

/* warden_enforce() with what the customer is told beside the entry (moved in; NULL: nothing). */
void warden_enforce_with(struct warden *w, struct entry *e, struct notice_facts *facts,
                         void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx);
/* Spools a message of the engine's own to one address; while the disk has no room it is tried again
 * each second, at most 1,000 wait (more are said and dropped). */
void letter_send(struct warden *w, const char *recipient, const struct buf *body);
/* What comes back by mail: nothing yet; the rules of the settings are told to the reader; the end. */
void incoming_init(struct warden *w);
void incoming_set_settings(struct warden *w);
void incoming_deinit(struct warden *w);
void letters_deinit(struct warden *w);
void reports_deinit(struct warden *w);
