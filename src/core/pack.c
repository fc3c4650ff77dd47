#include "core/pack.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

static void pack_le(struct buf *out, uint64_t v, size_t n)
{
    uint8_t *p = buf_reserve(out, n);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    buf_grew(out, n);
}

static bool take_le(struct bytes *in, uint64_t *v, size_t n)
{
    uint64_t sum = 0;
    if (in->n < n)
        return false;
    for (size_t i = 0; i < n; i++)
        sum |= (uint64_t)in->p[i] << (8 * i);
    *v = sum;
    *in = bytes_skip(*in, n);
    return true;
}

void pack_u8(struct buf *out, uint8_t v)
{
    buf_add_byte(out, v);
}

void pack_u16(struct buf *out, uint16_t v)
{
    pack_le(out, v, sizeof(v));
}

void pack_u32(struct buf *out, uint32_t v)
{
    pack_le(out, v, sizeof(v));
}

void pack_u64(struct buf *out, uint64_t v)
{
    pack_le(out, v, sizeof(v));
}

void pack_i64(struct buf *out, int64_t v)
{
    pack_le(out, (uint64_t)v, sizeof(v));
}

void pack_bool(struct buf *out, bool v)
{
    buf_add_byte(out, v);
}

void pack_f32(struct buf *out, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    pack_u32(out, bits);
}

void pack_f64(struct buf *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    pack_u64(out, bits);
}

void pack_bytes(struct buf *out, struct bytes v)
{
    pack_u32(out, (uint32_t)v.n);
    buf_add_bytes(out, v);
}

void pack_str(struct buf *out, const char *v)
{
    pack_bytes(out, bytes_str(v));
}

bool take_u8(struct bytes *in, uint8_t *v)
{
    uint64_t wide;
    if (!take_le(in, &wide, sizeof(*v)))
        return false;
    *v = (uint8_t)wide;
    return true;
}

bool take_u16(struct bytes *in, uint16_t *v)
{
    uint64_t wide;
    if (!take_le(in, &wide, sizeof(*v)))
        return false;
    *v = (uint16_t)wide;
    return true;
}

bool take_u32(struct bytes *in, uint32_t *v)
{
    uint64_t wide;
    if (!take_le(in, &wide, sizeof(*v)))
        return false;
    *v = (uint32_t)wide;
    return true;
}

bool take_u64(struct bytes *in, uint64_t *v)
{
    return take_le(in, v, sizeof(*v));
}

bool take_i64(struct bytes *in, int64_t *v)
{
    uint64_t wide;
    if (!take_le(in, &wide, sizeof(*v)))
        return false;
    memcpy(v, &wide, sizeof(*v));
    return true;
}

bool take_bool(struct bytes *in, bool *v)
{
    if (!in->n || in->p[0] > 1)
        return false;
    *v = in->p[0];
    *in = bytes_skip(*in, 1);
    return true;
}

bool take_f32_signed(struct bytes *in, float *v)
{
    struct bytes rest = *in;
    uint32_t bits;
    float x;
    if (!take_u32(&rest, &bits))
        return false;
    memcpy(&x, &bits, sizeof(x));
    if (!isfinite(x))
        return false;
    *v = x;
    *in = rest;
    return true;
}

bool take_f64_signed(struct bytes *in, double *v)
{
    struct bytes rest = *in;
    uint64_t bits;
    double x;
    if (!take_u64(&rest, &bits))
        return false;
    memcpy(&x, &bits, sizeof(x));
    if (!isfinite(x))
        return false;
    *v = x;
    *in = rest;
    return true;
}

bool take_f32(struct bytes *in, float *v)
{
    struct bytes rest = *in;
    float x;
    if (!take_f32_signed(&rest, &x) || x < 0)
        return false;
    *v = x;
    *in = rest;
    return true;
}

bool take_f64(struct bytes *in, double *v)
{
    struct bytes rest = *in;
    double x;
    if (!take_f64_signed(&rest, &x) || x < 0)
        return false;
    *v = x;
    *in = rest;
    return true;
}

bool take_bytes(struct bytes *in, struct bytes *v)
{
    struct bytes rest = *in;
    uint32_t n;
    if (!take_u32(&rest, &n) || rest.n < n)
        return false;
    *v = bytes_of(rest.p, n);
    *in = bytes_skip(rest, n);
    return true;
}

bool take_str(struct bytes *in, char **v, size_t most)
{
    struct bytes rest = *in, text;
    if (!take_bytes(&rest, &text) || text.n > most || (text.n && memchr(text.p, 0, text.n)))
        return false;
    *v = xmemdup0(text.p, text.n);
    *in = rest;
    return true;
}

bool take_text(struct bytes *in, char *v, size_t room)
{
    struct bytes rest = *in, text;
    if (!take_bytes(&rest, &text) || text.n >= room || (text.n && memchr(text.p, 0, text.n)))
        return false;
    if (text.n)
        memcpy(v, text.p, text.n);
    v[text.n] = '\0';
    *in = rest;
    return true;
}

bool take_count(struct bytes *in, uint32_t *v, size_t each)
{
    struct bytes rest = *in;
    uint32_t n;
    if (!take_u32(&rest, &n) || (each && n > rest.n / each))
        return false;
    *v = n;
    *in = rest;
    return true;
}
