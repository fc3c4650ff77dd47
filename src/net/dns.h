/* DNS through libunbound: asynchronous, caching, capped. Where does mail for a domain go? MX by
 * RFC 5321 §5.1 (preference, equal ones in random order, implicit MX), null MX (RFC 7505), then the
 * hosts' addresses, IPv4 before IPv6 as asked for. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"

struct uv_loop_s;
struct dns;

struct dns_options {
    const char *const *servers; // "127.0.0.1@5353"; none: the system's resolvers
    size_t servers_n;
    const char *const *local; // records of ours: "big.test. MX 10 mx.big.test."; their top domains
    size_t local_n;           // (test., invalid. …) are opened as far as libunbound closes them
};

/* NULL with *why (owned) when an option is wrong. */
struct dns *dns_new(struct uv_loop_s *loop, const struct dns_options *options, char **why);
struct dns *dns_free(struct dns *d);

enum dns_result {
    DNS_OK,
    DNS_NONE,    // the domain, or every host of it, does not exist: domain-not-found
    DNS_NULL_MX, // it says it takes no mail: domain-not-found
    DNS_LATER,   // no answer, SERVFAIL, bogus: try later
};

enum { DNS_HOSTS = 16, DNS_ADDRESSES = 8 };

struct dns_host {
    char name[256]; // lower case, no final dot
    uint16_t preference;
    struct sockaddr_storage addresses[DNS_ADDRESSES]; // port 0
    size_t addresses_n;
};

struct dns_mx {
    enum dns_result result;
    char why[128];
    struct dns_host hosts[DNS_HOSTS]; // in the order to try; those without an address are left out
    size_t hosts_n;
    usec_t expires_at; // monotonic; by the shortest TTL, at least 60 s, at most 1 h (negatives 5 m)
};

/* `done` on the loop, never inside the call; `mx` is borrowed during it. A domain in lower case; an
 * address literal is answered without asking. */
void dns_query_mx(struct dns *d, const char *domain,
                  void (*done)(void *ctx, const struct dns_mx *mx), void *ctx);
