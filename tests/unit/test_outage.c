/* Provider incidents in generated worlds: what fails at one provider for many is recognised in time,
 * what fails for a few is none, and it ends when mail goes through again. */
#include "test.h"

#include <math.h>

#include "base/buf.h"
#include "core/outage.h"
#include "core/policy.h"

#define T0 (1764000000 * USEC_SECOND)

static uint64_t seed;

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

struct world {
    const char *name;
    uint32_t customers;
    double a_second;  // outcomes at the provider
    double usual;     // bad part before and after
    double during;    // bad part from 2 h to 2.5 h…
    uint32_t failing; // …of the first so many customers
    double elsewhere; // what they are like elsewhere
    enum usage_channel channel;
    int within; // seconds to recognition; 0: never
};

static double elsewhere_of(void *ctx, uint32_t customer, enum usage_channel channel)
{
    const struct world *w = ctx;
    (void)channel;
    return customer < w->failing ? w->elsewhere : w->usual;
}

// clang-format off
static const struct world worlds[] = {
    {"a big provider's full outage is seen in 15 s", 200, 20, 0.01, 1.0, 200, 0.01, USAGE_HARD, 15},
    {"a small one's within 2 min", 30, 0.5, 0.01, 1.0, 30, 0.01, USAGE_HARD, 120},
    {"a partial one of a big provider within 7 min", 200, 10, 0.01, 0.1, 200, 0.01, USAGE_HARD, 420},
    {"a partial one with few large customers too", 20, 10, 0.01, 0.1, 20, 0.01, USAGE_HARD, 420},
    {"one bad customer is none", 100, 10, 0.01, 0.9, 1, 0.01, USAGE_HARD, 0},
    {"four are none", 100, 10, 0.01, 0.9, 4, 0.01, USAGE_HARD, 0},
    {"ten who are as bad elsewhere are none", 20, 5, 0.01, 0.5, 10, 0.5, USAGE_HARD, 0},
    {"a provider with many dead mailboxes is as usual", 100, 10, 0.06, 0.06, 0, 0.06, USAGE_HARD, 0},
    {"deferrals of all are an incident", 100, 10, 0.03, 0.9, 100, 0.03, USAGE_SOFT, 150},
    {"greylisting is none", 100, 10, 0.5, 0.6, 100, 0.5, USAGE_SOFT, 0},
};
// clang-format on

static void observe(struct outage *o, const struct world *w, usec_t at, bool is_during)
{
    uint32_t customer = (uint32_t)(uniform() * w->customers);
    double bad = is_during && customer < w->failing ? w->during : w->usual;
    struct usage_facts facts = {0};
    facts.n[w->channel] = 1;
    facts.bad[w->channel] = uniform() < bad;
    outage_observe_facts(o, customer, &facts, at);
}

static void run(const struct world *w, uint64_t with)
{
    struct policy p;
    struct outage o = {0};
    usec_t from = T0 + 2 * USEC_HOUR, to = from + USEC_HOUR / 2, opened = 0, closed = 0, now = T0;
    policy_default(&p);
    seed = with;
    for (usec_t asked = 0; now < to + 20 * USEC_MINUTE;) {
        now += (usec_t)(-log(1 - uniform()) / w->a_second * USEC_SECOND);
        // cppcheck-suppress incorrectLogicOperator // of one caller's times alone
        bool is_during = now >= from && now < to;
        observe(&o, w, now, is_during);
        bool is_open = o.open_since != 0;
        if (!is_open && outage_begins(&o, &p, p.incident.share, elsewhere_of, (void *)w, now)) {
            outage_open(&o, now);
            assert_true(now >= from || w->within == 0);
            opened = opened ? opened : now;
            closed = 0;
        }
        if (is_open && now - asked > 10 * USEC_SECOND) {
            asked = now;
            closed = outage_ends(&o, elsewhere_of, (void *)w, now) ? now : closed;
        }
    }
    if (!w->within && opened)
        fail_msg("%s: opened %.0f s in", w->name, (double)(opened - T0) / USEC_SECOND);
    if (w->within && (!opened || opened < from || opened - from > w->within * USEC_SECOND))
        fail_msg("%s: recognised after %.0f s", w->name, (double)(opened - from) / USEC_SECOND);
    if (w->within && (!closed || closed < to || closed - to > 5 * USEC_MINUTE))
        fail_msg("%s: closed %.0f s after its end", w->name, (double)(closed - to) / USEC_SECOND);
    outage_deinit(&o);
}

static void worlds_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(worlds); i++)
        for (uint64_t with = 1; with <= 5; with++)
            run(&worlds[i], with * UINT64_C(0x9e3779b97f4a7c15));
}

static void what_is_saved_goes_on_exactly(void **state)
{
    (void)state;
    struct policy p;
    struct outage a = {0}, b;
    struct buf out = {0}, again = {0};
    policy_default(&p);
    seed = 99;
    usec_t now = T0;
    for (int i = 0; i < 20000; i++) {
        now += USEC_SECOND / 10;
        observe(&a, &worlds[0], now, i > 10000);
        if (i == 10020 || i == 15000) {
            outage_save(&a, &out);
            struct bytes in = buf_bytes(&out);
            outage_deinit(&a);
            assert_true(outage_load(&b, &in));
            assert_int_equal(in.n, 0);
            outage_save(&b, &again);
            assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&again)));
            buf_clear(&out);
            buf_clear(&again);
            a = b;
        }
        if (outage_begins(&a, &p, 0.3, elsewhere_of, (void *)&worlds[0], now))
            outage_open(&a, now);
    }
    assert_true(a.open_since > 0);
    outage_deinit(&a);
    buf_deinit(&out);
    buf_deinit(&again);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(worlds_are_told_apart),
    cmocka_unit_test(what_is_saved_goes_on_exactly),
};
TEST_MAIN(tests)
