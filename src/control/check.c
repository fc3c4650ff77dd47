/* May this be done to that? Every refusal says what, why, and what instead. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "control/act.h"
#include "control/lines.h"
#include "core/selector.h"
#include "remote/format.h"

enum { NAMES = 1000 }; // of which the nearest is looked for

// The name as people say it: `acme`, `acme/spring`.
static const char *name_of(const struct target *t)
{
    return strchr(t->text, ':') + 1;
}

static char *unknown_customer(const struct act *a, const char *name)
{
    const char **names = xcalloc(NAMES, sizeof(*names));
    struct map_item *item;
    size_t n = 0;
    for (size_t i = 0; n < NAMES && (item = map_next(&a->world->state->customers, &i));)
        names[n++] = ((struct state_customer *)item->value)->name;
    const char *near = text_nearest(name, names, n);
    xfree(names);
    return near ? xasprintf("there is no customer %s; nearest: %s", name, near)
                : xasprintf("there is no customer %s; customers lists who is there", name);
}

static char *check_customer(const struct act *a, const char *name)
{
    const struct state_customer *c = state_customer_get(a->world->state, name);
    if (strcmp(name, STATE_SELF) == 0)
        return xstrdup(STATE_SELF " is the engine's own mail (notices, reports): nothing acts on "
                                  "it; act on the customer it writes to");
    return c && (c->is_known || c->queued || c->held) ? NULL : unknown_customer(a, name);
}

static char *check_ip(const struct act *a, const char *address)
{
    const struct state_ip *ip = state_ip_get(a->world->state, address);
    return ip && ip->is_configured
               ? NULL
               : xasprintf("no pool has the IP %s; ips lists those there are", address);
}

static void until_words(const struct act *a, const struct entry *e, char *out, size_t room)
{
    char at[FORMAT_TEXT];
    format_time(at, e->expires_at, a->now);
    if (e->expires_at == USEC_NEVER)
        snprintf(out, room, "log:%ju", (uintmax_t)e->name.seq);
    else
        snprintf(out, room, "log:%ju, until %s", (uintmax_t)e->name.seq, at);
}

static char *check_warn(const struct act *a, const struct target *t)
{
    const struct entry *why;
    enum standing s = state_standing(a->world->state, t->customer, t->list, a->now, &why);
    if (s <= STANDING_WARNED)
        return NULL;
    return xasprintf("%s is %s already: a warning changes nothing; restore lifts that first",
                     name_of(t), standing_text(s));
}

static char *check_throttle(const struct act *a, const struct target *t)
{
    uint32_t count, wanted;
    usec_t per, wanted_per;
    char text[TEXT_VALUE];
    if (!text_parse_rate(&wanted, &wanted_per, a->rate) ||
        !state_throttle(a->world->state, t->customer, t->list, a->now, &count, &per) ||
        (double)count / (double)per >= (double)wanted / (double)wanted_per)
        return NULL;
    text_format_rate(text, count, per);
    return xasprintf("%s is throttled to %s already, which is slower than %s; restore it first, "
                     "then throttle",
                     name_of(t), text, a->rate);
}

static void count_hold(void *ctx, const struct entry *e)
{
    (void)e;
    ++*(size_t *)ctx;
}

static size_t holds(const struct act *a, const char *target)
{
    size_t n = 0;
    act_each_hold(a, target, count_hold, &n);
    return n;
}

static char *check_restore(const struct act *a, const struct target *t)
{
    const struct entry *why;
    if (holds(a, t->text))
        return NULL;
    if (t->list[0] &&
        state_standing(a->world->state, t->customer, "", a->now, &why) != STANDING_GOOD)
        return xasprintf("%s itself is good; it is its customer that is %s: restore %s", name_of(t),
                         kind_text(why->kind), t->customer);
    return xasprintf("%s is good already: there is nothing to restore; log says what was done",
                     name_of(t));
}

static char *check_pull(const struct act *a, const struct target *t)
{
    const struct entry *why;
    char until[80];
    if (state_rotation(a->world->state, t->ip, a->now, &why) != ROTATION_PULLED)
        return NULL;
    until_words(a, why, until, sizeof(until));
    return xasprintf("%s is pulled already (%s); return puts it back", t->ip, until);
}

static char *check_drain(const struct act *a, const struct target *t)
{
    const struct entry *why;
    char until[80];
    state_rotation(a->world->state, t->ip, a->now, &why);
    if (!why)
        return NULL;
    until_words(a, why, until, sizeof(until));
    return xasprintf("%s starts nothing new already: %s (%s); return puts it back", t->ip,
                     why->kind == KIND_PULL ? "it is pulled" : "it is draining", until);
}

static char *check_return(const struct act *a, const struct target *t)
{
    return holds(a, t->text) ? NULL
                             : xasprintf("%s is in rotation already: there is nothing to return; "
                                         "pull and drain take it out",
                                         t->ip);
}

static char *check_hold(const struct act *a, const struct target *t)
{
    struct selector s;
    char *why = NULL;
    if (!selector_parse(&s, t->text))
        return xasprintf("%s is no selection that can be held; by customer, list, provider, ip "
                         "or pool, their names as the queue shows them",
                         t->text);
    if (t->customer[0])
        why = state_customer_get(a->world->state, t->customer) ? NULL
                                                               : unknown_customer(a, t->customer);
    if (!why && t->ip[0])
        why = check_ip(a, t->ip);
    if (!why && t->pool[0] && !world_has_pool(a->world, t->pool))
        why = xasprintf("there is no pool %s; ips shows the pools", t->pool);
    return why;
}

static char *check_lane(const struct act *a, const struct target *t)
{
    char *why = t->kind == TARGET_LANE ? check_ip(a, t->ip) : NULL;
    if (!why && !text_is_name(t->provider))
        why = xasprintf("%s is no provider's name; queue shows them", t->provider);
    return why;
}

static char *check_pause(const struct act *a, const struct target *t)
{
    char until[80];
    const struct entry *why = state_lane(a->world->state, t->ip, t->provider, a->now);
    if (!why)
        return NULL;
    until_words(a, why, until, sizeof(until));
    return xasprintf("%s is paused already (%s); resume %s ends that", name_of(t), until,
                     strchr(why->target, ':') + 1);
}

static char *check_resume(const struct act *a, const struct target *t)
{
    if (holds(a, t->text))
        return NULL;
    if (t->kind == TARGET_LANE && state_lane(a->world->state, t->ip, t->provider, a->now))
        return xasprintf("%s itself is not paused; it is all of %s that is: resume %s", name_of(t),
                         t->provider, t->provider);
    return xasprintf("%s is not paused: there is nothing to resume; show ip:ADDR lists the lanes",
                     name_of(t));
}

// For a release that fits nothing: which holds there are.
struct listing {
    struct buf text;
    size_t n;
};

static void list_hold(void *ctx, const struct entry *e)
{
    struct listing *l = ctx;
    if (e->kind != KIND_HOLD || ++l->n > 5)
        return;
    buf_printf(&l->text, "%s%s (log:%ju)", l->text.n ? ", " : "", e->target,
               (uintmax_t)e->name.seq);
}

static char *check_release(const struct act *a, const struct target *t)
{
    struct listing l = {.n = 0};
    state_each_standing(a->world->state, a->now, list_hold, &l);
    CLEANUP(xfree) char *all = l.text.n ? buf_take_str(&l.text) : xstrdup("");
    buf_deinit(&l.text);
    if (!l.n)
        return xstrdup("nothing is held: there is nothing to release; queue says why mail waits");
    if (t->is_all || holds(a, t->text))
        return NULL;
    return xasprintf("no hold of exactly %s stands; these do: %s%s; --all lifts every one", t->text,
                     all, l.n > 5 ? " and more" : "");
}

static const struct world_log_row *log_row(const struct act *a, uint64_t seq)
{
    const struct world_log_row *row;
    for (size_t i = 0; (row = world_log_at(a->world, i)); i++)
        if (row->entry->name.seq == seq)
            return row;
    return NULL;
}

static char *check_unfolded(const struct act *a, uint64_t seq)
{
    const struct world_log_row *row = log_row(a, seq), *oldest = world_log_at(a->world, 0);
    if (!row && oldest && seq < oldest->entry->name.seq)
        return xasprintf("%ju is nothing that undo takes back; show log:%ju says what it was",
                         (uintmax_t)seq, (uintmax_t)seq);
    if (!row)
        return xasprintf("the ledger has no action %ju; log lists them", (uintmax_t)seq);
    if (kind_shape(row->entry->kind) == SHAPE_REGISTER)
        return xasprintf("%ju set values of %s, which undo does not take back; customer set sets "
                         "them anew",
                         (uintmax_t)seq, row->entry->target);
    return xasprintf("%ju is a fact (%s), not an action: there is nothing to undo", (uintmax_t)seq,
                     kind_text(row->entry->kind));
}

static char *check_undo(const struct act *a, const struct target *t)
{
    const struct state_entry *se = act_entry(a, t->seq);
    char at[FORMAT_TEXT];
    if (!se)
        return check_unfolded(a, t->seq);
    const struct entry *by = state_lifted_by(a->world->state, se);
    if (by && by->kind == KIND_UNDO)
        return xasprintf("%ju is undone already, by %ju of %s; undo %ju would bring it back",
                         (uintmax_t)t->seq, (uintmax_t)by->name.seq, by->actor,
                         (uintmax_t)by->name.seq);
    if (by)
        return xasprintf("%ju is lifted already: %s by %s (log:%ju); undo %ju would bring it back",
                         (uintmax_t)t->seq, kind_text(by->kind), by->actor, (uintmax_t)by->name.seq,
                         (uintmax_t)by->name.seq);
    if (se->entry->expires_at <= a->now) {
        format_time(at, se->entry->expires_at, a->now);
        return xasprintf("%ju ended by itself at %s: there is nothing to undo", (uintmax_t)t->seq,
                         at);
    }
    return NULL;
}

static char *check_incident(const struct act *a, const struct target *t)
{
    const struct incident *i = lines_get(a->world, t->seq);
    char at[FORMAT_TEXT];
    if (!i)
        return xasprintf("there is no incident %ju; incidents lists them", (uintmax_t)t->seq);
    if (!i->closed_at || a->kind == KIND_NOTE)
        return NULL;
    format_time(at, i->closed_at, a->now);
    return xasprintf("%u is %s already, since %s; note %u writes into its story", i->number,
                     lines_state_text(lines_state(i)), at, i->number);
}

static char *check_target(const struct act *a, const struct target *t)
{
    static const struct {
        enum kind kind;
        char *(*check)(const struct act *a, const struct target *t);
    } rules[] = {
        {KIND_WARN, check_warn},   {KIND_THROTTLE, check_throttle}, {KIND_RESTORE, check_restore},
        {KIND_PULL, check_pull},   {KIND_DRAIN, check_drain},       {KIND_RETURN, check_return},
        {KIND_HOLD, check_hold},   {KIND_RELEASE, check_release},   {KIND_UNDO, check_undo},
        {KIND_PAUSE, check_pause}, {KIND_RESUME, check_resume},
    };
    char *why = t->kind == TARGET_CUSTOMER ? check_customer(a, t->customer)
                : t->kind == TARGET_IP     ? check_ip(a, t->ip)
                : t->kind == TARGET_LANE || t->kind == TARGET_PROVIDER ? check_lane(a, t)
                : t->kind == TARGET_INCIDENT                           ? check_incident(a, t)
                                                                       : NULL;
    for (size_t i = 0; !why && i < ARRAY_LEN(rules); i++)
        if (rules[i].kind == a->kind)
            why = rules[i].check(a, t);
    return why;
}

void act_check(struct act *a)
{
    a->able_n = 0;
    for (size_t i = 0; i < a->targets_n; i++) {
        a->targets[i].why_not = check_target(a, &a->targets[i].t);
        a->able_n += !a->targets[i].why_not;
    }
}
