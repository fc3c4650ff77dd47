/* DNS through libunbound: asynchronous, caching, capped. Where does mail for a domain go? MX by
 * RFC 5321 §5.1 (preference, equal ones in random order, implicit MX), null MX (RFC 7505), then the
 * hosts' addresses, all asked at once, IPv4 before IPv6.
 *
 * What comes back is a stranger's: names must be host names, addresses ones that can be a host's, hosts
 * and addresses are capped. Answers are kept by domain (at most DNS_KEPT, or 16 MiB, the oldest out);
 * who asks while a question is under way shares its answer. At most DNS_AT_ONCE domains are under way,
 * the others wait their turn. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"

struct uv_loop_s;
struct dns;

enum { DNS_KEPT = 10000, DNS_AT_ONCE = 100 };

/* All borrowed during dns_new(). */
struct dns_options {
    const char *const *servers; // "127.0.0.1@5353"; none: the system's resolvers
    size_t servers_n;
    const char *const
        *local;     // records of ours: "big.test. MX 10 mx.big.test."; in a top domain that
    size_t local_n; // is nobody's (test, example, invalid, localhost, local, internal) all
                    // other names do not exist then; elsewhere they are asked for as ever
};

/* NULL with *why (owned) when an option is wrong. */
struct dns *dns_new(struct uv_loop_s *loop, const struct dns_options *options, char **why);
/* Questions under way are dropped: their `done` never comes. May be called from inside one; the memory
 * goes when the loop has closed the handle. Takes NULL; returns NULL. */
struct dns *dns_free(struct dns *d);

enum dns_result {
    DNS_OK,
    DNS_NONE,    // the domain, or every host of it, does not exist: domain-not-found
    DNS_NULL_MX, // it says it takes no mail: domain-not-found
    DNS_LATER,   // no answer (in 10 s), SERVFAIL, bogus: try later
};

enum { DNS_NAME = 256, DNS_HOSTS = 16, DNS_ADDRESSES = 8, DNS_WHY = 128 };

struct dns_host {
    char name[DNS_NAME]; // lower case, no final dot
    uint16_t preference;
    struct sockaddr_storage addresses[DNS_ADDRESSES]; // port 0; of either family at least half the
    size_t addresses_n;                               // room when there are so many
};

struct dns_mx {
    enum dns_result result;
    char why[DNS_WHY];                // in words, "" for DNS_OK
    struct dns_host hosts[DNS_HOSTS]; // in the order to try; those without an address are left out
    size_t hosts_n;
    usec_t expires_at; // monotonic; by the shortest TTL, at least 60 s, at most 1 h (negatives 5 m)
};

/* `done` on the loop, never inside the call; `mx` is borrowed during it. A domain in lower case; an
 * address literal ("[127.0.0.1]", "[ipv6:::1]") is answered without asking. */
void dns_query_mx(struct dns *d, const char *domain,
                  void (*done)(void *ctx, const struct dns_mx *mx), void *ctx);
