// A line begins a field when it looks like one of a report: a word with a dash in it, or one of the few that
// have none. "550 5.1.1: …" and "http://…" do not, so that a wrapped diagnostic goes on.
#include "mail/feedback_fields.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static const char *const single_words[] = {"action",      "status", "version", "incidents",
                                           "disposition", "error",  "failure", "warning"};

// The name's length when a field begins here, else 0. Of any name, or one that looks like a report's.
static size_t name_length(const char *line, char name[FIELD_NAME], bool is_any)
{
    size_t n = 0, gap;
    bool has_dash = is_any;
    for (; isalnum((unsigned char)line[n]) || line[n] == '-'; n++) {
        if (n == FIELD_NAME - 1)
            return 0;
        has_dash |= n && line[n] == '-';
        name[n] = (char)tolower((unsigned char)line[n]);
    }
    name[n] = '\0';
    gap = strspn(line + n, " \t");
    if (!n || line[n + gap] != ':' || !isalpha((unsigned char)name[0]))
        return 0;
    for (size_t i = 0; !has_dash && i < ARRAY_LEN(single_words); i++)
        has_dash = strcmp(name, single_words[i]) == 0;
    return has_dash ? n + gap : 0;
}

static const char *line_end(const char *at)
{
    return at + strcspn(at, "\n");
}

static const char *next_line(const char *at)
{
    at = line_end(at);
    return *at ? at + 1 : at;
}

static bool is_empty(const char *line)
{
    return !line[strspn(line, " \t\r")] || line[strspn(line, " \t\r")] == '\n';
}

struct field_walk field_walk_of(const char *text)
{
    return (struct field_walk){.at = text};
}

struct field_walk field_walk_of_any(const char *text)
{
    return (struct field_walk){.at = text, .is_any_name = true};
}

static void add_line(struct buf *value, const char *from)
{
    const char *end = line_end(from);
    from += strspn(from, " \t");
    while (end > from && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    if (end <= from || value->n > FIELD_VALUE)
        return;
    if (value->n)
        buf_add_byte(value, ' ');
    buf_add(value, from, (size_t)(end - from));
}

bool field_next(struct field_walk *w)
{
    CLEANUP(buf_deinit) struct buf value = {0};
    char other[FIELD_NAME];
    size_t n = 0;
    w->field.is_apart = false;
    for (; *w->at && !(n = name_length(w->at, w->field.name, w->is_any_name));
         w->at = next_line(w->at))
        w->field.is_apart |= is_empty(w->at);
    if (!*w->at)
        return false;
    buf_add_str(&value, "");
    add_line(&value, w->at + n + 1);
    for (w->at = next_line(w->at);
         *w->at && !is_empty(w->at) && !name_length(w->at, other, w->is_any_name);
         w->at = next_line(w->at))
        add_line(&value, w->at);
    xfree(w->field.value);
    w->field.value = buf_take_str(&value);
    if (strlen(w->field.value) > FIELD_VALUE)
        w->field.value[FIELD_VALUE] = '\0';
    return true;
}

void field_walk_deinit(struct field_walk *w)
{
    w->field.value = xfree(w->field.value);
}

bool fields_have(const char *text, const char *const *names)
{
    char name[FIELD_NAME];
    for (; *text; text = next_line(text)) {
        if (!name_length(text, name, false))
            continue;
        for (const char *const *one = names; *one; one++)
            if (strcmp(name, *one) == 0)
                return true;
    }
    return false;
}
