/* Whatever comes: automatic pulls leave a pool what the policy says. */
#include "rotation_world.h"

#include <math.h>

#define A "192.0.2.1"
#define B "192.0.2.2"
#define C "192.0.2.3"

static void pool_of(struct rotation_world *w, unsigned n)
{
    char address[16];
    world_begin(w);
    for (unsigned i = 1; i <= n; i++) {
        snprintf(address, sizeof(address), "192.0.2.%u", i);
        world_ip(w, address, "shared");
    }
}

static void a_pool_keeps_its_least(void **state)
{
    (void)state;
    static const struct {
        unsigned ips, guard_ips;
        double share;
        unsigned pulled; // of all listed, one after the other
    } cases[] = {
        {1, 1, 0.5, 0}, {2, 1, 0.5, 1}, {3, 1, 0.5, 1}, {4, 1, 0.5, 2}, {5, 1, 0.5, 2},
        {4, 3, 0.5, 1}, {4, 9, 0.5, 0}, {4, 0, 0, 4},   {4, 1, 0, 3},   {10, 1, 0.3, 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rotation_world w;
        unsigned pulled = 0;
        pool_of(&w, cases[i].ips);
        w.policy.guard_ips = cases[i].guard_ips;
        w.policy.guard_share = cases[i].share;
        for (uint32_t a = 0; a < cases[i].ips; a++)
            world_listed(&w, w.r.ips[a]->address, "zen.spamhaus.org", "127.0.0.2", true);
        for (uint32_t a = 0; a < cases[i].ips; a++)
            pulled += w.r.ips[a]->rotation == ROTATION_PULLED;
        if (pulled != cases[i].pulled)
            fail_msg("case %zu: %u pulled", i, pulled);
        world_end(&w);
    }
}

static void instead_the_culprit_is_throttled_and_an_operator_called(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of(&w, 1);
    world_deliver(&w, A, "gmx", "good", 1000);
    world_dead(&w, A, "gmx", "bad", 40);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    assert_int_equal(w.n, 1);
    assert_string_equal(
        w.decisions[0].reason,
        "stays in though listed on zen.spamhaus.org: pool shared would keep 0 active, "
        "least 1; it carries 100 % of the mail");
    assert_string_equal(w.decisions[0].pool, "shared");
    assert_string_equal(w.decisions[0].culprits[0].customer, "bad");
    assert_string_equal(w.r.customers[w.throttled]->name, "bad");
    assert_string_equal(world_said(&w), "call-operator ip:" A);
    world_listed(&w, A, "bl.spamcop.net", "127.0.0.2", true); // at most once an hour
    assert_string_equal(world_said(&w), "");
    world_pass(&w, START + 61 * USEC_MINUTE);
    world_block(&w, A, "gmx", "a@gmx.test");
    assert_string_equal(world_said(&w), "pause lane:" A "/gmx; call-operator ip:" A);
    world_end(&w);
}

static void without_a_clear_culprit_nobody_is_throttled(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of(&w, 1);
    world_dead(&w, A, "gmx", "one", 20);
    world_dead(&w, A, "gmx", "two", 20);
    world_dead(&w, A, "gmx", "three", 20);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    assert_int_equal(w.throttles, 0);
    assert_int_equal(w.decisions[0].culprits_n, 3);
    world_end(&w);
}

static void what_the_guard_kept_goes_when_the_pool_can_spare_it(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of(&w, 2);
    rotation_told(&w.r, KIND_PULL, "ip:" B, START + 2 * USEC_HOUR, START);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    assert_string_equal(world_said(&w), "call-operator ip:" A);
    world_pass(&w, START + 2 * USEC_HOUR + 2 * USEC_MINUTE);
    world_pass(&w, START + 3 * USEC_HOUR);
    assert_string_equal(world_said(&w), "pull ip:" A);
    world_end(&w);
}

static void pools_do_not_help_each_other(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of(&w, 3);
    world_ip(&w, C, "premium");
    world_listed(&w, C, "zen.spamhaus.org", "127.0.0.2", true);
    assert_string_equal(world_said(&w), "call-operator ip:" C);
    w.r.ips[1]->is_here = false; // the machine lost it: no help either
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    assert_string_equal(world_said(&w), "call-operator ip:" A);
    world_end(&w);
}

static void without_a_configuration_all_ips_of_a_day_are_one_pool(void **state)
{
    (void)state;
    struct rotation_world w;
    world_begin(&w);
    world_deliver(&w, A, "gmx", "acme", 1);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    assert_string_equal(world_said(&w), "call-operator ip:" A);
    world_deliver(&w, B, "gmx", "acme", 1);
    world_listed(&w, A, "bl.spamcop.net", "127.0.0.2", true);
    assert_string_equal(world_said(&w), "pull ip:" A);
    world_pass(&w, START + 2 * USEC_DAY);
    world_said(&w);
    world_listed(&w, B, "zen.spamhaus.org", "127.0.0.2", true); // A is no help any more
    assert_string_equal(world_said(&w), "call-operator ip:" B);
    world_end(&w);
}

/* Any row of blocks, listings, operators' acts and time: an automatic pull or drain leaves its pool the
 * least. One that was drained before is in nobody's way, and to rest again takes nothing away. */
static bool is_drained[8];

static void check_least(struct rotation_world *w, const struct decision *d)
{
    uint32_t at = 0, active = 0;
    while (at < w->r.ips_n && strcmp(w->r.ips[at]->address, d->target + 3) != 0)
        at++;
    if (at == w->r.ips_n)
        return; // of a lane
    for (uint32_t i = 0; i < w->r.ips_n; i++)
        active += w->r.ips[i]->rotation == ROTATION_ACTIVE;
    double least = ceil(w->policy.guard_share * w->r.ips_n - 1e-9);
    least = least > w->policy.guard_ips ? least : w->policy.guard_ips;
    bool takes_out = d->action == ACTION_PULL || d->action == ACTION_DRAIN;
    if (takes_out && !is_drained[at] && strncmp(d->reason, "rests", 5) != 0 && active < least)
        fail_msg("%u active, least %.0f: %s", active, least, d->reason);
    is_drained[at] = d->action == ACTION_DRAIN;
}

static void something(struct rotation_world *w, uint32_t dice)
{
    static const char *const zones[] = {"zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com"};
    static const char *const providers[] = {"gmx", "google", "yahoo", "mimecast"};
    struct reputation_ip *ip = w->r.ips[(dice >> 8) % w->r.ips_n];
    char target[80];
    snprintf(target, sizeof(target), "ip:%s", ip->address);
    if (dice >> 28 < 6) {
        world_block(w, ip->address, providers[dice >> 16 & 3], "a@x.test");
    } else if (dice >> 28 < 12) {
        world_listed(w, ip->address, zones[(dice >> 16) % 3], "127.0.0.2", dice & 1 << 20);
    } else if (dice >> 28 < 13) {
        rotation_told(&w->r, dice & 1 << 20 ? KIND_PULL : KIND_RETURN, target, w->r.now + USEC_HOUR,
                      w->r.now);
        is_drained[ip->index] = false;
    } else {
        world_pass(w, w->r.now + (usec_t)(dice >> 16 & 255) * USEC_MINUTE);
    }
}

static void never_below_the_least_whatever_comes(void **state)
{
    (void)state;
    uint32_t dice = 7;
    size_t pulls = 0;
    for (unsigned round = 0; round < 200; round++) {
        struct rotation_world w;
        pool_of(&w, 1 + round % 7);
        w.policy.guard_ips = round % 3;
        w.policy.guard_share = (double)(round % 5) / 5;
        w.on_decision = check_least;
        memset(is_drained, 0, sizeof(is_drained));
        for (int i = 0; i < 150; i++)
            something(&w, dice = dice * 1664525U + 1013904223U);
        pulls += w.n;
        world_end(&w);
    }
    assert_true(pulls > 2000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_pool_keeps_its_least),
    cmocka_unit_test(instead_the_culprit_is_throttled_and_an_operator_called),
    cmocka_unit_test(without_a_clear_culprit_nobody_is_throttled),
    cmocka_unit_test(what_the_guard_kept_goes_when_the_pool_can_spare_it),
    cmocka_unit_test(pools_do_not_help_each_other),
    cmocka_unit_test(without_a_configuration_all_ips_of_a_day_are_one_pool),
    cmocka_unit_test(never_below_the_least_whatever_comes),
};
TEST_MAIN(tests)
