#include "world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// A message's destiny is drawn when it is submitted; whether it is put off, at each attempt. Only what
// is due later (arrivals, retries, late news) stands in the heap.

enum what {
    WHAT_ARRIVAL,
    WHAT_RUN,
    WHAT_TRY,
    WHAT_COMPLAINT,
    WHAT_BOUNCE,
    WHAT_LISTED,
    WHAT_DELISTED
};
enum destiny { DESTINY_FINE, DESTINY_DEAD, DESTINY_SPAM, DESTINY_FULL, DESTINY_GONE };

enum { NO_RUN = 0xff, MOST_TRIES = 12 };

struct world_event {
    usec_t at, delivered_at;
    uint32_t recipient;
    uint16_t customer;
    uint8_t provider, ip, run, attempt;
    uint8_t what, destiny;
    bool is_grey, complains;
};

// ---- dice

double world_between(struct world *w, double low, double high)
{
    return low + (high - low) * ((double)(dice_next(&w->dice) >> 11) * 0x1p-53);
}

double world_log_between(struct world *w, double low, double high)
{
    return exp(world_between(w, log(low), log(high)));
}

double world_exponential(struct world *w, double mean)
{
    return -mean * log(world_between(w, 0x1p-53, 1));
}

double world_normal(struct world *w)
{
    return sqrt(world_exponential(w, 2)) * cos(world_between(w, 0, 2 * M_PI));
}

// Gamma with mean 1 and shape 0.5, 1 or 2.
static double clump(struct world *w, double shape)
{
    double n = world_normal(w);
    if (shape < 1)
        return n * n;
    if (shape < 2)
        return world_exponential(w, 1);
    return (world_exponential(w, 1) + world_exponential(w, 1)) / 2;
}

// ---- the heap

static void push(struct world *w, struct world_event e)
{
    if (w->events_n == w->events_room) {
        w->events_room = w->events_room ? 2 * w->events_room : 1024;
        w->events = xrealloc(w->events, w->events_room, sizeof(e));
    }
    size_t i = w->events_n++;
    for (; i && w->events[(i - 1) / 2].at > e.at; i = (i - 1) / 2)
        w->events[i] = w->events[(i - 1) / 2];
    w->events[i] = e;
}

static struct world_event pop(struct world *w)
{
    struct world_event first = w->events[0], last = w->events[--w->events_n];
    size_t i = 0, n = w->events_n;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n)
            break;
        child += child + 1 < n && w->events[child + 1].at < w->events[child].at;
        if (w->events[child].at >= last.at)
            break;
        w->events[i] = w->events[child];
        i = child;
    }
    if (n)
        w->events[i] = last;
    return first;
}

// ---- the fleet

static const char *const large[] = {"google", "m365",   "yahoo",   "gmx",     "t-online",
                                    "apple",  "orange", "comcast", "freenet", "mimecast"};

static void add_provider(struct world *w, double share)
{
    uint32_t i = w->providers_n++;
    struct world_provider *p = &w->providers[i];
    *p = (struct world_provider){.share = share,
                                 .dead = world_between(w, 0.6, 1.4),
                                 .soft = world_log_between(w, 0.002, 0.03),
                                 .full = world_log_between(w, 0.0005, 0.005),
                                 .grey = i > 4 && dice_falls(&w->dice, 0.2) ? 0.6 : 0,
                                 .late = dice_falls(&w->dice, 0.2) ? 0.5 : 0.02};
    if (i < ARRAY_LEN(large))
        snprintf(p->name, sizeof(p->name), "%s", large[i]);
    else
        snprintf(p->name, sizeof(p->name), "p%u", i % 100);
    p->is_silent = i == 0 || i == 1 || i == 5 || i == 9; // as the shipped policy says
    p->is_gateway = i == 9;
}

static void add_providers(struct world *w)
{
    double sum = 0;
    uint32_t n = 8 + dice_below(&w->dice, WORLD_PROVIDERS - 8 + 1);
    for (uint32_t i = 0; i < n; i++)
        add_provider(w, 1 / pow(i + 1.0, 1.1));
    for (uint32_t i = 0; i < n; i++)
        sum += w->providers[i].share;
    for (uint32_t i = 0; i < n; i++)
        w->providers[i].share /= sum;
}

static void add_ips(struct world *w)
{
    uint32_t pools = 1 + dice_below(&w->dice, 4);
    for (uint32_t pool = 0; pool < pools; pool++) {
        uint32_t n = 2 + dice_below(&w->dice, 3);
        for (uint32_t i = 0; i < n && w->ips_n < WORLD_IPS; i++) {
            snprintf(w->ips[w->ips_n], sizeof(w->ips[0]), "198.51.100.%u", (w->ips_n + 10) % 256);
            w->pool_of[w->ips_n++] = pool;
        }
    }
}

static void mix_providers(struct world *w, struct world_customer *c)
{
    double sum = 0;
    for (uint32_t i = 0; i < w->providers_n; i++)
        c->providers[i] = sum += w->providers[i].share * exp(0.7 * world_normal(w));
    for (uint32_t i = 0; i < w->providers_n; i++)
        c->providers[i] /= sum;
}

uint32_t world_add_customer(struct world *w, double a_day)
{
    uint32_t i = w->customers_n++, pool = w->pool_of[dice_below(&w->dice, w->ips_n)];
    struct world_customer *c = &w->customers[i];
    snprintf(c->name, sizeof(c->name), "c%u", i);
    c->a_day = a_day;
    c->clump = dice_falls(&w->dice, 0.3) ? 1 + dice_below(&w->dice, 2) : 0;
    c->dead = world_log_between(w, 0.002, c->clump ? 0.008 : 0.014);
    c->spam = world_log_between(w, 0.0001, 0.001);
    c->complaint = world_log_between(w, 0.00003, 0.0004);
    c->is_list = dice_falls(&w->dice, 0.3);
    c->phase = (usec_t)(world_between(w, 0, 6) * USEC_HOUR);
    c->network = (uint32_t)dice_next(&w->dice) | 1;
    while (w->pool_of[c->ip] != pool)
        c->ip++;
    for (uint32_t k = c->ip; k < w->ips_n && w->pool_of[k] == pool; k++)
        c->ips++;
    mix_providers(w, c);
    return i;
}

uint32_t world_pick_customer(struct world *w, double a_day_least, double a_day_most)
{
    for (int i = 0; i < 1000; i++) {
        uint32_t k = dice_below(&w->dice, w->customers_n);
        if (w->customers[k].a_day >= a_day_least && w->customers[k].a_day <= a_day_most &&
            !w->customers[k].is_culprit)
            return k;
    }
    return world_add_customer(w, (a_day_least + a_day_most) / 2);
}

struct world_run *world_add_run(struct world *w, uint32_t customer, usec_t from, uint32_t n,
                                usec_t span)
{
    const struct world_customer *c = &w->customers[customer];
    struct world_run *run = &w->runs[w->runs_n++];
    *run = (struct world_run){.customer = customer,
                              .n = n,
                              .from = from,
                              .gap = span / n,
                              .dead = c->dead,
                              .dead_to = -1,
                              .spam = c->spam,
                              .complaint = c->complaint,
                              .provider = -1};
    return run;
}

void world_blame(struct world *w, struct world_run *run)
{
    run->is_culprits = true;
    w->customers[run->customer].is_culprit = true;
    w->customers[run->customer].bad_from = run->from;
}

// The rate at which a customer sends, of its mean: more by day, lists in their hours only.
static double activity(const struct world_customer *c, usec_t at)
{
    double day = 1 + 0.6 * sin(2 * M_PI * ((double)(at % USEC_DAY) / USEC_DAY - 9.0 / 24));
    if (!c->is_list)
        return day;
    return (at + c->phase) % (6 * USEC_HOUR) < USEC_HOUR ? 6 * day : 0;
}

// Thinning (Lewis, Shedler 1979): candidates at the highest rate, each kept with its share.
static void next_arrival(struct world *w, uint32_t customer, usec_t from)
{
    const struct world_customer *c = &w->customers[customer];
    double most = c->is_list ? 9.6 : 1.6;
    usec_t at = from;
    do {
        at += 1 + (usec_t)world_exponential(w, USEC_DAY / (c->a_day * most));
        usec_t phase = (at + c->phase) % (6 * USEC_HOUR);
        if (c->is_list && phase >= USEC_HOUR)
            at += 6 * USEC_HOUR - phase;
    } while (at < w->end && !dice_falls(&w->dice, activity(c, at) / most));
    if (at < w->end)
        push(w,
             (struct world_event){.at = at, .what = WHAT_ARRIVAL, .customer = (uint16_t)customer});
}

static void begin(struct world *w)
{
    for (uint32_t i = 0; i < w->customers_n; i++)
        next_arrival(w, i, w->now);
    for (uint32_t i = 0; i < w->runs_n; i++)
        push(w, (struct world_event){.at = w->runs[i].from, .what = WHAT_RUN, .run = (uint8_t)i});
    if (w->listing.from) {
        push(w, (struct world_event){.at = w->listing.from, .what = WHAT_LISTED});
        push(w, (struct world_event){.at = w->listing.to, .what = WHAT_DELISTED});
    }
}

void world_init(struct world *w, const struct scenario *s, uint64_t seed)
{
    *w = (struct world){.scenario = s, .seed = seed, .now = WORLD_BEGIN};
    w->dice.state = seed; // and the scenario's name, so that each has worlds of its own
    for (const char *p = s->name; *p; p++)
        w->dice.state = dice_next(&w->dice) ^ (uint64_t)(uint8_t)*p;
    w->end = w->now + s->span;
    w->outage.provider = w->block.provider = -1;
    add_providers(w);
    add_ips(w);
    uint32_t n = s->customers_least + dice_below(&w->dice, s->customers - s->customers_least + 1);
    double top = world_log_between(w, s->top_least, s->top);
    for (uint32_t k = 1; k <= n; k++) {
        double a_day = top / pow(k, 1.1);
        world_add_customer(w, a_day < 10 ? 10 : a_day);
    }
    s->set(w);
    begin(w);
}

void world_deinit(struct world *w)
{
    w->events = xfree(w->events);
}

// ---- telling

static char *put_text(char *p, const char *text)
{
    size_t n = strlen(text);
    memcpy(p, text, n + 1);
    return p + n;
}

static char *put_number(char *p, uint32_t v)
{
    char digits[10];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n)
        *p++ = digits[--n];
    return p;
}

static void write_recipient(const struct world *w, const struct world_event *e, char *out)
{
    char *p = put_number(put_text(out, "u"), e->recipient);
    if (e->destiny == DESTINY_GONE)
        put_text(put_number(put_text(p, "@gone"), e->run == NO_RUN ? e->recipient : e->run),
                 ".test");
    else if (w->providers[e->provider].is_gateway) // one of forty tenants
        put_text(put_text(put_number(put_text(p, "@t"), e->recipient % 40), "."),
                 w->providers[e->provider].name);
    else
        put_text(put_text(put_text(p, "@"), w->providers[e->provider].name), ".test");
}

static void tell(struct world *w, const struct world_event *e, enum outcome_kind kind,
                 enum class class, const char *reply)
{
    static const enum scope scopes[] = {
        [CLASS_UNKNOWN_USER] = SCOPE_RECIPIENT, [CLASS_INACTIVE_MAILBOX] = SCOPE_RECIPIENT,
        [CLASS_MAILBOX_FULL] = SCOPE_RECIPIENT, [CLASS_DOMAIN_NOT_FOUND] = SCOPE_RECIPIENT,
        [CLASS_CONTENT_SPAM] = SCOPE_MESSAGE,   [CLASS_IP_REPUTATION_BLOCK] = SCOPE_IP,
        [CLASS_UNDETERMINED] = SCOPE_UNKNOWN,
    };
    const struct world_customer *c = &w->customers[e->customer];
    char recipient[64];
    write_recipient(w, e, recipient);
    bool is_out = kind != OUTCOME_ACCEPTED && kind != OUTCOME_REFUSED;
    struct outcome o = {
        .at = w->now,
        .kind = kind,
        .class = class,
        .scope = class < ARRAY_LEN(scopes) ? scopes[class] : SCOPE_UNKNOWN,
        .phase = is_out ? PHASE_RCPT : PHASE_NONE,
        .stream = c->is_list ? STREAM_LIST : STREAM_TRANSACTIONAL,
        .code = (uint16_t)(reply[0] == '2' || reply[0] == '4' || reply[0] == '5'
                               ? strtoul(reply, NULL, 10)
                               : 0),
        .attempt = e->attempt,
        .customer = c->name,
        .list = c->is_list ? "main" : "",
        .ip = is_out ? w->ips[e->ip] : "",
        .provider = is_out && class != CLASS_DOMAIN_NOT_FOUND ? w->providers[e->provider].name : "",
        .recipient = recipient,
        .reply = reply,
        .zone = "",
        .answer = "",
        .delivered_at = e->delivered_at};
    w->outcomes++;
    w->on_outcome(w->ctx, &o, e->customer);
}

static void tell_listing(struct world *w, enum outcome_kind kind)
{
    struct outcome o = {.at = w->now,
                        .kind = kind,
                        .customer = "",
                        .list = "",
                        .ip = w->ips[w->listing.ip],
                        .provider = "",
                        .recipient = "",
                        .reply = "",
                        .zone = "zen.spamhaus.org",
                        .answer = kind == OUTCOME_LISTED ? w->listing.answer : ""};
    w->outcomes++;
    w->on_outcome(w->ctx, &o, UINT32_MAX);
}

// ---- a message's way

static void later(struct world *w, struct world_event e, enum what what, usec_t in)
{
    e.what = (uint8_t)what;
    e.at = w->now + in;
    push(w, e);
}

static void put_off(struct world *w, struct world_event *e, enum class class, const char *reply)
{
    tell(w, e, OUTCOME_DEFERRED, class, reply);
    if (++e->attempt <= MOST_TRIES)
        later(w, *e, WHAT_TRY, (usec_t)(world_between(w, 5, 15) * USEC_MINUTE));
}

static void bounce_dead(struct world *w, struct world_event *e)
{
    w->customers[e->customer].harm_over[e->ip]++;
    double part = e->destiny == DESTINY_GONE ? 1 : world_between(w, 0, 1);
    if (part < 0.75)
        tell(w, e, OUTCOME_BOUNCED, CLASS_UNKNOWN_USER, "550 5.1.1 user unknown");
    else if (part < 0.92)
        tell(w, e, OUTCOME_BOUNCED, CLASS_INACTIVE_MAILBOX, "550 5.2.1 mailbox is inactive");
    else
        tell(w, e, OUTCOME_BOUNCED, CLASS_DOMAIN_NOT_FOUND, "the domain does not exist");
}

static void deliver(struct world *w, struct world_event *e)
{
    const struct world_provider *p = &w->providers[e->provider];
    tell(w, e, OUTCOME_DELIVERED, CLASS_DELIVERED, "250 2.0.0 ok");
    e->delivered_at = w->now;
    if (e->destiny == DESTINY_DEAD)
        later(w, *e, WHAT_BOUNCE,
              w->lump_at > w->now
                  ? w->lump_at - w->now + (usec_t)(world_between(w, 0, 60) * USEC_SECOND)
                  : (usec_t)(world_log_between(w, 1.0 / 60, 6) * USEC_HOUR));
    else if (e->complains && !p->is_silent)
        later(w, *e, WHAT_COMPLAINT, (usec_t)(exp(0.8 * world_normal(w)) * 1.5 * USEC_HOUR));
}

// What stands between us and the provider: outages and blocks. True: the message went no further.
static bool is_stopped(struct world *w, struct world_event *e)
{
    const struct world_outage *o = &w->outage;
    bool is_out = w->now >= o->from && w->now < o->to &&
                  (o->provider < 0 || o->provider == e->provider) && dice_falls(&w->dice, o->share);
    if (is_out && o->provider < 0) {
        if (o->is_soft)
            put_off(w, e, CLASS_TRANSIENT, "DNS has no answer now");
        else
            tell(w, e, OUTCOME_BOUNCED, CLASS_DOMAIN_NOT_FOUND, "the domain does not exist");
        return true;
    }
    if (is_out && o->is_soft)
        put_off(w, e, CLASS_TRANSIENT, "451 4.3.0 local trouble, try later");
    else if (is_out)
        tell(w, e, OUTCOME_BOUNCED, CLASS_UNKNOWN_USER, "550 5.1.1 user unknown");
    if (is_out)
        return true;
    struct world_block *b = &w->block;
    if (b->provider != e->provider || !b->from[e->ip] || w->now < b->from[e->ip] ||
        w->now > b->from[e->ip] + b->span)
        return false;
    b->told[e->ip] = b->told[e->ip] ? b->told[e->ip] : w->now;
    if (b->is_soft)
        put_off(w, e, CLASS_IP_REPUTATION_BLOCK, "421 4.7.0 your IP's reputation is low");
    else
        tell(w, e, OUTCOME_BOUNCED, CLASS_IP_REPUTATION_BLOCK, "550 5.7.1 your IP is blocked");
    return true;
}

static void spam_seen(struct world *w, const struct world_event *e)
{
    w->customers[e->customer].harm_over[e->ip]++;
    struct world_block *b = &w->block;
    if (b->provider == e->provider && w->customers[e->customer].is_culprit && !b->from[e->ip] &&
        ++b->seen[e->ip] >= b->after)
        b->from[e->ip] = w->now;
}

static bool lane_is_open(const struct world *w, uint32_t ip, uint32_t provider)
{
    for (uint32_t i = 0; i < w->lanes_n; i++)
        if (w->lanes[i].ip == ip && w->now < w->lanes[i].until &&
            (w->lanes[i].provider < 0 || w->lanes[i].provider == (int)provider))
            return false;
    return true;
}

// False: no IP of the pool may.
static bool choose_ip(struct world *w, struct world_event *e)
{
    const struct world_customer *c = &w->customers[e->customer];
    uint32_t first = dice_below(&w->dice, c->ips);
    for (uint32_t i = 0; i < c->ips; i++) {
        e->ip = (uint8_t)(c->ip + (first + i) % c->ips);
        if (lane_is_open(w, e->ip, e->provider))
            return true;
    }
    return false;
}

static void try(struct world *w, struct world_event *e)
{
    const struct world_provider *p = &w->providers[e->provider];
    if (w->customers[e->customer].suspended_until > w->now)
        return; // held
    if (!choose_ip(w, e)) {
        later(w, *e, WHAT_TRY, 10 * USEC_MINUTE);
        return;
    }
    bool is_first = e->attempt == 1;
    if (e->destiny == DESTINY_GONE) {
        bounce_dead(w, e);
    } else if (is_stopped(w, e)) {
    } else if (is_first && e->is_grey) {
        put_off(w, e, CLASS_TRANSIENT, "450 4.2.0 greylisted, try again");
    } else if (is_first && dice_falls(&w->dice, p->soft)) {
        put_off(w, e, CLASS_RATE_LIMITED, "421 4.7.0 too many messages");
    } else if (e->destiny == DESTINY_FULL && e->recipient % 2) {
        put_off(w, e, CLASS_MAILBOX_FULL, "452 4.2.2 mailbox full");
    } else if (e->destiny == DESTINY_FULL) {
        tell(w, e, OUTCOME_BOUNCED, CLASS_MAILBOX_FULL, "552 5.2.2 mailbox full");
    } else if (e->destiny == DESTINY_DEAD && !dice_falls(&w->dice, p->late)) {
        bounce_dead(w, e);
    } else if (e->destiny == DESTINY_SPAM) {
        tell(w, e, OUTCOME_BOUNCED, CLASS_CONTENT_SPAM, "554 5.7.1 looks like spam");
        spam_seen(w, e);
    } else {
        deliver(w, e);
    }
}

// ---- submission

static bool may_submit(struct world *w, struct world_customer *c)
{
    if (c->suspended_until > w->now)
        return false;
    if (c->throttled_until <= w->now)
        return true;
    c->tokens += (double)(w->now - c->tokens_at) / USEC_HOUR * 100; // 100/h, as shipped
    c->tokens_at = w->now;
    if (c->tokens > 100)
        c->tokens = 100;
    if (c->tokens < 1)
        return false;
    c->tokens -= 1;
    return true;
}

static uint8_t draw_provider(struct world *w, const struct world_customer *c)
{
    double u = world_between(w, 0, 1);
    uint32_t low = 0, high = w->providers_n - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (c->providers[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint8_t)low;
}

// A customer's own part of dead mailboxes now: steady, or by blocks of its list.
static double dead_now(struct world *w, struct world_customer *c)
{
    if (!c->clump)
        return c->dead;
    if (!c->block_left--) {
        c->block_left = 99;
        c->block_rate = c->dead * clump(w, c->clump);
    }
    return c->block_rate;
}

static uint8_t draw_destiny(struct world *w, const struct world_provider *p, double dead,
                            double spam)
{
    double full = w->full && w->now >= w->wave_from ? w->full : p->full;
    double u = world_between(w, 0, 1);
    if (u < dead)
        return DESTINY_DEAD;
    u -= dead;
    if (u < spam)
        return DESTINY_SPAM;
    return u - spam < full ? DESTINY_FULL : DESTINY_FINE;
}

static void submit(struct world *w, struct world_event *e)
{
    const struct world_customer *c = &w->customers[e->customer];
    const struct world_run *run = e->run == NO_RUN ? NULL : &w->runs[e->run];
    e->attempt = 1;
    e->is_grey = dice_falls(&w->dice, w->providers[e->provider].grey);
    if (w->has_habits) {
        char recipient[64];
        write_recipient(w, e, recipient);
        w->on_submitted(w->ctx, c->name, w->now, recipient,
                        run && run->network ? run->network : c->network);
    }
    tell(w, e, OUTCOME_ACCEPTED, CLASS_DELIVERED, "");
    try(w, e);
}

static void arrive(struct world *w, struct world_event *e)
{
    struct world_customer *c = &w->customers[e->customer];
    next_arrival(w, e->customer, w->now);
    if (!may_submit(w, c))
        return;
    e->run = NO_RUN;
    e->provider = draw_provider(w, c);
    const struct world_provider *p = &w->providers[e->provider];
    bool is_known = w->recipients && dice_falls(&w->dice, 0.1);
    e->recipient = is_known ? c->known : ++w->recipients;
    e->destiny = is_known ? DESTINY_FINE : draw_destiny(w, p, p->dead * dead_now(w, c), c->spam);
    e->complains = dice_falls(&w->dice, c->complaint);
    if (e->destiny == DESTINY_FINE)
        c->known = e->recipient;
    submit(w, e);
}

static double run_dead(const struct world_run *run)
{
    return run->dead_to < 0 ? run->dead
                            : run->dead + (run->dead_to - run->dead) * run->sent / run->n;
}

static void draw_of_run(struct world *w, struct world_event *e, const struct world_run *run)
{
    e->provider = run->provider >= 0 ? (uint8_t)run->provider
                                     : draw_provider(w, &w->customers[run->customer]);
    e->recipient = ++w->recipients;
    e->complains = dice_falls(&w->dice, run->complaint);
    e->destiny = draw_destiny(w, &w->providers[e->provider], run_dead(run), run->spam);
    if (run->gone > 0 && dice_falls(&w->dice, run->gone))
        e->destiny = DESTINY_GONE;
    if (run->is_same) {
        e->provider = 0;
        e->recipient = 1;
        e->destiny = DESTINY_DEAD;
    }
}

static void run_step(struct world *w, struct world_event *e)
{
    struct world_run *run = &w->runs[e->run];
    struct world_customer *c = &w->customers[run->customer];
    e->customer = (uint16_t)run->customer;
    if (!may_submit(w, c)) { // its server tries again
        later(w, *e, WHAT_RUN, (usec_t)world_exponential(w, 30 * USEC_SECOND));
        return;
    }
    if (++run->sent < run->n)
        later(w, *e, WHAT_RUN, 1 + (usec_t)world_exponential(w, (double)run->gap));
    draw_of_run(w, e, run);
    if (run->is_culprits && w->now >= c->bad_from) {
        c->sent++;
        c->harm += run->is_harm || e->destiny == DESTINY_DEAD || e->destiny == DESTINY_SPAM ||
                   e->complains;
    }
    if (run->is_same && run->is_refused && run->sent > 1) {
        tell(w, e, OUTCOME_REFUSED, CLASS_UNKNOWN_USER, "550 5.1.1 suppressed: user unknown");
        return;
    }
    submit(w, e);
    if (run->trap > 0 && dice_falls(&w->dice, run->trap))
        tell(w, e, OUTCOME_TRAP, CLASS_DELIVERED, "");
}

bool world_next(struct world *w)
{
    if (!w->events_n)
        return false;
    struct world_event e = pop(w);
    if (e.at >= w->end)
        return false;
    w->now = e.at;
    switch ((enum what)e.what) {
    case WHAT_ARRIVAL:
        arrive(w, &e);
        break;
    case WHAT_RUN:
        run_step(w, &e);
        break;
    case WHAT_TRY:
        try(w, &e);
        break;
    case WHAT_COMPLAINT:
        w->customers[e.customer].harm_over[e.ip]++;
        tell(w, &e, OUTCOME_COMPLAINED, CLASS_COMPLAINT, "");
        break;
    case WHAT_BOUNCE:
        tell(w, &e, OUTCOME_BOUNCED, CLASS_UNKNOWN_USER, "550 5.1.1 user unknown");
        break;
    case WHAT_LISTED:
        tell_listing(w, OUTCOME_LISTED);
        break;
    case WHAT_DELISTED:
        tell_listing(w, OUTCOME_DELISTED);
        break;
    }
    return true;
}
