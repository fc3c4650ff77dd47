/* Header fields and text of our own mail hold any value, and stay what they are. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "mail/compose.h"

static void a_field_takes_any_value(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *field;
    } cases[] = {
        {"plain", "acme is fine", "Subject: acme is fine\r\n"},
        {"blanks become one", "a  b ", "Subject: a b\r\n"},
        {"line ends can't get out", "a\r\nBcc: x", "Subject: a\\x0d\\x0aBcc: x\r\n"},
        {"other scripts", "jos\u00e9", "Subject: =?UTF-8?B?am9zw6k=?=\r\n"},
        {"bytes that are no UTF-8 show", "a\xff", "Subject: a\\xff\r\n"},
        {"what looks encoded is encoded",
         "=?UTF-8?B?YQ==?=", "Subject: =?UTF-8?B?PT9VVEYtOD9CP1lRPT0/PQ==?=\r\n"},
        {"long lines fold at a blank",
         "a customer whose reason is written in so many words that one line is not enough",
         "Subject: a customer whose reason is written in so many words that one line\r\n"
         " is not enough\r\n"},
        {"long words are encoded",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "Subject: =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh?=\r\n"
         " =?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ==?=\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        compose_field(&b, "Subject", "", cases[i].value);
        if (strcmp((char *)b.p, cases[i].field) != 0)
            fail_msg("%s: %s", cases[i].name, (char *)b.p);
    }
}

static void encoded_words_end_with_whole_characters(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf value = {0}, b = {0};
    for (int i = 0; i < 100; i++)
        buf_add_str(&value, "\u4f60");
    compose_field(&b, "Subject", "", (char *)value.p);
    size_t words = 0;
    for (const char *at = (char *)b.p; (at = strstr(at, "=?UTF-8?B?")); at++) {
        size_t n = strcspn(at + 10, "?");
        assert_true(n % 4 == 0 && at[10 + n - 1] != '='); // three bytes a character: no padding
        assert_true(n + 12 <= 75);
        words++;
    }
    assert_true(words > 5);
}

static void an_address_is_one_or_none(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"ops@acme.test", "To: <ops@acme.test>\r\n"},
        {"", "To: undisclosed-recipients:;\r\n"},
        {"a@b>\r\nBcc: <c@d", "To: undisclosed-recipients:;\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        compose_address(&b, "To", cases[i].in);
        assert_string_equal((char *)b.p, cases[i].out);
    }
}

static void an_atom_has_only_its_letters(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf b = {0};
    compose_atom(&b, ".mta1..example>\r\n.");
    assert_string_equal((char *)b.p, "xmta1.xexamplexxxx");
}

static void text_is_quoted_printable(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *out;
    } cases[] = {
        {"plain", "hello\nyou\n", "hello\r\nyou\r\n"},
        {"without a line end", "hello", "hello\r\n"},
        {"an equal sign and other scripts", "a=b \u00e9\n", "a=3Db =C3=A9\r\n"},
        {"a blank at the end", "a \n", "a=20\r\n"},
        {"a carriage return", "a\rb\n", "a=0Db\r\n"},
        {"an empty line", "a\n\nb\n", "a\r\n\r\nb\r\n"},
        {"exactly a line of 76",
         "0123456789012345678901234567890123456789012345678901234567890123456789012345\n",
         "0123456789012345678901234567890123456789012345678901234567890123456789012345\r\n"},
        {"one more",
         "01234567890123456789012345678901234567890123456789012345678901234567890123456\n",
         "012345678901234567890123456789012345678901234567890123456789012345678901234=\r\n56\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        compose_text(&b, bytes_str(cases[i].in));
        if (strcmp((char *)b.p, cases[i].out) != 0)
            fail_msg("%s: %s", cases[i].name, (char *)b.p);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_field_takes_any_value),
    cmocka_unit_test(encoded_words_end_with_whole_characters),
    cmocka_unit_test(an_address_is_one_or_none),
    cmocka_unit_test(an_atom_has_only_its_letters),
    cmocka_unit_test(text_is_quoted_printable),
};
TEST_MAIN(tests)
