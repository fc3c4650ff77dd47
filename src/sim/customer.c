// Messages come due by the plan's rate, checked ten times a second, and queue up here; one connection
// submits them one after the other and comes back in a second when it is turned away.
#include "sim/customer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/timer.h"
#include "sim/people.h"
#include "smtp/client.h"

enum { TICK_MS = 100, RETRY_MS = 1000, WAITING_MOST = 2000 };

/* One message to one recipient. */
struct letter {
    struct list link;
    size_t number; // of its record
    char sender[PEOPLE_ADDRESS], recipient[PEOPLE_ADDRESS];
    const char *recipients[1];
    struct buf body;
    struct smtp_envelope envelope;
};

struct customer {
    struct customer_options options;
    struct dice dice;
    struct timer tick, retry;
    usec_t began, made_until; // monotonic
    double due;               // part of a message
    bool is_ended;
    struct list waiting; // struct letter
    size_t waiting_n, flying_n;
    struct conn *conn;
    struct smtp_client *smtp;
};

static void letter_free(struct letter *l)
{
    list_remove(&l->link);
    buf_deinit(&l->body);
    xfree(l);
}

static void write_body(struct customer *c, struct letter *l)
{
    const struct customer_plan *plan = c->options.plan;
    buf_printf(&l->body, "From: %s <news@%s.test>\r\nTo: <%s>\r\nSubject: %s\r\n\r\n", plan->name,
               plan->name, l->recipient,
               plan->is_spam ? "A once in a lifetime offer" : "Your message");
    while (l->body.n < plan->size)
        buf_printf(&l->body,
                   "%08x: these words fill a line of the message that %s sends today.\r\n",
                   dice_below(&c->dice, UINT32_MAX), plan->name);
}

static void make_letter(struct customer *c)
{
    struct records *all = c->options.records;
    if (all->n == all->room) {
        all->room = all->room ? all->room * 2 : 1024;
        all->items = xrealloc(all->items, all->room, sizeof(*all->items));
    }
    all->items[all->n++] = (struct record){0};
    struct letter *l = xcalloc(1, sizeof(*l));
    l->number = all->n;
    bool is_dead = dice_falls(&c->dice, c->options.plan->dead);
    bool is_full = !is_dead && dice_falls(&c->dice, 0.002);
    people_draw(l->recipient, c->options.seed, &c->dice,
                is_dead   ? MAILBOX_DEAD
                : is_full ? MAILBOX_FULL
                          : MAILBOX_LIVES);
    all->items[l->number - 1].exists = !is_dead;
    all->items[l->number - 1].is_full = is_full;
    snprintf(l->sender, sizeof(l->sender), "b+%zu@%s.test", l->number, c->options.plan->name);
    l->recipients[0] = l->recipient;
    write_body(c, l);
    l->envelope = (struct smtp_envelope){.sender = l->sender,
                                         .recipients = l->recipients,
                                         .recipients_n = 1,
                                         .body = buf_bytes(&l->body),
                                         .ctx = l};
    list_add_last(&c->waiting, &l->link);
    c->waiting_n++;
}

static void on_result(struct customer *c, const struct smtp_client_event *e)
{
    struct letter *l = e->envelope->ctx;
    struct record *r = &c->options.records->items[l->number - 1];
    c->options.records->progress++;
    if (smtp_reply_is_ok(&e->reply))
        r->is_acknowledged = true;
    else if (e->reply.code)
        r->is_refused_in = true; // a customer's program gives up; ours need not try again
    // Without an answer it is sent again: a message may then arrive twice, as with any client.
}

// The envelope is ours again: it is done, or it waits for another connection.
static void on_done(struct customer *c, struct letter *l)
{
    struct record *r = &c->options.records->items[l->number - 1];
    c->flying_n--;
    if (r->is_acknowledged || r->is_refused_in) {
        letter_free(l);
        return;
    }
    list_add_first(&c->waiting, &l->link);
    c->waiting_n++;
}

static void hang_up(struct customer *c)
{
    c->conn = conn_close(c->conn);
    c->smtp = smtp_client_free(c->smtp);
}

static void connect_up(void *ctx);

static void pump(struct customer *c)
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
    if (is_over) {
        hang_up(c);
        timer_set(c->options.timers, &c->retry, clock_monotonic() + RETRY_MS * USEC_MS, connect_up,
                  c);
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
    struct customer *c = ctx;
    if (r < 0)
        smtp_client_lost(c->smtp, "can't connect", clock_monotonic());
    pump(c);
}

static void on_bytes(void *ctx, struct bytes in)
{
    struct customer *c = ctx;
    smtp_client_feed(c->smtp, in, clock_monotonic());
    pump(c);
}

static void on_drained(void *ctx)
{
    pump(ctx);
}

static void on_deadline(void *ctx)
{
    struct customer *c = ctx;
    smtp_client_tick(c->smtp, clock_monotonic());
    pump(c);
}

static void on_end(void *ctx, int r)
{
    struct customer *c = ctx;
    (void)r;
    smtp_client_lost(c->smtp, "connection lost", clock_monotonic());
    pump(c);
}

static const struct conn_ops conn_ops = {on_open, on_bytes, on_drained, on_deadline, on_end};

static void connect_up(void *ctx)
{
    static const struct smtp_client_plan plan = {.helo = "client.test"};
    struct customer *c = ctx;
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(c->options.port)};
    struct sockaddr_in source = {.sin_family = AF_INET};
    int r = 0;
    if (c->conn || (!c->waiting_n && c->is_ended))
        return;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    inet_pton(AF_INET, c->options.plan->address, &source.sin_addr);
    c->conn = conn_connect(c->options.loop, (struct sockaddr *)&peer, (struct sockaddr *)&source,
                           &conn_ops, c, &r);
    if (!c->conn) {
        timer_set(c->options.timers, &c->retry, clock_monotonic() + RETRY_MS * USEC_MS, connect_up,
                  c);
        return;
    }
    c->smtp = smtp_client_new(&plan, clock_monotonic());
}

static void on_tick(void *ctx)
{
    struct customer *c = ctx;
    const struct customer_plan *plan = c->options.plan;
    usec_t now = clock_monotonic();
    double at = (double)(now - c->began) / (double)c->options.span;
    if (c->options.is_endless)
        at -= (double)(int64_t)at;
    if (at >= plan->begins && at < plan->ends)
        c->due += plan->rate * (double)(now - c->made_until) / (double)USEC_SECOND;
    c->made_until = now;
    // With too many waiting, the engine refuses or is slow: a customer stops, too.
    for (unsigned n = (unsigned)c->due; n && c->waiting_n < WAITING_MOST; n--)
        make_letter(c);
    c->due -= (double)(unsigned)c->due;
    if (c->conn)
        pump(c);
    else if (!heap_has(&c->retry.node))
        connect_up(c);
    if (!c->is_ended)
        timer_set(c->options.timers, &c->tick, now + TICK_MS * USEC_MS, on_tick, c);
}

struct customer *customer_new(const struct customer_options *options)
{
    struct customer *c = xcalloc(1, sizeof(*c));
    c->options = *options;
    // Rows of one customer differ by their rate: each has dice of its own.
    c->dice.state =
        options->seed ^
        hash_sip(&(struct hash_key){options->seed, (uint64_t)(options->plan->rate * 1000)},
                 bytes_str(options->plan->name));
    list_init(&c->waiting);
    c->began = c->made_until = clock_monotonic();
    on_tick(c);
    return c;
}

struct customer *customer_free(struct customer *c)
{
    if (!c)
        return NULL;
    timer_stop(c->options.timers, &c->tick);
    timer_stop(c->options.timers, &c->retry);
    if (c->smtp) {
        struct smtp_client_event event;
        smtp_client_lost(c->smtp, "the world ends", clock_monotonic());
        while (smtp_client_next(c->smtp, &event))
            if (event.kind == SMTP_CLIENT_DONE)
                on_done(c, event.envelope->ctx);
    }
    hang_up(c);
    struct letter *l;
    LIST_EACH (&c->waiting, l, link)
        letter_free(l);
    return xfree(c);
}

void customer_end(struct customer *c)
{
    c->is_ended = true;
    timer_stop(c->options.timers, &c->tick);
}

bool customer_is_idle(const struct customer *c)
{
    return !c->waiting_n && !c->flying_n;
}
