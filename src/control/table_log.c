/* The log: the newest ledger entries, from memory; `log:SEQ` asks the ledger itself for any. */
#include "control/table.h"

#include <stdio.h>
#include <string.h>

#include "control/entry_json.h"
#include "remote/protocol.h"

static const struct entry *of(const void *row)
{
    return ((const struct world_log_row *)row)->entry;
}

COLUMN(get_key)
{
    value_printf(v, "log:%ju", (uintmax_t)of(row)->name.seq);
}
COLUMN(get_seq)
{
    value_count(v, of(row)->name.seq);
}
COLUMN(get_node)
{
    node_id_format(v->room, of(row)->name.node);
    value_text(v, v->room);
}
COLUMN(get_at)
{
    value_time(v, of(row)->at);
}
COLUMN(get_actor)
{
    value_text(v, of(row)->actor);
}
COLUMN(get_kind)
{
    value_text(v, kind_text(of(row)->kind));
}
COLUMN(get_target)
{
    value_text(v, of(row)->target);
}
COLUMN(get_reason)
{
    value_text(v, of(row)->reason);
}
COLUMN(get_evidence)
{
    value_json(v, entry_evidence(of(row)));
}
COLUMN(get_expires_at)
{
    value_time(v, of(row)->expires_at);
}
COLUMN(get_undoes)
{
    value_json(v, entry_undoes(of(row)));
}
COLUMN(get_undone_by)
{
    value_json(v, entry_undone_by(rows->world->state, of(row)));
}
COLUMN(get_stands)
{
    const struct entry *e = of(row);
    struct state_entry *se = state_entry_get(rows->world->state, e->name);
    if (kind_shape(e->kind) == SHAPE_HOLD)
        value_flag(v, se && se->entry && state_stands(rows->world->state, se, rows->now));
}
COLUMN(get_fields)
{
    value_json(v, entry_fields(of(row)));
}
COLUMN(get_hash)
{
    value_text_or_none(v, ((const struct world_log_row *)row)->hash);
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"seq", get_seq},
    {"node", get_node},
    {"at", get_at, "time"},
    {"actor", get_actor, "who"},
    {"kind", get_kind, "did"},
    {"target", get_target, "to"},
    {"reason", get_reason},
    {"evidence", get_evidence, .is_json = true},
    {"expires_at", get_expires_at, "until"},
    {"undoes", get_undoes, .is_json = true},
    {"undone_by", get_undone_by, .is_json = true},
    {"stands", get_stands},
    {"fields", get_fields, .is_json = true},
    {"hash", get_hash},
};
// clang-format on

static void collect(struct table_rows *rows)
{
    for (size_t i = rows->world->log_n; i--;)
        table_rows_add(rows, (void *)world_log_at(rows->world, i));
}

const struct table table_log = {
    .name = "log",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "-seq",
    .collect = collect,
};
