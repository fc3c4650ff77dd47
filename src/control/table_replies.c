/* Replies that no rule knew, by what they have in common: the most frequent first. */
#include "control/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "remote/protocol.h"

static const struct control_unknown_row *of(const void *row)
{
    return row;
}

COLUMN(get_key)
{
    value_printf(v, "reply:%ju", (uintmax_t)of(row)->number);
}
COLUMN(get_count)
{
    value_count(v, of(row)->count);
}
COLUMN(get_first_at)
{
    value_time(v, of(row)->first_at);
}
COLUMN(get_last_at)
{
    value_time(v, of(row)->last_at);
}
COLUMN(get_providers)
{
    size_t at = 0;
    v->room[0] = '\0';
    for (size_t i = 0; i < of(row)->providers_n && at < sizeof(v->room); i++)
        at += (size_t)snprintf(v->room + at, sizeof(v->room) - at, "%s%s", i ? " " : "",
                               *of(row)->providers[i] ? of(row)->providers[i] : "-");
    if (of(row)->has_more && at < sizeof(v->room))
        snprintf(v->room + at, sizeof(v->room) - at, " and more");
    value_text(v, v->room);
}
COLUMN(get_phase)
{
    value_text(v, phase_text(of(row)->phase));
}
COLUMN(get_code)
{
    value_count(v, of(row)->code);
}
COLUMN(get_class)
{
    value_text(v, class_text(of(row)->class));
}
COLUMN(get_shape)
{
    value_text(v, of(row)->shape);
}
COLUMN(get_sample)
{
    value_text(v, of(row)->sample);
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"count", get_count},
    {"first_at", get_first_at},
    {"last_at", get_last_at},
    {"providers", get_providers, "provider"},
    {"phase", get_phase},
    {"code", get_code},
    {"class", get_class},
    {"shape", get_shape},
    {"sample", get_sample},
};
// clang-format on

static void add(void *ctx, const struct control_unknown_row *r)
{
    struct control_unknown_row *copy = xmalloc(sizeof(*copy));
    *copy = *r;
    table_rows_add(ctx, copy);
}

static void collect(struct table_rows *rows)
{
    const struct control_engine *e = rows->world->engine;
    if (e->each_unknown)
        e->each_unknown(e->ctx, add, rows);
}

static void done(struct table_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        xfree(rows->items[i]);
}

const struct table table_replies = {
    .name = "replies",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "-count,-last_at",
    .collect = collect,
    .done = done,
};
