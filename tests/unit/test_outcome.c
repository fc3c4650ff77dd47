/* An outcome is one line of JSON, whatever stands in it. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "core/outcome.h"

static void assert_line(const struct outcome *o, const char *line)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    outcome_format(&b, o);
    assert_string_equal((char *)b.p, line);
}

static void a_bounce_reads_as_the_contract_shows_it(void **state)
{
    (void)state;
    struct outcome o = {.at = 1764000000250000,
                        .kind = OUTCOME_BOUNCED,
                        .class = CLASS_UNKNOWN_USER,
                        .stream = STREAM_LIST,
                        .customer = "acme",
                        .list = "spring",
                        .ip = "198.51.100.10",
                        .provider = "google",
                        .recipient = "a@big.test",
                        .reply = ""};
    assert_line(&o, "{\"t\":1764000000.250,\"kind\":\"bounced\",\"customer\":\"acme\","
                    "\"ip\":\"198.51.100.10\",\"provider\":\"google\",\"class\":\"unknown-user\","
                    "\"recipient\":\"a@big.test\",\"stream\":\"list\",\"list\":\"spring\"}\n");
}

static void all_that_is_known_is_said(void **state)
{
    (void)state;
    struct outcome o = {.at = 1764000000000000,
                        .kind = OUTCOME_DEFERRED,
                        .class = CLASS_RATE_LIMITED,
                        .scope = SCOPE_IP,
                        .phase = PHASE_RCPT,
                        .code = 421,
                        .attempt = 3,
                        .message = {1, 2},
                        .customer = "acme",
                        .reply = "421 4.7.0 slow down",
                        .delivered_at = 1763999999999000};
    assert_line(&o, "{\"t\":1764000000.000,\"kind\":\"deferred\",\"customer\":\"acme\","
                    "\"class\":\"rate-limited\",\"stream\":\"transactional\","
                    "\"message\":\"0000000000000G0000000000"
                    "02\",\"phase\":\"rcpt\",\"scope\":\"ip\",\"code\":421,"
                    "\"reply\":\"421 4.7.0 slow down\",\"attempt\":3,"
                    "\"delivered_at\":1763999999.999}\n");
}

static void what_was_not_delivered_is_not_classed_as_delivered(void **state)
{
    (void)state;
    struct outcome o = {.kind = OUTCOME_ACCEPTED, .customer = "acme"};
    assert_line(&o, "{\"t\":0.000,\"kind\":\"accepted\",\"customer\":\"acme\","
                    "\"stream\":\"transactional\"}\n");
    o.kind = OUTCOME_DELIVERED;
    assert_line(&o, "{\"t\":0.000,\"kind\":\"delivered\",\"customer\":\"acme\","
                    "\"class\":\"delivered\",\"stream\":\"transactional\"}\n");
}

static void a_listing_names_its_zone_and_the_answer(void **state)
{
    (void)state;
    struct outcome o = {.at = 1764000000000000,
                        .kind = OUTCOME_LISTED,
                        .customer = "",
                        .ip = "198.51.100.10",
                        .zone = "zen.spamhaus.org",
                        .answer = "127.0.0.2"};
    assert_line(&o, "{\"t\":1764000000.000,\"kind\":\"listed\",\"ip\":\"198.51.100.10\","
                    "\"zone\":\"zen.spamhaus.org\",\"stream\":\"transactional\","
                    "\"code\":\"127.0.0.2\"}\n");
}

static void nothing_in_a_reply_ends_the_string_or_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *out;
    } cases[] = {
        {"quote and backslash", "a\"b\\c", "a\\\"b\\\\c"},
        {"line ends", "a\r\nb", "a\\u000d\\u000ab"},
        {"escape and DEL", "\x1b\x7f", "\\u001b\\u007f"},
        {"other scripts", "jos\u00e9", "jos\u00e9"},
        {"bytes that are no UTF-8", "a\xff\xc0\xaf", "a\\\\xff\\\\xc0\\\\xaf"},
        {"a character cut short", "a\xe4\xbd", "a\\\\xe4\\\\xbd"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        CLEANUP(xfree) char *wanted = xasprintf("\"reply\":\"%s\"}\n", cases[i].out);
        struct outcome o = {.customer = "acme", .reply = cases[i].in};
        outcome_format(&b, &o);
        if (!strstr((char *)b.p, wanted))
            fail_msg("%s: %s", cases[i].name, (char *)b.p);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_bounce_reads_as_the_contract_shows_it),
    cmocka_unit_test(all_that_is_known_is_said),
    cmocka_unit_test(what_was_not_delivered_is_not_classed_as_delivered),
    cmocka_unit_test(a_listing_names_its_zone_and_the_answer),
    cmocka_unit_test(nothing_in_a_reply_ends_the_string_or_the_line),
};
TEST_MAIN(tests)
