// What strangers write, as plain words: all that varies (ids, addresses) or repeats (codes) is out of
// the way, so that a pattern is words and nothing else.
#include <ctype.h>
#include <string.h>

#include "mail/replies.h"
#include "mail/replies_letters.h"

// Bytes of the word that go on at `p`; 0: it ends there. A dot, dash or @ inside one belongs to it.
static size_t goes_on(const char *p)
{
    struct letter l;
    if (!*p)
        return 0;
    if ((unsigned char)*p < 0x80 && isalnum((unsigned char)*p))
        return 1;
    letter_read(&l, p);
    if (l.kind == LETTER_WORD || l.kind == LETTER_MARK)
        return l.taken;
    if ((*p != '.' && *p != '-' && *p != '@' && *p != '+') || !p[1])
        return 0;
    letter_read(&l, p + 1);
    return l.kind == LETTER_WORD;
}

// "5.1.1", also of two parts with a long last one ("554.30" is none of ours).
static bool is_enhanced(const char *w, size_t n)
{
    int dots = 0;
    if (n < 5 || !strchr("245", w[0]) || w[1] != '.')
        return false;
    for (size_t i = 0; i < n; i++) {
        dots += w[i] == '.';
        if (w[i] != '.' && !isdigit((unsigned char)w[i]))
            return false;
    }
    return dots == 2;
}

static bool is_code(const char *w, size_t n)
{
    return n >= 3 && strchr("245", w[0]) && isdigit((unsigned char)w[1]) &&
           isdigit((unsigned char)w[2]) && (n == 3 || w[3] == '-');
}

static bool is_ip(const char *w, size_t n)
{
    int dots = 0;
    for (size_t i = 0; i < n; i++) {
        dots += w[i] == '.';
        if (w[i] != '.' && !isdigit((unsigned char)w[i]))
            return false;
    }
    return dots == 3;
}

// The part of a word that counts: "550-5.1.1" nothing, "550-the" is "the".
static void strip_codes(const char **w, size_t *n, bool is_first)
{
    if (is_code(*w, *n) && (is_first || *n > 3)) {
        size_t skip = *n > 3 ? 4 : 3;
        *w += skip;
        *n -= skip;
    }
    if (is_enhanced(*w, *n))
        *n = 0;
}

// "2001:db8::25"; 0 bytes: none stands here.
static size_t ipv6_at(const char *text)
{
    size_t n = 0, colons = 0;
    for (; isxdigit((unsigned char)text[n]) || text[n] == ':'; n++)
        colons += text[n] == ':';
    return colons < 2 || n < 6 ? 0 : n;
}

size_t replies_plain_word(char *out, size_t room, const char *w, size_t n)
{
    size_t at = 0;
    bool is_host = memchr(w, '.', n);
    for (struct letter l; n && at + LETTER_BYTES + 2 <= room; w += l.taken, n -= l.taken) {
        if ((unsigned char)*w < 0x80 && isalnum((unsigned char)*w)) { // most are
            out[at++] = (char)tolower((unsigned char)*w);
            l.taken = 1;
            continue;
        }
        letter_read(&l, w);
        if (l.taken > n)
            break;
        if (l.kind == LETTER_SIGN && at && out[at - 1] != ' ')
            out[at++] = ' ';
        memcpy(out + at, l.plain, l.plain_n);
        at += l.plain_n;
        if (l.kind == LETTER_SIGN || (*w == '-' && !is_host))
            out[at++] = ' ';
        else if (l.kind == LETTER_NONE)
            out[at++] = *w;
    }
    return at;
}

static size_t add_word(char *out, size_t at, const char *w, size_t n)
{
    if (memchr(w, '@', n))
        out[at++] = *w == '@' && w[1] == '%' ? '%' : '@';
    else if (is_ip(w, n))
        out[at++] = '%';
    else
        at += replies_plain_word(out + at, REPLIES_PLAIN - 2 - at, w, n);
    if (out[at - 1] != ' ')
        out[at++] = ' ';
    return at;
}

// The word that begins at `text`, or nothing.
static size_t word_at(const char *text)
{
    const char *end = text;
    struct letter l;
    size_t n = isxdigit((unsigned char)*text) ? ipv6_at(text) : 0;
    if (n)
        return n;
    if ((unsigned char)*text < 0x80 && !isalnum((unsigned char)*text) && *text != '\\')
        return 0;
    letter_read(&l, text);
    if (l.kind == LETTER_SIGN)
        return l.taken;
    if (l.kind == LETTER_WORD)
        while ((n = goes_on(end)))
            end += n;
    return (size_t)(end - text);
}

size_t replies_plain(char out[REPLIES_PLAIN], const char *text)
{
    size_t at = 1;
    bool is_first = true;
    out[0] = ' ';
    while (*text) {
        const char *w = text;
        size_t n = word_at(text);
        text += n ? n : 1;
        if (!n)
            continue;
        if (memchr(w, ':', n)) {
            w = "@%  "; // an IPv6 address
            n = strlen(w);
        }
        // A code may be repeated at each line's start: "550 " followed by an enhanced status.
        const char *next = text + (*text != '\0');
        strip_codes(&w, &n, is_first || (n == 3 && is_enhanced(next, strcspn(next, " "))));
        is_first = false;
        if (!n)
            continue;
        if (at + n + 8 > REPLIES_PLAIN)
            break;
        at = add_word(out, at, w, n);
    }
    out[at] = '\0';
    return at;
}

// The first thing in the text that looks like an enhanced status: in front, or "(#5.1.1)".
static void find_enhanced(const char *text, char *enhanced)
{
    enhanced[0] = '\0';
    for (const char *p = text; *p; p++) {
        size_t n = strspn(p, "0123456789.");
        if (n && (p == text || strchr(" -#(", p[-1]))) {
            while (n && p[n - 1] == '.')
                n--;
            if (n < 12 && is_enhanced(p, n) && p[n] != '.') {
                memcpy(enhanced, p, n);
                enhanced[n] = '\0';
                return;
            }
        }
        if (n > 1)
            p += n - 1;
    }
}

void replies_codes(const char *text, unsigned *code, char *enhanced)
{
    text += strspn(text, " \t");
    *code = 0;
    if (is_code(text, strnlen(text, 3)) && (text[3] == ' ' || text[3] == '-' || !text[3]))
        *code = (unsigned)((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
    find_enhanced(text, enhanced);
    // "4.7.4 TLS is required", "no space (#4.3.0)": a status alone
    if (!*code && enhanced[0] && (strspn(text, "0123456789.") >= 5 || strstr(text, "(#")))
        *code = (unsigned)(enhanced[0] - '0') * 100 + 50;
}
