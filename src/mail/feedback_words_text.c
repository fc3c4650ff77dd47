// What there is to read in a report: its own text parts, plain before HTML, in lines.
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "mail/feedback_words.h"
#include "mail/parts.h"

// --- lower case

// The small letter of a capital, of alphabets in which bounces are written. All stay two bytes long.
static uint32_t small_of(uint32_t c)
{
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) ||
        (c >= 0x410 && c <= 0x42f))
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40f)
        return c + 0x50;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c + (c & 1);
    if (c >= 0x100 && c <= 0x177)
        return c | 1;
    return c;
}

void words_lower(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i], d = i + 1 < n ? (unsigned char)text[i + 1] : 0;
        if (c < 0x80) {
            text[i] = (char)tolower(c);
        } else if (c >= 0xc3 && c <= 0xd0 && (d & 0xc0) == 0x80) {
            uint32_t small = small_of((uint32_t)(c & 0x1f) << 6 | (d & 0x3f));
            text[i] = (char)(0xc0 | small >> 6);
            text[++i] = (char)(0x80 | (small & 0x3f));
        }
    }
}

// --- gathering

static bool is_blank(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isspace((unsigned char)text[i]))
            return false;
    return true;
}

static bool is_readable(const struct part *part, bool is_html)
{
    if (part->is_enclosed || is_blank(part->text, part->text_n))
        return false;
    if (is_html)
        return strcmp(part->type, "text/html") == 0;
    return strcmp(part->type, "message/delivery-status") == 0 ||
           (strncmp(part->type, "text/", 5) == 0 && strcmp(part->type, "text/html") != 0 &&
            strcmp(part->type, "text/rfc822-headers") != 0);
}

static void add_part(struct buf *out, const struct part *part)
{
    size_t left = out->n < WORDS_TEXT ? WORDS_TEXT - out->n : 0;
    buf_add(out, part->text, part->text_n < left ? part->text_n : left);
    buf_add_byte(out, '\n');
}

static void add_line(struct words *w, size_t at, size_t end, bool is_first)
{
    if (end > at && w->text[end - 1] == '\r')
        end--;
    w->lines[w->lines_n++] = (struct words_line){.at = at, .end = end, .is_first = is_first};
}

// Lines of the bytes from `at` on: a part.
static void split(struct words *w, size_t at, size_t end)
{
    bool is_first = true;
    while (at < end && w->lines_n < WORDS_LINES) {
        const char *lf = memchr(w->text + at, '\n', end - at);
        size_t stop = lf ? (size_t)(lf - w->text) : end;
        add_line(w, at, stop, is_first);
        is_first = false;
        at = stop + 1;
    }
}

void words_gather(struct words *w)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    size_t starts[64], n = 0;
    for (int is_html = 0; is_html < 2 && !out.n; is_html++)
        for (size_t i = 0; i < w->parts->n && n < ARRAY_LEN(starts); i++) {
            if (!is_readable(&w->parts->items[i], is_html))
                continue;
            starts[n++] = out.n;
            add_part(&out, &w->parts->items[i]);
        }
    w->n = out.n;
    w->text = xmemdup0(out.n ? (const char *)out.p : "", out.n);
    for (size_t i = 0; i < w->n; i++)
        if (!w->text[i])
            w->text[i] = ' '; // nobody's text has one
    w->low = xmemdup0(w->text, w->n);
    words_lower(w->low, w->n);
    w->lines = xcalloc(WORDS_LINES, sizeof(*w->lines));
    for (size_t i = 0; i < n; i++)
        split(w, starts[i], i + 1 < n ? starts[i + 1] : w->n);
}
