/* What a pen (a role on the screen) looks like: colours and attributes for 256, 16 and no colours, on dark and light, and
 * the ASCII twin of every glyph. Pure: the screen alone turns a look into a terminal's attributes.
 * Colour never carries meaning alone: each pen is also told by a word, a letter or its place. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum pen {
    PEN_NORMAL,
    PEN_TITLE,
    PEN_DIM,
    PEN_KEY,
    PEN_GOOD,
    PEN_NOTICE,
    PEN_WARNING,
    PEN_CRITICAL,
    PEN_NUMBER, // a number that is critically bad: no background
    PEN_MARKED,
    PEN_HEAD, // column heads
    PEN_INPUT,
    PEN_BANNER,
    PEN_LABEL,
    PEN_CURRENT, // the current view's name in row 2
    PEN_COUNT,
};

enum theme { THEME_AUTO, THEME_DARK, THEME_LIGHT, THEME_CONTRAST, THEME_MONO, THEME_COUNT };
enum palette { PALETTE_MONO, PALETTE_16, PALETTE_256 };

struct look {
    short fg, bg; // -1: the terminal's own
    bool is_bold, is_underlined, is_reversed;
};

/* High contrast has 7:1 on any background: its colours bring a background of their own.
 * THEME_AUTO is resolved by the caller (screen). `is_selected`: on the selected row. */
struct look theme_look(enum palette palette, enum theme theme, enum pen pen, bool is_selected);
const char *theme_name(enum theme theme);
/* The ASCII twin of a glyph the console draws itself; 0: it has none. */
char theme_twin(uint32_t code);
