/* What was said in a failed attempt, as pages and explanations show it. */
#include "control_bench.h"

#include "core/conversation.h"
#include "core/outcome.h"
#include "core/suppression.h"
#include "store/suppress.h"
#include "store/trail.h"

#define RECIPIENT "r.falk@outlook.example"

// Of acme over .7 to google; reply and phase are the case's.
static struct outcome outcome_of(struct bench *b, enum outcome_kind kind, enum phase phase,
                                 const char *reply)
{
    return (struct outcome){.at = clock_wall(),
                            .kind = kind,
                            .class = kind == OUTCOME_BOUNCED ? CLASS_UNKNOWN_USER : CLASS_TRANSIENT,
                            .scope = SCOPE_RECIPIENT,
                            .phase = phase,
                            .stream = STREAM_LIST,
                            .code = 550,
                            .attempt = 1,
                            .message = store_message_id(b->store, clock_wall()),
                            .customer = "acme",
                            .list = "",
                            .ip = "198.51.100.7",
                            .provider = "google",
                            .recipient = RECIPIENT,
                            .reply = reply};
}

// Both to control's memory and to history.
static void tell(struct bench *b, const struct outcome *o)
{
    control_on_outcome(b->control, o);
    spool_outcome(b->store, o, 0);
}

static void keep(struct bench *b, const struct outcome *o, enum trail_kind kind, const char *text)
{
    struct buf whole = {0};
    struct conversation_head head = {.ip = "198.51.100.7",
                                     .helo = "out7.example.net",
                                     .address = "192.0.2.44",
                                     .host = "mx3.outlook.example",
                                     .port = 25,
                                     .opened_at = o->at - USEC_SECOND};
    if (kind == TRAIL_CONVERSATION)
        conversation_format_head(&whole, &head);
    buf_add_str(&whole, text);
    trail_add(b->store, &(struct trail){.kind = kind,
                                        .message = o->message,
                                        .recipient_no = o->recipient_no,
                                        .at = o->at + 2 * USEC_MS,
                                        .text = buf_bytes(&whole)});
    buf_deinit(&whole);
}

#define SAID                                                                                       \
    "0 < 220 mx3 ready\n41 > EHLO out7.example.net\n82 < 250-mx3\n82 < 250-SIZE 100\n"             \
    "82 < 250 8BITMIME\n171 > RCPT TO:<" RECIPIENT ">\n391 < 550-5.5.0 mailbox\n"                  \
    "391 < 550 5.5.0 \x1b[31munavailable\n400 * the server closed the connection\n"

static json_t *page_of(struct bench *b, unsigned event)
{
    CLEANUP(xfree) char *target = xasprintf("event:%u", event);
    return result(b, "show", json_pack("{s:s}", "target", target));
}

static const char *line_text(const json_t *lines, size_t i)
{
    return protocol_get_text(json_array_get(lines, i), "text", "");
}

static void an_event_s_page_has_the_conversation_that_ended_in_it(void **state)
{
    struct bench *b = *state;
    struct outcome o = outcome_of(b, OUTCOME_BOUNCED, PHASE_RCPT, "550 5.5.0 unavailable");
    tell(b, &o);
    keep(b, &o, TRAIL_CONVERSATION, SAID);
    CLEANUP(json_decref) json_t *page = page_of(b, 1);
    const json_t *said = json_object_get(page, "conversation");
    const json_t *lines = json_object_get(said, "lines");
    assert_string_equal(protocol_get_text(said, "host", ""), "mx3.outlook.example");
    assert_int_equal(protocol_get_number(said, "port", 0), 25);
    assert_int_equal(json_array_size(lines), 7);
    assert_string_equal(line_text(lines, 2), "250 mx3, SIZE 100, 8BITMIME"); // a yes is one line
    assert_string_equal(line_text(lines, 4), "550-5.5.0 mailbox");           // a no stays as it is
    assert_string_equal(line_text(lines, 5), "550 5.5.0 \\x1b[31munavailable");
    assert_int_equal(protocol_get_number(json_array_get(lines, 5), "ms", 0), 391);
    assert_string_equal(protocol_get_text(json_array_get(lines, 6), "by", ""), "note");
    assert_true(json_is_null(json_object_get(page, "none")));
    assert_string_equal(protocol_get_text(json_object_get(page, "row"), "recipient", ""),
                        RECIPIENT);
    says(xstrdup(protocol_get_text(page, "counts", "")),
         "1 dead recipient of acme (64 of 1,000 in 24 h), of 198.51.100.7, of 198.51.100.7/google");
}

static void of_two_attempts_each_event_has_its_own(void **state)
{
    struct bench *b = *state;
    struct outcome first = outcome_of(b, OUTCOME_DEFERRED, PHASE_RCPT, "450 later");
    struct outcome second = first;
    second.at += USEC_MINUTE;
    tell(b, &first);
    tell(b, &second);
    keep(b, &first, TRAIL_CONVERSATION, "0 < 450 first\n");
    keep(b, &second, TRAIL_CONVERSATION, "0 < 450 second\n");
    static const char *const texts[] = {"450 first", "450 second"};
    for (unsigned i = 0; i < 2; i++) {
        CLEANUP(json_decref) json_t *page = page_of(b, i + 1);
        const json_t *said = json_object_get(page, "conversation");
        assert_string_equal(line_text(json_object_get(said, "lines"), 0), texts[i]);
    }
}

static void where_there_is_none_it_says_why(void **state)
{
    static const struct {
        enum outcome_kind kind;
        enum phase phase;
        usec_t age;
        const char *why;
    } cases[] = {
        {OUTCOME_DELIVERED, PHASE_DATA, 0, "failed attempts alone"},
        {OUTCOME_DEFERRED, PHASE_CONNECT, 0, "no connection came about"},
        {OUTCOME_DEFERRED, PHASE_RCPT, 0, "was not kept"},
        {OUTCOME_BOUNCED, PHASE_RCPT, 8 * USEC_DAY, "kept for 7 days"},
        {OUTCOME_COMPLAINED, PHASE_NONE, 0, "report that told of it was not kept"},
    };
    struct bench *b = *state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o = outcome_of(b, cases[i].kind, cases[i].phase, "");
        o.at -= cases[i].age;
        tell(b, &o);
        CLEANUP(json_decref) json_t *page = page_of(b, i + 1);
        says(xstrdup(protocol_get_text(page, "none", "")), cases[i].why);
    }
    says(error(b, "show", json_pack("{s:s}", "target", "event:99")), "not among the newest");
    says(error(b, "show", json_pack("{s:s}", "target", "event:x")), "an event's number");
}

static void a_late_bounce_has_the_report_that_told_of_it(void **state)
{
    struct bench *b = *state;
    struct outcome o = outcome_of(b, OUTCOME_BOUNCED, PHASE_NONE, "550 gone");
    o.delivered_at = o.at - 3 * USEC_HOUR;
    tell(b, &o);
    keep(b, &o, TRAIL_CONVERSATION, SAID);
    keep(b, &o, TRAIL_REPORT, "Return-Path: <>\r\nSubject: \x1b]0;x\x07 failed\r\n\r\nText");
    CLEANUP(json_decref) json_t *page = page_of(b, 1);
    const json_t *lines = json_object_get(json_object_get(page, "raw"), "lines");
    assert_int_equal(json_array_size(lines), 4);
    assert_string_equal(json_string_value(json_array_get(lines, 1)),
                        "Subject: \\x1b]0;x\\x07 failed");
    assert_true(json_is_null(json_object_get(page, "conversation")));
}

static void on_written_down(void *ctx, int r, const struct ledger_row *row)
{
    (void)row;
    *(int *)ctx = r == 0 ? 1 : -1;
}

// A row about the recipient, as a bounce makes it.
static void suppress_for(struct bench *b, const char *owner, usec_t since, unsigned flags)
{
    int is_done = 0;
    struct suppress_row row = {.address = RECIPIENT,
                               .owner = owner,
                               .provider = "google",
                               .reason = "",
                               .s = {.since = suppression_minute(since),
                                     .until = suppression_minute(since + 90 * USEC_DAY),
                                     .class = CLASS_UNKNOWN_USER,
                                     .flags = (uint8_t)flags}};
    suppress_add(b->store, NULL, &row, 1, on_written_down, &is_done);
    while (!is_done)
        turn(b);
    assert_int_equal(is_done, 1);
}

static void what_followed_for_the_recipient_is_said(void **state)
{
    static const struct {
        const char *owner, *says; // says NULL: nothing
        usec_t before;
        unsigned flags;
    } cases[] = {
        {"acme", "recipient suppressed for acme until ", 0, 0},
        {"", "recipient suppressed for everybody until ", 0, 0},
        {"acme/spring", "recipient suppressed for acme/spring until ", 0, 0},
        {"acme", "a sign against the recipient, which refuses nobody yet", 0, SUPPRESSION_SUSPECT},
        {"acme2", NULL, 0, 0},        // another's
        {"acme", NULL, USEC_HOUR, 0}, // it was so before
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(begin(state), 0); // a world each
        struct bench *b = *state;
        struct outcome o = outcome_of(b, OUTCOME_BOUNCED, PHASE_RCPT, "550 5.5.0 unavailable");
        suppress_for(b, cases[i].owner, o.at - cases[i].before, cases[i].flags);
        tell(b, &o);
        json_t *page = page_of(b, 1);
        const char *so = protocol_get_text(page, "so", "");
        if (cases[i].says)
            says(xstrdup(so), cases[i].says);
        else
            assert_string_equal(so, "");
        json_decref(page);
        end(state);
    }
}

static bool judge(void *ctx, const struct outcome *o, struct control_reading *out)
{
    (void)ctx;
    *out = (struct control_reading){.class = CLASS_INACTIVE_MAILBOX, .scope = o->scope};
    snprintf(out->rule, sizeof(out->rule), "providers.yaml:204");
    return true;
}

static void an_answer_is_read_again_by_the_rules_of_now(void **state)
{
    struct bench *b = *state;
    struct outcome o = outcome_of(b, OUTCOME_BOUNCED, PHASE_RCPT, "550 5.5.0 unavailable");
    b->engine.judge = judge;
    tell(b, &o);
    CLEANUP(json_decref) json_t *page = page_of(b, 1);
    const json_t *read = json_object_get(page, "read");
    assert_string_equal(protocol_get_text(read, "class", ""), "unknown-user");
    assert_string_equal(protocol_get_text(read, "rule", ""), "providers.yaml:204");
    assert_string_equal(protocol_get_text(read, "now", ""), "inactive-mailbox");
}

static void explain_says_it_line_by_line(void **state)
{
    struct bench *b = *state;
    char id[ID_MESSAGE_TEXT];
    struct outcome o = outcome_of(b, OUTCOME_BOUNCED, PHASE_RCPT, "550 5.5.0 unavailable");
    tell(b, &o);
    keep(b, &o, TRAIL_CONVERSATION, SAID);
    message_id_format(id, o.message);
    CLEANUP(xfree) char *message = xasprintf("message:%s", id);
    const char *const targets[] = {message, RECIPIENT};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        CLEANUP(json_decref)
        json_t *r = result(b, "explain", json_pack("{s:s}", "target", targets[i]));
        CLEANUP(xfree) char *text = json_dumps(r, 0);
        const char *to = strstr(text, "to mx3.outlook.example [192.0.2.44]:25");
        const char *rcpt = strstr(text, "    171 ms > RCPT TO:<" RECIPIENT ">");
        const char *no = strstr(text, "    391 ms < 550-5.5.0 mailbox");
        assert_true(to && rcpt && no && to < rcpt && rcpt < no);
        assert_int_equal(json_array_size(json_object_get(r, "conversations")), 1);
        assert_int_equal(json_array_size(json_object_get(r, "reports")), 0);
    }
    CLEANUP(json_decref) json_t *page = result(b, "show", json_pack("{s:s}", "target", message));
    assert_int_equal(json_array_size(json_object_get(page, "conversations")), 1);
    assert_int_equal(json_array_size(json_object_get(page, "events")), 1);
}

static void a_hostile_one_stays_within_a_line_of_the_protocol(void **state)
{
    struct bench *b = *state;
    struct buf text = {0};
    char id[ID_MESSAGE_TEXT];
    struct outcome o = outcome_of(b, OUTCOME_DEFERRED, PHASE_RCPT, "450 later");
    while (text.n < TRAIL_ONE - 100)
        buf_add_str(&text, "1 < 250-\x1b\x1b\x1b\"\\\n");
    tell(b, &o);
    for (int i = 0; i < 8; i++)
        keep(b, &o, i % 2 ? TRAIL_CONVERSATION : TRAIL_REPORT, (const char *)text.p);
    message_id_format(id, o.message);
    CLEANUP(xfree) char *message = xasprintf("message:%s", id);
    CLEANUP(json_decref) json_t *why = result(b, "explain", json_pack("{s:s}", "target", message));
    CLEANUP(json_decref) json_t *page = result(b, "show", json_pack("{s:s}", "target", message));
    CLEANUP(xfree) char *whole = json_dumps(why, 0);
    CLEANUP(xfree) char *all = json_dumps(page, 0);
    assert_true(strlen(whole) < PROTOCOL_LINE && strlen(all) < PROTOCOL_LINE);
    buf_deinit(&text);
}

static const struct CMUnitTest tests[] = {
    WITH_BENCH(an_event_s_page_has_the_conversation_that_ended_in_it),
    WITH_BENCH(of_two_attempts_each_event_has_its_own),
    WITH_BENCH(where_there_is_none_it_says_why),
    WITH_BENCH(a_late_bounce_has_the_report_that_told_of_it),
    WITH_BENCH(an_answer_is_read_again_by_the_rules_of_now),
    cmocka_unit_test(what_followed_for_the_recipient_is_said),
    WITH_BENCH(explain_says_it_line_by_line),
    WITH_BENCH(a_hostile_one_stays_within_a_line_of_the_protocol),
};
TEST_MAIN(tests)
