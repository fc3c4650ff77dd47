#include "sim/answer.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/timer.h"
#include "sim/courier.h"
#include "sim/dice.h"

enum { SOONEST_MS = 800, LATEST_MS = 3000, HEADERS_MOST = 8192 };

/* One that is due in a moment. */
struct answer {
    struct list link;
    struct answers *answers;
    struct timer timer;
    struct letter *letter;
};

struct answers {
    struct answers_options options;
    struct courier *courier;
    struct list due; // struct answer
    struct dice dice;
};

struct answers *answers_new(const struct answers_options *options)
{
    struct answers *a = xcalloc(1, sizeof(*a));
    a->options = *options;
    a->dice.state = options->seed;
    list_init(&a->due);
    a->courier = courier_new(&(struct courier_options){.loop = options->loop,
                                                       .timers = options->timers,
                                                       .address = "127.0.1.200",
                                                       .port = options->port});
    return a;
}

struct answers *answers_free(struct answers *a)
{
    struct answer *one;
    if (!a)
        return NULL;
    LIST_EACH (&a->due, one, link) {
        timer_stop(a->options.timers, &one->timer);
        list_remove(&one->link);
        letter_free(one->letter);
        xfree(one);
    }
    courier_free(a->courier);
    return xfree(a);
}

static void on_due(void *ctx)
{
    struct answer *one = ctx;
    courier_add(one->answers->courier, MOVE(one->letter));
    courier_go(one->answers->courier);
    list_remove(&one->link);
    xfree(one);
}

// Takes the letter: it goes in a moment, with the null return path.
static void say_later(struct answers *a, struct letter *l, const char *recipient)
{
    struct answer *one = xcalloc(1, sizeof(*one));
    usec_t wait = (SOONEST_MS + dice_below(&a->dice, LATEST_MS - SOONEST_MS)) * USEC_MS;
    snprintf(l->recipient, sizeof(l->recipient), "%s", recipient);
    one->answers = a;
    one->letter = l;
    list_add_last(&a->due, &one->link);
    timer_set(a->options.timers, &one->timer, clock_monotonic() + wait, on_due, one);
}

// The header section, with the empty line behind it.
static void add_headers(struct buf *out, const struct answer_to *to)
{
    const char *end = memmem(to->body.p, to->body.n, "\r\n\r\n", 4);
    size_t n = end ? (size_t)(end - (const char *)to->body.p) + 2 : 0;
    buf_printf(out, "Return-Path: <%s>\r\n", to->sender);
    buf_add(out, to->body.p, n < HEADERS_MOST ? n : 0);
    buf_add_str(out, "\r\n");
}

static void add_front(struct buf *out, const struct answer_to *to, const char *from,
                      const char *subject)
{
    buf_printf(out,
               "From: %s@%s\r\nTo: <%s>\r\nSubject: %s\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
               "MIME-Version: 1.0\r\n",
               from, to->plan->host, to->sender, subject);
}

void answers_bounce(struct answers *a, const struct answer_to *to)
{
    struct letter *l = letter_new();
    struct buf *out = &l->body;
    add_front(out, to, "MAILER-DAEMON", "failure notice");
    buf_printf(out,
               "Content-Type: text/plain\r\n\r\n"
               "Your mail came to %s, and we could take it no further. This is final.\r\n\r\n"
               "<%s>:\r\nno mailbox of that name is here (#5.1.1)\r\n\r\n"
               "--- Below this line is a copy of the message.\r\n\r\n",
               to->plan->host, to->recipient);
    add_headers(out, to);
    say_later(a, l, to->sender);
}

// RFC 5965, as most report.
static void write_arf(struct buf *out, const struct answer_to *to)
{
    add_front(out, to, "complaints", "complaint about a message");
    buf_printf(out,
               "Content-Type: multipart/report; report-type=feedback-report; boundary=arf\r\n\r\n"
               "--arf\r\nContent-Type: text/plain\r\n\r\nSomebody calls this message spam.\r\n\r\n"
               "--arf\r\nContent-Type: message/feedback-report\r\n\r\n"
               "Feedback-Type: abuse\r\nUser-Agent: %s/1.0\r\nVersion: 1\r\n"
               "Original-Mail-From: <%s>\r\nSource-IP: %s\r\n\r\n"
               "--arf\r\nContent-Type: text/rfc822-headers\r\n\r\n",
               to->plan->name, to->sender, to->ip);
    add_headers(out, to);
    buf_add_str(out, "--arf--\r\n");
}

// As Microsoft reports: no ARF, the message itself in a mixed one.
static void write_jmrp(struct buf *out, const struct answer_to *to)
{
    CLEANUP(xfree) char *subject = xasprintf("complaint about message from %s", to->ip);
    add_front(out, to, "staff", subject);
    buf_add_str(out, "Content-Type: multipart/mixed; boundary=jmrp\r\n\r\n"
                     "--jmrp\r\nContent-Type: message/rfc822\r\n\r\n");
    add_headers(out, to);
    buf_add_str(out, "--jmrp--\r\n");
}

void answers_complain(struct answers *a, const struct answer_to *to)
{
    if (to->plan->complaints == COMPLAINTS_NEVER)
        return;
    struct letter *l = letter_new();
    if (to->plan->complaints == COMPLAINTS_ARF)
        write_arf(&l->body, to);
    else
        write_jmrp(&l->body, to);
    say_later(a, l, SCENARIO_COMPLAINTS);
}
