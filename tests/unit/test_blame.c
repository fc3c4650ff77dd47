/* Whose fault it is: the true culprits among innocents that send much more. */
#include "rotation_world.h"

#include <math.h>

static uint64_t seed;

static double dice(void) // xorshift64, 0–1
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

static const char *const address = "192.0.2.1";
static const char *const providers[] = {"gmx", "google", "yahoo", "web"};

// What one message became: dead, a spam rejection, or delivered, and then perhaps a complaint.
struct sender {
    const char *name;
    double volume; // of all mail, in weights
    double dead, spam, complaint;
};

static void send_one(struct rotation_world *w, const struct sender *s, const char *provider)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED, .customer = s->name, .reply = "250 ok"};
    double d = dice();
    if (d < s->dead)
        o = (struct outcome){.kind = OUTCOME_BOUNCED,
                             .class = CLASS_UNKNOWN_USER,
                             .customer = s->name,
                             .reply = "550 no such user"};
    else if (d < s->dead + s->spam)
        o = (struct outcome){.kind = OUTCOME_BOUNCED,
                             .class = CLASS_CONTENT_SPAM,
                             .customer = s->name,
                             .reply = "554 spam"};
    world_outcome(w, address, provider, s->name, &o);
    if (o.kind != OUTCOME_DELIVERED || dice() >= s->complaint)
        return;
    o = (struct outcome){.kind = OUTCOME_COMPLAINED, .class = CLASS_COMPLAINT, .customer = s->name};
    world_outcome(w, address, provider, s->name, &o);
}

static void send_all(struct rotation_world *w, const struct sender *senders, size_t n, int messages)
{
    double all = 0;
    for (size_t i = 0; i < n; i++)
        all += senders[i].volume;
    for (int m = 0; m < messages; m++) {
        double d = dice() * all;
        size_t i = 0;
        while (i < n - 1 && d >= senders[i].volume)
            d -= senders[i++].volume;
        w->r.now += (usec_t)(dice() * 2 * 3600 / messages * (double)USEC_SECOND);
        send_one(w, &senders[i], providers[(int)(dice() * 4)]);
    }
}

enum { INNOCENTS = 20 };

// Innocents of many sizes, at up to three quarters of what is acceptable, and the culprits.
static size_t make_senders(struct sender *s, char names[][16], int culprits)
{
    size_t n = 0;
    for (int i = 0; i < INNOCENTS; i++, n++) {
        snprintf(names[i], 16, "innocent%d", i);
        s[n] = (struct sender){names[i], 1 + 200 * dice() * dice(), 0.015 * dice(), 0.003 * dice(),
                               0.0007 * dice()};
    }
    double volume = 0;
    for (size_t i = 0; i < n; i++)
        volume += s[i].volume;
    for (int i = 0; i < culprits; i++, n++) {
        int kind = (int)(dice() * 3);
        double part = 0.01 + 0.03 * dice(); // of all mail
        s[n] = (struct sender){.name = i ? "culprit2" : "culprit1", .volume = volume * part};
        s[n].dead = kind == 0 ? 0.12 + 0.4 * dice() : 0.01;
        s[n].spam = kind == 1 ? 0.08 + 0.3 * dice() : 0;
        s[n].complaint = kind == 2 ? 0.02 + 0.05 * dice() : 0;
    }
    return n;
}

// How many of the culprits stand first in `worlds` worlds: all of them or it does not count.
static int worlds_right(int worlds, int culprits, int messages, bool of_lane)
{
    int right = 0;
    for (int i = 0; i < worlds; i++) {
        struct rotation_world w;
        struct sender senders[INNOCENTS + 2];
        char names[INNOCENTS][16];
        struct decision_culprit c[DECISION_CULPRITS] = {0};
        seed = 1000003ULL * (uint64_t)(i + 1) + 77;
        world_begin(&w);
        size_t n = make_senders(senders, names, culprits);
        send_all(&w, senders, n, messages);
        size_t found =
            blame_find(&w.r, w.r.ips[0], of_lane ? 0 : USAGE_NONE, w.r.now, c, DECISION_CULPRITS);
        int first = 0;
        for (int k = 0; k < culprits && k < (int)found; k++)
            first += strncmp(c[k].customer, "culprit", 7) == 0;
        right += first == culprits;
        world_end(&w);
    }
    return right;
}

static void one_culprit_is_first_in_99_of_100_worlds(void **state)
{
    (void)state;
    int right = worlds_right(200, 1, 12000, false);
    print_message("one culprit: %d of 200\n", right);
    assert_true(right >= 198);
    right = worlds_right(100, 1, 12000, true);
    print_message("one culprit at a lane: %d of 100\n", right);
    assert_true(right >= 99);
}

static void both_of_two_are_first_in_95_of_100_worlds(void **state)
{
    (void)state;
    int right = worlds_right(200, 2, 12000, false);
    print_message("two culprits: %d of 200\n", right);
    assert_true(right >= 190);
}

static void shares_are_of_the_excess_and_come_with_counts_and_replies(void **state)
{
    (void)state;
    struct rotation_world w;
    struct decision_culprit c[DECISION_CULPRITS];
    double share;
    world_begin(&w);
    world_deliver(&w, address, "gmx", "big", 2000);
    world_dead(&w, address, "gmx", "big", 20); // 1 %: fine
    world_deliver(&w, address, "gmx", "bad", 60);
    world_dead(&w, address, "gmx", "bad", 40);
    world_deliver(&w, address, "gmx", "worse", 20);
    world_dead(&w, address, "gmx", "worse", 80);
    assert_int_equal(blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, DECISION_CULPRITS), 2);
    assert_string_equal(c[0].customer, "worse");
    assert_int_equal(c[0].bad, 80);
    assert_int_equal(c[0].of, 100);
    assert_string_equal(c[0].samples[0], "550 5.1.1 no such user");
    assert_string_equal(c[0].samples[1], "");
    assert_true(fabs(c[0].share + c[1].share - 1) < 1e-9);
    assert_true(c[0].share > 0.65 && c[0].share < 0.7);
    uint32_t first = blame_first(&w.r, w.r.ips[0], 0, w.r.now, &share);
    assert_string_equal(w.r.customers[first]->name, "worse");
    assert_true(share > 0.65 && share < 0.7);
    assert_int_equal(blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, 1), 1);
    world_end(&w);
}

static void a_block_may_have_no_culprit(void **state)
{
    (void)state;
    struct rotation_world w;
    struct decision_culprit c[DECISION_CULPRITS];
    double share;
    world_begin(&w);
    world_deliver(&w, address, "gmx", "big", 2000);
    world_dead(&w, address, "gmx", "big", 20);
    world_deliver(&w, address, "gmx", "small", 2);
    world_dead(&w, address, "gmx", "small", 1); // one is chance
    assert_int_equal(blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, DECISION_CULPRITS), 0);
    assert_int_equal(blame_first(&w.r, w.r.ips[0], 0, w.r.now, &share), USAGE_NONE);
    world_end(&w);
}

static void a_lane_with_little_news_asks_the_ip(void **state)
{
    (void)state;
    struct rotation_world w;
    struct decision_culprit c[DECISION_CULPRITS];
    world_begin(&w);
    reputation_provider_index(&w.r, "gmx");
    world_dead(&w, address, "gmx", "here", 30);
    world_dead(&w, address, "yahoo", "there", 60);
    blame_find(&w.r, w.r.ips[0], 0, w.r.now, c, DECISION_CULPRITS);
    assert_string_equal(c[0].customer, "here");
    world_dead(&w, address, "google", "here", 1);
    blame_find(&w.r, w.r.ips[0], reputation_provider_index(&w.r, "google"), w.r.now, c,
               DECISION_CULPRITS);
    assert_string_equal(c[0].customer, "there");
    world_end(&w);
}

static void a_trap_weighs_more_than_dead_ones(void **state)
{
    (void)state;
    struct rotation_world w;
    struct decision_culprit c[DECISION_CULPRITS];
    world_begin(&w);
    world_dead(&w, address, "gmx", "bounces", 12);
    world_deliver(&w, address, "gmx", "trapped", 500);
    rotation_note(&w.r, w.r.ips[0], 0, customer_of(&w.r, "trapped"), HARM_TRAP, w.r.now);
    blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, DECISION_CULPRITS);
    assert_string_equal(c[0].customer, "trapped");
    world_end(&w);
}

static void old_harm_fades(void **state)
{
    (void)state;
    struct rotation_world w;
    struct decision_culprit c[DECISION_CULPRITS];
    world_begin(&w);
    world_dead(&w, address, "gmx", "before", 60);
    w.r.now += 4 * USEC_HOUR;
    world_dead(&w, address, "gmx", "now", 20);
    blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, DECISION_CULPRITS);
    assert_string_equal(c[0].customer, "now");
    assert_true(c[0].share > 0.95);
    world_end(&w);
}

static void a_flood_of_one_reply_leaves_the_others_samples(void **state)
{
    (void)state;
    struct rotation_world w;
    char samples[DECISION_SAMPLES][DECISION_SAMPLE];
    struct outcome o = {.class = CLASS_CONTENT_SPAM, .reply = "554 \x1b[31m spam"};
    world_begin(&w);
    uint32_t a = customer_of(&w.r, "a"), b = customer_of(&w.r, "b");
    blame_sample(&w.r, a, 0, 0, &o);
    o.reply = "550 no";
    for (int i = 0; i < 10000; i++)
        blame_sample(&w.r, b, 0, 0, &o);
    blame_samples(&w.r, a, USAGE_NONE, samples);
    assert_string_equal(samples[0], "554 \\x1b[31m spam");
    assert_string_equal(samples[1], "");
    blame_samples(&w.r, USAGE_NONE, 0, samples);
    assert_string_equal(samples[0], "550 no");
    assert_string_equal(samples[2], "");
    o.reply = "";
    blame_sample(&w.r, b, 0, 7, &o);
    blame_samples(&w.r, b, 7, samples);
    assert_string_equal(samples[0], "content-spam");
    world_end(&w);
}

static void who_found_no_place_in_the_table_is_judged_by_its_day(void **state)
{
    (void)state;
    struct rotation_world w;
    struct decision_culprit c[DECISION_CULPRITS];
    world_begin(&w);
    world_deliver(&w, address, "gmx", "bad", 80);
    world_dead(&w, address, "gmx", "bad", 20);
    uint32_t big = customer_of(&w.r, "big");
    w.r.customers[big]->hard_n = 10000;
    for (int i = 0; i < 60; i++)
        rotation_note(&w.r, w.r.ips[0], 0, big, HARM_DEAD, w.r.now);
    assert_int_equal(blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, DECISION_CULPRITS), 1);
    assert_string_equal(c[0].customer, "bad");
    world_end(&w);
}

static void the_ring_of_news_turns_over(void **state)
{
    (void)state;
    struct rotation_world w;
    struct decision_culprit c[DECISION_CULPRITS];
    world_begin(&w);
    world_dead(&w, address, "gmx", "first", 400);
    world_deliver(&w, address, "gmx", "second", 1000);
    world_dead(&w, address, "gmx", "second", 500);
    blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, DECISION_CULPRITS);
    assert_string_equal(c[0].customer, "second");
    w.r.ips[0]->news_n = UINT32_MAX - 3; // years of news
    world_dead(&w, address, "gmx", "third", 300);
    assert_true(w.r.ips[0]->news_n >= REPUTATION_IP_NEWS && w.r.ips[0]->news_n < 2000);
    blame_find(&w.r, w.r.ips[0], USAGE_NONE, w.r.now, c, DECISION_CULPRITS);
    assert_string_equal(c[0].customer, "third");
    assert_int_equal(c[0].bad, 300);
    world_end(&w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_culprit_is_first_in_99_of_100_worlds),
    cmocka_unit_test(both_of_two_are_first_in_95_of_100_worlds),
    cmocka_unit_test(shares_are_of_the_excess_and_come_with_counts_and_replies),
    cmocka_unit_test(a_block_may_have_no_culprit),
    cmocka_unit_test(a_lane_with_little_news_asks_the_ip),
    cmocka_unit_test(a_trap_weighs_more_than_dead_ones),
    cmocka_unit_test(old_harm_fades),
    cmocka_unit_test(a_flood_of_one_reply_leaves_the_others_samples),
    cmocka_unit_test(who_found_no_place_in_the_table_is_judged_by_its_day),
    cmocka_unit_test(the_ring_of_news_turns_over),
};
TEST_MAIN(tests)
