/* Where mail for a domain goes, from records of ours and from resolvers that do not answer; and what
 * a hostile zone can make of it. */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "net/dns.h"
#include "net/dns_answer.h"

static uv_loop_t loop;
static struct dns *dns;
static struct dns_mx got;
static unsigned answers;

static const char *const records[] = {
    "big.test. MX 20 mx2.big.test.",
    "big.test. MX 10 mx1.big.test.",
    "mx1.big.test. A 127.0.1.1",
    "mx1.big.test. AAAA ::1",
    "mx2.big.test. A 127.0.1.2",
    "mx2.big.test. A 127.0.1.3",
    "even.test. MX 5 mx1.big.test.",
    "even.test. MX 5 mx2.big.test.",
    "host.test. A 127.0.2.1",
    "none.test. MX 0 .",
    "odd.test. MX 0 .",
    "odd.test. MX 10 mx1.big.test.",
    "text.test. TXT \"no mail here\"",
    "gone.test. MX 10 nobody.gone.test.",
    "half.test. MX 10 nobody.half.test.",
    "half.test. MX 20 mx1.big.test.",
    "self.test. MX 10 zero.self.test.",
    "zero.self.test. A 0.0.0.0",
    "alias.test. CNAME big.test.",
    "far.test. MX 10 cname.far.test.",
    "cname.far.test. CNAME mx2.big.test.",
    "loop.test. CNAME loop2.test.",
    "loop2.test. CNAME loop.test.",
    "mx.elsewhere.example.net. A 127.0.3.1",
};

static void take(void *ctx, const struct dns_mx *mx)
{
    (void)ctx;
    got = *mx;
    answers++;
}

static void run_until(unsigned n, usec_t most)
{
    usec_t end = clock_monotonic() + most;
    while (answers < n && clock_monotonic() < end) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    assert_int_equal(answers, n);
}

static void ask(const char *domain)
{
    unsigned before = answers;
    dns_query_mx(dns, domain, take, NULL);
    assert_int_equal(answers, before); // never inside the call
    run_until(before + 1, 5 * USEC_SECOND);
}

static int begin(void **state)
{
    (void)state;
    // A server where nobody listens: what our records do not answer finds none.
    static const char *const servers[] = {"127.0.0.1@9"};
    struct dns_options options = {servers, 1, records, ARRAY_LEN(records)};
    char *why = NULL;
    uv_loop_init(&loop);
    dns = dns_new(&loop, &options, &why);
    answers = 0;
    return dns ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    dns = dns_free(dns);
    usec_t end = clock_monotonic() + USEC_SECOND;
    int r;
    while ((r = uv_loop_close(&loop)) != 0 && clock_monotonic() < end)
        uv_run(&loop, UV_RUN_NOWAIT);
    return r;
}

static const char *address(size_t host, size_t i)
{
    static char text[INET6_ADDRSTRLEN];
    const struct sockaddr_storage *sa = &got.hosts[host].addresses[i];
    const void *p = sa->ss_family == AF_INET
                        ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
                        : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;
    return inet_ntop(sa->ss_family, p, text, sizeof(text));
}

// The hosts with their addresses in one line.
static char *in_words(void)
{
    static const char *const results[] = {"ok", "none", "null-mx", "later"};
    static char text[4096];
    int n = snprintf(text, sizeof(text), "%s", results[got.result]);
    for (size_t i = 0; i < got.hosts_n; i++) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, " %s", got.hosts[i].name);
        for (size_t k = 0; k < got.hosts[i].addresses_n; k++)
            n += snprintf(text + n, sizeof(text) - (size_t)n, "%c%s", k ? ',' : '=', address(i, k));
    }
    return text;
}

static void domains_are_answered_by_the_rules(void **state)
{
    (void)state;
    static const struct {
        const char *domain, *answer, *why;
    } cases[] = {
        {"big.test", "ok mx1.big.test=127.0.1.1,::1 mx2.big.test=127.0.1.2,127.0.1.3", ""},
        {"host.test", "ok host.test=127.0.2.1", ""},
        {"none.test", "null-mx", "none.test takes no mail (null MX)"},
        {"odd.test", "ok mx1.big.test=127.0.1.1,::1", ""},
        {"text.test", "none", "text.test has neither MX nor address"},
        {"nosuch.test", "none", "the domain nosuch.test does not exist"},
        {"gone.test", "none", "no mail host of gone.test has an address"},
        {"half.test", "ok mx1.big.test=127.0.1.1,::1", ""},
        {"self.test", "none", "no mail host of self.test has an address"},
        {"alias.test", "ok mx1.big.test=127.0.1.1,::1 mx2.big.test=127.0.1.2,127.0.1.3", ""},
        {"far.test", "ok cname.far.test=127.0.1.2,127.0.1.3", ""},
        {"loop.test", "none", "loop.test has neither MX nor address"},
        {"mx.elsewhere.example.net", "ok mx.elsewhere.example.net=127.0.3.1", ""},
        {"[127.0.0.9]", "ok [127.0.0.9]=127.0.0.9", ""},
        {"[ipv6:::1]", "ok [ipv6:::1]=::1", ""},
        {"[0.0.0.0]", "none", "[0.0.0.0] is no address of a host"},
        {"[127.0.0.999]", "none", "[127.0.0.999] is no address of a host"},
        {"a..b", "none", "a..b is no domain name"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ask(cases[i].domain);
        char *seen = in_words();
        char *swapped = strstr(seen, "127.0.1.3,127.0.1.2"); // one host's come in any order
        if (swapped)
            memcpy(swapped, "127.0.1.2,127.0.1.3", 19);
        if (strcmp(seen, cases[i].answer) != 0)
            fail_msg("%s: got `%s` (%s)", cases[i].domain, seen, got.why);
        if (cases[i].why && strcmp(got.why, cases[i].why) != 0)
            fail_msg("%s: why is `%s`", cases[i].domain, got.why);
    }
}

static void equal_preferences_come_in_random_order(void **state)
{
    (void)state;
    // On the pure part, where no cache stands between: 16 of 16 alike would be 1 in 32,768.
    static const uint8_t one[] = "\0\5\1a\4test", two[] = "\0\5\1b\4test";
    struct bytes rdata[] = {bytes_of(one, sizeof(one)), bytes_of(two, sizeof(two))};
    unsigned first = 0;
    for (int i = 0; i < 64; i++) {
        struct dns_found f = {0};
        assert_false(dns_found_exchanges(&f, rdata, 2));
        assert_int_equal(f.hosts_n, 2);
        first += f.hosts[0].name[0] == 'a';
    }
    assert_in_range(first, 8, 56);
}

static void who_asks_meanwhile_shares_the_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        dns_query_mx(dns, "big.test", take, NULL);
    run_until(50, 5 * USEC_SECOND);
    ask("big.test"); // and this one the cache
    assert_true(got.expires_at > clock_monotonic() + 59 * USEC_SECOND);
    assert_true(got.expires_at <= clock_monotonic() + USEC_HOUR);
    ask("nosuch.test");
    assert_true(got.expires_at <= clock_monotonic() + 5 * USEC_MINUTE);
}

static void a_thousand_domains_at_once_are_all_answered(void **state)
{
    (void)state;
    char domain[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(domain, sizeof(domain), "d%d.test", i);
        dns_query_mx(dns, domain, take, NULL);
    }
    for (int i = 0; i < 300; i++) // names that cannot be asked, in the middle of them
        dns_query_mx(dns, "x..y", take, NULL);
    run_until(1300, 20 * USEC_SECOND);
}

static void resolvers_that_do_not_answer_mean_later(void **state)
{
    (void)state;
    usec_t from = clock_monotonic();
    dns_query_mx(dns, "example.com", take, NULL);
    run_until(1, 15 * USEC_SECOND);
    assert_int_equal(got.result, DNS_LATER);
    assert_non_null(strstr(got.why, "example.com"));
    assert_true(clock_monotonic() - from < 12 * USEC_SECOND);
}

static void free_from_inside(void *ctx, const struct dns_mx *mx)
{
    take(ctx, mx);
    dns = dns_free(dns);
}

static void it_may_be_freed_with_questions_under_way(void **state)
{
    (void)state;
    dns_query_mx(dns, "example.com", take, NULL);
    for (int i = 0; i < 5; i++)
        dns_query_mx(dns, "big.test", i ? take : free_from_inside, NULL);
    run_until(1, 5 * USEC_SECOND);
    for (int i = 0; i < 20; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(answers, 1);
}

static void wrong_options_are_told(void **state)
{
    (void)state;
    static const char *const bad_record[] = {"big.test. MX ten mx."};
    static const char *const bad_server[] = {"not an address"};
    struct dns_options record = {.local = bad_record, .local_n = 1};
    struct dns_options server = {.servers = bad_server, .servers_n = 1};
    char *why = NULL;
    assert_null(dns_new(&loop, &record, &why));
    assert_string_equal(
        why,
        "expected a DNS record like `big.test. MX 10 mx.big.test.`, got `big.test. MX ten mx.`");
    why = xfree(why);
    assert_null(dns_new(&loop, &server, &why));
    assert_string_equal(why, "expected a server like `127.0.0.1@5353`, got `not an address`");
    xfree(why);
}

// ---- with a server of our own, in the same loop

static uv_poll_t server;
static int server_fd;
static unsigned server_asked;

static size_t put_name(uint8_t *p, const char *name)
{
    size_t n = 0;
    while (*name) {
        size_t label = strcspn(name, ".");
        p[n++] = (uint8_t)label;
        memcpy(p + n, name, label);
        n += label;
        name += label + (name[label] == '.');
    }
    p[n++] = 0;
    return n;
}

static size_t put_record(uint8_t *p, uint8_t type, const void *rdata, size_t n)
{
    const uint8_t head[] = {0xc0, 12, 0, type, 0, 1, 0, 0, 0, 120, 0, (uint8_t)n};
    memcpy(p, head, sizeof(head));
    memcpy(p + sizeof(head), rdata, n);
    return sizeof(head) + n;
}

// By the first letter of the name: `f`ails, does not e`x`ist, has an `a`lias; mail hosts for others.
static size_t answer_of(uint8_t *p, const char *name, uint8_t type, uint8_t *rcode)
{
    uint8_t rdata[128] = {0, 10};
    static const uint8_t v4[4] = {127, 0, 5, 1};
    *rcode = name[0] == 'f' ? 2 : name[0] == 'x' ? 3 : 0;
    if (*rcode)
        return 0;
    if (name[0] == 'a')
        return put_record(p, 5, rdata, put_name(rdata, "big.example"));
    if (type == 15)
        return put_record(p, 15, rdata, 2 + put_name(rdata + 2, "mx.example"));
    return type == 1 && name[0] == 'm' ? put_record(p, 1, v4, 4) : 0;
}

static void on_question(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events;
    uint8_t p[1024];
    struct sockaddr_in from;
    socklen_t from_n = sizeof(from);
    ssize_t n = recvfrom(server_fd, p, 512, 0, (struct sockaddr *)&from, &from_n);
    if (n < 17)
        return;
    server_asked++;
    size_t at = 12;
    char name[2] = {(char)p[13]}; // the first letter is enough
    while (p[at])
        at += p[at] + 1u;
    uint8_t type = p[at + 2], rcode;
    at += 5;
    size_t answer_n = answer_of(p + at, name, type, &rcode);
    const uint8_t head[] = {0x81, (uint8_t)(0x80 | rcode), 0, 1, 0, answer_n > 0, 0, 0, 0, 0};
    memcpy(p + 2, head, sizeof(head));
    sendto(server_fd, p, at + answer_n, 0, (struct sockaddr *)&from, from_n);
}

static void servers_named_are_asked(void **state)
{
    (void)state;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(sa);
    server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(server_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    getsockname(server_fd, (struct sockaddr *)&sa, &n);
    uv_poll_init(&loop, &server, server_fd);
    uv_poll_start(&server, UV_READABLE, on_question);
    char text[32], *why = NULL;
    snprintf(text, sizeof(text), "127.0.0.1@%u", ntohs(sa.sin_port));
    const char *servers[] = {text}, *local[] = {"mine.local. A 127.0.6.1"};
    struct dns_options options = {servers, 1, local, 1};
    dns_free(dns);
    dns = dns_new(&loop, &options, &why);
    assert_non_null(dns);
    static const struct {
        const char *domain, *answer;
    } cases[] = {
        {"big.example", "ok mx.example=127.0.5.1"},
        {"alias.example", "ok mx.example=127.0.5.1"},
        {"big.test", "ok mx.example=127.0.5.1"}, // no name of ours in test.: the server's
        {"xray.example", "none"},
        {"fails.example", "later"},
        {"mine.local", "ok mine.local=127.0.6.1"},
        {"other.local", "none"}, // ours: the server is not asked
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned before = answers;
        dns_query_mx(dns, cases[i].domain, take, NULL);
        run_until(before + 1, 12 * USEC_SECOND);
        if (strcmp(in_words(), cases[i].answer) != 0)
            fail_msg("%s: got `%s` (%s)", cases[i].domain, in_words(), got.why);
    }
    assert_true(server_asked > 0);
    unsigned asked = server_asked;
    ask("big.example");
    assert_int_equal(server_asked, asked);
    uv_close((uv_handle_t *)&server, NULL);
    close(server_fd);
}

// ---- what a hostile zone sends

static void names_are_host_names_or_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *wire;
        size_t n;
        const char *text; // NULL: refused
    } cases[] = {
        {"lower case", "\2Mx\4TEST", 9, "mx.test"},
        {"the root", "", 1, ""},
        {"nothing", "", 0, NULL},
        {"cut in a label", "\5ab", 3, NULL},
        {"no end", "\1a", 2, NULL},
        {"a pointer", "\xc0\x0c", 3, NULL},
        {"a blank", "\3a b", 5, NULL},
        {"a dot inside", "\3a.b", 5, NULL},
        {"an escape", "\2\x1b[", 4, NULL},
        {"a NUL", "\2a\0", 4, NULL},
        {"underscore", "\2_x", 4, "_x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[DNS_NAME];
        bool ok = dns_name_parse(out, bytes_of(cases[i].wire, cases[i].n));
        if (ok != (cases[i].text != NULL) || (ok && strcmp(out, cases[i].text) != 0))
            fail_msg("%s: %s `%s`", cases[i].name, ok ? "got" : "refused", ok ? out : "");
    }
    uint8_t longest[400];
    for (size_t i = 0; i < sizeof(longest); i++)
        longest[i] = i % 64 ? 'a' : 63;
    char out[DNS_NAME];
    assert_false(dns_name_parse(out, bytes_of(longest, sizeof(longest))));
    longest[192] = 61;
    longest[254] = 0;
    assert_true(dns_name_parse(out, bytes_of(longest, 255)));
    assert_int_equal(strlen(out), 253);
}

static void many_exchanges_and_addresses_are_capped(void **state)
{
    (void)state;
    uint8_t wire[500][10];
    struct bytes rdata[500];
    for (int i = 0; i < 500; i++) {
        wire[i][0] = 0;
        wire[i][1] = (uint8_t)(200 - i % 100);
        snprintf((char *)wire[i] + 2, 8, "%c%04d", 4, i % 50); // each name ten times
        rdata[i] = bytes_of(wire[i], 8);
    }
    struct dns_found f = {0};
    assert_false(dns_found_exchanges(&f, rdata, 500));
    assert_int_equal(f.hosts_n, DNS_HOSTS);
    for (size_t i = 1; i < f.hosts_n; i++)
        assert_true(f.hosts[i - 1].preference <= f.hosts[i].preference);
    for (size_t i = 0; i < f.hosts_n; i++)
        for (uint8_t k = 1; k < 100; k++) {
            const uint8_t v4[4] = {127, 0, 0, k}, v6[16] = {0x20, 1, [15] = k};
            dns_found_address(&f.hosts[i], bytes_of(v4, 4));
            dns_found_address(&f.hosts[i], bytes_of(v6, 16));
            dns_found_address(&f.hosts[i], bytes_of(v6, 7));
        }
    struct dns_answer a = {0};
    dns_answer_pack(&a, &f);
    dns_answer_unpack(&got, &a);
    assert_int_equal(got.hosts_n, DNS_HOSTS);
    for (size_t i = 0; i < got.hosts_n; i++) {
        assert_int_equal(got.hosts[i].addresses_n, DNS_ADDRESSES);
        assert_int_equal(got.hosts[i].addresses[3].ss_family, AF_INET);
        assert_int_equal(got.hosts[i].addresses[4].ss_family, AF_INET6);
    }
    buf_deinit(&a.hosts);
}

static void a_set_of_fifty_hosts_is_asked_for_sixteen(void **state)
{
    (void)state;
    enum { N = 50 };
    char text[2 * N][64];
    const char *many[2 * N];
    for (int i = 0; i < N; i++) {
        snprintf(text[2 * i], 64, "hostile.test. MX %d m%d.hostile.test.", i, i);
        snprintf(text[2 * i + 1], 64, "m%d.hostile.test. A 127.0.4.%d", i, i + 1);
        many[2 * i] = text[2 * i];
        many[2 * i + 1] = text[2 * i + 1];
    }
    dns_free(dns);
    struct dns_options options = {.local = many, .local_n = 2 * N};
    char *why = NULL;
    dns = dns_new(&loop, &options, &why);
    assert_non_null(dns);
    ask("hostile.test");
    assert_int_equal(got.hosts_n, DNS_HOSTS);
    assert_string_equal(got.hosts[0].name, "m0.hostile.test");
    assert_string_equal(got.hosts[15].name, "m15.hostile.test");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, finish)
static const struct CMUnitTest tests[] = {
    CASE(domains_are_answered_by_the_rules),
    cmocka_unit_test(equal_preferences_come_in_random_order),
    CASE(who_asks_meanwhile_shares_the_answer),
    CASE(a_thousand_domains_at_once_are_all_answered),
    CASE(resolvers_that_do_not_answer_mean_later),
    CASE(servers_named_are_asked),
    CASE(it_may_be_freed_with_questions_under_way),
    CASE(wrong_options_are_told),
    cmocka_unit_test(names_are_host_names_or_nothing),
    cmocka_unit_test(many_exchanges_and_addresses_are_capped),
    CASE(a_set_of_fifty_hosts_is_asked_for_sixteen),
};
TEST_MAIN(tests)
