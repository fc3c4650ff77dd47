/* A decision is one line of JSON: what is known, and nothing else. */
#include "test.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "core/decision.h"

static void assert_line(const struct decision *d, const char *line)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    decision_format(&b, d);
    assert_string_equal((char *)b.p, line);
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    struct decision d = {.at = 1764000000250000,
                         .action = ACTION_RESUME,
                         .target = "lane:198.51.100.10/google",
                         .reason = "the pause of 2h is over"};
    assert_line(&d, "{\"t\":1764000000.250,\"action\":\"resume\","
                    "\"target\":\"lane:198.51.100.10/google\","
                    "\"reason\":\"the pause of 2h is over\",\"evidence\":{}}\n");
}

static void a_suspension_shows_its_evidence(void **state)
{
    (void)state;
    struct decision d = {.at = 1764000000000000,
                         .action = ACTION_SUSPEND,
                         .target = "customer:acme",
                         .reason = "6.2 % dead of 1,000, at most 5 %",
                         .until = 1764014400000000,
                         .has_harm = true,
                         .harm = HARM_DEAD,
                         .bad = 62,
                         .of = 1000,
                         .limit = 0.05,
                         .certainty = 1.25e7,
                         .list = "spring",
                         .provider = "google",
                         .signs = "looks like a stolen password: a new client network"};
    assert_line(&d, "{\"t\":1764000000.000,\"action\":\"suspend\",\"target\":\"customer:acme\","
                    "\"reason\":\"6.2 % dead of 1,000, at most 5 %\",\"evidence\":{"
                    "\"harm\":\"dead recipients\",\"rate\":0.062,\"bad\":62,\"of\":1000,"
                    "\"limit\":0.05,\"certainty\":1.25e+07,\"list\":\"spring\","
                    "\"provider\":\"google\",\"signs\":\"looks like a stolen password: "
                    "a new client network\"},\"until\":1764014400.000}\n");
}

static void culprits_come_with_counts_and_samples(void **state)
{
    (void)state;
    struct decision d = {.action = ACTION_CALL_OPERATOR,
                         .target = "ip:2001:db8::1",
                         .reason = "guard",
                         .pool = "shared",
                         .culprits = {{.customer = "acme",
                                       .share = 2.0 / 3,
                                       .bad = 20,
                                       .of = 90,
                                       .samples = {"550 5.1.1 \"no\"", "550 gone"}},
                                      {.customer = "b", .share = 0.25, .bad = 8, .of = 9}},
                         .culprits_n = 2,
                         .samples = {"554 blocked"}};
    assert_line(&d, "{\"t\":0.000,\"action\":\"call-operator\",\"target\":\"ip:2001:db8::1\","
                    "\"reason\":\"guard\",\"evidence\":{\"pool\":\"shared\",\"culprits\":["
                    "{\"customer\":\"acme\",\"share\":0.666667,\"bad\":20,\"of\":90,"
                    "\"samples\":[\"550 5.1.1 \\\"no\\\"\",\"550 gone\"]},"
                    "{\"customer\":\"b\",\"share\":0.25,\"bad\":8,\"of\":9,\"samples\":[]}],"
                    "\"samples\":[\"554 blocked\"]}}\n");
}

static void an_incident_says_how_many_fail(void **state)
{
    (void)state;
    struct decision d = {.action = ACTION_INCIDENT,
                         .target = "provider:google",
                         .reason = "fails",
                         .until = USEC_NEVER,
                         .customers = 7,
                         .customers_of = 9};
    assert_line(&d, "{\"t\":0.000,\"action\":\"incident\",\"target\":\"provider:google\","
                    "\"reason\":\"fails\",\"evidence\":{\"customers\":7,\"customers_of\":9}}\n");
}

static void no_number_breaks_the_line(void **state)
{
    (void)state;
    struct decision d = {.action = ACTION_WARN,
                         .target = "customer:a",
                         .culprits = {{.customer = "a", .share = NAN}},
                         .culprits_n = 1000};
    CLEANUP(buf_deinit) struct buf b = {0};
    decision_format(&b, &d);
    assert_non_null(strstr((char *)b.p, "\"share\":null"));
    assert_null(strstr((char *)b.p, "nan"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_not_known_is_left_out),
    cmocka_unit_test(a_suspension_shows_its_evidence),
    cmocka_unit_test(culprits_come_with_counts_and_samples),
    cmocka_unit_test(an_incident_says_how_many_fail),
    cmocka_unit_test(no_number_breaks_the_line),
};
TEST_MAIN(tests)
