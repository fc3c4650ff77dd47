#include "ui/row.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

static char *cleaned(const char *text, size_t n)
{
    char *clean = text_visible_new(bytes_of(text, n));
    if (strlen(clean) == n && memcmp(clean, text, n) == 0)
        clean = xfree(clean);
    return clean; // NULL: it was clean already
}

static void clean_string(json_t *string)
{
    CLEANUP(xfree) char *clean = cleaned(json_string_value(string), json_string_length(string));
    if (clean)
        json_string_set(string, clean);
}

// A text of lines: each line is made visible, the ends of lines stay.
static void clean_lines(json_t *string)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    const char *at = json_string_value(string), *end = at + json_string_length(string);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        text_visible_add(&b, bytes_of(at, n));
        if (newline)
            buf_add_byte(&b, '\n');
        at += n + 1;
    }
    json_string_setn(string, b.n ? (const char *)b.p : "", b.n);
}

static void clean_object(json_t *object)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, key, value)
    {
        CLEANUP(xfree) char *clean = cleaned(key, strlen(key));
        if (strcmp(key, ROW_LINES) == 0 && json_is_string(value))
            clean_lines(value);
        else
            row_clean(value);
        if (!clean)
            continue;
        json_object_set(object, clean, value);
        json_object_del(object, key);
    }
}

void row_clean(json_t *json)
{
    size_t i;
    json_t *value;
    if (json_is_string(json))
        clean_string(json);
    else if (json_is_object(json))
        clean_object(json);
    else if (json_is_array(json))
        json_array_foreach(json, i, value) row_clean(value);
}

const char *row_maybe(const json_t *row, const char *field)
{
    return json_string_value(json_object_get(row, field));
}

const char *row_text(const json_t *row, const char *field)
{
    const char *text = row_maybe(row, field);
    return text ? text : "";
}

bool row_number(const json_t *row, const char *field, double *v)
{
    const json_t *value = json_object_get(row, field);
    if (!json_is_number(value))
        return false;
    *v = json_number_value(value);
    return true;
}

int64_t row_count(const json_t *row, const char *field)
{
    double v;
    return row_number(row, field, &v) && v >= 0 && v < 9e15 ? (int64_t)v : -1;
}

usec_t row_time(const json_t *row, const char *field)
{
    usec_t at;
    const char *text = row_maybe(row, field);
    return text && clock_parse(&at, text) ? at : 0;
}

bool row_flag(const json_t *row, const char *field)
{
    return json_is_true(json_object_get(row, field));
}

size_t row_numbers(const json_t *row, const char *field, double *v, size_t room)
{
    const json_t *array = json_object_get(row, field), *value;
    size_t i, n = 0;
    json_array_foreach(array, i, value)
    {
        if (n == room)
            break;
        v[n++] = json_is_number(value) ? json_number_value(value) : -1;
    }
    return n;
}
