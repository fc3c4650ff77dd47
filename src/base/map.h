/* A hash map from bytes to pointers, in order of insertion. Keys are copied and hashed with a secret
 * (hash_process_key), since strangers choose many of them. Values are the caller's. O(1) a call;
 * walking is by index and cheap. Removing leaves a hole that the next growth sweeps out. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct map_item {
    uint8_t *key; // owned; NULL marks a removed item
    size_t key_n;
    uint64_t hash;
    void *value;
};

struct map {
    struct map_item *items; // in order of insertion
    size_t used, room;      // items filled (removed ones included), and allocated
    size_t count;           // living items
    uint32_t *slots;        // index + 1 into items; 0 is empty
    size_t slots_n;         // a power of two
};

/* A zeroed struct map is an empty one. The values stay the caller's. */
void map_deinit(struct map *m);
/* NULL when there is none. */
void *map_get(const struct map *m, struct bytes key);
void *map_get_str(const struct map *m, const char *key);
/* Adds or replaces; gives back the value that was there, or NULL. `value` is never NULL. */
void *map_put(struct map *m, struct bytes key, void *value);
void *map_put_str(struct map *m, const char *key, void *value);
/* Gives back the value that was there, or NULL. */
void *map_remove(struct map *m, struct bytes key);
void *map_remove_str(struct map *m, const char *key);

/* Walks the living items: for (size_t i = 0; (item = map_next(&m, &i));). Nothing may be added
 * meanwhile; the item just given may be removed. */
struct map_item *map_next(const struct map *m, size_t *i);
