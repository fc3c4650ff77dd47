#include "net/dns_resolver.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unbound.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/dns.h"

// libunbound fixes its options at the first data or question, so the order matters: options, servers,
// zones, data.

// Top domains that are nobody's (RFC 2606, RFC 6761, RFC 6762, ICANN 2024): with data of ours in one
// its other names do not exist, rather than to go out into the world.
static const char *const nobodys[] = {"test",      "example", "invalid",
                                      "localhost", "local",   "internal"};

static const char *nobodys_top(const char *record)
{
    size_t n = strcspn(record, " \t");
    if (n && record[n - 1] == '.')
        n--;
    size_t from = n;
    while (from && record[from - 1] != '.')
        from--;
    for (size_t i = 0; i < ARRAY_LEN(nobodys); i++)
        if (bytes_equal_nocase(bytes_of(record + from, n - from), bytes_str(nobodys[i])))
            return nobodys[i];
    return NULL;
}

bool dns_is_nobodys(const char *name)
{
    return nobodys_top(name) != NULL;
}

static int add_zone(struct ub_ctx *ub, const char *top)
{
    char zone[32];
    snprintf(zone, sizeof(zone), "%s.", top);
    return ub_ctx_zone_add(ub, zone, "static");
}

static char *add_local(struct ub_ctx *ub, const struct dns_options *o)
{
    // libunbound answers these by itself; a server that was named on purpose may know better.
    if (o->servers_n) {
        ub_ctx_zone_remove(ub, "test.");
        ub_ctx_zone_remove(ub, "invalid.");
    }
    for (size_t i = 0; i < o->local_n; i++) {
        const char *top = nobodys_top(o->local[i]);
        int r = top ? add_zone(ub, top) : 0;
        if (r == 0)
            r = ub_ctx_data_add(ub, o->local[i]);
        if (r != 0)
            return xasprintf("expected a DNS record like `big.test. MX 10 mx.big.test.`, got `%s`",
                             o->local[i]);
    }
    return NULL;
}

static char *set_servers(struct ub_ctx *ub, const struct dns_options *o)
{
    for (size_t i = 0; i < o->servers_n; i++)
        if (ub_ctx_set_fwd(ub, o->servers[i]) != 0)
            return xasprintf("expected a server like `127.0.0.1@5353`, got `%s`", o->servers[i]);
    if (!o->servers_n && ub_ctx_resolvconf(ub, NULL) != 0)
        log_notice("dns", "/etc/resolv.conf names no server: resolving from the root servers");
    return NULL;
}

static char *set_options(struct ub_ctx *ub)
{
    struct rlimit files;
    bool has_room = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur >= 1024;
    const struct {
        const char *name, *value;
    } options[] = {
        {"num-queries-per-thread:", "4096"}, // DNS_AT_ONCE × QUESTIONS
        {"outgoing-range:", has_room ? "128" : "16"},
        {"msg-cache-size:", "4m"},
        {"rrset-cache-size:", "8m"},
    };
    ub_ctx_debugout(ub, NULL);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (ub_ctx_set_option(ub, options[i].name, options[i].value) != 0)
            return xasprintf("the resolver does not know its option `%s`", options[i].name);
    return ub_ctx_async(ub, 1) == 0 ? NULL : xstrdup("the resolver cannot run in a thread");
}

struct ub_ctx *dns_resolver_new(const struct dns_options *options, char **why)
{
    struct ub_ctx *ub = ub_ctx_create();
    if (!ub) {
        *why = xstrdup("the resolver cannot be made: no memory or descriptors");
        return NULL;
    }
    *why = set_options(ub);
    if (!*why)
        *why = set_servers(ub, options);
    if (!*why)
        *why = add_local(ub, options);
    if (!*why)
        return ub;
    ub_ctx_delete(ub);
    return NULL;
}
