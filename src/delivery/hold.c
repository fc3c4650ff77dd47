/* What may go now: the state's standing, rotation and holds, judged when they change and kept as
 * booleans, so that a choice of who is next reads a flag. A hold that names both an IP and something
 * else is the rare case that is asked for each choice of an IP. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "core/entry.h"
#include "core/selector.h"
#include "core/state.h"
#include "delivery/internal.h"

static const char *pool_in_force(struct delivery *d, struct customer *c)
{
    const char *own = c->state->pool,
               *first = d->settings->pools_n ? d->settings->pools[0].name : "";
    for (size_t i = 0; own && *own && i < d->settings->pools_n; i++)
        if (strcmp(d->settings->pools[i].name, own) == 0) {
            c->is_pool_missing = false;
            return own;
        }
    if (own && *own && !c->is_pool_missing)
        log_warning("delivery", "%s's pool %s is configured no more: its mail goes over %s",
                    c->name, own, first);
    c->is_pool_missing = own && *own;
    return first;
}

/* Is some IP of the pool left to a queue that holds name IPs for? */
static bool has_ip(struct delivery *d, const struct queue *q)
{
    const struct lane *l;
    if (!d->has_ip_holds || !q->share->dock)
        return true;
    LIST_EACH (&q->share->dock->lanes, l, of_dock)
        if (hold_allows(d, q, l->source))
            return true;
    return list_is_empty(&q->share->dock->lanes);
}

bool hold_allows(struct delivery *d, const struct queue *q, const struct source *source)
{
    const struct share *s = q->share;
    if (!d->has_ip_holds)
        return true;
    struct state_path path = {s->customer->name, q->list, s->provider->name, source->address,
                              s->customer->pool};
    return !state_hold(d->o.state, &path, clock_wall());
}

void hold_judge_queue(struct delivery *d, struct queue *q)
{
    struct share *s = q->share;
    const struct entry *why;
    usec_t now = clock_wall();
    bool is_held = s->is_held;

    if (!is_held && *q->list) {
        struct state_path path = {s->customer->name, q->list, s->provider->name, NULL,
                                  s->customer->pool};
        is_held = state_standing(d->o.state, s->customer->name, q->list, now, &why) ==
                      STANDING_SUSPENDED ||
                  state_hold(d->o.state, &path, now);
    }
    queue_set_held(d, q, is_held || !has_ip(d, q));
}

void hold_judge_share(struct delivery *d, struct share *s)
{
    struct customer *c = s->customer;
    struct queue *q;
    struct state_path path = {c->name, NULL, s->provider->name, NULL, c->pool};

    s->is_held = c->is_held || state_hold(d->o.state, &path, clock_wall());
    share_recount(d, s);
    share_move(d, s, c->pool);
    LIST_EACH (&s->queues, q, link)
        hold_judge_queue(d, q);
}

void hold_send_home(struct delivery *d, struct customer *c)
{
    struct share *s;
    struct queue *q;
    struct parcel *p;
    usec_t now = clock_wall();
    LIST_EACH (&c->shares, s, of_customer)
        LIST_EACH (&s->queues, q, link)
            LIST_EACH (&q->parcels, p, link)
                parcel_park(d, p, now);
}

void hold_judge_customer(struct delivery *d, struct customer *c)
{
    struct share *s;
    const struct entry *why;
    usec_t now = clock_wall();
    bool was_held = c->is_held;
    struct state_path path = {.customer = c->name};

    snprintf(c->pool, sizeof(c->pool), "%s", pool_in_force(d, c));
    path.pool = c->pool;
    c->is_held = state_standing(d->o.state, c->name, "", now, &why) == STANDING_SUSPENDED ||
                 state_hold(d->o.state, &path, now);
    LIST_EACH (&c->shares, s, of_customer)
        hold_judge_share(d, s);
    if (c->is_held && !was_held)
        hold_send_home(d, c); // nothing is fetched until it may go; others have the room
    if (was_held && !c->is_held)
        customer_fetch(c);
}

/* A pause that ends, or an IP that comes back, makes the lane probe. */
static void judge_pause(struct delivery *d, struct lane *l)
{
    const struct entry *pause =
        state_lane(d->o.state, l->source->address, l->provider->name, clock_wall());
    bool was_shut = l->paused_until || l->is_out;
    l->paused_until = pause ? pause->expires_at : 0;
    l->is_out = l->source->is_out;
    if (was_shut && !l->paused_until && !l->is_out)
        lane_probe(l, clock_monotonic());
}

void hold_judge_lane(struct delivery *d, struct lane *l)
{
    struct outbound *s;
    judge_pause(d, l);
    bool is_open = l->dock && l->source->is_open && !l->paused_until;
    if (is_open) {
        struct state_path path = {NULL, NULL, l->provider->name, l->source->address, l->dock->pool};
        is_open = !state_hold(d->o.state, &path, clock_wall());
    }
    l->is_open = is_open;
    if (is_open) {
        dock_wake(d, l->dock);
        return;
    }
    LIST_EACH (&l->outbounds, s, of_lane)
        if (s->state == OUTBOUND_CONNECTING)
            outbound_close(s); // it would greet for nothing
        else if (!s->flights_n)
            outbound_quit(s);
}

static void judge_source(struct delivery *d, struct source *source)
{
    const struct entry *why;
    const struct state_ip *ip = state_ip_get(d->o.state, source->address);
    enum rotation rotation = state_rotation(d->o.state, source->address, clock_wall(), &why);
    source->is_out = rotation != ROTATION_ACTIVE && rotation != ROTATION_WARMING;
    source->is_open = source->pool && ip && ip->is_configured && ip->is_here && !source->is_out;
}

/* Holds on queues that name an IP and whose mail; those without whose close the lane. */
static void note_hold(void *ctx, const struct entry *e)
{
    struct delivery *d = ctx;
    struct selector sel;
    if (e->kind == KIND_HOLD && selector_parse(&sel, e->target) && *sel.ip &&
        (*sel.customer || *sel.list))
        d->has_ip_holds = true;
}

void hold_judge_all(struct delivery *d)
{
    struct map_item *item;
    struct lane *l;

    d->has_ip_holds = false;
    state_each_standing(d->o.state, clock_wall(), note_hold, d);
    for (size_t i = 0; (item = map_next(&d->sources, &i));)
        judge_source(d, item->value);
    for (size_t i = 0; (item = map_next(&d->providers, &i));) {
        struct provider *p = item->value;
        LIST_EACH (&p->lanes, l, of_provider)
            hold_judge_lane(d, l);
    }
    for (size_t i = 0; (item = map_next(&d->customers, &i));) {
        struct customer *c = item->value;
        if (c->waiting)
            hold_judge_customer(d, c);
    }
}
