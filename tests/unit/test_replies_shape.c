/* The shape of a reply: what varies is taken out, and nothing else. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/replies_shape.h"

static void what_varies_is_taken_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shape;
    } cases[] = {
        // clang-format off
        {"550 5.7.1 <a@b.example>: not today", "# <address>: not today"},
        {"550-5.7.1 Go 550 5.7.1 away", "# go # away"},
        {"554 Client host [192.0.2.7] via mx1.big.example:25 is odd", "# client host [<ip>] via <host> is odd"},
        {"554 from 2001:db8::25. See https://x.example/?a=b&c=d for more", "# from <ip>. see <url> for more"},
        {"450 queued as 4F1a2B3cD4, try later", "# queued as #, try later"},
        {"450 id aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "# id #"},
        {"  550   spaces\tand\nlines  ", "# spaces and lines"},
        {"550 Ящик не тот", "# Ящик не тот"},
        {"", ""},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char shape[REPLY_SHAPE];
        assert_int_equal(replies_shape(shape, cases[i].text), strlen(cases[i].shape));
        assert_string_equal(shape, cases[i].shape);
    }
}

// One reply twice, with other addresses, IPs, ids, numbers, hosts and links.
static void make(char *text, size_t room, unsigned frame, unsigned *seed)
{
    unsigned n[6];
    for (size_t i = 0; i < ARRAY_LEN(n); i++)
        n[i] = (unsigned)rand_r(seed) % 200;
    if (frame == 0)
        snprintf(text, room, "%u <u%u@d%u.example> refused by mx%u.example [192.0.%u.7] (id Q%uZ)",
                 n[0] + 400, n[1], n[2], n[3], n[4], n[5]);
    else if (frame == 1)
        snprintf(text, room, "%u 5.7.%u see https://h%u.example/%u?q=%u, ticket #%u", n[0] + 400,
                 n[1], n[2], n[3], n[4], n[5]);
    else
        snprintf(text, room, "%u-the %u and %u from host-%u.example.net: 10.%u.0.1:25; x%u!",
                 n[0] + 400, n[1], n[2], n[3], n[4], n[5]);
}

static void replies_that_differ_only_in_those_have_one_shape(void **state)
{
    (void)state;
    unsigned seed = 3;
    for (unsigned i = 0; i < 3000; i++) {
        char one[200], two[200], a[REPLY_SHAPE], b[REPLY_SHAPE];
        make(one, sizeof(one), i % 3, &seed);
        make(two, sizeof(two), i % 3, &seed);
        replies_shape(a, one);
        replies_shape(b, two);
        assert_string_equal(a, b);
    }
}

static void a_shape_is_its_own_shape(void **state)
{
    (void)state;
    unsigned seed = 11;
    for (int i = 0; i < 20000; i++) {
        char text[600], once[REPLY_SHAPE], twice[REPLY_SHAPE];
        size_t n = (size_t)rand_r(&seed) % (sizeof(text) - 1);
        for (size_t k = 0; k < n; k++)
            text[k] = rand_r(&seed) % 20 ? "ab3. -@#<>:/w()[]'&"[rand_r(&seed) % 19]
                                         : (char)(1 + rand_r(&seed) % 255);
        text[n] = '\0';
        assert_true(replies_shape(once, text) < REPLY_SHAPE);
        replies_shape(twice, once);
        assert_string_equal(once, twice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_varies_is_taken_out),
        cmocka_unit_test(replies_that_differ_only_in_those_have_one_shape),
        cmocka_unit_test(a_shape_is_its_own_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
