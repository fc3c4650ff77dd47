/* Mail addresses as SMTP writes them (RFC 5321 §4.1.2), pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum { ADDRESS_TEXT = 321 }; // 64 + 1 + 255 + NUL

/* Reads a mailbox without angle brackets: dot-string or quoted local part, a domain or an address
 * literal; at most 64 and 255 bytes. The local part is kept as it is, the domain made lower case.
 * ASCII only. False when it is none. */
bool address_parse(char out[ADDRESS_TEXT], struct bytes in);
/* The domain of a parsed address: behind the last @; "" when there is none. */
const char *address_domain(const char *address);
/* A domain name by RFC 1035 letters (underscore allowed), at most 253 bytes, labels at most 63. */
bool address_is_domain(struct bytes in);
