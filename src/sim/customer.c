// Messages come due by the plan's rate, checked ten times a second, and go to the customer's courier.
#include "sim/customer.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "net/timer.h"
#include "sim/courier.h"
#include "sim/people.h"
#include "smtp/reply.h"

enum { TICK_MS = 100, WAITING_MOST = 2000 };

struct customer {
    struct customer_options options;
    struct dice dice;
    struct timer tick;
    usec_t began, made_until; // monotonic
    double due;               // part of a message
    bool is_ended;
    struct courier *courier;
};

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

// Nobody of the world gets two letters: whom one is for is its name.
static void draw_recipient(struct customer *c, struct letter *l)
{
    struct records *all = c->options.records;
    struct record r = {.is_dead = dice_falls(&c->dice, c->options.plan->dead)};
    char address[PEOPLE_ADDRESS];
    r.is_full = !r.is_dead && dice_falls(&c->dice, 0.002);
    r.complains = !r.is_dead && dice_falls(&c->dice, c->options.plan->complaints);
    do
        people_draw(address, c->options.seed, &c->dice,
                    r.is_dead   ? MAILBOX_DEAD
                    : r.is_full ? MAILBOX_FULL
                                : MAILBOX_LIVES);
    while (record_of(all, address));
    snprintf(l->recipient, sizeof(l->recipient), "%s", address);
    l->number = records_add(all, address, &r);
}

static void make_letter(struct customer *c)
{
    struct letter *l = letter_new();
    draw_recipient(c, l);
    snprintf(l->sender, sizeof(l->sender), "news@%s.test", c->options.plan->name);
    write_body(c, l);
    courier_add(c->courier, l);
}

static void on_answer(void *ctx, const struct letter *l, const struct smtp_reply *reply)
{
    struct customer *c = ctx;
    struct record *r = &c->options.records->items[l->number - 1];
    c->options.records->progress++;
    if (smtp_reply_is_ok(reply))
        r->is_acknowledged = true;
    else
        r->is_refused_in = true; // a customer's program gives up; ours need not try again
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
    for (unsigned n = (unsigned)c->due; n && courier_waiting(c->courier) < WAITING_MOST; n--)
        make_letter(c);
    c->due -= (double)(unsigned)c->due;
    courier_go(c->courier);
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
    c->courier = courier_new(&(struct courier_options){.loop = options->loop,
                                                       .timers = options->timers,
                                                       .address = options->plan->address,
                                                       .port = options->port,
                                                       .on_answer = on_answer,
                                                       .ctx = c});
    c->began = c->made_until = clock_monotonic();
    on_tick(c);
    return c;
}

struct customer *customer_free(struct customer *c)
{
    if (!c)
        return NULL;
    timer_stop(c->options.timers, &c->tick);
    courier_free(c->courier);
    return xfree(c);
}

void customer_end(struct customer *c)
{
    c->is_ended = true;
    timer_stop(c->options.timers, &c->tick);
}

bool customer_is_idle(const struct customer *c)
{
    return !courier_waiting(c->courier);
}
