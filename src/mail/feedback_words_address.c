// Addresses as they stand in running text: found at their @, without what stands before and behind; and the
// spellings that hide one ("bob at x.example", X.400), which are looked for only where no other stands.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/feedback_words.h"

enum {
    LOCAL_MOST = 64 + 30, // bytes; longer ones are no addresses
    RESPELLED = 2000,     // bytes of a line in which "bob at x.example" is looked for
};

static bool is_local_byte(unsigned char c)
{
    return isalnum(c) || (c && strchr("._+-='/#&~%$!^*?{}|`", c));
}

static bool is_domain_byte(unsigned char c)
{
    return isalnum(c) || c == '.' || c == '-' || c == '_';
}

// "recipient=bob", "'bob", "/bob": what stands before a local part and is none.
static size_t skip_label(const char *text, size_t from, size_t at)
{
    static const char *const labels[] = {
        "rcpt=", "to=", "recipient=", "email=", "user=", "address=",
        "smtp=", "e=",  "rcpt_to=",   "addr=",  "from=", "mailfrom="};
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        size_t n = strlen(labels[i]);
        if (at - from > n && strncasecmp(text + from, labels[i], n) == 0)
            from += n;
    }
    for (size_t i = from; i + 4 < at; i++)
        if (strncmp(text + i, "822=", 4) == 0) // of an X.400 address
            from = i + 4;
    // "550-'bob@x": a reply's code runs into it
    if (from + 5 < at && strchr("245", text[from]) && isdigit((unsigned char)text[from + 1]) &&
        isdigit((unsigned char)text[from + 2]) && strchr("-=", text[from + 3]) &&
        strchr("'`{|", text[from + 4]))
        from += 5;
    while (from < at && !isalnum((unsigned char)text[from]) && text[from] != '_')
        from++;
    return from;
}

static size_t local_start(const char *text, size_t at)
{
    size_t from = at;
    if (at && text[at - 1] == '"') {
        for (from = at - 1; from && at - from < LOCAL_MOST && text[from - 1] != '\n';)
            if (text[--from] == '"')
                return from;
        return at;
    }
    while (from && at - from < LOCAL_MOST && is_local_byte((unsigned char)text[from - 1]))
        from--;
    return skip_label(text, from, at);
}

static size_t domain_end(const char *text, size_t n, size_t at)
{
    size_t end = at, dot = 0;
    while (end < n && end - at < 254 && is_domain_byte((unsigned char)text[end])) {
        if (text[end] == '.' && (end == at || text[end - 1] == '.'))
            break; // "x.example..."
        end++;
    }
    while (end > at && !isalnum((unsigned char)text[end - 1]))
        end--;
    for (size_t i = at; i < end; i++)
        if (text[i] == '.')
            dot = i;
    if (!dot || end - dot < 2 || !isalpha((unsigned char)text[dot + 1]))
        return at;
    return end;
}

bool words_address(const char *text, size_t n, size_t *at, struct bytes *address)
{
    while (*at < n) {
        const char *sign = memchr(text + *at, '@', n - *at);
        if (!sign)
            break;
        size_t i = (size_t)(sign - text), from = local_start(text, i);
        size_t end = domain_end(text, n, i + 1);
        *at = end > i + 1 ? end : i + 1;
        if (from == i || end == i + 1 ||
            (from && (text[from - 1] == '@' || text[from - 1] == ':') && from >= 3 &&
             memcmp(text + from - 2, "/:", 2) == 0))
            continue;
        *address = bytes_of(text + from, end - from);
        return true;
    }
    *at = n;
    return false;
}

char *words_lowered(struct bytes address)
{
    char *low = xmemdup0(address.p, address.n);
    words_lower(low, address.n);
    return low;
}

void words_collect(struct map *set, const char *value)
{
    struct bytes address;
    for (size_t at = 0, n = strlen(value); words_address(value, n, &at, &address);) {
        CLEANUP(xfree) char *low = words_lowered(address);
        if (set->count < WORDS_PLACES)
            map_put_str(set, low, set);
    }
}

bool words_has(const struct map *set, const char *address)
{
    CLEANUP(xfree) char *low = words_lowered(bytes_str(address));
    return map_get_str(set, low) != NULL;
}

// Is there a domain's name at `at`?
static bool is_domain_at(const struct words *w, size_t at)
{
    return domain_end(w->text, w->n, at) > at;
}

// "bob at x.example", "bob(a)x.example" become addresses; the rest of the line moves up.
static bool respell_line(struct words *w, const struct words_line *l)
{
    static const char *const signs[] = {"(a)", "(at)", " (at) ", "[at]", " [at] ", " at ", "%40"};
    bool has_any = false;
    for (size_t at = l->at + 1; at < l->end; at++)
        for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
            size_t n = strlen(signs[i]);
            if (at + n >= l->end || strncmp(w->low + at, signs[i], n) != 0 ||
                !is_local_byte((unsigned char)w->low[at - 1]) || !is_domain_at(w, at + n))
                continue;
            for (char *text = w->text;; text = w->low) {
                text[at] = '@';
                memmove(text + at + 1, text + at + n, l->end - at - n);
                memset(text + l->end - n + 1, ' ', n - 1);
                if (text == w->low)
                    break;
            }
            has_any = true;
        }
    return has_any;
}

bool words_respell(struct words *w)
{
    bool has_any = false;
    for (size_t i = 0; i < w->lines_n; i++)
        if (!w->lines[i].is_out && w->lines[i].end - w->lines[i].at < RESPELLED)
            has_any |= respell_line(w, &w->lines[i]);
    w->is_respelled = has_any;
    return has_any;
}
