/* What passes between engine and reader, as bytes: frames of a length and as many bytes behind it.
 *
 * Engine to template: a command (rules; a fresh worker). Engine to worker: a mail. Worker to engine: an
 * empty frame once it is shut in, then an answer a mail. A worker may have been taken over by a mail: an
 * answer is read as a stranger's, within bounds, each number and text checked. Pure. */
#pragma once
#include <stddef.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "core/reply_rule.h"

struct feedback;

enum {
    WIRE_LENGTH = 4,       // bytes of a frame's length, little-endian
    WIRE_ANSWER = 4 << 20, // of an answer; a longer one is none
    WIRE_RULES = 64 << 20, // of the rules
    WIRE_ADDRESS = 320,    // of an address in an answer
    WIRE_ID = 1000,        // of an id or return path; longer ones are left out
};

enum wire_command { WIRE_SET_RULES = 1, WIRE_FRESH_WORKER = 2 };

/* Begins a frame; gives where, for wire_end(). */
size_t wire_begin(struct buf *out);
void wire_end(struct buf *out, size_t at);
/* The length that the first four bytes say. */
uint32_t wire_length(const uint8_t bytes[WIRE_LENGTH]);

void wire_put_answer(struct buf *out, const struct feedback *f);
/* NULL: no answer that a reader in its senses gives. Free with feedback_free. */
struct feedback *wire_take_answer(struct bytes in);

/* Rules of one owner. */
struct wire_rules {
    struct reply_rule *items;
    size_t n;
};
void wire_put_rules(struct buf *out, const struct reply_rule *rules, size_t n);
/* NULL: cut off. */
struct wire_rules *wire_take_rules(struct bytes in);
struct wire_rules *wire_rules_free(struct wire_rules *rules);
DEFINE_CLEANUP(struct wire_rules *, wire_rules_free)
