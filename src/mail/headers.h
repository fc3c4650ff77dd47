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

/* One walk reads fields of at most this many bytes; what is behind counts as body. */
enum { HEADERS_MOST = 256 * 1024 };

/* Appends Received (RFC 5321 §4.4), and Message-ID, Date and Feedback-ID where `body` has none. A
 * body that begins with text and no field gets the empty line that it lacks. */
void headers_added(struct buf *out, const struct headers_plan *plan, struct bytes body);
/* Does the header section have it? Name without colon, any case. */
bool headers_has(struct bytes body, const char *name);
/* How many Received fields: 100 and more is a loop. */
unsigned headers_hops(struct bytes body);

/* One field, as it stands. */
struct headers_field {
    struct bytes name;  // without colon
    struct bytes whole; // with name, folded lines and line ends
};
/* The bytes that a walk reads: for (left = headers_section(body); headers_next(&f, &left);). */
struct bytes headers_section(struct bytes body);
/* False at the end of the header section: an empty line, or one that is no field. */
bool headers_next(struct headers_field *field, struct bytes *left);
