/* What a resolver's bytes say about a domain's mail hosts, and how it is kept: pure, no resolver and no
 * loop. For the files of net/ alone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "net/dns.h"

/* One mail host on the way to an answer. */
struct dns_found_host {
    char name[DNS_NAME];
    uint16_t preference;
    uint8_t v4[DNS_ADDRESSES][4], v6[DNS_ADDRESSES][16];
    size_t v4_n, v6_n;
};

struct dns_found {
    struct dns_found_host hosts[DNS_HOSTS];
    size_t hosts_n;
};

/* A name in wire format without compression (RFC 1035 §3.1) as lower-case text; the root is "".
 * False when it is no host name: cut short, too long, or with letters a host name has not. */
bool dns_name_parse(char out[DNS_NAME], struct bytes rdata);
/* Takes in MX records (rdata, each untrusted) in the order to try: by preference, equal ones shuffled,
 * the first DNS_HOSTS. True: the set is a null MX (RFC 7505). */
bool dns_found_exchanges(struct dns_found *f, const struct bytes *rdata, size_t n);
/* Takes in an A or AAAA record of host; anything that cannot be a host's address is left out. */
void dns_found_address(struct dns_found_host *host, struct bytes rdata);
/* The one address of a literal, "[127.0.0.1]" or "[ipv6:::1]"; false when it is none. */
bool dns_found_literal(struct dns_found *f, const char *domain);

/* An answer as it is kept: a few hundred bytes where struct dns_mx has 20 KiB. */
struct dns_answer {
    enum dns_result result;
    usec_t expires_at;
    char why[DNS_WHY];
    struct buf hosts; // packed
};

/* Hosts without an address are left out. */
void dns_answer_pack(struct dns_answer *a, const struct dns_found *f);
void dns_answer_unpack(struct dns_mx *mx, const struct dns_answer *a);
