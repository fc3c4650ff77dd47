/* The world in a box: its tables fit together, its dice fall the same way, and the engine can read the
 * configuration it writes. */
#include "test.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "settings/settings.h"
#include "sim/people.h"
#include "sim/record.h"
#include "sim/scenario.h"
#include "sim/world.h"

static bool is_loopback(const char *address)
{
    struct in_addr in;
    return inet_pton(AF_INET, address, &in) == 1 && ntohl(in.s_addr) >> 24 == 127;
}

static bool ends_in_test(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".test") == 0;
}

// ---- tables

static void providers_are_apart_and_answer_with_codes(void **state)
{
    (void)state;
    const struct provider_plan *p;
    size_t n = scenario_providers(&p);
    unsigned shares = 0;
    for (size_t i = 0; i < n; i++) {
        const char *answers[] = {p[i].unknown, p[i].full, p[i].greylisted, p[i].blocked, p[i].spam};
        const char classes[] = "54445";
        shares += p[i].share;
        for (size_t a = 0; a < ARRAY_LEN(answers); a++)
            if (!answers[a] || answers[a][0] != classes[a] || answers[a][3] != ' ')
                fail_msg("%s: %s", p[i].name, answers[a] ? answers[a] : "no answer");
        if (strncmp(p[i].blocked, "421 ", 4) != 0 || !is_loopback(p[i].address) ||
            !ends_in_test(p[i].host) || !p[i].domains[0] || p[i].connections < 2 || !p[i].patience)
            fail_msg("%s", p[i].name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(p[i].address, p[k].address) == 0 || strcmp(p[i].name, p[k].name) == 0)
                fail_msg("%s and %s are one", p[i].name, p[k].name);
        assert_string_not_equal(p[i].address, scenario_home()->address);
    }
    assert_int_equal(shares, 1000);
}

static void each_domain_comes_up_as_often_as_its_provider_says(void **state)
{
    (void)state;
    const struct provider_plan *p;
    size_t providers = scenario_providers(&p);
    for (size_t i = 0; i < providers; i++) {
        unsigned n = 0;
        for (unsigned r = 0; r < 1000; r++)
            for (size_t d = 0; d < ARRAY_LEN(p->domains) && p[i].domains[d]; d++)
                n += strcmp(scenario_domain(r), p[i].domains[d]) == 0;
        assert_int_equal(n, p[i].share);
    }
}

static void customers_are_told_apart_by_their_address(void **state)
{
    (void)state;
    const struct customer_plan *c;
    size_t n = scenario_customers(&c), firsts = 0;
    for (size_t i = 0; i < n; i++) {
        firsts += scenario_is_first(i);
        if (!is_loopback(c[i].address) || c[i].rate <= 0 || c[i].dead < 0 || c[i].dead > 1 ||
            c[i].begins < 0 || c[i].begins >= c[i].ends || c[i].ends > 1 || !c[i].size)
            fail_msg("%s", c[i].name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(c[i].address, c[k].address) == 0) // a thief comes from elsewhere, too
                fail_msg("%s and %s", c[i].name, c[k].name);
    }
    assert_in_range(firsts, 2, n);
}

// ---- people

static void the_same_seed_draws_the_same_people_in_the_same_order(void **state)
{
    (void)state;
    struct dice a = {7}, b = {7}, c = {8};
    unsigned others = 0;
    for (int i = 0; i < 300; i++) {
        char one[PEOPLE_ADDRESS], two[PEOPLE_ADDRESS], three[PEOPLE_ADDRESS];
        people_draw(one, 1, &a, MAILBOX_LIVES);
        people_draw(two, 1, &b, MAILBOX_LIVES);
        people_draw(three, 1, &c, MAILBOX_LIVES);
        assert_string_equal(one, two);
        others += strcmp(one, three) != 0;
    }
    assert_in_range(others, 290, 300);
}

// The order of the throws is part of the promise: known answers, whatever compiled them.
static void the_first_people_of_the_first_seed_are_these(void **state)
{
    (void)state;
    static const char *const known[] = {"olga.weber444@outlook.test", "paul.turan523@outlook.test",
                                        "kim.jung167@outlook.test"};
    struct dice dice = {1};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        char address[PEOPLE_ADDRESS];
        people_draw(address, 1, &dice, MAILBOX_LIVES);
        assert_string_equal(address, known[i]);
    }
}

static void who_is_drawn_has_the_mailbox_that_was_wanted(void **state)
{
    (void)state;
    struct dice dice = {3};
    for (int i = 0; i < 300; i++) {
        enum mailbox want = (enum mailbox)(i % 3);
        char address[PEOPLE_ADDRESS];
        people_draw(address, 5, &dice, want);
        assert_int_equal(people_mailbox(5, address), want);
    }
}

static void dice_fall_evenly(void **state)
{
    (void)state;
    struct dice dice = {11};
    unsigned n[6] = {0}, falls = 0;
    for (int i = 0; i < 6000; i++) {
        n[dice_below(&dice, 6)]++;
        falls += dice_falls(&dice, 0.1);
    }
    for (size_t i = 0; i < ARRAY_LEN(n); i++)
        assert_in_range(n[i], 850, 1150);
    assert_in_range(falls, 500, 700);
}

// ---- the world's own records

static void a_record_is_found_by_its_recipient_and_by_nobody_else(void **state)
{
    (void)state;
    struct records all = {0};
    for (unsigned i = 1; i <= 3000; i++) {
        CLEANUP(xfree) char *address = xasprintf("u%u@a.test", i);
        assert_int_equal(records_add(&all, address, &(struct record){.arrived = (uint16_t)i}), i);
    }
    assert_int_equal(record_of(&all, "u1@a.test")->arrived, 1);
    assert_int_equal(record_of(&all, "u3000@a.test")->arrived, 3000);
    assert_null(record_of(&all, "u3001@a.test"));
    assert_null(record_of(&all, ""));
    records_deinit(&all);
}

static void the_engine_can_read_what_the_world_writes(void **state)
{
    (void)state;
    char dir[] = "/tmp/mxwarden-sim-XXXXXX";
    struct settings *s = NULL;
    struct settings_mistakes mistakes = {0};
    const struct provider_plan *providers;
    const struct customer_plan *customers;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(scenario_write(dir, &(struct scenario_ports){2525, 2527, 2526}), 0);
    CLEANUP(xfree) char *main_file = xasprintf("%s/mxwarden.yaml", dir);
    CLEANUP(xfree) char *providers_file = xasprintf("%s/providers.yaml", dir);
    int r = settings_load(&s, &mistakes, main_file);
    if (r)
        settings_mistakes_print(&mistakes, STDERR_FILENO);
    unlink(main_file);
    unlink(providers_file);
    rmdir(dir);
    assert_int_equal(r, 0);
    size_t n = scenario_providers(&providers);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(settings_provider_limits(s, providers[i].name)->name,
                            providers[i].name);
    n = scenario_customers(&customers);
    for (size_t i = 0; i < n; i++) {
        bool has_pool = false;
        for (size_t k = 0; k < s->pools_n; k++)
            has_pool |= strcmp(s->pools[k].name, customers[i].pool) == 0;
        assert_true(has_pool);
    }
    assert_int_equal(s->delivery.port, 2526);
    settings_free(s);
}

static void a_directory_that_is_not_there_is_said(void **state)
{
    (void)state;
    assert_true(scenario_write("/tmp/mxwarden-no-such-dir", &(struct scenario_ports){1, 2, 3}) < 0);
}

// ---- the world

static int is_over;

static void on_over(void *ctx)
{
    (void)ctx;
    is_over++;
}

static void a_world_without_an_engine_loses_nothing_and_ends(void **state)
{
    (void)state;
    uv_loop_t loop;
    CLEANUP(xfree) char *why = NULL;
    struct world_summary sum;
    is_over = 0;
    uv_loop_init(&loop);
    struct world *w = world_new(
        &(struct world_options){
            .loop = &loop, .seed = 1, .span = USEC_SECOND / 5, .on_over = on_over},
        &why);
    assert_non_null(w);
    assert_true(world_provider_port(w));
    world_summary_get(w, &sum);
    assert_int_equal(sum.submitted + sum.lost, 0);
    world_end(w); // before it began: nothing is under way
    assert_int_equal(is_over, 1);
    world_free(w);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(providers_are_apart_and_answer_with_codes),
    cmocka_unit_test(each_domain_comes_up_as_often_as_its_provider_says),
    cmocka_unit_test(customers_are_told_apart_by_their_address),
    cmocka_unit_test(the_same_seed_draws_the_same_people_in_the_same_order),
    cmocka_unit_test(the_first_people_of_the_first_seed_are_these),
    cmocka_unit_test(who_is_drawn_has_the_mailbox_that_was_wanted),
    cmocka_unit_test(dice_fall_evenly),
    cmocka_unit_test(a_record_is_found_by_its_recipient_and_by_nobody_else),
    cmocka_unit_test(the_engine_can_read_what_the_world_writes),
    cmocka_unit_test(a_directory_that_is_not_there_is_said),
    cmocka_unit_test(a_world_without_an_engine_loses_nothing_and_ends),
};
TEST_MAIN(tests)
