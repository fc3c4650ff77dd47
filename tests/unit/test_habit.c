/* A stolen password looks unlike its owner; a big day of the owner's does not. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "core/habit.h"

#define START (USEC_DAY * 20000)
#define SETTLES (3 * USEC_DAY)

static uint64_t mix(uint64_t v)
{
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
    return v ^ (v >> 31);
}

// `days` of 40 submissions each to 30 domains, from one network, five contents. Ends at the return.
static usec_t live(struct habit *h, int days)
{
    usec_t at = START;
    for (int i = 0; i < days * 40; i++, at += 36 * USEC_MINUTE)
        habit_submitted(h, at, SETTLES, mix(1 + (uint64_t)i % 30), 77, 100 + (uint32_t)i % 5);
    return at;
}

// A run: `n` submissions, ten a second, each to another domain.
static usec_t run(struct habit *h, usec_t at, int n, uint32_t network, uint32_t content)
{
    for (int i = 0; i < n; i++, at += USEC_SECOND / 10)
        habit_submitted(h, at, SETTLES, mix(1000 + (uint64_t)i), network, content);
    return at;
}

static void a_stolen_password_shows_all_signs(void **state)
{
    (void)state;
    struct habit h = {0};
    char text[240];
    usec_t at = run(&h, live(&h, 10), 300, 666, 4711);
    assert_int_equal(habit_signs(&h, at, SETTLES, text, sizeof(text)), 4);
    assert_non_null(strstr(text, " times its usual rate, "));
    assert_non_null(strstr(text, " % domains it never wrote to, a new client network, "
                                 "content never sent before"));
}

static void a_run_stays_strange_while_it_lasts(void **state)
{
    (void)state;
    struct habit h = {0};
    char text[240];
    usec_t at = run(&h, live(&h, 10), 1500, 666, 4711);
    assert_int_equal(habit_signs(&h, at, SETTLES, text, sizeof(text)), 4);
}

static void who_is_not_known_has_no_habits(void **state)
{
    (void)state;
    struct habit h = {0}, young = {0};
    char text[240] = "x";
    assert_int_equal(habit_signs(&h, START, SETTLES, text, sizeof(text)), 0);
    assert_string_equal(text, "");
    usec_t at = run(&young, live(&young, 2), 300, 666, 4711);
    assert_int_equal(habit_signs(&young, at, SETTLES, text, sizeof(text)), 0);
}

static void its_usual_days_show_nothing(void **state)
{
    (void)state;
    struct habit h = {0};
    char text[240];
    usec_t at = live(&h, 30);
    assert_int_equal(habit_signs(&h, at, SETTLES, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

static void a_big_day_of_its_own_is_one_sign(void **state)
{
    (void)state;
    struct habit h = {0};
    char text[240];
    usec_t at = live(&h, 10);
    for (int i = 0; i < 500; i++, at += USEC_SECOND)
        habit_submitted(&h, at, SETTLES, mix(1 + (uint64_t)i % 30), 77, 102);
    assert_int_equal(habit_signs(&h, at, SETTLES, text, sizeof(text)), 1);
    assert_int_equal(habit_signs(&h, at + USEC_DAY, SETTLES, text, sizeof(text)), 0);
}

static void who_varies_its_contents_shows_none_by_that(void **state)
{
    (void)state;
    struct habit h = {0};
    char text[240];
    usec_t at = START;
    for (uint32_t i = 0; i < 1000; i++, at += 20 * USEC_MINUTE)
        habit_submitted(&h, at, SETTLES, mix(1 + i % 30), 77, 1000 + i);
    assert_int_equal(habit_signs(&h, at, SETTLES, text, sizeof(text)), 0);
}

static void a_new_network_is_news_for_a_day(void **state)
{
    (void)state;
    struct habit h = {0};
    char text[240];
    usec_t at = live(&h, 10);
    habit_submitted(&h, at, SETTLES, mix(1), 78, 100);
    habit_submitted(&h, at + 1, SETTLES, mix(1), 77, 100); // the known one between changes nothing
    assert_int_equal(habit_signs(&h, at + USEC_HOUR, SETTLES, text, sizeof(text)), 1);
    assert_string_equal(text, "a new client network");
    assert_int_equal(habit_signs(&h, at + 25 * USEC_HOUR, SETTLES, text, sizeof(text)), 0);
}

static void a_restart_forgets_nothing(void **state)
{
    (void)state;
    struct habit h = {0}, back = {0};
    CLEANUP(buf_deinit) struct buf a = {0};
    CLEANUP(buf_deinit) struct buf b = {0};
    usec_t at = run(&h, live(&h, 10), 60, 666, 4711);
    habit_save(&h, &a);
    struct bytes in = buf_bytes(&a);
    assert_true(habit_load(&back, &in));
    assert_int_equal(in.n, 0);
    run(&h, at, 60, 666, 4711);
    run(&back, at, 60, 666, 4711);
    buf_clear(&a);
    habit_save(&h, &a);
    habit_save(&back, &b);
    assert_true(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
}

static void bytes_cut_short_are_no_habit(void **state)
{
    (void)state;
    struct habit h = {0};
    CLEANUP(buf_deinit) struct buf a = {0};
    live(&h, 5);
    habit_save(&h, &a);
    for (size_t n = 0; n < a.n; n++) {
        struct bytes in = bytes_of(a.p, n);
        assert_false(habit_load(&h, &in));
    }
}

static void any_clock_and_any_room_do_no_harm(void **state)
{
    (void)state;
    static const usec_t times[] = {INT64_MIN, -1, 0, 1, START, START - USEC_DAY, INT64_MAX};
    struct habit h = {0};
    char text[240];
    for (uint32_t i = 0; i < 3000; i++)
        habit_submitted(&h, times[mix(i) % ARRAY_LEN(times)], SETTLES, mix(i), i, i);
    assert_true(habit_signs(&h, 0, SETTLES, NULL, 0) >= 0);
    struct habit known = {0};
    usec_t at = run(&known, live(&known, 10), 300, 666, 4711);
    for (size_t room = 1; room < sizeof(text); room++) {
        memset(text, 'x', sizeof(text));
        assert_int_equal(habit_signs(&known, at, SETTLES, text, room), 4);
        assert_non_null(memchr(text, '\0', room));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_stolen_password_shows_all_signs),
    cmocka_unit_test(a_run_stays_strange_while_it_lasts),
    cmocka_unit_test(who_is_not_known_has_no_habits),
    cmocka_unit_test(its_usual_days_show_nothing),
    cmocka_unit_test(a_big_day_of_its_own_is_one_sign),
    cmocka_unit_test(who_varies_its_contents_shows_none_by_that),
    cmocka_unit_test(a_new_network_is_news_for_a_day),
    cmocka_unit_test(a_restart_forgets_nothing),
    cmocka_unit_test(bytes_cut_short_are_no_habit),
    cmocka_unit_test(any_clock_and_any_room_do_no_harm),
};
TEST_MAIN(tests)
