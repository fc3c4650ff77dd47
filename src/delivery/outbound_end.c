/* How a connection ends, and whose fault it was: the lane's, the hosts', nobody's, or that one more was
 * too much. What it had waits again. */
#include <stdio.h>

#include "base/error.h"
#include "delivery/internal.h"
#include "net/conn.h"

#define CAP_SPAN (60 * USEC_SECOND) // a lane keeps to what it bore

void outbound_detach(struct outbound *s)
{
    outbound_set_idle(s, false);
    list_remove(&s->connecting);
    list_remove(&s->of_lane);
    s->lane->outbounds_n--;
    s->dock->outbounds_n--;
    s->dock->provider->outbounds_n--;
    s->d->outbounds_n--;
    s->d->yielding -= s->is_yielding;
    s->conn = conn_close(s->conn);
}

void outbound_free(struct outbound *s)
{
    struct delivery *d = s->d;
    struct dock *dock = s->dock;
    site_unref(d, s->site);
    smtp_client_free(s->client);
    buf_deinit(&s->over_said);
    xfree(s->helo);
    xfree(s);
    dispatch_freed(d, dock);
}

static void end_flights(struct outbound *s, const char *why)
{
    struct flight *f;
    for (size_t i = s->flights_n; i > 0; i--) { // the last first: each goes to the front
        f = CONTAINER_OF(s->flights.prev, struct flight, link);
        flight_end(f, s->lane, why);
    }
}

void outbound_close(struct outbound *s)
{
    struct parcel *p = MOVE(s->parcel);
    outbound_detach(s);
    end_flights(s, "the connection was closed");
    if (p)
        parcel_return(s->d, p);
    outbound_free(s);
}

static uint32_t ready_on(const struct lane *l)
{
    const struct outbound *s;
    uint32_t n = 0;
    LIST_EACH (&l->outbounds, s, of_lane)
        n += s->state == OUTBOUND_READY;
    return n;
}

bool outbound_back_off(struct outbound *s, bool is_hosts, const char *reply, usec_t now)
{
    struct hosts *h = s->site->hosts;
    bool is_new = now >= h->backoff_until && now >= s->lane->backoff_until;
    if (is_hosts)
        hosts_back_off(h, now);
    else
        lane_back_off(s->lane, now, reply);
    text_replace(&s->lane->last_reply, reply);
    return is_new;
}

bool outbound_is_own(const struct outbound *s)
{
    const struct hosts *h = s->site->hosts;
    return s->address < h->n && h->addresses[s->address].is_own;
}

static bool has_other_lane(struct outbound *s, const struct parcel *p, usec_t now)
{
    struct lane *l;
    usec_t at;
    return lane_choose(s->d, s->dock, p->queue, s->site, now, &l, &at) < LANE_DOWN;
}

/* One connection more than it likes: the lane keeps to those that work. False: none does. */
static bool cap_lane(struct lane *l, usec_t now)
{
    uint32_t ready = ready_on(l);
    if (!ready)
        return false;
    l->cap = ready;
    l->cap_until = now + CAP_SPAN;
    return true;
}

/* The door was shut: 4xx or 5xx before any transaction. */
static void end_refused(struct outbound *s, struct parcel *p, usec_t now)
{
    const struct smtp_reply *reply = &s->over_reply;
    struct lane *l = s->lane;
    enum class class;
    enum scope scope;
    bool is_new;

    bool is_unknown =
        outcome_classify(s->d, l->provider->name, s->over_phase, reply, &class, &scope);
    bool is_own = outbound_is_own(s), is_block = class == CLASS_IP_REPUTATION_BLOCK && is_own;
    if (reply->code < 500 && !is_block && cap_lane(l, now)) {
        if (p)
            parcel_return(s->d, p);
        return;
    }
    if (is_block) {
        l->is_blocked = true;
        l->blocked_at = now;
    }
    is_new = outbound_back_off(s, !is_own, reply->text, now);
    if (p && is_new && (++p->refusals >= REFUSALS_MOST || !has_other_lane(s, p, now))) {
        conversation_shut(s, p);
        outcome_reply_all(s->d, p, l, s->over_phase, reply);
        return;
    }
    if (is_new && is_own)
        outcome_door(s->d, l, class, scope, is_unknown, s->over_phase, reply);
    if (p)
        parcel_return(s->d, p);
}

/* No address of the site could be reached, or none said hello. */
static void end_unreached(struct outbound *s, struct parcel *p, usec_t now)
{
    struct smtp_reply reply = {0};
    bool has_others = s->dock->sites.next != s->dock->sites.prev;
    snprintf(reply.text, sizeof(reply.text), "%s", s->why);
    bool is_new = outbound_back_off(s, has_others, s->why, now);
    if (p && is_new)
        outcome_reply_all(s->d, p, s->lane, PHASE_CONNECT, &reply);
    else if (p)
        parcel_return(s->d, p);
}

/* It ended with words about our IP: true, and the lane knows. */
static bool end_blocked(struct outbound *s, usec_t now)
{
    const struct smtp_reply *reply = &s->over_reply;
    enum class class;
    enum scope scope;
    outcome_classify(s->d, s->lane->provider->name, s->over_phase, reply, &class, &scope);
    if (class != CLASS_IP_REPUTATION_BLOCK || !outbound_is_own(s))
        return false;
    s->lane->is_blocked = true;
    s->lane->blocked_at = now;
    if (outbound_back_off(s, false, reply->text, now))
        outcome_door(s->d, s->lane, class, scope, false, s->over_phase, reply);
    return true;
}

/* A greeted connection ended. After some messages that is its normal end, without a word or by 421; a
 * 421 and nothing else may mean one connection too many, or a server that takes nothing now. */
static void end_greeted(struct outbound *s, usec_t now)
{
    if (s->over_phase == PHASE_NONE || (s->over_reply.code && end_blocked(s, now)) || s->decided)
        return;
    if (s->over_reply.code == 421 && cap_lane(s->lane, now))
        return;
    outbound_back_off(s, !outbound_is_own(s), s->over_reply.text, now);
}

void outbound_end(struct outbound *s)
{
    usec_t now = clock_monotonic();
    struct parcel *p = MOVE(s->parcel);

    outbound_detach(s);
    end_flights(s, s->over_reply.text);
    if (s->state != OUTBOUND_CONNECTING)
        end_greeted(s, now);
    else if (s->is_over && s->over_reply.code)
        end_refused(s, p, now);
    else
        end_unreached(s, p, now);
    outbound_free(s);
}
