#include "control/filter.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"

enum how { ANYWHERE, HAS, MORE, LESS };

struct word {
    enum how how;
    bool is_inverted;
    size_t field; // of all but ANYWHERE
    char *text;   // ANYWHERE, HAS
    double number;
    bool is_number; // HAS: the text is a number too
};

struct filter {
    struct word words[FILTER_WORDS];
    size_t n;
};

struct filter *filter_free(struct filter *f)
{
    for (size_t i = 0; f && i < f->n; i++)
        xfree(f->words[i].text);
    return xfree(f);
}

// `2`, `0.5`, `2%`.
static bool parse_number(double *v, const char *s)
{
    char *end;
    if (!isdigit((unsigned char)s[0]) && !(s[0] == '.' && isdigit((unsigned char)s[1])))
        return false;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return false;
    errno = 0;
    *v = strtod(s, &end);
    if (*end == '%') {
        *v /= 100;
        end++;
    }
    return !errno && !*end;
}

// Where the operator stands, if the word is a field's: letters, then one of : < >.
static const char *operator_of(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (!n || isdigit((unsigned char)s[0]) || !s[n] || !strchr(":<>", s[n]))
        return NULL;
    // an IPv6 address is text
    return s[n] == ':' && strchr(s + n + 1, ':') &&
                   strlen(s) == strspn(s, "0123456789abcdefABCDEF:.")
               ? NULL
               : s + n;
}

static char *unknown_field(const struct filter_fields *fields, const char *name)
{
    const char *names[64];
    size_t n = 0;
    while (n < ARRAY_LEN(names) && (names[n] = fields->name(fields->ctx, n)))
        n++;
    const char *near = text_nearest(name, names, n);
    return xasprintf("no field `%s`%s%s", name, near ? "; nearest: " : "", near ? near : "");
}

static int parse_field(struct word *w, const char *s, const char *operator,
                       const struct filter_fields * fields, unsigned *column, char **why)
{
    CLEANUP(xfree) char *name = xmemdup0(s, (size_t)(operator- s));
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    int field = fields->find(fields->ctx, name);
    if (field < 0) {
        *why = unknown_field(fields, name);
        return 1;
    }
    w->field = (size_t)field;
    w->how = *operator== ':' ? HAS : * operator== '>' ? MORE : LESS;
    w->is_number = parse_number(&w->number, operator+ 1);
    *column += (unsigned)(operator- s) + 1;
    if (!operator[1] ||(w->how != HAS && !w->is_number)) {
        *why = xasprintf("expected %s after `%s%c`", w->how == HAS ? "text" : "a number like 2%",
                         name, *operator);
        return 1;
    }
    w->text = xstrdup(operator+ 1);
    return 0;
}

static int parse_word(struct filter *f, const char *s, const struct filter_fields *fields,
                      unsigned *column, char **why)
{
    struct word *w = &f->words[f->n++];
    while (*s == '!') {
        w->is_inverted = !w->is_inverted;
        s++;
        ++*column;
    }
    if (!*s) {
        *why = xstrdup("expected a word after `!`");
        return 1;
    }
    const char *operator= operator_of(s);
    if (operator)
        return parse_field(w, s, operator, fields, column, why);
    w->text = xstrdup(s);
    return 0;
}

int filter_parse(struct filter **out, const char *text, const struct filter_fields *fields,
                 unsigned *column, char **why)
{
    CLEANUP(filter_free) struct filter *f = xcalloc(1, sizeof(*f));
    *column = 1;
    if (strlen(text) > FILTER_TEXT) {
        *why = xasprintf("at most %d bytes", (int)FILTER_TEXT);
        return 1;
    }
    for (const char *s = text; *(s += strspn(s, " \t"));) {
        size_t n = strcspn(s, " \t");
        *column = (unsigned)(s - text) + 1;
        if (f->n == FILTER_WORDS) {
            *why = xasprintf("at most %d words", (int)FILTER_WORDS);
            return 1;
        }
        CLEANUP(xfree) char *word = xmemdup0(s, n);
        if (parse_word(f, word, fields, column, why))
            return 1;
        s += n;
    }
    *out = MOVE(f);
    return 0;
}

static bool has_text(const struct value *v, const char *text)
{
    return (v->type == VALUE_TEXT || v->type == VALUE_WORD) && strcasestr(v->text, text);
}

static bool is_numeric(const struct value *v)
{
    return v->type == VALUE_COUNT || v->type == VALUE_RATE || v->type == VALUE_TIME;
}

// Times are compared as Unix seconds.
static double number_of(const struct value *v)
{
    return v->type == VALUE_TIME ? v->number / (double)USEC_SECOND : v->number;
}

static bool field_matches(const struct word *w, const struct value *v)
{
    switch (w->how) {
    case ANYWHERE:
        return has_text(v, w->text);
    case HAS:
        if (v->type == VALUE_FLAG)
            return strcasecmp(w->text, v->number != 0 ? "true" : "false") == 0;
        return has_text(v, w->text) || (w->is_number && is_numeric(v) && number_of(v) == w->number);
    case MORE:
        return is_numeric(v) && number_of(v) > w->number;
    case LESS:
        return is_numeric(v) && number_of(v) < w->number;
    }
    return false;
}

static bool word_matches(const struct word *w, bool (*get)(void *ctx, size_t i, struct value *v),
                         void *ctx)
{
    bool does = false, goes_on = true;
    for (size_t i = w->how == ANYWHERE ? 0 : w->field; goes_on && !does; i++) {
        struct value v = {.type = VALUE_NONE};
        goes_on = get(ctx, i, &v) && w->how == ANYWHERE;
        does = field_matches(w, &v);
        value_deinit(&v);
    }
    return does != w->is_inverted;
}

bool filter_match(const struct filter *f, bool (*get)(void *ctx, size_t i, struct value *v),
                  void *ctx)
{
    for (size_t i = 0; f && i < f->n; i++)
        if (!word_matches(&f->words[i], get, ctx))
            return false;
    return true;
}
