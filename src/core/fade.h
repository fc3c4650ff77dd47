/* What is left of a count that fades: exponentially, by whole seconds, so that the many events of one
 * second cost no exponential. Pure. */
#pragma once
#include <math.h>
#include <stdint.h>

#include "base/clock.h"

/* The part that is left after `seconds`, where `span` is the time constant, > 0. */
static inline float fade_left(uint32_t seconds, float span)
{
    float x = (float)seconds / span;
    return x < 0.05F ? 1.0F - x + x * x * 0.5F : expf(-x);
}

/* The second since 1970, at least 1, so that 0 can mean none. */
static inline uint32_t fade_second(usec_t at)
{
    usec_t s = at / USEC_SECOND;
    return s < 1 ? 1 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}
