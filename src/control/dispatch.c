/* Requests to methods: who may, with what, and exactly one answer each. */
#include <string.h>

#include "base/text.h"
#include "control/page.h"
#include "control/peer.h"
#include "control/table.h"
#include "store/ledger.h"

static void hello(struct request *r, const json_t *params)
{
    (void)params;
    const struct peer *p = request_peer(r);
    const struct control_settings *s = &r->control->world.settings;
    request_answer(
        r, json_pack("{s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "protocol", (int)PROTOCOL_VERSION,
                     "version", s->version, "node", protocol_text(s->node), "node_id",
                     protocol_text(s->node_id), "label", protocol_text(s->label), "now",
                     protocol_time(clock_wall()), "started_at", protocol_time(s->started_at),
                     "user", protocol_text(p->user), "role", role_text(p->role)));
}

static void status(struct request *r, const json_t *params)
{
    (void)params;
    request_answer(r, json_incref(control_status(r->control)));
}

static json_t *window_json(struct table_window *w)
{
    return json_pack("{s:I,s:I,s:o}", "total", (json_int_t)w->total, "matched",
                     (json_int_t)w->matched, "rows", w->rows);
}

// `log` before an entry: the ledger itself is asked, a piece at a time.
struct older {
    struct request *request;
    struct table_query query; // owned
};

static void on_older(void *ctx, struct ledger_row *rows, size_t n, uint64_t total)
{
    struct older *o = ctx;
    struct world *w = &o->request->control->world;
    struct table_window window;
    struct world_log_row *copies = xcalloc(n + 1, sizeof(*copies));
    void **items = xcalloc(n + 1, sizeof(*items));
    for (size_t i = 0; i < n; i++) {
        copies[i].entry = rows[i].entry; // borrowed
        memcpy(copies[i].hash, rows[i].hash, sizeof(copies[i].hash));
        items[i] = &copies[i];
    }
    table_look_at(&o->query, w, clock_wall(), items, n, &window);
    json_t *answer = window_json(&window);
    json_object_set_new(answer, "total", json_integer((json_int_t)total));
    // where to go on; behind the last row that is here when not all of the piece fits an answer
    size_t last = json_array_size(window.rows);
    const json_t *row = last ? json_array_get(window.rows, last - 1) : NULL;
    json_int_t next = !n                      ? 0
                      : last < window.matched ? protocol_get_number(row, "seq", 0)
                                              : (json_int_t)rows[n - 1].entry->name.seq;
    json_object_set_new(answer, "next", next > 1 ? json_integer(next) : json_null());
    request_answer(o->request, answer);
    ledger_rows_free(rows, n);
    table_query_deinit(&o->query);
    xfree(items);
    xfree(copies);
    xfree(o);
    world_asked(w);
}

static void older_list(struct request *r, struct table_query *q, uint64_t before)
{
    struct older *o = xcalloc(1, sizeof(*o));
    *o = (struct older){.request = r, .query = *q};
    o->query.offset = 0;
    o->query.limit = TABLE_LIMIT;
    world_ask(&r->control->world);
    ledger_list(r->control->world.store, NULL, before, TABLE_LIMIT, on_older, o);
}

static void list(struct request *r, const json_t *params)
{
    struct table_query q;
    struct table_window w;
    CLEANUP(xfree) char *why = NULL;
    int64_t before = protocol_get_number(params, "before", 0);
    if (table_query_parse(&q, params, TABLE_LIMIT, &why)) {
        request_fail(r, "usage", "%s", why);
    } else if (before > 0 && q.table == &table_log && r->control->world.store) {
        older_list(r, &q, (uint64_t)before);
        return;
    } else {
        table_look(&q, &r->control->world, clock_wall(), &w);
        request_answer(r, window_json(&w));
    }
    table_query_deinit(&q);
}

static void page_done(void *ctx, json_t *page, const char *why)
{
    struct request *r = ctx;
    if (page)
        request_answer(r, page);
    else
        request_fail(r, "refused", "%s", why);
}

static void show(struct request *r, const json_t *params)
{
    struct target t;
    CLEANUP(xfree) char *why = NULL;
    if (target_parse(&t, protocol_get_text(params, "target", ""), &why))
        request_fail(r, "usage", "target: %s", why);
    else
        page_make(&r->control->world, &t, page_done, r);
}

static const struct method {
    const char *name;
    enum role role;
    void (*run)(struct request *r, const json_t *params);
} methods[] = {
    {"hello", ROLE_NONE, hello},
    {"status", ROLE_VIEWER, status},
    {"list", ROLE_VIEWER, list},
    {"show", ROLE_VIEWER, show},
    {"explain", ROLE_VIEWER, explain_run},
    {"feed", ROLE_VIEWER, feed_run},
    {"unfeed", ROLE_VIEWER, unfeed_run},
    {"events", ROLE_VIEWER, events_run},
    {"act", ROLE_OPERATOR, act_run},
    {"manage", ROLE_VIEWER, manage_run}, // each command of it says its own role
};

static const struct method *method_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

static void unknown_method(struct request *r, const char *name)
{
    const char *names[ARRAY_LEN(methods)];
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        names[i] = methods[i].name;
    CLEANUP(xfree) char *shown = text_visible_new(bytes_of(name, strnlen(name, 80)));
    const char *near = text_nearest(shown, names, ARRAY_LEN(names));
    request_fail(r, "unknown-method", "no method `%s`%s%s", shown, near ? "; nearest: " : "",
                 near ? near : "");
}

static void refuse_role(struct request *r, enum role role, const struct peer *p)
{
    if (p->role == ROLE_NONE)
        request_fail(r, "not-allowed",
                     "%s has no role here; control.operators and control.viewers in the "
                     "configuration name who has",
                     p->user);
    else
        request_fail(r, "not-allowed", "%s is %s; that takes an %s", p->user, role_text(p->role),
                     role_text(role));
}

// Ids are echoed, so they are kept small and harmless.
static bool is_id(const json_t *id)
{
    const char *text = json_string_value(id);
    char shown[80];
    if (json_is_number(id) || json_is_null(id))
        return true;
    return text && strlen(text) < 64 &&
           text_visible(shown, sizeof(shown), text, strlen(text)) == strlen(text);
}

void dispatch(struct peer *p, const json_t *message)
{
    const json_t *id = json_object_get(message, "id");
    const json_t *params = json_object_get(message, "params");
    const char *name = protocol_get_text(message, "method", NULL);
    const struct method *m = name ? method_of(name) : NULL;
    CLEANUP(json_decref) json_t *none = json_object();
    struct request *r = request_new(p, id && is_id(id) ? id : json_null());
    if (id && !is_id(id))
        request_fail(r, "usage", "id: expected a number, or at most 63 plain characters");
    else if (!name)
        request_fail(r, "usage", "expected {\"id\": …, \"method\": \"…\", \"params\": {…}}");
    else if (params && !json_is_object(params) && !json_is_null(params))
        request_fail(r, "usage", "params: expected an object");
    else if (!m && p->role != ROLE_NONE)
        unknown_method(r, name);
    else if (!m || p->role < m->role)
        refuse_role(r, m ? m->role : ROLE_VIEWER, p);
    else
        m->run(r, json_is_object(params) ? params : none);
}
