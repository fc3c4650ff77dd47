// The bad ones come from the IP's ring of news, how much each customer sent from the usage table of the
// IP (and, for a lane, of the provider: the smaller one). Both fade with the same time constant, so
// that bad and n speak of the same mail.
#include "core/rotation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/fade.h"

enum { TALLIES = 1024 }; // twice the news: open addressing

static const double enough = 5; // excess bad ones that a lane's own news must hold
static const double trap = 20;  // a trap's weight where the policy judges no complaints
static const float windows[USAGE_N] = {
    [USAGE_30S] = 30, [USAGE_2M] = 120, [USAGE_15M] = 900, [USAGE_1H] = 3600};

struct tally {
    uint32_t customer;                 // USAGE_NONE: free
    bool has_n;                        // the usage table has it
    float bad[HARM_N], newest[HARM_N]; // faded sum, and the most that a single one counts in it
    double n, all, excess;
};

struct scene {
    struct tally tallies[TALLIES];
    double excess;
    usec_t now;
    enum usage_window window;
};

double blame_rate(const struct policy *p, enum harm harm)
{
    for (int rung = 0; rung < RUNG_N && harm != HARM_TRAP; rung++)
        if (p->rungs[harm][rung].rate > 0)
            return p->rungs[harm][rung].rate;
    return 0;
}

// How many dead recipients one bad one of this kind is worth.
static double weight_of(const struct policy *p, enum harm harm)
{
    double dead = blame_rate(p, HARM_DEAD);
    double own = blame_rate(p, harm == HARM_TRAP ? HARM_COMPLAINT : harm);
    if (dead > 0 && own > 0)
        return dead / own;
    return harm == HARM_TRAP ? trap : 1;
}

static enum usage_window window_of(const struct policy *p)
{
    int w = USAGE_1H;
    while (w > 0 && (double)windows[w] * USEC_SECOND > (double)p->blame_window)
        w--;
    return (enum usage_window)w;
}

static struct tally *tally_of(struct scene *s, uint32_t customer, bool may_add)
{
    uint32_t i = (uint32_t)(((uint64_t)customer * 0x9e3779b97f4a7c15ULL) >> 54);
    for (;; i = (i + 1) % TALLIES) {
        struct tally *t = &s->tallies[i];
        if (t->customer == customer)
            return t;
        if (t->customer != USAGE_NONE)
            continue;
        if (!may_add)
            return NULL;
        t->customer = customer;
        return t;
    }
}

static void add_news(struct scene *s, const struct reputation *r, const struct reputation_ip *ip,
                     uint32_t provider)
{
    uint32_t second = fade_second(s->now);
    for (uint32_t i = 0; ip->news && i < REPUTATION_IP_NEWS && i < ip->news_n; i++) {
        const struct reputation_news *n = &ip->news[i];
        if (n->customer >= r->customers_n || n->harm >= HARM_N ||
            (provider != USAGE_NONE && n->provider != provider))
            continue;
        uint32_t age = second > n->second ? second - n->second : 0;
        float left = fade_left(age, windows[s->window]);
        struct tally *t = tally_of(s, n->customer, true);
        t->bad[n->harm] += left;
        t->newest[n->harm] = fmaxf(t->newest[n->harm], left);
        t->all += (double)left;
    }
}

static double sent(const struct scene *s, const struct usage_user *user)
{
    uint32_t second = fade_second(s->now);
    uint32_t age = second > user->second ? second - user->second : 0;
    return (double)(user->n[USAGE_HARD][s->window] * fade_left(age, windows[s->window]));
}

static void add_sent(struct scene *s, const struct usage *u, bool is_narrower)
{
    for (uint32_t i = 0; i < u->room; i++) {
        const struct usage_user *user = &u->users[i];
        struct tally *t = user->customer == USAGE_NONE ? NULL : tally_of(s, user->customer, false);
        if (!t)
            continue;
        double n = sent(s, user);
        t->n = is_narrower && t->has_n ? fmin(t->n, n) : n;
        t->has_n = true;
    }
}

// Beyond what is acceptable and what chance adds to that (two standard deviations of a faded Poisson
// count, whose variance is half its mean); a single one is always chance.
static double excess_of(const struct policy *p, const struct tally *t)
{
    double sum = 0;
    for (int harm = 0; harm < HARM_N; harm++) {
        double bad = (double)t->bad[harm], rate = blame_rate(p, (enum harm)harm);
        double fine = rate * fmax(t->n, t->all);
        if (harm == HARM_TRAP)
            sum += bad * weight_of(p, HARM_TRAP);
        else if (rate > 0)
            sum += fmax(0, bad - fine - 2 * sqrt(fine / 2) - (double)t->newest[harm]) *
                   weight_of(p, (enum harm)harm);
    }
    return sum;
}

// Which IP a message takes is chance, so a customer whose harm is sure by now did its share of that here
// too, however few of the bad ones fell on this IP.
static double known_excess(const struct reputation *r, const struct tally *t)
{
    const struct reputation_customer *c = r->customers[t->customer];
    double sum = 0;
    for (int harm = 0; harm < HARM_N && c->standing != STANDING_GOOD; harm++) {
        uint64_t bad, of;
        double rate = blame_rate(r->o.policy, (enum harm)harm);
        if (rate <= 0 || t->bad[harm] <= 0)
            continue;
        reputation_counts(r, c, (enum harm)harm, &bad, &of);
        double fine = rate * (double)of, share = of ? fmin(1, t->n / (double)of) : 0;
        sum += fmax(0, (double)bad - fine - 2 * sqrt(fine)) * share *
               weight_of(r->o.policy, (enum harm)harm);
    }
    return sum;
}

static void look(struct scene *s, const struct reputation *r, const struct reputation_ip *ip,
                 uint32_t provider, usec_t now)
{
    *s = (struct scene){.now = now, .window = window_of(r->o.policy)};
    for (int i = 0; i < TALLIES; i++)
        s->tallies[i].customer = USAGE_NONE;
    add_news(s, r, ip, provider);
    add_sent(s, &ip->usage, false);
    if (provider < r->providers_n)
        add_sent(s, &r->providers[provider]->outage.usage, true);
    for (int i = 0; i < TALLIES; i++) {
        if (s->tallies[i].customer == USAGE_NONE)
            continue;
        struct tally *t = &s->tallies[i];
        if (!t->has_n) // thousands use the IP, and it found no place: what it sent in a day
            t->n = (double)r->customers[t->customer]->hard_n;
        t->excess = fmax(excess_of(r->o.policy, t), known_excess(r, t));
        s->excess += t->excess;
    }
}

// A lane first; where its own news says too little, the whole IP. Gives the provider looked at.
static uint32_t look_best(struct scene *s, const struct reputation *r,
                          const struct reputation_ip *ip, uint32_t provider, usec_t now)
{
    look(s, r, ip, provider, now);
    if (provider == USAGE_NONE || s->excess >= enough)
        return provider;
    look(s, r, ip, USAGE_NONE, now);
    return USAGE_NONE;
}

// The most to blame comes first; equals in the order they came to us.
static int compare(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;
    if (x->excess != y->excess)
        return x->excess > y->excess ? -1 : 1;
    return x->customer < y->customer ? -1 : x->customer > y->customer;
}

size_t blame_find(const struct reputation *r, const struct reputation_ip *ip, uint32_t provider,
                  usec_t now, struct decision_culprit *culprits, size_t room)
{
    struct scene s;
    size_t n = 0;
    provider = look_best(&s, r, ip, provider, now);
    if (s.excess <= 0)
        return 0;
    qsort(s.tallies, TALLIES, sizeof(*s.tallies), compare);
    for (; n < room && n < TALLIES && s.tallies[n].excess > 0; n++) {
        const struct tally *t = &s.tallies[n];
        struct decision_culprit *c = &culprits[n];
        *c = (struct decision_culprit){.share = t->excess / s.excess,
                                       .bad = (uint64_t)llround(t->all),
                                       .of = (uint64_t)llround(fmax(t->n, t->all))};
        snprintf(c->customer, sizeof(c->customer), "%s", r->customers[t->customer]->name);
        blame_samples(r, t->customer, provider, c->samples);
    }
    return n;
}

uint32_t blame_first(const struct reputation *r, const struct reputation_ip *ip, uint32_t provider,
                     usec_t now, double *share)
{
    struct scene s;
    const struct tally *first = NULL;
    look_best(&s, r, ip, provider, now);
    *share = 0;
    for (int i = 0; i < TALLIES; i++)
        if (s.tallies[i].excess > 0 && (!first || compare(&s.tallies[i], first) < 0))
            first = &s.tallies[i];
    if (!first)
        return USAGE_NONE;
    *share = first->excess / s.excess;
    return first->customer;
}

/* --- samples */

static bool has_text(char samples[DECISION_SAMPLES][DECISION_SAMPLE], int n, const char *text)
{
    for (int i = 0; i < n; i++)
        if (strcmp(samples[i], text) == 0)
            return true;
    return false;
}

void blame_samples(const struct reputation *r, uint32_t customer, uint32_t provider,
                   char samples[DECISION_SAMPLES][DECISION_SAMPLE])
{
    uint64_t kept = r->samples_n < REPUTATION_SAMPLES ? r->samples_n : REPUTATION_SAMPLES;
    int n = 0;
    for (uint64_t i = 1; r->samples && i <= kept && n < DECISION_SAMPLES; i++) {
        const struct reputation_sample *s = &r->samples[(r->samples_n - i) % REPUTATION_SAMPLES];
        if ((customer == USAGE_NONE || s->customer == customer) &&
            (provider == USAGE_NONE || s->provider == provider) && !has_text(samples, n, s->text))
            snprintf(samples[n++], DECISION_SAMPLE, "%s", s->text);
    }
    if (n < DECISION_SAMPLES)
        samples[n][0] = '\0';
}

// The same reply again only renews the newest, so that one flood does not push out all others.
void blame_sample(struct reputation *r, uint32_t customer, uint32_t ip, uint32_t provider,
                  const struct outcome *o)
{
    struct reputation_sample new = {
        .customer = customer, .ip = ip, .provider = provider, .at = o->at};
    const char *reply = o->reply && *o->reply ? o->reply : class_text(o->class);
    text_visible(new.text, sizeof(new.text), reply, strlen(reply));
    if (!r->samples)
        r->samples = xcalloc(REPUTATION_SAMPLES, sizeof(*r->samples));
    must(r->samples);
    struct reputation_sample *last =
        r->samples_n ? &r->samples[(r->samples_n - 1) % REPUTATION_SAMPLES] : NULL;
    if (last && last->customer == customer && last->provider == provider && last->ip == ip &&
        strcmp(last->text, new.text) == 0)
        last->at = o->at;
    else
        r->samples[r->samples_n++ % REPUTATION_SAMPLES] = new;
}
