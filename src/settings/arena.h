/* Memory that dies together: a loaded configuration, a file's tree. Every piece is an allocation of
 * its own, so that a sanitizer sees each bound; configurations are small enough for that. */
#pragma once
#include <stddef.h>

#include "base/bytes.h"

struct arena_piece;

/* A zeroed struct arena is an empty one. */
struct arena {
    struct arena_piece *pieces; // newest first
};

void arena_deinit(struct arena *a);
/* Zeroed, aligned for anything, never NULL; lives as long as the arena. */
void *arena_new(struct arena *a, size_t count, size_t size);
/* A copy with a NUL behind it. */
char *arena_copy(struct arena *a, struct bytes text);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void arena_deinit_p(struct arena *a)
{
    arena_deinit(a);
}
