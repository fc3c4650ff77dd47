// The engine's side. The template is asked for a worker and answers with its socket; the worker gets the
// first mail that waits, and its answer goes to whoever asked. A worker that says anything else, ends or
// is silent is dropped: asking for the next one kills it.
#include "warden/reader.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "mail/feedback.h"
#include "net/timer.h"
#include "warden/reader_child.h"
#include "warden/reader_wire.h"

enum { START_MS = 10000, READ = 64 << 10 };

/* A mail that waits, or that the worker has: the first. */
struct ask {
    struct list link;
    struct buf frame;
    size_t n; // of the mail
    void (*done)(void *ctx, struct feedback *f);
    void *ctx;
};

/* A pipe of libuv's with its reader: lives till libuv has closed it. */
struct channel {
    uv_pipe_t pipe;
    struct reader *reader; // NULL: closed
    struct buf in;
    bool is_greeted; // a worker that is shut in
    unsigned mails;  // that it got
};

struct reader {
    pid_t template;
    int fd, worker_fd; // till reader_start()
    uv_loop_t *loop;
    struct timers *timers;
    struct channel *control, *worker; // worker NULL: none now
    bool is_asked;                    // for a worker
    bool is_outdated;                 // the one that was asked for: other rules came since
    bool is_busy;                     // the worker has the first mail
    bool is_over;                     // the template is gone
    struct list asks;
    size_t asks_n, bytes, deaths;
    usec_t said_at;        // that a worker failed; monotonic, 0: never
    struct timer deadline; // of the first mail, from when it was first
    struct timer retry;    // after a worker that could not begin
    struct buf room;       // what libuv reads into
};

static void pump(struct reader *r);

// ---- before the loop

static bool read_all(int fd, void *p, size_t n)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    for (size_t at = 0; at < n;) {
        if (poll(&ready, 1, START_MS) <= 0 && errno != EINTR)
            return false;
        ssize_t got = read(fd, (char *)p + at, n - at);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        at += got > 0 ? (size_t)got : 0;
    }
    return true;
}

// The empty frame that says: all is well. Else *why.
static bool read_greeting(int fd, char **why)
{
    uint8_t length[WIRE_LENGTH];
    char text[200] = "";
    if (!read_all(fd, length, sizeof(length))) {
        *why = xstrdup("the reader of reports does not start");
        return false;
    }
    size_t n = wire_length(length);
    if (!n)
        return true;
    bool is_read = n < sizeof(text) && read_all(fd, text, n);
    *why =
        xasprintf("the reader of reports does not start: %s", is_read ? text : "it says nonsense");
    return false;
}

static int receive_descriptor(int fd)
{
    char byte;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    int got = -1;
    if (recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != 1)
        return -1;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(&got, CMSG_DATA(c), sizeof(got));
    return got;
}

static void command_frame(struct buf *out, enum wire_command command)
{
    size_t at = wire_begin(out);
    buf_add_byte(out, (uint8_t)command);
    wire_end(out, at);
}

// The first worker shows whether the machine allows what it needs.
static bool first_worker(struct reader *r, char **why)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    command_frame(&out, WIRE_FRESH_WORKER);
    if (write(r->fd, out.p, out.n) == (ssize_t)out.n)
        r->worker_fd = receive_descriptor(r->fd);
    if (r->worker_fd >= 0)
        return read_greeting(r->worker_fd, why);
    *why = xstrdup("the reader of reports does not start: no process for it");
    return false;
}

struct reader *reader_new(char **why)
{
    CLEANUP(reader_free) struct reader *r = xcalloc(1, sizeof(*r));
    int pair[2];
    r->fd = r->worker_fd = -1;
    list_init(&r->asks);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
        (r->template = fork()) < 0) {
        *why = xasprintf("the reader of reports does not start: %s", strerror(errno));
        return NULL;
    }
    if (r->template == 0) {
        close(pair[0]);
        reader_template(pair[1]);
    }
    close(pair[1]);
    r->fd = pair[0];
    if (!read_greeting(r->fd, why) || !first_worker(r, why))
        return NULL;
    return MOVE(r);
}

// ---- channels

static void on_closed(uv_handle_t *handle)
{
    struct channel *c = handle->data;
    buf_deinit(&c->in);
    xfree(c);
}

static struct channel *channel_close(struct channel *c)
{
    if (c) {
        c->reader = NULL;
        uv_close((uv_handle_t *)&c->pipe, on_closed);
    }
    return NULL;
}

static struct channel *channel_new(struct reader *r, bool has_descriptors)
{
    struct channel *c = xcalloc(1, sizeof(*c));
    c->reader = r;
    must(uv_pipe_init(r->loop, &c->pipe, has_descriptors) == 0);
    c->pipe.data = c;
    return c;
}

struct writing {
    uv_write_t request;
    struct buf out;
};

static void on_written(uv_write_t *request, int r)
{
    struct writing *w = request->data;
    (void)r; // who is gone shows when it is read from
    buf_deinit(&w->out);
    xfree(w);
}

// `out` is taken.
static void channel_write(struct channel *c, struct buf *out)
{
    struct writing *w = xcalloc(1, sizeof(*w));
    w->out = *out;
    *out = (struct buf){0};
    w->request.data = w;
    uv_buf_t part = uv_buf_init((char *)w->out.p, (unsigned)w->out.n);
    if (uv_write(&w->request, (uv_stream_t *)&c->pipe, &part, 1, on_written) != 0)
        on_written(&w->request, 0);
}

static void give_room(uv_handle_t *handle, size_t hint, uv_buf_t *part)
{
    struct channel *c = handle->data;
    (void)hint;
    buf_clear(&c->reader->room);
    *part = uv_buf_init((char *)buf_reserve(&c->reader->room, READ), READ);
}

// ---- mails

static struct ask *first(struct reader *r)
{
    return LIST_FIRST(&r->asks, struct ask, link);
}

// The first mail has its answer (moved). Who asked may ask again at once.
static void answer(struct reader *r, struct feedback *f)
{
    struct ask *a = first(r);
    r->is_busy = false;
    timer_stop(r->timers, &r->deadline);
    list_remove(&a->link);
    r->asks_n--;
    r->bytes -= a->n;
    a->done(a->ctx, f);
    buf_deinit(&a->frame);
    xfree(a);
}

static void on_retry(void *ctx)
{
    pump(ctx);
}

// At once, and then at most once a minute: a stranger decides how many there are.
static void say_failure(struct reader *r, const char *what, bool had_mail)
{
    usec_t now = clock_monotonic();
    if (r->said_at && now - r->said_at < USEC_MINUTE)
        return;
    r->said_at = now;
    if (had_mail)
        log_warning("warden",
                    "a report ended its reader (%s), the %zu. since the start: kept as it came, "
                    "not understood",
                    what, r->deaths);
    else
        log_warning("warden", "the reader of reports ended (%s): another is made", what);
}

// The worker is of no use any more; with it goes the mail that it had. One that never had any has died of
// something else, and the next one may: not at once.
static void worker_failed(struct reader *r, const char *what)
{
    bool had_mail = r->is_busy, was_used = r->worker && r->worker->mails;
    r->worker = channel_close(r->worker);
    if (!was_used)
        timer_set(r->timers, &r->retry, clock_monotonic() + USEC_SECOND, on_retry, r);
    r->deaths += had_mail;
    say_failure(r, what, had_mail);
    if (had_mail)
        answer(r, NULL);
    pump(r);
}

static void on_deadline(void *ctx)
{
    struct reader *r = ctx;
    r->is_busy = true; // also when there was no worker for it in all that time
    worker_failed(r, "it took too long");
}

static void on_answer(struct reader *r, struct bytes text)
{
    struct feedback *f = wire_take_answer(text);
    if (!f) {
        worker_failed(r, "its answer is none");
        return;
    }
    buf_clear(&r->worker->in);
    answer(r, f);
    pump(r);
}

// Frames of a worker: an empty one at first, then one for each mail and no byte more.
static void on_worker_bytes(struct reader *r, struct channel *c)
{
    if (c->in.n < WIRE_LENGTH)
        return;
    size_t n = wire_length(c->in.p), whole = WIRE_LENGTH + n;
    if (n > WIRE_ANSWER || (c->is_greeted ? !r->is_busy : n > 0) || c->in.n > whole) {
        worker_failed(r, "it says what it was not asked");
    } else if (c->in.n == whole && c->is_greeted) {
        on_answer(r, bytes_of(c->in.p + WIRE_LENGTH, n));
    } else if (c->in.n == whole) {
        buf_clear(&c->in);
        c->is_greeted = true;
        pump(r);
    }
}

static void on_worker_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *part)
{
    struct channel *c = stream->data;
    struct reader *r = c->reader;
    if (!r || n == 0)
        return;
    if (n < 0) {
        worker_failed(r, "it died");
        return;
    }
    buf_add(&c->in, part->base, (size_t)n);
    on_worker_bytes(r, c);
}

static void worker_begin(struct reader *r, struct channel *c)
{
    r->worker = c;
    r->is_asked = false;
    if (r->is_outdated)
        c->mails = READER_MAILS;
    r->is_outdated = false;
    uv_read_start((uv_stream_t *)&c->pipe, give_room, on_worker_read);
    pump(r);
}

// ---- the template

static void template_is_gone(struct reader *r)
{
    r->is_over = true;
    log_error("warden", "the reader of reports is gone: none is read until the engine starts anew");
    r->worker = channel_close(r->worker);
    while (!list_is_empty(&r->asks))
        answer(r, NULL);
}

static void on_control_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *part)
{
    struct channel *c = stream->data;
    struct reader *r = c->reader;
    (void)part; // a byte a worker
    if (!r || n == 0)
        return;
    if (n < 0) {
        uv_read_stop(stream);
        template_is_gone(r);
        return;
    }
    while (uv_pipe_pending_count(&c->pipe) > 0) {
        struct channel *worker = channel_new(r, false);
        must(uv_accept(stream, (uv_stream_t *)&worker->pipe) == 0);
        if (r->worker)
            channel_close(worker); // never asked for
        else
            worker_begin(r, worker);
    }
}

static void ask_for_worker(struct reader *r)
{
    struct buf out = {0};
    if (r->is_asked || r->is_over || heap_has(&r->retry.node))
        return;
    r->is_asked = true;
    command_frame(&out, WIRE_FRESH_WORKER);
    channel_write(r->control, &out);
}

// Goes on with the first mail, as far as it goes.
static void pump(struct reader *r)
{
    if (r->worker && !r->is_busy && r->worker->mails == READER_MAILS)
        r->worker = channel_close(r->worker);
    if (!r->worker)
        ask_for_worker(r);
    struct ask *a = first(r);
    if (!a || r->is_busy)
        return;
    if (!heap_has(&r->deadline.node))
        timer_set(r->timers, &r->deadline, clock_monotonic() + READER_SPAN, on_deadline, r);
    if (!r->worker || !r->worker->is_greeted)
        return;
    r->is_busy = true;
    r->worker->mails++;
    channel_write(r->worker, &a->frame);
}

// ---- the door

void reader_start(struct reader *r, struct uv_loop_s *loop, struct timers *timers)
{
    r->loop = loop;
    r->timers = timers;
    r->control = channel_new(r, true);
    must(uv_pipe_open(&r->control->pipe, r->fd) == 0);
    r->worker = channel_new(r, false);
    must(uv_pipe_open(&r->worker->pipe, r->worker_fd) == 0);
    r->fd = r->worker_fd = -1; // libuv's now
    r->worker->is_greeted = true;
    uv_read_start((uv_stream_t *)&r->control->pipe, give_room, on_control_read);
    uv_read_start((uv_stream_t *)&r->worker->pipe, give_room, on_worker_read);
}

struct reader *reader_free(struct reader *r)
{
    if (!r)
        return NULL;
    struct ask *a;
    LIST_EACH (&r->asks, a, link) {
        buf_deinit(&a->frame);
        xfree(a);
    }
    if (r->timers) {
        timer_stop(r->timers, &r->deadline);
        timer_stop(r->timers, &r->retry);
    }
    channel_close(r->worker);
    channel_close(r->control);
    if (r->worker_fd >= 0)
        close(r->worker_fd);
    if (r->fd >= 0)
        close(r->fd);
    while (r->template > 0 && waitpid(r->template, NULL, 0) < 0 && errno == EINTR)
        continue;
    buf_deinit(&r->room);
    return xfree(r);
}

void reader_set_replies(struct reader *r, const struct reply_rule *rules, size_t n)
{
    struct buf out = {0};
    size_t at = wire_begin(&out);
    buf_add_byte(&out, WIRE_SET_RULES);
    wire_put_rules(&out, rules, n);
    wire_end(&out, at);
    channel_write(r->control, &out);
    r->is_outdated = r->is_asked;
    if (r->worker)
        r->worker->mails = READER_MAILS; // the next mail gets one that knows them
    if (r->worker && !r->is_busy)
        pump(r);
}

bool reader_ask(struct reader *r, struct bytes mail, void (*done)(void *ctx, struct feedback *f),
                void *ctx)
{
    size_t n = mail.n < READER_MAIL ? mail.n : READER_MAIL;
    if (r->is_over || r->asks_n >= READER_WAITING || r->bytes + n > READER_BYTES)
        return false;
    struct ask *a = xcalloc(1, sizeof(*a));
    *a = (struct ask){.n = n, .done = done, .ctx = ctx};
    size_t at = wire_begin(&a->frame);
    buf_add_bytes(&a->frame, bytes_of(mail.p, n));
    wire_end(&a->frame, at);
    list_add_last(&r->asks, &a->link);
    r->asks_n++;
    r->bytes += n;
    pump(r);
    return true;
}

size_t reader_deaths(const struct reader *r)
{
    return r->deaths;
}

int reader_pid(const struct reader *r)
{
    return (int)r->template;
}
