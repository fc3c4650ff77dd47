/* An outcome becomes observations: what it says of the customer, of the provider and of the IP, once
 * per recipient and day. docs/reputation-rules.md says the same in words. */
#include <endian.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "core/reputation_room.h"
#include "core/rotation.h"

// Hashes that are saved need a key that is saved; what a stranger could gain by a collision is that
// one of its own recipients is not counted.
static const struct hash_key key = {UINT64_C(0x6d78776172640001), UINT64_C(0x72657075746174ff)};

enum { TELLS_NOTHING, TELLS_GOOD, TELLS_BAD };
enum { SEEN = 1, SEEN_DEAD = 2, SEEN_SPAM = 4, SEEN_OTHER = 8 }; // of finals
enum { SEEN_REPEAT = 2, SEEN_UNCONFIRMED = 4 };                  // of submissions
enum salt { SALT_FINAL, SALT_DOMAIN, SALT_SUBMISSION, SALT_COMPLAINT, SALT_TRAP };
#define RING_STEP (3 * USEC_HOUR)
#define RATES_STEP 60 // seconds between two decays of a customer's own rates

/* What an answer says: of the customer (a dead mailbox, a spam rejection), and of the provider. */
struct verdict {
    uint8_t dead, spam, provider;
};

static bool is_about_sender(enum scope scope)
{
    return scope == SCOPE_MESSAGE || scope == SCOPE_URL || scope == SCOPE_SENDER_DOMAIN ||
           scope == SCOPE_CUSTOMER;
}

static bool is_about_us(enum scope scope)
{
    return scope == SCOPE_IP || scope == SCOPE_NETBLOCK || scope == SCOPE_PROVIDER;
}

// A final answer. What speaks of the IP, the netblock or the provider is nobody's fault; our other
// troubles (syntax, authentication, what nobody understands) only tell whether a provider works.
static struct verdict judge_bounce(const struct outcome *o)
{
    const struct verdict nothing = {0}, trouble = {.provider = TELLS_BAD};
    const struct verdict spam_alone = {.spam = TELLS_BAD};
    switch (o->class) {
    case CLASS_UNKNOWN_USER:
    case CLASS_INACTIVE_MAILBOX:
    case CLASS_DOMAIN_NOT_FOUND:
        return is_about_us(o->scope) ? trouble : (struct verdict){TELLS_BAD, TELLS_GOOD, TELLS_BAD};
    case CLASS_RECIPIENT_REFUSED:
        return (struct verdict){.dead = TELLS_GOOD};
    case CLASS_CONTENT_SPAM:
        return is_about_us(o->scope) ? nothing : (struct verdict){TELLS_GOOD, TELLS_BAD, TELLS_BAD};
    case CLASS_IP_REPUTATION_BLOCK:
        return is_about_sender(o->scope) ? spam_alone : nothing;
    case CLASS_AUTH_POLICY:
        return is_about_sender(o->scope) ? nothing : trouble;
    case CLASS_PROTOCOL:
    case CLASS_UNDETERMINED:
        return trouble;
    case CLASS_DELIVERED:
    case CLASS_MAILBOX_FULL:
    case CLASS_MESSAGE_TOO_BIG:
    case CLASS_RATE_LIMITED:
    case CLASS_TRANSIENT:
    case CLASS_NO_CONNECT:
    case CLASS_AUTO_REPLY:
    case CLASS_COMPLAINT:
    case CLASS_UNSUBSCRIBE:
    case CLASS_SUSPENDED:
    case CLASS_OVER_LIMIT:
    case CLASS_UNCONFIRMED:
        break;
    }
    return nothing;
}

/* --- once per recipient and day */
static const char *domain_of(const char *recipient)
{
    const char *at = strrchr(recipient, '@');
    return at ? at + 1 : recipient;
}

// Of eight ASCII letters at once: bit 7 of a byte says that it is one from A to Z, and becomes bit 5.
static uint64_t lower(uint64_t v)
{
    const uint64_t every = UINT64_C(0x0101010101010101), low = v & (every * 0x7f);
    uint64_t upper = ((low + every * (0x80 - 'A')) ^ (low + every * (0x7f - 'Z'))) & ~v;
    return v | (upper & (every * 0x80)) >> 2;
}

static uint64_t hash_of(const struct reputation_customer *c, enum salt salt, int64_t span,
                        const char *text)
{
    uint64_t n = strlen(text), i = 0, part;
    uint64_t h = reputation_mix(key.k0 ^ ((uint64_t)c->index << 8 | (uint64_t)salt),
                                key.k1 ^ (uint64_t)span);
    for (; n - i >= sizeof(part); i += sizeof(part)) {
        memcpy(&part, text + i, sizeof(part));
        h = reputation_mix(lower(le64toh(part)) ^ key.k0, h ^ key.k1);
    }
    h = reputation_mix(lower(reputation_tail(text + i, n - i)) ^ key.k0, h ^ key.k1);
    return reputation_mix(h ^ n, key.k1);
}

uint64_t reputation_seen_hash(const struct reputation_customer *c, const struct outcome *o)
{
    usec_t at = o->delivered_at > 0 ? o->delivered_at : o->at;
    switch (o->kind) {
    case OUTCOME_ACCEPTED:
    case OUTCOME_HELD:
        return hash_of(c, SALT_SUBMISSION, at / USEC_DAY, o->recipient);
    case OUTCOME_DELIVERED:
    case OUTCOME_BOUNCED:
        return hash_of(c, SALT_FINAL, at / USEC_DAY, o->recipient);
    case OUTCOME_REFUSED:
    case OUTCOME_DEFERRED:
    case OUTCOME_EXPIRED:
    case OUTCOME_COMPLAINED:
    case OUTCOME_UNSUBSCRIBED:
    case OUTCOME_TRAP:
    case OUTCOME_LISTED:
    case OUTCOME_DELISTED:
        break;
    }
    return 0;
}

// What was known of it before; nothing of a recipient that is not known.
static unsigned seen_before(struct reputation *r, const struct reputation_customer *c,
                            enum salt salt, usec_t at, const char *text, unsigned flags)
{
    if (!*text)
        return 0;
    int64_t span = at / (salt == SALT_DOMAIN ? 7 * USEC_DAY : USEC_DAY);
    return seen_add(&r->seen, hash_of(c, salt, span, text), flags);
}

/* --- a customer's own rates of about a day, for the watch over providers */
static void count_rates(struct reputation_customer *c, const struct usage_facts *f, usec_t now)
{
    uint32_t second = now > 0 ? (uint32_t)(now / USEC_SECOND) : 0;
    if (second >= c->rates_second + RATES_STEP) {
        float left = expf(-(float)(second - c->rates_second) / 86400);
        c->hard_n *= left;
        c->hard_bad *= left;
        c->soft_n *= left;
        c->soft_bad *= left;
        c->rates_second = second;
    }
    c->hard_n += f->n[USAGE_HARD];
    c->hard_bad += f->bad[USAGE_HARD];
    c->soft_n += f->n[USAGE_SOFT];
    c->soft_bad += f->bad[USAGE_SOFT];
}

/* --- finals */
struct final {
    struct reputation_customer *c;
    struct reputation_provider *p; // NULL: unknown
    struct reputation_ip *ip;      // NULL: unknown
    const struct outcome *o;
    struct verdict verdict;
    usec_t at; // of the delivery
    bool is_late, is_new, is_excused;
    bool is_dead, is_spam, is_trouble; // bad ones that were not counted yet
};

// Whether it is counted, and what of it.
static bool is_news(struct reputation *r, struct final *f)
{
    bool dead = f->verdict.dead == TELLS_BAD, spam = f->verdict.spam == TELLS_BAD;
    bool trouble = f->verdict.provider == TELLS_BAD && !dead && !spam;
    bool is_domain = dead && f->o->class == CLASS_DOMAIN_NOT_FOUND;
    unsigned flags =
        SEEN | (dead ? SEEN_DEAD : 0) | (spam ? SEEN_SPAM : 0) | (trouble ? SEEN_OTHER : 0);
    unsigned before = seen_before(r, f->c, is_domain ? SALT_DOMAIN : SALT_FINAL, f->at,
                                  is_domain ? domain_of(f->o->recipient) : f->o->recipient, flags);
    f->is_new = !(before & SEEN);
    f->is_dead = dead && !(before & SEEN_DEAD);
    f->is_spam = spam && !(before & SEEN_SPAM);
    f->is_trouble = trouble && !(before & SEEN_OTHER);
    return f->is_new || f->is_dead || f->is_spam || f->is_trouble;
}

// A first answer in both channels: it was an attempt, and one that got through to an answer.
static struct usage_facts facts_of(const struct final *f)
{
    bool bad = f->is_dead || f->is_spam || f->is_trouble;
    struct usage_facts facts = {0};
    if (f->verdict.provider != TELLS_NOTHING) {
        facts.n[USAGE_HARD] = f->is_new;
        facts.bad[USAGE_HARD] = bad;
    }
    facts.n[USAGE_SOFT] = f->is_new;
    return facts;
}

static void note_bad(struct reputation *r, const struct final *f, enum harm harm)
{
    uint32_t provider = f->p ? f->p->index : USAGE_NONE;
    if (f->ip)
        rotation_note(r, f->ip, provider, f->c->index, harm, r->now);
}

static void count_harm(struct reputation *r, const struct final *f, enum harm harm, uint8_t tells,
                       bool is_bad)
{
    const struct reputation_bad bad = {.at = f->at,
                                       .is_late = f->is_late,
                                       .provider = f->p ? f->p->index : REPUTATION_NOWHERE,
                                       .outcome = f->o};
    if (is_bad) {
        reputation_bad(r, f->c, harm, &bad);
        if (!f->is_late)
            reputation_newcomer(r, f->c, harm, &bad);
        note_bad(r, f, harm);
    } else if (tells == TELLS_GOOD && f->is_new) {
        reputation_good(r, f->c, harm);
        reputation_newcomer(r, f->c, harm, NULL);
    }
}

static void count_volumes(struct reputation *r, const struct final *f)
{
    struct reputation_customer *c = f->c;
    if (f->o->kind == OUTCOME_DELIVERED && !(f->p && f->p->is_silent)) {
        evidence_volume_add(&c->reporting, f->at, 1);
        reputation_good(r, c, HARM_COMPLAINT);
    }
    bool is_final = f->verdict.dead != TELLS_NOTHING || f->verdict.spam != TELLS_NOTHING;
    if (f->is_excused || !is_final)
        return;
    evidence_volume_add(&c->finals, f->at, 1);
    c->observations += c->observations < UINT32_MAX;
    c->clean_n++;
    if (c->standing == STANDING_GOOD && c->clean_n >= r->o.policy->pools.shared_after)
        reputation_pool_promote(r, c);
}

static void count_ip(const struct final *f)
{
    struct usage_facts facts = {0};
    bool is_final = f->verdict.dead != TELLS_NOTHING || f->verdict.spam != TELLS_NOTHING;
    if (!f->ip || f->is_late || f->is_excused || !is_final)
        return;
    facts.n[USAGE_HARD] = f->is_new;
    facts.bad[USAGE_HARD] = f->is_dead || f->is_spam ? 1 : 0;
    usage_add_facts(&f->ip->usage, f->c->index, &facts, f->at);
}

static void feed_final(struct reputation *r, struct final *f)
{
    if (!is_news(r, f))
        return;
    bool is_bad = f->is_dead || f->is_spam || f->is_trouble;
    if (is_bad && f->ip)
        blame_sample(r, f->c->index, f->ip->index, f->p ? f->p->index : USAGE_NONE, f->o);
    if (!f->is_late) {
        struct usage_facts facts = facts_of(f);
        count_rates(f->c, &facts, r->now);
        reputation_watch(r, f->p, f->c, &facts, f->o->recipient, f->at);
    }
    // After the watch: the answer that shows an incident is itself no evidence.
    f->is_excused = reputation_is_excused(r, f->p, f->at, f->is_late);
    if (f->is_new)
        count_volumes(r, f);
    count_ip(f);
    if (f->is_excused)
        return;
    count_harm(r, f, HARM_DEAD, f->verdict.dead, f->is_dead);
    count_harm(r, f, HARM_SPAM, f->verdict.spam, f->is_spam);
    if (f->is_dead)
        reputation_look(r, f->c, HARM_DEAD);
    if (f->is_spam)
        reputation_look(r, f->c, HARM_SPAM);
}

/* --- what is no final answer */
static bool is_ip_block(const struct outcome *o)
{
    if (o->class == CLASS_IP_REPUTATION_BLOCK)
        return !is_about_sender(o->scope) && o->scope != SCOPE_RECIPIENT;
    return o->class == CLASS_CONTENT_SPAM && (o->scope == SCOPE_IP || o->scope == SCOPE_NETBLOCK);
}

static void feed_deferred(struct reputation *r, const struct final *f)
{
    bool is_bad = f->o->class == CLASS_TRANSIENT || f->o->class == CLASS_NO_CONNECT;
    struct usage_facts facts = {.n[USAGE_SOFT] = 1, .bad[USAGE_SOFT] = is_bad};
    if (is_ip_block(f->o))
        return; // the lane's trouble
    count_rates(f->c, &facts, r->now);
    reputation_watch(r, f->p, f->c, &facts, f->o->recipient, f->at);
}

static void feed_complained(struct reputation *r, const struct final *f)
{
    if (seen_before(r, f->c, SALT_COMPLAINT, f->at, f->o->recipient, SEEN) & SEEN)
        return;
    // A complaint from where none are expected brings its own delivery with it.
    if (f->p && f->p->is_silent)
        evidence_volume_add(&f->c->reporting, f->at, 1);
    const struct reputation_bad bad = {.at = f->at, .is_late = true, .outcome = f->o};
    reputation_bad(r, f->c, HARM_COMPLAINT, &bad);
    note_bad(r, f, HARM_COMPLAINT);
    reputation_look(r, f->c, HARM_COMPLAINT);
}

static void feed_trap(struct reputation *r, const struct final *f)
{
    if (seen_before(r, f->c, SALT_TRAP, f->at, f->o->recipient, SEEN) & SEEN)
        return;
    uint32_t second = r->now > USEC_SECOND ? (uint32_t)(r->now / USEC_SECOND) : 1;
    if (!f->c->traps)
        f->c->traps = xcalloc(1, sizeof(*f->c->traps));
    uint32_t *hits = f->c->traps->hits;
    memmove(hits + 1, hits, (REPUTATION_TRAPS - 1) * sizeof(*hits));
    // Hits of one second are told apart, so that those dealt with can be.
    hits[0] = second > hits[1] ? second : hits[1] + 1;
    if (f->ip)
        blame_sample(r, f->c->index, f->ip->index, f->p ? f->p->index : USAGE_NONE, f->o);
    note_bad(r, f, HARM_TRAP);
    reputation_trace_say(r, f->c, HARM_TRAP, "bad", f->o);
    reputation_look(r, f->c, HARM_TRAP);
}

/* --- submissions */
static void ring_add(struct reputation_customer *c, usec_t at, bool is_list)
{
    uint32_t step = at > 0 ? (uint32_t)(at / RING_STEP) : 0;
    for (uint32_t i = 0; c->submissions_newest < step && i < 8; i++) {
        uint32_t fresh = step - i;
        if (fresh <= c->submissions_newest)
            break;
        c->submissions[fresh % 8] = c->list_submissions[fresh % 8] = 0;
    }
    if (step > c->submissions_newest)
        c->submissions_newest = step;
    if (c->submissions_newest - step >= 8)
        return;
    c->submissions[step % 8]++;
    if (is_list) // else its line stays where it is
        c->list_submissions[step % 8]++;
}

static void habit_feed(const struct reputation *r, struct reputation_customer *c, usec_t at,
                       const char *recipient, uint32_t network, uint32_t content)
{
    if (!c->habit)
        c->habit = xcalloc(1, sizeof(*c->habit));
    const char *domain = domain_of(recipient);
    uint64_t h = *domain ? hash_sip(&key, bytes_str(domain)) : 0;
    habit_submitted(c->habit, at, r->o.policy->habit_age, h, network, content);
}

void reputation_submitted(struct reputation *r, const char *customer, usec_t at,
                          const char *recipient, uint32_t network, uint32_t content)
{
    struct reputation_customer *c = reputation_customer_of(r, customer);
    if (!c)
        return;
    at = reputation_time(r, at);
    c->is_submission_told = true;
    habit_feed(r, c, at, recipient, network, content);
}

static bool is_repeat(const struct outcome *o)
{
    return o->kind == OUTCOME_REFUSED &&
           (o->class == CLASS_UNKNOWN_USER || o->class == CLASS_INACTIVE_MAILBOX ||
            o->class == CLASS_DOMAIN_NOT_FOUND || o->class == CLASS_COMPLAINT ||
            o->class == CLASS_UNSUBSCRIBE);
}

static void submission_harm(struct reputation *r, const struct final *f, enum harm harm,
                            bool is_bad, bool is_news)
{
    const struct reputation_bad bad = {
        .at = f->at, .provider = REPUTATION_NOWHERE, .outcome = f->o};
    if (is_bad && is_news) {
        reputation_bad(r, f->c, harm, &bad);
        reputation_look(r, f->c, harm);
    } else if (!is_bad && f->is_new) {
        reputation_good(r, f->c, harm);
    }
}

static void feed_submission(struct reputation *r, struct final *f)
{
    const struct outcome *o = f->o;
    bool repeat = is_repeat(o), unconfirmed = o->class == CLASS_UNCONFIRMED;
    bool is_list = o->stream == STREAM_LIST || unconfirmed;
    if (o->kind != OUTCOME_REFUSED && !f->c->is_submission_told)
        habit_feed(r, f->c, f->at, o->recipient, 0, 0);
    if (o->kind == OUTCOME_REFUSED && !repeat && !unconfirmed)
        return; // for its rate or its standing: nobody looked at the recipient
    // While nothing speaks against it good ones are only counted; twice does no harm then.
    bool is_clean = !repeat && !unconfirmed && !f->c->harms[HARM_REPEAT].is_begun &&
                    !f->c->harms[HARM_UNCONFIRMED].is_begun;
    unsigned flags = SEEN | (repeat ? SEEN_REPEAT : 0) | (unconfirmed ? SEEN_UNCONFIRMED : 0);
    unsigned before =
        is_clean ? 0 : seen_before(r, f->c, SALT_SUBMISSION, f->at, o->recipient, flags);
    f->is_new = !(before & SEEN);
    if (f->is_new)
        ring_add(f->c, f->at, is_list);
    submission_harm(r, f, HARM_REPEAT, repeat, !(before & SEEN_REPEAT));
    if (is_list)
        submission_harm(r, f, HARM_UNCONFIRMED, unconfirmed, !(before & SEEN_UNCONFIRMED));
}

/* --- the door */
static void feed_known(struct reputation *r, struct final *f)
{
    const struct outcome *o = f->o;
    switch (o->kind) {
    case OUTCOME_ACCEPTED:
    case OUTCOME_HELD:
    case OUTCOME_REFUSED:
        feed_submission(r, f);
        break;
    case OUTCOME_DELIVERED:
        f->verdict = (struct verdict){TELLS_GOOD, TELLS_GOOD, TELLS_GOOD};
        feed_final(r, f);
        break;
    case OUTCOME_BOUNCED:
    case OUTCOME_EXPIRED:
        f->verdict = judge_bounce(o);
        if (f->verdict.dead || f->verdict.spam || f->verdict.provider)
            feed_final(r, f);
        break;
    case OUTCOME_DEFERRED:
        feed_deferred(r, f);
        break;
    case OUTCOME_COMPLAINED:
        feed_complained(r, f);
        break;
    case OUTCOME_TRAP:
        feed_trap(r, f);
        break;
    case OUTCOME_UNSUBSCRIBED:
    case OUTCOME_LISTED:
    case OUTCOME_DELISTED:
        break;
    }
}

static void feed_ip(struct reputation *r, const struct final *f, const struct outcome *o)
{
    if (o->kind == OUTCOME_LISTED || o->kind == OUTCOME_DELISTED) {
        rotation_listed(r, f->ip, o, r->now);
        return;
    }
    bool is_submission =
        o->kind == OUTCOME_ACCEPTED || o->kind == OUTCOME_HELD || o->kind == OUTCOME_REFUSED;
    if (is_submission || !f->p)
        return;
    rotation_observe(r, f->ip, f->p->index, o, r->now);
    bool may_block = o->kind == OUTCOME_DEFERRED || o->kind == OUTCOME_BOUNCED;
    if (may_block && is_ip_block(o))
        rotation_blocked(r, f->ip, f->p->index, f->c ? f->c->index : USAGE_NONE, o, r->now);
}

void reputation_feed_expected(struct reputation *r, const struct outcome *o,
                              const struct reputation_found *found)
{
    usec_t at = reputation_time(r, o->at);
    struct final f = {.o = o, .at = at};
    f.c = found->customer ? found->customer : reputation_customer_of(r, o->customer);
    f.p = found->provider ? found->provider : reputation_provider_of(r, o->provider);
    f.ip = found->ip ? found->ip : reputation_ip_of(r, o->ip);
    bool may_be_late =
        o->kind == OUTCOME_BOUNCED || o->kind == OUTCOME_EXPIRED || o->kind == OUTCOME_COMPLAINED;
    if (may_be_late && o->delivered_at > 0 && o->delivered_at <= r->now) {
        f.at = o->delivered_at;
        f.is_late = true;
    }
    if (f.ip)
        feed_ip(r, &f, o);
    if (f.c)
        feed_known(r, &f);
}

void reputation_feed(struct reputation *r, const struct outcome *o)
{
    const struct reputation_found nothing = {0};
    reputation_feed_expected(r, o, &nothing);
}
