/* `mxwarden demo`: a whole world in a box. Starts an engine of its own beside this program, in a
 * directory of its own that it removes, and mailbox providers and customers around it, all on loopback
 * (src/sim); opens the console on it, or without a terminal runs a given time. Leaves nothing
 * running: what it started ends with it, also when it is killed. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct demo_options {
    bool is_headless;
    bool is_observing; // the engine decides all the same, and applies nothing
    usec_t span; // how long the world lives, headless; else the scenario's length, again and again
    uint64_t seed;
    int (*console)(const void *ctx, const char *socket); // until it ends; its exit code
    const void *ctx;
};

/* Prints one JSON line last: submitted, delivered, bounced, deferred, complained, optin_pending,
 * actions_automatic, customers_suspended, ips_pulled, lost (and more), counts of recipients by the
 * world's own records. Exit code: 0; 1 when something could not be started or did not end well (said
 * on stderr), or mail was lost. */
int demo_run(const struct demo_options *options);
