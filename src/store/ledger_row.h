/* The ledger's own: where the chain ends, and entries as rows. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "store/db.h"
#include "store/job.h"
#include "store/ledger.h"

struct list;
struct writer;

/* An entry on its way, and what is written beside it in the same transaction. */
struct append_job {
    struct job job;        // finished on the loop; `run` is not used
    struct entry *entry;   // NULL: none
    struct ledger_row row; // as written; entry is the one above
    int r;                 // 0, or why nothing was written
    /* On the db thread, NULL: nothing. The first may take the entry out, the second knows its number. */
    void (*before)(struct writer *w, struct append_job *j);
    void (*after)(struct writer *w, struct append_job *j);
};
/* What `done` is told: NULL when there is no entry, or it was not written. */
const struct ledger_row *append_row(const struct append_job *j);
void append_deinit(struct append_job *j);

/* The newest entry of this node, and the newest time of any. */
struct ledger_head {
    uint64_t seq;
    uint8_t hash[LEDGER_HASH];
    int64_t hlc;
};

/* An entry in its written form. */
struct ledger_text {
    char *bytes;  // the JSON
    char *person; // the persons' part, or NULL
    uint8_t salt[16];
    uint8_t hash[LEDGER_HASH];
};
void ledger_text_deinit(struct ledger_text *t);

/* Writes bytes, person's part, salt and hash; `prev` is the hash before it in its chain. */
void ledger_format(struct ledger_text *t, const struct entry *e, const uint8_t prev[LEDGER_HASH]);
/* What the bytes say. NULL: they are no entry. `person` may be NULL: persons' fields are "" then.
 * `prev` and `digest` (of the persons' part, empty hex when there is none) are given when not NULL. */
struct entry *ledger_parse(const char *bytes, const char *person, uint8_t prev[LEDGER_HASH],
                           char digest[2 * LEDGER_HASH + 1]);
/* Does salt and part give this digest? */
bool ledger_person_fits(const char *digest, const uint8_t salt[16], const char *part);
void ledger_hash(uint8_t hash[LEDGER_HASH], const char *bytes);
void ledger_hex(char out[2 * LEDGER_HASH + 1], const uint8_t hash[LEDGER_HASH]);

/* The db thread, in one flushed transaction: all that wait (struct append_job). */
void ledger_write(struct writer *w, struct list *jobs);
void ledger_load_head(struct writer *w);
/* Checks everything on a connection, in steps of bounded reads. */
void ledger_check_all(struct db *d, struct ledger_check *c);
