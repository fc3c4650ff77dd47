/* The db thread: SQLite's only writer. Once a second, or when enough was written, it folds the
 * journal on; between folds it writes ledger entries, all that wait in one flushed transaction. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "store/db.h"
#include "store/job.h"
#include "store/ledger_row.h"
#include "store/record.h"
#include "store/suppress_bucket.h"

struct store;

enum {
    FOLD_RECORDS = 5000, // a fold begins at the latest when so many wait, and takes no more
    FOLD_SCARCE = 500,   // the same when there is hardly any space
    FOLD_SPAN = 1000000, // µs from one to the next
};

struct writer;

/* Words of the dictionary by text; the db thread's. */
struct words {
    struct map ids;
};
int64_t words_id(struct words *w, struct db *d, const char *text);
void words_deinit(struct words *w);

/* Something that the caller waits for while the db thread does it. */
struct writer_call {
    struct list link;
    void (*run)(struct writer *w, struct writer_call *call);
    bool is_done;
};

struct writer {
    struct store *store;
    pthread_t thread;
    bool is_running;

    pthread_mutex_t lock; // for all to the next blank line
    pthread_cond_t wake;
    struct list entries;    // ledger jobs: struct append_job
    struct list calls;      // struct writer_call
    struct list trails;     // trail jobs: written beside the next fold…
    bool has_durable_trail; // …but at once when one of them is waited for
    pthread_cond_t called;
    struct list after; // jobs that go to the query thread after the next fold…
    usec_t after_at;   // …which begins no later than this (monotonic)
    uint64_t unfolded; // records written since the last fold, about
    bool must_stop;

    struct db db; // the thread's own from here on (before it runs: the opener's)
    struct words words;
    struct place position;
    struct place flushed;  // position in the last flushed transaction
    usec_t flushed_at;     // monotonic
    int64_t history_count; // running number in history ids
    struct map thinned;    // segment → rows when its holes were last punched
    int64_t trail_bytes;   // what the trail weighs
    usec_t trail_swept_at; // monotonic: when old ones were looked for
    uint64_t trail_missed; // dropped ones that were told of
    struct ledger_head head;
    struct bucket_changes suppress;
};

/* Opens, migrates, reads where things stand, and folds what the journal has beyond. 0; or 1 with
 * *why. Blocks. */
int writer_open(struct writer *w, struct store *s, char **why);
void writer_start(struct writer *w);
/* Ends the thread and folds what is left. The journal has stopped before. */
void writer_stop(struct writer *w);
/* Closes the database: after the readers, so that the WAL goes into the file. */
void writer_deinit(struct writer *w);

/* Thread-safe: about so many records were written. */
void writer_wrote(struct store *s, uint64_t records);
/* A ledger job: run in a flushed transaction, with others. */
void writer_add(struct store *s, struct job *job);
/* A trail job: written with the next fold, or at once. */
void writer_add_trail(struct store *s, struct job *job, bool is_at_once);
/* Hands the job to the query thread when all that was said before is folded. */
void writer_query_after(struct store *s, struct job *job);
/* Blocks until the db thread has run it. */
void writer_call(struct store *s, struct writer_call *call);
