/* Fair turns: deficit round robin (Shreedhar, Varghese 1995) over things with queues. A member with
 * one message waits behind one message of the one with a million, not behind the million. O(1). Pure;
 * members stand in the owner's structs. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct fair_member {
    struct list link;
    uint64_t deficit; // what it may still use this turn, in units of cost
    bool is_active;   // in the round
};

struct fair {
    struct list round; // active members; the first is served
    uint64_t quantum;  // added at each turn, in units of cost (bytes)
};

void fair_init(struct fair *f, uint64_t quantum);
/* It has something to send: joins the end of the round with nothing saved up. */
void fair_activate(struct fair *f, struct fair_member *m);
/* It has nothing (or may not) now: leaves, and its deficit with it. */
void fair_deactivate(struct fair *f, struct fair_member *m);
/* Whose turn it is for something that costs cost(m); NULL: nobody is active. Moves on the round as
 * far as needed. `cost` gives the cost of the member's next thing, > 0. */
struct fair_member *fair_next(struct fair *f, uint64_t (*cost)(struct fair_member *m));
/* It sent something of that cost. */
void fair_charge(struct fair *f, struct fair_member *m, uint64_t cost);
