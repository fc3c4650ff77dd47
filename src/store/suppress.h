/* Suppressions on disk: a row an (address or domain, owner), made and removed by ledger entries.
 *
 * The ledger's entry (KIND_SUPPRESS, KIND_UNSUPPRESS; at most SUPPRESS_BATCH addresses each) says who, why,
 * how many and for whom; the addresses stand only here, in rows that name the entry, so that a person can be
 * erased and the chain still verifies. Entry and rows are written in one transaction. Suspects (evidence
 * below a suppression) are rows without an entry. All calls on the loop; callbacks come there. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/suppression.h"

struct entry;
struct ledger_row;
struct store;

enum { SUPPRESS_BATCH = 20000 };

/* One row. Texts are copied. */
struct suppress_row {
    const char *address;  // or "@domain"
    const char *owner;    // "", "acme" or "acme/spring"
    const char *provider; // "" : nobody's answers
    const char *reason; // the answer that made it, or an operator's words; visible text, "" : none
    struct suppression
        s; // key and owner are those of the texts; its `provider` is set by the store
};

/* The node's hash key for addresses; made at the first start and never changed. */
void suppress_hash(struct store *s, struct hash_key *out);
/* Fills the loop's copy with what has not ended. Before the loop runs (blocks); five million in less
 * than a second. */
void suppress_load(struct store *s, struct suppressions *to);
/* A provider as the loop's copy names it: the same number in every process; 0 for "", and for all beyond
 * 65,535. And back; "" for 0. */
uint16_t suppress_provider(struct store *s, const char *name);
const char *suppress_provider_name(const struct store *s, uint16_t number);

/* Writes entry (moved in; NULL for suspects) and rows; the entry gets a field `addresses`, how many. A row
 * takes the place of the same address and owner's. `done` as of ledger_append(); `row` is NULL without an
 * entry. The caller has put them into its copy before, or does so in `done`: a suppression protects, so it
 * may rule at once. */
void suppress_add(struct store *s, struct entry *e, const struct suppress_row *rows, size_t n,
                  void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx);

/* Removes rows: exactly these (address, owner), or, when `provider` is not NULL, all that this provider's
 * answers made since then and no hand touched, suspects too. The entry (moved in) is written when one was
 * removed, with a field `addresses`; of a provider's its reason then begins with `2 addresses: `. `removed` is for the loop's copy: who stands there differently has been
 * put anew meanwhile. */
struct suppress_removal {
    const struct suppress_row *rows; // address and owner count
    size_t n;
    const char *provider;
    usec_t since;
    uint64_t entry_seq; // not 0: all rows that this entry of ours made (undo)
};
struct suppress_removed {
    int r;                             // < 0: nothing happened
    const struct ledger_row *row;      // the entry as written; NULL when nothing was removed
    const struct suppression *removed; // borrowed
    size_t n;
};
void suppress_remove(struct store *s, struct entry *e, const struct suppress_removal *what,
                     void (*done)(void *ctx, const struct suppress_removed *removed), void *ctx);

/* For people: rows in the order of their key, behind `after` (0: from the first), at most `limit`. */
struct suppress_query {
    const char *what;   // one address or domain; NULL: any
    const char *owner;  // NULL: any
    bool has_suspects;  // they too
    uint64_t after_key; // behind this row, as `s` of the last one has key and owner
    uint32_t after_owner;
    size_t limit;
};
void suppress_list(struct store *s, const struct suppress_query *q,
                   void (*done)(void *ctx, const struct suppress_row *rows, size_t n,
                                bool has_more),
                   void *ctx);
/* The sweep: rows that ended before `now` go; each call looks at the next 64th of all, in a transaction
 * with others'. The loop's copy forgets them by itself. */
void suppress_sweep(struct store *s, usec_t now);
