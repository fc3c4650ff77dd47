/* A customer's window: what of its mail is in memory. It is refilled from disk when half of it went;
 * what has no hope soon goes back there, so that it never keeps what has. All customers together are
 * bounded too: who finds no room waits in line for it. Bodies have a budget of their own; a message
 * without its body in memory is loaded when its turn comes. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "core/state.h"
#include "delivery/internal.h"

struct ask *ask_new(struct delivery *d, void *what)
{
    struct ask *a = xcalloc(1, sizeof(*a));
    a->d = d;
    a->what = what;
    list_add_last(&d->asks, &a->link);
    return a;
}

struct delivery *ask_take(struct ask *a, void **what)
{
    struct delivery *d = a->d;
    *what = a->what;
    list_remove(&a->link);
    xfree(a);
    return d;
}

void ask_lose(struct ask *a, void *what)
{
    list_remove(&a->link);
    list_add_last(&a->d->lost_asks, &a->link);
    a->d = NULL;
    a->what = what;
}

struct customer *customer_of(struct delivery *d, const char *name)
{
    struct customer *c = map_get_str(&d->customers, name);
    if (c)
        return c;
    c = xcalloc(1, sizeof(*c));
    snprintf(c->name, sizeof(c->name), "%s", name);
    c->d = d;
    c->state = state_customer_add(d->o.state, name);
    c->due_at = USEC_NEVER;
    list_init(&c->wanting);
    list_init(&c->shares);
    map_put_str(&d->customers, name, c);
    hold_judge_customer(d, c);
    return c;
}

static uint32_t in_window(const struct customer *c)
{
    return c->in_memory > c->in_held ? c->in_memory - c->in_held : 0;
}

static void on_due(void *ctx)
{
    struct customer *c = ctx;
    struct delivery *d = c->d;
    dispatch_begin(d);
    customer_fetch(c);
    dispatch_end(d);
}

/* When to look at the disk again; now, if that is due. */
static void look_later(struct customer *c)
{
    usec_t wall = clock_wall();
    if (c->is_fetching || c->is_held || c->due_at == USEC_NEVER)
        return;
    if (c->due_at <= wall)
        customer_fetch(c);
    else
        timer_set(c->d->timers, &c->timer, clock_monotonic() + (c->due_at - wall), on_due, c);
}

void customer_due(struct customer *c, usec_t at)
{
    if (at >= c->due_at)
        return;
    c->due_at = at;
    look_later(c);
}

/* The store's answer: messages to take in, and when more is due. */
static void on_fetched(void *ctx, struct spool_due *due)
{
    void *what;
    struct delivery *d = ask_take(ctx, &what);
    struct customer *c = what;

    if (d)
        dispatch_begin(d);
    for (size_t i = 0; i < due->n; i++) {
        if (d && !d->is_stopping)
            letter_take(d, due->messages[i], false);
        else
            spool_message_free(due->messages[i]);
    }
    free(due->messages);
    due->messages = NULL;
    if (!d)
        return;
    c->is_fetching = false;
    c->has_more = due->has_more;
    usec_t at = due->has_more ? clock_wall() : due->next_at;
    if (at < c->due_at)
        c->due_at = at;
    look_later(c);
    dispatch_end(d);
}

void customer_fetch(struct customer *c)
{
    struct delivery *d = c->d;
    usec_t wall = clock_wall();

    if (!d->is_started || d->is_stopping || c->is_fetching || c->is_held)
        return;
    if (c->due_at > wall) {
        look_later(c);
        return;
    }
    if (in_window(c) > WINDOW / 2)
        return; // window_left() comes back to it
    if (d->in_memory >= MEMORY) {
        if (list_is_empty(&c->wanting))
            list_add_last(&d->wanting, &c->wanting);
        return;
    }
    size_t limit = WINDOW - in_window(c);
    if (limit > MEMORY - d->in_memory)
        limit = MEMORY - d->in_memory;
    c->is_fetching = true;
    c->due_at = USEC_NEVER; // what becomes due meanwhile is noted, the rest comes with the answer
    timer_stop(d->timers, &c->timer);
    spool_due(d->o.store, c->name, wall, c->released_at, limit, on_fetched, ask_new(d, c));
}

void customer_release(struct customer *c)
{
    usec_t now = clock_wall();
    c->released_at = now > c->held_at ? now : c->held_at + 1; // even when the clock was set back
    if (c->d->is_started)
        customer_due(c, now);
}

void window_serve(struct delivery *d)
{
    while (d->in_memory < MEMORY && !list_is_empty(&d->wanting)) {
        struct customer *c = LIST_FIRST(&d->wanting, struct customer, wanting);
        list_remove(&c->wanting);
        customer_fetch(c);
    }
}

void window_left(struct customer *c, uint32_t n)
{
    must(c->in_memory >= n && c->d->in_memory >= n);
    c->in_memory -= n;
    c->d->in_memory -= n;
    if (c->due_at != USEC_NEVER && in_window(c) <= WINDOW / 2)
        look_later(c);
    window_serve(c->d);
}

void parcel_park(struct delivery *d, struct parcel *p, usec_t at)
{
    struct letter *l = p->letter;
    struct share *s = p->queue ? p->queue->share : NULL;
    uint32_t n = (uint32_t)p->n;

    queue_out(d, p);
    for (size_t i = 0; i < p->n; i++) {
        const struct spool_recipient *r = &l->m->recipients[p->recipients[i]];
        if (!d->is_stopping) // else the next start finds it, due at once
            spool_park(d->o.store, l->m->id, r->no, at);
        // the disk goes on naming the provider of the last attempt
        if (s && strcmp(r->provider ? r->provider : "", s->provider->name) != 0)
            p->queue->parked++;
    }
    if (s)
        queue_away(d, p->queue, n);
    else if (l->is_new)
        queue_away_unplaced(d, l, "", n);
    if (s && at < SPOOL_HELD &&
        (!s->next_try_at || s->next_try_at < clock_wall() || at < s->next_try_at))
        s->next_try_at = at;
    if (at < SPOOL_HELD)
        customer_due(l->customer, at);
    parcel_free(d, p);
    letter_left(d, l, n);
}

void parcel_park_for(struct delivery *d, struct parcel *p, usec_t until)
{
    usec_t now = clock_monotonic(), wait = until > now ? until - now : 0;
    const struct share *s = p->queue->share;
    // No more than about 1,000 a second come back to look: it is not a stampede when it recovers.
    double spread = (double)s->waiting * (double)USEC_MS;
    if (spread > 30.0 * (double)USEC_MINUTE)
        spread = 30.0 * (double)USEC_MINUTE;
    parcel_park(d, p, clock_wall() + wait + (usec_t)(outcome_dice() * spread));
}

/* The body is counted once, however many use it. */
static void count_body(struct delivery *d, struct letter *l)
{
    if (!l->is_counted)
        d->bodies += l->m->size;
    l->is_counted = true;
}

static void on_loaded(void *ctx, int r)
{
    void *what;
    struct delivery *d = ask_take(ctx, &what);
    if (!d) {
        spool_message_free(what); // it was left to the answer
        return;
    }
    struct letter *l = what;
    struct flight *f;

    dispatch_begin(d);
    l->loading = NULL;
    if (r < 0)
        log_error("delivery", "the body of a message of %s can't be read: %s", l->customer->name,
                  strerror(-r));
    if (!l->flights && d->bodies > BODIES_YOUNG)
        body_drop(d, l); // who wanted it went elsewhere
    while ((f = LIST_FIRST(&l->loaders, struct flight, loader))) {
        bool is_last = l->loaders.next == l->loaders.prev;
        list_remove(&f->loader);
        flight_loaded(f, r); // may free the letter, with the last
        if (is_last)
            break;
    }
    dispatch_end(d);
}

static void load(struct delivery *d, struct letter *l)
{
    l->loading = ask_new(d, l);
    count_body(d, l);
    spool_load_body(d->o.store, l->m, on_loaded, l->loading);
}

bool body_want(struct delivery *d, struct letter *l, struct flight *f)
{
    l->flights++;
    if (l->m->body && !l->loading) {
        count_body(d, l);
        return true;
    }
    list_add_last(&l->loaders, &f->loader);
    if (l->loading || !list_is_empty(&l->queued))
        return false;
    if (d->bodies && d->bodies + l->m->size > BODIES_MOST)
        list_add_last(&d->loads, &l->queued);
    else
        load(d, l);
    return false;
}

void body_serve(struct delivery *d)
{
    while (!d->is_stopping && !list_is_empty(&d->loads)) {
        struct letter *l = LIST_FIRST(&d->loads, struct letter, queued);
        if (d->bodies && d->bodies + l->m->size > BODIES_MOST)
            return;
        list_remove(&l->queued);
        if (list_is_empty(&l->loaders))
            continue; // who wanted it is gone
        load(d, l);
    }
}

void body_drop(struct delivery *d, struct letter *l)
{
    if (l->is_counted)
        d->bodies -= l->m->size;
    l->is_counted = false;
    if (!l->loading)
        l->m->body = xfree(l->m->body);
    list_remove(&l->queued);
    body_serve(d);
}

void body_unused(struct delivery *d, struct letter *l)
{
    must(l->flights > 0);
    if (--l->flights == 0 && !l->loading && d->bodies > BODIES_YOUNG)
        body_drop(d, l);
}
