/* History: every outcome, kept for a while, for `events`, the pages and the counters at a start.
 * Written by the db thread from the journal (store/store.h); read on the reader thread. */
#pragma once
#include <stddef.h>

#include "core/outcome.h"

struct store;

struct history_query {
    usec_t since;         // 0: from the oldest
    const char *customer; // NULL: any; the same for the others
    const char *ip;
    const char *provider;
    const char *message;   // ULID text
    bool has_recipient_no; // of a message: only this recipient of it
    uint32_t recipient_no;
    const char *recipient; // an address, in any case; no index leads to it
    bool is_bad_only;      // bounced, expired, deferred, complained
    bool newest_first;
    size_t limit;
};

/* One of them leads by its index, the others are tests: where what is asked for is rare among millions
 * of others, the search ends after a second with what it found till then.
 * `done` gets the outcomes (borrowed during the call). Ties in time keep the order they came in. */
void history_list(struct store *s, const struct history_query *q,
                  void (*done)(void *ctx, const struct outcome *outcomes, size_t n), void *ctx);

/* Every outcome from `since` on, oldest first, ties in time in the order they came in: all that
 * reputation reads. Before the loop runs (blocks; some 500,000 a second). */
void history_each(struct store *s, usec_t since, void (*each)(void *ctx, const struct outcome *o),
                  void *ctx);

/* Sums for the counters at a start: per customer, IP, (IP, provider), hour or, for the last hour,
 * minute; before the loop runs (blocks). `n` outcomes of that kind and class at bucket time `at`. */
struct history_sum {
    const char *customer, *ip, *provider;
    enum outcome_kind kind;
    enum class class;
    usec_t at;
    uint32_t n;
};
void history_each_sum(struct store *s, usec_t now,
                      void (*each)(void *ctx, const struct history_sum *h), void *ctx);

/* Who used an IP, or which IPs a customer used, in the last hour and day. */
struct history_share {
    char name[64]; // of the customer or the IP
    uint64_t delivered, bounced;
};
void history_shares(struct store *s, const char *ip, const char *customer, usec_t since,
                    void (*done)(void *ctx, const struct history_share *shares, size_t n),
                    void *ctx);
