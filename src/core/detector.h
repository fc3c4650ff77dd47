/* Sequential test on one yes/no stream: is this sender worse than the policy accepts?
 *
 * Shiryaev-Roberts mixture over a grid of harmful rates p1; their mean R decides. A good observation
 * costs nothing here: the caller counts them (`gap`) and hands them over with the next bad one, since
 * only a bad one can raise R over the alarm.
 *   n good at once:  M <- q^n M + q(1-q^n)/(1-q),   q = (1-p1)/(1-p0)
 *   a bad one:       M <- (M+1) r,                  r = p1/p0
 *   a bucket of n with `bad` bad ones, order unknown:  M <- (M+n) r^bad q^(n-bad)
 * R_n - n is a supermartingale under every rate <= p0, so alarm at R >= A gives ARL >= A; measured is
 * 2.0-2.6 A, hence A = gamma/2.
 * J. Shin, A. Ramdas, A. Rinaldo, E-detectors (2022); delay bound: G. Lorden (1971).
 * docs/detection.md; measured by tests/bench/. Pure: no clock, I/O or allocation; cannot fail. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { DETECTOR_GRID = 12 };

/* One policy rule in numbers; all customers share it. */
struct detector_plan {
    double p0;                 // 0: this rung is not used, never alarms
    double bad[DETECTOR_GRID]; // likelihood ratio of a bad observation: p1/p0 (its D-th root)
    double log_bad[DETECTOR_GRID];
    double good[DETECTOR_GRID]; // of a good one, < 1: (1-p1)/(1-p0) (its D-th root)
    double log_good[DETECTOR_GRID];
    double rest[DETECTOR_GRID]; // where M comes to rest while all is good: q/(1-q)
    double alarm;               // threshold on the mean, > 0
};

/* Zeroed is a fresh detector. */
struct detector {
    float m[DETECTOR_GRID]; // each >= 0, clamped at 1e12
};

/* Grid: DETECTOR_GRID points even in the logit from 1.5 p0 to 0.95 (from p0's own logit upwards where
 * 1.5 p0 is over that). clump D >= 1 divides the log-likelihood. gamma > 1, 0 < p0 < 0.9. */
void detector_plan_make(struct detector_plan *plan, double p0, double gamma, double clump);
void detector_good(struct detector *d, const struct detector_plan *plan, uint64_t n);
/* `gap` good ones, then a bad one; gives R after it. */
double detector_bad(struct detector *d, const struct detector_plan *plan, uint64_t gap);
/* A bucket whose order is unknown; bad <= n. Gives R after it. */
double detector_bucket(struct detector *d, const struct detector_plan *plan, uint64_t n,
                       uint64_t bad);
double detector_evidence(const struct detector *d); // R, the mean
/* 100 x ln(R)/ln(alarm), in 0..100: how close to the rung (what people see). `scale` >= 1 raises the
 * alarm for a large customer. */
double detector_level(double evidence, const struct detector_plan *plan, double scale);
/* The alarm of a large customer: never beyond what R can reach. */
double detector_alarm(const struct detector_plan *plan, double scale);
