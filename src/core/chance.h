/* Chance, the same for the same seed: SplitMix64 (Steele, Lea, Flood 2014). For what is found out by
 * trying (detector_plan), property tests and benchmarks; nothing that a stranger must not guess. */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state; // the seed
};

static inline uint64_t chance_next(struct chance *c)
{
    uint64_t z = c->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* In (0, 1). */
static inline double chance_unit(struct chance *c)
{
    return ((double)(chance_next(c) >> 11) + 0.5) * 0x1p-53;
}

static inline bool chance_happens(struct chance *c, double p)
{
    return chance_unit(c) < p;
}

/* 0 .. n-1. */
static inline uint32_t chance_below(struct chance *c, uint32_t n)
{
    return (uint32_t)(chance_unit(c) * n);
}

/* How many good ones come before the next bad one, when one is bad with probability p. */
static inline uint64_t chance_gap(struct chance *c, double p)
{
    return (uint64_t)(log(chance_unit(c)) / log1p(-p));
}
