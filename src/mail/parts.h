/* A mail taken apart: its MIME parts in order, decoded, as plain data. The only file behind it that
 * knows GMime is parts.c.
 *
 * Hostile until here: before GMime sees a byte, nesting, header bytes, lines, boundaries and parameters
 * are measured (parts_bounds.c); what is beyond the bounds is not parsed but handed out as one part of
 * plain text (`is_beyond`), so that nothing is lost and nothing costs more than a walk. Bodies are decoded
 * (base64, quoted-printable) and brought to UTF-8 with LF line ends; headers are decoded (RFC 2047),
 * unfolded, and control characters in them are blanks. Takes no clock, does no I/O. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/mem.h"

enum {
    PARTS_MOST = 1000,         // parts; what is behind is left out
    PARTS_NESTING = 100,       // deeper is beyond the bounds
    PARTS_HEADER = 100 * 1024, // bytes of one header section
    PARTS_LINE = 2048,         // of a structured header's line, and a boundary
    PARTS_TEXT = 1024 * 1024,  // bytes of one part that are kept, decoded
    PARTS_MAIL = 32 << 20,     // of a whole mail that is looked at
};

struct part_header {
    const char *name;  // as written
    const char *value; // decoded UTF-8, unfolded
};

struct part {
    const char
        *type; // "text/plain", "message/delivery-status", lower case; "text/plain" by default
    const char *report_type; // of multipart/report: "delivery-status", "feedback-report"; else ""
    const struct part_header *headers; // its own (of [0]: the mail's)
    size_t headers_n;
    const char *text; // decoded, NUL at its end and nowhere else; "" of a multipart
    size_t text_n;
    size_t up;        // index of the part that it stands in; of [0]: 0
    unsigned depth;   // 0: the mail itself
    bool is_enclosed; // inside a message/rfc822 part: belongs to another mail
};

/* A message/rfc822 part has the enclosed mail's headers as `headers` and its parts behind it; what is
 * text/rfc822-headers, and a message/rfc822 that holds no more than headers, likewise. */
struct parts {
    const struct part *items;
    size_t n; // at least 1
    bool is_beyond;
};

/* Loads what parsing and charsets need from disk, for a process that will have no files; else the first
 * parts_read() does it. Once is enough. */
void parts_prepare(void);
/* Never NULL. Borrows nothing of `mail`. */
struct parts *parts_read(struct bytes mail);
struct parts *parts_free(struct parts *p);
DEFINE_CLEANUP(struct parts *, parts_free)

/* The mail that part `i` (a message/rfc822 or kin) encloses, as a mail of its own; n is 0 when there is none. Borrows
 * of `p`; its items go with xfree(). */
struct parts parts_inside(const struct parts *p, size_t i);

/* The first header of that name (any case), or NULL. */
const char *part_header_get(const struct part *p, const char *name);
