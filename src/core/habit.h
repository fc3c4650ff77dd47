/* How a customer usually sends, to see when it does not: the signs of a stolen password. They colour
 * harm that is seen; alone they never act (a first big campaign to living people is no crime).
 *
 * Volume: submissions in the last 10 min against the usual (a week's decayed mean, the days that it is
 * known). Domains: a Bloom filter of 512 bits of recipients' domains it wrote to, and the share of new
 * ones in about the last hundred submissions; the filter of a customer that writes to hundreds of
 * domains is full, and none is new to it. While it sends ten times the usual, only one submission in
 * sixteen is learned, so that a spam run stays strange while it lasts. Network and content: hashes of
 * the last 8 client networks (/24, /48) and 16 contents (subject and links); new for 24 h after they
 * were met first, contents only where they usually repeat. A customer that is younger
 * than `settles` (three days, as shipped), or of under 200 submissions, has no habits yet. Zeroed is fresh. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct buf;
struct bytes;

struct habit {
    uint32_t first_seen;   // second since 1970; 0: never
    uint32_t submissions;  // saturating
    float usual;           // per 10 min, decayed over 7 days
    float recent;          // in the last 10 min, decayed
    uint32_t second;       // of the last submission
    uint64_t domains[8];   // Bloom filter, two bits a domain
    float new_domains;     // part of about the last 100 submissions, 0-1
    float new_contents;    // likewise, those whose content was not among the last 16
    uint32_t networks[8];  // hashes, the one used last first; 0: none
    uint32_t contents[16]; // likewise
    uint32_t network_since, content_since; // second the newest was met first; 0: none but the first
};

/* One submission: hashes of the recipient's domain, of the client's network and of the content (0:
 * not known). A time that goes back counts as the last one. `settles`: the age from which it has habits. */
void habit_submitted(struct habit *h, usec_t at, usec_t settles, uint64_t domain, uint32_t network,
                     uint32_t content);
/* The signs in words: "38 times its usual rate, 92 % domains it never wrote to, a new client network,
 * content never sent before"; gives how many; at least two of them look like a stolen password.
 * `out` always ends with NUL, "" for none. */
int habit_signs(const struct habit *h, usec_t now, usec_t settles, char *out, size_t room);
/* For a restart, exactly. False: no bytes of a habit; *h is unspecified then. */
void habit_save(const struct habit *h, struct buf *out);
bool habit_load(struct habit *h, struct bytes *in);
