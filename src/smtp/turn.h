/* One envelope's way through the SMTP client: what of it is sent, and what is answered. The way is a
 * row of places: RSET (where a transaction stands open), MAIL, RCPT for each recipient, DATA, dot. What
 * lies between `got` and `sent` is in flight. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtp/reply.h"

struct buf;
struct smtp_envelope;

enum { TURN_PIECE = 64 * 1024 }; // of a body at a time

enum turn_place { TURN_RSET, TURN_MAIL, TURN_RCPT, TURN_DATA, TURN_DOT };

struct turn {
    const struct smtp_envelope *e; // borrowed
    bool *is_decided;              // a recipient each; owned
    size_t undecided;
    size_t sent, got; // the next place to send, and to get an answer for: 0 RSET, 1 MAIL, 2… RCPT
    size_t body_at;
    bool is_mail_ok;
    bool has_failed; // a recipient that was tried
    bool is_open;    // 354 came, the dot is not sent yet
};

/* What the server said it can (EHLO). */
struct turn_offer {
    bool has_pipelining, has_8bitmime;
    uint64_t size_max; // SIZE; 0: none said
};

void turn_init(struct turn *t, const struct smtp_envelope *e, bool has_rset);
void turn_deinit(struct turn *t);
/* Appends what may go now: one command when nothing is in flight or, with PIPELINING, all up to DATA;
 * a piece of the text when that is open and `out` is short of one. When a pipelined DATA was accepted
 * though nobody is left to get the text, a lone dot ends it (RFC 2920 §3.1). */
void turn_send(struct turn *t, struct buf *out, const struct turn_offer *offer);
/* The dot is sent. */
bool turn_is_sent(const struct turn *t);
/* Nothing is in flight, nobody undecided. */
bool turn_is_finished(const struct turn *t);
/* Which answer comes next; for TURN_RCPT, to which recipient. */
enum turn_place turn_awaits(const struct turn *t);
size_t turn_recipient(const struct turn *t);
/* Fills `reply` when the envelope cannot go to this server, or to any, as it is. */
bool turn_is_impossible(const struct smtp_envelope *e, const struct turn_offer *offer,
                        struct smtp_reply *reply);
