/* Which incident a decision belongs to, and what is said of it in words.
 *
 * One trouble is one incident: a decision joins the open one about its subject, or about whom it
 * blames, or whose blame it is; else it opens a new one. It ends by itself when nothing that was done
 * in it stands any more: a lane that is probed again may be blocked again, so it waits ten minutes
 * after the last hold ran out. What has no hold ends by news (a provider's outage), by the end of its
 * condition, or after a day (an operator was called).
 * Titles, causes and evidence never hold a person's address. Runs on the loop. */
#pragma once
#include <stdbool.h>

#include "core/incident.h"
#include "core/words.h"

struct decision;
struct entry;
struct warden;

/* Reads the incidents of the last 30 days from the ledger; before the loop runs. */
void incident_load(struct warden *w);
void incident_deinit(struct warden *w);

/* Before `e`, which carries the decision out, is enforced: finds or opens its incident, says it better
 * when it is worse than known or the cause is known now, and adds the field `incident` to `e`. What
 * carries nothing out (`incident`, `incident-end`) comes with `e` NULL. */
void incident_on_decision(struct warden *w, const struct decision *d, struct entry *e);
/* After every entry's commit. */
void incident_on_entry(struct warden *w, const struct entry *e);
/* A condition that no decision speaks of: the disk, an IP that is lost, reverse DNS. May be called as
 * often as one looks. `subject` tells conditions of one thing apart by what stands behind a `#`
 * ("ip:198.51.100.7#reverse", "node:mta1#disk"). The title `what` has at most 38 columns. One that
 * somebody resolved while it lasts is not opened again before it was off. */
void incident_note_condition(struct warden *w, const char *subject, enum severity severity,
                             const char *what, const char *cause, bool is_on);

enum { INCIDENT_WHAT = 160, INCIDENT_CAUSE = 900, INCIDENT_YOU = 420 };

/* What an incident says, as the decision has it. */
struct incident_words {
    enum severity severity;
    char what[INCIDENT_WHAT]; // at most INCIDENT_TITLE columns; longer where an address is
    char cause[INCIDENT_CAUSE];
    char you[INCIDENT_YOU]; // a command, "" : nothing
    char culprit[80];       // "customer:acme", "" : nobody
    double share;
    char ip[64];
    char provider[256];
    char list[64];
};
/* False: it opens no incident (what lifts, and moves between pools). `is_observing`: nothing of it is
 * carried out. */
bool incident_words_make(struct incident_words *out, const struct decision *d, bool is_observing);
