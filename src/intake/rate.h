/* How many recipients a customer may hand in: token buckets, kept in state_customer.intake. A rate of
 * 100/h means: 100 at once, then one every 36 s. Pure but for memory; time is monotonic. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/map.h"

struct state_customer;

/* Zeroed is full. */
struct rate_bucket {
    uint32_t count; // the rate it was last used with: so many…
    usec_t per;     // …in this span
    double left;    // tokens, at most count
    usec_t at;      // when `left` was right
};

/* One token. False: there is none, the next comes at *next_at. A rate other than the last one keeps
 * what is left, as far as it fits. */
bool rate_take(struct rate_bucket *b, uint32_t count, usec_t per, usec_t now, usec_t *next_at);
/* n tokens were taken for nothing. */
void rate_give_back(struct rate_bucket *b, uint32_t n);

/* A customer's buckets: its own rate, a throttle's, and those of throttled lists. */
struct rate_account {
    struct rate_bucket own, throttle;
    struct map lists; // name → struct rate_bucket
};

/* Made when it is new. */
struct rate_account *rate_account_of(struct state_customer *c);
struct rate_bucket *rate_account_list(struct rate_account *a, const char *list);
/* Frees the customer's account, if there is one. */
void rate_account_drop(struct state_customer *c);
