/* The status: the node in one row. */
#include "control/table.h"

#include <stdio.h>
#include <string.h>

#include "core/selector.h"
#include "remote/protocol.h"

// The one row, made for the look.
struct status {
    struct control_totals totals;
    struct control_health health;
};

static const struct status *of(const void *row)
{
    return row;
}

COLUMN(get_key)
{
    value_text(v, "status");
}
COLUMN(get_node)
{
    value_text(v, rows->world->settings.node);
}
COLUMN(get_version)
{
    value_text(v, rows->world->settings.version);
}
COLUMN(get_started_at)
{
    value_time(v, rows->world->settings.started_at);
}
COLUMN(get_now)
{
    value_time(v, rows->now);
}
COLUMN(get_queued)
{
    value_count(v, of(row)->totals.queued);
}
COLUMN(get_held)
{
    value_count(v, of(row)->totals.held);
}
COLUMN(get_sent_1h)
{
    value_count(v, rows->world->sums.sent_1h);
}
COLUMN(get_bounced_1h)
{
    value_count(v, rows->world->sums.bounced_1h);
}
COLUMN(get_sent_1m)
{
    value_count(v, rows->world->sums.sent_1m);
}
COLUMN(get_none_yet)
{
    value_count(v, 0); // nothing is judged by itself yet
}
COLUMN(get_customers)
{
    uint64_t const *n = rows->world->sums.standings;
    value_json(v,
               json_pack("{s:I,s:I,s:I,s:I,s:I}", "total", (json_int_t)rows->world->sums.customers,
                         "good", (json_int_t)n[0], "warned", (json_int_t)n[1], "throttled",
                         (json_int_t)n[2], "suspended", (json_int_t)n[3]));
}
COLUMN(get_ips)
{
    value_json(v, json_pack("{s:I,s:I}", "total", (json_int_t)rows->world->sums.ips, "active",
                            (json_int_t)rows->world->sums.ips_active));
}
COLUMN(get_last_outcome_at)
{
    value_time(v, of(row)->totals.last_outcome_at);
}

enum { COMING = 20 };

// What expires soonest, in order; no more than COMING of them.
struct coming {
    const struct entry *due[COMING + 1];
    size_t n;
};

static void keep_soonest(void *ctx, const struct entry *e)
{
    struct coming *c = ctx;
    if (e->expires_at == USEC_NEVER)
        return;
    size_t i = c->n;
    for (; i && c->due[i - 1]->expires_at > e->expires_at; i--)
        c->due[i] = c->due[i - 1];
    c->due[i] = e;
    if (c->n < COMING)
        c->n++;
}

// How a customer or list stands once this has ended: "acme-news restored", or "acme-news throttled".
static void say_standing_after(const struct table_rows *rows, const struct entry *e, char *out,
                               size_t room)
{
    char name[TEXT_NAME];
    const char *whom = strchr(e->target, ':') + 1, *slash = strchr(whom, '/');
    snprintf(name, sizeof(name), "%.*s", slash ? (int)(slash - whom) : (int)strlen(whom), whom);
    enum standing s =
        state_standing(rows->world->state, name, slash ? slash + 1 : "", e->expires_at, NULL);
    snprintf(out, room, "%s %s", whom,
             s != STANDING_GOOD     ? standing_text(s)
             : e->kind == KIND_WARN ? "warned no more"
                                    : "restored");
}

// "mail of acme-news/spring to google released"
static void say_release(const struct selector *s, char *out, size_t room)
{
    snprintf(out, room, "%s%s%s%s%s%s%s%s%s%s released", s->is_all ? "all mail" : "mail",
             s->customer[0] ? " of "
             : s->list[0]   ? " of list "
                            : "",
             s->customer, s->customer[0] && s->list[0] ? "/" : "", s->list,
             s->provider[0] ? " to " : "", s->provider, s->ip[0] || s->pool[0] ? " over " : "",
             s->ip, s->pool[0] ? s->pool : "");
}

// What a hold's end brings, in words: "198.51.100.7 returned", "google released".
static void say_end(const struct table_rows *rows, const struct entry *e, char *out, size_t room)
{
    struct selector sel;
    const char *colon = strchr(e->target, ':');
    if (colon && strncmp(e->target, "customer:", 9) == 0)
        say_standing_after(rows, e, out, room);
    else if (colon && strncmp(e->target, "ip:", 3) == 0)
        snprintf(out, room, "%s returned", colon + 1);
    else if (colon && e->kind == KIND_PAUSE)
        snprintf(out, room, "%s resumed", colon + 1);
    else if (selector_parse(&sel, e->target))
        say_release(&sel, out, room);
    else
        snprintf(out, room, "%s of %s ends", kind_text(e->kind), e->target);
}

COLUMN(get_coming)
{
    struct coming c = {.n = 0};
    json_t *all = json_array();
    state_each_standing(rows->world->state, rows->now, keep_soonest, &c);
    for (size_t i = 0; i < c.n; i++) {
        char text[800];
        say_end(rows, c.due[i], text, sizeof(text));
        json_array_append_new(all, json_pack("{s:o,s:o}", "at", protocol_time(c.due[i]->expires_at),
                                             "what", protocol_text(text)));
    }
    value_json(v, all);
}
COLUMN(get_ledger)
{
    const struct world *w = rows->world;
    value_json(v,
               json_pack("{s:I,s:o,s:o}", "seq", (json_int_t)world_log_seq(w), "verified_seq",
                         w->verified_seq ? json_integer((json_int_t)w->verified_seq) : json_null(),
                         "verified_at", protocol_time(w->verified_at)));
}
COLUMN(get_disk_free)
{
    value_count(v, of(row)->health.disk_free);
}
COLUMN(get_accepting)
{
    value_flag(v, of(row)->health.is_accepting);
}
COLUMN(get_problem)
{
    value_text_or_none(v, of(row)->health.problem);
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"node", get_node},
    {"version", get_version},
    {"started_at", get_started_at},
    {"now", get_now},
    {"queued", get_queued},
    {"held", get_held},
    {"sent_1h", get_sent_1h},
    {"bounced_1h", get_bounced_1h},
    {"sent_1m", get_sent_1m},
    {"incidents_open", get_none_yet},
    {"automatic", get_none_yet},
    {"customers", get_customers, .is_json = true},
    {"ips", get_ips, .is_json = true},
    {"last_outcome_at", get_last_outcome_at},
    {"coming", get_coming, .is_json = true},
    {"ledger", get_ledger, .is_json = true},
    {"disk_free", get_disk_free},
    {"accepting", get_accepting},
    {"problem", get_problem},
};
// clang-format on

static void collect(struct table_rows *rows)
{
    struct world *w = rows->world;
    struct status *s = xcalloc(1, sizeof(*s));
    world_sum(w, rows->now);
    w->engine->totals(w->engine->ctx, &s->totals);
    w->engine->health(w->engine->ctx, &s->health);
    table_rows_add(rows, s);
}

static void done(struct table_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        xfree(rows->items[i]);
}

const struct table table_status = {
    .name = "status",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "key",
    .collect = collect,
    .done = done,
};
