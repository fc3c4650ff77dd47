/* The fold: journal records into index rows and history, in the db thread's transaction. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "store/record.h"
#include "store/segment.h"
#include "store/writer.h"

struct fold {
    struct writer *writer;
    struct db *db;
    struct map young;   // message id → struct young, in order of arrival
    struct map tallies; // struct tally_key → struct tally
    struct buf facts;   // struct fact: state changes, for the hand-outs
    struct map rows;    // customer → struct row: what was written that may be due
    uint64_t records, messages, records_most;
};

void fold_init(struct fold *f, struct writer *w);
void fold_deinit(struct fold *f);
/* Takes in one record. */
void fold_record(struct fold *f, const struct segment_record *record);
/* Writes what is left waiting, tallies and the position, and removes history that is too old. */
void fold_finish(struct fold *f, struct place position);
/* After the commit, with the store's due_lock held: tells the hand-outs. */
void fold_tell(struct fold *f);

/* Old segments whose every message is done go; long dead stretches of the others are punched. Only
 * after a flushed commit. (thin.c) */
void thin_segments(struct writer *w);
