/* Letters, parcels and the queues they wait in, and the exact counts of what waits and what is held.
 * A recipient is counted in one share from its acceptance to its end, in memory or not: first in
 * that of the provider "", then where its domain leads, wherever it moves. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "core/state.h"
#include "delivery/internal.h"
#include "mail/address.h"

enum { MERGE_LOOK = 32, GROUP_LOOK = 8 }; // parcels of a letter that are looked through

struct share *share_of(struct delivery *d, struct customer *c, const char *provider)
{
    struct share *s = map_get_str(&c->share_of, provider);
    if (s)
        return s;
    s = xcalloc(1, sizeof(*s));
    list_init(&s->fair.link);
    list_init(&s->queues);
    list_init(&s->ready);
    s->customer = c;
    s->provider = provider_of(d, provider);
    if (*provider)
        s->dock = dock_of(d, s->provider, c->pool);
    list_add_last(&c->shares, &s->of_customer);
    list_add_last(&s->provider->shares, &s->of_provider);
    map_put_str(&c->share_of, provider, s);
    hold_judge_share(d, s);
    return s;
}

struct queue *queue_of(struct share *s, const char *list)
{
    struct queue *q = map_get_str(&s->queue_of, list);
    if (q)
        return q;
    q = xcalloc(1, sizeof(*q));
    snprintf(q->list, sizeof(q->list), "%s", list);
    q->share = s;
    list_init(&q->parcels);
    list_init(&q->ready);
    list_add_last(&s->queues, &q->link);
    map_put_str(&s->queue_of, list, q);
    hold_judge_queue(s->customer->d, q);
    return q;
}

/* Nothing waits in it, in memory or on disk. */
void share_free(struct delivery *d, struct share *s)
{
    struct queue *q;
    share_count(d, s, -(int64_t)s->waiting);
    LIST_EACH (&s->queues, q, link) {
        queue_away(d, q, -(int64_t)q->away);
        must(list_is_empty(&q->parcels));
        xfree(q);
    }
    if (s->fair.is_active)
        fair_deactivate(&s->dock->fair, &s->fair);
    list_remove(&s->of_customer);
    list_remove(&s->of_provider);
    map_remove_str(&s->customer->share_of, s->provider->name);
    map_deinit(&s->queue_of);
    xfree(s->last_reply);
    xfree(s);
}

void share_recount(struct delivery *d, struct share *s)
{
    uint64_t held = s->is_held ? s->waiting : s->held_lists;
    if (held > s->waiting)
        held = s->waiting;
    s->customer->state->held += held - s->held;
    d->held += held - s->held;
    s->held = held;
}

void share_count(struct delivery *d, struct share *s, int64_t n)
{
    if (n < 0 && s->waiting < (uint64_t)-n)
        n = -(int64_t)s->waiting; // the disk knew less than came from it: never below nothing
    s->waiting += (uint64_t)n;
    s->customer->waiting += (uint64_t)n;
    s->customer->state->queued += (uint64_t)n;
    d->queued += (uint64_t)n;
    if (!s->waiting)
        s->oldest_at = s->next_try_at = 0;
    share_recount(d, s);
}

static void count_held(struct delivery *d, struct queue *q, int64_t n)
{
    if (!q->is_held)
        return;
    q->share->held_lists += (uint64_t)n;
    share_recount(d, q->share);
}

void queue_away(struct delivery *d, struct queue *q, int64_t n)
{
    if (n < 0 && q->away < (uint64_t)-n)
        n = -(int64_t)q->away;
    q->away += (uint64_t)n;
    count_held(d, q, n);
}

void queue_away_unplaced(struct delivery *d, const struct letter *l, const char *provider,
                         int64_t n)
{
    struct share *s = map_get_str(&l->customer->share_of, provider);
    if (s)
        queue_away(d, queue_of(s, l->m->list), n);
}

/* The customer's other queue of that list which sent recipients to disk where they have another name. */
static struct queue *parked_elsewhere(const struct queue *q)
{
    struct share *s;
    LIST_EACH (&q->share->customer->shares, s, of_customer) {
        struct queue *other = map_get_str(&s->queue_of, q->list);
        if (other && other != q && other->parked) {
            other->parked--;
            return other;
        }
    }
    return NULL;
}

static void move(struct delivery *d, struct share *from, struct share *to)
{
    if (!from || !from->waiting || from == to)
        return;
    share_count(d, from, -1);
    share_count(d, to, 1);
}

/* The recipient waits in q from now on; until now it was counted under the name that the disk has, or
 * in a queue of its list that sent it back there. */
static void count_moves(struct delivery *d, const char *stored, struct queue *q, bool is_new)
{
    struct share *from = map_get_str(&q->share->customer->share_of, stored);
    struct queue *source;

    if (is_new) {
        move(d, from, q->share);
        return;
    }
    if (from == q->share || q->parked) {
        if (from != q->share)
            q->parked--;
        queue_away(d, q, -1);
        return;
    }
    source = from ? map_get_str(&from->queue_of, q->list) : NULL;
    if (!source || !source->away)
        source = parked_elsewhere(q);
    if (source) {
        queue_away(d, source, -1);
        from = source->share;
    }
    move(d, from, q->share);
}

struct parcel *parcel_new(struct letter *l)
{
    struct parcel *p = xcalloc(1, sizeof(*p));
    p->letter = l;
    list_init(&p->link);
    list_add_last(&l->parcels, &p->of_letter);
    return p;
}

void parcel_add(struct parcel *p, uint32_t recipient)
{
    if (p->n == p->room) {
        p->room = p->room ? p->room * 2 : 1;
        p->recipients = xrealloc(p->recipients, p->room, sizeof(*p->recipients));
    }
    p->recipients[p->n++] = recipient;
}

void parcel_free(struct delivery *d, struct parcel *p)
{
    queue_out(d, p);
    list_remove(&p->link);
    list_remove(&p->of_letter);
    if (p->site)
        site_unref(d, p->site);
    xfree(p->recipients);
    xfree(p);
}

/* Another parcel of its letter that waits in the same place, among the newest. */
static struct parcel *find_same(const struct parcel *p)
{
    const struct list *head = &p->letter->parcels;
    size_t looked = 0;
    for (struct list *at = head->prev; at != head && looked++ < MERGE_LOOK; at = at->prev) {
        struct parcel *other = CONTAINER_OF(at, struct parcel, of_letter);
        if (other != p && other->is_waiting && other->queue == p->queue && other->site == p->site)
            return other;
    }
    return NULL;
}

static void merge(struct delivery *d, struct parcel *into, struct parcel *p)
{
    struct queue *q = into->queue;
    for (size_t i = 0; i < p->n; i++)
        parcel_add(into, p->recipients[i]);
    q->recipients += (uint32_t)p->n;
    q->share->dock->recipients += (uint32_t)p->n;
    if (q->is_held)
        q->share->customer->in_held += (uint32_t)p->n;
    count_held(d, q, (int64_t)p->n);
    parcel_free(d, p);
}

void parcel_place(struct delivery *d, struct parcel *p, struct hosts *hosts)
{
    struct letter *l = p->letter;
    struct share *s = share_of(d, l->customer, hosts->provider);
    struct parcel *same;

    p->domain = NULL;
    p->queue = queue_of(s, l->m->list ? l->m->list : "");
    p->site = site_of(s->dock, hosts);
    for (size_t i = 0; i < p->n; i++) {
        const char *stored = l->m->recipients[p->recipients[i]].provider;
        count_moves(d, stored ? stored : "", p->queue, l->is_new);
    }
    if (!s->oldest_at || l->m->accepted_at < s->oldest_at)
        s->oldest_at = l->m->accepted_at;
    same = find_same(p);
    if (same)
        merge(d, same, p);
    else
        queue_put(d, p->queue, p, false);
}

/* A held parcel beyond what is kept of those goes to disk until a hold ends; the whole customer's at
 * once. */
static bool is_sent_away(struct delivery *d, struct queue *q, struct parcel *p)
{
    struct customer *c = q->share->customer;
    usec_t now = clock_wall();
    if (!q->is_held)
        return false;
    if (c->is_held) {
        parcel_park(d, p, now);
        return true;
    }
    if (c->in_held + p->n <= WINDOW_HELD)
        return false;
    c->held_at = now > c->released_at ? now : c->released_at;
    parcel_park(d, p, SPOOL_HELD + c->held_at);
    return true;
}

static void activate(struct delivery *d, struct queue *q)
{
    struct share *s = q->share;
    if (list_is_empty(&q->ready))
        list_add_last(&s->ready, &q->ready);
    if (!s->fair.is_active)
        fair_activate(&s->dock->fair, &s->fair);
    dock_wake(d, s->dock);
}

static void deactivate(struct queue *q)
{
    struct share *s = q->share;
    list_remove(&q->ready);
    if (list_is_empty(&s->ready) && s->fair.is_active)
        fair_deactivate(&s->dock->fair, &s->fair);
}

void queue_put(struct delivery *d, struct queue *q, struct parcel *p, bool is_first)
{
    struct share *s = q->share;
    p->queue = q;
    if (is_sent_away(d, q, p))
        return;
    if (p->site->dock != s->dock) { // it was away while the customer's pool changed
        struct hosts *hosts = p->site->hosts;
        hosts->refs++;
        site_unref(d, p->site);
        p->site = site_of(s->dock, hosts);
        hosts_unref(d, hosts);
    }
    if (is_first)
        list_add_first(&q->parcels, &p->link);
    else
        list_add_last(&q->parcels, &p->link);
    p->is_waiting = true;
    q->recipients += (uint32_t)p->n;
    s->dock->recipients += (uint32_t)p->n;
    count_held(d, q, (int64_t)p->n);
    if (q->is_held) {
        s->customer->in_held += (uint32_t)p->n;
        return;
    }
    p->site->parcels++;
    activate(d, q);
}

void queue_out(struct delivery *d, struct parcel *p)
{
    struct queue *q = p->queue;
    if (!p->is_waiting)
        return;
    p->is_waiting = false;
    list_remove(&p->link);
    q->recipients -= (uint32_t)p->n;
    q->share->dock->recipients -= (uint32_t)p->n;
    count_held(d, q, -(int64_t)p->n);
    if (q->is_held) {
        q->share->customer->in_held -= (uint32_t)p->n;
        return;
    }
    p->site->parcels--;
    if (list_is_empty(&q->parcels))
        deactivate(q);
}

void queue_set_held(struct delivery *d, struct queue *q, bool is_held)
{
    struct parcel *p;
    if (q->is_held == is_held)
        return;
    count_held(d, q, -(int64_t)(q->recipients + q->away));
    q->is_held = is_held;
    count_held(d, q, (int64_t)(q->recipients + q->away));
    LIST_EACH (&q->parcels, p, link)
        p->site->parcels += is_held ? -1u : 1u;
    if (is_held) {
        q->share->customer->in_held += q->recipients;
        deactivate(q);
        return;
    }
    q->share->customer->in_held -= q->recipients;
    customer_release(q->share->customer);
    if (!list_is_empty(&q->parcels))
        activate(d, q);
}

void share_move(struct delivery *d, struct share *s, const char *pool)
{
    struct dock *to;
    struct queue *q;
    struct parcel *p;
    struct list moving;

    if (!s->dock || strcmp(s->dock->pool, pool) == 0)
        return;
    to = dock_of(d, s->provider, pool);
    list_init(&moving);
    LIST_EACH (&s->queues, q, link)
        LIST_EACH (&q->parcels, p, link) {
            queue_out(d, p);
            list_add_last(&moving, &p->link);
        }
    s->dock = to;
    LIST_EACH (&moving, p, link) {
        list_remove(&p->link);
        queue_put(d, p->queue, p, false);
    }
}

// With a return path of its own for each recipient, none can share a transaction.
static size_t transaction_most(const struct delivery *d, const struct spool_message *m)
{
    return flight_has_token(d, m) ? 1 : TRANSACTION_MAX;
}

struct parcel *parcel_split(struct delivery *d, struct parcel *p)
{
    struct parcel *part;
    struct queue *q = p->queue;
    bool is_first = true;
    size_t most = transaction_most(d, p->letter->m);

    queue_out(d, p);
    if (p->n <= most)
        return p;
    part = parcel_new(p->letter);
    part->queue = q;
    part->site = p->site;
    part->site->refs++;
    p->n -= most; // off its end, which costs nothing
    for (size_t i = 0; i < most; i++)
        parcel_add(part, p->recipients[p->n + i]);
    queue_put(d, q, p, is_first);
    return part;
}

void parcel_return(struct delivery *d, struct parcel *p)
{
    queue_put(d, p->queue, p, true);
}

static void letter_free(struct delivery *d, struct letter *l)
{
    body_drop(d, l);
    if (l->loading) // the store reads into it: left to the answer
        ask_lose(l->loading, MOVE(l->m));
    spool_message_free(l->m);
    xfree(l);
}

void letter_left(struct delivery *d, struct letter *l, uint32_t n)
{
    struct customer *c = l->customer;
    must(l->pending >= n);
    l->pending -= n;
    if (!l->pending && !l->is_taking)
        letter_free(d, l);
    window_left(c, n);
}

/* The parcel of this letter for that domain, among the newest; made when there is none. */
static struct parcel *parcel_for(struct letter *l, struct domain *domain)
{
    size_t looked = 0;
    for (struct list *at = l->parcels.prev; at != &l->parcels && looked++ < GROUP_LOOK;
         at = at->prev) {
        struct parcel *p = CONTAINER_OF(at, struct parcel, of_letter);
        if (p->domain == domain)
            return p;
    }
    struct parcel *p = parcel_new(l);
    p->domain = domain;
    return p;
}

void letter_take(struct delivery *d, struct spool_message *m, bool is_new)
{
    struct letter *l = xcalloc(1, sizeof(*l));
    struct list parcels;
    struct parcel *p;

    l->m = m;
    l->customer = customer_of(d, m->customer);
    l->is_new = is_new;
    l->is_taking = true;
    l->pending = (uint32_t)m->recipients_n;
    list_init(&l->parcels);
    list_init(&l->loaders);
    list_init(&l->queued);
    list_init(&parcels);
    l->customer->in_memory += l->pending;
    d->in_memory += l->pending;
    if (m->body) {
        d->bodies += m->size;
        l->is_counted = true;
        if (d->bodies > BODIES_YOUNG)
            body_drop(d, l);
    }
    for (uint32_t i = 0; i < l->pending; i++)
        parcel_add(parcel_for(l, route_domain(d, address_domain(m->recipients[i].address))), i);
    LIST_EACH (&l->parcels, p, of_letter)
        list_add_last(&parcels, &p->link); // what merges or parks below leaves l->parcels
    while ((p = LIST_FIRST(&parcels, struct parcel, link))) {
        list_remove(&p->link);
        route_ask(d, p, p->domain);
    }
    l->is_taking = false;
    letter_left(d, l, 0);
    route_trim(d);
}
