/* Ids are written, read back and sorted as they say. */
#include "test.h"

#include <string.h>

#include "core/id.h"

static void a_node_id_reads_back(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 31, 32, 0xffffffffff, 0x123456789a};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[ID_NODE_TEXT];
        struct node_id id;
        node_id_format(text, (struct node_id){values[i]});
        assert_int_equal(strlen(text), 8);
        assert_true(node_id_parse(&id, text));
        assert_true(id.v == values[i]);
    }
}

static void a_message_id_says_when_and_whose(void **state)
{
    (void)state;
    char text[ID_MESSAGE_TEXT];
    struct message_id id =
        message_id_make(1764000000250 * USEC_MS, (struct node_id){0x123456789a}, 7);
    assert_true(id.hi >> 16 == 1764000000250);
    assert_true(((id.hi & 0xffff) << 24 | id.lo >> 40) == 0x123456789a);
    assert_true((id.lo & 0xffffffffff) == 7);
    message_id_format(text, id);
    assert_int_equal(strlen(text), 26);
    struct message_id again;
    assert_true(message_id_parse(&again, text));
    assert_true(message_id_equal(id, again));
    for (char *p = text; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    assert_true(message_id_parse(&again, text));
    assert_true(message_id_equal(id, again));
}

static void the_example_of_the_specification_is_read(void **state)
{
    (void)state;
    struct message_id id;
    assert_true(message_id_parse(&id, "01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    assert_true(id.hi >> 16 == 1469922850259);
    assert_true(message_id_parse(&id, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
    assert_true(id.hi == UINT64_MAX && id.lo == UINT64_MAX);
}

static void texts_sort_as_times_do(void **state)
{
    (void)state;
    char before[ID_MESSAGE_TEXT], after[ID_MESSAGE_TEXT];
    struct node_id a = {0xffffffffff}, b = {0};
    message_id_format(before, message_id_make(1000 * USEC_MS, a, UINT64_MAX));
    message_id_format(after, message_id_make(1001 * USEC_MS, b, 0));
    assert_true(strcmp(before, after) < 0);
}

static void what_is_no_id_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV", // over 128 bits
        "01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "01ARZ3NDEKTSV4RRFFQ69G5FA ",
        "-1ARZ3NDEKTSV4RRFFQ69G5FAV",
    };
    struct message_id id;
    struct node_id node;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (message_id_parse(&id, wrong[i]))
            fail_msg("`%s` passed", wrong[i]);
    assert_false(node_id_parse(&node, "abcdefg"));
    assert_false(node_id_parse(&node, "abcdefghj"));
    assert_false(node_id_parse(&node, "abcdefgu"));
    assert_false(node_id_parse(&node, "abcdef/g"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_node_id_reads_back),
    cmocka_unit_test(a_message_id_says_when_and_whose),
    cmocka_unit_test(the_example_of_the_specification_is_read),
    cmocka_unit_test(texts_sort_as_times_do),
    cmocka_unit_test(what_is_no_id_is_refused),
};
TEST_MAIN(tests)
