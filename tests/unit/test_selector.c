/* What a hold on queues covers is written in one way, and read strictly. */
#include "test.h"

#include <string.h>

#include "core/selector.h"

static void what_is_right_is_read_and_written_in_one_order(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"queue:all", "queue:all"},
        {"queue:customer=acme", "queue:customer=acme"},
        {"queue:provider=google,customer=acme", "queue:customer=acme,provider=google"},
        {"queue:pool=p,ip=198.51.100.7,list=l", "queue:list=l,ip=198.51.100.7,pool=p"},
        {"queue:ip=2001:DB8:0::25", "queue:ip=2001:db8::25"},
        {"queue:provider=route-127.0.0.2-2525", "queue:provider=route-127.0.0.2-2525"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct selector sel;
        char out[SELECTOR_TEXT];
        if (!selector_parse(&sel, cases[i].in))
            fail_msg("`%s` is refused", cases[i].in);
        selector_format(out, &sel);
        assert_string_equal(out, cases[i].out);
    }
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "queue",
        "queue:",
        "queue:,",
        "queue:ALL",
        "queue:all,customer=acme",
        "queue:customer=",
        "queue:customer=acme,",
        "queue:customer=acme,,pool=p",
        "queue:customer=acme,customer=shop",
        "queue:customer=acme/spring",
        "queue:customer=Acme",
        "queue:ip=1.2.3",
        "queue:ip=1.2.3.4.5",
        "queue:ip=mx.big.test",
        "queue:color=red",
        "queue: customer=acme",
        "customer:acme",
        "queue:customer=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "queue:ip=1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222:3333:4444:5555:6666",
    };
    struct selector sel;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (selector_parse(&sel, wrong[i]))
            fail_msg("`%s` passed", wrong[i]);
}

static void the_longest_fits(void **state)
{
    (void)state;
    struct selector sel = {0}, again;
    char out[SELECTOR_TEXT];
    char *const names[] = {sel.customer, sel.list, sel.provider, sel.pool};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        memset(names[i], 'a', TEXT_NAME - 1);
    strncpy(sel.ip, "1111:2222:3333:4444:5555:6666:7777:8888", TEXT_NAME - 1);
    selector_format(out, &sel);
    assert_true(selector_parse(&again, out));
    assert_memory_equal(&sel, &again, sizeof(sel));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_right_is_read_and_written_in_one_order),
    cmocka_unit_test(what_is_wrong_is_refused),
    cmocka_unit_test(the_longest_fits),
};
TEST_MAIN(tests)
