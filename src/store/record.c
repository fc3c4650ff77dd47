#include "store/record.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/spool.h"

enum {
    MAGIC = 0x3157584d, // "MXW1"
    AT_CRC = 4,
    AT_TYPE = 8,
    AT_HEAD_N = 12,
    AT_BODY_N = 16,
    ARRIVED_FIXED = 34, // bytes before the first text
};

static void put(uint8_t *p, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static void add_int(struct buf *b, uint64_t v, int n)
{
    put(buf_reserve(b, (size_t)n), v, n);
    buf_grew(b, (size_t)n);
}

// Length, bytes and a NUL, so that the reader can borrow it as a string.
static void add_text(struct buf *b, const char *s, size_t max)
{
    size_t n = strlen(s);
    if (n > max)
        n = max;
    add_int(b, n, 2);
    buf_add(b, s, n);
    buf_add_byte(b, 0);
}

// Fields of fixed size go through a small block of their own: one append a record, not one a field.
struct block {
    uint8_t bytes[80];
    size_t n;
};

static void block_int(struct block *k, uint64_t v, int n)
{
    put(k->bytes + k->n, v, n);
    k->n += (size_t)n;
}

static void block_id(struct block *k, struct message_id id)
{
    block_int(k, id.hi, 8);
    block_int(k, id.lo, 8);
}

static size_t begin(struct buf *out)
{
    size_t at = out->n;
    memset(buf_reserve(out, RECORD_HEADER), 0, RECORD_HEADER);
    buf_grew(out, RECORD_HEADER);
    return at;
}

static void end(struct buf *out, size_t at, enum record_type type, uint64_t body_n)
{
    uint8_t *p = out->p + at;
    put(p, MAGIC, 4);
    put(p + AT_TYPE, type, 1);
    put(p + AT_HEAD_N, out->n - at - RECORD_HEADER, 4);
    put(p + AT_BODY_N, body_n, 8);
}

void record_add_arrived(struct buf *out, const struct spool_message *m)
{
    size_t at = begin(out);
    struct block k = {.n = 0};
    block_id(&k, m->id);
    block_int(&k, (uint64_t)m->accepted_at, 8);
    block_int(&k, m->stream, 1);
    block_int(&k, m->is_8bit, 1);
    block_int(&k, 0, 4); // spare
    block_int(&k, m->recipients_n, 4);
    must(k.n == ARRIVED_FIXED);
    buf_add(out, k.bytes, k.n);
    add_text(out, m->customer, UINT16_MAX);
    add_text(out, m->list, UINT16_MAX);
    add_text(out, m->sender, UINT16_MAX);
    for (size_t i = 0; i < m->recipients_n; i++)
        add_text(out, m->recipients[i].address, UINT16_MAX);
    end(out, at, RECORD_ARRIVED, m->size);
}

// Listings have no list and no reply: their zone and its answer stand there. What was accepted has no
// reply either: its sender does.
static bool is_listing(const struct outcome *o)
{
    return o->kind == OUTCOME_LISTED || o->kind == OUTCOME_DELISTED;
}

static const char *reply_of(const struct outcome *o)
{
    if (o->kind == OUTCOME_ACCEPTED)
        return o->sender ? o->sender : "";
    return is_listing(o) && o->answer ? o->answer : o->reply;
}

void record_add_outcome(struct buf *out, const struct outcome *o, usec_t next_try_at)
{
    size_t at = begin(out);
    struct block k = {.n = 0};
    block_id(&k, o->message);
    block_int(&k, (uint64_t)o->at, 8);
    block_int(&k, (uint64_t)next_try_at, 8);
    block_int(&k, (uint64_t)o->delivered_at, 8);
    block_int(&k, (uint64_t)o->took, 8);
    block_int(&k, o->recipient_no, 4);
    block_int(&k, o->code, 2);
    block_int(&k, o->attempt, 2);
    block_int(&k, o->kind, 1);
    block_int(&k, o->class, 1);
    block_int(&k, o->scope, 1);
    block_int(&k, o->phase, 1);
    block_int(&k, o->stream, 1);
    buf_add(out, k.bytes, k.n);
    add_text(out, o->customer, UINT16_MAX);
    add_text(out, is_listing(o) && o->zone ? o->zone : o->list, UINT16_MAX);
    add_text(out, o->ip, UINT16_MAX);
    add_text(out, o->provider, UINT16_MAX);
    add_text(out, o->recipient, UINT16_MAX);
    add_text(out, reply_of(o), OUTCOME_REPLY);
    end(out, at, RECORD_OUTCOME, 0);
}

void record_add_parked(struct buf *out, const struct record_parked *p)
{
    size_t at = begin(out);
    struct block k = {.n = 0};
    block_id(&k, p->message);
    block_int(&k, p->recipient_no, 4);
    block_int(&k, (uint64_t)p->next_try_at, 8);
    buf_add(out, k.bytes, k.n);
    end(out, at, RECORD_PARKED, 0);
}

uint32_t record_crc(const uint8_t *record, uint32_t head_n, struct place at)
{
    uint8_t place[12];
    put(place, at.segment, 4);
    put(place + 4, at.offset, 8);
    uint32_t crc = hash_crc32c(0, bytes_of(place, sizeof(place)));
    return hash_crc32c(crc, bytes_of(record + AT_TYPE, RECORD_HEADER - AT_TYPE + head_n));
}

void record_seal(uint8_t *record, struct bytes body, struct place at)
{
    uint32_t head_n = (uint32_t)get(record + AT_HEAD_N, 4);
    put(record + AT_CRC, hash_crc32c(record_crc(record, head_n, at), body), 4);
}

bool record_header_parse(struct record_header *h, const uint8_t *p)
{
    if (get(p, 4) != MAGIC || get(p + AT_TYPE, 4) < RECORD_ARRIVED ||
        get(p + AT_TYPE, 4) > RECORD_PARKED)
        return false;
    *h = (struct record_header){
        .type = (enum record_type)p[AT_TYPE],
        .crc = (uint32_t)get(p + AT_CRC, 4),
        .head_n = (uint32_t)get(p + AT_HEAD_N, 4),
        .body_n = get(p + AT_BODY_N, 8),
    };
    return h->head_n <= RECORD_HEAD_MAX && h->body_n <= RECORD_BODY_MAX;
}

// Reads fields off the front; the first one that is not there makes all that follow empty.
struct reader {
    const uint8_t *p;
    size_t n;
    bool is_bad;
};

static uint64_t take_int(struct reader *r, int n)
{
    if (r->n < (size_t)n) {
        r->is_bad = true;
        r->n = 0;
        return 0;
    }
    uint64_t v = get(r->p, n);
    r->p += n;
    r->n -= (size_t)n;
    return v;
}

static struct message_id take_id(struct reader *r)
{
    uint64_t hi = take_int(r, 8);
    return (struct message_id){hi, take_int(r, 8)};
}

static const char *take_text(struct reader *r)
{
    size_t n = take_int(r, 2);
    if (r->n < n + 1 || memchr(r->p, 0, n + 1) != r->p + n) {
        r->is_bad = true;
        r->n = 0;
        return "";
    }
    const char *s = (const char *)r->p;
    r->p += n + 1;
    r->n -= n + 1;
    return s;
}

static bool is_whole(const struct reader *r)
{
    return !r->is_bad && !r->n;
}

bool record_peek_arrived(struct record_arrived *a, struct bytes head)
{
    struct reader r = {head.p, head.n, false};
    if (head.n < ARRIVED_FIXED)
        return false;
    a->id = take_id(&r);
    a->accepted_at = (usec_t)take_int(&r, 8);
    a->recipients_n = (uint32_t)get(head.p + ARRIVED_FIXED - 4, 4);
    return a->recipients_n <= head.n / 3; // a text takes three bytes at least
}

bool record_parse_arrived(struct spool_message *m, struct bytes head)
{
    struct reader r = {head.p, head.n, false};
    struct record_arrived a;
    if (!record_peek_arrived(&a, head))
        return false;
    m->id = take_id(&r);
    m->accepted_at = (usec_t)take_int(&r, 8);
    m->stream = (enum stream)take_int(&r, 1);
    m->is_8bit = take_int(&r, 1);
    take_int(&r, 4);
    take_int(&r, 4);
    m->customer = (xfree(m->customer), xstrdup(take_text(&r)));
    m->list = (xfree(m->list), xstrdup(take_text(&r)));
    m->sender = (xfree(m->sender), xstrdup(take_text(&r)));
    for (uint32_t i = 0; i < a.recipients_n && !r.is_bad; i++)
        spool_message_add_recipient(m, take_text(&r));
    return is_whole(&r);
}

bool record_parse_outcome(struct record_outcome *out, struct bytes head)
{
    struct reader r = {head.p, head.n, false};
    struct outcome *o = &out->outcome;
    *out = (struct record_outcome){.outcome.message = take_id(&r)};
    o->at = (usec_t)take_int(&r, 8);
    out->next_try_at = (usec_t)take_int(&r, 8);
    o->delivered_at = (usec_t)take_int(&r, 8);
    o->took = (usec_t)take_int(&r, 8);
    o->recipient_no = (uint32_t)take_int(&r, 4);
    o->code = (uint16_t)take_int(&r, 2);
    o->attempt = (uint16_t)take_int(&r, 2);
    o->kind = (enum outcome_kind)take_int(&r, 1);
    o->class = (enum class)take_int(&r, 1);
    o->scope = (enum scope)take_int(&r, 1);
    o->phase = (enum phase)take_int(&r, 1);
    o->stream = (enum stream)take_int(&r, 1);
    o->customer = take_text(&r);
    o->list = take_text(&r);
    o->ip = take_text(&r);
    o->provider = take_text(&r);
    o->recipient = take_text(&r);
    o->reply = take_text(&r);
    return is_whole(&r);
}

bool record_parse_parked(struct record_parked *p, struct bytes head)
{
    struct reader r = {head.p, head.n, false};
    p->message = take_id(&r);
    p->recipient_no = (uint32_t)take_int(&r, 4);
    p->next_try_at = (usec_t)take_int(&r, 8);
    return is_whole(&r);
}
