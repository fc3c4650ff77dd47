/* What the files of this room share. */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "core/incident.h"
#include "net/timer.h"
#include "warden/warden.h"

struct warden {
    struct warden_options options;
    struct list decisions;        // struct decision: not in the ledger yet
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
};

/* Tells the customer's contact what was done, when the entry is of a kind that is told. */
void notice_send(struct warden *w, const struct entry *e);
/* Spools a message of the engine's own to one address; while the disk has no room it is tried again
 * each second, at most 1,000 wait (more are said and dropped). */
void letter_send(struct warden *w, const char *recipient, const struct buf *body);
void letters_deinit(struct warden *w);
void reports_deinit(struct warden *w);
