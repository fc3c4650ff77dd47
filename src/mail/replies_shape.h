/* What a reply looks like when all that differs from one message to the next is taken out: its shape. It
 * groups the replies that no rule knew, so that a person reads each kind once.
 *
 * A shape is the plain words that patterns are compared with (mail/replies.h), and `*` for addresses, IPs,
 * host names, URLs, numbers, dates, ids, and single words in quotes: "user * over limit of * messages".
 * So it is a pattern too, which may be put under `says:` as it stands, and knows the replies it was made
 * of. What looks like an id: a digit in it, no vowel, letters in a jumble of cases, or very long.
 * Pure; shape of a shape is the same. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct reply_verdict;

enum { REPLIES_SHAPE = 256, REPLIES_SHAPE_TEXT = 4096, REPLIES_SHAPE_GAPS = 11 };

/* Gives its length, below REPLIES_SHAPE: a longer one ends at a whole word, as does one of more than
 * REPLIES_SHAPE_GAPS gaps (a pattern has no more). Of a text REPLIES_SHAPE_TEXT bytes are looked at.
 * "" when it has no word beside its codes. */
size_t replies_shape(char out[REPLIES_SHAPE], const char *text);

/* Is it a refusal that no rule knew, and of which the codes say no more than that it is one? */
bool replies_is_unknown(unsigned code, const struct reply_verdict *verdict);
