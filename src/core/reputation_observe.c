/* Observations into evidence, and what of them is counted for people: the record of a customer in one
 * kind of harm. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/reputation_room.h"

#define FLEET_STEP 60 // seconds between two decays of the fleet's sums

static uint32_t second_of(usec_t at)
{
    return at > 0 ? (uint32_t)(at / USEC_SECOND) : 0;
}

static void fleet_count(struct reputation *r, enum harm harm, double n, double bad)
{
    uint32_t second = second_of(r->now);
    if (second >= r->fleet_second + FLEET_STEP) {
        double left = exp(-(double)(second - r->fleet_second) / 86400);
        for (int h = 0; h < HARM_N; h++) {
            r->fleet_n[h] *= left;
            r->fleet_bad[h] *= left;
        }
        r->fleet_second = second;
    }
    r->fleet_n[harm] += n;
    r->fleet_bad[harm] += bad;
}

static void clump(struct reputation *r, struct reputation_customer *c, bool is_bad)
{
    uint64_t before = r->clumping.blocks;
    clumping_observe(&r->clumping, &c->block, is_bad, c->standing == STANDING_GOOD);
    if (r->clumping.blocks == before || r->o.policy->clumping > 0)
        return;
    double factor = clumping_factor(&r->clumping);
    if (factor > r->plans_clump || factor < r->plans_clump)
        reputation_plan(r);
}

void reputation_trace_say(struct reputation *r, const struct reputation_customer *c, enum harm harm,
                          const char *what, const struct outcome *o)
{
    if (!r->on_trace || r->trace_customer != c->index)
        return;
    struct reputation_trace t = {.at = r->now,
                                 .harm = harm,
                                 .bad = r->traced[harm][0],
                                 .of = r->traced[harm][1],
                                 .what = what,
                                 .outcome = o};
    for (int rung = 0; rung < RUNG_N; rung++) {
        enum rung g = (enum rung)rung;
        if (harm == HARM_TRAP) {
            t.evidence[rung] = reputation_traps(c, g, r->now);
            t.alarm[rung] = r->o.policy->rungs[harm][rung].rate;
            continue;
        }
        const struct detector_plan *plan = &r->plans[harm].rungs[rung];
        t.evidence[rung] = evidence_of(&c->harms[harm], &r->plans[harm], g);
        t.alarm[rung] = plan->p0 > 0 ? detector_alarm(plan, reputation_scale(r, c, harm, g)) : 0;
    }
    r->on_trace(r->trace_ctx, &t);
}

static void traced(struct reputation *r, const struct reputation_customer *c, enum harm harm,
                   bool is_bad, bool is_new)
{
    if (r->trace_customer != c->index)
        return;
    r->traced[harm][0] += is_bad;
    r->traced[harm][1] += is_new;
}

// Spam is judged on the same observations: one customer's blocks of a hundred are asked once.
void reputation_good(struct reputation *r, struct reputation_customer *c, enum harm harm)
{
    fleet_count(r, harm, 1, 0);
    traced(r, c, harm, false, true);
    if (harm == HARM_DEAD)
        clump(r, c, false);
    if (c->harms[harm].is_begun)
        evidence_good(&c->harms[harm]);
    if (c->is_clean_wanted && c->clean_harm == harm)
        reputation_clean(r, c, harm, false);
}

static uint32_t sum_ring(const uint32_t *ring)
{
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++)
        sum += ring[i];
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

// A customer's first bad one: what went well before counts for it (the detectors then start where
// good ones have brought them).
static uint32_t good_before(const struct reputation_customer *c, enum harm harm)
{
    switch (harm) {
    case HARM_DEAD:
    case HARM_SPAM:
        return c->observations ? c->observations - 1 : 0;
    case HARM_REPEAT:
        return sum_ring(c->submissions);
    case HARM_UNCONFIRMED:
        return sum_ring(c->list_submissions);
    case HARM_COMPLAINT:
    case HARM_TRAP:
    case HARM_N:
        break;
    }
    return 0;
}

static void vote(struct reputation_customer *c, const struct outcome *o)
{
    const char *list = o && o->list ? o->list : "";
    c->voted += c->voted < UINT32_MAX;
    if (!*list) {
        c->votes -= c->votes > 0;
    } else if (c->list && strncmp(c->list, list, REPUTATION_LIST - 1) == 0) {
        c->votes += c->votes < UINT32_MAX;
    } else if (c->votes) {
        c->votes--;
    } else {
        xfree(c->list);
        c->list = xmemdup0(list, strnlen(list, REPUTATION_LIST - 1));
        c->votes = 1;
    }
}

// Marks where the others stand when a run of bad ones nears an alarm, so that their news since then are
// known when it comes. Not long before it, or it would be news of a time when all was well; and not
// while somebody waits for news since an earlier mark.
static void mark(struct reputation *r, const struct evidence *e, enum harm harm, uint32_t provider)
{
    struct usage *u = &reputation_outage(r, provider)->usage;
    if (r->now < u->mark_at + REPUTATION_MARK || r->now < u->mark_until)
        return;
    if (evidence_of(e, &r->plans[harm], RUNG_WARN) >= reputation_weak(r, harm, RUNG_WARN))
        usage_mark(u, r->now);
}

void reputation_bad(struct reputation *r, struct reputation_customer *c, enum harm harm,
                    const struct reputation_bad *bad)
{
    fleet_count(r, harm, bad->is_late ? 0 : 1, 1);
    traced(r, c, harm, true, !bad->is_late);
    if (harm == HARM_DEAD)
        clump(r, c, true);
    struct evidence *e = &c->harms[harm];
    if (!e->is_begun)
        e->gap = good_before(c, harm);
    vote(c, bad->outcome);
    if (bad->is_late) {
        evidence_late(e, &r->plans[harm], harm == HARM_COMPLAINT ? &c->reporting : &c->finals,
                      bad->at, r->now);
    } else {
        evidence_bad(e, &r->plans[harm], r->now, bad->provider);
        if (harm == HARM_DEAD || harm == HARM_SPAM)
            mark(r, e, harm, bad->provider);
    }
    if (c->is_clean_wanted && c->clean_harm == harm)
        reputation_clean(r, c, harm, true);
    reputation_trace_say(r, c, harm, bad->is_late ? "late" : "bad", bad->outcome);
}
