#include "sim/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

// clang-format off
static const struct provider_plan providers[] = {
    {.name = "google", .host = "mx.gmail.test", .address = "127.0.1.1", .domains = {"gmail.test", "googlemail.test"},
     .share = 380, .connections = 12, .patience = 60,
     .unknown = "550 5.1.1 The email account that you tried to reach does not exist",
     .full = "452 4.2.2 The recipient's inbox is out of storage space",
     .greylisted = "451 4.7.1 Try again later",
     .blocked = "421 4.7.28 Unusual rate of unsolicited mail originating from your IP address",
     .spam = "550 5.7.1 This message is likely unsolicited mail and has been blocked"},
    {.name = "microsoft", .host = "mx.outlook.test", .address = "127.0.1.2", .domains = {"outlook.test", "hotmail.test"},
     .share = 220, .connections = 10, .patience = 25, .complaints = COMPLAINTS_JMRP,
     .unknown = "550 5.5.0 Requested action not taken: mailbox unavailable",
     .full = "452 4.2.2 Mailbox full",
     .greylisted = "451 4.7.500 Server busy, please try again later",
     .blocked = "421 4.7.0 Part of your network is on our block list for now (S3150)",
     .spam = "554 5.7.1 Message refused for policy reasons"},
    {.name = "yahoo", .host = "mx.yahoo.test", .address = "127.0.1.3", .domains = {"yahoo.test", "aol.test"},
     .share = 130, .connections = 10, .patience = 25, .complaints = COMPLAINTS_ARF,
     .unknown = "554 5.1.1 delivery error: dd This user doesn't have a yahoo.test account",
     .full = "452 4.2.2 delivery error: mailbox over quota",
     .greylisted = "451 4.3.0 Temporary system problem, try again later",
     .blocked = "421 4.7.0 [TSS04] Messages from your IP temporarily deferred due to user complaints",
     .spam = "554 5.7.9 Message not accepted for policy reasons"},
    {.name = "apple", .host = "mx.icloud.test", .address = "127.0.1.4", .domains = {"icloud.test"},
     .share = 90, .connections = 10, .patience = 40,
     .unknown = "550 5.1.1 user unknown",
     .full = "452 4.2.2 User is over quota",
     .greylisted = "451 4.7.1 Please try again",
     .blocked = "421 4.7.0 Too much unwanted mail from your network",
     .spam = "554 5.7.1 [CS01] Message rejected due to local policy"},
    {.name = "gmx", .host = "mx.gmx.test", .address = "127.0.1.5", .domains = {"gmx.test", "web.test"},
     .share = 100, .connections = 8, .rate = 20, .is_greylisting = true, .patience = 30,
     .unknown = "550 5.1.1 Requested action not taken: mailbox unavailable",
     .full = "452 4.2.2 Requested mail action aborted: exceeded storage allocation",
     .greylisted = "450 4.2.0 Mailbox busy, please retry in a moment",
     .blocked = "421 4.7.0 Bad reputation of your IP, try again later",
     .spam = "554 5.7.1 Transaction failed: message refused as spam"},
    {.name = "t-online", .host = "mx.t-online.test", .address = "127.0.1.6", .domains = {"t-online.test"},
     .share = 50, .connections = 4, .rate = 10, .patience = 30,
     .unknown = "550 5.1.1 user unknown (recipient does not exist)",
     .full = "452 4.2.2 mailbox full",
     .greylisted = "451 4.7.1 please try again",
     .blocked = "421 4.7.0 reputation of your IP too low for the moment",
     .spam = "550 5.7.0 message considered spam"},
    {.name = "hoster", .host = "mx1.hoster.test", .address = "127.0.1.7",
     .domains = {"firma.test", "verein.test", "praxis.test"},
     .share = 30, .connections = 5, .is_late = true, .is_greylisting = true, .patience = 30,
     .unknown = "550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table",
     .full = "452 4.2.2 Mailbox quota exceeded",
     .greylisted = "451 4.7.1 Greylisted, please come back",
     .blocked = "421 4.7.0 Your IP sent us too much unwanted mail",
     .spam = "554 5.7.1 Spam detected"},
};

static const struct customer_plan customers[] = {
    {"home-mail",  "127.0.3.1", "premium", .rate = 1.5, .dead = 0.003, .size = 1200, .ends = 1},
    {"bank-ost",   "127.0.3.2", "premium", .rate = 15, .dead = 0.001, .size = 2500, .ends = 1},
    {"tickets-eu", "127.0.3.3", "shared", .rate = 18, .dead = 0.008, .complaints = 0.0003, .size = 6000, .ends = 1},
    {"shop-42",    "127.0.3.4", "shared", .rate = 14, .dead = 0.006, .size = 3000, .ends = 1},
    {"shop-42",    "127.0.8.4", "shared", .rate = 20, .dead = 0.05, .complaints = 0.05, .size = 1500, .begins = 0.6, .ends = 0.8, .is_spam = true},
    {"nordwind",   "127.0.3.5", "shared", .rate = 30, .dead = 0.011, .complaints = 0.0003, .size = 9000, .ends = 1},
    {"acme-news",  "127.0.3.6", "shared", .rate = 40, .dead = 0.2, .complaints = 0.03, .size = 5000, .begins = 0.3, .ends = 0.7},
    {"velo-club",  "127.0.3.7", "probation", .rate = 2, .dead = 0.022, .size = 2000, .ends = 1},
};

// What acme-news sends is noticed elsewhere too: an IP it went over is blocked at two providers.
static const struct mood_plan moods[] = {
    {"microsoft", "127.0.2.7", .begins = 0.38, .ends = 0.9},
    {"yahoo", "127.0.2.7", .begins = 0.4, .ends = 0.9},
};

static const struct {
    const char *name, *ips[4];
} pools[] = {
    {"shared", {"127.0.2.5", "127.0.2.6", "127.0.2.7", "127.0.2.11"}},
    {"premium", {"127.0.2.20", "127.0.2.21"}},
    {"probation", {"127.0.2.40"}},
};
// clang-format on

size_t scenario_providers(const struct provider_plan **plans)
{
    *plans = providers;
    return ARRAY_LEN(providers);
}

size_t scenario_moods(const struct mood_plan **plans)
{
    *plans = moods;
    return ARRAY_LEN(moods);
}

size_t scenario_customers(const struct customer_plan **plans)
{
    *plans = customers;
    return ARRAY_LEN(customers);
}

const struct provider_plan *scenario_home(void)
{
    static const struct provider_plan home = {.name = "home",
                                              .host = "mail.customers.test",
                                              .address = "127.0.1.99",
                                              .connections = 1000,
                                              .patience = 1000};
    return &home;
}

const char *scenario_domain(unsigned n)
{
    size_t i = 0, domains = 1; // each has at least one
    for (unsigned below = providers[0].share; n >= below && i + 1 < ARRAY_LEN(providers);)
        below += providers[++i].share;
    while (domains < ARRAY_LEN(providers[i].domains) && providers[i].domains[domains])
        domains++;
    return providers[i].domains[n % domains];
}

bool scenario_is_first(size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (strcmp(customers[i].name, customers[row].name) == 0)
            return false;
    return true;
}

static void write_dns(struct buf *out)
{
    buf_add_str(out, "dns:\n  local:\n");
    for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
        const struct provider_plan *p = &providers[i];
        for (size_t d = 0; d < ARRAY_LEN(p->domains) && p->domains[d]; d++)
            buf_printf(out, "    - \"%s. MX 10 %s.\"\n", p->domains[d], p->host);
        buf_printf(out, "    - \"%s. A %s\"\n", p->host, p->address);
    }
    for (size_t i = 0; i < ARRAY_LEN(customers); i++)
        if (scenario_is_first(i))
            buf_printf(out, "    - \"%s.test. A %s\"\n", customers[i].name,
                       scenario_home()->address);
}

static void write_main(struct buf *out, const struct scenario_ports *ports)
{
    buf_printf(out,
               "node: demo.mxwarden.test\nstate: state\n"
               "control: {socket: control.sock, label: DEMO}\nproviders: providers.yaml\n"
               "policy: policy.yaml\n"
               "limits: {disk_reserve: 16M, sessions_per_client: 50}\nlisteners:\n"
               "  - address: \"127.0.0.1:%u\"\n    kind: submission\n    tls: none\n"
               "    trust:\n",
               ports->submission);
    for (size_t i = 0; i < ARRAY_LEN(customers); i++)
        buf_printf(out, "      \"%s/32\": %s\n", customers[i].address, customers[i].name);
    buf_printf(out,
               "  - {address: \"127.0.0.1:%u\", kind: feedback, tls: none}\n"
               "domains: {bounce: " SCENARIO_BOUNCES ", complaints: [" SCENARIO_COMPLAINTS "]}\n",
               ports->feedback);
    buf_add_str(out, "pools:\n");
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        buf_printf(out, "  %s:\n    ips:\n", pools[i].name);
        for (size_t k = 0; k < ARRAY_LEN(pools[i].ips) && pools[i].ips[k]; k++)
            buf_printf(out, "      - {address: %s, helo: out%s.mxwarden.test}\n", pools[i].ips[k],
                       strrchr(pools[i].ips[k], '.') + 1);
    }
    // A day of retries in a minute: the world is there to be watched.
    buf_printf(out, "delivery: {port: %u, retry_first: 3s, retry_most: 10s, give_up: 10m}\n",
               ports->providers);
    write_dns(out);
}

static void write_providers(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
        const struct provider_plan *p = &providers[i];
        buf_printf(out, "%s:\n  mx: [%s]\n  connections: %u\n  messages: 50\n", p->name, p->host,
                   p->connections / 2);
        buf_printf(out, "  unknown_user: %s\n", p->is_late ? "twice" : "sure");
        if (p->rate)
            buf_printf(out, "  rate: %u/s\n", p->rate);
        else
            buf_add_str(out, "  rate: none\n");
    }
}

static int write_file(const char *dir, const char *name, const struct buf *content)
{
    CLEANUP(xfree) char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    if (!f)
        return -errno;
    bool is_written = fwrite(content->p, 1, content->n, f) == content->n;
    return fclose(f) == 0 && is_written ? 0 : -EIO;
}

// The shipped policy but for what a minute has no time for: blocks and pulls that last hours, habits that
// take days.
static void write_policy(struct buf *out, bool is_observing)
{
    buf_printf(out,
               "mode: %s\nlanes: {pause: 10s, pause_most: 30s, step: 1s}\nblocklists: {}\n"
               "silent: [google, apple]\ngateways: []\nhabits_after: 5s\n",
               is_observing ? "observe" : "enforce");
}

int scenario_write(const char *dir, const struct scenario_ports *ports)
{
    CLEANUP(buf_deinit) struct buf main_file = {0};
    CLEANUP(buf_deinit) struct buf providers_file = {0};
    CLEANUP(buf_deinit) struct buf policy_file = {0};
    write_main(&main_file, ports);
    write_providers(&providers_file);
    write_policy(&policy_file, ports->is_observing);
    int r = write_file(dir, "mxwarden.yaml", &main_file);
    if (r == 0)
        r = write_file(dir, "providers.yaml", &providers_file);
    return r < 0 ? r : write_file(dir, "policy.yaml", &policy_file);
}
