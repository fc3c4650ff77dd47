#include "core/seen.h"

#include <string.h>

#include "base/mem.h"
#include "core/pack.h"

enum { WAYS = 16, SETS = SEEN_BYTES / (WAYS * 4), LINE = 64, FLAGS = 4 };
#define FLAG_BITS ((1u << FLAGS) - 1)

void seen_init(struct seen *s)
{
    s->memory = xcalloc(1, SEEN_BYTES + LINE);
    s->slots = (uint32_t *)(((uintptr_t)s->memory + LINE - 1) / LINE * LINE);
}

void seen_deinit(struct seen *s)
{
    s->memory = xfree(s->memory);
    s->slots = NULL;
}

/* Puts the slot in front; the `at` before it move back by one. */
static void to_front(uint32_t *set, size_t at, uint32_t slot)
{
    memmove(set + 1, set, at * sizeof(*set));
    set[0] = slot;
}

unsigned seen_add(struct seen *s, uint64_t hash, unsigned flags)
{
    uint32_t *set = s->slots + hash % SETS * WAYS;
    uint32_t print = (uint32_t)(hash >> 32) & ~FLAG_BITS, add = flags & FLAG_BITS;
    size_t at = 0;
    while (at < WAYS && set[at] && (set[at] & ~FLAG_BITS) != print)
        at++;
    unsigned before = at < WAYS ? set[at] & FLAG_BITS : 0;
    if (before | add)
        to_front(set, at < WAYS ? at : WAYS - 1, print | before | add);
    return before;
}

void seen_expect(const struct seen *s, uint64_t hash)
{
    __builtin_prefetch(s->slots + hash % SETS * WAYS, 1);
}

static uint8_t used(const uint32_t *set)
{
    uint8_t n = 0;
    while (n < WAYS && set[n])
        n++;
    return n;
}

void seen_save(const struct seen *s, struct buf *out)
{
    uint32_t sets = 0;
    for (size_t i = 0; i < SETS; i++)
        sets += s->slots[i * WAYS] != 0;
    pack_u32(out, sets);
    for (uint32_t i = 0; i < SETS; i++) {
        const uint32_t *set = s->slots + (size_t)i * WAYS;
        uint8_t n = used(set);
        if (!n)
            continue;
        pack_u32(out, i);
        pack_u8(out, n);
        for (uint8_t at = 0; at < n; at++)
            pack_u32(out, set[at]);
    }
}

/* One set, its number over `least`. */
static bool load_set(struct seen *s, struct bytes *in, uint32_t *least)
{
    uint32_t i;
    uint8_t n;
    if (!take_u32(in, &i) || !take_u8(in, &n) || i < *least || i >= SETS || !n || n > WAYS)
        return false;
    for (uint8_t at = 0; at < n; at++) {
        uint32_t *slot = s->slots + (size_t)i * WAYS + at;
        if (!take_u32(in, slot) || !(*slot & FLAG_BITS))
            return false;
    }
    *least = i + 1;
    return true;
}

bool seen_load(struct seen *s, struct bytes *in)
{
    uint32_t sets, least = 0;
    struct seen fresh;
    if (!take_count(in, &sets, 9))
        return false;
    seen_init(&fresh);
    for (uint32_t i = 0; i < sets; i++)
        if (!load_set(&fresh, in, &least)) {
            seen_deinit(&fresh);
            return false;
        }
    seen_deinit(s);
    *s = fresh;
    return true;
}
