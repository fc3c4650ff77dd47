// HTML to text, small: what a bounce says must be readable, nothing is drawn.
#include "base/buf.h"
#include "base/mem.h"
#include "mail/parts_text.h"

enum { ENTITY_MOST = 10, TAG_NAME = 12 };

struct html {
    struct buf *out;
    struct bytes in;
    bool is_blank;    // a blank is owed
    bool is_line;     // the line is still empty
    bool has_no_ends; // no '>' is left: searching once is enough
};

static const struct {
    const char *name;
    uint32_t code;
} entities[] = {
    {"lt", '<'},       {"gt", '>'},       {"amp", '&'},       {"quot", '"'},     {"apos", '\''},
    {"nbsp", ' '},     {"auml", 0xe4},    {"ouml", 0xf6},     {"uuml", 0xfc},    {"Auml", 0xc4},
    {"Ouml", 0xd6},    {"Uuml", 0xdc},    {"szlig", 0xdf},    {"eacute", 0xe9},  {"egrave", 0xe8},
    {"ecirc", 0xea},   {"agrave", 0xe0},  {"aacute", 0xe1},   {"acirc", 0xe2},   {"atilde", 0xe3},
    {"ccedil", 0xe7},  {"iacute", 0xed},  {"icirc", 0xee},    {"ntilde", 0xf1},  {"oacute", 0xf3},
    {"ocirc", 0xf4},   {"otilde", 0xf5},  {"uacute", 0xfa},   {"ugrave", 0xf9},  {"ucirc", 0xfb},
    {"Eacute", 0xc9},  {"Egrave", 0xc8},  {"Agrave", 0xc0},   {"Aacute", 0xc1},  {"Oacute", 0xd3},
    {"oslash", 0xf8},  {"aring", 0xe5},   {"aelig", 0xe6},    {"iquest", 0xbf},  {"iexcl", 0xa1},
    {"ordm", 0xba},    {"deg", 0xb0},     {"copy", 0xa9},     {"reg", 0xae},     {"laquo", 0xab},
    {"raquo", 0xbb},   {"ndash", 0x2013}, {"mdash", 0x2014},  {"lsquo", 0x2018}, {"rsquo", 0x2019},
    {"ldquo", 0x201c}, {"rdquo", 0x201d}, {"hellip", 0x2026}, {"bull", 0x2022},  {"middot", 0xb7},
    {"commat", '@'},   {"colon", ':'},    {"period", '.'},    {"lowbar", '_'},   {"num", '#'},
};

// Tags that end a line of what one reads.
static const char *const blocks[] = {
    "br", "p",  "div", "tr", "li", "table", "hr", "h1",         "h2",   "h3",     "h4",
    "h5", "h6", "ul",  "ol", "dl", "dt",    "dd", "blockquote", "body", "center", "pre",
};
// Tags whose inside nobody reads.
static const char *const hidden[] = {"script", "style", "title"};

static void add_code(struct buf *out, uint32_t code)
{
    if (code < 0x80) {
        buf_add_byte(out, (uint8_t)code);
    } else if (code < 0x800) {
        buf_add_byte(out, (uint8_t)(0xc0 | code >> 6));
        buf_add_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        buf_add_byte(out, (uint8_t)(0xe0 | code >> 12));
        buf_add_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        buf_add_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else {
        buf_add_byte(out, (uint8_t)(0xf0 | code >> 18));
        buf_add_byte(out, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
        buf_add_byte(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        buf_add_byte(out, (uint8_t)(0x80 | (code & 0x3f)));
    }
}

static void begin_word(struct html *h)
{
    if (h->is_blank && !h->is_line)
        buf_add_byte(h->out, ' ');
    h->is_blank = h->is_line = false;
}

static void add_letter(struct html *h, uint32_t code)
{
    if (code == ' ') {
        h->is_blank = true;
        return;
    }
    begin_word(h);
    add_code(h->out, code);
}

static void end_line(struct html *h)
{
    if (!h->is_line)
        buf_add_byte(h->out, '\n');
    h->is_line = true;
    h->is_blank = false;
}

static bool number_code(uint32_t *code, struct bytes digits)
{
    unsigned base = 10;
    *code = 0;
    if (digits.n && (digits.p[0] | 0x20) == 'x') {
        base = 16;
        digits = bytes_skip(digits, 1);
    }
    for (size_t i = 0; i < digits.n; i++) {
        uint8_t c = digits.p[i] | 0x20;
        unsigned v = digits.p[i] >= '0' && digits.p[i] <= '9' ? digits.p[i] - '0' + 0u
                     : c >= 'a' && c <= 'f'                   ? c - 'a' + 10u
                                                              : 99;
        if (v >= base || *code > 0x10ffff)
            return false;
        *code = *code * base + v;
    }
    return digits.n && *code >= 0x20 && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff) &&
           (*code < 0x7f || *code > 0x9f);
}

// The letter of "&name;", or false: it is just an ampersand.
static bool entity_code(uint32_t *code, struct bytes name)
{
    if (name.n && name.p[0] == '#')
        return number_code(code, bytes_skip(name, 1));
    for (size_t i = 0; i < ARRAY_LEN(entities); i++)
        if (bytes_equal(name, bytes_str(entities[i].name))) {
            *code = entities[i].code;
            return true;
        }
    return false;
}

static void read_entity(struct html *h)
{
    uint32_t code;
    size_t most = h->in.n - 1 < ENTITY_MOST ? h->in.n - 1 : ENTITY_MOST;
    const uint8_t *end = most ? memchr(h->in.p + 1, ';', most) : NULL;
    if (!end || !entity_code(&code, bytes_of(h->in.p + 1, (size_t)(end - h->in.p) - 1))) {
        add_letter(h, '&');
        h->in = bytes_skip(h->in, 1);
        return;
    }
    add_letter(h, code == 0xa0 ? ' ' : code);
    h->in = bytes_skip(h->in, (size_t)(end - h->in.p) + 1);
}

static bool is_one_of(struct bytes name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_equal_nocase(name, bytes_str(names[i])))
            return true;
    return false;
}

// Past the closing tag of that name, or to the end.
static void skip_hidden(struct html *h, struct bytes name)
{
    for (const uint8_t *at; (at = h->in.n ? memchr(h->in.p, '<', h->in.n) : NULL);) {
        h->in = bytes_skip(h->in, (size_t)(at - h->in.p) + 1);
        if (h->in.n > name.n && h->in.p[0] == '/' &&
            bytes_equal_nocase(bytes_of(h->in.p + 1, name.n), name)) {
            at = memchr(h->in.p, '>', h->in.n);
            h->in = bytes_skip(h->in, at ? (size_t)(at - h->in.p) + 1 : h->in.n);
            return;
        }
    }
    h->in = bytes_of(NULL, 0);
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// An address that somebody put into a page as it is: <name@example.net>.
static bool is_address(struct bytes tag)
{
    bool has_at = false;
    for (size_t i = 0; i < tag.n; i++) {
        if (tag.p[i] <= ' ' || tag.p[i] == '"' || tag.p[i] == '<' || tag.p[i] == '=')
            return false;
        has_at |= tag.p[i] == '@';
    }
    return has_at;
}

// What stands between < and >; empty when it is no tag.
static struct bytes tag_at(struct html *h)
{
    struct bytes rest = bytes_skip(h->in, 1), none = {NULL, 0};
    bool is_tag = rest.n && (is_letter(rest.p[0]) || memchr("/!?", rest.p[0], 3));
    if (!is_tag || h->has_no_ends)
        return none;
    const uint8_t *end = memchr(rest.p, '>', rest.n);
    h->has_no_ends = !end;
    return end ? bytes_of(rest.p, (size_t)(end - rest.p)) : none;
}

static void read_tag(struct html *h)
{
    if (h->in.n >= 4 && memcmp(h->in.p, "<!--", 4) == 0) {
        const uint8_t *over = memmem(h->in.p + 4, h->in.n - 4, "-->", 3);
        h->in = over ? bytes_skip(h->in, (size_t)(over - h->in.p) + 3) : bytes_of(NULL, 0);
        return;
    }
    struct bytes tag = tag_at(h);
    if (!tag.n || is_address(tag)) {
        add_letter(h, '<');
        h->in = bytes_skip(h->in, 1);
        return;
    }
    h->in = bytes_skip(h->in, tag.n + 2);
    bool closes = tag.p[0] == '/';
    struct bytes name = bytes_skip(tag, closes);
    size_t n = 0;
    while (n < name.n && n < TAG_NAME && is_letter(name.p[n]))
        n++;
    name.n = n;
    if (is_one_of(name, blocks, ARRAY_LEN(blocks)))
        end_line(h);
    else if (!closes && is_one_of(name, hidden, ARRAY_LEN(hidden)))
        skip_hidden(h, name);
    else if (bytes_equal_nocase(name, bytes_str("td")) || bytes_equal_nocase(name, bytes_str("th")))
        h->is_blank = true;
}

void parts_text_html(struct buf *out, struct bytes html)
{
    struct html h = {.out = out, .in = html, .is_line = true};
    while (h.in.n) {
        uint8_t c = h.in.p[0];
        if (c == '<') {
            read_tag(&h);
        } else if (c == '&') {
            read_entity(&h);
        } else if (c <= ' ') {
            h.is_blank = true;
            h.in = bytes_skip(h.in, 1);
        } else {
            size_t n = 0;
            begin_word(&h);
            while (n < h.in.n && h.in.p[n] > ' ' && h.in.p[n] != '<' && h.in.p[n] != '&')
                n++;
            buf_add(out, h.in.p, n);
            h.in = bytes_skip(h.in, n);
        }
    }
    end_line(&h);
}
