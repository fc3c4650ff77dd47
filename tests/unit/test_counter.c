/* Windows move with time, late facts find their own bucket, and nothing is counted twice. */
#include "test.h"

#include "core/counter.h"

#define START (USEC_DAY * 20000) // a whole day, so also a whole hour and minute

static void a_minute_slides_out_as_evenly_as_it_came_in(void **state)
{
    (void)state;
    struct counter c = {0};
    counter_add_n(&c, COUNTER_DELIVERED, START + 5 * USEC_SECOND, 3);
    assert_int_equal(counter_minute(&c, COUNTER_DELIVERED, START + 59 * USEC_SECOND), 3);
    assert_int_equal(counter_minute(&c, COUNTER_DELIVERED, START + USEC_MINUTE), 3);
    assert_int_equal(counter_minute(&c, COUNTER_DELIVERED, START + 80 * USEC_SECOND), 2);
    assert_int_equal(counter_minute(&c, COUNTER_DELIVERED, START + 2 * USEC_MINUTE), 0);
}

static void a_window_ends_where_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        usec_t later;
        uint64_t hour, day;
    } cases[] = {
        {"at once", 0, 1, 1},
        {"the last minute of the hour", 59 * USEC_MINUTE + 59 * USEC_SECOND, 1, 1},
        {"the hour is over", 60 * USEC_MINUTE, 0, 1},
        {"the last hour of the day", 23 * USEC_HOUR + 59 * USEC_MINUTE, 0, 1},
        {"the day is over", 24 * USEC_HOUR, 0, 0},
        {"a year later", 365 * USEC_DAY, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct counter c = {0};
        usec_t now = START + cases[i].later;
        counter_add_n(&c, COUNTER_BOUNCED, START, 1);
        if (counter_hour(&c, COUNTER_BOUNCED, now) != cases[i].hour ||
            counter_day(&c, COUNTER_BOUNCED, now) != cases[i].day)
            fail_msg("%s", cases[i].name);
    }
}

static void late_facts_count_at_their_own_time_or_not_at_all(void **state)
{
    (void)state;
    struct counter c = {0};
    usec_t now = START + 10 * USEC_HOUR;
    counter_add_n(&c, COUNTER_DELIVERED, now, 1);
    counter_add_n(&c, COUNTER_DELIVERED, now - 30 * USEC_MINUTE, 1); // in the hour
    counter_add_n(&c, COUNTER_DELIVERED, now - 2 * USEC_HOUR, 1);    // in the day only
    counter_add_n(&c, COUNTER_DELIVERED, now - 25 * USEC_HOUR, 1);   // in neither
    assert_int_equal(counter_hour(&c, COUNTER_DELIVERED, now), 2);
    assert_int_equal(counter_day(&c, COUNTER_DELIVERED, now), 3);
    assert_int_equal(counter_hour(&c, COUNTER_DELIVERED, now + 31 * USEC_MINUTE), 1);
    assert_true(c.last_at == now);
}

static void a_clock_that_goes_back_loses_nothing_recent(void **state)
{
    (void)state;
    struct counter c = {0};
    counter_add_n(&c, COUNTER_DELIVERED, START, 5);
    usec_t back = START - 10 * USEC_MINUTE;
    counter_add_n(&c, COUNTER_DELIVERED, back, 2);
    assert_int_equal(counter_hour(&c, COUNTER_DELIVERED, back), 7);
    counter_minute(&c, COUNTER_DELIVERED, back);
    assert_int_equal(counter_hour(&c, COUNTER_DELIVERED, START), 7);
}

static void one_outcome_counts_under_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum outcome_kind kind;
        enum class class;
        uint64_t sums[COUNTER_N];
    } cases[] = {
        // clang-format off
        {"delivered", OUTCOME_DELIVERED, CLASS_DELIVERED, {[COUNTER_DELIVERED] = 1}},
        {"greylisted", OUTCOME_DEFERRED, CLASS_TRANSIENT, {[COUNTER_DEFERRED] = 1}},
        {"blocked for now", OUTCOME_DEFERRED, CLASS_IP_REPUTATION_BLOCK,
         {[COUNTER_DEFERRED] = 1, [COUNTER_BLOCKED] = 1}},
        {"blocked for good", OUTCOME_BOUNCED, CLASS_IP_REPUTATION_BLOCK,
         {[COUNTER_BOUNCED] = 1, [COUNTER_BLOCKED] = 1}},
        {"nobody there", OUTCOME_BOUNCED, CLASS_UNKNOWN_USER,
         {[COUNTER_BOUNCED] = 1, [COUNTER_DEAD] = 1}},
        {"a full mailbox is not dead", OUTCOME_BOUNCED, CLASS_MAILBOX_FULL, {[COUNTER_BOUNCED] = 1}},
        {"spam", OUTCOME_BOUNCED, CLASS_CONTENT_SPAM, {[COUNTER_BOUNCED] = 1, [COUNTER_SPAM] = 1}},
        {"given up", OUTCOME_EXPIRED, CLASS_NO_CONNECT, {[COUNTER_BOUNCED] = 1}},
        {"complaint", OUTCOME_COMPLAINED, CLASS_COMPLAINT, {[COUNTER_COMPLAINED] = 1}},
        {"refused at submission", OUTCOME_REFUSED, CLASS_SUSPENDED, {[COUNTER_REFUSED] = 1}},
        {"accepted", OUTCOME_ACCEPTED, CLASS_DELIVERED, {[COUNTER_ACCEPTED] = 1}},
        {"nobody knows why it bounced", OUTCOME_BOUNCED, CLASS_UNDETERMINED, {[COUNTER_BOUNCED] = 1, [COUNTER_UNDETERMINED] = 1}},
        {"nobody knows why it waits", OUTCOME_DEFERRED, CLASS_UNDETERMINED, {[COUNTER_DEFERRED] = 1, [COUNTER_UNDETERMINED] = 1}},
        {"a listing is no mail", OUTCOME_LISTED, CLASS_DELIVERED, {0}},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct counter c = {0};
        struct outcome o = {.at = START, .kind = cases[i].kind, .class = cases[i].class};
        counter_add(&c, &o);
        for (int what = 0; what < COUNTER_N; what++)
            if (counter_day(&c, (enum counter_what)what, START) != cases[i].sums[what])
                fail_msg("%s: %d", cases[i].name, what);
    }
}

static void a_complaint_counts_when_its_message_was_delivered(void **state)
{
    (void)state;
    struct counter c = {0};
    struct outcome o = {.at = START, .kind = OUTCOME_COMPLAINED, .class = CLASS_COMPLAINT};
    o.delivered_at = START - 2 * USEC_HOUR;
    counter_add(&c, &o);
    assert_int_equal(counter_hour(&c, COUNTER_COMPLAINED, START), 0);
    assert_int_equal(counter_day(&c, COUNTER_COMPLAINED, START), 1);
}

static void a_late_bounce_stands_where_its_delivery_did(void **state)
{
    (void)state;
    struct counter c = {0};
    usec_t now = START + 10 * USEC_HOUR, at = now - 3 * USEC_HOUR;
    struct outcome o = {.at = at, .kind = OUTCOME_DELIVERED, .class = CLASS_DELIVERED};
    counter_add(&c, &o);
    counter_add(&c, &o);
    o = (struct outcome){
        .at = now, .kind = OUTCOME_BOUNCED, .class = CLASS_UNKNOWN_USER, .delivered_at = at};
    counter_add(&c, &o);
    assert_int_equal(counter_day(&c, COUNTER_DELIVERED, now), 1);
    assert_int_equal(counter_day(&c, COUNTER_BOUNCED, now), 1);
    assert_int_equal(counter_day(&c, COUNTER_DEAD, now), 1);
    assert_int_equal(counter_hour(&c, COUNTER_BOUNCED, now), 0); // not when it was told
    // Below nothing there is nothing: its delivery may have been counted elsewhere.
    counter_add(&c, &o);
    counter_add(&c, &o);
    assert_int_equal(counter_day(&c, COUNTER_DELIVERED, now), 0);
    o.delivered_at = now - 30 * USEC_HOUR; // gone with what it counted in
    counter_add(&c, &o);
    assert_int_equal(counter_day(&c, COUNTER_BOUNCED, now), 3);
}

static void a_late_block_counts_when_its_message_was_delivered(void **state)
{
    (void)state;
    struct counter c = {0};
    usec_t now = START + 10 * USEC_HOUR;
    struct outcome o = {.at = now,
                        .kind = OUTCOME_BOUNCED,
                        .class = CLASS_IP_REPUTATION_BLOCK,
                        .delivered_at = now - 3 * USEC_HOUR};
    counter_add(&c, &o);
    assert_int_equal(counter_hour(&c, COUNTER_BLOCKED, now), 0);
    assert_int_equal(counter_day(&c, COUNTER_BLOCKED, now), 1);
}

static void a_rate_of_nothing_is_unknown(void **state)
{
    (void)state;
    assert_true(counter_rate(0, 0) < 0);
    assert_true(counter_rate(0, 5) == 0);
    assert_true(counter_rate(1, 4) == 0.25);
}

static void loading_counts_n_times(void **state)
{
    (void)state;
    struct counter c = {0};
    struct outcome o = {.at = START, .kind = OUTCOME_BOUNCED, .class = CLASS_UNKNOWN_USER};
    counter_load(&c, &o, 40);
    assert_int_equal(counter_day(&c, COUNTER_BOUNCED, START), 40);
    assert_int_equal(counter_day(&c, COUNTER_DEAD, START), 40);
}

static void times_outside_the_ring_touch_nothing(void **state)
{
    (void)state;
    struct counter c = {0}, none = {0};
    counter_add_n(&c, COUNTER_DELIVERED, -2 * USEC_HOUR, 1); // a clock that was never set
    counter_add_n(&c, COUNTER_DELIVERED, -USEC_MINUTE, 1);
    assert_int_equal(counter_minute(&c, COUNTER_DELIVERED, 0), 0);
    assert_memory_equal(c.minutes, none.minutes, sizeof(c.minutes));
    counter_add_n(&c, COUNTER_DELIVERED, START, 7);
    // An hour before: the same bucket of the ring, another time.
    assert_int_equal(counter_minute(&c, COUNTER_DELIVERED, START - USEC_HOUR), 0);
    assert_int_equal(counter_minute(&c, COUNTER_DELIVERED, START - 59 * USEC_MINUTE), 0);
    assert_int_equal(counter_minute(&c, COUNTER_DELIVERED, START), 7);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_minute_slides_out_as_evenly_as_it_came_in),
    cmocka_unit_test(a_window_ends_where_it_says),
    cmocka_unit_test(late_facts_count_at_their_own_time_or_not_at_all),
    cmocka_unit_test(a_clock_that_goes_back_loses_nothing_recent),
    cmocka_unit_test(one_outcome_counts_under_what_it_is),
    cmocka_unit_test(a_complaint_counts_when_its_message_was_delivered),
    cmocka_unit_test(a_late_bounce_stands_where_its_delivery_did),
    cmocka_unit_test(a_late_block_counts_when_its_message_was_delivered),
    cmocka_unit_test(a_rate_of_nothing_is_unknown),
    cmocka_unit_test(loading_counts_n_times),
    cmocka_unit_test(times_outside_the_ring_touch_nothing),
};
TEST_MAIN(tests)
