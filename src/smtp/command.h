/* The arguments of SMTP commands (RFC 5321 §4.1.1, §4.1.2), pure: a path and its parameters, a HELO
 * name. What is accepted beyond the grammar, because clients do it: a blank behind the colon. Source
 * routes are read and ignored (§4.1.1.3, appendix C). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "mail/address.h"

enum smtp_path_result {
    SMTP_PATH_DONE,
    SMTP_PATH_SYNTAX,  // not KEYWORD:<...>
    SMTP_PATH_ADDRESS, // something in the brackets, but no address
};

/* `keyword` is "FROM" or "TO"; `<>` gives "". `params` is what stands behind the path. A local part
 * "postmaster" alone (§4.5.1) is at `domain`. */
enum smtp_path_result smtp_path_parse(char address[ADDRESS_TEXT], struct bytes *params,
                                      const char *keyword, const char *domain,
                                      struct bytes argument);
/* Takes the next `NAME` or `NAME=VALUE` off `params`; false when none is left. A value that is there
 * but empty has p set and n 0; without `=` p is NULL. */
bool smtp_param_next(struct bytes *name, struct bytes *value, struct bytes *params);
/* SIZE's value (RFC 1870): up to 20 digits; what does not fit counts as the largest. */
bool smtp_param_size(uint64_t *size, struct bytes value);
/* May stand in a Received field: a domain or address literal by its letters, at most 255. Looser
 * than the grammar (underscores, no dots), because clients are. */
bool smtp_helo_is_valid(struct bytes name);
