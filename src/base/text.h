/* Text: making a stranger's bytes safe to show, and reading and writing the small values that people
 * type (names, durations, sizes, rates). Knows nothing of mail. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"

struct buf;

/* The one function that makes text from outside visible, for screen, CLI, log, notices and JSON:
 * valid UTF-8 comes out, one line, nothing that moves a cursor or turns the reading direction. C0,
 * DEL, C1 (also as UTF-8) and invalid bytes show as `\x1b`, bidi and zero-width characters as
 * `U+202E`, more than 4 combining marks in a row are dropped. Cuts at a whole character when `out`
 * is full; always ends with NUL. Gives the length written. */
size_t text_visible(char *out, size_t room, const void *text, size_t n);
/* The same, appended, unbounded but by 8 × n. */
void text_visible_add(struct buf *out, struct bytes text);
/* The same as an owned string. Free with xfree. */
char *text_visible_new(struct bytes text);

/* Node, customer, list, pool, provider: [a-z0-9][a-z0-9._-]{0,62}. */
enum { TEXT_NAME = 64 }; // room for a name, NUL included
bool text_is_name(const char *s);
bool text_is_name_n(const char *s, size_t n);

/* `30s 5m 4h 7d`; > 0, at most ten years. */
bool text_parse_duration(usec_t *span, const char *s);
/* `64K 50M 1G` (of 1024) or plain bytes. */
bool text_parse_size(uint64_t *bytes, const char *s);
/* `100/h` (also /s /m /d): how many in how long. count >= 1. */
bool text_parse_rate(uint32_t *count, usec_t *per, const char *s);
/* Whole number in [min, max], decimal digits only. */
bool text_parse_number(int64_t *v, const char *s, int64_t min, int64_t max);

enum { TEXT_VALUE = 24 }; // room for what the formatters write, NUL included
/* The largest unit that divides it: `4h`, `90s`, `500ms`. text_parse_duration reads it back. */
void text_format_duration(char out[TEXT_VALUE], usec_t span);
void text_format_size(char out[TEXT_VALUE], uint64_t bytes);
void text_format_rate(char out[TEXT_VALUE], uint32_t count, usec_t per);
/* One unit, for people: `41 s 9 m 3 h 2 d`. */
void text_format_age(char out[TEXT_VALUE], usec_t span);

/* Exactly n bytes as 2n digits of lower-case hexadecimal, and back. `out` of the first has 2n + 1. */
void text_format_hex(char *out, const uint8_t *bytes, size_t n);
bool text_parse_hex(uint8_t *bytes, size_t n, const char *text, size_t text_n);

/* The word of `words` nearest to `word` by edit distance (Levenshtein), or NULL when none is near
 * (over a third of its length away): "did you mean". */
const char *text_nearest(const char *word, const char *const *words, size_t n);

/* One UTF-8 character of `text` (n >= 1): its length and code point; length 0 when the bytes are no
 * valid UTF-8 (RFC 3629: no surrogates, nothing overlong). */
size_t text_utf8(uint32_t *code, const uint8_t *text, size_t n);
