/* May this customer hand in one more recipient? Standing first, then rates; a refusal in words that a
 * customer understands. No I/O; the buckets are the only thing it changes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/words.h"

struct smtp_reply;
struct state;

/* Tokens that a transaction took, to be given back when no message comes of it. */
struct judge_taken {
    uint32_t own, throttle, list;
};

struct judge_case {
    struct state *state;
    const char *customer, *list; // list "" for none
    unsigned refusal;            // of a suspended customer: 450 or 550
    usec_t wall, now;            // now: monotonic
};

/* True: may, and *taken counts it. False: reply and class say why not. */
bool judge_recipient(const struct judge_case *c, struct judge_taken *taken,
                     struct smtp_reply *reply, enum class *class);
/* No message came of it: the tokens are there again. Empties *taken. */
void judge_give_back(struct state *state, const char *customer, const char *list,
                     struct judge_taken *taken);
