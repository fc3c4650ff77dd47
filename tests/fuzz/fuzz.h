/* What every fuzzer needs: its one function (libFuzzer calls it with each input; it always gives 0, a
 * finding ends the process through must()), and cuts, so that the input also arrives in pieces. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Numbers that follow from the input: the same input is always cut in the same places. */
struct chance {
    uint32_t state;
};

static inline struct chance chance_of(struct bytes input)
{
    return (struct chance){hash_crc32c(0, input)};
}

/* In [0, n). */
static inline uint32_t chance_roll(struct chance *c, uint32_t n)
{
    c->state = c->state * 1664525 + 1013904223;
    return (c->state >> 12) % n;
}

/* Takes a piece of 1 to 8, or 1 to 600, bytes off `in`, which is not empty. */
static inline struct bytes chance_cut(struct chance *c, struct bytes *in)
{
    size_t n = 1 + chance_roll(c, chance_roll(c, 2) ? 8 : 600);
    struct bytes piece = bytes_of(in->p, n < in->n ? n : in->n);
    *in = bytes_skip(*in, piece.n);
    return piece;
}
