/* Configurations are taken whole or not at all, and every mistake is told with its place. */
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "settings/settings.h"
#include "settings/tree.h"

#ifndef TEST_ROOT
#define TEST_ROOT ".."
#endif

// A configuration without mistakes, to which a case adds its own lines.
#define GOOD                                                                                       \
    "node: mta1\n"                                                                                 \
    "state: st\n"                                                                                  \
    "listeners: [{address: \"127.0.0.1:2525\"}]\n"                                                 \
    "pools: {shared: {ips: [198.51.100.10]}}\n"

static char *text_of(const struct settings_mistakes *m)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    buf_add_str(&b, "");
    for (size_t i = 0; i < m->n; i++)
        buf_printf(&b, "%s:%u:%u: %s\n", m->items[i].file, m->items[i].line, m->items[i].column,
                   m->items[i].text);
    return buf_take_str(&b);
}

// The mistakes of a text, as lines; "" when there are none.
static char *mistakes_of(const char *name, struct bytes text)
{
    struct settings *s;
    struct settings_mistakes m;
    int r = settings_load_text(&s, &m, name, text);
    assert_int_equal(r, m.n > 0);
    assert_int_equal(r, s == NULL);
    char *lines = text_of(&m);
    settings_mistakes_deinit(&m);
    settings_free(s);
    return lines;
}

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

#define SIXTY_BUT_ONE ".0123456789.0123456789.0123456789.0123456789.0123456789.012"
#define SIXTY SIXTY_BUT_ONE "3"

// Whether a text's mistakes are those of `expected`, lines without the file's name.
static bool tells(const char *name, const char *text, const char *expected)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    CLEANUP(xfree) char *got = mistakes_of("", bytes_str(text));
    buf_add_str(&b, "");
    for (const char *end; *expected; expected = end) {
        end = strchr(expected, '\n') + 1;
        buf_printf(&b, ":%.*s", (int)(end - expected), expected);
    }
    if (strcmp(got, b.n ? (char *)b.p : "") == 0)
        return true;
    print_error("%s:\n%s", name, got);
    return false;
}

static void ten_mistakes_give_ten_messages(void **state)
{
    (void)state;
    CLEANUP(xfree) char *text = file_text(TEST_ROOT "/tests/data/settings/ten-mistakes.yaml");
    CLEANUP(xfree)
    char *expected = file_text(TEST_ROOT "/tests/data/settings/ten-mistakes.expected");
    CLEANUP(xfree) char *got = mistakes_of("ten-mistakes.yaml", bytes_str(text));
    assert_string_equal(got, expected);
}

// Lines that follow the four of GOOD.
static const struct {
    const char *name, *lines, *mistakes;
} mistakes[] = {
    {"nothing wrong", "", ""},
    {"a near key", "limit: {}\n", "5:1: unknown key `limit`, did you mean `limits`?\n"},
    {"a key below", "limits: {recipient: 3}\n",
     "5:10: unknown key `recipient`, did you mean `recipients`?\n"},
    {"a far key", "domains: {zzzzzzzzz: 1}\n",
     "5:11: unknown key `zzzzzzzzz`, expected `bounce` or `complaints`\n"},
    {"a key of another section", "port: 25\n",

     "5:1: unknown key `port`, expected `node`, `state`, `user`, `control`, `domains`, "
     "`listeners`, `dns`, `pools`, `delivery`, `limits`, `providers` or `policy`\n"},
    {"twice", "node: b\n", "5:1: `node` is here again, the first is at 1:1\n"},
    {"twice below", "limits: {recipients: 3, recipients: 4}\n",
     "5:25: `recipients` is here again, the first is at 5:10\n"},
    {"a list for a mapping", "limits: [1]\n",
     "5:9: expected a mapping (lines of `key: value`), got a list\n"},
    {"a text for a list", "dns: {servers: 127.0.0.1}\n",
     "5:16: expected a list like [a, b], got `127.0.0.1`\n"},
    {"a mapping for a text", "user: {a: b}\n", "5:7: expected a user's name, got a mapping\n"},
    {"an empty section is none", "limits:\ndelivery:\ndns: {local: }\n", ""},
    {"no user", "user: \"a b\"\n", "5:7: expected a user's name, got `a b`\n"},
    {"nothing for a user", "user:\n", "5:6: expected a user's name, got nothing\n"},
    {"an empty text for a user", "user: ''\n", "5:7: expected a user's name, got an empty text\n"},
    {"no group", "control: {operators: [ana, \"@\", \"a b\"]}\n",
     "5:28: expected a user like ana, or a group like \"@mail-ops\", got `@`\n"
     "5:33: expected a user like ana, or a group like \"@mail-ops\", got `a b`\n"},
    {"a long label", "control: {label: production-in-europe}\n",
     "5:18: expected a word of at most 16 characters like PROD, got `production-in-europe`\n"},
    {"a bounce domain", "domains: {bounce: 10.0.0.1}\n",
     "5:19: expected a domain name like out1.example.net, got `10.0.0.1`\n"},
    {"a resolver", "dns: {servers: [\"127.0.0.1@0\", \"ns1.example.net\", \"::1@53\"]}\n",
     "5:17: expected a resolver's address like 127.0.0.1 or 127.0.0.1@5353, got `127.0.0.1@0`\n"
     "5:32: expected a resolver's address like 127.0.0.1 or 127.0.0.1@5353, got "
     "`ns1.example.net`\n"},
    {"a record", "dns: {local: [\"big.test. MX mx.big.test.\"]}\n",
     "5:15: expected a record like `big.test. MX 10 mx.big.test.`, got `big.test. MX "
     "mx.big.test.`\n"},
    {"a number above its range", "limits: {commands_in_error: 1001}\n",
     "5:29: expected a whole number, from 1 to 1000, got `1001`\n"},
    {"a number beyond all", "limits: {recipients: 99999999999999999999999}\n",
     "5:22: expected a whole number, from 1 to 100000, got `99999999999999999999999`\n"},
    {"no number", "limits: {sessions: many}\n",
     "5:20: expected a whole number, from 1 to 100000, got `many`\n"},
    {"a size without a unit we know", "limits: {message_size: 50MB}\n",
     "5:24: expected a size like 50M, from 1K to 1G, got `50MB`\n"},
    {"a duration without a unit", "delivery: {give_up: 3}\n",
     "5:21: expected a duration like 30s, 5m, 4h or 7d, from 1s to 30d, got `3`\n"},
    {"a duration that is too long", "delivery: {give_up: 31d}\n",
     "5:21: expected a duration like 30s, 5m, 4h or 7d, from 1s to 30d, got `31d`\n"},
    {"waits in the wrong order", "delivery: {retry_first: 5h}\n",
     "5:25: `retry_first` is longer than `retry_most`, expected at most as long\n"},
    {"waits in the wrong order by the other", "delivery: {retry_most: 1m}\n",
     "5:24: `retry_first` is longer than `retry_most`, expected at most as long\n"},
    {"one wrong wait is one mistake", "delivery: {retry_first: 5h, retry_most: x}\n",
     "5:41: expected a duration like 30s, 5m, 4h or 7d, from 100ms to 7d, got `x`\n"},
    {"a port", "delivery: {port: 0}\n", "5:18: expected a port from 1 to 65535, got `0`\n"},
    {"a route's domain", "delivery: {routes: {a_b.test: \"127.0.0.1:25\"}}\n",
     "5:21: expected a domain like example.net (in xn-- form) or \"*\", got `a_b.test`\n"},
    {"a route without a port", "delivery: {routes: {a.test: 127.0.0.1}}\n",
     "5:29: expected an address with a port like 127.0.0.1:25 or \"[::1]:25\", got "
     "`127.0.0.1`\n"},
    {"a route to nowhere", "delivery: {routes: {a.test: \"0.0.0.0:25\"}}\n",
     "5:29: `0.0.0.0:25` is no address to connect to\n"},
    {"one domain in two spellings",
     "delivery: {routes: {a.test: \"127.0.0.1:25\", A.test: \"127.0.0.1:26\"}}\n",
     "5:45: the route `a.test` is here again, the first is at 5:21\n"},
    {"a value that goes on and on", "user: \"" SIXTY SIXTY "\"\n",
     "5:7: expected a user's name, got `" SIXTY "…`\n"},
    {"a value that ends inside a character", "user: \"" SIXTY_BUT_ONE "\u00e9\u00e9\"\n",
     "5:7: expected a user's name, got `" SIXTY_BUT_ONE "…`\n"},
    {"an alias", "user: *admin\n",
     "5:7: an alias (`*admin`), expected the value itself; a text with `*` is written in "
     "quotes\n"},
    {"an anchor", "user: &admin ana\n",
     "5:7: an anchor (`&admin`), expected the value itself: each is written once\n"},
    {"a merge", "limits: {<<: *base, recipients: 3}\n",
     "5:10: unknown key `<<`, expected `message_size`, `recipients`, `commands_in_error`, "
     "`sessions`, `sessions_per_client`, `disk_reserve` or `session_idle`\n"
     "5:14: an alias (`*base`), expected the value itself; a text with `*` is written in "
     "quotes\n"},
    {"a tag", "user: !!str ana\n",
     "5:7: a tag (`tag:yaml.org,2002:str`), expected the value alone\n"},
    {"a second document", "---\nnode: c\n", "5:1: a second document, expected one\n"},
    {"tabs, each line once", "limits:\t{}\nuser:\tana\t\n",
     "5:8: a tab, expected blanks\n6:6: a tab, expected blanks\n"},
    {"a tab does not hide the rest", "limits:\n\trecipients: 0\n",
     "6:1: a tab, expected blanks\n"
     "6:14: expected a whole number, from 1 to 100000, got `0`\n"},
    {"a tab that shifts explains what does not fit", "limits:\n  sessions: 3\n\trecipients: 4\n",
     "7:1: a tab, expected blanks\n"},
    {"a tab elsewhere does not", "user:\tana\nlimits: {\n",
     "5:6: a tab, expected blanks\n"
     "7:1: this is no YAML: did not find expected node content while parsing a flow node that "
     "begins at 7:1\n"},
    {"a text of two lines", "user: |\n  ana\n  bob\n",
     "5:7: a text with line ends or control characters, expected one line\n"},
    {"a NUL", "user: \"a\\0\"\n",
     "5:7: a text with line ends or control characters, expected one line\n"},
    {"an unquoted group", "control: {viewers: [@ops]}\n",
     "5:21: this is no YAML: found character that cannot start any token while scanning for "
     "the "
     "next token that begins at 5:21; a text that begins with one of @ ` % * & ! needs "
     "quotes\n"},
    {"an unquoted star", "delivery: {routes: {*: \"127.0.0.1:25\"}}\n",
     "5:22: this is no YAML: did not find expected alphabetic or numeric character while "
     "scanning an alias that begins at 5:21; a text that begins with one of @ ` % * & ! needs "
     "quotes\n"},
    {"what is broken hides nothing before it", "user: a b\ndelivery: {port: 25\n",
     "5:7: expected a user's name, got `a b`\n"
     "7:1: this is no YAML: did not find expected ',' or '}' while parsing a flow mapping that "
     "begins at 6:11\n"},
    {"a key that is a list", "? [a]\n: b\n", "5:3: expected a key like `name:`, got a list\n"},
    {"bytes that are no UTF-8", "user: a\xff\n",
     "5:8: invalid leading UTF-8 octet, expected plain text in UTF-8\n"},
    {"a control character", "user: a\x01\n",
     "5:8: control characters are not allowed, expected plain text in UTF-8\n"},
    {"places count characters", "control: {label: \"\u00e9\u00e9\", labl: a}\n",
     "5:18: expected a word of at most 16 characters like PROD, got `\u00e9\u00e9`\n"
     "5:24: unknown key `labl`, did you mean `label`?\n"},
    {"a named file", "providers: p.yaml\n",
     "5:12: `p.yaml` can't be read: No such file or directory\n"},
};

static void each_mistake_says_place_and_what_was_expected(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        CLEANUP(xfree) char *text = xasprintf(GOOD "%s", mistakes[i].lines);
        wrong += !tells(mistakes[i].name, text, mistakes[i].mistakes);
    }
    assert_int_equal(wrong, 0);
}

static void whole_files_are_checked_too(void **state)
{
    (void)state;
#define MISSING_POOLS                                                                              \
    "1:1: `pools` is missing, expected the sending IP addresses, in pools with names\n"
    static const struct {
        const char *name, *text, *mistakes;
    } cases[] = {
        {"an empty file", "",
         "1:1: `node` is missing, expected this node's name, as HELO, ledger and console show it\n"
         "1:1: `state` is missing, expected the folder that keeps spool, ledger and all other "
         "state\n"
         "1:1: `listeners` is missing, expected the addresses where customers hand in their "
         "mail\n" MISSING_POOLS},
        {"a missing key is told at the top, also below comments",
         "# a\n---\nnode: a\nstate: b\nlisteners: [{address: \"127.0.0.1:1\"}]\n", MISSING_POOLS},
        {"a list", "- a\n", "1:1: expected a mapping (lines of `key: value`), got a list\n"},
        {"a text", "a\n", "1:1: expected a mapping (lines of `key: value`), got a text\n"},
        {"empty ones of all", "node:\nstate:\nlisteners:\npools:\n",
         "1:6: expected a name (a-z 0-9 . _ -, first a letter or digit, at most 63), got nothing\n"
         "2:7: expected a path, got nothing\n"
         "3:11: nothing here, expected at least one: a mapping with an address\n"
         "4:7: nothing here, expected at least one: a pool with its IPs\n"},
        {"line ends of other systems",
         "\xef\xbb\xbfnode: A\r\nstate: b\r\nlisteners: []\r\npools: {}\r\n",
         "1:7: expected a name (a-z 0-9 . _ -, first a letter or digit, at most 63), got `A`\n"
         "3:12: nothing here, expected at least one: a mapping with an address\n"
         "4:8: nothing here, expected at least one: a pool with its IPs\n"},
        {"another encoding", "\xff\xfen\0o\0",
         "1:1: invalid leading UTF-8 octet, expected plain text in UTF-8\n"},
    };
    int wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        wrong += !tells(cases[i].name, cases[i].text, cases[i].mistakes);
    }
    assert_int_equal(wrong, 0);
}

static void listeners_and_pools_are_checked(void **state)
{
    (void)state;
#define NAME "(a-z 0-9 . _ -, first a letter or digit, at most 63)"
    static const struct {
        const char *name, *listeners, *pools, *mistakes;
    } cases[] = {
        {"kinds to come", "[{address: \"127.0.0.1:25\", kind: http, tls: required}]", NULL,
         "3:45: expected `submission` or `feedback`, got `http`\n"
         "3:56: expected `none`, got `required`\n"},
        {"a door for feedback that nothing leads to",
         "[{address: \"127.0.0.1:25\", kind: feedback}]", NULL,
         "3:45: kind `feedback` needs `domains: bounce` or `domains: complaints`, expected one of "
         "them: nothing could come in here\n"},
        {"trust at a door for feedback",
         "[{address: \"127.0.0.1:25\", kind: feedback, trust: {127.0.0.1: acme}}]\n"
         "domains: {bounce: bounces.example.net}",
         NULL,
         "3:62: `trust` at a listener of kind `feedback`, expected none: nobody submits there\n"},
        {"addresses for complaints that are none",
         "[{address: \"127.0.0.1:25\", kind: feedback}]\n"
         "domains: {complaints: [fbl@example.net, fbl, a..b@example.net, \"a b@example.net\"]}",
         NULL,
         "4:41: expected an address like fbl@example.net, got `fbl`\n"
         "4:46: expected an address like fbl@example.net, got `a..b@example.net`\n"
         "4:64: expected an address like fbl@example.net, got `a b@example.net`\n"},
        {"no address", "[{kind: submission}]", NULL,
         "3:13: `address` is missing, expected address and port to listen on\n"},
        {"a bare address", "[\"127.0.0.1:25\"]", NULL,
         "3:13: expected a mapping (lines of `key: value`), got `127.0.0.1:25`\n"},
        {"a port beyond", "[{address: \"127.0.0.1:65536\"}]", NULL,
         "3:23: expected an address with a port like 127.0.0.1:25 or \"[::1]:25\", got "
         "`127.0.0.1:65536`\n"},
        {"an address without brackets", "[{address: \"::1:25\"}]", NULL,
         "3:23: expected an address with a port like 127.0.0.1:25 or \"[::1]:25\", got `::1:25`\n"},
        {"brackets in the wrong place", "[{address: \"[127.0.0.1]:25\"}]", NULL,
         "3:23: expected an address with a port like 127.0.0.1:25 or \"[::1]:25\", got "
         "`[127.0.0.1]:25`\n"},
        {"one address twice", "[{address: \"[::1]:25\"}, {address: \"[0::1]:25\"}]", NULL,
         "3:46: the listener `::1 port 25` is here again, the first is at 3:23\n"},
        {"trust nobody we know",
         "[{address: \"127.0.0.1:25\", trust: {127.0.0.1: Acme, 10.0.0.0/33: acme, "
         "\"::/0\": a/b/c, 1.2.3.4: postmaster}}]",
         NULL,
         "3:58: expected a customer like acme, or a list like acme/spring, got `Acme`\n"
         "3:64: expected a network like 10.0.0.0/8 or \"2001:db8::/32\", got `10.0.0.0/33`\n"
         "3:91: expected a customer like acme, or a list like acme/spring, got `a/b/c`\n"
         "3:107: `postmaster` is the engine itself, expected a customer\n"},
        {"trust beyond the prefix", "[{address: \"127.0.0.1:25\", trust: {127.0.0.1/8: acme}}]",
         NULL, "3:47: `127.0.0.1/8` has bits set behind its prefix, expected none\n"},
        {"one network in two spellings",
         "[{address: \"127.0.0.1:25\", trust: {10.0.0.1: a, 10.0.0.1/32: b}}]", NULL,
         "3:60: the network `10.0.0.1/32` is here again, the first is at 3:47\n"},
        {"one network at two listeners is right",
         "[{address: \"127.0.0.1:25\", trust: {10.0.0.1: a}}, {address: \"127.0.0.1:26\", trust: "
         "{10.0.0.1: b}}]",
         NULL, ""},
        {"a pool's name", NULL, "{Shared: {ips: [10.0.0.1]}}",
         "4:9: expected a pool's name " NAME ", got `Shared`\n"},
        {"a pool without IPs", NULL, "{a: {}, b: {ips: []}, c: }",
         "4:12: `ips` is missing, expected the pool's addresses\n"
         "4:25: nothing here, expected at least one: an address\n"
         "4:33: `ips` is missing, expected the pool's addresses\n"},
        {"IPs that are none", NULL,
         "{a: {ips: [10.0.0.1:25, 0.0.0.0, 224.0.0.1, 255.255.255.255, \"ff02::1\", 10.0.0, "
         "\"\"]}}",
         "4:19: expected an IP address that a machine can have, without a port, got `10.0.0.1:25`\n"
         "4:32: expected an IP address that a machine can have, without a port, got `0.0.0.0`\n"
         "4:41: expected an IP address that a machine can have, without a port, got `224.0.0.1`\n"
         "4:52: expected an IP address that a machine can have, without a port, got "
         "`255.255.255.255`\n"
         "4:69: expected an IP address that a machine can have, without a port, got `ff02::1`\n"
         "4:80: expected an IP address that a machine can have, without a port, got `10.0.0`\n"
         "4:88: expected an IP address that a machine can have, without a port, got an empty "
         "text\n"},
        {"an IP in two pools", NULL,
         "{a: {ips: [10.0.0.1]}, b: {ips: [{address: 10.0.0.1}, \"2001:db8::1\", "
         "\"2001:DB8:0::1\"]}}",
         "4:51: the IP `10.0.0.1` is here again, the first is at 4:19\n"
         "4:77: the IP `2001:db8::1` is here again, the first is at 4:62\n"},
        {"what an IP may say", NULL,
         "{a: {ips: [{address: 10.0.0.1, helo: -a.test, warming_since: 2026-02-30, heloo: a}]}}",
         "4:45: expected a domain name like out1.example.net, got `-a.test`\n"
         "4:69: expected a date like 2026-11-20, got `2026-02-30`\n"
         "4:81: unknown key `heloo`, did you mean `helo`?\n"},
    };
    int wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(xfree)
        char *text =
            xasprintf("node: a\nstate: b\nlisteners: %s\npools: %s\n",
                      cases[i].listeners ? cases[i].listeners : "[{address: \"127.0.0.1:25\"}]",
                      cases[i].pools ? cases[i].pools : "{shared: {ips: [10.0.0.1]}}");
        wrong += !tells(cases[i].name, text, cases[i].mistakes);
    }
    assert_int_equal(wrong, 0);
}

static void a_pattern_of_replies_is_words_and_little_else(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool is_right;
    } cases[] = {
        // clang-format off
        {"no such user", true}, {"no such (user|$boxes)*", true}, {"$boxes (is |)full", true},
        {"$boxes $boxes ~ full & x ! y", true}, {"*.lists.example", true}, {"a * b", true},
        {"greylist* in (use|action)", true}, {"(a*|b) ~ c", true}, {"größe", true}, {"用户", true},
        {"No such user", false}, {"$nobody", false}, {"(a|b", false}, {"a)", false}, {"((a|b))", false},
        {"a|b", false}, {"* ~", false}, {"a*b", false}, {"(a*|b) c", false}, {"(a ~ b|c)", false},
        {"(a * b|c)", false},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(xfree)
        char *p = xasprintf("default:\n  words: {boxes: mailbox|inbox}\n  replies:\n"
                            "    - {is: transient, says: [\"%s\"], unless: [\"%s\"]}\n",
                            cases[i].pattern, cases[i].pattern);
        struct settings_text files[] = {{"main.yaml", bytes_str(GOOD "providers: p.yaml\n")},
                                        {"p.yaml", bytes_str(p)}};
        struct settings *s = NULL;
        struct settings_mistakes m = {0};
        int r = settings_load_texts(&s, &m, files, ARRAY_LEN(files));
        if (r != !cases[i].is_right || m.n != (cases[i].is_right ? 0 : 2))
            fail_msg("%s: %zu mistakes", cases[i].pattern, m.n);
        settings_mistakes_deinit(&m);
        settings_free(s);
    }
}

static void providers_and_policy_are_checked_in_their_own_files(void **state)
{
    (void)state;
    struct settings_text files[] = {
        {"conf/main.yaml",
         bytes_str(GOOD "providers: p.yaml\npolicy: /etc/policy.yaml\nuser: a b\n")},
        {"conf/p.yaml", bytes_str("default: {connections: 5, rates: 1}\n"
                                  "google: {mx: [.google.com, Google.com], rate: 0/s}\n"
                                  "Big: {mx: [a_b]}\n"
                                  "other: {connections: -1}\n"
                                  "google: {mx: [b.test]}\n")},
        {"/etc/policy.yaml", bytes_str("mode: enforced\nrefusal: 451\nexpiry: {suspend: 4}\n"
                                       "throttle_rate: none\ntells_customer: yes\n")},
    };
    static const char expected[] =
        "conf/main.yaml:7:7: expected a user's name, got `a b`\n"
        "conf/p.yaml:1:27: unknown key `rates`, did you mean `rate`?\n"
        "conf/p.yaml:2:28: the MX suffix `google.com` is here again, the first is at "
        "2:15\n"
        "conf/p.yaml:2:47: expected a rate like 100/h (/s /m /h /d), or `none`, got `0/s`\n"
        "conf/p.yaml:3:1: expected a provider's name " NAME ", got `Big`\n"
        "conf/p.yaml:3:12: expected the end of a host's name like .google.com, got `a_b`\n"
        "conf/p.yaml:4:8: `mx` is missing, expected the ends of its MX hosts' names\n"
        "conf/p.yaml:4:22: expected a whole number, from 0 to 10000, got `-1`\n"
        "conf/p.yaml:5:1: `google` is here again, the first is at 2:1\n"
        "/etc/policy.yaml:1:7: expected `enforce` or `observe`, got `enforced`\n"
        "/etc/policy.yaml:2:10: expected `450` or `550`, got `451`\n"
        "/etc/policy.yaml:3:19: expected a duration like 30s, 5m, 4h or 7d, from 1m to 365d, got "
        "`4`\n"
        "/etc/policy.yaml:4:16: expected a rate like 100/h (/s /m /h /d), got `none`\n"
        "/etc/policy.yaml:5:17: expected `true` or `false`, got `yes`\n";
    struct settings *s;
    struct settings_mistakes m;
    assert_int_equal(settings_load_texts(&s, &m, files, ARRAY_LEN(files)), 1);
    CLEANUP(xfree) char *got = text_of(&m);
    settings_mistakes_deinit(&m);
    assert_string_equal(got, expected);
}

static void the_ladder_of_a_policy_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *mistakes;
    } cases[] = {
        {"dead: {warn: 2}",
         "1:14: expected a share like 5% or 0.1%, from 0.0001% to 50%, or `none`, got "
         "`2`\n"},
        {"dead: {warn: 60%}",
         "1:14: expected a share like 5% or 0.1%, from 0.0001% to 50%, or `none`, "
         "got `60%`\n"},
        {"dead: {warn: {patience: often}}",
         "1:25: expected a number like 9, 0.25 or 1e6, from 100 to 1e+12, got `often`\n"},
        {"dead: {warn: {over: 2%, least: 0}}",
         "1:32: expected a whole number, from 1 to 400, got `0`\n"},
        {"dead: {warn: [2%]}", "1:14: expected a mapping (lines of `key: value`), got a list\n"},
        {"dead: {warns: 2%}", "1:8: unknown key `warns`, did you mean `warn`?\n"},
        {"dead: 2%", "1:7: expected a mapping (lines of `key: value`), got `2%`\n"},
        {"dead: {warn: 0.0001%, throttle: 50%, suspend: 50%}", ""},
        {"dead: {suspend: 3%}",
         "1:17: `suspend` takes less than `throttle` (over), expected at least as much\n"},
        {"dead: {warn: 10%, throttle: none, suspend: 10%}", ""},
        {"dead: {warn: 10%, throttle: none, suspend: 9%}",
         "1:44: `suspend` takes less than `warn` (over), expected at least as much\n"},
        {"dead: {warn: 4.5%}",
         "1:14: `throttle` takes less than `warn` (over), expected at least as much\n"},
        {"spam: {throttle: {patience: 1e3}}",
         "1:29: `throttle` takes less than `warn` (patience), expected at least as much\n"},
        {"spam: {suspend: {least: 2}}",
         "1:25: `suspend` takes less than `throttle` (least), expected at least as much\n"},
        {"traps: {warn: 3, suspend: none}",
         "1:15: `throttle` takes less than `warn` (over), expected at least as much\n"},
        {"traps: {warn: 0}",
         "1:15: expected a number like 9, 0.25 or 1e6, from 1 to 1000, or `none`, got `0`\n"},
        {"clumping: 0.5",
         "1:11: expected a number like 9, 0.25 or 1e6, from 1 to 100, or `measured`, got `0.5`\n"},
        {"incident: {share: 0%}",
         "1:19: expected a share like 5% or 0.1%, from 1% to 100%, got `0%`\n"},
        {"suppression: {mailbox_full: 3m}", "1:29: expected a duration like 30s, 5m, 4h or 7d, "
                                            "from 1h to 3650d, or `never`, got `3m`\n"},
        {"suppression: {evidence: never}",
         "1:25: expected a duration like 30s, 5m, 4h or 7d, from 1d to 365d, got `never`\n"},
        {"lanes: {pause: 2d}",
         "1:16: `pause` is longer than `pause_most`, expected at most as long\n"},
        {"lanes: {pause_most: 5m}",
         "1:21: `pause` is longer than `pause_most`, expected at most as long\n"},
        {"blocklists: {zen spam: 1}",
         "1:14: expected a blocklist's name like zen.spamhaus.org, got `zen spam`\n"},
        {"blocklists: {a.test: 1, A.test: 2}",
         "1:25: the blocklist `a.test` is here again, the first is at 1:14\n"},
        {"blocklists: {a.test: -1}",
         "1:22: expected a number like 9, 0.25 or 1e6, from 0 to 10, got `-1`\n"},
        {"silent: google", "1:9: expected a list like [a, b], got `google`\n"},
        {"gateways: [Big]", "1:12: expected a name " NAME ", got `Big`\n"},
        {"pools: {premium: Best}", "1:18: expected a name " NAME ", or `none`, got `Best`\n"},
        {"pools: {premium_after: 1.5}",
         "1:24: expected a whole number, from 1 to 1000000000000, got `1.5`\n"},
    };
    int wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings_text files[] = {{"m.yaml", bytes_str(GOOD "policy: p.yaml\n")},
                                        {"p.yaml", bytes_str(cases[i].policy)}};
        struct settings *s;
        struct settings_mistakes m;
        settings_load_texts(&s, &m, files, ARRAY_LEN(files));
        CLEANUP(xfree) char *got = text_of(&m);
        CLEANUP(xfree)
        char *expected = xasprintf("%s%s", *cases[i].mistakes ? "p.yaml:" : "", cases[i].mistakes);
        settings_mistakes_deinit(&m);
        settings_free(s);
        if (strcmp(got, expected) != 0) {
            print_error("%s\n  expected %s\n  got      %s\n", cases[i].policy, expected, got);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

// The mistakes of files on the disk, in a folder of their own that is the current one.
static void disk_tells(const char *file, const char *expected)
{
    struct settings *s;
    struct settings_mistakes m;
    settings_load(&s, &m, file);
    CLEANUP(xfree) char *got = text_of(&m);
    settings_mistakes_deinit(&m);
    settings_free(s);
    assert_string_equal(got, expected);
}

static void files_are_named_as_they_were_given(void **state)
{
    (void)state;
    char folder[] = "/tmp/settings-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("conf", 0700), 0);
    assert_int_equal(mkfifo("conf/fifo", 0600), 0);
    write_file("conf/a.yaml", GOOD "providers: p.yaml\npolicy: no.yaml\n");
    write_file("conf/b.yaml", GOOD "providers: fifo\npolicy: ../conf\n");
    write_file("conf/c.yaml", GOOD "providers: p.yaml\n");
    write_file("conf/p.yaml", "default: {messages: x}\n");
    disk_tells("conf/a.yaml",
               "conf/a.yaml:6:9: `conf/no.yaml` can't be read: No such file or directory\n"
               "conf/p.yaml:1:21: expected a whole number, from 0 to 100000, got `x`\n");
    disk_tells("conf/b.yaml", "conf/b.yaml:5:12: `conf/fifo` can't be read: it is no regular file\n"
                              "conf/b.yaml:6:9: `conf/../conf` can't be read: Is a directory\n");
    disk_tells("nothing.yaml",
               "nothing.yaml:1:1: `nothing.yaml` can't be read: No such file or directory\n");
    write_file("conf/p.yaml", "default: {messages: 7}\n");
    disk_tells("conf/c.yaml", "");
    static const char *const made[] = {"conf/a.yaml", "conf/b.yaml", "conf/c.yaml", "conf/p.yaml",
                                       "conf/fifo"};
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        assert_int_equal(unlink(made[i]), 0);
    assert_int_equal(rmdir("conf"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_socket_path_has_room_for_107_bytes(void **state)
{
    (void)state;
    for (int n = 107; n <= 108; n++) {
        CLEANUP(xfree)
        char *text = xasprintf(GOOD "control: {socket: %0*d}\n", n - 5, 0); // behind "conf/"
        CLEANUP(xfree) char *got = mistakes_of("conf/a.yaml", bytes_str(text));
        assert_string_equal(got, n == 107 ? ""
                                          : "conf/a.yaml:5:19: a socket's path of 108 bytes, "
                                            "expected at most 107\n");
    }
}

static void what_strangers_wrote_is_printed_visibly(void **state)
{
    (void)state;
    struct settings *s;
    struct settings_mistakes m;
    int fds[2];
    char got[512] = "";
    assert_int_equal(pipe(fds), 0);
    settings_load_text(&s, &m, "a\x1b[2J.yaml", bytes_str(GOOD "u\u202eser: 1\nuser: \u202ea\n"));
    assert_int_equal(settings_mistakes_print(&m, fds[1]), 0);
    assert_true(read(fds[0], got, sizeof(got) - 1) > 0);
    assert_string_equal(got, "a\\x1b[2J.yaml:5:1: unknown key `uU+202Eser`, did you mean `user`?\n"
                             "a\\x1b[2J.yaml:6:7: expected a user's name, got `U+202Ea`\n");
    close(fds[0]);
    close(fds[1]);
    settings_mistakes_deinit(&m);
    settings_mistakes_deinit(&m); // twice does no harm
}

static void at_most_a_hundred_are_told_and_the_rest_counted(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf text = {0};
    buf_add_str(&text, GOOD "dns:\n  servers:\n");
    for (int i = 0; i < 2500; i++)
        buf_add_str(&text, "    - x\n");
    struct settings *s;
    struct settings_mistakes m;
    assert_int_equal(settings_load_text(&s, &m, "a", buf_bytes(&text)), 1);
    assert_int_equal(m.n, 100);
    assert_int_equal(m.items[0].line, 7);
    assert_int_equal(m.items[99].line, 106);
    assert_non_null(strstr(m.items[99].text, "(and 2400 more mistakes after this one)"));
    settings_mistakes_deinit(&m);
}

// Text of n times `piece` behind `head`.
static char *repeated(const char *head, const char *piece, size_t n)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    buf_add_str(&b, head);
    for (size_t i = 0; i < n; i++)
        buf_add_str(&b, piece);
    return buf_take_str(&b);
}

static void size_depth_and_number_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head, *piece;
        size_t n;
        const char *mistakes;
    } cases[] = {
        {"size", "", "# comment\n", TREE_BYTES / 10 + 1,
         ":1:1: a file larger than 1048576 bytes\n"},
        {"open brackets", GOOD "user: ", "[", 50000,
         ":5:7: expected a user's name, got a list\n:5:22: nested deeper than 16 levels\n"},
        {"open braces", GOOD "user: ", "{a: ", 50000,
         ":5:7: expected a user's name, got a mapping\n:5:67: nested deeper than 16 levels\n"},
        {"values", GOOD "user: [", "a,", 60000,
         ":5:7: expected a user's name, got a list\n"
         ":5:99970: more than 50000 values in one file\n"},
        {"a long text", GOOD "user: ", "a", 5000,
         ":5:7: a text of 5000 bytes, expected at most 4096\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(xfree) char *text = repeated(cases[i].head, cases[i].piece, cases[i].n);
        CLEANUP(xfree) char *got = mistakes_of("", bytes_str(text));
        if (strcmp(got, cases[i].mistakes) != 0)
            fail_msg("%s: %s", cases[i].name, got);
    }
}

static uint32_t random_next(uint64_t *x)
{
    *x = *x * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*x >> 33);
}

// Changes a few bytes, or repeats or drops a piece.
static void mutate(struct buf *b, uint64_t *x)
{
    static const char telling[] = "\t\n :,-[]{}&*!|>'\"%@`#?~0\xff\xc3";
    for (uint32_t i = random_next(x) % 4 + 1; i && b->n; i--) {
        uint32_t at = random_next(x) % (uint32_t)b->n, n = random_next(x) % 40;
        n = at + n > b->n ? (uint32_t)b->n - at : n;
        switch (random_next(x) % 4) {
        case 0:
            b->p[at] = (uint8_t)telling[random_next(x) % (sizeof(telling) - 1)];
            break;
        case 1:
            b->p[at] = (uint8_t)random_next(x);
            break;
        case 2:
            memmove(b->p + at, b->p + at + n, b->n - at - n);
            b->n -= n;
            break;
        default: {
            CLEANUP(xfree) char *piece = xmemdup0(b->p + at, n);
            buf_add(b, piece, n);
        }
        }
    }
}

static void no_file_does_harm(void **state)
{
    (void)state;
    enum { ROUNDS = 2000 };
    static const char *const names[] = {"mxwarden.example.yaml", "providers.yaml", "policy.yaml"};
    char *shipped[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(xfree) char *path = xasprintf(TEST_ROOT "/config/%s", names[i]);
        shipped[i] = file_text(path);
    }
    uint64_t x = 20261124;
    for (int round = 0; round < ROUNDS; round++) {
        CLEANUP(buf_deinit) struct buf changed = {0};
        size_t which = random_next(&x) % ARRAY_LEN(names);
        buf_add_str(&changed, shipped[which]);
        mutate(&changed, &x);
        struct settings_text files[ARRAY_LEN(names)];
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            files[i] = (struct settings_text){names[i], i == which ? buf_bytes(&changed)
                                                                   : bytes_str(shipped[i])};
        struct settings *s;
        struct settings_mistakes m;
        int r = settings_load_texts(&s, &m, files, ARRAY_LEN(files));
        assert_true(r == 0 ? s && m.n == 0 : r == 1 && !s && m.n >= 1 && m.n <= 100);
        for (size_t i = 0; i < m.n; i++)
            assert_true(m.items[i].line >= 1 && m.items[i].column >= 1 && *m.items[i].text);
        settings_mistakes_deinit(&m);
        settings_free(s);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        xfree(shipped[i]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ten_mistakes_give_ten_messages),
    cmocka_unit_test(each_mistake_says_place_and_what_was_expected),
    cmocka_unit_test(whole_files_are_checked_too),
    cmocka_unit_test(listeners_and_pools_are_checked),
    cmocka_unit_test(a_pattern_of_replies_is_words_and_little_else),
    cmocka_unit_test(providers_and_policy_are_checked_in_their_own_files),
    cmocka_unit_test(the_ladder_of_a_policy_is_checked),
    cmocka_unit_test(files_are_named_as_they_were_given),
    cmocka_unit_test(a_socket_path_has_room_for_107_bytes),
    cmocka_unit_test(what_strangers_wrote_is_printed_visibly),
    cmocka_unit_test(at_most_a_hundred_are_told_and_the_rest_counted),
    cmocka_unit_test(size_depth_and_number_are_bounded),
    cmocka_unit_test(no_file_does_harm),
};
TEST_MAIN(tests)
