#include "mail/replies_shape.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { WORD_MOST = 24 }; // a longer word is an id

static bool is_separator(char c)
{
    return isspace((unsigned char)c) || strchr("()[]<>{}\"',;=|!?", c);
}

// Bytes of the URL at `text`; 0: none begins there.
static size_t url_at(const char *text)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:", "www."};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
            return strcspn(text, " \t\r\n<>()[]{}\"'|");
    return 0;
}

// A trailing ":25" is no part of an address or name.
static size_t without_port(const char *w, size_t n)
{
    size_t digits = 0;
    while (digits < n && isdigit((unsigned char)w[n - 1 - digits]))
        digits++;
    return digits && digits < n && w[n - 1 - digits] == ':' ? n - 1 - digits : n;
}

static bool is_ip(const char *w, size_t n)
{
    size_t dots = 0, colons = 0, others = 0, v4 = without_port(w, n);
    for (size_t i = 0; i < v4; i++) {
        dots += w[i] == '.';
        others += w[i] != '.' && !isdigit((unsigned char)w[i]);
    }
    if (dots == 3 && !others)
        return true;
    for (size_t i = 0; i < n; i++) {
        colons += w[i] == ':';
        if (!isxdigit((unsigned char)w[i]) && w[i] != ':' && w[i] != '.')
            return false;
    }
    return colons >= 2;
}

// Labels with dots between them, the last one letters alone.
static bool is_host(const char *w, size_t n)
{
    size_t dots = 0, label = 0, letters = 0;
    n = without_port(w, n);
    for (size_t i = 0; i < n; i++) {
        bool is_dot = w[i] == '.';
        if (!is_dot && !isalnum((unsigned char)w[i]) && w[i] != '-' && w[i] != '_')
            return false;
        if (is_dot && !label)
            return false;
        dots += is_dot;
        letters = is_dot ? 0 : letters + !!isalpha((unsigned char)w[i]);
        label = is_dot ? 0 : label + 1;
    }
    return dots && label >= 2 && letters == label;
}

static bool has_digit(const char *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isdigit((unsigned char)w[i]))
            return true;
    return false;
}

static const char *stands_for(const char *w, size_t n)
{
    return memchr(w, '@', n)                                       ? "<address>"
           : is_ip(w, n)                                           ? "<ip>"
           : is_host(w, n)                                         ? "<host>"
           : has_digit(w, n) || n > WORD_MOST || memchr(w, '#', n) ? "#"
                                                                   : NULL;
}

// Adds it whole or not at all. Runs of `#` are one, and so are blanks.
static bool add(char *out, size_t *at, const char *w, size_t n)
{
    bool is_number = n == 1 && *w == '#', is_blank = n == 1 && *w == ' ';
    if (is_blank && (!*at || out[*at - 1] == ' '))
        return true;
    if (is_number && *at &&
        (out[*at - 1] == '#' || (*at > 1 && out[*at - 1] == ' ' && out[*at - 2] == '#')))
        return true;
    if (*at + n >= REPLY_SHAPE)
        return false;
    for (size_t i = 0; i < n; i++)
        out[(*at)++] = (char)tolower((unsigned char)w[i]);
    return true;
}

// What stands for something, without the brackets around that: "<a@b.example>" is "<address>".
static bool add_masked(char *out, size_t *at, const char *masked, const char **behind)
{
    bool is_in_brackets = *masked == '<' && *at && out[*at - 1] == '<' && **behind == '>';
    *at -= is_in_brackets;
    if (!add(out, at, masked, strlen(masked)))
        return false;
    *behind += is_in_brackets;
    return true;
}

// One word; what of it is punctuation at its ends stands by itself.
static bool add_word(char *out, size_t *at, const char **text, size_t n)
{
    const char *w = *text, *behind = w + n;
    size_t tail = n;
    while (tail && strchr(".:-/*&+~", w[tail - 1]))
        tail--;
    *text = behind;
    const char *masked = tail ? stands_for(w, tail) : NULL;
    if (masked && tail == n)
        return add_masked(out, at, masked, text);
    if (masked ? !add(out, at, masked, strlen(masked)) : !add(out, at, w, tail))
        return false;
    for (size_t i = tail; i < n; i++)
        if (!add(out, at, w + i, 1))
            return false;
    return true;
}

size_t replies_shape(char out[REPLY_SHAPE], const char *text)
{
    size_t at = 0;
    bool is_room = true;
    while (*text && is_room) {
        size_t n = url_at(text);
        if (n) {
            text += n;
            is_room = add_masked(out, &at, "<url>", &text);
        } else if (is_separator(*text)) {
            is_room = add(out, &at, isspace((unsigned char)*text) ? " " : text, 1);
            text++;
        } else {
            while (text[n] && !is_separator(text[n]) && !(n && url_at(text + n)))
                n++;
            is_room = add_word(out, &at, &text, n);
        }
    }
    while (at && out[at - 1] == ' ')
        at--;
    out[at] = '\0';
    return at;
}
