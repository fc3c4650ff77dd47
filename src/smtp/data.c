#include "smtp/data.h"

#include <string.h>

#include "base/error.h"

enum { FIRST_ROOM = 8000 }; // most messages fit, so that their body is allocated once

void smtp_data_init(struct smtp_data *d, uint64_t size_max)
{
    *d = (struct smtp_data){.size_max = size_max};
    buf_reserve(&d->body, FIRST_ROOM);
}

void smtp_data_deinit(struct smtp_data *d)
{
    buf_deinit(&d->body);
}

static void keep(struct smtp_data *d, const uint8_t *p, size_t n)
{
    d->size += n;
    if (!smtp_data_is_refused(d))
        buf_add(&d->body, p, n);
    else if (d->body.n)
        buf_deinit(&d->body);
}

static void end_line(struct smtp_data *d)
{
    d->line = 0;
    d->at = SMTP_DATA_START;
}

// A piece of a line: no LF in it but perhaps the last byte. A CR at the end waits for its LF.
static void take_piece(struct smtp_data *d, const uint8_t *p, size_t n, bool has_lf)
{
    size_t text = n - has_lf;
    const uint8_t *cr =
        text ? memchr(p, '\r', text) : NULL; // the first: none may stand before the end
    bool is_line = has_lf && cr && p[text - 1] == '\r';
    if ((has_lf && !is_line) || (cr && cr + 1 < p + text))
        d->is_bare = true;
    d->line += is_line ? text - 1 : text;
    bool is_cr_last = !is_line && text && p[text - 1] == '\r';
    if (d->line - is_cr_last > SMTP_DATA_LINE)
        d->has_long = true;
    keep(d, p, n);
    if (is_line)
        end_line(d);
    else
        d->at = !has_lf && p[n - 1] == '\r' ? SMTP_DATA_CR : SMTP_DATA_TEXT;
}

static size_t take_text(struct smtp_data *d, struct bytes in)
{
    const uint8_t *lf = memchr(in.p, '\n', in.n);
    size_t n = lf ? (size_t)(lf - in.p) + 1 : in.n;
    take_piece(d, in.p, n, lf);
    return n;
}

// One step, at least one byte of `in` or a change of place.
static size_t step(struct smtp_data *d, struct bytes in)
{
    switch (d->at) {
    case SMTP_DATA_START:
        d->at = in.p[0] == '.' ? SMTP_DATA_DOT : SMTP_DATA_TEXT;
        return in.p[0] == '.';
    case SMTP_DATA_DOT:
        d->at = in.p[0] == '\r' ? SMTP_DATA_DOT_CR : SMTP_DATA_TEXT;
        return in.p[0] == '\r';
    case SMTP_DATA_DOT_CR:
        d->at = in.p[0] == '\n' ? SMTP_DATA_END : SMTP_DATA_TEXT;
        d->is_bare |= in.p[0] != '\n';
        return in.p[0] == '\n';
    case SMTP_DATA_TEXT:
        return take_text(d, in);
    case SMTP_DATA_CR:
        if (in.p[0] == '\n') {
            keep(d, in.p, 1);
            d->has_long |= d->line > SMTP_DATA_LINE + 1;
            end_line(d);
            return 1;
        }
        d->is_bare = true;
        d->at = SMTP_DATA_TEXT;
        return 0;
    case SMTP_DATA_END:
        break;
    }
    return 0;
}

static bool has_8bit(const uint8_t *p, size_t n)
{
    uint64_t all = 0, word;
    size_t i = 0;
    for (; i + sizeof(word) <= n; i += sizeof(word)) {
        memcpy(&word, p + i, sizeof(word));
        all |= word;
    }
    for (; i < n; i++)
        all |= p[i];
    return all & UINT64_C(0x8080808080808080);
}

size_t smtp_data_feed(struct smtp_data *d, struct bytes in)
{
    size_t used = 0;
    while (used < in.n && d->at != SMTP_DATA_END)
        used += step(d, bytes_skip(in, used));
    if (used && memchr(in.p, '\0', used))
        d->is_bare = true;
    if (!d->is_8bit)
        d->is_8bit = has_8bit(in.p, used);
    return used;
}

size_t smtp_data_stuff(struct buf *out, struct bytes body, size_t from, size_t room)
{
    size_t end = body.n - from > room ? from + room : body.n;
    while (from < end) {
        if (body.p[from] == '.' && (from == 0 || body.p[from - 1] == '\n'))
            buf_add_byte(out, '.');
        size_t to = from;
        do {
            const uint8_t *lf = memchr(body.p + to, '\n', end - to);
            to = lf ? (size_t)(lf - body.p) + 1 : end;
        } while (to < end && body.p[to] != '.');
        buf_add(out, body.p + from, to - from);
        from = to;
    }
    if (from < body.n)
        return from;
    bool is_line = body.n == 0 || body.p[body.n - 1] == '\n';
    buf_add_str(out, is_line ? ".\r\n" : "\r\n.\r\n");
    return body.n + 1;
}

bool smtp_data_is_clean(struct bytes body)
{
    if (body.n && memchr(body.p, '\0', body.n))
        return false;
    while (body.n) {
        const uint8_t *cr = memchr(body.p, '\r', body.n);
        size_t n = cr ? (size_t)(cr - body.p) : body.n;
        if (memchr(body.p, '\n', n) || (cr && (n + 1 == body.n || cr[1] != '\n')))
            return false;
        body = bytes_skip(body, cr ? n + 2 : n);
    }
    return true;
}
