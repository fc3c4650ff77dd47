/* Which part of a queue a hold covers, as its ledger target says it: `queue:all`, or
 * `queue:customer=acme,list=spring,provider=google,ip=198.51.100.7,pool=shared`, any of the five at
 * least one, together: and. One text for one meaning: selector_format() writes the keys in that
 * order and addresses in their canonical form, so equal selections are equal targets. Pure. */
#pragma once
#include <stdbool.h>

#include "base/text.h"

struct selector {
    bool is_all; // `queue:all`; the names are empty
    char customer[TEXT_NAME], list[TEXT_NAME], provider[TEXT_NAME];
    char ip[TEXT_NAME]; // canonical
    char pool[TEXT_NAME];
}; // "" is any

enum { SELECTOR_TEXT = 6 + 5 * (10 + TEXT_NAME) }; // room for the text, NUL included

/* False when the text is none: a key unknown, given twice or empty, a value that is no name or no
 * address, no key at all. Any order of keys is read. */
bool selector_parse(struct selector *sel, const char *target);
void selector_format(char out[SELECTOR_TEXT], const struct selector *sel);
