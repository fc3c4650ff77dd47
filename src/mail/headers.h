/* Headers of a message on its way in (RFC 5322): what is missing is added, in front. Pure. */
#pragma once
#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"

struct buf;

struct headers_plan {
    const char *node;
    const char *helo, *client; // as the client said, and its address
    const char *protocol;      // ESMTP, SMTP
    const char *id;            // ULID
    const char *recipient;     // shown in Received only when it is the only one; "" otherwise
    const char *customer, *list;
    usec_t now;
};

/* Appends Received (RFC 5321 §4.4), and Message-ID, Date and Feedback-ID where `body` has none. */
void headers_added(struct buf *out, const struct headers_plan *plan, struct bytes body);
/* Does the header section have it? Name without colon, any case. */
bool headers_has(struct bytes body, const char *name);
/* How many Received fields: 100 and more is a loop. */
unsigned headers_hops(struct bytes body);
