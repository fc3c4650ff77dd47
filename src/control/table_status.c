/* The status: the node in one row. */
#include "control/table.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/lines.h"
#include "remote/protocol.h"

// The one row, made for the look.
struct status {
    struct control_totals totals;
    struct control_health health;
    struct control_feedback feedback;
    unsigned open[3];   // incidents by severity
    uint64_t automatic; // the engine's holds in force
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
COLUMN(get_undetermined_rate)
{
    const struct world *w = rows->world;
    uint64_t answered = w->sums.sent_1h + w->sums.bounced_1h + w->sums.deferred_1h;
    value_rate(v, counter_rate(w->sums.undetermined_1h, answered));
}
COLUMN(get_sent_1m)
{
    value_count(v, rows->world->sums.sent_1m);
}
COLUMN(get_incidents_open)
{
    value_count(v, of(row)->open[0] + of(row)->open[1] + of(row)->open[2]);
}
COLUMN(get_incidents)
{
    const struct incidents *all = lines_incidents(rows->world);
    json_int_t nobody = 0;
    for (size_t i = 0; all && i < all->n; i++)
        nobody += incident_is_open(all->items[i]) &&
                  strcmp(lines_has_it(rows->world, all->items[i], rows->now), "nobody") == 0;
    value_json(v, json_pack("{s:I,s:I,s:I,s:I,s:I}", "critical",
                            (json_int_t)of(row)->open[SEVERITY_CRITICAL], "warning",
                            (json_int_t)of(row)->open[SEVERITY_WARNING], "notice",
                            (json_int_t)of(row)->open[SEVERITY_NOTICE], "nobody", nobody, "last",
                            (json_int_t)(all ? all->last : 0)));
}
COLUMN(get_last_incident)
{
    const struct incidents *all = lines_incidents(rows->world);
    const struct incident *last = NULL;
    for (size_t i = 0; all && i < all->n; i++)
        if (all->items[i]->is_known && all->items[i]->closed_at &&
            (!last || all->items[i]->closed_at >= last->closed_at))
            last = all->items[i];
    value_json(v, last ? json_pack("{s:I,s:o,s:o}", "number", (json_int_t)last->number, "what",
                                   protocol_text(last->what), "closed_at",
                                   protocol_time(last->closed_at))
                       : json_null());
}
COLUMN(get_automatic)
{
    value_count(v, of(row)->automatic);
}
COLUMN(get_mode)
{
    value_text_or_none(v, rows->world->settings.mode);
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
COLUMN(get_last_bounce_at)
{
    value_time(v, rows->world->bounce_at);
}
COLUMN(get_last_complaint_at)
{
    value_time(v, rows->world->complaint_at);
}
COLUMN(get_last_probe_at)
{
    value_time(v, of(row)->health.last_probe_at);
}

COLUMN(get_feedback)
{
    const struct control_feedback *f = &of(row)->feedback;
    value_json(v, json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "bounces",
                            (json_int_t)f->bounces, "complaints", (json_int_t)f->complaints,
                            "unsubscribes", (json_int_t)f->unsubscribes, "auto_replies",
                            (json_int_t)f->auto_replies, "others", (json_int_t)f->others,
                            "unmatched", (json_int_t)f->unmatched, "died", (json_int_t)f->died,
                            "forged", (json_int_t)f->forged, "stale", (json_int_t)f->stale));
}

enum { COMING = 20 };

// What expires soonest, in order; no more than COMING of them.
struct coming {
    const struct state *state;
    const struct entry *due[COMING + 1];
    size_t n;
};

// A customer's hold that a stricter one outlasts ends unseen.
static bool is_outlasted(const struct state *s, const struct entry *e)
{
    char name[TEXT_NAME];
    const struct entry *ruling;
    const char *whom = e->target + 9, *slash = strchr(whom, '/');
    if (strncmp(e->target, "customer:", 9) != 0)
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(whom, "/"), whom);
    state_standing(s, name, slash ? slash + 1 : "", e->expires_at - 1, &ruling);
    return ruling && !entry_name_equal(ruling->name, e->name) &&
           state_standing(s, name, slash ? slash + 1 : "", e->expires_at, NULL) != STANDING_GOOD;
}

static void keep_soonest(void *ctx, const struct entry *e)
{
    struct coming *c = ctx;
    if (e->expires_at == USEC_NEVER || is_outlasted(c->state, e))
        return;
    size_t i = c->n;
    for (; i && c->due[i - 1]->expires_at > e->expires_at; i--)
        c->due[i] = c->due[i - 1];
    c->due[i] = e;
    if (c->n < COMING)
        c->n++;
}

COLUMN(get_coming)
{
    struct coming c = {.state = rows->world->state};
    json_t *all = json_array();
    state_each_standing(rows->world->state, rows->now, keep_soonest, &c);
    for (size_t i = 0; i < c.n; i++) {
        CLEANUP(buf_deinit) struct buf text = {0};
        lines_coming(&text, rows->world, c.due[i]);
        json_array_append_new(all, json_pack("{s:o,s:o}", "at", protocol_time(c.due[i]->expires_at),
                                             "what", protocol_text((const char *)text.p)));
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
    {"undetermined_rate_1h", get_undetermined_rate},
    {"incidents_open", get_incidents_open},
    {"incidents", get_incidents, .is_json = true},
    {"last_incident", get_last_incident, .is_json = true},
    {"automatic", get_automatic},
    {"mode", get_mode},
    {"customers", get_customers, .is_json = true},
    {"ips", get_ips, .is_json = true},
    {"last_outcome_at", get_last_outcome_at},
    {"last_bounce_at", get_last_bounce_at},
    {"last_complaint_at", get_last_complaint_at},
    {"last_probe_at", get_last_probe_at},
    {"feedback", get_feedback, .is_json = true},
    {"coming", get_coming, .is_json = true},
    {"ledger", get_ledger, .is_json = true},
    {"disk_free", get_disk_free},
    {"accepting", get_accepting},
    {"problem", get_problem},
};
// clang-format on

static void count_automatic(void *ctx, const struct entry *e)
{
    struct status *s = ctx;
    s->automatic += strcmp(e->actor, "engine") == 0;
}

static void collect(struct table_rows *rows)
{
    struct world *w = rows->world;
    struct status *s = xcalloc(1, sizeof(*s));
    const struct incidents *all = lines_incidents(w);
    if (all)
        incidents_count(all, s->open);
    state_each_standing(w->state, rows->now, count_automatic, s);
    world_sum(w, rows->now);
    w->engine->totals(w->engine->ctx, &s->totals);
    w->engine->health(w->engine->ctx, &s->health);
    if (w->engine->feedback)
        w->engine->feedback(w->engine->ctx, &s->feedback);
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
