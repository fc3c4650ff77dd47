/* A stranger's text brought to plain UTF-8: from any charset, from HTML, from flowed lines. Cost grows with
 * the bytes. Pure but for the tables of charsets that the C library loads on first use (parts_text_prepare).
 */
#pragma once
#include <stdbool.h>

#include "base/bytes.h"

struct buf;

/* Loads what conversion needs, so that a process without files can go on. Once is enough. */
void parts_text_prepare(void);

/* Appends `in`, which is in `charset` ("" : not said), as UTF-8. Bytes that mean nothing there become
 * U+FFFD, or '?' when nobody knows the charset. A text that is not what it says, and does not say, is
 * taken for UTF-8, ISO-2022-JP or Windows-1252, whichever fits. */
void parts_text_decode(struct buf *out, struct bytes in, const char *charset);
/* Appends valid UTF-8 without control characters (but LF, TAB), whatever comes in. */
void parts_text_clean(struct buf *out, struct bytes in);
/* Appends with LF line ends (CR LF, CR alone), NUL as blanks. */
void parts_text_lines(struct buf *out, struct bytes in);
/* format=flowed (RFC 3676): soft line breaks away. */
void parts_text_flowed(struct buf *out, struct bytes in, bool is_delsp);
/* HTML as one reads it: tags and comments away, entities as letters, blocks as lines. */
void parts_text_html(struct buf *out, struct bytes html);
