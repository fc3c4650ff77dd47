/* How a customer usually sends, to see when it does not: the signs of a stolen password. They colour
 * harm that is seen; alone they never act (a first big campaign to living people is no crime).
 *
 * Volume: submissions in the last 10 min against the usual (a week's decayed mean). Domains: a Bloom
 * filter of 512 bits of recipients' domains it wrote to; the share of new ones in the last hundred
 * submissions. Network and content: the last 8 client networks (/24, /48) and 16 contents (a hash of
 * subject and links), with the day each was first seen. A customer of under 3 days or 200 submissions
 * has no habits yet. Zeroed is fresh. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct buf;
struct bytes;

struct habit {
    uint32_t first_seen;  // second since 1970; 0: never
    uint32_t submissions; // saturating
    float usual;          // per 10 min, decayed over 7 days
    float recent;         // in the last 10 min, decayed
    uint32_t second;      // of the last submission
    uint64_t domains[8];  // Bloom filter, two bits a domain
    uint8_t new_domains;  // of the last 100 submissions, decayed
    uint32_t networks[8]; // hashes, newest first; 0: none
    uint32_t contents[16];
    uint32_t network_since, content_since; // second the present one was first seen
};

/* One submission: hashes of the recipient's domain, of the client's network and of the content (0:
 * not known). */
void habit_submitted(struct habit *h, usec_t at, uint64_t domain, uint32_t network,
                     uint32_t content);
/* The signs in words: "38 times its usual rate, 92 % domains it never wrote to, a new client network";
 * gives how many; at least two of them look like a compromised account. */
int habit_signs(const struct habit *h, usec_t now, char *out, size_t room);
