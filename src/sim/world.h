/* A world in a box: mailbox providers and customers that behave like real ones, over real SMTP on
 * loopback addresses. It keeps its own records of every recipient, from the client's acknowledgement
 * to the provider's answer, and never sees the engine's: `lost` is what its own two ends say.
 * One event loop, one thread; the same seed gives each customer the same recipients and texts in the
 * same order (how customers mix, and with that the numbers of messages, is the clock's affair). */
#pragma once
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "sim/scenario.h"

struct uv_loop_s;
struct world;

struct world_options {
    struct uv_loop_s *loop;
    uint64_t seed;
    usec_t span; // of the scenario; it repeats until world_end() when is_endless
    bool is_endless;
    uint16_t provider_port; // of all providers; 0: any free one, told by world_provider_port()
    /* No new mail comes any more; what waits for somebody is let go here. May be NULL. */
    void (*on_ending)(void *ctx);
    /* The scenario is over and drained (or world_end() was called and time is up). */
    void (*on_over)(void *ctx);
    void *ctx;
};

/* Opens the providers' listeners. NULL with *why (owned) when it can't. */
struct world *world_new(const struct world_options *options, char **why);
struct world *world_free(struct world *w);
uint16_t world_provider_port(const struct world *w);
/* The customers begin, at the engine's submission port; what providers say later goes to its feedback port. */
void world_start(struct world *w, uint16_t submission, uint16_t feedback);
/* No new mail; drains what is under way (at most 20 s without progress), then on_over. */
void world_end(struct world *w);

/* What the world's own records say. Counts are recipients. */
struct world_summary {
    uint64_t submitted;  // acknowledged by the engine
    uint64_t delivered;  // arrived at their provider
    uint64_t bounced;    // refused for good by their provider
    uint64_t deferred;   // told to come back, and not delivered when the world ended
    uint64_t complained; // called spam by who read it, and reported so
    uint64_t lost;       // acknowledged, and never seen by their provider
    uint64_t duplicated; // arrived more than once
    uint64_t existing;   // submitted to somebody who is there
    uint64_t refused;    // by the engine, at submission
    uint64_t reports;    // delivery reports and notices that customers received
};
void world_summary_get(const struct world *w, struct world_summary *s);
