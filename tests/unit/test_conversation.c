/* What was said is recorded, cut in its middle where it is long, and read back line by line. */
#include "test.h"

#include <string.h>

#include "core/conversation.h"

static void add(struct conversation *c, int64_t ms, enum conversation_by by, const char *said)
{
    conversation_add(c, 5 * USEC_SECOND + ms * USEC_MS, by, bytes_str(said));
}

// As text, opened at 5 s.
static char *text_of(const struct conversation *c)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    conversation_format(&b, c, 5 * USEC_SECOND);
    return buf_take_str(&b);
}

static void each_line_is_one_with_its_time_and_who_said_it(void **state)
{
    (void)state;
    struct conversation c = {.half = 1000};
    add(&c, 0, CONVERSATION_THEY, "220 mx\r\n");
    add(&c, 41, CONVERSATION_WE, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
    add(&c, 82, CONVERSATION_THEY, "550-5.1.1 no\r\n550 5.1.1 such\x1b[31m\n");
    conversation_add_body(&c, 5 * USEC_SECOND + 90 * USEC_MS, 18412);
    add(&c, 300, CONVERSATION_NOTE, "timeout: no answer");
    CLEANUP(xfree) char *text = text_of(&c);
    assert_string_equal(text, "0 < 220 mx\n"
                              "41 > MAIL FROM:<a@b>\n"
                              "41 > RCPT TO:<c@d>\n"
                              "82 < 550-5.1.1 no\n"
                              "82 < 550 5.1.1 such\x1b[31m\n"
                              "90 > (18,412 octets)\n"
                              "300 * timeout: no answer\n");
    conversation_clear(&c);
    add(&c, 1, CONVERSATION_WE, "QUIT\r\n");
    CLEANUP(xfree) char *again = text_of(&c);
    assert_string_equal(again, "1 > QUIT\n");
    conversation_deinit(&c);
}

static void octets_are_grouped_in_threes(void **state)
{
    static const struct {
        size_t n;
        const char *text;
    } cases[] = {{0, "0 > (0 octets)\n"},
                 {999, "0 > (999 octets)\n"},
                 {1000, "0 > (1,000 octets)\n"},
                 {1234567, "0 > (1,234,567 octets)\n"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conversation c = {.half = 100};
        conversation_add_body(&c, 0, cases[i].n);
        CLEANUP(xfree) char *text = text_of(&c);
        assert_string_equal(text, cases[i].text);
        conversation_deinit(&c);
    }
}

static void both_ends_of_a_long_one_stay(void **state)
{
    (void)state;
    struct conversation c = {.half = 200};
    char line[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "RCPT TO:<r%d>\r\n", i);
        add(&c, i, CONVERSATION_WE, line);
        assert_true(c.first.n <= 200 && c.last.n <= 200);
    }
    CLEANUP(xfree) char *text = text_of(&c);
    assert_non_null(strstr(text, "0 > RCPT TO:<r0>\n"));
    assert_non_null(strstr(text, "999 > RCPT TO:<r999>\n"));
    assert_non_null(strstr(text, "pieces left out"));
    assert_null(strstr(text, "<r500>"));
    conversation_deinit(&c);
}

static void a_huge_reply_goes_line_by_line(void **state)
{
    (void)state;
    struct conversation c = {.half = 24 << 10};
    struct buf reply = {0};
    for (int i = 0; i < 120; i++)
        buf_printf(&reply, "550-%0500d\r\n", i);
    conversation_add(&c, 0, CONVERSATION_THEY, buf_bytes(&reply));
    assert_true(c.first.n <= c.half && c.last.n <= c.half);
    buf_clear(&reply);
    memset(buf_reserve(&reply, 100000), 'x', 100000); // no line at all
    buf_grew(&reply, 100000);
    conversation_add(&c, 0, CONVERSATION_THEY, buf_bytes(&reply));
    assert_true(c.last.n <= c.half);
    buf_deinit(&reply);
    conversation_deinit(&c);
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct buf b = {0};
    struct conversation_head head = {.ip = "198.51.100.6",
                                     .helo = "out6.example.net",
                                     .address = "192.0.2.44",
                                     .host = "mx3.outlook.example",
                                     .port = 25,
                                     .opened_at = 1764072269612000},
                             read;
    struct conversation c = {.half = 1000};
    struct conversation_line line;
    conversation_format_head(&b, &head);
    add(&c, 391, CONVERSATION_THEY, "550 no\r\n");
    add(&c, 392, CONVERSATION_NOTE, "gone");
    conversation_format(&b, &c, 5 * USEC_SECOND);
    struct bytes rest = buf_bytes(&b);
    conversation_parse_head(&read, &rest);
    assert_string_equal(read.ip, head.ip);
    assert_string_equal(read.helo, head.helo);
    assert_string_equal(read.address, head.address);
    assert_string_equal(read.host, head.host);
    assert_int_equal(read.port, 25);
    assert_int_equal(read.opened_at, head.opened_at);
    assert_true(conversation_next_line(&line, &rest));
    assert_int_equal(line.ms, 391);
    assert_int_equal(line.by, CONVERSATION_THEY);
    assert_true(bytes_equal(line.said, bytes_str("550 no")));
    assert_true(conversation_next_line(&line, &rest));
    assert_int_equal(line.by, CONVERSATION_NOTE);
    assert_false(conversation_next_line(&line, &rest));
    buf_deinit(&b);
    conversation_deinit(&c);
}

static void what_is_no_line_is_a_note(void **state)
{
    static const char *const texts[] = {
        "", "x", "12", "12 ", "12 >", "12 ? x", "> x", "[… cut …]", "1234567890123 > x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(xfree) char *text = xasprintf("%s\n", texts[i]);
        struct bytes rest = bytes_str(text);
        struct conversation_head head;
        struct conversation_line line;
        conversation_parse_head(&head, &rest);
        assert_string_equal(head.ip, "");
        assert_true(conversation_next_line(&line, &rest));
        assert_int_equal(line.by, CONVERSATION_NOTE);
        assert_int_equal(line.ms, -1);
        assert_true(bytes_equal(line.said, bytes_str(texts[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_one_with_its_time_and_who_said_it),
        cmocka_unit_test(octets_are_grouped_in_threes),
        cmocka_unit_test(both_ends_of_a_long_one_stay),
        cmocka_unit_test(a_huge_reply_goes_line_by_line),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(what_is_no_line_is_a_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
