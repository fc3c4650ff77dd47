/* `explain`: why it is as it is, in words. A customer and an address are told from the state at once; a
 * message and a recipient from what waits and what was remembered, which the store is asked for. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "control/conversation.h"
#include "control/harm.h"
#include "control/lines.h"
#include "control/page.h"
#include "control/peer.h"
#include "control/suppress.h"
#include "control/table.h"
#include "core/health.h"
#include "core/reputation.h"
#include "remote/format.h"
#include "remote/protocol.h"
#include "store/history.h"
#include "store/spool.h"
#include "store/suppress.h"

enum { LINE = 900, MESSAGES = 10, EVENTS = 20, LANES = 20, SAID = 3 };

// An explanation on its way.
struct explaining {
    struct request *request;
    struct world *world;
    usec_t now;
    char *target, *title;
    json_t *lines, *conversations, *reports; // the last two NULL where there can be none
    size_t n;                                // what was found by the store
    bool is_domain_asked;
};

static struct explaining *explaining_new(struct request *r, const char *target)
{
    struct explaining *x = xcalloc(1, sizeof(*x));
    x->request = r;
    x->world = &r->control->world;
    x->now = clock_wall();
    x->target = xstrdup(target);
    x->title = xstrdup(target);
    x->lines = json_array();
    return x;
}

static void explaining_free(struct explaining *x)
{
    json_decref(x->lines);
    json_decref(x->conversations);
    json_decref(x->reports);
    xfree(x->target);
    xfree(x->title);
    xfree(x);
}

static void answer(struct explaining *x)
{
    request_answer(x->request,
                   json_pack("{s:o,s:o,s:O,s:O*,s:O*}", "target", protocol_text(x->target), "title",
                             protocol_text(x->title), "lines", x->lines, "conversations",
                             x->conversations, "reports", x->reports));
    explaining_free(x);
}

static void refuse(struct explaining *x, const char *why)
{
    request_fail(x->request, "refused", "%s", why);
    explaining_free(x);
}

static void say(struct explaining *x, const char *head, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct explaining *x, const char *head, const char *format, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    json_array_append_new(x->lines,
                          json_pack("{s:s,s:o}", "head", head, "text", protocol_text(line)));
}

static const char *full(char out[FORMAT_TEXT], uint64_t n)
{
    format_count_full(out, (int64_t)n);
    return out;
}

// ---- a customer

static void say_standing(struct explaining *x, const struct state_customer *c)
{
    char until[FORMAT_TEXT], rate[TEXT_VALUE];
    const struct entry *why;
    uint32_t count;
    usec_t per;
    enum standing s = state_standing(x->world->state, c->name, "", x->now, &why);
    if (!why) {
        say(x, "now", "%s: nothing stands against it; pool %s", standing_text(s),
            world_pool_of(x->world, c));
    } else {
        format_time(until, why->expires_at, x->now);
        say(x, "now", "%s until %s by %s (log:%ju): %s; pool %s", standing_text(s), until,
            why->actor, (uintmax_t)why->name.seq, why->reason, world_pool_of(x->world, c));
    }
    if (s == STANDING_SUSPENDED) {
        say(x, "limits", "its new mail is refused with %u, what waits is held",
            x->world->settings.refusal);
    } else if (state_throttle(x->world->state, c->name, "", x->now, &count, &per)) {
        text_format_rate(rate, count, per);
        say(x, "limits", "at most %s of its recipients; what is over it gets 450 and comes again",
            rate);
    } else if (c->rate_per) {
        text_format_rate(rate, c->rate, c->rate_per);
        say(x, "limits", "its own limit: %s recipients", rate);
    } else {
        say(x, "limits", "no limit of its own: it shares each provider's with the others");
    }
}

// "warn 2 %, throttle 4 %, suspend 5 %"; of traps numbers.
static void limits_text(char *out, size_t room, const struct reputation_harm *h, enum harm harm)
{
    bool is_count = harm == HARM_TRAP;
    size_t n = 0;
    snprintf(out, room, "none");
    for (int rung = 0; rung < RUNG_N && n < room; rung++)
        if (h->rate[rung] > 0)
            n += (size_t)snprintf(out + n, room - n, "%s%s %.3g%s", n ? ", " : "",
                                  rung_text((enum rung)rung), h->rate[rung] * (is_count ? 1 : 100),
                                  is_count ? "" : " %");
}

// "dead recipients 6.4 %, 213 of 3,322 in 24 h; limits: warn 2 %, suspend 5 %; 62 of 100 on the way to suspend"
static void say_harm(struct explaining *x, const char *customer, enum harm harm)
{
    const struct control_engine *e = x->world->engine;
    struct reputation_harm h;
    char rate[FORMAT_TEXT], bad[FORMAT_TEXT], of[FORMAT_TEXT], limits[80], level[80] = "";
    if (!e->harm || !e->harm(e->ctx, customer, harm, &h) || (!h.bad && h.level < 1))
        return;
    if (h.level >= 1)
        snprintf(level, sizeof(level), "; %.0f of 100 on the way to %s", h.level,
                 rung_text(h.next));
    limits_text(limits, sizeof(limits), &h, harm);
    full(bad, h.bad);
    if (harm == HARM_TRAP) {
        say(x, "harm", "%s: %s in 7 days; at: %s%s", harm_text(harm), bad, limits, level);
        return;
    }
    format_rate(rate, counter_rate(h.bad, h.of));
    say(x, "harm", "%s %s %%, %s of %s in 24 h; limits: %s%s", harm_text(harm), rate, bad,
        full(of, h.of), limits, level);
}

static void say_incident(struct explaining *x, const char *subject)
{
    uint32_t number = lines_about(x->world, subject);
    const struct incident *i = number ? lines_get(x->world, number) : NULL;
    if (i)
        say(x, "incident", "%u: %s; %s", number, i->what, i->cause);
}

static void say_hold(struct explaining *x, const struct state_path *path)
{
    char until[FORMAT_TEXT];
    const struct entry *hold = state_hold(x->world->state, path, x->now);
    if (!hold)
        return;
    format_time(until, hold->expires_at, x->now);
    say(x, "held", "%s is held until %s by %s (log:%ju): %s", hold->target, until, hold->actor,
        (uintmax_t)hold->name.seq, hold->reason);
}

static void say_next(struct explaining *x, const struct state_customer *c)
{
    const struct control_engine *e = x->world->engine;
    const struct entry *why;
    struct reputation_rung rung;
    char at[FORMAT_TEXT];
    state_standing(x->world->state, c->name, "", x->now, &why);
    if (why && why->expires_at != USEC_NEVER) {
        CLEANUP(buf_deinit) struct buf end = {0};
        format_time(at, why->expires_at, x->now);
        lines_end(&end, x->world, why);
        say(x, "next", "%s %s, unless its mail gives a new reason", at, (const char *)end.p);
    }
    if (e->next_rung && e->next_rung(e->ctx, c->name, &rung))
        say(x, "next", "at 100 the engine would %s it for %s; it is at %.0f", rung_text(rung.next),
            harm_text(rung.harm), rung.level);
    else if (!why)
        say(x, "next", "nothing by itself: there is no evidence against it");
}

static void explain_customer(struct explaining *x, const struct target *t)
{
    char sent[FORMAT_TEXT], queued[FORMAT_TEXT], held[FORMAT_TEXT];
    struct state_customer *c = state_customer_get(x->world->state, t->customer);
    if (!c) {
        CLEANUP(xfree)
        char *why = xasprintf("there is no customer %s; customers lists them", t->customer);
        refuse(x, why);
        return;
    }
    say_standing(x, c);
    say_hold(x, &(struct state_path){.customer = c->name, .list = t->list});
    say(x, "mail", "%s delivered in 24 h; %s queued, %s held",
        full(sent, counter_day(&c->counter, COUNTER_DELIVERED, x->now)),
        full(queued, world_waiting(c)), full(held, c->held));
    for (int harm = 0; harm < HARM_N; harm++)
        say_harm(x, c->name, (enum harm)harm);
    CLEANUP(xfree) char *subject = xasprintf("customer:%s", c->name);
    say_incident(x, subject);
    say_next(x, c);
    answer(x);
}

// ---- an address

struct lanes {
    struct explaining *x;
    const char *ip;
    size_t n;
};

static void say_lane(void *to, const struct control_lane_row *r)
{
    struct lanes *l = to;
    struct explaining *x = l->x;
    char until[FORMAT_TEXT] = "", rate[FORMAT_TEXT];
    bool is_quiet = strcmp(r->lane_state, "fine") == 0 || strcmp(r->lane_state, "idle") == 0;
    if (strcmp(r->ip, l->ip) != 0 || is_quiet || ++l->n > LANES)
        return;
    if (r->until)
        format_time(until, r->until, x->now);
    format_rate(rate, r->deferred_rate);
    say(x, "lane", "%s: %s%s%s, %s %% deferred in 1 h%s%s", r->provider, r->lane_state,
        until[0] ? " until " : "", until, rate, r->last_reply && r->last_reply[0] ? ": " : "",
        r->last_reply ? r->last_reply : "");
}

static void say_health(struct explaining *x, const char *ip)
{
    const struct control_engine *e = x->world->engine;
    struct health h;
    if (!e->ip_health || !e->ip_health(e->ctx, ip, &h)) {
        say(x, "health", "not known: too little traffic");
        return;
    }
    say(x, "health", "%.0f of 100", h.score);
    for (int i = 0; i < HEALTH_N; i++)
        if (h.texts[i][0] && h.parts[i] >= 0.5)
            say(x, "health", "-%.0f %s: %s", h.parts[i], health_what_text((enum health_what)i),
                h.texts[i]);
}

static void explain_ip(struct explaining *x, const struct target *t)
{
    char until[FORMAT_TEXT], sent[FORMAT_TEXT];
    const struct entry *why;
    struct state_ip *ip = state_ip_get(x->world->state, t->ip);
    struct lanes lanes = {.x = x, .ip = t->ip};
    if (!ip || !ip->is_configured) {
        CLEANUP(xfree) char *text = xasprintf("no pool has the IP %s; ips lists them", t->ip);
        refuse(x, text);
        return;
    }
    enum rotation r = state_rotation(x->world->state, ip->address, x->now, &why);
    if (why) {
        format_time(until, why->expires_at, x->now);
        say(x, "now", "%s until %s by %s (log:%ju): %s; pool %s", rotation_text(r), until,
            why->actor, (uintmax_t)why->name.seq, why->reason, ip->pool);
        say(x, "next", "%s %s returned", until, ip->address);
    } else {
        say(x, "now", "%s in pool %s, %s delivered in 1 h", rotation_text(r), ip->pool,
            full(sent, counter_hour(&ip->counter, COUNTER_DELIVERED, x->now)));
    }
    if (!ip->is_here)
        say(x, "now", "this machine does not have the address: nothing is sent over it");
    x->world->engine->each_lane(x->world->engine->ctx, say_lane, &lanes);
    if (!lanes.n)
        say(x, "lane", "no lane of it is in trouble");
    say_health(x, ip->address);
    say_incident(x, t->text);
    answer(x);
}

// ---- messages, and whoever they are for

static void say_limits(struct explaining *x, const char *provider)
{
    const struct control_engine *e = x->world->engine;
    struct control_limits l = {0};
    char rate[TEXT_VALUE];
    if (!provider[0])
        return;
    e->limits(e->ctx, provider, &l);
    if (l.rate)
        text_format_rate(rate, l.rate, l.rate_per);
    say(x, "limits", "%s: %u connections an IP, %u in all, %s an IP (0: no limit)", provider,
        l.connections, l.connections_all, l.rate ? rate : "no rate");
    if (e->is_incident && e->is_incident(e->ctx, provider))
        say(x, "provider", "%s has an outage of its own; it is tried with care until that ends",
            provider);
}

static void say_waiting(struct explaining *x, const struct spool_message *m,
                        const struct spool_recipient *r)
{
    const struct control_engine *e = x->world->engine;
    char why[400] = "", at[FORMAT_TEXT], accepted[FORMAT_TEXT], id[ID_MESSAGE_TEXT];
    message_id_format(id, m->id);
    format_time(accepted, m->accepted_at, x->now);
    say(x, "now", "%s of %s waits for %s since %s, after %u tries", id, m->customer, r->address,
        accepted, r->attempts);
    e->why(e->ctx, m, r->no, why, sizeof(why));
    say(x, "why", "%s", why);
    if (r->last_reply[0])
        say(x, "answer", "%s", r->last_reply);
    if (r->next_try_at >= SPOOL_HELD) {
        say(x, "next", "when what holds it ends");
    } else {
        format_time(at, r->next_try_at, x->now);
        say(x, "next", r->next_try_at <= x->now ? "due now, in its turn" : "tried at %s", at);
    }
    say_limits(x, r->provider);
}

// Only what there was: an address that was refused has no message, a message that was taken no way out.
static void say_outcome(struct explaining *x, const struct outcome *o)
{
    static const struct message_id none;
    char at[FORMAT_TEXT], id[ID_MESSAGE_TEXT];
    CLEANUP(buf_deinit) struct buf line = {0};
    format_time(at, o->at, x->now);
    buf_printf(&line, "%s", at);
    if (!message_id_equal(o->message, none)) {
        message_id_format(id, o->message);
        buf_printf(&line, " %s", id);
    }
    buf_printf(&line, " %s", outcome_kind_text(o->kind));
    if (o->recipient[0])
        buf_printf(&line, " for %s", o->recipient);
    if (o->ip[0])
        buf_printf(&line, " over %s", o->ip);
    if (o->provider[0])
        buf_printf(&line, " to %s", o->provider);
    if (o->class != CLASS_DELIVERED)
        buf_printf(&line, ": %s of scope %s", class_text(o->class), scope_text(o->scope));
    if (o->phase != PHASE_NONE)
        buf_printf(&line, ", in phase %s", phase_text(o->phase));
    if (o->reply[0])
        buf_printf(&line, ": %s", o->reply);
    say(x, "was", "%.*s", (int)line.n, (const char *)line.p);
}

// What was said or told of it last, oldest first.
static void on_trails(void *ctx, const struct trail *trails, size_t n)
{
    struct explaining *x = ctx;
    struct world *w = x->world;
    for (size_t i = n; i-- > 0;)
        conversation_explain(x->lines, &trails[i], x->now);
    x->conversations = conversation_list(trails, n, TRAIL_CONVERSATION);
    x->reports = conversation_list(trails, n, TRAIL_REPORT);
    answer(x);
    world_asked(w);
}

static bool is_failure(const struct outcome *o)
{
    return o->kind == OUTCOME_DEFERRED || o->kind == OUTCOME_BOUNCED ||
           o->kind == OUTCOME_EXPIRED || o->kind == OUTCOME_COMPLAINED;
}

// Of a message all of it; of a recipient that of its newest failure. False: there is none to ask for.
static bool ask_trail(struct explaining *x, const struct outcome *outcomes, size_t n)
{
    struct message_id id;
    uint32_t no = UINT32_MAX;
    bool is_message = strncmp(x->target, "message:", 8) == 0;
    const struct outcome *failure = NULL;
    for (size_t i = n; i-- > 0;)
        if (is_failure(&outcomes[i]))
            failure = &outcomes[i]; // they come newest first
    if (is_message && !message_id_parse(&id, x->target + 8))
        return false;
    if (!is_message && !failure)
        return false;
    if (!is_message) {
        id = failure->message;
        no = failure->recipient_no;
    }
    trail_list(x->world->store, id, no, SAID, on_trails, x);
    return true;
}

static void on_outcomes(void *ctx, const struct outcome *outcomes, size_t n)
{
    struct explaining *x = ctx;
    struct world *w = x->world;
    for (size_t i = 0; i < n && i < EVENTS; i++)
        say_outcome(x, &outcomes[i]);
    x->n += n;
    if (!x->n)
        refuse(x, "nothing of it waits or is remembered here");
    else if (ask_trail(x, outcomes, n))
        return;
    else
        answer(x);
    world_asked(w);
}

static void ask_history(struct explaining *x)
{
    bool is_message = strncmp(x->target, "message:", 8) == 0;
    struct history_query q = {.newest_first = true,
                              .limit = EVENTS,
                              .message = is_message ? x->target + 8 : NULL,
                              .recipient = is_message ? NULL : x->target};
    history_list(x->world->store, &q, on_outcomes, x);
}

static void ask_suppressed(struct explaining *x, const char *what);

static void on_suppressed(void *ctx, const struct suppress_row *rows, size_t n, bool has_more)
{
    struct explaining *x = ctx;
    const char *at = strrchr(x->target, '@');
    char words[SUPPRESS_WORDS];
    (void)has_more;
    for (size_t i = 0; i < n; i++) {
        bool is_over = suppression_usec(rows[i].s.until) <= x->now;
        suppress_row_words(words, &rows[i], x->now);
        if (!is_over)
            say(x, "suppressed", "%s", words);
        x->n += !is_over;
    }
    if (x->is_domain_asked)
        ask_history(x);
    else
        ask_suppressed(x, at);
}

// The address, then its domain, then what is remembered.
static void ask_suppressed(struct explaining *x, const char *what)
{
    x->is_domain_asked = what != x->target;
    suppress_list(x->world->store,
                  &(struct suppress_query){.what = what, .has_suspects = true, .limit = MESSAGES},
                  on_suppressed, x);
}

static void on_message(void *ctx, struct spool_message *m)
{
    struct explaining *x = ctx;
    for (size_t i = 0; m && i < m->recipients_n && i < EVENTS; i++)
        say_waiting(x, m, &m->recipients[i]);
    x->n += m != NULL;
    spool_message_free(m);
    ask_history(x);
}

static void on_messages(void *ctx, struct spool_message **messages, size_t n)
{
    struct explaining *x = ctx;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < messages[i]->recipients_n; k++)
            say_waiting(x, messages[i], &messages[i]->recipients[k]);
        spool_message_free(messages[i]);
    }
    x->n += n;
    xfree(messages);
    ask_suppressed(x, x->target);
}

static void explain_stored(struct explaining *x, const struct target *message)
{
    struct message_id id;
    if (!x->world->store) {
        refuse(x, "there is no store to ask");
    } else if (!message) {
        world_ask(x->world);
        spool_list_to(x->world->store, x->target, MESSAGES, on_messages, x);
    } else if (!message_id_parse(&id, message->message)) {
        refuse(x, "no message has such an id");
    } else {
        world_ask(x->world);
        spool_find(x->world->store, id, on_message, x);
    }
}

static bool is_recipient(const char *text)
{
    const char *at = strrchr(text, '@');
    return at && at > text && at[1] && strlen(text) <= 320 && !strpbrk(text, " \t\r\n");
}

void explain_run(struct request *r, const json_t *params)
{
    struct target t;
    CLEANUP(xfree) char *why = NULL;
    const char *text = protocol_get_text(params, "target", "");
    bool has_target = !target_parse(&t, text, &why);
    if (!has_target && is_recipient(text)) {
        explain_stored(explaining_new(r, text), NULL);
        return;
    }
    if (!has_target) {
        request_fail(r, "usage", "target: %s", why);
        return;
    }
    if (t.kind == TARGET_CUSTOMER)
        explain_customer(explaining_new(r, t.text), &t);
    else if (t.kind == TARGET_IP)
        explain_ip(explaining_new(r, t.text), &t);
    else if (t.kind == TARGET_MESSAGE)
        explain_stored(explaining_new(r, t.text), &t);
    else
        request_fail(r, "usage",
                     "target: expected customer:ID, ip:ADDR, message:ID or a recipient's address");
}
