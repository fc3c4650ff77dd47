/* An IP's health is made of what it did and what was said of it. */
#include "rotation_world.h"

#include <math.h>

#include "core/health.h"

#define A "192.0.2.1"

static bool ask(const struct rotation_world *w, struct health *h)
{
    return reputation_health(&w->r, A, h);
}

static bool is_about(double a, double b)
{
    return fabs(a - b) < 0.5;
}

static void without_traffic_in_a_day_there_is_none(void **state)
{
    (void)state;
    struct rotation_world w;
    struct health h;
    world_begin(&w);
    assert_false(ask(&w, &h)); // never heard of
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    assert_false(ask(&w, &h));
    world_deliver(&w, A, "gmx", "acme", 1);
    assert_true(ask(&w, &h));
    w.r.now += USEC_DAY;
    assert_false(ask(&w, &h));
    world_end(&w);
}

static void good_mail_is_a_hundred(void **state)
{
    (void)state;
    struct rotation_world w;
    struct health h;
    world_begin(&w);
    world_deliver(&w, A, "gmx", "acme", 1000);
    world_dead(&w, A, "gmx", "acme", 10);
    assert_true(ask(&w, &h));
    assert_true(h.score == 100);
    world_end(&w);
}

static void each_trouble_takes_off_what_the_page_says(void **state)
{
    (void)state;
    struct rotation_world w;
    struct health h;
    world_begin(&w);
    w.r.fleet_n[HARM_DEAD] = 1e6, w.r.fleet_bad[HARM_DEAD] = 1e4;
    world_deliver(&w, A, "gmx", "acme", 465);
    world_deliver(&w, A, "google", "acme", 464);
    world_dead(&w, A, "gmx", "acme", 71); // 7.1 %
    world_block(&w, A, "google", "a@gmail.test");
    reputation_set_reverse(&w.r, A, true);
    world_listed(&w, A, "bl.spamcop.net", "127.0.0.2", true);
    assert_true(ask(&w, &h));
    assert_true(is_about(h.parts[HEALTH_BLOCKS], 30));
    assert_true(is_about(h.parts[HEALTH_DEAD], 18));
    assert_true(is_about(h.parts[HEALTH_LISTINGS], 25));
    assert_true(is_about(h.parts[HEALTH_REVERSE], 10));
    assert_true(is_about(h.score, 17));
    assert_string_equal(h.texts[HEALTH_BLOCKS], "blocked at google: 50 % of its traffic");
    assert_string_equal(h.texts[HEALTH_LISTINGS], "listed on bl.spamcop.net (weight 0.5)");
    // It stops sending there: the share stays what it was.
    w.r.now += 30 * USEC_MINUTE;
    world_deliver(&w, A, "gmx", "acme", 2000);
    assert_true(ask(&w, &h));
    assert_true(is_about(h.parts[HEALTH_BLOCKS], 30));
    world_end(&w);
}

static void a_pause_that_is_over_proves_nothing_yet(void **state)
{
    (void)state;
    struct rotation_world w;
    struct health h;
    world_begin(&w);
    world_deliver(&w, A, "google", "acme", 100);
    world_deliver(&w, A, "gmx", "acme", 100);
    world_block(&w, A, "google", "a@gmail.test");
    world_pass(&w, w.r.now + USEC_HOUR + USEC_MINUTE);
    world_deliver(&w, A, "gmx", "acme", 1);
    assert_true(ask(&w, &h));
    assert_true(is_about(h.parts[HEALTH_BLOCKS], 30));
    world_deliver(&w, A, "google", "acme", 1); // the probe is taken
    assert_true(ask(&w, &h));
    assert_true(is_about(h.parts[HEALTH_BLOCKS], 0));
    world_end(&w);
}

static void complaints_are_of_what_those_got_who_report(void **state)
{
    (void)state;
    struct rotation_world w;
    struct health h;
    struct outcome o = {.kind = OUTCOME_COMPLAINED, .class = CLASS_COMPLAINT, .customer = "acme"};
    world_begin(&w);
    world_deliver(&w, A, "google", "acme", 100000); // silent
    world_deliver(&w, A, "gmx", "acme", 4000);
    for (int i = 0; i < 20; i++)
        world_outcome(&w, A, "gmx", "acme", &o);
    assert_true(ask(&w, &h));
    assert_string_equal(h.texts[HEALTH_COMPLAINTS], "20 of 4000 (0.5 %), fine up to 0.1 %");
    assert_true(h.parts[HEALTH_COMPLAINTS] > 20);
    world_end(&w);
}

static void a_providers_incident_takes_nothing_off(void **state)
{
    (void)state;
    struct rotation_world w;
    struct health h;
    struct outcome o = {.kind = OUTCOME_DEFERRED, .class = CLASS_TRANSIENT, .customer = "acme"};
    world_begin(&w);
    world_deliver(&w, A, "gmx", "acme", 100);
    world_block(&w, A, "gmx", "a@gmx.test");
    w.r.providers[0]->outage.open_since = START;
    for (int i = 0; i < 500; i++)
        world_outcome(&w, A, "gmx", "acme", &o);
    assert_true(ask(&w, &h));
    assert_true(h.score == 100);
    w.r.providers[0]->outage.open_since = 0;
    for (int i = 0; i < 500; i++)
        world_outcome(&w, A, "gmx", "acme", &o);
    assert_true(ask(&w, &h));
    assert_true(h.parts[HEALTH_DEFERRALS] > 10 && h.parts[HEALTH_BLOCKS] > 50);
    world_end(&w);
}

static void a_ring_that_turned_over_is_made_up_for(void **state)
{
    (void)state;
    struct rotation_world w;
    struct health h;
    world_begin(&w);
    for (int i = 0; i < 180; i++, w.r.now += USEC_MINUTE) {
        world_deliver(&w, A, "gmx", "acme", 186);
        world_dead(&w, A, "gmx", "acme", 14); // 7 %, 840 an hour
    }
    assert_true(ask(&w, &h));
    assert_true(h.parts[HEALTH_DEAD] > 16 && h.parts[HEALTH_DEAD] < 21);
    world_end(&w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(without_traffic_in_a_day_there_is_none),
    cmocka_unit_test(good_mail_is_a_hundred),
    cmocka_unit_test(each_trouble_takes_off_what_the_page_says),
    cmocka_unit_test(a_pause_that_is_over_proves_nothing_yet),
    cmocka_unit_test(complaints_are_of_what_those_got_who_report),
    cmocka_unit_test(a_providers_incident_takes_nothing_off),
    cmocka_unit_test(a_ring_that_turned_over_is_made_up_for),
};
TEST_MAIN(tests)
