/* One outgoing connection: address after address until one greets, then transaction after
 * transaction, the next one right behind the dot. It is opened for a parcel, which it sends first;
 * an outbound that falls idle meanwhile takes that over. Who fails before it is greeted says whose
 * fault it is: the hosts', the lane's, or that one connection more was too much. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "delivery/internal.h"
#include "net/conn.h"

#define BAD_SPAN (60 * USEC_SECOND) // an address that failed is tried last

static const char *const states[] = {"connecting", "ready", "quitting"};

void outbound_enter(struct outbound *s, enum outbound_state state)
{
    must(state > s->state); // there is no way back
    log_debug("delivery", "%s to %s: %s -> %s", s->lane->source->address, s->dock->provider->name,
              states[s->state], states[state]);
    s->state = state;
    list_remove(&s->connecting);
}

void outbound_set_idle(struct outbound *s, bool is_idle)
{
    if (is_idle == (s->idle_until != 0))
        return;
    s->idle_until = is_idle ? clock_monotonic() + IDLE_SPAN : 0;
    list_remove(&s->idle_site);
    list_remove(&s->idle_dock);
    list_remove(&s->idle_all);
    if (!is_idle)
        return;
    list_add_last(&s->site->idle, &s->idle_site);
    list_add_last(&s->dock->idle, &s->idle_dock);
    list_add_last(&s->d->idle, &s->idle_all);
}

void outbound_send(struct outbound *s, struct parcel *p)
{
    flight_new(s, p);
    outbound_pump(s);
}

void outbound_quit(struct outbound *s)
{
    if (s->state != OUTBOUND_READY)
        return;
    outbound_set_idle(s, false);
    outbound_enter(s, OUTBOUND_QUITTING);
    smtp_client_quit(s->client, clock_monotonic());
    outbound_pump(s);
}

/* ---- the client's events */

static void on_ready(struct outbound *s, usec_t now)
{
    struct parcel *p = MOVE(s->parcel);
    outbound_enter(s, OUTBOUND_READY);
    s->site->hosts->addresses[s->address < s->site->hosts->n ? s->address : 0].bad_until = 0;
    if (!p)
        return;
    if (!p->queue->is_held && lane_may(s->lane, now) && lane_token(s->lane, now, true))
        flight_new(s, p);
    else
        parcel_return(s->d, p);
}

static void on_recipient(struct outbound *s, const struct smtp_client_event *e, usec_t now)
{
    struct flight *f = e->envelope->ctx;
    uint32_t *recipient = &f->parcel->recipients[e->recipient];
    if (!e->was_tried || *recipient == UINT32_MAX)
        return;
    bool is_closing = e->reply.code == 421; // speaks of the server, whoever heard it
    s->decided += !is_closing;
    if (!smtp_reply_is_ok(&e->reply))
        conversation_failed(f, *recipient);
    if (outcome_reply(s->d, f->parcel, *recipient, s->lane, e->phase, &e->reply))
        outbound_back_off(s, !outbound_is_own(s), e->reply.text, now);
    else if (e->reply.code && !is_closing) {
        lane_recovered(s->lane);
        s->site->hosts->backoff_span = 0;
    }
    *recipient = UINT32_MAX;
}

static void take_event(struct outbound *s, const struct smtp_client_event *e, usec_t now)
{
    switch (e->kind) {
    case SMTP_CLIENT_READY:
        on_ready(s, now);
        return;
    case SMTP_CLIENT_RECIPIENT:
        on_recipient(s, e, now);
        return;
    case SMTP_CLIENT_DONE:
        conversation_done(e->envelope->ctx, e->conversation);
        flight_done(e->envelope->ctx, now);
        return;
    case SMTP_CLIENT_OVER:
        s->is_over = true;
        s->over_phase = e->phase;
        s->over_reply = e->reply;
        buf_clear(&s->over_said);
        buf_add_bytes(&s->over_said, e->conversation);
        return;
    }
}

static bool take_events(struct outbound *s, usec_t now)
{
    struct smtp_client_event e;
    bool has_any = false;
    while (smtp_client_next(s->client, &e)) {
        take_event(s, &e, now);
        has_any = true;
    }
    return has_any;
}

static void write_out(struct outbound *s)
{
    struct buf *out;
    while (conn_queued(s->conn) < OUTBOUND_WRITES && (out = smtp_client_out(s->client))->n)
        conn_write(s->conn, out);
}

static void set_deadline(struct outbound *s)
{
    usec_t at = smtp_client_deadline(s->client);
    if (s->idle_until && s->idle_until < at)
        at = s->idle_until;
    conn_set_deadline(s->conn, at);
}

/* Nothing is in flight any more: idle, or the end of it. */
static void rest(struct outbound *s)
{
    if (s->state != OUTBOUND_READY || s->flights_n)
        return;
    bool is_unwanted = s->is_yielding || s->d->is_stopping || !s->lane->is_open ||
                       s->dock->wants_room || !smtp_client_may_send(s->client);
    if (!is_unwanted) {
        outbound_set_idle(s, true);
        return;
    }
    outbound_set_idle(s, false);
    outbound_enter(s, OUTBOUND_QUITTING);
    smtp_client_quit(s->client, clock_monotonic());
}

/* An address that took the connection and did not greet: the next one, as if it had refused. */
static bool is_mute(const struct outbound *s)
{
    return s->state == OUTBOUND_CONNECTING && s->is_over && !s->over_reply.code;
}

void outbound_pump(struct outbound *s)
{
    usec_t now = clock_monotonic();
    if (s->is_pumping)
        return; // called from inside: the loop below goes on
    s->is_pumping = true;
    do {
        take_events(s, now);
        if (s->is_over)
            break;
        flight_send_ready(s, now);
        flight_fill(s, now);
        rest(s);
        write_out(s);
        flight_fill(s, now); // a long body's end has gone: one more behind its dot
        write_out(s);
    } while (take_events(s, now));
    s->is_pumping = false;
    if (is_mute(s)) {
        snprintf(s->why, sizeof(s->why), "%.150s", s->over_reply.text);
        outbound_connect(s);
    } else if (s->is_over) {
        outbound_end(s);
    } else {
        set_deadline(s);
    }
}

/* ---- the connection's callbacks */

static void on_open(void *ctx, int r)
{
    struct outbound *s = ctx;
    struct delivery *d = s->d;
    dispatch_begin(d);
    if (r < 0) {
        snprintf(s->why, sizeof(s->why), "4.4.1 %.80s: %.60s",
                 s->site->hosts->addresses[s->address < s->site->hosts->n ? s->address : 0].name,
                 strerror(-r));
        outbound_connect(s);
    } else {
        s->opened_at = clock_wall();
        s->client = smtp_client_new(&s->plan, clock_monotonic());
        outbound_pump(s);
    }
    dispatch_end(d);
}

static void on_bytes(void *ctx, struct bytes in)
{
    struct outbound *s = ctx;
    struct delivery *d = s->d;
    dispatch_begin(d);
    smtp_client_feed(s->client, in, clock_monotonic());
    outbound_pump(s);
    dispatch_end(d);
}

static void on_drained(void *ctx)
{
    struct outbound *s = ctx;
    struct delivery *d = s->d;
    dispatch_begin(d);
    outbound_pump(s);
    dispatch_end(d);
}

static void on_deadline(void *ctx)
{
    struct outbound *s = ctx;
    struct delivery *d = s->d;
    usec_t now = clock_monotonic();
    dispatch_begin(d);
    if (!s->client) {
        snprintf(s->why, sizeof(s->why), "4.4.1 no connection in %d s",
                 (int)(CONNECT_SPAN / USEC_SECOND));
        outbound_connect(s);
    } else if (s->idle_until && s->idle_until <= now) {
        outbound_quit(s);
    } else {
        smtp_client_tick(s->client, now);
        outbound_pump(s);
    }
    dispatch_end(d);
}

static void on_end(void *ctx, int r)
{
    struct outbound *s = ctx;
    struct delivery *d = s->d;
    dispatch_begin(d);
    smtp_client_lost(s->client, r < 0 ? strerror(-r) : "the server closed the connection",
                     clock_monotonic());
    outbound_pump(s);
    dispatch_end(d);
}

static const struct conn_ops ops = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_drained = on_drained,
    .on_deadline = on_deadline,
    .on_end = on_end,
};

/* The next address of our kind to try, those known to be down last; false: none is left. */
static bool next_address(struct outbound *s)
{
    const struct hosts *h = s->site->hosts;
    usec_t now = clock_monotonic();
    for (int takes_bad = 0; takes_bad < 2; takes_bad++)
        for (size_t i = 0; i < h->n && i < 128; i++) {
            const struct hosts_address *a = &h->addresses[i];
            if (s->tried[i / 64] >> (i % 64) & 1 || (a->bad_until > now && !takes_bad) ||
                a->sa.ss_family != s->lane->source->sa.ss_family)
                continue;
            s->tried[i / 64] |= 1ull << (i % 64);
            s->address = i;
            return true;
        }
    return false;
}

/* We can't even begin over this IP. */
static void fail_at_home(struct outbound *s, int r)
{
    struct parcel *p = MOVE(s->parcel);
    snprintf(s->why, sizeof(s->why), "4.4.1 %s can't be sent from: %.60s", s->lane->source->address,
             strerror(-r));
    log_warning("delivery", "%s", s->why);
    lane_back_off(s->lane, clock_monotonic(), s->why);
    outbound_detach(s);
    if (p)
        parcel_return(s->d, p);
    outbound_free(s);
}

void outbound_connect(struct outbound *s)
{
    const struct hosts *h = s->site->hosts;
    int r = 0;

    if (s->conn && s->address < h->n)
        h->addresses[s->address].bad_until = clock_monotonic() + BAD_SPAN;
    s->conn = conn_close(s->conn);
    s->client = smtp_client_free(s->client);
    s->is_over = false;
    buf_clear(&s->over_said);
    do {
        if (!next_address(s)) {
            outbound_end(s);
            return;
        }
        s->conn = conn_connect(s->d->o.loop, (const struct sockaddr *)&h->addresses[s->address].sa,
                               (const struct sockaddr *)&s->lane->source->sa, &ops, s, &r);
        if (!s->conn && (r == -EADDRNOTAVAIL || r == -EMFILE || r == -ENFILE || r == -EAGAIN)) {
            fail_at_home(s, r);
            return;
        }
    } while (!s->conn);
    conn_set_deadline(s->conn, clock_monotonic() + CONNECT_SPAN);
}

void outbound_open(struct delivery *d, struct lane *l, struct parcel *p)
{
    struct outbound *s = xcalloc(1, sizeof(*s));
    s->d = d;
    s->lane = l;
    s->dock = l->dock;
    s->site = p->site;
    s->site->refs++;
    s->parcel = p;
    s->helo = xstrdup(l->source->helo);
    s->plan = (struct smtp_client_plan){.helo = s->helo, .messages_max = l->provider->messages};
    list_init(&s->flights);
    list_init(&s->idle_site);
    list_init(&s->idle_dock);
    list_init(&s->idle_all);
    snprintf(s->why, sizeof(s->why), "4.4.1 no address to connect to");
    list_add_last(&s->site->connecting, &s->connecting);
    list_add_last(&l->outbounds, &s->of_lane);
    l->outbounds_n++;
    s->dock->outbounds_n++;
    l->provider->outbounds_n++;
    l->provider->used_at = clock_monotonic();
    d->outbounds_n++;
    outbound_connect(s);
}
