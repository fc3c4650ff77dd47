/* How many outcomes a second reputation judges, on one core, and what it needs in memory: customers at
 * random over 50 providers and 20 IPs, half submissions, half final answers.
 *   build/tests/bench_reputation [customers] [events] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "core/reputation.h"

enum { PROVIDERS = 50, IPS = 20, RECIPIENTS = 1 << 16 };

static uint64_t seed = 88172645463325252u;

static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void count(void *ctx, const struct decision *d)
{
    unsigned *n = ctx;
    n[d->action]++;
}

// From the kernel, in kB.
static long resident(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[128];
    long kb = 0;
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

typedef char name[32];

static name *names(size_t n, const char *prefix, const char *suffix)
{
    name *list = xcalloc(n, sizeof(*list));
    for (size_t i = 0; i < n; i++)
        snprintf(list[i], sizeof(list[i]), "%s%u%s", prefix, (unsigned)i, suffix);
    return list;
}

int main(int argc, char **argv)
{
    size_t customers = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    size_t events = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000000;
    name *customer = names(customers, "customer", ""), *provider = names(PROVIDERS, "provider", "");
    name *ip = names(IPS, "198.51.100.", ""),
         *recipient = names(RECIPIENTS, "user", "@example.test");
    unsigned decisions[16] = {0};
    struct policy policy;
    policy_default(&policy);
    const struct reputation_options options = {&policy, "bench", count, decisions};
    struct reputation *r = reputation_new(&options);
    long before = resident();
    clock_t started = clock();
    usec_t at = 1764000000 * USEC_SECOND;
    for (size_t i = 0; i < events; i++) {
        uint64_t x = next();
        size_t c = (size_t)((x >> 40) % customers), p = x % PROVIDERS * (x >> 8 & 63) / 64;
        struct outcome o = {.at = at,
                            .customer = customer[c],
                            .list = "",
                            .reply = "550 5.1.1 no",
                            .ip = ip[(x >> 20) % IPS],
                            .provider = provider[p],
                            .recipient = recipient[(x >> 24) % RECIPIENTS]};
        o.kind = i & 1 ? OUTCOME_DELIVERED : OUTCOME_ACCEPTED;
        if (i & 1 && (x >> 56) % 128 < (c % 1000 == 7 ? 20 : 1)) {
            o.kind = OUTCOME_BOUNCED;
            o.class = CLASS_UNKNOWN_USER;
        }
        reputation_feed(r, &o);
        at += 1000;
    }
    double took = (double)(clock() - started) / CLOCKS_PER_SEC;
    printf("%zu customers, %zu events: %.0f ns an event, %.2f million a second, %ld MiB\n",
           customers, events, took * 1e9 / (double)events, (double)events / took / 1e6,
           (resident() - before) / 1024);
    for (int a = 0; a < 13; a++)
        if (decisions[a])
            printf("  %s %u\n", action_text((enum action)a), decisions[a]);
    reputation_free(r);
    xfree(customer);
    xfree(provider);
    xfree(ip);
    xfree(recipient);
    return 0;
}
