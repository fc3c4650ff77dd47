/* Replies that no rule knew, by shape: what an operator reads before writing a rule. */
#include "control/table.h"

#include "base/buf.h"
#include "base/mem.h"

// A copy of what the engine lends: rows outlive its call.
struct unknown {
    char *shape, *sample, *providers;
    const char *phase, *class; // of the engine's tables of words
    unsigned code;
    uint64_t count;
    usec_t first_at, last_at;
};

static const struct unknown *of(const void *row)
{
    return row;
}

COLUMN(get_key)
{
    value_printf(v, "reply:%s/%u/%s", of(row)->phase, of(row)->code, of(row)->shape);
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
    value_text_or_none(v, of(row)->providers);
}
COLUMN(get_phase)
{
    value_text(v, of(row)->phase);
}
COLUMN(get_code)
{
    value_count(v, of(row)->code);
}
COLUMN(get_class)
{
    value_text(v, of(row)->class);
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
    {"first_at", get_first_at, "first"},
    {"last_at", get_last_at, "last"},
    {"providers", get_providers, "provider"},
    {"phase", get_phase},
    {"code", get_code},
    {"class", get_class},
    {"shape", get_shape},
    {"sample", get_sample, "reply"},
};
// clang-format on

static char *join(const struct control_unknown_row *r)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    for (size_t i = 0; i < r->providers_n; i++)
        if (*r->providers[i])
            buf_printf(&out, "%s%s", out.n ? ", " : "", r->providers[i]);
    if (r->has_more_providers)
        buf_add_str(&out, ", …");
    return buf_take_str(&out);
}

static void add(void *to, const struct control_unknown_row *r)
{
    struct unknown *u = xcalloc(1, sizeof(*u));
    *u = (struct unknown){.shape = xstrdup(r->shape),
                          .sample = xstrdup(r->sample),
                          .providers = join(r),
                          .phase = r->phase,
                          .class = r->class,
                          .code = r->code,
                          .count = r->count,
                          .first_at = r->first_at,
                          .last_at = r->last_at};
    table_rows_add(to, u);
}

static void collect(struct table_rows *rows)
{
    const struct control_engine *e = rows->world->engine;
    if (e->each_unknown)
        e->each_unknown(e->ctx, add, rows);
}

static void done(struct table_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct unknown *u = rows->items[i];
        xfree(u->shape);
        xfree(u->sample);
        xfree(u->providers);
        xfree(u);
    }
}

const struct table table_unknown = {
    .name = "unknown",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "-count,-last_at,key",
    .collect = collect,
    .done = done,
};
