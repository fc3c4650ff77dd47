/* What people read of reputation: counts, levels, culprits. Nothing is changed by asking. */
#include <math.h>
#include <string.h>

#include "core/health.h"
#include "core/reputation_room.h"
#include "core/rotation.h"

#define RING_STEP (3 * USEC_HOUR)

static uint64_t ring_day(const struct reputation_customer *c, const uint32_t *ring, usec_t now)
{
    uint32_t step = now > 0 ? (uint32_t)(now / RING_STEP) : 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t at = c->submissions_newest - i;
        if (at <= c->submissions_newest && at + 8 > step)
            sum += ring[at % 8];
    }
    return sum;
}

void reputation_counts(const struct reputation *r, const struct reputation_customer *c,
                       enum harm harm, uint64_t *bad, uint64_t *of)
{
    *bad = evidence_bad_day(&c->harms[harm], r->now);
    *of = 0;
    switch (harm) {
    case HARM_DEAD:
    case HARM_SPAM:
        *of = evidence_volume_day(&c->finals, r->now);
        break;
    case HARM_COMPLAINT:
        *of = evidence_volume_day(&c->reporting, r->now);
        break;
    case HARM_REPEAT:
        *of = ring_day(c, c->submissions, r->now);
        break;
    case HARM_UNCONFIRMED:
        *of = ring_day(c, c->list_submissions, r->now);
        break;
    case HARM_TRAP: {
        usec_t week = r->now - 7 * USEC_DAY;
        const struct reputation_traps *t = c->traps;
        for (int i = 0; t && i < REPUTATION_TRAPS && t->hits[i]; i++)
            *bad += (usec_t)t->hits[i] * USEC_SECOND >= week;
        break;
    }
    case HARM_N:
        break;
    }
}

// The rung it would go to next by this harm: above its standing, in use. RUNG_N: none.
static enum rung next_of(const struct reputation *r, const struct reputation_customer *c,
                         enum harm harm)
{
    for (int rung = (int)c->standing; rung < RUNG_N; rung++)
        if (r->o.policy->rungs[harm][rung].rate > 0)
            return (enum rung)rung;
    return RUNG_N;
}

static double level_of(const struct reputation *r, const struct reputation_customer *c,
                       enum harm harm, enum rung rung)
{
    const struct policy_rung *p = &r->o.policy->rungs[harm][rung];
    if (harm == HARM_TRAP)
        return fmin(100, 100.0 * reputation_traps(c, rung, r->now) / p->rate);
    if (!c->harms[harm].is_begun)
        return 0;
    return detector_level(evidence_of(&c->harms[harm], &r->plans[harm], rung),
                          &r->plans[harm].rungs[rung], reputation_scale(r, c, harm, rung));
}

bool reputation_next_rung(const struct reputation *r, const char *customer,
                          struct reputation_rung *out)
{
    const struct reputation_customer *c = reputation_customer_get(r, customer);
    bool is_any = false;
    for (int h = 0; c && h < HARM_N; h++) {
        enum harm harm = (enum harm)h;
        enum rung next = next_of(r, c, harm);
        if (next == RUNG_N || (!c->harms[h].is_begun && !(harm == HARM_TRAP && c->traps)))
            continue;
        double level = level_of(r, c, harm, next);
        if (is_any && level <= out->level)
            continue;
        *out = (struct reputation_rung){harm, next, level};
        is_any = true;
    }
    return is_any;
}

bool reputation_harm_get(const struct reputation *r, const char *customer, enum harm harm,
                         struct reputation_harm *out)
{
    const struct reputation_customer *c = reputation_customer_get(r, customer);
    if (!c)
        return false;
    *out = (struct reputation_harm){.next = next_of(r, c, harm)};
    reputation_counts(r, c, harm, &out->bad, &out->of);
    for (int rung = 0; rung < RUNG_N; rung++)
        out->rate[rung] = r->o.policy->rungs[harm][rung].rate;
    out->is_highest = out->next == RUNG_N;
    if (out->is_highest)
        out->next = RUNG_SUSPEND;
    else
        out->level = level_of(r, c, harm, out->next);
    double mean = r->fleet_n[harm] > 0 ? fmin(1, r->fleet_bad[harm] / r->fleet_n[harm]) : 0;
    double of = (double)(out->of > out->bad ? out->of : out->bad);
    out->shrunk = health_shrink((double)out->bad, of, mean);
    return true;
}

bool reputation_is_incident(const struct reputation *r, const char *provider)
{
    const struct reputation_provider *p = map_get_str(&r->provider_of, provider);
    return p && p->outage.open_since;
}

size_t reputation_blame(const struct reputation *r, const char *ip, const char *provider,
                        struct decision_culprit *culprits, size_t room)
{
    const struct reputation_ip *at = map_get_str(&r->ip_of, ip);
    const struct reputation_provider *p = provider ? map_get_str(&r->provider_of, provider) : NULL;
    if (!at || (provider && !p))
        return 0;
    return blame_find(r, at, p ? p->index : USAGE_NONE, r->now, culprits, room);
}

double reputation_clumping(const struct reputation *r, uint64_t *blocks)
{
    *blocks = r->clumping.blocks;
    return clumping_factor(&r->clumping);
}

void reputation_trace(struct reputation *r, const char *target,
                      void (*on_trace)(void *ctx, const struct reputation_trace *t), void *ctx)
{
    static const char customer[] = "customer:";
    const char *name = target;
    if (strncmp(target, customer, sizeof(customer) - 1) == 0)
        name += sizeof(customer) - 1;
    const struct reputation_customer *c = reputation_customer_of(r, name);
    r->on_trace = on_trace;
    r->trace_ctx = ctx;
    r->trace_customer = c ? c->index : USAGE_NONE;
    memset(r->traced, 0, sizeof(r->traced));
}
