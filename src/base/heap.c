#include "base/heap.h"

#include "base/mem.h"

void heap_deinit(struct heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->nodes[i]->place = 0;
    xfree(h->nodes);
    *h = (struct heap){0};
}

static bool is_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void set(struct heap *h, size_t i, struct heap_node *node)
{
    h->nodes[i] = node;
    node->place = i + 1;
}

static void sift(struct heap *h, size_t i)
{
    struct heap_node *node = h->nodes[i];
    for (; i && is_before(node, h->nodes[(i - 1) / 2]); i = (i - 1) / 2)
        set(h, i, h->nodes[(i - 1) / 2]);
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->n)
            break;
        if (child + 1 < h->n && is_before(h->nodes[child + 1], h->nodes[child]))
            child++;
        if (!is_before(h->nodes[child], node))
            break;
        set(h, i, h->nodes[child]);
        i = child;
    }
    set(h, i, node);
}

void heap_add(struct heap *h, struct heap_node *node, int64_t at)
{
    node->at = at;
    node->order = h->added++;
    if (!node->place) {
        if (h->n == h->room) {
            h->room = h->room ? h->room * 2 : 64;
            // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
            h->nodes = xrealloc(h->nodes, h->room, sizeof(*h->nodes));
        }
        set(h, h->n++, node);
    }
    sift(h, node->place - 1);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (!node->place)
        return;
    size_t i = node->place - 1;
    node->place = 0;
    struct heap_node *last = h->nodes[--h->n];
    if (last == node)
        return;
    set(h, i, last);
    sift(h, i);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->n ? h->nodes[0] : NULL;
}
