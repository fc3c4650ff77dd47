#include "ui/widgets/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ui/screen.h"

void page_deinit(struct page *p)
{
    xfree(p->items);
    *p = (struct page){0};
}

void page_begin(struct page *p, int width)
{
    p->n = 0;
    p->width = width;
    p->side[0] = '\0';
    line_clear(&p->title);
}

struct line *page_line(struct page *p, const char *key)
{
    if (p->n == p->room && p->room < PAGE_LINES) {
        p->room = p->room ? p->room * 2 : 32;
        p->room = p->room > PAGE_LINES ? PAGE_LINES : p->room;
        p->items = xrealloc(p->items, p->room, sizeof(*p->items));
    }
    if (p->n < p->room)
        p->n++;
    struct page_item *item = &p->items[p->n - 1];
    line_clear(&item->line);
    snprintf(item->key, sizeof(item->key), "%s", key ? key : "");
    line_str(&item->line, PEN_NORMAL, " ");
    return &item->line;
}

void page_fold(struct page *p, const char *key, const struct line *head, int indent, enum pen pen,
               const char *text)
{
    char row[LINE_BYTES];
    const char *at = text;
    do {
        struct line *l = page_line(p, at == text ? key : NULL);
        if (at == text)
            line_append(l, head);
        else
            line_pad(l, indent);
        int width = p->width - l->columns;
        size_t n = width > 0 ? text_wrap(at, width) : strlen(at);
        snprintf(row, sizeof(row), "%.*s", (int)n, at);
        line_str(l, pen, row);
        at += n;
        at += strspn(at, " ");
    } while (*at);
}

void page_say(struct page *p, const char *label, enum pen pen, const char *format, ...)
{
    char text[LINE_BYTES];
    struct line head;
    va_list ap;
    va_start(ap, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    line_clear(&head);
    line_str(&head, PEN_DIM, label);
    line_pad(&head, PAGE_INDENT - 1); // a blank stands before it
    if (*text && p->width > PAGE_INDENT)
        page_fold(p, NULL, &head, PAGE_INDENT, pen, text);
}

void page_head(struct page *p, const char *text)
{
    line_str(page_line(p, NULL), PEN_HEAD, text);
}

static bool is_selected(const struct page *p, size_t at)
{
    return p->selected[0] && at == p->cursor;
}

static void select_line(struct page *p, size_t at)
{
    p->cursor = at;
    memcpy(p->selected, p->items[at].key, sizeof(p->selected));
}

// Of several lines about the same thing, the one nearest to where the selection was.
void page_end(struct page *p)
{
    size_t best = p->n, first = p->n;
    for (size_t i = p->n; i-- > 0;) {
        if (!p->items[i].key[0])
            continue;
        first = i;
        if (strcmp(p->items[i].key, p->selected) != 0)
            continue;
        if (best == p->n || labs((long)i - (long)p->cursor) < labs((long)best - (long)p->cursor))
            best = i;
    }
    best = best < p->n ? best : first;
    if (best < p->n)
        select_line(p, best);
    else
        p->selected[0] = '\0';
}

void page_scroll(struct page *p, long by)
{
    size_t most = p->n > p->height ? p->n - p->height : 0;
    long top = (long)p->top + by;
    p->top = top < 0 ? 0 : (size_t)top > most ? most : (size_t)top;
}

static void show_line(struct page *p, size_t at)
{
    if (at < p->top)
        p->top = at;
    else if (p->height && at >= p->top + p->height)
        p->top = at - p->height + 1;
}

void page_move(struct page *p, long by)
{
    long step = by < 0 ? -1 : 1, left = by < 0 ? -by : by, found = (long)p->cursor;
    if (!p->selected[0]) {
        page_scroll(p, by);
        return;
    }
    for (long i = (long)p->cursor + step; left && i >= 0 && i < (long)p->n; i += step) {
        if (!p->items[i].key[0])
            continue;
        found = i;
        left--;
    }
    if (found == (long)p->cursor)
        page_scroll(p, by); // what stands behind the last one can be read too
    else
        show_line(p, (size_t)found);
    select_line(p, (size_t)found);
}

bool page_find(struct page *p, bool is_forward)
{
    for (size_t i = 1; i <= p->n && p->search[0]; i++) {
        size_t at = (p->top + (is_forward ? i : p->n - i)) % p->n;
        if (!strcasestr(p->items[at].line.text, p->search))
            continue;
        p->top = at;
        if (p->items[at].key[0])
            select_line(p, at);
        return true;
    }
    return false;
}

void page_place(const struct page *p, size_t *place, size_t *of)
{
    *place = *of = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (!p->items[i].key[0])
            continue;
        ++*of;
        if (is_selected(p, i))
            *place = *of;
    }
}

void page_draw(struct page *p, int row, int column, int height, bool is_active, int *cursor_row)
{
    struct line title = p->title;
    p->height = height > 0 ? (size_t)height : 1;
    page_scroll(p, 0);
    line_cut(&title, p->width - text_columns(p->side) - 2);
    line_right(&title, PEN_TITLE, p->side, p->width);
    screen_line(row, column, p->width, &title, false);
    *cursor_row = row;
    for (size_t i = 0; i < p->height && p->top + i < p->n; i++) {
        const struct page_item *item = &p->items[p->top + i];
        bool is_here = is_active && is_selected(p, p->top + i);
        int at = row + 1 + (int)i;
        screen_line(at, column, p->width, &item->line, is_here);
        if (!is_here)
            continue;
        screen_text(at, column, 1, PEN_NORMAL, "▌");
        *cursor_row = at;
    }
}

char *page_text(const struct page *p)
{
    struct buf b = {0};
    buf_add_str(&b, p->title.text);
    for (size_t i = 0; i < p->n; i++)
        buf_printf(&b, "\n%s", p->items[i].line.text);
    return buf_take_str(&b);
}
