/* An SMTP reply (RFC 5321 §4.2), read and written: code, enhanced status (RFC 3463), text. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct buf;

enum { SMTP_REPLY_TEXT = 1024, SMTP_ENHANCED = 12 };

struct smtp_reply {
    unsigned code;                // 200–599; 0: none came
    char enhanced[SMTP_ENHANCED]; // "5.1.1", "" for none
    char text[SMTP_REPLY_TEXT];   // visible-clean; lines joined by one blank; the code and enhanced
                                  // status kept in front, as a log shows it: "550 5.1.1 No such…"
};

/* Our own: one line, "CODE ENHANCED text"; `enhanced` may be NULL or "". With code 0 only the text. */
void smtp_reply_set(struct smtp_reply *r, unsigned code, const char *enhanced, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));
/* Appends it as it goes on the wire, CRLF included; long texts in several lines of at most 512
 * octets. ASCII alone goes out (RFC 5321 §4.2): other bytes become `?`. Never code 0. */
void smtp_reply_format(struct buf *out, const struct smtp_reply *r);
static inline bool smtp_reply_is_ok(const struct smtp_reply *r)
{
    return r->code >= 200 && r->code < 300;
}
static inline bool smtp_reply_is_temporary(const struct smtp_reply *r)
{
    return r->code >= 400 && r->code < 500;
}

/* Reads replies from a stream. Feed what arrives; lines over 2,048 bytes or replies over 64 KiB or
 * 128 lines are SMTP_REPLY_BAD, so is anything that is no reply: another code on a later line, or
 * something other than blank, `-` or the line's end behind the code. A bare LF ends a line too, and a
 * code may stand alone: real servers do both. */
enum { SMTP_REPLY_LINE = 2048, SMTP_REPLY_LINES = 128, SMTP_REPLY_BYTES = 65536 };
enum smtp_reply_result { SMTP_REPLY_MORE, SMTP_REPLY_DONE, SMTP_REPLY_BAD };
/* Looks at the front of `in`; on DONE *used bytes are the reply's. Pure. */
enum smtp_reply_result smtp_reply_parse(struct smtp_reply *r, size_t *used, struct bytes in);
/* Walks the lines of a reply's bytes (what `used` counted): the text behind each code, without line
 * end. False after the last. `rest` starts as the whole and is consumed. */
bool smtp_reply_next_line(struct bytes *text, struct bytes *rest);
