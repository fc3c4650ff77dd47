/* Records of the journal, to bytes and back: the one place that knows their layout.
 *
 * A header of RECORD_HEADER bytes (magic, CRC-32C, type, lengths), a head of typed little-endian
 * fields, for ARRIVED the body. The checksum covers the place too (segment and offset), so that a
 * record is only one where it was written. Reading trusts nothing: what is cut, flipped or moved is
 * refused. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "core/outcome.h"

struct spool_message;

enum record_type { RECORD_ARRIVED = 1, RECORD_OUTCOME = 2, RECORD_PARKED = 3 }; // on disk

enum {
    RECORD_HEADER = 24,
    RECORD_HEAD_MAX = 64 << 20,
    RECORD_BODY_MAX = 1 << 30,
};

/* Where something stands in the journal. */
struct place {
    uint32_t segment; // from 1
    uint64_t offset;
};
static inline bool place_before(struct place a, struct place b)
{
    return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

struct record_header {
    enum record_type type;
    uint32_t crc;
    uint32_t head_n;
    uint64_t body_n;
};

/* An outcome with what the spool needs beside it. */
struct record_outcome {
    struct outcome outcome; // strings point into the head
    usec_t next_try_at;     // deferred: due again; else 0
};
struct record_parked {
    struct message_id message;
    uint32_t recipient_no;
    usec_t next_try_at;
};

/* Append header and head; the checksum waits for record_seal(). A reply longer than OUTCOME_REPLY is
 * cut, any other text at 65,535 bytes. */
void record_add_arrived(struct buf *out, const struct spool_message *m);
void record_add_outcome(struct buf *out, const struct outcome *o, usec_t next_try_at);
void record_add_parked(struct buf *out, const struct record_parked *p);
/* Writes the checksum for this place into the header at `record` (whose head follows it). */
void record_seal(uint8_t *record, struct bytes body, struct place at);

/* False: no record begins here. Looks at the RECORD_HEADER bytes alone. */
bool record_header_parse(struct record_header *h, const uint8_t *p);
/* The checksum to continue over the body: of place, header and head. */
uint32_t record_crc(const uint8_t *record, uint32_t head_n, struct place at);

/* False: not one of ours, though the checksum fits (a newer version's). */
bool record_parse_arrived(struct spool_message *m, struct bytes head); // fills a fresh message
bool record_parse_outcome(struct record_outcome *o, struct bytes head);
bool record_parse_parked(struct record_parked *p, struct bytes head);
/* Enough for what is over before it is indexed. */
struct record_arrived {
    struct message_id id;
    usec_t accepted_at;
    uint32_t recipients_n;
};
bool record_peek_arrived(struct record_arrived *a, struct bytes head);
