/* Acting: a request is read (act.c), every target checked (check.c), told in words before it happens
 * (preview.c), and then made into ledger entries that the engine enforces (apply.c). */
#pragma once
#include <jansson.h>

#include "control/world.h"
#include "remote/command.h"
#include "remote/target.h"

struct request;

struct act_target {
    struct target t;
    char *why_not; // refused: what, why, what instead; NULL: will be done
};

struct act {
    struct world *world;
    const struct command *command;
    enum kind kind;
    struct act_target *targets;
    size_t targets_n, able_n;    // able: not refused
    char *rate;                  // of throttle, never NULL there
    usec_t span;                 // until it ends by itself; USEC_NEVER: lifts have no end
    char *reason;                // visible; "" for none
    const char *version, *typed; // borrowed from the request, NULL when not given
    char user[64];
    usec_t now;
};

/* Reads params. 0, or 1 with *why (owned): a usage error. Targets are parsed, not yet checked. */
int act_parse(struct act *a, struct world *w, const json_t *params, const char *user, char **why);
void act_deinit(struct act *a);
/* Fills in why_not and able_n. */
void act_check(struct act *a);
/* What the preview is bound to: changes whenever what it showed has moved on. */
void act_version(const struct act *a, char out[17]);
/* The preview's answer. */
json_t *act_preview(const struct act *a);
/* The word that must be typed, or "" when Enter is enough. */
void act_ceremony(const struct act *a, char *out, size_t room);
/* The targets that can't be acted on, and why: an array. */
json_t *act_skipped(const struct act *a);
/* Enforces every able target and answers the request. */
void act_apply(struct act *a, struct request *r);

/* Calls back for each standing hold of a target, the last to expire first. */
void act_each_hold(const struct act *a, const char *target,
                   void (*each)(void *ctx, const struct entry *e), void *ctx);
/* The hold or lift with that number on this node, or NULL. */
struct state_entry *act_entry(const struct act *a, uint64_t seq);
/* Other active IPs of the same pool, and those left when all able targets are gone. */
size_t act_active_left(const struct act *a, const char *pool);
/* Does some able target name this IP? */
bool act_takes_ip(const struct act *a, const char *ip);
/* What waits of a selection: recipients waiting and held. */
void act_count_queue(const struct act *a, const struct target *t, uint64_t *waiting,
                     uint64_t *held);
