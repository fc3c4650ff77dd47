/* The queue: what waits, added up by provider, customer or pool. An IP is chosen at the last moment
 * and has no queue. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/table.h"

// A sum of queues. Names are NULL where several are in it.
struct sum {
    char *key_name; // of the group
    char *customer, *provider, *pool;
    bool has_customers, has_providers, has_pools; // several
    uint64_t waiting, held;
    usec_t oldest_at, next_try_at;
    char *last_reply;
};

struct summing {
    struct table_rows *rows;
    struct map groups; // name → struct sum
};

static const char *const by_words[] = {
    [TABLE_BY_PROVIDER] = "provider", [TABLE_BY_CUSTOMER] = "customer", [TABLE_BY_POOL] = "pool"};

static void meet(char **name, bool *has_several, const char *other)
{
    if (*has_several || (*name && strcmp(*name, other) == 0))
        return;
    if (!*name) {
        *name = xstrdup(other);
        return;
    }
    *has_several = true;
    *name = xfree(*name);
}

static void keep_earlier(usec_t *at, usec_t other)
{
    if (other && (!*at || other < *at))
        *at = other;
}

static void add_queue(void *to, const struct control_queue_row *r)
{
    struct summing *s = to;
    const char *const names[] = {[TABLE_BY_PROVIDER] = r->provider,
                                 [TABLE_BY_CUSTOMER] = r->customer,
                                 [TABLE_BY_POOL] = r->pool};
    const char *name = names[s->rows->by];
    if (!r->waiting && !r->held)
        return;
    struct sum *sum = map_get_str(&s->groups, name);
    if (!sum) {
        sum = xcalloc(1, sizeof(*sum));
        sum->key_name = xstrdup(name);
        map_put_str(&s->groups, name, sum);
        table_rows_add(s->rows, sum);
    }
    meet(&sum->customer, &sum->has_customers, r->customer);
    meet(&sum->provider, &sum->has_providers, r->provider);
    meet(&sum->pool, &sum->has_pools, r->pool);
    sum->waiting += r->waiting;
    sum->held += r->held;
    keep_earlier(&sum->oldest_at, r->oldest_at);
    keep_earlier(&sum->next_try_at, r->next_try_at);
    if (r->last_reply && r->last_reply[0] &&
        (!sum->last_reply || sum->next_try_at == r->next_try_at)) {
        xfree(sum->last_reply);
        sum->last_reply = xstrdup(r->last_reply);
    }
}

static void collect(struct table_rows *rows)
{
    const struct control_engine *e = rows->world->engine;
    struct summing s = {.rows = rows};
    e->each_queue(e->ctx, add_queue, &s);
    map_deinit(&s.groups);
}

static void done(struct table_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct sum *s = rows->items[i];
        char *texts[] = {s->key_name, s->customer, s->provider, s->pool, s->last_reply};
        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            xfree(texts[k]);
        xfree(s);
    }
}

static const struct sum *of(const void *row)
{
    return row;
}

COLUMN(get_key)
{
    // "-": what has no provider yet
    const char *name = of(row)->key_name;
    value_printf(v, "queue:%s=%s", by_words[rows->by], name[0] ? name : "-");
}
COLUMN(get_customer)
{
    value_text_or_none(v, of(row)->customer);
}
COLUMN(get_provider)
{
    value_text_or_none(v, of(row)->provider);
}
COLUMN(get_ip)
{
    v->type = VALUE_NONE;
}
COLUMN(get_pool)
{
    value_text_or_none(v, of(row)->pool);
}
COLUMN(get_waiting)
{
    value_count(v, of(row)->waiting);
}
COLUMN(get_held)
{
    value_count(v, of(row)->held);
}
COLUMN(get_oldest_at)
{
    value_time(v, of(row)->oldest_at);
}
COLUMN(get_next_try_at)
{
    value_time(v, of(row)->next_try_at);
}
COLUMN(get_last_reply)
{
    value_text_or_none(v, of(row)->last_reply);
}
COLUMN(get_why)
{
    const struct sum *s = of(row);
    struct state_path path = {.customer = s->customer, .provider = s->provider, .pool = s->pool};
    const struct state *state = rows->world->state;
    const struct entry *hold = state_hold(state, &path, rows->now);
    if (hold)
        value_printf(v, "held by %s (log:%ju)", hold->actor, (uintmax_t)hold->name.seq);
    else if (s->customer &&
             state_standing(state, s->customer, "", rows->now, &hold) == STANDING_SUSPENDED)
        value_printf(v, "%s is suspended (log:%ju)", s->customer, (uintmax_t)hold->name.seq);
    else if (s->waiting && s->next_try_at > rows->now)
        value_text_or_none(v, s->last_reply);
}

// clang-format off
static const struct column columns[] = {
    {"key", get_key},
    {"customer", get_customer},
    {"provider", get_provider},
    {"ip", get_ip},
    {"pool", get_pool},
    {"waiting", get_waiting},
    {"held", get_held},
    {"oldest_at", get_oldest_at, "oldest"},
    {"next_try_at", get_next_try_at, "next"},
    {"last_reply", get_last_reply, "reply"},
    {"why", get_why},
};
// clang-format on

const struct table table_queue = {
    .name = "queue",
    .columns = columns,
    .columns_n = ARRAY_LEN(columns),
    .order = "-waiting,-held,key",
    .collect = collect,
    .done = done,
};
