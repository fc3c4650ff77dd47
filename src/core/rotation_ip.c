// An IP out of rotation has one due time: a moment before its rest ends, to rest again without a gap
// while the reason stands, else the end itself. One that the guard kept in is looked at every hour.
#include "core/rotation.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/fade.h"

enum { ZONES_MOST = 64, ZONE_TEXT = 254 };

#define LEAD USEC_SECOND // before the end, so that the next hold stands when this one ends

/* --- listings: "zone zone" */

static bool is_zone(const char *zone)
{
    size_t n = zone ? strlen(zone) : 0;
    return n && n < ZONE_TEXT && strcspn(zone, " =,\t\r\n") == n;
}

// Several addresses list it when one of them does. 127.255.255.x: the list's error; what is not in 127/8
// comes from a resolver that invents answers.
static bool is_listing(const char *answer)
{
    bool is_any = false;
    if (!answer || !*answer)
        return true;
    for (const char *p = answer; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (!n || n > 15 || strspn(p, "0123456789.") != n || strncmp(p, "127.", 4) != 0)
            return false;
        is_any |= strncmp(p, "127.255.255.", 12) != 0;
        p += n;
    }
    return is_any;
}

// The next zone of the text; false at its end.
static bool next_zone(const char **p, char zone[ZONE_TEXT])
{
    if (!*p || !**p)
        return false;
    size_t all = strcspn(*p, " "), n = all < ZONE_TEXT ? all : ZONE_TEXT - 1;
    memcpy(zone, *p, n);
    zone[n] = '\0';
    *p += all + ((*p)[all] == ' ');
    return true;
}

// Writes the listings anew without this zone, then with it when `is_there`. True when that changed
// whether it is there.
static bool set_zone(struct reputation_ip *ip, const char *zone, bool is_there)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    char name[ZONE_TEXT];
    bool was_there = false;
    unsigned n = 0;
    for (const char *p = ip->zones; next_zone(&p, name);) {
        if (strcmp(name, zone) == 0)
            was_there = true;
        else
            buf_printf(&out, "%s%s", n++ ? " " : "", name);
    }
    if (is_there && n >= ZONES_MOST)
        return false;
    if (is_there)
        buf_printf(&out, "%s%s", n ? " " : "", zone);
    xfree(ip->zones);
    ip->zones = out.n ? buf_take_str(&out) : xstrdup("");
    return was_there != is_there;
}

double rotation_weight(const struct reputation *r, const struct reputation_ip *ip, char *names,
                       size_t room)
{
    char zone[ZONE_TEXT];
    double sum = 0;
    size_t used = 0;
    if (room)
        names[0] = '\0';
    for (const char *p = ip->zones; next_zone(&p, zone);) {
        double weight = policy_zone_weight(r->o.policy, zone);
        sum += weight > 0 ? weight : 0;
        if (weight > 0 && used < room) {
            int w = snprintf(names + used, room - used, "%s%s", used ? ", " : "", zone);
            used += w > 0 ? (size_t)w : 0;
        }
    }
    return sum;
}

/* --- in and out */

static bool is_in(const struct reputation_ip *ip)
{
    return ip->rotation == ROTATION_ACTIVE || ip->rotation == ROTATION_WARMING;
}

// What speaks against it now.
struct trouble {
    unsigned blocked;
    double listed;
    bool is_pull, is_drain;
    char why[DECISION_REASON]; // "blocked at google, yahoo; listed on zen.spamhaus.org"
};

static void look(struct trouble *t, const struct reputation *r, const struct reputation_ip *ip,
                 usec_t now)
{
    const struct policy *p = r->o.policy;
    char at[100], on[100];
    t->blocked = rotation_blocked_at(r, ip, now, at, sizeof(at));
    t->listed = rotation_weight(r, ip, on, sizeof(on)) + 1e-9; // weights are sums of decimals
    bool is_blocked = p->pull_lanes && t->blocked >= p->pull_lanes;
    t->is_pull = is_blocked || t->listed >= 1;
    t->is_drain = !t->is_pull && t->listed >= 0.5;
    snprintf(t->why, sizeof(t->why), "%s%s%s%s%s", t->blocked ? "blocked at " : "",
             t->blocked ? at : "", t->blocked && t->listed >= 0.5 ? "; " : "",
             t->listed >= 0.5 ? "listed on " : "", t->listed >= 0.5 ? on : "");
}

static bool is_clear(const struct trouble *t)
{
    return t->listed < 0.5 && !t->blocked;
}

static void ip_decision(struct decision *d, const struct reputation_ip *ip, enum action action)
{
    d->action = action;
    d->until = action == ACTION_RETURN ? 0 : ip->rotation_until;
    snprintf(d->target, sizeof(d->target), "ip:%s", ip->address);
    snprintf(d->pool, sizeof(d->pool), "%s", ip->pool ? ip->pool : "");
}

static void take_out(struct reputation *r, struct reputation_ip *ip, const struct trouble *t,
                     usec_t now)
{
    struct decision d = {0};
    usec_t span = t->is_pull ? r->o.policy->expiry_pull : r->o.policy->expiry_drain;
    ip->rest = span > 2 * LEAD ? span : 2 * LEAD;
    ip->rotation = t->is_pull ? ROTATION_PULLED : ROTATION_DRAINING;
    ip->rotation_until = now + ip->rest;
    ip->is_by_hand = ip->may_return_early = false;
    ip->is_for_listing = !(r->o.policy->pull_lanes && t->blocked >= r->o.policy->pull_lanes);
    heap_add(&r->due, &ip->due.node, ip->rotation_until - LEAD);
    ip_decision(&d, ip, t->is_pull ? ACTION_PULL : ACTION_DRAIN);
    snprintf(d.reason, sizeof(d.reason), "%s", t->why);
    d.culprits_n = blame_find(r, ip, USAGE_NONE, now, d.culprits, DECISION_CULPRITS);
    reputation_decide(r, &d);
}

// A drain may grow to a pull; a pull stays one. What an operator took out stays as it is.
void rotation_judge(struct reputation *r, struct reputation_ip *ip, usec_t now, bool is_news)
{
    struct trouble t;
    unsigned left, least;
    ip->due.what = DUE_IP;
    if (!r->o.policy->is_there || (ip->is_by_hand && !is_in(ip)))
        return;
    look(&t, r, ip, now);
    if (!t.is_pull && !(t.is_drain && is_in(ip)))
        return;
    if (ip->rotation == ROTATION_PULLED || ip->rotation == ROTATION_RESTING)
        return;
    if (!is_in(ip) || guard_allows(r, ip, now, &left, &least)) {
        take_out(r, ip, &t, now);
        return;
    }
    heap_add(&r->due, &ip->due.node, now + USEC_HOUR);
    if (is_news)
        guard_call(r, ip, t.why, left, least, now);
}

static void give_back(struct reputation *r, struct reputation_ip *ip, const char *reason)
{
    struct decision d = {0};
    ip->rotation = ROTATION_ACTIVE;
    ip->rotation_until = 0;
    ip->is_by_hand = ip->is_for_listing = ip->may_return_early = false;
    ip_decision(&d, ip, ACTION_RETURN);
    snprintf(d.reason, sizeof(d.reason), "%s", reason);
    reputation_decide(r, &d);
}

static void rest_again(struct reputation *r, struct reputation_ip *ip, const struct trouble *t,
                       usec_t now)
{
    struct decision d = {0};
    bool is_drain = ip->rotation == ROTATION_DRAINING;
    if (!is_drain)
        ip->rotation = ROTATION_RESTING;
    ip->rotation_until += ip->rest;
    if (ip->rotation_until < now + ip->rest)
        ip->rotation_until = now + ip->rest;
    heap_add(&r->due, &ip->due.node, ip->rotation_until - LEAD);
    ip_decision(&d, ip, is_drain ? ACTION_DRAIN : ACTION_PULL);
    snprintf(d.reason, sizeof(d.reason), "rests again: still %.220s", t->why);
    reputation_decide(r, &d);
}

static void hand_due(struct reputation *r, struct reputation_ip *ip, usec_t now)
{
    if (!ip->rotation_until)
        return;
    if (now < ip->rotation_until) {
        heap_add(&r->due, &ip->due.node, ip->rotation_until);
        return;
    }
    ip->rotation = ROTATION_ACTIVE;
    ip->rotation_until = 0;
    ip->is_by_hand = false;
    rotation_judge(r, ip, now, true);
}

void rotation_ip_due(struct reputation *r, struct reputation_ip *ip, usec_t now)
{
    struct trouble t;
    heap_remove(&r->due, &ip->due.node);
    if (is_in(ip)) {
        rotation_judge(r, ip, now, false);
        return;
    }
    if (ip->is_by_hand) {
        hand_due(r, ip, now);
        return;
    }
    look(&t, r, ip, now);
    if (is_clear(&t) && now >= ip->rotation_until)
        give_back(r, ip, "rested: no lane of it is blocked, no blocklist that matters has it");
    else if (is_clear(&t) && ip->may_return_early)
        give_back(r, ip,
                  ip->is_for_listing ? "no blocklist that matters has it any more"
                                     : "the trouble was the providers' own");
    else if (!is_clear(&t) && now + LEAD >= ip->rotation_until)
        rest_again(r, ip, &t, now);
    else
        heap_add(&r->due, &ip->due.node, ip->rotation_until - (is_clear(&t) ? 0 : LEAD));
    ip->may_return_early = false;
}

void rotation_look_early(struct reputation *r, struct reputation_ip *ip, usec_t at)
{
    if (is_in(ip) || ip->is_by_hand || at >= ip->rotation_until - LEAD)
        return;
    ip->may_return_early = true;
    heap_add(&r->due, &ip->due.node, at);
}

void rotation_listed(struct reputation *r, struct reputation_ip *ip, const struct outcome *o,
                     usec_t now)
{
    bool is_there = o->kind == OUTCOME_LISTED;
    struct trouble t;
    if (!is_zone(o->zone) || (is_there && !is_listing(o->answer)))
        return;
    ip->heard_second = fade_second(now);
    bool has_changed = set_zone(ip, o->zone, is_there);
    if (!has_changed)
        return;
    if (is_there) {
        rotation_judge(r, ip, now, true);
        return;
    }
    // Off the list must stay off for one probe.
    look(&t, r, ip, now);
    if (ip->is_for_listing && is_clear(&t))
        rotation_look_early(r, ip, now + r->o.policy->probe_every);
}

void rotation_ip_told(struct reputation *r, struct reputation_ip *ip, enum kind kind, usec_t until)
{
    ip->due.what = DUE_IP;
    ip->is_for_listing = ip->may_return_early = false;
    ip->is_by_hand = kind != KIND_RETURN;
    ip->rotation_until = kind == KIND_RETURN ? 0 : until;
    ip->rotation = kind == KIND_PULL    ? ROTATION_PULLED
                   : kind == KIND_DRAIN ? ROTATION_DRAINING
                                        : ROTATION_ACTIVE;
    if (ip->rotation_until)
        heap_add(&r->due, &ip->due.node, ip->rotation_until);
    else
        heap_remove(&r->due, &ip->due.node);
}

void reputation_set_reverse(struct reputation *r, const char *address, bool is_wrong)
{
    struct reputation_ip *ip = reputation_ip_of(r, address);
    if (ip)
        ip->is_reverse_wrong = is_wrong;
}
