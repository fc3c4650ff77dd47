/* When this user last looked at this node: a small file each node, so that the next console can say
 * what has happened since. Best effort: whatever is missing, broken or of another engine of that name
 * reads as "never", and what cannot be written is not. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct looked {
    usec_t at;        // the node's clock when one left; 0: never looked
    int64_t seq;      // the ledger's end then
    int64_t incident; // the highest number given then
};

/* In $XDG_STATE_HOME/mxwarden, else ~/.local/state/mxwarden. False: never looked. */
bool looked_load(struct looked *l, const char *node, const char *node_id);
/* Written whole, then renamed: a console that is killed leaves the old one. */
void looked_save(const struct looked *l, const char *node, const char *node_id);
