/* Reports and notices are mail that every server takes, whatever stands in their values. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "mail/report.h"

static const struct report_failure failures[] = {
    {"nobody@big.test", "550 5.1.1 <nobody@big.test>: no such user \u00e9", "mx.big.test",
     CLASS_UNKNOWN_USER, 550, 1764000000 * USEC_SECOND},
    {"late@slow.test", "no server of slow.test answered for 5 days", "", CLASS_NO_CONNECT, 0, 0},
};

static struct report_plan report(void)
{
    return (struct report_plan){
        .node = "mta1.example.net",
        .to = "a@shop.test",
        .message_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        .arrived_at = 1763999999 * USEC_SECOND,
        .now = 1764000001 * USEC_SECOND,
        .failures = failures,
        .failures_n = ARRAY_LEN(failures),
        .original =
            bytes_str("From: a@shop.test\r\nSubject: two\r\n\tlines\r\n\r\nsecret body\r\n"),
    };
}

static void assert_has(const struct buf *b, const char *text)
{
    if (!strstr((const char *)b->p, text))
        fail_msg("no `%s` in\n%s", text, (const char *)b->p);
}

static void a_report_says_who_what_and_why(void **state)
{
    (void)state;
    struct report_plan plan = report();
    CLEANUP(buf_deinit) struct buf b = {0};
    report_format(&b, &plan);
    assert_has(&b, "From: Mail Delivery System <MAILER-DAEMON@mta1.example.net>\r\n");
    assert_has(&b, "\r\nTo: <a@shop.test>\r\n");
    assert_has(&b, "\r\nAuto-Submitted: auto-replied\r\n");
    assert_has(&b, "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                   "\tboundary=\"=_report_01ARZ3NDEKTSV4RRFFQ69G5FAV\"\r\n");
    assert_has(&b, "\r\nnobody@big.test\r\n    There is no such mailbox.\r\n"
                   "    mx.big.test said: 550 5.1.1 <nobody@big.test>: no such user =C3=A9\r\n");
    assert_has(&b, "Content-Type: message/delivery-status\r\n\r\n"
                   "Reporting-MTA: dns; mta1.example.net\r\n"
                   "X-Mxwarden-Message: 01ARZ3NDEKTSV4RRFFQ69G5FAV\r\n"
                   "Arrival-Date: Mon, 24 Nov 2025 15:59:59 +0000\r\n"
                   "\r\n"
                   "Final-Recipient: rfc822; nobody@big.test\r\n"
                   "Action: failed\r\n"
                   "Status: 5.1.1\r\n"
                   "Remote-MTA: dns; mx.big.test\r\n"
                   "Diagnostic-Code: smtp; =?UTF-8?B?");
    assert_has(&b, "Last-Attempt-Date: Mon, 24 Nov 2025 16:00:00 +0000\r\n"
                   "\r\n"
                   "Final-Recipient: rfc822; late@slow.test\r\n"
                   "Action: failed\r\n"
                   "Status: 4.4.1\r\n"
                   "Diagnostic-Code: x-mxwarden; no server of slow.test answered for 5 days\r\n");
    assert_has(&b, "Content-Type: text/rfc822-headers\r\n\r\n"
                   "From: a@shop.test\r\nSubject: two\r\n\tlines\r\n"
                   "\r\n--=_report_01ARZ3NDEKTSV4RRFFQ69G5FAV--\r\n");
    assert_null(strstr((char *)b.p, "secret"));
}

static void a_status_is_the_replys_or_the_classs(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum class class;
        unsigned code;
        const char *status;
    } cases[] = {
        {"550 5.7.1 go away", CLASS_UNDETERMINED, 550, "5.7.1"},
        {"452-4.2.2 full", CLASS_MAILBOX_FULL, 452, "4.2.2"},
        {"550 no such user", CLASS_UNKNOWN_USER, 550, "5.1.1"},
        {"451 later", CLASS_TRANSIENT, 451, "4.0.0"},
        {"550 5.1.1.1 x", CLASS_UNDETERMINED, 550, "5.0.0"},
        {"550 5.1. x", CLASS_UNDETERMINED, 550, "5.0.0"},
        {"550 5.1234.1 x", CLASS_UNDETERMINED, 550, "5.0.0"},
        {"550 2.0.0 x", CLASS_UNDETERMINED, 550, "5.0.0"},
        {"", CLASS_NO_CONNECT, 0, "4.4.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct report_failure f = {"a@b.test",     cases[i].reply, "",
                                   cases[i].class, cases[i].code,  0};
        struct report_plan plan = report();
        CLEANUP(buf_deinit) struct buf b = {0};
        CLEANUP(xfree) char *line = xasprintf("\r\nStatus: %s\r\n", cases[i].status);
        plan.failures = &f;
        plan.failures_n = 1;
        report_format(&b, &plan);
        assert_has(&b, line);
    }
}

static void a_boundary_in_the_original_ends_nothing(void **state)
{
    (void)state;
    struct report_plan plan = report();
    CLEANUP(buf_deinit) struct buf b = {0};
    plan.original = bytes_str("Subject: a\r\n--=_report_01ARZ3NDEKTSV4RRFFQ69G5FAV--: x\r\n"
                              "X: b\r\n\r\n");
    report_format(&b, &plan);
    assert_has(&b, "Subject: a\r\nX: b\r\n");
    assert_null(strstr((char *)b.p, "--: x"));
}

static void long_reports_tell_fifty_and_count_the_rest(void **state)
{
    (void)state;
    struct report_failure many[60];
    struct report_plan plan = report();
    CLEANUP(buf_deinit) struct buf b = {0};
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = failures[1];
    plan.failures = many;
    plan.failures_n = ARRAY_LEN(many);
    report_format(&b, &plan);
    assert_has(&b, "\r\nand 10 more; all of them stand in the second part");
    size_t n = 0;
    for (const char *at = (char *)b.p; (at = strstr(at, "Final-Recipient")); at++)
        n++;
    assert_int_equal(n, 60);
}

static void huge_headers_go_back_in_part(void **state)
{
    (void)state;
    struct report_plan plan = report();
    CLEANUP(buf_deinit) struct buf b = {0}, original = {0};
    for (int i = 0; i < 1000; i++)
        buf_printf(&original, "X-%d: %0900d\r\n", i, i);
    plan.original = buf_bytes(&original);
    report_format(&b, &plan);
    assert_true(b.n < 20 * 1024);
    assert_has(&b, "X-0: ");
}

static void a_notice_says_what_why_and_until(void **state)
{
    (void)state;
    struct notice_plan plan = {.node = "mta1.example.net",
                               .to = "ops@acme.test",
                               .customer = "acme",
                               .template_name = "throttled",
                               .reason = "6.4 % of the recipients do not exist, limit 5 %",
                               .until = "2026-11-24T16:04:31.123Z",
                               .rate = "100/h",
                               .waiting = 12,
                               .language = "en",
                               .now = 1764000000 * USEC_SECOND};
    CLEANUP(buf_deinit) struct buf b = {0};
    notice_format(&b, &plan);
    assert_has(&b, "\r\nTo: <ops@acme.test>\r\nSubject: acme: sending is slowed down\r\n");
    assert_has(&b, "\r\nAuto-Submitted: auto-generated\r\n");
    assert_has(&b, "\r\nMail of customer acme is sent at a lower rate for now.\r\n\r\n"
                   "Why:       6.4 % of the recipients do not exist, limit 5 %\r\n"
                   "Rate:      100/h\r\n"
                   "Until:     2026-11-24T16:04:31.123Z\r\n"
                   "Waiting:   12 messages\r\n");
    static const struct {
        const char *name, *subject;
    } kinds[] = {
        {"warned", "Subject: acme: your mail needs attention\r\n"},
        {"suspended", "Subject: acme: sending is suspended\r\n"},
        {"restored", "Subject: acme: sending is restored\r\n"},
        {"renamed", "Subject: acme: your sending has changed\r\n"},
    };
    plan.rate = plan.until = "";
    plan.waiting = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        buf_clear(&b);
        plan.template_name = kinds[i].name;
        notice_format(&b, &plan);
        assert_has(&b, kinds[i].subject);
        assert_null(strstr((char *)b.p, "Until:"));
    }
}

// Undoes quoted-printable, as a reader's program does.
static char *text_of(const struct buf *b)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    const char *p = strstr((char *)b->p, "\r\n\r\n");
    for (p += 4; *p; p++) {
        unsigned byte;
        if (*p == '\r')
            continue;
        if (p[0] == '=' && p[1] == '\r')
            p += 2;
        else if (*p == '=' && sscanf(p + 1, "%2X", &byte) == 1)
            buf_add_byte(&out, (uint8_t)byte), p += 2;
        else
            buf_add_byte(&out, (uint8_t)*p);
    }
    return buf_take_str(&out);
}

static void a_notice_of_harm_has_numbers_and_examples_in_every_language(void **state)
{
    (void)state;
    static const char *const samples[] = {"550 5.1.1 <…>: no such user"};
    static const struct {
        const char *language;
        enum harm harm;
        const char *says[4];
    } cases[] = {
        {"en",
         HARM_DEAD,
         {"62 of 1000 recipients", "(6.2 %). Up to 2.0 %", "5.1.1 <…>", "old list"}},
        {"en",
         HARM_COMPLAINT,
         {"marked your mail as spam", "6.2 %", "What was seen", "complained"}},
        {"en", HARM_SPAM, {"refused as spam", "What to do", "links", "6.2 %"}},
        {"en", HARM_REPEAT, {"unsubscribed", "6.2 %", "each time", "Until:"}},
        {"en",
         HARM_UNCONFIRMED,
         {"never confirmed", "6.2 %", "confirmed their", "List:      spring"}},
        {"en", HARM_TRAP, {"62 mails", "belong to nobody", "bought", "mta1.example.net"}},
        {"de",
         HARM_DEAD,
         {"62 von 1000 Empfängern", "(6,2 %). Bis 2,0 %", "5.1.1 <…>", "zurückkam"}},
        {"de",
         HARM_COMPLAINT,
         {"als Spam gemeldet", "6,2 %", "Was aufgefallen ist", "Abbestellen"}},
        {"de", HARM_SPAM, {"als Spam abgelehnt", "Was zu tun ist", "Links", "6,2 %"}},
        {"de", HARM_REPEAT, {"abbestellt", "6,2 %", "vor jedem Versand", "Bis:"}},
        {"de",
         HARM_UNCONFIRMED,
         {"nie bestätigt", "6,2 %", "bestätigt haben", "Liste:     spring"}},
        {"de", HARM_TRAP, {"62 Mails", "niemandem", "gekauften", "mta1.example.net"}},
        {"fr", HARM_DEAD, {"62 of 1000 recipients", "", "", ""}},
    };
    static const char *const names[] = {"warned", "throttled", "suspended", "restored", "other"};
    for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(names); i++) {
        size_t c = i / ARRAY_LEN(names);
        struct notice_harm harm = {.harm = cases[c].harm,
                                   .bad = 62,
                                   .of = 1000,
                                   .limit = 0.02,
                                   .list = "spring",
                                   .samples = samples,
                                   .samples_n = 1,
                                   .is_stolen = true};
        struct notice_plan plan = {.node = "mta1.example.net",
                                   .to = "ops@acme.test",
                                   .customer = "acme",
                                   .template_name = names[i % ARRAY_LEN(names)],
                                   .reason = "",
                                   .until = "2026-11-24T16:04:31.123Z",
                                   .rate = "",
                                   .waiting = 3,
                                   .language = cases[c].language,
                                   .harm = &harm};
        CLEANUP(buf_deinit) struct buf b = {0};
        notice_format(&b, &plan);
        CLEANUP(xfree) char *text = text_of(&b);
        for (size_t k = 0; k < ARRAY_LEN(cases[c].says); k++)
            if (!strstr(text, cases[c].says[k]))
                fail_msg("%s %s: no `%s` in\n%s", cases[c].language, plan.template_name,
                         cases[c].says[k], text);
        assert_null(strchr(text, '{'));
        assert_non_null(strstr(text, strcmp(cases[c].language, "de") ? "password" : "Passwort"));
    }
    assert_true(notice_has_language("de") && !notice_has_language("fr"));
}

// ASCII, CRLF and nothing else at line ends, lines within RFC 5322 §2.1.1, and only our fields.
static void assert_is_mail(const struct buf *b)
{
    static const char *const ours[] = {
        "Date: ",
        "From: ",
        "To: ",
        "Subject: ",
        "Message-ID: ",
        "Auto-Submitted: ",
        "MIME-Version: ",
        "Content-Type: ",
        "Content-Transfer-Encoding: ",
        "\t",
        " ",
    };
    bool is_header = true;
    for (size_t at = 0; at < b->n;) {
        const uint8_t *end = memchr(b->p + at, '\n', b->n - at);
        if (!end)
            fail_msg("the last line does not end");
        size_t n = (size_t)(end - (b->p + at));
        assert_true(n >= 1 && n - 1 <= 998 && end[-1] == '\r');
        for (size_t i = at; i < at + n - 1; i++)
            if (b->p[i] != '\t' && (b->p[i] < 0x20 || b->p[i] > 0x7e))
                fail_msg("byte %02x", b->p[i]);
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
            is_known = is_known || strncmp((char *)b->p + at, ours[i], strlen(ours[i])) == 0;
        is_header = is_header && n > 1;
        if (is_header && !is_known)
            fail_msg("a field of somebody else: %.*s", (int)n, b->p + at);
        at += n + 1;
    }
}

static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

// Bytes that hurt, more often than others.
static char *random_text(size_t most)
{
    static const char *const bad[] = {
        "\r\n",   "\n",     "\r", "=?",    ":",        "--=_report_x", " ", "\t",   "\xff",
        "\u00e9", "\u202e", "=_", ".\r\n", "\r\n\r\n", "\"",           ">", "X: y", "\x01"};
    struct buf b = {0};
    for (size_t n = random_below(most + 1); b.n < n;) {
        if (random_below(3) == 0)
            buf_add_str(&b, bad[random_below(ARRAY_LEN(bad))]);
        else
            buf_add_byte(&b, (uint8_t)(1 + random_below(255)));
    }
    char *text = buf_take_str(&b);
    buf_deinit(&b);
    return text;
}

static void random_report(struct buf *out)
{
    char *texts[8];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        texts[i] = random_text(i == 7 ? 4000 : i == 3 ? 1500 : 400);
    struct report_failure f = {texts[2],
                               texts[3],
                               texts[4],
                               (enum class)random_below(22),
                               (unsigned)random_below(600),
                               (usec_t)random_below(1u << 30)};
    struct report_plan plan = {.node = texts[0],
                               .to = texts[1],
                               .message_id = texts[5],
                               .arrived_at = (usec_t)random_below(UINT64_C(1) << 57),
                               .failures = &f,
                               .failures_n = 1,
                               .original = bytes_str(texts[7])};
    report_format(out, &plan);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        xfree(texts[i]);
}

static void random_notice(struct buf *out)
{
    char *texts[9];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        texts[i] = random_text(1500);
    const char *samples[] = {texts[7], texts[8]};
    struct notice_harm harm = {
        .harm = seed % HARM_N, .bad = seed, .list = texts[0], .samples = samples, .samples_n = 2};
    struct notice_plan plan = {.node = texts[0],
                               .to = texts[1],
                               .customer = texts[2],
                               .template_name = texts[3],
                               .reason = texts[4],
                               .until = texts[5],
                               .rate = texts[6],
                               .language = seed % 2 ? "de" : texts[7],
                               .harm = seed % 3 ? &harm : NULL};
    notice_format(out, &plan);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        xfree(texts[i]);
}

static void random_bytes_stay_in_their_place(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= 3000; run++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        seed = run * 0x9e3779b97f4a7c15u;
        random_report(&b);
        assert_is_mail(&b);
        buf_clear(&b);
        random_notice(&b);
        assert_is_mail(&b);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_report_says_who_what_and_why),
    cmocka_unit_test(a_status_is_the_replys_or_the_classs),
    cmocka_unit_test(a_boundary_in_the_original_ends_nothing),
    cmocka_unit_test(long_reports_tell_fifty_and_count_the_rest),
    cmocka_unit_test(huge_headers_go_back_in_part),
    cmocka_unit_test(a_notice_says_what_why_and_until),
    cmocka_unit_test(a_notice_of_harm_has_numbers_and_examples_in_every_language),
    cmocka_unit_test(random_bytes_stay_in_their_place),
};
TEST_MAIN(tests)
