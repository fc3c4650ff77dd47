// Dues are written with their order in the heap and added again in it, so that equal times leave as
// they would have.
#include "core/rotation.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/pack.h"

enum { ADDRESS_MOST = 64, POOL_MOST = 64, ZONES_TEXT_MOST = 64 * 300 };

struct waiting { // a due to be added again
    struct due *due;
    int64_t at;
    uint64_t order;
};

struct waitings {
    struct waiting *items;
    size_t n, room;
};

// Times and spans that can be reckoned with.
static bool take_when(struct bytes *in, usec_t *v)
{
    return take_i64(in, v) && *v >= 0 && (*v < USEC_NEVER / 2 || *v == USEC_NEVER);
}

static bool take_span(struct bytes *in, usec_t *v)
{
    return take_i64(in, v) && *v >= 0 && *v < 36500 * USEC_DAY;
}

static void save_due(const struct due *due, struct buf *out)
{
    pack_bool(out, heap_has(&due->node));
    if (!heap_has(&due->node))
        return;
    pack_i64(out, due->node.at);
    pack_u64(out, due->node.order);
}

static bool load_due(struct waitings *w, struct due *due, struct bytes *in)
{
    bool has;
    struct waiting item = {.due = due};
    if (!take_bool(in, &has))
        return false;
    if (!has)
        return true;
    if (!take_when(in, &item.at) || !take_u64(in, &item.order))
        return false;
    if (w->n == w->room) {
        w->room = w->room ? 2 * w->room : 16;
        w->items = xrealloc(w->items, w->room, sizeof(*w->items));
    }
    w->items[w->n++] = item;
    return true;
}

static int by_order(const void *a, const void *b)
{
    const struct waiting *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void wait_again(struct reputation *r, struct waitings *w)
{
    if (w->n)
        qsort(w->items, w->n, sizeof(*w->items), by_order);
    for (size_t i = 0; i < w->n; i++)
        heap_add(&r->due, &w->items[i].due->node, w->items[i].at);
}

/* --- lanes */

static void save_lane(const struct reputation_lane *lane, struct buf *out)
{
    pack_u32(out, lane->provider);
    pack_bool(out, lane->is_by_hand);
    pack_bool(out, lane->has_passed);
    pack_f32(out, lane->share);
    pack_i64(out, lane->paused_until);
    pack_i64(out, lane->span);
    pack_i64(out, lane->probing_until);
    for (size_t i = 0; i < ARRAY_LEN(lane->domains); i++) {
        pack_u32(out, lane->domains[i]);
        pack_u32(out, lane->domains_second[i]);
    }
    save_due(&lane->due, out);
}

static bool load_lane(const struct reputation *r, struct reputation_lane *lane, struct waitings *w,
                      struct bytes *in)
{
    bool ok = take_u32(in, &lane->provider) && lane->provider < r->providers_n &&
              take_bool(in, &lane->is_by_hand) && take_bool(in, &lane->has_passed) &&
              take_f32(in, &lane->share) && take_when(in, &lane->paused_until) &&
              take_span(in, &lane->span) && take_when(in, &lane->probing_until);
    for (size_t i = 0; ok && i < ARRAY_LEN(lane->domains); i++)
        ok = take_u32(in, &lane->domains[i]) && take_u32(in, &lane->domains_second[i]);
    return ok && load_due(w, &lane->due, in);
}

static void save_lanes(const struct reputation_ip *ip, struct buf *out)
{
    uint32_t n = 0;
    for (const struct reputation_lane *lane = ip->lanes; lane; lane = lane->next)
        n++;
    pack_u32(out, n);
    for (const struct reputation_lane *lane = ip->lanes; lane; lane = lane->next)
        save_lane(lane, out);
}

static bool load_lanes(const struct reputation *r, struct reputation_ip *ip, struct waitings *w,
                       struct bytes *in)
{
    struct reputation_lane **end = &ip->lanes;
    uint32_t n;
    if (!take_count(in, &n, 40))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        struct reputation_lane *lane = xcalloc(1, sizeof(*lane));
        lane->due.what = DUE_LANE;
        lane->ip = ip;
        *end = lane;
        end = &lane->next;
        if (!load_lane(r, lane, w, in))
            return false;
    }
    return true;
}

/* --- what went over the IP */

static void save_traffic(const struct reputation_ip *ip, struct buf *out)
{
    uint32_t kept = !ip->news                         ? 0
                    : ip->news_n < REPUTATION_IP_NEWS ? ip->news_n
                                                      : REPUTATION_IP_NEWS;
    pack_u32(out, ip->by_provider_hour);
    pack_u32(out, ip->by_provider_n);
    for (uint32_t i = 0; i < ip->by_provider_n; i++)
        pack_u32(out, ip->by_provider[i]);
    pack_u32(out, ip->news_n);
    pack_u32(out, kept);
    for (uint32_t i = 0; i < kept; i++) {
        pack_u32(out, ip->news[i].second);
        pack_u32(out, ip->news[i].customer);
        pack_u16(out, ip->news[i].provider);
        pack_u8(out, ip->news[i].harm);
    }
    usage_save(&ip->usage, out);
}

static bool load_news(struct reputation_ip *ip, struct bytes *in)
{
    uint32_t kept;
    if (!take_u32(in, &ip->news_n) || !take_count(in, &kept, 11))
        return false;
    if (kept != (ip->news_n < REPUTATION_IP_NEWS ? ip->news_n : REPUTATION_IP_NEWS))
        return false;
    if (kept)
        ip->news = xcalloc(REPUTATION_IP_NEWS, sizeof(*ip->news));
    for (uint32_t i = 0; i < kept; i++) {
        struct reputation_news *n = &ip->news[i];
        if (!take_u32(in, &n->second) || !take_u32(in, &n->customer) ||
            !take_u16(in, &n->provider) || !take_u8(in, &n->harm))
            return false;
    }
    return true;
}

static bool load_traffic(struct reputation_ip *ip, struct bytes *in)
{
    uint32_t n;
    if (!take_u32(in, &ip->by_provider_hour) || !take_count(in, &n, 4) ||
        n > REPUTATION_PROVIDERS + 16)
        return false;
    if (n)
        ip->by_provider = xcalloc(n, sizeof(*ip->by_provider));
    ip->by_provider_n = n;
    for (uint32_t i = 0; i < n; i++)
        if (!take_u32(in, &ip->by_provider[i]))
            return false;
    return load_news(ip, in) && usage_load(&ip->usage, in);
}

/* --- IPs */

static void save_ip(const struct reputation_ip *ip, struct buf *out)
{
    pack_str(out, ip->address);
    pack_bool(out, ip->is_configured);
    pack_bool(out, ip->is_here);
    pack_str(out, ip->pool);
    pack_u8(out, (uint8_t)ip->rotation);
    pack_i64(out, ip->rotation_until);
    pack_bool(out, ip->is_by_hand);
    pack_bool(out, ip->is_for_listing);
    pack_bool(out, ip->may_return_early);
    pack_i64(out, ip->rest);
    pack_str(out, ip->zones);
    pack_bool(out, ip->is_reverse_wrong);
    pack_i64(out, ip->called_at);
    const float counts[] = {ip->delivered_24h, ip->complained_24h, ip->reported_24h,
                            ip->attempts_1h, ip->deferred_1h};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        pack_f32(out, counts[i]);
    pack_u32(out, ip->decayed_second);
    pack_u32(out, ip->used_second);
    pack_u32(out, ip->heard_second);
    save_traffic(ip, out);
    save_lanes(ip, out);
    save_due(&ip->due, out);
}

// What the configuration said before the load is newer than what it said then.
static bool load_place(struct reputation_ip *ip, struct bytes *in)
{
    bool is_configured, is_here;
    char *pool = NULL;
    if (!take_bool(in, &is_configured) || !take_bool(in, &is_here) ||
        !take_str(in, &pool, POOL_MOST))
        return false;
    if (ip->is_configured) {
        xfree(pool);
        return true;
    }
    xfree(ip->pool);
    ip->pool = pool;
    ip->is_configured = is_configured;
    ip->is_here = is_here;
    return true;
}

static bool load_rotation(struct reputation_ip *ip, struct bytes *in)
{
    uint8_t rotation;
    if (!take_u8(in, &rotation) || rotation > ROTATION_RESTING)
        return false;
    ip->rotation = (enum rotation)rotation;
    ip->zones = xfree(ip->zones);
    bool ok = take_when(in, &ip->rotation_until) && take_bool(in, &ip->is_by_hand) &&
              take_bool(in, &ip->is_for_listing) && take_bool(in, &ip->may_return_early) &&
              take_span(in, &ip->rest) && take_str(in, &ip->zones, ZONES_TEXT_MOST) &&
              take_bool(in, &ip->is_reverse_wrong) && take_when(in, &ip->called_at);
    return ok;
}

static bool load_counts(struct reputation_ip *ip, struct bytes *in)
{
    float *counts[] = {&ip->delivered_24h, &ip->complained_24h, &ip->reported_24h, &ip->attempts_1h,
                       &ip->deferred_1h};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (!take_f32(in, counts[i]))
            return false;
    return take_u32(in, &ip->decayed_second) && take_u32(in, &ip->used_second) &&
           take_u32(in, &ip->heard_second);
}

static bool load_ip(struct reputation *r, struct waitings *w, uint32_t *index, struct bytes *in)
{
    char address[ADDRESS_MOST];
    if (!take_text(in, address, sizeof(address)))
        return false;
    struct reputation_ip *ip = reputation_ip_of(r, address);
    if (!ip || ip->lanes || ip->news || ip->by_provider || (ip->zones && *ip->zones))
        return false; // it is there twice, or something was fed before the load
    *index = ip->index;
    ip->due.what = DUE_IP;
    return load_place(ip, in) && load_rotation(ip, in) && load_counts(ip, in) &&
           load_traffic(ip, in) && load_lanes(r, ip, w, in) && load_due(w, &ip->due, in);
}

/* --- samples: the oldest first */

static void save_samples(const struct reputation *r, struct buf *out)
{
    uint64_t kept = r->samples_n < REPUTATION_SAMPLES ? r->samples_n : REPUTATION_SAMPLES;
    pack_u64(out, r->samples_n);
    pack_u32(out, (uint32_t)kept);
    for (uint64_t i = kept; i > 0; i--) {
        const struct reputation_sample *s = &r->samples[(r->samples_n - i) % REPUTATION_SAMPLES];
        pack_u32(out, s->customer);
        pack_u32(out, s->ip);
        pack_u32(out, s->provider);
        pack_i64(out, s->at);
        pack_str(out, s->text);
    }
}

static bool load_samples(struct reputation *r, const uint32_t *index, uint32_t ips_n,
                         struct bytes *in)
{
    uint32_t kept;
    if (!take_u64(in, &r->samples_n) || !take_count(in, &kept, 24) ||
        kept != (r->samples_n < REPUTATION_SAMPLES ? r->samples_n : REPUTATION_SAMPLES))
        return false;
    if (kept && !r->samples)
        r->samples = xcalloc(REPUTATION_SAMPLES, sizeof(*r->samples));
    for (uint64_t i = kept; i > 0; i--) {
        struct reputation_sample *s = &r->samples[(r->samples_n - i) % REPUTATION_SAMPLES];
        if (!take_u32(in, &s->customer) || !take_u32(in, &s->ip) || s->ip >= ips_n ||
            !take_u32(in, &s->provider) || !take_i64(in, &s->at) ||
            !take_text(in, s->text, sizeof(s->text)))
            return false;
        s->ip = index[s->ip];
    }
    return true;
}

void rotation_save(const struct reputation *r, struct buf *out)
{
    pack_u32(out, r->ips_n);
    for (uint32_t i = 0; i < r->ips_n; i++)
        save_ip(r->ips[i], out);
    save_samples(r, out);
    pack_f32(out, r->fleet_attempts);
    pack_f32(out, r->fleet_deferred);
    pack_u32(out, r->fleet_deferred_second);
}

static bool load_all(struct reputation *r, struct waitings *w, uint32_t *index, uint32_t n,
                     struct bytes *in)
{
    for (uint32_t i = 0; i < n; i++)
        if (!load_ip(r, w, &index[i], in))
            return false;
    return load_samples(r, index, n, in) && take_f32(in, &r->fleet_attempts) &&
           take_f32(in, &r->fleet_deferred) && take_u32(in, &r->fleet_deferred_second);
}

bool rotation_load(struct reputation *r, struct bytes *in)
{
    struct waitings w = {0};
    uint32_t n;
    if (!take_count(in, &n, 80) || n > REPUTATION_IPS)
        return false;
    uint32_t *index = xcalloc(n ? n : 1, sizeof(*index));
    bool ok = load_all(r, &w, index, n, in);
    if (ok)
        wait_again(r, &w);
    xfree(index);
    xfree(w.items);
    return ok;
}
