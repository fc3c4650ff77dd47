#include "warden/reputation.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "core/decision.h"
#include "core/entry.h"
#include "core/outcome.h"
#include "core/reputation.h"
#include "core/state.h"
#include "settings/settings.h"
#include "store/store.h"
#include "warden/decide.h"
#include "warden/incident.h"
#include "warden/notice.h"
#include "warden/warden_room.h"

#define DUE_LEAST (100 * USEC_MS) // from one tick to the next

static enum judging_mode mode_of(const struct settings *s)
{
    return !s->policy.is_there      ? JUDGING_SILENT
           : s->policy.is_observing ? JUDGING_OBSERVE
                                    : JUDGING_ENFORCE;
}

// ---- decisions

static char believed[] = "believed"; // the map's values

void judging_believe(struct warden *w, const char *target)
{
    map_put_str(&w->judging.beliefs, target, believed);
}

static void drop_or_observe(struct warden *w, const struct decision *d)
{
    judging_believe(w, d->target);
    if (w->judging.mode == JUDGING_SILENT)
        return;
    struct entry *e = decide_entry(d, w->options.state, w->options.settings,
                                   store_node_id(w->options.store), true);
    incident_on_decision(w, d, e);
    suppressing_on_incident(w, d);
    if (e)
        warden_enforce(w, e, NULL, NULL);
}

void judging_enforce(struct warden *w, const struct decision *d)
{
    struct decision masked = *d;
    decide_mask_all(&masked);
    if (w->judging.mode != JUDGING_ENFORCE) {
        drop_or_observe(w, &masked);
        return;
    }
    struct entry *e = decide_entry(&masked, w->options.state, w->options.settings,
                                   store_node_id(w->options.store), false);
    incident_on_decision(w, &masked, e);
    suppressing_on_incident(w, d);
    if (e)
        notice_enforce(w, e, &masked);
}

static void on_decision(void *ctx, const struct decision *d)
{
    struct warden *w = ctx;
    if (!w->judging.past || !recall_takes(w, d))
        judging_enforce(w, d);
}

// ---- what is told

// What a customer, an IP or a lane is in now, as the kind that brought it there.
static enum kind kind_now(const struct state *s, const char *target, usec_t now, usec_t *until)
{
    static const enum kind by_standing[] = {[STANDING_GOOD] = KIND_RESTORE,
                                            [STANDING_WARNED] = KIND_WARN,
                                            [STANDING_THROTTLED] = KIND_THROTTLE,
                                            [STANDING_SUSPENDED] = KIND_SUSPEND};
    const struct entry *why = NULL;
    const char *name = strchr(target, ':') + 1;
    enum kind kind = KIND_RESTORE;
    if (strncmp(target, "customer:", 9) == 0) {
        kind = by_standing[state_standing(s, name, "", now, &why)];
    } else if (strncmp(target, "ip:", 3) == 0) {
        enum rotation r = state_rotation(s, name, now, &why);
        kind = r == ROTATION_PULLED ? KIND_PULL : r == ROTATION_DRAINING ? KIND_DRAIN : KIND_RETURN;
    } else {
        char ip[64];
        snprintf(ip, sizeof(ip), "%.*s", (int)strcspn(name, "/"), name);
        why = state_lane(s, ip, name + strlen(ip) + 1, now);
        kind = why ? KIND_PAUSE : KIND_RESUME;
    }
    *until = why && why->expires_at != USEC_NEVER ? why->expires_at : 0;
    return kind;
}

// The pool that the state has it in.
static void set_customer(struct warden *w, const char *target)
{
    const struct settings *s = w->options.settings;
    const struct state_customer *c = strncmp(target, "customer:", 9) == 0
                                         ? state_customer_get(w->options.state, target + 9)
                                         : NULL;
    if (!c || strcmp(c->name, STATE_SELF) == 0)
        return;
    const char *first = s->pools_n ? s->pools[0].name : "";
    reputation_set_customer(w->judging.reputation, c->name, *c->pool ? c->pool : first);
}

static bool is_judged(const char *target)
{
    return (strncmp(target, "customer:", 9) == 0 && !strpbrk(target + 9, "/+")) ||
           strncmp(target, "ip:", 3) == 0 ||
           (strncmp(target, "lane:", 5) == 0 && strchr(target, '/'));
}

void judging_forget_beliefs(struct warden *w)
{
    struct judging *j = &w->judging;
    struct map_item *item;
    usec_t now = clock_wall(), until;
    for (size_t i = 0; (item = map_next(&j->beliefs, &i));) {
        CLEANUP(xfree) char *target = xmemdup0(item->key, item->key_n);
        if (!is_judged(target))
            continue;
        enum kind kind = kind_now(w->options.state, target, now, &until);
        reputation_told(j->reputation, kind, target, until, now);
        set_customer(w, target);
    }
    map_deinit(&j->beliefs);
    j->beliefs = (struct map){0};
}

// A pause of all of a provider is one of each lane there.
static void tell(struct warden *w, enum kind kind, const char *target, usec_t until, usec_t now)
{
    struct map_item *item;
    if (is_judged(target)) {
        reputation_told(w->judging.reputation, kind, target, until == USEC_NEVER ? 0 : until, now);
        return;
    }
    if (strncmp(target, "provider:", 9) != 0)
        return;
    for (size_t i = 0; (item = map_next(&w->options.state->ips, &i));) {
        const struct state_ip *ip = item->value;
        CLEANUP(xfree) char *lane = xasprintf("lane:%s/%s", ip->address, target + 9);
        if (ip->is_configured)
            tell(w, kind, lane, until, now);
    }
}

static enum kind lift_of(enum kind hold)
{
    switch ((int)hold) {
    case KIND_PULL:
    case KIND_DRAIN:
        return KIND_RETURN;
    case KIND_PAUSE:
        return KIND_RESUME;
    default:
        return KIND_RESTORE;
    }
}

// What was undone: a hold is lifted; of a lift, what it had lifted is back.
static void tell_undo(struct warden *w, const struct entry *undo, usec_t now)
{
    struct state *s = w->options.state;
    for (size_t i = 0; i < undo->names_n; i++) {
        const struct state_entry *undone = state_entry_get(s, undo->names[i]);
        if (!undone)
            continue;
        const struct entry *e = undone->entry;
        if (kind_shape(e->kind) == SHAPE_HOLD)
            tell(w, lift_of(e->kind), e->target, 0, now);
        for (size_t k = 0; kind_shape(e->kind) == SHAPE_LIFT && k < e->names_n; k++) {
            const struct state_entry *back = state_entry_get(s, e->names[k]);
            if (back && back->entry->expires_at > now)
                tell(w, back->entry->kind, back->entry->target, back->entry->expires_at, now);
        }
    }
}

static void tell_pool(struct warden *w, const struct entry *e)
{
    const char *pool = entry_field_get(e, "pool");
    if (pool && is_judged(e->target))
        reputation_set_customer(w->judging.reputation, e->target + strlen("customer:"), pool);
}

void judging_tell_hold(struct warden *w, const struct entry *hold, usec_t now)
{
    if (hold->kind != KIND_HOLD)
        tell(w, hold->kind, hold->target, hold->expires_at, now);
}

void judging_tell(struct warden *w, const struct entry *e, usec_t now)
{
    if (decide_is_own(e, store_node_id(w->options.store)))
        return;
    if (e->kind == KIND_UNDO)
        tell_undo(w, e, now);
    else if (e->kind == KIND_CUSTOMER)
        tell_pool(w, e);
    else if (e->kind != KIND_HOLD && e->kind != KIND_RELEASE && kind_shape(e->kind) != SHAPE_FACT)
        tell(w, e->kind, e->target, e->expires_at, now);
}

void judging_on_entry(struct warden *w, const struct entry *e)
{
    judging_tell(w, e, e->at);
    judging_wait(w);
}

// ---- time

static void on_due(void *ctx)
{
    struct warden *w = ctx;
    w->judging.due_at = USEC_NEVER;
    reputation_tick(w->judging.reputation, clock_wall());
    judging_wait(w);
}

void judging_wait(struct warden *w)
{
    struct judging *j = &w->judging;
    usec_t at = reputation_due(j->reputation), now;
    if (at == j->due_at)
        return;
    j->due_at = at;
    if (at == USEC_NEVER) {
        timer_stop(w->options.timers, &j->due);
        return;
    }
    now = clock_wall();
    timer_set(w->options.timers, &j->due,
              clock_monotonic() + (at > now + DUE_LEAST ? at - now : DUE_LEAST), on_due, w);
}

// ---- facts

static void note_listing(struct judging *j, const struct outcome *o)
{
    bool is_listed = o->kind == OUTCOME_LISTED;
    if ((!is_listed && o->kind != OUTCOME_DELISTED) || !o->zone || !*o->zone)
        return;
    CLEANUP(xfree) char *key = xasprintf("%s %s", o->ip, o->zone);
    if (is_listed)
        map_put_str(&j->listings, key, believed);
    else
        map_remove_str(&j->listings, key);
}

void warden_each_listing(const struct warden *w,
                         void (*each)(void *ctx, const char *ip, const char *zone), void *ctx)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->judging.listings, &i));) {
        CLEANUP(xfree) char *ip = xmemdup0(item->key, item->key_n);
        char *zone = strchr(ip, ' ');
        *zone++ = '\0';
        each(ctx, ip, zone);
    }
}

void warden_on_reverse(struct warden *w, const char *ip, bool is_wrong, const char *why)
{
    CLEANUP(xfree) char *subject = xasprintf("ip:%s#reverse", ip);
    reputation_set_reverse(w->judging.reputation, ip, is_wrong);
    CLEANUP(xfree) char *what = xasprintf("%s: reverse DNS is wrong", ip);
    incident_note_condition(w, subject, SEVERITY_NOTICE, what, why, is_wrong);
    judging_wait(w);
}

void warden_on_fact(struct warden *w, const struct outcome *o)
{
    struct judging *j = &w->judging;
    struct outcome anonymous = *o; // our own notices and reports are nobody's: no customer to judge
    if (strcmp(o->customer, STATE_SELF) == 0) {
        anonymous.customer = "";
        o = &anonymous;
    }
    note_listing(j, o);
    if (o->is_unknown)
        unknown_on_outcome(w, o);
    j->fed_n = o->at == j->fed_at ? j->fed_n + 1 : 1;
    j->fed_at = o->at;
    reputation_feed(j->reputation, o);
    suppressing_on_outcome(w, o); // an incident that this outcome opened is seen
    judging_wait(w);
}

void warden_on_submitted(struct warden *w, const char *customer, const char *recipient, usec_t at,
                         uint32_t network, uint32_t content)
{
    reputation_submitted(w->judging.reputation, customer, at, recipient, network, content);
}

const struct reputation *warden_reputation(const struct warden *w)
{
    return w->judging.reputation;
}

// ---- settings

static void set_ips(struct warden *w)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->options.state->ips, &i));) {
        const struct state_ip *ip = item->value;
        if (ip->is_configured)
            reputation_set_ip(w->judging.reputation, ip->address, ip->pool, ip->is_here);
        else // it was configured, or an entry mentions it
            reputation_set_ip(w->judging.reputation, ip->address, "", false);
    }
}

static void set_customers(struct warden *w)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->options.state->customers, &i));) {
        const struct state_customer *c = item->value;
        CLEANUP(xfree) char *target = xasprintf("customer:%s", c->name);
        if (c->is_known)
            set_customer(w, target);
    }
}

void judging_set_settings(struct warden *w)
{
    const struct settings *s = w->options.settings;
    struct judging *j = &w->judging;
    enum judging_mode before = j->mode;
    j->mode = mode_of(s);
    reputation_set_policy(j->reputation, &s->policy);
    for (size_t i = 0; i < s->providers_n; i++)
        if (*s->providers[i].name)
            reputation_set_pause(j->reputation, s->providers[i].name, s->providers[i].pause);
    set_ips(w);
    set_customers(w);
    if (j->mode == JUDGING_ENFORCE && before != JUDGING_ENFORCE)
        judging_forget_beliefs(w);
    judging_wait(w);
}

void warden_roster_changed(struct warden *w)
{
    set_ips(w);
    judging_wait(w);
}

void judging_init(struct warden *w)
{
    struct judging *j = &w->judging;
    j->due_at = USEC_NEVER;
    j->reputation =
        reputation_new(&(struct reputation_options){.policy = &w->options.settings->policy,
                                                    .node = w->options.settings->node,
                                                    .on_decision = on_decision,
                                                    .ctx = w});
    judging_set_settings(w);
}

void judging_deinit(struct warden *w)
{
    struct judging *j = &w->judging;
    timer_stop(w->options.timers, &j->due);
    timer_stop(w->options.timers, &j->keep);
    map_deinit(&j->beliefs);
    map_deinit(&j->listings);
    j->reputation = reputation_free(j->reputation);
}
