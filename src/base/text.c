#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

size_t text_utf8(uint32_t *code, const uint8_t *text, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t b = text[0];
    size_t len = b < 0x80                ? 1
                 : b >= 0xf0 && b < 0xf8 ? 4
                 : b >= 0xe0 && b < 0xf0 ? 3
                 : b >= 0xc0 && b < 0xe0 ? 2
                                         : 0;
    if (!len || len > n)
        return 0;
    uint32_t c = len == 1 ? b : b & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (text[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return len;
}

struct range {
    uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

// Zero width, or steering the reading direction (UAX #9), or separating lines, or invisible tags.
static bool is_invisible(uint32_t c)
{
    static const struct range ranges[] = {
        {0xad, 0xad},       {0x61c, 0x61c},     {0x115f, 0x1160}, {0x180e, 0x180e},
        {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f}, {0x3164, 0x3164},
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff9, 0xfffb},
        {0xe0000, 0xe007f}, {0xe0100, 0xe01ef},
    };
    return in_ranges(c, ranges, ARRAY_LEN(ranges));
}

static bool is_combining(uint32_t c)
{
    static const struct range ranges[] = {
        {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a}, {0x64b, 0x65f},
        {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xe31, 0xe31}, {0xe34, 0xe3a},
        {0xe47, 0xe4e},   {0xfe20, 0xfe2f}, {0x6d6, 0x6dc},   {0x900, 0x903}, {0x93a, 0x94f},
    };
    return in_ranges(c, ranges, ARRAY_LEN(ranges));
}

enum { PIECE = 12, MARKS = 4 };

// Writes what one character (or one bad byte) shows as; gives the bytes consumed, sets *len.
static size_t show_one(char piece[PIECE], size_t *len, const uint8_t *text, size_t n, int *marks)
{
    uint32_t c = 0;
    size_t used = text_utf8(&c, text, n);
    *len = 0;
    if (!used || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
        *marks = 0;
        *len = (size_t)snprintf(piece, PIECE, "\\x%02x", used ? (unsigned)c : text[0]);
        return used ? used : 1;
    }
    if (is_invisible(c)) {
        *marks = 0;
        *len = (size_t)snprintf(piece, PIECE, "U+%04" PRIX32, c);
        return used;
    }
    *marks = is_combining(c) ? *marks + 1 : 0;
    if (*marks > MARKS)
        return used;
    memcpy(piece, text, used);
    *len = used;
    return used;
}

size_t text_visible(char *out, size_t room, const void *text, size_t n)
{
    const uint8_t *p = text;
    size_t at = 0;
    int marks = 0;
    must(room > 0);
    while (n) {
        char piece[PIECE];
        size_t len, used = show_one(piece, &len, p, n, &marks);
        if (at + len >= room)
            break;
        memcpy(out + at, piece, len);
        at += len;
        p += used;
        n -= used;
    }
    out[at] = '\0';
    return at;
}

void text_visible_add(struct buf *out, struct bytes text)
{
    int marks = 0;
    while (text.n) {
        char piece[PIECE];
        size_t plain = 0; // printable ASCII, which is nearly all there ever is
        while (plain < text.n && text.p[plain] >= 0x20 && text.p[plain] < 0x7f)
            plain++;
        if (plain) {
            marks = 0;
            buf_add(out, text.p, plain);
            text = bytes_skip(text, plain);
            continue;
        }
        size_t len, used = show_one(piece, &len, text.p, text.n, &marks);
        buf_add(out, piece, len);
        text = bytes_skip(text, used);
    }
}

char *text_visible_new(struct bytes text)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    text_visible_add(&b, text);
    return buf_take_str(&b);
}

bool text_is_name_n(const char *s, size_t n)
{
    if (n < 1 || n >= TEXT_NAME)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool alnum = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9');
        if (!alnum && (i == 0 || !strchr("._-", s[i]) || !s[i]))
            return false;
    }
    return true;
}

bool text_is_name(const char *s)
{
    return text_is_name_n(s, strlen(s));
}

static bool digits(uint64_t *v, const char **s, uint64_t max)
{
    if (**s < '0' || **s > '9')
        return false;
    for (*v = 0; **s >= '0' && **s <= '9'; (*s)++) {
        *v = *v * 10 + (uint64_t)(**s - '0');
        if (*v > max)
            return false;
    }
    return true;
}

static const struct unit {
    const char *text;
    usec_t span;
} units[] = {
    {"d", USEC_DAY}, {"h", USEC_HOUR}, {"m", USEC_MINUTE}, {"s", USEC_SECOND}, {"ms", USEC_MS},
};

static bool parse_unit(usec_t *span, const char *s)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(s, units[i].text) == 0) {
            *span = units[i].span;
            return true;
        }
    }
    return false;
}

bool text_parse_duration(usec_t *span, const char *s)
{
    uint64_t v;
    usec_t unit, most = 3660 * USEC_DAY;
    if (!digits(&v, &s, 1000000000) || !v || !parse_unit(&unit, s) || (usec_t)v > most / unit)
        return false;
    *span = (usec_t)v * unit;
    return true;
}

bool text_parse_size(uint64_t *bytes, const char *s)
{
    uint64_t v;
    if (!digits(&v, &s, UINT64_C(1) << 40))
        return false;
    static const char shifts[] = "KMGT";
    const char *unit = *s ? strchr(shifts, *s) : NULL;
    if (*s && (!unit || s[1]))
        return false;
    int shift = unit ? 10 * (int)(unit - shifts + 1) : 0;
    if (v > UINT64_C(1) << (62 - shift))
        return false;
    *bytes = v << shift;
    return true;
}

bool text_parse_rate(uint32_t *count, usec_t *per, const char *s)
{
    uint64_t v;
    if (!digits(&v, &s, 1000000000) || !v || *s++ != '/' || !parse_unit(per, s) || *per == USEC_MS)
        return false;
    *count = (uint32_t)v;
    return true;
}

bool text_parse_number(int64_t *v, const char *s, int64_t min, int64_t max)
{
    uint64_t u;
    bool is_negative = *s == '-';
    s += is_negative;
    if (!digits(&u, &s, INT64_MAX) || *s)
        return false;
    *v = is_negative ? -(int64_t)u : (int64_t)u;
    return *v >= min && *v <= max;
}

void text_format_duration(char out[TEXT_VALUE], usec_t span)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (span % units[i].span == 0 || i + 1 == ARRAY_LEN(units)) {
            snprintf(out, TEXT_VALUE, "%" PRId64 "%s", span / units[i].span, units[i].text);
            return;
        }
    }
}

void text_format_size(char out[TEXT_VALUE], uint64_t bytes)
{
    static const char shifts[] = "KMGT";
    int i = -1;
    while (i < 3 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    snprintf(out, TEXT_VALUE, "%" PRIu64 "%.*s", bytes, i >= 0, i >= 0 ? shifts + i : "");
}

void text_format_rate(char out[TEXT_VALUE], uint32_t count, usec_t per)
{
    const char *unit = "?";
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].span == per)
            unit = units[i].text;
    snprintf(out, TEXT_VALUE, "%" PRIu32 "/%s", count, unit);
}

void text_format_age(char out[TEXT_VALUE], usec_t span)
{
    usec_t s = span < 0 ? 0 : span / USEC_SECOND;
    if (s < 60)
        snprintf(out, TEXT_VALUE, "%" PRId64 " s", s);
    else if (s < 3600)
        snprintf(out, TEXT_VALUE, "%" PRId64 " m", s / 60);
    else if (s < 48 * 3600)
        snprintf(out, TEXT_VALUE, "%" PRId64 " h", s / 3600);
    else
        snprintf(out, TEXT_VALUE, "%" PRId64 " d", s / 86400);
}

static const char hex_digits[] = "0123456789abcdef";

void text_format_hex(char *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *out++ = hex_digits[bytes[i] >> 4];
        *out++ = hex_digits[bytes[i] & 15];
    }
    *out = '\0';
}

bool text_parse_hex(uint8_t *bytes, size_t n, const char *text, size_t text_n)
{
    if (text_n != 2 * n)
        return false;
    for (size_t i = 0; i < text_n; i++) {
        const char *digit = text[i] ? strchr(hex_digits, text[i]) : NULL;
        if (!digit)
            return false;
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (digit - hex_digits));
    }
    return true;
}

static size_t edits(const char *a, const char *b)
{
    enum { MOST = 64 };
    size_t row[MOST + 1], an = strlen(a), bn = strlen(b);
    if (an > MOST || bn > MOST)
        return MOST;
    for (size_t j = 0; j <= bn; j++)
        row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < least ? change : least;
        }
    }
    return row[bn];
}

const char *text_nearest(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        size_t d = edits(word, words[i]);
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}
