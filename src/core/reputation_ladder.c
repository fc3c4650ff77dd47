/* The ladder: which step the evidence asks for, whether it could be the provider's fault, and how a
 * standing ends. The rules in words: docs/reputation-rules.md. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/reputation_room.h"
#include "core/rotation.h"

#define ASK_EVERY (5 * USEC_SECOND)
#define OTHERS_ENOUGH 6.0 // log-likelihood that it is worse there than the others are
#define PLACE_REST 100.0  // observations elsewhere that let harm at one place be the place's
#define CLEAN_ENOUGH 4.605170185988091 // ln 100
#define SCALE 7.0                      // a false alarm in γ observations or in a week
enum { OTHERS_LEAST = 3 };

static enum standing standing_of(enum rung rung)
{
    return (enum standing)((int)rung + 1);
}

double reputation_scale(const struct reputation *r, const struct reputation_customer *c,
                        enum harm harm, enum rung rung)
{
    uint64_t bad, of;
    reputation_counts(r, c, harm, &bad, &of);
    double scale = SCALE * (double)of / r->o.policy->rungs[harm][rung].patience;
    return scale > 1 ? scale : 1;
}

uint32_t reputation_traps(const struct reputation_customer *c, enum rung rung, usec_t now)
{
    const struct reputation_traps *t = c->traps;
    usec_t week = now - 7 * USEC_DAY;
    uint32_t n = 0;
    for (int i = 0; t && i < REPUTATION_TRAPS && t->hits[i]; i++)
        n += t->hits[i] > t->since[rung] && (usec_t)t->hits[i] * USEC_SECOND >= week;
    return n;
}

static bool alarms(const struct reputation *r, const struct reputation_customer *c, enum harm harm,
                   enum rung rung)
{
    const struct policy_rung *p = &r->o.policy->rungs[harm][rung];
    if (p->rate <= 0)
        return false;
    if (harm == HARM_TRAP) {
        uint32_t hits = reputation_traps(c, rung, r->now);
        return hits >= p->rate && hits >= p->least;
    }
    return evidence_alarms(&c->harms[harm], &r->plans[harm], rung,
                           reputation_scale(r, c, harm, rung));
}

static void begin_anew(struct reputation *r, struct reputation_customer *c, enum harm harm,
                       enum rung rung)
{
    if (harm == HARM_TRAP) {
        struct reputation_traps *t = c->traps;
        for (int g = 0; t && g <= (int)rung; g++)
            t->since[g] = t->hits[0];
    } else if (c->harms[harm].is_begun) {
        evidence_reset(&c->harms[harm], &r->plans[harm], rung, r->now);
    }
    reputation_trace_say(r, c, harm, "begins anew", NULL);
}

/* --- what a decision says */
static int rate_digits(double rate)
{
    return rate < 0.01 ? 2 : rate < 0.1 ? 1 : 0;
}

static void count_text(char *out, size_t room, uint64_t n)
{
    if (n < 1000)
        snprintf(out, room, "%u", (unsigned)n);
    else if (n < 1000000)
        snprintf(out, room, "%u,%03u", (unsigned)(n / 1000), (unsigned)(n % 1000));
    else
        snprintf(out, room, "%u,%03u,%03u", (unsigned)(n / 1000000), (unsigned)(n / 1000 % 1000),
                 (unsigned)(n % 1000));
}

static void limit_text(char *out, size_t room, double limit)
{
    snprintf(out, room, "%.*g %%", 3, limit * 100);
}

static void say_why(const struct reputation *r, const struct reputation_customer *c,
                    struct decision *d)
{
    char of[32], limit[32], list[100] = "";
    double rate = d->of ? (double)d->bad / (double)d->of : 0;
    count_text(of, sizeof(of), d->of);
    limit_text(limit, sizeof(limit), d->limit);
    if (*d->list)
        snprintf(list, sizeof(list), "; most of them by list %s", d->list);
    if (d->harm == HARM_TRAP)
        snprintf(d->reason, sizeof(d->reason), "%u spam-trap hit%s in 7 days, limit %.0f%s",
                 (unsigned)d->bad, d->bad == 1 ? "" : "s", d->limit, list);
    else if (d->bad > d->of || !d->of)
        snprintf(d->reason, sizeof(d->reason), "%u %s in 24 h, limit %s of what is sent%s",
                 (unsigned)d->bad, harm_text(d->harm), limit, list);
    else
        snprintf(d->reason, sizeof(d->reason), "%s %.*f %% of %s in 24 h, limit %s%s",
                 harm_text(d->harm), rate_digits(rate), rate * 100, of, limit, list);
    char signs[DECISION_REASON - 40];
    if (c->habit &&
        habit_signs(c->habit, r->now, r->o.policy->habit_age, signs, sizeof(signs)) >= 2)
        snprintf(d->signs, sizeof(d->signs), "looks like a stolen password: %s", signs);
}

static void blame_itself(const struct reputation *r, const struct reputation_customer *c,
                         struct decision *d)
{
    struct decision_culprit *culprit = &d->culprits[0];
    snprintf(culprit->customer, sizeof(culprit->customer), "%s", c->name);
    culprit->share = 1;
    culprit->bad = d->bad;
    culprit->of = d->of;
    blame_samples(r, c->index, USAGE_NONE, culprit->samples);
    d->culprits_n = 1;
}

static void fill(const struct reputation *r, const struct reputation_customer *c, enum harm harm,
                 enum rung rung, struct decision *d)
{
    snprintf(d->target, sizeof(d->target), "customer:%s", c->name);
    d->has_harm = true;
    d->harm = harm;
    d->limit = r->o.policy->rungs[harm][rung].rate;
    reputation_counts(r, c, harm, &d->bad, &d->of);
    const struct evidence *e = &c->harms[harm];
    const struct detector_plan *plan = &r->plans[harm].rungs[rung];
    uint32_t provider, bad;
    usec_t begin;
    if (plan->alarm > 0)
        d->certainty = plan->gamma * evidence_of(e, &r->plans[harm], rung) / plan->alarm;
    if (evidence_worst(e, &provider, &bad, &begin) && provider < r->providers_n)
        snprintf(d->provider, sizeof(d->provider), "%s", r->providers[provider]->name);
    if (c->list && c->votes * 2 > c->voted / 2 && c->votes)
        snprintf(d->list, sizeof(d->list), "%s", c->list);
    say_why(r, c, d);
    blame_itself(r, c, d);
}

/* --- standings */
static usec_t expiry_of(const struct policy *p, enum rung rung)
{
    switch (rung) {
    case RUNG_WARN:
        return p->expiry_warn;
    case RUNG_THROTTLE:
        return p->expiry_throttle;
    case RUNG_SUSPEND:
    case RUNG_N:
        break;
    }
    return p->expiry_suspend;
}

void reputation_plan_due(struct reputation *r, struct reputation_customer *c)
{
    usec_t at = USEC_NEVER;
    if (c->standing != STANDING_GOOD && c->standing_until)
        at = c->standing_until;
    if (c->waits_since && r->now + ASK_EVERY < at)
        at = r->now + ASK_EVERY;
    if (at == USEC_NEVER)
        heap_remove(&r->due, &c->due.node);
    else
        heap_add(&r->due, &c->due.node, at);
}

static void wait_no_more(struct reputation *r, struct reputation_customer *c)
{
    if (!c->waits_since)
        return;
    c->waits_since = 0;
    reputation_outage(r, c->waits_provider)->usage.mark_until = 0;
    reputation_plan_due(r, c);
}

static void stand(struct reputation *r, struct reputation_customer *c, enum standing standing,
                  usec_t until)
{
    c->standing = standing;
    c->standing_until = until;
    c->clean = 0;
    c->clean_n = 0;
    c->is_clean_wanted = false;
    c->votes = c->voted = 0;
    wait_no_more(r, c);
    reputation_plan_due(r, c);
}

static enum action action_of(enum rung rung)
{
    switch (rung) {
    case RUNG_WARN:
        return ACTION_WARN;
    case RUNG_THROTTLE:
        return ACTION_THROTTLE;
    case RUNG_SUSPEND:
    case RUNG_N:
        break;
    }
    return ACTION_SUSPEND;
}

void reputation_act(struct reputation *r, struct reputation_customer *c, enum harm harm,
                    enum rung rung)
{
    struct decision d = {.action = action_of(rung)};
    fill(r, c, harm, rung, &d);
    d.until = r->now + expiry_of(r->o.policy, rung);
    stand(r, c, standing_of(rung), d.until);
    c->clean_harm = (uint8_t)harm;
    c->clean_rung = (uint8_t)rung;
    c->is_clean_wanted = rung != RUNG_SUSPEND && harm != HARM_TRAP;
    begin_anew(r, c, harm, rung);
    reputation_decide(r, &d);
    reputation_pool_demote(r, c, rung);
}

void reputation_throttle(struct reputation *r, uint32_t customer, const char *reason, usec_t now)
{
    struct reputation_customer *c = customer < r->customers_n ? r->customers[customer] : NULL;
    if (!c || c->standing >= STANDING_THROTTLED || !r->o.policy->is_there)
        return;
    struct decision d = {.action = ACTION_THROTTLE, .until = now + r->o.policy->expiry_throttle};
    snprintf(d.target, sizeof(d.target), "customer:%s", c->name);
    snprintf(d.reason, sizeof(d.reason), "%s", reason);
    blame_itself(r, c, &d);
    stand(r, c, STANDING_THROTTLED, d.until);
    reputation_decide(r, &d);
    reputation_pool_demote(r, c, RUNG_THROTTLE);
}

static void restore(struct reputation *r, struct reputation_customer *c, const char *reason,
                    bool is_over)
{
    enum standing before = c->standing;
    struct decision d = {.action = ACTION_RESTORE, .is_over = is_over};
    snprintf(d.target, sizeof(d.target), "customer:%s", c->name);
    snprintf(d.reason, sizeof(d.reason), "%s", reason);
    stand(r, c, STANDING_GOOD, 0);
    reputation_decide(r, &d);
    reputation_pool_restored(r, c, before);
}

// A sequential test of half the acceptable rate against that rate (Wald): what pulls a standing down.
void reputation_clean(struct reputation *r, struct reputation_customer *c, enum harm harm, bool bad)
{
    double rate = r->o.policy->rungs[harm][c->clean_rung].rate;
    if (rate <= 0 || rate >= 1)
        return;
    double step = bad ? -0.6931471805599453 : log((1 - rate / 2) / (1 - rate)) / r->plans_clump;
    c->clean = (float)fmax(c->clean + step, -CLEAN_ENOUGH);
    if (c->clean < CLEAN_ENOUGH)
        return;
    char reason[DECISION_REASON], limit[32];
    limit_text(limit, sizeof(limit), rate);
    snprintf(reason, sizeof(reason), "good evidence: %s well under %s again", harm_text(harm),
             limit);
    restore(r, c, reason, false);
}

/* --- could it be the provider? */

// Half of the way to the alarm, in logarithms: the best of customers come to a hundred by chance.
double reputation_weak(const struct reputation *r, enum harm harm, enum rung rung)
{
    return sqrt(r->plans[harm].rungs[rung].alarm);
}

enum doubt { DOUBT_NONE, DOUBT_WAITS, DOUBT_PLACE };

static double fit(double bad, double n, double rate)
{
    double good = n - bad;
    return (bad > 0 ? bad * log(rate) : 0) + (good > 0 ? good * log(1 - rate) : 0);
}

// Since the mark, in the same minutes: is it worse there than the others, beyond chance? By the
// likelihood of two rates over that of one. It is asked again and again, so chance is kept small.
static bool others_get_through(const struct reputation_customer *c, struct outage *o)
{
    struct usage_marked own = usage_marked(&o->usage, c->index);
    struct outage_news news = outage_others(o, c->index);
    if (!own.n || news.customers < OTHERS_LEAST)
        return false;
    double n = own.n, bad = own.bad, others = news.n * news.bad;
    double both = (bad + others) / (n + news.n);
    if (bad / n < 2 * news.bad || both <= 0)
        return false;
    return fit(bad, n, bad / n) + fit(others, news.n, news.bad) -
               fit(bad + others, n + news.n, both) >=
           OTHERS_ENOUGH;
}

// Harm at one place that nearly nobody else writes to, while the rest of its mail is fine, is that
// place's: a client's domain that died.
static bool is_place(struct reputation *r, const struct reputation_customer *c, struct outage *o)
{
    const struct usage_user *user = usage_get(&o->usage, c->index, r->now);
    double here = user ? user->n[USAGE_HARD][USAGE_1H] : 0, rest = c->hard_n - here;
    return o != &r->everywhere && rest >= PLACE_REST && rest >= here &&
           outage_active(o, c->index, r->now) < OTHERS_LEAST;
}

static void begin_wait(struct reputation *r, struct reputation_customer *c, enum harm harm,
                       enum rung rung, uint32_t provider)
{
    struct outage *o = reputation_outage(r, provider);
    c->waits_since = r->now;
    c->waits_harm = (uint8_t)harm;
    c->waits_rung = (uint8_t)rung;
    c->waits_provider = provider;
    if (o->usage.mark_at < r->now - REPUTATION_MARK)
        usage_mark(&o->usage, r->now);
    o->usage.mark_until = r->now + r->o.policy->incident.wait;
    reputation_trace_say(r, c, harm, "waits: may be the provider", NULL);
    reputation_plan_due(r, c);
}

// Whose fault it may be besides the customer's: a provider, or (REPUTATION_NOWHERE) our own. False:
// nobody's.
static bool suspected(struct reputation *r, const struct reputation_customer *c, enum harm harm,
                      enum rung rung, uint32_t *provider)
{
    const struct evidence *e = &c->harms[harm];
    uint32_t bad;
    usec_t begin;
    if (!evidence_worst(e, provider, &bad, &begin))
        return false;
    if (reputation_may_be_ours(r, c->index)) {
        *provider = REPUTATION_NOWHERE;
        return true;
    }
    if (evidence_without(e, &r->plans[harm], rung, *provider) >= reputation_weak(r, harm, rung))
        return false;
    struct outage *o = reputation_outage(r, *provider);
    usec_t since = c->waits_since ? c->waits_since : r->now;
    bool has_mark = o->usage.mark_at >= since - REPUTATION_MARK;
    return !has_mark || !others_get_through(c, o);
}

static enum doubt doubt(struct reputation *r, struct reputation_customer *c, enum harm harm,
                        enum rung rung)
{
    uint32_t provider;
    if (harm != HARM_DEAD && harm != HARM_SPAM)
        return DOUBT_NONE;
    if (!suspected(r, c, harm, rung, &provider))
        return DOUBT_NONE;
    if (!c->waits_since)
        begin_wait(r, c, harm, rung, provider);
    if (r->now < c->waits_since + r->o.policy->incident.wait)
        return DOUBT_WAITS;
    return is_place(r, c, reputation_outage(r, provider)) ? DOUBT_PLACE : DOUBT_NONE;
}

static void take_place_out(struct reputation *r, struct reputation_customer *c, enum harm harm)
{
    uint32_t provider, bad;
    usec_t begin;
    struct evidence *e = &c->harms[harm];
    if (evidence_worst(e, &provider, &bad, &begin))
        evidence_take_out(e, &r->plans[harm], provider, 0);
    reputation_trace_say(r, c, harm, "taken out: one place that nobody else writes to", NULL);
    wait_no_more(r, c);
}

void reputation_look(struct reputation *r, struct reputation_customer *c, enum harm harm)
{
    int rung = RUNG_N - 1;
    if (!r->o.policy->is_there)
        return;
    while (rung >= 0 && !alarms(r, c, harm, (enum rung)rung))
        rung--;
    bool is_waiting = c->waits_since && c->waits_harm == harm;
    if (rung < 0) {
        if (is_waiting)
            wait_no_more(r, c);
        return;
    }
    enum rung found = (enum rung)rung;
    if (standing_of(found) <= c->standing) {
        begin_anew(r, c, harm, found);
        if (is_waiting)
            wait_no_more(r, c);
        return;
    }
    switch (doubt(r, c, harm, found)) {
    case DOUBT_NONE:
        reputation_act(r, c, harm, found);
        break;
    case DOUBT_WAITS:
        break;
    case DOUBT_PLACE:
        take_place_out(r, c, harm);
        break;
    }
}

void reputation_look_again(struct reputation *r, struct reputation_customer *c)
{
    reputation_look(r, c, HARM_DEAD);
    reputation_look(r, c, HARM_SPAM);
}

void reputation_customer_due(struct reputation *r, struct reputation_customer *c)
{
    if (c->standing != STANDING_GOOD && c->standing_until && r->now >= c->standing_until)
        restore(r, c, "its time is over", true);
    if (c->waits_since)
        reputation_look_again(r, c);
    reputation_plan_due(r, c);
}

/* --- others decide */
static void reset_all(struct reputation *r, struct reputation_customer *c)
{
    for (int h = 0; h < HARM_N; h++) {
        if (c->harms[h].is_begun)
            evidence_reset_all(&c->harms[h], &r->plans[h], r->now);
        else if (h == HARM_TRAP && c->traps)
            begin_anew(r, c, HARM_TRAP, RUNG_SUSPEND);
    }
}

static void told_rung(struct reputation *r, struct reputation_customer *c, enum rung rung,
                      usec_t until)
{
    stand(r, c, standing_of(rung), until);
    for (int h = 0; h < HARM_N; h++)
        if (c->harms[h].is_begun || (h == HARM_TRAP && c->traps))
            begin_anew(r, c, (enum harm)h, rung);
}

static bool rung_of(enum kind kind, enum rung *rung)
{
    if (kind == KIND_WARN)
        *rung = RUNG_WARN;
    else if (kind == KIND_THROTTLE)
        *rung = RUNG_THROTTLE;
    else if (kind == KIND_SUSPEND)
        *rung = RUNG_SUSPEND;
    else
        return false;
    return true;
}

void reputation_customer_told(struct reputation *r, enum kind kind, const char *name, usec_t until,
                              usec_t now)
{
    enum rung rung;
    // One list's or one login's hold is not the customer's standing.
    struct reputation_customer *c = strpbrk(name, "/+") ? NULL : reputation_customer_of(r, name);
    if (!c || (until && until <= now))
        return;
    if (rung_of(kind, &rung)) {
        told_rung(r, c, rung, until);
    } else if (kind == KIND_RESTORE) {
        stand(r, c, STANDING_GOOD, 0);
        reset_all(r, c);
    }
}
