/* What replies have in common when what varies is taken out: "550 5.7.1 <a@b.example>: not today (x81)" is
 * "# <address>: not today (#)". Addresses, URLs, IPs and hosts become words in angle brackets; numbers, codes
 * and ids `#`, runs of them one. A shape's shape is itself. Pure. */
#pragma once
#include <stddef.h>

enum { REPLY_SHAPE = 240 }; // what is longer is cut between words

size_t replies_shape(char out[REPLY_SHAPE], const char *text);
