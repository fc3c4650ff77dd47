/* Timers run in order, once, and may be set, moved and stopped from inside one another. */
#include "test.h"

#include <string.h>
#include <uv.h>

#include "net/timer.h"

static uv_loop_t loop;
static struct timers *timers;
static struct timer a, b, c;
static char ran[64];

static void note(void *ctx)
{
    size_t n = strlen(ran);
    snprintf(ran + n, sizeof(ran) - n, "%s", (const char *)ctx);
}

static void stop_b(void *ctx)
{
    note(ctx);
    timer_stop(timers, &b);
}

static void again(void *ctx)
{
    note(ctx);
    if (strlen(ran) < 5)
        timer_set(timers, &a, 0, again, ctx);
}

static void free_all(void *ctx)
{
    note(ctx);
    timers = timers_free(timers);
}

static int begin(void **state)
{
    (void)state;
    ran[0] = '\0';
    a = b = c = (struct timer){0};
    uv_loop_init(&loop);
    timers = timers_new(&loop);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    timers_free(timers);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void they_run_by_time_not_by_the_order_they_were_set(void **state)
{
    (void)state;
    usec_t now = clock_monotonic();
    timer_set(timers, &a, now + 30 * USEC_MS, note, "a");
    timer_set(timers, &b, now + 10 * USEC_MS, note, "b");
    timer_set(timers, &c, now + 20 * USEC_MS, note, "c");
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(ran, "bca");
    assert_true(clock_monotonic() >= now + 30 * USEC_MS);
}

static void what_is_past_runs_at_once_but_not_inside_the_call(void **state)
{
    (void)state;
    timer_set(timers, &a, 0, note, "a");
    assert_string_equal(ran, "");
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_string_equal(ran, "a");
}

static void a_timer_may_stop_another_that_is_due(void **state)
{
    (void)state;
    timer_set(timers, &a, 1, stop_b, "a");
    timer_set(timers, &b, 2, note, "b");
    timer_set(timers, &c, 3, note, "c");
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(ran, "ac");
}

static void one_that_sets_itself_again_does_not_hold_the_loop(void **state)
{
    (void)state;
    timer_set(timers, &a, 0, again, "a");
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_string_equal(ran, "a");
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(ran, "aaaaa");
}

static void all_may_be_freed_from_inside_one(void **state)
{
    (void)state;
    timer_set(timers, &a, 1, free_all, "a");
    timer_set(timers, &b, 2, note, "b");
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(ran, "a");
    assert_false(heap_has(&b.node));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, finish)
static const struct CMUnitTest tests[] = {
    CASE(they_run_by_time_not_by_the_order_they_were_set),
    CASE(what_is_past_runs_at_once_but_not_inside_the_call),
    CASE(a_timer_may_stop_another_that_is_due),
    CASE(one_that_sets_itself_again_does_not_hold_the_loop),
    CASE(all_may_be_freed_from_inside_one),
};
TEST_MAIN(tests)
