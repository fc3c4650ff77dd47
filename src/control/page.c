#include "control/page.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/conversation.h"
#include "control/entry_json.h"
#include "control/harm.h"
#include "control/lines.h"
#include "control/page_event.h"
#include "control/page_incident.h"
#include "control/table.h"
#include "core/health.h"
#include "remote/protocol.h"
#include "store/history.h"
#include "store/ledger.h"
#include "store/spool.h"

enum { LOG_ROWS = 50, REPLIES = 20, MESSAGES = 200, EVENTS = 100, INCIDENT_REPLIES = 5 };

// A page on its way: it is done when the last part has come.
struct page {
    struct world *world;
    struct target target;
    usec_t now;
    json_t *object;
    size_t waiting; // parts to come
    bool is_found;  // of a message or entry
    char *why;      // it can't be shown
    void (*done)(void *ctx, json_t *page, const char *why);
    void *ctx;
};

static void part_done(struct page *p)
{
    struct world *w = p->world;
    if (!--p->waiting) {
        if (p->why) {
            json_decref(p->object);
            p->object = NULL;
        }
        p->done(p->ctx, p->object, p->why);
        xfree(p->why);
        xfree(p);
    }
    world_asked(w);
}

static void part_begin(struct page *p)
{
    p->waiting++;
    world_ask(p->world);
}

static void set(struct page *p, const char *name, json_t *value)
{
    json_object_set_new(p->object, name, value);
}

static void on_log(void *ctx, struct ledger_row *rows, size_t n, uint64_t total)
{
    struct page *p = ctx;
    json_t *all = json_array();
    (void)total;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(all, entry_json(p->world->state, rows[i].entry, rows[i].hash));
    ledger_rows_free(rows, n);
    set(p, "log", all);
    part_done(p);
}

static json_t *outcome_json(const struct outcome *o)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    char at[CLOCK_TEXT], id[ID_MESSAGE_TEXT];
    outcome_format(&b, o);
    json_t *v = json_loadb((const char *)b.p, b.n, 0, NULL);
    if (!v)
        return json_object();
    clock_format(at, o->at);
    message_id_format(id, o->message);
    json_object_set_new(v, "at", json_string(at));
    json_object_set_new(v, "code", o->code ? json_integer(o->code) : json_null());
    json_object_set_new(v, "reply", protocol_text(o->reply[0] ? o->reply : NULL));
    json_object_set_new(v, "phase", json_string(phase_text(o->phase)));
    json_object_set_new(v, "message", json_string(id));
    json_object_set_new(v, "attempt", json_integer(o->attempt));
    return v;
}

static void on_outcomes(struct page *p, const char *name, const struct outcome *o, size_t n)
{
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(all, outcome_json(&o[i]));
    set(p, name, all);
    p->is_found |= n > 0;
    part_done(p);
}

static void on_replies(void *ctx, const struct outcome *outcomes, size_t n)
{
    on_outcomes(ctx, "replies", outcomes, n);
}

static void on_events(void *ctx, const struct outcome *outcomes, size_t n)
{
    on_outcomes(ctx, "events", outcomes, n);
}

static void on_shares(struct page *p, const char *name, const char *key,
                      const struct history_share *shares, size_t n)
{
    json_t *all = json_array();
    uint64_t whole = 0;
    for (size_t i = 0; i < n; i++)
        whole += shares[i].delivered + shares[i].bounced;
    for (size_t i = 0; i < n; i++) {
        uint64_t part = shares[i].delivered + shares[i].bounced;
        json_array_append_new(all,
                              json_pack("{s:o,s:o,s:I,s:I}", key, protocol_text(shares[i].name),
                                        "share", protocol_rate(counter_rate(part, whole)),
                                        "delivered", (json_int_t)shares[i].delivered, "bounced",
                                        (json_int_t)shares[i].bounced));
    }
    set(p, name, all);
    part_done(p);
}

static void on_ips(void *ctx, const struct history_share *shares, size_t n)
{
    on_shares(ctx, "ips", "address", shares, n);
}

static void on_customers(void *ctx, const struct history_share *shares, size_t n)
{
    on_shares(ctx, "customers", "customer", shares, n);
}

static void fail(struct page *p, char *why)
{
    xfree(p->why);
    p->why = why;
}

// Holds in force on a target, or on a customer's lists too.
struct holds {
    struct page *page;
    json_t *all;
    const char *target;
};

static void add_hold(void *ctx, const struct entry *e)
{
    struct holds *h = ctx;
    size_t n = strlen(h->target);
    if (strncmp(e->target, h->target, n) == 0 && (!e->target[n] || e->target[n] == '/'))
        json_array_append_new(h->all, entry_json(h->page->world->state, e, NULL));
}

static json_t *holds_of(struct page *p, const char *target)
{
    struct holds h = {.page = p, .all = json_array(), .target = target};
    state_each_standing(p->world->state, p->now, add_hold, &h);
    return h.all;
}

// A customer's lists as far as holds name them.
static json_t *lists_of(struct page *p, const json_t *holds)
{
    json_t *all = json_array(), *hold;
    CLEANUP(json_decref) json_t *seen = json_object();
    size_t i;
    json_array_foreach(holds, i, hold)
    {
        const char *list = strchr(protocol_get_text(hold, "target", ""), '/');
        if (!list || json_object_get(seen, list + 1))
            continue;
        json_object_set_new(seen, list + 1, json_true());
        enum standing s =
            state_standing(p->world->state, p->target.customer, list + 1, p->now, NULL);
        json_array_append_new(all,
                              json_pack("{s:s,s:s}", "id", list + 1, "standing", standing_text(s)));
    }
    return all;
}

static void customer_page(struct page *p)
{
    char key[TARGET_TEXT];
    const char *name = p->target.customer;
    struct store *store = p->world->store;
    struct state_customer *c = state_customer_get(p->world->state, name);
    if (!c) {
        fail(p, xasprintf("no customer %s; customers lists them", name));
        return;
    }
    snprintf(key, sizeof(key), "customer:%s", name);
    json_t *holds = holds_of(p, key);
    set(p, "row", table_row(&table_customers, p->world, p->now, TABLE_BY_PROVIDER, key));
    set(p, "harm", harm_judged(p->world->engine, c, p->now));
    set(p, "lists", lists_of(p, holds));
    set(p, "holds", holds);
    set(p, "log", json_array());
    set(p, "replies", json_array());
    set(p, "ips", json_array());
    if (!store)
        return;
    struct history_query q = {.since = p->now - USEC_DAY,
                              .customer = name,
                              .is_bad_only = true,
                              .newest_first = true,
                              .limit = REPLIES};
    part_begin(p);
    ledger_list(store, p->target.text, 0, LOG_ROWS, on_log, p);
    part_begin(p);
    history_list(store, &q, on_replies, p);
    part_begin(p);
    history_shares(store, NULL, name, p->now - USEC_DAY, on_ips, p);
}

struct lanes {
    json_t *all;
    const char *ip, *provider; // NULL: any
};

static void add_lane(void *to, const struct control_lane_row *r)
{
    struct lanes *l = to;
    if ((l->ip && strcmp(l->ip, r->ip) != 0) ||
        (l->provider && strcmp(l->provider, r->provider) != 0))
        return;
    json_array_append_new(
        l->all, json_pack("{s:o,s:o,s:o,s:i,s:o,s:I,s:I,s:o,s:b,s:o,s:o}", "ip",
                          protocol_text(r->ip), "provider", protocol_text(r->provider), "state",
                          protocol_text(r->lane_state), "connections", (int)r->connections, "limit",
                          r->connections_max ? json_integer(r->connections_max) : json_null(),
                          "sent_1m", (json_int_t)r->sent_1m, "sent_1h", (json_int_t)r->sent_1h,
                          "deferred_rate", protocol_rate(r->deferred_rate), "blocked",
                          r->is_blocked, "until", protocol_time(r->until), "last_reply",
                          protocol_text(r->last_reply && r->last_reply[0] ? r->last_reply : NULL)));
}

static json_t *lanes_of(struct page *p, const char *ip, const char *provider)
{
    const struct control_engine *e = p->world->engine;
    struct lanes l = {.all = json_array(), .ip = ip, .provider = provider};
    e->each_lane(e->ctx, add_lane, &l);
    return l.all;
}

// What waits for a provider is no lane's own; each lane shows it all the same.
static void add_waiting(struct page *p, json_t *lanes)
{
    json_t *lane;
    size_t i;
    json_array_foreach(lanes, i, lane)
    {
        char key[TARGET_TEXT];
        snprintf(key, sizeof(key), "queue:provider=%s", protocol_get_text(lane, "provider", ""));
        CLEANUP(json_decref)
        json_t *row = table_row(&table_queue, p->world, p->now, TABLE_BY_PROVIDER, key);
        json_object_set_new(lane, "waiting", json_integer(protocol_get_number(row, "waiting", 0)));
    }
}

static json_t *health_json(const struct page *p)
{
    const struct control_engine *e = p->world->engine;
    struct health h;
    if (!e->ip_health || !e->ip_health(e->ctx, p->target.ip, &h))
        return json_null();
    json_t *parts = json_array();
    for (int i = 0; i < HEALTH_N; i++)
        json_array_append_new(parts, json_pack("{s:s,s:i,s:o}", "what",
                                               health_what_text((enum health_what)i), "takes",
                                               (int)(h.parts[i] + 0.5), "text",
                                               protocol_text(h.texts[i][0] ? h.texts[i] : NULL)));
    return json_pack("{s:i,s:o}", "score", (int)(h.score + 0.5), "parts", parts);
}

static void ip_page(struct page *p)
{
    struct store *store = p->world->store;
    json_t *row = table_row(&table_ips, p->world, p->now, TABLE_BY_PROVIDER, p->target.text);
    if (!row) {
        fail(p, xasprintf("no IP %s in the configuration; ips lists them", p->target.ip));
        return;
    }
    json_t *lanes = lanes_of(p, p->target.ip, NULL);
    add_waiting(p, lanes);
    set(p, "row", row);
    set(p, "health", health_json(p));
    set(p, "lanes", lanes);
    set(p, "holds", holds_of(p, p->target.text));
    set(p, "customers", json_array());
    set(p, "log", json_array());
    if (!store)
        return;
    part_begin(p);
    history_shares(store, p->target.ip, NULL, p->now - USEC_HOUR, on_customers, p);
    part_begin(p);
    ledger_list(store, p->target.text, 0, LOG_ROWS, on_log, p);
}

// How many of the shapes that no rule knew a provider gave.
struct shapes {
    const char *provider;
    json_int_t n;
};

static void count_shape(void *to, const struct control_unknown_row *r)
{
    struct shapes *s = to;
    for (size_t i = 0; i < r->providers_n; i++)
        s->n += strcmp(r->providers[i], s->provider) == 0;
}

static json_t *unknown_shapes(struct page *p, const char *provider)
{
    const struct control_engine *e = p->world->engine;
    struct shapes s = {.provider = provider};
    if (e->each_unknown)
        e->each_unknown(e->ctx, count_shape, &s);
    return json_integer(s.n);
}

static void provider_page(struct page *p)
{
    const struct control_engine *e = p->world->engine;
    struct control_limits l = {0};
    char key[TARGET_TEXT], rate[TEXT_VALUE] = "";
    const char *name = p->target.provider;
    snprintf(key, sizeof(key), "queue:provider=%s", name);
    CLEANUP(json_decref)
    json_t *row = table_row(&table_queue, p->world, p->now, TABLE_BY_PROVIDER, key);
    e->limits(e->ctx, name, &l);
    if (l.rate)
        text_format_rate(rate, l.rate, l.rate_per);
    snprintf(key, sizeof(key), "provider:%s", name);
    json_t *known = table_row(&table_providers, p->world, p->now, TABLE_BY_PROVIDER, key);
    set(p, "row", known ? known : json_null());
    set(p, "holds", holds_of(p, key));
    set(p, "id", protocol_text(name));
    set(p, "lanes", lanes_of(p, NULL, name));
    set(p, "waiting", json_integer(protocol_get_number(row, "waiting", 0)));
    set(p, "held", json_integer(protocol_get_number(row, "held", 0)));
    set(p, "unknown_shapes", unknown_shapes(p, name));
    set(p, "limits",
        json_pack("{s:i,s:i,s:i,s:o}", "connections", (int)l.connections, "connections_all",
                  (int)l.connections_all, "messages", (int)l.messages, "rate",
                  rate[0] ? json_string(rate) : json_null()));
}

static json_t *recipient_json(struct page *p, const struct spool_message *m, size_t i)
{
    const struct spool_recipient *r = &m->recipients[i];
    const struct control_engine *e = p->world->engine;
    char why[300] = "";
    e->why(e->ctx, m, r->no, why, sizeof(why));
    return json_pack(
        "{s:o,s:s,s:o,s:i,s:o,s:o,s:o}", "recipient", protocol_text(r->address), "state", "waiting",
        "provider", protocol_text(r->provider[0] ? r->provider : NULL), "attempts",
        (int)r->attempts, "next_try_at", protocol_time(r->next_try_at), "last_reply",
        protocol_text(r->last_reply[0] ? r->last_reply : NULL), "why", protocol_text(why));
}

static void on_message(void *ctx, struct spool_message *m)
{
    struct page *p = ctx;
    if (m) {
        json_t *all = json_array();
        for (size_t i = 0; i < m->recipients_n; i++)
            json_array_append_new(all, recipient_json(p, m, i));
        p->is_found = true;
        set(p, "customer", protocol_text(m->customer));
        set(p, "list", protocol_text(m->list[0] ? m->list : NULL));
        set(p, "sender", protocol_text(m->sender));
        set(p, "size", json_integer((json_int_t)m->size));
        set(p, "accepted_at", protocol_time(m->accepted_at));
        set(p, "recipients", all);
    }
    spool_message_free(m);
    part_done(p);
}

// The last part of a message's page: what is known of it at all?
static void message_known(struct page *p)
{
    json_t *events = json_object_get(p->object, "events");
    if (!p->is_found)
        fail(p, xasprintf("no message %s waits or is remembered here", p->target.message));
    else if (json_is_null(json_object_get(p->object, "customer")))
        json_object_set(p->object, "customer",
                        json_object_get(json_array_get(events, 0), "customer"));
}

static void on_message_events(void *ctx, const struct outcome *outcomes, size_t n)
{
    struct page *p = ctx;
    part_begin(p);
    on_events(p, outcomes, n);
    message_known(p);
    part_done(p);
}

static void on_message_first(void *ctx, struct spool_message *m)
{
    struct page *p = ctx;
    struct history_query q = {.message = p->target.message, .limit = EVENTS};
    part_begin(p); // the events after it, so that the last of both knows whether there is any
    history_list(p->world->store, &q, on_message_events, p);
    on_message(p, m);
}

static void on_trails(void *ctx, const struct trail *trails, size_t n)
{
    struct page *p = ctx;
    set(p, "conversations", conversation_list(trails, n, TRAIL_CONVERSATION));
    set(p, "reports", conversation_list(trails, n, TRAIL_REPORT));
    part_done(p);
}

static void message_page(struct page *p)
{
    static const char *const unknown[] = {"customer", "list", "sender", "size", "accepted_at"};
    struct message_id id;
    set(p, "id", protocol_text(p->target.message));
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        set(p, unknown[i], json_null());
    static const char *const lists[] = {"recipients", "events", "conversations", "reports"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        set(p, lists[i], json_array());
    if (!p->world->store || !message_id_parse(&id, p->target.message)) {
        message_known(p);
        return;
    }
    part_begin(p);
    trail_list(p->world->store, id, UINT32_MAX, CONVERSATIONS, on_trails, p);
    part_begin(p);
    spool_find(p->world->store, id, on_message_first, p);
}

static void on_messages(void *ctx, struct spool_message **messages, size_t n)
{
    struct page *p = ctx;
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        struct spool_message *m = messages[i];
        const struct state_customer *c = state_customer_get(p->world->state, m->customer);
        bool is_in =
            !p->target.pool[0] || (c && strcmp(world_pool_of(p->world, c), p->target.pool) == 0);
        char id[ID_MESSAGE_TEXT];
        message_id_format(id, m->id);
        for (size_t k = 0; is_in && k < m->recipients_n && json_array_size(all) < MESSAGES; k++) {
            json_t *row = recipient_json(p, m, k);
            json_object_set_new(row, "message", json_string(id));
            json_object_set_new(row, "customer", protocol_text(m->customer));
            json_object_set_new(row, "accepted_at", protocol_time(m->accepted_at));
            json_array_append_new(all, row);
        }
        spool_message_free(m);
    }
    xfree(messages);
    set(p, "messages", all);
    part_done(p);
}

static void queue_page(struct page *p)
{
    const struct target *t = &p->target;
    enum table_by by = t->customer[0] ? TABLE_BY_CUSTOMER
                       : t->pool[0]   ? TABLE_BY_POOL
                                      : TABLE_BY_PROVIDER;
    json_t *row = table_row(&table_queue, p->world, p->now, by, t->text);
    set(p, "row", row ? row : json_null());
    set(p, "messages", json_array());
    if (!p->world->store)
        return;
    // "-" stands for what has no provider yet
    const char *provider = strcmp(t->provider, "-") == 0 ? "" : t->provider[0] ? t->provider : NULL;
    part_begin(p);
    spool_list(p->world->store, t->customer[0] ? t->customer : NULL, provider, MESSAGES,
               on_messages, p);
}

static void on_entry(void *ctx, struct ledger_row *rows, size_t n, uint64_t total)
{
    struct page *p = ctx;
    (void)total;
    if (n) {
        json_t *row = entry_json(p->world->state, rows[0].entry, rows[0].hash);
        json_object_update(p->object, row);
        json_decref(row);
        set(p, "entry", protocol_text(rows[0].bytes));
    } else {
        fail(p, xasprintf("the ledger has no entry %ju", (uintmax_t)p->target.seq));
    }
    ledger_rows_free(rows, n);
    part_done(p);
}

static void on_incident_replies(void *ctx, const struct outcome *outcomes, size_t n)
{
    struct page *p = ctx;
    json_t *replies = json_object_get(p->object, "replies");
    for (size_t i = 0; i < n && json_array_size(replies) < INCIDENT_REPLIES; i++)
        if (outcomes[i].reply[0])
            json_array_append_new(replies, json_pack("{s:o,s:o}", "customer",
                                                     protocol_text(outcomes[i].customer), "reply",
                                                     protocol_text(outcomes[i].reply)));
    page_incident_report(p->world, p->object, p->now);
    part_done(p);
}

// Where the evidence has no sample replies, the culprit's newest bad ones stand there.
static void incident_page(struct page *p)
{
    const struct incident *i = lines_get(p->world, p->target.seq);
    if (!i) {
        fail(p,
             xasprintf("there is no incident %ju; incidents lists them", (uintmax_t)p->target.seq));
        return;
    }
    page_incident(p->world, p->object, i, p->now);
    const char *customer = strncmp(i->culprit, "customer:", 9) == 0 ? i->culprit + 9 : "";
    if (json_array_size(json_object_get(p->object, "replies")) || !p->world->store || !*customer) {
        page_incident_report(p->world, p->object, p->now);
        return;
    }
    CLEANUP(xfree) char *name = xasprintf("%.*s", (int)strcspn(customer, "/+"), customer);
    struct history_query q = {.since = i->opened_at - USEC_DAY,
                              .customer = name,
                              .is_bad_only = true,
                              .newest_first = true,
                              .limit = INCIDENT_REPLIES};
    part_begin(p);
    history_list(p->world->store, &q, on_incident_replies, p);
}

static void on_event_page(void *ctx)
{
    part_done(ctx);
}

static void event_page(struct page *p)
{
    const struct world_event *e = world_event_get(p->world, p->target.seq);
    if (!e) {
        fail(p, xasprintf("event %ju is not among the newest any more; show message:ID tells it",
                          (uintmax_t)p->target.seq));
        return;
    }
    part_begin(p);
    page_event(p->world, p->object, e, p->now, on_event_page, p);
}

static void log_page(struct page *p)
{
    if (!p->world->store) {
        fail(p, xstrdup("there is no ledger to ask"));
        return;
    }
    part_begin(p);
    ledger_get(p->world->store, p->target.seq, on_entry, p);
}

void page_make(struct world *w, const struct target *t,
               void (*done)(void *ctx, json_t *page, const char *why), void *ctx)
{
    static void (*const pages[])(struct page * p) = {
        [TARGET_CUSTOMER] = customer_page, [TARGET_IP] = ip_page,
        [TARGET_QUEUE] = queue_page,       [TARGET_LOG] = log_page,
        [TARGET_MESSAGE] = message_page,   [TARGET_PROVIDER] = provider_page,
        [TARGET_LANE] = provider_page,     [TARGET_INCIDENT] = incident_page,
        [TARGET_EVENT] = event_page,
    };
    struct page *p = xcalloc(1, sizeof(*p));
    *p = (struct page){.world = w,
                       .target = *t,
                       .now = clock_wall(),
                       .object = json_object(),
                       .done = done,
                       .ctx = ctx};
    part_begin(p);
    pages[t->kind](p);
    part_done(p);
}
