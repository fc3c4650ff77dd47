/* Hashes for tables and checksums. SipHash-2-4 (Aumasson, Bernstein 2012) keyed per process, since
 * strangers choose domains and names; CRC-32C (Castagnoli) finds torn records on disk, not forgery. */
#pragma once
#include <stdint.h>

#include "base/bytes.h"

/* A key of 16 bytes. */
struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_sip(const struct hash_key *key, struct bytes data);
/* The process's own random key, made at the first call (thread-safe). */
const struct hash_key *hash_process_key(void);
/* Continues `crc` (0 to begin) over `data`. */
uint32_t hash_crc32c(uint32_t crc, struct bytes data);
/* n bytes from the system's random source; cannot fail. */
void hash_random(void *p, size_t n);
