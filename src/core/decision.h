/* A decision is data: what the engine would do to whom, why, and on what evidence. Made by
 * core/reputation, enforced only by warden/, printed by `replay`. Strings are copies, clean. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/words.h"

struct buf;

enum {
    DECISION_TARGET =
        400, // "customer:acme", "ip:…", "lane:ADDR/PROVIDER", "provider:ID", "node:NAME"
    DECISION_REASON = 240,
    DECISION_CULPRITS = 5,
    DECISION_SAMPLES = 5,
    DECISION_SAMPLE = 200,
    DECISION_NAME = 256,
};

/* One of those whose harm it is: its share of the harm beyond what is acceptable. */
struct decision_culprit {
    char customer[64];
    double share;                                    // 0–1
    uint64_t bad, of;                                // in the blame window
    char samples[DECISION_SAMPLES][DECISION_SAMPLE]; // replies, the newest first; "" ends them
};

struct decision {
    usec_t at;
    enum action action;
    char target[DECISION_TARGET];
    char reason[DECISION_REASON]; // one line, plain words, number and limit together
    usec_t until;                 // ends by itself; 0: does not
    bool is_over; // of a restore: what stood has run out by itself, nothing is lifted
    // Evidence; what is not known is left out of the JSON.
    bool has_harm;
    enum harm harm;   // of a customer's rung
    uint64_t bad, of; // in about 24 h
    double limit;     // the rung's acceptable rate
    double certainty; // observations to such evidence by chance: gamma x R / alarm; 0: none
    char list[64];    // most of it came by this list; "" : none
    char provider[DECISION_NAME]; // of a lane, an incident; the worst provider of a customer's harm
    char signs[DECISION_REASON];  // "looks like a stolen password: …"; "" : no such signs
    char pool[64];                // of ACTION_POOL: where to; of call-operator: whose guard
    uint32_t customers, customers_of; // of an incident: how many fail there, of how many
    struct decision_culprit culprits[DECISION_CULPRITS]; // most to blame first
    size_t culprits_n;
    char samples[DECISION_SAMPLES]
                [DECISION_SAMPLE]; // replies of an incident, a block; "" ends them
};

/* The evidence as one JSON object: `{"harm":…,"rate":…,"bad":…,"of":…,"limit":…,"culprits":[{"customer",
 * "share","bad","of","samples"}],…}`. */
void decision_format_evidence(struct buf *out, const struct decision *d);
/* The whole decision as one line of NDJSON, newline included: `{"t":…,"action":…,"target":…,"reason":
 * …,"evidence":{…}}`, and "until" (Unix seconds) when it ends by itself. */
void decision_format(struct buf *out, const struct decision *d);
