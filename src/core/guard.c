// A pool is the configured IPs of its name that the machine has; without any configuration, all IPs
// that were heard of in the last day. All of them are walked: pulls are rare.
#include "core/rotation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/fade.h"

static bool has_configuration(const struct reputation *r)
{
    for (uint32_t i = 0; i < r->ips_n; i++)
        if (r->ips[i]->is_configured)
            return true;
    return false;
}

static bool is_same_pool(const struct reputation_ip *a, const struct reputation_ip *b)
{
    return strcmp(a->pool ? a->pool : "", b->pool ? b->pool : "") == 0;
}

static bool is_member(const struct reputation_ip *ip, const struct reputation_ip *of,
                      bool is_configured, uint32_t second)
{
    if (is_configured)
        return ip->is_configured && ip->is_here && is_same_pool(ip, of);
    return ip->heard_second && second < ip->heard_second + (uint64_t)86400;
}

static bool is_active(const struct reputation_ip *ip)
{
    return ip->rotation == ROTATION_ACTIVE || ip->rotation == ROTATION_WARMING;
}

static unsigned least_of(const struct policy *p, unsigned members)
{
    double share = ceil(p->guard_share * members - 1e-9);
    unsigned n = share > 0 ? (unsigned)share : 0;
    return n > p->guard_ips ? n : p->guard_ips;
}

bool guard_allows(const struct reputation *r, const struct reputation_ip *ip, usec_t now,
                  unsigned *left, unsigned *least)
{
    bool is_configured = has_configuration(r);
    uint32_t second = fade_second(now);
    unsigned members = 0;
    *left = *least = 0;
    if (!is_member(ip, ip, is_configured, second))
        return true; // it carries no pool's mail
    for (uint32_t i = 0; i < r->ips_n; i++) {
        if (!is_member(r->ips[i], ip, is_configured, second))
            continue;
        members++;
        *left += r->ips[i] != ip && is_active(r->ips[i]);
    }
    *least = least_of(r->o.policy, members);
    return *left >= *least;
}

// How much of the pool's mail of the last day went over it, 0-1: what an operator weighs.
static double carries(const struct reputation *r, const struct reputation_ip *ip, usec_t now)
{
    bool is_configured = has_configuration(r);
    uint32_t second = fade_second(now);
    double own = 0, all = 0;
    for (uint32_t i = 0; i < r->ips_n; i++) {
        const struct reputation_ip *other = r->ips[i];
        if (!is_member(other, ip, is_configured, second) || second < other->decayed_second)
            continue;
        double n =
            (double)(other->delivered_24h * fade_left(second - other->decayed_second, 86400.0F));
        all += n;
        own += other == ip ? n : 0;
    }
    return all > 0 ? own / all : 0;
}

static const char *pool_of(const struct reputation_ip *ip)
{
    return ip->pool && *ip->pool ? ip->pool : "(all IPs)";
}

static void throttle_culprit(struct reputation *r, struct reputation_ip *ip, const char *why,
                             usec_t now)
{
    char reason[DECISION_REASON];
    double share;
    uint32_t first = blame_first(r, ip, USAGE_NONE, now, &share);
    if (first == USAGE_NONE || share < 0.5)
        return;
    snprintf(reason, sizeof(reason), "%.0f %% of the harm over %s, which is %s", 100 * share,
             ip->address, why);
    reputation_throttle(r, first, reason, now);
}

void guard_call(struct reputation *r, struct reputation_ip *ip, const char *why, unsigned left,
                unsigned least, usec_t now)
{
    struct decision d = {.action = ACTION_CALL_OPERATOR};
    throttle_culprit(r, ip, why, now);
    if (ip->called_at && now - ip->called_at < USEC_HOUR)
        return;
    ip->called_at = now;
    snprintf(d.target, sizeof(d.target), "ip:%s", ip->address);
    snprintf(d.pool, sizeof(d.pool), "%s", ip->pool ? ip->pool : "");
    snprintf(
        d.reason, sizeof(d.reason),
        "stays in though %.70s: pool %.63s would keep %u active, least %u; it carries %u %% of "
        "the mail",
        why, pool_of(ip), left, least, (unsigned)(100 * carries(r, ip, now) + 0.5));
    d.culprits_n = blame_find(r, ip, USAGE_NONE, now, d.culprits, DECISION_CULPRITS);
    reputation_decide(r, &d);
}
