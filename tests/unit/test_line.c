/* Lines are cut, padded and wrapped by display width; figures stand as the screens say. */
#include "test.h"

#include <locale.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/line.h"

static void text_is_cut_by_columns_not_bytes(void **state)
{
    static const struct {
        const char *name, *in;
        int width;
        const char *out;
    } cases[] = {
        {"what fits stays", "hello", 5, "hello"},
        {"a cut ends with an ellipsis", "hello", 4, "hel…"},
        {"letters of two columns", "你好你好", 5, "你好…"},
        {"no half of a wide letter", "你好你好", 4, "你…"},
        {"marks cost nothing", "e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
        {"nothing fits", "hello", 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct line l;
        line_clear(&l);
        line_str(&l, PEN_NORMAL, cases[i].in);
        line_cut(&l, cases[i].width);
        if (strcmp(l.text, cases[i].out) != 0)
            fail_msg("%s: got `%s`", cases[i].name, l.text);
        assert_true(l.columns <= cases[i].width);
    }
}

static void a_line_is_bounded(void **state)
{
    struct line l;
    (void)state;
    line_clear(&l);
    for (int i = 0; i < 2000; i++)
        line_str(&l, PEN_KEY, "…x");
    assert_true(l.n < LINE_BYTES);
    line_pad(&l, 100000);
    line_right(&l, PEN_KEY, "end", 100000);
    assert_true(l.n < LINE_BYTES);
    assert_int_equal(strlen(l.text), l.n);
}

static void words_wrap_at_blanks(void **state)
{
    static const struct {
        const char *text;
        int width;
        size_t take;
    } cases[] = {
        {"one two three", 7, 7},  {"one two three", 6, 3},    {"one two three", 20, 13},
        {"limit 5 % now", 8, 5}, // a number keeps its %
        {"limit 5 % now", 10, 9}, {"unbreakable word", 4, 4}, {"", 5, 0},
        {"好好", 1, 6},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(text_wrap(cases[i].text, cases[i].width), cases[i].take);
}

static void counts_stay_short(void **state)
{
    static const struct {
        int64_t v;
        const char *out;
    } cases[] = {{0, "0"},         {999, "999"},      {1204, "1,204"},  {99999, "99,999"},
                 {148000, "148k"}, {1200000, "1.2M"}, {402999, "402k"}, {250000000, "250M"}};
    char out[FIGURE_TEXT];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(figure_count(out, cases[i].v), cases[i].out);
    assert_string_equal(figure_full(out, 1204518), "1,204,518");
    assert_string_equal(figure_rate(out, 0.064, 1), "6.4");
    assert_string_equal(figure_rate(out, 0.0021, 2), "0.21");
}

static void times_show_the_day_only_when_it_is_another(void **state)
{
    char out[FIGURE_TEXT];
    usec_t now, at, other, early;
    (void)state;
    assert_true(clock_parse(&now, "2026-11-24T12:04:31.000Z"));
    assert_true(clock_parse(&at, "2026-11-24T11:55:02.000Z"));
    assert_true(clock_parse(&other, "2026-11-23T23:59:59.000Z"));
    assert_true(clock_parse(&early, "2026-12-01T00:00:00.000Z"));
    assert_string_equal(figure_time(out, at, now), "11:55Z");
    assert_string_equal(figure_time(out, other, now), "23 Nov");
    assert_string_equal(figure_time(out, early, now), "1 Dec");
    assert_string_equal(figure_clock(out, at), "11:55:02Z");
    assert_string_equal(figure_age(out, at, now), "9 m");
    assert_string_equal(figure_age(out, now, at), "9 m");
}

static void charts_scale_and_show_what_is_unknown(void **state)
{
    static const double v[] = {0, 0, 4, 4, 8, 8}, none[] = {-1, -1}, odd[] = {1, 1, 1, 1, 1};
    char out[FIGURE_CHART];
    (void)state;
    assert_string_equal(figure_chart(out, v, 6, 3), "▁▅█");
    assert_string_equal(figure_chart(out, none, 2, 2), "––");
    assert_string_equal(figure_chart(out, NULL, 0, 2), "––");
    assert_string_equal(figure_chart(out, odd, 5, 3), "███"); // uneven folds of the same are even
    assert_string_equal(figure_bar(out, 0.41, 5), "██░░░");
    assert_string_equal(figure_bar(out, 7, 3), "███");
    figure_chart(out, v, 6, 10000);
    assert_true(strlen(out) < FIGURE_CHART);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(text_is_cut_by_columns_not_bytes),
    cmocka_unit_test(a_line_is_bounded),
    cmocka_unit_test(words_wrap_at_blanks),
    cmocka_unit_test(counts_stay_short),
    cmocka_unit_test(times_show_the_day_only_when_it_is_another),
    cmocka_unit_test(charts_scale_and_show_what_is_unknown),
};

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
