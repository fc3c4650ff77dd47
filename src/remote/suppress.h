/* What both ends of the control socket know of suppressions: how an address or a domain is written, and the
 * rows of an import and an export. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

enum {
    SUPPRESS_WHAT = 322,    // room for a canonical address, or "@domain"
    SUPPRESS_ROWS = 10000,  // of one request that imports
    SUPPRESS_PAGE = 4000,   // of one answer that exports
    SUPPRESS_REASON = 1000, // bytes
};
#define SUPPRESS_SPAN (180 * USEC_DAY) // of what is added by hand and says nothing itself

/* `Ana@Big.test` → `Ana@big.test`; `big.test` and `@Big.test` → `@big.test`. False: it is neither. Takes all that RCPT
 * takes (mail/address.h), so that what the engine suppressed can be named, and what is not ASCII too. */
bool suppress_parse_what(char out[SUPPRESS_WHAT], const char *text);
/* Likewise of a file, where half an address must not read as a whole domain: that has its @. */
bool suppress_parse_cell(char out[SUPPRESS_WHAT], const char *text);
/* `acme`, `acme/spring`, or "" for everybody. */
bool suppress_is_owner(const char *text);
/* RFC 3339, a date, or `never` (USEC_NEVER). */
bool suppress_parse_time(usec_t *at, const char *text);

/* Fields of a line, tab between: address, owner, class, since, until, reason, trap. Missing ones are "". */
enum suppress_field {
    SUPPRESS_ADDRESS,
    SUPPRESS_OWNER,
    SUPPRESS_CLASS,
    SUPPRESS_SINCE,
    SUPPRESS_UNTIL,
    SUPPRESS_WHY,
    SUPPRESS_TRAP, // "yes", or "no" as ""
    SUPPRESS_FIELDS
};
/* Cuts a line of CSV in place (RFC 4180, without line ends in quotes): as many cells as there are. False: it is
 * none, or has more. */
enum { SUPPRESS_CELLS = 16 };
bool suppress_cut_csv(char *line, char *cells[SUPPRESS_CELLS], size_t *n);
/* Cuts a line in place. False: it has more. */
bool suppress_cut(char *line, char between, char *fields[SUPPRESS_FIELDS]);
