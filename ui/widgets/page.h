/* A page: lines built from one object, scrolled as a whole; some lines name a thing that Enter
 * opens. It is built anew for each picture, so a view's build function is all there is to it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "ui/line.h"
#include "ui/widgets/table.h"

enum { PAGE_LINES = 1000, PAGE_INDENT = 8, PAGE_NARROW = 76 };

struct page_item {
    struct line line;
    char key[TABLE_KEY]; // "": nothing to open
};

struct page {
    struct page_item *items; // owned
    size_t n, room;
    struct line title;
    char side[64];      // right end of the title
    int width;          // columns the lines may use
    const char *target; // what it is about, `ip:198.51.100.7`; borrowed while it is built
    size_t top, height;
    char selected[TABLE_KEY]; // of the selected line; "": none can be
    size_t cursor;            // that line, as built last
    char search[TABLE_FILTER];
};

void page_deinit(struct page *p);
/* Before it is built anew for `width` columns. */
void page_begin(struct page *p, int width);
/* A new line, with its blank in front; NULL-safe: past the bound the last one is given again. */
struct line *page_line(struct page *p, const char *key);
/* ` label    text`, wrapped under itself; no line at all for an empty text. */
void page_say(struct page *p, const char *label, enum pen pen, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* ` head`, and the text right behind it; what does not fit goes on from column `indent`. The key (NULL:
 * none) is the first line's. */
void page_fold(struct page *p, const char *key, const struct line *head, int indent, enum pen pen,
               const char *text);
/* A heading in the column of labels. */
void page_head(struct page *p, const char *text);
/* After it is built: the selection finds its line again. */
void page_end(struct page *p);

/* To the next line that can be selected; where there is none, scrolls. */
void page_move(struct page *p, long by);
void page_scroll(struct page *p, long by);
/* The next (or previous) line with p->search in it, case aside. False: there is none. */
bool page_find(struct page *p, bool is_forward);
/* 1-based place of the selected line among those that can be, and how many there are. */
void page_place(const struct page *p, size_t *place, size_t *of);
/* `is_active`: the selection shows (a side panel has none). */
void page_draw(struct page *p, int row, int column, int height, bool is_active, int *cursor_row);
/* All of it as text, for the clipboard (owned). */
char *page_text(const struct page *p);
