#include "net/timer.h"

#include <uv.h>

#include "base/error.h"
#include "base/mem.h"

// The uv timer is set to the earliest time only when that moves forward: one that fires too early
// costs a look, one reset for each timer_set() would cost more.

struct timers {
    uv_timer_t uv;
    struct heap heap;
    usec_t armed_at; // when uv fires; USEC_NEVER: not at all
    bool is_running; // inside on_uv_timer(), which arms at its end
    bool is_freed;   // waits for uv's close
};

static void on_uv_timer(uv_timer_t *uv);

static void arm(struct timers *t, usec_t least)
{
    struct heap_node *first = heap_first(&t->heap);
    if (!first || t->is_running || t->armed_at <= first->at)
        return;
    usec_t span = first->at - clock_monotonic();
    if (span < least)
        span = least;
    t->armed_at = first->at;
    uv_update_time(t->uv.loop);
    int r = uv_timer_start(&t->uv, on_uv_timer, (uint64_t)((span + USEC_MS - 1) / USEC_MS), 0);
    must(r == 0);
}

static void on_uv_timer(uv_timer_t *uv)
{
    struct timers *t = CONTAINER_OF(uv, struct timers, uv);
    usec_t now = clock_monotonic();
    // No more than wait now, and the next not in the same turn (uv goes on as long as timers are due):
    // one that sets itself to "at once" again must not hold the loop.
    size_t budget = t->heap.n;
    t->armed_at = USEC_NEVER;
    t->is_running = true;
    for (; budget && !t->is_freed; budget--) {
        struct heap_node *first = heap_first(&t->heap);
        if (!first || first->at > now)
            break;
        struct timer *timer = CONTAINER_OF(first, struct timer, node);
        heap_remove(&t->heap, first);
        timer->on_time(timer->ctx);
    }
    t->is_running = false;
    if (!t->is_freed)
        arm(t, USEC_MS);
}

struct timers *timers_new(struct uv_loop_s *loop)
{
    struct timers *t = xcalloc(1, sizeof(*t));
    t->armed_at = USEC_NEVER;
    int r = uv_timer_init(loop, &t->uv);
    must(r == 0);
    return t;
}

static void on_closed(uv_handle_t *uv)
{
    xfree(CONTAINER_OF(uv, struct timers, uv));
}

struct timers *timers_free(struct timers *t)
{
    if (!t)
        return NULL;
    t->is_freed = true;
    heap_deinit(&t->heap);
    uv_close((uv_handle_t *)&t->uv, on_closed);
    return NULL;
}

void timer_set(struct timers *t, struct timer *timer, usec_t at, void (*on_time)(void *ctx),
               void *ctx)
{
    timer->on_time = on_time;
    timer->ctx = ctx;
    heap_add(&t->heap, &timer->node, at);
    arm(t, 0);
}

void timer_stop(struct timers *t, struct timer *timer)
{
    heap_remove(&t->heap, &timer->node);
}
