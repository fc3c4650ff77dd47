/* Incidents: what is wrong, since when, who has it, what was done: the fold of ledger entries.
 *
 * KIND_INCIDENT on `incident:N` opens one (or says it better: same target again), with fields
 * `subject` ("customer:acme", "lane:ADDR/PROVIDER", "ip:ADDR", "provider:ID", "node:NAME", "pool:NAME"),
 * `severity`, `cause`, `you`, and where there is one `culprit`, `share`, `ip`, `provider`, `list`; its
 * reason is the title. `condition`: "yes" says that it stands while its subject is in that condition,
 * and ends by KIND_INCIDENT_END alone. Entries with a field `incident` = N are part of its story
 * (done). ack (with `gives_back`: "yes" the name is taken off again), note and resolve target
 * `incident:N`; incident-end closes it. Numbers are given by the node in order.
 *
 * The fold gives the same in any order of arrival: what it is comes from the KIND_INCIDENT of the
 * highest hlc, who has it from the ack of the highest, its end is the first one. An entry without a
 * ledger number (seq 0: on its way there) opens or changes one at once, and is overwritten by itself.
 * What is closed stays closed; later trouble is a new one. Bounds: INCIDENT_KEPT closed ones stay, and
 * as many that only a later entry has named; the lowest numbers are forgotten here (the ledger has
 * them). Of a story the newest INCIDENT_STORY lines stay. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/entry.h"

enum {
    INCIDENT_KEPT = 500,
    INCIDENT_STORY = 200,
    INCIDENT_SEEN = 8,
    INCIDENT_NUMBER_MOST = 999999999,
    INCIDENT_TITLE = 38, // columns of a title
};

struct incident_line { // of the story
    usec_t at;
    int64_t hlc;
    struct entry_name name; // its seq is the ledger's number
    enum kind kind;
    enum kind would;             // of KIND_OBSERVED: what it would have been; else the kind
    bool is_given_back;          // of an ack
    char *actor, *target, *text; // owned; text: the reason
    char *rate;                  // owned; of a throttle, "" for none
    usec_t expires_at;           // USEC_NEVER: none
};

struct incident_seen {
    char *name; // owned
    int64_t hlc;
};

struct incident {
    uint32_t number;
    bool is_known;                // its KIND_INCIDENT is here; else it is shown to nobody
    enum severity severity;       // of the newest KIND_INCIDENT, as all below until evidence
    bool is_condition;            // stands until its subject is over it
    char *subject, *what, *cause; // owned; what: the title
    char *you;                    // owned; a command line, "suspend acme"; "": nothing to do
    char *culprit; // owned; "customer:acme" (also its login or list); "": nobody is at fault
    double share;  // of the harm; 0: not known
    char *ip, *provider, *list;                  // owned; what it is about, "" for none
    char *evidence;                              // owned JSON: culprits, samples
    usec_t opened_at, closed_at;                 // closed_at 0: open
    usec_t updated_at;                           // of the newest KIND_INCIDENT
    bool is_resolved;                            // by somebody, not by itself
    char *has_it;                                // owned: who acknowledged it; "" : nobody
    struct incident_seen seen_by[INCIDENT_SEEN]; // those who acted on it, the first ones
    size_t seen_n;
    struct incident_line *story; // in order; the oldest ones fall away beyond the bound
    size_t story_n;
    uint64_t story_of; // lines there ever were, about: late ones beyond the bound may count twice
    int64_t told_hlc, opened_hlc, closed_hlc, had_hlc; // of what was taken over
};

struct incidents {
    struct incident **items; // by number
    size_t n, room;
    uint32_t last;    // the highest number given
    uint64_t version; // grows with every change
};

void incidents_deinit(struct incidents *s);
/* Takes in one entry; those without an incident change nothing, one seen before neither. */
void incidents_apply(struct incidents *s, const struct entry *e);
/* The number an entry belongs to: of its target or its field; 0: none. */
uint32_t incident_number(const struct entry *e);
/* NULL: none known of that number. */
struct incident *incidents_get(const struct incidents *s, uint32_t number);
static inline bool incident_is_open(const struct incident *i)
{
    return i->is_known && !i->closed_at;
}
/* The open one about this subject, else the one whose first culprit it is (`customer:acme` of a lane's
 * incident), else one about the same customer (its login, its list) or the same address (`ip:ADDR`,
 * `lane:ADDR/PROVIDER`), the worst first; conditions only where nothing else fits. NULL: none. */
struct incident *incidents_open_about(const struct incidents *s, const char *subject);
/* The open condition of exactly this subject; NULL: none. */
struct incident *incidents_condition(const struct incidents *s, const char *subject);
/* Counts of open ones by severity. */
void incidents_count(const struct incidents *s, unsigned counts[3]);
