/* An address that no mail goes to, at RCPT: the refusal in words that the customer understands. A spam
 * trap is refused in the words of one that an operator entered, so that nobody learns which ones are. No
 * I/O. */
#pragma once
#include "base/clock.h"
#include "core/suppression.h"

struct smtp_reply;
struct store;

/* `one` is what speaks against the address; `store` knows the providers' names (NULL: none). */
void suppressed_refuse(const struct suppression *one, const char *address,
                       const struct store *store, struct smtp_reply *reply);
