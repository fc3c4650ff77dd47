/* Two fixed rules as people have them, for comparison: over 5 % of the last 1,000 final outcomes
 * bounced (and there are 1,000); a reply that reads like trouble five times within an hour. Either
 * suspends. They judge a world in which nothing is enforced, and see what came of it first. */
#pragma once
#include "world.h"

enum { RULE_PERCENT, RULE_PATTERN, RULES };

struct rule_customer {
    uint64_t last[16]; // ring of 1,000 bits: bounced
    uint32_t n, bad;
    usec_t replies[5]; // ring
    uint32_t replies_n;
};

struct rules {
    struct world *w;
    struct rule_customer customers[WORLD_CUSTOMERS];
    struct world_fate fates[RULES][WORLD_CUSTOMERS];
};

/* world's on_outcome; `ctx` is a struct rules. */
void rules_on_outcome(void *ctx, const struct outcome *o, uint32_t customer);
