/* Reputation as its files of rotation and blame see it: the things that are judged, by name, and a
 * list of what was decided. What the rest of reputation would do (names, throttles) is done here. */
#pragma once
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "core/rotation.h"

#define START (USEC_DAY * 20000)

struct rotation_world {
    struct reputation r;
    struct policy policy;
    struct decision decisions[64]; // the first ones, copied
    size_t n;
    uint32_t throttled; // the last; USAGE_NONE: nobody
    unsigned throttles;
    void (*on_decision)(struct rotation_world *w, const struct decision *d); // or NULL
};

static struct rotation_world *world; // of the test that runs

void reputation_decide(struct reputation *r, struct decision *d)
{
    d->at = r->now;
    if (world->n < ARRAY_LEN(world->decisions))
        world->decisions[world->n] = *d;
    world->n++;
    if (world->on_decision)
        world->on_decision(world, d);
}

void reputation_throttle(struct reputation *r, uint32_t customer, const char *reason, usec_t now)
{
    (void)r, (void)reason, (void)now;
    world->throttled = customer;
    world->throttles++;
}

// Nobody's harm is sure here, so that blame has an IP's own news only.
void reputation_counts(const struct reputation *r, const struct reputation_customer *c,
                       enum harm harm, uint64_t *bad, uint64_t *of)
{
    (void)r, (void)c, (void)harm;
    *bad = *of = 0;
}

static inline void *grown(void *list, uint32_t n)
{
    return xrealloc(list, n + 1, sizeof(void *));
}

struct reputation_ip *reputation_ip_of(struct reputation *r, const char *address)
{
    struct reputation_ip *ip = map_get_str(&r->ip_of, address);
    if (ip)
        return ip;
    ip = xcalloc(1, sizeof(*ip));
    ip->address = xstrdup(address);
    ip->pool = xstrdup("");
    ip->zones = xstrdup("");
    ip->index = r->ips_n;
    r->ips = grown(r->ips, r->ips_n);
    r->ips[r->ips_n++] = ip;
    map_put_str(&r->ip_of, address, ip);
    return ip;
}

uint32_t reputation_provider_index(struct reputation *r, const char *name)
{
    struct reputation_provider *p = map_get_str(&r->provider_of, name);
    if (p)
        return p->index;
    p = xcalloc(1, sizeof(*p));
    p->name = xstrdup(name);
    p->index = r->providers_n;
    p->is_gateway = policy_is_gateway(r->o.policy, name);
    p->is_silent = policy_is_silent(r->o.policy, name);
    r->providers = grown(r->providers, r->providers_n);
    r->providers[r->providers_n++] = p;
    map_put_str(&r->provider_of, name, p);
    return p->index;
}

static inline uint32_t customer_of(struct reputation *r, const char *name)
{
    for (uint32_t i = 0; i < r->customers_n; i++)
        if (strcmp(r->customers[i]->name, name) == 0)
            return i;
    struct reputation_customer *c = xcalloc(1, sizeof(*c));
    c->name = xstrdup(name);
    r->customers = grown(r->customers, r->customers_n);
    r->customers[r->customers_n++] = c;
    return r->customers_n - 1;
}

static inline void world_begin(struct rotation_world *w)
{
    *w = (struct rotation_world){.throttled = USAGE_NONE};
    policy_default(&w->policy);
    w->r.o.policy = &w->policy;
    w->r.now = START;
    world = w;
}

static inline void world_end(struct rotation_world *w)
{
    struct reputation *r = &w->r;
    heap_deinit(&r->due);
    for (uint32_t i = 0; i < r->ips_n; i++) {
        rotation_ip_deinit(r->ips[i]);
        xfree(r->ips[i]);
    }
    for (uint32_t i = 0; i < r->providers_n; i++) {
        usage_deinit(&r->providers[i]->outage.usage);
        xfree(r->providers[i]->name);
        xfree(r->providers[i]);
    }
    for (uint32_t i = 0; i < r->customers_n; i++) {
        xfree(r->customers[i]->name);
        xfree(r->customers[i]);
    }
    map_deinit(&r->ip_of);
    map_deinit(&r->provider_of);
    xfree(r->ips);
    xfree(r->providers);
    xfree(r->customers);
    xfree(r->samples);
}

/* Lets time pass; what is due on the way happens at its own time. */
static inline void world_pass(struct rotation_world *w, usec_t to)
{
    const struct heap_node *first;
    while ((first = heap_first(&w->r.due)) && first->at <= to) {
        struct due *due = CONTAINER_OF(first, struct due, node);
        if (first->at > w->r.now)
            w->r.now = first->at;
        if (due->what == DUE_LANE)
            rotation_lane_due(&w->r, CONTAINER_OF(due, struct reputation_lane, due), w->r.now);
        else
            rotation_ip_due(&w->r, CONTAINER_OF(due, struct reputation_ip, due), w->r.now);
    }
    w->r.now = to > w->r.now ? to : w->r.now;
}

static inline void world_ip(struct rotation_world *w, const char *address, const char *pool)
{
    struct reputation_ip *ip = reputation_ip_of(&w->r, address);
    xfree(ip->pool);
    ip->pool = xstrdup(pool);
    ip->is_configured = ip->is_here = true;
}

/* One outcome over an IP, and what reputation would do with it. */
static inline void world_outcome(struct rotation_world *w, const char *address,
                                 const char *provider, const char *customer,
                                 const struct outcome *o)
{
    struct reputation_ip *ip = reputation_ip_of(&w->r, address);
    uint32_t p = reputation_provider_index(&w->r, provider);
    uint32_t c = customer_of(&w->r, customer);
    bool is_dead = o->class == CLASS_UNKNOWN_USER, is_spam = o->class == CLASS_CONTENT_SPAM;
    struct usage_facts facts = {.n[USAGE_HARD] = 1, .bad[USAGE_HARD] = is_dead || is_spam};
    rotation_observe(&w->r, ip, p, o, w->r.now);
    if (o->kind == OUTCOME_DELIVERED || o->kind == OUTCOME_BOUNCED) {
        usage_add_facts(&ip->usage, c, &facts, w->r.now);
        usage_add_facts(&w->r.providers[p]->outage.usage, c, &facts, w->r.now);
    }
    if (is_dead || is_spam) {
        rotation_note(&w->r, ip, p, c, is_dead ? HARM_DEAD : HARM_SPAM, w->r.now);
        blame_sample(&w->r, c, ip->index, p, o);
    }
    if (o->kind == OUTCOME_COMPLAINED)
        rotation_note(&w->r, ip, p, c, HARM_COMPLAINT, w->r.now);
    if (o->class == CLASS_IP_REPUTATION_BLOCK)
        rotation_blocked(&w->r, ip, p, c, o, w->r.now);
}

/* A block that was answered at `at`. */
static inline void world_block_at(struct rotation_world *w, const char *address,
                                  const char *provider, const char *recipient, usec_t at,
                                  usec_t delivered_at)
{
    struct outcome o = {.at = at,
                        .delivered_at = delivered_at,
                        .kind = OUTCOME_DEFERRED,
                        .class = CLASS_IP_REPUTATION_BLOCK,
                        .scope = SCOPE_IP,
                        .customer = "acme",
                        .ip = address,
                        .provider = provider,
                        .recipient = recipient,
                        .reply = "421 4.7.0 your IP has a poor reputation"};
    world_outcome(w, address, provider, "acme", &o);
}

static inline void world_block(struct rotation_world *w, const char *address, const char *provider,
                               const char *recipient)
{
    world_block_at(w, address, provider, recipient, w->r.now, 0);
}

static inline void world_deliver(struct rotation_world *w, const char *address,
                                 const char *provider, const char *customer, int n)
{
    struct outcome o = {.kind = OUTCOME_DELIVERED, .customer = customer, .ip = address};
    for (int i = 0; i < n; i++)
        world_outcome(w, address, provider, customer, &o);
}

static inline void world_dead(struct rotation_world *w, const char *address, const char *provider,
                              const char *customer, int n)
{
    struct outcome o = {.kind = OUTCOME_BOUNCED,
                        .class = CLASS_UNKNOWN_USER,
                        .customer = customer,
                        .ip = address,
                        .reply = "550 5.1.1 no such user"};
    for (int i = 0; i < n; i++)
        world_outcome(w, address, provider, customer, &o);
}

static inline void world_listed(struct rotation_world *w, const char *address, const char *zone,
                                const char *answer, bool is_there)
{
    struct outcome o = {.at = w->r.now,
                        .kind = is_there ? OUTCOME_LISTED : OUTCOME_DELISTED,
                        .customer = "",
                        .ip = address,
                        .zone = zone,
                        .answer = answer};
    rotation_listed(&w->r, reputation_ip_of(&w->r, address), &o, w->r.now);
}

/* All decisions so far as "pause lane:A/google; pull ip:A", and forgets them. */
static inline const char *world_said(struct rotation_world *w)
{
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < w->n && i < ARRAY_LEN(w->decisions) && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", i ? "; " : "",
                                 action_text(w->decisions[i].action), w->decisions[i].target);
    w->n = 0;
    return text;
}
