#include "control/world.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

void world_init(struct world *w)
{
    static const struct control_settings none = {
        .node = "", .label = "", .version = "", .node_id = "", .throttle_rate = "", .mode = "none"};
    world_set_settings(w, &none);
}

static void free_settings(struct control_settings *s)
{
    const char *texts[] = {s->node, s->label, s->version, s->node_id, s->mode, s->throttle_rate};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        xfree((char *)texts[i]);
    for (size_t i = 0; i < s->pools_n; i++)
        xfree((char *)s->pools[i]);
    xfree((void *)s->pools);
}

// Of one provider, by hour: a ring.
struct world_blocks {
    int64_t hour; // the newest
    uint32_t n[24];
};

// Hours that have passed are empty.
static void blocks_move(struct world_blocks *b, int64_t hour)
{
    if (hour - b->hour >= 24)
        memset(b->n, 0, sizeof(b->n));
    else
        for (int64_t h = b->hour + 1; h <= hour; h++)
            b->n[h % 24] = 0;
    if (hour > b->hour)
        b->hour = hour;
}

static void add_block(struct world *w, const struct outcome *o)
{
    struct world_blocks *b = map_get_str(&w->blocks, o->provider);
    int64_t hour = o->at / USEC_HOUR;
    if (o->at <= 0 || (!b && w->blocks.count >= WORLD_BLOCKS))
        return;
    if (!b) {
        b = xcalloc(1, sizeof(*b));
        b->hour = hour;
        map_put_str(&w->blocks, o->provider, b);
    }
    blocks_move(b, hour);
    if (b->hour - hour < 24)
        b->n[hour % 24]++;
}

uint64_t world_blocks(const struct world *w, const char *provider, usec_t now)
{
    struct world_blocks *b = map_get_str(&w->blocks, provider);
    uint64_t n = 0;
    if (!b)
        return 0;
    blocks_move(b, now / USEC_HOUR);
    for (size_t i = 0; i < ARRAY_LEN(b->n); i++)
        n += b->n[i];
    return n;
}

void world_deinit(struct world *w)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->blocks, &i));)
        xfree(item->value);
    map_deinit(&w->blocks);
    free_settings(&w->settings);
    for (size_t i = 0; i < WORLD_EVENTS; i++)
        xfree(w->events[i].texts);
    for (size_t i = 0; i < WORLD_LOG; i++)
        entry_free(w->log[i].entry);
}

void world_set_settings(struct world *w, const struct control_settings *s)
{
    struct control_settings old = w->settings;
    w->settings = *s;
    w->settings.node = xstrdup(s->node);
    w->settings.label = xstrdup(s->label);
    w->settings.version = xstrdup(s->version);
    w->settings.node_id = xstrdup(s->node_id);
    w->settings.mode = xstrdup(s->mode ? s->mode : "none");
    w->settings.throttle_rate = xstrdup(s->throttle_rate[0] ? s->throttle_rate : "100/h");
    const char **pools = xcalloc(s->pools_n + 1, sizeof(*pools));
    for (size_t i = 0; i < s->pools_n; i++)
        pools[i] = xstrdup(s->pools[i]);
    w->settings.pools = pools;
    w->settings.operators = w->settings.viewers = NULL;
    w->settings.operators_n = w->settings.viewers_n = 0;
    free_settings(&old);
}

// Copies a string into `texts`; gives where it begins, since the buffer still moves.
static size_t keep(struct buf *texts, const char *s)
{
    size_t at = texts->n;
    buf_add(texts, s ? s : "", (s ? strlen(s) : 0) + 1);
    return at;
}

uint64_t world_add_event(struct world *w, const struct outcome *o)
{
    struct world_event *e = &w->events[++w->events_n % WORLD_EVENTS];
    CLEANUP(buf_deinit) struct buf texts = {0};
    xfree(e->texts);
    e->outcome = *o;
    e->n = w->events_n;
    if (o->kind == OUTCOME_BOUNCED)
        w->bounce_at = clock_wall();
    if (o->kind == OUTCOME_COMPLAINED)
        w->complaint_at = clock_wall();
    if (o->class == CLASS_IP_REPUTATION_BLOCK && o->provider && o->provider[0])
        add_block(w, o);
    const char **strings[] = {&e->outcome.customer, &e->outcome.list,      &e->outcome.ip,
                              &e->outcome.provider, &e->outcome.recipient, &e->outcome.reply};
    size_t starts[ARRAY_LEN(strings)];
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        starts[i] = keep(&texts, *strings[i]);
    e->texts = buf_take_str(&texts);
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        *strings[i] = e->texts + starts[i];
    return e->n;
}

const struct world_event *world_event_get(const struct world *w, uint64_t n)
{
    const struct world_event *e = &w->events[n % WORLD_EVENTS];
    return n && e->n == n ? e : NULL;
}

const struct world_log_row *world_log_at(const struct world *w, size_t i)
{
    return i < w->log_n ? &w->log[(w->log_first + i) % WORLD_LOG] : NULL;
}

uint64_t world_log_seq(const struct world *w)
{
    return w->log_n ? world_log_at(w, w->log_n - 1)->entry->name.seq : 0;
}

// Where an entry of that seq belongs; the rings are short and entries come in order nearly always.
static size_t log_place(const struct world *w, uint64_t seq)
{
    size_t i = w->log_n;
    while (i && world_log_at(w, i - 1)->entry->name.seq >= seq)
        i--;
    return i;
}

void world_add_entry(struct world *w, const struct entry *e, const char *hash)
{
    size_t at = log_place(w, e->name.seq);
    if (at < w->log_n && world_log_at(w, at)->entry->name.seq == e->name.seq)
        return;
    if (w->log_n == WORLD_LOG) {
        if (!at)
            return;
        entry_free(w->log[w->log_first].entry);
        w->log[w->log_first].entry = NULL;
        w->log_first = (w->log_first + 1) % WORLD_LOG;
        w->log_n--;
        at--;
    }
    for (size_t i = w->log_n++; i > at; i--)
        w->log[(w->log_first + i) % WORLD_LOG] = w->log[(w->log_first + i - 1) % WORLD_LOG];
    struct world_log_row *row = &w->log[(w->log_first + at) % WORLD_LOG];
    row->entry = entry_copy(e);
    snprintf(row->hash, sizeof(row->hash), "%s", hash ? hash : "");
}

static void sum_customers(struct world *w, usec_t now)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->state->customers, &i));) {
        struct state_customer *c = item->value;
        struct counter *n = &c->counter;
        w->sums.customers += c->is_known;
        if (c->is_known)
            w->sums.standings[state_standing(w->state, c->name, "", now, NULL) & 3]++;
        if (!n->last_at || n->last_at < now - USEC_HOUR - USEC_MINUTE)
            continue;
        w->sums.sent_1h += counter_hour(n, COUNTER_DELIVERED, now);
        w->sums.bounced_1h += counter_hour(n, COUNTER_BOUNCED, now);
        w->sums.deferred_1h += counter_hour(n, COUNTER_DEFERRED, now);
        w->sums.undetermined_1h += counter_hour(n, COUNTER_UNDETERMINED, now);
        w->sums.sent_1m += counter_minute(n, COUNTER_DELIVERED, now);
    }
}

bool world_ip_is_active(const struct world *w, const struct state_ip *ip, usec_t now)
{
    enum rotation r = state_rotation(w->state, ip->address, now, NULL);
    return ip->is_configured && ip->is_here && (r == ROTATION_ACTIVE || r == ROTATION_WARMING);
}

void world_sum(struct world *w, usec_t now)
{
    struct map_item *item;
    usec_t at = clock_monotonic();
    uint64_t version = w->state->version;
    if (w->sums.at && at - w->sums.at < USEC_SECOND && w->sums.version == version)
        return;
    memset(&w->sums, 0, sizeof(w->sums));
    w->sums.at = at;
    w->sums.version = version;
    sum_customers(w, now);
    for (size_t i = 0; (item = map_next(&w->state->ips, &i));) {
        const struct state_ip *ip = item->value;
        w->sums.ips += ip->is_configured;
        w->sums.ips_active += world_ip_is_active(w, ip, now);
    }
}

bool world_has_pool(const struct world *w, const char *name)
{
    for (size_t i = 0; i < w->settings.pools_n; i++)
        if (strcmp(w->settings.pools[i], name) == 0)
            return true;
    return false;
}

const char *world_pool_of(const struct world *w, const struct state_customer *c)
{
    if (c->pool && c->pool[0])
        return c->pool;
    return w->settings.pools_n ? w->settings.pools[0] : "";
}
