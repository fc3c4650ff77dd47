/* The shipped numbers make a ladder, and names are looked up as they stand. */
#include "test.h"

#include "core/policy.h"

static void every_rung_is_harder_to_reach_than_the_one_below(void **state)
{
    (void)state;
    struct policy p;
    policy_default(&p);
    for (int harm = 0; harm < HARM_N; harm++) {
        const struct policy_rung *rungs = p.rungs[harm];
        for (int rung = 1; rung < RUNG_N; rung++) {
            if (rungs[rung].rate < rungs[rung - 1].rate ||
                rungs[rung].patience <= rungs[rung - 1].patience ||
                rungs[rung].least < rungs[rung - 1].least)
                fail_msg("%s: %s", harm_text(harm), rung_text(rung));
        }
        assert_true(rungs[RUNG_WARN].patience > 1);
        assert_true(rungs[RUNG_WARN].least > 0);
        assert_true(harm == HARM_TRAP || rungs[RUNG_SUSPEND].rate < 0.1);
    }
}

static void what_has_no_bound_is_a_mistake(void **state)
{
    (void)state;
    struct policy p;
    policy_default(&p);
    const usec_t spans[] = {
        p.expiry_warn, p.expiry_throttle,   p.expiry_suspend,  p.expiry_pull, p.expiry_drain,
        p.expiry_hold, p.incident.wait,     p.lane_pause,      p.lane_step,   p.blame_window,
        p.probe_every, p.pools.premium_age, p.pools.shared_age};
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        assert_true(spans[i] > 0 && spans[i] <= 365 * USEC_DAY);
    assert_true(p.lane_pause_most >= p.lane_pause);
    assert_true(p.is_there);
    assert_false(p.is_observing);
    assert_true(p.guard_share > 0 && p.guard_share <= 1);
}

static void providers_and_zones_are_known_by_their_whole_name(void **state)
{
    (void)state;
    struct policy p;
    policy_default(&p);
    assert_true(policy_is_silent(&p, "google"));
    assert_true(policy_is_silent(&p, "m365-dane"));
    assert_false(policy_is_silent(&p, "yahoo"));
    assert_false(policy_is_silent(&p, "googl"));
    assert_false(policy_is_silent(&p, ""));
    assert_true(policy_is_gateway(&p, "mimecast"));
    assert_false(policy_is_gateway(&p, "google"));
    assert_float_equal(policy_zone_weight(&p, "zen.spamhaus.org"), 1, 0);
    assert_float_equal(policy_zone_weight(&p, "spamhaus.org"), 0, 0);
    assert_float_equal(policy_zone_weight(&p, ""), 0, 0);
}

static void a_gateway_is_silent(void **state)
{
    (void)state;
    struct policy p;
    policy_default(&p);
    for (size_t i = 0; i < p.gateways_n; i++)
        if (!policy_is_silent(&p, p.gateways[i]))
            fail_msg("%s", p.gateways[i]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_rung_is_harder_to_reach_than_the_one_below),
    cmocka_unit_test(what_has_no_bound_is_a_mistake),
    cmocka_unit_test(providers_and_zones_are_known_by_their_whole_name),
    cmocka_unit_test(a_gateway_is_silent),
};
TEST_MAIN(tests)
