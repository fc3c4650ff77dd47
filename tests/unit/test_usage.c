/* A bounded table of who used something: counts fade by their windows, the bound holds, and what is
 * saved goes on exactly. */
#include "test.h"

#include <math.h>

#include "base/buf.h"
#include "core/usage.h"

#define T0 (1764000000 * USEC_SECOND)

static void add(struct usage *u, uint32_t customer, enum usage_channel channel, usec_t at,
                bool is_bad)
{
    struct usage_facts facts = {0};
    facts.n[channel] = 1;
    facts.bad[channel] = is_bad;
    usage_add_facts(u, customer, &facts, at);
}

static void turn_bad(struct usage *u, uint32_t customer, usec_t at)
{
    usage_add_facts(u, customer, &(struct usage_facts){.bad[USAGE_HARD] = 1}, at);
}

static void counts_fade_by_their_windows(void **state)
{
    (void)state;
    struct usage u = {0};
    for (int i = 0; i < 10; i++)
        add(&u, 7, USAGE_HARD, T0, i < 4);
    add(&u, 7, USAGE_SOFT, T0, true);
    struct usage_user *user = usage_get(&u, 7, T0 + 15 * USEC_MINUTE);
    assert_non_null(user);
    const double left[USAGE_N] = {exp(-30), exp(-7.5), exp(-1), exp(-0.25)};
    for (int w = 0; w < USAGE_N; w++) {
        assert_true(fabs((double)user->n[USAGE_HARD][w] - 10 * left[w]) < 1e-4);
        assert_true(fabs((double)user->bad[USAGE_HARD][w] - 4 * left[w]) < 1e-4);
        assert_true(fabs((double)user->bad[USAGE_SOFT][w] - left[w]) < 1e-4);
    }
    assert_null(usage_get(&u, 8, T0));
    usage_deinit(&u);
}

static void a_late_one_weighs_what_would_be_left_of_it(void **state)
{
    (void)state;
    struct usage u = {0};
    add(&u, 1, USAGE_HARD, T0, false);
    add(&u, 1, USAGE_HARD, T0 - USEC_HOUR, false);
    const struct usage_user *user = usage_get(&u, 1, T0);
    assert_true(fabs((double)user->n[USAGE_HARD][USAGE_1H] - 1 - exp(-1)) < 1e-4);
    assert_true(user->n[USAGE_HARD][USAGE_2M] < 1.001F);
    usage_deinit(&u);
}

static void the_bound_holds_and_the_idle_make_room(void **state)
{
    (void)state;
    struct usage u = {0};
    for (uint32_t c = 0; c < 100000; c++)
        add(&u, c, USAGE_HARD, T0, false);
    assert_true(u.room == USAGE_MOST && u.count <= USAGE_MOST && u.count > USAGE_MOST * 9 / 10);
    assert_true(u.all.n[USAGE_HARD][USAGE_1H] > 99000);
    for (uint32_t c = 200000; c < 200100; c++)
        add(&u, c, USAGE_HARD, T0 + 2 * USEC_HOUR, false);
    uint32_t kept = 0;
    for (uint32_t c = 200000; c < 200100; c++)
        kept += usage_get(&u, c, T0 + 2 * USEC_HOUR) != NULL;
    assert_int_equal(kept, 100);
    usage_deinit(&u);
}

static void everybody_is_walked_once(void **state)
{
    (void)state;
    struct usage u = {0};
    uint64_t sum = 0;
    for (uint32_t c = 1; c <= 300; c++)
        add(&u, c, USAGE_HARD, T0, true);
    struct usage_user user;
    for (uint32_t i = 0; usage_next(&u, &i, USAGE_1H, T0, &user);)
        sum += user.customer;
    assert_int_equal(sum, 300 * 301 / 2);
    usage_forget_bad(&u, USAGE_HARD);
    assert_true(u.all.bad[USAGE_HARD][USAGE_1H] <= 0 && u.all.n[USAGE_HARD][USAGE_1H] > 299);
    usage_deinit(&u);
}

static void a_mark_counts_what_comes_after_it(void **state)
{
    (void)state;
    struct usage u = {0};
    add(&u, 3, USAGE_HARD, T0, true);
    usage_mark(&u, T0);
    add(&u, 3, USAGE_HARD, T0, false);
    add(&u, 3, USAGE_SOFT, T0, true);
    turn_bad(&u, 3, T0);
    turn_bad(&u, 3, T0); // never more bad ones than there were
    assert_int_equal(usage_marked(&u, 3).n, 1);
    assert_int_equal(usage_marked(&u, 3).bad, 1);
    assert_int_equal(usage_marked(&u, 4).n, 0);
    usage_deinit(&u);
}

static void what_is_saved_goes_on_exactly(void **state)
{
    (void)state;
    struct usage a = {0}, b;
    struct buf out = {0}, again = {0};
    for (uint32_t c = 0; c < 5000; c++)
        add(&a, c * 7 % 3001, (enum usage_channel)(c % 2), T0 + c * USEC_SECOND, c % 5 == 0);
    usage_get(&a, 7, T0 + USEC_HOUR * 2);
    usage_save(&a, &out);
    struct bytes in = buf_bytes(&out);
    assert_true(usage_load(&b, &in));
    assert_int_equal(in.n, 0);
    for (uint32_t c = 0; c < 5000; c++) {
        add(&a, c, USAGE_HARD, T0 + USEC_HOUR + c * USEC_SECOND, false);
        add(&b, c, USAGE_HARD, T0 + USEC_HOUR + c * USEC_SECOND, false);
    }
    buf_clear(&out);
    usage_save(&a, &out);
    usage_save(&b, &again);
    assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&again)));
    usage_deinit(&a);
    usage_deinit(&b);
    buf_deinit(&out);
    buf_deinit(&again);
}

static void broken_bytes_load_nothing(void **state)
{
    (void)state;
    struct usage a = {0}, b;
    struct buf out = {0};
    for (uint32_t c = 0; c < 20; c++)
        add(&a, c, USAGE_HARD, T0, false);
    usage_save(&a, &out);
    for (size_t n = 0; n < out.n; n++) {
        struct bytes in = bytes_of(out.p, n);
        assert_false(usage_load(&b, &in));
    }
    for (size_t i = 0; i < out.n; i++) {
        uint8_t was = out.p[i];
        out.p[i] ^= 0xff;
        struct bytes in = buf_bytes(&out);
        if (usage_load(&b, &in))
            usage_deinit(&b);
        out.p[i] = was;
    }
    usage_deinit(&a);
    buf_deinit(&out);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(counts_fade_by_their_windows),
    cmocka_unit_test(a_late_one_weighs_what_would_be_left_of_it),
    cmocka_unit_test(the_bound_holds_and_the_idle_make_room),
    cmocka_unit_test(everybody_is_walked_once),
    cmocka_unit_test(a_mark_counts_what_comes_after_it),
    cmocka_unit_test(what_is_saved_goes_on_exactly),
    cmocka_unit_test(broken_bytes_load_nothing),
};
TEST_MAIN(tests)
