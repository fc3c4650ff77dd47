#include "core/state.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/selector.h"

// What stands in the state and what is asked of it; state_fold.c builds it.

enum { TARGET = 16 + 2 * TEXT_NAME }; // "customer:NAME/LIST", "lane:IP/PROVIDER" and the like

void state_init(struct state *s)
{
    *s = (struct state){0};
}

static void free_entry(struct state_entry *se)
{
    entry_free(se->entry);
    xfree(se->lifts);
    xfree(se->selector);
    xfree(se);
}

void state_deinit(struct state *s)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&s->customers, &i));) {
        struct state_customer *c = item->value;
        xfree(c->contact);
        xfree(c->pool);
        xfree(c);
    }
    for (size_t i = 0; (item = map_next(&s->ips, &i));) {
        struct state_ip *ip = item->value;
        xfree(ip->pool);
        xfree(ip);
    }
    for (size_t i = 0; (item = map_next(&s->entries, &i));)
        free_entry(item->value);
    map_deinit(&s->customers);
    map_deinit(&s->ips);
    map_deinit(&s->entries);
    map_deinit(&s->by_target);
    *s = (struct state){0};
}

struct state_customer *state_customer_get(const struct state *s, const char *name)
{
    return map_get_str(&s->customers, name);
}

struct state_customer *state_customer_add(struct state *s, const char *name)
{
    struct state_customer *c = state_customer_get(s, name);
    if (c)
        return c;
    c = xcalloc(1, sizeof(*c));
    snprintf(c->name, sizeof(c->name), "%s", name);
    c->contact = xstrdup("");
    c->pool = xstrdup("");
    map_put_str(&s->customers, name, c);
    return c;
}

struct state_ip *state_ip_get(const struct state *s, const char *address)
{
    return map_get_str(&s->ips, address);
}

struct state_ip *state_ip_add(struct state *s, const char *address)
{
    struct state_ip *ip = state_ip_get(s, address);
    if (ip)
        return ip;
    ip = xcalloc(1, sizeof(*ip));
    snprintf(ip->address, sizeof(ip->address), "%s", address);
    ip->pool = xstrdup("");
    map_put_str(&s->ips, address, ip);
    return ip;
}

// The standing holds of a target: a walk from here ends at the first that has expired.
static const struct state_entry *standing_of(const struct state *s, const char *target, usec_t now)
{
    const struct state_entry *se = map_get_str(&s->by_target, target);
    return se && se->entry->expires_at > now ? se : NULL;
}

static const struct state_entry *next_standing(const struct state_entry *se, usec_t now)
{
    se = se->next_of_target;
    return se && se->entry->expires_at > now ? se : NULL;
}

static void customer_target(char out[TARGET], const char *customer, const char *list)
{
    snprintf(out, TARGET, "customer:%s%s%s", customer, *list ? "/" : "", list);
}

static enum standing standing_by(enum kind kind)
{
    static const struct {
        enum kind kind;
        enum standing standing;
    } rows[] = {
        {KIND_WARN, STANDING_WARNED},
        {KIND_THROTTLE, STANDING_THROTTLED},
        {KIND_SUSPEND, STANDING_SUSPENDED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].kind == kind)
            return rows[i].standing;
    return STANDING_GOOD;
}

// Makes *worst stricter by what holds the target; of two as strict, the first in the chain is why.
static void add_standing(const struct state *s, const char *target, usec_t now,
                         enum standing *worst, const struct entry **why)
{
    const struct state_entry *se = standing_of(s, target, now);
    for (; se; se = next_standing(se, now)) {
        enum standing standing = standing_by(se->entry->kind);
        if (standing > *worst) {
            *worst = standing;
            *why = se->entry;
        }
    }
}

enum standing state_standing(const struct state *s, const char *customer, const char *list,
                             usec_t now, const struct entry **why)
{
    char target[TARGET];
    enum standing worst = STANDING_GOOD;
    const struct entry *none = NULL;
    why = why ? why : &none;
    *why = NULL;
    if (strcmp(customer, STATE_SELF) == 0)
        return STANDING_GOOD;
    customer_target(target, customer, "");
    add_standing(s, target, now, &worst, why);
    if (list && *list) {
        customer_target(target, customer, list);
        add_standing(s, target, now, &worst, why);
    }
    return worst;
}

static bool is_slower(const struct state_entry *se, uint32_t count, usec_t per)
{
    return (__int128)se->rate * per < (__int128)count * se->rate_per;
}

static void add_throttle(const struct state *s, const char *target, usec_t now, uint32_t *count,
                         usec_t *per)
{
    const struct state_entry *se = standing_of(s, target, now);
    for (; se; se = next_standing(se, now)) {
        if (se->rate_per && (!*per || is_slower(se, *count, *per))) {
            *count = se->rate;
            *per = se->rate_per;
        }
    }
}

bool state_throttle(const struct state *s, const char *customer, const char *list, usec_t now,
                    uint32_t *count, usec_t *per)
{
    char target[TARGET];
    *count = 0;
    *per = 0;
    if (strcmp(customer, STATE_SELF) == 0)
        return false;
    customer_target(target, customer, "");
    add_throttle(s, target, now, count, per);
    if (list && *list) {
        customer_target(target, customer, list);
        add_throttle(s, target, now, count, per);
    }
    return *per != 0;
}

enum rotation state_rotation(const struct state *s, const char *ip, usec_t now,
                             const struct entry **why)
{
    char target[TARGET];
    const struct state_ip *known = state_ip_get(s, ip);
    const struct entry *none = NULL, *pull = NULL, *drain = NULL;
    why = why ? why : &none;
    snprintf(target, sizeof(target), "ip:%s", ip);
    const struct state_entry *se = standing_of(s, target, now);
    for (; se; se = next_standing(se, now)) {
        if (!pull && se->entry->kind == KIND_PULL)
            pull = se->entry;
        if (!drain && se->entry->kind == KIND_DRAIN)
            drain = se->entry;
    }
    *why = pull ? pull : drain;
    if (*why)
        return pull ? ROTATION_PULLED : ROTATION_DRAINING;
    return known && known->warming_since ? ROTATION_WARMING : ROTATION_ACTIVE;
}

// The first standing pause of a target is the last to expire.
static const struct entry *pause_of(const struct state *s, const char *target, usec_t now)
{
    const struct state_entry *se = standing_of(s, target, now);
    while (se && se->entry->kind != KIND_PAUSE)
        se = next_standing(se, now);
    return se ? se->entry : NULL;
}

const struct entry *state_lane(const struct state *s, const char *ip, const char *provider,
                               usec_t now)
{
    char target[TARGET];
    snprintf(target, sizeof(target), "lane:%s/%s", ip, provider);
    const struct entry *own = pause_of(s, target, now);
    snprintf(target, sizeof(target), "provider:%s", provider);
    const struct entry *all = pause_of(s, target, now);
    return !own || (all && all->expires_at > own->expires_at) ? all : own;
}

static bool matches(const char *wanted, const char *is)
{
    return !*wanted || (is && strcmp(wanted, is) == 0);
}

static bool covers(const struct selector *sel, const struct state_path *path)
{
    return sel->is_all ||
           (matches(sel->customer, path->customer) && matches(sel->list, path->list) &&
            matches(sel->provider, path->provider) && matches(sel->ip, path->ip) &&
            matches(sel->pool, path->pool));
}

const struct entry *state_hold(const struct state *s, const struct state_path *path, usec_t now)
{
    const struct state_entry *se = s->queue_holds;
    for (; se && se->entry->expires_at > now; se = se->next_of_queue)
        if (covers(se->selector, path))
            return se->entry;
    return NULL;
}

void state_each_standing(const struct state *s, usec_t now,
                         void (*each)(void *ctx, const struct entry *e), void *ctx)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&s->by_target, &i));) {
        const struct state_entry *se = item->value;
        for (; se && se->entry->expires_at > now; se = se->next_of_target)
            each(ctx, se->entry);
    }
}

static void keep_earliest(void *ctx, const struct entry *e)
{
    usec_t *at = ctx;
    if (e->expires_at < *at)
        *at = e->expires_at;
}

usec_t state_next_expiry(const struct state *s, usec_t now)
{
    usec_t at = USEC_NEVER;
    state_each_standing(s, now, keep_earliest, &at);
    return at;
}
