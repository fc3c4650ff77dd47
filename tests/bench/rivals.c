/* ARL by change of measure, as in core/detector_plan.c: the chance of a false alarm is the mean of 1/M
 * at the alarm over streams in which the harm began at some moment, M the Shiryaev-Roberts sum of the
 * same p1, carried along beside the CUSUM. */
#include "rivals.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

struct cusum {
    double bad, good, ratio, rest; // ln r, ln q, r, q/(1-q)
    double s, m;
};

/* One record of a stream: the highest S so far, and M there. */
struct record {
    double s, m;
};

enum { RECORDS = 100, BETWEEN = 20 };

static struct cusum cusum_make(double p0, double p1)
{
    double good = log1p(-p1) - log1p(-p0);
    return (struct cusum){log(p1 / p0), good, p1 / p0, 1 / expm1(-good), 0, 0};
}

static void cusum_good(struct cusum *u, double n)
{
    u->s = fmax(0, u->s + n * u->good);
    u->m -= expm1(n * u->good) * (u->rest - u->m);
}

static void cusum_bad(struct cusum *u, double gap)
{
    cusum_good(u, gap);
    u->s += u->bad;
    u->m = (u->m + 1) * u->ratio;
}

/* The records of one stream up to `top`, then one that passes every threshold. */
static void record_stream(struct cusum u, struct chance *c, double p1, double top,
                          struct record *records)
{
    int n = 0;
    double high = 0;
    while (high < top && n < RECORDS - 1) {
        cusum_bad(&u, (double)chance_gap(c, p1));
        if (u.s <= high)
            continue;
        high = u.s;
        records[n++] = (struct record){u.s, u.m};
    }
    records[n] = (struct record){INFINITY, u.m};
}

static double arl_at(const struct record *records, int streams, double threshold)
{
    double sum = 0;
    for (int i = 0; i < streams; i++) {
        const struct record *r = records + (size_t)i * RECORDS;
        while (r->s < threshold)
            r++;
        sum += 1 / r->m;
    }
    return streams / sum;
}

static double cusum_threshold(struct chance *c, double p0, double p1, double gamma, int streams)
{
    struct record *records = xcalloc((size_t)streams * RECORDS, sizeof(*records));
    struct cusum u = cusum_make(p0, p1);
    double low = 0, high = log(gamma) + 1;
    for (int i = 0; i < streams; i++) {
        for (int k = 0; k < BETWEEN; k++) {
            cusum_bad(&u, (double)chance_gap(c, p0));
            if (u.s >= high)
                u.s = u.m = 0;
        }
        struct cusum then = u;
        cusum_good(&then, (double)chance_gap(c, p0));
        record_stream(then, c, p1, high, records + (size_t)i * RECORDS);
    }
    while (high - low > 1e-6) {
        double middle = (low + high) / 2;
        if (arl_at(records, streams, middle) >= 0.9 * gamma)
            high = middle;
        else
            low = middle;
    }
    xfree(records);
    return high;
}

double rival_cusum(struct chance *c, double p0, double p1, double gamma, int streams)
{
    double threshold = cusum_threshold(c, p0, p1, gamma, streams), n = 0;
    for (int i = 0; i < streams; i++) {
        struct cusum u = cusum_make(p0, p1);
        while (u.s < threshold) {
            double gap = (double)chance_gap(c, p1);
            u.s = fmax(0, u.s + gap * u.good) + u.bad;
            n += gap + 1;
        }
    }
    return n / streams;
}

/* Mean observations to the alarm at rate p, from the average that p0 has; `most` when it is more. */
static double average_run(const struct rival_average *a, struct chance *c, double p0, double p,
                          int streams, double most)
{
    double n = 0, fade = log(a->keep);
    for (int i = 0; i < streams && n < most * streams; i++) {
        double average = p0;
        while (average < a->threshold && n < most * streams) {
            double gap = (double)chance_gap(c, p);
            average = average * exp((gap + 1) * fade) + (1 - a->keep);
            n += gap + 1;
        }
    }
    return n / streams;
}

struct rival_average rival_average_make(struct chance *c, double p0, double gamma, double span)
{
    struct rival_average a = {1 - 1 / span, 0};
    double low = p0, high = 10 * p0;
    while (high - low > p0 / 200) {
        a.threshold = (low + high) / 2;
        if (average_run(&a, c, p0, p0, 100, gamma) >= gamma)
            high = a.threshold;
        else
            low = a.threshold;
    }
    a.threshold = high;
    return a;
}

double rival_average_delay(const struct rival_average *a, struct chance *c, double p0, double p1,
                           int streams)
{
    return average_run(a, c, p0, p1, streams, INFINITY);
}

/* Observations from the change to the alarm of one stream. */
static int fixed_run(struct chance *c, double p1, int before, double good)
{
    enum { WINDOW = 1000, MOST = 50 };
    bool last[WINDOW] = {false};
    int bad = 0;
    for (int i = 0;; i++) {
        bool *slot = &last[i % WINDOW];
        bad -= *slot;
        *slot = chance_happens(c, i < before ? good : p1);
        bad += *slot;
        if (i + 1 >= WINDOW && i >= before && bad > MOST)
            return i - before + 1;
    }
}

double rival_fixed_delay(struct chance *c, double p1, int before, double good, int streams)
{
    double n = 0;
    for (int i = 0; i < streams; i++)
        n += fixed_run(c, p1, before, good);
    return n / streams;
}
