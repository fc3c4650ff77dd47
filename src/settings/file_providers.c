#include "settings/files.h"

#include "base/mem.h"
#include "base/text.h"
#include "settings/value.h"

#define AT(field) offsetof(struct file_providers_data, field)
#define OF(field) offsetof(struct settings_provider, field)
#define RANGE(from, to) .min = (from), .max = (to)

// What a provider does not say, `default:` says; that row stands first and is read first.
static void init_provider(struct schema_reader *r, const struct tree_node *node, void *base)
{
    struct settings_provider *p = base;
    *p = ((const struct file_providers_data *)r->context)->fallback;
    p->name = "";
    if (text_is_name(node->key->text))
        p->name = arena_copy(r->keep, bytes_str(node->key->text));
    else
        schema_say(
            r, node->key,
            "expected a provider's name (a-z 0-9 . _ -, first a letter or digit, at most 63), "
            "got `%.60s`",
            node->key->text);
}

static bool is_suffix(const char *text)
{
    char domain[VALUE_DOMAIN];
    return value_parse_domain(domain, text + (*text == '.'));
}

// Keeps the suffix as look-ups compare it.
static void check_suffix(struct schema_reader *r, const struct tree_node *node, void *base)
{
    char domain[VALUE_DOMAIN];
    const char **suffix = base;
    if (!value_parse_domain(domain, *suffix + (**suffix == '.')))
        return;
    *suffix = arena_copy(r->keep, bytes_str(domain));
    schema_is_first(r, node, "the MX suffix", domain, NULL);
}

// clang-format off
static const struct schema_row rows[] = {
    {"default", SCHEMA_SECTION, "what holds for unknown providers, and where a provider below says nothing"},
    {"default.connections", SCHEMA_NUMBER, "connections at once from one of our IPs; 0 is no limit", .fallback = "5",
     RANGE(0, 10000), .at = AT(fallback.connections)},
    {"default.connections_all", SCHEMA_NUMBER, "connections at once from all our IPs; 0 is no limit", .fallback = "0",
     RANGE(0, 60000), .at = AT(fallback.connections_all)},
    {"default.messages", SCHEMA_NUMBER, "messages over one connection; 0 is no limit", .fallback = "20",
     RANGE(0, 100000), .at = AT(fallback.messages)},
    {"default.rate", SCHEMA_RATE, "messages from one of our IPs; none is no limit", .fallback = "1/s",
     .at = AT(fallback.rate), .also = AT(fallback.rate_per)},
    {"default.pause", SCHEMA_DURATION, "how long an IP stays away after it was blocked; policy is as policy.yaml says",
     .fallback = "policy", .zero = "policy", RANGE(USEC_SECOND, 7 * USEC_DAY), .at = AT(fallback.pause)},

    {"*", SCHEMA_SECTION, "a provider with its MX suffixes", .item = sizeof(struct settings_provider), .array = AT(items),
     .count = AT(n), .init = init_provider},
    {"*.mx", SCHEMA_LIST, "the ends of its MX hosts' names", .is_required = true},
    {"*.mx.-", SCHEMA_TEXT, "a name like .google.com", .item = sizeof(char *), .array = OF(mx), .count = OF(mx_n),
     .needs_one = true, .expected = "the end of a host's name like .google.com", .is_right = is_suffix, .check = check_suffix},
    {"*.connections", SCHEMA_NUMBER, "as in default", RANGE(0, 10000), .at = OF(connections)},
    {"*.connections_all", SCHEMA_NUMBER, "as in default", RANGE(0, 60000), .at = OF(connections_all)},
    {"*.messages", SCHEMA_NUMBER, "as in default", RANGE(0, 100000), .at = OF(messages)},
    {"*.rate", SCHEMA_RATE, "as in default", .at = OF(rate), .also = OF(rate_per)},
    {"*.pause", SCHEMA_DURATION, "as in default", .zero = "policy", RANGE(USEC_SECOND, 7 * USEC_DAY), .at = OF(pause)},
};
// clang-format on

const struct schema file_providers = {rows, ARRAY_LEN(rows)};
