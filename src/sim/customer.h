/* A customer of the simulated world: submits its mail over real SMTP, at its own rate, from its own
 * address, and remembers what was acknowledged. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "sim/record.h"
#include "sim/scenario.h"

struct customer;
struct timers;
struct uv_loop_s;

struct customer_options {
    struct uv_loop_s *loop;
    struct timers *timers;
    const struct customer_plan *plan;
    uint64_t seed;
    uint16_t port; // of the engine's submission listener
    usec_t span;   // of the scenario
    bool is_endless;
    struct records *records;
};

struct customer *customer_new(const struct customer_options *options);
struct customer *customer_free(struct customer *c);
/* Makes no new mail; what it is submitting it ends. */
void customer_end(struct customer *c);
/* Nothing left to submit. */
bool customer_is_idle(const struct customer *c);
