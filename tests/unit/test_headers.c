/* Headers of strangers are read as they are, and ours stand in front. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "mail/headers.h"

static void fields_are_found_in_the_header_section_only(void **state)
{
    (void)state;
    static const struct {
        const char *name, *body;
        bool has;
    } cases[] = {
        {"the first", "Date: x\r\n\r\n", true},
        {"any case", "From: a\r\ndAtE: x\r\n\r\n", true},
        {"a blank before the colon", "Date : x\r\n\r\n", true},
        {"line feeds alone", "From: a\nDate: x\n\nhello", true},
        {"no line end at all", "Date: x", true},
        {"nothing behind it", "Date:", true},
        {"behind a folded line", "From: a\r\n b\r\nDate: x\r\n\r\n", true},
        {"in the body", "From: a\r\n\r\nDate: x\r\n", false},
        {"in a folded line", "From: a\r\n Date: x\r\n\r\n", false},
        {"a longer name", "Dates: x\r\nX-Date: y\r\n\r\n", false},
        {"behind what is no field", "From: a\r\nhello\r\nDate: x\r\n", false},
        {"a body without headers", "hello\r\nDate: x\r\n", false},
        {"a body that begins with a blank", " Date: x\r\n", false},
        {"an empty body", "", false},
        {"no colon", "Date", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (headers_has(bytes_str(cases[i].body), "Date") != cases[i].has)
            fail_msg("%s", cases[i].name);
}

static void a_huge_section_is_read_so_far(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf b = {0};
    while (b.n < HEADERS_MOST)
        buf_add_str(&b, "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    buf_add_str(&b, "Date: x\r\n\r\n");
    assert_false(headers_has(buf_bytes(&b), "Date"));
    assert_true(headers_has(buf_bytes(&b), "x-long"));
}

static void hops_are_counted(void **state)
{
    (void)state;
    assert_int_equal(headers_hops(bytes_str("Received: a\r\n b\r\nX: y\r\nreceived: c\r\n\r\n"
                                            "Received: d\r\n")),
                     2);
    assert_int_equal(headers_hops(bytes_str("")), 0);
}

static struct headers_plan plan(void)
{
    return (struct headers_plan){.node = "mta1.example.net",
                                 .helo = "shop.test",
                                 .client = "127.0.0.1",
                                 .protocol = "ESMTP",
                                 .id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                                 .recipient = "b@big.test",
                                 .customer = "acme",
                                 .list = "spring",
                                 .now = 1764000000 * USEC_SECOND};
}

static void what_is_missing_is_added(void **state)
{
    (void)state;
    struct headers_plan p = plan();
    CLEANUP(buf_deinit) struct buf b = {0};
    headers_added(&b, &p, bytes_str("From: a@shop.test\r\n\r\nhello\r\n"));
    assert_string_equal((char *)b.p,
                        "Received: from shop.test ([127.0.0.1])\r\n"
                        "\tby mta1.example.net with ESMTP id 01ARZ3NDEKTSV4RRFFQ69G5FAV\r\n"
                        "\tfor <b@big.test>;\r\n"
                        "\tMon, 24 Nov 2025 16:00:00 +0000\r\n"
                        "Message-ID: <01ARZ3NDEKTSV4RRFFQ69G5FAV@mta1.example.net>\r\n"
                        "Date: Mon, 24 Nov 2025 16:00:00 +0000\r\n"
                        "Feedback-ID: spring:acme:01ARZ3NDEKTSV4RRFFQ69G5FAV:mxwarden\r\n");
}

static void what_is_there_stays(void **state)
{
    (void)state;
    struct headers_plan p = plan();
    CLEANUP(buf_deinit) struct buf b = {0};
    p.recipient = "";
    p.client = "2001:db8::1";
    headers_added(&b, &p,
                  bytes_str("Date: x\r\nmessage-id: <y>\r\nFEEDBACK-ID: z\r\n\r\nhello\r\n"));
    assert_string_equal((char *)b.p,
                        "Received: from shop.test ([IPv6:2001:db8::1])\r\n"
                        "\tby mta1.example.net with ESMTP id 01ARZ3NDEKTSV4RRFFQ69G5FAV;\r\n"
                        "\tMon, 24 Nov 2025 16:00:00 +0000\r\n");
}

static void text_without_headers_stays_text(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool adds_line;
    } cases[] = {
        {"hello\r\n", true},        {" folded\r\n", true}, {"\r\nhello\r\n", false},
        {"From: a\r\n\r\n", false}, {"", false},           {"From a@b Mon Nov 24\r\n", true},
    };
    struct headers_plan p = plan();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        headers_added(&b, &p, bytes_str(cases[i].body));
        bool has_line = strcmp((char *)b.p + b.n - 4, "\r\n\r\n") == 0;
        if (has_line != cases[i].adds_line)
            fail_msg("`%s`", cases[i].body);
    }
}

static void a_hostile_greeting_stays_in_its_place(void **state)
{
    (void)state;
    struct headers_plan p = plan();
    CLEANUP(buf_deinit) struct buf b = {0};
    p.helo = "x)\r\nBcc: a@b";
    p.recipient = "b@big.test>\r\nBcc: <c@d";
    headers_added(&b, &p, bytes_str("From: a\r\n\r\n"));
    assert_non_null(strstr((char *)b.p, "from x???Bcc:?a?b ([127.0.0.1])\r\n"));
    assert_null(strstr((char *)b.p, "\nBcc"));
    assert_null(strstr((char *)b.p, "for <"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(fields_are_found_in_the_header_section_only),
    cmocka_unit_test(a_huge_section_is_read_so_far),
    cmocka_unit_test(hops_are_counted),
    cmocka_unit_test(what_is_missing_is_added),
    cmocka_unit_test(what_is_there_stays),
    cmocka_unit_test(text_without_headers_stays_text),
    cmocka_unit_test(a_hostile_greeting_stays_in_its_place),
};
TEST_MAIN(tests)
