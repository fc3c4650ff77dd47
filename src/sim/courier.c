#include "sim/courier.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"
#include "net/conn.h"
#include "net/timer.h"

enum { RETRY_MS = 1000 };

struct courier {
    struct courier_options options;
    struct timer retry;
    struct list waiting; // struct letter
    size_t waiting_n, flying_n;
    struct conn *conn;
    struct smtp_client *smtp;
};

struct letter *letter_new(void)
{
    struct letter *l = xcalloc(1, sizeof(*l));
    list_init(&l->link);
    return l;
}

struct letter *letter_free(struct letter *l)
{
    list_remove(&l->link);
    buf_deinit(&l->body);
    return xfree(l);
}

static void on_result(struct courier *c, const struct smtp_client_event *e)
{
    struct letter *l = e->envelope->ctx;
    if (!e->reply.code)
        return; // without an answer it is sent again
    l->is_settled = true;
    if (c->options.on_answer)
        c->options.on_answer(c->options.ctx, l, &e->reply);
}

// The envelope is ours again: it is done, or it waits for another connection.
static void on_done(struct courier *c, struct letter *l)
{
    c->flying_n--;
    if (l->is_settled) {
        letter_free(l);
        return;
    }
    list_add_first(&c->waiting, &l->link);
    c->waiting_n++;
}

static void hang_up(struct courier *c)
{
    c->conn = conn_close(c->conn);
    c->smtp = smtp_client_free(c->smtp);
}

static void connect_up(void *ctx);

static void come_back(struct courier *c)
{
    timer_set(c->options.timers, &c->retry, clock_monotonic() + RETRY_MS * USEC_MS, connect_up, c);
}

static bool take_events(struct courier *c)
{
    struct smtp_client_event event;
    bool is_over = false;
    while (smtp_client_next(c->smtp, &event)) {
        if (event.kind == SMTP_CLIENT_RECIPIENT)
            on_result(c, &event);
        else if (event.kind == SMTP_CLIENT_DONE)
            on_done(c, event.envelope->ctx);
        is_over |= event.kind == SMTP_CLIENT_OVER;
    }
    return is_over;
}

static void pump(struct courier *c)
{
    if (take_events(c)) {
        hang_up(c);
        come_back(c);
        return;
    }
    while (smtp_client_may_send(c->smtp) && c->waiting_n) {
        struct letter *l = LIST_FIRST(&c->waiting, struct letter, link);
        list_remove(&l->link);
        c->waiting_n--;
        c->flying_n++;
        smtp_client_send(c->smtp, &l->envelope, clock_monotonic());
    }
    conn_write(c->conn, smtp_client_out(c->smtp));
    conn_set_deadline(c->conn, smtp_client_deadline(c->smtp));
}

static void on_open(void *ctx, int r)
{
    struct courier *c = ctx;
    if (r < 0)
        smtp_client_lost(c->smtp, "can't connect", clock_monotonic());
    pump(c);
}

static void on_bytes(void *ctx, struct bytes in)
{
    struct courier *c = ctx;
    smtp_client_feed(c->smtp, in, clock_monotonic());
    pump(c);
}

static void on_drained(void *ctx)
{
    pump(ctx);
}

static void on_deadline(void *ctx)
{
    struct courier *c = ctx;
    smtp_client_tick(c->smtp, clock_monotonic());
    pump(c);
}

static void on_end(void *ctx, int r)
{
    struct courier *c = ctx;
    (void)r;
    smtp_client_lost(c->smtp, "connection lost", clock_monotonic());
    pump(c);
}

static const struct conn_ops conn_ops = {on_open, on_bytes, on_drained, on_deadline, on_end};

static void connect_up(void *ctx)
{
    static const struct smtp_client_plan plan = {.helo = "client.test"};
    struct courier *c = ctx;
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(c->options.port)};
    struct sockaddr_in source = {.sin_family = AF_INET};
    int r = 0;
    if (c->conn || !c->waiting_n)
        return;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    inet_pton(AF_INET, c->options.address, &source.sin_addr);
    c->conn = conn_connect(c->options.loop, (struct sockaddr *)&peer, (struct sockaddr *)&source,
                           &conn_ops, c, &r);
    if (c->conn)
        c->smtp = smtp_client_new(&plan, clock_monotonic());
    else
        come_back(c);
}

struct courier *courier_new(const struct courier_options *options)
{
    struct courier *c = xcalloc(1, sizeof(*c));
    c->options = *options;
    list_init(&c->waiting);
    return c;
}

struct courier *courier_free(struct courier *c)
{
    if (!c)
        return NULL;
    timer_stop(c->options.timers, &c->retry);
    if (c->smtp) {
        c->options.on_answer = NULL;
        smtp_client_lost(c->smtp, "the world ends", clock_monotonic());
        take_events(c);
    }
    hang_up(c);
    struct letter *l;
    LIST_EACH (&c->waiting, l, link)
        letter_free(l);
    return xfree(c);
}

void courier_add(struct courier *c, struct letter *l)
{
    l->recipients[0] = l->recipient;
    l->envelope = (struct smtp_envelope){.sender = l->sender,
                                         .recipients = l->recipients,
                                         .recipients_n = 1,
                                         .body = buf_bytes(&l->body),
                                         .ctx = l};
    list_add_last(&c->waiting, &l->link);
    c->waiting_n++;
}

void courier_go(struct courier *c)
{
    if (c->conn)
        pump(c);
    else if (!heap_has(&c->retry.node))
        connect_up(c);
}

size_t courier_waiting(const struct courier *c)
{
    return c->waiting_n + c->flying_n;
}
