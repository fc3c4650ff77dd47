#include "ui/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"

static size_t one_character(const char *text, size_t n, int *columns)
{
    uint32_t code = 0;
    size_t used = n ? text_utf8(&code, (const uint8_t *)text, n) : 0;
    int width = used ? wcwidth((wchar_t)code) : 1;
    *columns = width < 0 ? 1 : width;
    return used ? used : 1;
}

size_t text_fit(const char *text, int width)
{
    size_t n = strlen(text), at = 0;
    int columns = 0;
    while (at < n) {
        int w;
        size_t used = one_character(text + at, n - at, &w);
        if (columns + w > width)
            break;
        columns += w;
        at += used;
    }
    return at;
}

int text_columns(const char *text)
{
    size_t n = strlen(text);
    int columns = 0;
    for (size_t at = 0; at < n;) {
        int w;
        at += one_character(text + at, n - at, &w);
        columns += w;
    }
    return columns;
}

// At a blank, but never between a number and its %.
static bool may_break(const char *text, size_t at)
{
    return text[at] == ' ' && text[at + 1] != '%';
}

size_t text_wrap(const char *text, int width)
{
    size_t fits = text_fit(text, width);
    if (!text[fits] || may_break(text, fits))
        return fits;
    for (size_t at = fits; at > 0; at--)
        if (may_break(text, at - 1))
            return at - 1 ? at - 1 : fits;
    return fits ? fits : strlen(text); // narrower than one character: give up, do not loop
}

void line_clear(struct line *l)
{
    l->n = l->columns = 0;
    l->text[0] = '\0';
}

void line_str(struct line *l, enum pen pen, const char *text)
{
    size_t n = strlen(text), at = 0;
    while (at < n) {
        int w;
        size_t used = one_character(text + at, n - at, &w);
        if (l->n + used >= LINE_BYTES)
            break;
        memcpy(l->text + l->n, text + at, used);
        memset(l->pen + l->n, (int)pen, used);
        l->n = (uint16_t)(l->n + used);
        l->columns = (uint16_t)(l->columns + w);
        at += used;
    }
    l->text[l->n] = '\0';
}

void line_add(struct line *l, enum pen pen, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list ap;
    va_start(ap, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    line_str(l, pen, text);
}

void line_append(struct line *l, const struct line *other)
{
    size_t n = other->n;
    if (l->n + n >= LINE_BYTES)
        return;
    memcpy(l->text + l->n, other->text, n + 1);
    memcpy(l->pen + l->n, other->pen, n);
    l->n = (uint16_t)(l->n + n);
    l->columns = (uint16_t)(l->columns + other->columns);
}

void line_pad(struct line *l, int column)
{
    while (l->columns < column && l->n + 1 < LINE_BYTES)
        line_str(l, PEN_NORMAL, " ");
}

void line_right(struct line *l, enum pen pen, const char *text, int column)
{
    int start = column - text_columns(text);
    line_pad(l, start > l->columns ? start : l->columns + (l->n > 0));
    line_str(l, pen, text);
}

void line_cut(struct line *l, int width)
{
    if (l->columns <= width)
        return;
    if (width <= 0) {
        line_clear(l);
        return;
    }
    size_t keep = text_fit(l->text, width - 1);
    enum pen pen = l->pen[keep];
    l->n = (uint16_t)keep;
    l->text[keep] = '\0';
    l->columns = (uint16_t)text_columns(l->text);
    line_str(l, pen, "…");
}
