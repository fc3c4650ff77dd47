/* Writing mail of our own so that every server takes it and no value from outside can end a line:
 * header fields (RFC 5322 §2.2, RFC 2047) and text (RFC 2045 §6.7). What comes out is ASCII, with
 * CRLF and lines of at most 76 bytes; one long address or id makes it up to 600. Pure. */
#pragma once
#include "base/bytes.h"
#include "base/clock.h"

struct buf;

/* Appends `name: fixed value`, folded. `name` and `fixed` are ours; `value` is anybody's: what has
 * no place in a line becomes visible (text_visible), what is not ASCII encoded-words. At most 2,000
 * bytes of it are taken. */
void compose_field(struct buf *out, const char *name, const char *fixed, const char *value);
/* Appends `name: date`, as clock_format_mail() writes it. */
void compose_date(struct buf *out, const char *name, usec_t at);
/* Appends `name: <address>`; of what is no address, a group of nobody (RFC 5322 §3.4). */
void compose_address(struct buf *out, const char *name, const char *address);
/* Appends what is an atom with dots in it (RFC 5322 §3.2.3, letters, digits and -_.), with `x` for
 * anything else, at most 255 bytes: names of nodes and customers in ids. */
void compose_atom(struct buf *out, const char *text);
/* Appends `text`, UTF-8 with LF line ends, as quoted-printable. */
void compose_text(struct buf *out, struct bytes text);
