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

/* Our own: one line, "CODE ENHANCED text". */
void smtp_reply_set(struct smtp_reply *r, unsigned code, const char *enhanced, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));
/* Appends it as it goes on the wire, CRLF included; long texts in several lines of at most 512. */
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
 * 128 lines are SMTP_REPLY_BAD, so is anything that is no reply. */
enum smtp_reply_result { SMTP_REPLY_MORE, SMTP_REPLY_DONE, SMTP_REPLY_BAD };
/* Looks at the front of `in`; on DONE *used bytes are the reply's. Pure. */
enum smtp_reply_result smtp_reply_parse(struct smtp_reply *r, size_t *used, struct bytes in);
