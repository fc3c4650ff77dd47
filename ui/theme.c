#include "ui/theme.h"

#include <stddef.h>

#include "base/mem.h"

enum { DEFAULT = -1, SELECTED_DARK = 236, SELECTED_LIGHT = 254 };
enum { BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE };

#define B .is_bold = true
#define U .is_underlined = true
#define R .is_reversed = true

struct looks {
    struct look dark, light, sixteen, mono;
};

// clang-format off
static const struct looks looks[PEN_COUNT] = {
    [PEN_NORMAL]   = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}},
    [PEN_TITLE]    = {{-1, -1, B}, {-1, -1, B}, {-1, -1, B}, {-1, -1, B}},
    [PEN_DIM]      = {{248, -1}, {240, -1}, {-1, -1}, {-1, -1}},
    [PEN_KEY]      = {{-1, -1, B}, {-1, -1, B}, {-1, -1, B}, {-1, -1, B}},
    [PEN_GOOD]     = {{115, -1}, {23, -1}, {GREEN, -1}, {-1, -1}},
    [PEN_NOTICE]   = {{117, -1}, {25, -1}, {CYAN, -1}, {-1, -1, U}},
    [PEN_WARNING]  = {{221, -1, B}, {94, -1, B}, {BLACK, YELLOW}, {-1, -1, B}},
    [PEN_CRITICAL] = {{231, 160, B}, {231, 160, B}, {WHITE, RED, B}, {-1, -1, B, R}},
    [PEN_NUMBER]   = {{210, -1, B}, {124, -1, B}, {WHITE, RED, B}, {-1, -1, B}},
    [PEN_MARKED]   = {{183, -1, B}, {91, -1, B}, {MAGENTA, -1, B}, {-1, -1, B}},
    [PEN_HEAD]     = {{248, -1, U}, {240, -1, U}, {-1, -1, U}, {-1, -1, U}},
    [PEN_INPUT]    = {{-1, -1, U}, {-1, -1, U}, {-1, -1, U}, {-1, -1, U}},
    [PEN_BANNER]   = {{-1, -1, R}, {-1, -1, R}, {-1, -1, R}, {-1, -1, R}},
    [PEN_LABEL]    = {{-1, -1, B, R}, {-1, -1, B, R}, {-1, -1, R}, {-1, -1, R}},
    [PEN_CURRENT]  = {{-1, -1, R}, {-1, -1, R}, {-1, -1, R}, {-1, -1, R}},
};

// High contrast with 256 colours; with fewer the sixteen do, where nothing is faint.
static const struct look strong[PEN_COUNT] = {
    [PEN_NORMAL]   = {-1, -1},
    [PEN_TITLE]    = {-1, -1, B},
    [PEN_DIM]      = {-1, -1},
    [PEN_KEY]      = {-1, -1, B},
    [PEN_GOOD]     = {-1, -1, B},
    [PEN_NOTICE]   = {-1, -1, B, U},
    [PEN_WARNING]  = {16, 226, B},
    [PEN_CRITICAL] = {231, 88, B},
    [PEN_NUMBER]   = {231, 88, B},
    [PEN_MARKED]   = {231, 54, B},
    [PEN_HEAD]     = {-1, -1, B, U},
    [PEN_INPUT]    = {-1, -1, B, U},
    [PEN_BANNER]   = {-1, -1, B, R},
    [PEN_LABEL]    = {-1, -1, B, R},
    [PEN_CURRENT]  = {-1, -1, B, R},
};
// clang-format on

static struct look plain_look(enum palette palette, enum theme theme, enum pen pen)
{
    const struct looks *l = &looks[pen];
    if (palette == PALETTE_MONO || theme == THEME_MONO)
        return l->mono;
    if (palette == PALETTE_256 && theme == THEME_CONTRAST)
        return strong[pen];
    if (palette == PALETTE_256)
        return theme == THEME_LIGHT ? l->light : l->dark;
    // Green and cyan on white cannot be read in 16 colours.
    bool is_safe = theme == THEME_LIGHT || theme == THEME_CONTRAST;
    if (is_safe && pen == PEN_GOOD)
        return looks[PEN_NORMAL].sixteen;
    if (is_safe && pen == PEN_NOTICE)
        return l->mono;
    return l->sixteen;
}

struct look theme_look(enum palette palette, enum theme theme, enum pen pen, bool is_selected)
{
    struct look look = plain_look(palette, theme, pen);
    if (!is_selected || pen == PEN_BANNER || pen == PEN_LABEL || pen == PEN_CURRENT)
        return look;
    bool has_colour = palette == PALETTE_256 && (theme == THEME_DARK || theme == THEME_LIGHT);
    if (has_colour && look.bg == DEFAULT)
        look.bg = theme == THEME_LIGHT ? SELECTED_LIGHT : SELECTED_DARK;
    if (has_colour || look.bg != DEFAULT)
        return look;
    // Reverse upon reverse would show nothing: critical is told by the underline there.
    if (look.is_reversed)
        look.is_underlined = true;
    look.is_reversed = true;
    return look;
}

const char *theme_name(enum theme theme)
{
    static const char *const names[THEME_COUNT] = {"auto", "dark", "light", "high contrast",
                                                   "mono"};
    return names[theme];
}

char theme_twin(uint32_t code)
{
    static const struct {
        uint32_t code;
        char twin;
    } twins[] = {
        {0x258c, '>'}, {0x2022, '*'}, {0xb7, '.'},   {0x2013, '-'}, {0x2026, '~'}, {0x2192, '>'},
        {0x2190, '<'}, {0x2191, '^'}, {0x2193, 'v'}, {0x2212, '-'}, {0x2502, '|'}, {0x2500, '-'},
        {0x250c, '+'}, {0x2510, '+'}, {0x2514, '+'}, {0x2518, '+'}, {0x251c, '+'}, {0x2524, '+'},
        {0x2588, '#'}, {0x2591, '.'}, {0x2581, '_'}, {0x2582, '.'}, {0x2583, ':'}, {0x2584, ';'},
        {0x2585, '='}, {0x2586, '+'}, {0x2587, '*'},
    };
    for (size_t i = 0; i < ARRAY_LEN(twins); i++)
        if (twins[i].code == code)
            return twins[i].twin;
    return 0;
}
