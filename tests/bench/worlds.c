/* Reputation against worlds whose truth is known: how soon harm is caught, how much slips out, who is
 * punished wrongly, beside two fixed rules. One table; a missed bar makes it end with 1.
 *
 *   bench_worlds [--quick | --smoke] [--tune] [--worlds N] [--only SCENARIO] [--seed N] [--loud]
 *   bench_worlds --emit SCENARIO [--seed N]     a world as NDJSON, for `mxwarden replay`
 *
 * Worlds are numbered by seed: 1 to 1000 are for tuning (--tune), 1,000,001 on for testing, and
 * nobody tunes on those. --loud names each mistake with its seed; --seed with --only looks at one. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/policy.h"
#include "core/reputation.h"
#include "world_score.h"

enum { TEST_SEEDS = 1000000, ALL_WORLDS = 100, QUICK_WORLDS = 8, SMOKE_WORLDS = 2, HARM_SEEN = 4 };

static struct reputation *first_one; // its alarms serve all

static struct {
    uint64_t worlds, first;
    const char *only;
    bool is_loud, is_smoke;
} options = {.worlds = ALL_WORLDS, .first = TEST_SEEDS + 1};

// ---- the engine in a world

struct bench {
    struct world world;
    struct rules rules;
    struct reputation *reputation;
    bool is_asked; // who is to blame
    int blame;
};

static void on_decision(void *ctx, const struct decision *d)
{
    struct bench *b = ctx;
    if (options.is_loud && options.worlds == 1)
        fprintf(stderr, "%8.0f s %s %s: %s\n", (double)(d->at - WORLD_BEGIN) / USEC_SECOND,
                action_text(d->action), d->target, d->reason);
    world_decided(&b->world, d);
}

static void on_outcome(void *ctx, const struct outcome *o, uint32_t customer)
{
    (void)customer;
    struct bench *b = ctx;
    reputation_feed(b->reputation, o);
}

static void on_submitted(void *ctx, const char *customer, usec_t at, const char *recipient,
                         uint32_t network)
{
    struct bench *b = ctx;
    reputation_submitted(b->reputation, customer, at, recipient, network, 0);
}

// Over which IP the culprits did most; how much of it the least of them.
static uint32_t worst_ip(const struct world *w, uint32_t *least)
{
    uint32_t worst = 0;
    *least = 0;
    for (uint32_t ip = 0; ip < w->ips_n; ip++) {
        uint32_t here = UINT32_MAX;
        for (uint32_t i = 0; i < w->customers_n; i++)
            if (w->customers[i].is_culprit && w->customers[i].harm_over[ip] < here)
                here = w->customers[i].harm_over[ip];
        if (here > *least && here < UINT32_MAX) {
            *least = here;
            worst = ip;
        }
    }
    return worst;
}

// All culprits (one or two), once they are caught and each was seen to do some harm over one IP: are
// they ahead of all others there?
static void ask_for_blame(struct bench *b, bool is_end)
{
    const struct world *w = &b->world;
    uint32_t culprits = 0, least, ip = worst_ip(w, &least);
    bool is_time = least >= HARM_SEEN;
    for (uint32_t i = 0; i < w->customers_n; i++) {
        culprits += w->customers[i].is_culprit;
        is_time &= !w->customers[i].is_culprit || w->fates[i][RUNG_SUSPEND].at ||
                   w->fates[i][RUNG_THROTTLE].at;
    }
    if (!culprits || culprits > 2 || least < HARM_SEEN || !(is_time || is_end))
        return;
    struct decision_culprit named[DECISION_CULPRITS];
    size_t n = reputation_blame(b->reputation, w->ips[ip], NULL, named, ARRAY_LEN(named));
    b->is_asked = true;
    b->blame = n >= culprits;
    for (uint32_t i = 0; i < culprits && b->blame; i++)
        b->blame = w->customers[strtoul(named[i].customer + 1, NULL, 10)].is_culprit;
    for (size_t i = 0; !b->blame && options.is_loud && i < (n ? n : 1); i++)
        fprintf(stderr, "at %.0f s on %s, harm %u, blamed: %s %.0f %%, %u of %u\n",
                (double)(w->now - WORLD_BEGIN) / USEC_SECOND, w->ips[ip], least,
                n ? named[i].customer : "nobody", n ? named[i].share * 100 : 0,
                n ? (unsigned)named[i].bad : 0, n ? (unsigned)named[i].of : 0);
}

// When blame is asked for at the latest: while what they did is not an hour old.
static usec_t blame_end(const struct world *w)
{
    usec_t from = 0;
    for (uint32_t i = 0; i < w->customers_n; i++)
        if (w->customers[i].is_culprit && w->customers[i].bad_from > from)
            from = w->customers[i].bad_from;
    return from + 45 * USEC_MINUTE;
}

static void live(struct bench *b, const struct policy *policy)
{
    struct world *w = &b->world;
    struct reputation_options o = {
        .policy = policy, .node = "bench", .on_decision = on_decision, .ctx = b, .like = first_one};
    b->reputation = reputation_new(&o);
    for (uint32_t i = 0; i < w->ips_n; i++) {
        char pool[16];
        snprintf(pool, sizeof(pool), "pool%u", w->pool_of[i] % 100);
        reputation_set_ip(b->reputation, w->ips[i], pool, true);
    }
    w->on_outcome = on_outcome;
    w->on_submitted = on_submitted;
    w->ctx = b;
    usec_t end = blame_end(w);
    while (world_next(w)) {
        if (reputation_due(b->reputation) <= w->now)
            reputation_tick(b->reputation, w->now);
        if (!b->is_asked && w->throttled + w->suspended)
            ask_for_blame(b, w->now >= end);
    }
    if (!b->is_asked)
        ask_for_blame(b, true);
    b->reputation = reputation_free(b->reputation);
}

static void run_world(struct score *s, uint64_t seed, const struct policy *policy)
{
    struct bench *b = xcalloc(1, sizeof(*b));
    b->blame = -1;
    world_init(&b->world, s->scenario, seed);
    live(b, policy);
    score_world(s, &b->world, b->blame, options.is_loud);
    world_deinit(&b->world);
    world_init(&b->world, s->scenario, seed); // and for the rules, who stop nobody
    b->rules.w = &b->world;
    b->world.on_outcome = rules_on_outcome;
    b->world.ctx = &b->rules;
    b->world.has_habits = false;
    while (world_next(&b->world)) {
    }
    score_rules(s, &b->world, &b->rules);
    world_deinit(&b->world);
    xfree(b);
}

static bool run_scenario(const struct scenario *scenario, const struct policy *policy)
{
    struct score score = {.scenario = scenario};
    usec_t from = clock_monotonic();
    for (uint64_t i = 0; i < options.worlds; i++)
        run_world(&score, options.first + i, policy);
    bool is_met = score_print(&score);
    double seconds = (double)(clock_monotonic() - from) / USEC_SECOND;
    printf("%-19s %llu worlds, %llu outcomes, %.1f s\n\n", scenario->name,
           (unsigned long long)score.worlds, (unsigned long long)score.outcomes, seconds);
    fflush(stdout);
    score_deinit(&score);
    return is_met;
}

// ---- a world as a file

static void write_outcome(void *ctx, const struct outcome *o, uint32_t customer)
{
    (void)ctx;
    (void)customer;
    static struct buf line;
    buf_clear(&line);
    outcome_format(&line, o);
    fwrite(line.p, 1, line.n, stdout);
}

static int emit(const struct scenario *scenario)
{
    CLEANUP(xfree) char *memory = xcalloc(1, sizeof(struct world));
    struct world *w = (struct world *)(void *)memory;
    world_init(w, scenario, options.first);
    w->on_outcome = write_outcome;
    w->has_habits = false;
    while (world_next(w)) {
    }
    for (uint32_t i = 0; i < w->customers_n; i++)
        if (w->customers[i].is_culprit)
            fprintf(stderr, "culprit: %s\n", w->customers[i].name);
    world_deinit(w);
    return 0;
}

static const struct scenario *scenario_of(const char *name)
{
    for (size_t i = 0; i < scenarios_n; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    fprintf(stderr, "no scenario `%s`; there are:\n", name);
    for (size_t i = 0; i < scenarios_n; i++)
        fprintf(stderr, "  %-19s %s\n", scenarios[i].name, scenarios[i].what);
    exit(2);
}

static int run_all(void)
{
    struct policy policy;
    bool ok = true;
    policy_default(&policy);
    struct reputation_options o = {.policy = &policy, .node = "bench", .on_decision = on_decision};
    first_one = reputation_new(&o);
    score_print_head();
    for (size_t i = 0; i < scenarios_n; i++)
        if (!options.only || strcmp(scenarios[i].name, options.only) == 0)
            ok &= run_scenario(&scenarios[i], &policy);
    reputation_free(first_one);
    printf("%s\n", ok ? "every bar is met" : "a bar is MISSED");
    return options.is_smoke || ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    enum { QUICK = 256, SMOKE, TUNE, WORLDS, ONLY, SEED, LOUD, EMIT };
    static const struct option longs[] = {
        {"quick", 0, 0, QUICK},   {"smoke", 0, 0, SMOKE}, {"tune", 0, 0, TUNE},
        {"worlds", 1, 0, WORLDS}, {"only", 1, 0, ONLY},   {"seed", 1, 0, SEED},
        {"loud", 0, 0, LOUD},     {"emit", 1, 0, EMIT},   {0}};
    const char *emitted = NULL;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c == QUICK)
            options.worlds = QUICK_WORLDS;
        else if (c == SMOKE)
            options.worlds = SMOKE_WORLDS, options.is_smoke = true;
        else if (c == TUNE)
            options.first = 1;
        else if (c == WORLDS)
            options.worlds = strtoull(optarg, NULL, 10);
        else if (c == ONLY)
            options.only = scenario_of(optarg)->name;
        else if (c == SEED)
            options.first = strtoull(optarg, NULL, 10), options.worlds = 1;
        else if (c == LOUD)
            options.is_loud = true;
        else if (c == EMIT)
            emitted = optarg;
        else
            return 2;
    }
    return emitted ? emit(scenario_of(emitted)) : run_all();
}
