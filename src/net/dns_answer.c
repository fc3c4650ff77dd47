#include "net/dns_answer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { LABEL = 63, NAME_WIRE = 255, EXCHANGES = 256 };

static bool is_host_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool dns_name_parse(char out[DNS_NAME], struct bytes rdata)
{
    size_t at = 0, n = 0;
    while (at < rdata.n && rdata.p[at]) {
        size_t label = rdata.p[at++];
        if (label > LABEL || at + label >= rdata.n || at + label >= NAME_WIRE)
            return false;
        if (n)
            out[n++] = '.';
        for (; label; label--, at++) {
            uint8_t c = rdata.p[at];
            c = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
            if (!is_host_letter(c))
                return false;
            out[n++] = (char)c;
        }
    }
    out[n] = '\0';
    return at < rdata.n;
}

// ---- MX

struct exchange {
    uint16_t preference;
    uint32_t dice; // decides among equal preferences
    const struct bytes *rdata;
};

static int by_preference(const void *a, const void *b)
{
    const struct exchange *x = a, *y = b;
    if (x->preference != y->preference)
        return x->preference < y->preference ? -1 : 1;
    return x->dice < y->dice ? -1 : x->dice > y->dice;
}

static bool has_host(const struct dns_found *f, const char *name)
{
    for (size_t i = 0; i < f->hosts_n; i++)
        if (strcmp(f->hosts[i].name, name) == 0)
            return true;
    return false;
}

bool dns_found_exchanges(struct dns_found *f, const struct bytes *rdata, size_t n)
{
    struct exchange all[EXCHANGES] = {0};
    uint32_t dice[EXCHANGES];
    size_t count = 0;
    hash_random(dice, sizeof(dice));
    for (size_t i = 0; i < n && count < EXCHANGES; i++) {
        if (rdata[i].n < 3)
            continue;
        uint16_t preference = (uint16_t)(rdata[i].p[0] << 8 | rdata[i].p[1]);
        all[count] = (struct exchange){preference, dice[count], &rdata[i]};
        count++;
    }
    qsort(all, count, sizeof(all[0]), by_preference);
    bool says_none = false;
    for (size_t i = 0; i < count && f->hosts_n < DNS_HOSTS; i++) {
        struct dns_found_host *host = &f->hosts[f->hosts_n];
        *host = (struct dns_found_host){.preference = all[i].preference};
        if (!dns_name_parse(host->name, bytes_skip(*all[i].rdata, 2)))
            continue;
        if (!host->name[0])
            says_none = true; // the root is no host, beside others it means nothing
        else if (!has_host(f, host->name))
            f->hosts_n++;
    }
    return says_none && !f->hosts_n;
}

// ---- addresses

// 0/8 would be ourselves; multicast, reserved and broadcast are nobody.
static bool may_be_host_v4(const uint8_t *a)
{
    return a[0] != 0 && a[0] < 224;
}

static bool may_be_host_v6(const uint8_t *a)
{
    static const uint8_t nobody[15];
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    if (memcmp(a, nobody, sizeof(nobody)) == 0)
        return a[15] == 1; // ::1 yes, :: no
    return a[0] != 0xff && memcmp(a, mapped, sizeof(mapped)) != 0;
}

void dns_found_address(struct dns_found_host *host, struct bytes rdata)
{
    if (rdata.n == 4 && host->v4_n < DNS_ADDRESSES && may_be_host_v4(rdata.p))
        memcpy(host->v4[host->v4_n++], rdata.p, 4);
    else if (rdata.n == 16 && host->v6_n < DNS_ADDRESSES && may_be_host_v6(rdata.p))
        memcpy(host->v6[host->v6_n++], rdata.p, 16);
}

bool dns_found_literal(struct dns_found *f, const char *domain)
{
    static const char v6[] = "[ipv6:";
    size_t n = strlen(domain);
    if (n < 3 || n >= DNS_NAME || domain[0] != '[' || domain[n - 1] != ']')
        return false;
    bool is_v6 = bytes_starts_nocase(bytes_of(domain, n), v6);
    size_t head = is_v6 ? sizeof(v6) - 1 : 1;
    char text[DNS_NAME];
    uint8_t address[16];
    memcpy(text, domain + head, n - head - 1);
    text[n - head - 1] = '\0';
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) != 1)
        return false;
    *f = (struct dns_found){.hosts_n = 1};
    memcpy(f->hosts[0].name, domain, n + 1);
    dns_found_address(&f->hosts[0], bytes_of(address, is_v6 ? 16 : 4));
    return true;
}

// ---- keeping: per host the name with its NUL, preference, counts, addresses

void dns_answer_pack(struct dns_answer *a, const struct dns_found *f)
{
    buf_clear(&a->hosts);
    for (size_t i = 0; i < f->hosts_n; i++) {
        const struct dns_found_host *h = &f->hosts[i];
        size_t half = DNS_ADDRESSES / 2;
        size_t v4_n = h->v4_n, v6_n = h->v6_n;
        if (v4_n + v6_n > DNS_ADDRESSES) {
            v4_n = v6_n < half ? DNS_ADDRESSES - v6_n : v4_n < half ? v4_n : half;
            v6_n = DNS_ADDRESSES - v4_n;
        }
        if (!v4_n && !v6_n)
            continue;
        buf_add(&a->hosts, h->name, strlen(h->name) + 1);
        buf_add(&a->hosts, &h->preference, sizeof(h->preference));
        buf_add_byte(&a->hosts, (uint8_t)v4_n);
        buf_add_byte(&a->hosts, (uint8_t)v6_n);
        buf_add(&a->hosts, h->v4, v4_n * sizeof(h->v4[0]));
        buf_add(&a->hosts, h->v6, v6_n * sizeof(h->v6[0]));
    }
}

static const uint8_t *unpack_v4(struct dns_host *host, const uint8_t *p, size_t n)
{
    for (; n; n--, p += 4) {
        struct sockaddr_in *sa = (struct sockaddr_in *)&host->addresses[host->addresses_n++];
        *sa = (struct sockaddr_in){.sin_family = AF_INET};
        memcpy(&sa->sin_addr, p, 4);
    }
    return p;
}

static const uint8_t *unpack_v6(struct dns_host *host, const uint8_t *p, size_t n)
{
    for (; n; n--, p += 16) {
        struct sockaddr_in6 *sa = (struct sockaddr_in6 *)&host->addresses[host->addresses_n++];
        *sa = (struct sockaddr_in6){.sin6_family = AF_INET6};
        memcpy(&sa->sin6_addr, p, 16);
    }
    return p;
}

void dns_answer_unpack(struct dns_mx *mx, const struct dns_answer *a)
{
    mx->result = a->result;
    mx->expires_at = a->expires_at;
    memcpy(mx->why, a->why, sizeof(mx->why));
    mx->hosts_n = 0;
    const uint8_t *p = a->hosts.p, *end = a->hosts.n ? p + a->hosts.n : p;
    while (p < end) {
        struct dns_host *host = &mx->hosts[mx->hosts_n++];
        size_t name_n = strlen((const char *)p) + 1;
        memcpy(host->name, p, name_n);
        p += name_n;
        memcpy(&host->preference, p, sizeof(host->preference));
        p += sizeof(host->preference);
        size_t v4_n = *p++, v6_n = *p++;
        host->addresses_n = 0;
        p = unpack_v4(host, p, v4_n);
        p = unpack_v6(host, p, v6_n);
    }
}
