#include "sim/world.h"

#include "base/mem.h"
#include "net/timer.h"
#include "sim/customer.h"
#include "sim/provider.h"

enum { PROVIDERS_MOST = 16, CUSTOMERS_MOST = 16, DRAIN_TICK_MS = 200 };
#define DRAIN_PATIENCE (20 * USEC_SECOND)

struct world {
    struct world_options options;
    struct timers *timers;
    struct records records;
    uint64_t reports;
    struct provider *providers[PROVIDERS_MOST];
    size_t providers_n;
    struct customer *customers[CUSTOMERS_MOST];
    size_t customers_n;
    struct timer end, drain;
    uint64_t progress_seen;
    usec_t progress_at, ended_at; // monotonic
};

static bool open_provider(struct world *w, const struct provider_plan *plan, char **why)
{
    struct provider *p = provider_new(&(struct provider_options){.loop = w->options.loop,
                                                                 .plan = plan,
                                                                 .port = w->options.provider_port,
                                                                 .seed = w->options.seed,
                                                                 .records = &w->records,
                                                                 .reports = &w->reports},
                                      why);
    if (!p)
        return false;
    w->options.provider_port = provider_port(p); // all listen on the first one's port
    w->providers[w->providers_n++] = p;
    return true;
}

struct world *world_new(const struct world_options *options, char **why)
{
    const struct provider_plan *plans;
    size_t n = scenario_providers(&plans);
    struct world *w = xcalloc(1, sizeof(*w));
    w->options = *options;
    w->timers = timers_new(options->loop);
    bool is_open = open_provider(w, scenario_home(), why);
    for (size_t i = 0; i < n && is_open; i++)
        is_open = open_provider(w, &plans[i], why);
    return is_open ? w : world_free(w);
}

struct world *world_free(struct world *w)
{
    if (!w)
        return NULL;
    timer_stop(w->timers, &w->end);
    timer_stop(w->timers, &w->drain);
    for (size_t i = 0; i < w->customers_n; i++)
        customer_free(w->customers[i]);
    for (size_t i = 0; i < w->providers_n; i++)
        provider_free(w->providers[i]);
    timers_free(w->timers);
    xfree(w->records.items);
    return xfree(w);
}

uint16_t world_provider_port(const struct world *w)
{
    return w->options.provider_port;
}

static void on_span_over(void *ctx)
{
    world_end(ctx);
}

void world_start(struct world *w, uint16_t submission)
{
    const struct customer_plan *plans;
    size_t n = scenario_customers(&plans);
    for (size_t i = 0; i < n && i < CUSTOMERS_MOST; i++)
        w->customers[w->customers_n++] =
            customer_new(&(struct customer_options){.loop = w->options.loop,
                                                    .timers = w->timers,
                                                    .plan = &plans[i],
                                                    .seed = w->options.seed,
                                                    .port = submission,
                                                    .span = w->options.span,
                                                    .is_endless = w->options.is_endless,
                                                    .records = &w->records});
    if (!w->options.is_endless)
        timer_set(w->timers, &w->end, clock_monotonic() + w->options.span, on_span_over, w);
}

// Everything acknowledged has got its last word, but for full mailboxes, which never empty.
static bool is_drained(const struct world *w)
{
    for (size_t i = 0; i < w->customers_n; i++)
        if (!customer_is_idle(w->customers[i]))
            return false;
    for (size_t i = 0; i < w->records.n; i++) {
        const struct record *r = &w->records.items[i];
        if (r->is_acknowledged && !r->arrived && !r->is_bounced && !(r->is_full && r->is_deferred))
            return false;
    }
    return true;
}

static void on_drain(void *ctx)
{
    struct world *w = ctx;
    usec_t now = clock_monotonic();
    if (w->records.progress != w->progress_seen) {
        w->progress_seen = w->records.progress;
        w->progress_at = now;
    }
    if (is_drained(w) || now - w->progress_at > DRAIN_PATIENCE ||
        now - w->ended_at > 2 * DRAIN_PATIENCE)
        w->options.on_over(w->options.ctx);
    else
        timer_set(w->timers, &w->drain, now + DRAIN_TICK_MS * USEC_MS, on_drain, w);
}

void world_end(struct world *w)
{
    for (size_t i = 0; i < w->customers_n; i++)
        customer_end(w->customers[i]);
    w->progress_at = w->ended_at = clock_monotonic();
    timer_stop(w->timers, &w->end);
    on_drain(w);
}

void world_summary_get(const struct world *w, struct world_summary *s)
{
    *s = (struct world_summary){.reports = w->reports};
    for (size_t i = 0; i < w->records.n; i++) {
        const struct record *r = &w->records.items[i];
        s->refused += r->is_refused_in;
        if (!r->is_acknowledged)
            continue;
        s->submitted++;
        s->existing += r->exists;
        s->delivered += r->arrived > 0;
        s->duplicated += r->arrived > 1;
        s->bounced += !r->arrived && r->is_bounced;
        s->deferred += !r->arrived && r->is_deferred;
        s->lost += !r->arrived && !r->is_bounced && !r->is_deferred;
    }
}
