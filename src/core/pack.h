/* Numbers and strings as bytes and back, for what must survive a restart exactly: little-endian,
 * fixed width, floats as their bits, strings with their length before them.
 *
 * pack_x adds to a buffer and cannot fail. take_x reads what pack_x wrote off the front of `in` and
 * is false, with `in` and `*v` as they were, when the bytes are too few or are no such value: the
 * bytes come from a disk, so a loader checks each and bounds every count before it allocates
 * (take_count). Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

void pack_u8(struct buf *out, uint8_t v);
void pack_u16(struct buf *out, uint16_t v);
void pack_u32(struct buf *out, uint32_t v);
void pack_u64(struct buf *out, uint64_t v);
void pack_i64(struct buf *out, int64_t v); // usec_t too
void pack_bool(struct buf *out, bool v);
void pack_f32(struct buf *out, float v);
void pack_f64(struct buf *out, double v);
void pack_bytes(struct buf *out, struct bytes v);
void pack_str(struct buf *out, const char *v); // NULL is written as ""

bool take_u8(struct bytes *in, uint8_t *v);
bool take_u16(struct bytes *in, uint16_t *v);
bool take_u32(struct bytes *in, uint32_t *v);
bool take_u64(struct bytes *in, uint64_t *v);
bool take_i64(struct bytes *in, int64_t *v);
bool take_bool(struct bytes *in, bool *v); // only 0 and 1 are
/* NaN, infinity and what is below 0 are false: nothing that is kept here can be that, and one would
 * spread. */
bool take_f32(struct bytes *in, float *v);
bool take_f64(struct bytes *in, double *v);
/* The same, for values of either sign. */
bool take_f32_signed(struct bytes *in, float *v);
bool take_f64_signed(struct bytes *in, double *v);
/* Points into `in`'s bytes: borrowed. */
bool take_bytes(struct bytes *in, struct bytes *v);
/* Owned, free with xfree. False also when longer than `most` or with a NUL inside. */
bool take_str(struct bytes *in, char **v, size_t most);
/* Into `room` bytes of the caller's, NUL included. */
bool take_text(struct bytes *in, char *v, size_t room);
/* A count (pack_u32) of things of at least `each` bytes: false when so many cannot be there. */
bool take_count(struct bytes *in, uint32_t *v, size_t each);
