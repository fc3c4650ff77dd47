/* What was said on an SMTP connection: recorded as bytes while it goes on, made a text where something
 * failed, and read back from that for people.
 *
 * Recording copies some bytes a command and reply, and formats nothing: a success costs next to nothing.
 * Each of its two ends holds `half` bytes; what comes between is left out, and counted. The text is a
 * line each, bytes as they came but for line ends, so that no stranger can make a line of his own:
 *
 *   from 198.51.100.6 out6.example.net
 *   to 192.0.2.44 25 mx3.outlook.example
 *   opened 2026-11-24T12:04:29.612Z
 *   0 < 220 mx3.outlook.example ESMTP
 *   41 > EHLO out6.example.net
 *   120041 * timeout: no answer to EHLO in 120 s
 *
 * The number is milliseconds since the connection opened. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"

enum conversation_by {
    CONVERSATION_WE,
    CONVERSATION_THEY,
    CONVERSATION_NOTE, // nobody said it: it happened
};

struct conversation {
    size_t half;
    struct buf first, last;
    uint32_t left_out; // pieces between them
};

/* A zeroed one with `half` set is empty. */
void conversation_deinit(struct conversation *c);
/* Nothing was said; keeps its memory where that is little. */
void conversation_clear(struct conversation *c);
/* One or many whole lines; `at` monotonic. A line beyond some KiB is cut. */
void conversation_add(struct conversation *c, usec_t at, enum conversation_by by,
                      struct bytes said);
/* The text of a message, as one line: `(18,412 octets)`. */
void conversation_add_body(struct conversation *c, usec_t at, size_t octets);

/* Appends its lines; `opened_at` monotonic. */
void conversation_format(struct buf *out, const struct conversation *c, usec_t opened_at);

enum { CONVERSATION_NAME = 256 };
struct conversation_head {
    char ip[64], helo[CONVERSATION_NAME];      // ours; "" unknown
    char address[64], host[CONVERSATION_NAME]; // theirs; host "" : it has no name
    unsigned port;
    usec_t opened_at; // wall; 0: unknown
};
void conversation_format_head(struct buf *out, const struct conversation_head *head);

/* Reads the head's lines off the front of `text`; what is missing stays empty. */
void conversation_parse_head(struct conversation_head *head, struct bytes *text);
struct conversation_line {
    int64_t ms; // -1: not said
    enum conversation_by by;
    struct bytes said; // borrowed, as it came: to be made visible
};
/* The next line off the front of `text`; what is none is a note. False: no more. */
bool conversation_next_line(struct conversation_line *line, struct bytes *text);
