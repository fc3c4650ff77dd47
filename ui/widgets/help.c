#include "ui/widgets/help.h"

#include <stdio.h>

#include "ui/keys.h"
#include "ui/screen.h"

enum { SECOND = 39, LINES = 160, COLUMNS_BESIDE = 76 };

struct help {
    struct line lines[LINES];
    size_t n, left, right; // lines; and how many of each column are filled
    int second;            // where the right column begins; 0: below the left one
};

static struct line *at(struct help *h, size_t i)
{
    i = i < LINES ? i : LINES - 1;
    while (h->n <= i)
        line_clear(&h->lines[h->n++]);
    return &h->lines[i];
}

// The left column is filled first, so that the right one finds its lines.
static struct line *next_left(struct help *h)
{
    struct line *l = at(h, h->left++);
    line_str(l, PEN_NORMAL, " ");
    return l;
}

static struct line *next_right(struct help *h)
{
    struct line *l = at(h, h->right++);
    if (!h->second)
        return l;
    line_cut(l, h->second - 1);
    line_pad(l, h->second);
    return l;
}

static void add_binding(struct line *l, const struct binding *b, int indent, int width)
{
    char shown[16];
    line_str(l, PEN_KEY, keys_shown(b, shown));
    line_pad(l, indent + width);
    line_str(l, PEN_NORMAL, b->help);
}

static void add_own(struct help *h, const struct view *v)
{
    line_str(next_left(h), PEN_TITLE, "this view");
    for (size_t i = 0; i < v->keys_n; i++) {
        struct line *l;
        if (!v->keys[i].help)
            continue;
        l = next_left(h);
        line_pad(l, 2);
        add_binding(l, &v->keys[i], 2, 8);
    }
}

static void add_column(struct help *h, const struct column *c)
{
    const char *text = c->help;
    for (int i = 0; *text; i++) {
        char part[64];
        size_t n = text_wrap(text, SECOND - 1 - 14);
        struct line *l = next_left(h);
        line_pad(l, 2);
        line_str(l, PEN_KEY, i ? "" : c->name);
        line_pad(l, 14);
        snprintf(part, sizeof(part), "%.*s", (int)n, text);
        line_str(l, PEN_NORMAL, part);
        text += n;
        text += *text == ' ';
    }
}

static void add_columns(struct help *h, const struct view *v)
{
    bool has_any = false;
    for (size_t i = 0; i < v->columns_n; i++)
        has_any |= v->columns[i].help != NULL;
    if (!has_any)
        return;
    next_left(h);
    line_str(next_left(h), PEN_TITLE, "columns");
    for (size_t i = 0; i < v->columns_n; i++)
        if (v->columns[i].help)
            add_column(h, &v->columns[i]);
}

// Keys without a help of their own do the same as the one above them.
static void add_common(struct help *h)
{
    size_t n;
    const struct binding *keys = keys_common(&n);
    line_str(next_right(h), PEN_TITLE, "everywhere");
    struct line *views = next_right(h);
    line_str(views, PEN_KEY, " 1 2 3 5 6 7 8");
    line_pad(views, h->second + 17);
    line_str(views, PEN_NORMAL, "views");
    for (size_t i = 0; i < n;) {
        struct line *l = next_right(h);
        const struct binding *first = &keys[i];
        char shown[16];
        line_add(l, PEN_KEY, " %s", keys_shown(first, shown));
        for (i++; i < n && !keys[i].help; i++)
            line_add(l, PEN_KEY, " %s", keys_shown(&keys[i], shown));
        line_pad(l, h->second + 17);
        line_str(l, PEN_NORMAL, first->help);
    }
}

void help_draw(const struct view *v, size_t *top, int row, int rows, int columns, int *cursor)
{
    static struct help h; // large; one screen, one thread
    struct line title;
    char page[64];
    size_t height = (size_t)(rows - 3 - row);
    h.n = h.left = h.right = 0;
    add_own(&h, v);
    add_columns(&h, v);
    h.second = columns < COLUMNS_BESIDE ? 0 : SECOND;
    h.right = h.second ? 0 : h.n + 1;
    add_common(&h);
    size_t pages = (h.n + height - 1) / height;
    if (*top >= h.n)
        *top = (pages - 1) * height;
    line_clear(&title);
    line_add(&title, PEN_TITLE, " Help for %s", v->title);
    snprintf(page, sizeof(page), "page %zu of %zu", *top / height + 1, pages);
    line_right(&title, PEN_TITLE, page, columns);
    screen_line(row, 0, columns, &title, false);
    for (size_t i = 0; i < height && *top + i < h.n; i++)
        screen_line(row + 1 + (int)i, 0, columns, &h.lines[*top + i], false);
    *cursor = row;
}

void help_keys(struct line *l)
{
    line_str(l, PEN_KEY, "Esc");
    line_str(l, PEN_NORMAL, " back  ");
    line_str(l, PEN_KEY, "PgDn");
    line_str(l, PEN_NORMAL, " more");
}
