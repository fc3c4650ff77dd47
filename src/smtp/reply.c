#include "smtp/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/text.h"

enum { WIRE_LINE = 510 }; // without CRLF, RFC 5321 §4.5.3.1.5

void smtp_reply_set(struct smtp_reply *r, unsigned code, const char *enhanced, const char *format,
                    ...)
{
    char text[SMTP_REPLY_TEXT];
    int n = 0;
    must(code == 0 || (code >= 200 && code < 600));
    r->code = code;
    snprintf(r->enhanced, sizeof(r->enhanced), "%s", enhanced ? enhanced : "");
    if (code)
        n = snprintf(text, sizeof(text), "%u %s%s", code, r->enhanced, *r->enhanced ? " " : "");
    va_list ap;
    va_start(ap, format);
    vsnprintf(text + n, sizeof(text) - (size_t)n, format, ap);
    va_end(ap);
    text_visible(r->text, sizeof(r->text), text, strlen(text));
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

// "5.7.606" in front of `text`, ended by a blank or the text's end (RFC 3463 §2): its length, or 0.
static size_t enhanced_length(struct bytes text)
{
    size_t at = 0;
    for (int part = 0; part < 3; part++) {
        size_t digits = 0;
        while (at < text.n && digits < 3 && is_digit(text.p[at]))
            at++, digits++;
        if (!digits || (part == 0 && digits > 1))
            return 0;
        if (part < 2 && (at >= text.n || text.p[at++] != '.'))
            return 0;
    }
    bool is_class = text.p[0] == '2' || text.p[0] == '4' || text.p[0] == '5';
    bool is_ended = at == text.n || text.p[at] == ' ';
    return is_class && is_ended ? at : 0;
}

// What stands behind the code and the enhanced status.
static const char *words_of(const struct smtp_reply *r)
{
    char front[SMTP_ENHANCED + 8];
    int n = snprintf(front, sizeof(front), "%u", r->code);
    const char *text = r->text;
    if (strncmp(text, front, (size_t)n) == 0)
        text += n + (text[n] == '-');
    text += strspn(text, " "); // as many as there are: the reader of a status skips them, too
    size_t enhanced = strlen(r->enhanced);
    if (enhanced && strncmp(text, r->enhanced, enhanced) == 0)
        text += enhanced + (text[enhanced] == ' ');
    return text;
}

// How much of the text goes on this line: up to the last blank that fits, else as much as fits.
static size_t line_length(const char *text, size_t room)
{
    size_t n = strlen(text);
    if (n <= room)
        return n;
    for (size_t at = room; at > room / 2; at--)
        if (text[at] == ' ')
            return at;
    return room;
}

void smtp_reply_format(struct buf *out, const struct smtp_reply *r)
{
    must(r->code >= 200 && r->code < 600);
    size_t room = WIRE_LINE - 4 - (*r->enhanced ? strlen(r->enhanced) + 1 : 0);
    const char *text = words_of(r);
    do {
        size_t n = line_length(text, room);
        const char *rest = text + n + (text[n] == ' ');
        buf_printf(out, "%u%c%s%s", r->code, *rest ? '-' : ' ', r->enhanced,
                   *r->enhanced && n ? " " : "");
        size_t from = out->n;
        buf_add(out, text, n);
        for (size_t i = from; i < out->n; i++)
            if (out->p[i] >= 0x7f || out->p[i] < 0x20)
                out->p[i] = '?';
        buf_add_str(out, "\r\n");
        text = rest;
    } while (*text);
}

// Cuts the first line off `rest`, its end not included. False: no whole line there.
static bool cut_line(struct bytes *line, struct bytes *rest)
{
    const uint8_t *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    if (!end)
        return false;
    size_t n = (size_t)(end - rest->p);
    *line = bytes_of(rest->p, n && end[-1] == '\r' ? n - 1 : n);
    *rest = bytes_skip(*rest, n + 1);
    return true;
}

// 0: no reply's line.
static unsigned code_of(struct bytes line)
{
    if (line.n < 3 || !is_digit(line.p[1]) || !is_digit(line.p[2]))
        return 0;
    if (line.p[0] < '2' || line.p[0] > '5' || (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-'))
        return 0;
    return (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 +
           (unsigned)(line.p[2] - '0');
}

// Finds the whole reply; looks at lines alone, so that asking again for each byte stays cheap.
static enum smtp_reply_result find_end(unsigned *code, size_t *used, struct bytes in)
{
    struct bytes rest = in, line;
    *code = 0;
    for (int lines = 0; cut_line(&line, &rest); lines++) {
        unsigned c = code_of(line);
        *used = in.n - rest.n;
        if (!c || (*code && c != *code) || line.n > SMTP_REPLY_LINE || lines >= SMTP_REPLY_LINES ||
            *used > SMTP_REPLY_BYTES)
            return SMTP_REPLY_BAD;
        *code = c;
        if (line.n == 3 || line.p[3] == ' ')
            return SMTP_REPLY_DONE;
    }
    return rest.n > SMTP_REPLY_LINE + 1 ? SMTP_REPLY_BAD : SMTP_REPLY_MORE;
}

static struct bytes text_behind_code(struct bytes line)
{
    struct bytes text = bytes_skip(line, 4);
    while (text.n && text.p[0] == ' ')
        text = bytes_skip(text, 1);
    return text;
}

bool smtp_reply_next_line(struct bytes *text, struct bytes *rest)
{
    struct bytes line;
    if (!cut_line(&line, rest))
        return false;
    *text = text_behind_code(line);
    return true;
}

// Joins the lines by one blank, codes kept; the first enhanced status found is the reply's.
static void join_lines(struct smtp_reply *r, struct bytes reply)
{
    char text[SMTP_REPLY_TEXT];
    size_t at = 0;
    struct bytes line;
    while (cut_line(&line, &reply)) {
        struct bytes words = text_behind_code(line);
        size_t enhanced = enhanced_length(words);
        if (enhanced && !*r->enhanced)
            snprintf(r->enhanced, sizeof(r->enhanced), "%.*s", (int)enhanced, words.p);
        while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
            line.n--;
        if (at && at < sizeof(text))
            text[at++] = ' ';
        for (size_t i = 0; i < line.n && at < sizeof(text); i++)
            text[at++] = (char)(line.p[i] == '\t' ? ' ' : line.p[i]);
    }
    text_visible(r->text, sizeof(r->text), text, at);
}

enum smtp_reply_result smtp_reply_parse(struct smtp_reply *r, size_t *used, struct bytes in)
{
    unsigned code;
    *used = 0;
    enum smtp_reply_result result = find_end(&code, used, in);
    if (result != SMTP_REPLY_DONE) {
        *used = 0;
        return result;
    }
    r->code = code;
    r->enhanced[0] = '\0';
    join_lines(r, bytes_of(in.p, *used));
    return SMTP_REPLY_DONE;
}
