/* Who is next, and over which connection: a dock's shares take turns by deficit round robin; the one
 * whose turn it is goes over an idle connection, else opens one on the least loaded lane, else waits
 * for what keeps it: a busy connection that ends or picks it, a token, the end of a back-off. Where
 * all lanes are in back-off its mail goes back to disk, so that it is in nobody's way. */
#include <string.h>

#include "base/error.h"
#include "delivery/internal.h"

static uint64_t cost_of(const struct parcel *p)
{
    uint64_t cost = p->letter->m->size + MESSAGE_COST;
    return cost < TURN_COST ? TURN_COST : cost > TURN_COST_MOST ? TURN_COST_MOST : cost;
}

static struct parcel *share_head(const struct share *s)
{
    struct queue *q = LIST_FIRST(&s->ready, struct queue, ready);
    return LIST_FIRST(&q->parcels, struct parcel, link);
}

static uint64_t share_cost(struct fair_member *m)
{
    return cost_of(share_head(CONTAINER_OF(m, struct share, fair)));
}

static struct share *dock_turn(struct dock *dock)
{
    struct fair_member *m = fair_next(&dock->fair, share_cost);
    return m ? CONTAINER_OF(m, struct share, fair) : NULL;
}

/* Out of its queue, its turn paid for; the customer's lists take turns too. */
static struct parcel *take(struct delivery *d, struct parcel *p)
{
    struct share *s = p->queue->share;
    fair_charge(&s->dock->fair, &s->fair, cost_of(p));
    list_remove(&p->queue->ready);
    list_add_last(&s->ready, &p->queue->ready);
    return parcel_split(d, p);
}

void dispatch_begin(struct delivery *d)
{
    d->is_running = true;
}

void dock_wake(struct delivery *d, struct dock *dock)
{
    if (list_is_empty(&dock->awake))
        list_add_last(&d->awake, &dock->awake);
}

static void on_dock_time(void *ctx)
{
    struct dock *dock = ctx;
    struct delivery *d = dock->d;
    dispatch_begin(d);
    dock_wake(d, dock);
    dispatch_end(d);
}

void dock_wake_at(struct dock *dock, usec_t at)
{
    if (heap_has(&dock->timer.node) && dock->timer.node.at <= at)
        return;
    timer_set(dock->d->timers, &dock->timer, at, on_dock_time, dock);
}

/* Is a connection wanted elsewhere, that this outbound's would make room for? */
static bool must_yield(struct delivery *d, struct outbound *s)
{
    const struct dock *first = LIST_FIRST(&d->starved, struct dock, starved);
    if (!first || first == s->dock || d->yielding >= d->starved_n)
        return false;
    return first->provider == s->dock->provider ||
           d->outbounds_n >= d->settings->delivery.connections;
}

/* Of the share's parcels near the front, the first for this outbound's site. */
static struct parcel *find_for(struct delivery *d, struct share *share, const struct outbound *s)
{
    struct parcel *head = share_head(share), *p;
    struct queue *q;
    size_t looked = 0;
    LIST_EACH (&share->ready, q, ready)
        LIST_EACH (&q->parcels, p, link) {
            if (++looked > LOOK_AHEAD)
                return NULL;
            if (p->site != s->site || !hold_allows(d, q, s->lane->source))
                continue;
            if (p != head && head->passed++ >= PASSED_MOST)
                return NULL;
            return p;
        }
    return NULL;
}

struct parcel *dispatch_next(struct delivery *d, struct outbound *s, usec_t now)
{
    struct share *share;
    struct parcel *p;

    if (d->is_stopping || s->is_yielding || !lane_may(s->lane, now))
        return NULL;
    share = dock_turn(s->dock);
    if (!share)
        return NULL;
    if (must_yield(d, s)) {
        s->is_yielding = true;
        d->yielding++;
        return NULL;
    }
    p = find_for(d, share, s);
    if (!p) {
        dock_wake(d, s->dock); // whose turn it is wants another site
        return NULL;
    }
    if (!lane_token(s->lane, now, true)) {
        dock_wake(d, s->dock);
        return NULL;
    }
    return take(d, p);
}

static struct outbound *find_idle(struct delivery *d, struct parcel *p, usec_t now)
{
    struct outbound *s;
    LIST_EACH (&p->site->idle, s, idle_site)
        if (lane_may(s->lane, now) && hold_allows(d, p->queue, s->lane->source) &&
            lane_token(s->lane, now, true))
            return s;
    return NULL;
}

static void starve(struct delivery *d, struct dock *dock)
{
    if (!list_is_empty(&dock->starved))
        return;
    list_add_last(&d->starved, &dock->starved);
    d->starved_n++;
}

static void quit_idle(struct list *idle)
{
    outbound_quit(LIST_FIRST(idle, struct outbound, idle_dock));
}

/* All connections are taken: one that is idle makes room, else somebody's that ends. */
static void make_room(struct delivery *d, struct dock *dock, enum lane_answer answer)
{
    struct dock *other;
    dock->wants_room = true;
    if (!list_is_empty(&dock->idle)) {
        quit_idle(&dock->idle);
        return;
    }
    if (answer == LANE_FULL_LANE)
        return; // the dock's own outbounds look at whose turn it is
    if (answer == LANE_FULL_ALL && !list_is_empty(&d->idle)) {
        outbound_quit(LIST_FIRST(&d->idle, struct outbound, idle_all));
        starve(d, dock);
        return;
    }
    LIST_EACH (&dock->provider->docks, other, of_provider)
        if (!list_is_empty(&other->idle)) {
            quit_idle(&other->idle);
            break;
        }
    starve(d, dock);
}

static void wait_on_disk(struct delivery *d, struct parcel *p, usec_t until)
{
    const struct spool_message *m = p->letter->m;
    const struct lane *l = LIST_FIRST(&p->queue->share->dock->lanes, struct lane, of_dock);
    const char *last = l && l->last_reply ? l->last_reply : "no connection";
    if (clock_wall() >= m->accepted_at + d->settings->delivery.give_up)
        outcome_own(d, p, NULL, false, CLASS_NO_CONNECT, PHASE_CONNECT, last);
    else
        parcel_park_for(d, p, until);
}

/* The head found no idle connection. False: the dock waits for something. */
static bool serve_head(struct delivery *d, struct dock *dock, struct parcel *p, usec_t now)
{
    struct lane *l;
    usec_t at;
    enum lane_answer answer = lane_choose(d, dock, p->queue, p->site, now, &l, &at);
    switch (answer) {
    case LANE_OK:
        outbound_open(d, l, take(d, p));
        return true;
    case LANE_DOWN:
        wait_on_disk(d, p, at);
        return true;
    case LANE_UNREACHABLE:
        outcome_own(d, p, NULL, false, CLASS_NO_CONNECT, PHASE_CONNECT,
                    "4.4.1 its hosts have no address of the kind that our IPs have");
        return true;
    case LANE_SLOW:
        dock_wake_at(dock, at);
        return false;
    case LANE_FULL_LANE:
    case LANE_FULL_PROVIDER:
    case LANE_FULL_ALL:
        make_room(d, dock, answer);
        return false;
    case LANE_NONE:
        if (d->in_memory < MEMORY / 2)
            return false;
        parcel_park(d, p, clock_wall() + 30 * USEC_SECOND); // others need the room
        return true;
    }
    return false;
}

static void serve(struct delivery *d, struct dock *dock)
{
    struct share *share;
    usec_t now = clock_monotonic();
    while (!d->is_stopping && (share = dock_turn(dock))) {
        struct parcel *p = share_head(share);
        struct outbound *idle = find_idle(d, p, now);
        if (idle)
            outbound_send(idle, take(d, p));
        else if (!serve_head(d, dock, p, now))
            return;
    }
    dock->wants_room = false;
}

void dispatch_end(struct delivery *d)
{
    struct dock *dock;
    d->is_running = true;
    for (;;) {
        if (d->has_changed) {
            d->has_changed = false;
            delivery_judge(d);
        }
        dock = LIST_FIRST(&d->awake, struct dock, awake);
        if (!dock)
            break;
        list_remove(&dock->awake);
        serve(d, dock);
    }
    d->is_running = false;
}

void dispatch_freed(struct delivery *d, struct dock *dock)
{
    struct dock *first = LIST_FIRST(&d->starved, struct dock, starved);
    if (first) {
        list_remove(&first->starved);
        d->starved_n--;
        dock_wake(d, first);
    }
    dock->wants_room = false;
    dock_wake(d, dock);
}
