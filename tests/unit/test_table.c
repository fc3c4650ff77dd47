/* The table keeps its place: whatever the engine pushes, the selection is where it can be seen. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "ui/row.h"
#include "ui/widgets/table.h"

static const struct column columns[] = {
    {"name", 10, LEFT, 1, NULL, .sort = "name"},
    {"plain", 5, LEFT, 2, NULL},
    {"size", 5, RIGHT, 3, NULL, .sort = "size"},
};
static const struct view view = {.name = "test", .table = "test", COLUMNS(columns)};
static const struct view tail = {
    .name = "tail", .table = "tail", .is_tail = true, COLUMNS(columns)};

static json_t *push_of(const char *keys)
{
    json_t *order = json_array(), *rows = json_object();
    for (; *keys; keys++) {
        char key[2] = {*keys, '\0'};
        json_array_append_new(order, json_string(key));
        json_object_set_new(rows, key, json_pack("{s:s}", "key", key));
    }
    size_t n = json_array_size(order);
    return json_pack("{s:I, s:I, s:o, s:o}", "total", (json_int_t)n, "matched", (json_int_t)n,
                     "order", order, "rows", rows);
}

static void push(struct table *t, const char *keys)
{
    json_t *p = push_of(keys);
    table_push(t, p);
    json_decref(p);
}

static void the_selection_goes_with_its_thing(void **state)
{
    static const struct {
        const char *name, *before;
        size_t cursor;
        const char *after, *selected;
    } cases[] = {
        {"it moves down", "abc", 0, "bca", "a"},
        {"it moves up", "abc", 2, "cab", "c"},
        {"others come before", "abc", 1, "xyzabc", "b"},
        {"it goes: who stands there now", "abc", 1, "acd", "c"},
        {"it was the last", "abc", 2, "ab", "b"},
        {"nothing is left", "abc", 1, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table t;
        table_init(&t, &view);
        push(&t, cases[i].before);
        table_move_to(&t, cases[i].cursor);
        push(&t, cases[i].after);
        if (strcmp(t.selected, cases[i].selected) != 0)
            fail_msg("%s: `%s`", cases[i].name, t.selected);
        table_deinit(&t);
    }
}

static void a_tail_stays_at_its_end_until_one_moves(void **state)
{
    struct table t;
    (void)state;
    table_init(&t, &tail);
    push(&t, "cba");
    push(&t, "dcba");
    assert_string_equal(t.selected, "d");
    table_move(&t, 1);
    push(&t, "edcba");
    assert_string_equal(t.selected, "c");
    table_deinit(&t);
}

static void frozen_means_frozen(void **state)
{
    struct table t;
    (void)state;
    table_init(&t, &view);
    push(&t, "abc");
    t.is_frozen = true;
    push(&t, "xyz");
    assert_string_equal(t.selected, "a");
    assert_int_equal(t.matched, 3);
    table_deinit(&t);
}

static void rows_that_left_the_order_are_forgotten(void **state)
{
    struct table t;
    (void)state;
    table_init(&t, &view);
    push(&t, "abc");
    push(&t, "bd");
    assert_int_equal(json_object_size(t.rows), 2);
    table_deinit(&t);
}

static void sorting_turns_through_what_can_be_sorted(void **state)
{
    struct table t;
    (void)state;
    table_init(&t, &view);
    table_sort_next(&t);
    assert_int_equal(t.sort, 0);
    assert_false(t.is_descending);
    table_sort_next(&t);
    assert_int_equal(t.sort, 2);
    assert_true(t.is_descending);
    table_sort_next(&t);
    assert_int_equal(t.sort, -1);
    table_deinit(&t);
}

// Whatever comes, the cursor is on the screen and on a row, if there is one.
static void check_place(const struct table *t)
{
    assert_true(t->cursor >= t->top && t->cursor < t->top + t->height);
    assert_true(t->matched ? t->cursor < t->matched : t->cursor == 0);
}

static void any_order_of_pushes_and_keys_keeps_the_cursor_on_a_row(void **state)
{
    struct table t;
    unsigned seed = 7;
    (void)state;
    table_init(&t, &view);
    for (int i = 0; i < 5000; i++) {
        char keys[27];
        seed = seed * 1103515245 + 12345;
        size_t n = seed >> 16 & 15;
        for (size_t k = 0; k < n; k++)
            keys[k] = (char)('a' + (k * 5 + (seed >> 20)) % 26);
        keys[n] = '\0';
        if (seed >> 8 & 1)
            push(&t, keys);
        else
            table_move(&t, (long)(seed >> 12 & 31) - 16);
        if ((seed >> 9 & 7) == 0)
            table_mark(&t);
        check_place(&t);
    }
    table_deinit(&t);
}

static void nonsense_from_an_engine_does_no_harm(void **state)
{
    static const char *const pushes[] = {
        "{}",
        "{\"order\": 7, \"rows\": []}",
        "{\"order\": [1, null, {}], \"matched\": 3}",
        "{\"matched\": -5, \"total\": \"many\"}",
        "{\"order\": [\"a\"], \"rows\": {\"a\": 7}, \"matched\": 1}",
        "{\"matched\": 9000000000000, \"order\": []}",
    };
    struct table t;
    (void)state;
    table_init(&t, &view);
    for (size_t i = 0; i < ARRAY_LEN(pushes); i++) {
        json_t *p = json_loads(pushes[i], 0, NULL);
        assert_non_null(p);
        table_push(&t, p);
        table_move(&t, 1);
        row_text(table_row(&t), "key");
        table_mark_all(&t);
        json_decref(p);
    }
    table_deinit(&t);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_selection_goes_with_its_thing),
    cmocka_unit_test(a_tail_stays_at_its_end_until_one_moves),
    cmocka_unit_test(frozen_means_frozen),
    cmocka_unit_test(rows_that_left_the_order_are_forgotten),
    cmocka_unit_test(sorting_turns_through_what_can_be_sorted),
    cmocka_unit_test(any_order_of_pushes_and_keys_keeps_the_cursor_on_a_row),
    cmocka_unit_test(nonsense_from_an_engine_does_no_harm),
};

TEST_MAIN(tests)
