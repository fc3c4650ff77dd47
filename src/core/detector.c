#include "core/detector.h"

#include <math.h>

#define MOST 1e12 // of one X: so much is sure that more changes nothing

static float clamped(double x)
{
    return (float)fmin(x, MOST);
}

void detector_good(struct detector *d, const struct detector_plan *plan, uint64_t n)
{
    for (int g = 0; n && g < DETECTOR_GRID; g++)
        d->m[g] = (float)((double)d->m[g] * exp((double)n * plan->log_good[g]));
}

double detector_bad(struct detector *d, const struct detector_plan *plan, uint64_t gap)
{
    double sum = 0;
    if (!(plan->p0 > 0))
        return 0;
    for (int g = 0; g < DETECTOR_GRID; g++) {
        double x = (double)d->m[g];
        if (gap)
            x *= exp((double)gap * plan->log_good[g]);
        d->m[g] = clamped(x * plan->bad[g] + plan->jump[g]);
        sum += (double)d->m[g];
    }
    return sum / DETECTOR_GRID;
}

double detector_bucket(struct detector *d, const struct detector_plan *plan, uint64_t n,
                       uint64_t bad)
{
    double good = bad < n ? (double)(n - bad) : 0;
    for (int g = 0; plan->p0 > 0 && n && g < DETECTOR_GRID; g++) {
        double ratio = exp((double)bad * plan->log_bad[g] + good * plan->log_good[g]);
        double m = (double)d->m[g] + plan->rest[g] + (double)n;
        d->m[g] = clamped(m * ratio - plan->rest[g]);
    }
    return detector_evidence(d);
}

double detector_evidence(const struct detector *d)
{
    double sum = 0;
    for (int g = 0; g < DETECTOR_GRID; g++)
        sum += (double)d->m[g];
    return fmax(sum / DETECTOR_GRID, 0);
}

double detector_level(double evidence, const struct detector_plan *plan, double scale)
{
    double alarm = detector_alarm(plan, scale);
    if (!(plan->p0 > 0) || !(evidence > 0))
        return 0;
    return fmin(100, 100 * log1p(plan->p0 * evidence) / log1p(plan->p0 * alarm));
}

double detector_alarm(const struct detector_plan *plan, double scale)
{
    return fmin(plan->alarm * fmax(scale, 1), MOST / DETECTOR_GRID);
}
