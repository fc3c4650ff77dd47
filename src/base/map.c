#include "base/map.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"

// Open addressing with linear probing; a removed item's slot keeps pointing at its hole, so that
// probing goes on past it.

void map_deinit(struct map *m)
{
    for (size_t i = 0; i < m->used; i++)
        xfree(m->items[i].key);
    xfree(m->items);
    xfree(m->slots);
    *m = (struct map){0};
}

static struct map_item *find(const struct map *m, struct bytes key, uint64_t hash)
{
    if (!m->slots_n)
        return NULL;
    for (size_t s = hash & (m->slots_n - 1); m->slots[s]; s = (s + 1) & (m->slots_n - 1)) {
        struct map_item *item = &m->items[m->slots[s] - 1];
        if (item->key && item->hash == hash && bytes_equal(bytes_of(item->key, item->key_n), key))
            return item;
    }
    return NULL;
}

static void place(struct map *m, size_t index)
{
    size_t s = m->items[index].hash & (m->slots_n - 1);
    while (m->slots[s])
        s = (s + 1) & (m->slots_n - 1);
    m->slots[s] = (uint32_t)index + 1;
}

// Sweeps the holes out and makes room for as much again.
static void grow(struct map *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->used; i++)
        if (m->items[i].key)
            m->items[kept++] = m->items[i];
    m->used = kept;
    size_t room = 8;
    while (room < kept * 2)
        room *= 2;
    must(room < UINT32_MAX / 4);
    if (room != m->room)
        m->items = xrealloc(m->items, room, sizeof(*m->items));
    m->room = room;
    m->slots_n = room * 2;
    xfree(m->slots);
    m->slots = xcalloc(m->slots_n, sizeof(*m->slots));
    for (size_t i = 0; i < kept; i++)
        place(m, i);
}

void *map_get(const struct map *m, struct bytes key)
{
    if (!m->count)
        return NULL;
    struct map_item *item = find(m, key, hash_sip(hash_process_key(), key));
    return item ? item->value : NULL;
}

void *map_put(struct map *m, struct bytes key, void *value)
{
    must(value);
    uint64_t hash = hash_sip(hash_process_key(), key);
    struct map_item *item = find(m, key, hash);
    if (item) {
        void *before = item->value;
        item->value = value;
        return before;
    }
    if (m->used == m->room)
        grow(m);
    uint8_t *copy = (uint8_t *)xmemdup0(key.p, key.n);
    m->items[m->used] = (struct map_item){copy, key.n, .hash = hash, .value = value};
    place(m, m->used++);
    m->count++;
    return NULL;
}

void *map_remove(struct map *m, struct bytes key)
{
    struct map_item *item = find(m, key, hash_sip(hash_process_key(), key));
    if (!item)
        return NULL;
    item->key = xfree(item->key);
    m->count--;
    return item->value;
}

void *map_get_str(const struct map *m, const char *key)
{
    return map_get(m, bytes_str(key));
}

void *map_put_str(struct map *m, const char *key, void *value)
{
    return map_put(m, bytes_str(key), value);
}

void *map_remove_str(struct map *m, const char *key)
{
    return map_remove(m, bytes_str(key));
}

struct map_item *map_next(const struct map *m, size_t *i)
{
    while (*i < m->used) {
        struct map_item *item = &m->items[(*i)++];
        if (item->key)
            return item;
    }
    return NULL;
}
