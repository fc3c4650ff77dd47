/* What the files of this room share. */
#pragma once
#include <uv.h>

#include "base/clock.h"
#include "control/engine.h"
#include "core/outcome.h"
#include "core/state.h"
#include "engine/engine.h"
#include "mail/token.h"
#include "net/timer.h"

struct control;
struct delivery;
struct dns;
struct intake;
struct ledger_row;
struct probe;
struct reader;
struct settings;
struct spool_message;
struct store;
struct warden;

struct engine {
    uv_loop_t loop;
    uv_signal_t on_term, on_int, on_hup;
    struct timers *timers;
    struct timer look; // every so often: do we still have our IPs?
    struct settings *settings;
    struct state state;
    struct store *store;
    struct dns *dns;
    struct intake *intake;
    struct delivery *delivery;
    struct warden *warden;
    struct reader *reader;  // the process that reads what comes back
    struct token_keys keys; // of return addresses
    struct probe *probe;
    struct control *control;
    struct control_engine calls; // what control asks of us
    usec_t started_at;
    bool is_loop_open, is_ending;
    bool is_intake_over, is_delivery_over; // while ending
    int exit_code;
    char *problem; // shown on status; NULL: none
};

/* facts.c: what happened goes to everybody who counts it. */
void facts_load(struct engine *e);
void facts_on_delivery(void *ctx, const struct outcome *o, const struct spool_message *m);
/* The same of what has no message in delivery: submissions, lanes at the door, blocklists, late news.
 * Recorded. */
void facts_on_intake(void *ctx, const struct outcome *o);
void facts_on_submitted(void *ctx, const char *customer, const char *recipient, usec_t at,
                        uint32_t network, uint32_t content);
/* Reverse DNS of an IP, as the probes found it. */
void facts_on_reverse(void *ctx, const char *ip, bool is_wrong, const char *why);
void facts_on_entry(void *ctx, const struct ledger_row *row);

/* roster.c: the configuration's IPs in the state, those that the machine lacks marked and said. */
void roster_set(struct engine *e);
/* Looks whether the machine has each IP; true when one came or went. */
bool roster_look(struct engine *e);
/* The probes of blocklists and reverse DNS: begun, and told of a reload. */
void roster_probe(struct engine *e);

/* conditions.c: notes what stands without an outcome (a lost IP, a full disk) as incidents. */
void conditions_look(struct engine *e);

/* reload.c: reads the configuration anew, all or nothing. 0, or 1 with *mistakes (owned text, a line
 * a mistake). `actor`: who wants it, for the ledger. */
int reload(struct engine *e, const char *actor, char **mistakes);
/* The resolver of a configuration. NULL with *why (owned). */
struct dns *resolver_new(struct engine *e, const struct settings *s, char **why);

/* door.c: what the control room is told of the rest. */
int door_open(struct engine *e, char **why_not);
void door_set_settings(struct engine *e);
