/* A provider's name comes from its hosts; the waits between tries grow as they should. */
#include "test.h"

#include <string.h>

#include "delivery/internal.h"

static struct settings *load(void)
{
    static const struct settings_text files[] = {
        {"main",
         {(const uint8_t *)"node: mta1.test\nstate: st\nproviders: providers.yaml\n"
                           "listeners: [{address: \"127.0.0.1:2525\"}]\n"
                           "pools: {shared: {ips: [127.0.0.11]}}\n",
          0}},
        {"providers.yaml",
         {(const uint8_t *)"google: {mx: [google.com, googlemail.com]}\n"
                           "m365: {mx: [mail.protection.outlook.com]}\n",
          0}},
    };
    struct settings_text texts[2];
    struct settings *s = NULL;
    struct settings_mistakes mistakes = {0};
    for (size_t i = 0; i < 2; i++) {
        texts[i] = files[i];
        texts[i].text.n = strlen((const char *)texts[i].text.p);
    }
    if (settings_load_texts(&s, &mistakes, texts, 2) != 0)
        fail_msg("%s", mistakes.items[0].text);
    return s;
}

static void a_provider_is_named_after_its_hosts(void **state)
{
    (void)state;
    struct settings *s = load();
    static const struct {
        const char *name, *domain;
        const char *hosts[3];
        const char *provider;
    } cases[] = {
        {"a known suffix", "big.test", {"aspmx.l.google.com"}, "google"},
        {"not inside a label", "big.test", {"mx.notgoogle.com"}, "notgoogle.com"},
        {"the first that is known", "big.test", {"mx.gate.test", "alt1.google.com"}, "google"},
        {"the best host less its first label",
         "big.test",
         {"mx1.hoster.net", "mx9.other.net"},
         "hoster.net"},
        {"a host of one label below the top", "big.test", {"hoster.net"}, "hoster.net"},
        {"a domain that is its own host", "mail.big.test", {"mail.big.test"}, "mail.big.test"},
        {"an address literal", "[127.0.0.1]", {"127.0.0.1"}, "127.0.0.1"},
        {"an IPv6 literal", "[ipv6:::1]", {"2001:db8::1"}, "2001-db8--1"},
        {"letters that names have not", "big.test", {"mx._odd.hoster.net"}, "hoster.net"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_mx *mx = xcalloc(1, sizeof(*mx));
        char out[TEXT_NAME];
        for (size_t j = 0; j < 3 && cases[i].hosts[j]; j++) {
            snprintf(mx->hosts[j].name, sizeof(mx->hosts[j].name), "%s", cases[i].hosts[j]);
            mx->hosts[j].preference = (uint16_t)(10 * (j + 1));
            mx->hosts_n++;
        }
        route_name(out, s, cases[i].domain, mx);
        if (strcmp(out, cases[i].provider) != 0)
            fail_msg("%s: got `%s`", cases[i].name, out);
        xfree(mx);
    }
    settings_free(s);
}

static void equal_hosts_in_any_order_are_one_provider(void **state)
{
    (void)state;
    struct settings *s = load();
    struct dns_mx *mx = xcalloc(1, sizeof(*mx));
    char there[TEXT_NAME], back[TEXT_NAME];
    mx->hosts_n = 2;
    strcpy(mx->hosts[0].name, "mx.b.test");
    strcpy(mx->hosts[1].name, "mx.a.test");
    route_name(there, s, "big.test", mx);
    strcpy(mx->hosts[0].name, "mx.a.test");
    strcpy(mx->hosts[1].name, "mx.b.test");
    route_name(back, s, "big.test", mx);
    assert_string_equal(there, "a.test");
    assert_string_equal(back, there);
    xfree(mx);
    settings_free(s);
}

static void waits_double_up_to_the_most(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned attempt;
        double dice;
        usec_t wait;
    } cases[] = {
        {"the first", 1, 0.5, 5 * USEC_MINUTE},
        {"the second doubles", 2, 0.5, 10 * USEC_MINUTE},
        {"the sixth", 6, 0.5, 160 * USEC_MINUTE},
        {"the seventh is the most", 7, 0.5, 4 * USEC_HOUR},
        {"many do not overflow", 65535, 0.5, 4 * USEC_HOUR},
        {"a tenth earlier", 1, 0, 5 * USEC_MINUTE - 30 * USEC_SECOND},
        {"a tenth later", 1, 1, 5 * USEC_MINUTE + 30 * USEC_SECOND},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        usec_t got = outcome_retry(5 * USEC_MINUTE, 4 * USEC_HOUR, cases[i].attempt, cases[i].dice);
        if (got != cases[i].wait)
            fail_msg("%s: got %lld", cases[i].name, (long long)got);
    }
}

static void the_dice_stay_in_range_and_spread(void **state)
{
    (void)state;
    unsigned low = 0;
    for (int i = 0; i < 1000; i++) {
        double v = outcome_dice();
        assert_true(v >= 0 && v < 1);
        low += v < 0.5;
    }
    assert_true(low > 400 && low < 600);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_provider_is_named_after_its_hosts),
    cmocka_unit_test(equal_hosts_in_any_order_are_one_provider),
    cmocka_unit_test(waits_double_up_to_the_most),
    cmocka_unit_test(the_dice_stay_in_range_and_spread),
};
TEST_MAIN(tests)
