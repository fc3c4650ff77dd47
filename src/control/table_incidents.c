/* Incidents: what somebody has to handle, nobody's first. Without a filter that speaks of the state or
 * the number, the open ones. */
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "control/lines.h"
#include "control/table.h"
#include "remote/protocol.h"

static const struct incident *of(const void *row)
{
    return row;
}

typedef void line_fn(struct buf *out, const struct world *w, const struct incident *i, usec_t now);

// One of the five lines; they may be longer than a value's own room.
static void value_line(struct value *v, const struct table_rows *rows, const void *row,
                       line_fn *line)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    line(&text, rows->world, of(row), rows->now);
    if (text.n)
        value_printf(v, "%s", (const char *)text.p);
}

COLUMN(get_key)
{
    value_printf(v, "incident:%u", of(row)->number);
}
COLUMN(get_number)
{
    value_count(v, of(row)->number);
}
COLUMN(get_severity)
{
    value_word(v, severity_text(of(row)->severity), (int)of(row)->severity);
}
COLUMN(get_opened_at)
{
    value_time(v, of(row)->opened_at);
}
COLUMN(get_closed_at)
{
    value_time(v, of(row)->closed_at);
}
COLUMN(get_state)
{
    enum lines_state s = lines_state(of(row));
    value_word(v, lines_state_text(s), s > LINES_ACKNOWLEDGED); // who has it sorts apart
}
COLUMN(get_what)
{
    value_text(v, of(row)->what);
}
COLUMN(get_cause)
{
    value_text_or_none(v, of(row)->cause);
}
COLUMN(get_cause_short)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    lines_short(&text, of(row));
    if (text.n)
        value_printf(v, "%s", (const char *)text.p);
}
COLUMN(get_done)
{
    value_line(v, rows, row, lines_done);
}
COLUMN(get_next)
{
    value_line(v, rows, row, lines_next);
}
COLUMN(get_you)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    CLEANUP(buf_deinit) struct buf command = {0};
    lines_you(&text, &command, rows->world, of(row), rows->now);
    value_json(v, json_pack("{s:o,s:o}", "text", protocol_text((const char *)text.p), "command",
                            protocol_text(command.n ? (const char *)command.p : NULL)));
}
COLUMN(get_has_it)
{
    const char *who = lines_has_it(rows->world, of(row), rows->now);
    value_word(v, who, strcmp(who, "nobody") != 0);
}
COLUMN(get_seen_by)
{
    json_t *all = json_array();
    for (size_t k = 0; k < of(row)->seen_n; k++)
        json_array_append_new(all, protocol_text(of(row)->seen_by[k].name));
    value_json(v, all);
}
COLUMN(get_subject)
{
    value_printf(v, "%.*s", (int)strcspn(of(row)->subject, "#"), of(row)->subject);
}
COLUMN(get_culprit)
{
    value_text_or_none(v, of(row)->culprit);
}
COLUMN(get_share)
{
    value_rate(v, of(row)->share > 0 ? of(row)->share : -1);
}
COLUMN(get_ip)
{
    value_text_or_none(v, of(row)->ip);
}
COLUMN(get_provider)
{
    value_text_or_none(v, of(row)->provider);
}
COLUMN(get_list)
{
    value_text_or_none(v, of(row)->list);
}
COLUMN(get_why_no_culprit)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    lines_no_culprit(&text, of(row));
    if (text.n)
        value_printf(v, "%s", (const char *)text.p);
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"number", get_number, "no"},
    {"severity", get_severity},
    {"opened_at", get_opened_at, "age"},
    {"closed_at", get_closed_at},
    {"state", get_state},
    {"what", get_what},
    {"cause", get_cause},
    {"cause_short", get_cause_short},
    {"done", get_done},
    {"next", get_next},
    {"you", get_you, .is_json = true},
    {"has_it", get_has_it, "who"},
    {"seen_by", get_seen_by, .is_json = true},
    {"subject", get_subject},
    {"culprit", get_culprit},
    {"share", get_share},
    {"ip", get_ip},
    {"provider", get_provider},
    {"list", get_list},
    {"why_no_culprit", get_why_no_culprit},
};
// clang-format on

static void collect(struct table_rows *rows)
{
    const struct incidents *all = lines_incidents(rows->world);
    for (size_t i = 0; all && i < all->n; i++)
        if (all->items[i]->is_known)
            table_rows_add(rows, all->items[i]);
}

static void *find(struct table_rows *rows, const char *key)
{
    int64_t number;
    if (strncmp(key, "incident:", 9) != 0 ||
        !text_parse_number(&number, key + 9, 1, INCIDENT_NUMBER_MOST))
        return NULL;
    return (void *)lines_get(rows->world, (uint64_t)number);
}

const struct table table_incidents = {
    .name = "incidents",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "state,has_it,-severity,-opened_at",
    .implied = "!state:closed !state:resolved",
    .unless = "state number no",
    .collect = collect,
    .find = find,
};
