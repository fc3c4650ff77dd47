/* From a checked act to ledger entries: one a target, all handed to the engine at once; the answer
 * goes out when the last is written. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/act.h"
#include "control/entry_json.h"
#include "control/harm.h"
#include "control/lines.h"
#include "control/peer.h"
#include "remote/protocol.h"

// An apply on its way.
struct applying {
    struct request *request;
    size_t waiting, n;
    json_t **rows; // by target; NULL until written
    json_t *skipped;
    bool is_bulk;
    int failed; // the last fault
};

struct one {
    struct applying *applying;
    size_t i;
};

static void answer(struct applying *a)
{
    json_t *entries = json_array();
    size_t written = 0;
    for (size_t i = 0; i < a->n; i++) {
        if (a->rows[i])
            json_array_append(entries, a->rows[i]);
        written += a->rows[i] != NULL;
    }
    if (!written)
        request_fail(a->request, "failed", "the ledger could not be written (%s): nothing was done",
                     strerror(-a->failed));
    else if (a->is_bulk)
        request_answer(a->request,
                       json_pack("{s:O,s:O}", "entries", entries, "skipped", a->skipped));
    else
        request_answer(a->request, json_incref(a->rows[0]));
    json_decref(entries);
}

static void part_done(struct applying *a)
{
    struct world *w = &a->request->control->world;
    if (!--a->waiting) {
        answer(a);
        for (size_t i = 0; i < a->n; i++)
            json_decref(a->rows[i]);
        xfree(a->rows);
        json_decref(a->skipped);
        xfree(a);
    }
    world_asked(w);
}

static void on_act(void *ctx, int r, const struct entry *e, const char *hash)
{
    struct one *one = ctx;
    struct applying *a = one->applying;
    struct world *w = &a->request->control->world;
    if (r < 0 || !e) {
        a->failed = r < 0 ? r : -EIO;
        if (a->is_bulk)
            json_array_append_new(a->skipped, json_pack("{s:n,s:s}", "target", "why",
                                                        "the ledger could not be written"));
    } else {
        world_add_entry(w, e, hash);
        a->rows[one->i] = entry_json(w->state, e, hash);
    }
    xfree(one);
    part_done(a);
}

static void add_name(void *ctx, const struct entry *hold)
{
    entry_add_name(ctx, hold->name);
}

static void add_queue_hold(void *ctx, const struct entry *hold)
{
    if (hold->kind == KIND_HOLD)
        entry_add_name(ctx, hold->name);
}

// The figures that the operator saw; never a person's address.
static void add_evidence(const struct act *a, const struct target *t, struct entry *e)
{
    struct state_customer *c =
        t->kind == TARGET_CUSTOMER ? state_customer_get(a->world->state, t->customer) : NULL;
    struct state_ip *ip = t->kind == TARGET_IP ? state_ip_get(a->world->state, t->ip) : NULL;
    if (!c && !ip)
        return;
    struct counter *n = c ? &c->counter : &ip->counter;
    CLEANUP(json_decref)
    json_t *v = json_pack(
        "{s:I,s:I,s:o,s:o}", "sent_24h", (json_int_t)counter_day(n, COUNTER_DELIVERED, a->now),
        "bounced_24h", (json_int_t)counter_day(n, COUNTER_BOUNCED, a->now), "unknown_user_rate_24h",
        protocol_rate(harm_day_rate(n, COUNTER_DEAD, a->now)), "complaint_rate_24h",
        protocol_rate(harm_day_rate(n, COUNTER_COMPLAINED, a->now)));
    if (c) {
        json_object_set_new(v, "queued", json_integer((json_int_t)world_waiting(c)));
        json_object_set_new(v, "held", json_integer((json_int_t)c->held));
    }
    char *text = json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(15));
    entry_set_evidence(e, text);
    free(text); // jansson's own
}

// What is done to whom an open incident is about is part of its story; a second ack gives it back.
static void add_incident(const struct act *a, const struct target *t, struct entry *e)
{
    const struct incident *i = t->kind == TARGET_INCIDENT ? lines_get(a->world, t->seq) : NULL;
    uint32_t number = i || t->kind == TARGET_QUEUE ? 0 : lines_about(a->world, e->target);
    char text[16];
    if (i && a->kind == KIND_ACK && strcmp(i->has_it, a->user) == 0)
        entry_add_field(e, "gives_back", "yes", false);
    if (!number)
        return;
    snprintf(text, sizeof(text), "%u", number);
    entry_add_field(e, "incident", text, false);
}

static struct entry *entry_of(const struct act *a, const struct target *t)
{
    const struct state_entry *undone = a->kind == KIND_UNDO ? act_entry(a, t->seq) : NULL;
    struct entry *e =
        entry_new(a->kind, a->user, undone ? undone->entry->target : t->text, a->reason);
    e->at = a->now;
    if (a->span != USEC_NEVER)
        e->expires_at = a->now + a->span;
    if (undone)
        entry_add_name(e, undone->entry->name);
    else if (a->kind == KIND_RELEASE && t->is_all)
        state_each_standing(a->world->state, a->now, add_queue_hold, e);
    else if (kind_shape(a->kind) == SHAPE_LIFT)
        act_each_hold(a, t->text, add_name, e);
    if (a->rate)
        entry_add_field(e, "rate", a->rate, false);
    add_incident(a, t, e);
    add_evidence(a, t, e);
    return e;
}

json_t *act_skipped(const struct act *a)
{
    json_t *all = json_array();
    for (size_t i = 0; i < a->targets_n; i++)
        if (a->targets[i].why_not)
            json_array_append_new(all, json_pack("{s:s,s:o}", "target", a->targets[i].t.text, "why",
                                                 protocol_text(a->targets[i].why_not)));
    return all;
}

void act_apply(struct act *act, struct request *r)
{
    struct world *w = act->world;
    struct applying *a = xcalloc(1, sizeof(*a));
    *a = (struct applying){.request = r,
                           .waiting = 1,
                           .rows = xcalloc(act->able_n, sizeof(json_t *)),
                           .skipped = act_skipped(act),
                           .is_bulk = act->targets_n > 1};
    // Entries are made before any is enforced: one does not change what the next one shows.
    struct entry **entries = xcalloc(act->able_n, sizeof(struct entry *));
    for (size_t i = 0; i < act->targets_n; i++)
        if (!act->targets[i].why_not)
            entries[a->n++] = entry_of(act, &act->targets[i].t);
    world_ask(w);
    for (size_t i = 0; i < a->n; i++) {
        struct one *one = xcalloc(1, sizeof(*one));
        *one = (struct one){.applying = a, .i = i};
        a->waiting++;
        world_ask(w);
        w->engine->act(w->engine->ctx, entries[i], on_act, one);
    }
    xfree(entries);
    part_done(a);
}
