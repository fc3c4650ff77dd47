/* How big a stranger's mail is, before a MIME parser sees it: one walk over its lines that knows just
 * enough of MIME (Content-Type fields, boundaries, blank lines) to follow its nesting. Cost grows with the
 * bytes alone: a line is compared with at most PARTS_NESTING boundaries, and nothing is kept. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum {
    PARTS_HEADER_LINES = 10000, // of all header sections together
    PARTS_PARAMETERS = 100,     // of one Content-Type
};

struct parts_bounds {
    size_t n;       // so many bytes of it are read: what is behind are parts beyond PARTS_MOST
    size_t head_n;  // of the mail's own header section, at most PARTS_HEADER
    bool is_beyond; // not to be parsed
};

/* `mail` has LF line ends. */
void parts_measure(struct parts_bounds *b, struct bytes mail);
