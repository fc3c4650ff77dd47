// Health gathers what stands about in the IP, its lanes, its news and the fleet; nothing is changed by
// asking.
#include "core/rotation.h"

#include <math.h>
#include <stdio.h>

#include "core/fade.h"
#include "core/health.h"

static const float hour = 3600.0F, day = 86400.0F;

// It blocks us, or has taken nothing since the pause was over: nobody knows yet that it is well again.
static bool is_shut(const struct reputation *r, const struct reputation_lane *lane, usec_t now)
{
    bool is_untried = !lane->paused_until && now < lane->probing_until && !lane->has_passed &&
                      !r->providers[lane->provider]->outage.open_since;
    return is_untried || rotation_is_blocked(r, lane, now);
}

// The share of its deliveries that went to those who block it: as it was then, where mail since has
// made it less.
static void ask_blocks(struct health_input *in, const struct reputation *r,
                       const struct reputation_ip *ip, usec_t now)
{
    double all = 0, share = 0;
    for (uint32_t i = 0; i < ip->by_provider_n; i++)
        all += ip->by_provider[i];
    double largest = -1;
    for (const struct reputation_lane *lane = ip->lanes; lane; lane = lane->next) {
        if (!is_shut(r, lane, now))
            continue;
        double is = lane->provider < ip->by_provider_n && all > 0
                        ? ip->by_provider[lane->provider] / all
                        : 0;
        double own = fmax(is, (double)lane->share);
        share += own;
        if (own > largest) {
            largest = own;
            snprintf(in->blocked_by, sizeof(in->blocked_by), "%s",
                     r->providers[lane->provider]->name);
        }
    }
    in->blocked_share = fmin(share, 1);
}

// The news of about an hour. A ring that turned over within it shows only the end: what it lacks is
// made up for as if it had been like that all the time.
static void ask_news(struct health_input *in, const struct reputation_ip *ip, usec_t now)
{
    uint32_t second = fade_second(now), oldest = 0;
    double dead = 0, spam = 0;
    for (uint32_t i = 0; ip->news && i < REPUTATION_IP_NEWS && i < ip->news_n; i++) {
        const struct reputation_news *n = &ip->news[i];
        uint32_t age = second > n->second ? second - n->second : 0;
        oldest = age > oldest ? age : oldest;
        if (n->customer == USAGE_NONE)
            continue;
        dead += n->harm == HARM_DEAD ? (double)fade_left(age, hour) : 0;
        spam += n->harm == HARM_SPAM ? (double)fade_left(age, hour) : 0;
    }
    double seen = ip->news_n < REPUTATION_IP_NEWS ? 1 : 1 - (double)fade_left(oldest + 1, hour);
    const struct usage_user *all = &ip->usage.all;
    uint32_t age = second > all->second ? second - all->second : 0;
    in->dead_of = (double)(all->n[USAGE_HARD][USAGE_1H] * fade_left(age, hour));
    in->dead = fmin(dead / seen, in->dead_of);
    in->spam = fmin(spam / seen, in->dead_of);
}

static void ask_counters(struct health_input *in, const struct reputation_ip *ip, usec_t now)
{
    uint32_t second = fade_second(now);
    uint32_t age = second > ip->decayed_second ? second - ip->decayed_second : 0;
    double h = (double)fade_left(age, hour), d = (double)fade_left(age, day);
    in->complaints = (double)ip->complained_24h * d;
    in->delivered = (double)ip->reported_24h * d;
    in->attempts = (double)ip->attempts_1h * h;
    in->deferred = (double)ip->deferred_1h * h;
}

static double mean(double bad, double n)
{
    return n > 0 ? bad / n : 0;
}

static void ask_fleet(struct health_input *in, const struct reputation *r)
{
    const struct policy *p = r->o.policy;
    in->fleet_dead = mean(r->fleet_bad[HARM_DEAD], r->fleet_n[HARM_DEAD]);
    in->fleet_complaints = mean(r->fleet_bad[HARM_COMPLAINT], r->fleet_n[HARM_COMPLAINT]);
    in->fleet_spam = mean(r->fleet_bad[HARM_SPAM], r->fleet_n[HARM_SPAM]);
    in->fleet_deferred = mean((double)r->fleet_deferred, (double)r->fleet_attempts);
    in->fine_dead = blame_rate(p, HARM_DEAD);
    in->fine_complaints = blame_rate(p, HARM_COMPLAINT);
    in->fine_spam = blame_rate(p, HARM_SPAM);
}

bool reputation_health(const struct reputation *r, const char *address, struct health *out)
{
    const struct reputation_ip *ip = map_get_str(&r->ip_of, address);
    struct health_input in = {0};
    if (!ip || !ip->used_second || fade_second(r->now) >= ip->used_second + (uint64_t)86400)
        return false;
    ask_blocks(&in, r, ip, r->now);
    ask_news(&in, ip, r->now);
    ask_counters(&in, ip, r->now);
    ask_fleet(&in, r);
    in.listed = rotation_weight(r, ip, in.listed_on, sizeof(in.listed_on));
    in.is_reverse_wrong = ip->is_reverse_wrong;
    health_judge(out, &in);
    return true;
}
