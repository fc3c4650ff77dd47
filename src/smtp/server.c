#include "smtp/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "smtp/command.h"
#include "smtp/data.h"

enum { COMMAND_LINE = 512, COMMAND_LINE_PATH = 1024 }; // CRLF included, RFC 5321 §4.5.3.1.4

enum server_state {
    SERVER_NEW,   // not greeted
    SERVER_HELLO, // greeted: wants EHLO
    SERVER_READY, // no transaction
    SERVER_MAIL,  // a sender
    SERVER_RCPT,  // and recipients
    SERVER_DATA,  // text comes in
    SERVER_WAIT,  // the owner has the message
    SERVER_OVER,
};
#define S(state) (1U << SERVER_##state)

// Which states may follow, and whether the client's silence is on the clock.
// clang-format off
static const struct {
    const char *name;
    unsigned next;
    bool is_timed;
} states[] = {
    [SERVER_NEW]   = {"new",   S(HELLO) | S(OVER),                                          true},
    [SERVER_HELLO] = {"hello", S(READY) | S(OVER),                                          true},
    [SERVER_READY] = {"ready", S(READY) | S(MAIL) | S(OVER),                                true},
    [SERVER_MAIL]  = {"mail",  S(READY) | S(RCPT) | S(OVER),                                true},
    [SERVER_RCPT]  = {"rcpt",  S(READY) | S(RCPT) | S(DATA) | S(OVER),                      true},
    [SERVER_DATA]  = {"data",  S(READY) | S(WAIT) | S(OVER),                                true},
    [SERVER_WAIT]  = {"wait",  S(READY) | S(OVER),                                          false},
    [SERVER_OVER]  = {"over",  0,                                                           false},
};
// clang-format on

struct smtp_server {
    const char *name;
    const struct smtp_server_limits *limits;
    const struct smtp_server_ops *ops;
    void *ctx;

    enum server_state state;
    usec_t now, deadline;
    usec_t data_until; // of this DATA as a whole
    struct buf in;     // a command's beginning, or what waits behind an answer
    struct buf out;
    bool is_running;  // inside run(): an answer need not
    bool is_skipping; // inside a command line that was too long
    bool is_flooded;  // SMTP_SERVER_BEHIND was passed
    bool is_shutting;
    uint32_t errors;

    char helo[256];
    bool is_esmtp;
    // The transaction.
    char *sender;
    char **recipients; // each and the array owned
    size_t recipients_n;
    bool was_refused; // a MAIL or RCPT of it: what is pipelined behind is no mistake
    struct smtp_data data;
};

static usec_t deadline_of(const struct smtp_server *s)
{
    if (!states[s->state].is_timed)
        return USEC_NEVER;
    usec_t at = s->now + s->limits->idle;
    return s->state == SERVER_DATA && s->data_until < at ? s->data_until : at;
}

static void enter(struct smtp_server *s, enum server_state state)
{
    must(states[s->state].next & 1U << state);
    log_debug("smtp", "server: %s -> %s", states[s->state].name, states[state].name);
    s->state = state;
    s->deadline = deadline_of(s);
}

static void end_transaction(struct smtp_server *s)
{
    s->sender = xfree(s->sender);
    for (size_t i = 0; i < s->recipients_n; i++)
        xfree(s->recipients[i]);
    s->recipients = xfree(s->recipients);
    s->recipients_n = 0;
    s->was_refused = false;
    smtp_data_deinit(&s->data);
}

static void say(struct smtp_server *s, const char *line)
{
    buf_add_str(&s->out, line);
    buf_add_str(&s->out, "\r\n");
}

static void finish(struct smtp_server *s)
{
    end_transaction(s);
    buf_deinit(&s->in);
    enter(s, SERVER_OVER);
}

static void finish_with(struct smtp_server *s, unsigned code, const char *enhanced, const char *why)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, code, enhanced, "%s %s", s->name, why);
    smtp_reply_format(&s->out, &reply);
    finish(s);
}

// A mistake of the client: answered, and counted.
static void complain(struct smtp_server *s, const char *line)
{
    say(s, line);
    if (++s->errors >= s->limits->commands_in_error)
        finish_with(s, 421, "4.7.0", "too many errors");
}

// Out of order; no mistake when it was pipelined behind what we refused.
static void complain_order(struct smtp_server *s, const char *line)
{
    if (s->was_refused)
        say(s, line);
    else
        complain(s, line);
}

// The owner's refusal.
static void refuse(struct smtp_server *s, const struct smtp_reply *reply)
{
    smtp_reply_format(&s->out, reply);
    if (reply->code == 421)
        finish(s);
}

static void hello(struct smtp_server *s, struct bytes name, bool is_esmtp)
{
    while (name.n && name.p[name.n - 1] == ' ')
        name.n--;
    if (!smtp_helo_is_valid(name)) {
        complain(s, "501 5.5.4 this wants your host name");
        return;
    }
    snprintf(s->helo, sizeof(s->helo), "%.*s", (int)name.n, name.p);
    s->is_esmtp = is_esmtp;
    end_transaction(s);
    enter(s, SERVER_READY);
    if (is_esmtp)
        buf_printf(&s->out,
                   "250-%s\r\n250-PIPELINING\r\n250-SIZE %" PRIu64
                   "\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
                   s->name, s->limits->message_size);
    else
        buf_printf(&s->out, "250 %s\r\n", s->name);
}

static void on_ehlo(struct smtp_server *s, struct bytes argument)
{
    hello(s, argument, true);
}

static void on_helo(struct smtp_server *s, struct bytes argument)
{
    hello(s, argument, false);
}

static const char *read_size(struct smtp_server_mail *mail, struct bytes value)
{
    return smtp_param_size(&mail->size, value) ? NULL : "501 5.5.4 SIZE wants a number";
}

static const char *read_body(struct smtp_server_mail *mail, struct bytes value)
{
    mail->is_8bit = bytes_equal_nocase(value, bytes_str("8BITMIME"));
    bool is_known = mail->is_8bit || bytes_equal_nocase(value, bytes_str("7BIT"));
    return is_known ? NULL : "501 5.5.4 BODY is 7BIT or 8BITMIME";
}

static const struct param {
    const char *name;
    const char *(*read)(struct smtp_server_mail *mail,
                        struct bytes value); // NULL, or what is wrong
} mail_params[] = {
    {"SIZE", read_size}, // RFC 1870
    {"BODY", read_body}, // RFC 6152
};

// NULL, or the line that says what is wrong.
static const char *read_mail_params(struct smtp_server_mail *mail, struct bytes params)
{
    struct bytes name, value;
    unsigned seen = 0;
    while (smtp_param_next(&name, &value, &params)) {
        size_t i = 0;
        while (i < ARRAY_LEN(mail_params) &&
               !bytes_equal_nocase(name, bytes_str(mail_params[i].name)))
            i++;
        if (i == ARRAY_LEN(mail_params))
            return "555 5.5.4 unknown parameter";
        if (seen & 1U << i)
            return "501 5.5.4 the same parameter twice";
        seen |= 1U << i;
        const char *wrong = mail_params[i].read(mail, value);
        if (wrong)
            return wrong;
    }
    return NULL;
}

static const char *path_wrong(enum smtp_path_result result, const char *syntax, const char *address)
{
    switch (result) {
    case SMTP_PATH_DONE:
        return NULL;
    case SMTP_PATH_SYNTAX:
        return syntax;
    case SMTP_PATH_ADDRESS:
        return address;
    }
    return NULL;
}

static void on_mail(struct smtp_server *s, struct bytes argument)
{
    char sender[ADDRESS_TEXT];
    struct bytes params;
    struct smtp_server_mail mail = {.sender = sender};
    s->was_refused = true;
    const char *wrong =
        path_wrong(smtp_path_parse(sender, &params, "FROM", s->name, argument),
                   "501 5.5.4 expected MAIL FROM:<address>", "501 5.1.7 no such form of address");
    if (!wrong)
        wrong = read_mail_params(&mail, params);
    if (wrong) {
        complain(s, wrong);
        return;
    }
    struct smtp_reply reply;
    smtp_reply_set(&reply, 250, "2.1.0", "sender ok");
    if (mail.size > s->limits->message_size)
        smtp_reply_set(&reply, 552, "5.3.4", "at most %" PRIu64 " bytes", s->limits->message_size);
    else
        s->ops->query_mail(s->ctx, &mail, &reply);
    if (!smtp_reply_is_ok(&reply)) {
        refuse(s, &reply);
        return;
    }
    end_transaction(s);
    s->sender = xstrdup(sender);
    enter(s, SERVER_MAIL);
    smtp_reply_format(&s->out, &reply);
}

static void add_recipient(struct smtp_server *s, const char *address)
{
    if ((s->recipients_n & (s->recipients_n - 1)) == 0) // full at each power of two
        s->recipients = xrealloc(s->recipients, s->recipients_n ? s->recipients_n * 2 : 1,
                                 sizeof(*s->recipients));
    s->recipients[s->recipients_n++] = xstrdup(address);
    enter(s, SERVER_RCPT);
}

static void on_rcpt(struct smtp_server *s, struct bytes argument)
{
    char address[ADDRESS_TEXT];
    struct bytes params, name, value;
    enum smtp_path_result result = smtp_path_parse(address, &params, "TO", s->name, argument);
    if (result == SMTP_PATH_DONE && !*address)
        result = SMTP_PATH_ADDRESS;
    const char *wrong = path_wrong(result, "501 5.5.4 expected RCPT TO:<address>",
                                   "501 5.1.3 no such form of address");
    if (!wrong && smtp_param_next(&name, &value, &params))
        wrong = "555 5.5.4 unknown parameter";
    if (wrong) {
        s->was_refused = true;
        complain(s, wrong);
        return;
    }
    struct smtp_reply reply;
    smtp_reply_set(&reply, 250, "2.1.5", "recipient ok");
    if (s->recipients_n >= s->limits->recipients)
        smtp_reply_set(&reply, 452, "4.5.3",
                       "too many recipients, send the rest in another message");
    else
        s->ops->query_rcpt(s->ctx, address, &reply);
    if (!smtp_reply_is_ok(&reply)) {
        s->was_refused = true;
        refuse(s, &reply);
        return;
    }
    add_recipient(s, address);
    smtp_reply_format(&s->out, &reply);
}

static void on_data(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    struct smtp_reply reply;
    if (s->state != SERVER_RCPT) {
        complain_order(s, "554 5.5.1 no valid recipients");
        return;
    }
    smtp_reply_set(&reply, 250, "2.0.0", "go ahead");
    s->ops->query_data(s->ctx, &reply);
    if (!smtp_reply_is_ok(&reply)) {
        refuse(s, &reply);
        return;
    }
    usec_t total = s->limits->data_total;
    s->data_until = total ? s->now + total : USEC_NEVER;
    smtp_data_init(&s->data, s->limits->message_size);
    enter(s, SERVER_DATA);
    say(s, "354 end with CRLF.CRLF");
}

static void on_rset(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    end_transaction(s);
    if (s->state != SERVER_HELLO)
        enter(s, SERVER_READY);
    say(s, "250 2.0.0 ok");
}

static void on_noop(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    say(s, "250 2.0.0 ok");
}

static void on_quit(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    finish_with(s, 221, "2.0.0", "bye");
}

static void on_vrfy(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    say(s, "252 2.0.0 send the message, we will try to deliver it");
}

static void on_help(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    say(s, "214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
}

static void on_unimplemented(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    complain(s, "502 5.5.1 not offered here");
}

// A browser that was talked into posting mail at us (cross-protocol scripting).
static void on_http(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    finish_with(s, 421, "4.7.0", "this is no web server");
}

/* RFC 5321 §4.1.4 says which order. RFC 2920 §3.1 lets some only end a pipelined group; that binds the
 * client: a group cannot be told from its bytes, since the network joins and cuts them. */
#define S_ANY (S(HELLO) | S(READY) | S(MAIL) | S(RCPT))
// clang-format off
static const struct verb {
    const char *name;
    void (*handle)(struct smtp_server *s, struct bytes argument);
    unsigned states;
    const char *disorder;  // the answer in other states
    bool has_path;         // the line may have COMMAND_LINE_PATH octets
    bool is_bare;          // takes no argument
} verbs[] = {
    {"EHLO",     on_ehlo, S_ANY},
    {"HELO",     on_helo, S_ANY},
    {"MAIL",     on_mail, S(READY), "503 5.5.1 not now: EHLO first, one MAIL a transaction", .has_path = true},
    {"RCPT",     on_rcpt, S(MAIL) | S(RCPT), "503 5.5.1 MAIL first", .has_path = true},
    {"DATA",     on_data, S(MAIL) | S(RCPT), "503 5.5.1 MAIL and RCPT first", .is_bare = true},
    {"RSET",     on_rset, S_ANY, .is_bare = true},
    {"NOOP",     on_noop, S_ANY},
    {"QUIT",     on_quit, S_ANY, .is_bare = true},
    {"VRFY",     on_vrfy, S_ANY},
    {"HELP",     on_help, S_ANY},
    {"EXPN",     on_unimplemented, S_ANY},
    {"AUTH",     on_unimplemented, S_ANY},
    {"STARTTLS", on_unimplemented, S_ANY},
    {"BDAT",     on_unimplemented, S_ANY},
    {"ETRN",     on_unimplemented, S_ANY},
    {"GET",      on_http, S_ANY},
    {"POST",     on_http, S_ANY},
    {"PUT",      on_http, S_ANY},
    {"HEAD",     on_http, S_ANY},
    {"OPTIONS",  on_http, S_ANY},
    {"CONNECT",  on_http, S_ANY},
};
// clang-format on

static const struct verb *verb_get(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (bytes_equal_nocase(name, bytes_str(verbs[i].name)))
            return &verbs[i];
    return NULL;
}

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
        complain(s, "500 5.5.2 line too long");
    else if (line.n && (memchr(line.p, '\n', line.n) || memchr(line.p, '\r', line.n) ||
                        memchr(line.p, '\0', line.n)))
        complain(s, "500 5.5.2 a bare CR, LF or NUL: a line ends with CRLF");
    else if (!verb)
        complain(s, "500 5.5.2 command not recognized");
    else if (!(verb->states & 1U << s->state))
        complain_order(s, verb->disorder);
    else if (verb->is_bare && argument.n)
        complain(s, "501 5.5.4 this takes no argument");
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
    if (!n && (s->is_skipping || in.n > COMMAND_LINE_PATH)) {
        s->is_skipping = true;
        return in.n - (in.p[in.n - 1] == '\r'); // its LF may come next
    }
    if (!n)
        return 0;
    if (s->is_skipping)
        complain(s, "500 5.5.2 line too long");
    else
        take_command(s, bytes_of(in.p, n - 2));
    s->is_skipping = false;
    return n;
}

static void hand_over(struct smtp_server *s)
{
    struct smtp_server_message m = {
        .helo = s->helo,
        .sender = s->sender,
        .is_8bit = s->data.is_8bit,
        .recipients = (const char *const *)s->recipients,
        .recipients_n = s->recipients_n,
        .body = s->data.body.p, // never consumed from: the allocation's start
        .body_n = s->data.body.n,
        .protocol = s->is_esmtp ? "ESMTP" : "SMTP",
    };
    s->data.body = (struct buf){0};
    enter(s, SERVER_WAIT);
    s->ops->on_message(s->ctx, &m);
    xfree(m.body);
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
    end_transaction(s);
    enter(s, SERVER_READY);
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
        finish_with(s, 421, "4.3.2", "going down, try again soon");
    else if (s->is_flooded)
        finish_with(s, 421, "4.7.0", "too much sent without waiting");
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
    struct buf in = s->in; // ours while it runs: finish() frees what stands in the server
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
    s->deadline = deadline_of(s);
    return s;
}

struct smtp_server *smtp_server_free(struct smtp_server *s)
{
    if (!s)
        return NULL;
    end_transaction(s);
    buf_deinit(&s->in);
    buf_deinit(&s->out);
    return xfree(s);
}

void smtp_server_greet(struct smtp_server *s)
{
    must(s->state == SERVER_NEW);
    buf_printf(&s->out, "220 %s ESMTP mxwarden\r\n", s->name);
    enter(s, SERVER_HELLO);
    run_waiting(s);
}

void smtp_server_turn_away(struct smtp_server *s, unsigned code, const char *enhanced,
                           const char *why)
{
    must(s->state == SERVER_NEW);
    finish_with(s, code, enhanced, why);
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
    s->deadline = deadline_of(s);
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
    end_transaction(s);
    if (smtp_reply_is_ok(reply))
        s->errors = 0;
    enter(s, SERVER_READY);
    refuse(s, reply);
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
    finish_with(s, 421, "4.4.2", "timeout");
}

void smtp_server_shut(struct smtp_server *s)
{
    s->is_shutting = true;
    if (s->state == SERVER_NEW)
        finish_with(s, 421, "4.3.2", "going down, try again soon");
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
