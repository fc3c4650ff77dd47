/* DNS through libunbound: asynchronous, caching, capped. Where does mail for a domain go? MX by
 * RFC 5321 §5.1 (preference, equal ones in random order, implicit MX), null MX (RFC 7505), then the
 * hosts' addresses, all asked at once, IPv4 before IPv6.
 *
 * What comes back is a stranger's: names must be host names, addresses ones that can be a host's, hosts
 * and addresses are capped. Answers are kept by domain (at most DNS_KEPT, or 16 MiB, the oldest out);
 * who asks while a question is under way shares its answer. At most DNS_AT_ONCE domains are under way,
 * the others wait their turn. Two plain questions besides, for blocklists and reverse DNS: the
 * addresses of a name, the names of an address. */
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

/* --- plain questions, one record type each; aliases are followed. Kept by libunbound alone. */
enum { DNS_RECORDS = 16, DNS_ASKS = 10000 };

struct dns_address {
    uint8_t n; // 4 or 16
    uint8_t bytes[16];
};

struct dns_records {
    enum dns_result result; // DNS_OK: at least one record; DNS_NONE: no such name, or none of that
                            // type; DNS_LATER
    char why[DNS_WHY];      // in words, "" for DNS_OK
    size_t n;               // further ones are left out
    struct dns_address addresses[DNS_RECORDS]; // of a name: as they came, any address at all
    char names[DNS_RECORDS][DNS_NAME];         // of an address: host names, lower case
};

struct dns_ask;

/* The addresses of `name`: A, or AAAA. `done` on the loop, never inside the call; `records` is
 * borrowed during it. The question is valid for dns_ask_cancel() until `done` is called or the dns
 * freed. DNS_AT_ONCE are under way, DNS_ASKS wait; what is beyond that is answered DNS_LATER. */
struct dns_ask *dns_query_addresses(struct dns *d, const char *name, bool is_v6,
                                    void (*done)(void *ctx, const struct dns_records *records),
                                    void *ctx);
/* The names (PTR) of an address. */
struct dns_ask *dns_query_names(struct dns *d, const struct dns_address *address,
                                void (*done)(void *ctx, const struct dns_records *records),
                                void *ctx);
/* `done` does not come. Takes NULL. */
void dns_ask_cancel(struct dns_ask *a);

/* Text to address and back, canonical. False when it is none. */
bool dns_address_parse(struct dns_address *a, const char *text);
enum { DNS_ADDRESS_TEXT = 46 };
void dns_address_format(char out[DNS_ADDRESS_TEXT], const struct dns_address *a);
/* `2.0.0.127.` and zone for 127.0.0.2, nibbles for IPv6: how lists and reverse zones name an address
 * (RFC 5782 §2, RFC 3596 §2.5). False when it does not fit. */
bool dns_address_reverse(char out[DNS_NAME], const struct dns_address *a, const char *zone);
/* Is the name in a top domain that is nobody's (above)? */
bool dns_is_nobodys(const char *name);
