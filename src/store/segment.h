/* Segment files of the journal: made, walked, read, thinned, removed. Names are the number in eight
 * decimal digits, `spool/00000001.seg`; numbers only grow. Every call takes the folder's descriptor.
 * Faults are -errno. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "store/record.h"

/* Makes segment `no` of `size` bytes, space reserved and the name durable. The descriptor, or
 * -ENOSPC or another fault (nothing is left then). */
int segment_make(int folder, uint32_t no, uint64_t size);
/* Spares of `size` bytes, `spool/spare-1` and `-2`, for the time when there is no space: two, so that
 * what is in one can be folded while the next is filled. Makes those that are missing; 0, or as
 * segment_make(). Not by two threads at once, nor at once with segment_spare_put(). */
int segment_spare_make(int folder, uint64_t size);
/* A spare becomes segment `no`. The descriptor; -ENOENT: there is none. */
int segment_spare_take(int folder, uint32_t no);
/* A segment without waiting messages becomes a spare again; it is removed when it has another size or
 * both are there. */
int segment_spare_put(int folder, uint32_t no, uint64_t size);
int segment_open(int folder, uint32_t no);
int segment_remove(int folder, uint32_t no);
/* The numbers that are there, ascending; owned, free with xfree. */
int segment_list(int folder, uint32_t **numbers, size_t *n);
/* Gives the bytes back to the file system; they read as zero. Where it can't, nothing happens. */
void segment_punch(int fd, uint64_t from, uint64_t to);

/* Did it fail for want of space (or of a quota, or at a file size limit)? */
bool is_want_of_space(int r);

/* Walks records from a place to an end, in one segment. */
struct segment_walk {
    int fd;
    struct place at;   // of the next record
    uint64_t end;      // stops there; UINT64_MAX: at the first thing that is no record
    bool is_checked;   // checksums are looked at: what a crash may have torn
    bool is_torn;      // stopped at something that is neither a whole record nor zeros
    size_t ahead;      // bytes to read at once
    uint8_t *block;    // what is read ahead
    size_t block_room; // allocated
    uint64_t block_at; // its offset
    size_t block_n;    // bytes in it
};
struct segment_record {
    struct record_header header;
    struct bytes head; // borrowed until the next call
    struct place at;
    uint64_t length; // of the whole record
};
/* Takes over the descriptor. */
void segment_walk_init(struct segment_walk *w, int fd, struct place from, uint64_t end,
                       bool is_checked);
void segment_walk_deinit(struct segment_walk *w);
/* 1: *out is the next record; 0: the end; < 0: reading failed. */
int segment_walk_next(struct segment_walk *w, struct segment_record *out);
/* After a torn one: looks for the next whole record behind it (its checksum covers its place, so no
 * other bytes pass for one). 1: the walk goes on there; 0: there is none, it was the tail; < 0. */
int segment_walk_resync(struct segment_walk *w);

/* Reads the body of the record at this place, checked. 0; -EIO when it is not whole. The caller frees
 * *body with xfree. */
int segment_read_body(int folder, struct place at, uint8_t **body, uint64_t *body_n);
