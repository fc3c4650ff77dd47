/* Incidents: what is wrong, since when, who has it, what was done: the fold of ledger entries.
 *
 * KIND_INCIDENT on `incident:N` opens one (or says it better: same target again), with fields
 * `subject` ("customer:acme", "lane:ADDR/PROVIDER", "ip:ADDR", "provider:ID", "node:NAME"),
 * `severity`, `cause`, `you`; its reason is the title. Entries with a field `incident` = N are part of
 * its story (done). ack, note, resolve target `incident:N`; incident-end closes it. Numbers are given
 * by the node in order. A pure fold in order of hlc; entries that come late are sorted in. At most
 * INCIDENT_KEPT closed ones stay, with INCIDENT_STORY lines each; older ones are forgotten here (the
 * ledger has them). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/map.h"
#include "core/entry.h"

enum { INCIDENT_KEPT = 500, INCIDENT_STORY = 200, INCIDENT_SEEN = 8 };

struct incident_line { // of the story
    usec_t at;
    uint64_t seq; // of the ledger
    enum kind kind;
    char *actor, *target, *text; // owned
    usec_t expires_at;           // USEC_NEVER: none
};

struct incident {
    uint32_t number;
    enum severity severity;
    usec_t opened_at, closed_at;        // closed_at 0: open
    bool is_resolved;                   // by somebody, not by itself
    char *subject, *what, *cause, *you; // owned; "you" as "command target", "" : nothing
    char *evidence;                     // owned JSON of the newest KIND_INCIDENT: culprits, samples
    char *has_it;                       // owned: who acknowledged it; "" : nobody
    char *seen_by[INCIDENT_SEEN];       // owned names, those who acted on it
    struct incident_line *story;        // in order; the oldest ones fall away beyond the bound
    size_t story_n;
};

struct incidents {
    struct incident **items; // by number
    size_t n;
    uint32_t last;    // the highest number given
    uint64_t version; // grows with every change
};

void incidents_deinit(struct incidents *s);
/* Takes in one entry; those without an incident change nothing. */
void incidents_apply(struct incidents *s, const struct entry *e);
struct incident *incidents_get(const struct incidents *s, uint32_t number);
/* The open one about this subject, or whose culprit it is (`customer:acme` that is the first culprit of
 * a lane's incident); NULL: none. */
struct incident *incidents_open_about(const struct incidents *s, const char *subject);
/* Counts of open ones by severity. */
void incidents_count(const struct incidents *s, unsigned counts[3]);
