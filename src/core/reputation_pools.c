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
uint64_t reputation_pool_hash(const char *name)
{
    static const struct hash_key key = {UINT64_C(0x6d78776172640002), UINT64_C(0x706f6f6c73)};
    return name && *name ? hash_sip(&key, bytes_str(name)) | 1 : 0;
}

void reputation_pool_set(struct reputation *r, const char *customer, uint64_t pool)
{
    struct reputation_customer *c = reputation_customer_of(r, customer);
    if (!c || c->pool == pool)
        return;
    c->pool = pool;
    c->pool_since = r->now;
}

static const char *name_of(const struct policy *p, enum reputation_pool pool)
{
    const char *const names[REPUTATION_POOLS] = {[POOL_PREMIUM] = p->pools.premium,
                                                 [POOL_SHARED] = p->pools.shared,
                                                 [POOL_PROBATION] = p->pools.probation};
    return names[pool];
}

void reputation_pools_plan(struct reputation *r)
{
    for (int i = 0; i < REPUTATION_POOLS; i++)
        r->pools[i] = reputation_pool_hash(name_of(r->o.policy, (enum reputation_pool)i));
}

static bool is_in(const struct reputation *r, const struct reputation_customer *c,
                  enum reputation_pool pool)
{
    return c->pool && c->pool == r->pools[pool];
}

static void move(struct reputation *r, struct reputation_customer *c, enum reputation_pool pool,
                 const char *reason)
{
    struct decision d = {.action = ACTION_POOL};
    if (!r->pools[pool] || is_in(r, c, pool))
        return;
    snprintf(d.target, sizeof(d.target), "customer:%s", c->name);
    snprintf(d.pool, sizeof(d.pool), "%s", name_of(r->o.policy, pool));
    snprintf(d.reason, sizeof(d.reason), "%s", reason);
    c->pool = r->pools[pool];
    c->pool_since = r->now;
    c->clean_n = 0;
    reputation_decide(r, &d);
}

void reputation_pool_demote(struct reputation *r, struct reputation_customer *c, enum rung rung)
{
    if (is_in(r, c, POOL_PREMIUM))
        move(r, c, rung == RUNG_WARN ? POOL_SHARED : POOL_PROBATION,
             "its record is not that of this pool any more");
    else if (rung != RUNG_WARN && is_in(r, c, POOL_SHARED))
        move(r, c, POOL_PROBATION, "apart from the others until its record is good again");
}

void reputation_pool_restored(struct reputation *r, struct reputation_customer *c,
                              enum standing before)
{
    bool is_ours = is_in(r, c, POOL_SHARED) || is_in(r, c, POOL_PREMIUM);
    if (before >= STANDING_THROTTLED && is_ours)
        move(r, c, POOL_PROBATION, "restored: on probation first");
}

void reputation_pool_promote(struct reputation *r, struct reputation_customer *c)
{
    const struct policy *p = r->o.policy;
    usec_t age = c->pool_since ? r->now - c->pool_since : 0;
    bool is_up = is_in(r, c, POOL_PROBATION) && c->clean_n >= p->pools.shared_after &&
                 age >= p->pools.shared_age;
    bool is_top = is_in(r, c, POOL_SHARED) && c->clean_n >= p->pools.premium_after &&
                  age >= p->pools.premium_age;
    if (c->standing != STANDING_GOOD || (!is_up && !is_top))
        return;
    char reason[DECISION_REASON];
    snprintf(reason, sizeof(reason), "a clean record: %u observations without a step",
             (unsigned)c->clean_n);
    move(r, c, is_up ? POOL_SHARED : POOL_PREMIUM, reason);
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
