/* The filter language: what matches, and where a mistake stands. */
#include "test.h"

#include <string.h>

#include "control/filter.h"

static const char *const names[] = {"id", "standing", "bounce", "queued", "seen"};

static int find(const void *ctx, const char *name)
{
    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static const char *name(const void *ctx, size_t i)
{
    (void)ctx;
    return i < ARRAY_LEN(names) ? names[i] : NULL;
}

static const struct filter_fields fields = {.find = find, .name = name};

// acme, warned, 6.4 %, 655 queued, never seen
static bool get(void *ctx, size_t i, struct value *v)
{
    (void)ctx;
    switch (i) {
    case 0:
        value_text(v, "acme");
        return true;
    case 1:
        value_word(v, "warned", 1);
        return true;
    case 2:
        value_rate(v, 0.064);
        return true;
    case 3:
        value_count(v, 655);
        return true;
    case 4:
        value_time(v, 0);
        return true;
    default:
        return false;
    }
}

static void words_match_as_the_protocol_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool matches;
    } cases[] = {
        {"", true},
        {"   ", true},
        {"acme", true},
        {"ACM", true},
        {"warn", true},
        {"beta", false},
        {"!beta", true},
        {"!acme", false},
        {"!!acme", true},
        {"standing:warned", true},
        {"STANDING:warned", true},
        {"standing:good", false},
        {"!standing:good", true},
        {"id:warned", false},
        {"bounce>2%", true},
        {"bounce>0.02", true},
        {"bounce>6.4%", false},
        {"bounce<7%", true},
        {"queued:655", true},
        {"queued:65", false},
        {"queued>654 queued<656", true},
        {"standing:warned bounce>2% acme", true},
        {"standing:warned bounce>20%", false},
        {"seen>0", false},
        {"!seen>0", true},
        {"2001:db8::1", false},
        {"655", false}, // numbers are no text
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(filter_free) struct filter *f = NULL;
        CLEANUP(xfree) char *why = NULL;
        unsigned column;
        if (filter_parse(&f, cases[i].text, &fields, &column, &why))
            fail_msg("`%s`: column %u: %s", cases[i].text, column, why);
        if (filter_match(f, get, NULL) != cases[i].matches)
            fail_msg("`%s`", cases[i].text);
    }
}

static void mistakes_say_at_which_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        unsigned column;
    } cases[] = {
        {"acme standin:x", "nearest: standing", 6},
        {"bounce>x", "a number like 2%", 8},
        {"acme bounce>", "a number like 2%", 13},
        {"id:", "expected text", 4},
        {"acme !", "a word after `!`", 7},
        {"bounce>0x10", "a number", 8},
        {"bounce>nan", "a number", 8},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(filter_free) struct filter *f = NULL;
        CLEANUP(xfree) char *why = NULL;
        unsigned column;
        if (!filter_parse(&f, cases[i].text, &fields, &column, &why))
            fail_msg("`%s` passed", cases[i].text);
        if (!strstr(why, cases[i].says) || column != cases[i].column)
            fail_msg("`%s`: column %u: %s", cases[i].text, column, why);
    }
}

static void too_much_is_refused(void **state)
{
    (void)state;
    char text[FILTER_TEXT + 10];
    struct filter *f = NULL;
    unsigned column;
    for (size_t n = 2 * FILTER_WORDS + 2;; n = sizeof(text) - 1) {
        CLEANUP(xfree) char *why = NULL;
        for (size_t i = 0; i < n; i++)
            text[i] = i % 2 ? ' ' : 'a';
        text[n] = '\0';
        assert_int_equal(filter_parse(&f, text, &fields, &column, &why), 1);
        if (n == sizeof(text) - 1)
            return;
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(words_match_as_the_protocol_says),
    cmocka_unit_test(mistakes_say_at_which_column),
    cmocka_unit_test(too_much_is_refused),
};
TEST_MAIN(tests)
