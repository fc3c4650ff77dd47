/* From a decision to the ledger entry that carries it out, and what of it may stand there.
 *
 * A reply that a decision quotes may name a mailbox; evidence is hashed into the chain for ever and
 * so never holds a person's address: each is masked as `<…>` before it is written anywhere. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "core/id.h"
#include "core/words.h"

struct decision;
struct entry;
struct settings;
struct state;

/* Replaces what looks like a mail address by `<…>`, in place; what then is beyond `room` is cut. */
void decide_mask(char *text, size_t room);
/* The same in all that a decision quotes. */
void decide_mask_all(struct decision *d);

/* The entry, whose actor is "engine", of a masked decision. NULL: it has none (incidents, which have
 * entries of their own), or there is nothing to do: no hold of this node's engine to lift, no such pool.
 * `is_observing`: a KIND_OBSERVED that says what it would have been. */
struct entry *decide_entry(const struct decision *d, const struct state *s,
                           const struct settings *settings, struct node_id node, bool is_observing);
/* Did the engine of this node make it, not an operator, nor another node's? */
bool decide_is_own(const struct entry *e, struct node_id node);

/* Its kind in the ledger; false: none (incident, incident-end). */
bool decide_kind(enum kind *kind, enum action action);
