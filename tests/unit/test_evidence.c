/* What speaks against somebody: in order, late, taken out again, begun anew, and over a restart. */
#include "test.h"

#include <math.h>
#include <string.h>

#include "core/chance.h"
#include "core/evidence.h"
#include "core/pack.h"

#define START (USEC_DAY * 20000)

static struct evidence_plans plans_of(uint32_t least)
{
    static struct evidence_plans plans; // made once
    static const double rates[RUNG_N] = {0.02, 0.04, 0.05}, patience[RUNG_N] = {1e5, 1e6, 1e7};
    for (int r = 0; r < RUNG_N; r++) {
        detector_plan_make(&plans.rungs[r], rates[r], patience[r], 1);
        plans.least[r] = least;
    }
    return plans;
}

/* One thing that happens to an evidence, for streams that are made by chance and played again. */
struct step {
    enum { GOOD, BAD, LATE, RESET, TAKE_OUT } what;
    usec_t at;
    uint32_t provider; // of a reset: the rung
};

enum { STEPS = 3000, PROVIDERS = 4 };

static void stream(struct step *steps, uint64_t seed, bool has_lates, usec_t pace)
{
    struct chance c = {seed};
    usec_t now = START;
    for (int i = 0; i < STEPS; i++) {
        double what = chance_unit(&c);
        now += (usec_t)(chance_unit(&c) * (double)pace);
        steps[i] = (struct step){.what = GOOD, .at = now, .provider = chance_below(&c, PROVIDERS)};
        if (what < 0.08)
            steps[i].what = BAD;
        else if (what < 0.1 && has_lates)
            steps[i] = (struct step){LATE, now - (usec_t)(chance_unit(&c) * 9e9), 0};
        else if (what > 0.997)
            steps[i] = (struct step){RESET, now, chance_below(&c, RUNG_N)};
    }
}

static void play(struct evidence *e, struct evidence_volume *v, const struct evidence_plans *plans,
                 const struct step *s, usec_t now)
{
    switch (s->what) {
    case GOOD:
        evidence_good(e);
        evidence_volume_add(v, s->at, 1);
        break;
    case BAD:
        evidence_volume_add(v, s->at, 1);
        evidence_bad(e, plans, s->at, s->provider);
        break;
    case LATE:
        evidence_late(e, plans, v, s->at, now);
        break;
    case RESET:
        evidence_reset(e, plans, (enum rung)s->provider, s->at);
        break;
    case TAKE_OUT:
        evidence_take_out(e, plans, s->provider, s->at);
        break;
    }
}

static void assert_same(const struct evidence *a, const struct evidence *b)
{
    struct buf one = {0}, other = {0};
    evidence_save(a, &one);
    evidence_save(b, &other);
    assert_int_equal(one.n, other.n);
    assert_memory_equal(one.p, other.p, one.n);
    buf_deinit(&one);
    buf_deinit(&other);
}

static void what_is_taken_out_never_was(void **state)
{
    (void)state;
    static struct step steps[STEPS];
    struct evidence_plans plans = plans_of(3);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct chance c = {seed * 1000};
        struct evidence with = {0}, without = {0};
        struct evidence_volume v = {0};
        // All within the kept span, so that everything can be taken out.
        stream(steps, seed, false, EVIDENCE_KEPT / STEPS);
        uint32_t provider = seed % 5 == 4 ? UINT32_MAX : seed % 5, gone = 0;
        int end = 500 + (int)chance_below(&c, 2000);
        usec_t since = steps[chance_below(&c, (uint32_t)end)].at;
        for (int i = 0; i < end; i++) {
            const struct step *s = &steps[i];
            bool is_hit = s->what == BAD && s->at >= since &&
                          (s->provider == provider || provider == UINT32_MAX);
            play(&with, &v, &plans, s, s->at);
            gone += is_hit;
            if (!is_hit)
                play(&without, &v, &plans, s, s->at);
        }
        assert_int_equal(evidence_take_out(&with, &plans, provider, since), gone);
        assert_int_equal(evidence_take_out(&with, &plans, provider, since), 0);
        assert_int_equal(with.gap, without.gap);
        assert_int_equal(with.recent_n, without.recent_n);
        assert_int_equal(evidence_bad_day(&with, steps[end].at),
                         evidence_bad_day(&without, steps[end].at));
        for (int r = 0; r < RUNG_N; r++) {
            assert_memory_equal(&with.deep->now[r], &without.deep->now[r],
                                sizeof(with.deep->now[r]));
            assert_int_equal(with.deep->distinct[r], without.deep->distinct[r]);
            assert_int_equal(with.deep->before[r], without.deep->before[r]);
            assert_int_equal(with.deep->rest[r], without.deep->rest[r]);
        }
        for (int i = end; i < STEPS; i++) { // and what follows is the same
            play(&with, &v, &plans, &steps[i], steps[i].at);
            play(&without, &v, &plans, &steps[i], steps[i].at);
        }
        assert_memory_equal(with.deep->now, without.deep->now, sizeof(with.deep->now));
        evidence_deinit(&with);
        evidence_deinit(&without);
    }
}

static void the_reading_without_a_provider_is_what_taking_out_would_leave(void **state)
{
    (void)state;
    static struct step steps[STEPS];
    struct evidence_plans plans = plans_of(3);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct evidence e = {0};
        struct evidence_volume v = {0};
        double without[RUNG_N];
        stream(steps, seed, false, 20 * USEC_SECOND);
        for (int i = 0; i < (int)(seed * 70); i++)
            play(&e, &v, &plans, &steps[i], steps[i].at);
        for (int r = 0; r < RUNG_N; r++)
            without[r] = evidence_without(&e, &plans, (enum rung)r, 1);
        evidence_take_out(&e, &plans, 1, INT64_MIN);
        for (int r = 0; r < RUNG_N; r++)
            assert_true(without[r] == evidence_of(&e, &plans, (enum rung)r));
        evidence_deinit(&e);
    }
}

static void save_load_go_on_is_go_on(void **state)
{
    (void)state;
    static struct step steps[STEPS];
    struct evidence_plans plans = plans_of(3);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct evidence e = {0}, restarted = {0};
        struct evidence_volume v = {0}, same = {0};
        stream(steps, seed, true, seed % 2 ? USEC_MINUTE : 2 * USEC_SECOND);
        steps[2000 + seed].what = TAKE_OUT;
        for (int i = 0; i < STEPS; i++) {
            usec_t now = i ? steps[i - 1].at + USEC_MINUTE : START;
            play(&e, &v, &plans, &steps[i], now);
            play(&restarted, &same, &plans, &steps[i], now);
            if (i % 101)
                continue;
            struct buf b = {0};
            evidence_save(&restarted, &b);
            struct bytes in = buf_bytes(&b);
            assert_true(evidence_load(&restarted, &in) && !in.n);
            buf_deinit(&b);
        }
        assert_same(&e, &restarted);
        evidence_deinit(&e);
        evidence_deinit(&restarted);
    }
}

static void bytes_that_are_cut_or_mad_are_refused(void **state)
{
    (void)state;
    static struct step steps[STEPS];
    struct evidence_plans plans = plans_of(3);
    struct evidence e = {0}, loaded = {0};
    struct evidence_volume v = {0};
    struct buf b = {0};
    struct chance c = {1};
    stream(steps, 1, true, USEC_SECOND);
    for (int i = 0; i < STEPS; i++)
        play(&e, &v, &plans, &steps[i], steps[i].at);
    evidence_save(&e, &b);
    for (size_t n = 0; n < b.n; n += 7) {
        struct bytes in = bytes_of(b.p, n);
        assert_false(evidence_load(&loaded, &in));
    }
    for (int i = 0; i < 20000; i++) { // no byte can do harm: it is refused, or a state like another
        uint8_t *p = &b.p[chance_below(&c, (uint32_t)b.n)], was = *p;
        *p = (uint8_t)chance_next(&c);
        struct bytes in = buf_bytes(&b);
        if (evidence_load(&loaded, &in)) {
            evidence_bad(&loaded, &plans, START + USEC_DAY, 1);
            evidence_late(&loaded, &plans, &v, START + USEC_HOUR, START + USEC_DAY);
            evidence_take_out(&loaded, &plans, 1, START);
        }
        *p = was;
    }
    evidence_deinit(&e);
    evidence_deinit(&loaded);
    buf_deinit(&b);
}

static void the_list_is_bounded_by_number_and_time(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(3);
    struct evidence e = {0};
    struct detector d = {0};
    for (int i = 0; i < 5000; i++) {
        e.gap = 40;
        evidence_bad(&e, &plans, START + i, 7);
        detector_bad(&d, &plans.rungs[0], 40);
        assert_true(e.recent_n <= EVIDENCE_RECENT);
    }
    assert_memory_equal(&d, &e.deep->now[0], sizeof(d)); // the live reading is the detector's own
    evidence_bad(&e, &plans, START + EVIDENCE_KEPT + USEC_MINUTE, 7);
    assert_int_equal(e.recent_n, 1);
    assert_int_equal(evidence_take_out(&e, &plans, 7, 0), 1);
    assert_memory_equal(&d, &e.deep->now[0], sizeof(d)); // what is in the checkpoint stays
    assert_true(!e.recent_n && !e.recent);
    evidence_deinit(&e);
}

static void a_few_say_the_same_as_all_that_is_made_of_them(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(3);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct chance c = {seed * 77};
        struct evidence few = {0}, deep = {0};
        usec_t at = START;
        evidence_reset(&deep, &plans, RUNG_WARN, 0); // nothing was there, but now there is room
        for (int i = 0; i < 3 * EVIDENCE_FEW; i++) {
            uint32_t provider = chance_below(&c, 3), worst[2] = {0}, bad[2] = {0};
            usec_t begun[2] = {0};
            at += (usec_t)(chance_unit(&c) * 2 * (double)USEC_HOUR);
            few.gap = deep.gap = chance_below(&c, 90);
            evidence_bad(&few, &plans, at, provider);
            evidence_bad(&deep, &plans, at, provider);
            assert_int_equal(few.deep != NULL, i >= EVIDENCE_FEW);
            few.gap = deep.gap = chance_below(&c, 9);
            for (int r = 0; r < RUNG_N; r++) {
                enum rung g = (enum rung)r;
                assert_true(evidence_of(&few, &plans, g) == evidence_of(&deep, &plans, g));
                assert_true(evidence_without(&few, &plans, g, 1) ==
                            evidence_without(&deep, &plans, g, 1));
                assert_int_equal(evidence_distinct(&few, g), evidence_distinct(&deep, g));
                assert_int_equal(evidence_alarms(&few, &plans, g, 1),
                                 evidence_alarms(&deep, &plans, g, 1));
            }
            assert_true(evidence_worst(&few, &worst[0], &bad[0], &begun[0]));
            assert_true(evidence_worst(&deep, &worst[1], &bad[1], &begun[1]));
            assert_true(worst[0] == worst[1] && bad[0] == bad[1] && begun[0] == begun[1]);
            assert_int_equal(evidence_bad_day(&few, at), evidence_bad_day(&deep, at));
        }
        evidence_deinit(&few);
        evidence_deinit(&deep);
    }
}

static void an_alarm_needs_several_recipients(void **state)
{
    (void)state;
    for (uint32_t least = 1; least <= 12; least++) {
        struct evidence_plans plans = plans_of(least);
        struct evidence e = {0};
        uint32_t n = 0;
        while (!evidence_alarms(&e, &plans, RUNG_WARN, 1)) {
            evidence_bad(&e, &plans, START, 1);
            n++;
        }
        assert_true(n >= least && n >= 3 && n <= (least > 4 ? least : 4));
        evidence_deinit(&e);
    }
    struct evidence_plans complaints = plans_of(3); // rare harm: one would be enough for the sum
    detector_plan_make(&complaints.rungs[RUNG_WARN], 1e-6, 1e5, 1);
    struct evidence e = {0};
    evidence_bad(&e, &complaints, START, 1);
    evidence_bad(&e, &complaints, START, 1);
    assert_false(evidence_alarms(&e, &complaints, RUNG_WARN, 1));
    evidence_deinit(&e);
}

static void one_bounce_of_thirteen_sends_alarms_nothing(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(3);
    struct evidence e = {0};
    for (int i = 0; i < 12; i++)
        evidence_good(&e);
    evidence_bad(&e, &plans, START, 1);
    for (int r = 0; r < RUNG_N; r++)
        assert_false(evidence_alarms(&e, &plans, (enum rung)r, 1));
    evidence_deinit(&e);
}

static void a_large_customers_alarm_is_higher(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(1);
    uint32_t last = 0;
    for (double scale = 1; scale < 1e9; scale *= 1000) {
        struct evidence e = {0};
        uint32_t n = 0;
        while (!evidence_alarms(&e, &plans, RUNG_SUSPEND, scale)) {
            evidence_bad(&e, &plans, START, 1);
            assert_true(n++ < 50);
        }
        assert_true(n >= last);
        last = n;
        evidence_deinit(&e);
    }
    assert_true(last >= 7);
}

static void after_an_alarm_that_rung_and_those_below_begin_anew(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(3);
    struct evidence e = {0};
    for (int i = 0; i < 8; i++)
        evidence_bad(&e, &plans, START + i, 1);
    double suspend = evidence_of(&e, &plans, RUNG_SUSPEND);
    assert_true(evidence_alarms(&e, &plans, RUNG_THROTTLE, 1));
    evidence_reset(&e, &plans, RUNG_THROTTLE, START + 8);
    assert_true(evidence_of(&e, &plans, RUNG_WARN) == 0);
    assert_true(evidence_of(&e, &plans, RUNG_THROTTLE) == 0);
    assert_true(evidence_of(&e, &plans, RUNG_SUSPEND) == suspend);
    evidence_bad(&e, &plans, START + 9, 2); // the first bounce of a warned customer
    assert_false(evidence_alarms(&e, &plans, RUNG_WARN, 1));
    // Taking the first ones out gives the fresh rungs nothing and the old one less.
    assert_int_equal(evidence_take_out(&e, &plans, 1, START), 8);
    assert_int_equal(e.deep->distinct[RUNG_WARN], 1);
    assert_int_equal(e.deep->distinct[RUNG_SUSPEND], 1);
    assert_true(evidence_of(&e, &plans, RUNG_SUSPEND) <= 20.001);
    evidence_reset_all(&e, &plans, START + 10);
    for (int r = 0; r < RUNG_N; r++)
        assert_true(evidence_of(&e, &plans, (enum rung)r) == 0);
    evidence_deinit(&e);
}

/* A campaign of n, one second apart, from `at`. */
static void campaign(struct evidence *e, struct evidence_volume *v, usec_t at, int n)
{
    for (int i = 0; i < n; i++) {
        evidence_good(e);
        evidence_volume_add(v, at + i * USEC_SECOND, 1);
    }
}

static void late_news_in_a_row_are_no_harm_in_a_row(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(3);
    struct evidence e = {0};
    struct evidence_volume v = {0};
    campaign(&e, &v, START, 5000);
    for (int i = 0; i < 50; i++) // 1 %: below what is acceptable, five hours later
        evidence_late(&e, &plans, &v, START + i * 100 * USEC_SECOND, START + 5 * USEC_HOUR + i);
    for (int r = 0; r < RUNG_N; r++)
        assert_false(evidence_alarms(&e, &plans, (enum rung)r, 1));
    assert_int_equal(evidence_bad_day(&e, START + 6 * USEC_HOUR), 50);
    assert_int_equal(evidence_volume_day(&v, START + 6 * USEC_HOUR), 5000);
    for (int i = 0; i < 500; i++) // 11 %
        evidence_late(&e, &plans, &v, START + i * 10 * USEC_SECOND, START + 6 * USEC_HOUR + i);
    for (int r = 0; r < RUNG_N; r++)
        assert_true(evidence_alarms(&e, &plans, (enum rung)r, 1));
    evidence_deinit(&e);
}

static void late_news_at_the_acceptable_rate_alarm_as_rarely_as_others(void **state)
{
    (void)state;
    enum { CAMPAIGNS = 400, N = 4000 };
    struct evidence_plans plans = plans_of(3);
    struct chance c = {5};
    int alarms = 0;
    for (int k = 0; k < CAMPAIGNS; k++) {
        struct evidence e = {0};
        struct evidence_volume v = {0};
        bool has_alarmed = false;
        campaign(&e, &v, START, N);
        for (int i = N - 1; i >= 0; i--) // the latest first
            if (chance_happens(&c, 0.02)) {
                evidence_late(&e, &plans, &v, START + i * USEC_SECOND, START + USEC_DAY);
                has_alarmed |= evidence_alarms(&e, &plans, RUNG_WARN, 1);
            }
        alarms += has_alarmed;
        evidence_deinit(&e);
    }
    assert_true(alarms <= 2 * CAMPAIGNS * N / 100000);
}

static void late_news_from_before_it_began_anew_is_dealt_with(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(3);
    struct evidence e = {0};
    struct evidence_volume v = {0};
    usec_t anew = START + 90 * USEC_MINUTE;
    campaign(&e, &v, START, 1000);
    campaign(&e, &v, anew, 1000);
    for (int i = 0; i < 300; i++)
        evidence_late(&e, &plans, &v, START + i * USEC_SECOND, START + 5 * USEC_HOUR);
    assert_true(evidence_alarms(&e, &plans, RUNG_SUSPEND, 1));
    evidence_reset(&e, &plans, RUNG_SUSPEND, anew);
    for (int i = 0; i < 300; i++)
        evidence_late(&e, &plans, &v, START + i * USEC_SECOND, START + 5 * USEC_HOUR);
    assert_false(evidence_alarms(&e, &plans, RUNG_WARN, 1));
    for (int i = 0; i < 300; i++) // the same bucket of 2 h, but after it
        evidence_late(&e, &plans, &v, anew + i * USEC_SECOND, START + 5 * USEC_HOUR);
    assert_true(evidence_alarms(&e, &plans, RUNG_SUSPEND, 1));
    evidence_deinit(&e);
}

static void what_is_older_than_all_buckets_is_forgotten(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(1);
    struct evidence e = {0};
    struct evidence_volume v = {0};
    usec_t now = START + EVIDENCE_BUCKETS * EVIDENCE_BUCKET;
    evidence_volume_add(&v, now, 100);
    evidence_volume_add(&v, START, 100);
    assert_int_equal(evidence_volume_day(&v, START + USEC_HOUR), 0);
    for (int i = 0; i < 100; i++)
        evidence_late(&e, &plans, &v, START, now);
    assert_false(evidence_alarms(&e, &plans, RUNG_WARN, 1));
    for (int i = 0; i < 100; i++)
        evidence_late(&e, &plans, &v, now, now);
    assert_true(evidence_alarms(&e, &plans, RUNG_WARN, 1));
    evidence_bad(&e, &plans, now + 4 * USEC_DAY, 1); // days later nothing of it is left
    assert_int_equal(e.deep->late_n, 0);
    assert_true(e.deep->late[RUNG_WARN] == 0);
    evidence_late(&e, &plans, &v, INT64_MAX, now + 4 * USEC_DAY); // mad times do no harm
    evidence_late(&e, &plans, &v, INT64_MIN, now + 4 * USEC_DAY);
    evidence_deinit(&e);
}

static void taking_out_quiets_the_late_reading_until_it_is_read_again(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(1);
    struct evidence e = {0};
    struct evidence_volume v = {0};
    campaign(&e, &v, START, 1000);
    for (int i = 0; i < 200; i++) { // an outage of provider 3
        evidence_volume_add(&v, START + USEC_HOUR, 1);
        evidence_bad(&e, &plans, START + USEC_HOUR, 3);
    }
    evidence_late(&e, &plans, &v, START, START + USEC_HOUR);
    assert_true(evidence_alarms(&e, &plans, RUNG_SUSPEND, 1));
    assert_int_equal(evidence_take_out(&e, &plans, 3, START), 200);
    assert_false(evidence_alarms(&e, &plans, RUNG_WARN, 1));
    evidence_late(&e, &plans, &v, START, START + 2 * USEC_HOUR);
    assert_false(evidence_alarms(&e, &plans, RUNG_WARN, 1));
    evidence_deinit(&e);
}

static void the_worst_provider_and_when_its_run_began(void **state)
{
    (void)state;
    struct evidence_plans plans = plans_of(1);
    struct evidence e = {0};
    uint32_t provider, bad;
    usec_t begin;
    assert_false(evidence_worst(&e, &provider, &bad, &begin));
    evidence_bad(&e, &plans, START, 5);
    for (int i = 0; i < 3; i++)
        evidence_bad(&e, &plans, START + USEC_HOUR + i * USEC_MINUTE, 4);
    for (int i = 0; i < 3; i++)
        evidence_bad(&e, &plans, START + 2 * USEC_HOUR + i * 10 * USEC_MINUTE, 5);
    assert_true(evidence_worst(&e, &provider, &bad, &begin));
    assert_int_equal(provider, 5);
    assert_int_equal(bad, 4);
    assert_int_equal(begin, START + 2 * USEC_HOUR); // that one two hours ago was another matter
    evidence_deinit(&e);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_taken_out_never_was),
    cmocka_unit_test(the_reading_without_a_provider_is_what_taking_out_would_leave),
    cmocka_unit_test(save_load_go_on_is_go_on),
    cmocka_unit_test(bytes_that_are_cut_or_mad_are_refused),
    cmocka_unit_test(the_list_is_bounded_by_number_and_time),
    cmocka_unit_test(a_few_say_the_same_as_all_that_is_made_of_them),
    cmocka_unit_test(an_alarm_needs_several_recipients),
    cmocka_unit_test(one_bounce_of_thirteen_sends_alarms_nothing),
    cmocka_unit_test(a_large_customers_alarm_is_higher),
    cmocka_unit_test(after_an_alarm_that_rung_and_those_below_begin_anew),
    cmocka_unit_test(late_news_in_a_row_are_no_harm_in_a_row),
    cmocka_unit_test(late_news_at_the_acceptable_rate_alarm_as_rarely_as_others),
    cmocka_unit_test(late_news_from_before_it_began_anew_is_dealt_with),
    cmocka_unit_test(what_is_older_than_all_buckets_is_forgotten),
    cmocka_unit_test(taking_out_quiets_the_late_reading_until_it_is_read_again),
    cmocka_unit_test(the_worst_provider_and_when_its_run_began),
};
TEST_MAIN(tests)
