/* Sequential test on one yes/no stream: is this sender worse than the policy accepts?
 *
 * Shiryaev-Roberts mixture over a grid of harmful rates p1. For each p1 the sum over all beginnings is
 *   M <- (M+1) r after a bad one, (M+1) q after a good one,   r = p1/p0, q = (1-p1)/(1-p0).
 * While all is good M comes to rest at q/(1-q). What is kept is X = M - rest, what the bad ones added:
 *   n good ones at once:  X <- q^n X
 *   a bad one:            X <- r X + 1/p0
 *   a bucket of n with `bad` bad ones, order unknown:  M <- (M+n) r^bad q^(n-bad)
 * and the evidence R is the mean of X over the grid: 0 of a new sender, and of one long good. So a new
 * one is judged as if it had been good for long: that costs no false alarm and is 3-10 % sooner.
 * A good one costs nothing here: the caller counts them (`gap`) and hands them over with the next bad
 * one; only a bad one can raise R.
 *
 * R_n - n is a martingale at rate p0 (a supermartingale below), so alarm at R >= A gives on the mean
 * >= A observations to a false alarm (ARL). R jumps over A, so A may be less than the wanted gamma:
 * detector_plan_make finds by how much.
 * J. Shin, A. Ramdas, A. Rinaldo, E-detectors (2022); delay bound: G. Lorden (1971).
 * docs/detection.md; measured by tests/bench/. Pure: no clock, I/O or allocation; cannot fail. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { DETECTOR_GRID = 12 };

/* One policy rule in numbers; all customers share it. */
struct detector_plan {
    double p0;                 // 0: this rung is not used, never alarms
    double gamma;              // what the alarm was found for
    double bad[DETECTOR_GRID]; // likelihood ratio of a bad observation: p1/p0 (its D-th root)
    double log_bad[DETECTOR_GRID];
    double good[DETECTOR_GRID]; // of a good one, < 1: (1-p1)/(1-p0) (its D-th root)
    double log_good[DETECTOR_GRID];
    double rest[DETECTOR_GRID]; // where M rests while all is good: q/(1-q)
    double jump[DETECTOR_GRID]; // what a bad one adds: (rest+1) r - rest; 1/p0 when D is 1
    double alarm;               // threshold on R, > 0; gamma/3 to gamma
};

/* Zeroed is a fresh detector. */
struct detector {
    float m[DETECTOR_GRID]; // X of each p1, at most 1e12; below 0 only after detector_bucket
};

/* Grid: DETECTOR_GRID points even in the logit from 1.6 p0 to 0.95 (from p0's own logit upwards where
 * 1.6 p0 is over that). clump D >= 1 divides the log-likelihood. gamma > 1, 0 < p0 < 0.9.
 * `plan` is zeroed, or one that was made. The alarm is found by trying, the same each time for the same
 * numbers: 5 ms; for the shipped policy's it is known. Of a plan made with this p0 and gamma it stays:
 * another clump costs a microsecond. */
void detector_plan_make(struct detector_plan *plan, double p0, double gamma, double clump);
/* The alarm that trying finds for a plan without clump. */
double detector_find_alarm(const struct detector_plan *plan, double gamma);
void detector_good(struct detector *d, const struct detector_plan *plan, uint64_t n);
/* `gap` good ones, then a bad one; gives R after it. */
double detector_bad(struct detector *d, const struct detector_plan *plan, uint64_t gap);
/* A bucket whose order is unknown; bad <= n. Gives R after it. */
double detector_bucket(struct detector *d, const struct detector_plan *plan, uint64_t n,
                       uint64_t bad);
double detector_evidence(const struct detector *d); // R, the mean, >= 0; one bad one alone: 1/p0
/* How close to the rung, 0..100 (what people see): 100 x ln(1 + p0 R) / ln(1 + p0 alarm). `scale` >= 1
 * raises the alarm for a large customer. */
double detector_level(double evidence, const struct detector_plan *plan, double scale);
/* The alarm of a large customer: never beyond what R can reach. */
double detector_alarm(const struct detector_plan *plan, double scale);
