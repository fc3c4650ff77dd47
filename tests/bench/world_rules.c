#include "world_rules.h"

#include <string.h>

enum { LAST = 1000, PERCENT = 5 };

static bool is_over_percent(struct rule_customer *c, bool is_bad)
{
    uint32_t i = c->n++ % LAST;
    uint64_t bit = 1ULL << i % 64, *word = &c->last[i / 64];
    c->bad -= c->n > LAST && (*word & bit);
    *word = is_bad ? *word | bit : *word & ~bit;
    c->bad += is_bad;
    return c->n >= LAST && c->bad > LAST * PERCENT / 100;
}

static bool is_fifth(struct rule_customer *c, usec_t at)
{
    usec_t *slot = &c->replies[c->replies_n++ % 5];
    bool is_it = c->replies_n > 4 && at - c->replies[c->replies_n % 5] < USEC_HOUR;
    *slot = at;
    return is_it;
}

static bool reads_like_trouble(const char *reply)
{
    static const char *const words[] = {"user unknown", "spam", "blocked", "reputation",
                                        "does not exist"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(reply, words[i]))
            return true;
    return false;
}

void rules_on_outcome(void *ctx, const struct outcome *o, uint32_t customer)
{
    struct rules *r = ctx;
    if (customer == UINT32_MAX)
        return;
    struct rule_customer *c = &r->customers[customer];
    bool is_bad = o->kind == OUTCOME_BOUNCED;
    if ((is_bad || o->kind == OUTCOME_DELIVERED) && is_over_percent(c, is_bad))
        world_fate(r->w, &r->fates[RULE_PERCENT][customer], customer);
    if ((is_bad || o->kind == OUTCOME_DEFERRED) && reads_like_trouble(o->reply) &&
        is_fifth(c, o->at))
        world_fate(r->w, &r->fates[RULE_PATTERN][customer], customer);
}
