/* A growing buffer of bytes, with a front that can be consumed: what a connection reads into and a
 * writer prints into. Always NUL-terminated behind its bytes, so `(char *)buf.p` is a string when
 * the bytes are text. It has no bound of its own: whoever feeds it from outside checks `n` first. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct buf {
    uint8_t *p;  // first byte not consumed; owned; NULL while empty and fresh
    size_t n;    // bytes there
    size_t head; // consumed bytes before p, kept for reuse
    size_t room; // bytes allocated, head included
};

/* A zeroed struct buf is an empty one. */
void buf_deinit(struct buf *b);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_bytes(struct buf *b, struct bytes bytes);
void buf_add_str(struct buf *b, const char *s);
void buf_add_byte(struct buf *b, uint8_t byte);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* At least n bytes to write to; buf_grew() says how many of them were written. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
/* Takes n bytes off the front; O(1) but for a rare move. */
void buf_consume(struct buf *b, size_t n);
void buf_clear(struct buf *b);
struct bytes buf_bytes(const struct buf *b);
/* The bytes as an owned NUL-terminated string; the buffer is empty afterwards. Free with xfree. */
char *buf_take_str(struct buf *b);
static inline void buf_deinit_p(struct buf *b)
{
    buf_deinit(b);
}
