/* A small world for delivery: a store in a folder of its own, a state, settings, and mail servers on
 * 127.0.0.x that count what comes to them and answer as they are told. */
#pragma once
#include "test.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "core/state.h"
#include "delivery/delivery.h"
#include "net/conn.h"
#include "net/dns.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "smtp/server.h"
#include "store/spool.h"
#include "store/store.h"

enum { SEEN_MOST = 20000 };

/* One that answers. */
struct sink {
    struct listener *listener;
    uint16_t port;
    struct list sessions;
    unsigned connections, connections_most; // now, and at once
    unsigned greeted, messages, rcpts;
    unsigned messages_from[256]; // by the last byte of the client's address
    usec_t last_from[256];       // when a transaction began
    unsigned banner;             // code to turn away with; 0: none
    uint8_t banner_for;          // only clients whose address ends so; 0: all
    const char *rcpt_refusal;    // "550 5.1.1 no such user", NULL: none
    usec_t service;              // a message takes so long
    unsigned closes_after;       // messages, then hangs up without a word; 0: never
    unsigned seen_n;
    char (*seen)[64]; // recipients in the order their messages came
};

struct sink_session {
    struct list link;
    struct sink *sink;
    struct conn *conn;
    struct smtp_server *server;
    uint8_t from; // last byte of the client's address
    unsigned messages;
    struct timer timer;
};

struct world {
    uv_loop_t loop;
    struct timers *timers;
    char dir[64];
    struct store *store;
    struct state state;
    struct settings *settings;
    struct dns *dns;
    struct delivery *d;
    unsigned kinds[16]; // outcomes, by kind
    struct outcome last;
    char last_customer[64], last_recipient[64]; // its own strings are gone
    unsigned added, stopped, doors;
    uint64_t seq;
};

static struct world *world; // the test's; sinks use its timers

static const struct smtp_server_limits sink_limits = {
    .message_size = 64u << 20, .recipients = 1000, .commands_in_error = 50, .idle = USEC_MINUTE};

/* In good manners: what is written arrives first. */
static void sink_close(struct sink_session *s)
{
    list_remove(&s->link);
    timer_stop(world->timers, &s->timer);
    conn_finish(s->conn);
    smtp_server_free(s->server);
    s->sink->connections--;
    xfree(s);
}

static void sink_flush(struct sink_session *s)
{
    struct buf *out = smtp_server_out(s->server);
    if (out->n)
        conn_write(s->conn, out);
    if (smtp_server_is_over(s->server))
        sink_close(s);
}

static void sink_answer(void *ctx)
{
    struct sink_session *s = ctx;
    struct smtp_reply reply;
    bool is_last = s->sink->closes_after && s->messages >= s->sink->closes_after;
    smtp_reply_set(&reply, 250, "2.0.0", "ok");
    if (is_last) {
        struct buf *out = smtp_server_out(s->server);
        smtp_reply_format(out, &reply);
        conn_write(s->conn, out);
        sink_close(s);
        return;
    }
    smtp_server_answer(s->server, &reply, clock_monotonic());
    sink_flush(s);
}

static void sink_mail(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply)
{
    struct sink_session *s = ctx;
    (void)mail, (void)reply;
    s->sink->last_from[s->from] = clock_monotonic();
}

static void sink_rcpt(void *ctx, const char *address, struct smtp_reply *reply)
{
    struct sink_session *s = ctx;
    (void)address;
    s->sink->rcpts++;
    if (s->sink->rcpt_refusal) {
        unsigned code = (unsigned)atoi(s->sink->rcpt_refusal);
        char enhanced[8] = "";
        sscanf(s->sink->rcpt_refusal + 4, "%7s", enhanced);
        smtp_reply_set(reply, code, enhanced, "%s", s->sink->rcpt_refusal + 10);
    }
}

static void sink_data(void *ctx, struct smtp_reply *reply)
{
    (void)ctx, (void)reply;
}

static void sink_message(void *ctx, struct smtp_server_message *m)
{
    struct sink_session *s = ctx;
    struct sink *sink = s->sink;
    s->messages++;
    sink->messages++;
    sink->messages_from[s->from]++;
    for (size_t i = 0; i < m->recipients_n && sink->seen_n < SEEN_MOST; i++)
        snprintf(sink->seen[sink->seen_n++], sizeof(*sink->seen), "%s", m->recipients[i]);
    timer_set(world->timers, &s->timer, clock_monotonic() + sink->service, sink_answer, s);
}

static const struct smtp_server_ops sink_ops = {sink_mail, sink_rcpt, sink_data, sink_message};

static void sink_on_bytes(void *ctx, struct bytes in)
{
    struct sink_session *s = ctx;
    smtp_server_feed(s->server, in, clock_monotonic());
    sink_flush(s);
}

static void sink_on_end(void *ctx, int r)
{
    (void)r;
    sink_close(ctx);
}

static void sink_on_deadline(void *ctx)
{
    (void)ctx;
}

static const struct conn_ops sink_conn_ops = {
    .on_bytes = sink_on_bytes, .on_end = sink_on_end, .on_deadline = sink_on_deadline};

static void sink_on_accept(void *ctx, struct conn *c)
{
    struct sink *sink = ctx;
    struct sink_session *s = xcalloc(1, sizeof(*s));
    const struct sockaddr_in *peer = (const struct sockaddr_in *)(const void *)conn_peer(c);
    s->sink = sink;
    s->conn = c;
    s->from = ntohl(peer->sin_addr.s_addr) & 0xff;
    s->server = smtp_server_new("sink.test", &sink_limits, &sink_ops, s, clock_monotonic());
    conn_own(c, &sink_conn_ops, s);
    list_add_last(&sink->sessions, &s->link);
    sink->greeted++;
    if (++sink->connections > sink->connections_most)
        sink->connections_most = sink->connections;
    if (sink->banner && (!sink->banner_for || sink->banner_for == s->from))
        smtp_server_turn_away(s->server, sink->banner, "5.7.1", "your IP is blocked");
    else
        smtp_server_greet(s->server);
    sink_flush(s);
}

/* At 127.0.`net`.`host`; port 0: any. */
static struct sink *sink_open(uint8_t net, uint8_t host, uint16_t port)
{
    struct sink *sink = xcalloc(1, sizeof(*sink));
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    int r = 0;
    sa.sin_addr.s_addr = htonl(0x7f000000u | (uint32_t)net << 8 | host);
    list_init(&sink->sessions);
    sink->seen = xcalloc(SEEN_MOST, sizeof(*sink->seen));
    sink->listener =
        listener_open_tcp(&world->loop, (struct sockaddr *)&sa, NULL, sink_on_accept, sink, &r);
    assert_int_equal(r, 0);
    sink->port = listener_port(sink->listener);
    return sink;
}

static void sink_hang_up(struct sink *sink)
{
    struct sink_session *s;
    LIST_EACH (&sink->sessions, s, link)
        sink_close(s);
    sink->listener = listener_close(sink->listener);
}

static void sink_free(struct sink *sink)
{
    sink_hang_up(sink);
    xfree(sink->seen);
    xfree(sink);
}

static void world_outcome(void *ctx, const struct outcome *o, const struct spool_message *m)
{
    struct world *w = ctx;
    (void)m;
    w->kinds[o->kind]++;
    w->last = *o;
    snprintf(w->last_customer, sizeof(w->last_customer), "%s", o->customer);
    snprintf(w->last_recipient, sizeof(w->last_recipient), "%s", o->recipient);
}

static void world_door(void *ctx, const struct outcome *o)
{
    struct world *w = ctx;
    w->doors++;
    assert_string_equal(o->customer, "");
    assert_int_equal(o->scope, SCOPE_IP);
}

static void world_fatal(void *ctx, const char *why)
{
    (void)ctx;
    fail_msg("the store: %s", why);
}

/* Runs the loop until *n reaches `want` or the time is over; false then. */
static bool run_until(const unsigned *n, unsigned want, usec_t span)
{
    usec_t end = clock_monotonic() + span;
    while (*n < want && clock_monotonic() < end) {
        uv_run(&world->loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    return *n >= want;
}

static inline void run_for(usec_t span)
{
    unsigned never = 0;
    run_until(&never, 1, span);
}

/* `providers` is what providers.yaml holds, NULL for none. */
static struct settings *world_settings(const char *pools, const char *providers, const char *rest)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    struct settings *s = NULL;
    struct settings_mistakes mistakes = {0};
    buf_printf(&b,
               "node: mta1.test\nstate: st\nlisteners: [{address: \"127.0.0.1:2525\"}]\n"
               "pools: {%s}\n%s%s",
               pools, providers ? "providers: providers.yaml\n" : "", rest);
    struct settings_text texts[] = {{"test", buf_bytes(&b)},
                                    {"providers.yaml", bytes_str(providers)}};
    if (settings_load_texts(&s, &mistakes, texts, providers ? 2 : 1) != 0)
        fail_msg("%s", mistakes.items[0].text);
    return s;
}

/* The configured IPs are configured and here. */
static void world_take_ips(struct world *w)
{
    for (size_t i = 0; i < w->settings->pools_n; i++)
        for (size_t j = 0; j < w->settings->pools[i].ips_n; j++) {
            struct state_ip *ip =
                state_ip_add(&w->state, w->settings->pools[i].ips[j].address.text);
            ip->is_configured = ip->is_here = true;
        }
}

static void world_begin(struct world *w, const char *pools, const char *providers, const char *rest)
{
    struct store_options store = {
        .dir = w->dir, .history_kept = USEC_DAY, .on_fatal = world_fatal, .ctx = w};
    char *why = NULL;
    w->settings = world_settings(pools, providers, rest);
    if (store_open(&w->store, &w->loop, &store, &why) != 0)
        fail_msg("%s", why);
    state_init(&w->state);
    world_take_ips(w);
    struct dns_options dns = {.local = w->settings->dns.local, .local_n = w->settings->dns.local_n};
    w->dns = dns_new(&w->loop, &dns, &why);
    assert_non_null(w->dns);
    struct delivery_options o = {.loop = &w->loop,
                                 .store = w->store,
                                 .state = &w->state,
                                 .dns = w->dns,
                                 .settings = w->settings,
                                 .on_outcome = world_outcome,
                                 .on_door = world_door,
                                 .ctx = w};
    w->d = delivery_new(&o);
    delivery_start(w->d);
}

/* What is written is on disk afterwards; what was in flight was not finished, as in a crash. */
static void world_end(struct world *w)
{
    delivery_stop(w->d, NULL, NULL);
    w->store = store_close(w->store);
    w->dns = dns_free(w->dns);
    w->d = delivery_free(w->d);
    state_deinit(&w->state);
    w->settings = settings_free(w->settings);
    for (int i = 0; i < 5; i++)
        uv_run(&w->loop, UV_RUN_NOWAIT);
}

static int world_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static struct world *world_new(void)
{
    struct world *w = xcalloc(1, sizeof(*w));
    uv_loop_init(&w->loop);
    w->timers = timers_new(&w->loop);
    snprintf(w->dir, sizeof(w->dir), "/tmp/mxwarden-delivery-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    world = w;
    return w;
}

static void world_free(struct world *w)
{
    w->timers = timers_free(w->timers);
    for (int i = 0; i < 5; i++)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    uv_loop_close(&w->loop);
    nftw(w->dir, world_remove, 16, FTW_DEPTH | FTW_PHYS);
    xfree(w);
    world = NULL;
}

static void world_stored(void *ctx, int result)
{
    struct spool_message *m = ctx;
    assert_int_equal(result, SPOOL_OK);
    world->added++;
    delivery_add(world->d, m);
}

/* A message of `size` bytes to `recipients` (a list ending with NULL). */
static void world_send(const char *customer, const char *list, size_t size,
                       const char *const *recipients)
{
    struct spool_message *m = spool_message_new();
    m->id = store_message_id(world->store, clock_wall());
    xfree(m->customer);
    xfree(m->list);
    xfree(m->sender);
    m->customer = xstrdup(customer);
    m->list = xstrdup(list);
    m->stream = *list ? STREAM_LIST : STREAM_TRANSACTIONAL;
    m->sender = xstrdup("sender@origin.test");
    m->accepted_at = clock_wall();
    for (size_t i = 0; recipients[i]; i++)
        spool_message_add_recipient(m, recipients[i]);
    struct buf body = {0};
    buf_add_str(&body, "Subject: hello\r\n\r\n");
    while (body.n < size)
        buf_add_str(&body,
                    "This line stands here to make the message as long as it should be.\r\n");
    m->size = body.n;
    m->body = (uint8_t *)buf_take_str(&body);
    buf_deinit(&body);
    assert_int_equal(spool_add(world->store, m, world_stored, m), SPOOL_OK);
}

/* `n` messages to user0@domain and so on. */
static inline void world_flood(const char *customer, const char *list, const char *domain,
                               unsigned n)
{
    unsigned before = world->added;
    for (unsigned i = 0; i < n; i++) {
        char to[64];
        snprintf(to, sizeof(to), "user%u@%s", i, domain);
        world_send(customer, list, 4096, (const char *const[]){to, NULL});
    }
    assert_true(run_until(&world->added, before + n, 20 * USEC_SECOND));
}

/* Applies an action as the engine would after its commit. Gives its name for a lift. */
static inline struct entry_name world_act(enum kind kind, const char *target, usec_t expires_at,
                                          const struct entry_name *lifts)
{
    struct entry *e = entry_new(kind, "ana", target, "a test");
    e->name = (struct entry_name){{7}, ++world->seq};
    e->at = clock_wall();
    e->hlc = clock_hlc_next(0, e->at) + (int64_t)world->seq;
    e->expires_at = expires_at;
    if (lifts)
        entry_add_name(e, *lifts);
    struct entry_name name = e->name;
    state_apply(&world->state, e);
    entry_free(e);
    delivery_changed(world->d);
    return name;
}
