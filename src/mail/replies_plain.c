// What strangers write, as plain words: all that varies (ids, addresses) or repeats (codes) is out of
// the way, so that a pattern is words and nothing else.
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "mail/replies.h"

static bool is_word_byte(unsigned char c)
{
    return isalnum(c) || c >= 0x80;
}

// Does it belong to the word it stands in? A dot, dash or @ inside one does.
static bool goes_on(const char *p)
{
    return is_word_byte((unsigned char)*p) || ((*p == '.' || *p == '-' || *p == '@' || *p == '+') &&
                                               is_word_byte((unsigned char)p[1]));
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

static size_t add_word(char *out, size_t at, const char *w, size_t n)
{
    if (memchr(w, '@', n) || is_ip(w, n)) {
        out[at++] = '%';
    } else {
        for (size_t i = 0; i < n; i++)
            out[at++] = (char)tolower((unsigned char)w[i]);
    }
    out[at++] = ' ';
    return at;
}

size_t replies_plain(char out[REPLIES_PLAIN], const char *text)
{
    size_t at = 1;
    bool is_first = true;
    out[0] = ' ';
    while (*text) {
        const char *w = text;
        size_t n = 0;
        if (!is_word_byte((unsigned char)*text)) {
            text++;
            continue;
        }
        while (goes_on(text))
            text++;
        n = (size_t)(text - w);
        // A code may be repeated at each line's start: "550 " followed by an enhanced status.
        const char *next = text + (*text != '\0');
        strip_codes(&w, &n, is_first || (n == 3 && is_enhanced(next, strcspn(next, " "))));
        is_first = false;
        if (!n)
            continue;
        if (at + n + 2 > REPLIES_PLAIN)
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
    if (!*code && enhanced[0] && strspn(text, "0123456789.") >= 5)
        *code = (unsigned)(enhanced[0] - '0') * 100 + 50; // "4.7.4 TLS is required": a status alone
}
