/* Many fixed strings searched in one pass over a text (A. Aho, M. Corasick 1975), over the few bytes
 * that occur in them. Built once, then only read. Pure; parts of mail/replies. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/map.h"

enum { SEARCH_FRAGMENTS = 60000, SEARCH_STATES = 60000 };

struct search {
    struct map ids;          // fragment → its id + 1
    struct bytes *fragments; // by id; owned
    size_t n, room;
    uint8_t column[256]; // byte → column of the table; 0: occurs in none
    unsigned columns;
    uint16_t *go;    // [states][columns]
    uint16_t *found; // state → fragment + 1 that ends there
    uint16_t *also;  // state → the nearest suffix state where one ends
    size_t states;
};

/* The fragment's id; the same string has one. Before search_build(). */
uint16_t search_add(struct search *s, const char *text, size_t n);
/* Strings that would need more than SEARCH_STATES states are never found. */
void search_build(struct search *s);
void search_deinit(struct search *s);
static inline size_t search_count(const struct search *s)
{
    return s->n;
}
static inline struct bytes search_fragment(const struct search *s, unsigned id)
{
    return s->fragments[id];
}
/* Calls back for each occurrence, in order of its end. */
void search_each(const struct search *s, const char *text, size_t n,
                 void (*on_found)(void *ctx, unsigned id, size_t end), void *ctx);
