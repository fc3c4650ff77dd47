#include "ui/keys.h"

#include <stdio.h>

#include "ui/screen.h"

// In the order of the bottom line; the help shows them all.
// clang-format off
static const struct binding common[] = {
    {'v',             "panel",         "panel",   "side panel on, off (from 150 columns)"},
    {'o',             "sort next",     "sort",    "sort by the next column"},
    {'I',             "sort inverse",  "inverse", "sort the other way round"},
    {' ',             "mark",          "mark",    "mark and go on", .shown = "Space"},
    {'y',             "copy",          "copy",    "copy to the clipboard (says what)"},
    {'u',             "undo",          "undo",    "undo my last action", .is_act = true},
    {'/',             "filter",        "filter",  "filter; in a page: search"},
    {':',             "prompt",        "cmd",     "command line"},
    {'?',             "help",          "help",    "this help"},
    {'\n',            "open",          NULL,      "open, see more", .shown = "Enter"},
    {'l',             "open",          NULL,      NULL},
    {KEY_ARROW_RIGHT, "open",          NULL,      NULL, .shown = "→"},
    {KEY_ESC,         "back",          NULL,      "back", .shown = "Esc"},
    {'h',             "back",          NULL,      NULL},
    {KEY_ARROW_LEFT,  "back",          NULL,      NULL, .shown = "←"},
    {'q',             "back quit",     NULL,      "back; the last one asks, then leaves"},
    {'j',             "move 1",        NULL,      "down"},
    {KEY_ARROW_DOWN,  "move 1",        NULL,      NULL, .shown = "↓"},
    {'k',             "move -1",       NULL,      "up"},
    {KEY_ARROW_UP,    "move -1",       NULL,      NULL, .shown = "↑"},
    {'g',             "move first",    NULL,      "first"},
    {KEY_FIRST,       "move first",    NULL,      NULL, .shown = "Home"},
    {'G',             "move last",     NULL,      "last"},
    {KEY_LAST,        "move last",     NULL,      NULL, .shown = "End"},
    {CTRL_KEY('d'),   "move half",     NULL,      "half a page down"},
    {CTRL_KEY('u'),   "move -half",    NULL,      "half a page up"},
    {KEY_PAGE_DOWN,   "move page",     NULL,      "a page down", .shown = "PgDn"},
    {KEY_PAGE_UP,     "move -page",    NULL,      "a page up", .shown = "PgUp"},
    {'n',             "next",          NULL,      "next match"},
    {'P',             "previous",      NULL,      "previous match"},
    {'*',             "mark all",      NULL,      "mark all that match"},
    {CTRL_KEY('a'),   "mark none",     NULL,      "mark none"},
    {'f',             "freeze",        NULL,      "freeze, go on"},
    {'T',             "theme",         NULL,      "theme: auto, dark, light, mono"},
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
