/* The ledger: the append-only, hash-chained record of every action, and the one way that standing,
 * rotation and customers change.
 *
 * An entry is one JSON object, `v node seq hlc at actor kind target reason evidence fields expires
 * names prev person_digest`; its hash is SHA-256 over exactly the bytes stored, `prev` the hash before
 * it in this node's chain. Persons' addresses stand in a part beside the entry, which has only
 * SHA-256(salt ‖ part): erasing part and salt leaves the chain whole. Columns beside the bytes are
 * copies for sorting. ledger_append (mine) and ledger_import (another node's bytes) end in the same
 * apply; nobody else learns where an entry came from. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "core/entry.h"

struct store;

enum { LEDGER_HASH = 32 };

/* Entry, hash and what the list shows. Owned by the callback. */
struct ledger_row {
    struct entry *entry;
    char hash[2 * LEDGER_HASH + 1]; // hexadecimal
    char *bytes;                    // the JSON exactly as stored
};
struct ledger_row *ledger_rows_free(struct ledger_row *rows, size_t n);

/* Appends my entry (moved in): sets name, hlc and at are given on return already in *e's copy that
 * `done` receives. `done` runs on the loop after the flush with the entry as written (borrowed) and
 * its hash, or with r < 0 (-ENOSPC: not written, nothing changed). In order of the calls. */
void ledger_append(struct store *s, struct entry *e,
                   void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx);
/* Takes in another node's entry from its bytes and its persons: `SALT PART`, the salt as 32
 * hexadecimal digits (NULL: none, or erased). 0; 1 it is no entry, its persons do not fit its digest,
 * or it does not fit its chain; < 0 a fault. Twice the same is 0. Blocks; tests and, later, the
 * fleet. */
int ledger_import(struct store *s, const char *bytes, const char *person);

/* Every entry that folds (holds, lifts, registers), oldest first; before the loop runs (blocks). */
void ledger_each(struct store *s, void (*each)(void *ctx, const struct entry *e), void *ctx);

/* All of this node's entries since then (wall), oldest first, without persons' parts. Before the loop
 * runs (blocks). */
void ledger_each_since(struct store *s, usec_t since,
                       void (*each)(void *ctx, const struct entry *e), void *ctx);

/* This node's entries since then (wall) that are about an incident: with such a target, or with a field
 * `incident`; oldest first. Before the loop runs (blocks); reads the index by time, then each entry since
 * then. */
void ledger_each_incident(struct store *s, usec_t since,
                          void (*each)(void *ctx, const struct entry *e), void *ctx);

/* The highest N of this node's entries on `incident:N`, 0: none; reads the index. Likewise. */
uint32_t ledger_last_incident(struct store *s);

/* Newest first, from `before_seq` (0: the newest) of this node; target NULL: any. */
void ledger_list(struct store *s, const char *target, uint64_t before_seq, size_t limit,
                 void (*done)(void *ctx, struct ledger_row *rows, size_t n, uint64_t total),
                 void *ctx);
/* One entry of this node; n = 0 in `done` when there is none. */
void ledger_get(struct store *s, uint64_t seq,
                void (*done)(void *ctx, struct ledger_row *rows, size_t n, uint64_t total),
                void *ctx);

/* Checks the whole chain: hashes, links, gaps, copies in the columns, person digests. */
struct ledger_check {
    uint64_t entries;    // checked
    uint64_t broken_seq; // 0: the chain holds
    char why[160];       // what is wrong there
};
void ledger_verify(struct store *s, void (*done)(void *ctx, const struct ledger_check *c),
                   void *ctx);
/* The same on a state directory without an engine (read-only). 0, or 1 with *why. Blocks. */
int ledger_verify_dir(const char *dir, struct ledger_check *c, char **why);
