/* The protocol's lines: whole ones come out, in any pieces; wrong and endless ones are told apart. */
#include "test.h"

#include <string.h>

#include "remote/protocol.h"

static void lines_come_out_whole_however_they_were_cut(void **state)
{
    (void)state;
    static const char text[] = "{\"id\":1}\n{\"id\":2,\"method\":\"status\"}\n";
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct protocol_reader r = {0};
        json_int_t seen = 0;
        for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
            size_t left = sizeof(text) - 1 - at;
            buf_add(&r.in, text + at, left < piece ? left : piece);
            json_t *v;
            char *why;
            while (protocol_next(&r, &v, &why) == PROTOCOL_OBJECT) {
                assert_int_equal(protocol_get_number(v, "id", 0), ++seen);
                json_decref(v);
            }
        }
        assert_int_equal(seen, 2);
        protocol_reader_deinit(&r);
    }
}

static void what_is_no_object_is_said_and_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in;
    } cases[] = {
        {"no JSON", "hello\n"},
        {"an array", "[1]\n"},
        {"a number", "7\n"},
        {"nothing", "\n"},
        {"a key twice", "{\"id\":1,\"id\":2}\n"},
        {"invalid UTF-8", "{\"id\":\"\xff\"}\n"},
        {"two on a line", "{} {}\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct protocol_reader r = {0};
        json_t *v = NULL;
        char *why = NULL;
        buf_add_str(&r.in, cases[i].in);
        buf_add_str(&r.in, "{}\n");
        if (protocol_next(&r, &v, &why) != PROTOCOL_WRONG)
            fail_msg("%s: passed", cases[i].name);
        assert_non_null(why);
        xfree(why);
        assert_int_equal(protocol_next(&r, &v, &why), PROTOCOL_OBJECT);
        json_decref(v);
        protocol_reader_deinit(&r);
    }
}

static void a_line_without_end_is_too_long(void **state)
{
    (void)state;
    struct protocol_reader r = {0};
    json_t *v;
    char *why;
    for (size_t i = 0; i < PROTOCOL_LINE / 64; i++) {
        assert_int_equal(protocol_next(&r, &v, &why), PROTOCOL_MORE);
        memset(buf_reserve(&r.in, 64), ' ', 64);
        buf_grew(&r.in, 64);
    }
    assert_int_equal(protocol_next(&r, &v, &why), PROTOCOL_LONG);
    protocol_reader_deinit(&r);
}

static void strangers_text_is_visible_in_json(void **state)
{
    (void)state;
    json_t *v = protocol_text("a\x1b[31m\n\xff");
    assert_string_equal(json_string_value(v), "a\\x1b[31m\\x0a\\xff");
    json_decref(v);
    v = protocol_rate(-1);
    assert_true(json_is_null(v));
    v = protocol_time(0);
    assert_true(json_is_null(v));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_come_out_whole_however_they_were_cut),
    cmocka_unit_test(what_is_no_object_is_said_and_passed_over),
    cmocka_unit_test(a_line_without_end_is_too_long),
    cmocka_unit_test(strangers_text_is_visible_in_json),
};
TEST_MAIN(tests)
