#include "control/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "net/conn.h"

// µs of one peer's turn; requests at the store; bytes of an empty buffer
enum { SLICE = 20 * 1000, ASKING_MOST = 64, IDLE = 4096 };

static const usec_t stuck_most = 60 * USEC_SECOND;

struct peer *peer_new(struct control *c, struct conn *conn, enum role role, const char *user)
{
    struct peer *p = xcalloc(1, sizeof(*p));
    p->control = c;
    p->conn = conn;
    p->role = role;
    p->serial = ++c->serial;
    snprintf(p->user, sizeof(p->user), "%s", user);
    list_init(&p->feeds);
    list_add_last(&c->peers, &p->link);
    c->peers_n++;
    c->strangers_n += role == ROLE_NONE;
    return p;
}

struct peer *peer_free(struct peer *p)
{
    if (!p)
        return NULL;
    list_remove(&p->link);
    p->control->peers_n--;
    p->control->strangers_n -= p->role == ROLE_NONE;
    if (p->conn && p->is_half && !p->is_ending)
        conn_finish(p->conn); // it waits for the rest of our answers
    else
        conn_close(p->conn);
    feeds_free(p);
    events_free(p);
    protocol_reader_deinit(&p->reader);
    buf_deinit(&p->out);
    return xfree(p);
}

struct peer *peer_find(struct control *c, uint64_t serial)
{
    struct peer *p;
    LIST_EACH (&c->peers, p, link)
        if (p->serial == serial)
            return p->is_ending ? NULL : p;
    return NULL;
}

size_t peer_unread(const struct peer *p)
{
    return p->out.n + (p->conn ? conn_queued(p->conn) : 0);
}

static void cut_off(struct peer *p, const char *why)
{
    log_notice("control", "%s is cut off: %s", p->user, why);
    p->is_ending = true;
    buf_deinit(&p->out);
    control_hurry(p->control);
}

void peer_flush(struct peer *p)
{
    if (p->is_ending || !p->out.n)
        return;
    if (peer_unread(p) > PROTOCOL_OUTPUT) {
        cut_off(p, "4 MiB of answers are unread");
        return;
    }
    if (!p->conn)
        return;
    bool was_empty = !conn_queued(p->conn);
    conn_write(p->conn, &p->out);
    if (p->out.room > IDLE)
        buf_deinit(&p->out);
    if (was_empty && conn_queued(p->conn))
        conn_set_deadline(p->conn, clock_monotonic() + stuck_most);
}

bool peer_is_over(const struct peer *p)
{
    return p->is_ending || (p->is_half && !p->asking && !p->feeds_n && !p->has_work &&
                            !p->is_live && !p->catch_up.serial);
}

void peer_push(struct peer *p, json_t *message)
{
    if (!p->is_ending)
        protocol_add(&p->out, message);
    json_decref(message);
    peer_flush(p);
}

static void answer_wrong(struct peer *p, const char *why)
{
    peer_push(p, json_pack("{s:n,s:{s:s,s:s}}", "id", "error", "code", "usage", "message", why));
}

// One line; false when there is none now.
static bool work_one(struct peer *p)
{
    CLEANUP(json_decref) json_t *message = NULL;
    CLEANUP(xfree) char *why = NULL;
    switch (protocol_next(&p->reader, &message, &why)) {
    case PROTOCOL_OBJECT:
        dispatch(p, message);
        return true;
    case PROTOCOL_WRONG:
        answer_wrong(p, why);
        return true;
    case PROTOCOL_LONG:
        answer_wrong(p, "a request is one line of at most 1 MiB");
        cut_off(p, "a line over 1 MiB");
        return false;
    case PROTOCOL_MORE:
        return false;
    }
    return false;
}

void peer_work(struct peer *p)
{
    usec_t end = clock_monotonic() + SLICE;
    bool has_more = true;
    p->has_work = false;
    while (!p->is_ending && has_more && !p->has_work) {
        if (p->asking >= ASKING_MOST || clock_monotonic() > end)
            p->has_work = true; // the rest at the next tick; nothing more is read meanwhile
        else
            has_more = work_one(p);
    }
    if (p->conn && p->has_work)
        conn_pause(p->conn);
    else if (p->conn && !p->is_ending)
        conn_resume(p->conn);
    if (p->has_work && p->asking < ASKING_MOST)
        control_hurry(p->control);
    else if (p->has_work)
        control_wake(p->control);
    if (!p->reader.in.n && p->reader.in.room > IDLE)
        protocol_reader_deinit(&p->reader); // an idle client costs little
}

struct request *request_new(struct peer *p, const json_t *id)
{
    struct request *r = xcalloc(1, sizeof(*r));
    r->control = p->control;
    r->peer = p->serial;
    r->id = json_incref((json_t *)id);
    p->asking++;
    return r;
}

struct peer *request_peer(const struct request *r)
{
    return peer_find(r->control, r->peer);
}

static void finish(struct request *r, const char *member, json_t *value)
{
    struct peer *p = request_peer(r);
    if (p) {
        json_t *message = json_object();
        json_object_set(message, "id", r->id);
        json_object_set_new(message, member, value);
        p->asking--;
        peer_push(p, message);
        if (peer_is_over(p))
            control_wake(r->control);
    } else {
        json_decref(value);
    }
    json_decref(r->id);
    xfree(r);
}

void request_answer(struct request *r, json_t *result)
{
    finish(r, "result", result);
}

void request_fail(struct request *r, const char *code, const char *format, ...)
{
    char text[2000];
    va_list args;
    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it misses the va_start above
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    finish(r, "error", json_pack("{s:s,s:o}", "code", code, "message", protocol_text(text)));
}
