// A lane exists only once it was blocked or paused; an IP has few, so they are a list that is walked.
#include "core/rotation.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/fade.h"

enum { GATEWAY_DOMAINS = 3, GATEWAY_SPAN = 3600, PROBING_STEPS = 10 };

/* --- lanes */

struct reputation_lane *rotation_lane_get(const struct reputation_ip *ip, uint32_t provider)
{
    struct reputation_lane *lane = ip->lanes;
    while (lane && lane->provider != provider)
        lane = lane->next;
    return lane;
}

static struct reputation_lane *lane_of(struct reputation_ip *ip, uint32_t provider)
{
    struct reputation_lane *lane = rotation_lane_get(ip, provider);
    if (lane)
        return lane;
    lane = xcalloc(1, sizeof(*lane));
    lane->due.what = DUE_LANE;
    lane->ip = ip;
    lane->provider = provider;
    lane->next = ip->lanes;
    ip->lanes = lane;
    return lane;
}

bool rotation_is_blocked(const struct reputation *r, const struct reputation_lane *lane, usec_t now)
{
    return now < lane->paused_until && !lane->is_by_hand &&
           !r->providers[lane->provider]->outage.open_since;
}

unsigned rotation_blocked_at(const struct reputation *r, const struct reputation_ip *ip, usec_t now,
                             char *names, size_t room)
{
    unsigned n = 0;
    size_t used = 0;
    if (room)
        names[0] = '\0';
    for (const struct reputation_lane *lane = ip->lanes; lane; lane = lane->next) {
        if (!rotation_is_blocked(r, lane, now))
            continue;
        if (used < room) {
            int w = snprintf(names + used, room - used, "%s%s", n ? ", " : "",
                             r->providers[lane->provider]->name);
            used += w > 0 ? (size_t)w : 0;
        }
        n++;
    }
    return n;
}

static float share_of(const struct reputation_ip *ip, uint32_t provider)
{
    double all = 0;
    for (uint32_t i = 0; i < ip->by_provider_n; i++)
        all += ip->by_provider[i];
    if (provider >= ip->by_provider_n || all <= 0)
        return 0;
    return (float)(ip->by_provider[provider] / all);
}

static uint32_t domain_hash(const char *recipient)
{
    const char *at = recipient ? strrchr(recipient, '@') : NULL;
    uint32_t h = 2166136261U; // FNV-1a: a collision costs one domain of three
    for (const char *p = at ? at + 1 : ""; *p; p++)
        h = (h ^ (uint8_t)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p)) * 16777619U;
    return h ? h : 1;
}

// A gateway speaks for many tenants: three recipient domains must have been told no within an hour.
static bool tenants_agree(struct reputation_lane *lane, const char *recipient, usec_t now)
{
    uint32_t hash = domain_hash(recipient), second = fade_second(now);
    int place = 0, agree = 0;
    for (int i = 0; i < GATEWAY_DOMAINS; i++) {
        if (lane->domains[i] == hash) {
            place = i;
            break;
        }
        if (lane->domains_second[i] < lane->domains_second[place])
            place = i;
    }
    lane->domains[place] = hash;
    lane->domains_second[place] = second;
    for (int i = 0; i < GATEWAY_DOMAINS; i++)
        agree += lane->domains[i] && second - lane->domains_second[i] < GATEWAY_SPAN;
    if (agree < GATEWAY_DOMAINS)
        return false;
    memset(lane->domains, 0, sizeof(lane->domains));
    memset(lane->domains_second, 0, sizeof(lane->domains_second));
    return true;
}

static usec_t pause_span(const struct reputation *r, const struct reputation_lane *lane)
{
    usec_t asked = r->providers[lane->provider]->pause;
    usec_t span = asked > 0 ? asked : r->o.policy->lane_pause;
    return span > USEC_SECOND ? span : USEC_SECOND;
}

// Blocked again while it probes: twice as long, up to the policy's most (or what the provider asks).
static usec_t next_span(const struct reputation *r, const struct reputation_lane *lane, usec_t now)
{
    usec_t span = pause_span(r, lane), most = r->o.policy->lane_pause_most;
    if (most < span)
        most = span;
    if (!lane->span || now >= lane->probing_until)
        return span;
    usec_t twice = lane->span > most / 2 ? most : 2 * lane->span;
    return twice > span ? twice : span;
}

static void lane_decision(struct decision *d, const struct reputation *r,
                          const struct reputation_lane *lane, enum action action)
{
    const char *provider = r->providers[lane->provider]->name;
    d->action = action;
    snprintf(d->target, sizeof(d->target), "lane:%s/%s", lane->ip->address, provider);
    snprintf(d->provider, sizeof(d->provider), "%s", provider);
}

static void set_probing(const struct reputation *r, struct reputation_lane *lane, usec_t from)
{
    usec_t steps = PROBING_STEPS * r->o.policy->lane_step;
    lane->probing_until = from + (steps > USEC_SECOND ? steps : USEC_SECOND);
    lane->has_passed = false;
}

// News of a message that was accepted once, or of what was sent before the lane was open again, or so
// long ago that its pause would be over: nothing that the lane says now.
static bool is_stale(const struct reputation *r, const struct reputation_lane *lane,
                     const struct outcome *o, usec_t now)
{
    usec_t opened = lane->probing_until - PROBING_STEPS * r->o.policy->lane_step;
    return o->delivered_at || o->at + pause_span(r, lane) <= now ||
           (lane->probing_until && o->at < opened);
}

static void pause_lane(struct reputation *r, struct reputation_lane *lane, const struct outcome *o,
                       usec_t now)
{
    struct decision d = {0};
    char span[TEXT_VALUE];
    usec_t before = lane->span;
    bool is_again = before && now < lane->probing_until;
    lane->span = next_span(r, lane, now);
    lane->paused_until = now + lane->span;
    lane->is_by_hand = false;
    lane->share = share_of(lane->ip, lane->provider);
    set_probing(r, lane, lane->paused_until);
    heap_add(&r->due, &lane->due.node, lane->paused_until);
    lane_decision(&d, r, lane, ACTION_PAUSE);
    d.until = lane->paused_until;
    text_format_duration(span, lane->span);
    snprintf(d.reason, sizeof(d.reason), "%s blocks this IP%s: no mail there for %s",
             r->providers[lane->provider]->name, is_again ? " again, while it probed" : "", span);
    if (o->reply)
        text_visible(d.samples[0], sizeof(d.samples[0]), o->reply, strlen(o->reply));
    d.culprits_n = blame_find(r, lane->ip, lane->provider, now, d.culprits, DECISION_CULPRITS);
    reputation_decide(r, &d);
}

void rotation_blocked(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                      uint32_t customer, const struct outcome *o, usec_t now)
{
    (void)customer; // it met the block; whose fault that is, blame says
    blame_sample(r, USAGE_NONE, ip->index, provider, o);
    if (provider >= r->providers_n)
        return;
    const struct reputation_provider *p = r->providers[provider];
    struct reputation_lane *lane = lane_of(ip, provider);
    ip->heard_second = fade_second(now);
    if (!r->o.policy->is_there || p->outage.open_since || now < lane->paused_until ||
        is_stale(r, lane, o, now))
        return;
    if (p->is_gateway && !tenants_agree(lane, o->recipient, now))
        return;
    pause_lane(r, lane, o, now);
    rotation_judge(r, ip, now, true);
}

static void resume_lane(struct reputation *r, struct reputation_lane *lane, usec_t now,
                        const char *reason)
{
    struct decision d = {0};
    bool is_ours = !lane->is_by_hand;
    lane->paused_until = 0;
    lane->is_by_hand = false;
    set_probing(r, lane, now);
    heap_add(&r->due, &lane->due.node, lane->probing_until);
    if (!is_ours)
        return; // an operator's ends by its own expiry
    lane_decision(&d, r, lane, ACTION_RESUME);
    snprintf(d.reason, sizeof(d.reason), "%s", reason);
    reputation_decide(r, &d);
}

// Mail got through: the next block is a first one. Without any mail it is forgotten step by step.
static void end_probing(struct reputation *r, struct reputation_lane *lane, usec_t now)
{
    bool has_passed = lane->has_passed;
    set_probing(r, lane, now);
    lane->span = has_passed ? 0 : lane->span / 2;
    if (lane->span < pause_span(r, lane))
        lane->span = lane->probing_until = 0;
    else
        heap_add(&r->due, &lane->due.node, lane->probing_until);
}

void rotation_lane_due(struct reputation *r, struct reputation_lane *lane, usec_t now)
{
    char reason[DECISION_REASON], span[TEXT_VALUE], step[TEXT_VALUE];
    heap_remove(&r->due, &lane->due.node);
    if (lane->paused_until == USEC_NEVER)
        return;
    if (lane->paused_until > now) {
        heap_add(&r->due, &lane->due.node, lane->paused_until);
    } else if (lane->paused_until) {
        text_format_duration(span, lane->span);
        text_format_duration(step, r->o.policy->lane_step);
        snprintf(reason, sizeof(reason),
                 "its pause of %s is over: one connection, then one more every %s", span, step);
        resume_lane(r, lane, now, reason);
    } else if (lane->probing_until > now) {
        heap_add(&r->due, &lane->due.node, lane->probing_until);
    } else if (lane->probing_until) {
        end_probing(r, lane, now);
    }
}

/* --- a provider's own fault */

static void news_take_out(struct reputation_ip *ip, uint32_t provider, uint32_t since)
{
    for (uint32_t i = 0; ip->news && i < REPUTATION_IP_NEWS && i < ip->news_n; i++) {
        struct reputation_news *n = &ip->news[i];
        if (n->second >= since && (provider == UINT32_MAX || n->provider == provider))
            n->customer = USAGE_NONE;
    }
}

static void lane_take_out(struct reputation *r, struct reputation_lane *lane, usec_t since)
{
    bool is_block = lane->paused_until && !lane->is_by_hand;
    if (!is_block || lane->paused_until - lane->span < since)
        return;
    resume_lane(r, lane, r->now, "the trouble is the provider's own: its block counts for nothing");
    lane->span = lane->probing_until = 0;
    heap_remove(&r->due, &lane->due.node);
}

void rotation_take_out(struct reputation *r, uint32_t provider, usec_t since)
{
    for (uint32_t i = 0; i < r->ips_n; i++) {
        struct reputation_ip *ip = r->ips[i];
        news_take_out(ip, provider, fade_second(since));
        for (struct reputation_lane *lane = ip->lanes; lane; lane = lane->next)
            if (provider == UINT32_MAX || lane->provider == provider)
                lane_take_out(r, lane, since);
        if (!ip->is_for_listing && ip->rotation_until - ip->rest >= since)
            rotation_look_early(r, ip, r->now);
    }
}

/* --- told by somebody else */

static void lane_told(struct reputation *r, struct reputation_lane *lane, enum kind kind,
                      usec_t until, usec_t now)
{
    if (kind == KIND_PAUSE) {
        lane->is_by_hand = true;
        lane->paused_until = until ? until : USEC_NEVER;
        if (until)
            heap_add(&r->due, &lane->due.node, until);
        else
            heap_remove(&r->due, &lane->due.node);
    } else if (kind == KIND_RESUME && lane->paused_until) {
        lane->is_by_hand = true; // the decision is theirs
        resume_lane(r, lane, now, "");
    }
}

// "lane:ADDR/PROVIDER"; an address has no slash.
static void lane_target_told(struct reputation *r, enum kind kind, const char *target, usec_t until,
                             usec_t now)
{
    char address[64];
    const char *slash = strchr(target, '/');
    if (!slash || (size_t)(slash - target) >= sizeof(address) || !slash[1])
        return;
    memcpy(address, target, (size_t)(slash - target));
    address[slash - target] = '\0';
    struct reputation_ip *ip = reputation_ip_of(r, address);
    uint32_t provider = reputation_provider_index(r, slash + 1);
    if (ip && provider < r->providers_n)
        lane_told(r, lane_of(ip, provider), kind, until, now);
}

static void provider_told(struct reputation *r, enum kind kind, const char *name, usec_t until,
                          usec_t now)
{
    uint32_t provider = reputation_provider_index(r, name);
    for (uint32_t i = 0; i < r->ips_n; i++) {
        struct reputation_lane *lane = rotation_lane_get(r->ips[i], provider);
        if (lane)
            lane_told(r, lane, kind, until, now);
    }
}

void rotation_told(struct reputation *r, enum kind kind, const char *target, usec_t until,
                   usec_t now)
{
    bool is_hold = kind == KIND_PAUSE || kind == KIND_PULL || kind == KIND_DRAIN;
    if (until == USEC_NEVER)
        until = 0;
    if (is_hold && until && until <= now)
        return; // it is over
    bool is_of_lane = kind == KIND_PAUSE || kind == KIND_RESUME;
    bool is_of_ip = kind == KIND_PULL || kind == KIND_DRAIN || kind == KIND_RETURN;
    if (is_of_lane && strncmp(target, "lane:", 5) == 0) {
        lane_target_told(r, kind, target + 5, until, now);
    } else if (is_of_lane && strncmp(target, "provider:", 9) == 0) {
        provider_told(r, kind, target + 9, until, now);
    } else if (is_of_ip && strncmp(target, "ip:", 3) == 0) {
        struct reputation_ip *ip = reputation_ip_of(r, target + 3);
        if (ip)
            rotation_ip_told(r, ip, kind, until);
    }
}

void rotation_ip_deinit(struct reputation_ip *ip)
{
    for (struct reputation_lane *lane = ip->lanes, *next; lane; lane = next) {
        next = lane->next;
        xfree(lane);
    }
    usage_deinit(&ip->usage);
    xfree(ip->by_provider);
    xfree(ip->news);
    xfree(ip->zones);
    xfree(ip->pool);
    xfree(ip->address);
    *ip = (struct reputation_ip){0};
}
