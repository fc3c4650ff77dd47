/* The preview: now, will, others, ends, guard, in plain words, from the state and the tables, before
 * anything happens. What several targets have in common is said once. */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/act.h"
#include "control/harm.h"
#include "control/lines.h"
#include "remote/format.h"
#include "remote/protocol.h"

enum { LINE = 700, BULK_ROWS = 50 };

// The lists of lines that are being written.
struct words {
    const struct act *a;
    json_t *now, *will, *others, *guard;
};

static void say(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(json_t *list, const char *format, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    json_array_append_new(list, protocol_text(line));
}

static const char *name_of(const struct target *t)
{
    return strchr(t->text, ':') + 1;
}

static const char *full(char out[FORMAT_TEXT], uint64_t n)
{
    format_count_full(out, (int64_t)n);
    return out;
}

// "suspended until 16:04Z, for 6 m by ana (12): dead recipients 6.4 %"
static void say_standing(struct words *w, const struct target *t)
{
    char age[FORMAT_TEXT], until[FORMAT_TEXT], rate[TEXT_VALUE] = "";
    const struct act *a = w->a;
    const struct entry *why;
    uint32_t count;
    usec_t per;
    enum standing s = state_standing(a->world->state, t->customer, t->list, a->now, &why);
    if (!why) {
        say(w->now, "%s", standing_text(s));
        return;
    }
    if (s == STANDING_THROTTLED &&
        state_throttle(a->world->state, t->customer, t->list, a->now, &count, &per))
        text_format_rate(rate, count, per);
    format_age(age, why->at, a->now);
    format_time(until, why->expires_at, a->now);
    say(w->now, "%s%s%s until %s, for %s by %s (%ju): %s", standing_text(s), rate[0] ? " to " : "",
        rate, until, age, why->actor, (uintmax_t)why->name.seq, why->reason);
}

static void say_customer_now(struct words *w, const struct target *t)
{
    char sent[FORMAT_TEXT], queued[FORMAT_TEXT], held[FORMAT_TEXT], harm[LINE];
    const struct act *a = w->a;
    struct state_customer *c = state_customer_get(a->world->state, t->customer);
    say_standing(w, t);
    say(w->now, "%s sent in 24 h; %s queued, %s held",
        full(sent, counter_day(&c->counter, COUNTER_DELIVERED, a->now)),
        full(queued, world_waiting(c)), full(held, c->held));
    harm_line(harm, sizeof(harm), &c->counter, a->now);
    if (harm[0])
        say(w->now, "%s", harm);
}

static void say_suspend(struct words *w, const struct target *t)
{
    char n[FORMAT_TEXT];
    const struct act *a = w->a;
    const struct state_customer *c = state_customer_get(a->world->state, t->customer);
    const char *code = a->world->settings.refusal == 550 ? "550 5.7.1" : "450 4.7.1";
    if (t->list[0]) {
        say(w->will, "refuse new mail of list %s with %s; %s's other mail goes on", t->list, code,
            t->customer);
        say(w->will, "keep what waits of the list; nothing is deleted");
        return;
    }
    say(w->will, "refuse its new mail with %s, all lists and transactional", code);
    say(w->will,
        c->queued == 1 ? "keep %s message that waits; nothing is deleted"
                       : "keep %s messages that wait; nothing is deleted",
        full(n, c->queued));
}

struct restoring {
    struct words *words;
    size_t n;
};

static void say_lift(void *ctx, const struct entry *e)
{
    struct restoring *r = ctx;
    if (++r->n <= 5)
        say(r->words->will, "lift: %s by %s (log:%ju)", kind_text(e->kind), e->actor,
            (uintmax_t)e->name.seq);
}

static void say_lifts(struct words *w, const char *target)
{
    struct restoring r = {.words = w};
    act_each_hold(w->a, target, say_lift, &r);
    if (r.n > 5)
        say(w->will, "and %zu more", r.n - 5);
}

static void say_customer_will(struct words *w, const struct target *t)
{
    char n[FORMAT_TEXT];
    const struct act *a = w->a;
    const struct state_customer *c = state_customer_get(a->world->state, t->customer);
    switch ((int)a->kind) {
    case KIND_WARN:
        say(w->will, "stand as warned; nothing is slowed or refused");
        break;
    case KIND_THROTTLE:
        say(w->will, "%stake at most %s of its recipients; the rest gets 450 4.7.1 and comes again",
            state_standing(a->world->state, t->customer, t->list, a->now, NULL) ==
                    STANDING_SUSPENDED
                ? "once it is suspended no more, "
                : "",
            a->rate);
        if (world_waiting(c))
            say(w->will, "%s waiting now go out as before", full(n, world_waiting(c)));
        break;
    case KIND_SUSPEND:
        say_suspend(w, t);
        break;
    default: // restore
        say_lifts(w, t->text);
        say(w->will, "take its mail again and send what waits: %s", full(n, c->queued));
    }
    say(w->others, "nobody else is touched");
}

static void say_active_others(struct words *w, const struct target *t, const char *pool)
{
    const struct act *a = w->a;
    struct map_item *item;
    char line[LINE] = "";
    size_t n = 0, seen = 0;
    for (size_t i = 0; (item = map_next(&a->world->state->ips, &i));) {
        const struct state_ip *ip = item->value;
        if (strcmp(ip->pool, pool) != 0 || !world_ip_is_active(a->world, ip, a->now) ||
            act_takes_ip(a, ip->address) || ++seen > 5)
            continue;
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%s", n ? ", " : "", ip->address);
    }
    if (seen > 5)
        say(w->others, "what waits goes over %s and %zu more of pool %s", line, seen - 5, pool);
    else if (seen)
        say(w->others, "what waits goes over %s of pool %s", line, pool);
    else
        say(w->others, "nobody's mail over pool %s leaves until %s or another is back", pool,
            t->ip);
}

struct running {
    const char *ip;
    uint64_t connections;
    char blocked[300];
};

static void count_lane(void *to, const struct control_lane_row *r)
{
    struct running *n = to;
    if (strcmp(r->ip, n->ip) != 0)
        return;
    n->connections += r->connections;
    if (r->is_blocked && !n->blocked[0])
        snprintf(n->blocked, sizeof(n->blocked), "; %s blocks it", r->provider);
}

static bool is_said(const json_t *lines, const char *text)
{
    size_t i;
    const json_t *line;
    json_array_foreach(lines, i, line)
    {
        if (strcmp(json_string_value(line), text) == 0)
            return true;
    }
    return false;
}

// A line a pool, and once what one could do instead, last.
static void say_guard(struct words *w, const char *pool)
{
    char line[LINE];
    size_t n = json_array_size(w->guard);
    if (w->a->kind == KIND_RETURN || act_active_left(w->a, pool))
        return;
    snprintf(line, sizeof(line), "%s has no other active IP: its mail waits until one is back",
             pool);
    if (is_said(w->guard, line))
        return;
    json_array_insert_new(w->guard, n ? n - 1 : 0, protocol_text(line));
    if (!n)
        say(w->guard,
            "instead: suspend the customer that does the harm, or return another IP first%s",
            w->a->kind == KIND_PULL ? "" : "; nothing is lost either way");
}

static void say_ip(struct words *w, const struct target *t)
{
    const struct act *a = w->a;
    struct state_ip *ip = state_ip_get(a->world->state, t->ip);
    struct running n = {.ip = t->ip};
    char sent[FORMAT_TEXT];
    enum rotation r = state_rotation(a->world->state, t->ip, a->now, NULL);
    a->world->engine->each_lane(a->world->engine->ctx, count_lane, &n);
    say(w->now, "%s in pool %s, %s/min over %ju connections%s", rotation_text(r), ip->pool,
        full(sent, counter_minute(&ip->counter, COUNTER_DELIVERED, a->now)),
        (uintmax_t)n.connections, n.blocked);
    if (a->kind == KIND_RETURN) {
        say_lifts(w, t->text);
        say(w->will, "send over it again, with its share of pool %s", ip->pool);
        say(w->others, "the pool's other addresses have less to carry");
        return;
    }
    if (a->kind == KIND_PULL)
        say(w->will, "start nothing new within 100 ms; deliveries in the middle end");
    else
        say(w->will, "start nothing new; what runs over it ends in peace");
    say_active_others(w, t, ip->pool);
    say_guard(w, ip->pool);
}

// What waits for the provider, and who else of ours reaches it.
static void say_lane(struct words *w, const struct target *t)
{
    const struct act *a = w->a;
    char n[FORMAT_TEXT], until[FORMAT_TEXT];
    uint64_t waiting, held;
    const struct entry *why = state_lane(a->world->state, t->ip, t->provider, a->now);
    struct target all = {.kind = TARGET_QUEUE};
    memcpy(all.provider, t->provider, sizeof(all.provider));
    act_count_queue(a, &all, &waiting, &held);
    if (why)
        format_time(until, why->expires_at, a->now);
    say(w->now, "%s%s%s; %s wait for %s", why ? "paused until " : "open", why ? until : "",
        why && strcmp(why->target, t->text) != 0 ? " with all of the provider" : "",
        full(n, waiting), t->provider);
    if (a->kind == KIND_RESUME) {
        say_lifts(w, t->text);
        say(w->will, "begin with one connection, one more at a time while it goes well");
        say(w->others, "nobody else is touched");
        return;
    }
    say(w->will, "start nothing new within 100 ms; deliveries in the middle end");
    if (t->kind == TARGET_LANE) {
        const struct state_ip *ip = state_ip_get(a->world->state, t->ip);
        say(w->others, "what waits for %s goes over the other addresses of pool %s", t->provider,
            ip ? ip->pool : "");
    } else {
        say(w->others, "mail to other providers goes on; nobody's mail goes to %s", t->provider);
    }
}

static void say_all_holds(void *ctx, const struct entry *e)
{
    struct restoring *r = ctx;
    if (e->kind == KIND_HOLD && ++r->n <= 5)
        say(r->words->will, "lift: hold of %s by %s (log:%ju)", e->target, e->actor,
            (uintmax_t)e->name.seq);
}

static void say_queue(struct words *w, const struct target *t)
{
    const struct act *a = w->a;
    char waiting_text[FORMAT_TEXT], held_text[FORMAT_TEXT];
    uint64_t waiting, held;
    act_count_queue(a, t, &waiting, &held);
    bool is_bound = t->list[0] || t->ip[0];
    say(w->now, "%s%s waiting, %s held", is_bound ? "at most " : "", full(waiting_text, waiting),
        full(held_text, held));
    if (a->kind == KIND_HOLD) {
        say(w->will, "start no delivery of it; new mail is taken and waits too");
        say(w->will, "lose nothing: what waits stays, its clock for giving up runs on");
        say(w->others, t->is_all ? "everybody's mail waits" : "all other mail goes on");
        return;
    }
    struct restoring r = {.words = w};
    if (t->is_all)
        state_each_standing(a->world->state, a->now, say_all_holds, &r);
    else
        say_lifts(w, t->text);
    say(w->will, "send what waits, in turns as always");
    say(w->others, "nobody else is touched; suspended customers' mail stays held");
}

static void say_undo(struct words *w, const struct target *t)
{
    const struct act *a = w->a;
    const struct state_entry *se = act_entry(a, t->seq);
    const struct entry *e = se->entry;
    char age[FORMAT_TEXT], until[FORMAT_TEXT];
    format_age(age, e->at, a->now);
    say(w->now, "%s %s, %s ago by %s: %s", kind_text(e->kind), e->target, age, e->actor, e->reason);
    if (kind_shape(e->kind) == SHAPE_HOLD) {
        say(w->will, "take the %s back, as if it had ended now", kind_text(e->kind));
        say(w->others, "other actions on %s stay as they are", e->target);
        return;
    }
    for (size_t i = 0; i < e->names_n && i < 5; i++) {
        struct state_entry *lifted = state_entry_get(a->world->state, e->names[i]);
        if (!lifted || !lifted->entry)
            continue;
        format_time(until, lifted->entry->expires_at, a->now);
        if (lifted->entry->expires_at > a->now)
            say(w->will, "bring back: %s of %s (log:%ju) until %s", kind_text(lifted->entry->kind),
                lifted->entry->target, (uintmax_t)lifted->entry->name.seq, until);
        else
            say(w->will, "leave %s (log:%ju): it would have ended at %s",
                kind_text(lifted->entry->kind), (uintmax_t)lifted->entry->name.seq, until);
    }
    say(w->others, "nobody else is touched");
}

static void say_incident(struct words *w, const struct target *t)
{
    const struct act *a = w->a;
    const struct incident *i = lines_get(a->world, t->seq);
    bool is_mine = strcmp(i->has_it, a->user) == 0;
    say(w->now, "%s: %s; %s has it", lines_state_text(lines_state(i)), i->what,
        lines_has_it(a->world, i, a->now));
    switch ((int)a->kind) {
    case KIND_ACK:
        if (is_mine)
            say(w->will, "take your name off it: nobody has it then");
        else
            say(w->will, "put your name (%s) on it%s%s", a->user, *i->has_it ? " in place of " : "",
                i->has_it);
        break;
    case KIND_RESOLVE:
        say(w->will, "close it; what was done in it stays as it is");
        break;
    default: // note
        say(w->will, "write the text into its story");
    }
    say(w->others, "no mail is touched");
}

static void say_target(struct words *w, const struct target *t)
{
    switch (t->kind) {
    case TARGET_CUSTOMER:
        say_customer_now(w, t);
        say_customer_will(w, t);
        return;
    case TARGET_IP:
        say_ip(w, t);
        return;
    case TARGET_QUEUE:
        say_queue(w, t);
        return;
    case TARGET_LOG:
        say_undo(w, t);
        return;
    case TARGET_LANE:
    case TARGET_PROVIDER:
        say_lane(w, t);
        return;
    case TARGET_INCIDENT:
        say_incident(w, t);
        return;
    case TARGET_MESSAGE:
    case TARGET_EVENT:
        return;
    }
}

// Several: a line each, and what is common once.
static void say_bulk(struct words *w)
{
    const struct act *a = w->a;
    size_t shown = 0;
    for (size_t i = 0; i < a->targets_n; i++) {
        const struct target *t = &a->targets[i].t;
        if (a->targets[i].why_not || ++shown > BULK_ROWS)
            continue;
        struct words one = {a, json_array(), json_array(), json_array(), w->guard};
        say_target(&one, t);
        say(w->now, "%s: %s", name_of(t), json_string_value(json_array_get(one.now, 0)));
        if (shown == 1)
            json_array_extend(w->will, one.will);
        if (shown == 1 && t->kind != TARGET_IP)
            json_array_extend(w->others, one.others);
        json_decref(one.now);
        json_decref(one.will);
        json_decref(one.others);
    }
    if (shown > BULK_ROWS)
        say(w->now, "and %zu more", shown - BULK_ROWS);
    if (!json_array_size(w->others))
        say(w->others, "what waits goes over the other active addresses of their pools");
}

void act_ceremony(const struct act *a, char *out, size_t room)
{
    out[0] = '\0';
    if (a->able_n > 1) {
        snprintf(out, room, "%zu", a->able_n);
        return;
    }
    for (size_t i = 0; i < a->targets_n; i++) {
        const struct target *t = &a->targets[i].t;
        if (a->targets[i].why_not)
            continue;
        if (a->kind == KIND_HOLD && t->is_all)
            snprintf(out, room, "all");
        const struct state_ip *ip =
            t->kind == TARGET_IP ? state_ip_get(a->world->state, t->ip) : NULL;
        if (ip && a->kind != KIND_RETURN && !act_active_left(a, ip->pool) &&
            world_ip_is_active(a->world, ip, a->now))
            snprintf(out, room, "%s", ip->pool);
    }
}

static json_t *title(const struct act *a)
{
    char what[TARGET_TEXT + 40];
    const char *verb = a->command->words;
    for (size_t i = 0; i < a->targets_n; i++)
        if (!a->targets[i].why_not) {
            const struct target *t = &a->targets[i].t;
            if (t->kind == TARGET_QUEUE)
                snprintf(what, sizeof(what), "%s", t->is_all ? "all mail" : name_of(t));
            else if (t->kind == TARGET_LOG)
                snprintf(what, sizeof(what), "action %s", name_of(t));
            else if (t->kind == TARGET_LANE || t->kind == TARGET_PROVIDER ||
                     t->kind == TARGET_INCIDENT)
                snprintf(what, sizeof(what), "%s %s", target_kind_text(t->kind), name_of(t));
            else
                snprintf(what, sizeof(what), "%s %s",
                         t->kind == TARGET_IP ? "IP"
                         : t->list[0]         ? "list"
                                              : "customer",
                         name_of(t));
        }
    if (a->able_n > 1)
        snprintf(what, sizeof(what), "%zu %s", a->able_n,
                 a->command->arguments == ARGUMENTS_IPS     ? "IPs"
                 : a->command->arguments == ARGUMENTS_LANES ? "lanes"
                 : a->targets[0].t.kind == TARGET_INCIDENT  ? "incidents"
                                                            : "customers or lists");
    CLEANUP(xfree)
    char *text = xasprintf("%c%s %s on %s", toupper((unsigned char)verb[0]), verb + 1, what,
                           a->world->settings.node);
    return protocol_text(text);
}

static json_t *ends(const struct act *a)
{
    char at[FORMAT_TEXT];
    if (kind_shape(a->kind) == SHAPE_FACT)
        return json_string("changes no mail: nothing to undo");
    if (a->span == USEC_NEVER)
        return json_string("not by itself; undo takes it back");
    format_time(at, a->now + a->span, a->now);
    return json_sprintf("%s by itself; undo takes it back before", at);
}

// What a lift takes away: "lifts suspend 9 of ana and 2 more".
struct lifting {
    const struct entry *first;
    size_t n;
};

static void count_lifted(void *ctx, const struct entry *e)
{
    struct lifting *l = ctx;
    l->first = l->n++ ? l->first : e;
}

static void count_lifted_hold(void *ctx, const struct entry *e)
{
    if (e->kind == KIND_HOLD)
        count_lifted(ctx, e);
}

static void offer_lift(const struct act *a, const struct target *t, char line[LINE])
{
    struct lifting l = {.n = 0};
    char more[40] = "";
    if (t->kind == TARGET_QUEUE && t->is_all)
        state_each_standing(a->world->state, a->now, count_lifted_hold, &l);
    else
        act_each_hold(a, t->text, count_lifted, &l);
    if (!l.n)
        return;
    if (l.n > 1)
        snprintf(more, sizeof(more), " and %zu more", l.n - 1);
    snprintf(line, LINE, "lifts %s %ju of %s%s", kind_text(l.first->kind),
             (uintmax_t)l.first->name.seq, l.first->actor, more);
}

// A reason to offer: what the evidence says; for what takes back, what it takes back.
static json_t *offered_reason(const struct act *a)
{
    char line[LINE] = "";
    const struct target *t = NULL;
    if (a->reason[0])
        return json_string(a->reason);
    for (size_t i = 0; !t && i < a->targets_n; i++)
        t = a->targets[i].why_not ? NULL : &a->targets[i].t;
    if (!t)
        return json_string(""); // nothing of it is possible: there is nothing to give a reason for
    struct state_customer *c =
        t->kind == TARGET_CUSTOMER ? state_customer_get(a->world->state, t->customer) : NULL;
    struct state_ip *ip = t->kind == TARGET_IP ? state_ip_get(a->world->state, t->ip) : NULL;
    bool is_hold = kind_shape(a->kind) == SHAPE_HOLD;
    if (kind_shape(a->kind) == SHAPE_FACT)
        return json_string(""); // what is said of an incident is one's own
    if (a->kind == KIND_UNDO)
        snprintf(line, sizeof(line), "takes %ju back", (uintmax_t)t->seq);
    else if (!is_hold && a->able_n > 1)
        snprintf(line, sizeof(line), "%ss %zu together", a->command->words, a->able_n);
    else if (!is_hold)
        offer_lift(a, t, line);
    else if (a->able_n == 1 && (c || ip))
        harm_line(line, sizeof(line), c ? &c->counter : &ip->counter, a->now);
    return json_string(line);
}

static json_t *tell(const struct act *a)
{
    static const struct {
        enum kind kind;
        const char *template;
    } templates[] = {{KIND_WARN, "warned"},
                     {KIND_THROTTLE, "throttled"},
                     {KIND_SUSPEND, "suspended"},
                     {KIND_RESTORE, "restored"}};
    const struct target *t = &a->targets[0].t;
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        if (templates[i].kind != a->kind)
            continue;
        if (!a->world->settings.tells_customer)
            return json_string("no, the policy says so");
        if (a->able_n > 1)
            return json_sprintf("yes, template \"%s\" to each that has a contact",
                                templates[i].template);
        const struct state_customer *c = state_customer_get(a->world->state, t->customer);
        if (!c || !c->contact[0])
            return json_string("no, it has no contact; customer set --contact gives it one");
        CLEANUP(xfree)
        char *text = xasprintf("yes, template \"%s\" to %s", templates[i].template, c->contact);
        return protocol_text(text);
    }
    return json_string("no");
}

static json_t *target_list(const struct act *a)
{
    json_t *all = json_array();
    for (size_t i = 0; i < a->targets_n; i++)
        if (!a->targets[i].why_not)
            json_array_append_new(all, protocol_text(a->targets[i].t.text));
    return all;
}

json_t *act_preview(const struct act *a)
{
    struct words w = {a, json_array(), json_array(), json_array(), json_array()};
    char version[17], word[TEXT_NAME], span[TEXT_VALUE] = "";
    if (a->able_n > 1)
        say_bulk(&w);
    for (size_t i = 0; a->able_n == 1 && i < a->targets_n; i++)
        if (!a->targets[i].why_not)
            say_target(&w, &a->targets[i].t);
    act_version(a, version);
    act_ceremony(a, word, sizeof(word));
    if (a->span != USEC_NEVER)
        text_format_duration(span, a->span);
    bool has_guard = json_array_size(w.guard);
    json_t *p =
        json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "version", version, "command",
                  a->command->words, "targets", target_list(a), "title", title(a), "now", w.now,
                  "will", w.will, "others", w.others, "ends", ends(a), "skipped", act_skipped(a),
                  "guard", has_guard ? json_incref(w.guard) : json_null());
    json_object_set_new(p, "for", span[0] ? json_string(span) : json_null());
    json_object_set_new(p, "rate", a->rate ? json_string(a->rate) : json_null());
    json_object_set_new(p, "reason", offered_reason(a));
    json_object_set_new(p, "tell", tell(a));
    json_object_set_new(p, "ceremony", json_string(word[0] ? "type" : "enter"));
    json_object_set_new(p, "type", word[0] ? json_string(word) : json_null());
    json_decref(w.guard);
    return p;
}
