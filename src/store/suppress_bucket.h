/* The store's own of suppressions: all of them packed in the order of their key, so that a start reads
 * five million in a fraction of a second, and no index by address is needed.
 *
 * A bucket is a row with all entries whose key begins with the same 18 bits, 32 bytes each: the loop's 24
 * as they are in memory, and the number of the row that has the texts. Changes of a transaction wait and
 * are merged in at once, bucket by bucket, before it ends or somebody looks: an import touches each
 * bucket once a transaction. The db thread's, but for bucket_read(). */
#pragma once
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/map.h"
#include "core/suppression.h"

struct db;
struct store;
struct writer;

enum { BUCKET_BITS = 18, BUCKETS = 1 << BUCKET_BITS };

/* On disk, little endian. */
struct packed {
    struct suppression s;
    uint64_t row; // of table `suppressed`
};

/* The entries of a bucket, in order. */
struct bucket {
    struct packed *all;
    size_t n, room;
};
void bucket_deinit(struct bucket *b);
uint32_t bucket_of(uint64_t key);
/* These replace what is in *b: with what the row's first column has, or with bucket `no`. */
void bucket_take(struct bucket *b, sqlite3_stmt *row);
void bucket_read(struct bucket *b, struct db *d, uint32_t no);
/* NULL: it is not there. */
const struct packed *bucket_get(const struct bucket *b, uint64_t key, uint32_t owner);

/* One entry that is put or removed. */
struct bucket_change {
    struct packed p; // of a removal: key and owner
    uint32_t order;
    bool is_removal;
};

/* What the db thread has under way. */
struct bucket_changes {
    struct bucket_change *all;
    size_t n, room;
    uint32_t swept; // the sweep's next bucket
};
void bucket_changes_deinit(struct bucket_changes *c);
/* Forgets what waits: its transaction failed. */
void bucket_changes_drop(struct bucket_changes *c);
void bucket_put(struct writer *w, const struct packed *p);
void bucket_remove(struct writer *w, uint64_t key, uint32_t owner);
/* Merges what waits; the texts of what is replaced or removed go. */
void bucket_flush(struct writer *w);

/* What the loop needs of it beside the table: the hash key, and the providers by number. */
struct suppressor {
    struct hash_key hash;
    struct map numbers; // provider → its number
    char **names;       // by number, from 1
    size_t names_n, names_room;
};
/* Its number, a new one where it has none yet; 0: "", or there are too many. On the loop. */
uint16_t suppressor_number(struct suppressor *s, const char *name);
/* Before the loop runs. */
void suppressor_open(struct suppressor *s, struct db *d);
void suppressor_deinit(struct suppressor *s);
