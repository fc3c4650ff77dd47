/* What a message is, roughly: the same for all copies of one mailing, other for another. For the signs
 * of a stolen password alone (core/habit.h): a hash of the subject and of the hosts that it links to
 * in its first CONTENT_MOST bytes. Pure; O(n) without allocation. */
#pragma once
#include <stdint.h>

#include "base/bytes.h"

enum { CONTENT_MOST = 64 << 10 };

/* Never 0. The same on every machine and after every start. */
uint32_t content_hash(struct bytes message);
/* Of the client's network, /24 or /48 of its address: 4 or 16 bytes of it. Never 0. */
uint32_t content_network(const uint8_t *address, size_t n);
