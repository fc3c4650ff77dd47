/* Moments as people read them: the shortest that cannot be another one. */
#include "test.h"

#include <string.h>

#include "remote/format.h"

static void a_moment_cannot_be_another(void **state)
{
    (void)state;
    static const struct {
        const char *name, *at, *text;
    } cases[] = {
        {"today", "2026-11-25T11:55:00Z", "11:55Z"},
        {"tonight", "2026-11-26T01:00:00Z", "01:00Z"},
        {"some days ago", "2026-11-23T11:55:00Z", "23 Nov 11:55Z"},
        {"in half a year", "2027-05-24T04:26:00Z", "24 May 04:26Z"},
        {"in eight years", "2035-02-11T04:26:00Z", "11 Feb 2035"},
        {"a year ago", "2025-11-26T04:26:00Z", "26 Nov 2025"},
    };
    usec_t at, now;
    char text[FORMAT_TEXT];
    assert_true(clock_parse(&now, "2026-11-25T12:00:00Z"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(clock_parse(&at, cases[i].at));
        format_time(text, at, now);
        if (strcmp(text, cases[i].text) != 0)
            fail_msg("%s: %s", cases[i].name, text);
    }
    format_time(text, USEC_NEVER, now);
    assert_string_equal(text, "–");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_moment_cannot_be_another),
};
TEST_MAIN(tests)
