#include "smtp/session.h"

#include "base/error.h"
#include "base/log.h"

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

usec_t session_deadline_of(const struct smtp_server *s)
{
    if (!states[s->state].is_timed)
        return USEC_NEVER;
    usec_t at = s->now + s->limits->idle;
    return s->state == SERVER_DATA && s->data_until < at ? s->data_until : at;
}

void session_enter(struct smtp_server *s, enum server_state state)
{
    must(states[s->state].next & 1U << state);
    log_debug("smtp", "server: %s -> %s", states[s->state].name, states[state].name);
    s->state = state;
    s->deadline = session_deadline_of(s);
}

void session_end_transaction(struct smtp_server *s)
{
    s->sender = xfree(s->sender);
    for (size_t i = 0; i < s->recipients_n; i++)
        xfree(s->recipients[i]);
    s->recipients = xfree(s->recipients);
    s->recipients_n = 0;
    s->was_refused = false;
    smtp_data_deinit(&s->data);
}

void session_say(struct smtp_server *s, const char *line)
{
    buf_add_str(&s->out, line);
    buf_add_str(&s->out, "\r\n");
}

void session_finish(struct smtp_server *s)
{
    session_end_transaction(s);
    buf_deinit(&s->in);
    session_enter(s, SERVER_OVER);
}

void session_finish_with(struct smtp_server *s, unsigned code, const char *enhanced,
                         const char *why)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, code, enhanced, "%s %s", s->name, why);
    smtp_reply_format(&s->out, &reply);
    session_finish(s);
}

void session_complain(struct smtp_server *s, const char *line)
{
    session_say(s, line);
    if (++s->errors >= s->limits->commands_in_error)
        session_finish_with(s, 421, "4.7.0", "too many errors");
}

void session_complain_order(struct smtp_server *s, const char *line)
{
    if (s->was_refused)
        session_say(s, line);
    else
        session_complain(s, line);
}

void session_answer(struct smtp_server *s, const struct smtp_reply *reply)
{
    smtp_reply_format(&s->out, reply);
    if (reply->code == 421)
        session_finish(s);
}
