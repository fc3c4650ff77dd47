/* Dice that fall the same way for the same seed (splitmix64; Steele, Lea, Flood 2014). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* In [0, n), n > 0. */
static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
    return (uint32_t)(((dice_next(d) >> 32) * n) >> 32);
}

/* True in `part` of 1. */
static inline bool dice_falls(struct dice *d, double part)
{
    return (double)(dice_next(d) >> 11) * 0x1p-53 < part;
}
