/* The server side of SMTP (RFC 5321, 6409; PIPELINING 2920, SIZE 1870, 8BITMIME 6152,
 * ENHANCEDSTATUSCODES 2034): a state machine fed with bytes and `now`. It owns no descriptor, timer
 * or clock: whoever does writes what stands in smtp_server_out(), closes when smtp_server_is_over()
 * and that is written, and calls smtp_server_tick() at the deadline.
 *
 * Line ends are strict: only CRLF ends a line, only CRLF.CRLF ends DATA; a bare CR, LF or NUL in DATA
 * refuses the message with 550 5.6.11 (SMTP smuggling). Everything has a limit, and says so. Who the
 * client is and what it may do is the owner's to say, through the queries. */
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
    uint64_t message_size;
    uint32_t recipients;        // a transaction
    uint32_t commands_in_error; // then 421 and over
    usec_t idle;                // without a byte; then 421 and over
    usec_t data_total;          // longest DATA as a whole; 0: none
};

/* What MAIL said. Addresses are syntactically valid, the domain lower case. */
struct smtp_server_mail {
    const char *sender; // "" is the null return path
    uint64_t size;      // SIZE=, 0 when not given
    bool is_8bit;       // BODY=8BITMIME
};

/* A received message. `body` is owned by the receiver: moved out with MOVE, else freed afterwards. */
struct smtp_server_message {
    const char *helo;
    const char *sender;
    bool is_8bit;
    const char *const *recipients; // accepted ones, in order
    size_t recipients_n;
    uint8_t *body; // malloc'd, CRLF lines, dots unstuffed, no final dot
    size_t body_n;
    const char *protocol; // "ESMTP" or "SMTP", for Received
};

/* The owner's answers. Each fills `reply`: 2xx lets it pass, else the refusal goes to the client. */
struct smtp_server_ops {
    void (*query_mail)(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply);
    void (*query_rcpt)(void *ctx, const char *address, struct smtp_reply *reply);
    /* DATA begins: may refuse (disk low). */
    void (*query_data)(void *ctx, struct smtp_reply *reply);
    /* The message is complete. Answer now or later with smtp_server_answer(); until then nothing
     * more is read. */
    void (*on_message)(void *ctx, struct smtp_server_message *m);
};

struct smtp_server *smtp_server_new(const char *name, const struct smtp_server_limits *limits,
                                    const struct smtp_server_ops *ops, void *ctx, usec_t now);
struct smtp_server *smtp_server_free(struct smtp_server *s);
DEFINE_CLEANUP(struct smtp_server *, smtp_server_free)

/* Greets: "220 NAME ESMTP mxwarden"; or refuses the whole session: 421/554, over. */
void smtp_server_greet(struct smtp_server *s);
void smtp_server_turn_away(struct smtp_server *s, unsigned code, const char *enhanced,
                           const char *why);

/* Takes in what arrived. May call the ops. */
void smtp_server_feed(struct smtp_server *s, struct bytes in, usec_t now);
/* Answers the message that on_message() handed out. Goes on with what was pipelined behind it. */
void smtp_server_answer(struct smtp_server *s, const struct smtp_reply *reply, usec_t now);
/* True while no more should be read (answer pending): the owner stops reading then, so that at most
 * one read's bytes wait. */
bool smtp_server_is_busy(const struct smtp_server *s);
/* The deadline has come: 421 4.4.2, over. */
void smtp_server_tick(struct smtp_server *s, usec_t now);
/* The engine ends: 421 4.3.2 at the next command boundary, over. */
void smtp_server_shut(struct smtp_server *s);

/* What to write; the owner consumes it with buf_consume(). */
struct buf *smtp_server_out(struct smtp_server *s);
bool smtp_server_is_over(const struct smtp_server *s);
/* Monotonic; when to call smtp_server_tick(). */
usec_t smtp_server_deadline(const struct smtp_server *s);
