/* What blocks, listings and time do to lanes and IPs. */
#include "rotation_world.h"

#define A "192.0.2.1"
#define B "192.0.2.2"
#define C "192.0.2.3"
#define D "192.0.2.4"

static void pool_of_four(struct rotation_world *w)
{
    world_begin(w);
    world_ip(w, A, "shared");
    world_ip(w, B, "shared");
    world_ip(w, C, "shared");
    world_ip(w, D, "shared");
}

/* --- lanes */

static void a_block_pauses_its_lane_for_as_long_as_the_provider_asks(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    reputation_provider_index(&w.r, "yahoo");
    w.r.providers[0]->pause = 2 * USEC_HOUR;
    world_block(&w, A, "yahoo", "a@yahoo.test");
    assert_int_equal(w.n, 1);
    assert_true(w.decisions[0].until == START + 2 * USEC_HOUR);
    assert_string_equal(w.decisions[0].reason, "yahoo blocks this IP: no mail there for 2h");
    assert_string_equal(w.decisions[0].samples[0], "421 4.7.0 your IP has a poor reputation");
    assert_string_equal(w.decisions[0].provider, "yahoo");
    assert_string_equal(world_said(&w), "pause lane:" A "/yahoo");
    world_block(&w, A, "yahoo", "b@yahoo.test"); // what was in flight
    world_pass(&w, START + 2 * USEC_HOUR - 1);
    assert_string_equal(world_said(&w), "");
    world_pass(&w, START + 2 * USEC_HOUR);
    assert_string_equal(world_said(&w), "resume lane:" A "/yahoo");
    world_end(&w);
}

static void blocked_again_while_it_probes_it_pauses_twice_as_long(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    static const int hours[] = {1, 2, 4, 8, 16, 24, 24};
    for (size_t i = 0; i < ARRAY_LEN(hours); i++) {
        usec_t now = w.r.now;
        world_block(&w, A, "gmx", "a@gmx.test");
        assert_true(w.decisions[0].until == now + hours[i] * USEC_HOUR);
        world_pass(&w, w.decisions[0].until + USEC_MINUTE);
        assert_string_equal(world_said(&w), "pause lane:" A "/gmx; resume lane:" A "/gmx");
    }
    world_end(&w);
}

static void mail_that_passes_while_it_probes_forgives(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_block(&w, A, "gmx", "a@gmx.test");
    world_pass(&w, START + USEC_HOUR + USEC_MINUTE);
    world_deliver(&w, A, "gmx", "acme", 1);
    world_pass(&w, START + USEC_HOUR + 101 * USEC_MINUTE);
    world_said(&w);
    usec_t now = w.r.now;
    world_block(&w, A, "gmx", "a@gmx.test");
    assert_true(w.decisions[0].until == now + USEC_HOUR);
    world_end(&w);
}

static void without_any_mail_a_pause_is_forgotten_by_and_by(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    for (int i = 0; i < 4; i++) { // up to 8 h
        world_block(&w, A, "gmx", "a@gmx.test");
        world_pass(&w, w.decisions[w.n - 1].until + USEC_MINUTE);
    }
    world_pass(&w, w.r.now + 4 * USEC_HOUR);
    assert_true(w.r.ips[0]->lanes->span > 0);
    world_pass(&w, w.r.now + 8 * USEC_HOUR);
    assert_true(w.r.ips[0]->lanes->span == 0);
    assert_null(heap_first(&w.r.due));
    world_end(&w);
}

static void what_comes_late_pauses_nothing(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_block_at(&w, A, "gmx", "a@gmx.test", START - USEC_HOUR, 0); // its pause would be over
    world_block_at(&w, A, "gmx", "a@gmx.test", START, START - USEC_MINUTE); // a bounce by mail
    assert_string_equal(world_said(&w), "");
    world_block_at(&w, A, "gmx", "a@gmx.test", START - USEC_MINUTE, 0);
    world_pass(&w, START + USEC_HOUR);
    assert_string_equal(world_said(&w), "pause lane:" A "/gmx; resume lane:" A "/gmx");
    world_block_at(&w, A, "gmx", "a@gmx.test", START + 59 * USEC_MINUTE, 0); // was in flight
    assert_string_equal(world_said(&w), "");
    world_block_at(&w, A, "gmx", "a@gmx.test", START + USEC_HOUR, 0);
    assert_string_equal(world_said(&w), "pause lane:" A "/gmx");
    world_end(&w);
}

static void a_gateway_must_speak_for_three_tenants(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_block(&w, A, "mimecast", "a@one.test");
    world_block(&w, A, "mimecast", "b@ONE.test");
    world_block(&w, A, "mimecast", "a@two.test");
    assert_string_equal(world_said(&w), "");
    world_pass(&w, START + 61 * USEC_MINUTE); // too long ago
    world_block(&w, A, "mimecast", "a@three.test");
    world_block(&w, A, "mimecast", "a@four.test");
    assert_string_equal(world_said(&w), "");
    world_pass(&w, START + 120 * USEC_MINUTE); // within an hour of those two
    world_block(&w, A, "mimecast", "a@five.test");
    assert_string_equal(world_said(&w), "pause lane:" A "/mimecast");
    world_end(&w);
}

static void while_a_provider_has_an_incident_its_blocks_count_for_nothing(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    reputation_provider_index(&w.r, "gmx");
    w.r.providers[0]->outage.open_since = START;
    world_block(&w, A, "gmx", "a@gmx.test");
    assert_string_equal(world_said(&w), "");
    char samples[DECISION_SAMPLES][DECISION_SAMPLE]; // but are shown, as nobody's harm
    blame_samples(&w.r, USAGE_NONE, 0, samples);
    assert_string_equal(samples[0], "421 4.7.0 your IP has a poor reputation");
    blame_samples(&w.r, customer_of(&w.r, "acme"), USAGE_NONE, samples);
    assert_string_equal(samples[0], "");
    world_end(&w);
}

static void without_a_policy_nothing_is_decided(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    w.policy = (struct policy){0};
    world_block(&w, A, "gmx", "a@gmx.test");
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    assert_string_equal(world_said(&w), "");
    world_end(&w);
}

static void an_operators_pause_ends_by_itself(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    rotation_told(&w.r, KIND_PAUSE, "lane:" A "/gmx", START + USEC_HOUR, START);
    world_block(&w, A, "gmx", "a@gmx.test");
    assert_false(rotation_is_blocked(&w.r, w.r.ips[0]->lanes, START));
    world_pass(&w, START + 2 * USEC_HOUR);
    assert_string_equal(world_said(&w), "");
    world_block(&w, A, "gmx", "a@gmx.test");
    assert_string_equal(world_said(&w), "pause lane:" A "/gmx");
    rotation_told(&w.r, KIND_RESUME, "provider:gmx", 0, w.r.now);
    assert_true(w.r.ips[0]->lanes->paused_until == 0);
    assert_string_equal(world_said(&w), "");
    world_end(&w);
}

/* --- IPs */

static void trouble_at_two_providers_pulls_the_ip(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_block(&w, A, "gmx", "a@gmx.test");
    world_block(&w, A, "google", "a@gmail.test");
    assert_true(w.decisions[2].until == START + 4 * USEC_HOUR);
    assert_string_equal(w.decisions[2].reason, "blocked at google, gmx");
    assert_string_equal(w.decisions[2].pool, "shared");
    assert_string_equal(world_said(&w),
                        "pause lane:" A "/gmx; pause lane:" A "/google; pull ip:" A);
    world_pass(&w, START + 4 * USEC_HOUR - 1);
    world_said(&w);
    world_pass(&w, START + 4 * USEC_HOUR);
    assert_string_equal(world_said(&w), "return ip:" A);
    assert_int_equal(w.r.ips[0]->rotation, ROTATION_ACTIVE);
    world_end(&w);
}

static void pauses_one_after_the_other_pull_nothing(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_block(&w, A, "gmx", "a@gmx.test");
    world_pass(&w, START + USEC_HOUR + 1);
    world_block(&w, A, "google", "a@gmail.test");
    assert_string_equal(world_said(&w),
                        "pause lane:" A "/gmx; resume lane:" A "/gmx; pause lane:" A "/google");
    world_end(&w);
}

static void listings_do_what_their_weights_say(void **state)
{
    (void)state;
    static const struct {
        const char *name, *zones[3], *answer, *said;
    } cases[] = {
        {"one that matters", {"zen.spamhaus.org"}, "127.0.0.2", "pull ip:" A},
        {"half of it", {"bl.spamcop.net"}, "127.0.0.2", "drain ip:" A},
        {"a quarter", {"psbl.surriel.com"}, "127.0.0.2", ""},
        {"two quarters", {"psbl.surriel.com", "bl.mailspike.net"}, "127.0.0.2", "drain ip:" A},
        {"two halves",
         {"bl.spamcop.net", "b.barracudacentral.org"},
         "127.0.0.2",
         "drain ip:" A "; pull ip:" A},
        {"the same one twice", {"bl.spamcop.net", "bl.spamcop.net"}, "127.0.0.3", "drain ip:" A},
        {"one that the policy does not name", {"dnsbl.example"}, "127.0.0.2", ""},
        {"without its answer", {"zen.spamhaus.org"}, NULL, "pull ip:" A},
        {"over its limit", {"zen.spamhaus.org"}, "127.255.255.254", ""},
        {"a resolver that invents answers", {"zen.spamhaus.org"}, "203.0.113.7", ""},
        {"an answer that is none", {"zen.spamhaus.org"}, "127.0.0.2 x", ""},
        {"several at once, as the probes say it",
         {"zen.spamhaus.org"},
         "127.0.0.4 127.0.0.11",
         "pull ip:" A},
        {"one of them an error", {"zen.spamhaus.org"}, "127.0.0.4 127.255.255.254", "pull ip:" A},
        {"nothing but errors", {"zen.spamhaus.org"}, "127.255.255.252 127.255.255.254", ""},
        {"several, and several lists",
         {"bl.spamcop.net", "b.barracudacentral.org"},
         "127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.10 127.0.0.11",
         "drain ip:" A "; pull ip:" A},
        {"a zone that is none", {"zen spamhaus org"}, "127.0.0.2", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rotation_world w;
        pool_of_four(&w);
        for (size_t z = 0; z < 3 && cases[i].zones[z]; z++)
            world_listed(&w, A, cases[i].zones[z], cases[i].answer, true);
        const char *said = world_said(&w);
        if (strcmp(said, cases[i].said) != 0)
            fail_msg("%s: %s", cases[i].name, said);
        world_end(&w);
    }
}

static void a_listed_ip_rests_until_it_is_off_the_list(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    world_pass(&w, START + 4 * USEC_HOUR + 1);
    // The next hold stands before the first one ends.
    assert_int_equal(w.n, 2);
    assert_true(w.decisions[1].at < START + 4 * USEC_HOUR);
    assert_true(w.decisions[1].until == START + 8 * USEC_HOUR);
    assert_string_equal(w.decisions[1].reason, "rests again: still listed on zen.spamhaus.org");
    assert_string_equal(world_said(&w), "pull ip:" A "; pull ip:" A);
    assert_int_equal(w.r.ips[0]->rotation, ROTATION_RESTING);
    world_end(&w);
}

static void off_the_list_for_one_probe_it_returns_early(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    world_pass(&w, START + USEC_HOUR);
    world_listed(&w, A, "zen.spamhaus.org", NULL, false);
    world_pass(&w, START + 74 * USEC_MINUTE);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true); // not for good
    world_pass(&w, START + 3 * USEC_HOUR);
    assert_string_equal(world_said(&w), "pull ip:" A);
    world_listed(&w, A, "zen.spamhaus.org", NULL, false);
    world_pass(&w, START + 3 * USEC_HOUR + 15 * USEC_MINUTE);
    assert_string_equal(world_said(&w), "return ip:" A);
    world_pass(&w, START + USEC_DAY);
    assert_string_equal(world_said(&w), "");
    world_end(&w);
}

static void blocked_lanes_keep_it_out_after_its_delisting(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    w.policy.lane_pause = 6 * USEC_HOUR;
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    world_block(&w, A, "gmx", "a@gmx.test");
    world_listed(&w, A, "zen.spamhaus.org", NULL, false);
    world_pass(&w, START + 5 * USEC_HOUR);
    assert_string_equal(world_said(&w), "pull ip:" A "; pause lane:" A "/gmx; pull ip:" A);
    world_pass(&w, START + 8 * USEC_HOUR);
    assert_string_equal(world_said(&w), "resume lane:" A "/gmx; return ip:" A);
    world_end(&w);
}

static void what_an_operator_pulled_is_never_returned_by_us(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    rotation_told(&w.r, KIND_PULL, "ip:" A, START + USEC_HOUR, START);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    world_pass(&w, START + USEC_HOUR - 1);
    assert_string_equal(world_said(&w), "");
    world_pass(&w, START + USEC_HOUR);
    assert_string_equal(world_said(&w), "pull ip:" A); // now it is our turn
    rotation_told(&w.r, KIND_PULL, "ip:" B, 0, w.r.now);
    world_pass(&w, START + 400 * USEC_DAY);
    assert_int_equal(w.r.ips[1]->rotation, ROTATION_PULLED);
    world_end(&w);
}

static void what_an_operator_returned_stays_until_there_is_news(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true);
    rotation_told(&w.r, KIND_RETURN, "ip:" A, 0, START);
    world_listed(&w, A, "zen.spamhaus.org", "127.0.0.2", true); // the probe says it again
    world_pass(&w, START + USEC_DAY);
    assert_string_equal(world_said(&w), "pull ip:" A);
    world_listed(&w, A, "bl.spamcop.net", "127.0.0.2", true);
    assert_string_equal(world_said(&w), "pull ip:" A);
    world_end(&w);
}

static void a_providers_own_fault_is_taken_back(void **state)
{
    (void)state;
    struct rotation_world w;
    pool_of_four(&w);
    world_dead(&w, A, "gmx", "acme", 3);
    world_dead(&w, A, "google", "acme", 2);
    world_block(&w, A, "gmx", "a@gmx.test");
    world_block(&w, A, "google", "a@gmail.test");
    world_said(&w);
    w.r.now += USEC_MINUTE;
    for (uint32_t i = 0; i < 2; i++) {
        w.r.providers[i]->outage.open_since = w.r.now;
        rotation_take_out(&w.r, i, START - USEC_MINUTE);
    }
    world_pass(&w, w.r.now);
    assert_string_equal(world_said(&w),
                        "resume lane:" A "/gmx; resume lane:" A "/google; return ip:" A);
    struct decision_culprit c[5];
    assert_int_equal(blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, 5), 0);
    world_end(&w);
}

/* --- a restart, and what comes from outside */

static void copy_world(struct rotation_world *to, struct rotation_world *from)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    rotation_save(&from->r, &b);
    world_begin(to);
    to->r.now = from->r.now;
    for (uint32_t i = 0; i < from->r.providers_n; i++)
        reputation_provider_index(&to->r, from->r.providers[i]->name);
    for (uint32_t i = 0; i < from->r.customers_n; i++)
        customer_of(&to->r, from->r.customers[i]->name);
    struct bytes in = buf_bytes(&b);
    assert_true(rotation_load(&to->r, &in));
    assert_int_equal(in.n, 0);
    for (size_t n = 0; n < b.n; n += 1 + b.n / 200) { // cut anywhere: refused, nothing lost
        struct rotation_world cut;
        world_begin(&cut);
        for (uint32_t i = 0; i < from->r.providers_n; i++)
            reputation_provider_index(&cut.r, from->r.providers[i]->name);
        in = bytes_of(b.p, n);
        assert_false(rotation_load(&cut.r, &in));
        world_end(&cut);
    }
    world = to;
}

static void do_much(struct rotation_world *w, int from)
{
    static const char *const ips[] = {A, B, C, D};
    static const char *const providers[] = {"google", "gmx", "yahoo", "mimecast"};
    uint32_t dice = 12345U + (uint32_t)from;
    for (int i = from; i < from + 800; i++) {
        dice = dice * 1664525U + 1013904223U;
        const char *ip = ips[dice >> 30], *provider = providers[dice >> 28 & 3];
        world_pass(w, w->r.now + (usec_t)(dice >> 10 & 63) * USEC_SECOND);
        if (dice % 97 == 0)
            world_block(w, ip, provider, dice & 4096 ? "a@one.test" : "a@two.test");
        else if (dice % 101 == 0)
            world_listed(w, ip, "bl.spamcop.net", "127.0.0.2", dice & 8192);
        else if (dice % 11 == 0)
            world_dead(w, ip, provider, dice & 65536 ? "acme" : "bob", 1);
        else
            world_deliver(w, ip, provider, "acme", 3);
    }
}

static void a_restart_changes_no_decision(void **state)
{
    (void)state;
    struct rotation_world w, again;
    CLEANUP(buf_deinit) struct buf a = {0};
    CLEANUP(buf_deinit) struct buf b = {0};
    pool_of_four(&w);
    do_much(&w, 0);
    w.n = 0;
    copy_world(&again, &w);
    do_much(&again, 5000);
    world = &w;
    do_much(&w, 5000);
    assert_true(w.n > 10 && w.n < ARRAY_LEN(w.decisions));
    assert_int_equal(w.n, again.n);
    for (size_t i = 0; i < w.n; i++) {
        decision_format(&a, &w.decisions[i]);
        decision_format(&b, &again.decisions[i]);
    }
    assert_string_equal((char *)a.p, (char *)b.p);
    buf_clear(&a);
    buf_clear(&b);
    rotation_save(&w.r, &a);
    rotation_save(&again.r, &b);
    assert_true(a.n == b.n);
    world_end(&w);
    world_end(&again);
}

// Bytes from a disk that went bad: refused, or taken as what they say; never more than that.
static void spoiled_bytes_do_no_harm(void **state)
{
    (void)state;
    struct rotation_world w;
    CLEANUP(buf_deinit) struct buf b = {0};
    uint32_t dice = 99;
    pool_of_four(&w);
    do_much(&w, 0);
    rotation_save(&w.r, &b);
    world_end(&w);
    for (int i = 0; i < 300; i++) {
        struct rotation_world spoiled;
        dice = dice * 1664525U + 1013904223U;
        uint8_t *byte = &b.p[dice % (i % 2 ? b.n : 400)];
        uint8_t before = *byte;
        *byte = (uint8_t)(dice >> 24);
        pool_of_four(&spoiled);
        reputation_provider_index(&spoiled.r, "google");
        reputation_provider_index(&spoiled.r, "gmx");
        reputation_provider_index(&spoiled.r, "yahoo");
        reputation_provider_index(&spoiled.r, "mimecast");
        struct bytes in = buf_bytes(&b);
        rotation_load(&spoiled.r, &in);
        do_much(&spoiled, 5000);
        world_end(&spoiled);
        *byte = before;
    }
}

static void targets_that_are_none_change_nothing(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "",          "ip:",           "lane:",     "lane:" A, "lane:" A "/",
        "lane:/gmx", "customer:acme", "provider:", "node:x"};
    static const enum kind kinds[] = {KIND_PULL, KIND_PAUSE, KIND_RESUME, KIND_RETURN, KIND_WARN};
    for (size_t t = 0; t < ARRAY_LEN(targets); t++) {
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            struct rotation_world w;
            pool_of_four(&w);
            rotation_told(&w.r, kinds[k], targets[t], START + USEC_HOUR, START);
            assert_int_equal(w.r.ips[0]->rotation, ROTATION_ACTIVE);
            assert_null(w.r.ips[0]->lanes);
            assert_int_equal(w.n, 0);
            world_end(&w);
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_block_pauses_its_lane_for_as_long_as_the_provider_asks),
    cmocka_unit_test(blocked_again_while_it_probes_it_pauses_twice_as_long),
    cmocka_unit_test(mail_that_passes_while_it_probes_forgives),
    cmocka_unit_test(without_any_mail_a_pause_is_forgotten_by_and_by),
    cmocka_unit_test(what_comes_late_pauses_nothing),
    cmocka_unit_test(a_gateway_must_speak_for_three_tenants),
    cmocka_unit_test(while_a_provider_has_an_incident_its_blocks_count_for_nothing),
    cmocka_unit_test(without_a_policy_nothing_is_decided),
    cmocka_unit_test(an_operators_pause_ends_by_itself),
    cmocka_unit_test(trouble_at_two_providers_pulls_the_ip),
    cmocka_unit_test(pauses_one_after_the_other_pull_nothing),
    cmocka_unit_test(listings_do_what_their_weights_say),
    cmocka_unit_test(a_listed_ip_rests_until_it_is_off_the_list),
    cmocka_unit_test(off_the_list_for_one_probe_it_returns_early),
    cmocka_unit_test(blocked_lanes_keep_it_out_after_its_delisting),
    cmocka_unit_test(what_an_operator_pulled_is_never_returned_by_us),
    cmocka_unit_test(what_an_operator_returned_stays_until_there_is_news),
    cmocka_unit_test(a_providers_own_fault_is_taken_back),
    cmocka_unit_test(a_restart_changes_no_decision),
    cmocka_unit_test(spoiled_bytes_do_no_harm),
    cmocka_unit_test(targets_that_are_none_change_nothing),
};
TEST_MAIN(tests)
