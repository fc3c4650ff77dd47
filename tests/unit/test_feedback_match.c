/* What a report makes of the delivery that it speaks of. */
#include "test.h"

#include <string.h>

#include "warden/feedback_match.h"

#define NOW (1764000000 * USEC_SECOND)
#define DELIVERED (NOW - 3 * USEC_HOUR)

static const struct message_id id = {0x019ab6a0c5f00000, 0x1234567890abcdef};
static const struct token_keys keys = {.n = 1, .keys[0] = {.id = 7, .secret = "secret"}};

static struct outcome row(enum outcome_kind kind, usec_t at)
{
    return (struct outcome){.at = at,
                            .kind = kind,
                            .class = kind == OUTCOME_DELIVERED ? CLASS_DELIVERED : CLASS_TRANSIENT,
                            .message = id,
                            .recipient_no = 2,
                            .stream = STREAM_LIST,
                            .attempt = 3,
                            .customer = "acme",
                            .list = "spring",
                            .ip = kind == OUTCOME_ACCEPTED ? "" : "192.0.2.1",
                            .provider = kind == OUTCOME_ACCEPTED ? "" : "big",
                            .recipient = "Nobody@big.test",
                            .reply = "",
                            .sender = kind == OUTCOME_ACCEPTED ? "a@acme.test" : NULL};
}

static struct feedback_recipient said(const char *address, enum class class, const char *reply)
{
    return (struct feedback_recipient){.address = (char *)address,
                                       .class = class,
                                       .scope = SCOPE_RECIPIENT,
                                       .code = 550,
                                       .reply = (char *)reply};
}

static struct feedback report(enum feedback_kind kind, struct feedback_recipient *r, size_t n)
{
    return (struct feedback){.kind = kind,
                             .recipients = r,
                             .recipients_n = n,
                             .message_id = (char *)"",
                             .feedback_id = (char *)"",
                             .return_path = (char *)"",
                             .source_ip = (char *)""};
}

static void a_bounce_three_hours_later_is_news_of_its_delivery(void **state)
{
    (void)state;
    const struct outcome rows[] = {row(OUTCOME_ACCEPTED, DELIVERED - USEC_MINUTE),
                                   row(OUTCOME_DEFERRED, DELIVERED - USEC_SECOND),
                                   row(OUTCOME_DELIVERED, DELIVERED)};
    struct feedback_recipient r = said("nobody@big.test", CLASS_UNKNOWN_USER, "550 no such user");
    struct feedback f = report(FEEDBACK_BOUNCE, &r, 1);
    struct match_lead lead = {.message = id, .kind = TOKEN_RETURN};
    struct match m;
    struct outcome news;
    match_history(&m, rows, ARRAY_LEN(rows));
    assert_string_equal(m.sender, "a@acme.test");
    assert_true(match_news(&news, &m, &lead, &f, NOW));
    assert_int_equal(news.kind, OUTCOME_BOUNCED);
    assert_int_equal(news.class, CLASS_UNKNOWN_USER);
    assert_int_equal(news.scope, SCOPE_RECIPIENT);
    assert_int_equal(news.phase, PHASE_NONE);
    assert_int_equal(news.code, 550);
    assert_true(news.at == NOW && news.delivered_at == DELIVERED);
    assert_int_equal(news.recipient_no, 2);
    assert_int_equal(news.stream, STREAM_LIST);
    assert_string_equal(news.customer, "acme");
    assert_string_equal(news.list, "spring");
    assert_string_equal(news.ip, "192.0.2.1");
    assert_string_equal(news.provider, "big");
    assert_string_equal(news.recipient, "Nobody@big.test");
    assert_string_equal(news.reply, "550 no such user");
}

static void what_follows_from_what(void **state)
{
    (void)state;
    enum { NOTHING = -1 };
    static const struct {
        const char *name;
        enum feedback_kind kind;
        enum token_kind token;
        enum class class;
        const char *reply;
        enum outcome_kind before; // delivered: nothing more
        int follows;
    } cases[] = {
        {"a bounce", FEEDBACK_BOUNCE, TOKEN_RETURN, CLASS_MAILBOX_FULL, "x", OUTCOME_DELIVERED,
         OUTCOME_BOUNCED},
        {"what nobody understands", FEEDBACK_BOUNCE, TOKEN_RETURN, CLASS_UNDETERMINED, "x",
         OUTCOME_DELIVERED, OUTCOME_BOUNCED},
        {"spam", FEEDBACK_BOUNCE, TOKEN_RETURN, CLASS_CONTENT_SPAM, "x", OUTCOME_DELIVERED,
         OUTCOME_BOUNCED},
        {"only delayed", FEEDBACK_BOUNCE, TOKEN_RETURN, CLASS_TRANSIENT, "x", OUTCOME_DELIVERED,
         NOTHING},
        {"delivered", FEEDBACK_BOUNCE, TOKEN_RETURN, CLASS_DELIVERED, "x", OUTCOME_DELIVERED,
         NOTHING},
        {"refused for its signature", FEEDBACK_BOUNCE, TOKEN_RETURN, CLASS_AUTH_POLICY, "5.7.26",
         OUTCOME_DELIVERED, OUTCOME_BOUNCED},
        {"a report about signatures", FEEDBACK_BOUNCE, TOKEN_RETURN, CLASS_AUTH_POLICY, "",
         OUTCOME_DELIVERED, NOTHING},
        {"a second bounce", FEEDBACK_BOUNCE, TOKEN_RETURN, CLASS_UNKNOWN_USER, "x", OUTCOME_BOUNCED,
         NOTHING},
        {"a bounce to the address to leave by", FEEDBACK_BOUNCE, TOKEN_UNSUBSCRIBE,
         CLASS_UNKNOWN_USER, "x", OUTCOME_DELIVERED, NOTHING},
        {"out of office", FEEDBACK_AUTO_REPLY, TOKEN_RETURN, CLASS_AUTO_REPLY, "",
         OUTCOME_DELIVERED, NOTHING},
        {"out of office, to the address to leave by", FEEDBACK_AUTO_REPLY, TOKEN_UNSUBSCRIBE,
         CLASS_AUTO_REPLY, "", OUTCOME_DELIVERED, NOTHING},
        {"a person", FEEDBACK_OTHER, TOKEN_RETURN, CLASS_UNDETERMINED, "", OUTCOME_DELIVERED,
         NOTHING},
        {"a person who leaves", FEEDBACK_OTHER, TOKEN_UNSUBSCRIBE, CLASS_UNDETERMINED, "",
         OUTCOME_DELIVERED, OUTCOME_UNSUBSCRIBED},
        {"who left already", FEEDBACK_OTHER, TOKEN_UNSUBSCRIBE, CLASS_UNDETERMINED, "",
         OUTCOME_UNSUBSCRIBED, NOTHING},
        {"a complaint", FEEDBACK_COMPLAINT, TOKEN_COMPLAINT, CLASS_COMPLAINT, "", OUTCOME_DELIVERED,
         OUTCOME_COMPLAINED},
        {"a complaint to the return path", FEEDBACK_COMPLAINT, TOKEN_RETURN, CLASS_COMPLAINT, "",
         OUTCOME_DELIVERED, OUTCOME_COMPLAINED},
        {"a second complaint", FEEDBACK_COMPLAINT, TOKEN_RETURN, CLASS_COMPLAINT, "",
         OUTCOME_COMPLAINED, NOTHING},
        {"a complaint after a bounce", FEEDBACK_COMPLAINT, TOKEN_RETURN, CLASS_COMPLAINT, "",
         OUTCOME_BOUNCED, OUTCOME_COMPLAINED},
        {"a report that unsubscribes", FEEDBACK_UNSUBSCRIBE, TOKEN_RETURN, CLASS_UNSUBSCRIBE, "",
         OUTCOME_COMPLAINED, OUTCOME_UNSUBSCRIBED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome rows[] = {row(OUTCOME_DELIVERED, DELIVERED),
                                       row(cases[i].before, DELIVERED + USEC_SECOND)};
        struct feedback_recipient r = said("", cases[i].class, cases[i].reply);
        struct feedback f = report(cases[i].kind, &r, cases[i].kind != FEEDBACK_OTHER);
        struct match_lead lead = {.message = id, .kind = cases[i].token};
        struct match m;
        struct outcome news;
        match_history(&m, rows, cases[i].before == OUTCOME_DELIVERED ? 1 : 2);
        int follows = match_news(&news, &m, &lead, &f, NOW) ? (int)news.kind : NOTHING;
        if (follows != cases[i].follows)
            fail_msg("%s: %d", cases[i].name, follows);
    }
}

static void nobody_is_meant_where_several_could_be(void **state)
{
    (void)state;
    struct outcome rows[] = {row(OUTCOME_DELIVERED, DELIVERED), row(OUTCOME_DELIVERED, DELIVERED)};
    struct feedback_recipient r = said("", CLASS_COMPLAINT, "");
    struct feedback f = report(FEEDBACK_COMPLAINT, &r, 1);
    struct match_lead lead = {.message = id, .kind = TOKEN_COMPLAINT};
    struct match m;
    struct outcome news;
    rows[1].recipient_no = 3;
    match_history(&m, rows, 2);
    assert_false(m.is_known);
    assert_false(match_news(&news, &m, &lead, &f, NOW));
    match_history(&m, rows, 0);
    assert_false(m.is_known);
    rows[0] = row(OUTCOME_DEFERRED, DELIVERED);
    match_history(&m, rows, 1);
    assert_true(m.is_known);
    assert_false(match_news(&news, &m, &lead, &f, NOW)); // never delivered
}

static void of_several_in_a_report_its_own_words_count(void **state)
{
    (void)state;
    const struct outcome rows[] = {row(OUTCOME_DELIVERED, DELIVERED)};
    struct feedback_recipient r[] = {said("x@big.test", CLASS_UNKNOWN_USER, "gone"),
                                     said("NOBODY@BIG.TEST", CLASS_MAILBOX_FULL, "full")};
    struct feedback f = report(FEEDBACK_BOUNCE, r, 2);
    struct match_lead lead = {.message = id, .kind = TOKEN_RETURN};
    struct match m;
    struct outcome news;
    match_history(&m, rows, 1);
    assert_true(match_news(&news, &m, &lead, &f, NOW));
    assert_int_equal(news.class, CLASS_MAILBOX_FULL);
    r[1] = said("y@elsewhere.test", CLASS_MAILBOX_FULL, "full"); // a forward: whoever fails first
    assert_true(match_news(&news, &m, &lead, &f, NOW));
    assert_int_equal(news.class, CLASS_UNKNOWN_USER);
    r[0] = said("nobody@big.test", CLASS_TRANSIENT, "later"); // its own fate, whatever others have
    assert_false(match_news(&news, &m, &lead, &f, NOW));
}

static void a_report_leads_by_what_it_quotes(void **state)
{
    (void)state;
    char token[TOKEN_TEXT], ulid[ID_MESSAGE_TEXT];
    struct token t = {.kind = TOKEN_RETURN, .message = id, .recipient_no = 5, .at = NOW - USEC_DAY};
    token_format(token, &t, &keys);
    message_id_format(ulid, id);
    CLEANUP(xfree) char *path = xasprintf("%s@b.test", token);
    CLEANUP(xfree) char *foreign = xasprintf("%s@c.test", token);
    CLEANUP(xfree) char *feedback_id = xasprintf("spring:acme:%s:mxwarden", ulid);
    CLEANUP(xfree) char *message_id = xasprintf("%s@mta1.test", ulid);
    const struct {
        const char *name, *path, *feedback_id, *message_id;
        usec_t life;
        bool leads, has_no;
    } cases[] = {
        {"nothing", "", "", "", USEC_DAY * 30, false, false},
        {"its return path", path, "", "", USEC_DAY * 30, true, true},
        {"a return path that is too old", path, "", "", USEC_HOUR, false, false},
        {"another domain's", foreign, "", "", USEC_DAY * 30, false, false},
        {"no address", "<>", "", "", USEC_DAY * 30, false, false},
        {"Feedback-ID", "", feedback_id, "", USEC_DAY * 30, true, false},
        {"another's Feedback-ID", "", "a:b:c:d", "", USEC_DAY * 30, false, false},
        {"Message-ID", "", "x", message_id, USEC_DAY * 30, true, false},
        {"another's Message-ID", "", "", "x@y", USEC_DAY * 30, false, false},
        {"colons", "", ":::", "@", USEC_DAY * 30, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct feedback f = report(FEEDBACK_COMPLAINT, NULL, 0);
        struct match_lead lead;
        f.return_path = (char *)cases[i].path;
        f.feedback_id = (char *)cases[i].feedback_id;
        f.message_id = (char *)cases[i].message_id;
        bool leads = match_report(&lead, &f, "b.test", &keys, NOW, cases[i].life);
        if (leads != cases[i].leads || (leads && !message_id_equal(lead.message, id)) ||
            (leads && (lead.has_recipient_no != cases[i].has_no ||
                       lead.is_proven != cases[i].has_no))) // only the token vouches for itself
            fail_msg("%s", cases[i].name);
    }
}

static void a_token_for_any_recipient_names_none(void **state)
{
    (void)state;
    struct token t = {.kind = TOKEN_COMPLAINT, .message = id, .recipient_no = TOKEN_RECIPIENTS - 1};
    assert_false(match_token(&t).has_recipient_no);
    t.recipient_no--;
    assert_true(match_token(&t).has_recipient_no);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_bounce_three_hours_later_is_news_of_its_delivery),
    cmocka_unit_test(what_follows_from_what),
    cmocka_unit_test(nobody_is_meant_where_several_could_be),
    cmocka_unit_test(of_several_in_a_report_its_own_words_count),
    cmocka_unit_test(a_report_leads_by_what_it_quotes),
    cmocka_unit_test(a_token_for_any_recipient_names_none),
};
TEST_MAIN(tests)
