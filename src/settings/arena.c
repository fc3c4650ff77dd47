#include "settings/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

struct arena_piece {
    struct arena_piece *next;
    max_align_t bytes[];
};

void arena_deinit(struct arena *a)
{
    while (a->pieces) {
        struct arena_piece *piece = a->pieces;
        a->pieces = piece->next;
        xfree(piece);
    }
}

void *arena_new(struct arena *a, size_t count, size_t size)
{
    must(!size || count <= (SIZE_MAX - sizeof(struct arena_piece)) / size);
    struct arena_piece *piece = xcalloc(1, sizeof(*piece) + count * size);
    piece->next = a->pieces;
    a->pieces = piece;
    return piece->bytes;
}

char *arena_copy(struct arena *a, struct bytes text)
{
    must(text.n < SIZE_MAX);
    char *copy = arena_new(a, text.n + 1, 1);
    if (text.n)
        memcpy(copy, text.p, text.n);
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *text = xvasprintf(format, ap);
    va_end(ap);
    char *copy = arena_copy(a, bytes_str(text));
    xfree(text);
    return copy;
}
