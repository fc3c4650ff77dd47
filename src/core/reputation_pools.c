/* Pools by record, which is the isolation of good from bad: worse ones go down with a step of the
 * ladder, better ones up by clean observations and time. And newcomers judged together: ten small
 * customers that are one snowshoe are each too small to be certain of. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/reputation_room.h"

enum { POOLED_MOST = 8, SNOW_LEAST = 3, SNOW_BAD = 3 };
#define SNOW_EVIDENCE 2.3 // log-likelihood of a newcomer's own part over the acceptable rate: ln 10

/* --- pools */
static bool is_in(const struct reputation_customer *c, const char *pool)
{
    return *pool && strncmp(c->pool, pool, sizeof(c->pool) - 1) == 0;
}

static void move(struct reputation *r, struct reputation_customer *c, const char *pool,
                 const char *reason)
{
    struct decision d = {.action = ACTION_POOL};
    if (!*pool || is_in(c, pool))
        return;
    snprintf(d.target, sizeof(d.target), "customer:%s", c->name);
    snprintf(d.pool, sizeof(d.pool), "%s", pool);
    snprintf(d.reason, sizeof(d.reason), "%s", reason);
    snprintf(c->pool, sizeof(c->pool), "%s", pool);
    c->pool_since = r->now;
    c->clean_n = 0;
    reputation_decide(r, &d);
}

void reputation_pool_demote(struct reputation *r, struct reputation_customer *c, enum rung rung)
{
    const struct policy *p = r->o.policy;
    if (is_in(c, p->pools.premium))
        move(r, c, rung == RUNG_WARN ? p->pools.shared : p->pools.probation,
             "its record is not that of this pool any more");
    else if (rung != RUNG_WARN && is_in(c, p->pools.shared))
        move(r, c, p->pools.probation, "apart from the others until its record is good again");
}

void reputation_pool_restored(struct reputation *r, struct reputation_customer *c,
                              enum standing before)
{
    const struct policy *p = r->o.policy;
    bool is_ours = is_in(c, p->pools.shared) || is_in(c, p->pools.premium);
    if (before >= STANDING_THROTTLED && is_ours)
        move(r, c, p->pools.probation, "restored: on probation first");
}

void reputation_pool_promote(struct reputation *r, struct reputation_customer *c)
{
    const struct policy *p = r->o.policy;
    usec_t age = c->pool_since ? r->now - c->pool_since : 0;
    if (c->standing != STANDING_GOOD)
        return;
    char reason[DECISION_REASON];
    snprintf(reason, sizeof(reason), "a clean record: %u observations without a step",
             (unsigned)c->clean_n);
    if (is_in(c, p->pools.probation) && c->clean_n >= p->pools.shared_after &&
        age >= p->pools.shared_age)
        move(r, c, p->pools.shared, reason);
    else if (is_in(c, p->pools.shared) && c->clean_n >= p->pools.premium_after &&
             age >= p->pools.premium_age)
        move(r, c, p->pools.premium, reason);
}

/* --- newcomers */
static int pool_of(enum harm harm)
{
    return harm == HARM_SPAM;
}

static void remember(struct reputation_newcomers *s, uint32_t customer)
{
    uint32_t n = s->n < REPUTATION_NEWCOMERS ? s->n : REPUTATION_NEWCOMERS;
    for (uint32_t i = 0; i < n; i++)
        if (s->customers[i] == customer)
            return;
    s->customers[s->n++ % REPUTATION_NEWCOMERS] = customer;
}

// Its own record says ten times more for its own part than for the acceptable one. Not its detector:
// that rests well over 20 for the best of customers.
static bool is_snow(const struct reputation *r, const struct reputation_customer *c, enum harm harm,
                    enum rung rung)
{
    const struct evidence *e = &c->harms[harm];
    double rate = r->o.policy->rungs[harm][rung].rate;
    if (c->observations >= REPUTATION_NEW || c->standing > (enum standing)rung ||
        evidence_distinct(e, rung) < SNOW_BAD)
        return false;
    double x = evidence_distinct(e, rung), mean = c->observations * rate;
    return x > mean && x * log(x / mean) - x + mean >= SNOW_EVIDENCE;
}

// Several of them fail where all fail, or one provider's fault would look like a snowshoe.
static bool is_provider(struct reputation *r, enum harm harm, enum rung rung)
{
    const struct evidence *e = &r->newcomers.harms[pool_of(harm)];
    uint32_t provider, bad;
    usec_t begin;
    return evidence_worst(e, &provider, &bad, &begin) &&
           evidence_without(e, &r->plans[harm], rung, provider) < reputation_weak(r, harm, rung);
}

static void act_on_snow(struct reputation *r, enum harm harm, enum rung rung)
{
    struct reputation_newcomers *s = &r->newcomers;
    uint32_t n = s->n < REPUTATION_NEWCOMERS ? s->n : REPUTATION_NEWCOMERS;
    uint32_t found[REPUTATION_NEWCOMERS], found_n = 0;
    for (uint32_t i = 0; i < n; i++)
        if (is_snow(r, r->customers[s->customers[i]], harm, rung))
            found[found_n++] = s->customers[i];
    if (found_n < SNOW_LEAST)
        return;
    evidence_reset(&s->harms[pool_of(harm)], &r->plans[harm], rung, r->now);
    for (uint32_t i = 0; i < found_n; i++)
        reputation_act(r, r->customers[found[i]], harm, rung);
}

// One newcomer puts at most eight bad ones in, and nothing after them: no single one makes a snowshoe.
void reputation_newcomer(struct reputation *r, struct reputation_customer *c, enum harm harm,
                         const struct reputation_bad *bad)
{
    struct evidence *e = &r->newcomers.harms[pool_of(harm)];
    if (c->observations >= REPUTATION_NEW || c->pooled >= POOLED_MOST)
        return;
    if (!bad) {
        evidence_good(e);
        return;
    }
    c->pooled++;
    remember(&r->newcomers, c->index);
    evidence_bad(e, &r->plans[harm], r->now, bad->provider);
    for (int rung = RUNG_N - 1; rung >= 0; rung--) {
        enum rung g = (enum rung)rung;
        if (!evidence_alarms(e, &r->plans[harm], g, 1) || !r->o.policy->is_there)
            continue;
        if (!is_provider(r, harm, g))
            act_on_snow(r, harm, g);
        return;
    }
}
