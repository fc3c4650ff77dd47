#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/edge.h"
#include "net/timer.h"

// Accepts a few connections an event, so that a crowd at the door does not keep the loop from those
// inside; the kernel reminds us of the rest. When descriptors run out, the one in reserve answers.

enum { BACKLOG = 1024, ACCEPT_AT_ONCE = 16 };

static const usec_t breath = 100 * USEC_MS; // not accepting for want of any descriptor

struct listener {
    uv_poll_t poll;
    struct edge *edge;
    int fd;
    int reserve; // a descriptor to give up; -1: even that is gone
    bool is_closed;
    const char *refusal;
    void (*on_accept)(void *ctx, struct conn *c);
    void *ctx;
    struct timer timer;
    char *path; // of a Unix socket, with the file's identity; else NULL
    dev_t dev;
    ino_t ino;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void listen_on(struct listener *l)
{
    int r = uv_poll_start(&l->poll, UV_READABLE, on_poll);
    must(r == 0);
}

static void on_breath_taken(void *ctx)
{
    listen_on(ctx);
}

// One more gets in with the reserve, hears why, and is closed. Without a reserve the only way not to
// spin is to look away for a moment.
static void refuse_one(struct listener *l)
{
    if (l->reserve >= 0) {
        close(l->reserve);
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (l->refusal)
                send(fd, l->refusal, strlen(l->refusal), MSG_NOSIGNAL);
            close(fd);
        }
    }
    l->reserve = open_reserve();
    if (l->reserve >= 0)
        return;
    uv_poll_stop(&l->poll);
    timer_set(l->edge->timers, &l->timer, clock_monotonic() + breath, on_breath_taken, l);
}

// False: no more now.
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof(peer);
    int fd = accept4(l->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        l->on_accept(l->ctx, conn_accepted(l->edge->loop, fd, &peer));
        return true;
    }
    if (errno == EMFILE || errno == ENFILE) {
        log_debug("net", "no descriptor is left: a connection is refused");
        refuse_one(l);
        return false;
    }
    // What is left is that one connection's trouble (accept(2), "Error handling"), or nothing there.
    return errno != EAGAIN && errno != EINVAL && errno != ENOMEM && errno != ENOBUFS;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct listener *l = CONTAINER_OF(poll, struct listener, poll);
    for (int i = 0; i < ACCEPT_AT_ONCE && !l->is_closed; i++)
        if (!accept_one(l))
            break;
}

static void listener_release(struct listener *l)
{
    edge_leave(l->edge);
    xfree(l->path);
    xfree(l);
}

static void on_closed(uv_handle_t *handle)
{
    listener_release(CONTAINER_OF(handle, struct listener, poll));
}

// Takes `fd`, which is bound; closes it on a fault.
static struct listener *listener_new(struct uv_loop_s *loop, int fd, int *r)
{
    if (listen(fd, BACKLOG) < 0) {
        *r = -errno;
        close(fd);
        return NULL;
    }
    struct listener *l = xcalloc(1, sizeof(*l));
    l->edge = edge_of(loop);
    l->fd = fd;
    *r = uv_poll_init_socket(loop, &l->poll, fd);
    if (*r < 0) {
        close(fd);
        listener_release(l);
        return NULL;
    }
    l->reserve = open_reserve();
    listen_on(l);
    return l;
}

// What connections inherit from it (TCP_NODELAY) needs no call for each of them.
static int bind_tcp(const struct sockaddr *address, int *fd)
{
    int on = 1;
    bool is_v6 = address->sa_family == AF_INET6;
    *fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return -errno;
    if (setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
        (is_v6 && setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
        bind(*fd, address, is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) < 0)
        return -errno;
    return 0;
}

struct listener *listener_open_tcp(struct uv_loop_s *loop, const struct sockaddr *address,
                                   const char *refusal,
                                   void (*on_accept)(void *ctx, struct conn *c), void *ctx, int *r)
{
    int fd;
    *r = bind_tcp(address, &fd);
    if (*r < 0) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct listener *l = listener_new(loop, fd, r);
    if (!l)
        return NULL;
    l->refusal = refusal;
    l->on_accept = on_accept;
    l->ctx = ctx;
    return l;
}

// ---- Unix sockets

// Somebody answers behind the file? -EADDRINUSE then; 0 when it is a socket that nobody listens on.
static int check_stale(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    bool is_dead = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
                   (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return is_dead ? 0 : -EADDRINUSE;
}

// Until listen(2) nobody can connect, so the mode is right before it matters.
static int bind_unix(int fd, const struct sockaddr_un *address, uint32_t mode)
{
    int r = check_stale(address);
    if (r < 0)
        return r;
    if (unlink(address->sun_path) < 0 && errno != ENOENT)
        return -errno;
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        return -errno;
    if (chmod(address->sun_path, mode) < 0) {
        r = -errno;
        unlink(address->sun_path);
        return r;
    }
    return 0;
}

struct listener *listener_open_unix(struct uv_loop_s *loop, const char *path, uint32_t mode,
                                    void (*on_accept)(void *ctx, struct conn *c), void *ctx, int *r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(address.sun_path)) {
        *r = -ENAMETOOLONG;
        return NULL;
    }
    memcpy(address.sun_path, path, n + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *r = fd < 0 ? -errno : bind_unix(fd, &address, mode);
    if (*r < 0) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct listener *l = listener_new(loop, fd, r);
    if (!l) {
        unlink(path);
        return NULL;
    }
    l->path = xstrdup(path);
    struct stat st;
    if (lstat(path, &st) == 0) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
    l->on_accept = on_accept;
    l->ctx = ctx;
    return l;
}

static void remove_file(const struct listener *l)
{
    struct stat st;
    if (lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
}

struct listener *listener_close(struct listener *l)
{
    if (!l)
        return NULL;
    l->is_closed = true;
    timer_stop(l->edge->timers, &l->timer);
    if (l->path)
        remove_file(l);
    uv_close((uv_handle_t *)&l->poll, on_closed);
    close(l->fd);
    if (l->reserve >= 0)
        close(l->reserve);
    return NULL;
}

uint16_t listener_port(const struct listener *l)
{
    struct sockaddr_storage sa = {0};
    socklen_t n = sizeof(sa);
    if (getsockname(l->fd, (struct sockaddr *)&sa, &n) < 0)
        return 0;
    if (sa.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&sa)->sin_port);
    if (sa.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
    return 0;
}
