#include "mail/compose.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"

enum { LINE = 76, VALUE_MOST = 2000, WORD_MOST = 70, ATOM_MOST = 255 };

static const char word_begin[] = "=?UTF-8?B?", word_end[] = "?=";

static void add_base64(struct buf *out, struct bytes in)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < in.n; i += 3) {
        size_t left = in.n - i;
        uint32_t v = (uint32_t)in.p[i] << 16;
        v |= left > 1 ? (uint32_t)in.p[i + 1] << 8 : 0;
        v |= left > 2 ? in.p[i + 2] : 0;
        buf_add_byte(out, (uint8_t)letters[v >> 18]);
        buf_add_byte(out, (uint8_t)letters[v >> 12 & 63]);
        buf_add_byte(out, (uint8_t)(left > 1 ? letters[v >> 6 & 63] : '='));
        buf_add_byte(out, (uint8_t)(left > 2 ? letters[v & 63] : '='));
    }
}

// The longest front of `text` with at most `most` bytes that ends with a whole character.
static size_t whole(struct bytes text, size_t most)
{
    size_t n = 0;
    while (n < text.n) {
        uint32_t code;
        size_t len = text_utf8(&code, text.p + n, text.n - n);
        len = len ? len : 1;
        if (n + len > most)
            break;
        n += len;
    }
    return n;
}

// RFC 2047 §2: words of at most 75 bytes, whole characters in each, lines of at most 76.
static void add_encoded(struct buf *out, size_t column, struct bytes text)
{
    size_t around = strlen(word_begin) + strlen(word_end);
    while (text.n) {
        size_t room = column + around + 4 < LINE ? (LINE - column - around) / 4 * 3 : 0;
        size_t n = whole(text, room);
        if (n) {
            buf_add_str(out, word_begin);
            add_base64(out, bytes_of(text.p, n));
            buf_add_str(out, word_end);
            text = bytes_skip(text, n);
        }
        if (text.n)
            buf_add_str(out, "\r\n ");
        column = 1;
    }
}

// Words with one blank between, lines broken before the word that would be too far right.
static void add_words(struct buf *out, size_t column, struct bytes text)
{
    const char *between = "";
    for (size_t i = 0; i < text.n;) {
        size_t n = 0;
        while (i + n < text.n && text.p[i + n] != ' ')
            n++;
        if (n) {
            bool is_new_line = column + strlen(between) + n > LINE && column > 1;
            buf_add_str(out, is_new_line ? "\r\n " : between);
            buf_add(out, text.p + i, n);
            column = (is_new_line ? 1 : column + strlen(between)) + n;
            between = " ";
        }
        i += n + 1;
    }
}

static bool is_plain(struct bytes text)
{
    size_t word = 0;
    for (size_t i = 0; i < text.n; i++) {
        word = text.p[i] == ' ' ? 0 : word + 1;
        if (text.p[i] < 0x20 || text.p[i] > 0x7e || word > WORD_MOST)
            return false;
        if (i && text.p[i - 1] == '=' && text.p[i] == '?')
            return false; // looks like an encoded-word and would be read as one
    }
    return true;
}

void compose_field(struct buf *out, const char *name, const char *fixed, const char *value)
{
    CLEANUP(buf_deinit) struct buf visible = {0};
    text_visible_add(&visible, bytes_of(value, strnlen(value, VALUE_MOST)));
    struct bytes text = buf_bytes(&visible);
    size_t column = strlen(name) + 2 + strlen(fixed);
    buf_printf(out, "%s: %s", name, fixed);
    if (is_plain(text))
        add_words(out, column, text);
    else
        add_encoded(out, column, text);
    buf_add_str(out, "\r\n");
}

void compose_date(struct buf *out, const char *name, usec_t at)
{
    char date[CLOCK_TEXT];
    clock_format_mail(date, at);
    buf_printf(out, "%s: %s\r\n", name, date);
}

void compose_address(struct buf *out, const char *name, const char *address)
{
    char parsed[ADDRESS_TEXT];
    if (address_parse(parsed, bytes_str(address)))
        buf_printf(out, "%s: <%s>\r\n", name, parsed);
    else
        buf_printf(out, "%s: undisclosed-recipients:;\r\n", name);
}

void compose_atom(struct buf *out, const char *text)
{
    for (size_t i = 0; i < ATOM_MOST && text[i]; i++) {
        char c = text[i];
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && i && text[i + 1] && text[i - 1] != '.');
        buf_add_byte(out, (uint8_t)(is_fine ? c : 'x'));
    }
}

static bool is_literal(uint8_t c, bool is_last)
{
    if (c == ' ' || c == '\t')
        return !is_last;
    return c > 0x20 && c < 0x7f && c != '=';
}

static void add_text_line(struct buf *out, struct bytes line)
{
    size_t column = 0;
    for (size_t i = 0; i < line.n; i++) {
        bool is_last = i + 1 == line.n, is_one = is_literal(line.p[i], is_last);
        size_t width = is_one ? 1 : 3;
        if (column + width + !is_last > LINE) { // room for the soft break's own sign
            buf_add_str(out, "=\r\n");
            column = 0;
        }
        if (is_one)
            buf_add_byte(out, line.p[i]);
        else
            buf_printf(out, "=%02X", line.p[i]);
        column += width;
    }
    buf_add_str(out, "\r\n");
}

void compose_text(struct buf *out, struct bytes text)
{
    while (text.n) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;
        add_text_line(out, bytes_of(text.p, n));
        text = bytes_skip(text, end ? n + 1 : n);
    }
}
