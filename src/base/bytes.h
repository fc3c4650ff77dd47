/* Bytes that somebody else owns: a pointer and a length, never "char * and hope". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct bytes {
    const uint8_t *p; // borrowed; may be NULL when n is 0
    size_t n;
};

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){(const uint8_t *)p, n};
}

static inline struct bytes bytes_str(const char *s)
{
    return bytes_of(s, s ? strlen(s) : 0);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case makes no difference. */
static inline bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    return a.n == b.n && (!a.n || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

static inline bool bytes_starts_nocase(struct bytes a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.n >= n && strncasecmp((const char *)a.p, prefix, n) == 0;
}

/* From `from` on; empty when there is less. */
static inline struct bytes bytes_skip(struct bytes a, size_t from)
{
    return from >= a.n ? bytes_of(NULL, 0) : bytes_of(a.p + from, a.n - from);
}
