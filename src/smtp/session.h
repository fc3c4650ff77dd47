/* The inside of the SMTP server, shared by server.c (bytes in, messages out) and verbs.c (what each
 * command does): the states, and the few things that both do to a session. */
#pragma once
#include "base/buf.h"
#include "smtp/data.h"
#include "smtp/server.h"

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
// A set of states: S(MAIL) | S(RCPT).
#define S(state) (1U << SERVER_##state)

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
    uint32_t chat; // commands that bring no message nearer, since the last one

    char helo[256];
    bool is_esmtp;
    // The transaction.
    char *sender;
    char **recipients; // each and the array owned
    size_t recipients_n;
    bool was_refused; // a MAIL or RCPT of it: what is pipelined behind is no mistake
    struct smtp_data data;
};

usec_t smtp_session_deadline_of(const struct smtp_server *s);
/* Alone writes the state, and sets the deadline. */
void smtp_session_enter(struct smtp_server *s, enum server_state state);
void smtp_session_end_transaction(struct smtp_server *s);
/* One line, its CRLF is added. */
void smtp_session_say(struct smtp_server *s, const char *line);
/* Over, after what is said so far. */
void smtp_session_finish(struct smtp_server *s);
void smtp_session_finish_with(struct smtp_server *s, unsigned code, const char *enhanced,
                              const char *why);
/* A mistake of the client: answered, and counted; too many end the session. */
void smtp_session_complain(struct smtp_server *s, const char *line);
/* Out of order; no mistake when it was pipelined behind what we refused. */
void smtp_session_complain_order(struct smtp_server *s, const char *line);
/* Says the owner's answer; 421 ends the session. */
void smtp_session_answer(struct smtp_server *s, const struct smtp_reply *reply);
