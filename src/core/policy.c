/* The shipped policy in C, for `replay` without a file and for tests; config/policy.yaml says the
 * same and why (a test compares the two). */
#include "core/policy.h"

#include <string.h>

#include "base/mem.h"

// They never report a single complaint; a gateway's tenants report to the gateway.
static const char *const silent[] = {
    "google",
    "apple",
    "m365",
    "m365-dane",
    "mimecast",
    "proofpoint",
    "proofpoint-essentials",
    "barracuda",
    "cisco",
    "broadcom",
    "trendmicro",
    "sophos",
    "hornet",
    "forcepoint",
    "vade",
    "retarus",
    "spamhero",
    "mailprotector",
    "fortimail",
};

static const char *const gateways[] = {
    "mimecast",   "proofpoint",    "proofpoint-essentials",
    "barracuda",  "cisco",         "broadcom",
    "trendmicro", "sophos",        "hornet",
    "forcepoint", "vade",          "retarus",
    "spamhero",   "mailprotector", "fortimail",
};

// Never written to; the field is not const because settings makes its own.
static struct policy_zone zones[] = {
    {"zen.spamhaus.org", 1},    {"b.barracudacentral.org", 0.5}, {"bl.spamcop.net", 0.5},
    {"psbl.surriel.com", 0.25}, {"bl.mailspike.net", 0.25},
};

// What holds for every harm that is judged by its rate: certainty grows with severity.
static const struct policy_rung ladder[RUNG_N] = {
    [RUNG_WARN] = {.patience = 1e5, .least = 3},
    [RUNG_THROTTLE] = {.patience = 1e6, .least = 4},
    [RUNG_SUSPEND] = {.patience = 1e7, .least = 5},
};

// A rate of 0: counted and shown, not judged.
static const double rates[HARM_N][RUNG_N] = {
    [HARM_DEAD] = {0.02, 0.04, 0.05},  [HARM_COMPLAINT] = {0.001, 0.002, 0.003},
    [HARM_SPAM] = {0.005, 0.01, 0.02}, [HARM_REPEAT] = {0.02, 0.04, 0.08},
    [HARM_UNCONFIRMED] = {0, 0, 0},    [HARM_TRAP] = {1, 2, 4},
};

static void default_rungs(struct policy *p)
{
    for (int harm = 0; harm < HARM_N; harm++) {
        for (int rung = 0; rung < RUNG_N; rung++) {
            p->rungs[harm][rung] = ladder[rung];
            p->rungs[harm][rung].rate = rates[harm][rung];
            if (harm == HARM_TRAP)
                p->rungs[harm][rung].least = 1; // one trap is hit again and again: hits count
        }
    }
}

static void default_lanes(struct policy *p)
{
    p->lane_pause = USEC_HOUR;
    p->lane_pause_most = USEC_DAY;
    p->lane_step = 10 * USEC_MINUTE;
    p->pull_lanes = 2;
    p->blame_window = USEC_HOUR;
    p->guard_ips = 1;
    p->guard_share = 0.5;
    p->silent = silent;
    p->silent_n = ARRAY_LEN(silent);
    p->gateways = gateways;
    p->gateways_n = ARRAY_LEN(gateways);
    p->zones = zones;
    p->zones_n = ARRAY_LEN(zones);
    p->probe_every = 15 * USEC_MINUTE;
}

static void default_suppression(struct policy *p)
{
    p->suppression.dead = 180 * USEC_DAY;
    p->suppression.inactive = 90 * USEC_DAY;
    p->suppression.full = 3 * USEC_DAY;
    p->suppression.no_domain = 30 * USEC_DAY;
    p->suppression.complaint = p->suppression.unsubscribe = USEC_NEVER;
    p->suppression.evidence = 30 * USEC_DAY;
}

void policy_default(struct policy *p)
{
    *p = (struct policy){
        .is_there = true,
        .habit_age = 3 * USEC_DAY,
        .refusal = 450,
        .throttle_rate = "100/h",
        .tells_customer = true,
        .expiry_warn = 7 * USEC_DAY,
        .expiry_throttle = USEC_DAY,
        .expiry_suspend = USEC_DAY,
        .expiry_pull = 4 * USEC_HOUR,
        .expiry_drain = 4 * USEC_HOUR,
        .expiry_hold = 4 * USEC_HOUR,
        .incident = {.customers = 5, .share = 0.3, .excess = 9, .wait = 15 * USEC_MINUTE},
        .pools = {.premium = "premium",
                  .shared = "shared",
                  .probation = "probation",
                  .premium_after = 20000,
                  .shared_after = 1000,
                  .premium_age = 30 * USEC_DAY,
                  .shared_age = 7 * USEC_DAY}};
    default_rungs(p);
    default_lanes(p);
    default_suppression(p);
}

static bool is_in(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool policy_is_silent(const struct policy *p, const char *provider)
{
    return is_in(p->silent, p->silent_n, provider);
}

bool policy_is_gateway(const struct policy *p, const char *provider)
{
    return is_in(p->gateways, p->gateways_n, provider);
}

double policy_zone_weight(const struct policy *p, const char *zone)
{
    for (size_t i = 0; i < p->zones_n; i++)
        if (strcmp(p->zones[i].name, zone) == 0)
            return p->zones[i].weight;
    return 0;
}
