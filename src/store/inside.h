/* The inside of the store, for its own files. */
#pragma once
#include <stdatomic.h>

#include "base/map.h"
#include "store/handout.h"
#include "store/job.h"
#include "store/journal.h"
#include "store/store.h"
#include "store/writer.h"

enum {
    SPARE_SEGMENT = 2 << 20, // of the journal, bytes; two of them
    SPARE_PAGES = 1 << 10    // of the database
};

struct store {
    struct store_options options; // dir is ours
    struct uv_loop_s *loop;
    int lock_fd, folder; // DIR/lock, DIR/spool
    struct node_id node;
    uint64_t ids; // running count for message ids

    struct job_done done;
    struct journal journal;
    struct writer writer;
    struct worker fetch; // what delivery waits for: spool_due, bodies
    struct worker query; // what people wait for
    struct handout handout;
    struct suppressor suppressor; // the loop's, but for `hash`, which never changes
    // spool_due() reads the database and the hand-outs as one; so does the fold write them.
    pthread_mutex_t due_lock;
    uint64_t folded; // under due_lock: number of the newest fact in the database

    struct journal_add *adding; // the one whose `done` runs now, for spool_keep()
    struct message_id adding_id;
    bool is_kept;

    atomic_bool is_low, is_full, is_scarce, is_dead;
    atomic_uint_fast64_t disk_free, commits, flushes, bytes;
    atomic_uint_fast64_t trail_waiting, trail_dropped; // bytes for the db thread; how many
    uint64_t recovered;
};

/* Any thread. The first call stops the store and lets on_fatal know on the loop. */
void store_fatal(struct store *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool store_is_dead(const struct store *s);
/* Any thread: something failed for want of space. The clock's tick finds out when that is over. */
void store_found_full(struct store *s, const char *what);
bool store_is_full(const struct store *s);
void store_count(struct store *s, uint64_t commits, uint64_t flushes, uint64_t bytes);
/* Any thread: hardly anything is free, so that the database must not grow. */
bool store_is_scarce(const struct store *s);
/* Looks at the free space; the writer does so once a second. */
void store_tick(struct store *s);

/* Keeps space for the time when there is none: for journal, WAL and database. Called on the db thread
 * once a second, outside of a transaction, while there is enough. (spare.c) */
void spare_keep(struct writer *w);

/* The db thread, in one transaction: the trail jobs that wait; then the oldest go that are too many or
 * too old. (trail.c) */
void trail_write(struct writer *w, struct list *jobs);
/* What there is weighs so much: once, before anything is written. */
void trail_load(struct writer *w);

/* 0; or 1 with *why: makes or checks the directory and takes its lock. (directory.c) */
int directory_open(const char *dir, int *lock_fd, int *folder, char **why);
