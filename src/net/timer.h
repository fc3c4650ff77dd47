/* Timers on the loop: many cheap ones over one uv timer and a heap. Monotonic time. */
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
struct timers *timers_free(struct timers *t);
/* Sets or moves; runs once. */
void timer_set(struct timers *t, struct timer *timer, usec_t at, void (*on_time)(void *ctx),
               void *ctx);
void timer_stop(struct timers *t, struct timer *timer);
