/* The journal's thread: what was handed in becomes bytes in a segment, a batch at a time.
 *
 * While one batch is written and flushed the next one fills. A batch with a message in it is flushed,
 * or with somebody who waits for that; one with facts alone (outcomes, parkings) is only written. Facts may overtake messages in a batch:
 * a fact never speaks of a message that was not acknowledged before. A new segment is begun at each
 * start and whenever a batch does not fit, so nothing is ever written behind a torn tail. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "store/job.h"
#include "store/record.h"
#include "store/spool.h"

enum {
    JOURNAL_WAITING_MAX = 64 << 20, // bytes of messages that wait for the disk
    JOURNAL_FACTS_MAX = 16 << 20,   // bytes of facts, before history is dropped
    JOURNAL_BATCH = 4 << 20,        // bytes of messages in one batch
};

/* A message on its way to the disk; without one, somebody who waits for the flush. */
struct journal_add {
    struct job job;
    struct buf record;             // header and head
    struct spool_message *message; // NULL: none, and no record
    void (*done)(void *ctx, int result);
    void *ctx;
    int result;
    uint64_t number; // among all that was handed in
};

struct journal {
    struct store *store;
    int folder; // borrowed
    pthread_t thread;
    bool is_running;

    pthread_mutex_t lock; // for all to the next blank line
    pthread_cond_t wake;
    struct list adds; // struct journal_add
    size_t adds_n, adds_bytes;
    struct buf facts;
    uint64_t handed;   // number of the newest fact or message handed in
    uint64_t written;  // all up to this number are
    struct place end;  // behind the last record written
    uint64_t dropped;  // history that found no room
    size_t drop_at;    // facts are more than can be dropped: look again at so many bytes
    size_t last_batch; // messages in the newest batch that had any
    bool must_stop;

    int fd; // the thread's own: the segment in use, or -1
    struct place at;
    uint64_t size;
    bool has_failed; // the last batch: facts wait longer
};

/* The next segment gets number `next`. */
void journal_start(struct journal *j, struct store *s, int folder, uint32_t next);
/* Writes what is left, then ends the thread. */
void journal_stop(struct journal *j);
/* After the last fold, which still asks for its end. */
void journal_deinit(struct journal *j);

/* Takes the job over. False: the bound is reached or nothing can be written; not taken. */
bool journal_add(struct journal *j, struct journal_add *add);
/* Gives the fact's number. */
uint64_t journal_add_outcome(struct journal *j, const struct outcome *o, usec_t next_try_at);
uint64_t journal_add_parked(struct journal *j, const struct record_parked *p);
/* Does this outcome change what waits? */
bool is_state_change(const struct outcome *o);
/* How far it is written, and the number of the newest fact before that. */
struct place journal_end(struct journal *j, uint64_t *written);
