/* IPs: source addresses of the pools, what goes out over them and how providers take it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/harm.h"
#include "control/lines.h"
#include "control/table.h"
#include "core/health.h"
#include "remote/protocol.h"

// What the lanes of one address add up to; made once a look.
struct lanes {
    json_t *providers; // name → object
    char text[300];    // "google blocks it: …", or ""
};

static struct state_ip *of(const void *row)
{
    return (struct state_ip *)row;
}

static uint64_t hour(const struct table_rows *rows, const void *row, enum counter_what what)
{
    return counter_hour(&of(row)->counter, what, rows->now);
}

static struct lanes *lanes_of(const struct table_rows *rows, const void *row)
{
    return rows->shared ? map_get_str(rows->shared, of(row)->address) : NULL;
}

static enum rotation rotation_of(const struct table_rows *rows, const void *row,
                                 const struct entry **why)
{
    return state_rotation(rows->world->state, of(row)->address, rows->now, why);
}

COLUMN(get_key)
{
    value_printf(v, "ip:%s", of(row)->address);
}
COLUMN(get_address)
{
    value_text(v, of(row)->address);
}
COLUMN(get_pool)
{
    value_text_or_none(v, of(row)->pool);
}
COLUMN(get_rotation)
{
    enum rotation r = rotation_of(rows, row, NULL);
    value_word(v, rotation_text(r), (int)r);
}
COLUMN(get_rotation_until)
{
    const struct entry *why;
    rotation_of(rows, row, &why);
    value_time(v, why ? why->expires_at : 0);
}
COLUMN(get_rotation_reason)
{
    const struct entry *why;
    rotation_of(rows, row, &why);
    value_text_or_none(v, why ? why->reason : NULL);
}
COLUMN(get_helo)
{
    value_text_or_none(v, of(row)->helo);
}
COLUMN(get_health)
{
    const struct control_engine *e = rows->world->engine;
    struct health h;
    if (e->ip_health && e->ip_health(e->ctx, of(row)->address, &h))
        value_count(v, (uint64_t)(h.score + 0.5));
}
COLUMN(get_incident)
{
    char subject[TEXT_NAME + 8];
    snprintf(subject, sizeof(subject), "ip:%s", of(row)->address);
    uint32_t number = lines_about(rows->world, subject);
    if (number)
        value_count(v, number);
}
COLUMN(get_providers)
{
    struct lanes *l = lanes_of(rows, row);
    value_json(v, l ? json_incref(l->providers) : json_object());
}
COLUMN(get_sent_1m)
{
    value_count(v, counter_minute(&of(row)->counter, COUNTER_DELIVERED, rows->now));
}
COLUMN(get_sent_1h)
{
    value_count(v, hour(rows, row, COUNTER_DELIVERED));
}
COLUMN(get_bounced_1h)
{
    value_count(v, hour(rows, row, COUNTER_BOUNCED));
}
COLUMN(get_deferred_1h)
{
    value_count(v, hour(rows, row, COUNTER_DEFERRED));
}
COLUMN(get_dead_rate)
{
    value_rate(v, harm_hour_rate(&of(row)->counter, COUNTER_DEAD, rows->now));
}
COLUMN(get_complaint_rate)
{
    value_rate(v, harm_day_rate(&of(row)->counter, COUNTER_COMPLAINED, rows->now));
}
COLUMN(get_deferred_rate)
{
    value_rate(v, harm_hour_rate(&of(row)->counter, COUNTER_DEFERRED, rows->now));
}
COLUMN(get_spam_rate)
{
    value_rate(v, harm_hour_rate(&of(row)->counter, COUNTER_SPAM, rows->now));
}
COLUMN(get_complained_24h)
{
    value_count(v, counter_day(&of(row)->counter, COUNTER_COMPLAINED, rows->now));
}
COLUMN(get_listed)
{
    value_json(v, json_array()); // no blocklist is asked yet
}
COLUMN(get_reasons)
{
    struct lanes *l = lanes_of(rows, row);
    const struct entry *why;
    json_t *reasons = harm_reasons(&of(row)->counter, rows->now);
    rotation_of(rows, row, &why);
    bool is_told = why && strncmp(why->reason, "blocked at ", 11) == 0; // it names them
    if (l && l->text[0] && !is_told)
        json_array_insert_new(reasons, 0, protocol_text(l->text));
    if (why && why->reason[0])
        json_array_insert_new(reasons, 0, protocol_text(why->reason));
    if (of(row)->is_configured && !of(row)->is_here)
        json_array_insert_new(reasons, 0, json_string("this machine does not have the address"));
    value_json(v, reasons);
}
COLUMN(get_history)
{
    value_json(v, table_history_minutes(&of(row)->counter, rows->now));
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"address", get_address},
    {"pool", get_pool},
    {"rotation", get_rotation},
    {"rotation_until", get_rotation_until, "until"},
    {"rotation_reason", get_rotation_reason, "reason"},
    {"helo", get_helo},
    {"health", get_health},
    {"incident", get_incident},
    {"providers", get_providers, .is_json = true},
    {"sent_1m", get_sent_1m},
    {"sent_1h", get_sent_1h, "sent"},
    {"bounced_1h", get_bounced_1h},
    {"deferred_1h", get_deferred_1h},
    {"dead_rate_1h", get_dead_rate, "dead"},
    {"complaint_rate_24h", get_complaint_rate, "compl"},
    {"deferred_rate_1h", get_deferred_rate, "defer"},
    {"spam_rate_1h", get_spam_rate, "spam"},
    {"complained_24h", get_complained_24h},
    {"listed", get_listed, .is_json = true},
    {"reasons", get_reasons, .is_json = true},
    {"history", get_history, .is_json = true},
};
// clang-format on

static void add_lane(void *to, const struct control_lane_row *r)
{
    struct map *all = to;
    struct lanes *l = map_get_str(all, r->ip);
    if (!l)
        return; // an address that is configured no more
    CLEANUP(xfree) char *name = text_visible_new(bytes_str(r->provider));
    json_object_set_new(
        l->providers, name,
        json_pack("{s:n,s:o,s:o,s:b,s:I,s:i}", "health", "rotation", protocol_text(r->lane_state),
                  "deferred_rate", protocol_rate(r->deferred_rate), "blocked", r->is_blocked,
                  "sent_1h", (json_int_t)r->sent_1h, "connections", (int)r->connections));
    if (r->is_blocked && !l->text[0])
        snprintf(l->text, sizeof(l->text), "%.60s blocks it: %.200s", name, r->last_reply);
}

static bool is_row(const struct state_ip *ip)
{
    return ip->is_configured;
}

static void collect(struct table_rows *rows)
{
    struct world *w = rows->world;
    struct map *lanes = xcalloc(1, sizeof(*lanes));
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->state->ips, &i));) {
        struct state_ip *ip = item->value;
        if (!is_row(ip))
            continue;
        struct lanes *l = xcalloc(1, sizeof(*l));
        l->providers = json_object();
        map_put_str(lanes, ip->address, l);
        table_rows_add(rows, ip);
    }
    rows->shared = lanes;
    w->engine->each_lane(w->engine->ctx, add_lane, lanes);
}

static void done(struct table_rows *rows)
{
    struct map *lanes = rows->shared;
    struct map_item *item;
    for (size_t i = 0; (item = map_next(lanes, &i));) {
        struct lanes *l = item->value;
        json_decref(l->providers);
        xfree(l);
    }
    map_deinit(lanes);
    xfree(lanes);
}

const struct table table_ips = {
    .name = "ips",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "-rotation,-dead_rate_1h,-sent_1h,address",
    .collect = collect,
    .done = done,
};
