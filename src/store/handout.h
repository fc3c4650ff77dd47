/* Which waiting recipients are in somebody's hands, so that spool_due() gives each out once.
 *
 * A recipient is *out* from the moment it is given (added and kept, or handed out) until its outcome
 * or parking has reached the database: until then the row there still tells the old story. So an
 * entry has two halves: `is_held` by the caller, and `unfolded` facts on their way; it goes when both
 * are gone. What it is for: a query skips what is out, and needs no write to say what it took.
 *
 * A customer's `from` spares the query what it skipped before: every row due before it is out. It
 * falls back whenever a row may have come before it. `returns` is the number of the newest fact that
 * will make a row visible that is not yet: until it is folded, "nothing waits" would be a lie.
 * Thread-safe; memory grows with what callers hold. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/map.h"
#include "core/id.h"

struct handout_slot {
    struct message_id message;
    uint32_t no;
    uint16_t unfolded;
    bool is_held, is_used;
};

struct handout {
    pthread_mutex_t lock;
    struct handout_slot *slots; // open addressing; a power of two
    size_t room, count;
    struct map customers; // name → struct handout_customer
    uint64_t returns;     // like a customer's, of those that nobody named
};

struct handout_customer {
    usec_t from;
    uint64_t changed; // counts fall-backs: a query that began before one keeps its hands off `from`
    uint64_t returns;
};

void handout_init(struct handout *h);
void handout_deinit(struct handout *h);

bool handout_is_free(struct handout *h, struct message_id message, uint32_t no);
/* Recipients 0 to n − 1 of a message are held. */
void handout_hold_all(struct handout *h, struct message_id message, uint32_t n);
/* Holds it unless it is out already; false then. */
bool handout_take(struct handout *h, struct message_id message, uint32_t no);
/* Nobody holds them: their rows are visible from the fold of fact number `fact` on. */
void handout_let_go(struct handout *h, struct message_id message, uint32_t n, const char *customer,
                    usec_t due_at, uint64_t fact);
/* A fact about it is about to be handed in; its holder lets go. */
void handout_fact(struct handout *h, struct message_id message, uint32_t no);
/* Fact number `fact` will make a row of the customer's due later (NULL: nobody says whose). */
void handout_returns(struct handout *h, const char *customer, uint64_t fact);
/* That fact is in the database. */
void handout_folded(struct handout *h, struct message_id message, uint32_t no);
/* A row of the customer was written that is due at due_at. */
void handout_row(struct handout *h, const char *customer, usec_t due_at);

/* What a query for the customer should begin with, and how it ends. */
struct handout_customer handout_query(struct handout *h, const char *customer);
void handout_queried(struct handout *h, const char *customer, uint64_t changed, usec_t from);
