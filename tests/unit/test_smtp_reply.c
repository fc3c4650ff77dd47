/* SMTP replies: what real servers send, what is none, and what we write reads back. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "smtp/reply.h"

// clang-format off
static const struct {
    const char *name, *in;
    enum smtp_reply_result result;
    unsigned code;
    const char *enhanced, *text;
} cases[] = {
    {"one line", "250 2.1.0 ok\r\n", SMTP_REPLY_DONE, 250, "2.1.0", "250 2.1.0 ok"},
    {"no enhanced status", "250 ok\r\n", SMTP_REPLY_DONE, 250, "", "250 ok"},
    {"the code alone", "250\r\n", SMTP_REPLY_DONE, 250, "", "250"},
    {"the code and a blank", "354 \r\n", SMTP_REPLY_DONE, 354, "", "354"},
    {"a bare LF", "220 hello\n", SMTP_REPLY_DONE, 220, "", "220 hello"},
    {"several lines keep their codes", "550-5.1.1 no such\r\n550-5.1.1 user\r\n550 5.1.1 here\r\n",
        SMTP_REPLY_DONE, 550, "5.1.1", "550-5.1.1 no such 550-5.1.1 user 550 5.1.1 here"},
    {"the last line is the code alone", "220-mx\r\n220\r\n", SMTP_REPLY_DONE, 220, "", "220-mx 220"},
    {"the status may stand on a later line", "554-no\r\n554 5.7.606 banned\r\n",
        SMTP_REPLY_DONE, 554, "5.7.606", "554-no 554 5.7.606 banned"},
    {"a status with nothing behind", "550 5.7.1\r\n", SMTP_REPLY_DONE, 550, "5.7.1", "550 5.7.1"},
    {"no status: a version, an address", "220 5.6.7.8 ready\r\n", SMTP_REPLY_DONE, 220, "", "220 5.6.7.8 ready"},
    {"no status: four digits", "550 5.7.1234 x\r\n", SMTP_REPLY_DONE, 550, "", "550 5.7.1234 x"},
    {"no status: class 3", "354 3.0.0 x\r\n", SMTP_REPLY_DONE, 354, "", "354 3.0.0 x"},
    {"a tab becomes a blank, blanks at the end go", "250 a\tb \t \r\n", SMTP_REPLY_DONE, 250, "", "250 a b"},
    {"control bytes become visible", "550 a\x1b[31m\r\n", SMTP_REPLY_DONE, 550, "", "550 a\\x1b[31m"},
    {"so does a bare CR", "550 a\rb\r\n", SMTP_REPLY_DONE, 550, "", "550 a\\x0db"},
    {"half a line", "250 ok", SMTP_REPLY_MORE, 0, NULL, NULL},
    {"half a reply", "250-ok\r\n", SMTP_REPLY_MORE, 0, NULL, NULL},
    {"nothing", "", SMTP_REPLY_MORE, 0, NULL, NULL},
    {"an empty line", "\r\n", SMTP_REPLY_BAD, 0, NULL, NULL},
    {"two digits", "25 ok\r\n", SMTP_REPLY_BAD, 0, NULL, NULL},
    {"a code too low", "150 ok\r\n", SMTP_REPLY_BAD, 0, NULL, NULL},
    {"a code too high", "600 ok\r\n", SMTP_REPLY_BAD, 0, NULL, NULL},
    {"something behind the code", "250ok\r\n", SMTP_REPLY_BAD, 0, NULL, NULL},
    {"a tab behind the code", "250\tok\r\n", SMTP_REPLY_BAD, 0, NULL, NULL},
    {"another code on a later line", "250-a\r\n550 b\r\n", SMTP_REPLY_BAD, 0, NULL, NULL},
    {"another protocol", "HTTP/1.1 400 Bad Request\r\n", SMTP_REPLY_BAD, 0, NULL, NULL},
};
// clang-format on

static void replies_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_reply r;
        size_t used;
        struct bytes in = bytes_str(cases[i].in);
        if (smtp_reply_parse(&r, &used, in) != cases[i].result)
            fail_msg("%s: another result", cases[i].name);
        assert_int_equal(used, cases[i].result == SMTP_REPLY_DONE ? in.n : 0);
        if (cases[i].result != SMTP_REPLY_DONE)
            continue;
        assert_int_equal(r.code, cases[i].code);
        if (strcmp(r.enhanced, cases[i].enhanced) != 0 || strcmp(r.text, cases[i].text) != 0)
            fail_msg("%s: got `%s`, `%s`", cases[i].name, r.enhanced, r.text);
    }
}

static void only_the_first_reply_is_taken(void **state)
{
    (void)state;
    struct smtp_reply r;
    size_t used;
    assert_int_equal(smtp_reply_parse(&r, &used, bytes_str("250 a\r\n550 b\r\n")), SMTP_REPLY_DONE);
    assert_int_equal(used, 7);
    assert_string_equal(r.text, "250 a");
}

static void replies_are_capped(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf b = {0};
    struct smtp_reply r;
    size_t used;
    for (int i = 0; i < SMTP_REPLY_LINES; i++)
        buf_add_str(&b, "250-x\r\n");
    assert_int_equal(smtp_reply_parse(&r, &used, buf_bytes(&b)), SMTP_REPLY_MORE);
    buf_add_str(&b, "250 x\r\n");
    assert_int_equal(smtp_reply_parse(&r, &used, buf_bytes(&b)), SMTP_REPLY_BAD);
    buf_clear(&b);
    buf_add_str(&b, "250 ");
    for (int i = 0; i < SMTP_REPLY_LINE - 4; i++)
        buf_add_byte(&b, 'x');
    buf_add_str(&b, "\r\n");
    assert_int_equal(smtp_reply_parse(&r, &used, buf_bytes(&b)), SMTP_REPLY_DONE);
    assert_int_equal(strlen(r.text), SMTP_REPLY_TEXT - 1);
    buf_clear(&b);
    for (int i = 0; i < SMTP_REPLY_LINE + 2; i++)
        buf_add_byte(&b, '2');
    assert_int_equal(smtp_reply_parse(&r, &used, buf_bytes(&b)), SMTP_REPLY_BAD);
}

static void our_own_become_lines(void **state)
{
    (void)state;
    static const struct {
        unsigned code;
        const char *enhanced, *text, *wire;
    } own[] = {
        {250, "2.0.0", "ok", "250 2.0.0 ok\r\n"},
        {250, "", "ok", "250 ok\r\n"},
        {354, NULL, "go ahead", "354 go ahead\r\n"},
        {550, "5.1.1", "", "550 5.1.1\r\n"},
        {550, "5.1.1", "a\r\n250 b", "550 5.1.1 a\\x0d\\x0a250 b\r\n"},
        {550, "5.1.1", "jos\u00e9", "550 5.1.1 jos??\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        CLEANUP(buf_deinit) struct buf out = {0};
        struct smtp_reply r;
        smtp_reply_set(&r, own[i].code, own[i].enhanced, "%s", own[i].text);
        smtp_reply_format(&out, &r);
        assert_string_equal((const char *)out.p, own[i].wire);
    }
}

// Each line at most 512 octets, all with one code; read again and written again nothing changes.
static void long_ones_take_several_lines(void **state)
{
    (void)state;
    for (size_t word = 1; word < 900; word += 89) {
        CLEANUP(buf_deinit) struct buf text = {0}, out = {0};
        while (text.n < 900) {
            for (size_t i = 0; i < word; i++)
                buf_add_byte(&text, 'x');
            buf_add_byte(&text, ' ');
        }
        struct smtp_reply r, read;
        size_t used;
        smtp_reply_set(&r, 450, "4.7.1", "%.*s", (int)text.n, text.p);
        smtp_reply_format(&out, &r);
        for (const char *at = (const char *)out.p, *end; *at; at = end + 2) {
            end = strstr(at, "\r\n");
            assert_non_null(end);
            assert_in_range(end + 2 - at, 10, 512);
        }
        assert_int_equal(smtp_reply_parse(&read, &used, buf_bytes(&out)), SMTP_REPLY_DONE);
        assert_int_equal(used, out.n);
        assert_int_equal(read.code, 450);
        assert_string_equal(read.enhanced, "4.7.1");
    }
}

static void the_lines_of_a_reply_can_be_walked(void **state)
{
    (void)state;
    struct bytes line, rest = bytes_str("250-mx\r\n250-SIZE 10\r\n250\r\n");
    assert_true(smtp_reply_next_line(&line, &rest));
    assert_true(bytes_equal(line, bytes_str("mx")));
    assert_true(smtp_reply_next_line(&line, &rest));
    assert_true(bytes_equal(line, bytes_str("SIZE 10")));
    assert_true(smtp_reply_next_line(&line, &rest));
    assert_int_equal(line.n, 0);
    assert_false(smtp_reply_next_line(&line, &rest));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(replies_are_read),
    cmocka_unit_test(only_the_first_reply_is_taken),
    cmocka_unit_test(replies_are_capped),
    cmocka_unit_test(our_own_become_lines),
    cmocka_unit_test(long_ones_take_several_lines),
    cmocka_unit_test(the_lines_of_a_reply_can_be_walked),
};
TEST_MAIN(tests)
