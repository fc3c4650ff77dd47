#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/engine_room.h"
#include "settings/settings.h"
#include "warden/probe.h"
#include "warden/reputation.h"

static void forget_ips(struct engine *e)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&e->state.ips, &i));) {
        struct state_ip *ip = item->value;
        xfree(ip->pool);
        ip->pool = xstrdup("");
        ip->helo = NULL;
        ip->is_configured = false;
    }
}

static void set_ip(struct engine *e, const struct settings_pool *pool, const struct settings_ip *s)
{
    struct state_ip *ip = state_ip_add(&e->state, s->address.text);
    xfree(ip->pool);
    ip->pool = xstrdup(pool->name);
    ip->helo = s->helo;
    ip->warming_since = s->warming_since;
    ip->is_configured = true;
    ip->is_here = true; // so that one that is not here is said, in every configuration
}

void roster_set(struct engine *e)
{
    const struct settings *s = e->settings;
    forget_ips(e);
    for (size_t p = 0; p < s->pools_n; p++)
        for (size_t i = 0; i < s->pools[p].ips_n; i++)
            set_ip(e, &s->pools[p], &s->pools[p].ips[i]);
    state_customer_add(&e->state, STATE_SELF)->is_known = true;
    roster_look(e);
}

static void believe(void *ctx, const char *ip, const char *zone)
{
    struct engine *e = ctx;
    probe_believe(e->probe, ip, zone);
}

static void probe_begin(struct engine *e)
{
    e->probe = probe_new(&(struct probe_options){.dns = e->dns,
                                                 .timers = e->timers,
                                                 .policy = &e->settings->policy,
                                                 .on_outcome = facts_on_intake,
                                                 .on_reverse = facts_on_reverse,
                                                 .ctx = e});
}

void roster_probe(struct engine *e)
{
    struct map_item *item;
    struct probe_ip *ips = xcalloc(e->state.ips.count + 1, sizeof(*ips));
    bool is_new = !e->probe;
    size_t n = 0;
    if (is_new)
        probe_begin(e);
    for (size_t i = 0; (item = map_next(&e->state.ips, &i));) {
        const struct state_ip *ip = item->value;
        if (ip->is_configured)
            ips[n++] = (struct probe_ip){ip->address, ip->helo};
    }
    probe_set_dns(e->probe, e->dns);
    probe_set_policy(e->probe, &e->settings->policy);
    probe_set_ips(e->probe, ips, n);
    if (is_new)
        warden_each_listing(e->warden, believe, e);
    xfree(ips);
}

// Binding to it is the question that counts: an address may be there without an interface (127/8).
static bool is_here(const struct settings_ip *ip)
{
    int fd = socket(ip->address.sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE; // no answer is no absence
    int r = bind(fd, (const struct sockaddr *)&ip->address.sa, ip->address.sa_n);
    bool is_absent = r != 0 && errno == EADDRNOTAVAIL;
    close(fd);
    return !is_absent;
}

bool roster_look(struct engine *e)
{
    const struct settings *s = e->settings;
    bool has_changed = false;
    for (size_t p = 0; p < s->pools_n; p++) {
        for (size_t i = 0; i < s->pools[p].ips_n; i++) {
            struct state_ip *ip = state_ip_get(&e->state, s->pools[p].ips[i].address.text);
            bool was_here = ip->is_here;
            ip->is_here = is_here(&s->pools[p].ips[i]);
            has_changed |= ip->is_here != was_here;
            if (was_here && !ip->is_here)
                log_warning("engine", "this machine does not have %s (pool %s): it is not used",
                            ip->address, ip->pool);
            else if (ip->is_here && !was_here)
                log_notice("engine", "%s is here: it is used", ip->address);
        }
    }
    return has_changed;
}
