#include "net/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "net/edge.h"
#include "net/timer.h"

// Plain sockets under uv_poll: one read(2) an event, one write(2) an answer, and no other system call
// in a session's life. Changing what is polled for costs two epoll_ctl(2), so pausing is lazy: it is
// undone for free unless something arrives meanwhile.

enum {
    QUEUE_KEPT = 64 << 10, // a larger buffer is given back once it is written
    LINGER_READ = 1 << 20, // read away at most while lingering
};

enum phase_of_life {
    CONNECTING,
    OPEN,
    BROKEN,    // of no use; on_end() told it or is about to
    FINISHING, // nobody's; writes its queue, then lingers or closes
    LINGERING, // nobody's; reads away
    CLOSED,    // waits for uv's close
};

struct conn {
    uv_poll_t poll;
    struct edge *edge;
    const struct conn_ops *ops;
    void *ctx;
    int fd;
    int events; // polled for now, UV_READABLE | UV_WRITABLE
    int why;    // < 0: broke inside a call; on_end() follows from the timer
    enum phase_of_life life;
    bool has_poll; // the uv handle is open
    bool is_paused;
    bool is_muted; // paused, and something arrived: not polled for reading
    bool is_ended; // the peer sends no more
    struct buf out;
    struct timer timer;
    usec_t deadline; // the timer may stand earlier: it is moved when it fires
    size_t lingered; // bytes read away
    struct sockaddr_storage peer;
};

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_timer(void *ctx);

static void poll_for_what_is_wanted(struct conn *c)
{
    int want = 0;
    if (c->life == CONNECTING || c->out.n)
        want |= UV_WRITABLE;
    if (c->life != CONNECTING && !c->is_ended && !c->is_muted)
        want |= UV_READABLE;
    if (c->life == BROKEN)
        want = 0;
    if (want == c->events)
        return;
    c->events = want;
    int r = want ? uv_poll_start(&c->poll, want, on_poll) : uv_poll_stop(&c->poll);
    must(r == 0);
}

static struct conn *conn_new(struct uv_loop_s *loop, int fd)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    c->edge = edge_of(loop);
    c->fd = fd;
    c->life = OPEN;
    c->deadline = USEC_NEVER;
    return c;
}

static int open_poll(struct conn *c)
{
    int r = uv_poll_init_socket(c->edge->loop, &c->poll, c->fd);
    c->has_poll = r == 0;
    return r;
}

static void conn_release(struct conn *c)
{
    buf_deinit(&c->out);
    edge_leave(c->edge);
    xfree(c);
}

static void on_closed(uv_handle_t *handle)
{
    conn_release(CONTAINER_OF(handle, struct conn, poll));
}

struct conn *conn_close(struct conn *c)
{
    if (!c || c->life == CLOSED)
        return NULL;
    c->life = CLOSED;
    timer_stop(c->edge->timers, &c->timer);
    if (c->has_poll)
        uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
    if (!c->has_poll)
        conn_release(c);
    return NULL;
}

// ---- opening

static socklen_t address_size(const struct sockaddr *sa)
{
    switch (sa->sa_family) {
    case AF_INET:
        return sizeof(struct sockaddr_in);
    case AF_INET6:
        return sizeof(struct sockaddr_in6);
    default:
        return sizeof(struct sockaddr_un);
    }
}

// The source's port stays 0 until connect(2) picks one that is free towards this peer; else each
// connection would use up a port of the source as a whole.
static int bind_source(int fd, const struct sockaddr *source)
{
    int on = 1;
    struct sockaddr_storage from = {0};
    memcpy(&from, source, address_size(source));
    if (from.ss_family == AF_INET)
        ((struct sockaddr_in *)&from)->sin_port = 0;
    else
        ((struct sockaddr_in6 *)&from)->sin6_port = 0;
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&from, address_size(source)) < 0)
        return -errno;
    return 0;
}

static int begin_connect(int fd, const struct sockaddr *peer, const struct sockaddr *source)
{
    int on = 1;
    if (source) {
        int r = bind_source(fd, source);
        if (r < 0)
            return r;
    }
    if (peer->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, peer, address_size(peer)) == 0 || errno == EINPROGRESS)
        return 0;
    return errno == EADDRNOTAVAIL ? -EAGAIN : -errno;
}

// Tells the owner from the loop, not from inside its own call.
static void fail_soon(struct conn *c, int why)
{
    c->why = why;
    timer_set(c->edge->timers, &c->timer, 0, on_timer, c);
}

struct conn *conn_connect(struct uv_loop_s *loop, const struct sockaddr *peer,
                          const struct sockaddr *source, const struct conn_ops *ops, void *ctx,
                          int *r)
{
    int fd = socket(peer->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *r = -errno;
        return NULL;
    }
    *r = begin_connect(fd, peer, source);
    if (*r == -EADDRNOTAVAIL || *r == -EAGAIN || *r == -EINVAL || *r == -EAFNOSUPPORT) {
        close(fd);
        return NULL;
    }
    struct conn *c = conn_new(loop, fd);
    c->ops = ops;
    c->ctx = ctx;
    c->life = CONNECTING;
    memcpy(&c->peer, peer, address_size(peer));
    int opened = open_poll(c);
    if (opened < 0) {
        *r = opened;
        return conn_close(c);
    }
    if (*r < 0)
        fail_soon(c, *r); // refused or unreachable, known at once
    else
        poll_for_what_is_wanted(c);
    *r = 0;
    return c;
}

struct conn *conn_accepted(struct uv_loop_s *loop, int fd, const struct sockaddr_storage *peer)
{
    struct conn *c = conn_new(loop, fd);
    c->peer = *peer;
    return c;
}

void conn_own(struct conn *c, const struct conn_ops *ops, void *ctx)
{
    c->ops = ops;
    c->ctx = ctx;
    int r = c->has_poll ? 0 : open_poll(c);
    if (r < 0) {
        c->life = BROKEN;
        fail_soon(c, r);
        return;
    }
    poll_for_what_is_wanted(c);
}

static void on_connected(struct conn *c, int r)
{
    c->life = r < 0 ? BROKEN : OPEN;
    if (r < 0)
        buf_clear(&c->out);
    poll_for_what_is_wanted(c);
    c->ops->on_open(c->ctx, r);
}

static int socket_error(const struct conn *c)
{
    int error = 0;
    socklen_t n = sizeof(error);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        return -errno;
    return -error;
}

// ---- reading

static void on_broken(struct conn *c, int why)
{
    if (c->life == CONNECTING) {
        on_connected(c, why);
        return;
    }
    if (c->life != OPEN && c->life != BROKEN) { // nobody's any more
        conn_close(c);
        return;
    }
    c->life = BROKEN;
    c->is_ended = true;
    buf_clear(&c->out);
    poll_for_what_is_wanted(c);
    c->ops->on_end(c->ctx, why);
}

static void on_peer_ended(struct conn *c)
{
    c->is_ended = true;
    poll_for_what_is_wanted(c);
    if (c->life == OPEN)
        c->ops->on_end(c->ctx, 0);
    else if (c->life == LINGERING)
        conn_close(c);
}

static void read_away(struct conn *c, size_t n)
{
    c->lingered += n;
    if (c->lingered > LINGER_READ)
        conn_close(c);
}

// False when there is nothing (more) to read now.
static bool read_once(struct conn *c)
{
    ssize_t n = recv(c->fd, c->edge->read, EDGE_READ, 0);
    if (n > 0) {
        if (c->life == OPEN)
            c->ops->on_bytes(c->ctx, bytes_of(c->edge->read, (size_t)n));
        else
            read_away(c, (size_t)n);
        return true;
    }
    if (n == 0)
        on_peer_ended(c);
    else if (errno != EAGAIN && errno != EINTR)
        on_broken(c, -errno);
    return false;
}

static void on_readable(struct conn *c)
{
    if (c->is_paused) {
        c->is_muted = true;
        poll_for_what_is_wanted(c);
        return;
    }
    read_once(c);
}

// libuv has stopped polling: what arrived before the error is read first (a server may say why and
// reset), and then it is over in any case.
static void on_poll_error(struct conn *c)
{
    c->events = 0;
    if (c->life == CONNECTING) {
        int r = socket_error(c);
        on_connected(c, r < 0 ? r : -ECONNABORTED);
        return;
    }
    if (c->is_paused) {
        c->is_muted = true; // found again at conn_resume()
        return;
    }
    while (c->life != CLOSED && c->life != BROKEN && !c->is_paused && !c->is_ended && read_once(c))
        ;
    if (c->life == CLOSED || c->life == BROKEN)
        return;
    if (c->is_paused && !c->is_ended) {
        c->is_muted = true;
        return;
    }
    int r = socket_error(c);
    on_broken(c, r < 0 ? r : -ECONNRESET);
}

void conn_pause(struct conn *c)
{
    c->is_paused = true;
}

void conn_resume(struct conn *c)
{
    c->is_paused = false;
    c->is_muted = false;
    if (c->life == OPEN)
        poll_for_what_is_wanted(c);
}

// ---- writing

static void linger(struct conn *c);

// Writes from the front of `out`; < 0: broken.
static int write_some(struct conn *c, struct buf *out)
{
    ssize_t n = send(c->fd, out->p, out->n, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    buf_consume(out, (size_t)n);
    return 0;
}

void conn_write(struct conn *c, struct buf *out)
{
    if (!out->n)
        return;
    int r = 0;
    if (c->life == OPEN && !c->why && !c->out.n)
        r = write_some(c, out);
    if (r < 0)
        fail_soon(c, r);
    if (c->life == BROKEN || c->why) {
        buf_clear(out);
        return;
    }
    if (!out->n)
        return;
    if (c->out.n) {
        buf_add(&c->out, out->p, out->n);
        buf_clear(out);
    } else {
        struct buf empty = c->out;
        c->out = *out;
        *out = empty;
    }
    if (c->has_poll)
        poll_for_what_is_wanted(c);
}

static void on_writable(struct conn *c)
{
    int r = write_some(c, &c->out);
    if (r < 0) {
        on_broken(c, r);
        return;
    }
    if (c->out.n)
        return;
    if (c->out.room > QUEUE_KEPT)
        buf_deinit(&c->out);
    poll_for_what_is_wanted(c);
    if (c->life == FINISHING)
        linger(c);
    else if (c->life == OPEN && c->ops->on_drained)
        c->ops->on_drained(c->ctx);
}

size_t conn_queued(const struct conn *c)
{
    return c->out.n;
}

// ---- ending

static const usec_t finish_most = 10 * USEC_SECOND, linger_most = 2 * USEC_SECOND;

static void linger(struct conn *c)
{
    ssize_t n = c->is_ended ? 0 : recv(c->fd, c->edge->read, EDGE_READ, 0);
    if (n <= 0 || shutdown(c->fd, SHUT_WR) < 0) {
        conn_close(c);
        return;
    }
    c->life = LINGERING;
    conn_set_deadline(c, clock_monotonic() + linger_most);
    poll_for_what_is_wanted(c);
}

struct conn *conn_finish(struct conn *c)
{
    if (c->life != OPEN || c->why || (!c->has_poll && open_poll(c) < 0))
        return conn_close(c);
    c->life = FINISHING;
    c->is_paused = c->is_muted = false;
    if (!c->out.n) {
        linger(c);
        return NULL;
    }
    conn_set_deadline(c, clock_monotonic() + finish_most);
    poll_for_what_is_wanted(c);
    return NULL;
}

// ---- from the loop

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct conn *c = CONTAINER_OF(poll, struct conn, poll);
    if (status < 0) {
        on_poll_error(c);
        return;
    }
    if (c->life == CONNECTING) {
        on_connected(c, socket_error(c));
        return;
    }
    if ((events & UV_WRITABLE) && c->out.n)
        on_writable(c);
    if ((events & UV_READABLE) && (c->events & UV_READABLE) && c->life != CLOSED)
        on_readable(c);
}

static void on_timer(void *ctx)
{
    struct conn *c = ctx;
    if (c->why) {
        int why = c->why;
        c->why = 0;
        if (c->deadline != USEC_NEVER)
            timer_set(c->edge->timers, &c->timer, c->deadline, on_timer, c);
        on_broken(c, why);
        return;
    }
    if (c->deadline == USEC_NEVER)
        return;
    if (c->deadline > clock_monotonic()) {
        timer_set(c->edge->timers, &c->timer, c->deadline, on_timer, c);
        return;
    }
    c->deadline = USEC_NEVER;
    if (c->life == FINISHING || c->life == LINGERING)
        conn_close(c);
    else
        c->ops->on_deadline(c->ctx);
}

void conn_set_deadline(struct conn *c, usec_t at)
{
    c->deadline = at;
    if (c->why || at == USEC_NEVER)
        return;
    if (!heap_has(&c->timer.node) || at < c->timer.node.at)
        timer_set(c->edge->timers, &c->timer, at, on_timer, c);
}

// ---- who it is

const struct sockaddr *conn_peer(const struct conn *c)
{
    return (const struct sockaddr *)&c->peer;
}

bool conn_credentials(const struct conn *c, uint32_t *uid, uint32_t *gid, int32_t *pid)
{
    struct ucred cred;
    socklen_t n = sizeof(cred);
    if (c->peer.ss_family != AF_UNIX || getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0 ||
        n != sizeof(cred))
        return false;
    *uid = cred.uid;
    *gid = cred.gid;
    *pid = cred.pid;
    return true;
}

size_t conn_groups(const struct conn *c, uint32_t *gids, size_t room)
{
    _Static_assert(sizeof(gid_t) == sizeof(*gids), "groups are 32 bits");
    socklen_t n = (socklen_t)(room * sizeof(*gids));
    if (c->peer.ss_family != AF_UNIX || getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, gids, &n) < 0)
        return 0;
    return n / sizeof(*gids);
}
