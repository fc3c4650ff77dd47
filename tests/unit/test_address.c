/* Mailboxes are what RFC 5321 §4.1.2 says, and nothing else. */
#include "test.h"

#include <string.h>

#include "mail/address.h"

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void right_ones_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *out;
    } cases[] = {
        {"plain", "a@big.test", "a@big.test"},
        {"the local part keeps its case, the domain loses it", "Ana@Big.TEST", "Ana@big.test"},
        {"all of atext", "!#$%&'*+-/=?^_`{|}~@x", "!#$%&'*+-/=?^_`{|}~@x"},
        {"dots between atoms", "a.b.c@x.test", "a.b.c@x.test"},
        {"a quoted local part", "\"a b\"@x.test", "\"a b\"@x.test"},
        {"an at sign and a bracket in quotes", "\"a@b>\"@x.test", "\"a@b>\"@x.test"},
        {"a quote in quotes", "\"a\\\"b\"@x.test", "\"a\\\"b\"@x.test"},
        {"nothing in quotes", "\"\"@x.test", "\"\"@x.test"},
        {"an IPv4 literal", "a@[127.0.0.1]", "a@[127.0.0.1]"},
        {"an IPv6 literal", "a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"},
        {"an underscore in a domain", "a@_x.test", "a@_x.test"},
        {"a domain of one label", "a@localhost", "a@localhost"},
        {"a local part of 64", A32 A32 "@x.test", A32 A32 "@x.test"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[ADDRESS_TEXT] = "";
        if (!address_parse(out, bytes_str(cases[i].in)) || strcmp(out, cases[i].out) != 0)
            fail_msg("%s: `%s`", cases[i].name, out);
    }
}

static void wrong_ones_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "a",
        "@x.test",
        "a@",
        "a@@x.test",
        "a b@x.test",
        ".a@x.test",
        "a.@x.test",
        "a..b@x.test",
        "\"a@x.test",
        "\"a\"b@x.test",
        "\"a\\\"@x.test",
        "\"a\rb\"@x.test",
        "\"a\\\nb\"@x.test",
        "a\"b\"@x.test",
        "<a@x.test>",
        "a@x.test ",
        " a@x.test",
        "a@x..test",
        "a@.x.test",
        "a@x.test.",
        "a@-x.test",
        "a@x-.test",
        "a@x.test>",
        "a@x\r\nRSET",
        "a@[127.0.0.1",
        "a@[127.0.0.256]",
        "a@[2001:db8::1]",
        "a@[IPv6:127.0.0.1x]",
        "a@[]",
        "jos\u00e9@x.test",
        "a@b\u00fccher.test",
        A32 A32 "a@x.test",
    };
    char out[ADDRESS_TEXT];
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (address_parse(out, bytes_str(wrong[i])))
            fail_msg("`%s` passed", wrong[i]);
    assert_false(address_parse(out, bytes_of("a@x\0.test", 9)));
    assert_false(address_parse(out, bytes_of("a\0b@x.test", 10)));
    assert_false(address_parse(out, bytes_of("a@[127.0.0.1\0]", 14)));
}

static void the_longest_fits(void **state)
{
    (void)state;
    char in[400], out[ADDRESS_TEXT];
    for (int excess = 0; excess < 2; excess++) {
        int n = snprintf(in, sizeof(in), A32 A32 "@");
        for (int i = 0; i < 3; i++)
            n += snprintf(in + n, sizeof(in) - (size_t)n, "%.63s.", A32 A32);
        snprintf(in + n, sizeof(in) - (size_t)n, "%.*s", 61 + excess, A32 A32);
        assert_int_equal(address_parse(out, bytes_str(in)), !excess);
    }
}

static void domains_have_limits(void **state)
{
    (void)state;
    assert_true(address_is_domain(bytes_str(A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test"))); // 63
    assert_false(address_is_domain(bytes_str(A32 A32 ".test")));
    assert_true(address_is_domain(bytes_str("1.2")));
    assert_false(address_is_domain(bytes_str("a b")));
    assert_false(address_is_domain(bytes_of(NULL, 0)));
}

static void the_domain_stands_behind_the_last_at(void **state)
{
    (void)state;
    assert_string_equal(address_domain("\"a@b\"@big.test"), "big.test");
    assert_string_equal(address_domain("none"), "");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(right_ones_are_read),
    cmocka_unit_test(wrong_ones_are_refused),
    cmocka_unit_test(the_longest_fits),
    cmocka_unit_test(domains_have_limits),
    cmocka_unit_test(the_domain_stands_behind_the_last_at),
};
TEST_MAIN(tests)
