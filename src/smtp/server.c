#include "smtp/server.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "smtp/session.h"
#include "smtp/verbs.h"

enum { COMMAND_LINE = 512, COMMAND_LINE_PATH = 1024 }; // CRLF included, RFC 5321 §4.5.3.1.4

// A whole line, without its CRLF.
static void take_command(struct smtp_server *s, struct bytes line)
{
    const uint8_t *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
    struct bytes name = bytes_of(line.p, blank ? (size_t)(blank - line.p) : line.n);
    struct bytes argument = bytes_skip(line, name.n);
    while (argument.n && argument.p[0] == ' ')
        argument = bytes_skip(argument, 1);
    const struct verb *verb = verb_get(name);
    if (line.n + 2 > (verb && verb->has_path ? COMMAND_LINE_PATH : COMMAND_LINE))
        smtp_session_complain(s, "500 5.5.2 line too long");
    else if (line.n && (memchr(line.p, '\n', line.n) || memchr(line.p, '\r', line.n) ||
                        memchr(line.p, '\0', line.n)))
        smtp_session_complain(s, "500 5.5.2 a bare CR, LF or NUL: a line ends with CRLF");
    else if (!verb)
        smtp_session_complain(s, "500 5.5.2 command not recognized");
    else if (!(verb->states & 1U << s->state))
        smtp_session_complain_order(s, verb->disorder);
    else if (verb->is_bare && argument.n)
        smtp_session_complain(s, "501 5.5.4 this takes no argument");
    else if (verb->is_chat && ++s->chat > SMTP_SERVER_CHAT)
        smtp_session_complain(s, "451 4.7.0 much said and no message");
    else
        verb->handle(s, argument);
}

// Of the line in front of `in`, its CRLF included; 0 when it is not all there.
static size_t line_end(struct bytes in)
{
    for (size_t from = 0; from < in.n;) {
        const uint8_t *lf = memchr(in.p + from, '\n', in.n - from);
        if (!lf)
            return 0;
        from = (size_t)(lf - in.p) + 1;
        if (from >= 2 && lf[-1] == '\r')
            return from;
    }
    return 0;
}

// How many bytes were taken; 0: more must come first.
static size_t take_line(struct smtp_server *s, struct bytes in)
{
    size_t n = line_end(in);
    if (n)
        s->deadline = smtp_session_deadline_of(s);
    if (!n && (s->is_skipping || in.n > COMMAND_LINE_PATH)) {
        s->is_skipping = true;
        return in.n - (in.p[in.n - 1] == '\r'); // its LF may come next
    }
    if (!n)
        return 0;
    if (s->is_skipping)
        smtp_session_complain(s, "500 5.5.2 line too long");
    else
        take_command(s, bytes_of(in.p, n - 2));
    s->is_skipping = false;
    return n;
}

// The envelope leaves with the body: an answer inside the call finds the session without it.
static void hand_over(struct smtp_server *s)
{
    char *sender = MOVE(s->sender);
    char **recipients = MOVE(s->recipients);
    size_t n = s->recipients_n;
    struct smtp_server_message m = {
        .helo = s->helo,
        .sender = sender,
        .is_8bit = s->data.is_8bit,
        .recipients = (const char *const *)recipients,
        .recipients_n = n,
        .body = s->data.body.p, // never consumed from: the allocation's start
        .body_n = s->data.body.n,
        .protocol = s->is_esmtp ? "ESMTP" : "SMTP",
    };
    s->recipients_n = 0;
    s->data.body = (struct buf){0};
    smtp_session_enter(s, SERVER_WAIT);
    s->ops->on_message(s->ctx, &m);
    xfree(m.body);
    for (size_t i = 0; i < n; i++)
        xfree(recipients[i]);
    xfree(recipients);
    xfree(sender);
}

static void end_data(struct smtp_server *s)
{
    struct smtp_reply reply;
    if (!smtp_data_is_refused(&s->data)) {
        hand_over(s);
        return;
    }
    if (s->data.is_bare)
        smtp_reply_set(&reply, 550, "5.6.11",
                       "a bare CR, LF or NUL in the message: lines end with CRLF");
    else if (s->data.size > s->limits->message_size)
        smtp_reply_set(&reply, 552, "5.3.4", "at most %" PRIu64 " bytes", s->limits->message_size);
    else
        smtp_reply_set(&reply, 550, "5.6.0", "a line over %d octets: encode or wrap it",
                       SMTP_DATA_LINE);
    smtp_reply_format(&s->out, &reply);
    smtp_session_end_transaction(s);
    smtp_session_enter(s, SERVER_READY);
}

static bool wants_input(const struct smtp_server *s)
{
    return s->state != SERVER_NEW && s->state != SERVER_WAIT && s->state != SERVER_OVER;
}

// What the engine's end or a flood asked for, now that nothing is in flight.
static bool ends_here(struct smtp_server *s)
{
    if (!wants_input(s) || s->state == SERVER_DATA)
        return s->state == SERVER_OVER;
    if (s->is_shutting)
        smtp_session_finish_with(s, 421, "4.3.2", "going down, try again soon");
    else if (s->is_flooded)
        smtp_session_finish_with(s, 421, "4.7.0", "too much sent without waiting");
    return s->state == SERVER_OVER;
}

// How many bytes of `in` were taken.
static size_t run(struct smtp_server *s, struct bytes in)
{
    size_t all = 0;
    s->is_running = true;
    while (!ends_here(s) && all < in.n && wants_input(s)) {
        struct bytes rest = bytes_skip(in, all);
        size_t used;
        if (s->state == SERVER_DATA) {
            used = smtp_data_feed(&s->data, rest);
            if (s->data.at == SMTP_DATA_END)
                end_data(s);
        } else {
            used = take_line(s, rest);
        }
        if (!used)
            break;
        all += used;
    }
    s->is_running = false;
    return s->state == SERVER_OVER ? in.n : all;
}

static void run_waiting(struct smtp_server *s)
{
    struct buf in =
        s->in; // ours while it runs: smtp_session_finish() frees what stands in the server
    s->in = (struct buf){0};
    size_t used = run(s, buf_bytes(&in));
    if (used)
        buf_consume(&in, used);
    s->in = in;
}

struct smtp_server *smtp_server_new(const char *name, const struct smtp_server_limits *limits,
                                    const struct smtp_server_ops *ops, void *ctx, usec_t now)
{
    struct smtp_server *s = xcalloc(1, sizeof(*s));
    s->name = name;
    s->limits = limits;
    s->ops = ops;
    s->ctx = ctx;
    s->now = now;
    s->deadline = smtp_session_deadline_of(s);
    return s;
}

struct smtp_server *smtp_server_free(struct smtp_server *s)
{
    if (!s)
        return NULL;
    smtp_session_end_transaction(s);
    buf_deinit(&s->in);
    buf_deinit(&s->out);
    return xfree(s);
}

void smtp_server_greet(struct smtp_server *s)
{
    must(s->state == SERVER_NEW);
    buf_printf(&s->out, "220 %s ESMTP mxwarden\r\n", s->name);
    smtp_session_enter(s, SERVER_HELLO);
    run_waiting(s);
}

void smtp_server_turn_away(struct smtp_server *s, unsigned code, const char *enhanced,
                           const char *why)
{
    must(s->state == SERVER_NEW);
    smtp_session_finish_with(s, code, enhanced, why);
}

void smtp_server_feed(struct smtp_server *s, struct bytes in, usec_t now)
{
    if (s->state == SERVER_OVER || !in.n)
        return;
    s->now = now;
    if (!wants_input(s) && s->in.n + in.n > SMTP_SERVER_BEHIND) {
        s->is_flooded = true;
        return;
    }
    if (s->state == SERVER_DATA)
        s->deadline = smtp_session_deadline_of(s);
    if (!s->in.n && wants_input(s)) // the usual case: no copy
        in = bytes_skip(in, run(s, in));
    if (s->state == SERVER_OVER || !in.n)
        return;
    bool had_some = s->in.n;
    buf_add_bytes(&s->in, in);
    if (had_some && wants_input(s))
        run_waiting(s);
}

void smtp_server_answer(struct smtp_server *s, const struct smtp_reply *reply, usec_t now)
{
    if (s->state != SERVER_WAIT)
        return;
    s->now = now;
    smtp_session_end_transaction(s);
    if (smtp_reply_is_ok(reply))
        s->errors = s->chat = 0;
    smtp_session_enter(s, SERVER_READY);
    smtp_session_answer(s, reply);
    if (!s->is_running)
        run_waiting(s);
}

bool smtp_server_is_busy(const struct smtp_server *s)
{
    return s->state == SERVER_WAIT;
}

void smtp_server_tick(struct smtp_server *s, usec_t now)
{
    if (now < s->deadline || s->state == SERVER_OVER)
        return;
    s->now = now;
    smtp_session_finish_with(s, 421, "4.4.2", "timeout");
}

void smtp_server_shut(struct smtp_server *s)
{
    s->is_shutting = true;
    if (s->state == SERVER_NEW)
        smtp_session_finish_with(s, 421, "4.3.2", "going down, try again soon");
    else if (!s->is_running)
        ends_here(s);
}

struct buf *smtp_server_out(struct smtp_server *s)
{
    return &s->out;
}

bool smtp_server_is_over(const struct smtp_server *s)
{
    return s->state == SERVER_OVER;
}

usec_t smtp_server_deadline(const struct smtp_server *s)
{
    return s->deadline;
}
