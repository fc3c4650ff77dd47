/* What the console shows of the queues and lanes, and why a recipient waits, in words. */
#include <stdio.h>
#include <string.h>

#include "core/entry.h"
#include "core/state.h"
#include "delivery/internal.h"
#include "mail/address.h"

/* Exact when all that waits is in memory, else what was heard of last. */
static usec_t oldest_of(const struct share *s)
{
    const struct queue *q;
    usec_t oldest = USEC_NEVER;
    uint64_t here = 0;
    LIST_EACH (&s->queues, q, link) {
        const struct parcel *p = LIST_FIRST(&q->parcels, struct parcel, link);
        here += q->recipients;
        if (p && p->letter->m->accepted_at < oldest)
            oldest = p->letter->m->accepted_at;
    }
    return here == s->waiting && here ? oldest : s->oldest_at;
}

void delivery_each_queue(struct delivery *d,
                         void (*each)(void *ctx, const struct delivery_queue_row *r), void *ctx)
{
    struct map_item *item;
    const struct share *s;
    usec_t now = clock_wall();
    for (size_t i = 0; (item = map_next(&d->customers, &i));) {
        const struct customer *c = item->value;
        LIST_EACH (&c->shares, s, of_customer) {
            if (!s->waiting)
                continue;
            struct delivery_queue_row row = {
                .customer = c->name,
                .provider = s->provider->name,
                .pool = c->pool,
                .waiting = s->waiting - s->held,
                .held = s->held,
                .oldest_at = oldest_of(s),
                .next_try_at = s->next_try_at > now ? s->next_try_at : 0,
                .last_reply = s->last_reply ? s->last_reply : "",
            };
            each(ctx, &row);
        }
    }
}

static bool is_blocked(const struct lane *l, usec_t now)
{
    return l->is_blocked && now - l->blocked_at < USEC_HOUR;
}

static usec_t until_of(const struct lane *l, usec_t now)
{
    if (l->paused_until)
        return l->paused_until;
    if (now < l->backoff_until)
        return l->until;
    return l->probe && now < l->probe_at ? clock_wall() + l->probe_at - now : 0;
}

static const char *lane_state(const struct lane *l, usec_t now, const struct lane_sums *hour)
{
    if (l->paused_until)
        return "paused";
    if (is_blocked(l, now))
        return "blocked";
    if (now < l->backoff_until)
        return "backing off";
    if (l->probe)
        return "probing";
    if (hour->tried && hour->deferred * 5 > hour->tried)
        return "deferring";
    return l->outbounds_n || hour->tried ? "fine" : "idle";
}

static void show_lane(const struct lane *l,
                      void (*each)(void *ctx, const struct delivery_lane_row *r), void *ctx)
{
    usec_t now = clock_monotonic(), wall = clock_wall();
    struct lane_sums hour = lane_sums(l, wall, 60);
    uint32_t most = lane_connections_max(l, now);
    struct delivery_lane_row row = {
        .ip = l->source->address,
        .provider = l->provider->name,
        .lane_state = lane_state(l, now, &hour),
        .connections = l->outbounds_n,
        .connections_max = most == UINT32_MAX ? 0 : most,
        .sent_1m = lane_sums(l, wall - USEC_MINUTE, 1).sent, // the last whole minute
        .sent_1h = hour.sent,
        .deferred_rate = hour.tried ? (double)hour.deferred / (double)hour.tried : -1,
        .is_blocked = is_blocked(l, now),
        .until = until_of(l, now),
        .last_reply = l->last_reply ? l->last_reply : "",
    };
    each(ctx, &row);
}

void delivery_each_lane(struct delivery *d,
                        void (*each)(void *ctx, const struct delivery_lane_row *r), void *ctx)
{
    struct map_item *item;
    const struct lane *l;
    for (size_t i = 0; (item = map_next(&d->providers, &i));) {
        const struct provider *p = item->value;
        LIST_EACH (&p->lanes, l, of_provider)
            if (l->figures || l->outbounds_n || l->backoff_span || l->paused_until)
                show_lane(l, each, ctx);
    }
}

void delivery_totals_get(struct delivery *d, struct delivery_totals *t)
{
    *t = (struct delivery_totals){
        .queued = d->queued,
        .held = d->held,
        .in_flight = d->in_flight,
        .connections = d->outbounds_n,
        .last_outcome_at = d->last_outcome_at,
    };
}

static void say_hold(char *out, size_t room, const char *what, const struct entry *why)
{
    char until[CLOCK_TEXT] = "";
    if (why && why->expires_at != USEC_NEVER)
        clock_format(until, why->expires_at);
    snprintf(out, room, "%s%s%s%s%s", what, why && *why->reason ? ": " : "", why ? why->reason : "",
             *until ? ", until " : "", until);
}

/* Does a standing or a hold keep it? */
static bool say_held(struct delivery *d, const struct spool_message *m, const char *provider,
                     const char *pool, char *out, size_t room)
{
    const struct entry *why = NULL;
    usec_t now = clock_wall();
    struct state_path path = {m->customer, m->list, provider, NULL, pool};
    char what[160];
    if (state_standing(d->o.state, m->customer, m->list ? m->list : "", now, &why) ==
        STANDING_SUSPENDED) {
        snprintf(what, sizeof(what), "%s is suspended", m->customer);
        say_hold(out, room, what, why);
        return true;
    }
    why = state_hold(d->o.state, &path, now);
    if (why)
        say_hold(out, room, "its queue is held", why);
    return why != NULL;
}

static void say_lanes(const struct dock *dock, char *out, size_t room)
{
    const struct lane *l, *down = NULL, *paused = NULL;
    usec_t now = clock_monotonic();
    char until[CLOCK_TEXT];
    bool has_open = false, has_up = false;
    LIST_EACH (&dock->lanes, l, of_dock) {
        has_open |= l->is_open;
        has_up |= lane_may(l, now);
        if (l->paused_until && !l->is_out && (!paused || l->paused_until < paused->paused_until))
            paused = l;
        if (l->is_open && now < l->backoff_until && (!down || l->until < down->until))
            down = l;
    }
    if (!has_open && paused && paused->paused_until != USEC_NEVER) {
        clock_format(until, paused->paused_until);
        snprintf(out, room, "no IP of pool %s may send to %s now: %s is paused until %.8sZ",
                 dock->pool, dock->provider->name, paused->source->address,
                 until + strlen("2026-11-24T"));
    } else if (!has_open) {
        snprintf(out, room, "no IP of pool %s may send to %s now", dock->pool,
                 dock->provider->name);
    } else if (!has_up && down) {
        clock_format(until, down->until);
        snprintf(out, room, "%s/%s is backing off until %.8sZ: %s", down->source->address,
                 dock->provider->name, until + strlen("2026-11-24T"),
                 down->last_reply ? down->last_reply : "");
    }
}

void delivery_why(struct delivery *d, const struct spool_message *m, uint32_t recipient_no,
                  char *out, size_t room)
{
    const struct spool_recipient *r = NULL;
    const struct customer *c = customer_of(d, m->customer);
    const struct domain *domain;
    const struct share *s;
    const char *provider;

    out[0] = '\0';
    for (size_t i = 0; i < m->recipients_n; i++)
        if (m->recipients[i].no == recipient_no)
            r = &m->recipients[i];
    if (!r) {
        snprintf(out, room, "it waits no more");
        return;
    }
    domain = map_get_str(&d->domain_of, address_domain(r->address));
    provider = domain && domain->hosts ? domain->hosts->provider : r->provider ? r->provider : "";
    if (say_held(d, m, provider, c->pool, out, room))
        return;
    s = map_get_str(&c->share_of, provider);
    if (s && s->dock)
        say_lanes(s->dock, out, room);
    if (*out)
        return;
    if (r->next_try_at > clock_wall()) {
        bool has_reply = r->last_reply && *r->last_reply; // when it is tried again stands beside
        snprintf(out, room, "%s%s", has_reply ? "deferred: " : "waits for its next try",
                 has_reply ? r->last_reply : "");
    } else if (domain && domain->ask) {
        snprintf(out, room, "DNS is asked for %s", domain->name);
    } else {
        snprintf(out, room, "waits its turn: %llu of %s wait for %s",
                 (unsigned long long)(s ? s->waiting : c->waiting), c->name,
                 *provider ? provider : "their routes");
    }
}
