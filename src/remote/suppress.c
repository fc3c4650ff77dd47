#include "remote/suppress.h"

#include <string.h>

#include "base/text.h"

enum { LOCAL_MOST = 64, DOMAIN_MOST = 255 };

static bool is_domain(const char *s)
{
    size_t n = strlen(s), label = 0;
    for (const char *p = s; *p; p++) {
        bool is_letter = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' ||
                         *p == '_' || (*p & 0x80);
        if (!is_letter && (*p != '.' || !label))
            return false;
        label = *p == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return n && n <= DOMAIN_MOST && label;
}

// An IP address in brackets, by its letters (RFC 5321 §4.1.3).
static bool is_literal(const char *s)
{
    size_t n = strlen(s);
    return n > 2 && n <= DOMAIN_MOST && s[0] == '[' &&
           1 + strspn(s + 1, "abcdefghijklmnopqrstuvwxyz0123456789:.") == n - 1 && s[n - 1] == ']';
}

// The inside of a quoted string (RFC 5321 §4.1.2).
static bool is_quoted_text(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || (s[i] == '\\' && ++i == n))
            return false;
        if (s[i] < ' ' || s[i] > '~')
            return false;
    }
    return true;
}

static bool is_local(const char *s, size_t n)
{
    if (n >= 2 && n <= LOCAL_MOST && s[0] == '"' && s[n - 1] == '"')
        return is_quoted_text(s + 1, n - 2);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("<>,;\"@", s[i]))
            return false;
    return n > 0 && n <= LOCAL_MOST;
}

bool suppress_parse_what(char out[SUPPRESS_WHAT], const char *text)
{
    char shown[4 * SUPPRESS_WHAT];
    size_t n = strlen(text);
    const char *at = strrchr(text, '@');
    if (!n || n > SUPPRESS_WHAT - 2 || text_visible(shown, sizeof(shown), text, n) != n ||
        strcmp(shown, text) != 0)
        return false;
    size_t from = at ? (size_t)(at - text) : 0;
    out[0] = '@';
    memcpy(at ? out : out + 1, text, n + 1);
    for (char *p = out + from; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    const char *domain = out + from + 1;
    return (is_domain(domain) || is_literal(domain)) && (!from || is_local(text, from));
}

bool suppress_parse_cell(char out[SUPPRESS_WHAT], const char *text)
{
    return strchr(text, '@') && suppress_parse_what(out, text);
}

bool suppress_is_owner(const char *text)
{
    char customer[TEXT_NAME];
    const char *slash = strchr(text, '/');
    if (!slash)
        return !*text || text_is_name(text);
    size_t n = (size_t)(slash - text);
    if (n >= sizeof(customer))
        return false;
    memcpy(customer, text, n);
    customer[n] = '\0';
    return text_is_name(customer) && text_is_name(slash + 1);
}

bool suppress_parse_time(usec_t *at, const char *text)
{
    if (strcmp(text, "never") != 0)
        return clock_parse(at, text) || clock_parse_date(at, text);
    *at = USEC_NEVER;
    return true;
}

bool suppress_cut(char *line, char between, char *fields[SUPPRESS_FIELDS])
{
    for (size_t i = 0; i < SUPPRESS_FIELDS; i++) {
        fields[i] = line;
        char *end = strchr(line, between);
        line = end ? end + 1 : line + strlen(line);
        if (end)
            *end = '\0';
        if (end && i + 1 == SUPPRESS_FIELDS)
            return false;
    }
    return true;
}

// One cell from *at on, its quotes taken off; *at is behind it. False: a quote is left open.
static bool cut_cell(char **at)
{
    char *from = *at, *to = from;
    bool is_quoted = *from == '"';
    from += is_quoted;
    while (*from && (is_quoted || *from != ',')) {
        if (is_quoted && *from == '"' && from[1] != '"') { // its end
            is_quoted = false;
            from++;
            continue;
        }
        from += is_quoted && *from == '"'; // two are one
        *to++ = *from++;
    }
    bool is_last = !*from;
    *to = '\0';
    *at = is_last ? NULL : from + 1;
    return !is_quoted;
}

bool suppress_cut_csv(char *line, char *cells[SUPPRESS_CELLS], size_t *n)
{
    for (*n = 0; line && *n < SUPPRESS_CELLS;) {
        cells[(*n)++] = line;
        if (!cut_cell(&line))
            return false;
    }
    return !line;
}
