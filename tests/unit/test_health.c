/* Health falls with everything that is wrong, never rises with it, and its parts explain it fully. */
#include "test.h"

#include <math.h>
#include <string.h>

#include "core/health.h"

static uint64_t seed = 88172645463325252ULL;

static double dice(void) // xorshift64, 0–1
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

static struct health_input busy(void)
{
    return (struct health_input){.dead_of = 1000,
                                 .delivered = 20000,
                                 .attempts = 1200,
                                 .fleet_dead = 0.01,
                                 .fleet_complaints = 0.0003,
                                 .fleet_spam = 0.001,
                                 .fleet_deferred = 0.05,
                                 .fine_dead = 0.02,
                                 .fine_complaints = 0.001,
                                 .fine_spam = 0.005};
}

static struct health_input some_input(void)
{
    struct health_input in = busy();
    in.dead_of = floor(dice() * 2000);
    in.delivered = floor(dice() * 40000);
    in.attempts = floor(dice() * 3000);
    in.blocked_share = dice() < 0.5 ? 0 : dice();
    in.dead = floor(in.dead_of * dice() * dice() * 0.3);
    in.complaints = floor(in.delivered * dice() * dice() * 0.01);
    in.spam = floor(in.dead_of * dice() * dice() * 0.05);
    in.deferred = floor(in.attempts * dice());
    in.listed = dice() < 0.5 ? 0 : dice() * 2;
    in.is_reverse_wrong = dice() < 0.3;
    return in;
}

static void nothing_wrong_is_a_hundred(void **state)
{
    (void)state;
    struct health h;
    struct health_input in = busy(), nothing = {0};
    health_judge(&h, &in);
    assert_true(h.score == 100);
    health_judge(&h, &nothing);
    assert_true(h.score == 100);
}

static void the_parts_sum_to_what_is_missing(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct health h;
        struct health_input in = some_input();
        double sum = 0;
        health_judge(&h, &in);
        for (int p = 0; p < HEALTH_N; p++) {
            assert_true(h.parts[p] >= 0);
            assert_int_equal(h.parts[p] > 0, h.texts[p][0] != '\0');
            sum += h.parts[p];
        }
        assert_true(h.score >= 0 && h.score <= 100);
        assert_true(fabs(sum - (100 - h.score)) < 1e-9);
    }
}

static void more_of_anything_wrong_never_raises_it(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct health before, after;
        struct health_input in = some_input();
        health_judge(&before, &in);
        switch (i % 7) {
        case 0:
            in.blocked_share += dice() * 0.3;
            break;
        case 1:
            in.dead += 1;
            break;
        case 2:
            in.complaints += 1;
            break;
        case 3:
            in.spam += 1;
            break;
        case 4:
            in.deferred += 1;
            break;
        case 5:
            in.listed += dice();
            break;
        default:
            in.is_reverse_wrong = true;
        }
        health_judge(&after, &in);
        assert_true(after.score <= before.score + 1e-9);
    }
}

static void a_small_sample_is_near_the_fleet(void **state)
{
    (void)state;
    struct health h;
    struct health_input in = busy();
    in.dead_of = 3;
    in.dead = 1; // one bounce of three
    in.delivered = 100;
    in.complaints = 1; // one complaint of a hundred
    in.attempts = 3;
    in.deferred = 2;
    health_judge(&h, &in);
    assert_true(h.score > 85);
    in.dead_of = 300, in.dead = 100; // the same rate, and no doubt
    health_judge(&h, &in);
    assert_true(h.parts[HEALTH_DEAD] == 30);
    assert_true(fabs(health_shrink(1, 3, 0.01) - 1.5 / 53) < 1e-12);
    assert_true(fabs(health_shrink(0, 0, 0.01) - 0.01) < 1e-12);
    assert_true(fabs(health_shrink(1e6, 1e7, 0.01) - 0.1) < 1e-5);
}

static void each_trouble_takes_its_part(void **state)
{
    (void)state;
    struct health h;
    struct health_input in = busy();
    snprintf(in.blocked_by, sizeof(in.blocked_by), "google");
    in.blocked_share = 0.5;
    in.listed = 1;
    snprintf(in.listed_on, sizeof(in.listed_on), "zen.spamhaus.org");
    in.dead = 71;
    health_judge(&h, &in);
    assert_true(h.parts[HEALTH_BLOCKS] == 30);
    assert_string_equal(h.texts[HEALTH_BLOCKS], "blocked at google: 50 % of its traffic");
    assert_string_equal(h.texts[HEALTH_LISTINGS], "listed on zen.spamhaus.org (weight 1)");
    assert_string_equal(h.texts[HEALTH_DEAD], "71 of 1000 (7.1 %), fine up to 2 %");
    assert_true(h.parts[HEALTH_REVERSE] == 0);
    assert_string_equal(health_what_text(HEALTH_DEAD), "dead recipients");
}

static void what_is_no_number_takes_nothing_off(void **state)
{
    (void)state;
    struct health h;
    struct health_input in = busy();
    in.blocked_share = in.dead = in.listed = in.complaints = NAN;
    in.fleet_dead = INFINITY;
    in.deferred = -5;
    health_judge(&h, &in);
    assert_true(h.score == 100);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_wrong_is_a_hundred),
    cmocka_unit_test(the_parts_sum_to_what_is_missing),
    cmocka_unit_test(more_of_anything_wrong_never_raises_it),
    cmocka_unit_test(a_small_sample_is_near_the_fleet),
    cmocka_unit_test(each_trouble_takes_its_part),
    cmocka_unit_test(what_is_no_number_takes_nothing_off),
};
TEST_MAIN(tests)
