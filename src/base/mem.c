#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"

static void *owned(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

void *xmalloc(size_t n)
{
    return owned(malloc(n ? n : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return owned(calloc(count ? count : 1, size ? size : 1));
}

void *xcalloc_lines(size_t count, size_t size)
{
    const size_t line = 64;
    must(!size || count <= (SIZE_MAX - line) / size);
    size_t n = (count * size + line) / line * line; // never 0
    return memset(owned(aligned_alloc(line, n)), 0, n);
}

void *xcalloc_huge(size_t count, size_t size)
{
    const size_t page = (size_t)2 << 20;
    must(!size || count <= (SIZE_MAX - page) / size);
    size_t n = count * size;
    if (n < page)
        return xcalloc(count, size);
    n = (n + page - 1) / page * page;
    void *p = owned(aligned_alloc(page, n));
    madvise(p, n, MADV_HUGEPAGE); // a wish: without it all works, slower
    return memset(p, 0, n);
}

void *xrealloc(void *p, size_t count, size_t size)
{
    must(!size || count <= SIZE_MAX / size);
    size_t n = count * size;
    return owned(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
    return owned(strdup(s));
}

char *xmemdup0(const void *p, size_t n)
{
    must(n < SIZE_MAX);
    char *copy = xmalloc(n + 1);
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

char *xvasprintf(const char *format, va_list ap)
{
    char *text = NULL;
    int n = vasprintf(&text, format, ap);
    return owned(n < 0 ? NULL : text);
}

char *xasprintf(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *text = xvasprintf(format, ap);
    va_end(ap);
    return text;
}

void *xfree(void *p)
{
    free(p);
    return NULL;
}
