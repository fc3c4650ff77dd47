/* May this customer hand in one more recipient? Standing first, then whether any mail goes to the address,
 * then rates; a refusal in words that a customer understands. No I/O; the buckets are the only thing it
 * changes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/words.h"

struct smtp_reply;
struct state;
struct store;
struct suppressions;

/* Tokens that a transaction took, to be given back when no message comes of it. */
struct judge_taken {
    uint32_t own, throttle, list;
};

struct judge_case {
    struct state *state;
    const char *customer, *list; // list "" for none
    const char *address;
    const struct suppressions *suppressions; // NULL: nobody is suppressed
    const struct store *store;               // has their providers' names
    unsigned refusal;                        // of a suspended customer: 450 or 550
    usec_t wall, now;                        // now: monotonic
};

/* Why not. */
struct judge_refusal {
    enum class class;
    bool is_trap; // the address is a spam trap
};

/* True: may, and *taken counts it. False: reply and refusal say why not. */
bool judge_recipient(const struct judge_case *c, struct judge_taken *taken,
                     struct smtp_reply *reply, struct judge_refusal *refusal);
/* No message came of it: the tokens are there again. Empties *taken. */
void judge_give_back(struct state *state, const char *customer, const char *list,
                     struct judge_taken *taken);
