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
    *k = (struct kept){.at = d->at, .action = d->action, .harm = d->harm};
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(streams_are_judged),
};
TEST_MAIN(tests)
