/* Blocklists and reverse DNS, answered by records of ours: what is told, and what is not. */
#include "test.h"

#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "base/text.h"
#include "core/policy.h"
#include "net/dns.h"
#include "net/timer.h"
#include "warden/probe.h"

static uv_loop_t loop;
static struct timers *timers;
static struct dns *dns;
static struct probe *probe;
static char told[4096]; // a line a callback
static int log_pipe[2], log_stderr;

static const char *const records[] = {
    // a list as it should be, with its test entries
    "2.0.0.127.zen.test. A 127.0.0.2", "10.100.51.198.zen.test. A 127.0.0.2",
    "10.100.51.198.zen.test. A 127.0.0.11",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.zen.test. A 127.0.0.3",
    // lists that answer with errors, that list everybody, that were sold
    "10.100.51.198.refusing.test. A 127.255.255.254", "10.100.51.198.all.test. A 127.0.0.2",
    "1.0.0.127.all.test. A 127.0.0.2", "10.100.51.198.sold.test. A 203.0.113.5",
    "10.100.51.198.alias.test. CNAME 10.100.51.198.zen.test.",
    // names
    "10.100.51.198.in-addr.arpa. PTR old.example.", "10.100.51.198.in-addr.arpa. PTR mta1.example.",
    "mta1.example. A 198.51.100.9", "mta1.example. A 198.51.100.10",
    "11.100.51.198.in-addr.arpa. PTR mta1.example.", "12.100.51.198.in-addr.arpa. TXT \"none\"",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR six.example.",
    "six.example. AAAA 2001:db8::1",
    "14.100.51.198.in-addr.arpa. PTR a\\027b.example.",  // no host has such a name
    "13.100.51.198.in-addr.arpa. PTR late.example.com.", // nobody answers for that name
};
// What the list says later.
static const char *const later[] = {"11.100.51.198.zen.test. A 127.0.0.4",
                                    "10.100.51.198.in-addr.arpa. PTR mta1.example.",
                                    "mta1.example. A 198.51.100.10"};

static void on_outcome(void *ctx, const struct outcome *o)
{
    (void)ctx;
    size_t n = strlen(told);
    assert_true(o->at > 0);
    snprintf(told + n, sizeof(told) - n, "%s %s %s%s%s\n", outcome_kind_text(o->kind), o->ip,
             o->zone, o->answer[0] ? " " : "", o->answer);
}

static void on_reverse(void *ctx, const char *ip, bool is_wrong, const char *why)
{
    (void)ctx;
    size_t n = strlen(told);
    snprintf(told + n, sizeof(told) - n, "reverse %s %s %s\n", ip, is_wrong ? "wrong" : "fine",
             why);
}

static struct policy_zone zones[4];
static struct policy policy;

static void policy_of(const char *const *names, size_t n)
{
    policy = (struct policy){.zones = zones, .zones_n = n, .probe_every = USEC_HOUR};
    for (size_t i = 0; i < n; i++)
        zones[i] = (struct policy_zone){names[i], 1};
}

static struct dns *resolver(const char *const *local, size_t n)
{
    // A server where nobody listens: what our records do not answer finds none.
    static const char *const servers[] = {"127.0.0.1@9"};
    char *why = NULL;
    struct dns *d = dns_new(&loop, &(struct dns_options){servers, 1, local, n}, &why);
    assert_non_null(d);
    return d;
}

static int begin(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    timers = timers_new(&loop);
    dns = resolver(records, ARRAY_LEN(records));
    static const char *const one[] = {"zen.test"};
    policy_of(one, 1);
    struct probe_options options = {.dns = dns,
                                    .timers = timers,
                                    .policy = &policy,
                                    .on_outcome = on_outcome,
                                    .on_reverse = on_reverse};
    probe = probe_new(&options);
    told[0] = '\0';
    return 0;
}

static int finish(void **state)
{
    (void)state;
    probe = probe_free(probe);
    dns = dns_free(dns);
    timers = timers_free(timers);
    usec_t end = clock_monotonic() + USEC_SECOND;
    int r;
    while ((r = uv_loop_close(&loop)) != 0 && clock_monotonic() < end)
        uv_run(&loop, UV_RUN_NOWAIT);
    return r;
}

static void run_for(usec_t span)
{
    usec_t end = clock_monotonic() + span;
    while (clock_monotonic() < end) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(200);
    }
}

// Asks now and waits until `n` lines were told, and a moment longer for those too many.
static void probe_until(size_t n, usec_t most)
{
    usec_t end = clock_monotonic() + most;
    probe_now(probe);
    for (;;) {
        size_t lines = 0;
        for (const char *p = told; *p; p++)
            lines += *p == '\n';
        if (lines >= n || clock_monotonic() > end)
            break;
        run_for(USEC_MS);
    }
    run_for(30 * USEC_MS);
}

static void expect(const char *name, const char *lines)
{
    if (strcmp(told, lines) != 0)
        fail_msg("%s: told\n%s", name, told);
    told[0] = '\0';
}

static void set_ip(const char *address, const char *helo)
{
    probe_set_ips(probe, &(struct probe_ip){address, helo}, 1);
}

static void catch_log(void)
{
    assert_int_equal(pipe(log_pipe), 0);
    log_stderr = dup(STDERR_FILENO);
    dup2(log_pipe[1], STDERR_FILENO);
    close(log_pipe[1]);
}

static void caught_log(char *out, size_t room)
{
    dup2(log_stderr, STDERR_FILENO); // the last writer: the pipe ends
    close(log_stderr);
    size_t n = 0;
    ssize_t r;
    while ((r = read(log_pipe[0], out + n, room - 1 - n)) > 0)
        n += (size_t)r;
    out[n] = '\0';
    close(log_pipe[0]);
}

static void answers_are_listings_only_where_they_say_so(void **state)
{
    (void)state;
    static const struct {
        const char *name, *ip, *zone, *told;
    } cases[] = {
        {"a listing gives all its codes", "198.51.100.10", "zen.test",
         "listed 198.51.100.10 zen.test 127.0.0.2 127.0.0.11\n"},
        {"nibbles", "2001:db8::1", "zen.test", "listed 2001:db8::1 zen.test 127.0.0.3\n"},
        {"an unlisted one is no news", "198.51.100.11", "zen.test", ""},
        {"the resolver is refused", "198.51.100.10", "refusing.test", ""},
        {"a list of everybody", "198.51.100.10", "all.test", ""},
        {"the domain was sold", "198.51.100.10", "sold.test", ""},
        {"an alias is followed", "198.51.100.10", "alias.test",
         "listed 198.51.100.10 alias.test 127.0.0.2 127.0.0.11\n"},
        {"loopback on a list of ours", "127.0.0.2", "zen.test",
         "listed 127.0.0.2 zen.test 127.0.0.2\n"},
    };
    char log[4096];
    catch_log();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        policy_of(&cases[i].zone, 1);
        probe_set_policy(probe, &policy);
        set_ip(cases[i].ip, "");
        probe_until(1, 300 * USEC_MS);
        char *reverse = strstr(told, "reverse"); // another test's
        if (reverse)
            *reverse = '\0';
        expect(cases[i].name, cases[i].told);
        set_ip("198.51.100.99", ""); // the next begins with nothing known
        run_for(10 * USEC_MS);
        told[0] = '\0';
    }
    caught_log(log, sizeof(log));
    assert_non_null(strstr(log,
                           "an open or public resolver may not ask, the resolver is refused by "
                           "refusing.test (it answered 127.255.255.254)"));
    assert_non_null(strstr(log, "it lists the whole world, so nobody: all.test"));
    assert_non_null(strstr(log, "no blocklist any more: sold.test (it answered 203.0.113.5)"));
}

static void errors_are_logged_once_an_hour(void **state)
{
    (void)state;
    static const char *const zone[] = {"refusing.test"};
    char log[4096];
    policy_of(zone, 1);
    set_ip("198.51.100.10", "");
    catch_log();
    for (int i = 0; i < 5; i++)
        probe_until(99, 30 * USEC_MS);
    caught_log(log, sizeof(log));
    const char *first = strstr(log, "refusing.test");
    assert_non_null(first);
    assert_null(strstr(first + 1, "refusing.test"));
}

static void only_changes_are_told(void **state)
{
    (void)state;
    static const struct probe_ip ips[] = {{"198.51.100.10", "mta1.example"},
                                          {"198.51.100.11", "mta1.example"}};
    probe_set_ips(probe, ips, 1);
    probe_until(2, USEC_SECOND);
    expect("at first", "listed 198.51.100.10 zen.test 127.0.0.2 127.0.0.11\n"
                       "reverse 198.51.100.10 fine \n");
    probe_until(1, 50 * USEC_MS);
    expect("the same again", "");
    probe_set_ips(probe, ips, 2);
    struct dns *old = dns; // another resolver, in the middle of the questions
    probe_now(probe);
    run_for(USEC_MS / 2);
    dns = resolver(later, ARRAY_LEN(later));
    probe_set_dns(probe, dns);
    dns_free(old);
    told[0] = '\0';
    probe_until(2, USEC_SECOND);
    assert_non_null(strstr(told, "delisted 198.51.100.10 zen.test\n"));
    assert_non_null(strstr(told, "listed 198.51.100.11 zen.test 127.0.0.4\n"));
}

static void what_was_known_before_a_restart_is_no_news(void **state)
{
    (void)state;
    set_ip("198.51.100.10", "mta1.example");
    probe_believe(probe, "198.51.100.10", "zen.test");
    probe_until(1, USEC_SECOND);
    expect("listed before", "reverse 198.51.100.10 fine \n");
    probe_believe(probe, "198.51.100.77", "zen.test");
    run_for(30 * USEC_MS);
    expect("not ours any more", "delisted 198.51.100.77 zen.test\n");
    set_ip("198.51.100.11", "");
    run_for(30 * USEC_MS);
    expect("gone", "delisted 198.51.100.10 zen.test\n");
    probe_believe(probe, "198.51.100.11", "zen.test");
    probe_until(1, USEC_SECOND);
    told[strcspn(told, "\n") + 1] = '\0';
    expect("delisted meanwhile", "delisted 198.51.100.11 zen.test\n");
}

static void a_zone_that_is_named_no_more_lists_nobody(void **state)
{
    (void)state;
    set_ip("198.51.100.10", "mta1.example");
    probe_until(2, USEC_SECOND);
    told[0] = '\0';
    policy.zones_n = 0;
    probe_set_policy(probe, &policy);
    probe_until(1, USEC_SECOND);
    expect("forgotten", "delisted 198.51.100.10 zen.test\n");
}

static void an_ip_that_is_ours_no_more_is_listed_no_more(void **state)
{
    (void)state;
    set_ip("198.51.100.10", "");
    probe_until(2, USEC_SECOND);
    told[0] = '\0';
    set_ip("198.51.100.11", "");
    assert_string_equal(told, ""); // never inside a call
    run_for(30 * USEC_MS);
    if (strncmp(told, "delisted 198.51.100.10 zen.test\n", 32) != 0)
        fail_msg("gone: told\n%s", told);
    set_ip("198.51.100.10", "");
    probe_until(2, USEC_SECOND);
    if (!strstr(told, "listed 198.51.100.10 zen.test 127.0.0.2 127.0.0.11\n"))
        fail_msg("here again: %s", told);
    told[0] = '\0';
    set_ip("198.51.100.11", ""); // gone and back before anybody could be told
    set_ip("198.51.100.10", "");
    run_for(30 * USEC_MS);
    expect("back at once", "");
}

static void no_answer_changes_nothing(void **state)
{
    (void)state;
    static const char *const zone[] = {"list.example.com"}; // nobody answers there
    policy_of(zone, 1);
    set_ip("198.51.100.10", "mta1.example");
    probe_believe(probe, "198.51.100.10", "list.example.com");
    probe_until(1, 13 * USEC_SECOND);
    expect("unknown", "reverse 198.51.100.10 fine \n");
}

static void names_must_lead_back(void **state)
{
    (void)state;
    static const struct {
        const char *name, *ip, *helo, *told;
    } cases[] = {
        {"one of two names leads back", "198.51.100.10", "MTA1.example",
         "reverse 198.51.100.10 fine \n"},
        {"it greets with another", "198.51.100.10", "mx.example",
         "reverse 198.51.100.10 fine it greets as mx.example, but its name is mta1.example\n"},
        {"the name is somebody else's", "198.51.100.11", "mta1.example",
         "reverse 198.51.100.11 wrong reverse DNS says mta1.example, but that name does not lead "
         "back to 198.51.100.11\n"},
        {"no name", "198.51.100.12", "mta1.example",
         "reverse 198.51.100.12 wrong 198.51.100.12 has no reverse DNS (PTR)\n"},
        {"a name that is none", "198.51.100.14", "mta1.example",
         "reverse 198.51.100.14 wrong 198.51.100.14 has no reverse DNS (PTR)\n"},
        {"IPv6", "2001:db8::1", "six.example", "reverse 2001:db8::1 fine \n"},
        {"loopback needs none", "127.0.0.9", "mta1.example", ""},
    };
    policy.zones_n = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        probe_set_ips(probe, NULL, 0);
        set_ip(cases[i].ip, cases[i].helo);
        probe_until(1, 300 * USEC_MS);
        expect(cases[i].name, cases[i].told);
    }
}

static void many_ips_are_all_asked_about(void **state)
{
    (void)state;
    enum { MANY = 200 };
    static char text[MANY][16];
    struct probe_ip ips[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof(text[i]), "10.0.1.%d", i);
        ips[i] = (struct probe_ip){text[i], ""};
    }
    probe_set_ips(probe, ips, MANY);
    snprintf(text[MANY - 1], sizeof(text[0]), "127.0.0.2"); // one of them is listed
    probe_set_ips(probe, ips, MANY);
    probe_until(1, 5 * USEC_SECOND);
    expect("the last of many", "listed 127.0.0.2 zen.test 127.0.0.2\n");
    probe_now(probe);
    run_for(USEC_MS); // and freed while they are under way
}

static void addresses_are_named_as_lists_name_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"198.51.100.7", "7.100.51.198.zen.test"},
        {"2001:db8::abcd",
         "d.c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.zen.test"},
        {"198.51.100", NULL},
        {"::g", NULL},
        {"", NULL},
    };
    struct dns_address a;
    char name[DNS_NAME], text[DNS_ADDRESS_TEXT], zone[300];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool ok = dns_address_parse(&a, cases[i].text);
        assert_int_equal(ok, cases[i].name != NULL);
        if (!ok)
            continue;
        assert_true(dns_address_reverse(name, &a, "zen.test"));
        assert_string_equal(name, cases[i].name);
        dns_address_format(text, &a);
        assert_string_equal(text, cases[i].text);
    }
    assert_true(dns_address_parse(&a, "192.0.2.1"));
    memset(zone, 'z', sizeof(zone));
    zone[sizeof(zone) - 1] = '\0';
    assert_false(dns_address_reverse(name, &a, zone));
}

int main(void)
{
#define EACH(f) cmocka_unit_test_setup_teardown(f, begin, finish)
    const struct CMUnitTest tests[] = {
        EACH(answers_are_listings_only_where_they_say_so),
        EACH(errors_are_logged_once_an_hour),
        EACH(only_changes_are_told),
        EACH(what_was_known_before_a_restart_is_no_news),
        EACH(a_zone_that_is_named_no_more_lists_nobody),
        EACH(an_ip_that_is_ours_no_more_is_listed_no_more),
        EACH(no_answer_changes_nothing),
        EACH(names_must_lead_back),
        EACH(many_ips_are_all_asked_about),
        cmocka_unit_test(addresses_are_named_as_lists_name_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
