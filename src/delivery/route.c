/* From a recipient's domain to its provider and hosts: fixed next hops of the settings, else the MX
 * records, remembered as long as they say. Domains with the same hosts share one struct hosts, found
 * by its key, so that 500 domains at one hoster are one site. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "delivery/internal.h"

/* The hosts' places by preference, then name: an order that does not change from answer to answer. */
static void sort_hosts(size_t order[DNS_HOSTS], const struct dns_mx *mx)
{
    for (size_t i = 0; i < mx->hosts_n; i++) {
        size_t at = i;
        const struct dns_host *h = &mx->hosts[i];
        for (; at > 0; at--) {
            const struct dns_host *before = &mx->hosts[order[at - 1]];
            if (before->preference < h->preference ||
                (before->preference == h->preference && strcmp(before->name, h->name) <= 0))
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

static bool is_address(const char *name)
{
    uint8_t bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* A host's own provider, as if it were the only one. */
static void name_host(char out[TEXT_NAME], const struct settings *s, const char *domain,
                      const char *host)
{
    const struct settings_provider *known = settings_provider_of(s, host);
    const char *rest = host, *dot;
    if (known) {
        snprintf(out, TEXT_NAME, "%s", known->name);
        return;
    }
    if (is_address(host)) {
        snprintf(out, TEXT_NAME, "%s", host);
        for (char *p = out; *p; p++)
            if (*p == ':')
                *p = '-';
        if (!text_is_name(out))
            snprintf(out, TEXT_NAME, "ip%.60s", out[0] == '-' ? out + 1 : out);
        return;
    }
    dot = strchr(host, '.');
    if (strcmp(host, domain) != 0 && dot && strchr(dot + 1, '.'))
        rest = dot + 1;
    while (!text_is_name(rest) && (dot = strchr(rest, '.')))
        rest = dot + 1; // too long, or a letter that names have not
    snprintf(out, TEXT_NAME, "%s", text_is_name(rest) ? rest : "unknown");
}

void route_name(char out[TEXT_NAME], const struct settings *s, const char *domain,
                const struct dns_mx *mx)
{
    size_t order[DNS_HOSTS] = {0};
    sort_hosts(order, mx);
    for (size_t i = 0; i < mx->hosts_n; i++) {
        const struct settings_provider *p = settings_provider_of(s, mx->hosts[order[i]].name);
        if (!p)
            continue;
        snprintf(out, TEXT_NAME, "%s", p->name);
        return;
    }
    name_host(out, s, domain, mx->hosts[order[0]].name);
}

static void set_port(struct sockaddr_storage *sa, uint16_t port)
{
    if (sa->ss_family == AF_INET)
        ((struct sockaddr_in *)sa)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)sa)->sin6_port = htons(port);
}

static void addresses_free(struct hosts_address *addresses, size_t n)
{
    for (size_t i = 0; i < n; i++)
        xfree(addresses[i].name);
    xfree(addresses);
}

void hosts_unref(struct delivery *d, struct hosts *h)
{
    if (!h || --h->refs)
        return;
    map_remove_str(&d->hosts_of, h->key);
    addresses_free(h->addresses, h->n);
    xfree(h->key);
    xfree(h);
}

/* The hosts of that key, with one reference more. */
static struct hosts *hosts_get(struct delivery *d, const char *key, const char *provider)
{
    struct hosts *h = map_get_str(&d->hosts_of, key);
    if (!h) {
        h = xcalloc(1, sizeof(*h));
        h->key = xstrdup(key);
        snprintf(h->provider, sizeof(h->provider), "%s", provider);
        map_put_str(&d->hosts_of, key, h);
    }
    h->refs++;
    return h;
}

/* The newest answer's addresses; what is known to be down stays known. */
static void hosts_update(struct hosts *h, const struct settings *s, const char *domain,
                         const struct dns_mx *mx)
{
    struct hosts_address *fresh;
    size_t n = 0;
    char own[TEXT_NAME];

    fresh = xcalloc((size_t)DNS_HOSTS * DNS_ADDRESSES, sizeof(*fresh));
    for (size_t i = 0; i < mx->hosts_n; i++) {
        const struct dns_host *host = &mx->hosts[i];
        name_host(own, s, domain, host->name);
        for (size_t j = 0; j < host->addresses_n && j < DNS_ADDRESSES; j++) {
            struct hosts_address *a = &fresh[n++];
            a->sa = host->addresses[j];
            set_port(&a->sa, s->delivery.port);
            a->name = xstrdup(host->name);
            a->is_own = strcmp(own, h->provider) == 0;
            for (size_t k = 0; k < h->n; k++)
                if (h->addresses[k].bad_until &&
                    memcmp(&h->addresses[k].sa, &a->sa, sizeof(a->sa)) == 0)
                    a->bad_until = h->addresses[k].bad_until;
        }
    }
    addresses_free(h->addresses, h->n);
    h->addresses = n ? xrealloc(fresh, n, sizeof(*fresh)) : xfree(fresh);
    h->n = n;
}

static struct hosts *hosts_of_mx(struct delivery *d, const char *domain, const struct dns_mx *mx)
{
    char provider[TEXT_NAME];
    size_t order[DNS_HOSTS] = {0};
    struct buf key = {0};
    struct hosts *h;

    route_name(provider, d->settings, domain, mx);
    sort_hosts(order, mx);
    buf_printf(&key, "%s %u", provider, d->settings->delivery.port);
    for (size_t i = 0; i < mx->hosts_n; i++)
        buf_printf(&key, " %u %s", mx->hosts[order[i]].preference, mx->hosts[order[i]].name);
    h = hosts_get(d, (char *)key.p, provider);
    buf_deinit(&key);
    hosts_update(h, d->settings, domain, mx);
    return h;
}

static struct hosts *hosts_of_route(struct delivery *d, const struct settings_route *route)
{
    struct hosts *h = hosts_get(d, route->provider, route->provider);
    if (h->n)
        return h;
    h->addresses = xcalloc(1, sizeof(*h->addresses));
    h->addresses[0].sa = route->hop.sa;
    h->addresses[0].name = xstrdup(route->hop.text);
    h->addresses[0].is_own = true;
    h->n = 1;
    return h;
}

struct domain *route_domain(struct delivery *d, const char *name)
{
    struct domain *domain = map_get_str(&d->domain_of, name);
    if (!domain) {
        domain = xcalloc(1, sizeof(*domain));
        domain->name = xstrdup(name);
        list_init(&domain->link);
        list_init(&domain->asking);
        map_put_str(&d->domain_of, name, domain);
    }
    list_remove(&domain->link);
    list_add_last(&d->domains, &domain->link);
    return domain;
}

static void domain_free(struct delivery *d, struct domain *domain)
{
    map_remove_str(&d->domain_of, domain->name);
    list_remove(&domain->link);
    if (domain->ask)
        ask_lose(domain->ask, NULL);
    hosts_unref(d, domain->hosts);
    xfree(domain->name);
    xfree(domain);
}

void route_trim(struct delivery *d)
{
    struct domain *domain;
    LIST_EACH (&d->domains, domain, link) {
        if (d->domain_of.count <= DOMAINS_MOST)
            return;
        if (!domain->ask)
            domain_free(d, domain);
    }
}

void route_deinit(struct delivery *d)
{
    struct domain *domain;
    LIST_EACH (&d->domains, domain, link)
        domain_free(d, domain);
    map_deinit(&d->domain_of);
    map_deinit(&d->hosts_of);
}

/* The answer is there: on with the parcel. */
static void answer(struct delivery *d, struct parcel *p, const struct domain *domain)
{
    char why[300];
    p->domain = NULL;
    if (p->letter->customer->is_held) {
        parcel_park(d, p, clock_wall()); // a verdict now would be an attempt
        return;
    }
    switch (domain->result) {
    case DNS_OK:
        if (!domain->is_loop) {
            parcel_place(d, p, domain->hosts);
            return;
        }
        snprintf(why, sizeof(why), "5.4.6 mail for %.200s would come back to us", domain->name);
        outcome_own(d, p, NULL, true, CLASS_PROTOCOL, PHASE_NONE, why);
        return;
    case DNS_NONE:
        snprintf(why, sizeof(why), "5.1.2 the domain %.200s does not exist: %.60s", domain->name,
                 domain->why);
        outcome_own(d, p, NULL, true, CLASS_DOMAIN_NOT_FOUND, PHASE_NONE, why);
        return;
    case DNS_NULL_MX:
        snprintf(why, sizeof(why), "5.1.10 the domain %.200s takes no mail (null MX)",
                 domain->name);
        outcome_own(d, p, NULL, true, CLASS_DOMAIN_NOT_FOUND, PHASE_NONE, why);
        return;
    case DNS_LATER:
        snprintf(why, sizeof(why), "4.4.3 DNS does not answer for %.200s: %.60s", domain->name,
                 domain->why);
        outcome_own(d, p, NULL, false, CLASS_NO_CONNECT, PHASE_NONE, why);
        return;
    }
}

static void take_answer(struct delivery *d, struct domain *domain, const struct dns_mx *mx)
{
    struct hosts *before = domain->hosts;
    struct dns_mx kept;
    if (mx->result == DNS_OK && loop_cut(&kept, mx, d->settings))
        mx = &kept;
    domain->is_loop = mx->result == DNS_OK && !mx->hosts_n;
    domain->result = mx->result;
    domain->hosts = NULL;
    domain->expires_at = mx->expires_at;
    snprintf(domain->why, sizeof(domain->why), "%s", mx->why);
    if (mx->result == DNS_OK && !domain->is_loop)
        domain->hosts = hosts_of_mx(d, domain->name, mx);
    hosts_unref(d, before); // afterwards: it may be the same
}

static void on_mx(void *ctx, const struct dns_mx *mx)
{
    void *what;
    struct delivery *d = ask_take(ctx, &what);
    struct domain *domain = what;
    struct list asking;
    struct parcel *p;

    if (!d)
        return;
    dispatch_begin(d);
    domain->ask = NULL;
    take_answer(d, domain, mx);
    list_init(&asking);
    LIST_EACH (&domain->asking, p, link) {
        list_remove(&p->link);
        list_add_last(&asking, &p->link);
    }
    while ((p = LIST_FIRST(&asking, struct parcel, link))) {
        list_remove(&p->link);
        answer(d, p, domain);
    }
    dispatch_end(d);
}

static void ask(struct delivery *d, struct domain *domain)
{
    domain->ask = ask_new(d, domain);
    dns_query_mx(d->dns, domain->name, on_mx, domain->ask);
}

void route_ask(struct delivery *d, struct parcel *p, struct domain *domain)
{
    const struct settings_route *route;
    if (!domain->ask && domain->expires_at <= clock_monotonic()) {
        route = settings_route_of(d->settings, domain->name);
        if (route) {
            hosts_unref(d, domain->hosts);
            domain->hosts = hosts_of_route(d, route);
            domain->result = DNS_OK;
            domain->is_loop = false;
            domain->expires_at = USEC_NEVER;
        }
    }
    if (!domain->ask && domain->expires_at > clock_monotonic()) {
        answer(d, p, domain);
        return;
    }
    p->domain = domain;
    list_add_last(&domain->asking, &p->link);
    if (!domain->ask)
        ask(d, domain);
}

void route_forget(struct delivery *d, bool is_new_dns)
{
    struct domain *domain;
    LIST_EACH (&d->domains, domain, link) {
        domain->expires_at = 0;
        if (!domain->ask || !is_new_dns)
            continue;
        ask_lose(domain->ask, NULL);
        ask(d, domain);
    }
}
