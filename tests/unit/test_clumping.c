/* Independent lists leave the evidence as it is; clumped ones divide it by about their clumping. */
#include "test.h"

#include <math.h>

#include "core/chance.h"
#include "core/clumping.h"

/* A block's rate: beta(1/2, b) with this mean, by the square of a normal over a sum (b large). */
static double clumped_rate(struct chance *c, double mean)
{
    double z = sqrt(-2 * log(chance_unit(c))) * cos(6.283185307179586 * chance_unit(c)), rest = 0;
    int b = (int)lround(0.5 / mean - 0.5);
    for (int i = 0; i < b; i++)
        rest -= log(chance_unit(c));
    return z * z / 2 / (z * z / 2 + rest);
}

static double fleet(struct clumping *all, struct chance *c, int customers, int blocks, double mean,
                    bool is_clumped)
{
    for (int k = 0; k < customers; k++) {
        struct clumping_block b = {0};
        for (int i = 0; i < blocks; i++) {
            double rate = is_clumped ? clumped_rate(c, mean) : mean;
            for (int n = 0; n < 100; n++)
                clumping_observe(all, &b, chance_happens(c, rate), true);
        }
    }
    return clumping_factor(all);
}

static void lists_have_their_clumping(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int customers, blocks;
        double mean;
        bool is_clumped;
        double least, most;
    } cases[] = {
        {"nobody", 0, 0, 0.01, false, 1, 1},
        {"one new customer", 1, 20, 0.01, false, 1, 1},
        {"a fleet without bad ones", 50, 50, 0, false, 1, 1},
        {"independent at 0.2 %", 100, 100, 0.002, false, 1, 1},
        {"independent at 1 %", 100, 100, 0.01, false, 1, 1},
        {"independent at 2 %", 100, 100, 0.02, false, 1, 1},
        {"independent, many short records", 2000, 10, 0.01, false, 1, 1},
        {"clumped at 1 %", 100, 100, 0.01, true, 2.5, 3},
        {"clumped, many short records", 1000, 12, 0.01, true, 2, 3},
        {"clumped, a short record", 2, 50, 0.01, true, 1, 1.75},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chance c = {i + 1};
        struct clumping all = {0};
        double factor = fleet(&all, &c, cases[i].customers, cases[i].blocks, cases[i].mean,
                              cases[i].is_clumped);
        if (factor < cases[i].least || factor > cases[i].most)
            fail_msg("%s: %.2f of %llu blocks", cases[i].name, factor,
                     (unsigned long long)all.blocks);
    }
}

static void one_culprit_among_twenty_barely_moves_it(void **state)
{
    (void)state;
    struct chance c = {9};
    struct clumping all = {0};
    struct clumping_block culprit = {0};
    fleet(&all, &c, 20, 100, 0.01, false);
    for (int n = 0; n < 3000; n++)
        clumping_observe(&all, &culprit, chance_happens(&c, 0.01), true);
    for (int n = 0; n < 600; n++)
        clumping_observe(&all, &culprit, chance_happens(&c, 0.3), n < 200); // then it is throttled
    assert_true(clumping_factor(&all) <= 1.25);
}

static void who_stands_badly_does_not_count(void **state)
{
    (void)state;
    struct chance c = {10};
    struct clumping all = {0};
    struct clumping_block b = {0};
    for (int n = 0; n < 100000; n++)
        clumping_observe(&all, &b, chance_happens(&c, n / 100 % 2 ? 0.3 : 0.001), false);
    assert_int_equal(all.blocks, 0);
    assert_true(fabs((double)b.rate - 0.15) < 0.03);
}

static void old_blocks_fade(void **state)
{
    (void)state;
    struct chance c = {11};
    struct clumping all = {.terms = 3e5, .blocks = 100000};
    assert_true(clumping_factor(&all) == 3);
    fleet(&all, &c, 30, 10000, 0.01, false);
    assert_true(all.blocks <= 100000 && clumping_factor(&all) <= 1.25);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lists_have_their_clumping),
    cmocka_unit_test(one_culprit_among_twenty_barely_moves_it),
    cmocka_unit_test(who_stands_badly_does_not_count),
    cmocka_unit_test(old_blocks_fade),
};
TEST_MAIN(tests)
