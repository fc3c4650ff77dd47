/* Memory with one idiom: one owner, new/free in pairs, CLEANUP on the local that owns, MOVE to hand
 * over. No memory ends the process: an engine that lost an allocation cannot keep its promises, and
 * the spool on disk is safe. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A local marked CLEANUP(f) calls f_p(&local) when it goes out of scope; DEFINE_CLEANUP makes f_p
 * from f. f takes NULL. */
#define CLEANUP(f) __attribute__((cleanup(f##_p)))
#define DEFINE_CLEANUP(type, f)                                                                    \
    static inline void f##_p(type *p)                                                              \
    {                                                                                              \
        if (*p)                                                                                    \
            f(*p);                                                                                 \
    }

/* Gives the pointer away: the value moves out, the variable becomes NULL. */
#define MOVE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) moved_ = (p);                                                                \
        (p) = NULL;                                                                                \
        moved_;                                                                                    \
    })

/* The struct that holds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Never NULL: they end the process when memory is out. xcalloc'd memory is zero. */
void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed, and at the beginning of a cache line. */
void *xcalloc_lines(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed, and of huge pages where the system gives them: for large tables that are read at random, where
 * each small page would cost a walk through the page tables. All of it is resident. */
void *xcalloc_huge(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* Copies n bytes and adds a NUL. */
char *xmemdup0(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));
char *xvasprintf(const char *format, va_list ap)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 0)));

/* Frees and returns NULL, for `p = xfree(p)`. Takes NULL. */
void *xfree(void *p);
DEFINE_CLEANUP(char *, xfree)
