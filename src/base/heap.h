/* A binary min-heap of things by time: what is due next. The node stands in the thing itself and
 * knows its place, so moving or removing one is O(log n) without a search. Equal times leave in the
 * order they came. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t at;     // the key, smallest first
    uint64_t order; // tie-break, set by heap_add()
    size_t place;   // index + 1; 0: in no heap
};

struct heap {
    struct heap_node **nodes;
    size_t n, room;
    uint64_t added;
};

/* A zeroed struct heap is an empty one. The things stay the caller's. */
void heap_deinit(struct heap *h);
/* Adds, or moves what is already there, to `at`. */
void heap_add(struct heap *h, struct heap_node *node, int64_t at);
/* Does nothing when it is in no heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* The earliest, or NULL. It stays in. */
struct heap_node *heap_first(const struct heap *h);
static inline bool heap_has(const struct heap_node *node)
{
    return node->place != 0;
}
