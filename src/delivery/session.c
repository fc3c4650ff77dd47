/* One outgoing connection: address after address until one greets, then transaction after
 * transaction, the next one right behind the dot. It is opened for a parcel, which it sends first;
 * a session that falls idle meanwhile takes that over. Who fails before it is greeted says whose
 * fault it is: the hosts', the lane's, or that one connection more was too much. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "delivery/internal.h"
#include "mail/classify.h"
#include "net/conn.h"

enum { IN_FLIGHT = 2 }; // one under way and one behind its dot
#define CAP_SPAN (60 * USEC_SECOND)

static const char *const states[] = {"connecting", "ready", "quitting"};

static void pump(struct session *s);
static void connect_next(struct session *s);

static void enter(struct session *s, enum session_state state)
{
    must(state > s->state); // there is no way back
    log_debug("delivery", "%s to %s: %s -> %s", s->lane->source->address, s->dock->provider->name,
              states[s->state], states[state]);
    s->state = state;
    list_remove(&s->connecting);
}

static void set_idle(struct session *s, bool is_idle)
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

/* ---- flights */

/* What was decided leaves memory, the rest waits again, or is given up when it comes back often. */
static void flight_end(struct flight *f, struct lane *lane, const char *why)
{
    struct delivery *d = f->session->d;
    struct parcel *p = f->parcel;
    struct letter *l = p->letter;
    size_t left = 0, n = p->n;

    for (size_t i = 0; i < n; i++)
        if (p->recipients[i] != UINT32_MAX)
            p->recipients[left++] = p->recipients[i];
    p->n = left;
    d->in_flight -= f->is_sent;
    delivery_rested(d);
    f->session->flights_n--;
    list_remove(&f->link);
    list_remove(&f->loader);
    body_unused(d, l);
    if (!left)
        parcel_free(d, p);
    else if (f->is_sent && !d->is_freed && ++p->returns > RETURNS_MOST)
        outcome_own(d, p, lane, false, CLASS_NO_CONNECT, PHASE_MAIL, why);
    else
        parcel_return(d, p);
    if (n > left)
        letter_left(d, l, (uint32_t)(n - left));
    xfree(f->addresses);
    xfree(f);
}

static void flight_new(struct session *s, struct parcel *p)
{
    struct flight *f = xcalloc(1, sizeof(*f));
    f->session = s;
    f->parcel = p;
    list_init(&f->loader);
    list_add_last(&s->flights, &f->link);
    s->flights_n++;
    set_idle(s, false);
    f->is_loading = !body_want(s->d, p->letter, f);
}

static void flight_send(struct flight *f, usec_t now)
{
    struct session *s = f->session;
    const struct parcel *p = f->parcel;
    const struct spool_message *m = p->letter->m;

    f->addresses = xcalloc(p->n, sizeof(*f->addresses));
    for (size_t i = 0; i < p->n; i++)
        f->addresses[i] = m->recipients[p->recipients[i]].address;
    f->envelope = (struct smtp_envelope){
        .sender = m->sender,
        .recipients = f->addresses,
        .recipients_n = p->n,
        .body = bytes_of(m->body, m->size),
        .is_8bit = m->is_8bit,
        .ctx = f,
    };
    f->is_sent = true;
    s->d->in_flight++;
    smtp_client_send(s->client, &f->envelope, now);
}

static bool may_go(const struct flight *f, usec_t now)
{
    const struct session *s = f->session;
    return !s->d->is_stopping && lane_may(s->lane, now) && !f->parcel->queue->is_held;
}

/* Hands the client what is ready; what may not go any more waits again. */
static void send_ready(struct session *s, usec_t now)
{
    struct flight *f;
    LIST_EACH(&s->flights, f, link)
    {
        if (f->is_sent || f->is_loading)
            continue;
        if (!may_go(f, now))
            flight_end(f, s->lane, "");
        else if (smtp_client_may_send(s->client))
            flight_send(f, now);
    }
}

void session_loaded(struct flight *f, int r)
{
    struct session *s = f->session;
    f->is_loading = false;
    if (r < 0) {
        struct parcel *p = f->parcel;
        f->parcel = parcel_new(p->letter); // an empty one takes its place
        f->parcel->queue = p->queue;
        outcome_own(s->d, p, NULL, false, CLASS_TRANSIENT, PHASE_NONE,
                    "4.3.0 the message can't be read from our disk");
        flight_end(f, s->lane, "");
    }
    pump(s);
}

/* ---- work */

/* A parcel that a session of the same site was opened for, and which is not greeted yet. */
static struct parcel *take_over(struct session *s, usec_t now)
{
    struct session *other;
    if (s->is_yielding || !lane_may(s->lane, now))
        return NULL;
    LIST_EACH(&s->site->connecting, other, connecting)
    if (other->parcel && !other->parcel->queue->is_held &&
        hold_allows(s->d, other->parcel->queue, s->lane->source) && lane_token(s->lane, now, true))
        return MOVE(other->parcel);
    return NULL;
}

static bool has_slot(const struct session *s)
{
    const struct flight *front = LIST_FIRST(&s->flights, struct flight, link);
    if (!front)
        return smtp_client_may_send(s->client);
    return s->flights_n < IN_FLIGHT && front->is_sent && smtp_client_may_send(s->client);
}

static void fill(struct session *s, usec_t now)
{
    struct parcel *p;
    while (s->state == SESSION_READY && !s->d->is_stopping && has_slot(s)) {
        p = dispatch_next(s->d, s, now);
        if (!p && !s->flights_n)
            p = take_over(s, now);
        if (!p)
            return;
        flight_new(s, p);
        send_ready(s, now);
    }
}

void session_send(struct session *s, struct parcel *p)
{
    flight_new(s, p);
    pump(s);
}

void session_quit(struct session *s)
{
    if (s->state != SESSION_READY)
        return;
    set_idle(s, false);
    enter(s, SESSION_QUITTING);
    smtp_client_quit(s->client, clock_monotonic());
    pump(s);
}

/* ---- the end */

/* Out of everything that counts or finds it; the connection is closed. What it had stays in it. */
static void detach(struct session *s)
{
    set_idle(s, false);
    list_remove(&s->connecting);
    list_remove(&s->of_lane);
    s->lane->sessions_n--;
    s->dock->sessions_n--;
    s->dock->provider->sessions_n--;
    s->d->sessions_n--;
    s->d->yielding -= s->is_yielding;
    s->conn = conn_close(s->conn);
}

static void session_free(struct session *s)
{
    struct delivery *d = s->d;
    struct dock *dock = s->dock;
    site_unref(d, s->site);
    smtp_client_free(s->client);
    xfree(s->helo);
    xfree(s);
    dispatch_freed(d, dock);
}

static void end_flights(struct session *s, const char *why)
{
    struct flight *f;
    for (size_t i = s->flights_n; i > 0; i--) { // the last first: each goes to the front
        f = CONTAINER_OF(s->flights.prev, struct flight, link);
        flight_end(f, s->lane, why);
    }
}

void session_close(struct session *s)
{
    struct parcel *p = MOVE(s->parcel);
    detach(s);
    end_flights(s, "the connection was closed");
    if (p)
        parcel_return(s->d, p);
    session_free(s);
}

static uint32_t ready_on(const struct lane *l)
{
    const struct session *s;
    uint32_t n = 0;
    LIST_EACH(&l->sessions, s, of_lane)
    n += s->state == SESSION_READY;
    return n;
}

/* Pauses the lane, or only these hosts where the lane reaches others that may be well or where the
 * one who speaks is not the provider. True when it was not paused already. */
static bool back_off(struct session *s, bool is_hosts, const char *reply, usec_t now)
{
    struct hosts *h = s->site->hosts;
    bool is_new = now >= h->backoff_until && now >= s->lane->backoff_until;
    if (is_hosts)
        hosts_back_off(h, now);
    else
        lane_back_off(s->lane, now, reply);
    reply_set(&s->lane->last_reply, reply);
    return is_new;
}

static bool is_own(const struct session *s)
{
    const struct hosts *h = s->site->hosts;
    return s->address < h->n && h->addresses[s->address].is_own;
}

static bool has_other_lane(struct session *s, const struct parcel *p, usec_t now)
{
    struct lane *l;
    usec_t at;
    return lane_choose(s->d, s->dock, p->queue, s->site, now, &l, &at) < LANE_DOWN;
}

/* The door was shut: 4xx or 5xx before any transaction. */
static void end_refused(struct session *s, struct parcel *p, usec_t now)
{
    const struct smtp_reply *reply = &s->over_reply;
    struct lane *l = s->lane;
    enum class class;
    enum scope scope;
    bool is_new;

    classify_reply(&class, &scope, reply->code, reply->enhanced, s->over_phase);
    if (reply->code < 500 && ready_on(l)) { // one connection more than it likes
        l->cap = ready_on(l);
        l->cap_until = now + CAP_SPAN;
        if (p)
            parcel_return(s->d, p);
        return;
    }
    if (class == CLASS_IP_REPUTATION_BLOCK && is_own(s)) {
        l->is_blocked = true;
        l->blocked_at = now;
    }
    is_new = back_off(s, !is_own(s), reply->text, now);
    if (!p)
        return;
    if (is_new && (++p->refusals >= REFUSALS_MOST || !has_other_lane(s, p, now)))
        outcome_reply_all(s->d, p, l, s->over_phase, reply);
    else
        parcel_return(s->d, p);
}

/* No address of the site could be reached, or none said hello. */
static void end_unreached(struct session *s, struct parcel *p, usec_t now)
{
    struct smtp_reply reply = {0};
    bool has_others = s->dock->sites.next != s->dock->sites.prev;
    snprintf(reply.text, sizeof(reply.text), "%s", s->why);
    bool is_new = back_off(s, has_others, s->why, now);
    if (p && is_new)
        outcome_reply_all(s->d, p, s->lane, PHASE_CONNECT, &reply);
    else if (p)
        parcel_return(s->d, p);
}

/* A greeted connection ended. Without a word after some messages that is its normal end. */
static void end_greeted(struct session *s, usec_t now)
{
    if (s->decided || s->over_phase == PHASE_NONE)
        return;
    back_off(s, !is_own(s), s->over_reply.text, now);
}

static void end(struct session *s)
{
    usec_t now = clock_monotonic();
    struct parcel *p = MOVE(s->parcel);

    detach(s);
    end_flights(s, s->over_reply.text);
    if (s->state != SESSION_CONNECTING)
        end_greeted(s, now);
    else if (s->is_over && s->over_reply.code)
        end_refused(s, p, now);
    else
        end_unreached(s, p, now);
    session_free(s);
}

/* ---- the client's events */

static void on_ready(struct session *s, usec_t now)
{
    struct parcel *p = MOVE(s->parcel);
    enter(s, SESSION_READY);
    s->site->hosts->addresses[s->address < s->site->hosts->n ? s->address : 0].bad_until = 0;
    if (!p)
        return;
    if (!p->queue->is_held && lane_may(s->lane, now) && lane_token(s->lane, now, true))
        flight_new(s, p);
    else
        parcel_return(s->d, p);
}

static void on_recipient(struct session *s, const struct smtp_client_event *e, usec_t now)
{
    struct flight *f = e->envelope->ctx;
    uint32_t *recipient = &f->parcel->recipients[e->recipient];
    if (!e->was_tried || *recipient == UINT32_MAX)
        return;
    s->decided++;
    if (outcome_reply(s->d, f->parcel, *recipient, s->lane, e->phase, &e->reply))
        back_off(s, !is_own(s), e->reply.text, now);
    else if (e->reply.code) {
        lane_recovered(s->lane);
        s->site->hosts->backoff_span = 0;
    }
    *recipient = UINT32_MAX;
}

static void take_event(struct session *s, const struct smtp_client_event *e, usec_t now)
{
    switch (e->kind) {
    case SMTP_CLIENT_READY:
        on_ready(s, now);
        return;
    case SMTP_CLIENT_RECIPIENT:
        on_recipient(s, e, now);
        return;
    case SMTP_CLIENT_DONE:
        flight_end(e->envelope->ctx, s->lane, "not tried on this connection");
        return;
    case SMTP_CLIENT_OVER:
        s->is_over = true;
        s->over_phase = e->phase;
        s->over_reply = e->reply;
        return;
    }
}

static bool take_events(struct session *s, usec_t now)
{
    struct smtp_client_event e;
    bool has_any = false;
    while (smtp_client_next(s->client, &e)) {
        take_event(s, &e, now);
        has_any = true;
    }
    return has_any;
}

static void write_out(struct session *s)
{
    struct buf *out;
    while (conn_queued(s->conn) < SESSION_WRITES && (out = smtp_client_out(s->client))->n)
        conn_write(s->conn, out);
}

static void set_deadline(struct session *s)
{
    usec_t at = smtp_client_deadline(s->client);
    if (s->idle_until && s->idle_until < at)
        at = s->idle_until;
    conn_set_deadline(s->conn, at);
}

/* Nothing is in flight any more: idle, or the end of it. */
static void rest(struct session *s)
{
    if (s->state != SESSION_READY || s->flights_n)
        return;
    bool is_unwanted = s->is_yielding || s->d->is_stopping || !s->lane->is_open ||
                       s->dock->wants_room || !smtp_client_may_send(s->client);
    if (!is_unwanted) {
        set_idle(s, true);
        return;
    }
    set_idle(s, false);
    enter(s, SESSION_QUITTING);
    smtp_client_quit(s->client, clock_monotonic());
}

/* An address that took the connection and did not greet: the next one, as if it had refused. */
static bool is_mute(const struct session *s)
{
    return s->state == SESSION_CONNECTING && s->is_over && !s->over_reply.code;
}

/* Until nothing moves: events, new work, bytes out. May free the session. */
static void pump(struct session *s)
{
    usec_t now = clock_monotonic();
    if (s->is_pumping)
        return; // called from inside: the loop below goes on
    s->is_pumping = true;
    do {
        take_events(s, now);
        if (s->is_over)
            break;
        send_ready(s, now);
        fill(s, now);
        rest(s);
        write_out(s);
    } while (take_events(s, now));
    s->is_pumping = false;
    if (is_mute(s)) {
        snprintf(s->why, sizeof(s->why), "%.150s", s->over_reply.text);
        connect_next(s);
    } else if (s->is_over) {
        end(s);
    } else {
        set_deadline(s);
    }
}

/* ---- the connection's callbacks */

static void on_open(void *ctx, int r)
{
    struct session *s = ctx;
    struct delivery *d = s->d;
    dispatch_begin(d);
    if (r < 0) {
        snprintf(s->why, sizeof(s->why), "4.4.1 %.80s: %.60s",
                 s->site->hosts->addresses[s->address < s->site->hosts->n ? s->address : 0].name,
                 strerror(-r));
        connect_next(s);
    } else {
        s->client = smtp_client_new(&s->plan, clock_monotonic());
        pump(s);
    }
    dispatch_end(d);
}

static void on_bytes(void *ctx, struct bytes in)
{
    struct session *s = ctx;
    struct delivery *d = s->d;
    dispatch_begin(d);
    smtp_client_feed(s->client, in, clock_monotonic());
    pump(s);
    dispatch_end(d);
}

static void on_drained(void *ctx)
{
    struct session *s = ctx;
    struct delivery *d = s->d;
    dispatch_begin(d);
    pump(s);
    dispatch_end(d);
}

static void on_deadline(void *ctx)
{
    struct session *s = ctx;
    struct delivery *d = s->d;
    usec_t now = clock_monotonic();
    dispatch_begin(d);
    if (!s->client) {
        snprintf(s->why, sizeof(s->why), "4.4.1 no connection in %d s",
                 (int)(CONNECT_SPAN / USEC_SECOND));
        connect_next(s);
    } else if (s->idle_until && s->idle_until <= now) {
        session_quit(s);
    } else {
        smtp_client_tick(s->client, now);
        pump(s);
    }
    dispatch_end(d);
}

static void on_end(void *ctx, int r)
{
    struct session *s = ctx;
    struct delivery *d = s->d;
    dispatch_begin(d);
    smtp_client_lost(s->client, r < 0 ? strerror(-r) : "the server closed the connection",
                     clock_monotonic());
    pump(s);
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
static bool next_address(struct session *s)
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
static void fail_at_home(struct session *s, int r)
{
    struct parcel *p = MOVE(s->parcel);
    snprintf(s->why, sizeof(s->why), "4.4.1 %s can't be sent from: %.60s", s->lane->source->address,
             strerror(-r));
    log_warning("delivery", "%s", s->why);
    lane_back_off(s->lane, clock_monotonic(), s->why);
    detach(s);
    if (p)
        parcel_return(s->d, p);
    session_free(s);
}

/* The present address failed, or there was none yet: on to the next, or it is the end. */
static void connect_next(struct session *s)
{
    const struct hosts *h = s->site->hosts;
    int r = 0;

    if (s->conn && s->address < h->n)
        h->addresses[s->address].bad_until = clock_monotonic() + CAP_SPAN;
    s->conn = conn_close(s->conn);
    s->client = smtp_client_free(s->client);
    s->is_over = false;
    do {
        if (!next_address(s)) {
            end(s);
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

void session_open(struct delivery *d, struct lane *l, struct parcel *p)
{
    struct session *s = xcalloc(1, sizeof(*s));
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
    list_add_last(&l->sessions, &s->of_lane);
    l->sessions_n++;
    s->dock->sessions_n++;
    l->provider->sessions_n++;
    l->provider->used_at = clock_monotonic();
    d->sessions_n++;
    connect_next(s);
}
