/* How good the detector is: delays against Lorden's bound and against the optimal CUSUM that knows the
 * harmful rate, false alarms at the acceptable rate and below it, on clumped lists, what storing
 * floats costs, and the rules that others use. docs/detection.md says what the figures mean.
 *
 *   bench_detector [--quick]
 *
 * A line ends in "ok" or "MISSED"; exit 1 when a bar is missed. Observations are not made one by one:
 * a gap of good ones is one geometric number, so 1e10 of them cost seconds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/chance.h"
#include "core/clumping.h"
#include "core/detector.h"
#include "rivals.h"

struct rule {
    const char *name;
    double p0, gamma;
};

static const struct rule rules[] = {
    {"dead", 0.02, 1e4},
    {"dead, repeat warn", 0.02, 1e5},
    {"dead", 0.02, 1e6},
    {"spam suspend", 0.02, 1e7},
    {"dead throttle", 0.04, 1e6},
    {"dead suspend", 0.05, 1e7},
    {"repeat suspend", 0.08, 1e7},
    {"spam throttle", 0.01, 1e6},
    {"spam warn", 0.005, 1e5},
    {"other", 0.005, 1e6},
    {"complaint warn", 0.001, 1e5},
    {"complaint throttle", 0.002, 1e6},
    {"complaint suspend", 0.003, 1e7},
};
static const double harmful[] = {0.04, 0.05, 0.08, 0.12, 0.2, 0.5, 0.9};

static struct chance chance = {20261124};
static int streams = 20000;
static double budget = 6e7; // bad observations spent on one rule's false alarms
static bool is_missed;

static const char *verdict(bool is_kept)
{
    is_missed |= !is_kept;
    return is_kept ? "ok" : "MISSED";
}

static double divergence(double a, double b)
{
    return a * log(a / b) + (1 - a) * log((1 - a) / (1 - b));
}

/* Observations to the alarm, the alarming one included. */
static double run(struct detector d, const struct detector_plan *plan, double rate)
{
    double n = 0;
    for (;;) {
        uint64_t gap = chance_gap(&chance, rate);
        n += (double)gap + 1;
        if (detector_bad(&d, plan, gap) >= plan->alarm)
            return n;
    }
}

/* A customer with so many observations at that rate, who was not alarmed at. */
static struct detector known(const struct detector_plan *plan, double rate, double n)
{
    struct detector d = {0};
    for (;;) {
        uint64_t gap = chance_gap(&chance, rate);
        if ((double)gap + 1 > n) {
            detector_good(&d, plan, (uint64_t)n);
            return d;
        }
        n -= (double)gap + 1;
        if (detector_bad(&d, plan, gap) >= plan->alarm)
            d = (struct detector){0};
    }
}

static double delay(const struct detector_plan *plan, double rate, bool is_known)
{
    double n = 0;
    for (int i = 0; i < streams; i++) {
        struct detector d = {0};
        if (is_known)
            d = known(plan, plan->p0 / 2, 2000);
        n += run(d, plan, rate);
    }
    return n / streams;
}

static void delays_of(const struct rule *rule)
{
    struct detector_plan plan = {0};
    detector_plan_make(&plan, rule->p0, rule->gamma, 1);
    for (size_t i = 0; i < ARRAY_LEN(harmful); i++) {
        double p1 = harmful[i];
        if (p1 < 1.6 * rule->p0)
            continue;
        double bar = p1 <= 0.2 ? 1 : p1 <= 0.5 ? 1.1 : 1.3;
        double cold = delay(&plan, p1, false), seen = delay(&plan, p1, true);
        double bound = cold / (log(rule->gamma) / divergence(p1, rule->p0));
        double oracle = cold / rival_cusum(&chance, rule->p0, p1, rule->gamma, streams);
        bool is_kept = bound <= bar && (p1 > 0.5 || oracle <= 1.3) && seen <= 1.02 * cold;
        printf("%-19s %5.1f %% %5.0e %4.0f %% %8.1f %8.1f %7.2f %7.2f  %s\n", rule->name,
               100 * rule->p0, rule->gamma, 100 * p1, cold, seen, bound, oracle, verdict(is_kept));
    }
}

static void delays(void)
{
    printf("Delay in observations, mean of %d: cold, and after 2,000 at half of p0\n", streams);
    printf("%-19s %7s %5s %6s %8s %8s %7s %7s\n", "", "p0", "gamma", "p1", "cold", "known",
           "/bound", "/oracle");
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        delays_of(&rules[i]);
}

struct measured {
    double mean, error; // standard error
};

/* Streams up to the false alarm. */
static struct measured arl_by_waiting(const struct detector_plan *plan, double rate, int n)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        double t = run((struct detector){0}, plan, rate);
        sum += t;
        squares += t * t;
    }
    double mean = sum / n;
    return (struct measured){mean, sqrt((squares / n - mean * mean) / n)};
}

/* The same from streams in which harm begins: core/detector_plan.c says why. */
static struct measured arl_by_weighing(const struct detector_plan *plan, int n)
{
    struct detector good = known(plan, plan->p0, 300 / plan->p0);
    double sum = 0, squares = 0, rest = 0;
    for (int g = 0; g < DETECTOR_GRID; g++)
        rest += plan->rest[g] / DETECTOR_GRID;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < 30; k++)
            if (detector_bad(&good, plan, chance_gap(&chance, plan->p0)) >= plan->alarm)
                good = (struct detector){0};
        struct detector d = good;
        double r = 0, p1 = plan->p0 * plan->bad[i % DETECTOR_GRID];
        detector_good(&d, plan, chance_gap(&chance, plan->p0));
        while (r < plan->alarm)
            r = detector_bad(&d, plan, chance_gap(&chance, p1));
        sum += 1 / (r + rest);
        squares += 1 / (r + rest) / (r + rest);
    }
    double mean = sum / n, error = sqrt((squares / n - mean * mean) / n);
    return (struct measured){1 / mean, error / mean / mean};
}

static void false_alarms(void)
{
    puts("\nARL at p0, in gamma: weighed (change of measure), and waited for; bar 0.9 to 4");
    printf("%-19s %7s %5s %9s %14s %14s %7s\n", "", "p0", "gamma", "alarm", "weighed", "waited",
           "alarms");
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *rule = &rules[i];
        struct detector_plan plan = {0};
        detector_plan_make(&plan, rule->p0, rule->gamma, 1);
        int n = (int)fmin(budget / (rule->gamma * rule->p0), streams);
        struct measured weighed = arl_by_weighing(&plan, streams), waited = {0};
        if (n >= 100)
            waited = arl_by_waiting(&plan, rule->p0, n);
        double arl = weighed.mean / rule->gamma;
        bool is_kept =
            arl >= 0.9 && arl <= 4 &&
            (n < 100 || fabs(waited.mean - weighed.mean) < 4 * hypot(waited.error, weighed.error));
        printf("%-19s %5.1f %% %5.0e gamma/%.2f   %4.2f +- %4.2f", rule->name, 100 * rule->p0,
               rule->gamma, rule->gamma / plan.alarm, arl, weighed.error / rule->gamma);
        if (n >= 100)
            printf("   %4.2f +- %4.2f %7d", waited.mean / rule->gamma, waited.error / rule->gamma,
                   n);
        else
            printf("   %12s %7s", "-", "-");
        printf("  %s\n", verdict(is_kept));
    }
}

/* How often the rung fires in n observations at that rate. */
static int alarms_in(const struct detector_plan *plan, double rate, double n)
{
    int alarms = 0;
    struct detector d = {0};
    for (double at = 0; at < n;) {
        uint64_t gap = chance_gap(&chance, rate);
        at += (double)gap + 1;
        if (detector_bad(&d, plan, gap) < plan->alarm)
            continue;
        alarms++;
        d = (struct detector){0};
    }
    return alarms;
}

static void good_customers(double n)
{
    static const struct {
        struct rule rule;
        double rate, once_in; // the bar: not more often than this
    } cases[] = {
        {{"dead suspend", 0.05, 1e7}, 0.02, 1e9},
        {{"dead suspend", 0.05, 1e7}, 0.01, 1e9},
        {{"dead throttle", 0.04, 1e6}, 0.02, 3e7},
        {{"dead, repeat warn", 0.02, 1e5}, 0.01, 3e6},
    };
    printf("\nFalse alarms of better customers in %.0e independent observations\n", n);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rule *rule = &cases[i].rule;
        struct detector_plan plan = {0};
        detector_plan_make(&plan, rule->p0, rule->gamma, 1);
        int alarms = alarms_in(&plan, cases[i].rate, n);
        printf("%-19s %5.1f %% %5.0e  at %3.0f %%: %6d  (bar: one in %.0e)  %s\n", rule->name,
               100 * rule->p0, rule->gamma, 100 * cases[i].rate, alarms, cases[i].once_in,
               verdict(alarms <= n / cases[i].once_in));
    }
}

static void rivals(void)
{
    struct rival_average average = rival_average_make(&chance, 0.02, 1e6, 500);
    struct detector_plan plan = {0};
    int n = streams < 2000 ? streams : 2000;
    detector_plan_make(&plan, 0.02, 1e6, 1);
    puts("\nOther rules, p0 2 %, gamma 1e6: 5 % of the last 1,000; a moving average of 1/500");
    printf("%6s %8s %12s %12s %8s\n", "p1", "ours", "fixed cold", "after 2,000", "average");
    for (size_t i = 0; i < ARRAY_LEN(harmful); i++)
        printf("%4.0f %% %8.1f %12.1f %12.1f %8.1f\n", 100 * harmful[i],
               delay(&plan, harmful[i], false), rival_fixed_delay(&chance, harmful[i], 0, 0, n),
               rival_fixed_delay(&chance, harmful[i], 2000, 0.01, n),
               rival_average_delay(&average, &chance, 0.02, harmful[i], n));
}

/* A block's rate: beta(1/2, about 1/(2 mean)). */
static double clumped_rate(double mean)
{
    double z = sqrt(-2 * log(chance_unit(&chance))) * cos(6.283185307179586 * chance_unit(&chance));
    double half = z * z / 2, rest = 0;
    for (int i = (int)lround(0.5 / mean - 0.5); i > 0; i--)
        rest -= log(chance_unit(&chance));
    return half / (half + rest);
}

enum { LADDER = 3 };

struct ladder {
    struct detector_plan plans[LADDER];
    struct detector d[LADDER];
    uint64_t gap;
    int alarms[LADDER];
};

static void ladder_make(struct ladder *l, double clump)
{
    static const struct rule rungs[LADDER] = {
        {"warn", 0.02, 1e5}, {"throttle", 0.04, 1e6}, {"suspend", 0.05, 1e7}};
    memset(l, 0, sizeof(*l));
    for (int r = 0; r < LADDER; r++)
        detector_plan_make(&l->plans[r], rungs[r].p0, rungs[r].gamma, clump);
}

/* The highest rung that alarms, and those below, begin anew. */
static void ladder_see(struct ladder *l, bool bad)
{
    int fired = -1;
    if (!bad) {
        l->gap++;
        return;
    }
    for (int r = 0; r < LADDER; r++)
        if (detector_bad(&l->d[r], &l->plans[r], l->gap) >= l->plans[r].alarm)
            fired = r;
    l->gap = 0;
    for (int r = 0; r <= fired; r++)
        l->d[r] = (struct detector){0};
    if (fired >= 0)
        l->alarms[fired]++;
}

/* Customers of 1 % with 1e5 messages each; what is measured of their clumping. */
static double fleet(struct ladder *ladders, int n, double messages, bool is_clumped)
{
    struct clumping all = {0};
    struct clumping_block block = {0};
    for (double at = 0; at < messages; at += 100) {
        double rate = is_clumped ? clumped_rate(0.01) : 0.01;
        if (fmod(at, 1e5) == 0) {
            block = (struct clumping_block){0};
            for (int i = 0; i < n; i++)
                memset(ladders[i].d, 0, sizeof(ladders[i].d));
        }
        for (int k = 0; k < 100; k++) {
            bool bad = chance_happens(&chance, rate);
            clumping_observe(&all, &block, bad, true);
            for (int i = 0; i < n; i++)
                ladder_see(&ladders[i], bad);
        }
    }
    return clumping_factor(&all);
}

static void clumps(double messages)
{
    struct ladder ladders[2];
    double even = fleet(NULL, 0, messages, false);
    double factor = fleet(NULL, 0, messages, true);
    printf(
        "\nGood customers (1 %%), %.0e messages in clumps: a new rate for each 100 (beta, 1/2)\n",
        messages);
    printf("measured clumping: independent %.2f, clumped %.2f  %s\n", even, factor,
           verdict(even == 1 && factor >= 2.5 && factor <= 3));
    for (int is_clumped = 0; is_clumped < 2; is_clumped++) {
        ladder_make(&ladders[0], 1);
        ladder_make(&ladders[1], factor);
        fleet(ladders, 2, messages, is_clumped);
        for (int i = 0; i < 2; i++) {
            const int *a = ladders[i].alarms;
            bool is_divided = i || !is_clumped;
            printf("%-11s divided by %.2f: %5d warned %4d throttled %3d suspended",
                   is_clumped ? "clumped" : "independent", i ? factor : 1.0, a[0], a[1], a[2]);
            if (is_divided)
                printf("  %s",
                       verdict(a[0] <= messages / 3e5 + 5 && a[1] <= messages / 1e7 + 1 && !a[2]));
            puts("");
        }
    }
}

/* The same streams with the sums kept as double. */
static double run_doubles(const struct detector_plan *plan, struct chance *c, double rate)
{
    double x[DETECTOR_GRID] = {0};
    for (double n = 0;;) {
        double gap = (double)chance_gap(c, rate), sum = 0;
        n += gap + 1;
        for (int g = 0; g < DETECTOR_GRID; g++) {
            x[g] = x[g] * exp(gap * plan->log_good[g]) * plan->bad[g] + plan->jump[g];
            sum += x[g];
        }
        if (sum / DETECTOR_GRID >= plan->alarm)
            return n;
    }
}

static void floats(void)
{
    static const double rates[] = {0.02, 0.04, 0.2, 0.9};
    struct detector_plan plan = {0};
    detector_plan_make(&plan, 0.02, 1e5, 1);
    puts("\nSums stored as float: alarms at another observation than with doubles");
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        int differ = 0, n = i ? streams : streams / 20;
        for (int k = 0; k < n; k++) {
            struct chance same = chance;
            double narrow = run((struct detector){0}, &plan, rates[i]);
            differ += narrow != run_doubles(&plan, &same, rates[i]);
        }
        printf("at %3.0f %%: %d of %d  %s\n", 100 * rates[i], differ, n,
               verdict(differ <= n / 200));
    }
}

static void cost(void)
{
    struct detector_plan plan = {0};
    struct detector d = {0};
    usec_t begin = clock_monotonic();
    enum { BAD = 1000000 };
    detector_plan_make(&plan, 0.02, 1e5, 1);
    usec_t made = clock_monotonic() - begin;
    begin = clock_monotonic();
    for (int i = 0; i < BAD; i++)
        detector_bad(&d, &plan, (uint64_t)i % 100);
    double each = (double)(clock_monotonic() - begin) * 1000 / BAD;
    printf("\nCost: a bad one %.0f ns a rung, so an event at 2 %% bad %.1f ns; a plan %.1f ms\n",
           each, each * 0.02, (double)made / 1000);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    bool is_quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !is_quick) {
        fputs("usage: bench_detector [--quick]\n", stderr);
        return 2;
    }
    if (is_quick) {
        streams = 4000;
        budget = 2e6;
    }
    delays();
    false_alarms();
    good_customers(is_quick ? 1e8 : 3e9);
    rivals();
    clumps(is_quick ? 3e6 : 3e7);
    floats();
    cost();
    puts(is_missed ? "\nA bar is MISSED." : "\nAll bars are kept.");
    return is_missed;
}
