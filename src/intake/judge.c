#include "intake/judge.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/state.h"
#include "intake/rate.h"
#include "intake/suppressed.h"
#include "smtp/reply.h"

enum { REASON = 400, WHO = 160, TARGET = sizeof("customer:") - 1 };

// `2026-11-24T16:04:31Z`: whole seconds are enough for people.
static void seconds_text(char out[CLOCK_TEXT], usec_t at)
{
    char whole[CLOCK_TEXT];
    clock_format(whole, at);
    snprintf(out, CLOCK_TEXT, "%.19sZ", whole);
}

// "customer acme", or "list acme/spring" when the hold is the list's own.
static void who_text(char out[WHO], const struct entry *hold, const char *customer)
{
    const char *target = hold && strlen(hold->target) > TARGET ? hold->target + TARGET : customer;
    snprintf(out, WHO, "%s %s", strchr(target, '/') ? "list" : "customer", target);
}

static void refuse_suspended(const struct judge_case *c, const struct entry *hold,
                             struct smtp_reply *reply)
{
    char who[WHO], reason[REASON] = "", until[CLOCK_TEXT + 8] = "";
    who_text(who, hold, c->customer);
    if (hold)
        text_visible(reason, sizeof(reason), hold->reason, strlen(hold->reason));
    if (hold && hold->expires_at != USEC_NEVER) {
        char at[CLOCK_TEXT];
        seconds_text(at, hold->expires_at);
        snprintf(until, sizeof(until), " until %s", at);
    }
    bool is_final = c->refusal >= 500;
    smtp_reply_set(reply, is_final ? 550 : 450, is_final ? "5.7.1" : "4.7.1",
                   "%s is suspended%s%s%s", who, until, *reason ? ": " : "", reason);
}

struct limit {
    struct rate_bucket *bucket;
    uint32_t count;
    usec_t per;
    uint32_t *taken;
    const char *word; // what it is, for the refusal
};

// The rates in force, the customer's own first. Gives their number.
static size_t limits_of(const struct judge_case *c, struct judge_taken *taken, struct limit out[3])
{
    struct state_customer *customer = state_customer_add(c->state, c->customer);
    size_t n = 0;
    uint32_t count;
    usec_t per;
    if (customer->rate_per)
        out[n++] = (struct limit){&rate_account_of(customer)->own, customer->rate,
                                  customer->rate_per, &taken->own, "customer"};
    if (state_throttle(c->state, c->customer, "", c->wall, &count, &per))
        out[n++] = (struct limit){&rate_account_of(customer)->throttle, count, per,
                                  &taken->throttle, "throttled customer"};
    if (*c->list && state_throttle(c->state, c->customer, c->list, c->wall, &count, &per))
        out[n++] = (struct limit){rate_account_list(rate_account_of(customer), c->list), count, per,
                                  &taken->list, "throttled list"};
    return n;
}

static void refuse_over_limit(const struct judge_case *c, const struct limit *l, usec_t next_at,
                              struct smtp_reply *reply)
{
    char rate[TEXT_VALUE], at[CLOCK_TEXT];
    text_format_rate(rate, l->count, l->per);
    seconds_text(at, c->wall + (next_at - c->now) + USEC_SECOND); // rounded up
    bool is_list = strstr(l->word, "list") != NULL;
    smtp_reply_set(reply, 450, "4.7.1",
                   "%s %s%s%s is over its rate of %s recipients: try again at %s", l->word,
                   c->customer, is_list ? "/" : "", is_list ? c->list : "", rate, at);
}

// Does no mail go to the address?
static bool is_suppressed(const struct judge_case *c, const struct suppression_expected *expected,
                          struct smtp_reply *reply, struct judge_refusal *refusal)
{
    const struct suppression *one =
        c->suppressions
            ? suppressions_find_expected(c->suppressions, expected, c->customer, c->list, c->wall)
            : NULL;
    if (!one)
        return false;
    *refusal = (struct judge_refusal){.class = (enum class)one->class,
                                      .is_trap = one->flags & SUPPRESSION_TRAP};
    suppressed_refuse(one, c->address, c->store, reply);
    return true;
}

bool judge_recipient(const struct judge_case *c, struct judge_taken *taken,
                     struct smtp_reply *reply, struct judge_refusal *refusal)
{
    const struct entry *hold = NULL;
    struct suppression_expected expected = {0, 0};
    if (c->suppressions)
        expected = suppressions_expect(c->suppressions, c->address);
    *refusal = (struct judge_refusal){.class = CLASS_SUSPENDED};
    if (state_standing(c->state, c->customer, c->list, c->wall, &hold) == STANDING_SUSPENDED) {
        refuse_suspended(c, hold, reply);
        return false;
    }
    struct limit limits[3];
    size_t n = limits_of(c, taken, limits);
    if (is_suppressed(c, &expected, reply, refusal)) // as late as it may be: memory is slow
        return false;
    for (size_t i = 0; i < n; i++) {
        usec_t next_at;
        if (rate_take(limits[i].bucket, limits[i].count, limits[i].per, c->now, &next_at))
            continue;
        refusal->class = CLASS_OVER_LIMIT;
        refuse_over_limit(c, &limits[i], next_at, reply);
        while (i--)
            rate_give_back(limits[i].bucket, 1);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        ++*limits[i].taken;
    return true;
}

void judge_give_back(struct state *state, const char *customer, const char *list,
                     struct judge_taken *taken)
{
    struct judge_taken t = *taken;
    *taken = (struct judge_taken){0};
    if (!t.own && !t.throttle && !t.list)
        return;
    struct rate_account *account = rate_account_of(state_customer_add(state, customer));
    rate_give_back(&account->own, t.own);
    rate_give_back(&account->throttle, t.throttle);
    if (t.list)
        rate_give_back(rate_account_list(account, list), t.list);
}
