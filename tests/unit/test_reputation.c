/* Streams of outcomes in worlds with known truth: who is warned, throttled, suspended, and who is not;
 * and whoever is saved and loaded in the middle decides the same. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "core/health.h"
#include "core/reputation.h"

#define T0 (1764000000 * USEC_SECOND)
enum { KEPT = 4000, GOOD = 30, PROVIDERS = 5 };

/* --- a world: what comes next is drawn, what is decided is kept */
struct kept {
    usec_t at;
    enum action action;
    char target[100], reason[DECISION_REASON], pool[32], signs[DECISION_REASON];
    enum harm harm;
    double certainty;
    size_t culprits_n;
    bool is_over;
};

struct world {
    struct policy policy;
    struct reputation *r;
    struct kept *kept;
    size_t n;
    usec_t now;
    uint64_t seed, serial;
};

static void keep(void *ctx, const struct decision *d)
{
    struct world *w = ctx;
    assert_true(w->n < KEPT);
    struct kept *k = &w->kept[w->n++];
    *k = (struct kept){.at = d->at,
                       .action = d->action,
                       .harm = d->harm,
                       .certainty = d->certainty,
                       .culprits_n = d->culprits_n,
                       .is_over = d->is_over};
    snprintf(k->target, sizeof(k->target), "%.99s", d->target);
    snprintf(k->reason, sizeof(k->reason), "%s", d->reason);
    snprintf(k->pool, sizeof(k->pool), "%.31s", d->pool);
    snprintf(k->signs, sizeof(k->signs), "%s", d->signs);
    struct buf out = {0};
    decision_format(&out, d);
    assert_true(out.n > 20);
    buf_deinit(&out);
}

static struct reputation *fresh(struct world *w)
{
    const struct reputation_options o = {&w->policy, "mta1", keep, w};
    return reputation_new(&o);
}

static void begin(struct world *w, uint64_t seed)
{
    *w = (struct world){.now = T0, .seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
    policy_default(&w->policy);
    w->kept = xcalloc(KEPT, sizeof(*w->kept));
    w->r = fresh(w);
}

static void end(struct world *w)
{
    reputation_free(w->r);
    xfree(w->kept);
}

static double uniform(struct world *w)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (double)(w->seed >> 11) / 9007199254740992.0;
}

static const char *const providers[PROVIDERS] = {"gmx", "yahoo", "orange", "libero", "seznam"};

static void feed_at(struct world *w, struct outcome o)
{
    char recipient[64];
    snprintf(recipient, sizeof(recipient), "u%u@big.test", (unsigned)++w->serial);
    o.at = o.at ? o.at : w->now;
    o.ip = o.ip ? o.ip : "198.51.100.10";
    o.provider = o.provider ? o.provider : providers[(int)(uniform(w) * PROVIDERS)];
    o.recipient = o.recipient ? o.recipient : recipient;
    o.list = o.list ? o.list : "";
    o.reply = o.reply ? o.reply : "550 5.1.1 no such user";
    reputation_feed(w->r, &o);
}

static void deliver(struct world *w, const char *customer, const char *provider)
{
    feed_at(
        w, (struct outcome){.kind = OUTCOME_DELIVERED, .customer = customer, .provider = provider});
}

static void bounce(struct world *w, const char *customer, enum class class, const char *provider)
{
    feed_at(w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                .class = class,
                                .scope = SCOPE_RECIPIENT,
                                .customer = customer,
                                .provider = provider,
                                .list = "spring"});
}

static void one(struct world *w, const char *customer, double bad, enum class class,
                const char *provider)
{
    if (uniform(w) < bad)
        bounce(w, customer, class, provider);
    else
        deliver(w, customer, provider);
}

/* The others: many good customers, so that a provider's trouble and a customer's can be told apart. */
static void others(struct world *w, int n)
{
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "good%d", (int)(uniform(w) * GOOD));
        one(w, name, 0.008, CLASS_UNKNOWN_USER, NULL);
    }
}

static void step(struct world *w, usec_t span)
{
    w->now += span;
}

static const struct kept *found(const struct world *w, enum action action, const char *target)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->kept[i].action == action && strcmp(w->kept[i].target, target) == 0)
            return &w->kept[i];
    return NULL;
}

static bool is_punished(const struct world *w, const char *name)
{
    char target[100];
    snprintf(target, sizeof(target), "customer:%s", name);
    return found(w, ACTION_WARN, target) || found(w, ACTION_THROTTLE, target) ||
           found(w, ACTION_SUSPEND, target);
}

static void dump(const struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        print_message("%9.1f %s %s: %s %s\n", (double)(w->kept[i].at - T0) / USEC_SECOND,
                      action_text(w->kept[i].action), w->kept[i].target, w->kept[i].reason,
                      w->kept[i].pool);
}

static void nobody_good_is_punished(const struct world *w, const char *what)
{
    for (int i = 0; i < GOOD; i++) {
        char name[16];
        snprintf(name, sizeof(name), "good%d", i);
        if (!is_punished(w, name))
            continue;
        dump(w);
        fail_msg("%s: %s was punished", what, name);
    }
}

/* --- who is judged for what */
struct mailing {
    const char *name;
    double bad;
    enum class class;
    const char *provider; // NULL: all of them
    int n;
    enum action expected; // ACTION_POOL: none
};

// clang-format off
static const struct mailing streams[] = {
    {"a bought list is suspended", 0.3, CLASS_UNKNOWN_USER, NULL, 300, ACTION_SUSPEND},
    {"inactive mailboxes count like unknown ones", 0.3, CLASS_INACTIVE_MAILBOX, NULL, 300, ACTION_SUSPEND},
    {"a bought list to one provider alone too", 0.4, CLASS_UNKNOWN_USER, "gmx", 400, ACTION_SUSPEND},
    {"spam is suspended", 0.2, CLASS_CONTENT_SPAM, NULL, 300, ACTION_SUSPEND},
    {"five per cent is warned", 0.05, CLASS_UNKNOWN_USER, NULL, 1200, ACTION_WARN},
    {"one per cent is fine", 0.01, CLASS_UNKNOWN_USER, NULL, 4000, ACTION_POOL},
    {"full mailboxes are nobody's fault", 0.5, CLASS_MAILBOX_FULL, NULL, 1000, ACTION_POOL},
    {"mailboxes that do not want us are alive", 0.5, CLASS_RECIPIENT_REFUSED, NULL, 1000, ACTION_POOL},
    {"our own syntax is nobody's fault", 0.3, CLASS_PROTOCOL, NULL, 300, ACTION_POOL},
};
// clang-format on

static void run_stream(const struct mailing *s, uint64_t seed)
{
    struct world w;
    begin(&w, seed);
    for (int i = 0; i < 3000; i++, step(&w, USEC_SECOND))
        others(&w, 2);
    for (int i = 0; i < s->n; i++, step(&w, USEC_SECOND / 4)) {
        one(&w, "acme", s->bad, s->class, s->provider);
        others(&w, 2);
    }
    for (int i = 0; i < 60; i++, step(&w, USEC_SECOND))
        others(&w, 2);
    bool is_right = s->expected == ACTION_POOL ? !is_punished(&w, "acme")
                                               : found(&w, s->expected, "customer:acme") != NULL;
    if (!is_right) {
        dump(&w);
        fail_msg("%s (seed %u)", s->name, (unsigned)seed);
    }
    nobody_good_is_punished(&w, s->name);
    end(&w);
}

static void streams_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        for (uint64_t seed = 1; seed <= 3; seed++)
            run_stream(&streams[i], seed);
}

/* --- a provider's fault, and ours */
struct trouble {
    const char *name;
    double bad;           // of what goes to the provider
    const char *provider; // NULL: everywhere
    enum class class;
    int a_step;         // outcomes a second of the others
    const char *target; // whose incident; NULL: none must open
};

// clang-format off
static const struct trouble troubles[] = {
    {"a full outage", 1.0, "gmx", CLASS_UNKNOWN_USER, 5, "provider:gmx"},
    {"a full outage while little is sent", 1.0, "gmx", CLASS_UNKNOWN_USER, 1, "provider:gmx"},
    {"a tenth of the answers", 0.1, "gmx", CLASS_UNKNOWN_USER, 10, "provider:gmx"},
    {"a third of the answers", 0.33, "gmx", CLASS_INACTIVE_MAILBOX, 5, "provider:gmx"},
    {"all is spam to it", 1.0, "gmx", CLASS_CONTENT_SPAM, 5, "provider:gmx"},
    {"our DNS fails", 0.9, NULL, CLASS_DOMAIN_NOT_FOUND, 5, "node:mta1"},
    {"our network fails", 1.0, NULL, CLASS_UNDETERMINED, 5, "node:mta1"},
};
// clang-format on

static void good_one(struct world *w, const struct trouble *t, bool is_during, const char *name)
{
    const char *provider = providers[(int)(uniform(w) * PROVIDERS)];
    bool is_hit = is_during && (!t->provider || strcmp(provider, t->provider) == 0);
    if (!is_hit || uniform(w) >= t->bad) {
        one(w, name, 0.008, CLASS_UNKNOWN_USER, provider);
        return;
    }
    char recipient[64];
    unsigned serial = (unsigned)++w->serial;
    snprintf(recipient, sizeof(recipient), "u%u@d%u.test", serial, serial);
    feed_at(
        w, (struct outcome){.kind = OUTCOME_BOUNCED,
                            .class = t->class,
                            .scope = t->class == CLASS_CONTENT_SPAM ? SCOPE_MESSAGE : SCOPE_UNKNOWN,
                            .customer = name,
                            .provider = provider,
                            .recipient = recipient});
}

// One of the good ones is large, and so the first that collects bounces.
static void good_step(struct world *w, const struct trouble *t, bool is_during)
{
    for (int i = 0; i < t->a_step; i++) {
        char name[16];
        snprintf(name, sizeof(name), "good%d", uniform(w) < 0.7 ? (int)(uniform(w) * GOOD) : 0);
        good_one(w, t, is_during, name);
    }
    step(w, USEC_SECOND);
}

static void run_trouble(const struct trouble *t, uint64_t seed)
{
    struct world w;
    begin(&w, seed);
    for (int i = 0; i < 5400; i++)
        good_step(&w, t, false);
    usec_t from = w.now;
    for (int i = 0; i < 1800; i++)
        good_step(&w, t, true);
    usec_t to = w.now;
    for (int i = 0; i < 900; i++)
        good_step(&w, t, false);
    const struct kept *opened = found(&w, ACTION_INCIDENT, t->target);
    const struct kept *ended = found(&w, ACTION_INCIDENT_END, t->target);
    bool is_right = opened && opened->at >= from && opened->at <= from + 7 * USEC_MINUTE && ended &&
                    ended->at >= to - USEC_MINUTE && ended->at <= to + 5 * USEC_MINUTE;
    if (!is_right) {
        dump(&w);
        fail_msg("%s (seed %u): %.0f to %.0f", t->name, (unsigned)seed,
                 (double)(from - T0) / USEC_SECOND, (double)(to - T0) / USEC_SECOND);
    }
    nobody_good_is_punished(&w, t->name);
    end(&w);
}

static void nobody_is_punished_for_a_provider(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++)
        for (uint64_t seed = 1; seed <= 3; seed++)
            run_trouble(&troubles[i], seed);
}

/* --- what looks like harm and is none, and the other way round */
static void warm_up(struct world *w, int seconds)
{
    for (int i = 0; i < seconds; i++, step(w, USEC_SECOND))
        others(w, 3);
}

static void one_address_bouncing_is_one_bad_one_a_day(struct world *w)
{
    for (int i = 0; i < 600; i++, step(w, 10 * USEC_SECOND)) {
        if (i % 3 == 0)
            feed_at(w,
                    (struct outcome){.kind = OUTCOME_BOUNCED,
                                     .class = CLASS_UNKNOWN_USER,
                                     .customer = "acme",
                                     .recipient = i % 2 ? "Alarm@dead.test" : "alarm@dead.test"});
        deliver(w, "acme", NULL);
        others(w, 2);
    }
}

static void ones_own_mailbox_dilutes_nothing(struct world *w)
{
    for (int i = 0; i < 3000; i++, step(w, USEC_SECOND / 10)) {
        feed_at(w, (struct outcome){
                       .kind = OUTCOME_DELIVERED, .customer = "acme", .recipient = "me@acme.test"});
        if (i % 10 == 0)
            one(w, "acme", 0.3, CLASS_UNKNOWN_USER, NULL);
        others(w, 1);
    }
}

static void a_dead_domain_is_one_bad_one(struct world *w)
{
    for (int i = 0; i < 500; i++, step(w, USEC_SECOND)) {
        char recipient[64];
        snprintf(recipient, sizeof(recipient), "person%d@client.test", i);
        if (i % 2)
            feed_at(w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                        .class = CLASS_DOMAIN_NOT_FOUND,
                                        .customer = "acme",
                                        .recipient = recipient});
        deliver(w, "acme", NULL);
        others(w, 2);
    }
}

static void many_dead_domains_are_a_bought_list(struct world *w)
{
    for (int i = 0; i < 500; i++, step(w, USEC_SECOND)) {
        char recipient[64];
        snprintf(recipient, sizeof(recipient), "person@client%d.test", i);
        if (i % 3 == 0)
            feed_at(w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                        .class = CLASS_DOMAIN_NOT_FOUND,
                                        .customer = "acme",
                                        .recipient = recipient,
                                        .provider = ""});
        deliver(w, "acme", NULL);
        others(w, 2);
    }
}

// Its server answers "unknown user" for all: a place that nobody else writes to.
static void a_client_that_died_is_its_own_place(struct world *w)
{
    for (int i = 0; i < 4000; i++, step(w, USEC_SECOND)) {
        if (i > 2000 && i % 8 == 0)
            bounce(w, "acme", CLASS_UNKNOWN_USER, "mx.client.test");
        else if (i % 8 == 0)
            deliver(w, "acme", "mx.client.test");
        one(w, "acme", 0.005, CLASS_UNKNOWN_USER, NULL);
        others(w, 2);
    }
}

static void greylisting_is_nobodys_fault(struct world *w)
{
    for (int i = 0; i < 3000; i++, step(w, USEC_SECOND)) {
        feed_at(w, (struct outcome){.kind = OUTCOME_DEFERRED,
                                    .class = CLASS_TRANSIENT,
                                    .code = 450,
                                    .customer = "acme",
                                    .provider = "seznam"});
        deliver(w, "acme", "seznam");
        others(w, 2);
    }
    assert_null(found(w, ACTION_INCIDENT, "provider:seznam"));
}

static void complain(struct world *w, double part, usec_t late)
{
    usec_t sent = w->now;
    for (int i = 0; i < 4000; i++, step(w, USEC_SECOND / 5)) {
        deliver(w, "acme", NULL);
        others(w, 1);
    }
    step(w, late);
    for (int i = 0; i < (int)(part * 4000); i++, step(w, USEC_SECOND)) {
        usec_t at = sent + (usec_t)(uniform(w) * 800) * USEC_SECOND;
        feed_at(w, (struct outcome){.kind = OUTCOME_COMPLAINED,
                                    .class = CLASS_COMPLAINT,
                                    .customer = "acme",
                                    .delivered_at = at});
    }
}

static void few_complaints_in_a_row_are_still_few(struct world *w)
{
    complain(w, 0.001, 5 * USEC_HOUR);
}

static void many_complaints_suspend_however_late(struct world *w)
{
    complain(w, 0.02, 9 * USEC_HOUR);
}

static void many_complaints_suspend_days_later(struct world *w)
{
    complain(w, 0.02, 60 * USEC_HOUR);
}

static void few_complaints_days_later_are_still_few(struct world *w)
{
    complain(w, 0.001, 60 * USEC_HOUR);
}

static void bounces_by_mail_count_where_they_belong(struct world *w)
{
    usec_t sent = w->now;
    for (int i = 0; i < 2000; i++, step(w, USEC_SECOND / 5)) {
        deliver(w, "acme", NULL);
        others(w, 1);
    }
    step(w, 2 * USEC_HOUR);
    for (int i = 0; i < 20; i++)
        feed_at(w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                    .class = CLASS_UNKNOWN_USER,
                                    .customer = "acme",
                                    .delivered_at = sent + (usec_t)i * 20 * USEC_SECOND});
}

static void many_bounces_by_mail_suspend(struct world *w)
{
    usec_t sent = w->now;
    for (int i = 0; i < 2000; i++, step(w, USEC_SECOND / 5)) {
        deliver(w, "acme", NULL);
        others(w, 1);
    }
    step(w, 2 * USEC_HOUR);
    for (int i = 0; i < 400; i++, step(w, USEC_SECOND))
        feed_at(w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                    .class = CLASS_UNKNOWN_USER,
                                    .customer = "acme",
                                    .delivered_at = sent + (usec_t)i * USEC_SECOND});
}

static void a_slow_ramp_is_caught(struct world *w)
{
    for (int i = 0; i < 20000; i++, step(w, USEC_SECOND)) {
        one(w, "acme", 0.005 + 0.15 * i / 20000, CLASS_UNKNOWN_USER, NULL);
        others(w, 2);
    }
}

static void knowing_repeats_are_harm(struct world *w)
{
    for (int i = 0; i < 400; i++, step(w, USEC_SECOND)) {
        bool is_repeat = uniform(w) < 0.3;
        feed_at(w, (struct outcome){.kind = is_repeat ? OUTCOME_REFUSED : OUTCOME_ACCEPTED,
                                    .class = is_repeat ? CLASS_UNSUBSCRIBE : CLASS_DELIVERED,
                                    .customer = "acme"});
    }
}

static void refusals_for_a_limit_are_none(struct world *w)
{
    for (int i = 0; i < 900; i++, step(w, USEC_SECOND))
        feed_at(w, (struct outcome){.kind = i % 3 ? OUTCOME_REFUSED : OUTCOME_ACCEPTED,
                                    .class = i % 3 ? CLASS_OVER_LIMIT : CLASS_DELIVERED,
                                    .customer = "acme"});
}

static void list_mail_without_consent_is_harm(struct world *w)
{
    for (int rung = 0; rung < RUNG_N; rung++)
        w->policy.rungs[HARM_UNCONFIRMED][rung].rate = 0.1;
    reputation_set_policy(w->r, &w->policy);
    for (int i = 0; i < 400; i++, step(w, USEC_SECOND)) {
        bool is_bad = uniform(w) < 0.5;
        feed_at(w, (struct outcome){.kind = is_bad ? OUTCOME_HELD : OUTCOME_ACCEPTED,
                                    .class = is_bad ? CLASS_UNCONFIRMED : CLASS_DELIVERED,
                                    .stream = STREAM_LIST,
                                    .customer = "acme"});
    }
}

static void traps_weigh_heavily(struct world *w)
{
    for (int i = 0; i < 4; i++, step(w, USEC_HOUR))
        feed_at(w, (struct outcome){.kind = OUTCOME_TRAP, .customer = "acme"});
    const struct kept *k = found(w, ACTION_WARN, "customer:acme");
    assert_non_null(k);
    assert_string_equal(k->reason, "1 spam-trap hit in 7 days, limit 1");
    assert_non_null(found(w, ACTION_THROTTLE, "customer:acme"));
}

static void what_speaks_of_our_ip_is_not_the_customers(struct world *w)
{
    for (int i = 0; i < 500; i++, step(w, USEC_SECOND)) {
        feed_at(w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                    .class = CLASS_CONTENT_SPAM,
                                    .scope = SCOPE_IP,
                                    .customer = "acme"});
        feed_at(w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                    .class = CLASS_IP_REPUTATION_BLOCK,
                                    .scope = SCOPE_NETBLOCK,
                                    .customer = "acme"});
        others(w, 3);
    }
}

static void what_speaks_of_its_domain_is(struct world *w)
{
    for (int i = 0; i < 500; i++, step(w, USEC_SECOND)) {
        if (i % 4 == 0)
            feed_at(w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                        .class = CLASS_IP_REPUTATION_BLOCK,
                                        .scope = SCOPE_SENDER_DOMAIN,
                                        .customer = "acme"});
        deliver(w, "acme", NULL);
        others(w, 3);
    }
}

static void a_wrong_clock_moves_nothing(struct world *w)
{
    for (int i = 0; i < 400; i++, step(w, USEC_SECOND / 4)) {
        one(w, "acme", 0.3, CLASS_UNKNOWN_USER, NULL);
        others(w, 2);
        if (i % 20 == 7)
            feed_at(w, (struct outcome){.kind = OUTCOME_DELIVERED,
                                        .customer = "good1",
                                        .at = w->now + 400 * USEC_DAY});
        if (i % 20 == 9)
            feed_at(w, (struct outcome){
                           .kind = OUTCOME_DELIVERED, .customer = "good1", .at = -5 * USEC_DAY});
    }
    const struct kept *k = found(w, ACTION_SUSPEND, "customer:acme");
    assert_true(k && k->at <= w->now);
}

static void snow(struct world *w, double bad)
{
    for (int i = 0; i < 400; i++, step(w, 3 * USEC_SECOND)) {
        char name[16];
        snprintf(name, sizeof(name), "snow%d", i % 10);
        one(w, name, bad, CLASS_UNKNOWN_USER, NULL);
        others(w, 2);
    }
    int n = 0;
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "snow%d", i);
        n += is_punished(w, name);
    }
    if (bad > 0.1 ? n < 8 : n > 0) {
        dump(w);
        fail_msg("%d of ten at %.0f %%", n, bad * 100);
    }
}

static void ten_small_ones_are_caught_together(struct world *w)
{
    snow(w, 0.2);
}

static void ten_small_good_ones_are_not(struct world *w)
{
    snow(w, 0.01);
}

struct tale {
    const char *name;
    void (*tell)(struct world *w);
    enum action expected; // for acme; ACTION_POOL: none
};

#define TALE(f, expected)                                                                          \
    {                                                                                              \
#f, f, expected                                                                            \
    }
// clang-format off
static const struct tale tales[] = {
    TALE(one_address_bouncing_is_one_bad_one_a_day, ACTION_POOL),
    TALE(ones_own_mailbox_dilutes_nothing, ACTION_SUSPEND),
    TALE(a_dead_domain_is_one_bad_one, ACTION_POOL),
    TALE(many_dead_domains_are_a_bought_list, ACTION_SUSPEND),
    TALE(a_client_that_died_is_its_own_place, ACTION_POOL),
    TALE(greylisting_is_nobodys_fault, ACTION_POOL),
    TALE(few_complaints_in_a_row_are_still_few, ACTION_POOL),
    TALE(many_complaints_suspend_however_late, ACTION_SUSPEND),
    TALE(many_complaints_suspend_days_later, ACTION_SUSPEND),
    TALE(few_complaints_days_later_are_still_few, ACTION_POOL),
    TALE(bounces_by_mail_count_where_they_belong, ACTION_POOL),
    TALE(many_bounces_by_mail_suspend, ACTION_SUSPEND),
    TALE(a_slow_ramp_is_caught, ACTION_SUSPEND),
    TALE(knowing_repeats_are_harm, ACTION_SUSPEND),
    TALE(refusals_for_a_limit_are_none, ACTION_POOL),
    TALE(list_mail_without_consent_is_harm, ACTION_SUSPEND),
    TALE(traps_weigh_heavily, ACTION_SUSPEND),
    TALE(what_speaks_of_our_ip_is_not_the_customers, ACTION_POOL),
    TALE(what_speaks_of_its_domain_is, ACTION_SUSPEND),
    TALE(a_wrong_clock_moves_nothing, ACTION_SUSPEND),
    TALE(ten_small_ones_are_caught_together, ACTION_POOL),
    TALE(ten_small_good_ones_are_not, ACTION_POOL),
};
// clang-format on

static void tales_end_rightly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tales); i++) {
        struct world w;
        begin(&w, i + 1);
        warm_up(&w, 3000);
        tales[i].tell(&w);
        reputation_tick(w.r, w.now + USEC_HOUR);
        bool is_right = tales[i].expected == ACTION_POOL
                            ? !is_punished(&w, "acme")
                            : found(&w, tales[i].expected, "customer:acme") != NULL;
        if (!is_right) {
            dump(&w);
            fail_msg("%s", tales[i].name);
        }
        nobody_good_is_punished(&w, tales[i].name);
        end(&w);
    }
}

/* --- a restart */
static void mixed_step(struct world *w, int i)
{
    static const char *const mixed[] = {"acme", "beta", "gamma", "delta"};
    const char *name = mixed[i % 4];
    bool is_outage = i > 6000 && i < 9000;
    one(w, name,
        i % 4 == 0   ? 0.06
        : i % 4 == 1 ? 0.3 * (i > 4000)
                     : 0.01,
        i % 8 == 1 ? CLASS_CONTENT_SPAM : CLASS_UNKNOWN_USER, NULL);
    if (is_outage)
        for (int k = 0; k < 3; k++) {
            char good[16];
            snprintf(good, sizeof(good), "good%d", (int)(uniform(w) * GOOD));
            bounce(w, good, CLASS_UNKNOWN_USER, "gmx");
        }
    if (i % 7 == 0)
        feed_at(w, (struct outcome){.kind = OUTCOME_COMPLAINED,
                                    .class = CLASS_COMPLAINT,
                                    .customer = mixed[i % 3],
                                    .delivered_at = w->now - USEC_HOUR / 2});
    if (i % 11 == 0)
        feed_at(w, (struct outcome){.kind = OUTCOME_DEFERRED,
                                    .class = CLASS_IP_REPUTATION_BLOCK,
                                    .scope = SCOPE_IP,
                                    .customer = name,
                                    .provider = "yahoo",
                                    .ip = i % 2 ? "198.51.100.11" : NULL});
    if (i % 5 == 0)
        feed_at(w, (struct outcome){.kind = i % 25 ? OUTCOME_ACCEPTED : OUTCOME_REFUSED,
                                    .class = CLASS_UNSUBSCRIBE,
                                    .customer = "gamma"});
    if (i % 997 == 0)
        feed_at(w, (struct outcome){.kind = OUTCOME_TRAP, .customer = "delta"});
    others(w, 2);
    step(w, USEC_SECOND);
}

static void reload(struct world *w)
{
    struct buf out = {0};
    reputation_save(w->r, &out);
    struct reputation *next = fresh(w);
    assert_true(reputation_load(next, buf_bytes(&out)));
    reputation_free(w->r);
    w->r = next;
    buf_deinit(&out);
}

static void a_restart_changes_no_decision(void **state)
{
    (void)state;
    struct world a, b;
    begin(&a, 7);
    begin(&b, 7);
    for (int i = 0; i < 12000; i++) {
        mixed_step(&a, i);
        mixed_step(&b, i);
        if (i % 400 == 399 || (i > 6000 && i < 6040))
            reload(&b);
    }
    reputation_tick(a.r, a.now + 3 * USEC_DAY);
    reputation_tick(b.r, b.now + 3 * USEC_DAY);
    assert_true(a.n > 20);
    assert_int_equal(a.n, b.n);
    for (size_t i = 0; i < a.n; i++)
        assert_memory_equal(&a.kept[i], &b.kept[i], sizeof(a.kept[i]));
    end(&a);
    end(&b);
}

// The configuration named another IP when that was saved: it carries nobody's mail any more, and the
// guard must not count on it.
static void an_ip_that_is_gone_after_a_restart_keeps_no_pool_alive(void **state)
{
    (void)state;
    struct world w;
    struct buf out = {0};
    begin(&w, 14);
    reputation_set_ip(w.r, "198.51.100.10", "shared", true);
    reputation_set_ip(w.r, "198.51.100.11", "shared", true);
    warm_up(&w, 100);
    reputation_save(w.r, &out);
    struct reputation *next = fresh(&w);
    reputation_set_ip(next, "198.51.100.10", "shared", true);
    assert_true(reputation_load(next, buf_bytes(&out)));
    reputation_free(w.r);
    w.r = next;
    feed_at(&w, (struct outcome){.kind = OUTCOME_LISTED,
                                 .customer = "",
                                 .provider = "",
                                 .recipient = "",
                                 .zone = "zen.spamhaus.org",
                                 .answer = "127.0.0.2"});
    assert_null(found(&w, ACTION_PULL, "ip:198.51.100.10"));
    assert_non_null(found(&w, ACTION_CALL_OPERATOR, "ip:198.51.100.10"));
    buf_deinit(&out);
    end(&w);
}

static void broken_bytes_change_nothing(void **state)
{
    (void)state;
    struct world w;
    struct buf out = {0}, after = {0};
    begin(&w, 3);
    for (int i = 0; i < 300; i++)
        mixed_step(&w, i);
    reputation_save(w.r, &out);
    for (size_t n = 0; n < out.n; n += 1 + n / 50)
        assert_false(reputation_load(w.r, bytes_of(out.p, n)));
    reputation_save(w.r, &after);
    assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&after)));
    for (size_t i = 0; i < out.n; i += 1 + i / 25) { // each takes tens of MiB
        uint8_t was = out.p[i];
        out.p[i] ^= 0xa5;
        struct reputation *next = fresh(&w);
        if (reputation_load(next, buf_bytes(&out)))
            reputation_tick(next, w.now + USEC_DAY); // whatever it says now, it can live with it
        reputation_free(next);
        out.p[i] = was;
    }
    buf_deinit(&out);
    buf_deinit(&after);
    end(&w);
}

static void duplicates_count_once(void **state)
{
    (void)state;
    struct world a, b;
    begin(&a, 5);
    begin(&b, 5);
    for (int i = 0; i < 4000; i++, step(&a, USEC_SECOND), step(&b, USEC_SECOND)) {
        char recipient[64];
        snprintf(recipient, sizeof(recipient), "p%d@big.test", i);
        double draw = uniform(&a);
        struct outcome o = {.kind = draw < 0.04 ? OUTCOME_BOUNCED : OUTCOME_DELIVERED,
                            .class = draw < 0.04 ? CLASS_UNKNOWN_USER : CLASS_DELIVERED,
                            .customer = "acme",
                            .recipient = recipient,
                            .provider = providers[i % 5]};
        feed_at(&a, o);
        for (int k = 0; k < 3; k++)
            feed_at(&b, o);
    }
    assert_true(a.n > 0);
    assert_int_equal(a.n, b.n);
    for (size_t i = 0; i < a.n; i++)
        assert_memory_equal(&a.kept[i], &b.kept[i], sizeof(a.kept[i]));
    end(&a);
    end(&b);
}

/* --- the ladder's ends */
static void suspend_acme(struct world *w, const char *pool)
{
    warm_up(w, 2000);
    reputation_set_customer(w->r, "acme", pool);
    for (int i = 0; i < 300; i++, step(w, USEC_SECOND / 4)) {
        one(w, "acme", 0.4, CLASS_UNKNOWN_USER, NULL);
        others(w, 2);
    }
    assert_non_null(found(w, ACTION_SUSPEND, "customer:acme"));
}

static void a_suspension_ends_by_time_and_probation_begins(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 1);
    suspend_acme(&w, "premium");
    const struct kept *k = found(&w, ACTION_SUSPEND, "customer:acme");
    reputation_tick(w.r, w.now + 25 * USEC_HOUR);
    const struct kept *restored = found(&w, ACTION_RESTORE, "customer:acme");
    assert_non_null(restored);
    assert_true(restored->at == k->at + w.policy.expiry_suspend);
    assert_string_equal(restored->reason, "its time is over");
    assert_true(restored->is_over);
    const struct kept *last = NULL;
    for (size_t i = 0; i < w.n; i++)
        if (w.kept[i].action == ACTION_POOL)
            last = &w.kept[i];
    assert_non_null(last);
    assert_string_equal(last->pool, "probation");
    end(&w);
}

static void good_evidence_restores_sooner(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    warm_up(&w, 2000);
    for (int i = 0; !found(&w, ACTION_WARN, "customer:acme"); i++, step(&w, USEC_SECOND)) {
        assert_true(i < 3000);
        one(&w, "acme", 0.06, CLASS_UNKNOWN_USER, NULL);
        others(&w, 2);
    }
    usec_t warned = w.now;
    for (int i = 0; i < 4000; i++, step(&w, USEC_SECOND))
        one(&w, "acme", 0.001, CLASS_UNKNOWN_USER, NULL);
    const struct kept *k = found(&w, ACTION_RESTORE, "customer:acme");
    assert_non_null(k);
    assert_true(k->at < warned + USEC_DAY);
    assert_int_equal(strncmp(k->reason, "good evidence", 13), 0);
    assert_false(k->is_over);
    end(&w);
}

static void a_clean_record_moves_up(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 3);
    w.policy.pools.shared_age = USEC_HOUR;
    step(&w, USEC_SECOND);
    deliver(&w, "acme", NULL);
    reputation_set_customer(w.r, "acme", "probation");
    for (int i = 0; i < 1200; i++, step(&w, 5 * USEC_SECOND)) {
        one(&w, "acme", 0.002, CLASS_UNKNOWN_USER, NULL);
        others(&w, 1);
    }
    const struct kept *k = found(&w, ACTION_POOL, "customer:acme");
    assert_non_null(k);
    assert_string_equal(k->pool, "shared");
    end(&w);
}

// Names are the operator's: all that tells these two apart stands at their ends.
static void pools_are_told_apart_by_all_of_their_names(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 3);
    w.policy.pools.premium = "transactional-mail-premium";
    w.policy.pools.shared = "transactional-mail-shared";
    reputation_set_policy(w.r, &w.policy);
    suspend_acme(&w, "transactional-mail-shared");
    const struct kept *k = found(&w, ACTION_POOL, "customer:acme");
    assert_non_null(k);
    assert_string_equal(k->pool, "probation");
    end(&w);
}

static void a_step_says_how_rare_it_is_by_chance(void **state)
{
    (void)state;
    static const struct {
        enum action action;
        double bad, patience;
    } cases[] = {{ACTION_WARN, 0.05, 1e5}, {ACTION_SUSPEND, 0.5, 1e7}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        begin(&w, 11);
        warm_up(&w, 2000);
        for (int k = 0; !found(&w, cases[i].action, "customer:acme"); k++, step(&w, USEC_SECOND)) {
            assert_true(k < 3000);
            one(&w, "acme", cases[i].bad, CLASS_UNKNOWN_USER, NULL);
            others(&w, 2);
        }
        const struct kept *k = found(&w, cases[i].action, "customer:acme");
        assert_true(k->certainty >= cases[i].patience && k->certainty < cases[i].patience * 1000);
        end(&w);
    }
}

// As t-online does: an operator has to write to it. The customers whose mail met it did nothing.
static void a_block_of_an_ip_that_nobody_knows_there_blames_nobody(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 12);
    warm_up(&w, 2000);
    for (int i = 0; i < 200; i++, step(&w, USEC_SECOND)) {
        char name[16];
        snprintf(name, sizeof(name), "good%d", i % GOOD);
        feed_at(&w, (struct outcome){.kind = i % 2 ? OUTCOME_BOUNCED : OUTCOME_DEFERRED,
                                     .class = CLASS_IP_REPUTATION_BLOCK,
                                     .scope = SCOPE_IP,
                                     .customer = name,
                                     .provider = "t-online",
                                     .reply = "554 none bad reputation"});
        others(&w, 2);
    }
    const struct kept *k = found(&w, ACTION_PAUSE, "lane:198.51.100.10/t-online");
    assert_non_null(k);
    assert_int_equal(k->culprits_n, 0);
    assert_null(found(&w, ACTION_INCIDENT, "provider:t-online"));
    nobody_good_is_punished(&w, "never seen");
    end(&w);
}

static void what_others_decide_is_known(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 4);
    warm_up(&w, 2000);
    reputation_told(w.r, KIND_SUSPEND, "customer:acme", w.now + USEC_HOUR, w.now);
    for (int i = 0; i < 300; i++, step(&w, USEC_SECOND / 4)) {
        one(&w, "acme", 0.4, CLASS_UNKNOWN_USER, NULL);
        others(&w, 2);
    }
    assert_false(is_punished(&w, "acme")); // it is suspended already
    reputation_told(w.r, KIND_RESTORE, "customer:acme", 0, w.now);
    one(&w, "acme", 1, CLASS_UNKNOWN_USER, NULL);
    assert_false(is_punished(&w, "acme"));                                // all began anew
    reputation_told(w.r, KIND_SUSPEND, "customer:acme/spring", 0, w.now); // one list is not it
    for (int i = 0; i < 300; i++, step(&w, USEC_SECOND / 4)) {
        one(&w, "acme", 0.4, CLASS_UNKNOWN_USER, NULL);
        others(&w, 2);
    }
    assert_true(is_punished(&w, "acme"));
    end(&w);
}

static void without_a_policy_nothing_is_decided(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 5);
    w.policy.is_there = false;
    for (int i = 0; i < 1000; i++, step(&w, USEC_SECOND))
        one(&w, "acme", 0.5, CLASS_UNKNOWN_USER, NULL);
    assert_int_equal(w.n, 0);
    struct reputation_harm h;
    assert_true(reputation_harm_get(w.r, "acme", HARM_DEAD, &h));
    assert_true(h.bad > 400 && h.of == 1000 && h.level >= 100 && h.shrunk > 0.4);
    end(&w);
}

static void one_tenants_rule_is_no_incident_of_its_gateway(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 6);
    warm_up(&w, 3000);
    for (int i = 0; i < 900; i++, step(&w, USEC_SECOND)) {
        char name[16], recipient[64];
        snprintf(name, sizeof(name), "good%d", i % GOOD);
        snprintf(recipient, sizeof(recipient), "u%d@tenant.test", i);
        feed_at(&w, (struct outcome){.kind = OUTCOME_BOUNCED,
                                     .class = CLASS_UNDETERMINED,
                                     .customer = name,
                                     .recipient = recipient,
                                     .provider = "mimecast"});
        others(&w, 2);
    }
    assert_null(found(&w, ACTION_INCIDENT, "provider:mimecast"));
    end(&w);
}

static void signs_of_a_stolen_password_are_said(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 8);
    for (int i = 0; i < 3000; i++, step(&w, 120 * USEC_SECOND)) {
        reputation_submitted(w.r, "acme", w.now, i % 2 ? "a@one.test" : "b@two.test", 11, 22);
        deliver(&w, "acme", NULL);
        others(&w, 1);
    }
    for (int i = 0; i < 300; i++, step(&w, USEC_SECOND / 4)) {
        char recipient[64];
        snprintf(recipient, sizeof(recipient), "x%d@stranger%d.test", i, i);
        reputation_submitted(w.r, "acme", w.now, recipient, 99, 1000 + (uint32_t)i);
        one(&w, "acme", 0.4, CLASS_UNKNOWN_USER, NULL);
        others(&w, 2);
    }
    const struct kept *k = found(&w, ACTION_SUSPEND, "customer:acme");
    assert_non_null(k);
    assert_int_equal(strncmp(k->signs, "looks like a stolen password: ", 30), 0);
    end(&w);
}

// After a night without mail the first ones are all hours ahead. One of them with a mad clock, whichever
// it is, must not take everybody along.
static void clocks_that_go_wrong_move_no_time(void **state)
{
    (void)state;
    for (int mad = 0; mad < 20; mad++) {
        struct world w;
        begin(&w, 13);
        warm_up(&w, 100);
        step(&w, 8 * USEC_HOUR);
        for (int i = 0; i < 40; i++, step(&w, USEC_SECOND))
            feed_at(&w, (struct outcome){.kind = OUTCOME_DELIVERED,
                                         .customer = "acme",
                                         .at = i == mad ? w.now + 3650 * USEC_DAY : w.now});
        reputation_told(w.r, KIND_SUSPEND, "customer:acme", w.now + USEC_MINUTE, w.now);
        assert_true(reputation_due(w.r) == w.now + USEC_MINUTE);
        reputation_tick(w.r, w.now + USEC_MINUTE);
        const struct kept *k = found(&w, ACTION_RESTORE, "customer:acme");
        assert_non_null(k);
        assert_true(k->at == w.now + USEC_MINUTE);
        end(&w);
    }
}

struct traced {
    unsigned bad, anew;
};

static void trace(void *ctx, const struct reputation_trace *t)
{
    struct traced *n = ctx;
    n->bad += strcmp(t->what, "bad") == 0;
    n->anew += strcmp(t->what, "begins anew") == 0;
    assert_true(t->alarm[RUNG_WARN] > 0 || t->harm != HARM_DEAD);
}

static void the_path_can_be_traced(void **state)
{
    (void)state;
    struct world w;
    struct traced n = {0};
    begin(&w, 9);
    reputation_trace(w.r, "customer:acme", trace, &n);
    suspend_acme(&w, "shared");
    assert_true(n.bad > 60 && n.anew > 0);
    struct reputation_rung rung;
    assert_false(reputation_next_rung(w.r, "acme", &rung)); // there is none above
    assert_false(reputation_next_rung(w.r, "nobody", &rung));
    end(&w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(streams_are_judged),
    cmocka_unit_test(nobody_is_punished_for_a_provider),
    cmocka_unit_test(tales_end_rightly),
    cmocka_unit_test(a_restart_changes_no_decision),
    cmocka_unit_test(an_ip_that_is_gone_after_a_restart_keeps_no_pool_alive),
    cmocka_unit_test(broken_bytes_change_nothing),
    cmocka_unit_test(duplicates_count_once),
    cmocka_unit_test(a_suspension_ends_by_time_and_probation_begins),
    cmocka_unit_test(good_evidence_restores_sooner),
    cmocka_unit_test(a_clean_record_moves_up),
    cmocka_unit_test(pools_are_told_apart_by_all_of_their_names),
    cmocka_unit_test(a_step_says_how_rare_it_is_by_chance),
    cmocka_unit_test(a_block_of_an_ip_that_nobody_knows_there_blames_nobody),
    cmocka_unit_test(clocks_that_go_wrong_move_no_time),
    cmocka_unit_test(what_others_decide_is_known),
    cmocka_unit_test(without_a_policy_nothing_is_decided),
    cmocka_unit_test(one_tenants_rule_is_no_incident_of_its_gateway),
    cmocka_unit_test(signs_of_a_stolen_password_are_said),
    cmocka_unit_test(the_path_can_be_traced),
};
TEST_MAIN(tests)
