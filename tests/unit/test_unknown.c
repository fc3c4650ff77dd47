/* Replies that no rule knew: counted by shape, bounded, kept, and forgotten once a rule knows them. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/outcome.h"
#include "mail/replies.h"
#include "warden/unknown.h"

static struct unknown u;

static int begin(void **state)
{
    (void)state;
    unknown_init(&u);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    unknown_deinit(&u);
    return 0;
}

static void hear(const char *provider, const char *reply, usec_t at, enum class class)
{
    char enhanced[12];
    unsigned code;
    replies_codes(reply, &code, enhanced);
    unknown_note(&u, &(struct outcome){.at = at,
                                       .kind = OUTCOME_BOUNCED,
                                       .class = class,
                                       .phase = PHASE_RCPT,
                                       .code = (uint16_t)code,
                                       .provider = provider,
                                       .reply = reply,
                                       .is_unknown = class == CLASS_UNDETERMINED});
}

/* The last that unknown_each() gave. */
struct seen {
    size_t n;
    const struct unknown_reply *last, *most;
};

static void on_each(void *ctx, const struct unknown_reply *r)
{
    struct seen *s = ctx;
    s->n++;
    s->last = r;
    s->most = !s->most || r->count > s->most->count ? r : s->most;
}

static struct seen look(void)
{
    struct seen s = {0};
    unknown_each(&u, on_each, &s);
    return s;
}

static void replies_of_one_shape_are_one_row(void **state)
{
    (void)state;
    hear("p", "550 5.7.1 <a@one.example>: the moon is wrong (x81)", USEC_SECOND,
         CLASS_UNDETERMINED);
    hear("q", "550 5.7.1 <bob@two.example>: the moon is wrong (y9)", 2 * USEC_SECOND,
         CLASS_UNDETERMINED);
    hear("q", "451 4.7.1 <bob@two.example>: the moon is wrong (y9)", 3 * USEC_SECOND,
         CLASS_UNDETERMINED);
    hear("q", "550 5.1.1 no such user", 4 * USEC_SECOND, CLASS_UNKNOWN_USER);
    struct seen s = look();
    assert_int_equal(s.n, 2); // the code tells them apart
    assert_int_equal(s.most->count, 2);
    assert_int_equal(s.most->first_at, USEC_SECOND);
    assert_int_equal(s.most->last_at, 2 * USEC_SECOND);
    assert_int_equal(s.most->providers_n, 2);
    assert_int_equal(s.most->code, 550);
    assert_string_equal(s.most->shape, "# <address>: the moon is wrong (#)");
    assert_null(strstr(s.most->sample, "bob")); // nobody's address
    assert_non_null(strstr(s.most->sample, "the moon is wrong"));
}

static void the_share_is_of_the_answers_of_the_last_hour(void **state)
{
    (void)state;
    usec_t now = 100 * USEC_HOUR;
    assert_true(unknown_share(&u, now) < 0);
    hear("p", "550 nobody knows", now - 2 * USEC_HOUR, CLASS_UNDETERMINED);
    assert_true(unknown_share(&u, now) < 0);
    hear("p", "550 nobody knows", now, CLASS_UNDETERMINED);
    for (int i = 0; i < 3; i++)
        hear("p", "250 ok", now - USEC_MINUTE, CLASS_DELIVERED);
    hear("p", "connection refused", now, CLASS_NO_CONNECT); // no answer
    assert_true(unknown_share(&u, now) > 0.24 && unknown_share(&u, now) < 0.26);
}

static void of_the_oldest_the_least_frequent_makes_room(void **state)
{
    (void)state;
    char reply[80];
    hear("p", "550 often heard", 1, CLASS_UNDETERMINED);
    hear("p", "550 often heard", 2, CLASS_UNDETERMINED);
    for (int i = 0; i < UNKNOWN_MOST + 40; i++) {
        snprintf(reply, sizeof(reply), "550 word%c%c%c is it", 'a' + i % 26, 'a' + i / 26 % 26,
                 'a' + i / 676);
        hear("p", reply, 3 + i, CLASS_UNDETERMINED);
    }
    struct seen s = look();
    assert_int_equal(s.n, UNKNOWN_MOST);
    assert_string_equal(s.most->shape, "# often heard");
    for (int i = 0; i < 20; i++) {
        snprintf(reply, sizeof(reply), "p%d", i);
        hear(reply, "550 often heard", 9000, CLASS_UNDETERMINED);
    }
    assert_int_equal(look().most->providers_n, UNKNOWN_PROVIDERS);
    assert_true(look().most->has_more);
}

static void what_is_kept_reads_back(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf kept = {0};
    hear("p", "550 5.7.1 <a@one.example>: the moon is wrong", USEC_SECOND, CLASS_UNDETERMINED);
    hear("", "554 the sun too", 2 * USEC_SECOND, CLASS_UNDETERMINED);
    assert_true(u.is_changed);
    unknown_save(&u, &kept);
    for (size_t n = 0; n < kept.n; n++) { // cut short it is none of ours
        struct unknown other;
        unknown_init(&other);
        assert_false(unknown_load(&other, bytes_of(kept.p, n)));
        assert_int_equal(other.by_shape.count, 0);
        unknown_deinit(&other);
    }
    unknown_deinit(&u);
    unknown_init(&u);
    assert_true(unknown_load(&u, buf_bytes(&kept)));
    assert_false(u.is_changed);
    struct seen s = look();
    assert_int_equal(s.n, 2);
    assert_string_equal(s.last->shape, "# the sun too");
    assert_int_equal(s.last->providers_n, 1);
    hear("p", "550 another", 3 * USEC_SECOND, CLASS_UNDETERMINED);
    assert_int_equal(look().last->number, 3);
}

static void what_new_rules_know_is_forgotten(void **state)
{
    (void)state;
    static const char *moon[] = {"the moon is *"}, *sun[] = {"the sun"};
    static const struct reply_rule rules[] = {
        {.provider = "", .says = moon, .says_n = 1, .class = CLASS_CONTENT_SPAM},
        {.provider = "p",
         .says = sun,
         .says_n = 1,
         .class = CLASS_CONTENT_SPAM,
         .is_only_here = true},
    };
    CLEANUP(replies_free) struct replies *r = replies_new(rules, ARRAY_LEN(rules));
    hear("p", "550 5.7.1 <a@one.example>: the moon is wrong", 1, CLASS_UNDETERMINED);
    hear("p", "554 the sun too", 2, CLASS_UNDETERMINED);
    hear("q", "554 the sun too", 2, CLASS_UNDETERMINED); // known at p alone
    unknown_judge(&u, r);
    assert_int_equal(look().n, 1);
    assert_string_equal(look().last->shape, "# the sun too");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replies_of_one_shape_are_one_row, begin, finish),
        cmocka_unit_test_setup_teardown(the_share_is_of_the_answers_of_the_last_hour, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(of_the_oldest_the_least_frequent_makes_room, begin, finish),
        cmocka_unit_test_setup_teardown(what_is_kept_reads_back, begin, finish),
        cmocka_unit_test_setup_teardown(what_new_rules_know_is_forgotten, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
