// Called for every outcome over an IP: no look-up but that of the few lanes that were ever blocked, and
// no exponential twice in a second.
#include "core/rotation.h"

#include <string.h>

#include "base/mem.h"
#include "core/fade.h"

enum { PROVIDER_UNIT = 16 };

static const float hour = 3600.0F, day = 86400.0F;

static void fade_ip(struct reputation_ip *ip, uint32_t second)
{
    if (second <= ip->decayed_second)
        return;
    uint32_t span = second - ip->decayed_second;
    float h = fade_left(span, hour), d = fade_left(span, day);
    ip->attempts_1h *= h;
    ip->deferred_1h *= h;
    ip->delivered_24h *= d;
    ip->reported_24h *= d;
    ip->complained_24h *= d;
    ip->decayed_second = second;
}

static void note_fleet(struct reputation *r, uint32_t second, bool is_deferred)
{
    if (second > r->fleet_deferred_second) {
        float d = fade_left(second - r->fleet_deferred_second, day);
        r->fleet_attempts *= d;
        r->fleet_deferred *= d;
        r->fleet_deferred_second = second;
    }
    r->fleet_attempts += 1;
    r->fleet_deferred += is_deferred ? 1 : 0;
}

// Counts in sixteenths, so that halving keeps small ones for some hours.
static void note_provider(struct reputation_ip *ip, uint32_t provider, uint32_t second)
{
    uint32_t now = second / 3600;
    if (provider >= ip->by_provider_n) {
        uint32_t n = (provider / 16 + 1) * 16;
        ip->by_provider = xrealloc(ip->by_provider, n, sizeof(*ip->by_provider));
        memset(ip->by_provider + ip->by_provider_n, 0,
               (n - ip->by_provider_n) * sizeof(*ip->by_provider));
        ip->by_provider_n = n;
    }
    if (now > ip->by_provider_hour) {
        uint32_t shift = now - ip->by_provider_hour;
        for (uint32_t i = 0; i < ip->by_provider_n; i++)
            ip->by_provider[i] = shift < 32 ? ip->by_provider[i] >> shift : 0;
        ip->by_provider_hour = now;
    }
    if (ip->by_provider[provider] <= UINT32_MAX - PROVIDER_UNIT)
        ip->by_provider[provider] += PROVIDER_UNIT;
}

static void note_delivery(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                          uint32_t second)
{
    ip->delivered_24h += 1;
    if (provider >= r->providers_n)
        return;
    if (!r->providers[provider]->is_silent)
        ip->reported_24h += 1;
    note_provider(ip, provider, second);
    struct reputation_lane *lane = ip->lanes ? rotation_lane_get(ip, provider) : NULL;
    if (lane && !lane->paused_until)
        lane->has_passed = true;
}

// A block is the lane's matter, and a provider's incident nobody's.
static void note_attempt(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                         const struct outcome *o, uint32_t second)
{
    bool is_deferred = o->kind == OUTCOME_DEFERRED;
    bool is_excused = provider < r->providers_n && r->providers[provider]->outage.open_since != 0;
    if (o->class == CLASS_IP_REPUTATION_BLOCK || is_excused)
        return;
    ip->attempts_1h += 1;
    ip->deferred_1h += is_deferred ? 1 : 0;
    note_fleet(r, second, is_deferred);
}

void rotation_observe(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                      const struct outcome *o, usec_t now)
{
    uint32_t second = fade_second(now);
    fade_ip(ip, second);
    ip->used_second = ip->heard_second = second;
    if (o->kind == OUTCOME_COMPLAINED) {
        ip->complained_24h += 1;
        return;
    }
    bool is_late = o->delivered_at != 0; // its attempt was counted when it was delivered
    if (is_late ||
        (o->kind != OUTCOME_DELIVERED && o->kind != OUTCOME_DEFERRED && o->kind != OUTCOME_BOUNCED))
        return;
    note_attempt(r, ip, provider, o, second);
    if (o->kind == OUTCOME_DELIVERED)
        note_delivery(r, ip, provider, second);
}

void rotation_note(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                   uint32_t customer, enum harm harm, usec_t at)
{
    if (provider >= r->providers_n)
        provider = UINT16_MAX; // no provider has that index
    if (!ip->news)
        ip->news = xcalloc(REPUTATION_IP_NEWS, sizeof(*ip->news));
    ip->news[ip->news_n % REPUTATION_IP_NEWS] =
        (struct reputation_news){.second = fade_second(at),
                                 .customer = customer,
                                 .provider = (uint16_t)provider,
                                 .harm = (uint8_t)harm};
    ip->news_n++;
    if (ip->news_n == UINT32_MAX) // stays full, and at the same place of the ring
        ip->news_n = REPUTATION_IP_NEWS + (UINT32_MAX % REPUTATION_IP_NEWS);
}
