/* Transactions: the parcel whose turn it is goes to the client, the next one right behind its dot. What
 * lost its permission meanwhile waits again, uncharged. */
#include "base/error.h"
#include "delivery/internal.h"
#include "mail/token.h"

enum {
    IN_FLIGHT = 2,        // one under way and one behind its dot…
    QUICK_PACE = 5 * 1000 // …where the server takes less than so many µs for one
};

/* Ends the flight and gives back its parcel. */
static struct parcel *flight_free(struct flight *f)
{
    struct delivery *d = f->outbound->d;
    struct parcel *p = f->parcel;
    f->outbound->flights_n--;
    list_remove(&f->link);
    list_remove(&f->loader);
    body_unused(d, p->letter);
    if (f->is_sent) {
        d->in_flight--;
        delivery_rested(d);
    }
    xfree(f->addresses);
    xfree(f->failed);
    xfree(f->return_path);
    xfree(f);
    return p;
}

void flight_end(struct flight *f, struct lane *lane, const char *why)
{
    struct delivery *d = f->outbound->d;
    bool was_sent = f->is_sent;
    struct parcel *p = flight_free(f);
    struct letter *l = p->letter;
    size_t left = 0, n = p->n;

    for (size_t i = 0; i < n; i++)
        if (p->recipients[i] != UINT32_MAX)
            p->recipients[left++] = p->recipients[i];
    p->n = left;
    if (!left)
        parcel_free(d, p);
    else if (was_sent && !d->is_stopping && ++p->returns > RETURNS_MOST)
        outcome_own(d, p, lane, false, CLASS_NO_CONNECT, PHASE_MAIL, why);
    else
        parcel_return(d, p);
    if (n > left)
        letter_left(d, l, (uint32_t)(n - left));
}

void flight_done(struct flight *f, usec_t now)
{
    struct outbound *s = f->outbound;
    s->pace = now - (f->sent_at > s->done_at ? f->sent_at : s->done_at);
    s->done_at = now;
    flight_end(f, s->lane, "not tried on this connection");
}

void flight_new(struct outbound *s, struct parcel *p)
{
    struct flight *f = xcalloc(1, sizeof(*f));
    f->outbound = s;
    f->parcel = p;
    list_init(&f->loader);
    list_add_last(&s->flights, &f->link);
    s->flights_n++;
    outbound_set_idle(s, false);
    f->is_loading = !body_want(s->d, p->letter, f);
}

bool flight_has_token(const struct delivery *d, const struct spool_message *m)
{
    return d->o.keys && *d->settings->domains.bounce && *m->sender;
}

// What comes back to it says message, recipient and minute. Owned; NULL: the message's own sender. A
// reload between the choice of a transaction and now may have made it one of several recipients.
static char *return_path(const struct delivery *d, const struct parcel *p)
{
    const struct spool_message *m = p->letter->m;
    char text[TOKEN_TEXT];
    if (!flight_has_token(d, m) || p->n != 1)
        return NULL;
    struct token t = {.kind = TOKEN_RETURN,
                      .message = m->id,
                      .recipient_no = m->recipients[p->recipients[0]].no,
                      .at = clock_wall()};
    token_format(text, &t, d->o.keys);
    return xasprintf("%s@%s", text, d->settings->domains.bounce);
}

static void flight_send(struct flight *f, usec_t now)
{
    struct outbound *s = f->outbound;
    const struct parcel *p = f->parcel;
    const struct spool_message *m = p->letter->m;

    f->addresses = xcalloc(p->n, sizeof(*f->addresses));
    for (size_t i = 0; i < p->n; i++)
        f->addresses[i] = m->recipients[p->recipients[i]].address;
    f->return_path = return_path(s->d, p);
    f->envelope = (struct smtp_envelope){
        .sender = f->return_path ? f->return_path : m->sender,
        .recipients = f->addresses,
        .recipients_n = p->n,
        .body = bytes_of(m->body, m->size),
        .is_8bit = m->is_8bit,
        .ctx = f,
    };
    f->is_sent = true;
    f->sent_at = now;
    s->d->in_flight++;
    smtp_client_send(s->client, &f->envelope, now);
}

static bool may_go(const struct flight *f, usec_t now)
{
    const struct outbound *s = f->outbound;
    return !s->d->is_stopping && lane_may(s->lane, now) && !f->parcel->queue->is_held;
}

void flight_send_ready(struct outbound *s, usec_t now)
{
    struct flight *f;
    LIST_EACH (&s->flights, f, link) {
        if (f->is_sent || f->is_loading)
            continue;
        if (!may_go(f, now))
            flight_end(f, s->lane, "");
        else if (smtp_client_may_send(s->client))
            flight_send(f, now);
    }
}

void flight_loaded(struct flight *f, int r)
{
    struct outbound *s = f->outbound;
    f->is_loading = false;
    if (r < 0 && !s->d->is_stopping)
        outcome_own(s->d, flight_free(f), NULL, false, CLASS_TRANSIENT, PHASE_NONE,
                    "4.3.0 the message can't be read from our disk");
    outbound_pump(s);
}

/* A parcel that an outbound of the same site was opened for, and which is not greeted yet. */
static struct parcel *take_over(struct outbound *s, usec_t now)
{
    struct outbound *other;
    if (s->is_yielding || !lane_may(s->lane, now))
        return NULL;
    LIST_EACH (&s->site->connecting, other, connecting)
        if (other->parcel && !other->parcel->queue->is_held &&
            hold_allows(s->d, other->parcel->queue, s->lane->source) &&
            lane_token(s->lane, now, true))
            return MOVE(other->parcel);
    return NULL;
}

static bool has_slot(const struct outbound *s)
{
    const struct flight *front = LIST_FIRST(&s->flights, struct flight, link);
    if (!front)
        return smtp_client_may_send(s->client);
    // What is behind the dot has had its turn, and can't make way for whoever comes meanwhile: where
    // the server takes its time that costs them a whole service, and gains little.
    bool is_quick = s->done_at && s->pace < QUICK_PACE;
    return is_quick && s->flights_n < IN_FLIGHT && front->is_sent &&
           smtp_client_may_send(s->client);
}

void flight_fill(struct outbound *s, usec_t now)
{
    struct parcel *p;
    while (s->state == OUTBOUND_READY && !s->d->is_stopping && has_slot(s)) {
        p = dispatch_next(s->d, s, now);
        if (!p && !s->flights_n)
            p = take_over(s, now);
        if (!p)
            return;
        flight_new(s, p);
        flight_send_ready(s, now);
    }
}
