/* Timers on the loop: many cheap ones over one uv timer and a heap. Monotonic time; never early, late
 * by a millisecond and what the loop is busy with. */
#pragma once
#include "base/clock.h"
#include "base/heap.h"

struct uv_loop_s;
struct timers;

/* Stands in the thing it belongs to; zeroed is idle. */
struct timer {
    struct heap_node node;
    void (*on_time)(void *ctx);
    void *ctx;
};

struct timers *timers_new(struct uv_loop_s *loop);
/* What is still set never runs. The memory goes when the loop has closed its handle: run it once
 * more. Takes NULL; returns NULL. */
struct timers *timers_free(struct timers *t);
/* Sets or moves; runs once, on the loop, never inside this call, also when `at` is past. O(log n). */
void timer_set(struct timers *t, struct timer *timer, usec_t at, void (*on_time)(void *ctx),
               void *ctx);
/* Does nothing when it is idle. */
void timer_stop(struct timers *t, struct timer *timer);
