/* Suppressions: addresses and domains that we will not send to, for everybody or for one customer or
 * list; why, since when and until when. The loop's copy of the store's table (store/suppress.h), complete
 * and in memory, so that RCPT reads no disk.
 *
 * An address is known by a keyed hash of 64 bits alone (SipHash over its canonical form: domain lower case,
 * local part lower case too, without its quotes: no provider of today tells them apart, and a customer's list
 * writes them as it likes); the text stands in the store. Open addressing in the order of the hash, so that loading and
 * growing walk memory in order; all of one address (everybody's, a customer's, a list's) stand side by
 * side. In front of it lies a filter of a byte or two an entry, small enough for a processor's cache: of a
 * hundred who are not suppressed, two cost a look at the table. 24 bytes an entry, at most 3/4 full, and the
 * filter: 180 MB for 5 million. Growing by a half is a walk over all: 0.1 s at 5 million. Bound:
 * SUPPRESSION_MOST; beyond it adding says no.
 *
 * suppression_judge() is the rule that turns an outcome into a suppression: one `unknown-user` of a provider
 * that is trusted on it, two on different days from others, never of the weak ones; a complaint and an
 * unsubscription at once. Pure; time is an argument; the loop owns it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "core/words.h"

struct outcome;
struct policy;

#define SUPPRESSION_MOST ((size_t)50000000)

/* What an `unknown-user` of a provider is worth (providers.yaml: `unknown_user`). */
enum suppression_trust { TRUST_TWICE, TRUST_SURE, TRUST_WEAK };

enum suppression_flag {
    SUPPRESSION_SUSPECT = 1, // evidence only: refuses nobody yet
    SUPPRESSION_TRAP = 2,    // a known spam trap
    SUPPRESSION_MANUAL = 4,  // an operator's or an import's: no incident lifts it
    SUPPRESSION_DOMAIN = 8,  // of a whole domain
};

struct suppression {
    uint64_t key;          // hash of the address, or of "@domain"
    uint32_t owner;        // 0: everybody; else suppression_owner() of "acme" or "acme/spring"
    uint32_t since, until; // minutes since 1970; until UINT32_MAX: no end
    uint16_t provider;     // whose answers made it, by the store's number; 0: nobody's
    uint8_t class;         // enum class
    uint8_t flags;
};

struct suppressions {
    struct hash_key hash;      // of this node, from the store
    struct suppression *slots; // in the order of (key, owner); a key of 0 is an empty one
    size_t room, n;            // room: how many homes there are; n: taken slots
    size_t end;       // slots in memory: behind the last home is room for who finds it taken
    size_t domains;   // of them about domains: without any, nobody asks for one
    size_t suspects;  // of them
    uint64_t *filter; // three bits in a word for each key that was put in; 8 bits a home or more
    unsigned filter_shift; // a key so many bits to the right is its word's number
};

void suppressions_init(struct suppressions *s, const struct hash_key *hash);
void suppressions_deinit(struct suppressions *s);
/* Room for so many without growing; before a load. */
void suppressions_reserve(struct suppressions *s, size_t n);

/* `what` is an address, or a domain as "@example.net" or "example.net". */
uint64_t suppression_key(const struct suppressions *s, const char *what);
uint32_t suppression_owner(const char *name); // "" : 0

/* Puts it in, or in the place of the same key and owner. False: SUPPRESSION_MOST is reached. */
bool suppressions_put(struct suppressions *s, const struct suppression *one);
/* False: there was none. */
bool suppressions_remove(struct suppressions *s, uint64_t key, uint32_t owner);
/* The one of exactly this key and owner, expired or not; NULL. Valid until the next change. */
const struct suppression *suppressions_get(const struct suppressions *s, uint64_t key,
                                           uint32_t owner);
/* May mail of this customer and list ("" : none) go to the address? NULL: yes. Else what speaks against
 * it; a trap first, then the one that ends last. Suspects and expired ones say nothing. Its domain is asked
 * too. */
const struct suppression *suppressions_find(const struct suppressions *s, const char *address,
                                            const char *customer, const char *list, usec_t now);

/* Forgets what ended before `now` in the next `steps` slots from *at on; *at is moved on and is 0 again
 * after the last one. How many went. */
size_t suppressions_sweep(struct suppressions *s, size_t *at, size_t steps, usec_t now);
/* Does it speak at that time? Suspects never do. */
bool suppression_stands(const struct suppression *one, usec_t now);
/* Minutes since 1970 and back; USEC_NEVER is UINT32_MAX. */
uint32_t suppression_minute(usec_t at);
usec_t suppression_usec(uint32_t minute);

/* The same in two steps: the first fetches what the second reads into the cache, so that whoever has
 * something else to do in between does not wait for memory. */
struct suppression_expected {
    uint64_t address, domain; // keys; 0: nobody asks for it
};
struct suppression_expected suppressions_expect(const struct suppressions *s, const char *address);
const struct suppression *suppressions_find_expected(const struct suppressions *s,
                                                     const struct suppression_expected *expected,
                                                     const char *customer, const char *list,
                                                     usec_t now);

/* What an outcome asks for. `known` is what stands of that address for everybody (or NULL). False:
 * nothing. True: *out has flags, class, since and until, and *for_customer says whether it is the customer's
 * (complaint, unsubscription) or everybody's. */
bool suppression_judge(struct suppression *out, bool *for_customer, const struct outcome *o,
                       enum suppression_trust trust, const struct suppression *known,
                       const struct policy *p);
