/* The configuration: YAML files into checked structs, all or nothing.
 *
 * One schema table a file (mxwarden.yaml, providers.yaml, policy.yaml) says key, type, default,
 * range and help; parser, `--check` and the example's test come from it. libyaml's events give line
 * and column. Every mistake is one diag, all in one go. Size, depth and counts are capped: a file is
 * a stranger too. A loaded configuration never changes; a reload makes a new one. Everything in it
 * lives and dies with it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "core/policy.h"

struct reply_rule;
struct settings_index;

/* An IPv4 or IPv6 address with a port (0: none given). */
struct settings_address {
    struct sockaddr_storage sa;
    socklen_t sa_n;
    const char *text; // as written
};

/* A network whose clients are a customer (`acme`) or its list (`acme/spring`) without AUTH. */
struct settings_trust {
    uint8_t net[16]; // IPv4 as ::ffff:a.b.c.d
    unsigned bits;   // of 128
    const char *customer;
    const char *list; // "" for none
};

enum listener_kind { LISTENER_SUBMISSION, LISTENER_FEEDBACK };
enum listener_tls { LISTENER_TLS_NONE };

struct settings_listener {
    struct settings_address address;
    enum listener_kind kind;
    enum listener_tls tls;
    struct settings_trust *trust; // longest prefix first
    size_t trust_n;
};

struct settings_ip {
    struct settings_address address; // no port; text is the canonical form (inet_ntop)
    const char *helo;                // default: the node's name
    usec_t warming_since;            // 0: warm
};

struct settings_pool {
    const char *name;
    struct settings_ip *ips;
    size_t ips_n;
};

/* A fixed next hop for a domain; "*" stands for all others. One next hop is one provider,
 * `route-ADDRESS-PORT` (an IPv6 address with `-` for `:`), with limits of its own in `providers`: at
 * most 20 connections an IP, no rate; providers.yaml may name it and say otherwise. */
struct settings_route {
    const char *domain; // lower case, or "*"
    struct settings_address hop;
    const char *provider; // "route-127.0.0.2-2525"
};

/* Limits of a provider; 0 is no limit. From providers.yaml or the built-in default. */
struct settings_provider {
    const char *name;
    const char **mx; // suffixes, lower case, without a leading dot
    size_t mx_n;
    uint32_t connections;       // per IP
    uint32_t connections_all;   // over all our IPs
    uint32_t messages;          // per connection
    uint32_t rate;              // transactions per IP…
    usec_t rate_per;            // …in this span
    unsigned unknown_user;      // enum suppression_trust: what an unknown-user of it is worth
    usec_t pause;               // how long it asks for peace after a block; 0: the policy's
    struct reply_rule *replies; // what its answers mean, in the file's order
    size_t replies_n;
};

struct settings {
    const char *file; // as given; relative paths in it were made to start at its folder
    const char *node, *state, *user; // user "" : the owner of the state directory
    struct {
        const char *socket;
        const char **operators, **viewers; // names, or "@group"
        size_t operators_n, viewers_n;
        const char *label; // shown beside the node's name, "PROD"; "" for none
    } control;
    struct settings_listener *listeners;
    size_t listeners_n;
    struct {
        const char *bounce;      // "" for none: no VERP, and no feedback but complaints
        const char **complaints; // addresses that complaint reports come to
        size_t complaints_n;
    } domains;
    struct {
        const char **servers; // "127.0.0.1@5353"; none: the system's resolvers
        const char **local;   // "big.test. MX 10 mx.big.test."
        size_t servers_n, local_n;
    } dns;
    struct settings_pool *pools;
    size_t pools_n;
    struct {
        struct settings_route *routes;
        size_t routes_n;
        uint16_t port;        // 25
        usec_t retry_first;   // 5m: first wait; doubles up to retry_most
        usec_t retry_most;    // 4h
        usec_t give_up;       // 3d
        uint32_t connections; // 500: over all lanes
    } delivery;
    struct {
        uint64_t message_size;        // 50M
        uint32_t recipients;          // 1000 a message
        uint32_t commands_in_error;   // 20
        uint32_t sessions;            // 1000 at once
        uint32_t sessions_per_client; // 50
        uint64_t disk_reserve;        // 256M
        usec_t session_idle;          // 5m
    } limits;
    struct settings_provider *providers; // by name; [0] is the default, ""; those of the routes too
    size_t providers_n;
    struct policy policy;       // core/policy.h; without a file the defaults, and is_there false
    struct reply_rule *replies; // of all providers, then everybody's: for mail/replies
    size_t replies_n;
    const struct settings_index *index; // for the lookups below
};

/* All mistakes of a load, in the order of the files and lines. A zeroed one holds none. */
struct settings_mistakes {
    struct diag *items;
    size_t n;
    char **files; // the names that the items borrow
    size_t files_n;
};

/* Reads FILE and the files it names. 0 and *out (free with settings_free), or 1 and the mistakes
 * (at least one, at most 100; free with settings_mistakes_deinit). Unreadable files are mistakes. */
int settings_load(struct settings **out, struct settings_mistakes *mistakes, const char *file);
/* The same from memory: `files[0]` is the configuration, the files it names are found among the
 * others (by the path that settings_load would open); nothing is read from the disk. */
struct settings_text {
    const char *name;
    struct bytes text;
};
int settings_load_texts(struct settings **out, struct settings_mistakes *mistakes,
                        const struct settings_text *files, size_t n);
/* One text alone: it names no other file. */
int settings_load_text(struct settings **out, struct settings_mistakes *mistakes, const char *name,
                       struct bytes text);
/* A policy file alone, for `replay`: of *out only `policy` is filled (and is_there true). */
int settings_load_policy(struct settings **out, struct settings_mistakes *mistakes,
                         const char *file);
/* No configuration at all: the shipped providers.yaml with the meaning of replies and, all else being
 * its default; for commands that need no engine. Never fails. */
struct settings *settings_shipped(void);
struct settings *settings_free(struct settings *s);
void settings_mistakes_deinit(struct settings_mistakes *m);
/* Writes `FILE:LINE:COLUMN: text` and a line end for each, made visible (text_visible). 0, or the
 * fault of write(2). */
int settings_mistakes_print(const struct settings_mistakes *m, int fd);

/* The provider whose MX suffix is the longest match of `host` (lower case, a final dot does not
 * matter) on a label boundary, or NULL. A hash look-up a label. */
const struct settings_provider *settings_provider_of(const struct settings *s, const char *host);
/* By name, else the default's limits. Never NULL. */
const struct settings_provider *settings_provider_limits(const struct settings *s,
                                                         const char *name);
/* The fixed next hop for a domain (lower case): its own, else "*", else NULL. */
const struct settings_route *settings_route_of(const struct settings *s, const char *domain);
/* The trust entry with the longest prefix that holds the client's address, or NULL. */
const struct settings_trust *settings_trust_of(const struct settings_listener *l,
                                               const struct sockaddr *client);
