#include "control/act.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/text.h"
#include "control/lines.h"
#include "control/peer.h"
#include "control/suppress.h"
#include "remote/protocol.h"

void act_deinit(struct act *a)
{
    for (size_t i = 0; i < a->targets_n; i++)
        xfree(a->targets[i].why_not);
    xfree(a->targets);
    xfree(a->rate);
    xfree(a->reason);
}

static enum target_kind target_kind_of(const struct command *c)
{
    switch (c->arguments) {
    case ARGUMENTS_IPS:
        return TARGET_IP;
    case ARGUMENTS_QUEUE:
        return TARGET_QUEUE;
    case ARGUMENTS_LANES:
        return TARGET_LANE;
    case ARGUMENTS_ENTRY:
        return TARGET_LOG;
    case ARGUMENTS_INCIDENT:
    case ARGUMENTS_NOTE:
        return TARGET_INCIDENT;
    case ARGUMENTS_WHOM:
    case ARGUMENTS_NONE:
    case ARGUMENTS_CUSTOMERS:
    case ARGUMENTS_CUSTOMER:
    case ARGUMENTS_TARGET:
    case ARGUMENTS_FILE:
    case ARGUMENTS_FILES:
    case ARGUMENTS_ADDRESSES:
    case ARGUMENTS_WORDS:
        return TARGET_CUSTOMER;
    }
    return TARGET_CUSTOMER;
}

static bool is_there(const struct act *a, const char *text)
{
    for (size_t i = 0; i < a->targets_n; i++)
        if (strcmp(a->targets[i].t.text, text) == 0)
            return true;
    return false;
}

static int parse_targets(struct act *a, const json_t *targets, char **why)
{
    enum target_kind kind = target_kind_of(a->command);
    size_t i, n = json_array_size(targets);
    const json_t *item;
    if (!n || n > PROTOCOL_TARGETS) {
        *why = xasprintf("targets: expected 1 to %d of them", (int)PROTOCOL_TARGETS);
        return 1;
    }
    if (n > 1 && a->kind == KIND_UNDO) {
        *why = xstrdup("undo takes one entry at a time");
        return 1;
    }
    a->targets = xcalloc(n, sizeof(*a->targets));
    json_array_foreach(targets, i, item)
    {
        const char *text = json_string_value(item);
        CLEANUP(xfree) char *wrong = NULL;
        struct act_target *t = &a->targets[a->targets_n];
        if (!text || target_parse_kind(&t->t, kind, text, &wrong)) {
            *why = xasprintf("targets: %s", wrong ? wrong : "expected text");
            return 1;
        }
        a->targets_n += !is_there(a, t->t.text); // said twice is once
    }
    return 0;
}

static usec_t default_span(const struct act *a)
{
    const struct control_settings *s = &a->world->settings;
    const struct {
        enum kind kind;
        usec_t span;
    } rows[] = {
        {KIND_WARN, s->expiry_warn},       {KIND_THROTTLE, s->expiry_throttle},
        {KIND_SUSPEND, s->expiry_suspend}, {KIND_PULL, s->expiry_pull},
        {KIND_DRAIN, s->expiry_drain},     {KIND_HOLD, s->expiry_hold},
        {KIND_PAUSE, s->expiry_pause},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].kind == a->kind && rows[i].span > 0 && rows[i].span != USEC_NEVER)
            return rows[i].span;
    return CONTROL_EXPIRY_HOURS * USEC_HOUR;
}

static bool takes(const struct act *a, enum command_option_bit bit)
{
    return a->command->options & bit;
}

static int parse_span(struct act *a, const char *text, char **why)
{
    a->span = USEC_NEVER;
    if (!takes(a, OPTION_FOR) && text[0]) {
        *why = xasprintf("%s has no end: for does not fit", a->command->words);
        return 1;
    }
    if (!takes(a, OPTION_FOR))
        return 0;
    a->span = default_span(a);
    if (text[0] && !text_parse_duration(&a->span, text)) {
        *why = xstrdup("for: expected a duration like 4h");
        return 1;
    }
    return 0;
}

static int parse_rate(struct act *a, const char *text, char **why)
{
    uint32_t count;
    usec_t per;
    if (!takes(a, OPTION_RATE) && text[0]) {
        *why = xasprintf("%s takes no rate", a->command->words);
        return 1;
    }
    if (!takes(a, OPTION_RATE))
        return 0;
    a->rate = xstrdup(text[0] ? text : a->world->settings.throttle_rate);
    if (!text_parse_rate(&count, &per, a->rate)) {
        *why = xstrdup("rate: expected one like 100/h");
        return 1;
    }
    return 0;
}

static int parse_reason(struct act *a, const char *text, char **why)
{
    if (strlen(text) > 1000) {
        *why = xstrdup("reason: expected at most 1,000 bytes");
        return 1;
    }
    text += strspn(text, " \t\r\n");
    a->reason = text_visible_new(bytes_str(text));
    return 0;
}

int act_parse(struct act *a, struct world *w, const json_t *params, const char *user, char **why)
{
    const char *words = protocol_get_text(params, "command", "");
    *a = (struct act){.world = w, .command = command_get(words), .now = clock_wall()};
    snprintf(a->user, sizeof(a->user), "%s", user);
    if (!a->command || a->command->kind != COMMAND_ACT || !kind_parse(&a->kind, words)) {
        *why = xstrdup("command: expected warn, throttle, suspend, restore, pull, return, drain, "
                       "pause, resume, hold, release, undo, ack, resolve or note");
        return 1;
    }
    a->version = protocol_get_text(params, "version", NULL);
    a->typed = protocol_get_text(params, "typed", NULL);
    return parse_targets(a, json_object_get(params, "targets"), why) ||
           parse_span(a, protocol_get_text(params, "for", ""), why) ||
           parse_rate(a, protocol_get_text(params, "rate", ""), why) ||
           parse_reason(a, protocol_get_text(params, "reason", ""), why);
}

void act_each_hold(const struct act *a, const char *target,
                   void (*each)(void *ctx, const struct entry *e), void *ctx)
{
    const struct state_entry *se = map_get_str(&a->world->state->by_target, target);
    for (; se && se->entry->expires_at > a->now; se = se->next_of_target)
        each(ctx, se->entry);
}

struct state_entry *act_entry(const struct act *a, uint64_t seq)
{
    struct entry_name name = {.seq = seq};
    if (!node_id_parse(&name.node, a->world->settings.node_id))
        return NULL;
    struct state_entry *se = state_entry_get(a->world->state, name);
    return se && se->entry ? se : NULL;
}

bool act_takes_ip(const struct act *a, const char *ip)
{
    for (size_t i = 0; i < a->targets_n; i++)
        if (!a->targets[i].why_not && strcmp(a->targets[i].t.ip, ip) == 0)
            return true;
    return false;
}

size_t act_active_left(const struct act *a, const char *pool)
{
    struct map_item *item;
    size_t n = 0;
    for (size_t i = 0; (item = map_next(&a->world->state->ips, &i));) {
        const struct state_ip *ip = item->value;
        n += strcmp(ip->pool, pool) == 0 && world_ip_is_active(a->world, ip, a->now) &&
             !act_takes_ip(a, ip->address);
    }
    return n;
}

// Sums of a selection. List and IP are not known of a queue: with them it is an upper bound.
struct counting {
    const struct target *t;
    uint64_t waiting, held;
};

static bool fits(const char *wanted, const char *is)
{
    return !wanted[0] || strcmp(wanted, is) == 0;
}

static void count_row(void *to, const struct control_queue_row *r)
{
    struct counting *c = to;
    if (!fits(c->t->customer, r->customer) || !fits(c->t->provider, r->provider) ||
        !fits(c->t->pool, r->pool))
        return;
    c->waiting += r->waiting;
    c->held += r->held;
}

void act_count_queue(const struct act *a, const struct target *t, uint64_t *waiting, uint64_t *held)
{
    struct counting c = {.t = t};
    a->world->engine->each_queue(a->world->engine->ctx, count_row, &c);
    *waiting = c.waiting;
    *held = c.held;
}

static void hash_hold(void *ctx, const struct entry *e)
{
    buf_printf(ctx, " %ju/%ju", (uintmax_t)e->name.node.v, (uintmax_t)e->name.seq);
}

// An IP's preview speaks of the pool's other addresses too.
static void hash_pool(const struct act *a, const char *address, struct buf *b)
{
    const struct state_ip *its = state_ip_get(a->world->state, address);
    struct map_item *item;
    for (size_t i = 0; its && (item = map_next(&a->world->state->ips, &i));) {
        const struct state_ip *ip = item->value;
        if (strcmp(ip->pool, its->pool) == 0)
            buf_printf(b, " %s=%d", ip->address, world_ip_is_active(a->world, ip, a->now));
    }
}

void act_version(const struct act *a, char out[17])
{
    CLEANUP(buf_deinit) struct buf b = {0};
    for (size_t i = 0; i < a->targets_n; i++) {
        const struct target *t = &a->targets[i].t;
        buf_printf(&b, "\n%s", t->text);
        if (t->kind == TARGET_QUEUE && t->is_all) // its release lifts every hold
            state_each_standing(a->world->state, a->now, hash_hold, &b);
        else
            act_each_hold(a, t->text, hash_hold, &b);
        if (t->kind == TARGET_LANE) { // all of the provider may be paused
            CLEANUP(xfree) char *provider = xasprintf("provider:%s", t->provider);
            act_each_hold(a, provider, hash_hold, &b);
        }
        const struct incident *incident =
            t->kind == TARGET_INCIDENT ? lines_get(a->world, t->seq) : NULL;
        if (incident)
            buf_printf(&b, " %s %d", incident->has_it, incident->closed_at != 0);
        if (t->kind == TARGET_IP)
            hash_pool(a, t->ip, &b);
        if (t->kind == TARGET_LOG) {
            const struct state_entry *se = act_entry(a, t->seq);
            buf_printf(&b, " %d",
                       se ? (int)se->is_lifted + 2 * state_stands(a->world->state, se, a->now)
                          : -1);
        }
        if (t->kind == TARGET_CUSTOMER) {
            const struct state_customer *c = state_customer_get(a->world->state, t->customer);
            buf_printf(&b, " %s", c ? c->contact : "");
        }
    }
    snprintf(out, 17, "%016jx", (uintmax_t)hash_sip(hash_process_key(), buf_bytes(&b)));
}

static bool is_alone_refused(const struct act *a, struct request *r)
{
    if (a->able_n)
        return false;
    request_fail(r, "refused", "%s", a->targets[0].why_not);
    return true;
}

static void apply(struct act *a, struct request *r)
{
    char version[17], word[TEXT_NAME];
    act_version(a, version);
    if (a->version && strcmp(a->version, version) != 0) {
        request_fail(r, "stale",
                     "what the preview showed has moved on; nothing was done, look again");
        return;
    }
    act_check(a);
    if (is_alone_refused(a, r))
        return;
    act_ceremony(a, word, sizeof(word));
    if (!a->reason[0] && a->kind == KIND_NOTE)
        request_fail(r, "usage", "a note needs its text");
    else if (!a->reason[0] && a->command->needs_reason)
        request_fail(r, "usage", "a reason is needed: it stands in the ledger");
    else if (a->version && word[0] && (!a->typed || strcmp(a->typed, word) != 0))
        request_fail(r, "refused", "nothing was done: this wants `%s` typed first", word);
    else
        act_apply(a, r);
}

void act_run(struct request *r, const json_t *params)
{
    if (!suppress_undo_run(r, params))
        act_run_folded(r, params);
}

void act_run_folded(struct request *r, const json_t *params)
{
    struct act a;
    CLEANUP(xfree) char *why = NULL;
    const char *phase = protocol_get_text(params, "phase", "");
    if (act_parse(&a, &r->control->world, params, request_peer(r)->user, &why)) {
        request_fail(r, "usage", "%s", why);
    } else if (strcmp(phase, "apply") == 0) {
        apply(&a, r);
    } else if (strcmp(phase, "preview") == 0) {
        act_check(&a);
        if (!is_alone_refused(&a, r))
            request_answer(r, act_preview(&a));
    } else {
        request_fail(r, "usage", "phase: expected preview or apply");
    }
    act_deinit(&a);
}
