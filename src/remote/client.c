#include "remote/client.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"

enum { READ = 64 << 10, INPUT = 16 << 20 }; // the second: bytes read ahead and not yet taken

// A message that came while client_call() waited for another.
struct waiting {
    struct list link;
    json_t *message;
};

struct client {
    int fd;
    uint64_t id; // of the newest request
    struct protocol_reader reader;
    struct buf out;
    struct list waiting;
    bool has_ended;
};

static enum client_result say(char **why, enum client_result r, const char *path, const char *what)
{
    *why = xasprintf("%s: %s", path, what);
    return r;
}

static enum client_result connect_failed(const char *path, int error, char **why)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return say(why, CLIENT_E_NO_SOCKET, path,
                   "no such socket; is mxwardend running? -s PATH names another");
    case ECONNREFUSED:
        return say(why, CLIENT_E_REFUSED, path,
                   "nobody listens there: the engine has ended; start mxwardend");
    case EACCES:
    case EPERM:
        return say(why, CLIENT_E_NOT_ALLOWED, path, "not allowed to open it (see its directory)");
    case EAGAIN:
        return say(why, CLIENT_E_REFUSED, path, "the engine is too busy to take a connection");
    default:
        return say(why, CLIENT_E_REFUSED, path, strerror(error));
    }
}

enum client_result client_connect(struct client **out, const char *path, char **why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return say(why, CLIENT_E_NO_SOCKET, path, "too long for a socket's path");
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return say(why, CLIENT_E_REFUSED, path, strerror(errno));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = errno;
        close(fd);
        return connect_failed(path, error, why);
    }
    struct client *c = xcalloc(1, sizeof(*c));
    c->fd = fd;
    list_init(&c->waiting);
    *out = c;
    return CLIENT_OK;
}

struct client *client_free(struct client *c)
{
    struct waiting *w;
    if (!c)
        return NULL;
    LIST_EACH (&c->waiting, w, link) {
        json_decref(w->message);
        xfree(w);
    }
    close(c->fd);
    protocol_reader_deinit(&c->reader);
    buf_deinit(&c->out);
    return xfree(c);
}

int client_fd(const struct client *c)
{
    return c->fd;
}

bool client_wants_write(const struct client *c)
{
    return c->out.n > 0;
}

static void write_some(struct client *c)
{
    while (c->out.n) {
        ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            // Whatever the engine said before it ended is still read.
            if (errno != EAGAIN)
                buf_clear(&c->out);
            return;
        }
        buf_consume(&c->out, (size_t)n);
    }
}

static void read_some(struct client *c)
{
    while (!c->has_ended && c->reader.in.n < INPUT) {
        uint8_t *room = buf_reserve(&c->reader.in, READ);
        ssize_t n = recv(c->fd, room, READ, 0);
        if (n > 0)
            buf_grew(&c->reader.in, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && errno == EAGAIN)
            return;
        else
            c->has_ended = true;
    }
}

uint64_t client_send(struct client *c, const char *method, json_t *params)
{
    CLEANUP(json_decref) json_t *request = protocol_request(++c->id, method, params);
    protocol_add(&c->out, request);
    write_some(c);
    return c->id;
}

enum client_result client_feed_ready(struct client *c)
{
    write_some(c);
    read_some(c);
    return c->has_ended ? CLIENT_E_ENDED : CLIENT_OK;
}

static bool next_read(struct client *c, json_t **out)
{
    CLEANUP(xfree) char *why = NULL;
    switch (protocol_next(&c->reader, out, &why)) {
    case PROTOCOL_OBJECT:
        return true;
    case PROTOCOL_MORE:
        return false;
    case PROTOCOL_WRONG:
    case PROTOCOL_LONG: // no engine of ours talks like that
        c->has_ended = true;
        buf_clear(&c->reader.in);
        return false;
    }
    return false;
}

bool client_next(struct client *c, json_t **out)
{
    struct waiting *w = LIST_FIRST(&c->waiting, struct waiting, link);
    if (!w)
        return next_read(c, out);
    list_remove(&w->link);
    *out = w->message;
    xfree(w);
    return true;
}

enum client_result client_wait(struct client *c, usec_t span)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (client_wants_write(c))
        p.events |= POLLOUT;
    int r = poll(&p, 1, (int)(span / USEC_MS));
    if (r == 0)
        return CLIENT_E_TIMEOUT;
    return r < 0 ? CLIENT_OK : client_feed_ready(c);
}

// The answer to `id` if it has come; others are put aside.
static bool take_answer(struct client *c, uint64_t id, json_t **answer)
{
    json_t *message;
    while (next_read(c, &message)) {
        const json_t *its = json_object_get(message, "id");
        if (json_is_integer(its) && json_integer_value(its) == (json_int_t)id) {
            *answer = message;
            return true;
        }
        struct waiting *w = xcalloc(1, sizeof(*w));
        w->message = message;
        list_add_last(&c->waiting, &w->link);
    }
    return false;
}

static enum client_result answered(json_t *answer, json_t **result, json_t **error)
{
    CLEANUP(json_decref) json_t *owned = answer;
    json_t *wrong = json_object_get(owned, "error");
    if (wrong)
        *error = json_incref(wrong);
    else
        *result = json_incref(json_object_get(owned, "result"));
    return wrong ? CLIENT_E_ERROR : CLIENT_OK;
}

enum client_result client_call(struct client *c, const char *method, json_t *params, usec_t span,
                               json_t **result, json_t **error, char **why)
{
    uint64_t id = client_send(c, method, params);
    usec_t deadline = clock_monotonic() + span;
    json_t *answer;
    while (!take_answer(c, id, &answer)) {
        usec_t left = deadline - clock_monotonic();
        if (c->has_ended) {
            *why = xstrdup("the engine ended the connection");
            return CLIENT_E_ENDED;
        }
        if (left <= 0) {
            *why = xasprintf("no answer to %s in %jd s", method, (intmax_t)(span / USEC_SECOND));
            return CLIENT_E_TIMEOUT;
        }
        client_wait(c, left + USEC_MS);
    }
    return answered(answer, result, error);
}
