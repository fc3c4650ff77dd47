// Addresses as reports write them.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"
#include "mail/feedback_room.h"

enum { LOOKED_AT = 2000, LOCAL_MOST = 64, DOMAIN_MOST = 253, TYPE_MOST = 24 };

static struct bytes trimmed(struct bytes b)
{
    while (b.n && (b.p[0] <= ' ' || memchr("'`,;", b.p[0], 4)))
        b = bytes_skip(b, 1);
    while (b.n && (b.p[b.n - 1] <= ' ' || memchr("'`,;:.>", b.p[b.n - 1], 7)))
        b.n--;
    if (b.n > 1 && b.p[0] == '"' && b.p[b.n - 1] == '"')
        b = bytes_of(b.p + 1, b.n - 2); // around all of it; around the local part it belongs there
    return b;
}

// "rfc822;", "utf-8;", "smtp:", "mailto:" in front.
static struct bytes type_skipped(struct bytes b)
{
    size_t n = 0;
    while (n < b.n && n < TYPE_MOST && (isalnum(b.p[n]) || b.p[n] == '-'))
        n++;
    size_t name_n = n;
    while (n < b.n && b.p[n] == ' ')
        n++;
    if (!name_n || n == b.n)
        return b;
    bool is_scheme = bytes_starts_nocase(b, "mailto:") || bytes_starts_nocase(b, "smtp:");
    return b.p[n] == ';' || (b.p[n] == ':' && is_scheme) ? bytes_skip(b, n + 1) : b;
}

// What stands in the last <> that holds an address; else all of it.
static struct bytes unbracketed(struct bytes b)
{
    const uint8_t *open = NULL;
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '<')
            open = b.p + i + 1;
        if (b.p[i] == '>' && open && memchr(open, '@', (size_t)(b.p + i - open)))
            return bytes_of(open, (size_t)(b.p + i - open));
    }
    return open ? bytes_of(open, (size_t)(b.p + b.n - open)) : b;
}

static int hex(uint8_t c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? (c | 0x20) - 'a' + 10 : -1;
}

static void add_utf8(struct buf *out, uint32_t code)
{
    if (code < 0x80)
        buf_add_byte(out, (uint8_t)code);
    else if (code < 0x800)
        buf_add(out, (uint8_t[]){(uint8_t)(0xc0 | code >> 6), (uint8_t)(0x80 | (code & 63))}, 2);
    else if (code < 0x10000)
        buf_add(out,
                (uint8_t[]){(uint8_t)(0xe0 | code >> 12), (uint8_t)(0x80 | (code >> 6 & 63)),
                            (uint8_t)(0x80 | (code & 63))},
                3);
    else if (code < 0x110000)
        buf_add(out,
                (uint8_t[]){(uint8_t)(0xf0 | code >> 18), (uint8_t)(0x80 | (code >> 12 & 63)),
                            (uint8_t)(0x80 | (code >> 6 & 63)), (uint8_t)(0x80 | (code & 63))},
                4);
}

// "\x{E9}" (RFC 6533 §3) and, where `is_plus`, "+40" (xtext, RFC 3461 §4; IMCEA).
static void unescaped(struct buf *out, struct bytes b, bool is_plus)
{
    for (size_t i = 0; b.p && i < b.n; i++) {
        uint32_t code = 0;
        size_t at = i + 3;
        if (is_plus && b.p[i] == '+' && i + 2 < b.n && hex(b.p[i + 1]) >= 0 &&
            hex(b.p[i + 2]) >= 0) {
            buf_add_byte(out, (uint8_t)(hex(b.p[i + 1]) * 16 + hex(b.p[i + 2])));
            i += 2;
            continue;
        }
        if (i + 4 < b.n && memcmp(b.p + i, "\\x{", 3) == 0) {
            while (at < b.n && at < i + 9 && hex(b.p[at]) >= 0)
                code = code * 16 + (uint32_t)hex(b.p[at++]);
            if (at < b.n && b.p[at] == '}') {
                add_utf8(out, code);
                i = at;
                continue;
            }
        }
        buf_add_byte(out, b.p[i]);
    }
}

// Comments in parentheses go, those of X.400's "(a)" do not come here.
static void uncommented(struct buf *out, struct bytes b)
{
    int depth = 0;
    for (size_t i = 0; b.p && i < b.n; i++) {
        depth += b.p[i] == '(';
        if (!depth)
            buf_add_byte(out, b.p[i]);
        depth -= b.p[i] == ')' && depth;
    }
}

// "IMCEASMTP-a+40b+2Eexample@gateway": what a gateway has wrapped.
static bool unwrapped(struct buf *out, struct bytes b)
{
    if (!bytes_starts_nocase(b, "IMCEASMTP-") && !bytes_starts_nocase(b, "IMCEARFC822-"))
        return false;
    const uint8_t *dash = memchr(b.p, '-', b.n), *at = memchr(b.p, '@', b.n);
    size_t from = (size_t)(dash - b.p) + 1, to = at ? (size_t)(at - b.p) : b.n;
    if (to <= from)
        return false;
    unescaped(out, bytes_of(b.p + from, to - from), true);
    return true;
}

// "/C=xx/…/DD.RFC-822=a(a)b.example/": the address in an X.400 one.
static bool from_x400(struct buf *out, struct bytes b)
{
    static const char mark[] = "RFC-822=";
    for (; b.n >= sizeof(mark); b = bytes_skip(b, 1)) {
        if (!bytes_starts_nocase(b, mark))
            continue;
        b = bytes_skip(b, sizeof(mark) - 1);
        size_t n = 0;
        while (n < b.n && b.p[n] > ' ' && !memchr("/;\"", b.p[n], 3))
            n++;
        for (size_t i = 0; i < n; i++) {
            bool is_at = i + 2 < n && strncasecmp((const char *)b.p + i, "(a)", 3) == 0;
            buf_add_byte(out, is_at ? '@' : b.p[i]);
            i += is_at ? 2 : 0;
        }
        return true;
    }
    return false;
}

static bool is_local(struct bytes b)
{
    if (!b.n || b.n > LOCAL_MOST)
        return false;
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] < 0x80 && !isalnum(b.p[i]) && !memchr(".!#$%&'*+-/=?^_`{|}~", b.p[i], 20))
            return false;
    return true;
}

// A domain whose labels may be UTF-8.
static bool is_domain(struct bytes b)
{
    uint8_t ascii[DOMAIN_MOST + 1];
    uint32_t code;
    if (!b.n || b.n > DOMAIN_MOST)
        return false;
    for (size_t i = 0, n; i < b.n; i += n)
        if (!(n = text_utf8(&code, b.p + i, b.n - i)) || (code >= 0x80 && code < 0xc0))
            return false;
    for (size_t i = 0; i < b.n; i++)
        ascii[i] = b.p[i] < 0x80 ? b.p[i] : (uint8_t)'x';
    return address_is_domain(bytes_of(ascii, b.n));
}

static bool parse(char out[ADDRESS_TEXT], struct bytes b)
{
    const uint8_t *at = b.p ? memrchr(b.p, '@', b.n) : NULL;
    CLEANUP(buf_deinit) struct buf clean = {0};
    if (!at)
        return false;
    if (b.p[0] == '@') { // a source route
        const uint8_t *colon = memchr(b.p, ':', b.n);
        b = colon && colon < at ? bytes_of(colon + 1, (size_t)(b.p + b.n - colon) - 1) : b;
    }
    if (address_parse(out, b))
        return true;
    struct bytes local = bytes_of(b.p, (size_t)(at - b.p));
    struct bytes domain = bytes_of(at + 1, b.n - local.n - 1);
    if (at < b.p || !is_local(local) || !is_domain(domain))
        return false;
    memcpy(out, b.p, b.n);
    out[b.n] = '\0';
    for (char *c = out + local.n + 1; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    text_visible_add(&clean, bytes_str(out));
    return strcmp((char *)clean.p, out) == 0; // nothing that turns or hides letters
}

static bool find(char out[ADDRESS_TEXT], const char *text)
{
    CLEANUP(buf_deinit) struct buf plain = {0}, inner = {0}, wrapped = {0};
    struct bytes b = trimmed(bytes_of(text, strnlen(text, LOOKED_AT)));
    if (from_x400(&inner, b))
        return parse(out, buf_bytes(&inner));
    b = trimmed(unbracketed(trimmed(type_skipped(trimmed(type_skipped(b))))));
    // xtext that nobody has undone has no @ of its own
    bool is_xtext = !memchr(b.p ? b.p : (const uint8_t *)"", '@', b.n);
    unescaped(&plain, b, is_xtext);
    uncommented(&inner, buf_bytes(&plain));
    b = trimmed(buf_bytes(&inner));
    if (unwrapped(&wrapped, b))
        b = buf_bytes(&wrapped);
    else if (bytes_starts_nocase(b, "IMCEA"))
        return false;
    return parse(out, b);
}

bool feedback_address(char out[ADDRESS_TEXT], const char *text)
{
    bool is_there = find(out, text);
    if (!is_there)
        out[0] = '\0';
    return is_there;
}
