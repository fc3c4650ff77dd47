// Two passes. What needs punctuation to be seen (URLs, addresses, quotes, ids with dashes) is replaced in
// the text by an address, which plain words have as `@`. What a plain word tells by itself (digits, a
// host's dots) is found behind that. So words and codes are exactly those that patterns meet.
#include "mail/replies_shape.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/replies.h"
#include "mail/replies_letters.h"

#define MARK " a@a " // in plain words: @

enum { WORD_MOST = 64, CONSONANTS = 7, JUMBLE = 3, ITEMS = 128 };

// ---- the text

// Bytes of the letter or digit at `p`; 0: none stands there.
static size_t letter_at(const char *p)
{
    struct letter l;
    if (!*p)
        return 0;
    letter_read(&l, p);
    return l.kind == LETTER_WORD || l.kind == LETTER_MARK ? l.taken : 0;
}

// Bytes of what holds the parts of an id together, when a letter follows.
static size_t joint_at(const char *p)
{
    size_t n = strspn(p, "-_=+/.~#");
    return n && n <= 2 && letter_at(p + n) ? n : 0;
}

// The letters, digits and joints that begin at `p`.
static size_t run_at(const char *p)
{
    size_t at = 0, n;
    while ((n = letter_at(p + at)) || (at && (n = joint_at(p + at))))
        at += n;
    return at;
}

// Codes in front of a run are not part of it: "550-5.1.1", "550-the".
static size_t codes_at(const char *run, size_t n)
{
    size_t at = 0;
    if (n >= 3 && strspn(run, "0123456789") == 3 && (n == 3 || run[3] == '-'))
        at = n == 3 ? 3 : 4;
    size_t digits = strspn(run + at, "0123456789.");
    if (at + digits >= n)
        return n; // numbers alone are seen in the plain words
    return digits >= 5 && run[at + digits] == '-' ? at + digits + 1 : at;
}

static bool is_id(const char *run, size_t n)
{
    int jumble = 0;
    for (size_t i = 0, used; i < n; i += used ? used : 1) {
        used = letter_at(run + i); // more than a byte: no digit, though it may be written with some
        if (used == 1 && isdigit((unsigned char)run[i]))
            return true;
        jumble += i && islower((unsigned char)run[i - 1]) && isupper((unsigned char)run[i]);
    }
    return jumble >= JUMBLE || n >= WORD_MOST;
}

// Bytes of "2001:db8::25"; 0: none stands here.
static size_t ipv6_at(const char *p)
{
    size_t n = strspn(p, "0123456789abcdefABCDEF:"), colons = 0;
    for (size_t i = 0; i < n; i++)
        colons += p[i] == ':';
    return colons >= 2 && n >= 6 ? n : 0;
}

// "mx.example.com": dots inside, and letters behind the last.
static bool is_host(const char *w, size_t n)
{
    const char *dot = memrchr(w, '.', n);
    if (!dot || dot == w || w + n - dot < 3)
        return false;
    for (const char *p = dot + 1; p < w + n; p++)
        if (!isalpha((unsigned char)*p) && (unsigned char)*p < 0x80)
            return false;
    return !memmem(w, n, "..", 2);
}

// Does a URL begin here? With its scheme, or a host and a path.
static bool is_url(const char *p, size_t run)
{
    size_t scheme = 0;
    while (isalpha((unsigned char)p[scheme]))
        scheme++;
    if (scheme && strncmp(p + scheme, "://", 3) == 0)
        return true;
    const char *slash = memchr(p, '/', run);
    return strncasecmp(p, "www.", 4) == 0 || (slash && is_host(p, (size_t)(slash - p))) ||
           (p[run] == '/' && is_host(p, run));
}

// A word in quotes or angle brackets: "<joe>", "'joe'"; 0: none, or several words.
static size_t quoted_at(const char *p)
{
    static const char open[] = "<'\"`", close[] = ">'\"'";
    const char *is = *p ? strchr(open, *p) : NULL;
    if (!is)
        return 0;
    size_t n = strcspn(p + 1, " <>'\"`");
    return n && p[1 + n] == close[is - open] ? n + 2 : 0;
}

// What begins at `p`, where a word may begin: its bytes, and whether they vary.
static size_t piece_at(const char *p, bool *varies)
{
    size_t n = quoted_at(p), run, codes;
    *varies = true;
    if (n || (isxdigit((unsigned char)*p) && (n = ipv6_at(p))))
        return n;
    if (!(run = run_at(p))) {
        *varies = *p == '*' && (p[1] == ' ' || !p[1]); // a shape's own
        return 1;
    }
    if (is_url(p, run))
        return strcspn(p, " ");
    if ((codes = codes_at(p, run))) {
        *varies = false;
        return codes;
    }
    *varies = is_id(p, run);
    return run;
}

// One piece of the text between blanks.
static void mark_chunk(struct buf *out, const char *p, size_t n)
{
    if (n > 1 && memchr(p, '@', n)) {
        buf_add_str(out, MARK);
        return;
    }
    for (size_t at = 0; at < n;) {
        bool varies;
        size_t piece = piece_at(p + at, &varies);
        bool is_star = p[at] == '*' && n > 1; // one that stands alone is a gap
        if (varies && !is_star)
            buf_add_str(out, MARK);
        else
            buf_add(out, p + at, piece);
        at += piece;
    }
}

static char *mark(const char *text)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    CLEANUP(xfree) char *copy = xmemdup0(text, strnlen(text, REPLIES_SHAPE_TEXT));
    for (const char *p = copy; *p;) {
        size_t n = strcspn(p, " \t");
        CLEANUP(xfree) char *chunk = xmemdup0(p, n);
        mark_chunk(&out, chunk, n);
        buf_add_byte(&out, ' ');
        p += n + strspn(p + n, " \t");
    }
    return buf_take_str(&out);
}

// ---- its plain words

struct item {
    const char *word;
    size_t n; // 0: a gap
};

static bool word_varies(const char *w, size_t n)
{
    size_t consonants = 0;
    for (size_t i = 0; i < n; i++) {
        if (isdigit((unsigned char)w[i]) || w[i] == '%' || w[i] == '@')
            return true;
        consonants += isalpha((unsigned char)w[i]) && !strchr("aeiouy", w[i]);
    }
    return n >= WORD_MOST || (n >= CONSONANTS && consonants == n) || is_host(w, n) ||
           (n > 4 && memcmp(w, "www.", 4) == 0);
}

static bool is_of_date(const struct item *i)
{
    static const char names[] =
        "mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct "
        "nov dec ";
    for (const char *at = names; i->n == 3 && *at; at += 4)
        if (memcmp(at, i->word, 3) == 0)
            return true;
    return false;
}

// Names of days and months beside a number are part of a date: "wed 25 nov 2026" is one gap.
static void gap_dates(struct item *items, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (!items[i - 1].n && is_of_date(&items[i]))
            items[i].n = 0;
    for (size_t i = n; i-- > 1;)
        if (!items[i].n && is_of_date(&items[i - 1]))
            items[i - 1].n = 0;
}

// Gaps that follow each other are one.
static size_t read_items(struct item items[ITEMS], const char *plain)
{
    size_t n = 0;
    while (*(plain += strspn(plain, " ")) && n < ITEMS) {
        size_t length = strcspn(plain, " ");
        bool varies = word_varies(plain, length);
        if (!varies || !n || items[n - 1].n)
            items[n++] = (struct item){plain, varies ? 0 : length};
        plain += length;
    }
    gap_dates(items, n);
    return n;
}

size_t replies_shape(char out[REPLIES_SHAPE], const char *text)
{
    char plain[REPLIES_PLAIN];
    struct item items[ITEMS];
    CLEANUP(xfree) char *marked = mark(text);
    replies_plain(plain, marked);
    size_t n = read_items(items, plain), at = 0, gaps = 0;
    bool is_gap = false;
    for (size_t i = 0; i < n; i++) {
        size_t length = items[i].n ? items[i].n : 1;
        if (is_gap && !items[i].n)
            continue;
        is_gap = !items[i].n;
        if (at + length + 2 > REPLIES_SHAPE || (gaps += is_gap) > REPLIES_SHAPE_GAPS)
            break;
        if (at)
            out[at++] = ' ';
        memcpy(out + at, is_gap ? "*" : items[i].word, length);
        at += length;
    }
    out[at] = '\0';
    return at;
}

bool replies_is_unknown(unsigned code, const struct reply_verdict *verdict)
{
    return code >= 400 && !verdict->rule &&
           (verdict->class == CLASS_UNDETERMINED || verdict->class == CLASS_TRANSIENT);
}
