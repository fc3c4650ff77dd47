/* Providers, docks, sites and lanes: what is where, how much each bears, and which lane is taken.
 * A lane's rate is a bucket that holds a second's tokens, at least one. A lane that fails backs off,
 * 10 s doubling to 5 min, until something works over it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "core/outcome.h"
#include "delivery/internal.h"

enum { PROBE_MOST = 20 }; // connections where a probe is over, of a provider without a limit

void text_replace(char **reply, const char *text)
{
    if (*reply && strcmp(*reply, text) == 0)
        return;
    xfree(*reply);
    *reply = xstrdup(text);
}

void provider_set_limits(struct delivery *d, struct provider *p)
{
    const struct settings_provider *limits = settings_provider_limits(d->settings, p->name);
    p->connections = limits->connections;
    p->connections_all = limits->connections_all;
    p->messages = limits->messages;
    p->rate = limits->rate;
    p->rate_per = limits->rate_per ? limits->rate_per : USEC_SECOND;
}

struct provider *provider_of(struct delivery *d, const char *name)
{
    struct provider *p = map_get_str(&d->providers, name);
    if (!p) {
        p = xcalloc(1, sizeof(*p));
        snprintf(p->name, sizeof(p->name), "%s", name);
        list_init(&p->docks);
        list_init(&p->lanes);
        list_init(&p->shares);
        provider_set_limits(d, p);
        map_put_str(&d->providers, name, p);
    }
    p->used_at = clock_monotonic();
    return p;
}

static void dock_free(struct delivery *d, struct dock *dock)
{
    struct site *site;
    LIST_EACH (&dock->sites, site, of_dock)
        must(!"a site without a parcel or outbound");
    if (!list_is_empty(&dock->starved))
        d->starved_n--;
    timer_stop(d->timers, &dock->timer);
    list_remove(&dock->of_provider);
    list_remove(&dock->awake);
    list_remove(&dock->starved);
    map_deinit(&dock->site_of);
    xfree(dock);
}

void provider_free(struct delivery *d, struct provider *p)
{
    struct dock *dock;
    struct lane *l;
    LIST_EACH (&p->lanes, l, of_provider) {
        xfree(l->figures);
        xfree(l->last_reply);
        xfree(l);
    }
    LIST_EACH (&p->docks, dock, of_provider)
        dock_free(d, dock);
    map_remove_str(&d->providers, p->name);
    xfree(p);
}

static struct lane *lane_of(struct delivery *d, struct provider *p, struct source *source)
{
    struct lane *l;
    LIST_EACH (&p->lanes, l, of_provider)
        if (l->source == source)
            return l;
    l = xcalloc(1, sizeof(*l));
    l->provider = p;
    l->source = source;
    l->tokens = 1;
    l->tokens_at = clock_monotonic();
    list_init(&l->of_dock);
    list_init(&l->outbounds);
    list_add_last(&p->lanes, &l->of_provider);
    hold_judge_lane(d, l);
    return l;
}

void dock_sync(struct delivery *d, struct dock *dock)
{
    struct lane *l;
    LIST_EACH (&dock->lanes, l, of_dock)
        if (!l->source->pool || strcmp(l->source->pool->name, dock->pool) != 0) {
            list_remove(&l->of_dock);
            l->dock = NULL;
            hold_judge_lane(d, l);
        }
    for (size_t i = 0; i < d->settings->pools_n; i++) {
        const struct settings_pool *pool = &d->settings->pools[i];
        for (size_t j = 0; strcmp(pool->name, dock->pool) == 0 && j < pool->ips_n; j++) {
            struct source *source = map_get_str(&d->sources, pool->ips[j].address.text);
            l = lane_of(d, dock->provider, source);
            if (l->dock)
                continue;
            l->dock = dock;
            list_add_last(&dock->lanes, &l->of_dock);
            hold_judge_lane(d, l);
        }
    }
}

struct dock *dock_of(struct delivery *d, struct provider *p, const char *pool)
{
    struct dock *dock;
    LIST_EACH (&p->docks, dock, of_provider)
        if (strcmp(dock->pool, pool) == 0)
            return dock;
    dock = xcalloc(1, sizeof(*dock));
    dock->d = d;
    dock->provider = p;
    snprintf(dock->pool, sizeof(dock->pool), "%s", pool);
    fair_init(&dock->fair, TURN_COST);
    list_init(&dock->awake);
    list_init(&dock->starved);
    list_init(&dock->lanes);
    list_init(&dock->sites);
    list_init(&dock->idle);
    list_add_last(&p->docks, &dock->of_provider);
    dock_sync(d, dock);
    return dock;
}

static struct bytes site_key(struct hosts *const *hosts)
{
    // hosts are one struct a key, so the pointer itself is a name
    return bytes_of(hosts,
                    sizeof(*hosts)); // NOLINT(bugprone-sizeof-expression): the pointer's size
}

struct site *site_of(struct dock *dock, struct hosts *hosts)
{
    struct site *s = map_get(&dock->site_of, site_key(&hosts));
    if (!s) {
        s = xcalloc(1, sizeof(*s));
        s->dock = dock;
        s->hosts = hosts;
        hosts->refs++;
        list_init(&s->idle);
        list_init(&s->connecting);
        list_add_last(&dock->sites, &s->of_dock);
        map_put(&dock->site_of, site_key(&hosts), s);
    }
    s->refs++;
    return s;
}

void site_unref(struct delivery *d, struct site *s)
{
    if (--s->refs)
        return;
    map_remove(&s->dock->site_of, site_key(&s->hosts));
    list_remove(&s->of_dock);
    hosts_unref(d, s->hosts);
    xfree(s);
}

bool lane_may(const struct lane *l, usec_t now)
{
    return l->is_open && now >= l->backoff_until;
}

/* Fills the bucket up to now. */
static void refill(struct lane *l, usec_t now)
{
    const struct provider *p = l->provider;
    double a_second = (double)p->rate * (double)USEC_SECOND / (double)p->rate_per;
    double most = a_second > 1 ? a_second : 1;
    l->tokens += (double)(now - l->tokens_at) * (double)p->rate / (double)p->rate_per;
    l->tokens_at = now;
    if (l->tokens > most)
        l->tokens = most;
}

bool lane_token(struct lane *l, usec_t now, bool takes)
{
    if (!l->provider->rate)
        return true;
    refill(l, now);
    if (l->tokens < 1)
        return false;
    if (takes)
        l->tokens -= 1;
    return true;
}

static usec_t token_at(struct lane *l, usec_t now)
{
    double wait = (1 - l->tokens) * (double)l->provider->rate_per / (double)l->provider->rate;
    return now + (wait > 1000 ? (usec_t)wait + 1 : 1000);
}

uint32_t lane_connections_max(const struct lane *l, usec_t now)
{
    uint32_t most = l->provider->connections ? l->provider->connections : UINT32_MAX;
    if (l->probe && l->probe < most)
        most = l->probe;
    return l->cap && l->cap_until > now && l->cap < most ? l->cap : most;
}

static bool has_family(const struct hosts *h, const struct source *source)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->addresses[i].sa.ss_family == source->sa.ss_family)
            return true;
    return false;
}

/* Of the lanes that are open and reach the site: the best one, or the nearest reason why none. */
static enum lane_answer judge(struct lane *l, usec_t now, usec_t *at)
{
    if (now < l->backoff_until) {
        *at = l->backoff_until;
        return LANE_DOWN;
    }
    if (!lane_token(l, now, false)) {
        *at = token_at(l, now);
        return LANE_SLOW;
    }
    return l->outbounds_n >= lane_connections_max(l, now) ? LANE_FULL_LANE : LANE_OK;
}

static enum lane_answer choose_lane(struct delivery *d, struct dock *dock, const struct queue *q,
                                    const struct site *site, usec_t now, struct lane **best,
                                    usec_t *at)
{
    struct lane *l;
    enum lane_answer answer = LANE_NONE;
    LIST_EACH (&dock->lanes, l, of_dock) {
        usec_t its_at = USEC_NEVER;
        enum lane_answer its;
        if (!l->is_open || !hold_allows(d, q, l->source))
            continue;
        its = has_family(site->hosts, l->source) ? judge(l, now, &its_at) : LANE_UNREACHABLE;
        if (its == LANE_OK && (!*best || l->outbounds_n < (*best)->outbounds_n))
            *best = l;
        if (its < answer) // the enum goes from best to worst
            answer = its;
        if (its_at < *at)
            *at = its_at;
    }
    return answer;
}

enum lane_answer lane_choose(struct delivery *d, struct dock *dock, const struct queue *q,
                             const struct site *site, usec_t now, struct lane **lane, usec_t *at)
{
    const struct provider *p = dock->provider;
    enum lane_answer answer;

    *lane = NULL;
    *at = USEC_NEVER;
    answer = choose_lane(d, dock, q, site, now, lane, at);
    if (answer < LANE_DOWN && now < site->hosts->backoff_until) {
        *at = site->hosts->backoff_until;
        return LANE_DOWN;
    }
    if (answer != LANE_OK)
        return answer;
    if (p->connections_all && p->outbounds_n >= p->connections_all)
        return LANE_FULL_PROVIDER;
    if (d->outbounds_n >= d->settings->delivery.connections)
        return LANE_FULL_ALL;
    list_remove(&(*lane)->of_dock); // equals take turns
    list_add_last(&dock->lanes, &(*lane)->of_dock);
    return LANE_OK;
}

static void grow(usec_t *span, usec_t *until, usec_t now)
{
    *span = !*span ? BACKOFF_FIRST : *span < BACKOFF_MOST / 2 ? *span * 2 : BACKOFF_MOST;
    *until = now + *span;
}

void lane_back_off(struct lane *l, usec_t now, const char *reply)
{
    text_replace(&l->last_reply, reply);
    if (now < l->backoff_until)
        return; // one failure of several at once
    grow(&l->backoff_span, &l->backoff_until, now);
    l->until = clock_wall() + l->backoff_span;
    log_info("delivery", "%s/%s backs off for %d s: %s", l->source->address, l->provider->name,
             (int)(l->backoff_span / USEC_SECOND), reply);
    if (l->dock)
        dock_wake_at(l->dock, l->backoff_until);
}

void lane_probe(struct lane *l, usec_t now)
{
    l->probe = 1;
    l->probe_at = now + (l->dock ? l->dock->d->settings->policy.lane_step : 0);
    l->backoff_until = 0; // the pause was longer
    l->backoff_span = 0;
    log_info("delivery", "%s/%s probes: one connection at first", l->source->address,
             l->provider->name);
}

/* Mail went over it, or the IP was refused again. */
static void probe_note(struct lane *l, bool is_good)
{
    usec_t now = clock_monotonic();
    uint32_t most = l->provider->connections ? l->provider->connections : PROBE_MOST;
    if (!l->probe || !l->dock || (is_good && now < l->probe_at))
        return;
    l->probe = is_good ? l->probe + 1 : 1;
    l->probe_at = now + l->dock->d->settings->policy.lane_step;
    if (l->probe >= most)
        l->probe = 0;
    if (is_good)
        dock_wake(l->dock->d, l->dock);
}

void lane_recovered(struct lane *l)
{
    l->backoff_span = 0;
}

void hosts_back_off(struct hosts *h, usec_t now)
{
    if (now >= h->backoff_until)
        grow(&h->backoff_span, &h->backoff_until, now);
}

static void advance(struct lane_figures *f, int64_t minute)
{
    for (int i = 0; f->minute < minute && i < 60; i++) {
        f->minute++;
        f->tried[f->minute % 60] = f->sent[f->minute % 60] = f->deferred[f->minute % 60] = 0;
    }
    if (f->minute < minute)
        f->minute = minute;
}

void lane_note(struct lane *l, const struct outcome *o)
{
    int64_t minute = o->at / USEC_MINUTE;
    if (!l->figures) {
        l->figures = xcalloc(1, sizeof(*l->figures));
        l->figures->minute = minute;
    }
    advance(l->figures, minute);
    l->figures->tried[l->figures->minute % 60]++;
    if (o->kind == OUTCOME_DELIVERED) {
        l->figures->sent[l->figures->minute % 60]++;
        l->is_blocked = false;
        probe_note(l, true);
        return;
    }
    if (o->kind == OUTCOME_DEFERRED)
        l->figures->deferred[l->figures->minute % 60]++;
    if (o->class == CLASS_IP_REPUTATION_BLOCK) {
        l->is_blocked = true;
        l->blocked_at = clock_monotonic();
        probe_note(l, false);
    }
    text_replace(&l->last_reply, o->reply);
}

struct lane_sums lane_sums(const struct lane *l, usec_t wall, int minutes)
{
    struct lane_sums sums = {0};
    int64_t minute = wall / USEC_MINUTE;
    const struct lane_figures *f = l->figures;
    for (int i = 0; f && i < minutes && i < 60; i++) {
        int64_t m = minute - i;
        if (m > f->minute || m <= f->minute - 60)
            continue;
        sums.tried += f->tried[m % 60];
        sums.sent += f->sent[m % 60];
        sums.deferred += f->deferred[m % 60];
    }
    return sums;
}
