// A comma is needed unless an object or array was just opened: the last byte written tells.
#include "core/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static void add_escaped(struct buf *out, const uint8_t *p, size_t n)
{
    if (*p == '"' || *p == '\\')
        buf_printf(out, "\\%c", *p);
    else if (*p < 0x20 || *p == 0x7f)
        buf_printf(out, "\\u%04x", *p);
    else
        buf_add(out, p, n);
}

void json_quoted(struct buf *out, const char *s)
{
    struct bytes left = bytes_str(s);
    buf_add_byte(out, '"');
    while (left.n) {
        uint32_t code;
        size_t n = text_utf8(&code, left.p, left.n);
        if (n)
            add_escaped(out, left.p, n);
        else
            buf_printf(out, "\\\\x%02x", *left.p);
        left = bytes_skip(left, n ? n : 1);
    }
    buf_add_byte(out, '"');
}

void json_name(struct buf *out, const char *name)
{
    uint8_t last = out->n ? out->p[out->n - 1] : '{';
    buf_printf(out, "%s\"%s\":", last == '{' ? "" : ",", name);
}

void json_text(struct buf *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    json_name(out, name);
    json_quoted(out, value);
}

void json_count(struct buf *out, const char *name, uint64_t value)
{
    json_name(out, name);
    buf_printf(out, "%" PRIu64, value);
}

void json_number(struct buf *out, const char *name, double value)
{
    char text[40];
    json_name(out, name);
    if (!isfinite(value)) {
        buf_add_str(out, "null");
        return;
    }
    snprintf(text, sizeof(text), "%.6g", value);
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    buf_add_str(out, text);
}

void json_time(struct buf *out, const char *name, usec_t at)
{
    usec_t ms = at > 0 ? at / USEC_MS : 0;
    json_name(out, name);
    buf_printf(out, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}
