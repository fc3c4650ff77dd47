/* An outcome: what became of one recipient, once. It is all that reputation ever sees, whether it
 * comes live, from a node's history or from a file. Strings are borrowed and clean (text_visible). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/id.h"
#include "core/words.h"

struct buf;

struct outcome {
    usec_t at; // wall
    enum outcome_kind kind;
    enum class class;
    enum scope scope;
    enum phase phase;
    enum stream stream;
    uint16_t code;         // of the reply, 0 when there was none
    uint16_t attempt;      // from 1; 0 before the first
    uint32_t recipient_no; // which recipient of its message, from 0
    struct message_id message;
    const char *customer;  // never NULL
    const char *list;      // "" for none
    const char *ip;        // source address, "" when none was chosen
    const char *provider;  // "" while unknown
    const char *recipient; // address, "" when erased
    const char *reply;     // the whole answer or our reason, at most OUTCOME_REPLY bytes
    const char *zone;      // blocklist of listed and delisted; NULL or "" for the others
    const char *answer;    // what it answered, "127.0.0.2"; likewise
    const char *sender;  // of accepted: the envelope's, who hears of a failure; NULL or "": nobody
    usec_t delivered_at; // late news: when its message was delivered; else 0
    usec_t took;         // span from acceptance to this; 0 when unknown
    bool is_unproven;    // late news that no token vouches for; likewise not kept
    bool is_unknown;     // a refusal that no rule knew; of a live outcome alone, not kept
};

enum { OUTCOME_REPLY = 1000 };

/* Appends one line of NDJSON as `events --json` gives it, newline included. */
void outcome_format(struct buf *out, const struct outcome *o);
