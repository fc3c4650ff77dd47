/* Events: the newest outcomes since the start, from the ring in memory; older ones are asked for with
 * `events` and `since`. */
#include <stdlib.h>
#include <string.h>

#include "control/table.h"

static const struct world_event *of(const void *row)
{
    return row;
}

static void text_of(struct value *v, const char *s)
{
    value_text_or_none(v, s);
}

COLUMN(get_key)
{
    value_printf(v, "event:%ju", (uintmax_t)of(row)->n);
}
COLUMN(get_n)
{
    value_count(v, of(row)->n);
}
COLUMN(get_t)
{
    value_json(v, json_real((double)of(row)->outcome.at / (double)USEC_SECOND));
}
COLUMN(get_at)
{
    value_time(v, of(row)->outcome.at);
}
COLUMN(get_kind)
{
    value_text(v, outcome_kind_text(of(row)->outcome.kind));
}
COLUMN(get_customer)
{
    text_of(v, of(row)->outcome.customer);
}
COLUMN(get_list)
{
    text_of(v, of(row)->outcome.list);
}
COLUMN(get_ip)
{
    text_of(v, of(row)->outcome.ip);
}
COLUMN(get_provider)
{
    text_of(v, of(row)->outcome.provider);
}
COLUMN(get_class)
{
    enum outcome_kind kind = of(row)->outcome.kind;
    if (kind != OUTCOME_ACCEPTED)
        value_text(v, class_text(of(row)->outcome.class));
}
COLUMN(get_scope)
{
    value_text(v, scope_text(of(row)->outcome.scope));
}
COLUMN(get_phase)
{
    value_text(v, phase_text(of(row)->outcome.phase));
}
COLUMN(get_stream)
{
    value_text(v, stream_text(of(row)->outcome.stream));
}
COLUMN(get_recipient)
{
    text_of(v, of(row)->outcome.recipient);
}
COLUMN(get_code)
{
    if (of(row)->outcome.code)
        value_count(v, of(row)->outcome.code);
}
COLUMN(get_reply)
{
    text_of(v, of(row)->outcome.reply);
}
COLUMN(get_message)
{
    struct message_id id = of(row)->outcome.message;
    if (id.hi || id.lo) {
        message_id_format(v->room, id);
        value_text(v, v->room);
    }
}
COLUMN(get_attempt)
{
    value_count(v, of(row)->outcome.attempt);
}
COLUMN(get_delivered_at)
{
    usec_t at = of(row)->outcome.delivered_at;
    if (at)
        value_json(v, json_real((double)at / (double)USEC_SECOND));
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"n", get_n},
    {"t", get_t, .is_json = true},
    {"at", get_at, "time"},
    {"kind", get_kind, "outcome"},
    {"customer", get_customer},
    {"list", get_list},
    {"ip", get_ip},
    {"provider", get_provider},
    {"class", get_class},
    {"scope", get_scope},
    {"phase", get_phase},
    {"stream", get_stream},
    {"recipient", get_recipient},
    {"code", get_code},
    {"reply", get_reply},
    {"message", get_message},
    {"attempt", get_attempt},
    {"delivered_at", get_delivered_at, .is_json = true},
};
// clang-format on

static void collect(struct table_rows *rows)
{
    struct world *w = rows->world;
    for (uint64_t n = w->events_n; n && w->events_n - n < WORLD_EVENTS; n--) {
        const struct world_event *e = world_event_get(w, n);
        if (e)
            table_rows_add(rows, (void *)e);
    }
}

static void *find(struct table_rows *rows, const char *key)
{
    if (strncmp(key, "event:", 6) != 0)
        return NULL;
    return (void *)world_event_get(rows->world, strtoull(key + 6, NULL, 10));
}

const struct table table_events = {
    .name = "events",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "-n",
    .collect = collect,
    .find = find,
};
