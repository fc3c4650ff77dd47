/* Any bytes as configuration files: nothing crashes, hangs or leaks, and a mistake always has a place.
 *
 * The input is up to three files, each behind a line of `%%` alone: mxwarden.yaml, and what it may
 * name, p.yaml and policy.yaml. Nothing is read from the disk. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What stands before the next line of `%%`; *rest is what stands behind it.
static struct bytes cut(struct bytes *rest)
{
    static const char mark[] = "\n%%\n";
    struct bytes whole = *rest;
    const uint8_t *end = whole.n ? memmem(whole.p, whole.n, mark, sizeof(mark) - 1) : NULL;
    size_t n = end ? (size_t)(end - whole.p) + 1 : whole.n;
    *rest = bytes_skip(whole, end ? n + 3 : n);
    return bytes_of(whole.p, n);
}

// A harder step never comes before a milder one.
static void look_at_policy(const struct policy *p)
{
    for (int harm = 0; harm < HARM_N; harm++) {
        double least = 0;
        for (int rung = 0; rung < RUNG_N; rung++) {
            const struct policy_rung *step = &p->rungs[harm][rung];
            must(step->rate >= 0 && step->patience > 1 && step->least > 0);
            must(step->rate == 0 || step->rate >= least);
            least = step->rate > 0 ? step->rate : least;
        }
    }
    for (size_t i = 0; i < p->zones_n; i++)
        must(policy_zone_weight(p, p->zones[i].name) == p->zones[i].weight);
    must(p->lane_pause <= p->lane_pause_most);
    must(p->pools.premium && p->pools.shared && p->pools.probation && p->throttle_rate);
}

static void look_up(const struct settings *s)
{
    look_at_policy(&s->policy);
    must(s->node && s->state && s->listeners_n && s->pools_n && s->providers_n);
    for (size_t i = 1; i < s->providers_n; i++) {
        const struct settings_provider *p = &s->providers[i];
        must(settings_provider_limits(s, p->name) == p);
        for (size_t j = 0; j < p->mx_n; j++)
            must(settings_provider_of(s, p->mx[j]) == p);
    }
    for (size_t i = 0; i < s->delivery.routes_n; i++) {
        const struct settings_route *route = &s->delivery.routes[i];
        must(settings_route_of(s, route->domain) == route);
        must(*settings_provider_limits(s, route->provider)->name);
    }
    for (size_t i = 0; i < s->listeners_n; i++)
        settings_trust_of(&s->listeners[i], (const struct sockaddr *)&s->listeners[i].address.sa);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    struct settings_text files[] = {
        {.name = "mxwarden.yaml"}, {.name = "p.yaml"}, {.name = "policy.yaml"}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        files[i].text = cut(&rest);
    struct settings *s;
    struct settings_mistakes m;
    if (settings_load_texts(&s, &m, files, ARRAY_LEN(files)) == 0) {
        must(s && !m.n);
        look_up(s);
    } else {
        must(!s && m.n >= 1 && m.n <= 100);
    }
    for (size_t i = 0; i < m.n; i++)
        must(m.items[i].line && m.items[i].column && *m.items[i].text);
    settings_mistakes_deinit(&m);
    settings_free(s);
    return 0;
}
