/* How it is fast: a key is first compared with the field that came behind the last one in the table,
 * eight bytes at a time and its quote with it; a string's end is looked for eight bytes at a time; a
 * line break behind the line stops every loop, so that none counts. */
#include "core/scan.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define EVERY(byte) (0x0101010101010101U * (uint8_t)(byte))
#define HIGHS EVERY(0x80)

struct scan {
    char *p;
    struct outcome *o;
    const char *why; // NULL while nothing is wrong
    unsigned next;   // the field that probably comes next
    bool has_time, has_kind, has_class, is_unknown;
};

static uint64_t load(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static uint64_t zeros(uint64_t v)
{
    return (v - EVERY(1)) & ~v;
}

static bool wrong(struct scan *s, const char *why)
{
    s->why = why;
    return false;
}

static void skip_blanks(struct scan *s)
{
    while ((unsigned char)*s->p <= ' ' && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

// Up to a quote, a backslash or a control character; the line break behind the line is one. In each
// of the three sums only what lies above a true hit can be a false one, so the lowest is true.
static char *string_stop(char *p)
{
    for (;; p += 8) {
        uint64_t v = load(p);
        uint64_t hits = (v - EVERY(0x20)) & ~v;
        hits |= zeros(v ^ EVERY('"')) | zeros(v ^ EVERY('\\'));
        hits &= HIGHS;
        if (hits)
            return p + (__builtin_ctzll(hits) >> 3);
    }
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// Four digits of hexadecimal, -1 when they are none.
static int32_t unit_of(const char *p)
{
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_of(p[i]);
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

// In UTF-8; never longer than its escape. What a C string cannot hold becomes U+FFFD.
static char *put_code(char *to, uint32_t code)
{
    if (!code || (code >= 0xd800 && code < 0xe000))
        code = 0xfffd;
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | code >> 12);
        } else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

// \uXXXX, or two of them that are one character. `p` is behind the u; NULL: no digits.
static char *take_unicode(char *p, char **to)
{
    int32_t first = unit_of(p);
    if (first < 0)
        return NULL;
    p += 4;
    if (first >= 0xd800 && first < 0xdc00 && p[0] == '\\' && p[1] == 'u') {
        int32_t second = unit_of(p + 2);
        if (second >= 0xdc00 && second < 0xe000) {
            *to = put_code(*to, 0x10000U +
                                    (((uint32_t)first & 0x3ff) << 10 | ((uint32_t)second & 0x3ff)));
            return p + 6;
        }
    }
    *to = put_code(*to, (uint32_t)first);
    return p;
}

// One escape; `p` is at its backslash. NULL: it is none.
static char *take_escape(char *p, char **to)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (p[1] == 'u')
        return take_unicode(p + 2, to);
    const char *name = p[1] ? strchr(names, p[1]) : NULL;
    if (!name)
        return NULL;
    *(*to)++ = meanings[name - names];
    return p + 2;
}

// The rest of a string with escapes, written over it.
static bool take_escaped(struct scan *s, char *to, size_t *n, const char *begin)
{
    char *p = to;
    while (*p != '"') {
        if (*p == '\\') {
            p = take_escape(p, &to);
            if (!p)
                return wrong(s, "an escape that is none");
            continue;
        }
        if ((unsigned char)*p < 0x20)
            return wrong(s, "a text without its end");
        *to++ = *p++;
    }
    *to = 0;
    *n = (size_t)(to - begin);
    s->p = p + 1;
    return true;
}

// A string; s->p is behind its opening quote.
static bool take_string(struct scan *s, char **text, size_t *n)
{
    char *stop = string_stop(s->p);
    *text = s->p;
    if (*stop == '\\')
        return take_escaped(s, stop, n, *text);
    if (*stop != '"')
        return wrong(s, "a text without its end");
    *stop = 0;
    *n = (size_t)(stop - *text);
    s->p = stop + 1;
    return true;
}

// m x 10^power, as read.
struct number {
    uint64_t m; // at most 18 digits; further ones only move the point
    int power;
    bool is_negative;
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

// The digits from here on, at least one. Those that have no room only move the point.
static bool take_digits(struct scan *s, struct number *v, bool is_fraction)
{
    char *p = s->p;
    uint64_t m = v->m;
    for (; is_digit(*p) && m < 100000000000000000U; p++)
        m = m * 10 + (uint64_t)(*p - '0');
    v->m = m;
    v->power -= is_fraction ? (int)(p - s->p) : 0;
    char *begin = s->p;
    for (; is_digit(*p); p++)
        v->power += !is_fraction && v->power < 10000;
    s->p = p;
    return p > begin;
}

static bool take_exponent(struct scan *s, struct number *v)
{
    int sign = *s->p == '-' ? -1 : 1, power = 0;
    s->p += *s->p == '-' || *s->p == '+';
    if (!is_digit(*s->p))
        return false;
    for (; is_digit(*s->p); s->p++)
        if (power < 10000)
            power = power * 10 + (*s->p - '0');
    v->power += sign * power;
    return true;
}

static bool take_number(struct scan *s, struct number *v)
{
    *v = (struct number){.is_negative = *s->p == '-'};
    s->p += v->is_negative;
    if (!take_digits(s, v, false))
        return false;
    if (*s->p == '.') {
        s->p++;
        if (!take_digits(s, v, true))
            return false;
    }
    if (*s->p != 'e' && *s->p != 'E')
        return true;
    s->p++;
    return take_exponent(s, v);
}

// v x 10^places, to the nearest whole number; UINT64_MAX where that has no room.
static uint64_t number_scaled(const struct number *v, int places)
{
    uint64_t m = v->m;
    int power = v->power + places;
    for (; power > 0 && m; power--)
        if (__builtin_mul_overflow(m, 10, &m))
            return UINT64_MAX;
    bool is_up = false;
    for (; power < 0 && (m || is_up); power++) {
        is_up = m % 10 >= 5;
        m /= 10;
    }
    return m + is_up;
}

// Seconds since 1970 as microseconds, up to the year 9999.
static bool take_time(struct scan *s, usec_t *at)
{
    static const uint64_t most = 253402300800U * 1000000U;
    struct number v;
    if (!take_number(s, &v))
        return wrong(s, "a time that is no number");
    uint64_t t = number_scaled(&v, 6);
    if (v.is_negative || t >= most)
        return wrong(s, "a time before 1970 or after 9999");
    *at = (usec_t)t;
    return true;
}

static bool take_count(struct scan *s, uint16_t *to)
{
    struct number v;
    if (!take_number(s, &v))
        return wrong(s, "a number that is none");
    uint64_t count = number_scaled(&v, 0);
    *to = v.is_negative || count > UINT16_MAX ? 0 : (uint16_t)count;
    return true;
}

// --- Words

struct word {
    uint8_t n;
    uint8_t number;
    char text[22];
};

#define ROW(name, number, text, ...) {sizeof(text) - 1, name, text},
static const struct word kinds[] = {WORDS_OUTCOME(ROW)};
static const struct word classes[] = {WORDS_CLASS(ROW)};
static const struct word scopes[] = {WORDS_SCOPE(ROW)};
static const struct word phases[] = {WORDS_PHASE(ROW)};
static const struct word streams[] = {WORDS_STREAM(ROW)};

static const struct word *word_of(const struct word *words, size_t words_n, const char *text,
                                  size_t n)
{
    for (size_t i = 0; i < words_n; i++)
        if (words[i].n == n && memcmp(words[i].text, text, n) == 0)
            return &words[i];
    return NULL;
}

#define WORD_OF(words, text, n) word_of(words, ARRAY_LEN(words), text, n)

static bool set_kind(struct scan *s, const char *text, size_t n)
{
    const struct word *w = WORD_OF(kinds, text, n);
    s->has_kind = true;
    s->is_unknown = !w;
    s->o->kind = w ? (enum outcome_kind)w->number : OUTCOME_ACCEPTED;
    return true;
}

static bool set_class(struct scan *s, const char *text, size_t n)
{
    const struct word *w = WORD_OF(classes, text, n);
    s->has_class = w != NULL;
    s->o->class = w ? (enum class)w->number : CLASS_DELIVERED;
    return true;
}

static bool set_scope(struct scan *s, const char *text, size_t n)
{
    const struct word *w = WORD_OF(scopes, text, n);
    s->o->scope = w ? (enum scope)w->number : SCOPE_UNKNOWN;
    return true;
}

static bool set_phase(struct scan *s, const char *text, size_t n)
{
    const struct word *w = WORD_OF(phases, text, n);
    s->o->phase = w ? (enum phase)w->number : PHASE_NONE;
    return true;
}

static bool set_stream(struct scan *s, const char *text, size_t n)
{
    const struct word *w = WORD_OF(streams, text, n);
    s->o->stream = w ? (enum stream)w->number : STREAM_TRANSACTIONAL;
    return true;
}

static bool set_message(struct scan *s, const char *text, size_t n)
{
    if (n != ID_MESSAGE_TEXT - 1 || !message_id_parse(&s->o->message, text))
        s->o->message = (struct message_id){0}; // another system's: of no use here
    return true;
}

// --- Fields

enum type {
    TYPE_TEXT,  // const char *, at most so many bytes
    TYPE_REPLY, // cut instead
    TYPE_TIME,  // usec_t
    TYPE_COUNT, // uint16_t
    TYPE_CODE,  // of a reply, or what a blocklist answered
    TYPE_WORD,  // by `set`
};

// The key with its closing quote; in the order that outcome_format() writes them.
struct field {
    char key[16];
    uint8_t n;              // of the key
    uint64_t first, second; // which bits of its two halves are compared
    enum type type;
    size_t at;
    size_t most; // bytes
    bool (*set)(struct scan *s, const char *text, size_t n);
};

#define MASK(bytes) ((bytes) >= 8 ? UINT64_MAX : (UINT64_C(1) << ((bytes) % 8 * 8)) - 1)
#define KEY(name)                                                                                  \
    name "\"", sizeof(name), MASK(sizeof(name)), sizeof(name) <= 8 ? 0 : MASK(sizeof(name) - 8)
#define AT(field) .at = offsetof(struct outcome, field)
static const struct field fields[] = {
    {KEY("t"), TYPE_TIME, AT(at)},
    {KEY("kind"), TYPE_WORD, .set = set_kind},
    {KEY("customer"), TYPE_TEXT, AT(customer), .most = 63},
    {KEY("ip"), TYPE_TEXT, AT(ip), .most = 63},
    {KEY("provider"), TYPE_TEXT, AT(provider), .most = 255},
    {KEY("zone"), TYPE_TEXT, AT(zone), .most = 255},
    {KEY("class"), TYPE_WORD, .set = set_class},
    {KEY("recipient"), TYPE_TEXT, AT(recipient), .most = 400},
    {KEY("stream"), TYPE_WORD, .set = set_stream},
    {KEY("list"), TYPE_TEXT, AT(list), .most = 63},
    {KEY("message"), TYPE_WORD, .set = set_message},
    {KEY("phase"), TYPE_WORD, .set = set_phase},
    {KEY("scope"), TYPE_WORD, .set = set_scope},
    {KEY("code"), TYPE_CODE},
    {KEY("reply"), TYPE_REPLY, AT(reply)},
    {KEY("attempt"), TYPE_COUNT, AT(attempt)},
    {KEY("delivered_at"), TYPE_TIME, AT(delivered_at)},
};

static bool is_key(const char *p, const struct field *f)
{
    return !(((load(p) ^ load(f->key)) & f->first) |
             ((load(p + 8) ^ load(f->key + 8)) & f->second));
}

// A key that is not written plainly: unknown, or with escapes.
static bool take_odd_key(struct scan *s, const struct field **field)
{
    char *text;
    size_t n;
    *field = NULL;
    if (!take_string(s, &text, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].n == n + 1 && memcmp(fields[i].key, text, n) == 0)
            *field = &fields[i];
    return true;
}

// NULL in *field: an unknown key. s->p is behind its opening quote.
static bool take_key(struct scan *s, const struct field **field)
{
    unsigned at = s->next;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[at];
        at = at + 1 < ARRAY_LEN(fields) ? at + 1 : 0;
        if (is_key(s->p, f)) {
            s->p += f->n;
            s->next = at;
            *field = f;
            return true;
        }
    }
    return take_odd_key(s, field);
}

// A value that says nothing to us. Brackets are only counted: their kinds are the writer's business.
static bool skip_value(struct scan *s)
{
    size_t depth = 0, n;
    char *text;
    for (;;) {
        char c = *s->p;
        if (c == '"') {
            s->p++;
            if (!take_string(s, &text, &n))
                return false;
        } else if (c == '{' || c == '[') {
            depth++;
            s->p++;
            continue;
        } else if (depth && (c == '}' || c == ']')) {
            depth--;
            s->p++;
        } else if ((unsigned char)c < 0x20 && c != '\t' && c != '\r') {
            return wrong(s, "a value without its end");
        } else if (!depth && (c == ',' || c == '}' || c == ']')) {
            return wrong(s, "a key without a value");
        } else {
            char *begin = s->p;
            while (!strchr("\",{}[]\t\r\n ", *s->p))
                s->p++;
            if (s->p == begin)
                s->p++; // a comma or a blank, nested
        }
        if (!depth)
            return true;
    }
}

static void set_text(struct outcome *o, size_t at, const char *text)
{
    *(const char **)(void *)((char *)o + at) = text;
}

// A reply is cut at a whole character.
static void cut_reply(char *text, size_t n)
{
    if (n <= OUTCOME_REPLY)
        return;
    n = OUTCOME_REPLY;
    while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    text[n] = 0;
}

// An empty text is the same as no field.
static bool set_text_value(struct scan *s, const struct field *f, char *text, size_t n)
{
    if (!n)
        return true;
    switch (f->type) {
    case TYPE_TEXT:
        if (n > f->most)
            return wrong(s, "a name or address that is too long");
        set_text(s->o, f->at, text);
        return true;
    case TYPE_REPLY:
        cut_reply(text, n);
        set_text(s->o, f->at, text);
        return true;
    case TYPE_CODE:
        if (n > 63)
            return wrong(s, "a code that is too long");
        s->o->answer = text;
        return true;
    case TYPE_WORD:
        return f->set(s, text, n);
    case TYPE_TIME:
    case TYPE_COUNT:
        break;
    }
    return wrong(s, "a text where a number is expected");
}

static bool take_number_value(struct scan *s, const struct field *f)
{
    switch (f->type) {
    case TYPE_TIME:
        s->has_time |= f->at == offsetof(struct outcome, at);
        return take_time(s, (usec_t *)(void *)((char *)s->o + f->at));
    case TYPE_COUNT:
        return take_count(s, (uint16_t *)(void *)((char *)s->o + f->at));
    case TYPE_CODE:
        return take_count(s, &s->o->code);
    case TYPE_TEXT:
    case TYPE_REPLY:
    case TYPE_WORD:
        break;
    }
    return wrong(s, "expected a text");
}

static bool take_value(struct scan *s, const struct field *f)
{
    char *text;
    size_t n;
    if (f && *s->p == '"') {
        s->p++;
        return take_string(s, &text, &n) && set_text_value(s, f, text, n);
    }
    if (f && (is_digit(*s->p) || *s->p == '-'))
        return take_number_value(s, f);
    if (f && memcmp(s->p, "null", 4) != 0)
        return wrong(s, "expected a text or a number");
    return skip_value(s);
}

static bool take_member(struct scan *s)
{
    const struct field *field;
    skip_blanks(s);
    if (*s->p != '"')
        return wrong(s, "expected a key");
    s->p++;
    if (!take_key(s, &field))
        return false;
    skip_blanks(s);
    if (*s->p != ':')
        return wrong(s, "expected a colon behind the key");
    s->p++;
    skip_blanks(s);
    if (!take_value(s, field))
        return false;
    skip_blanks(s);
    return true;
}

static bool take_object(struct scan *s)
{
    if (*s->p != '{')
        return wrong(s, "expected an object");
    s->p++;
    skip_blanks(s);
    if (*s->p == '}') {
        s->p++;
        return true;
    }
    while (take_member(s)) {
        char c = *s->p++;
        if (c == '}')
            return true;
        if (c != ',')
            return wrong(s, "expected a comma or the object's end");
    }
    return false;
}

// As of a reply that nobody understands.
static enum class class_by_kind(enum outcome_kind kind) {
    return kind == OUTCOME_DEFERRED                             ? CLASS_TRANSIENT
           : kind == OUTCOME_BOUNCED || kind == OUTCOME_EXPIRED ? CLASS_UNDETERMINED
                                                                : CLASS_DELIVERED;
}

// What every outcome has to say.
static bool is_whole(struct scan *s)
{
    const struct outcome *o = s->o;
    if (!s->has_time)
        return wrong(s, "no `t`");
    if (!s->has_kind)
        return wrong(s, "no `kind`");
    if (s->is_unknown)
        return true;
    if (o->kind == OUTCOME_LISTED || o->kind == OUTCOME_DELISTED)
        return (*o->ip && *o->zone) || wrong(s, "a listing without `ip` or `zone`");
    return *o->customer || wrong(s, "no `customer`");
}

enum scan_result scan_line(struct outcome *o, char *line, size_t n, const char **why)
{
    struct scan s = {.p = line, .o = o};
    line[n] = '\n';
    skip_blanks(&s);
    if (s.p == line + n)
        return SCAN_NOTHING;
    *o = (struct outcome){.customer = "",
                          .list = "",
                          .ip = "",
                          .provider = "",
                          .recipient = "",
                          .reply = "",
                          .zone = "",
                          .answer = ""};
    if (take_object(&s)) {
        skip_blanks(&s);
        if (s.p != line + n)
            wrong(&s, "something behind the object");
        else if (is_whole(&s) && !s.has_class)
            o->class = class_by_kind(o->kind);
    }
    *why = s.why;
    return s.why ? SCAN_WRONG : s.is_unknown ? SCAN_NOTHING : SCAN_OUTCOME;
}
