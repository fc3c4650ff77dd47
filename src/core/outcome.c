#include "core/outcome.h"

#include <inttypes.h>
#include <stdbool.h>
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

// What is no UTF-8 shows as text_visible() would show it: JSON has no way to say a bad byte.
static void add_string(struct buf *out, const char *s)
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

// An empty string is the same as no field.
static void add_text(struct buf *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_printf(out, ",\"%s\":", name);
    add_string(out, value);
}

static void add_number(struct buf *out, const char *name, unsigned value)
{
    if (value)
        buf_printf(out, ",\"%s\":%u", name, value);
}

static void add_time(struct buf *out, usec_t at)
{
    usec_t ms = at > 0 ? at / USEC_MS : 0;
    buf_printf(out, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}

// `delivered` is what a fresh outcome's class reads as: of another kind it says nothing.
static bool has_class(const struct outcome *o)
{
    return o->class != CLASS_DELIVERED || o->kind == OUTCOME_DELIVERED;
}

static void add_message(struct buf *out, const struct outcome *o)
{
    char id[ID_MESSAGE_TEXT];
    if (!o->message.hi && !o->message.lo)
        return;
    message_id_format(id, o->message);
    add_text(out, "message", id);
}

void outcome_format(struct buf *out, const struct outcome *o)
{
    buf_add_str(out, "{\"t\":");
    add_time(out, o->at);
    add_text(out, "kind", outcome_kind_text(o->kind));
    add_text(out, "customer", o->customer);
    add_text(out, "ip", o->ip);
    add_text(out, "provider", o->provider);
    if (has_class(o))
        add_text(out, "class", class_text(o->class));
    add_text(out, "recipient", o->recipient);
    add_text(out, "stream", stream_text(o->stream));
    add_text(out, "list", o->list);
    add_message(out, o);
    if (o->phase != PHASE_NONE)
        add_text(out, "phase", phase_text(o->phase));
    if (o->scope != SCOPE_UNKNOWN)
        add_text(out, "scope", scope_text(o->scope));
    add_number(out, "code", o->code);
    add_text(out, "reply", o->reply);
    add_number(out, "attempt", o->attempt);
    if (o->delivered_at) {
        buf_add_str(out, ",\"delivered_at\":");
        add_time(out, o->delivered_at);
    }
    buf_add_str(out, "}\n");
}
