/* Suppressions as people and files write them: addresses, owners, times, lines. */
#include "test.h"

#include <string.h>

#include "remote/suppress.h"

#define FIFTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void what_is_an_address_or_a_domain(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *what; // NULL: it is none
    } cases[] = {
        {"an address, its domain small", "Ana@Big.Test", "Ana@big.test"},
        {"a domain", "Big.test", "@big.test"},
        {"a domain with its sign", "@Big.test", "@big.test"},
        {"a quoted local part, as RCPT takes it", "\"Ana B\"@Big.test", "\"Ana B\"@big.test"},
        {"with an @, a comma and quotes in it", "\"a@b,\\\"\"@big.test", "\"a@b,\\\"\"@big.test"},
        {"an address literal", "a@[127.0.0.9]", "a@[127.0.0.9]"},
        {"an address literal of IPv6", "a@[IPv6:::1]", "a@[ipv6:::1]"},
        {"the longest domain", "a@" FIFTY "." FIFTY "." FIFTY "." FIFTY ".test",
         "a@" FIFTY "." FIFTY "." FIFTY "." FIFTY ".test"},
        {"a local part beyond ASCII", "\xc3\xbc@big.test", "\xc3\xbc@big.test"},
        {"an empty quoted local part", "\"\"@big.test", "\"\"@big.test"},
        {"nothing", "", NULL},
        {"no domain", "a@", NULL},
        {"no local part but a domain with two signs", "@@big.test", NULL},
        {"an empty label", "a@big..test", NULL},
        {"a blank", "a b@big.test", NULL},
        {"a quote that is left open", "\"a@big.test", NULL},
        {"a quote in the middle", "a\"b@big.test", NULL},
        {"a quote inside quotes", "\"a\"b\"@big.test", NULL},
        {"a backslash before the last quote", "\"a\\\"@big.test", NULL},
        {"a tab in quotes", "\"a\tb\"@big.test", NULL},
        {"an empty literal", "a@[]", NULL},
        {"a literal that is left open", "a@[127.0.0.9", NULL},
        {"a local part that is too long", FIFTY FIFTY "@big.test", NULL},
        {"a sign nobody sees", "a\xe2\x80\x8b@big.test", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char what[SUPPRESS_WHAT] = "";
        bool is_one = suppress_parse_what(what, cases[i].text);
        if (is_one != (cases[i].what != NULL) || (is_one && strcmp(what, cases[i].what) != 0))
            fail_msg("%s: `%s`", cases[i].name, what);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_an_address_or_a_domain),
};
TEST_MAIN(tests)
