/* What was decided takes effect in the world, and is noted for the score. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "world.h"

void world_fate(const struct world *w, struct world_fate *f, uint32_t customer)
{
    if (!f->at)
        *f = (struct world_fate){w->now, w->customers[customer].sent, w->customers[customer].harm};
}

static uint32_t customer_of(const struct world *w, const char *target)
{
    unsigned long i = strtoul(target + strlen("customer:c"), NULL, 10);
    return i < w->customers_n ? (uint32_t)i : 0;
}

static int ip_of(const struct world *w, const char *address, size_t n)
{
    for (uint32_t i = 0; i < w->ips_n; i++)
        if (strncmp(w->ips[i], address, n) == 0 && !w->ips[i][n])
            return (int)i;
    return -1;
}

static int provider_of(const struct world *w, const char *name)
{
    for (uint32_t i = 0; i < w->providers_n; i++)
        if (strcmp(w->providers[i].name, name) == 0)
            return (int)i;
    return -1;
}

static usec_t until_of(const struct world *w, const struct decision *d)
{
    return d->until ? d->until : w->now + 365 * USEC_DAY;
}

static void lane_close(struct world *w, const struct decision *d, int ip, int provider)
{
    if (ip < 0 || w->lanes_n == WORLD_LANES)
        return;
    struct world_lane *lane = &w->lanes[w->lanes_n++];
    *lane = (struct world_lane){(uint32_t)ip, provider, w->now, until_of(w, d), ""};
    if (d->culprits_n)
        memcpy(lane->culprit, d->culprits[0].customer, sizeof(lane->culprit) - 1);
}

static void lane_open(struct world *w, int ip, int provider)
{
    for (uint32_t i = 0; i < w->lanes_n; i++)
        if ((int)w->lanes[i].ip == ip && w->lanes[i].provider == provider &&
            w->lanes[i].until > w->now)
            w->lanes[i].until = w->now;
}

static void incident(struct world *w, const struct decision *d)
{
    bool is_provider = strncmp(d->target, "provider:", 9) == 0;
    int provider = is_provider ? provider_of(w, d->target + 9) : -1;
    for (uint32_t i = w->incidents_n; d->action == ACTION_INCIDENT_END && i--;)
        if (w->incidents[i].provider == provider && !w->incidents[i].end) {
            w->incidents[i].end = w->now;
            return;
        }
    if (d->action == ACTION_INCIDENT && w->incidents_n < WORLD_INCIDENTS)
        w->incidents[w->incidents_n++] = (struct world_incident){provider, w->now, 0};
}

static void on_customer(struct world *w, const struct decision *d)
{
    uint32_t i = customer_of(w, d->target);
    struct world_customer *c = &w->customers[i];
    switch (d->action) {
    case ACTION_WARN:
        world_fate(w, &w->fates[i][RUNG_WARN], i);
        w->warned++;
        break;
    case ACTION_THROTTLE:
        world_fate(w, &w->fates[i][RUNG_THROTTLE], i);
        w->throttled++;
        c->throttled_until = until_of(w, d);
        c->tokens_at = w->now;
        break;
    case ACTION_SUSPEND:
        world_fate(w, &w->fates[i][RUNG_SUSPEND], i);
        w->suspended++;
        c->suspended_until = until_of(w, d);
        break;
    case ACTION_RESTORE:
        c->suspended_until = c->throttled_until = 0;
        break;
    case ACTION_PULL:
    case ACTION_DRAIN:
    case ACTION_RETURN:
    case ACTION_PAUSE:
    case ACTION_RESUME:
    case ACTION_INCIDENT:
    case ACTION_INCIDENT_END:
    case ACTION_CALL_OPERATOR:
    case ACTION_POOL:
        break;
    }
}

static void on_way_out(struct world *w, const struct decision *d)
{
    const char *address = strchr(d->target, ':') + 1, *slash = strchr(address, '/');
    int ip = ip_of(w, address, slash ? (size_t)(slash - address) : strlen(address));
    int provider = slash ? provider_of(w, slash + 1) : -1;
    if (d->action == ACTION_PULL || d->action == ACTION_DRAIN || d->action == ACTION_PAUSE)
        lane_close(w, d, ip, provider);
    else if (d->action == ACTION_RETURN || d->action == ACTION_RESUME)
        lane_open(w, ip, provider);
}

void world_decided(struct world *w, const struct decision *d)
{
    w->calls += d->action == ACTION_CALL_OPERATOR;
    if (d->action == ACTION_INCIDENT || d->action == ACTION_INCIDENT_END)
        incident(w, d);
    else if (strncmp(d->target, "customer:c", 10) == 0)
        on_customer(w, d);
    else if (strchr(d->target, ':') && d->action != ACTION_CALL_OPERATOR)
        on_way_out(w, d);
}
