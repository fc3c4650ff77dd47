#include "delivery/delivery.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "core/state.h"
#include "delivery/internal.h"
#include "mail/replies.h"
#include "settings/settings.h"

enum { SWEEP_SPAN = 60 };

/* ---- life */

static struct source *source_of(struct delivery *d, const struct settings_ip *ip)
{
    struct source *s = map_get_str(&d->sources, ip->address.text);
    if (s)
        return s;
    s = xcalloc(1, sizeof(*s));
    snprintf(s->address, sizeof(s->address), "%s", ip->address.text);
    s->sa = ip->address.sa;
    map_put_str(&d->sources, ip->address.text, s);
    return s;
}

/* The IPs as the settings have them; the first pool that names one has it. */
static void take_sources(struct delivery *d)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&d->sources, &i));)
        ((struct source *)item->value)->pool = NULL;
    for (size_t i = 0; i < d->settings->pools_n; i++) {
        const struct settings_pool *pool = &d->settings->pools[i];
        for (size_t j = 0; j < pool->ips_n; j++) {
            struct source *s = source_of(d, &pool->ips[j]);
            text_replace(&s->helo, pool->ips[j].helo);
            if (!s->pool)
                s->pool = pool;
        }
    }
}

static void on_change(void *ctx);

void delivery_judge(struct delivery *d)
{
    usec_t wall = clock_wall(), at;
    hold_judge_all(d);
    at = state_next_expiry(d->o.state, wall);
    timer_stop(d->timers, &d->change);
    if (at != USEC_NEVER)
        timer_set(d->timers, &d->change, clock_monotonic() + (at > wall ? at - wall : 0) + USEC_MS,
                  on_change, d);
}

static void on_change(void *ctx)
{
    delivery_changed(ctx);
}

static void sweep_customer(struct delivery *d, struct customer *c)
{
    struct share *s;
    LIST_EACH (&c->shares, s, of_customer)
        if (!s->waiting)
            share_free(d, s);
}

static void on_sweep(void *ctx)
{
    struct delivery *d = ctx;
    struct map_item *item;
    usec_t now = clock_monotonic();

    dispatch_begin(d);
    for (size_t i = 0; (item = map_next(&d->customers, &i));)
        sweep_customer(d, item->value);
    for (size_t i = 0; (item = map_next(&d->providers, &i));) {
        struct provider *p = item->value;
        if (list_is_empty(&p->shares) && !p->outbounds_n && now - p->used_at > USEC_HOUR)
            provider_free(d, p);
    }
    timer_set(d->timers, &d->sweep, now + SWEEP_SPAN * USEC_SECOND, on_sweep, d);
    dispatch_end(d);
}

static void take_waiting(void *ctx, const struct spool_waiting *w)
{
    struct delivery *d = ctx;
    struct share *s = share_of(d, customer_of(d, w->customer), w->provider ? w->provider : "");
    share_count(d, s, (int64_t)w->recipients);
    queue_away(d, queue_of(s, w->list), (int64_t)w->recipients);
    if (!s->oldest_at || w->oldest_at < s->oldest_at)
        s->oldest_at = w->oldest_at;
    if (w->next_try_at < SPOOL_HELD && (!s->next_try_at || w->next_try_at < s->next_try_at))
        s->next_try_at = w->next_try_at;
}

// They borrow the rules of the settings.
static void take_replies(struct delivery *d)
{
    replies_free(d->replies);
    d->replies = replies_new(d->settings->replies, d->settings->replies_n);
    if (replies_left_out(d->replies))
        log_warning("delivery", "%zu patterns of replies are one too many and are left out",
                    replies_left_out(d->replies));
}

struct delivery *delivery_new(const struct delivery_options *options)
{
    struct delivery *d = xcalloc(1, sizeof(*d));
    struct list *lists[] = {&d->domains, &d->asks,    &d->lost_asks, &d->awake,
                            &d->starved, &d->wanting, &d->loads,     &d->idle};
    d->o = *options;
    d->settings = options->settings;
    take_replies(d);
    d->dns = options->dns;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_init(lists[i]);
    d->timers = timers_new(options->loop);
    take_sources(d);
    delivery_judge(d);
    spool_each_waiting(options->store, take_waiting, d);
    timer_set(d->timers, &d->sweep, clock_monotonic() + SWEEP_SPAN * USEC_SECOND, on_sweep, d);
    return d;
}

static void close_outbounds(struct delivery *d)
{
    struct map_item *item;
    struct lane *l;
    struct outbound *s;
    for (size_t i = 0; (item = map_next(&d->providers, &i));) {
        struct provider *p = item->value;
        LIST_EACH (&p->lanes, l, of_provider)
            LIST_EACH (&l->outbounds, s, of_lane)
                outbound_close(s);
    }
}

static void forget_parcels(struct delivery *d, struct list *parcels)
{
    struct parcel *p;
    while ((p = LIST_FIRST(parcels, struct parcel, link))) {
        struct letter *l = p->letter;
        uint32_t n = (uint32_t)p->n;
        parcel_free(d, p);
        letter_left(d, l, n);
    }
}

static void customer_free(struct delivery *d, struct customer *c)
{
    struct share *s;
    struct queue *q;
    LIST_EACH (&c->shares, s, of_customer) {
        LIST_EACH (&s->queues, q, link)
            forget_parcels(d, &q->parcels);
        share_free(d, s);
    }
    list_remove(&c->wanting);
    timer_stop(d->timers, &c->timer);
    map_deinit(&c->share_of);
    xfree(c);
}

static void asks_free(struct list *asks)
{
    struct ask *a;
    LIST_EACH (asks, a, link) {
        if (!a->d)
            spool_message_free(a->what);
        list_remove(&a->link);
        xfree(a);
    }
}

struct delivery *delivery_free(struct delivery *d)
{
    struct map_item *item;
    struct domain *domain;
    if (!d)
        return NULL;
    d->is_stopping = d->is_running = true;
    close_outbounds(d);
    LIST_EACH (&d->domains, domain, link)
        forget_parcels(d, &domain->asking);
    for (size_t i = 0; (item = map_next(&d->customers, &i));)
        customer_free(d, item->value);
    for (size_t i = 0; (item = map_next(&d->providers, &i));)
        provider_free(d, item->value);
    for (size_t i = 0; (item = map_next(&d->sources, &i));) {
        struct source *s = item->value;
        xfree(s->helo);
        xfree(s);
    }
    route_deinit(d);
    map_deinit(&d->customers);
    map_deinit(&d->providers);
    map_deinit(&d->sources);
    asks_free(&d->asks);
    asks_free(&d->lost_asks);
    timers_free(d->timers);
    replies_free(d->replies);
    return xfree(d);
}

/* ---- what comes in */

/* Behind what is due on disk already, a new message waits there too: first come, first served. */
static bool is_kept(const struct delivery *d, const struct customer *c,
                    const struct spool_message *m)
{
    return d->is_started && !d->is_stopping && !c->is_held && !c->is_fetching && !c->has_more &&
           c->due_at > clock_wall() && c->in_memory + m->recipients_n <= WINDOW + c->in_held &&
           d->in_memory + m->recipients_n <= MEMORY;
}

void delivery_add(struct delivery *d, struct spool_message *m)
{
    struct customer *c;
    struct share *unknown;
    bool was_running = d->is_running;

    dispatch_begin(d);
    c = customer_of(d, m->customer);
    if (!c->waiting)
        hold_judge_customer(d, c); // changes passed it by while it had nothing
    unknown = share_of(d, c, "");
    share_count(d, unknown, (int64_t)m->recipients_n);
    if (!unknown->oldest_at)
        unknown->oldest_at = m->accepted_at;
    if (is_kept(d, c, m)) {
        spool_keep(d->o.store, m->id);
        letter_take(d, m, true);
    } else {
        queue_away(d, queue_of(unknown, m->list), (int64_t)m->recipients_n);
        spool_message_free(m);
        customer_due(c, clock_wall());
    }
    if (!was_running)
        dispatch_end(d);
}

void delivery_start(struct delivery *d)
{
    struct map_item *item;
    dispatch_begin(d);
    d->is_started = true;
    for (size_t i = 0; (item = map_next(&d->customers, &i));) {
        struct customer *c = item->value;
        if (c->waiting)
            customer_release(c);
        customer_fetch(c); // also what was added before
    }
    dispatch_end(d);
}

void delivery_changed(struct delivery *d)
{
    if (d->is_running) {
        d->has_changed = true;
        return;
    }
    dispatch_begin(d);
    delivery_judge(d);
    dispatch_end(d);
}

void delivery_set_settings(struct delivery *d, const struct settings *settings, struct dns *dns)
{
    struct map_item *item;
    struct dock *dock;
    bool is_new_dns = dns != d->dns;

    dispatch_begin(d);
    d->settings = settings;
    take_replies(d);
    d->dns = dns;
    take_sources(d);
    delivery_judge(d);
    for (size_t i = 0; (item = map_next(&d->providers, &i));) {
        struct provider *p = item->value;
        provider_set_limits(d, p);
        LIST_EACH (&p->docks, dock, of_provider)
            dock_sync(d, dock);
    }
    route_forget(d, is_new_dns);
    for (size_t i = 0; (item = map_next(&d->customers, &i));)
        hold_send_home(d, item->value); // it comes again, and finds the new routes
    dispatch_end(d);
}

/* ---- the end */

static void on_stopped(void *ctx)
{
    struct delivery *d = ctx;
    void (*done)(void *) = d->stopped;
    d->stopped = NULL;
    dispatch_begin(d);
    close_outbounds(d); // idle ones that still say goodbye, and what did not finish in time
    dispatch_end(d);
    if (done)
        done(d->stopped_ctx);
}

void delivery_rested(struct delivery *d)
{
    if (d->is_stopping && !d->in_flight && d->stopped)
        timer_set(d->timers, &d->stop, 0, on_stopped, d);
}

void delivery_stop(struct delivery *d, void (*done)(void *ctx), void *ctx)
{
    struct map_item *item;
    struct lane *l;
    struct outbound *s;

    d->stopped = done;
    d->stopped_ctx = ctx;
    d->is_stopping = true;
    dispatch_begin(d);
    for (size_t i = 0; (item = map_next(&d->providers, &i));) {
        struct provider *p = item->value;
        LIST_EACH (&p->lanes, l, of_provider)
            LIST_EACH (&l->outbounds, s, of_lane)
                if (s->state == OUTBOUND_CONNECTING)
                    outbound_close(s);
                else if (!s->flights_n)
                    outbound_quit(s);
    }
    timer_set(d->timers, &d->stop, clock_monotonic() + STOP_SPAN, on_stopped, d);
    delivery_rested(d);
    dispatch_end(d);
}
