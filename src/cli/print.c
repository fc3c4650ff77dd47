#include "cli/print.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "remote/format.h"
#include "remote/protocol.h"

enum { CELL = 400, COLUMNS_MOST = 40 };

// Characters, which are columns for all that we print; what others wrote is clean already.
static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void put_time(char *out, const json_t *v, bool has_seconds)
{
    usec_t at;
    char text[FORMAT_TEXT];
    if (!json_is_string(v) || !clock_parse(&at, json_string_value(v))) {
        snprintf(out, CELL, "–");
        return;
    }
    format_time(text, at, clock_wall());
    if (has_seconds && strlen(json_string_value(v)) > 19)
        snprintf(out, CELL, "%.8sZ", json_string_value(v) + 11);
    else
        snprintf(out, CELL, "%s", text);
}

static void put_any(char *out, const json_t *v)
{
    char text[FORMAT_TEXT];
    if (json_is_string(v)) {
        snprintf(out, CELL, "%s", json_string_value(v));
    } else if (json_is_integer(v)) {
        format_count(text, json_integer_value(v));
        snprintf(out, CELL, "%s", text);
    } else if (json_is_real(v)) {
        snprintf(out, CELL, "%g", json_real_value(v));
    } else if (json_is_boolean(v)) {
        snprintf(out, CELL, "%s", json_is_true(v) ? "yes" : "no");
    } else {
        snprintf(out, CELL, "–");
    }
}

static void put_cell(char out[CELL], enum print_as as, const json_t *v)
{
    char text[FORMAT_TEXT];
    switch (as) {
    case PRINT_RATE:
        format_rate(text, json_is_number(v) ? json_number_value(v) : -1);
        snprintf(out, CELL, "%s", text);
        return;
    case PRINT_TIME:
        put_time(out, v, false);
        return;
    case PRINT_CLOCK:
        put_time(out, v, true);
        return;
    case PRINT_FIRST:
        put_any(out, json_array_get(v, 0));
        return;
    case PRINT_TEXT:
    case PRINT_COUNT:
        put_any(out, v);
        return;
    }
}

static bool is_right(enum print_as as)
{
    return as == PRINT_COUNT || as == PRINT_RATE;
}

static void pad(FILE *to, size_t n)
{
    while (n--)
        (void)fputc(' ', to);
}

// At most `room` characters, then an ellipsis.
static void put_cut(FILE *to, const char *text, size_t room)
{
    const char *s = text;
    size_t n = 0;
    if (width_of(text) <= room) {
        (void)fputs(text, to);
        return;
    }
    while (*s && n < room) {
        s++;
        while (((unsigned char)*s & 0xc0) == 0x80)
            s++;
        if (++n == room - 1)
            break;
    }
    fprintf(to, "%.*s", (int)(s - text), text);
    (void)fputs("…", to);
}

static size_t room_of(FILE *to)
{
    struct winsize w;
    if (!isatty(fileno(to)) || ioctl(fileno(to), TIOCGWINSZ, &w) < 0 || !w.ws_col)
        return SIZE_MAX;
    return w.ws_col;
}

static void put_line(FILE *to, const struct print_column *columns, const size_t *widths, size_t n,
                     char cells[][CELL], size_t room)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t width = width_of(cells[i]);
        size_t blank = widths[i] > width ? widths[i] - width : 0;
        if (i)
            pad(to, 2);
        if (is_right(columns[i].as))
            pad(to, blank);
        at += i ? 2 : 0;
        if (i == n - 1)
            put_cut(to, cells[i], room > at + 8 ? room - at : 8);
        else
            (void)fputs(cells[i], to);
        if (!is_right(columns[i].as) && i < n - 1)
            pad(to, blank);
        at += widths[i];
    }
    (void)fputc('\n', to);
}

void print_table(FILE *to, const struct print_column *columns, size_t n, const json_t *rows,
                 bool has_head)
{
    char cells[COLUMNS_MOST][CELL];
    size_t widths[COLUMNS_MOST] = {0}, r, room = room_of(to);
    const json_t *row;
    n = n < COLUMNS_MOST ? n : COLUMNS_MOST;
    for (size_t i = 0; i < n; i++) {
        size_t head = has_head ? width_of(columns[i].head) : 0;
        widths[i] = head > columns[i].least ? head : columns[i].least;
    }
    json_array_foreach(rows, r, row)
    {
        for (size_t i = 0; i < n; i++) {
            put_cell(cells[i], columns[i].as, json_object_get(row, columns[i].name));
            size_t width = width_of(cells[i]);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        snprintf(cells[i], CELL, "%s", columns[i].head);
    if (has_head)
        put_line(to, columns, widths, n, cells, room);
    json_array_foreach(rows, r, row)
    {
        for (size_t i = 0; i < n; i++)
            put_cell(cells[i], columns[i].as, json_object_get(row, columns[i].name));
        put_line(to, columns, widths, n, cells, room);
    }
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

// How a member prints, by its name: that is how the protocol names them.
static enum print_as as_of(const char *name, const json_t *v)
{
    if (ends_with(name, "_at") || ends_with(name, "_until") || strcmp(name, "at") == 0 ||
        strcmp(name, "now") == 0 || strcmp(name, "until") == 0)
        return PRINT_TIME;
    if (strstr(name, "rate") && json_is_number(v))
        return PRINT_RATE;
    if (strcmp(name, "share") == 0)
        return PRINT_RATE;
    return json_is_number(v) ? PRINT_COUNT : PRINT_TEXT;
}

static bool is_plain(const json_t *v)
{
    return !json_is_object(v) && !json_is_array(v);
}

// A member's name as people write it: "sent 24h". The text lasts as long as the buffer.
static const char *label_of(char out[CELL], const char *name)
{
    snprintf(out, CELL, "%s", name);
    for (char *p = strchr(out, '_'); p; p = strchr(p, '_'))
        *p = ' ';
    return out;
}

// Keys and proofs are for scripts; what no row knows takes no room.
static bool says_something(const json_t *rows, const char *member)
{
    static const char *const hidden[] = {"key", "hash", "node", "t", "n"};
    size_t i;
    const json_t *row;
    for (i = 0; i < ARRAY_LEN(hidden); i++)
        if (strcmp(hidden[i], member) == 0)
            return false;
    json_array_foreach(rows, i, row) if (!json_is_null(json_object_get(row, member))) return true;
    return false;
}

// The plain members of the first row are the columns.
static void print_rows(FILE *to, const char *name, const json_t *rows)
{
    struct print_column columns[COLUMNS_MOST];
    char heads[COLUMNS_MOST][CELL];
    size_t n = 0;
    const char *member;
    json_t *v;
    json_object_foreach(json_array_get(rows, 0), member, v)
    {
        if (!is_plain(v) || n == COLUMNS_MOST || !says_something(rows, member))
            continue;
        columns[n] = (struct print_column){member, label_of(heads[n], member), as_of(member, v)};
        n++;
    }
    fprintf(to, "\n%s\n", name);
    print_table(to, columns, n, rows, true);
}

static void print_texts(FILE *to, const char *name, const json_t *texts)
{
    size_t i;
    const json_t *v;
    char cell[CELL];
    if (json_is_integer(json_array_get(texts, 0)))
        return; // a history for charts
    json_array_foreach(texts, i, v)
    {
        put_any(cell, v);
        fprintf(to, "%-22s  %s\n", i ? "" : name, cell);
    }
}

static void print_plain(FILE *to, const char *prefix, const json_t *object)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)object, name, v)
    {
        char cell[CELL], label[2 * CELL], words[CELL];
        snprintf(label, sizeof(label), "%s%s%s", prefix, prefix[0] ? " " : "",
                 label_of(words, name));
        if (!is_plain(v) || strcmp(name, "key") == 0)
            continue;
        put_cell(cell, as_of(name, v), v);
        fprintf(to, "%-22s  %s%s\n", label, cell,
                as_of(name, v) == PRINT_RATE && json_is_number(v) ? " %" : "");
    }
    json_object_foreach((json_t *)object, name,
                        v) if (json_is_array(v) && is_plain(json_array_get(v, 0)))
        print_texts(to, name, v);
}

void print_object(FILE *to, const json_t *object)
{
    const char *name;
    json_t *v;
    print_plain(to, "", object);
    json_object_foreach((json_t *)object, name, v) if (json_is_object(v))
        print_plain(to, strcmp(name, "row") == 0 ? "" : name, v);
    json_object_foreach((json_t *)object, name,
                        v) if (json_is_array(v) && json_is_object(json_array_get(v, 0)))
        print_rows(to, name, v);
}
