/* The world's record of one message: one recipient each, whom nobody else writes to, so that both ends write
 * into the same record. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct record {
    bool is_acknowledged, is_refused_in; // by the engine
    bool is_bounced, is_deferred;        // last said by the provider
    bool is_dead, is_full;               // the mailbox
    bool complains;                      // whoever reads it complains, where the provider lets them
    bool has_complained;
    uint16_t arrived;
};

struct records {
    struct record *items; // number - 1
    size_t n, room;
    struct map numbers; // recipient → number, as a pointer
    uint64_t progress;  // grows with everything that happens
};

/* Makes one (copied); its number, from 1. */
size_t records_add(struct records *r, const char *recipient, const struct record *one);
/* Valid until the next record is made: the array moves. NULL: nobody writes to that address. */
struct record *record_of(struct records *r, const char *recipient);
void records_deinit(struct records *r);
