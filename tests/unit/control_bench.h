/* What the tests of control share: the server over a real Unix socket, a real state and store, and an
 * engine of a few lines. */
#pragma once
#include "test.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/text.h"
#include "control/control.h"
#include "control/peer.h"
#include "core/entry.h"
#include "core/health.h"
#include "core/incident.h"
#include "core/reputation.h"
#include "core/state.h"
#include "remote/client.h"
#include "store/ledger.h"
#include "store/spool.h"
#include "store/store.h"

// The world of a test.
struct bench {
    char dir[64];
    char socket[80];
    uv_loop_t loop;
    struct state state;
    struct store *store;
    struct control *control;
    struct client *client;
    struct control_engine engine;
    bool is_full, has_mistakes; // how the engine answers
    struct incidents incidents;
};

// An act on its way to the ledger.
struct acting {
    struct bench *bench;
    control_act_fn *done;
    void *ctx;
};

static inline void on_written(void *ctx, int r, const struct ledger_row *row)
{
    struct acting *a = ctx;
    if (!r) {
        state_apply(&a->bench->state, row->entry);
        incidents_apply(&a->bench->incidents, row->entry);
    }
    a->done(a->ctx, r, r ? NULL : row->entry, r ? NULL : row->hash);
    xfree(a);
}

static inline void act(void *ctx, struct entry *e, control_act_fn *done, void *done_ctx)
{
    struct bench *b = ctx;
    if (b->is_full) {
        entry_free(e);
        done(done_ctx, -ENOSPC, NULL, NULL);
        return;
    }
    struct acting *a = xcalloc(1, sizeof(*a));
    *a = (struct acting){b, done, done_ctx};
    ledger_append(b->store, e, on_written, a);
}

static inline void each_queue(void *ctx, void (*each)(void *to, const struct control_queue_row *r),
                              void *to)
{
    (void)ctx;
    static const struct control_queue_row rows[] = {
        {"acme", "google", "shared", 12, 3, USEC_HOUR, 2 * USEC_HOUR, "450 4.2.1 slow down"},
        {"acme", "yahoo", "shared", 5, 0, 2 * USEC_HOUR, 0, ""},
        {"beta", "google", "premium", 1, 0, USEC_MINUTE, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        each(to, &rows[i]);
}

static inline void each_lane(void *ctx, void (*each)(void *to, const struct control_lane_row *r),
                             void *to)
{
    (void)ctx;
    each(to, &(struct control_lane_row){.ip = "198.51.100.7",
                                        .provider = "google",
                                        .lane_state = "deferring",
                                        .connections = 2,
                                        .connections_max = 20,
                                        .deferred_rate = 0.1,
                                        .is_blocked = true,
                                        .last_reply = "550 5.7.1 \x1b[31mblocked"});
}

static inline void
each_unknown(void *ctx, void (*each)(void *to, const struct control_unknown_row *r), void *to)
{
    (void)ctx;
    static const char *const providers[] = {"", "google", "yahoo"};
    struct control_unknown_row row = {.phase = "rcpt",
                                      .class = "undetermined",
                                      .shape = "moon of * is sad",
                                      .sample = "550 Moon of \x1b[7 is sad",
                                      .code = 550,
                                      .count = 41,
                                      .first_at = USEC_DAY,
                                      .last_at = 2 * USEC_DAY,
                                      .providers = providers,
                                      .providers_n = ARRAY_LEN(providers),
                                      .has_more_providers = true};
    each(to, &row);
    row.shape = "";
    row.count = 7;
    row.providers_n = 1;
    row.has_more_providers = false;
    each(to, &row);
}

static inline void totals(void *ctx, struct control_totals *t)
{
    (void)ctx;
    *t = (struct control_totals){.queued = 18, .held = 3, .last_outcome_at = USEC_DAY};
}

static inline void limits(void *ctx, const char *provider, struct control_limits *l)
{
    (void)ctx;
    (void)provider;
    *l = (struct control_limits){.connections = 20, .rate = 100, .rate_per = USEC_HOUR};
}

static inline void health(void *ctx, struct control_health *h)
{
    (void)ctx;
    *h = (struct control_health){.disk_free = 1 << 30, .is_accepting = true, .problem = ""};
}

static inline void why(void *ctx, const struct spool_message *m, uint32_t no, char *out,
                       size_t room)
{
    (void)ctx;
    (void)m;
    (void)no;
    snprintf(out, room, "waits its turn");
}

static inline int reload(void *ctx, const char *actor, char **mistakes)
{
    struct bench *b = ctx;
    (void)actor;
    if (b->has_mistakes)
        *mistakes = xstrdup("mxwarden.yaml:3:1: expected a name");
    return b->has_mistakes;
}

static inline const struct incidents *incidents(void *ctx)
{
    struct bench *b = ctx;
    return &b->incidents;
}

// acme alone is judged.
static inline bool next_rung(void *ctx, const char *customer, struct reputation_rung *out)
{
    (void)ctx;
    *out = (struct reputation_rung){.harm = HARM_DEAD, .next = RUNG_SUSPEND, .level = 62};
    return strcmp(customer, "acme") == 0;
}

static inline bool harm(void *ctx, const char *customer, enum harm h, struct reputation_harm *out)
{
    (void)ctx;
    *out = (struct reputation_harm){.bad = 64,
                                    .of = 1000,
                                    .rate = {0.02, 0.04, 0.05},
                                    .next = RUNG_SUSPEND,
                                    .level = 62,
                                    .shrunk = 0.06};
    if (h == HARM_TRAP)
        *out = (struct reputation_harm){
            .bad = 1, .rate = {1, 2, 4}, .next = RUNG_SUSPEND, .level = 25};
    return strcmp(customer, "acme") == 0 && (h == HARM_DEAD || h == HARM_TRAP);
}

static inline bool ip_health(void *ctx, const char *ip, struct health *out)
{
    (void)ctx;
    *out = (struct health){.score = 58, .parts = {[HEALTH_BLOCKS] = 42}};
    snprintf(out->texts[HEALTH_BLOCKS], HEALTH_TEXT, "google, 31 %% of its mail");
    return strcmp(ip, "198.51.100.7") == 0;
}

static inline bool is_incident(void *ctx, const char *provider)
{
    (void)ctx;
    return strcmp(provider, "yahoo") == 0;
}

static inline void settings_of(struct control_settings *s, struct bench *b)
{
    static const char *const pools[] = {"shared", "premium"};
    static char node[ID_NODE_TEXT];
    node_id_format(node, store_node_id(b->store));
    *s = (struct control_settings){.node = "mta1.example.net",
                                   .label = "PROD",
                                   .version = "0.1.0",
                                   .node_id = node,
                                   .started_at = USEC_DAY,
                                   .pools = pools,
                                   .pools_n = ARRAY_LEN(pools),
                                   .expiry_suspend = 2 * USEC_HOUR,
                                   .throttle_rate = "100/h",
                                   .refusal = 450,
                                   .tells_customer = true};
}

static inline void fill_state(struct state *s)
{
    static const char *const addresses[] = {"198.51.100.7", "198.51.100.8", "198.51.100.20"};
    struct state_customer *c = state_customer_add(s, "acme");
    c->is_known = true;
    c->queued = 20; // those held among them
    c->held = 3;
    c->contact = (xfree(c->contact), xstrdup("ops@acme.example"));
    counter_add_n(&c->counter, COUNTER_DELIVERED, clock_wall(), 936);
    counter_add_n(&c->counter, COUNTER_BOUNCED, clock_wall(), 64);
    counter_add_n(&c->counter, COUNTER_DEAD, clock_wall(), 64);
    counter_add_n(&c->counter, COUNTER_UNDETERMINED, clock_wall(), 20);
    state_customer_add(s, "beta")->is_known = true;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct state_ip *ip = state_ip_add(s, addresses[i]);
        ip->is_configured = ip->is_here = true;
        ip->pool = (xfree(ip->pool), xstrdup(i < 2 ? "shared" : "premium"));
    }
}

static inline int begin(void **state)
{
    struct bench *b = xcalloc(1, sizeof(*b));
    struct control_settings s;
    char *why_not = NULL;
    snprintf(b->dir, sizeof(b->dir), "/tmp/mxwarden-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->socket, sizeof(b->socket), "%s/control.sock", b->dir);
    uv_loop_init(&b->loop);
    struct store_options options = {.dir = b->dir, .history_kept = 30 * USEC_DAY};
    if (store_open(&b->store, &b->loop, &options, &why_not))
        fail_msg("%s", why_not);
    fill_state(&b->state);
    b->engine = (struct control_engine){.ctx = b,
                                        .each_queue = each_queue,
                                        .each_lane = each_lane,
                                        .totals = totals,
                                        .limits = limits,
                                        .health = health,
                                        .why = why,
                                        .act = act,
                                        .reload = reload,
                                        .next_rung = next_rung,
                                        .harm = harm,
                                        .ip_health = ip_health,
                                        .is_incident = is_incident,
                                        .incidents = incidents,
                                        .each_unknown = each_unknown};
    settings_of(&s, b);
    struct control_options o = {.loop = &b->loop,
                                .state = &b->state,
                                .store = b->store,
                                .engine = &b->engine,
                                .settings = &s,
                                .socket = b->socket};
    if (control_open(&b->control, &o, &why_not))
        fail_msg("%s", why_not);
    if (client_connect(&b->client, b->socket, &why_not))
        fail_msg("%s", why_not);
    *state = b;
    return 0;
}

static inline int end(void **state)
{
    struct bench *b = *state;
    client_free(b->client);
    control_close(b->control);
    store_close(b->store);
    while (uv_loop_close(&b->loop) == UV_EBUSY)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    state_deinit(&b->state);
    incidents_deinit(&b->incidents);
    CLEANUP(xfree) char *rm = xasprintf("rm -rf %s", b->dir);
    assert_int_equal(system(rm), 0);
    xfree(b);
    return 0;
}

static inline void turn(struct bench *b)
{
    uv_run(&b->loop, UV_RUN_NOWAIT);
    usleep(200);
}

// The next message that has this member; others are dropped.
static inline json_t *await(struct bench *b, const char *member)
{
    usec_t until = clock_monotonic() + 5 * USEC_SECOND;
    json_t *message;
    while (clock_monotonic() < until) {
        turn(b);
        client_feed_ready(b->client);
        while (client_next(b->client, &message)) {
            if (json_object_get(message, member))
                return message;
            json_decref(message);
        }
    }
    fail_msg("no %s came", member);
    return NULL;
}

static inline json_t *call(struct bench *b, const char *method, json_t *params)
{
    client_send(b->client, method, params);
    return await(b, "id");
}

static inline json_t *result(struct bench *b, const char *method, json_t *params)
{
    json_t *answer = call(b, method, params);
    json_t *r = json_object_get(answer, "result");
    if (!r) {
        CLEANUP(xfree) char *text = json_dumps(answer, 0);
        fail_msg("%s: %s", method, text);
    }
    json_incref(r);
    json_decref(answer);
    return r;
}

// The error's "code: message"; the caller frees.
static inline char *error(struct bench *b, const char *method, json_t *params)
{
    CLEANUP(json_decref) json_t *answer = call(b, method, params);
    json_t *e = json_object_get(answer, "error");
    if (!e)
        fail_msg("%s: no error", method);
    return xasprintf("%s: %s", protocol_get_text(e, "code", ""),
                     protocol_get_text(e, "message", ""));
}

static inline void says(char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("`%s` does not say `%s`", text, part);
    xfree(text);
}

static inline json_t *acting(const char *phase, const char *command, const char *target,
                             const char *reason)
{
    return json_pack("{s:s,s:s,s:[s],s:s}", "phase", phase, "command", command, "targets", target,
                     "reason", reason);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, begin, end)
