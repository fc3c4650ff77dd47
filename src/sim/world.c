#include "sim/world.h"

#include <string.h>

#include "base/mem.h"
#include "net/timer.h"
#include "sim/answer.h"
#include "sim/customer.h"
#include "sim/provider.h"

enum { PROVIDERS_MOST = 16, CUSTOMERS_MOST = 16, MOODS_MOST = 8, DRAIN_TICK_MS = 200 };
#define DRAIN_PATIENCE (20 * USEC_SECOND)

/* A change of a provider's mind, at its time. */
struct mood {
    struct world *world;
    const struct mood_plan *plan;
    struct timer timer;
    bool is_on;
    int64_t round; // of the scenario
};

struct world {
    struct world_options options;
    struct timers *timers;
    struct records records;
    uint64_t reports;
    struct answers *answers; // NULL till the engine is there
    struct provider *providers[PROVIDERS_MOST];
    size_t providers_n;
    struct customer *customers[CUSTOMERS_MOST];
    size_t customers_n;
    struct mood moods[MOODS_MOST];
    size_t moods_n;
    usec_t started_at; // monotonic
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
                                                                 .answers = &w->answers,
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
    for (size_t i = 0; i < w->moods_n; i++)
        timer_stop(w->timers, &w->moods[i].timer);
    for (size_t i = 0; i < w->customers_n; i++)
        customer_free(w->customers[i]);
    for (size_t i = 0; i < w->providers_n; i++)
        provider_free(w->providers[i]);
    answers_free(w->answers);
    timers_free(w->timers);
    records_deinit(&w->records);
    return xfree(w);
}

uint16_t world_provider_port(const struct world *w)
{
    return w->options.provider_port;
}

static struct provider *provider_named(struct world *w, const char *name)
{
    const struct provider_plan *plans;
    size_t n = scenario_providers(&plans);
    for (size_t i = 0; i < n; i++)
        if (strcmp(plans[i].name, name) == 0)
            return w->providers[i + 1]; // [0] is everybody's home
    return NULL;
}

static void mood_wait(struct mood *m);

static void on_mood(void *ctx)
{
    struct mood *m = ctx;
    m->is_on = !m->is_on;
    provider_block(provider_named(m->world, m->plan->provider), m->plan->ip, m->is_on);
    mood_wait(m);
}

// On when it begins, off when it ends, and on again where the scenario repeats.
static void mood_wait(struct mood *m)
{
    usec_t span = m->world->options.span;
    usec_t begins = (usec_t)(m->plan->begins * (double)span);
    usec_t ends = (usec_t)(m->plan->ends * (double)span);
    usec_t round = m->world->started_at + m->round * span;
    usec_t at = round + (m->is_on ? ends : begins);
    if (m->is_on)
        m->round++;
    timer_set(m->world->timers, &m->timer, at, on_mood, m);
}

static void start_moods(struct world *w)
{
    const struct mood_plan *plans;
    size_t n = scenario_moods(&plans);
    w->started_at = clock_monotonic();
    for (size_t i = 0; i < n && i < MOODS_MOST; i++) {
        struct mood *m = &w->moods[w->moods_n++];
        *m = (struct mood){.world = w, .plan = &plans[i]};
        mood_wait(m);
    }
}

static void on_span_over(void *ctx)
{
    world_end(ctx);
}

void world_start(struct world *w, uint16_t submission, uint16_t feedback)
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
    w->answers = answers_new(&(struct answers_options){
        .loop = w->options.loop, .timers = w->timers, .port = feedback, .seed = w->options.seed});
    start_moods(w);
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
    for (size_t i = 0; i < w->moods_n; i++) {
        timer_stop(w->timers, &w->moods[i].timer);
        provider_block(provider_named(w, w->moods[i].plan->provider), w->moods[i].plan->ip, false);
    }
    if (w->options.on_ending)
        w->options.on_ending(w->options.ctx);
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
        s->existing += !r->is_dead;
        s->complained += r->has_complained;
        s->delivered += r->arrived > 0;
        s->duplicated += r->arrived > 1;
        s->bounced += !r->arrived && r->is_bounced;
        s->deferred += !r->arrived && r->is_deferred;
        s->lost += !r->arrived && !r->is_bounced && !r->is_deferred;
    }
}
