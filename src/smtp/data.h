/* The text of a message as DATA carries it (RFC 5321 §4.1.1.4, §4.5.2): taking it in with the dots
 * unstuffed, and sending it out with dots stuffed. Lines are found with memchr, never byte by byte.
 *
 * Only CRLF ends a line and only CRLF.CRLF the text. A bare CR, LF or NUL is noticed and the rest read
 * to the real end all the same, so that both sides agree where it is. A line over 998 octets
 * (§4.5.3.1.6, unstuffed) is refused as well: the next server need not take it, folding it would break
 * signatures, and the customer can encode it. What will be refused is counted but no longer kept. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

enum { SMTP_DATA_LINE = 998 };

enum smtp_data_at {
    SMTP_DATA_START,  // of a line
    SMTP_DATA_DOT,    // behind a dot that began a line
    SMTP_DATA_DOT_CR, // and behind the CR after it
    SMTP_DATA_TEXT,   // inside a line
    SMTP_DATA_CR,     // inside a line, behind a CR
    SMTP_DATA_END,    // behind CRLF.CRLF: takes nothing more
};

struct smtp_data {
    enum smtp_data_at at;
    struct buf body;   // CRLF lines, no final dot; empty once it is to be refused
    uint64_t size;     // octets of the text so far, kept or not
    uint64_t size_max; // over it: not kept
    size_t line;       // octets of the current line, its CR included
    bool is_bare;      // had a bare CR, LF or NUL
    bool has_long;     // had a line over SMTP_DATA_LINE
    bool is_8bit;      // had an octet over 127
};

void smtp_data_init(struct smtp_data *d, uint64_t size_max);
void smtp_data_deinit(struct smtp_data *d);
/* Takes in what is text in front of `in`: how many bytes that were. All of it unless the end came. */
size_t smtp_data_feed(struct smtp_data *d, struct bytes in);
static inline bool smtp_data_is_refused(const struct smtp_data *d)
{
    return d->is_bare || d->has_long || d->size > d->size_max;
}

/* Appends `body` from `from` on, dots stuffed, at most about `room` octets; gives where to go on. At
 * the body's end appends the final dot too (and the CRLF before it if the body lacks one). `from` over
 * body.n: all is out, dot included. */
size_t smtp_data_stuff(struct buf *out, struct bytes body, size_t from, size_t room);
/* No bare CR, LF or NUL in it. */
bool smtp_data_is_clean(struct bytes body);
