/* Mail that would come back (RFC 5321 §5.1): a mail host that is this engine, and every one that is no
 * better, is no way on. An address is ours when one of our listeners would take the connection: our own
 * machine may well have another server at the port where mail goes. */
#include <netinet/in.h>
#include <string.h>

#include "delivery/internal.h"

static struct bytes address_of(const struct sockaddr_storage *sa)
{
    if (sa->ss_family == AF_INET)
        return bytes_of(&((const struct sockaddr_in *)sa)->sin_addr, sizeof(struct in_addr));
    return bytes_of(&((const struct sockaddr_in6 *)sa)->sin6_addr, sizeof(struct in6_addr));
}

static uint16_t port_of(const struct sockaddr_storage *sa)
{
    if (sa->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)sa)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)sa)->sin6_port);
}

static bool is_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    return a->ss_family == b->ss_family && bytes_equal(address_of(a), address_of(b));
}

static bool is_any(const struct sockaddr_storage *sa)
{
    static const uint8_t zero[sizeof(struct in6_addr)];
    struct bytes address = address_of(sa);
    return memcmp(address.p, zero, address.n) == 0;
}

// Is it an address of this machine, as far as the settings know?
static bool is_of_machine(const struct settings *s, const struct sockaddr_storage *sa)
{
    if (sa->ss_family == AF_INET
            ? address_of(sa).p[0] == IN_LOOPBACKNET
            : IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr))
        return true;
    for (size_t i = 0; i < s->pools_n; i++)
        for (size_t j = 0; j < s->pools[i].ips_n; j++)
            if (is_same(&s->pools[i].ips[j].address.sa, sa))
                return true;
    return false;
}

static bool is_ours(const struct settings *s, const struct sockaddr_storage *sa)
{
    for (size_t i = 0; i < s->listeners_n; i++) {
        const struct sockaddr_storage *at = &s->listeners[i].address.sa;
        if (port_of(at) != s->delivery.port || at->ss_family != sa->ss_family)
            continue;
        if (is_same(at, sa) || (is_any(at) && is_of_machine(s, sa)))
            return true;
    }
    return false;
}

bool loop_cut(struct dns_mx *kept, const struct dns_mx *mx, const struct settings *s)
{
    unsigned ours = UINT16_MAX + 1;
    for (size_t i = 0; i < mx->hosts_n; i++)
        for (size_t j = 0; j < mx->hosts[i].addresses_n; j++)
            if (mx->hosts[i].preference < ours && is_ours(s, &mx->hosts[i].addresses[j]))
                ours = mx->hosts[i].preference;
    if (ours > UINT16_MAX)
        return false;
    *kept = *mx;
    kept->hosts_n = 0;
    for (size_t i = 0; i < mx->hosts_n; i++)
        if (mx->hosts[i].preference < ours)
            kept->hosts[kept->hosts_n++] = mx->hosts[i];
    return true;
}
