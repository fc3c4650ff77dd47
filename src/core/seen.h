/* Who was counted already today: a set of hashes with a fixed size that forgets the oldest.
 *
 * Sets of 16 fingerprints of 28 bits in one cache line each, newest first, beside each 4 bits of what
 * was seen of it. Full sets drop their oldest, so a repetition after some eight million others counts
 * again: the bound is in memory, and the error small. A false hit is about one in 10^7. Pure; its
 * memory is SEEN_BYTES, untouched pages cost nothing. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct bytes;

enum { SEEN_BYTES = 32 << 20 };

struct seen {
    uint32_t *slots; // in `memory`, at the beginning of a cache line
    void *memory;    // owned
};

void seen_init(struct seen *s);
void seen_deinit(struct seen *s);
/* Adds `flags` (of 4 bits) to what was seen of this hash; gives what was seen before (0: it is new).
 * Flags 0 only asks. The hash is well mixed in all 64 bits (hash_sip). */
unsigned seen_add(struct seen *s, uint64_t hash, unsigned flags);
/* seen_add() of this hash comes soon: fetches its set into the cache. */
void seen_expect(const struct seen *s, uint64_t hash);
/* For a restart: only sets in use are written. False when the bytes are none of ours;
 * what was seen stays as it was. */
void seen_save(const struct seen *s, struct buf *out);
bool seen_load(struct seen *s, struct bytes *in); // consumes its part of *in
