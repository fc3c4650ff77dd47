#include "settings/index.h"

#include <string.h>

#include "base/error.h"
#include "settings/value.h"

// Maps hold pointers to change; what lies in these is never changed through them.
static void put(struct map *m, const char *key, const void *value)
{
    map_put_str(m, key, (void *)value);
}

void index_init(struct settings_index *x, const struct settings *s)
{
    *x = (struct settings_index){0};
    for (size_t i = 1; i < s->providers_n; i++) {
        put(&x->providers, s->providers[i].name, &s->providers[i]);
        for (size_t j = 0; j < s->providers[i].mx_n; j++)
            put(&x->mx, s->providers[i].mx[j], &s->providers[i]);
    }
    for (size_t i = 0; i < s->delivery.routes_n; i++)
        put(&x->routes, s->delivery.routes[i].domain, &s->delivery.routes[i]);
}

void index_deinit(struct settings_index *x)
{
    map_deinit(&x->mx);
    map_deinit(&x->providers);
    map_deinit(&x->routes);
}

// From the whole name on, each look-up is a label shorter: the first hit is the longest.
const struct settings_provider *settings_provider_of(const struct settings *s, const char *host)
{
    struct bytes rest = bytes_str(host);
    rest.n -= rest.n && rest.p[rest.n - 1] == '.';
    while (rest.n) {
        const struct settings_provider *p = map_get(&s->index->mx, rest);
        if (p)
            return p;
        const uint8_t *dot = memchr(rest.p, '.', rest.n);
        rest = bytes_skip(rest, dot ? (size_t)(dot - rest.p) + 1 : rest.n);
    }
    return NULL;
}

const struct settings_provider *settings_provider_limits(const struct settings *s, const char *name)
{
    const struct settings_provider *p = map_get_str(&s->index->providers, name);
    return p ? p : &s->providers[0];
}

const struct settings_route *settings_route_of(const struct settings *s, const char *domain)
{
    const struct settings_route *route = map_get_str(&s->index->routes, domain);
    return route ? route : map_get_str(&s->index->routes, "*");
}

static bool is_inside(const struct settings_trust *t, const uint8_t address[16])
{
    unsigned whole = t->bits / 8, rest = t->bits % 8;
    if (memcmp(t->net, address, whole) != 0)
        return false;
    return !rest || ((t->net[whole] ^ address[whole]) & (0xff00U >> rest) & 0xff) == 0;
}

const struct settings_trust *settings_trust_of(const struct settings_listener *l,
                                               const struct sockaddr *client)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint8_t address[16];
    if (!value_address_bytes(address, client))
        return NULL;
    // An IPv6 network, `::/0` too, speaks of IPv6 clients alone.
    unsigned least = memcmp(address, mapped, sizeof(mapped)) == 0 ? 96 : 0;
    for (size_t i = 0; i < l->trust_n; i++)
        if (l->trust[i].bits >= least && is_inside(&l->trust[i], address))
            return &l->trust[i];
    return NULL;
}
