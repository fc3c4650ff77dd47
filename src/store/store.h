/* The state directory: SQLite, the spool's segments, and the two threads that write them.
 *
 * Mail goes through one log of facts, the *journal* (store/spool.h): a thread appends what arrived
 * and what became of it, one fdatasync a commit for everybody whose DATA ended meanwhile. SQLite is
 * the fold of that log: once a second the *db* thread takes a prefix of it, writes what is still
 * waiting as index rows and every outcome as history, and the position, in one transaction; after a
 * crash the log is read on from there. So a message that is delivered in its first second never
 * touches the database, and its body is written once. Standing, rotation and customers go through
 * the *ledger* (store/ledger.h), which is SQLite's own and flushed entry by entry group.
 * Reads run on a third thread with its own read-only connection. The loop never waits for a disk.
 *
 * All functions are called on the loop; all callbacks come there. A write or flush that fails but for
 * want of space is the end: `on_fatal` is called once, nothing is accepted any more. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/id.h"

struct uv_loop_s;
struct store;

struct store_options {
    const char *dir;       // exists or is made, 0700
    uint64_t disk_reserve; // below this much free: store_may_accept() is false
    usec_t history_kept;   // outcomes older than this are deleted; 30 days
    void (*on_fatal)(void *ctx, const char *why);
    void *ctx;
};

/* Opens, locks (one engine a state), migrates, recovers. 0, or 1 with *why (owned text that names
 * the path, and who holds it): the state can't be used. Blocks; called before the loop runs. */
int store_open(struct store **out, struct uv_loop_s *loop, const struct store_options *options,
               char **why);
/* Ends the threads after all that was handed in is on disk; callbacks still due are made before it
 * returns. Blocks. An open store keeps its loop alive; run the loop once more to free its handle. */
struct store *store_close(struct store *s);

struct node_id store_node_id(const struct store *s);
/* A fresh id for a message made now. */
struct message_id store_message_id(struct store *s, usec_t now);

/* False while free space is below the reserve, or the last commit failed for want of space; looked at
 * every second, becomes true again by itself. */
bool store_may_accept(const struct store *s);
uint64_t store_disk_free(const struct store *s);

/* For benchmarks and `status`: since the start. */
struct store_figures {
    uint64_t commits, flushes, bytes; // of journal and database
    uint64_t recovered;               // messages read back from the journal at the start
};
void store_figures_get(const struct store *s, struct store_figures *f);
