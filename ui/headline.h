/* Is anything wrong, and what happened since one last looked: the open incidents, whatever view is on
 * the screen. Incidents and actions are ledger entries, so it asks anew when the ledger has grown, at
 * most once a second, and costs nothing while nothing happens. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "ui/looked.h"

struct link;

enum { HEADLINE_OPEN = 200, HEADLINE_CRITICAL = 64 };
enum headline_ask { ASK_OPEN, ASK_NEW, ASK_CLOSED, ASK_ACTIONS, HEADLINE_ASKS };

struct headline {
    json_t *open;   // rows of open incidents, at most HEADLINE_OPEN; NULL before the first answer
    json_t *closed; // the one that was closed last, or NULL
    unsigned critical, warning, notice, nobody; // of the open ones
    struct looked looked;                       // what "since" counts from
    int64_t highest;                            // the highest number known
    int64_t incidents, actions;                 // since then; -1: not known yet
    bool is_new;                                // a critical one came that was not there: ring once
    int64_t known[HEADLINE_CRITICAL];           // numbers of the critical ones, as seen last
    size_t known_n;
    uint64_t ids[HEADLINE_ASKS]; // of requests under way
    int64_t asked_seq;           // the ledger's end when it asked last; -1: never
    usec_t asked_at;             // monotonic
};

void headline_init(struct headline *h);
void headline_deinit(struct headline *h);
/* Since when: from the file of this user and node, else from now on. Only the first call counts. */
void headline_since(struct headline *h, const char *node, const char *node_id, usec_t now);
/* Leaving: remembers the moment for the next time. */
void headline_leave(const struct headline *h, const char *node, const char *node_id, usec_t now,
                    int64_t seq);
/* After a (re)connection no answer will come, and everything is asked for anew. */
void headline_forget(struct headline *h);
/* Asks when there is something to ask. `seq`: the ledger's end, -1 while unknown. */
void headline_ask(struct headline *h, struct link *link, int64_t seq, usec_t monotonic);
/* Takes an answer if it is one of its own. */
bool headline_answer(struct headline *h, uint64_t id, const json_t *result);
/* The open incident that blames this target (`customer:acme`), is about it, or has this number
 * (`incident:318`); NULL: none. Borrowed. */
const json_t *headline_about(const struct headline *h, const char *target);
/* True once when a new critical incident came. */
bool headline_rings(struct headline *h);
