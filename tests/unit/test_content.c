/* Copies of one mailing are one content; another subject or another link is another. */
#include "test.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "mail/content.h"

static uint32_t of(const char *text)
{
    return content_hash(bytes_str(text));
}

static void copies_of_a_mailing_are_alike(void **state)
{
    (void)state;
    static const struct {
        const char *name, *a, *b;
        bool is_same;
    } cases[] = {
        {"another recipient", "To: a@x.test\r\nSubject: Spring\r\n\r\nDear A",
         "To: b@x.test\r\nSubject: Spring\r\n\r\nDear B", true},
        {"a running number", "Subject: Invoice 17\r\n\r\nx", "Subject: Invoice 18\r\n\r\nx", true},
        {"a folded subject", "Subject: Spring\r\n sale\r\n\r\nx", "subject: spring sale\r\n\r\nx",
         true},
        {"a token in a link", "Subject: x\r\n\r\nhttps://shop.test/a?1",
         "Subject: x\r\n\r\nhttps://SHOP.test/b?2", true},
        {"another subject", "Subject: Spring\r\n\r\nx", "Subject: Winter\r\n\r\nx", false},
        {"another host", "Subject: x\r\n\r\nhttps://shop.test/",
         "Subject: x\r\n\r\nhttps://evil.test/", false},
        {"a link more", "Subject: x\r\n\r\nhttps://shop.test/",
         "Subject: x\r\n\r\nhttps://shop.test/ http://b.test", false},
        {"no header at all", "", "\r\n", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(of(cases[i].a));
        if ((of(cases[i].a) == of(cases[i].b)) != cases[i].is_same)
            fail_msg("%s", cases[i].name);
    }
}

static void what_is_behind_64_k_is_not_read(void **state)
{
    (void)state;
    enum { SIZE = CONTENT_MOST + 100 };
    CLEANUP(xfree) char *a = xcalloc(1, SIZE + 1);
    memset(a, 'x', SIZE);
    memcpy(a, "Subject: x\r\n\r\n", 14);
    CLEANUP(xfree) char *b = xmemdup0(a, SIZE);
    memcpy(b + CONTENT_MOST + 10, "https://evil.test", 17);
    assert_int_equal(of(a), of(b));
}

static uint32_t network(int family, const char *text)
{
    uint8_t address[16];
    assert_int_equal(inet_pton(family, text, address), 1);
    return content_network(address, family == AF_INET ? 4 : 16);
}

static void a_network_is_a_24_or_a_48(void **state)
{
    (void)state;
    assert_int_equal(network(AF_INET, "198.51.100.7"), network(AF_INET, "198.51.100.200"));
    assert_int_not_equal(network(AF_INET, "198.51.100.7"), network(AF_INET, "198.51.101.7"));
    assert_int_equal(network(AF_INET, "198.51.100.7"), network(AF_INET6, "::ffff:198.51.100.9"));
    assert_int_equal(network(AF_INET6, "2001:db8:1:2::1"), network(AF_INET6, "2001:db8:1:9::7"));
    assert_int_not_equal(network(AF_INET6, "2001:db8:1::1"), network(AF_INET6, "2001:db8:2::1"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(copies_of_a_mailing_are_alike),
    cmocka_unit_test(what_is_behind_64_k_is_not_read),
    cmocka_unit_test(a_network_is_a_24_or_a_48),
};
TEST_MAIN(tests)
