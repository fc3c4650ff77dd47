/* The server side of SMTP (RFC 5321, 6409; PIPELINING 2920, SIZE 1870, 8BITMIME 6152,
 * ENHANCEDSTATUSCODES 2034): a state machine fed with bytes and `now`. It owns no descriptor, timer
 * or clock: whoever does writes what stands in smtp_server_out(), closes when smtp_server_is_over()
 * and that is written, and calls smtp_server_tick() at the deadline.
 *
 * Line ends are strict: only CRLF ends a line, only CRLF.CRLF ends DATA; a bare CR, LF or NUL in DATA
 * refuses the message with 550 5.6.11 (SMTP smuggling), in a command that command with 500 5.5.2.
 * A line of text over 998 octets is refused with 550 5.6.0 (smtp/data.h says why). What a client sends
 * before it was asked is read when its turn comes, as a command or as text by the state it then meets:
 * the answer to a stream never depends on how it was cut into packets.
 *
 * Everything has a limit, and says so: a command line 512 octets (MAIL and RCPT 1,024), SIZE at MAIL
 * and while receiving, where what will be refused is read to its end but not kept. Errors that count
 * against `commands_in_error` are the client's protocol mistakes; not the owner's refusals, nor what
 * was pipelined behind a refused command; an accepted message clears them. So is each command
 * that brings no message nearer (EHLO, RSET, NOOP, VRFY, HELP) over SMTP_SERVER_CHAT since the last one. Who the client is and what
 * it may do is the owner's to say, through the queries. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "smtp/reply.h"

struct smtp_server;

struct smtp_server_limits {
    uint64_t message_size;      // octets of text, dots unstuffed
    uint32_t recipients;        // a transaction
    uint32_t commands_in_error; // then 421 and over
    usec_t idle;                // for a command to come whole, without a byte in DATA; then 421
    usec_t data_total;          // longest DATA as a whole; 0: no limit
};

/* What MAIL said. Addresses are syntactically valid, the domain lower case. */
struct smtp_server_mail {
    const char *sender; // "" is the null return path
    uint64_t size;      // SIZE=, 0 when not given
    bool is_8bit;       // BODY=8BITMIME
};

/* A received message. `body` may be taken by the receiver, with MOVE; else it is freed afterwards. All
 * else is borrowed during the call. */
struct smtp_server_message {
    const char *helo;
    const char *sender;
    bool is_8bit;                  // the text has octets over 127, whatever MAIL said
    const char *const *recipients; // accepted ones, in order
    size_t recipients_n;
    uint8_t *body; // malloc'd, CRLF lines, dots unstuffed, no final dot
    size_t body_n;
    const char *protocol; // "ESMTP" or "SMTP", for Received
};

/* The owner's answers. `reply` comes filled with our 2xx, which lets it pass; a refusal that is put
 * there (4xx, 5xx; 421 ends the session) goes to the client. None of them may free the server. */
struct smtp_server_ops {
    void (*query_mail)(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply);
    void (*query_rcpt)(void *ctx, const char *address, struct smtp_reply *reply);
    /* DATA begins: may refuse (disk low). */
    void (*query_data)(void *ctx, struct smtp_reply *reply);
    /* The message is complete. Answer with smtp_server_answer(), inside the call or later; until
     * then nothing more is read. */
    void (*on_message)(void *ctx, struct smtp_server_message *m);
};

/* Borrowed for the server's life: name, limits, ops. `name` is our host name. */
struct smtp_server *smtp_server_new(const char *name, const struct smtp_server_limits *limits,
                                    const struct smtp_server_ops *ops, void *ctx, usec_t now);
struct smtp_server *smtp_server_free(struct smtp_server *s);
DEFINE_CLEANUP(struct smtp_server *, smtp_server_free)

/* Greets: "220 NAME ESMTP mxwarden"; or refuses the whole session: 421/554, over. One of them comes
 * first. */
void smtp_server_greet(struct smtp_server *s);
void smtp_server_turn_away(struct smtp_server *s, unsigned code, const char *enhanced,
                           const char *why);

/* Takes in what arrived. May call the ops. */
void smtp_server_feed(struct smtp_server *s, struct bytes in, usec_t now);
/* Answers the message that on_message() handed out. Goes on with what was pipelined behind it. Does
 * nothing when the session is over or no message waits: a late answer finds nothing. */
void smtp_server_answer(struct smtp_server *s, const struct smtp_reply *reply, usec_t now);
/* True while no more should be read (answer pending): the owner stops reading then, so that at most
 * one read's bytes wait. At most SMTP_SERVER_BEHIND wait for a message's answer; a session that was
 * fed more all the same ends (421 4.7.0) once that answer is given. */
enum { SMTP_SERVER_BEHIND = 256 * 1024, SMTP_SERVER_CHAT = 200 };
bool smtp_server_is_busy(const struct smtp_server *s);
/* The deadline has come: 421 4.4.2, over. */
void smtp_server_tick(struct smtp_server *s, usec_t now);
/* The engine ends: 421 4.3.2 at the next command boundary, over. A message that is being received or
 * answered is finished first. */
void smtp_server_shut(struct smtp_server *s);

/* What to write; the owner consumes it with buf_consume(). */
struct buf *smtp_server_out(struct smtp_server *s);
bool smtp_server_is_over(const struct smtp_server *s);
/* Monotonic; when to call smtp_server_tick(). USEC_NEVER while an answer is pending. */
usec_t smtp_server_deadline(const struct smtp_server *s);
