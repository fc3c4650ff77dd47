#include "ui/keys.h"

#include <stdio.h>

#include "ui/screen.h"

// In the order of the bottom line; the help shows them all.
// clang-format off
static const struct binding common[] = {
    {'v',             "panel",         "panel",   "side panel"},
    {'o',             "sort next",     "sort",    "sort, inverse"},
    {'I',             "sort inverse",  "inverse", NULL},
    {' ',             "mark",          "mark",    "mark, all, none", .shown = "Space"},
    {'*',             "mark all",      NULL,      NULL},
    {CTRL_KEY('a'),   "mark none",     NULL,      NULL},
    {'y',             "copy",          "copy",    "copy (says what)"},
    {'u',             "undo",          "undo",    "undo my last action", .is_act = true},
    {'/',             "filter",        "filter",  "filter, next, previous"},
    {'n',             "next",          NULL,      NULL},
    {'P',             "previous",      NULL,      NULL},
    {':',             "prompt",        "cmd",     "command line"},
    {'?',             "help",          "help",    "this help"},
    {'\n',            "open",          NULL,      "open", .shown = "Enter"},
    {'l',             "open",          NULL,      NULL},
    {KEY_ARROW_RIGHT, "open",          NULL,      NULL, .shown = "→"},
    {KEY_ESC,         "back",          NULL,      "back (q at home asks)", .shown = "Esc"},
    {'q',             "back quit",     NULL,      NULL},
    {'h',             "back",          NULL,      NULL},
    {KEY_ARROW_LEFT,  "back",          NULL,      NULL, .shown = "←"},
    {'j',             "move 1",        NULL,      "move"},
    {'k',             "move -1",       NULL,      NULL},
    {KEY_ARROW_DOWN,  "move 1",        NULL,      NULL, .shown = "↓"},
    {KEY_ARROW_UP,    "move -1",       NULL,      NULL, .shown = "↑"},
    {'g',             "move first",    NULL,      "first, last"},
    {'G',             "move last",     NULL,      NULL},
    {KEY_FIRST,       "move first",    NULL,      NULL, .shown = "Home"},
    {KEY_LAST,        "move last",     NULL,      NULL, .shown = "End"},
    {CTRL_KEY('d'),   "move half",     NULL,      "half a page"},
    {CTRL_KEY('u'),   "move -half",    NULL,      NULL},
    {KEY_PAGE_DOWN,   "move page",     NULL,      "a page", .shown = "PgDn"},
    {KEY_PAGE_UP,     "move -page",    NULL,      NULL, .shown = "PgUp"},
    {'f',             "freeze",        NULL,      "freeze, go on"},
    {'T',             "theme",         NULL,      "theme"},
    {'U',             "unlock",        NULL,      "unlock, then Enter"},
    {CTRL_KEY('l'),   "redraw",        NULL,      "draw anew"},
    {'R',             "reconnect",     NULL,      "try a lost engine now"},
};
// clang-format on

const struct binding *keys_common(size_t *n)
{
    *n = ARRAY_LEN(common);
    return common;
}

static const struct binding *find(const struct binding *keys, size_t n, int key)
{
    for (size_t i = 0; i < n; i++)
        if (keys[i].key == key)
            return &keys[i];
    return NULL;
}

const struct binding *keys_find(const struct view *v, int key)
{
    const struct binding *own = find(v->keys, v->keys_n, key);
    return own ? own : find(common, ARRAY_LEN(common), key);
}

const char *keys_shown(const struct binding *b, char out[16])
{
    if (b->shown)
        return b->shown;
    if (b->key < ' ')
        snprintf(out, 16, "Ctrl-%c", b->key + 'a' - 1);
    else
        snprintf(out, 16, "%c", b->key);
    return out;
}
