/* The detector is the sum it says it is: folded one by one, all at once, and against the definition. */
#include "test.h"

#include <math.h>
#include <string.h>

#include "core/chance.h"
#include "core/detector.h"

static struct detector_plan plan_of(double p0, double gamma)
{
    struct detector_plan plan = {0};
    detector_plan_make(&plan, p0, gamma, 1);
    return plan;
}

static bool is_near(double a, double b, double part)
{
    return fabs(a - b) <= part * fmax(fabs(a), fabs(b)) + 1e-12;
}

static void what_is_known_by_heart_is_what_trying_finds(void **state)
{
    (void)state;
    static const struct {
        double p0, gamma;
    } shipped[] = {{0.02, 1e5},  {0.04, 1e6},  {0.05, 1e7}, {0.001, 1e5}, {0.002, 1e6},
                   {0.003, 1e7}, {0.005, 1e5}, {0.01, 1e6}, {0.02, 1e7},  {0.08, 1e7}};
    for (size_t i = 0; i < ARRAY_LEN(shipped); i++) {
        struct detector_plan plan = plan_of(shipped[i].p0, shipped[i].gamma);
        assert_true(is_near(plan.alarm, detector_find_alarm(&plan, shipped[i].gamma), 1e-6));
    }
}

static void a_plan_is_a_grid_of_likelihood_ratios(void **state)
{
    (void)state;
    static const double rates[] = {0.001, 0.005, 0.02, 0.05, 0.3, 0.62, 0.7, 0.89};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct detector_plan plan = plan_of(rates[i], 1e6);
        double p0 = rates[i], last = p0;
        for (int g = 0; g < DETECTOR_GRID; g++) {
            double p1 = p0 * plan.bad[g];
            assert_true(p1 > last && p1 < 0.951);
            assert_true(is_near(plan.good[g], (1 - p1) / (1 - p0), 1e-9));
            assert_true(is_near(plan.rest[g], plan.good[g] / (1 - plan.good[g]), 1e-9));
            // Under p0 a ratio is 1 on the mean: that is what makes R - n a martingale.
            assert_true(is_near(p0 * plan.bad[g] + (1 - p0) * plan.good[g], 1, 1e-12));
            last = p1;
        }
        assert_true(is_near(last, 0.95, 1e-9));
    }
}

static void clumps_take_the_root_of_the_ratios(void **state)
{
    (void)state;
    struct detector_plan once = plan_of(0.02, 1e6), half = {0};
    detector_plan_make(&half, 0.02, 1e6, 2);
    for (int g = 0; g < DETECTOR_GRID; g++) {
        assert_true(is_near(half.bad[g], sqrt(once.bad[g]), 1e-12));
        assert_true(is_near(half.log_good[g], once.log_good[g] / 2, 1e-12));
    }
    assert_true(half.alarm == once.alarm);
    detector_plan_make(&half, 0.02, 1e6, 0.5); // less than by chance: no gain is taken from it
    assert_true(half.bad[3] == once.bad[3]);
}

static void a_rung_without_a_rate_never_speaks(void **state)
{
    (void)state;
    static const double rates[] = {0, -1, 0.9, 5, NAN};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct detector_plan plan = plan_of(rates[i], 1e6);
        struct detector d = {0};
        detector_good(&d, &plan, 1000);
        assert_true(detector_bad(&d, &plan, 3) == 0);
        assert_true(detector_bucket(&d, &plan, 10, 10) == 0);
        assert_true(detector_level(1e9, &plan, 1) == 0);
    }
}

static void a_plan_made_again_is_the_plan_made_at_once(void **state)
{
    (void)state;
    struct detector_plan made = {0}, changed = plan_of(0.05, 1e7);
    detector_plan_make(&made, 0.02, 1e6, 2.75);
    detector_plan_make(&changed, 0.02, 1e7, 1);
    detector_plan_make(&changed, 0.02, 1e6, 1);
    detector_plan_make(&changed, 0.02, 1e6, 2.75); // the same alarm, not sought again
    assert_memory_equal(&made, &changed, sizeof(made));
    detector_plan_make(&changed, 0, 1e6, 1);
    assert_true(changed.p0 == 0 && changed.alarm == 0);
}

static void the_alarm_lies_between_a_sixth_of_gamma_and_gamma(void **state)
{
    (void)state;
    static const double rates[] = {1e-6, 0.001, 0.02, 0.3, 0.88}, gammas[] = {2, 1e3, 1e5, 1e7};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        for (size_t k = 0; k < ARRAY_LEN(gammas); k++) {
            struct detector_plan plan = plan_of(rates[i], gammas[k]);
            assert_true(plan.alarm > 0.16 * gammas[k] && plan.alarm <= gammas[k]);
        }
    assert_true(plan_of(0.02, 1e30).alarm < 1e12); // more than can be reached is not asked
}

static void many_good_ones_at_once_are_many_single_ones(void **state)
{
    (void)state;
    struct detector_plan plan = plan_of(0.02, 1e6);
    struct chance c = {1};
    for (int round = 0; round < 200; round++) {
        struct detector one = {0}, all = {0};
        for (int i = chance_below(&c, 4); i > 0; i--)
            detector_bad(&one, &plan, 7);
        all = one;
        uint32_t n = chance_below(&c, 300);
        double m[DETECTOR_GRID];
        for (int g = 0; g < DETECTOR_GRID; g++) {
            m[g] = (double)one.m[g] + plan.rest[g]; // as it is defined
            for (uint32_t i = 0; i < n; i++)
                m[g] = (m[g] + 1) * plan.good[g];
            m[g] -= plan.rest[g];
        }
        detector_good(&all, &plan, n);
        for (int g = 0; g < DETECTOR_GRID; g++)
            assert_true(fabs(m[g] - (double)all.m[g]) < 1e-6 * (m[g] + plan.rest[g]));
    }
}

static void a_gap_with_the_bad_one_is_the_gap_before_it(void **state)
{
    (void)state;
    struct detector_plan plan = plan_of(0.005, 1e7);
    struct chance c = {2};
    struct detector a = {0}, b = {0};
    for (int i = 0; i < 2000; i++) {
        uint64_t gap = chance_gap(&c, 0.01);
        double m = (double)a.m[3];
        detector_good(&a, &plan, gap);
        double apart = detector_bad(&a, &plan, 0), at_once = detector_bad(&b, &plan, gap);
        m = (m + plan.rest[3]) * exp((double)gap * plan.log_good[3]) +
            plan.rest[3] * -expm1((double)gap * plan.log_good[3]);
        assert_true(is_near((m + 1) * plan.bad[3] - plan.rest[3], (double)a.m[3], 1e-4));
        assert_true(is_near(apart, at_once, 1e-3)); // one rounding to float more
        assert_true(at_once == detector_evidence(&b));
    }
}

static void a_bucket_of_one_is_an_observation(void **state)
{
    (void)state;
    struct detector_plan plan = plan_of(0.02, 1e6);
    struct detector a = {0}, b = {0};
    for (int i = 0; i < 100; i++) {
        bool bad = i % 9 == 0;
        if (bad)
            detector_bad(&a, &plan, 0);
        else
            detector_good(&a, &plan, 1);
        double r = detector_bucket(&b, &plan, 1, bad);
        assert_true(fabs(detector_evidence(&a) - r) < 1e-4 * (r + 100));
    }
    double before = detector_evidence(&b);
    assert_true(detector_bucket(&b, &plan, 0, 0) == before); // an empty one is nothing
}

static void evidence_has_a_ceiling_and_comes_down_from_it(void **state)
{
    (void)state;
    struct detector_plan plan = plan_of(0.02, 1e7);
    struct detector d = {0};
    for (int i = 0; i < 1000; i++)
        detector_bad(&d, &plan, 0);
    assert_true(detector_evidence(&d) <= 1.0001e12 && detector_evidence(&d) >= plan.alarm);
    struct detector heavy = {0};
    double r = detector_bucket(&heavy, &plan, 1000000, 1000000);
    assert_true(r <= 1.0001e12);
    detector_good(&d, &plan, UINT64_MAX);
    assert_true(detector_evidence(&d) == 0);
    struct detector_plan huge = plan_of(0.02, 1e30);
    assert_true(r >= detector_alarm(&huge, 1e9)); // whatever is asked, certainty is enough
}

static void good_ones_alone_never_alarm(void **state)
{
    (void)state;
    static const double rates[] = {0.0001, 0.001, 0.02, 0.5}, gammas[] = {2, 100, 1e5};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        for (size_t k = 0; k < ARRAY_LEN(gammas); k++) {
            struct detector_plan plan = plan_of(rates[i], gammas[k]);
            struct detector d = {0};
            detector_good(&d, &plan, 1000000000);
            assert_true(detector_evidence(&d) == 0);
            assert_true(is_near(detector_bad(&d, &plan, 0), 1 / rates[i], 1e-5));
        }
}

static void a_level_is_how_near_the_rung_is(void **state)
{
    (void)state;
    struct detector_plan plan = plan_of(0.02, 2e6);
    plan.alarm = 1e6;
    const struct {
        const char *name;
        double evidence, scale, level;
    } cases[] = {
        {"nothing", 0, 1, 0},
        {"not a number", NAN, 1, 0},
        {"one bad one", 50, 1, 100 * log(2) / log(20001)},
        {"there", 1e6, 1, 100},
        {"beyond", 1e11, 1, 100},
        {"a large customer", 1e6, 1e3, 100 * log(20001) / log(20000001)},
        {"a scale under one", 50, 0.001, 100 * log(2) / log(20001)},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double level = detector_level(cases[i].evidence, &plan, cases[i].scale);
        if (!is_near(level, cases[i].level, 1e-9))
            fail_msg("%s: %f", cases[i].name, level);
    }
}

static void r_is_n_on_the_mean_at_p0_over_all_that_can_happen(void **state)
{
    (void)state;
    enum { N = 12 };
    struct detector_plan plan = plan_of(0.2, 1e6);
    double sum = 0;
    for (unsigned bits = 0; bits < 1u << N; bits++) {
        struct detector d = {0};
        double p = 1;
        uint64_t gap = 0;
        for (int i = 0; i < N; i++) {
            bool bad = bits >> i & 1;
            p *= bad ? 0.2 : 0.8;
            if (bad)
                detector_bad(&d, &plan, gap);
            gap = bad ? 0 : gap + 1;
        }
        detector_good(&d, &plan, gap);
        sum += p * detector_evidence(&d);
    }
    assert_true(is_near(sum, N, 1e-5));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_known_by_heart_is_what_trying_finds),
    cmocka_unit_test(a_plan_is_a_grid_of_likelihood_ratios),
    cmocka_unit_test(clumps_take_the_root_of_the_ratios),
    cmocka_unit_test(a_plan_made_again_is_the_plan_made_at_once),
    cmocka_unit_test(the_alarm_lies_between_a_sixth_of_gamma_and_gamma),
    cmocka_unit_test(a_rung_without_a_rate_never_speaks),
    cmocka_unit_test(many_good_ones_at_once_are_many_single_ones),
    cmocka_unit_test(a_gap_with_the_bad_one_is_the_gap_before_it),
    cmocka_unit_test(a_bucket_of_one_is_an_observation),
    cmocka_unit_test(evidence_has_a_ceiling_and_comes_down_from_it),
    cmocka_unit_test(good_ones_alone_never_alarm),
    cmocka_unit_test(a_level_is_how_near_the_rung_is),
    cmocka_unit_test(r_is_n_on_the_mean_at_p0_over_all_that_can_happen),
};
TEST_MAIN(tests)
