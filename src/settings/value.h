/* The values of our files that are more than text: addresses, networks, domain names, DNS records.
 * Pure; each says false for what it is not. What they give is canonical. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "settings/settings.h"

enum {
    VALUE_DOMAIN = 254, // room for a domain name, NUL included (RFC 1035 §2.3.4)
    VALUE_ADDRESS = 48, // room for an address as text (INET6_ADDRSTRLEN), NUL included
    VALUE_NETWORK = 52, // with a prefix behind it
    VALUE_BOUNCE = 190, // of a domain that stands behind a token (RFC 5321 §4.5.3.1.3)
    VALUE_SOCKET = 107, // bytes of a Unix socket's path that all systems take
};

/* `198.51.100.10`, `2001:db8::1`: an address that one machine can have (neither unspecified,
 * multicast nor broadcast). `text` of *a is left alone. */
bool value_parse_ip(struct settings_address *a, const char *text);
/* `127.0.0.1:25`, `[::1]:25`; any address, port from 1. */
bool value_parse_address(struct settings_address *a, const char *text);
/* The address without port, as inet_ntop writes it. */
void value_format_ip(char out[VALUE_ADDRESS], const struct settings_address *a);
/* True for 0.0.0.0 and :: */
bool value_is_any(const struct settings_address *a);

/* An address as 16 bytes, IPv4 as ::ffff:a.b.c.d. False for another family. */
bool value_address_bytes(uint8_t out[16], const struct sockaddr *sa);
/* `10.0.0.0/8`, `2001:db8::/32`, or one address. Bits beyond the prefix are cleared; *is_exact says
 * whether there were none. */
bool value_parse_network(uint8_t net[16], unsigned *bits, bool *is_exact, const char *text);
void value_format_network(char out[VALUE_NETWORK], const uint8_t net[16], unsigned bits);

/* A host's name (RFC 1123 §2.1): labels of letters, digits and inner hyphens, the last not all
 * digits. Comes out in lower case. */
bool value_parse_domain(char out[VALUE_DOMAIN], const char *text);
/* A resolver, `127.0.0.1` or `127.0.0.1@5353`. */
bool value_is_resolver(const char *text);
/* A record as in a zone file, `big.test. MX 10 mx.big.test.`, with or without TTL and class. */
bool value_is_record(const char *text);
/* `fbl@example.net`: a plain local part (RFC 5321's Dot-string) and a host's name. */
bool value_is_mailbox(const char *text);
/* `ana` */
bool value_is_user(const char *text);
/* `ana` or `@mail-ops` */
bool value_is_user_or_group(const char *text);
/* `acme` or `acme/spring`; the parts come out, list "" for none. */
bool value_parse_customer(char customer[64], char list[64], const char *text);

/* A decimal number without a sign, `9`, `0.25`, `1e6`, exactly as C would read it: at most 15 digits
 * and 22 places. */
bool value_parse_real(double *v, const char *text);
/* `5%`, `0.1%`: a share in 0-1. */
bool value_parse_share(double *v, const char *text);
