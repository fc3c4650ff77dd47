/* Names of things that are made here, unique over all nodes without asking anybody.
 *
 * A node's id is 40 random bits, made at its first start: 8 letters of lower-case Crockford base32.
 * A message's id is a ULID (github.com/ulid/spec): 48 bits of milliseconds, then 40 bits of node id
 * and a 40-bit counter, so that it sorts by time and says whose it is; 26 letters, upper case. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum { ID_NODE_TEXT = 9, ID_MESSAGE_TEXT = 27 }; // NUL included

struct node_id {
    uint64_t v; // 40 bits
};

struct message_id {
    uint64_t hi, lo; // of 128 bits; both zero is no id
};

void node_id_format(char out[ID_NODE_TEXT], struct node_id id);
bool node_id_parse(struct node_id *id, const char *text);

/* `counter` only has to differ among the ids of one millisecond; a running count over the process,
 * begun at a random place, does. */
struct message_id message_id_make(usec_t at, struct node_id node, uint64_t counter);
void message_id_format(char out[ID_MESSAGE_TEXT], struct message_id id);
/* Any case. */
bool message_id_parse(struct message_id *id, const char *text);
static inline bool message_id_equal(struct message_id a, struct message_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}
