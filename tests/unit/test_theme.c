/* Every colour can be read: 4.5:1 (WCAG 2) on the backgrounds people have and on the selected row.
 * Reading is never by colour alone, so mono must tell the loud roles apart by attributes. */
#include "test.h"

#include <math.h>

#include "ui/theme.h"

enum { BLACK = 0x000000, NEARLY_BLACK = 0x1c1c1c, WHITE = 0xffffff };

// xterm's colours from 16 on: a cube of six steps, then 24 greys.
static unsigned rgb_of(int colour)
{
    static const unsigned steps[] = {0, 95, 135, 175, 215, 255};
    if (colour >= 232) {
        unsigned grey = 8 + 10 * (unsigned)(colour - 232);
        return grey << 16 | grey << 8 | grey;
    }
    unsigned n = (unsigned)colour - 16;
    return steps[n / 36] << 16 | steps[n / 6 % 6] << 8 | steps[n % 6];
}

static double linear(unsigned channel)
{
    double v = channel / 255.0;
    return v <= 0.03928 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double luminance(unsigned rgb)
{
    return 0.2126 * linear(rgb >> 16) + 0.7152 * linear(rgb >> 8 & 255) +
           0.0722 * linear(rgb & 255);
}

static double contrast(unsigned a, unsigned b)
{
    double x = luminance(a), y = luminance(b);
    return x > y ? (x + 0.05) / (y + 0.05) : (y + 0.05) / (x + 0.05);
}

static void check(enum theme theme, enum pen pen, bool is_selected, unsigned background)
{
    struct look l = theme_look(PALETTE_256, theme, pen, is_selected);
    unsigned fg = l.fg < 0 ? (theme == THEME_LIGHT ? BLACK : WHITE) : rgb_of(l.fg);
    unsigned bg = l.bg < 0 ? background : rgb_of(l.bg);
    if (contrast(fg, bg) < 4.5)
        fail_msg("%s, pen %d, on %06x: %.2f", theme_name(theme), (int)pen, bg, contrast(fg, bg));
}

static void every_pair_can_be_read(void **state)
{
    (void)state;
    for (enum pen pen = 0; pen < PEN_COUNT; pen++) {
        check(THEME_DARK, pen, false, BLACK);
        check(THEME_DARK, pen, false, NEARLY_BLACK);
        check(THEME_DARK, pen, true, BLACK);
        check(THEME_LIGHT, pen, false, WHITE);
        check(THEME_LIGHT, pen, true, WHITE);
    }
}

static void high_contrast_is_strong_on_any_background(void **state)
{
    (void)state;
    for (enum pen pen = 0; pen < PEN_COUNT; pen++) {
        struct look l = theme_look(PALETTE_256, THEME_CONTRAST, pen, false);
        assert_int_equal(l.fg < 0, l.bg < 0); // the terminal's own pair, or one of ours
        if (l.fg >= 0)
            assert_true(contrast(rgb_of(l.fg), rgb_of(l.bg)) >= 7);
    }
    assert_true(theme_look(PALETTE_256, THEME_CONTRAST, PEN_NORMAL, true).is_reversed);
}

static bool is_plain(struct look l)
{
    return !l.is_bold && !l.is_underlined && !l.is_reversed;
}

static void mono_sets_no_colour_and_keeps_the_loud_ones_loud(void **state)
{
    static const enum pen loud[] = {PEN_WARNING, PEN_CRITICAL, PEN_NUMBER, PEN_MARKED, PEN_BANNER};
    (void)state;
    for (enum pen pen = 0; pen < PEN_COUNT; pen++) {
        struct look l = theme_look(PALETTE_MONO, THEME_DARK, pen, false);
        assert_int_equal(l.fg, -1);
        assert_int_equal(l.bg, -1);
    }
    for (size_t i = 0; i < ARRAY_LEN(loud); i++)
        assert_false(is_plain(theme_look(PALETTE_256, THEME_MONO, loud[i], false)));
    struct look critical = theme_look(PALETTE_MONO, THEME_DARK, PEN_CRITICAL, true);
    assert_true(critical.is_underlined && critical.is_reversed); // reverse alone is the row's own
}

static void the_selected_row_shows_in_every_palette(void **state)
{
    (void)state;
    assert_int_equal(theme_look(PALETTE_256, THEME_DARK, PEN_NORMAL, true).bg, 236);
    assert_int_equal(theme_look(PALETTE_256, THEME_LIGHT, PEN_NORMAL, true).bg, 254);
    assert_true(theme_look(PALETTE_16, THEME_DARK, PEN_NORMAL, true).is_reversed);
    assert_true(theme_look(PALETTE_MONO, THEME_DARK, PEN_NORMAL, true).is_reversed);
}

static void glyphs_have_ascii_twins(void **state)
{
    (void)state;
    assert_int_equal(theme_twin(0x258c), '>');
    assert_int_equal(theme_twin(0x2500), '-');
    assert_int_equal(theme_twin(0x2588), '#');
    assert_int_equal(theme_twin('a'), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_pair_can_be_read),
    cmocka_unit_test(high_contrast_is_strong_on_any_background),
    cmocka_unit_test(mono_sets_no_colour_and_keeps_the_loud_ones_loud),
    cmocka_unit_test(the_selected_row_shows_in_every_palette),
    cmocka_unit_test(glyphs_have_ascii_twins),
};

TEST_MAIN(tests)
