/* Providers: whom we send to, whether they fail or block us, what waits for them. Rates are of the last
 * hour, over all our IPs; blocks are counted since the engine's start. */
#include <string.h>

#include "base/text.h"
#include "control/lines.h"
#include "control/table.h"

enum trouble { FINE, BLOCK, OUTAGE };

// What the lanes and queues of one provider add up to.
struct provider {
    char *name;
    uint64_t lanes, shut, connections, sent_1m, sent_1h, waiting, held;
    double deferred, attempts; // of the last hour, estimated from rates and counts
    bool is_blocked, is_told;  // told: last_reply is that of a block
    uint64_t best_sent;        // of the lane whose reply it is
    char *last_reply;
    const struct incident *incident; // open about it or one of its lanes, or NULL
    enum trouble trouble;
};

static const struct provider *of(const void *row)
{
    return row;
}

COLUMN(get_key)
{
    value_printf(v, "provider:%s", of(row)->name);
}
COLUMN(get_id)
{
    value_text(v, of(row)->name);
}
COLUMN(get_state)
{
    static const char *const words[] = {[FINE] = "fine", [BLOCK] = "block", [OUTAGE] = "outage"};
    value_word(v, words[of(row)->trouble], of(row)->trouble);
}
COLUMN(get_since)
{
    if (of(row)->trouble != FINE && of(row)->incident)
        value_time(v, of(row)->incident->opened_at);
}
COLUMN(get_lanes)
{
    value_count(v, of(row)->lanes);
}
COLUMN(get_shut)
{
    value_count(v, of(row)->shut);
}
COLUMN(get_sent_1m)
{
    value_count(v, of(row)->sent_1m);
}
COLUMN(get_sent_1h)
{
    value_count(v, of(row)->sent_1h);
}
COLUMN(get_deferred_rate)
{
    value_rate(v, of(row)->attempts > 0 ? of(row)->deferred / of(row)->attempts : -1);
}
COLUMN(get_blocked_24h)
{
    value_count(v, world_blocks(rows->world, of(row)->name, rows->now));
}
COLUMN(get_waiting)
{
    value_count(v, of(row)->waiting);
}
COLUMN(get_held)
{
    value_count(v, of(row)->held);
}
COLUMN(get_connections)
{
    value_count(v, of(row)->connections);
}
COLUMN(get_last_reply)
{
    value_text_or_none(v, of(row)->last_reply);
}
COLUMN(get_incident)
{
    if (of(row)->incident)
        value_count(v, of(row)->incident->number);
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"id", get_id, "provider"},
    {"state", get_state},
    {"since", get_since},
    {"lanes", get_lanes},
    {"shut", get_shut},
    {"sent_1m", get_sent_1m},
    {"sent_1h", get_sent_1h, "sent"},
    {"deferred_rate_1h", get_deferred_rate, "defer"},
    {"blocked_24h", get_blocked_24h, "block"},
    {"waiting", get_waiting},
    {"held", get_held},
    {"connections", get_connections},
    {"last_reply", get_last_reply, "reply"},
    {"incident", get_incident},
};
// clang-format on

// The rows while they are made.
struct making {
    struct table_rows *rows;
    struct map by_name;
};

static struct provider *provider_get(struct making *m, const char *name)
{
    struct provider *p = map_get_str(&m->by_name, name);
    if (p)
        return p;
    p = xcalloc(1, sizeof(*p));
    p->name = xstrdup(name);
    map_put_str(&m->by_name, name, p);
    table_rows_add(m->rows, p);
    return p;
}

static void take_reply(struct provider *p, const struct control_lane_row *r)
{
    bool is_better = (r->is_blocked && !p->is_told) || !p->last_reply ||
                     (r->is_blocked == p->is_told && r->sent_1h > p->best_sent);
    if (!r->last_reply || !r->last_reply[0] || !is_better)
        return;
    xfree(p->last_reply);
    p->last_reply = xstrdup(r->last_reply);
    p->is_told = r->is_blocked;
    p->best_sent = r->sent_1h;
}

static bool is_shut(const struct control_lane_row *r)
{
    return strcmp(r->lane_state, "paused") == 0 || strcmp(r->lane_state, "blocked") == 0;
}

static void add_lane(void *to, const struct control_lane_row *r)
{
    struct provider *p = provider_get(to, r->provider);
    p->lanes++;
    p->shut += is_shut(r);
    p->connections += r->connections;
    p->sent_1m += r->sent_1m;
    p->sent_1h += r->sent_1h;
    p->is_blocked |= r->is_blocked;
    take_reply(p, r);
    if (r->deferred_rate >= 1) { // nothing was sent: one try at least
        p->deferred += 1;
        p->attempts += 1;
    } else if (r->deferred_rate >= 0) {
        double attempts = (double)r->sent_1h / (1 - r->deferred_rate);
        p->deferred += attempts * r->deferred_rate;
        p->attempts += attempts;
    }
}

static void add_queue(void *to, const struct control_queue_row *r)
{
    if (!r->provider[0])
        return;
    struct provider *p = provider_get(to, r->provider);
    p->waiting += r->waiting;
    p->held += r->held;
}

// Open incidents that name a provider; the provider's own before a lane's.
static void add_incidents(struct making *m)
{
    const struct incidents *all = lines_incidents(m->rows->world);
    for (size_t k = 0; all && k < all->n; k++) {
        const struct incident *i = all->items[k];
        bool is_own = strncmp(i->subject, "provider:", 9) == 0;
        bool is_lane = strncmp(i->subject, "lane:", 5) == 0;
        if (!incident_is_open(i) || !*i->provider || (!is_own && !is_lane))
            continue;
        struct provider *p = provider_get(m, i->provider);
        if (is_own || !p->incident)
            p->incident = i;
    }
}

static void judge(const struct world *w, struct provider *p)
{
    const struct control_engine *e = w->engine;
    if (e->is_incident && e->is_incident(e->ctx, p->name))
        p->trouble = OUTAGE;
    else if (p->is_blocked || p->shut)
        p->trouble = BLOCK;
}

static void collect(struct table_rows *rows)
{
    const struct control_engine *e = rows->world->engine;
    struct making m = {.rows = rows};
    e->each_lane(e->ctx, add_lane, &m);
    e->each_queue(e->ctx, add_queue, &m);
    add_incidents(&m);
    map_deinit(&m.by_name);
    for (size_t i = 0; i < rows->n; i++)
        judge(rows->world, rows->items[i]);
}

static void done(struct table_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct provider *p = rows->items[i];
        xfree(p->name);
        xfree(p->last_reply);
        xfree(p);
    }
}

const struct table table_providers = {
    .name = "providers",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "-state,-waiting,-sent_1h,id",
    .collect = collect,
    .done = done,
};
