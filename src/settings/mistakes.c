#include "settings/mistakes.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

struct mistake {
    unsigned file, line, column;
    size_t order; // of discovery, for those at one place
    char *text;
};

unsigned mistakes_file(struct mistakes *m, const char *name)
{
    m->files = xrealloc(m->files, m->files_n + 1, sizeof(*m->files));
    m->files[m->files_n] = xstrdup(name);
    return (unsigned)m->files_n++;
}

void mistakes_add(struct mistakes *m, unsigned file, unsigned line, unsigned column,
                  const char *format, ...)
{
    if (m->n == MISTAKES_KEPT) {
        m->lost++;
        return;
    }
    if (m->n == m->room) {
        m->room = m->room ? m->room * 2 : 8;
        m->items = xrealloc(m->items, m->room, sizeof(*m->items));
    }
    va_list ap;
    va_start(ap, format);
    char *text = xvasprintf(format, ap);
    va_end(ap);
    m->items[m->n] = (struct mistake){file, line, column, .order = m->n, .text = text};
    m->n++;
}

static int by_place(const void *left, const void *right)
{
    const struct mistake *a = left, *b = right;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void say_how_many_more(struct diag *last, size_t more)
{
    char *text = xasprintf("%s (and %zu more mistakes after this one)", last->text, more);
    xfree(last->text);
    last->text = text;
}

void mistakes_finish(struct mistakes *m, struct settings_mistakes *out)
{
    if (m->n)
        qsort(m->items, m->n, sizeof(*m->items), by_place);
    size_t told = m->n < MISTAKES_TOLD ? m->n : MISTAKES_TOLD;
    *out = (struct settings_mistakes){.items = xcalloc(told, sizeof(*out->items)),
                                      .n = told,
                                      .files = m->files,
                                      .files_n = m->files_n};
    for (size_t i = 0; i < m->n; i++) {
        const struct mistake *from = &m->items[i];
        if (i < told)
            out->items[i] =
                (struct diag){m->files[from->file], from->line, from->column, .text = from->text};
        else
            xfree(from->text);
    }
    if (m->n + m->lost > told)
        say_how_many_more(&out->items[told - 1], m->n + m->lost - told);
    xfree(m->items);
    *m = (struct mistakes){0};
}

void settings_mistakes_deinit(struct settings_mistakes *m)
{
    for (size_t i = 0; i < m->n; i++)
        xfree(m->items[i].text);
    xfree(m->items);
    for (size_t i = 0; i < m->files_n; i++)
        xfree(m->files[i]);
    xfree(m->files);
    *m = (struct settings_mistakes){0};
}

int settings_mistakes_print(const struct settings_mistakes *m, int fd)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    for (size_t i = 0; i < m->n; i++) {
        const struct diag *d = &m->items[i];
        text_visible_add(&b, bytes_str(d->file));
        buf_printf(&b, ":%u:%u: ", d->line, d->column);
        text_visible_add(&b, bytes_str(d->text));
        buf_add_byte(&b, '\n');
    }
    int r = file_write_all(fd, buf_bytes(&b));
    return r < 0 ? fault(r) : 0;
}
