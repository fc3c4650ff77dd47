#include "smtp/turn.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/address.h"
#include "smtp/client.h"
#include "smtp/data.h"

static size_t place_data(const struct turn *t)
{
    return TURN_RCPT + t->e->recipients_n;
}

void turn_init(struct turn *t, const struct smtp_envelope *e, bool has_rset)
{
    size_t first = has_rset ? TURN_RSET : TURN_MAIL;
    *t = (struct turn){
        .e = e,
        .is_decided = xcalloc(e->recipients_n, sizeof(bool)),
        .undecided = e->recipients_n,
        .sent = first,
        .got = first,
    };
}

void turn_deinit(struct turn *t)
{
    t->is_decided = xfree(t->is_decided);
}

static void say_mail(struct buf *out, const struct smtp_envelope *e, const struct turn_offer *offer)
{
    buf_printf(out, "MAIL FROM:<%s>", e->sender);
    if (offer->size_max)
        buf_printf(out, " SIZE=%zu", e->body.n);
    if (e->is_8bit)
        buf_add_str(out, " BODY=8BITMIME");
    buf_add_str(out, "\r\n");
}

static void say_next(struct turn *t, struct buf *out, const struct turn_offer *offer)
{
    if (t->sent == TURN_RSET)
        buf_add_str(out, "RSET\r\n");
    else if (t->sent == TURN_MAIL)
        say_mail(out, t->e, offer);
    else if (t->sent < place_data(t))
        buf_printf(out, "RCPT TO:<%s>\r\n", t->e->recipients[t->sent - TURN_RCPT]);
    else
        buf_add_str(out, "DATA\r\n");
    t->sent++;
}

static void say_text(struct turn *t, struct buf *out)
{
    if (!t->undecided) {
        buf_add_str(out, ".\r\n");
        t->body_at = t->e->body.n + 1;
    } else if (out->n < TURN_PIECE) {
        t->body_at = smtp_data_stuff(out, t->e->body, t->body_at, TURN_PIECE);
    }
    if (t->body_at > t->e->body.n) {
        t->sent = place_data(t) + 2;
        t->is_open = false;
    }
}

void turn_send(struct turn *t, struct buf *out, const struct turn_offer *offer)
{
    while (t->undecided && t->sent <= place_data(t) && (offer->has_pipelining || t->sent == t->got))
        say_next(t, out, offer);
    if (t->is_open)
        say_text(t, out);
}

bool turn_is_sent(const struct turn *t)
{
    return t->sent == place_data(t) + 2;
}

bool turn_is_finished(const struct turn *t)
{
    return !t->undecided && t->got == t->sent && !t->is_open;
}

enum turn_place turn_awaits(const struct turn *t)
{
    if (t->got < TURN_RCPT)
        return t->got == TURN_RSET ? TURN_RSET : TURN_MAIL;
    if (t->got < place_data(t))
        return TURN_RCPT;
    return t->got == place_data(t) ? TURN_DATA : TURN_DOT;
}

size_t turn_recipient(const struct turn *t)
{
    return t->got - TURN_RCPT;
}

// Stays on its line: what the mail room let pass does, so this is the last fence.
static bool is_sendable(const char *address)
{
    size_t n = strlen(address);
    for (size_t i = 0; i < n; i++)
        if (address[i] < 0x20 || address[i] > 0x7e)
            return false;
    return n < ADDRESS_TEXT;
}

static bool has_sendable_addresses(const struct smtp_envelope *e)
{
    for (size_t i = 0; i < e->recipients_n; i++)
        if (!*e->recipients[i] || !is_sendable(e->recipients[i]))
            return false;
    return is_sendable(e->sender);
}

bool turn_is_impossible(const struct smtp_envelope *e, const struct turn_offer *offer,
                        struct smtp_reply *reply)
{
    if (e->is_8bit && !offer->has_8bitmime)
        smtp_reply_set(reply, 554, "5.6.3",
                       "8-bit text, and the receiving server takes 7-bit only");
    else if (offer->size_max && e->body.n > offer->size_max)
        smtp_reply_set(reply, 552, "5.3.4", "%zu bytes, and the receiving server takes %" PRIu64,
                       e->body.n, offer->size_max);
    else if (!has_sendable_addresses(e))
        smtp_reply_set(reply, 553, "5.1.3", "an address that cannot be sent");
    else if (!smtp_data_is_clean(e->body))
        smtp_reply_set(reply, 554, "5.6.11", "a bare CR, LF or NUL in the message");
    else
        return false;
    return true;
}
