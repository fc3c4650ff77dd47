/* The client side of SMTP (RFC 5321, PIPELINING 2920): a state machine fed with bytes and `now`, for
 * one connection and many transactions. Commands go out in one group when the server offers
 * PIPELINING: MAIL, all RCPT, DATA, and the next transaction's MAIL right behind the dot. Every
 * recipient gets one result with the phase it came in. Timeouts are those of RFC 5321 §4.5.3.2; a
 * reply that trickles in gets no more time than one that does not come.
 * Replies are a stranger's: capped and parsed by smtp/reply.h; nonsense ends the connection.
 * The body goes out with dots stuffed, CRLF lines. What the server said it cannot take is not sent:
 * 8-bit without 8BITMIME is 554 5.6.3, a body over its SIZE 552 5.3.4, replies of our own, phase mail;
 * so are 554 5.6.11 for a body with a bare CR, LF or NUL, and 553 5.1.3 for addresses that would not
 * stay in their line: neither ever goes out.
 *
 * Who is charged when the connection ends early: nobody (was_tried false) while MAIL has no answer,
 * and no envelope behind the front one; after it, all of the front one, since it may be what breaks the
 * connection. Lost between the dot and its reply: tried, code 0, phase data; it may have arrived. A 421
 * is an answer to its command: to RCPT for that recipient alone, to MAIL only on a fresh connection. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/words.h"
#include "smtp/reply.h"

struct buf;
struct smtp_client;

/* One transaction. Everything is borrowed until its last result event. */
struct smtp_envelope {
    const char *sender; // "" is the null return path
    const char *const *recipients;
    size_t recipients_n;
    struct bytes body; // CRLF lines, not stuffed
    bool is_8bit;
    void *ctx; // the owner's, given back in events
};

enum smtp_client_event_kind {
    SMTP_CLIENT_READY,     // greeted: takes envelopes
    SMTP_CLIENT_RECIPIENT, // a recipient's final result of this transaction
    SMTP_CLIENT_DONE,      // all recipients of the envelope have theirs: it is the owner's again
    SMTP_CLIENT_OVER,      // the connection is of no use any more: `phase` and `reply` say why; the
                           // envelopes it still had come back first, by RECIPIENT events with
                           // was_tried false where nothing was decided about them. Phase none:
                           // an orderly end (QUIT, or the server closed a connection that had
                           // served between two transactions): nothing to hold against it
};

struct smtp_client_event {
    enum smtp_client_event_kind kind;
    const struct smtp_envelope *envelope;
    size_t recipient;        // index
    enum phase phase;        // in which it was decided
    struct smtp_reply reply; // code 0: no answer (timeout, connection lost), text says which
    bool was_tried;          // false: not its own failure (connection ended before its turn)
    /* Of DONE where a recipient failed that was tried, and of OVER before READY: what was said, as lines
     * of core/conversation.h, the greeting in front. Else empty. Valid until the next event is fetched. */
    struct bytes conversation;
};

struct smtp_client_plan {
    const char *helo;      // borrowed for the client's life
    uint32_t messages_max; // transactions on this connection; 0: no limit
};

struct smtp_client *smtp_client_new(const struct smtp_client_plan *plan, usec_t now);
struct smtp_client *smtp_client_free(struct smtp_client *c);
DEFINE_CLEANUP(struct smtp_client *, smtp_client_free)

/* May an envelope be handed in now? After READY, while at most one is in flight behind the dot. */
bool smtp_client_may_send(const struct smtp_client *c);
/* No envelope is here. */
bool smtp_client_is_idle(const struct smtp_client *c);
/* Only when smtp_client_may_send(). */
void smtp_client_send(struct smtp_client *c, const struct smtp_envelope *e, usec_t now);
/* QUIT when idle; OVER follows. */
void smtp_client_quit(struct smtp_client *c, usec_t now);

void smtp_client_feed(struct smtp_client *c, struct bytes in, usec_t now);
/* The peer closed or the connection broke. */
void smtp_client_lost(struct smtp_client *c, const char *why, usec_t now);
/* The deadline has come. */
void smtp_client_tick(struct smtp_client *c, usec_t now);

/* The next thing to know; false: nothing now. */
bool smtp_client_next(struct smtp_client *c, struct smtp_client_event *event);
/* What to write; the owner consumes it. A body comes in pieces of 64 KiB: ask again when what it held
 * is written, until it is empty. When a body's end has come out, smtp_client_may_send() may turn
 * true. */
struct buf *smtp_client_out(struct smtp_client *c);
/* Monotonic; when to call smtp_client_tick(). USEC_NEVER when idle. */
usec_t smtp_client_deadline(const struct smtp_client *c);
