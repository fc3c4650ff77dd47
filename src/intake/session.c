#include "intake/session.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "net/conn.h"
#include "store/store.h"

// Bytes go from the connection into the machine, the machine asks (submit.c, feedback.c), and after each turn
// session_flush() writes what it has to say and looks whether the session goes on.

enum { QUEUED = 64 << 10 }; // a client that does not read its answers is not read from

static const usec_t data_most = 30 * USEC_MINUTE; // a text that takes longer is no client's

struct client {
    size_t sessions;
};

static struct bytes address_key(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return bytes_of(&((const struct sockaddr_in *)sa)->sin_addr, sizeof(struct in_addr));
    return bytes_of(&((const struct sockaddr_in6 *)sa)->sin6_addr, sizeof(struct in6_addr));
}

static void peer_text(char out[INET6_ADDRSTRLEN], const struct sockaddr *sa)
{
    if (!inet_ntop(sa->sa_family, address_key(sa).p, out, INET6_ADDRSTRLEN))
        out[0] = '\0';
}

// ---- the end of a session

static void leave_client(struct session *s)
{
    struct bytes key = address_key(conn_peer(s->conn));
    struct client *client = map_get(&s->intake->clients, key);
    if (!should(client) || --client->sessions)
        return;
    map_remove(&s->intake->clients, key);
    xfree(client);
}

// With last words that still go out, or at once.
static void session_end(struct session *s, bool has_words)
{
    struct intake *in = s->intake;
    must(!s->is_feeding);
    if (s->writing)
        s->writing->session = NULL;
    feedback_leave(s);
    submit_give_back(s);
    session_end_receiving(s);
    leave_client(s);
    list_remove(&s->link);
    in->sessions_n--;
    in->reporters_n -= s->is_reporter;
    if (has_words)
        conn_finish(s->conn);
    else
        conn_close(s->conn);
    smtp_server_free(s->machine);
    xfree(s);
    intake_look_for_end(in);
}

// After each turn of the machine. May free the session.
void session_flush(struct session *s)
{
    struct smtp_server *m = s->machine;
    conn_write(s->conn, smtp_server_out(m));
    if (smtp_server_is_over(m) || (s->is_ended && !smtp_server_is_busy(m))) {
        session_end(s, true);
        return;
    }
    bool wants_pause = smtp_server_is_busy(m) || conn_queued(s->conn) > QUEUED;
    if (wants_pause && !s->is_paused)
        conn_pause(s->conn);
    else if (!wants_pause && s->is_paused)
        conn_resume(s->conn);
    s->is_paused = wants_pause;
    conn_set_deadline(s->conn, smtp_server_deadline(m));
}

void session_answer(struct session *s, const struct smtp_reply *reply)
{
    bool was_feeding = s->is_feeding;
    s->is_feeding = true;
    smtp_server_answer(s->machine, reply, clock_monotonic());
    s->is_feeding = was_feeding;
    if (!was_feeding)
        session_flush(s);
}

// ---- texts being received

void session_reply_full(struct smtp_reply *reply)
{
    smtp_reply_set(reply, 452, "4.3.1", "no space for new mail now, try again later");
}

static bool is_too_much(const struct session *s)
{
    const struct intake *in = s->intake;
    return in->receiving > INTAKE_RECEIVING || (s->is_reporter && in->reporting > INTAKE_REPORTING);
}

static void received(struct session *s, uint64_t n)
{
    s->received += n;
    s->intake->receiving += n;
    s->intake->reporting += s->is_reporter ? n : 0;
}

void session_begin_receiving(struct session *s, struct smtp_reply *reply)
{
    if (!store_may_accept(s->intake->o.store) || is_too_much(s))
        session_reply_full(reply);
    else
        s->is_receiving = true;
}

void session_end_receiving(struct session *s)
{
    s->intake->receiving -= s->received;
    s->intake->reporting -= s->is_reporter ? s->received : 0;
    s->received = 0;
    s->is_receiving = false;
}

// ---- the connection's events

static void say_and_end(struct session *s, unsigned code, const char *enhanced, const char *why)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, code, enhanced, "%s", why);
    smtp_reply_format(smtp_server_out(s->machine), &reply);
    conn_write(s->conn, smtp_server_out(s->machine));
    session_end(s, true);
}

static void on_bytes(void *ctx, struct bytes in)
{
    struct session *s = ctx;
    if (s->is_receiving)
        received(s, in.n);
    bool was_receiving = s->is_receiving;
    s->is_feeding = true;
    smtp_server_feed(s->machine, in, clock_monotonic());
    s->is_feeding = false;
    // A reply while receiving: the machine refused the text itself (size, line ends).
    if (was_receiving && s->is_receiving && smtp_server_out(s->machine)->n)
        session_end_receiving(s);
    if (is_too_much(s) && s->received > INTAKE_SHARE) {
        say_and_end(s, 421, "4.3.1", "too much is being received at once, try again later");
        return;
    }
    session_flush(s);
}

static void on_drained(void *ctx)
{
    session_flush(ctx);
}

static void on_deadline(void *ctx)
{
    struct session *s = ctx;
    smtp_server_tick(s->machine, clock_monotonic());
    session_flush(s);
}

// A client that only shut down its sending side gets the answers still due.
static void on_end(void *ctx, int r)
{
    struct session *s = ctx;
    s->is_ended = true;
    if (r < 0)
        session_end(s, false);
    else
        session_flush(s);
}

static const struct conn_ops conn_events = {
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_deadline = on_deadline,
    .on_end = on_end,
};

// ---- the beginning

static void turn_away(struct intake *in, struct conn *conn, const char *why)
{
    struct smtp_reply reply;
    struct buf out = {0};
    char peer[INET6_ADDRSTRLEN];
    peer_text(peer, conn_peer(conn));
    log_debug("intake", "%s is turned away: %s", peer, why);
    smtp_reply_set(&reply, 421, "4.7.0", "%s %s, try again later", in->o.settings->node, why);
    smtp_reply_format(&out, &reply);
    conn_write(conn, &out);
    buf_deinit(&out);
    conn_finish(conn);
}

static bool is_feedback(const struct door *door)
{
    return door->settings->kind == LISTENER_FEEDBACK;
}

// Strangers leave half to those who submit.
static bool is_crowded(const struct door *door)
{
    const struct intake *in = door->intake;
    return in->sessions_n >= in->sessions_most ||
           (is_feedback(door) && in->reporters_n >= (in->sessions_most + 1) / 2);
}

static struct session *session_new(struct door *door, struct conn *conn)
{
    struct intake *in = door->intake;
    const struct settings *settings = in->o.settings;
    struct session *s = xcalloc(1, sizeof(*s));
    s->is_reporter = is_feedback(door);
    s->intake = in;
    s->door = door;
    s->conn = conn;
    s->limits = (struct smtp_server_limits){
        .message_size = settings->limits.message_size,
        .recipients = settings->limits.recipients,
        .commands_in_error = settings->limits.commands_in_error,
        .idle = settings->limits.session_idle,
        .data_total = data_most,
    };
    if (s->is_reporter && s->limits.message_size > INTAKE_REPORT)
        s->limits.message_size = INTAKE_REPORT;
    snprintf(s->node, sizeof(s->node), "%s", settings->node);
    peer_text(s->peer, conn_peer(conn));
    s->machine = smtp_server_new(s->node, &s->limits, s->is_reporter ? &feedback_ops : &submit_ops,
                                 s, clock_monotonic());
    list_add_last(&in->sessions, &s->link);
    in->sessions_n++;
    in->reporters_n += s->is_reporter;
    return s;
}

void session_accept(struct door *door, struct conn *conn)
{
    struct intake *in = door->intake;
    struct bytes key = address_key(conn_peer(conn));
    struct client *client = map_get(&in->clients, key);
    if (is_crowded(door)) {
        turn_away(in, conn, "too many sessions");
        return;
    }
    if (client && client->sessions >= in->o.settings->limits.sessions_per_client) {
        turn_away(in, conn, "too many sessions from your address");
        return;
    }
    if (!client) {
        client = xcalloc(1, sizeof(*client));
        map_put(&in->clients, key, client);
    }
    client->sessions++;
    struct session *s = session_new(door, conn);
    conn_own(conn, &conn_events, s);
    smtp_server_greet(s->machine);
    session_flush(s);
}

// ---- ending them from outside

void session_shut_all(struct intake *in, const struct door *door)
{
    struct session *s;
    LIST_EACH (&in->sessions, s, link) {
        if (door && s->door != door)
            continue;
        s->door = NULL;
        smtp_server_shut(s->machine);
        session_flush(s);
    }
}

void session_close_all(struct intake *in)
{
    struct session *s;
    LIST_EACH (&in->sessions, s, link) {
        session_end(s, false);
    }
}
