/* Standing and rates decide at RCPT, and every refusal says why and until when. */
#include "test.h"

#include <string.h>

#include "core/state.h"
#include "core/suppression.h"
#include "intake/judge.h"
#include "intake/rate.h"
#include "smtp/reply.h"

static const usec_t wall = 1795536271 * USEC_SECOND; // 2026-11-24T16:04:31Z

static struct state state;
static uint64_t seq;

static int begin(void **s)
{
    (void)s;
    state_init(&state);
    seq = 0;
    return 0;
}

static int finish(void **s)
{
    (void)s;
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&state.customers, &i));)
        rate_account_drop(item->value);
    state_deinit(&state);
    return 0;
}

static void apply(enum kind kind, const char *target, const char *reason, usec_t expires_at,
                  const char *rate)
{
    struct entry *e = entry_new(kind, "ana", target, reason);
    seq++;
    e->name = (struct entry_name){.node = {1}, .seq = seq};
    e->hlc = (int64_t)seq;
    e->at = wall - USEC_HOUR;
    e->expires_at = expires_at;
    if (rate)
        entry_add_field(e, "rate", rate, false);
    state_apply(&state, e);
    entry_free(e);
}

// One recipient; the reply's text, "" when it may.
static const char *ask(const char *customer, const char *list, usec_t now, unsigned refusal,
                       struct judge_taken *taken)
{
    static struct smtp_reply reply;
    struct judge_case c = {.state = &state,
                           .customer = customer,
                           .list = list,
                           .refusal = refusal,
                           .wall = wall + now,
                           .now = now};
    struct judge_refusal why;
    return judge_recipient(&c, taken, &reply, &why) ? "" : reply.text;
}

static void put(struct suppressions *to, const char *what, const char *owner, enum class class,
                const char *since, const char *until, unsigned flags)
{
    usec_t from = 0, end = USEC_NEVER;
    assert_true(clock_parse_date(&from, since) && (!*until || clock_parse_date(&end, until)));
    struct suppression one = {.key = suppression_key(to, what),
                              .owner = suppression_owner(owner),
                              .since = suppression_minute(from),
                              .until = suppression_minute(end),
                              .class = (uint8_t) class,
                              .flags = (uint8_t)flags};
    assert_true(suppressions_put(to, &one));
}

static void an_address_that_no_mail_goes_to_is_refused_in_words(void **s)
{
    (void)s;
    static const struct {
        const char *address, *says;
        bool is_trap;
    } cases[] = {
        {"dead@big.test",
         "550 5.1.1 <dead@big.test>: no mail goes there: unknown-user since 20 Nov 2026 (until 19 "
         "May "
         "2027); if that is wrong, ask your mail service to lift it (mxwarden suppress rm "
         "dead@big.test)"},
        {"full@big.test",
         "550 5.2.2 <full@big.test>: no mail goes there: mailbox-full since 20 Nov"},
        {"idle@big.test", "550 5.2.1 "},
        {"left@big.test",
         "550 5.7.1 <left@big.test>: no mail goes there: unsubscribe since 20 Nov 2026; if"},
        {"any@gone.test", "550 5.1.2 <any@gone.test>: no mail goes to gone.test: domain-not-found "
                          "since 20 Nov 2026; if that is wrong, ask your mail service to lift it "
                          "(mxwarden suppress rm gone.test)"},
        {"trap@big.test",
         "550 5.7.1 <trap@big.test>: no mail goes there: recipient-refused since 20 Nov 2026; if",
         .is_trap = true},
    };
    const struct hash_key key = {1, 2};
    struct suppressions all;
    suppressions_init(&all, &key);
    put(&all, "dead@big.test", "", CLASS_UNKNOWN_USER, "2026-11-20", "2027-05-19", 0);
    put(&all, "full@big.test", "", CLASS_MAILBOX_FULL, "2026-11-20", "2027-05-19", 0);
    put(&all, "idle@big.test", "", CLASS_INACTIVE_MAILBOX, "2026-11-20", "", 0);
    put(&all, "left@big.test", "acme", CLASS_UNSUBSCRIBE, "2026-11-20", "", 0);
    put(&all, "@gone.test", "", CLASS_DOMAIN_NOT_FOUND, "2026-11-20", "", SUPPRESSION_DOMAIN);
    put(&all, "trap@big.test", "", CLASS_RECIPIENT_REFUSED, "2026-11-20", "", SUPPRESSION_TRAP);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct judge_case c = {.state = &state,
                               .customer = "acme",
                               .list = "",
                               .address = cases[i].address,
                               .suppressions = &all,
                               .refusal = 450,
                               .wall = wall};
        struct judge_taken taken = {0};
        struct smtp_reply reply;
        struct judge_refusal why;
        assert_false(judge_recipient(&c, &taken, &reply, &why));
        if (strncmp(reply.text, cases[i].says, strlen(cases[i].says)) != 0)
            fail_msg("%s\ninstead of\n%s", reply.text, cases[i].says);
        assert_int_equal(why.is_trap, cases[i].is_trap);
        assert_int_equal(taken.own + taken.throttle + taken.list, 0);
        c.customer = "shop";
        assert_int_equal(judge_recipient(&c, &taken, &reply, &why),
                         strcmp(c.address, "left@big.test") == 0);
    }
    suppressions_deinit(&all);
}

static void refusals_are_in_words(void **s)
{
    (void)s;
    apply(KIND_SUSPEND, "customer:acme", "stolen password", wall + USEC_HOUR, NULL);
    apply(KIND_SUSPEND, "customer:never", "", USEC_NEVER, NULL);
    apply(KIND_SUSPEND, "customer:shop/spring", "bought list", wall + USEC_HOUR, NULL);
    apply(KIND_SUSPEND, "customer:past", "long ago", wall - 1, NULL);
    apply(KIND_SUSPEND, "customer:rude", "a\r\n250 ok", USEC_NEVER, NULL);
    apply(KIND_WARN, "customer:warned", "mind you", USEC_NEVER, NULL);
    static const struct {
        const char *customer, *list;
        unsigned refusal;
        const char *text;
    } cases[] = {
        {"acme", "", 450,
         "450 4.7.1 customer acme is suspended until 2026-11-24T17:04:31Z: stolen password"},
        {"acme", "", 550,
         "550 5.7.1 customer acme is suspended until 2026-11-24T17:04:31Z: stolen password"},
        {"acme", "spring", 450,
         "450 4.7.1 customer acme is suspended until 2026-11-24T17:04:31Z: stolen password"},
        {"never", "", 450, "450 4.7.1 customer never is suspended"},
        {"shop", "spring", 450,
         "450 4.7.1 list shop/spring is suspended until 2026-11-24T17:04:31Z: bought list"},
        {"shop", "", 450, ""},
        {"shop", "winter", 450, ""},
        {"past", "", 450, ""},
        {"warned", "", 450, ""},
        {"unheard", "", 450, ""},
        {"rude", "", 450, "450 4.7.1 customer rude is suspended: a\\x0d\\x0a250 ok"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct judge_taken taken = {0};
        const char *text = ask(cases[i].customer, cases[i].list, 0, cases[i].refusal, &taken);
        if (strcmp(text, cases[i].text) != 0)
            fail_msg("case %zu: got `%s`", i, text);
    }
}

// How many of `n` recipients pass at `now`.
static unsigned passing(const char *customer, const char *list, usec_t now, unsigned n,
                        struct judge_taken *taken)
{
    unsigned passed = 0;
    while (n--)
        passed += !*ask(customer, list, now, 450, taken);
    return passed;
}

static void a_rate_gives_its_count_at_once_and_then_by_time(void **s)
{
    (void)s;
    struct state_customer *c = state_customer_add(&state, "acme");
    struct judge_taken taken = {0};
    c->rate = 100;
    c->rate_per = USEC_HOUR;
    assert_int_equal(passing("acme", "", 0, 150, &taken), 100);
    assert_string_equal(
        ask("acme", "", 0, 450, &taken),
        "450 4.7.1 customer acme is over its rate of 100/h recipients: try again at "
        "2026-11-24T16:05:08Z");
    assert_int_equal(passing("acme", "", 35 * USEC_SECOND, 1, &taken), 0);
    assert_int_equal(passing("acme", "", 37 * USEC_SECOND, 2, &taken), 1);
    assert_int_equal(passing("acme", "", 100 * USEC_HOUR, 150, &taken), 100); // saves up no more
    c->rate = 10; // lowered: what is saved up is too
    assert_int_equal(passing("acme", "", 101 * USEC_HOUR, 50, &taken), 10);
    c->rate_per = 0;
    assert_int_equal(passing("acme", "", 101 * USEC_HOUR, 500, &taken), 500);
}

static void the_time_to_try_again_is_right(void **s)
{
    (void)s;
    struct rate_bucket b = {0};
    usec_t next = 0;
    static const struct {
        uint32_t count;
        usec_t per;
    } rates[] = {{1, USEC_DAY}, {7, USEC_SECOND}, {3, USEC_HOUR}, {1000000, USEC_SECOND}};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        usec_t now = (usec_t)(i + 1) * 10 * USEC_DAY;
        b = (struct rate_bucket){0};
        while (rate_take(&b, rates[i].count, rates[i].per, now, &next))
            ;
        assert_false(rate_take(&b, rates[i].count, rates[i].per, next - 2, &next));
        assert_true(rate_take(&b, rates[i].count, rates[i].per, next, &next));
    }
}

static void a_throttled_list_leaves_the_rest_of_its_customer_alone(void **s)
{
    (void)s;
    struct judge_taken taken = {0};
    apply(KIND_THROTTLE, "customer:acme/spring", "unknown users", USEC_NEVER, "5/h");
    assert_int_equal(passing("acme", "spring", 0, 20, &taken), 5);
    assert_string_equal(
        ask("acme", "spring", 0, 450, &taken),
        "450 4.7.1 throttled list acme/spring is over its rate of 5/h recipients: try again at "
        "2026-11-24T16:16:32Z");
    assert_int_equal(passing("acme", "", 0, 20, &taken), 20);
    apply(KIND_THROTTLE, "customer:acme", "unknown users", USEC_NEVER, "8/h");
    assert_int_equal(passing("acme", "", 0, 20, &taken), 8);
    assert_int_equal(passing("acme", "autumn", 0, 20, &taken), 0);
}

static void what_came_to_nothing_is_given_back(void **s)
{
    (void)s;
    struct judge_taken taken = {0};
    struct state_customer *c = state_customer_add(&state, "acme");
    c->rate = 10;
    c->rate_per = USEC_HOUR;
    apply(KIND_THROTTLE, "customer:acme", "", USEC_NEVER, "4/h");
    assert_int_equal(passing("acme", "", 0, 20, &taken), 4);
    assert_int_equal(taken.own, 4); // those the throttle refused cost the own rate nothing
    assert_int_equal(taken.throttle, 4);
    judge_give_back(&state, "acme", "", &taken);
    assert_int_equal(taken.own, 0);
    judge_give_back(&state, "acme", "", &taken); // once
    assert_int_equal(passing("acme", "", 0, 20, &taken), 4);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, finish)
static const struct CMUnitTest tests[] = {
    CASE(refusals_are_in_words),
    CASE(an_address_that_no_mail_goes_to_is_refused_in_words),
    CASE(a_rate_gives_its_count_at_once_and_then_by_time),
    CASE(the_time_to_try_again_is_right),
    CASE(a_throttled_list_leaves_the_rest_of_its_customer_alone),
    CASE(what_came_to_nothing_is_given_back),
};
TEST_MAIN(tests)
