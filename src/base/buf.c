#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

void buf_deinit(struct buf *b)
{
    if (b->p)
        xfree(b->p - b->head);
    *b = (struct buf){0};
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    must(n < SIZE_MAX / 4);
    size_t need = b->head + b->n + n + 1;
    if (need > b->room && b->head && b->head >= b->room / 2 && b->head >= n) {
        memmove(b->p - b->head, b->p, b->n);
        b->p -= b->head;
        b->head = 0;
        need = b->n + n + 1;
    }
    if (need > b->room) {
        size_t room = b->room ? b->room : 256;
        while (room < need)
            room *= 2;
        uint8_t *base = xrealloc(b->p ? b->p - b->head : NULL, room, 1);
        b->p = base + b->head;
        b->room = room;
    }
    return b->p + b->n;
}

void buf_grew(struct buf *b, size_t n)
{
    must(b->head + b->n + n < b->room);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    uint8_t *to = buf_reserve(b, n);
    if (n)
        memcpy(to, p, n);
    buf_grew(b, n);
}

void buf_add_bytes(struct buf *b, struct bytes bytes)
{
    buf_add(b, bytes.p, bytes.n);
}

void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_byte(struct buf *b, uint8_t byte)
{
    buf_add(b, &byte, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    must(n >= 0);
    uint8_t *to = buf_reserve(b, (size_t)n);
    vsnprintf((char *)to, (size_t)n + 1, format, again);
    va_end(again);
    buf_grew(b, (size_t)n);
}

void buf_consume(struct buf *b, size_t n)
{
    must(n <= b->n);
    b->p += n;
    b->head += n;
    b->n -= n;
    if (!b->n)
        buf_clear(b);
}

void buf_clear(struct buf *b)
{
    if (!b->p)
        return;
    b->p -= b->head;
    b->head = b->n = 0;
    b->p[0] = '\0';
}

struct bytes buf_bytes(const struct buf *b)
{
    return bytes_of(b->p, b->n);
}

char *buf_take_str(struct buf *b)
{
    char *s = xmemdup0(b->p, b->n);
    buf_clear(b);
    return s;
}
