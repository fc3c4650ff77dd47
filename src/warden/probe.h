/* What the world says of our IPs: are they on a blocklist, and does reverse DNS lead back to them?
 *
 * Every IP is asked about once in policy.probe_every, jittered, at most PROBE_AT_ONCE together, one
 * question of an IP at a time: each zone of the policy (RFC 5782), then its names and their addresses
 * (forward-confirmed reverse DNS). Only changes are told.
 *
 * An answer in 127.0.0.0/8 lists. 127.255.255.0/24 are a list's errors (the resolver is refused), and
 * what is outside 127.0.0.0/8 comes from no list: both are logged, once a zone and hour, and change
 * nothing, as no answer does not. Before a new listing is believed, the zone is asked about 127.0.0.1,
 * which no living list contains: one that does lists the whole world. An address that is not public
 * stands on no public list: only zones in a top domain that is nobody's are asked about it, and it
 * needs no name.
 *
 * Runs on the loop. Judges nothing: core/reputation weighs the zones. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "core/outcome.h"

struct dns;
struct policy;
struct probe;
struct timers;

enum { PROBE_AT_ONCE = 16, PROBE_WHY = 600 };

struct probe_options {
    struct dns *dns;             // borrowed, until probe_set_dns() or probe_free()
    struct timers *timers;       // borrowed
    const struct policy *policy; // borrowed, until probe_set_policy() or probe_free()
    /* OUTCOME_LISTED or OUTCOME_DELISTED of an IP: zone, and what it answered. Borrowed during it. */
    void (*on_outcome)(void *ctx, const struct outcome *o);
    /* Reverse DNS of an IP as found first, and when it changed. Wrong: it has no name, or none that
     * leads back. `why` in words; "" : all is well; also said when the name is not the one it greets
     * with, which is no mistake by itself. */
    void (*on_reverse)(void *ctx, const char *ip, bool is_wrong, const char *why);
    void *ctx;
};

struct probe_ip {
    const char *address; // canonical
    const char *helo;    // what it greets with
};

/* Both callbacks come on the loop, never inside a call; inside them nothing of the probe may be
 * called. */
struct probe *probe_new(const struct probe_options *options);
/* Before the dns and the timers. Takes NULL; returns NULL. */
struct probe *probe_free(struct probe *p);
/* The IPs from now on (copied): new ones are asked about within a minute; the listings of those gone end
 * with a delisting each, soon. */
void probe_set_ips(struct probe *p, const struct probe_ip *ips, size_t n);
/* What was known before a restart, after probe_set_ips(): this IP stands on that list, so it is no news;
 * of one that is ours no more it ends. */
void probe_believe(struct probe *p, const char *address, const char *zone);
/* Questions under way begin anew. A zone that the policy names no more lists nobody any more: said as
 * a delisting, at the IP's next turn. */
void probe_set_policy(struct probe *p, const struct policy *policy);
/* Call it before the old dns is freed. */
void probe_set_dns(struct probe *p, struct dns *dns);
/* All IPs are asked about now, as far as PROBE_AT_ONCE lets them. */
void probe_now(struct probe *p);
/* When anybody answered last, wall; 0: not yet. Takes NULL. */
usec_t probe_heard_at(const struct probe *p);
