/* What a right configuration holds, what look-ups find in it, and that the shipped files explain it. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/buf.h"
#include "settings/files.h"
#include "settings/settings.h"
#include "settings/tree.h"
#include "settings/value.h"

#ifndef TEST_ROOT
#define TEST_ROOT ".."
#endif

DEFINE_CLEANUP(struct settings *, settings_free)

static struct settings *load_texts(const struct settings_text *files, size_t n)
{
    struct settings *s;
    struct settings_mistakes m;
    if (settings_load_texts(&s, &m, files, n) != 0)
        fail_msg("%s:%u:%u: %s", m.items[0].file, m.items[0].line, m.items[0].column,
                 m.items[0].text);
    return s;
}

static struct settings *load_text(const char *text)
{
    struct settings_text file = {"conf/a.yaml", bytes_str(text)};
    return load_texts(&file, 1);
}

static void what_is_not_written_has_its_default(void **state)
{
    (void)state;
    CLEANUP(settings_free)
    struct settings *s = load_text("node: mta1\nstate: st\nlisteners: [{address: \"[::1]:2525\"}]\n"
                                   "pools: {shared: {ips: [\"2001:DB8::0:1\"]}}\n");
    assert_string_equal(s->file, "conf/a.yaml");
    assert_string_equal(s->node, "mta1");
    assert_string_equal(s->state, "conf/st");
    assert_string_equal(s->user, "");
    assert_string_equal(s->control.socket, "/run/mxwarden/control.sock");
    assert_string_equal(s->control.label, "");
    assert_int_equal(s->control.operators_n + s->control.viewers_n, 0);
    assert_int_equal(s->listeners_n, 1);
    assert_int_equal(s->listeners[0].kind, LISTENER_SUBMISSION);
    assert_int_equal(s->listeners[0].tls, LISTENER_TLS_NONE);
    assert_int_equal(s->listeners[0].address.sa.ss_family, AF_INET6);
    assert_string_equal(s->domains.bounce, "");
    assert_string_equal(s->pools[0].ips[0].address.text, "2001:db8::1");
    assert_string_equal(s->pools[0].ips[0].helo, "mta1");
    assert_true(s->pools[0].ips[0].warming_since == 0);
    assert_int_equal(s->delivery.port, 25);
    assert_true(s->delivery.retry_first == 5 * USEC_MINUTE);
    assert_true(s->delivery.retry_most == 4 * USEC_HOUR);
    assert_true(s->delivery.give_up == 3 * USEC_DAY);
    assert_int_equal(s->delivery.connections, 500);
    assert_int_equal(s->limits.message_size, 50 << 20);
    assert_int_equal(s->limits.recipients, 1000);
    assert_int_equal(s->limits.commands_in_error, 20);
    assert_int_equal(s->limits.sessions, 1000);
    assert_int_equal(s->limits.sessions_per_client, 50);
    assert_int_equal(s->limits.disk_reserve, 256 << 20);
    assert_true(s->limits.session_idle == 5 * USEC_MINUTE);
    assert_int_equal(s->providers_n, 1);
    assert_string_equal(s->providers[0].name, "");
    assert_int_equal(s->providers[0].connections, 5);
    assert_int_equal(s->providers[0].connections_all, 0);
    assert_int_equal(s->providers[0].messages, 20);
    assert_int_equal(s->providers[0].rate, 1);
    assert_true(s->providers[0].rate_per == USEC_SECOND);
    assert_false(s->policy.is_there);
    assert_false(s->policy.is_observing);
    assert_int_equal(s->policy.refusal, 450);
    assert_true(s->policy.expiry_suspend == 4 * USEC_HOUR);
    assert_string_equal(s->policy.throttle_rate, "100/h");
    assert_true(s->policy.tells_customer);
}

static void what_is_written_is_taken(void **state)
{
    (void)state;
    static const char main_file[] =
        "node: mta1.example.net\n"
        "state: /var/lib/st\n"
        "user: mail\n"
        "control: {socket: run/c.sock, operators: [ana, \"@ops\"], viewers: [bob], label: PROD}\n"
        "listeners:\n"
        "  - address: \"127.0.0.1:25\"\n"
        "    trust: {\"10.0.0.0/8\": acme, \"10.1.0.0/16\": acme/spring, \"::1\": bob}\n"
        "domains: {bounce: Bounces.Example.NET}\n"
        "dns: {servers: [\"127.0.0.1@5353\"], local: [\"a.test. 300 IN A 127.0.0.1\"]}\n"
        "pools:\n"
        "  shared: {ips: [10.0.0.1, {address: 10.0.0.2, helo: Out.test, warming_since: "
        "2026-11-20}]}\n"
        "  other: {ips: [10.0.0.3]}\n"
        "delivery: {routes: {\"*\": \"127.0.0.2:2525\"}, port: 2600, retry_first: 1s}\n"
        "limits: {message_size: 1M, disk_reserve: 0}\n"
        "policy: policy.yaml\n";
    struct settings_text files[] = {
        {"main.yaml", bytes_str(main_file)},
        {"policy.yaml", bytes_str("mode: observe\nrefusal: 550\nexpiry: {pull: 1h}\n"
                                  "throttle_rate: 5/m\ntells_customer: false\n")},
    };
    CLEANUP(settings_free) struct settings *s = load_texts(files, 2);
    assert_string_equal(s->state, "/var/lib/st");
    assert_string_equal(s->user, "mail");
    assert_string_equal(s->control.socket, "run/c.sock");
    assert_int_equal(s->control.operators_n, 2);
    assert_string_equal(s->control.operators[1], "@ops");
    assert_string_equal(s->control.viewers[0], "bob");
    assert_string_equal(s->control.label, "PROD");
    const struct settings_listener *l = &s->listeners[0];
    assert_string_equal(l->address.text, "127.0.0.1:25");
    assert_int_equal(l->trust_n, 3);
    assert_int_equal(l->trust[0].bits, 128); // the longest prefix first
    assert_int_equal(l->trust[1].bits, 112);
    assert_string_equal(l->trust[1].customer, "acme");
    assert_string_equal(l->trust[1].list, "spring");
    assert_string_equal(l->trust[2].list, "");
    assert_string_equal(s->domains.bounce, "bounces.example.net");
    assert_string_equal(s->dns.servers[0], "127.0.0.1@5353");
    assert_string_equal(s->dns.local[0], "a.test. 300 IN A 127.0.0.1");
    assert_int_equal(s->pools_n, 2);
    assert_string_equal(s->pools[0].name, "shared");
    assert_string_equal(s->pools[0].ips[0].helo, "mta1.example.net");
    assert_string_equal(s->pools[0].ips[1].helo, "out.test");
    assert_true(s->pools[0].ips[1].warming_since == 1795132800 * USEC_SECOND);
    assert_int_equal(s->delivery.port, 2600);
    assert_true(s->delivery.retry_first == USEC_SECOND);
    assert_int_equal(s->limits.message_size, 1 << 20);
    assert_int_equal(s->limits.disk_reserve, 0);
    assert_true(s->policy.is_there);
    assert_true(s->policy.is_observing);
    assert_int_equal(s->policy.refusal, 550);
    assert_true(s->policy.expiry_pull == USEC_HOUR);
    assert_true(s->policy.expiry_hold == 4 * USEC_HOUR);
    assert_string_equal(s->policy.throttle_rate, "5/m");
    assert_false(s->policy.tells_customer);
}

#define BASE                                                                                       \
    "node: mta1\nstate: st\nlisteners: [{address: \"127.0.0.1:2525\"}]\n"                          \
    "pools: {shared: {ips: [10.0.0.1]}}\n"

static void a_provider_is_known_by_the_longest_end_of_its_hosts(void **state)
{
    (void)state;
    struct settings_text files[] = {
        {"main.yaml", bytes_str(BASE "providers: p.yaml\n")},
        {"p.yaml", bytes_str("yahoo-jp: {mx: [.yahoo.co.jp], connections: 2}\n"
                             "google: {mx: [.google.com, googlemail.com], rate: 20/s}\n"
                             "outlook: {mx: [.outlook.com], rate: none}\n"
                             "m365: {mx: [.mail.protection.OUTLOOK.com], connections_all: 7}\n"
                             "default: {connections: 3, messages: 9, rate: 30/m}\n")},
    };
    static const struct {
        const char *host, *provider;
    } cases[] = {
        {"alt1.gmail-smtp-in.l.google.com", "google"},
        {"google.com", "google"},
        {"mx.googlemail.com.", "google"},
        {"notgoogle.com", NULL},
        {"google.com.evil.test", NULL},
        {"com", NULL},
        {"", NULL},
        {".", NULL},
        {"a..google.com", "google"},
        {"x.mail.protection.outlook.com", "m365"},
        {"x.protection.outlook.com", "outlook"},
        {"mx1.mail.yahoo.co.jp", "yahoo-jp"},
    };
    CLEANUP(settings_free) struct settings *s = load_texts(files, 2);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct settings_provider *p = settings_provider_of(s, cases[i].host);
        if (cases[i].provider ? !p || strcmp(p->name, cases[i].provider) != 0 : p != NULL)
            fail_msg("%s: got %s", cases[i].host, p ? p->name : "none");
    }
    const struct settings_provider *google = settings_provider_limits(s, "google");
    assert_int_equal(google->connections, 3); // as in default
    assert_int_equal(google->messages, 9);
    assert_int_equal(google->rate, 20);
    assert_int_equal(settings_provider_limits(s, "outlook")->rate, 0);
    assert_int_equal(settings_provider_limits(s, "m365")->connections_all, 7);
    assert_true(settings_provider_limits(s, "mx.unknown.test") == &s->providers[0]);
    assert_int_equal(s->providers[0].connections, 3);
    assert_true(s->providers[0].rate_per == USEC_MINUTE);
    assert_int_equal(s->providers_n, 5);
    for (size_t i = 1; i < s->providers_n; i++)
        assert_true(strcmp(s->providers[i - 1].name, s->providers[i].name) < 0);
}

static void a_route_is_its_domains_own_or_that_of_all(void **state)
{
    (void)state;
    struct settings_text files[] = {
        {"main.yaml",
         bytes_str(BASE
                   "providers: p.yaml\ndelivery: {routes: {\"*\": \"127.0.0.2:2525\", Big.test: "
                   "\"[::1]:26\", c.test: \"127.0.0.2:2525\", d.test: \"127.0.0.3:25\"}}\n")},
        {"p.yaml", bytes_str("route-127.0.0.3-25: {mx: [inside.test], connections: 2}\n")},
    };
    CLEANUP(settings_free) struct settings *s = load_texts(files, 2);
    assert_string_equal(settings_route_of(s, "big.test")->provider, "route---1-26");
    assert_string_equal(settings_route_of(s, "big.test")->hop.text, "[::1]:26");
    assert_string_equal(settings_route_of(s, "sub.big.test")->provider, "route-127.0.0.2-2525");
    assert_string_equal(settings_route_of(s, "c.test")->domain, "c.test");
    const struct settings_provider *p = settings_provider_limits(s, "route-127.0.0.2-2525");
    assert_string_equal(p->name, "route-127.0.0.2-2525");
    assert_int_equal(p->connections, 20);
    assert_int_equal(p->connections_all, 0);
    assert_int_equal(p->rate, 0);
    assert_int_equal(settings_provider_limits(s, "route-127.0.0.3-25")->connections, 2);
    assert_int_equal(s->providers_n, 4);
    CLEANUP(settings_free) struct settings *none = load_text(BASE);
    assert_null(settings_route_of(none, "big.test"));
    assert_null(settings_provider_of(none, "big.test"));
}

static void a_client_is_whom_its_longest_network_says(void **state)
{
    (void)state;
    static const struct {
        const char *client, *customer;
    } cases[] = {
        {"10.1.2.3", "narrow"}, {"10.2.2.3", "wide"},         {"11.0.0.1", "all4"},
        {"::1", "self"},        {"2001:db8::1", "all6"},      {"::ffff:10.1.2.3", "narrow"},
        {"10.1.2.128", "half"}, {"::ffff:192.0.2.1", "all4"},
    };
    CLEANUP(settings_free)
    struct settings *s = load_text(
        "node: a\nstate: b\npools: {shared: {ips: [10.0.0.1]}}\nlisteners:\n"
        "  - address: \"127.0.0.1:25\"\n"
        "    trust: {\"::/0\": all6, 0.0.0.0/0: all4, 10.0.0.0/8: wide, 10.1.0.0/16: narrow,\n"
        "            10.1.2.128/25: half, \"::1\": self}\n"
        "  - address: \"127.0.0.1:26\"\n"
        "    trust: {\"::/0\": all6}\n");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        bool is_v4 = inet_pton(AF_INET, cases[i].client, &v4.sin_addr) == 1;
        inet_pton(AF_INET6, cases[i].client, &v6.sin6_addr);
        const struct settings_trust *t = settings_trust_of(
            &s->listeners[0], is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
        if (!t || strcmp(t->customer, cases[i].customer) != 0)
            fail_msg("%s: got %s", cases[i].client, t ? t->customer : "nobody");
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    assert_null(settings_trust_of(&s->listeners[1], (struct sockaddr *)&v4));
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_null(settings_trust_of(&s->listeners[0], &local));
}

static void domains_and_records_are_told_from_what_is_none(void **state)
{
    (void)state;
    char out[VALUE_DOMAIN];
    static const char *const domains[] = {
        "a", "A-b.example.NET", "xn--bcher-kva.example", "1.a", "a.b1", "a1.2b"};
    static const char *const no_domains[] = {
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a.b",
        "a-.b",
        "a_b.c",
        "a b",
        "10.0.0.1",
        "a.1",
        "b\u00fccher.example",
        "a123456789a123456789a123456789a123456789a123456789a123456789a123.b"};
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (!value_parse_domain(out, domains[i]))
            fail_msg("`%s` failed", domains[i]);
    for (size_t i = 0; i < ARRAY_LEN(no_domains); i++)
        if (value_parse_domain(out, no_domains[i]))
            fail_msg("`%s` passed", no_domains[i]);
    static const char *const records[] = {"big.test. MX 10 mx.big.test.",
                                          "mx.big.test. A 127.0.1.1",
                                          "a.test 60 IN AAAA ::1",
                                          "a.test. IN TXT \"v=spf1 -all\"",
                                          "1.0.0.127.in-addr.arpa. PTR a.test.",
                                          "_25._tcp.mx.a.test. TLSA 3 1 1 00ff",
                                          "none.test. MX 0 ."};
    static const char *const no_records[] = {"",
                                             "a.test.",
                                             "a.test. A",
                                             "a.test. A ::1",
                                             "a.test. AAAA 1.2.3.4",
                                             "a.test. MX mx.a.test.",
                                             "a.test. MX 10",
                                             "a.test. MX 65536 b.",
                                             "a.test. ABC 1",
                                             "a.test. 60",
                                             "a.test. 60 IN",
                                             "a..test. A 1.2.3.4",
                                             "a.test. A 1.2.3.4 5"};
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        if (!value_is_record(records[i]))
            fail_msg("`%s` failed", records[i]);
    for (size_t i = 0; i < ARRAY_LEN(no_records); i++)
        if (value_is_record(no_records[i]))
            fail_msg("`%s` passed", no_records[i]);
}

static void numbers_are_those_that_c_reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double real, share; // negative: it is none
    } cases[] = {
        {"9", 9, -1},
        {"0.25", 0.25, -1},
        {"1e6", 1e6, -1},
        {"1.5e-3", 0.0015, -1},
        {"1e+2", 100, -1},
        {"0", 0, -1},
        {"1e22", 1e22, -1},
        {"007", 7, -1},
        {"123456789012345", 123456789012345, -1},
        {"2%", -1, 0.02},
        {"0.1%", -1, 0.001},
        {"0.3%", -1, 0.003},
        {"100%", -1, 1},
        {"0%", -1, 0},
        {"33.3%", -1, 0.333},
        {"100.1%", -1, -1},
        {"", -1, -1},
        {"%", -1, -1},
        {"-1", -1, -1},
        {"+1", -1, -1},
        {".5", -1, -1},
        {"5.", -1, -1},
        {"1e", -1, -1},
        {"1e23", -1, -1},
        {"1e999999999999", -1, -1},
        {"nan", -1, -1},
        {"inf", -1, -1},
        {"0x1p3", -1, -1},
        {"1 ", -1, -1},
        {" 1", -1, -1},
        {"1,5", -1, -1},
        {"1234567890123456", -1, -1},
        {"0.00000000000000000000001", -1, -1},
        {"1%%", -1, -1},
        {"2 %", -1, -1},
        {"1e2e2", -1, -1},
        {"1.2.3", -1, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double real = -1, share = -1;
        value_parse_real(&real, cases[i].text);
        value_parse_share(&share, cases[i].text);
        if (real != cases[i].real || share != cases[i].share)
            fail_msg("`%s`: got %.17g and %.17g", cases[i].text, real, share);
    }
}

static void a_policy_says_its_numbers(void **state)
{
    (void)state;
    struct settings_text files[] = {
        {"main.yaml", bytes_str(BASE "policy: p.yaml\nproviders: q.yaml\n")},
        {"p.yaml", bytes_str("dead: {warn: 1%, throttle: none, suspend: {over: 7.5%, patience: "
                             "2.5e8, least: 9}}\n"
                             "traps: {warn: none, suspend: 3}\nclumping: 2.5\n"
                             "incident: {share: 45%}\nlanes: {pause: 30s}\n"
                             "blocklists: {Zen.Spamhaus.ORG: 0.75, b.test: 0}\n"
                             "silent: []\ngateways: [one]\n"
                             "pools: {premium: none, shared: main, premium_after: 5000000000}\n")},
        {"q.yaml", bytes_str("default: {pause: 3h}\na: {mx: [a.test]}\n"
                             "b: {mx: [b.test], pause: policy}\nc: {mx: [c.test], pause: 1d}\n")},
    };
    CLEANUP(settings_free) struct settings *s = load_texts(files, 3);
    const struct policy *p = &s->policy;
    assert_true(p->rungs[HARM_DEAD][RUNG_WARN].rate == 0.01);
    assert_true(p->rungs[HARM_DEAD][RUNG_WARN].patience == 1e5);
    assert_true(p->rungs[HARM_DEAD][RUNG_THROTTLE].rate == 0);
    assert_true(p->rungs[HARM_DEAD][RUNG_SUSPEND].rate == 0.075);
    assert_true(p->rungs[HARM_DEAD][RUNG_SUSPEND].patience == 2.5e8);
    assert_int_equal(p->rungs[HARM_DEAD][RUNG_SUSPEND].least, 9);
    assert_true(p->rungs[HARM_SPAM][RUNG_WARN].rate == 0.005); // as shipped
    assert_true(p->rungs[HARM_TRAP][RUNG_WARN].rate == 0);
    assert_true(p->rungs[HARM_TRAP][RUNG_THROTTLE].rate == 2);
    assert_true(p->rungs[HARM_TRAP][RUNG_SUSPEND].rate == 3);
    assert_true(p->clumping == 2.5);
    assert_true(p->incident.share == 0.45);
    assert_int_equal(p->incident.customers, 5);
    assert_true(p->lane_pause == 30 * USEC_SECOND);
    assert_int_equal(p->zones_n, 2);
    assert_true(policy_zone_weight(p, "zen.spamhaus.org") == 0.75);
    assert_int_equal(p->silent_n, 0);
    assert_true(policy_is_gateway(p, "one"));
    assert_false(policy_is_gateway(p, "mimecast"));
    assert_string_equal(p->pools.premium, "");
    assert_string_equal(p->pools.shared, "main");
    assert_string_equal(p->pools.probation, "probation");
    assert_true(p->pools.premium_after == 5000000000);
    assert_true(settings_provider_limits(s, "a")->pause == 3 * USEC_HOUR);
    assert_true(settings_provider_limits(s, "b")->pause == 0);
    assert_true(settings_provider_limits(s, "c")->pause == USEC_DAY);
}

static void without_a_policy_nothing_is_asked_or_decided(void **state)
{
    (void)state;
    CLEANUP(settings_free) struct settings *s = load_text(BASE);
    assert_false(s->policy.is_there);
    assert_int_equal(s->policy.zones_n, 0);
    assert_true(policy_is_silent(&s->policy, "google"));
    assert_true(s->providers[0].pause == 0);
}

static void networks_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
        bool is_exact;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0/8", true},
        {"10.0.0.1", "10.0.0.1/32", true},
        {"10.1.0.0/8", "10.0.0.0/8", false},
        {"0.0.0.0/0", "0.0.0.0/0", true},
        {"::/0", "::/0", true},
        {"2001:DB8::/32", "2001:db8::/32", true},
        {"2001:db8::1/127", "2001:db8::/127", false},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8", true},
        {"10.0.0.0/33", NULL, false},
        {"10.0.0.0/", NULL, false},
        {"/8", NULL, false},
        {"a", NULL, false},
        {"10.0.0.0/08x", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t net[16];
        unsigned bits;
        bool is_exact = false;
        char out[VALUE_NETWORK] = "";
        if (value_parse_network(net, &bits, &is_exact, cases[i].text))
            value_format_network(out, net, bits);
        if (strcmp(out, cases[i].canonical ? cases[i].canonical : "") != 0 ||
            is_exact != cases[i].is_exact)
            fail_msg("%s: got %s", cases[i].text, out);
    }
}

// The shipped files.

static char *file_text(const char *path)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("no %s", path);
    for (size_t n = 1; n;) {
        n = fread(buf_reserve(&b, 4096), 1, 4096, f);
        buf_grew(&b, n);
    }
    fclose(f);
    return buf_take_str(&b);
}

// Whether some value at `path` is `text` (NULL: whether there is one at all). `*` and `-` stand for
// any.
static bool has_value(const struct tree_node *node, const char *path, const char *text)
{
    size_t n = strcspn(path, ".");
    if (!n)
        return !text || (node->kind == TREE_TEXT && strcmp(node->text, text) == 0);
    bool is_any = n == 1 && strchr("*-", *path);
    for (const struct tree_node *child = node->first; child; child = child->next) {
        bool is_it = is_any || (child->key && strlen(child->key->text) == n &&
                                memcmp(child->key->text, path, n) == 0);
        if (is_it && has_value(child, path + n + (path[n] == '.'), text))
            return true;
    }
    return false;
}

static void check_explained(const char *file, const struct schema *schema, bool has_defaults)
{
    CLEANUP(xfree) char *path = xasprintf(TEST_ROOT "/config/%s", file);
    CLEANUP(xfree) char *text = file_text(path);
    struct mistakes mistakes = {0};
    struct tree tree;
    tree_load(&tree, bytes_str(text), &mistakes, mistakes_file(&mistakes, file));
    for (size_t i = 0; i < schema->n; i++) {
        const struct schema_row *row = &schema->rows[i];
        const char *value = row->fallback && *row->fallback ? row->fallback : NULL;
        if (!has_value(tree.root, row->path, has_defaults ? value : NULL))
            fail_msg("%s: no %s: %s", file, row->path, value ? value : "…");
        if (!strstr(text, row->help))
            fail_msg("%s: `%s` is not explained: %s", file, row->path, row->help);
    }
    tree_deinit(&tree);
    struct settings_mistakes none;
    mistakes_finish(&mistakes, &none);
    assert_int_equal(none.n, 0);
    settings_mistakes_deinit(&none);
}

static void the_shipped_files_explain_every_key_and_its_default(void **state)
{
    (void)state;
    check_explained("mxwarden.example.yaml", &file_main, true);
    check_explained("providers.yaml", &file_providers, true);
    check_explained("policy.yaml", &file_policy, false);
}

// Either it is the value that stands there, or the text behind the help tells it.
static void the_policy_says_each_default(void **state)
{
    (void)state;
    CLEANUP(xfree) char *text = file_text(TEST_ROOT "/config/policy.yaml");
    struct mistakes mistakes = {0};
    struct tree tree;
    tree_load(&tree, bytes_str(text), &mistakes, mistakes_file(&mistakes, "policy.yaml"));
    for (size_t i = 0; i < file_policy.n; i++) {
        const struct schema_row *row = &file_policy.rows[i];
        CLEANUP(xfree) char *said = xasprintf("(default %s)", row->fallback ? row->fallback : "");
        if (row->fallback && !has_value(tree.root, row->path, row->fallback) &&
            !strstr(strstr(text, row->help), said))
            fail_msg("no `%s` behind %s", said, row->path);
    }
    tree_deinit(&tree);
    struct settings_mistakes none;
    mistakes_finish(&mistakes, &none);
    settings_mistakes_deinit(&none);
}

static void assert_same_names(const char *const *a, size_t a_n, const char *const *b, size_t b_n)
{
    assert_int_equal(a_n, b_n);
    for (size_t i = 0; i < a_n; i++)
        assert_string_equal(a[i], b[i]);
}

static void assert_same_policy(const struct policy *a, const struct policy *b)
{
    for (int harm = 0; harm < HARM_N; harm++) {
        for (int rung = 0; rung < RUNG_N; rung++) {
            const struct policy_rung *x = &a->rungs[harm][rung], *y = &b->rungs[harm][rung];
            if (x->rate != y->rate || x->patience != y->patience || x->least != y->least)
                fail_msg("%s: %s", harm_text(harm), rung_text(rung));
        }
    }
    assert_true(a->is_there == b->is_there && a->is_observing == b->is_observing);
    assert_int_equal(a->refusal, b->refusal);
    assert_string_equal(a->throttle_rate, b->throttle_rate);
    assert_true(a->expiry_warn == b->expiry_warn && a->expiry_throttle == b->expiry_throttle);
    assert_true(a->expiry_suspend == b->expiry_suspend && a->expiry_pull == b->expiry_pull);
    assert_true(a->expiry_drain == b->expiry_drain && a->expiry_hold == b->expiry_hold);
    assert_true(a->clumping == b->clumping);
    assert_int_equal(a->incident.customers, b->incident.customers);
    assert_true(a->incident.share == b->incident.share && a->incident.excess == b->incident.excess);
    assert_true(a->incident.wait == b->incident.wait);
    assert_true(a->lane_pause == b->lane_pause && a->lane_step == b->lane_step);
    assert_true(a->lane_pause_most == b->lane_pause_most && a->pull_lanes == b->pull_lanes);
    assert_true(a->blame_window == b->blame_window && a->guard_ips == b->guard_ips);
    assert_true(a->guard_share == b->guard_share && a->probe_every == b->probe_every);
    assert_same_names(a->silent, a->silent_n, b->silent, b->silent_n);
    assert_same_names(a->gateways, a->gateways_n, b->gateways, b->gateways_n);
    assert_int_equal(a->zones_n, b->zones_n);
    for (size_t i = 0; i < a->zones_n; i++)
        assert_true(policy_zone_weight(b, a->zones[i].name) == a->zones[i].weight);
    assert_string_equal(a->pools.premium, b->pools.premium);
    assert_string_equal(a->pools.shared, b->pools.shared);
    assert_string_equal(a->pools.probation, b->pools.probation);
    assert_true(a->pools.premium_after == b->pools.premium_after);
    assert_true(a->pools.shared_after == b->pools.shared_after);
    assert_true(a->pools.premium_age == b->pools.premium_age);
    assert_true(a->pools.shared_age == b->pools.shared_age);
}

static void the_shipped_policy_is_the_one_in_c(void **state)
{
    (void)state;
    struct policy shipped;
    struct settings *s;
    struct settings_mistakes m;
    policy_default(&shipped);
    assert_int_equal(settings_load_policy(&s, &m, TEST_ROOT "/config/policy.yaml"), 0);
    assert_same_policy(&s->policy, &shipped);
    settings_free(s);
}

static void the_shipped_files_load(void **state)
{
    (void)state;
    static const char *const files[] = {"mxwarden.example.yaml", "minimal.yaml"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        CLEANUP(xfree) char *path = xasprintf(TEST_ROOT "/config/%s", files[i]);
        struct settings *s;
        struct settings_mistakes m;
        if (settings_load(&s, &m, path) != 0)
            fail_msg("%s:%u: %s", m.items[0].file, m.items[0].line, m.items[0].text);
        assert_true(s->policy.is_there);
        assert_true(s->providers_n > 60);
        assert_string_equal(settings_provider_of(s, "alt4.gmail-smtp-in.l.google.com")->name,
                            "google");
        assert_string_equal(settings_provider_of(s, "a-test.mail.protection.outlook.com")->name,
                            "m365");
        settings_free(s);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_not_written_has_its_default),
    cmocka_unit_test(what_is_written_is_taken),
    cmocka_unit_test(a_provider_is_known_by_the_longest_end_of_its_hosts),
    cmocka_unit_test(a_route_is_its_domains_own_or_that_of_all),
    cmocka_unit_test(a_client_is_whom_its_longest_network_says),
    cmocka_unit_test(domains_and_records_are_told_from_what_is_none),
    cmocka_unit_test(numbers_are_those_that_c_reads),
    cmocka_unit_test(a_policy_says_its_numbers),
    cmocka_unit_test(without_a_policy_nothing_is_asked_or_decided),
    cmocka_unit_test(networks_are_exact),
    cmocka_unit_test(the_shipped_files_explain_every_key_and_its_default),
    cmocka_unit_test(the_policy_says_each_default),
    cmocka_unit_test(the_shipped_policy_is_the_one_in_c),
    cmocka_unit_test(the_shipped_files_load),
};
TEST_MAIN(tests)
