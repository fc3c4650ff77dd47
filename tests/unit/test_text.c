/* Text from outside becomes visible, and people's values are read as contract.md says. */
#include "test.h"

#include <string.h>

#include "base/text.h"

static void strangers_text_becomes_visible(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *out;
    } cases[] = {
        {"plain text stays", "hello", "hello"},
        {"letters of other scripts stay", "jos\u00e9 \u4f60", "jos\u00e9 \u4f60"},
        {"escape", "\x1b[31m", "\\x1b[31m"},
        {"newline and DEL", "a\nb\x7f", "a\\x0ab\\x7f"},
        {"C1 as UTF-8", "\xc2\x85", "\\x85"},
        {"C1 as a byte", "\x9b", "\\x9b"},
        {"overlong slash", "\xc0\xaf", "\\xc0\\xaf"},
        {"bidi override",
         "a\u202e"
         "b",
         "aU+202Eb"},
        {"zero width",
         "a\u200b"
         "b",
         "aU+200Bb"},
        {"many marks", "e\u0301\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301\u0301"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[128];
        text_visible(out, sizeof(out), cases[i].in, strlen(cases[i].in));
        if (strcmp(out, cases[i].out) != 0)
            fail_msg("%s: got `%s`", cases[i].name, out);
    }
}

static void a_full_buffer_cuts_at_a_whole_character(void **state)
{
    (void)state;
    char out[4];
    assert_int_equal(text_visible(out, sizeof(out), "ab\u00e9", 4), 2);
    assert_string_equal(out, "ab");
}

static void values_read_back_what_they_write(void **state)
{
    (void)state;
    usec_t span, per;
    uint64_t size;
    uint32_t count;
    char out[TEXT_VALUE];
    assert_true(text_parse_duration(&span, "4h"));
    text_format_duration(out, span);
    assert_string_equal(out, "4h");
    assert_true(text_parse_size(&size, "50M"));
    assert_int_equal(size, 50u << 20);
    text_format_size(out, size);
    assert_string_equal(out, "50M");
    assert_true(text_parse_rate(&count, &per, "100/h"));
    text_format_rate(out, count, per);
    assert_string_equal(out, "100/h");
    static const char *const wrong[] = {"",    "4", "h", "4x", "-4h", "0s", "4h ", "99999999999d",
                                        "4h5m"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (text_parse_duration(&span, wrong[i]))
            fail_msg("`%s` passed", wrong[i]);
}

static void names_are_what_the_contract_allows(void **state)
{
    (void)state;
    static const char *const right[] = {"a", "acme", "mta1.example.net", "a_b-c.d", "0x"};
    static const char *const wrong[] = {"", "-a", ".a", "Acme", "a/b", "a b", "\u00e9"};
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        assert_true(text_is_name(right[i]));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(text_is_name(wrong[i]));
    char longest[TEXT_NAME + 1];
    memset(longest, 'a', TEXT_NAME);
    longest[TEXT_NAME] = '\0';
    assert_false(text_is_name(longest));
    longest[TEXT_NAME - 1] = '\0';
    assert_true(text_is_name(longest));
}

static void the_nearest_word_is_found_when_near(void **state)
{
    (void)state;
    static const char *const words[] = {"listeners", "limits", "pools"};
    assert_string_equal(text_nearest("listners", words, 3), "listeners");
    assert_string_equal(text_nearest("pool", words, 3), "pools");
    assert_null(text_nearest("zzzzzz", words, 3));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(strangers_text_becomes_visible),
    cmocka_unit_test(a_full_buffer_cuts_at_a_whole_character),
    cmocka_unit_test(values_read_back_what_they_write),
    cmocka_unit_test(names_are_what_the_contract_allows),
    cmocka_unit_test(the_nearest_word_is_found_when_near),
};
TEST_MAIN(tests)
