/* A line of text with a pen (theme.h) for each byte, and its width in columns: what cells, feet, pages and
 * dialogs are made of before the screen draws them. Width is display width (wcwidth), so letters
 * from anywhere line up. Bounded: what does not fit into LINE_BYTES is left out. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "ui/theme.h"

enum { LINE_BYTES = 1024 }; // 300 columns of three-byte glyphs

struct line {
    char text[LINE_BYTES]; // NUL-terminated
    uint8_t pen[LINE_BYTES];
    uint16_t n, columns;
};

void line_clear(struct line *l);
void line_add(struct line *l, enum pen pen, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void line_str(struct line *l, enum pen pen, const char *text);
void line_append(struct line *l, const struct line *other);
/* Blanks up to `column`. */
void line_pad(struct line *l, int column);
/* Blanks, so that `text` ends before `column`; at least one blank before it. */
void line_right(struct line *l, enum pen pen, const char *text, int column);
/* At most `width` columns, `…` at the end when something is lost. */
void line_cut(struct line *l, int width);

/* Columns of UTF-8 text; what cannot be shown counts as one. */
int text_columns(const char *text);
/* Bytes of `text` that fit into `width` columns, at a whole character with its marks. */
size_t text_fit(const char *text, int width);
/* Bytes to take for one row of `width` columns, at a blank where there is one (word wrap). */
size_t text_wrap(const char *text, int width);
