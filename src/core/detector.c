#include "core/detector.h"

#include <math.h>
#include <string.h>

#define MOST 1e12 // of one M: so much is sure that more changes nothing
#define TOP 0.95  // the grid's most harmful rate
#define LEAST 1.5 // its least harmful one, in p0

static double logit(double p)
{
    return log(p) - log1p(-p);
}

/* The g-th rate of the grid, > p0. */
static double grid_rate(double p0, int g)
{
    double from = LEAST * p0 < TOP ? logit(LEAST * p0) : logit(p0);
    double steps = LEAST * p0 < TOP ? DETECTOR_GRID - 1 : DETECTOR_GRID;
    double at = LEAST * p0 < TOP ? g : g + 1;
    return 1 / (1 + exp(-(from + (logit(TOP) - from) * at / steps)));
}

void detector_plan_make(struct detector_plan *plan, double p0, double gamma, double clump)
{
    double rest = 0; // R when all was good for long
    memset(plan, 0, sizeof(*plan));
    if (!(p0 > 0 && p0 < 0.9))
        return;
    clump = fmax(clump, 1);
    plan->p0 = p0;
    for (int g = 0; g < DETECTOR_GRID; g++) {
        double p1 = grid_rate(p0, g);
        plan->log_bad[g] = log(p1 / p0) / clump;
        plan->log_good[g] = (log1p(-p1) - log1p(-p0)) / clump;
        plan->bad[g] = exp(plan->log_bad[g]);
        plan->good[g] = exp(plan->log_good[g]);
        plan->rest[g] = 1 / expm1(-plan->log_good[g]);
        rest += plan->rest[g] / DETECTOR_GRID;
    }
    plan->alarm = fmin(fmax(gamma / 2, 2 * rest), MOST / DETECTOR_GRID);
}

static float clamped(double m)
{
    return (float)fmin(m, MOST);
}

void detector_good(struct detector *d, const struct detector_plan *plan, uint64_t n)
{
    if (!n || !(plan->p0 > 0))
        return;
    for (int g = 0; g < DETECTOR_GRID; g++) {
        double lost = -expm1((double)n * plan->log_good[g]); // 1 - q^n
        double m = (double)d->m[g];
        d->m[g] = clamped(m + lost * (plan->rest[g] - m));
    }
}

double detector_bad(struct detector *d, const struct detector_plan *plan, uint64_t gap)
{
    if (!(plan->p0 > 0))
        return 0;
    double sum = 0;
    for (int g = 0; g < DETECTOR_GRID; g++) {
        double m = (double)d->m[g];
        if (gap)
            m -= expm1((double)gap * plan->log_good[g]) * (plan->rest[g] - m);
        d->m[g] = clamped((m + 1) * plan->bad[g]);
        sum += (double)d->m[g];
    }
    return sum / DETECTOR_GRID;
}

double detector_bucket(struct detector *d, const struct detector_plan *plan, uint64_t n,
                       uint64_t bad)
{
    if (!n || !(plan->p0 > 0))
        return detector_evidence(d);
    double good = bad < n ? (double)(n - bad) : 0;
    for (int g = 0; g < DETECTOR_GRID; g++) {
        double log_ratio = (double)bad * plan->log_bad[g] + good * plan->log_good[g];
        d->m[g] = clamped(((double)d->m[g] + (double)n) * exp(log_ratio));
    }
    return detector_evidence(d);
}

double detector_evidence(const struct detector *d)
{
    double sum = 0;
    for (int g = 0; g < DETECTOR_GRID; g++)
        sum += (double)d->m[g];
    return sum / DETECTOR_GRID;
}

double detector_level(double evidence, const struct detector_plan *plan, double scale)
{
    double alarm = detector_alarm(plan, scale);
    if (!(plan->p0 > 0) || !(evidence > 1))
        return 0;
    return alarm <= evidence ? 100 : 100 * log(evidence) / log(alarm);
}

double detector_alarm(const struct detector_plan *plan, double scale)
{
    return fmin(plan->alarm * fmax(scale, 1), MOST / DETECTOR_GRID);
}
