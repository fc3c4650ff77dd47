#include "settings/files.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "settings/value.h"

#define AT(field) offsetof(struct settings, policy.field)
#define WORDS(list) .words = (list), .words_n = ARRAY_LEN(list)
#define RANGE(from, to) .min = (from), .max = (to)
#define SPAN RANGE(USEC_MINUTE, 365 * USEC_DAY)
#define EXPIRY .fallback = "4h", SPAN
#define KEPT RANGE(USEC_HOUR, 3650 * USEC_DAY), .never = "never"
#define PERCENT 10000 // in a share's bounds, which are millionths

// The sections of the harms, as `enum harm`.
static const char *const harms[HARM_N] = {"dead",    "complaints",  "spam",
                                          "repeats", "unconfirmed", "traps"};

static bool is_rate(const char *text)
{
    uint32_t count;
    usec_t per;
    return text_parse_rate(&count, &per, text);
}

// What a mistake about a rung is told at: its key, the rung, or what is around it.
static const struct tree_node *rung_node(const struct tree_node *harm, enum rung rung,
                                         const char *key)
{
    const struct tree_node *node = tree_member(harm, rung_text(rung));
    const struct tree_node *value = node && node->kind == TREE_MAP ? tree_member(node, key) : NULL;
    return value ? value : node;
}

static void say_unordered(struct schema_reader *r, const struct tree_node *harm, enum rung rung,
                          enum rung below, const char *key)
{
    const struct tree_node *node = rung_node(harm, rung, key);
    if (!node)
        node = rung_node(harm, below, key);
    schema_say(r, node ? node : harm, "`%s` takes less than `%s` (%s), expected at least as much",
               rung_text(rung), rung_text(below), key);
}

// A harder step never comes before a milder one. Only steps that are in use count.
static void check_ladder(struct schema_reader *r, const struct tree_node *node, void *base)
{
    const struct policy *p = &((struct settings *)base)->policy;
    size_t harm = 0;
    while (harm < HARM_N - 1 && strcmp(harms[harm], node->key->text) != 0)
        harm++;
    const struct policy_rung *below = NULL;
    for (int i = 0; i < RUNG_N; i++) {
        const struct policy_rung *rung = &p->rungs[harm][i];
        if (rung->rate <= 0)
            continue;
        enum rung lower = below ? (enum rung)(below - p->rungs[harm]) : RUNG_WARN;
        if (below && rung->rate < below->rate)
            say_unordered(r, node, (enum rung)i, lower, "over");
        else if (below && rung->patience < below->patience)
            say_unordered(r, node, (enum rung)i, lower, "patience");
        else if (below && rung->least < below->least)
            say_unordered(r, node, (enum rung)i, lower, "least");
        below = rung;
    }
}

static void check_lanes(struct schema_reader *r, const struct tree_node *node, void *base)
{
    const struct policy *p = &((struct settings *)base)->policy;
    const struct tree_node *pause = tree_member(node, "pause");
    const struct tree_node *most = tree_member(node, "pause_most");
    if (p->lane_pause > p->lane_pause_most)
        schema_say(r,
                   pause  ? pause
                   : most ? most
                          : node,
                   "`pause` is longer than `pause_most`, expected at most as long");
}

static void init_zone(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct policy_zone *zone = base;
    char domain[VALUE_DOMAIN];
    zone->name = "";
    if (!value_parse_domain(domain, node->key->text)) {
        schema_say(r, node->key, "expected a blocklist's name like zen.spamhaus.org, got `%.60s`",
                   node->key->text);
        return;
    }
    zone->name = arena_copy(r->keep, bytes_str(domain));
    schema_is_first(r, node->key, "the blocklist", domain, NULL);
}

static const struct schema_word modes[] = {{"enforce", false}, {"observe", true}};
static const struct schema_word refusals[] = {{"450", 450}, {"550", 550}};
static const struct schema_word answers[] = {{"true", true}, {"false", false}};

#define OVER "the share that may be bad; none: this step is not taken"
#define PATIENCE "how many recipients until it is taken wrongly once"
#define LEAST "how many different bad recipients it takes at least"

// clang-format off
// NOLINTBEGIN(bugprone-macro-parentheses): strings that stand beside each other can't have any
#define RUNG(name, harm, rung, step, share, gamma, bad) \
    {name "." step, SCHEMA_SECTION, "a step, as a mapping or its share alone", .shorthand = "over"}, \
    {name "." step ".over", SCHEMA_SHARE, OVER, .fallback = share, .zero = "none", RANGE(1, 50 * PERCENT), \
     .at = AT(rungs[harm][rung].rate)}, \
    {name "." step ".patience", SCHEMA_REAL, PATIENCE, .fallback = gamma, RANGE(100, 1000000000000), \
     .at = AT(rungs[harm][rung].patience)}, \
    {name "." step ".least", SCHEMA_NUMBER, LEAST, .fallback = bad, RANGE(1, 400), .at = AT(rungs[harm][rung].least)}
#define LADDER(name, harm, warn, throttle, suspend) \
    RUNG(name, harm, RUNG_WARN, "warn", warn, "1e5", "3"), \
    RUNG(name, harm, RUNG_THROTTLE, "throttle", throttle, "1e6", "4"), \
    RUNG(name, harm, RUNG_SUSPEND, "suspend", suspend, "1e7", "5")
#define TRAPS(step, hits, rung) \
    {"traps." step, SCHEMA_REAL, "hits in seven days; none: this step is not taken", .fallback = hits, .zero = "none", \
     RANGE(1, 1000), .at = AT(rungs[HARM_TRAP][rung].rate)}
// NOLINTEND(bugprone-macro-parentheses)

static const struct schema_row rows[] = {
    {"mode", SCHEMA_FLAG, "enforce: decisions are applied; observe: they are recorded and shown only", .fallback = "enforce",
     WORDS(modes), .at = AT(is_observing)},
    {"refusal", SCHEMA_WORD, "what a suspended customer's recipients are answered", .fallback = "450", WORDS(refusals),
     .at = AT(refusal)},
    {"throttle_rate", SCHEMA_TEXT, "the rate of a throttle that names none", .fallback = "100/h", .at = AT(throttle_rate),
     .expected = "a rate like 100/h (/s /m /h /d)", .is_right = is_rate},
    {"tells_customer", SCHEMA_FLAG, "whether the customer's contact is written to when something is done to it",
     .fallback = "true", WORDS(answers), .at = AT(tells_customer)},
    {"expiry", SCHEMA_SECTION, "how long an action lasts that says nothing itself"},
    {"expiry.warn", SCHEMA_DURATION, "until a warning ends", EXPIRY, .at = AT(expiry_warn)},
    {"expiry.throttle", SCHEMA_DURATION, "until a throttled customer sends freely again", EXPIRY, .at = AT(expiry_throttle)},
    {"expiry.suspend", SCHEMA_DURATION, "until a suspended customer may send again", EXPIRY, .at = AT(expiry_suspend)},
    {"expiry.pull", SCHEMA_DURATION, "until a pulled IP comes back", EXPIRY, .at = AT(expiry_pull)},
    {"expiry.drain", SCHEMA_DURATION, "until a drained IP comes back", EXPIRY, .at = AT(expiry_drain)},
    {"expiry.hold", SCHEMA_DURATION, "until held mail goes on", EXPIRY, .at = AT(expiry_hold)},

    {"suppression", SCHEMA_SECTION, "how long an address is not written to, by why"},
    {"suppression.unknown_user", SCHEMA_DURATION, "it does not exist", .fallback = "180d", KEPT, .at = AT(suppression.dead)},
    {"suppression.inactive_mailbox", SCHEMA_DURATION, "nobody uses it any more", .fallback = "90d", KEPT,
     .at = AT(suppression.inactive)},
    {"suppression.mailbox_full", SCHEMA_DURATION, "it took nothing more until we gave up", .fallback = "3d", KEPT,
     .at = AT(suppression.full)},
    {"suppression.domain_not_found", SCHEMA_DURATION, "its domain does not exist", .fallback = "30d", KEPT,
     .at = AT(suppression.no_domain)},
    {"suppression.complaint", SCHEMA_DURATION, "its owner complained, about this customer", .fallback = "never", KEPT,
     .at = AT(suppression.complaint)},
    {"suppression.unsubscribe", SCHEMA_DURATION, "its owner left the list, or the customer", .fallback = "never", KEPT,
     .at = AT(suppression.unsubscribe)},
    {"suppression.evidence", SCHEMA_DURATION, "so long the first sign of a dead address waits for its second",
     .fallback = "30d", RANGE(USEC_DAY, 365 * USEC_DAY), .at = AT(suppression.evidence)},

    {"dead", SCHEMA_SECTION, "recipients that do not exist, among all final answers", .check = check_ladder},
    LADDER("dead", HARM_DEAD, "2%", "4%", "5%"),
    {"complaints", SCHEMA_SECTION, "complaints, among what was delivered at providers that report them", .check = check_ladder},
    LADDER("complaints", HARM_COMPLAINT, "0.1%", "0.2%", "0.3%"),
    {"spam", SCHEMA_SECTION, "refusals of the content as spam, among all final answers", .check = check_ladder},
    LADDER("spam", HARM_SPAM, "0.5%", "1%", "2%"),
    {"repeats", SCHEMA_SECTION, "submissions to who is known dead or has left, among all submissions", .check = check_ladder},
    LADDER("repeats", HARM_REPEAT, "2%", "4%", "8%"),
    {"unconfirmed", SCHEMA_SECTION, "list recipients without consent, among all list submissions", .check = check_ladder},
    LADDER("unconfirmed", HARM_UNCONFIRMED, "none", "none", "none"),
    {"traps", SCHEMA_SECTION, "mail to known spam traps", .check = check_ladder},
    TRAPS("warn", "1", RUNG_WARN),
    TRAPS("throttle", "2", RUNG_THROTTLE),
    TRAPS("suspend", "4", RUNG_SUSPEND),
    {"clumping", SCHEMA_REAL, "how much more than by chance bad recipients come together", .fallback = "measured",
     .zero = "measured", RANGE(1, 100), .at = AT(clumping)},
    {"habits_after", SCHEMA_DURATION, "how long a customer is watched until it has habits", .fallback = "3d",
     RANGE(USEC_SECOND, 365 * USEC_DAY), .at = AT(habit_age)},

    {"incident", SCHEMA_SECTION, "when it is the provider and nobody else"},
    {"incident.customers", SCHEMA_NUMBER, "unrelated customers that fail there, at least", .fallback = "5", RANGE(2, 1000),
     .at = AT(incident.customers)},
    {"incident.share", SCHEMA_SHARE, "their share of those active there, at least", .fallback = "30%",
     RANGE(PERCENT, 100 * PERCENT), .at = AT(incident.share)},
    {"incident.excess", SCHEMA_REAL, "how far above what is usual", .fallback = "9", RANGE(1, 1000), .at = AT(incident.excess)},
    {"incident.wait", SCHEMA_DURATION, "how long a doubtful case waits for others' news", .fallback = "15m",
     RANGE(USEC_SECOND, USEC_DAY), .at = AT(incident.wait)},

    {"lanes", SCHEMA_SECTION, "an IP that one provider blocks", .check = check_lanes},
    {"lanes.pause", SCHEMA_DURATION, "how long it stays away where providers.yaml names no time", .fallback = "1h",
     RANGE(USEC_SECOND, 7 * USEC_DAY), .at = AT(lane_pause)},
    {"lanes.pause_most", SCHEMA_DURATION, "the longest pause; each is twice the one before", .fallback = "24h",
     RANGE(USEC_SECOND, 30 * USEC_DAY), .at = AT(lane_pause_most)},
    {"lanes.step", SCHEMA_DURATION, "afterwards one connection, and one more after each such time", .fallback = "10m",
     RANGE(USEC_SECOND, USEC_DAY), .at = AT(lane_step)},

    {"ips", SCHEMA_SECTION, "IPs in trouble everywhere"},
    {"ips.pull_lanes", SCHEMA_NUMBER, "blocked at so many providers at once it is pulled", .fallback = "2", RANGE(1, 1000),
     .at = AT(pull_lanes)},
    {"ips.blame_window", SCHEMA_DURATION, "whose harm in this time before counts", .fallback = "1h",
     RANGE(USEC_MINUTE, 7 * USEC_DAY), .at = AT(blame_window)},
    {"ips.guard_ips", SCHEMA_NUMBER, "so many active IPs are left to a pool, whatever happens", .fallback = "1",
     RANGE(0, 10000), .at = AT(guard_ips)},
    {"ips.guard_share", SCHEMA_SHARE, "and this share of them", .fallback = "50%", .zero = "none",
     RANGE(PERCENT, 100 * PERCENT), .at = AT(guard_share)},
    {"ips.probe_every", SCHEMA_DURATION, "how often blocklists and reverse DNS are asked", .fallback = "15m",
     RANGE(USEC_MINUTE, USEC_DAY), .at = AT(probe_every)},
    {"blocklists", SCHEMA_SECTION, "lists that every IP is looked up in, with their weights"},
    {"blocklists.*", SCHEMA_REAL, "from a sum of 1 an IP is pulled, from 0.5 drained; 0 only informs",
     .item = sizeof(struct policy_zone), .array = AT(zones), .count = AT(zones_n), .init = init_zone, RANGE(0, 10),
     .at = offsetof(struct policy_zone, weight)},

    {"silent", SCHEMA_LIST, "providers that never report single complaints"},
    {"silent.-", SCHEMA_NAME, "a provider", .item = sizeof(char *), .array = AT(silent), .count = AT(silent_n)},
    {"gateways", SCHEMA_LIST, "providers that answer for many unrelated companies"},
    {"gateways.-", SCHEMA_NAME, "a provider", .item = sizeof(char *), .array = AT(gateways), .count = AT(gateways_n)},

    {"pools", SCHEMA_SECTION, "customers move between pools by their record"},
    {"pools.premium", SCHEMA_NAME, "where the best go; none: nobody is moved there", .fallback = "premium", .zero = "none",
     .at = AT(pools.premium)},
    {"pools.shared", SCHEMA_NAME, "where most are", .fallback = "shared", .zero = "none", .at = AT(pools.shared)},
    {"pools.probation", SCHEMA_NAME, "where a restored customer starts again", .fallback = "probation", .zero = "none",
     .at = AT(pools.probation)},
    {"pools.premium_after", SCHEMA_COUNT, "clean recipients in a row until premium", .fallback = "20000",
     RANGE(1, 1000000000000), .at = AT(pools.premium_after)},
    {"pools.premium_age", SCHEMA_DURATION, "and so long in shared", .fallback = "30d", SPAN, .at = AT(pools.premium_age)},
    {"pools.shared_after", SCHEMA_COUNT, "clean recipients in a row out of probation", .fallback = "1000",
     RANGE(1, 1000000000000), .at = AT(pools.shared_after)},
    {"pools.shared_age", SCHEMA_DURATION, "and so long in probation", .fallback = "7d", SPAN, .at = AT(pools.shared_age)},
};
// clang-format on

const struct schema file_policy = {rows, ARRAY_LEN(rows)};
