/* What a hostile zone sends about a domain's mail hosts. The input is a row of records (kind, length,
 * rdata), then the same bytes are taken as an address literal. Whatever comes, hosts and addresses keep
 * to their caps, names are host names, each once, in order, and what is kept comes back as it was. */
#include "fuzz.h"

#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "net/dns_answer.h"

enum { RECORDS = 300 };

static void check_name(const char *name, bool is_literal)
{
    size_t n = strlen(name);
    must(n && n < DNS_NAME);
    if (is_literal)
        return;
    must(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n);
    must(name[0] != '.' && name[n - 1] != '.' && !strstr(name, ".."));
}

static void check_address(const struct sockaddr_storage *sa)
{
    if (sa->ss_family == AF_INET) {
        uint32_t v4 = ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr);
        must(v4 >> 24 != 0 && v4 >> 28 < 14);
        return;
    }
    must(sa->ss_family == AF_INET6);
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)sa)->sin6_addr;
    must(!IN6_IS_ADDR_UNSPECIFIED(v6) && !IN6_IS_ADDR_MULTICAST(v6) && !IN6_IS_ADDR_V4MAPPED(v6));
}

static void check_mx(const struct dns_mx *mx, bool is_literal)
{
    must(mx->hosts_n <= DNS_HOSTS);
    for (size_t i = 0; i < mx->hosts_n; i++) {
        const struct dns_host *host = &mx->hosts[i];
        check_name(host->name, is_literal);
        must(host->addresses_n && host->addresses_n <= DNS_ADDRESSES);
        must(!i || mx->hosts[i - 1].preference <= host->preference);
        for (size_t k = 0; k < i; k++)
            must(strcmp(host->name, mx->hosts[k].name) != 0);
        for (size_t k = 0; k < host->addresses_n; k++) {
            check_address(&host->addresses[k]);
            must(!k || host->addresses[k - 1].ss_family <= host->addresses[k].ss_family);
        }
    }
}

static void check_found(const struct dns_found *f, bool is_literal)
{
    static struct dns_mx mx;
    struct dns_answer answer = {.why = "because"};
    size_t with_address = 0;
    for (size_t i = 0; i < f->hosts_n; i++)
        with_address += f->hosts[i].v4_n || f->hosts[i].v6_n;
    dns_answer_pack(&answer, f);
    dns_answer_unpack(&mx, &answer);
    must(mx.hosts_n == with_address);
    must(strcmp(mx.why, answer.why) == 0);
    check_mx(&mx, is_literal);
    buf_deinit(&answer.hosts);
}

// Of the input's front; each rdata in memory of its own, so that a byte too far is found.
static size_t take_records(struct bytes *rdata, bool *is_mx, struct bytes in)
{
    size_t n = 0;
    while (in.n >= 2 && n < RECORDS) {
        size_t size = in.p[1];
        is_mx[n] = in.p[0] % 2;
        in = bytes_skip(in, 2);
        if (size > in.n)
            size = in.n;
        rdata[n++] = bytes_of(xmemdup0(in.p, size), size);
        in = bytes_skip(in, size);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct dns_found found, literal;
    struct bytes rdata[RECORDS], exchanges[RECORDS] = {0};
    bool is_mx[RECORDS];
    struct bytes in = bytes_of(data, n);
    size_t records = take_records(rdata, is_mx, in), exchanges_n = 0;
    for (size_t i = 0; i < records; i++)
        if (is_mx[i])
            exchanges[exchanges_n++] = rdata[i];
    memset(&found, 0, sizeof(found));
    bool is_null = dns_found_exchanges(&found, exchanges, exchanges_n);
    must(!is_null || (exchanges_n && !found.hosts_n));
    must(found.hosts_n <= DNS_HOSTS);
    struct chance chance = chance_of(in);
    for (size_t i = 0; found.hosts_n && i < records; i++)
        if (!is_mx[i])
            dns_found_address(&found.hosts[chance_roll(&chance, (uint32_t)found.hosts_n)],
                              rdata[i]);
    check_found(&found, false);
    for (size_t i = 0; i < records; i++)
        xfree((void *)rdata[i].p);
    CLEANUP(xfree) char *text = xmemdup0(n ? (const char *)data : "", n);
    if (dns_found_literal(&literal, text))
        check_found(&literal, true);
    return 0;
}
