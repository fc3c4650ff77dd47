/* The things that are judged, by name; the time that passes over them; the door to outside. What is
 * judged how stands in the files beside (reputation_room.h says which). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "core/reputation_room.h"
#include "core/rotation.h"

#define FAR_AHEAD USEC_HOUR
#define LATEST ((usec_t)7258118400 * USEC_SECOND) // 2200: no clock is that wrong by accident
enum { AGREE = 16 };

struct reputation *reputation_new(const struct reputation_options *options)
{
    struct reputation *r = xcalloc(1, sizeof(*r));
    r->o = *options;
    r->key = *hash_process_key();
    r->trace_customer = USAGE_NONE;
    r->everywhere_due.what = DUE_PROVIDER;
    r->everywhere.is_whole = true;
    seen_init(&r->seen);
    if (options->like) // detector_plan_make() keeps the alarms of the same numbers
        memcpy(r->plans, options->like->plans, sizeof(r->plans));
    r->o.like = NULL;
    reputation_plan(r);
    return r;
}

static void customer_deinit(struct reputation_customer *c)
{
    for (int h = 0; h < HARM_N; h++)
        evidence_deinit(&c->harms[h]);
    xfree(c->habit);
    xfree(c->list);
    xfree(c->traps);
    if (c->name != c->short_name)
        xfree(c->name);
}

static void provider_free(struct reputation_provider *p)
{
    outage_deinit(&p->outage);
    xfree(p->name);
    xfree(p);
}

struct reputation *reputation_free(struct reputation *r)
{
    if (!r)
        return NULL;
    heap_deinit(&r->due); // first: its nodes stand in what is freed below
    for (uint32_t i = 0; i < r->customers_n; i++)
        customer_deinit(r->customers[i]);
    for (uint32_t i = 0; i < r->customers_n; i += REPUTATION_SLAB)
        xfree(r->customers[i]);
    for (uint32_t i = 0; i < r->ips_n; i++) {
        rotation_ip_deinit(r->ips[i]);
        xfree(r->ips[i]);
    }
    for (uint32_t i = 0; i < r->providers_n; i++)
        provider_free(r->providers[i]);
    for (int h = 0; h < 2; h++)
        evidence_deinit(&r->newcomers.harms[h]);
    xfree(r->slots);
    map_deinit(&r->ip_of);
    map_deinit(&r->provider_of);
    xfree(r->customers);
    xfree(r->ips);
    xfree(r->providers);
    xfree(r->samples);
    outage_deinit(&r->everywhere);
    seen_deinit(&r->seen);
    return xfree(r);
}

static void plan_harm(struct reputation *r, enum harm harm, double clump)
{
    for (int rung = 0; rung < RUNG_N; rung++) {
        const struct policy_rung *p = &r->o.policy->rungs[harm][rung];
        r->plans[harm].least[rung] = p->least;
        if (harm != HARM_TRAP && p->rate > 0)
            detector_plan_make(&r->plans[harm].rungs[rung], p->rate, p->patience, clump);
        else
            r->plans[harm].rungs[rung] = (struct detector_plan){0};
    }
}

void reputation_plan(struct reputation *r)
{
    double fixed = r->o.policy->clumping;
    r->plans_clump = fixed > 0 ? fixed : clumping_factor(&r->clumping);
    for (int h = 0; h < HARM_N; h++)
        plan_harm(r, (enum harm)h, r->plans_clump);
    reputation_pools_plan(r);
}

static void set_flags(const struct reputation *r, struct reputation_provider *p)
{
    p->is_silent = policy_is_silent(r->o.policy, p->name);
    p->is_gateway = policy_is_gateway(r->o.policy, p->name);
}

void reputation_set_policy(struct reputation *r, const struct policy *p)
{
    r->o.policy = p;
    for (uint32_t i = 0; i < r->providers_n; i++)
        set_flags(r, r->providers[i]);
    reputation_plan(r);
}

/* --- names */
static void *list_add(void *list, uint32_t n, uint32_t *room)
{
    if (n < *room)
        return list;
    *room = *room ? *room * 2 : 64;
    return xrealloc(list, *room, sizeof(void *));
}

/* Customers are many and each event asks for one: a table of its own, whose slot holds the whole hash,
 * finds it with one look into memory besides the customer's own. */
static struct reputation_slot *slot_of(const struct reputation *r, uint64_t hash, const char *name)
{
    for (size_t i = hash & (r->slots_n - 1);; i = (i + 1) & (r->slots_n - 1)) {
        struct reputation_slot *slot = &r->slots[i];
        if (!slot->c || (slot->hash == hash && strcmp(slot->c->name, name) == 0))
            return slot;
    }
}

static void slots_grow(struct reputation *r)
{
    struct reputation_slot *before = r->slots;
    uint32_t n = r->slots_n;
    r->slots_n = n ? n * 2 : 256;
    r->slots = xcalloc(r->slots_n, sizeof(*r->slots));
    for (uint32_t i = 0; i < n; i++)
        if (before[i].c)
            *slot_of(r, before[i].hash, before[i].c->name) = before[i];
    xfree(before);
}

static struct reputation_customer *customer_add(struct reputation *r, const char *name, size_t n,
                                                uint64_t hash)
{
    uint32_t place = r->customers_n % REPUTATION_SLAB;
    struct reputation_customer *c = place ? r->customers[r->customers_n - place] + place
                                          : xcalloc_lines(REPUTATION_SLAB, sizeof(*c));
    c->name = n < sizeof(c->short_name) ? memcpy(c->short_name, name, n) : xmemdup0(name, n);
    c->due.what = DUE_CUSTOMER;
    c->index = r->customers_n;
    r->customers = list_add(r->customers, r->customers_n, &r->customers_room);
    r->customers[r->customers_n++] = c;
    if (r->slots_n < 2 * r->customers_n)
        slots_grow(r);
    *slot_of(r, hash, name) = (struct reputation_slot){hash, c};
    return c;
}

static void say_trimmed(struct reputation *r)
{
    if (r->is_trimmed)
        return;
    r->is_trimmed = true;
    struct decision d = {.action = ACTION_CALL_OPERATOR};
    snprintf(d.target, sizeof(d.target), "node:%s", r->o.node ? r->o.node : "");
    snprintf(d.reason, sizeof(d.reason), "more than %d customers: further ones are not judged",
             REPUTATION_CUSTOMERS);
    reputation_decide(r, &d);
}

struct reputation_customer *reputation_customer_of(struct reputation *r, const char *name)
{
    size_t n = strlen(name);
    if (!n)
        return NULL;
    uint64_t hash = reputation_hash(r, name, n);
    struct reputation_customer *c = r->slots_n ? slot_of(r, hash, name)->c : NULL;
    if (c)
        return c;
    if (r->customers_n < REPUTATION_CUSTOMERS)
        return customer_add(r, name, n, hash);
    say_trimmed(r);
    return NULL;
}

struct reputation_customer *reputation_customer_get(const struct reputation *r, const char *name)
{
    return r->slots_n ? slot_of(r, reputation_hash(r, name, strlen(name)), name)->c : NULL;
}

static struct reputation_provider *provider_add(struct reputation *r, const char *name)
{
    struct reputation_provider *p = xcalloc(1, sizeof(*p));
    p->name = xstrdup(name);
    p->index = r->providers_n;
    p->due.what = DUE_PROVIDER;
    set_flags(r, p);
    r->providers = list_add(r->providers, r->providers_n, &r->providers_room);
    r->providers[r->providers_n++] = p;
    map_put_str(&r->provider_of, name, p);
    return p;
}

static size_t hint_place(const struct reputation *r, const char *name, size_t n)
{
    return reputation_hash(r, name, n) & (REPUTATION_HINTS - 1);
}

struct reputation_provider *reputation_provider_hint(const struct reputation *r, const char *name)
{
    struct reputation_provider *p = r->provider_hints[hint_place(r, name, strlen(name))];
    return p && strcmp(p->name, name) == 0 ? p : NULL;
}

struct reputation_ip *reputation_ip_hint(const struct reputation *r, const char *address)
{
    struct reputation_ip *ip = r->ip_hints[hint_place(r, address, strlen(address))];
    return ip && strcmp(ip->address, address) == 0 ? ip : NULL;
}

struct reputation_provider *reputation_provider_of(struct reputation *r, const char *name)
{
    size_t n = strlen(name);
    if (!n)
        return NULL;
    struct reputation_provider **hint = &r->provider_hints[hint_place(r, name, n)];
    if (*hint && strcmp((*hint)->name, name) == 0)
        return *hint;
    struct reputation_provider *p = map_get(&r->provider_of, bytes_of(name, n));
    if (!p && r->providers_n >= REPUTATION_PROVIDERS - 1) {
        p = map_get_str(&r->provider_of, "other");
        return p ? p : provider_add(r, "other");
    }
    return *hint = p ? p : provider_add(r, name);
}

uint32_t reputation_provider_index(struct reputation *r, const char *name)
{
    const struct reputation_provider *p = reputation_provider_of(r, name);
    return p ? p->index : REPUTATION_NOWHERE;
}

static struct reputation_ip *ip_add(struct reputation *r, const char *address)
{
    struct reputation_ip *ip = xcalloc(1, sizeof(*ip));
    ip->address = xstrdup(address);
    ip->pool = xstrdup("");
    ip->index = r->ips_n;
    ip->due.what = DUE_IP;
    r->ips = list_add(r->ips, r->ips_n, &r->ips_room);
    r->ips[r->ips_n++] = ip;
    map_put_str(&r->ip_of, address, ip);
    return ip;
}

struct reputation_ip *reputation_ip_of(struct reputation *r, const char *address)
{
    size_t n = strlen(address);
    if (!n)
        return NULL;
    struct reputation_ip **hint = &r->ip_hints[hint_place(r, address, n)];
    if (*hint && strcmp((*hint)->address, address) == 0)
        return *hint;
    struct reputation_ip *ip = map_get(&r->ip_of, bytes_of(address, n));
    if (!ip && r->ips_n >= REPUTATION_IPS)
        return NULL;
    return *hint = ip ? ip : ip_add(r, address);
}

void reputation_set_ip(struct reputation *r, const char *address, const char *pool, bool is_here)
{
    struct reputation_ip *ip = reputation_ip_of(r, address);
    if (!ip)
        return;
    xfree(ip->pool);
    ip->pool = xstrdup(pool);
    ip->is_configured = true;
    ip->is_here = is_here;
}

void reputation_set_pause(struct reputation *r, const char *provider, usec_t span)
{
    struct reputation_provider *p = reputation_provider_of(r, provider);
    if (p)
        p->pause = span;
}

void reputation_set_customer(struct reputation *r, const char *customer, const char *pool)
{
    reputation_pool_set(r, customer, reputation_pool_hash(pool));
}

/* --- time */
static void pass(struct reputation *r, struct due *due)
{
    heap_remove(&r->due, &due->node);
    switch (due->what) {
    case DUE_CUSTOMER:
        reputation_customer_due(r, CONTAINER_OF(due, struct reputation_customer, due));
        break;
    case DUE_IP:
        rotation_ip_due(r, CONTAINER_OF(due, struct reputation_ip, due), r->now);
        break;
    case DUE_LANE:
        rotation_lane_due(r, CONTAINER_OF(due, struct reputation_lane, due), r->now);
        break;
    case DUE_PROVIDER:
        reputation_provider_due(r, due);
        break;
    }
}

// What is due on the way happens at its own time.
static void pass_to(struct reputation *r, usec_t to)
{
    const struct heap_node *first;
    while ((first = heap_first(&r->due)) && first->at <= to) {
        if (first->at > r->now)
            r->now = first->at;
        pass(r, CONTAINER_OF(first, struct due, node));
    }
    if (to > r->now)
        r->now = to;
}

// The first times of all may themselves come from a wrong clock: until sixteen have agreed the time
// may also go back.
static bool is_wrong_start(struct reputation *r, usec_t at)
{
    if (r->settled >= AGREE)
        return false;
    bool is_back = r->now && at < r->now - FAR_AHEAD;
    r->settled = is_back ? 0 : r->settled + 1;
    return is_back;
}

// So many in a row say that it is that late at least: the least of them is believed.
static bool is_agreed(struct reputation *r, usec_t *at)
{
    if (!r->ahead_n || *at < r->ahead)
        r->ahead = *at;
    if (++r->ahead_n < AGREE)
        return false;
    *at = r->ahead;
    return true;
}

usec_t reputation_time(struct reputation *r, usec_t at)
{
    at = at < 0 ? 0 : at > LATEST ? LATEST : at;
    if (is_wrong_start(r, at))
        r->now = at;
    if (r->now && at > r->now + FAR_AHEAD && !is_agreed(r, &at))
        return r->now;
    r->ahead_n = 0;
    if (at > r->now)
        pass_to(r, at);
    return at;
}

void reputation_tick(struct reputation *r, usec_t now)
{
    now = now > LATEST ? LATEST : now;
    if (now < r->now)
        return;
    r->ahead_n = 0;
    pass_to(r, now);
}

usec_t reputation_due(const struct reputation *r)
{
    const struct heap_node *first = heap_first(&r->due);
    return first ? first->at : USEC_NEVER;
}

/* --- the way out */
void reputation_decide(struct reputation *r, struct decision *d)
{
    d->at = r->now;
    if (r->o.policy->is_there && r->o.on_decision)
        r->o.on_decision(r->o.ctx, d);
}

void reputation_told(struct reputation *r, enum kind kind, const char *target, usec_t until,
                     usec_t now)
{
    static const char customer[] = "customer:";
    usec_t at = reputation_time(r, now);
    if (strncmp(target, customer, sizeof(customer) - 1) == 0)
        reputation_customer_told(r, kind, target + sizeof(customer) - 1, until, at);
    else
        rotation_told(r, kind, target, until, at);
}
