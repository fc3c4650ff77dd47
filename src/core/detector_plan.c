/* From a policy's numbers to a plan. What takes thought is the alarm A: the smallest at which a false
 * alarm comes once in gamma observations. R jumps over A, by a factor that depends on p0, on the grid,
 * and at high p1, where few bad ones in a row are an alarm, on how A lies to the steps of that lattice:
 * a constant (gamma/2) is up to 1.6 times too patient, or half as patient as it says.
 *
 * Simulating false alarms takes gamma observations each. But R is itself a sum of likelihood ratios,
 * so the chance of a false alarm is the mean of 1/R at the alarm over streams in which the harm
 * *began*, at any moment and with any p1 of the grid (change of measure):
 *   1/ARL = mean of 1/M at the alarm;   M = R + rest
 * Such streams alarm within some hundred observations whatever gamma is, and 1/M is nearly constant:
 * some thousand of them give ARL to 2 %, for all candidates of A from the same streams. Where p0 is
 * near the grid's top they take long: after STEPS bad ones A is gamma, which is always enough. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/chance.h"
#include "core/detector.h"

#define TOP 0.95                       // the grid's most harmful rate
#define LEAST 1.6                      // its least harmful one, in p0
#define REACH 6.0                      // the smallest candidate is gamma/6
#define SURE 1.02                      // so much more than gamma, for what trying leaves uncertain
#define CEILING (1e12 / DETECTOR_GRID) // of R (detector.c)

enum { CANDIDATES = 48, STREAMS = 2400, SETTLE = 300, BETWEEN = 8, STEPS = 400000, SEED = 1 };

static double logit(double p)
{
    return log(p) - log1p(-p);
}

/* The g-th rate of the grid, > p0. */
static double grid_rate(double p0, int g)
{
    bool is_wide = LEAST * p0 < TOP;
    double from = is_wide ? logit(LEAST * p0) : logit(p0);
    double part = is_wide ? (double)g / (DETECTOR_GRID - 1) : (g + 1.0) / DETECTOR_GRID;
    return 1 / (1 + exp(-(from + (logit(TOP) - from) * part)));
}

static void fill(struct detector_plan *plan, double p0, double clump)
{
    plan->p0 = p0;
    for (int g = 0; g < DETECTOR_GRID; g++) {
        double p1 = grid_rate(p0, g);
        plan->log_bad[g] = log(p1 / p0) / clump;
        plan->log_good[g] = (log1p(-p1) - log1p(-p0)) / clump;
        plan->bad[g] = exp(plan->log_bad[g]);
        plan->good[g] = exp(plan->log_good[g]);
        plan->rest[g] = 1 / expm1(-plan->log_good[g]);
        plan->jump[g] = (plan->rest[g] + 1) * plan->bad[g] - plan->rest[g];
    }
}

/* One more bad one of a stream with that rate; its R. */
static double step(struct detector *d, const struct detector_plan *plan, struct chance *c,
                   double rate)
{
    return detector_bad(d, plan, chance_gap(c, rate));
}

/* A stream of the worst acceptable sender, `bad` bad ones on; it begins anew after its alarms. */
static void go_on(struct detector *d, const struct detector_plan *plan, struct chance *c, int bad,
                  double most)
{
    while (bad-- > 0)
        if (step(d, plan, c, plan->p0) >= most)
            *d = (struct detector){0};
}

/* The candidates of A, from gamma down, and what the streams gave for each: the sum of 1/M. */
struct trial {
    double alarms[CANDIDATES], sums[CANDIDATES];
    double rest; // M is R and this
    int steps;   // bad ones taken so far
};

/* Adds 1/M at the first passage of each candidate by a stream whose harm begins now. */
static void harm_begins(struct trial *t, struct detector d, const struct detector_plan *plan,
                        struct chance *c, double rate)
{
    int next = CANDIDATES - 1; // the smallest one not passed
    while (next >= 0 && t->steps < STEPS) {
        double r = step(&d, plan, c, rate);
        t->steps++;
        for (; next >= 0 && r >= t->alarms[next]; next--)
            t->sums[next] += 1 / (r + t->rest);
    }
}

static struct trial trial_make(const struct detector_plan *plan, double most)
{
    struct trial t = {0};
    for (int k = 0; k < CANDIDATES; k++)
        t.alarms[k] = most * pow(REACH, -(double)k / (CANDIDATES - 1));
    for (int g = 0; g < DETECTOR_GRID; g++)
        t.rest += plan->rest[g] / DETECTOR_GRID;
    return t;
}

double detector_find_alarm(const struct detector_plan *plan, double gamma)
{
    double most = fmin(gamma, CEILING);
    struct trial t = trial_make(plan, most);
    struct chance c = {SEED};
    struct detector good = {0};
    go_on(&good, plan, &c, SETTLE, most);
    for (int i = 0; i < STREAMS; i++) {
        go_on(&good, plan, &c, BETWEEN, most);
        struct detector d = good; // at any moment: somewhere in the gap
        detector_good(&d, plan, chance_gap(&c, plan->p0));
        harm_begins(&t, d, plan, &c, plan->p0 * plan->bad[i % DETECTOR_GRID]);
        if (t.steps >= STEPS)
            return most;
    }
    int k = 0; // ARL >= A: the largest candidate is always enough
    while (k + 1 < CANDIDATES && STREAMS / t.sums[k + 1] >= SURE * gamma)
        k++;
    return t.alarms[k];
}

/* What the search below finds for the shipped policy's rungs, so that a start does not wait for it. */
static const struct {
    double p0, gamma, alarm;
} known[] = {
    {0.02, 100000, 44907.140178273803},  {0.04, 1e+06, 466521.65577101178},
    {0.05, 1e+07, 4846500.0095602265},   {0.001, 100000, 35725.386936479874},
    {0.002, 1e+06, 318645.44342289952},  {0.003, 1e+07, 4161046.6006666226},
    {0.005, 100000, 34389.077960982009}, {0.01, 1e+06, 371136.22912754631},
    {0.02, 1e+07, 4161046.6006666226},   {0.08, 1e+07, 5433722.3928038618},
};

static double alarm_of(const struct detector_plan *plan, double gamma)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (fabs(known[i].p0 / plan->p0 - 1) < 1e-9 && fabs(known[i].gamma / gamma - 1) < 1e-9)
            return known[i].alarm;
    return detector_find_alarm(plan, gamma);
}

void detector_plan_make(struct detector_plan *plan, double p0, double gamma, double clump)
{
    bool is_known = plan->p0 >= p0 && plan->p0 <= p0 && plan->gamma >= gamma &&
                    plan->gamma <= gamma && plan->alarm > 0;
    if (!(p0 > 0 && p0 < 0.9)) {
        memset(plan, 0, sizeof(*plan));
        return;
    }
    fill(plan, p0, 1);
    if (!is_known)
        plan->alarm = alarm_of(plan, fmax(gamma, 1));
    plan->gamma = gamma;
    if (clump > 1)
        fill(plan, p0, clump);
}
