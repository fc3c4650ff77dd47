#include "core/outcome.h"

#include <stdbool.h>

#include "base/buf.h"
#include "core/json.h"

static void add_number(struct buf *out, const char *name, unsigned value)
{
    if (value)
        json_count(out, name, value);
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
    json_text(out, "message", id);
}

// A listing's answer stands where a reply's code does: it has none.
static void add_code(struct buf *out, const struct outcome *o)
{
    if (o->answer && *o->answer)
        json_text(out, "code", o->answer);
    else
        add_number(out, "code", o->code);
}

void outcome_format(struct buf *out, const struct outcome *o)
{
    buf_add_byte(out, '{');
    json_time(out, "t", o->at);
    json_text(out, "kind", outcome_kind_text(o->kind));
    json_text(out, "customer", o->customer);
    json_text(out, "ip", o->ip);
    json_text(out, "provider", o->provider);
    json_text(out, "zone", o->zone);
    if (has_class(o))
        json_text(out, "class", class_text(o->class));
    json_text(out, "recipient", o->recipient);
    json_text(out, "stream", stream_text(o->stream));
    json_text(out, "list", o->list);
    add_message(out, o);
    if (o->phase != PHASE_NONE)
        json_text(out, "phase", phase_text(o->phase));
    if (o->scope != SCOPE_UNKNOWN)
        json_text(out, "scope", scope_text(o->scope));
    add_code(out, o);
    json_text(out, "reply", o->reply);
    add_number(out, "attempt", o->attempt);
    if (o->delivered_at)
        json_time(out, "delivered_at", o->delivered_at);
    buf_add_str(out, "}\n");
}
