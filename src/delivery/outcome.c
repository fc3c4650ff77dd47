/* What became of a recipient: the answer's class and scope, the kind of outcome, the next try. Told
 * to the wiring and to the spool, counted for the share and the lane. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "core/state.h"
#include "delivery/internal.h"
#include "mail/replies.h"
#include "mail/replies_shape.h"

double outcome_dice(void)
{
    static uint64_t seed;
    if (!seed)
        hash_random(&seed, sizeof(seed));
    seed += 0x9e3779b97f4a7c15; // splitmix64 (Steele, Lea, Flood 2014): for spreading, no secret
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) / (double)(1ull << 53);
}

usec_t outcome_retry(usec_t first, usec_t most, unsigned attempt, double dice)
{
    usec_t span = first;
    for (unsigned i = 1; i < attempt && span < most; i++)
        span *= 2;
    if (span > most)
        span = most;
    return span + (usec_t)((double)span * 0.2 * (dice - 0.5));
}

/* A refusal that is about more than this recipient may end, and so do not its tries. */
static bool is_final(const struct outcome *o)
{
    if (o->code < 500 || o->class == CLASS_IP_REPUTATION_BLOCK || o->class == CLASS_RATE_LIMITED)
        return false;
    return o->phase == PHASE_MAIL || o->phase == PHASE_RCPT || o->phase == PHASE_DATA;
}

static void count(struct delivery *d, struct share *s, const struct outcome *o, usec_t next_try_at)
{
    if (o->kind != OUTCOME_DELIVERED)
        text_replace(&s->last_reply, o->reply);
    if (o->kind != OUTCOME_DEFERRED)
        share_count(d, s, -1);
    else if (s->next_try_at < o->at || next_try_at < s->next_try_at)
        s->next_try_at = next_try_at;
}

/* Fills in what is known of the recipient, settles expiry and the next try, and tells everybody. */
static void tell(struct delivery *d, struct parcel *p, uint32_t recipient, struct lane *lane,
                 struct outcome *o)
{
    const struct spool_message *m = p->letter->m;
    const struct spool_recipient *r = &m->recipients[recipient];
    struct share *s = p->queue ? p->queue->share : NULL;
    const struct settings *settings = d->settings;
    usec_t next = USEC_NEVER, end = m->accepted_at + settings->delivery.give_up;

    o->at = clock_wall();
    o->stream = m->stream;
    o->attempt = r->attempts < UINT16_MAX ? r->attempts + 1 : UINT16_MAX;
    o->recipient_no = r->no;
    o->message = m->id;
    o->customer = m->customer;
    o->list = m->list ? m->list : "";
    o->ip = lane ? lane->source->address : "";
    o->provider = s ? s->provider->name : "";
    o->recipient = r->address;
    o->took = o->at - m->accepted_at;
    if (o->kind == OUTCOME_DEFERRED && o->at >= end)
        o->kind = OUTCOME_EXPIRED;
    if (o->kind == OUTCOME_DEFERRED) {
        next = o->at + outcome_retry(settings->delivery.retry_first, settings->delivery.retry_most,
                                     o->attempt, outcome_dice());
        if (next > end)
            next = end; // one last time
        customer_due(p->letter->customer, next);
    }
    if (lane)
        lane_note(lane, o);
    count(d, s ? s : share_of(d, p->letter->customer, r->provider ? r->provider : ""), o, next);
    if (p->queue)
        queue_away(d, p->queue, o->kind == OUTCOME_DEFERRED);
    else if (p->letter->is_new == (o->kind == OUTCOME_DEFERRED)) // else it was, and is, on disk
        queue_away_unplaced(d, p->letter, r->provider ? r->provider : "",
                            p->letter->is_new ? 1 : -1);
    d->last_outcome_at = o->at;
    spool_outcome(d->o.store, o, next);
    if (d->o.on_outcome)
        d->o.on_outcome(d->o.ctx, o, m);
}

bool outcome_classify(const struct delivery *d, const char *provider, enum phase phase,
                      const struct smtp_reply *reply, enum class *class, enum scope *scope)
{
    struct reply_verdict verdict;
    replies_judge(d->replies,
                  &(struct reply_said){.provider = provider,
                                       .code = reply->code,
                                       .enhanced = reply->enhanced,
                                       .text = reply->text,
                                       .phase = phase},
                  &verdict);
    *class = verdict.class;
    *scope = verdict.scope;
    return replies_is_unknown(reply->code, &verdict);
}

void delivery_reading(const struct delivery *d, const struct outcome *o,
                      struct reply_verdict *verdict)
{
    char enhanced[SMTP_ENHANCED];
    unsigned code;
    replies_codes(o->reply, &code, enhanced);
    replies_judge(d->replies,
                  &(struct reply_said){.provider = o->provider,
                                       .code = o->code,
                                       .enhanced = enhanced,
                                       .text = o->reply,
                                       .phase = o->phase},
                  verdict);
}

bool outcome_reply(struct delivery *d, struct parcel *p, uint32_t recipient, struct lane *lane,
                   enum phase phase, const struct smtp_reply *reply)
{
    struct outcome o = {.phase = phase, .code = (uint16_t)reply->code, .reply = reply->text};
    char text[OUTCOME_REPLY + 1];

    if (strlen(reply->text) > OUTCOME_REPLY) {
        text_visible(text, sizeof(text), reply->text, strlen(reply->text));
        o.reply = text;
    }
    if (smtp_reply_is_ok(reply)) {
        o.kind = OUTCOME_DELIVERED;
        o.class = CLASS_DELIVERED;
        o.scope = SCOPE_RECIPIENT;
    } else {
        o.is_unknown =
            outcome_classify(d, lane ? lane->provider->name : "", phase, reply, &o.class, &o.scope);
        o.kind = is_final(&o) ? OUTCOME_BOUNCED : OUTCOME_DEFERRED;
    }
    tell(d, p, recipient, lane, &o);
    return o.class == CLASS_IP_REPUTATION_BLOCK ||
           (o.class == CLASS_RATE_LIMITED && (o.scope == SCOPE_IP || o.scope == SCOPE_NETBLOCK));
}

void outcome_door(struct delivery *d, const struct lane *lane, enum class class, enum scope scope,
                  bool is_unknown, enum phase phase, const struct smtp_reply *reply)
{
    char text[OUTCOME_REPLY + 1];
    text_visible(text, sizeof(text), reply->text, strlen(reply->text));
    struct outcome o = {.at = clock_wall(),
                        .kind = OUTCOME_DEFERRED,
                        .class = class,
                        .scope = scope,
                        .phase = phase,
                        .code = (uint16_t)reply->code,
                        .customer = "",
                        .list = "",
                        .ip = lane->source->address,
                        .provider = lane->provider->name,
                        .recipient = "",
                        .reply = text,
                        .is_unknown = is_unknown};
    if (d->o.on_door)
        d->o.on_door(d->o.ctx, &o);
}

static void free_all(struct delivery *d, struct parcel *p)
{
    struct letter *l = p->letter;
    uint32_t n = (uint32_t)p->n;
    parcel_free(d, p);
    letter_left(d, l, n);
}

void outcome_reply_all(struct delivery *d, struct parcel *p, struct lane *lane, enum phase phase,
                       const struct smtp_reply *reply)
{
    queue_out(d, p);
    for (size_t i = 0; i < p->n; i++)
        outcome_reply(d, p, p->recipients[i], lane, phase, reply);
    free_all(d, p);
}

void outcome_own(struct delivery *d, struct parcel *p, struct lane *lane, bool is_final_one,
                 enum class class, enum phase phase, const char *why)
{
    char text[OUTCOME_REPLY + 1];
    text_visible(text, sizeof(text), why, strlen(why));
    queue_out(d, p);
    for (size_t i = 0; i < p->n; i++) {
        struct outcome o = {.kind = is_final_one ? OUTCOME_BOUNCED : OUTCOME_DEFERRED,
                            .class = class,
                            .scope =
                                class == CLASS_DOMAIN_NOT_FOUND ? SCOPE_RECIPIENT : SCOPE_UNKNOWN,
                            .phase = phase,
                            .reply = text};
        tell(d, p, p->recipients[i], lane, &o);
    }
    free_all(d, p);
}
