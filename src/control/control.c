#include "control/control.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "control/peer.h"
#include "control/table.h"
#include "net/conn.h"
#include "store/ledger.h"

enum { GROUPS = 1024, TICK_WORK = 50 * 1000 }; // of a peer; µs of work in one tick

static const usec_t tick_span = 100 * USEC_MS;

uint64_t control_hash(const json_t *v)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    protocol_add(&text, v);
    return hash_sip(hash_process_key(), buf_bytes(&text));
}

json_t *control_status(struct control *c)
{
    usec_t now = clock_monotonic();
    uint64_t version = c->world.state->version + world_log_seq(&c->world);
    if (c->status && now - c->status_at < tick_span && c->status_version == version)
        return c->status;
    json_decref(c->status);
    c->status_version = version;
    c->status = table_row(&table_status, &c->world, clock_wall(), TABLE_BY_PROVIDER, "status");
    c->status_at = now;
    CLEANUP(json_decref) json_t *still = json_copy(c->status);
    json_object_del(still, "now");
    c->status_hash = control_hash(still);
    return c->status;
}

static void on_tick(void *ctx)
{
    struct control *c = ctx;
    usec_t begin = clock_monotonic();
    size_t left = c->peers_n;
    bool is_needed = false, has_work = false;
    struct peer *p;
    events_flush(c);
    LIST_EACH (&c->peers, p, link) {
        if (!left--)
            break; // round: those served now stand behind
        if (clock_monotonic() - begin > TICK_WORK) {
            has_work = true; // those behind come first at the next tick
            break;
        }
        list_remove(&p->link);
        list_add_last(&c->peers, &p->link);
        if (p->has_work && !p->is_ending)
            peer_work(p);
        events_tick(p);
        feeds_tick(p, begin);
        if (peer_is_over(p)) {
            peer_free(p);
            continue;
        }
        has_work |= p->has_work;
        is_needed |= p->feeds_n || p->is_live || p->catch_up.serial;
    }
    if (has_work)
        control_hurry(c);
    else if (is_needed)
        control_wake(c);
}

void control_wake(struct control *c)
{
    if (!heap_has(&c->tick.node) && c->timers)
        timer_set(c->timers, &c->tick, clock_monotonic() + tick_span, on_tick, c);
}

void control_hurry(struct control *c)
{
    if (c->timers)
        timer_set(c->timers, &c->tick, clock_monotonic() + USEC_MS, on_tick, c);
}

static void on_bytes(void *ctx, struct bytes in)
{
    struct peer *p = ctx;
    buf_add_bytes(&p->reader.in, in);
    peer_work(p);
    if (peer_is_over(p))
        peer_free(p);
}

static void on_drained(void *ctx)
{
    struct peer *p = ctx;
    conn_set_deadline(p->conn, USEC_NEVER);
}

static void on_deadline(void *ctx)
{
    struct peer *p = ctx;
    log_notice("control", "%s is cut off: it read nothing for a minute", p->user);
    p->is_ending = true;
    peer_free(p);
}

static void on_end(void *ctx, int r)
{
    struct peer *p = ctx;
    p->is_half = true;
    if (r < 0)
        p->is_ending = true;
    if (peer_is_over(p))
        peer_free(p);
}

static const struct conn_ops ops = {
    .on_bytes = on_bytes, .on_drained = on_drained, .on_deadline = on_deadline, .on_end = on_end};

static enum role role_of(struct control *c, struct conn *conn, char user[64])
{
    uint32_t uid = UINT32_MAX, gid = UINT32_MAX;
    int32_t pid;
    uint32_t *gids = xcalloc(GROUPS + 1, sizeof(*gids));
    if (!conn_credentials(conn, &uid, &gid, &pid))
        uid = UINT32_MAX; // nobody
    size_t n = conn_groups(conn, gids, GROUPS);
    gids[n++] = gid;
    enum role role = roles_of(&c->roles, uid, gids, n, user);
    xfree(gids);
    return role;
}

static void refuse(struct conn *conn, const char *why)
{
    struct buf out = {0};
    CLEANUP(json_decref)
    json_t *message =
        json_pack("{s:n,s:{s:s,s:s}}", "id", "error", "code", "refused", "message", why);
    protocol_add(&out, message);
    conn_write(conn, &out);
    buf_deinit(&out);
    conn_finish(conn);
}

static void on_accept(void *ctx, struct conn *conn)
{
    struct control *c = ctx;
    char user[64];
    enum role role = role_of(c, conn, user);
    if (c->peers_n >= CONTROL_PEERS) {
        refuse(conn, "200 consoles and commands are connected already; end one and try again");
        return;
    }
    if (role == ROLE_NONE && c->strangers_n >= CONTROL_STRANGERS) {
        refuse(conn, "too many people without a role are connected; try again");
        return;
    }
    conn_own(conn, &ops, peer_new(c, conn, role, user));
}

static void end(struct control *c)
{
    json_decref(c->status);
    roles_deinit(&c->roles);
    world_deinit(&c->world);
    xfree(c);
}

void world_asked(struct world *w)
{
    must(w->asking > 0);
    if (!--w->asking && w->is_closing)
        end(CONTAINER_OF(w, struct control, world));
}

static void on_log(void *ctx, struct ledger_row *rows, size_t n, uint64_t total)
{
    struct control *c = ctx;
    (void)total;
    for (size_t i = n; i--;) // they come newest first
        world_add_entry(&c->world, rows[i].entry, rows[i].hash);
    ledger_rows_free(rows, n);
    world_asked(&c->world);
}

int control_open(struct control **out, const struct control_options *o, char **why)
{
    struct control *c = xcalloc(1, sizeof(*c));
    int r;
    c->loop = o->loop;
    c->world.state = o->state;
    c->world.store = o->store;
    c->world.engine = o->engine;
    list_init(&c->peers);
    world_init(&c->world);
    control_set_settings(c, o->settings);
    if (o->loop)
        c->timers = timers_new(o->loop);
    if (o->socket) {
        c->listener = listener_open_unix(o->loop, o->socket, 0666, on_accept, c, &r);
        if (!c->listener) {
            *why = xasprintf("%s: %s", o->socket,
                             r == -EADDRINUSE ? "another engine listens there" : strerror(-r));
            control_close(c);
            return 1;
        }
    }
    if (c->world.store) {
        world_ask(&c->world);
        ledger_list(c->world.store, NULL, 0, WORLD_LOG, on_log, c);
    }
    *out = c;
    return 0;
}

struct control *control_close(struct control *c)
{
    if (!c)
        return NULL;
    struct peer *p;
    c->listener = listener_close(c->listener);
    LIST_EACH (&c->peers, p, link)
        peer_free(p);
    if (c->timers)
        timer_stop(c->timers, &c->tick);
    c->timers = timers_free(c->timers);
    c->world.is_closing = true;
    if (!c->world.asking)
        end(c);
    return NULL;
}

void control_set_settings(struct control *c, const struct control_settings *s)
{
    struct peer *p;
    world_set_settings(&c->world, s);
    roles_load(&c->roles, s->operators, s->operators_n, s->viewers, s->viewers_n);
    LIST_EACH (&c->peers, p, link) {
        if (!p->conn)
            continue;
        c->strangers_n -= p->role == ROLE_NONE;
        p->role = role_of(c, p->conn, p->user);
        c->strangers_n += p->role == ROLE_NONE;
        if (p->role == ROLE_NONE)
            p->is_ending = true; // feeds and all
    }
    control_wake(c);
}

void control_on_outcome(struct control *c, const struct outcome *o)
{
    world_add_event(&c->world, o);
    // followers are served in batches, but before the ring comes round
    if (c->world.events_n - c->events_sent >= WORLD_EVENTS / 2)
        events_flush(c);
}

void control_on_entry(struct control *c, const struct entry *e, const char *hash)
{
    world_add_entry(&c->world, e, hash);
}
