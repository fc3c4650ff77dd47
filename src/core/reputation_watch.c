/* Provider incidents and our own failure: who is asked after a bad one, and what follows. When one
 * opens, what came from there since it began is taken out of everybody's evidence; while it is open
 * nothing from there becomes evidence. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "core/reputation_room.h"
#include "core/rotation.h"

enum { OWN_PROVIDERS = 3, ESTABLISHED = 100 }; // the latter: observations since ever
// Of the others' latest few answers so many bad ones, or of the latest many.
enum { LATEST_FEW = 8, LATEST_FEW_BAD = 3, LATEST_MANY = 40, LATEST_MANY_BAD = 6 };
#define OWN_SHARE 0.5       // of the active customers must fail
#define OWN_ONE_AT_MOST 0.6 // of the excess may be one provider's
#define OWN_NAMELESS 0.5    // of the excess had no provider
#define OWN_EXCESS 2.0      // bad ones beyond the usual that make a provider one that fails
#define LOOK_EVERY (10 * USEC_SECOND)
#define DOMAINS_KEPT USEC_HOUR
#define ELSEWHERE_PRIOR 10.0
#define ELSEWHERE_RATE 0.01

struct outage *reputation_outage(struct reputation *r, uint32_t provider)
{
    return provider < r->providers_n ? &r->providers[provider]->outage : &r->everywhere;
}

struct elsewhere {
    struct reputation *r;
    struct reputation_provider *here;
};

// A customer's own rate of about a day, without what it had here in the last hour.
static double elsewhere_rate(void *ctx, uint32_t customer, enum usage_channel channel)
{
    const struct elsewhere *x = ctx;
    if (customer >= x->r->customers_n)
        return 0;
    const struct reputation_customer *c = x->r->customers[customer];
    double n = channel == USAGE_HARD ? c->hard_n : c->soft_n;
    double bad = channel == USAGE_HARD ? c->hard_bad : c->soft_bad;
    const struct usage_user *here = usage_get(&x->here->outage.usage, customer, x->r->now);
    n -= here ? here->n[channel][USAGE_1H] : 0;
    bad -= here ? here->bad[channel][USAGE_1H] : 0;
    n = n < 0 ? 0 : n;
    bad = bad < 0 ? 0 : bad > n ? n : bad;
    return (bad + ELSEWHERE_RATE * ELSEWHERE_PRIOR) / (n + ELSEWHERE_PRIOR);
}

static void take_out(struct reputation *r, uint32_t provider, usec_t since)
{
    for (uint32_t i = 0; i < r->customers_n; i++) {
        struct reputation_customer *c = r->customers[i];
        uint32_t gone = 0;
        static const enum harm harms[] = {HARM_DEAD, HARM_SPAM};
        for (int h = 0; h < 2; h++) {
            struct evidence *e = &c->harms[harms[h]];
            uint32_t n = evidence_take_out(e, &r->plans[harms[h]], provider, since);
            if (n)
                reputation_trace_say(r, c, harms[h], "taken out", NULL);
            gone += n;
        }
        c->hard_bad = c->hard_bad > (float)gone ? c->hard_bad - (float)gone : 0;
    }
    for (int h = 0; h < 2; h++)
        evidence_take_out(&r->newcomers.harms[h], &r->plans[h ? HARM_SPAM : HARM_DEAD], provider,
                          since);
    rotation_take_out(r, provider, since);
    for (uint32_t i = 0; i < r->customers_n; i++)
        if (r->customers[i]->waits_since)
            reputation_look_again(r, r->customers[i]);
}

static const char *channel_text(enum usage_channel channel)
{
    return channel == USAGE_HARD ? "refuses mail of" : "defers mail of";
}

static void say_open(struct reputation *r, const struct reputation_provider *p)
{
    const struct outage *o = p ? &p->outage : &r->everywhere;
    struct decision d = {
        .action = ACTION_INCIDENT, .customers = o->customers, .customers_of = o->customers_of};
    if (p) {
        snprintf(d.target, sizeof(d.target), "provider:%s", p->name);
        snprintf(d.provider, sizeof(d.provider), "%s", p->name);
        snprintf(
            d.reason, sizeof(d.reason),
            "%.80s %s %u of %u customers at once: %.0f %% instead of %.1f %%; it is the provider",
            p->name, channel_text(o->channel), o->customers, o->customers_of, o->level * 100.0,
            (double)o->rate[o->channel] * 100);
        blame_samples(r, USAGE_NONE, p->index, d.samples);
    } else {
        snprintf(d.target, sizeof(d.target), "node:%s", r->o.node ? r->o.node : "");
        snprintf(
            d.reason, sizeof(d.reason),
            "%u of %u customers fail at several providers at once: %.0f %% instead of %.1f %%; "
            "it is our own DNS or network",
            o->customers, o->customers_of, o->level * 100.0, (double)o->rate[o->channel] * 100);
        blame_samples(r, USAGE_NONE, USAGE_NONE, d.samples);
    }
    reputation_decide(r, &d);
}

static void say_end(struct reputation *r, const struct reputation_provider *p, const char *reason)
{
    struct decision d = {.action = ACTION_INCIDENT_END};
    if (p) {
        snprintf(d.target, sizeof(d.target), "provider:%s", p->name);
        snprintf(d.provider, sizeof(d.provider), "%s", p->name);
    } else {
        snprintf(d.target, sizeof(d.target), "node:%s", r->o.node ? r->o.node : "");
    }
    snprintf(d.reason, sizeof(d.reason), "%s", reason);
    reputation_decide(r, &d);
}

// What the providers' own watches saw of our failure is no incident of theirs.
static void end_providers(struct reputation *r, usec_t since)
{
    for (uint32_t i = 0; i < r->providers_n; i++) {
        struct reputation_provider *p = r->providers[i];
        if (!p->outage.open_since || p->outage.open_since < since)
            continue;
        outage_close(&p->outage, r->now);
        heap_remove(&r->due, &p->due.node);
        say_end(r, p, "it is our own failure, not the provider's");
    }
}

// What failed by our fault says nothing of them.
static void forget_at_providers(struct reputation *r)
{
    for (uint32_t i = 0; i < r->providers_n; i++) {
        usage_forget_bad(&r->providers[i]->outage.usage, USAGE_HARD);
        usage_forget_bad(&r->providers[i]->outage.usage, USAGE_SOFT);
    }
}

static void open_it(struct reputation *r, struct reputation_provider *p)
{
    struct outage *o = p ? &p->outage : &r->everywhere;
    usec_t begun = o->begun_at;
    say_open(r, p);
    outage_open(o, r->now);
    heap_add(&r->due, p ? &p->due.node : &r->everywhere_due.node, r->now + LOOK_EVERY);
    if (p) {
        usage_forget_bad(&r->everywhere.usage, o->channel); // much of it is this provider's
    } else {
        end_providers(r, begun);
        forget_at_providers(r);
    }
    take_out(r, p ? p->index : UINT32_MAX, begun);
}

// Several providers fail and no single one explains it; or names are not found: mail that failed before
// it had a provider.
static bool is_ours(struct reputation *r)
{
    struct outage *all = &r->everywhere;
    double whole = outage_excess(all, all->channel, all->window, r->now), sum = 0, most = 0;
    uint32_t failing = 0;
    for (uint32_t i = 0; i < r->providers_n; i++) {
        struct outage *at = &r->providers[i]->outage;
        double x = outage_excess(at, all->channel, all->window, r->now);
        sum += x;
        most = x > most ? x : most;
        failing += x >= OWN_EXCESS;
    }
    return whole - sum >= OWN_NAMELESS * whole ||
           (failing >= OWN_PROVIDERS && most <= OWN_ONE_AT_MOST * sum);
}

/* Of whom is the usual known? */
struct known {
    struct reputation *r;
    int enough; // established customers are active: 1, too few: 0, not looked yet: -1
};

static bool is_established(const struct reputation *r, uint32_t customer)
{
    return customer < r->customers_n && r->customers[customer]->observations >= ESTABLISHED;
}

static bool has_established(struct reputation *r)
{
    uint32_t n = 0;
    struct usage_user user;
    for (uint32_t i = 0; usage_next(&r->everywhere.usage, &i, USAGE_1H, r->now, &user);)
        n += user.n[USAGE_HARD][USAGE_1H] >= 1 && is_established(r, user.customer);
    return n >= r->o.policy->incident.customers;
}

// Ten new customers with bad lists fail at all providers too, and nothing is known of them: what they
// have is expected, as long as there are others to ask.
static double unknown_rate(void *ctx, uint32_t customer, enum usage_channel channel)
{
    struct known *k = ctx;
    if (channel == USAGE_SOFT) // nobody's list is deferred for what it is
        return 0;
    if (k->enough < 0)
        k->enough = has_established(k->r);
    return k->enough && !is_established(k->r, customer) ? 1 : 0;
}

static void watch_everywhere(struct reputation *r)
{
    struct outage *o = &r->everywhere;
    struct known known = {r, -1};
    if (!outage_begins(o, r->o.policy, OWN_SHARE, unknown_rate, &known, r->now))
        return;
    if (is_ours(r)) {
        open_it(r, NULL);
        return;
    }
    o->open_since = o->begun_at = 0; // one provider's, or a few customers'
    o->looked_at = r->now;
}

// One tenant's rule behind a gateway fails all who write to it: that is no trouble of the gateway.
static bool has_domains(struct reputation *r, struct reputation_provider *p, const char *recipient)
{
    const char *at = strrchr(recipient, '@');
    uint64_t h = hash_crc32c(0, bytes_str(at ? at + 1 : "")) | 1;
    if (r->now > p->domains_at + DOMAINS_KEPT) {
        memset(p->domains, 0, sizeof(p->domains));
        p->domains_at = r->now;
    }
    for (size_t i = 0; at && i < ARRAY_LEN(p->domains); i++) {
        if (p->domains[i] == (uint32_t)h)
            break;
        if (!p->domains[i]) {
            p->domains[i] = (uint32_t)h;
            break;
        }
    }
    return p->domains[ARRAY_LEN(p->domains) - 1] != 0;
}

static void watch_provider(struct reputation *r, struct reputation_provider *p,
                           const char *recipient)
{
    struct elsewhere x = {r, p};
    bool is_one_tenant = p->is_gateway && !has_domains(r, p, recipient);
    if (r->everywhere.open_since || is_one_tenant)
        return;
    if (outage_begins(&p->outage, r->o.policy, r->o.policy->incident.share, elsewhere_rate, &x,
                      r->now))
        open_it(r, p);
}

static void remember(struct reputation *r, uint32_t customer, const struct usage_facts *facts)
{
    if (facts->n[USAGE_HARD] <= 0)
        return;
    r->latest[r->latest_n % REPUTATION_LATEST] = customer * 2 + (facts->bad[USAGE_HARD] > 0);
    if (++r->latest_n == UINT32_MAX)
        r->latest_n = REPUTATION_LATEST;
}

bool reputation_may_be_ours(const struct reputation *r, uint32_t customer)
{
    uint32_t kept = r->latest_n < REPUTATION_LATEST ? r->latest_n : REPUTATION_LATEST;
    uint32_t n = 0, bad = 0;
    for (uint32_t i = 1; i <= kept && n < LATEST_MANY; i++) {
        uint32_t answer = r->latest[(r->latest_n - i) % REPUTATION_LATEST];
        if (answer / 2 == customer)
            continue;
        n++;
        bad += answer & 1;
        if (n <= LATEST_FEW && bad >= LATEST_FEW_BAD)
            return true;
    }
    return bad >= LATEST_MANY_BAD || (n && n < LATEST_FEW_BAD && bad == n);
}

void reputation_watch(struct reputation *r, struct reputation_provider *p,
                      const struct reputation_customer *c, const struct usage_facts *facts,
                      const char *recipient, usec_t at)
{
    remember(r, c->index, facts);
    if (p)
        outage_observe_facts(&p->outage, c->index, facts, at);
    if (!p || !p->outage.open_since || r->everywhere.open_since)
        outage_observe_facts(&r->everywhere, c->index, facts, at);
    if (facts->bad[USAGE_HARD] <= 0 && facts->bad[USAGE_SOFT] <= 0)
        return;
    watch_everywhere(r);
    if (p)
        watch_provider(r, p, recipient);
}

static bool is_hard(const struct outage *o)
{
    return o->open_since && o->channel == USAGE_HARD;
}

bool reputation_is_excused(const struct reputation *r, const struct reputation_provider *p,
                           usec_t at, bool is_late)
{
    if (is_late)
        return outage_was(&r->everywhere, at) || (p && outage_was(&p->outage, at));
    return is_hard(&r->everywhere) || (p && is_hard(&p->outage));
}

void reputation_provider_due(struct reputation *r, struct due *due)
{
    bool is_own = due == &r->everywhere_due;
    struct reputation_provider *p =
        is_own ? NULL : CONTAINER_OF(due, struct reputation_provider, due);
    struct outage *o = p ? &p->outage : &r->everywhere;
    struct elsewhere x = {r, p};
    if (!o->open_since)
        return;
    if (outage_ends(o, p ? elsewhere_rate : NULL, &x, r->now)) {
        if (is_own)
            forget_at_providers(r);
        say_end(r, p, "mail goes through again");
    } else {
        heap_add(&r->due, &due->node, r->now + LOOK_EVERY);
    }
}
