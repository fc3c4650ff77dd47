/* The spool: messages on their way, durable.
 *
 * The journal is a row of segments (`spool/00000001.seg`, preallocated, checksummed records, at most
 * SPOOL_SEGMENT bytes unless one record is larger): ARRIVED (envelope and body), OUTCOME, PARKED. A
 * record is whole or not there (CRC-32C over length and content). ARRIVED is flushed before `done`
 * says so; the others ride along with the next flush or are written without one: a killed process
 * loses nothing that was written, a lost machine repeats at most one commit's deliveries.
 * A segment goes when nothing waiting lives in it; holes are punched where dead stretches are long. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/id.h"
#include "core/outcome.h"

struct store;

enum { SPOOL_SEGMENT = 16 << 20 };

/* One recipient that waits. */
struct spool_recipient {
    char *address;      // as given at RCPT, domain lower case
    uint32_t no;        // its number in the message, from 0
    uint16_t attempts;  // made so far
    usec_t next_try_at; // wall; due when <= now
    char *provider;     // last known, "" before the first attempt
    char *last_reply;   // visible text, "" before the first attempt
};

/* A message with those of its recipients that wait. Owned by whoever holds it. */
struct spool_message {
    struct message_id id;
    char *customer, *list; // list "" for none
    enum stream stream;
    char *sender; // "" is the null return path: no report for it
    bool is_8bit;
    usec_t accepted_at;
    struct spool_recipient *recipients;
    size_t recipients_n;
    uint64_t size;    // of the body, bytes
    uint8_t *body;    // owned, CRLF lines, no dot-stuffing, no final dot; NULL: on disk only
    uint32_t segment; // where its record stands, once written
    uint64_t offset;
};

struct spool_message *spool_message_new(void);
struct spool_message *spool_message_free(struct spool_message *m);
DEFINE_CLEANUP(struct spool_message *, spool_message_free)
/* Adds a recipient (next number, due at once). */
void spool_message_add_recipient(struct spool_message *m, const char *address);

enum spool_result {
    SPOOL_OK = 0,
    SPOOL_E_FULL = 1, // no space, or too much waits for the disk: 452, the client tries again
};

/* Writes it. `m` is borrowed until `done`, which runs on the loop with SPOOL_OK once the record is
 * flushed (segment and offset are set then), or with SPOOL_E_FULL: nothing of it is kept. Returns
 * SPOOL_E_FULL at once, without `done`, when store_may_accept() is false or the bound is reached. */
int spool_add(struct store *s, struct spool_message *m, void (*done)(void *ctx, int result),
              void *ctx);

/* What became of one recipient: delivered, deferred (then it is due again at next_try_at), bounced,
 * expired; or any outcome of no waiting recipient (accepted, refused): history only. Copies. Waits in
 * bounded memory when the disk is full, oldest history first to go, state changes never. */
void spool_outcome(struct store *s, const struct outcome *o, usec_t next_try_at);
/* What was handed in so far goes to disk and is flushed, which outcomes alone are not: for an answer that
 * promises it. `done` on the loop, with SPOOL_OK or SPOOL_E_FULL: it is not there. */
void spool_flush(struct store *s, void (*done)(void *ctx, int result), void *ctx);
/* Parked at such a time or later: it waits for the end of a hold, not for a time (see spool_due). */
#define SPOOL_HELD ((usec_t)1 << 61)
/* Its lane has no hope soon: not tried, not charged, due again at next_try_at. SPOOL_HELD + when: held
 * since then. */
void spool_park(struct store *s, struct message_id id, uint32_t recipient_no, usec_t next_try_at);

/* Reads the body into m->body (owned by m). `done` on the loop: 0, or < 0 (-EIO: the record does not
 * check; the engine says so and keeps the rest). `m` is borrowed until then. */
void spool_load_body(struct store *s, struct spool_message *m, void (*done)(void *ctx, int r),
                     void *ctx);

/* The next of a customer's waiting messages that are due and not handed out since the start, oldest
 * due time first; at most `limit` recipients. Each is handed out once: it comes again only after an
 * OUTCOME (deferred) or PARKED that made it due later. What was parked as held before `held_before` (0:
 * nothing) counts as due, behind the rest. What spool_add() wrote in this process is
 * handed out too unless the caller kept it: keep = spool_keep(). */
struct spool_due {
    struct spool_message **messages; // owned by the callback, which frees array and messages
    size_t n;
    bool has_more; // more is due already
    usec_t
        next_at; // when to ask again: the next is due, or something is about to be indexed (within
                 // a second); `now` when has_more; USEC_NEVER: nothing waits on disk
};
void spool_due(struct store *s, const char *customer, usec_t now, usec_t held_before, size_t limit,
               void (*done)(void *ctx, struct spool_due *due), void *ctx);
/* Called in `done` of spool_add, before it returns, when the caller keeps the message in memory and
 * delivers from there; else spool_due finds it, at the latest two seconds later. */
void spool_keep(struct store *s, struct message_id id);

/* What waits per customer, list and provider, at the start: once, before the loop runs (blocks). */
struct spool_waiting {
    const char *customer, *list, *provider; // provider "" when not tried yet
    uint64_t recipients;
    usec_t oldest_at;   // acceptance
    usec_t next_try_at; // at or beyond SPOOL_HELD: all of it is held
};
void spool_each_waiting(struct store *s, void (*each)(void *ctx, const struct spool_waiting *w),
                        void *ctx);

/* One message for `show message:ID`, taken by the callback: NULL when it does not wait (any more).
 * This and spool_list() see all that was said before they were asked. */
void spool_find(struct store *s, struct message_id id,
                void (*done)(void *ctx, struct spool_message *m), void *ctx);
/* Waiting messages that match (customer and/or provider; NULL: any), oldest first, at most limit.
 * The callback frees array and messages. */
void spool_list(struct store *s, const char *customer, const char *provider, size_t limit,
                void (*done)(void *ctx, struct spool_message **messages, size_t n), void *ctx);
/* The same of one recipient's address, in any case; with that recipient alone in each. Looks through all
 * that waits, for a second at most. */
void spool_list_to(struct store *s, const char *recipient, size_t limit,
                   void (*done)(void *ctx, struct spool_message **messages, size_t n), void *ctx);
