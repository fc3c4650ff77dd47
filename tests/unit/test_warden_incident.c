/* Which incident a decision belongs to, when one ends, and what is said: over a real ledger. */
#include "store_help.h"

#include "core/decision.h"
#include "core/state.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "warden/incident.h"
#include "warden/reputation.h"
#include "warden/warden.h"

static struct fixture f;
static struct timers *timers;
static struct state state;
static struct settings settings;
static struct warden *warden;
static int entries;

static void on_changed(void *ctx)
{
    (void)ctx;
}

static void on_entry(void *ctx, const struct ledger_row *row)
{
    (void)ctx;
    (void)row;
    entries++;
}

static void on_letter(void *ctx, struct spool_message *m)
{
    (void)ctx;
    spool_message_free(m);
}

static void warden_begin(void)
{
    timers = timers_new(&f.loop);
    state_init(&state);
    warden = warden_new(&(struct warden_options){.store = f.store,
                                                 .state = &state,
                                                 .timers = timers,
                                                 .settings = &settings,
                                                 .on_changed = on_changed,
                                                 .on_entry = on_entry,
                                                 .on_message = on_letter});
}

static void warden_end(void)
{
    f.store = store_close(f.store);
    warden_free(warden);
    timers_free(timers);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&f.loop) == 0);
    state_deinit(&state);
}

static int begin(void **ctx)
{
    (void)ctx;
    fixture_new(&f);
    settings = (struct settings){.node = "mta1.example.net"};
    entries = 0;
    warden_begin();
    return 0;
}

static int finish(void **ctx)
{
    (void)ctx;
    warden_end();
    remove_tree(f.dir);
    return 0;
}

static void wait_entries(int n)
{
    for (unsigned waited = 0; entries < n && waited < 8000; waited += 20)
        run_for(&f, 20);
    assert_int_equal(entries, n);
}

static enum kind kind_of(enum action action)
{
    enum kind kind = KIND_RELOAD;
    assert_true(kind_parse(&kind, action_text(action)));
    return kind;
}

// As the warden carries one out.
static void decide(const struct decision *d)
{
    if (d->action == ACTION_INCIDENT || d->action == ACTION_INCIDENT_END) {
        incident_on_decision(warden, d, NULL);
        return;
    }
    bool is_observing = settings.policy.is_observing;
    struct entry *e = entry_new(is_observing ? KIND_OBSERVED : kind_of(d->action), "engine",
                                d->target, d->reason);
    if (is_observing)
        entry_add_field(e, "would", action_text(d->action), false);
    if (kind_shape(kind_of(d->action)) == SHAPE_HOLD)
        e->expires_at = clock_wall() + USEC_HOUR;
    struct state_entry *se = map_get_str(&state.by_target, d->target);
    if (kind_shape(e->kind) == SHAPE_LIFT && se)
        entry_add_name(e, se->entry->name);
    incident_on_decision(warden, d, e);
    warden_enforce(warden, e, NULL, NULL);
}

static struct decision customer(enum action action, const char *target)
{
    struct decision d = {.action = action,
                         .has_harm = true,
                         .harm = HARM_DEAD,
                         .bad = 213,
                         .of = 3322,
                         .limit = 0.05};
    snprintf(d.target, sizeof(d.target), "%s", target);
    snprintf(d.reason, sizeof(d.reason), "dead recipients 6.4 %% of 3,322, limit 5 %%");
    snprintf(d.list, sizeof(d.list), "spring");
    return d;
}

static struct decision address(enum action action, const char *target, const char *culprit)
{
    struct decision d = {.action = action, .culprits_n = *culprit != '\0'};
    d.culprits[0] = (struct decision_culprit){.share = 0.91, .bad = 218, .of = 3322};
    snprintf(d.culprits[0].customer, sizeof(d.culprits[0].customer), "%s", culprit);
    snprintf(d.target, sizeof(d.target), "%s", target);
    snprintf(d.reason, sizeof(d.reason), "block list (S3140), 9 of 9 refused");
    return d;
}

static const struct incident *number(uint32_t n)
{
    return incidents_get(warden_incidents(warden), n);
}

static unsigned open_n(void)
{
    unsigned counts[3];
    incidents_count(warden_incidents(warden), counts);
    return counts[0] + counts[1] + counts[2];
}

static void a_throttle_opens_an_incident_that_its_entry_belongs_to(void **ctx)
{
    (void)ctx;
    struct decision d = customer(ACTION_THROTTLE, "customer:acme");
    decide(&d);
    const struct incident *i = number(1);
    assert_non_null(i);
    assert_int_equal(i->severity, SEVERITY_WARNING);
    assert_string_equal(i->what, "acme sends to dead addresses");
    assert_string_equal(i->you, "suspend acme/spring");
    assert_string_equal(i->culprit, "customer:acme");
    wait_entries(2);
    assert_int_equal(i->story_n, 2);
    assert_int_equal(i->story[0].kind, KIND_INCIDENT);
    assert_int_equal(i->story[1].kind, KIND_THROTTLE);
    assert_non_null(strstr(i->evidence, "3322"));
}

static void a_block_by_the_same_culprit_is_the_same_incident_said_worse(void **ctx)
{
    (void)ctx;
    struct decision warn = customer(ACTION_WARN, "customer:acme");
    struct decision pause = address(ACTION_PAUSE, "lane:198.51.100.7/microsoft", "acme");
    struct decision pull = address(ACTION_PULL, "ip:198.51.100.7", "");
    struct decision suspend = customer(ACTION_SUSPEND, "customer:acme");
    decide(&warn);
    decide(&pause);
    decide(&pull);
    decide(&suspend);
    const struct incident *i = number(1);
    assert_null(number(2));
    assert_int_equal(i->severity, SEVERITY_CRITICAL);
    assert_string_equal(i->what, "microsoft blocks 198.51.100.7");
    assert_string_equal(i->cause,
                        "acme: 91 % of the harm; list spring: 213 of 3,322 dead in 24 h: 6.4 %, "
                        "limit 5 %; looks like an old or bought list");
    assert_string_equal(i->you, ""); // it is done
    assert_string_equal(i->ip, "198.51.100.7");
    assert_string_equal(i->provider, "microsoft");
    wait_entries(7);
    assert_int_equal(i->story_n, 7);
}

static void unrelated_customers_have_incidents_of_their_own(void **ctx)
{
    (void)ctx;
    struct decision a = customer(ACTION_THROTTLE, "customer:acme");
    struct decision b = customer(ACTION_THROTTLE, "customer:acme-news");
    struct decision c = address(ACTION_PAUSE, "lane:198.51.100.8/gmx", "");
    decide(&a);
    decide(&b);
    decide(&c);
    assert_int_equal(open_n(), 3);
    assert_string_equal(number(3)->culprit, "");
    assert_string_equal(number(3)->you, "");
}

static void it_ends_when_what_was_done_is_lifted(void **ctx)
{
    (void)ctx;
    struct decision pause = address(ACTION_PAUSE, "lane:198.51.100.7/gmx", "acme");
    struct decision throttle = customer(ACTION_THROTTLE, "customer:acme");
    struct decision resume = address(ACTION_RESUME, "lane:198.51.100.7/gmx", "");
    struct decision restore = customer(ACTION_RESTORE, "customer:acme");
    decide(&pause);
    decide(&throttle);
    wait_entries(4); // said again: what the culprit does is known
    decide(&resume);
    wait_entries(5);
    run_for(&f, 1500);
    assert_true(incident_is_open(number(1)));
    decide(&restore);
    wait_entries(7); // and the end
    assert_false(incident_is_open(number(1)));
    assert_false(number(1)->is_resolved);
    assert_int_equal(number(1)->story_n, 7);
}

static void a_provider_is_over_its_outage_when_it_is_said(void **ctx)
{
    (void)ctx;
    struct decision d = {.action = ACTION_INCIDENT,
                         .target = "provider:yahoo",
                         .reason = "61 % deferred, 29 of 31 customers",
                         .customers = 29,
                         .customers_of = 31};
    decide(&d);
    assert_string_equal(number(1)->what, "yahoo defers 29 of 31 customers");
    assert_string_equal(number(1)->culprit, "");
    run_for(&f, 1500);
    assert_true(incident_is_open(number(1)));
    d.action = ACTION_INCIDENT_END;
    decide(&d);
    assert_false(incident_is_open(number(1)));
    wait_entries(2);
    decide(&d); // said again: nothing
    assert_null(number(2));
}

static void what_lifts_or_moves_opens_nothing(void **ctx)
{
    (void)ctx;
    static const enum action actions[] = {ACTION_RESTORE, ACTION_RETURN, ACTION_RESUME,
                                          ACTION_INCIDENT_END, ACTION_POOL};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        struct decision d = customer(actions[i], "customer:acme");
        incident_on_decision(warden, &d, NULL);
    }
    assert_int_equal(open_n(), 0);
}

static void a_restart_finds_them_again_with_their_story(void **ctx)
{
    (void)ctx;
    struct decision d = customer(ACTION_THROTTLE, "customer:acme");
    decide(&d);
    wait_entries(2);
    warden_enforce(warden, entry_new(KIND_ACK, "ana", "incident:1", ""), NULL, NULL);
    warden_enforce(warden, entry_new(KIND_RELOAD, "ana", "node:mta1", "nothing of it"), NULL, NULL);
    wait_entries(4);
    warden_end();
    fixture_open(&f);
    warden_begin();
    const struct incident *i = number(1);
    assert_true(incident_is_open(i));
    assert_string_equal(i->what, "acme sends to dead addresses");
    assert_string_equal(i->has_it, "ana");
    assert_int_equal(i->story_n, 3);
    assert_int_equal(warden_incidents(warden)->last, 1);
}

static void what_is_only_observed_stays_open_without_any_hold(void **ctx)
{
    (void)ctx;
    settings.policy.is_observing = true;
    struct decision d = customer(ACTION_SUSPEND, "customer:acme");
    decide(&d);
    wait_entries(2);
    run_for(&f, 1500);
    const struct incident *i = number(1);
    assert_true(incident_is_open(i));
    assert_string_equal(i->you, "suspend acme/spring");
    assert_non_null(strstr(i->cause, "only observed"));
    assert_int_equal(i->story[1].kind, KIND_OBSERVED);
    assert_int_equal(i->story[1].would, KIND_SUSPEND);
    d.action = ACTION_RESTORE;
    decide(&d);
    wait_entries(4);
    assert_false(incident_is_open(i));
}

static void note_disk(bool is_on)
{
    incident_note_condition(warden, "node:mta1#disk", SEVERITY_WARNING,
                            "disk: 240 MiB left, new mail refused", "/var/lib/mxwarden", is_on);
}

static void a_condition_is_one_incident_however_often_it_is_noted(void **ctx)
{
    (void)ctx;
    note_disk(false);
    assert_int_equal(open_n(), 0);
    note_disk(true);
    note_disk(true);
    incident_note_condition(warden, "node:mta1#disk", SEVERITY_CRITICAL, "disk: full", "", true);
    assert_int_equal(open_n(), 1);
    assert_int_equal(number(1)->severity, SEVERITY_CRITICAL);
    run_for(&f, 1500);
    assert_true(incident_is_open(number(1)));
    note_disk(false);
    assert_int_equal(open_n(), 0);
    wait_entries(3);
}

static void one_that_somebody_resolved_opens_again_only_after_it_was_off(void **ctx)
{
    (void)ctx;
    note_disk(true);
    warden_enforce(warden, entry_new(KIND_RESOLVE, "ana", "incident:1", ""), NULL, NULL);
    wait_entries(2);
    note_disk(true);
    assert_int_equal(open_n(), 0);
    note_disk(false);
    note_disk(true);
    assert_int_equal(open_n(), 1);
    assert_int_equal(number(2)->severity, SEVERITY_WARNING);
}

static void wrong_reverse_dns_is_an_incident_until_it_is_right(void **ctx)
{
    (void)ctx;
    const char *why = "198.51.100.7 has no reverse DNS (PTR)";
    warden_on_reverse(warden, "198.51.100.7", false, "");
    assert_int_equal(open_n(), 0);
    warden_on_reverse(warden, "198.51.100.7", true, why);
    assert_int_equal(open_n(), 1);
    const struct incident *i = number(1);
    assert_string_equal(i->what, "198.51.100.7: reverse DNS is wrong");
    assert_string_equal(i->cause, why);
    assert_string_equal(i->ip, "198.51.100.7");
    assert_int_equal(i->severity, SEVERITY_NOTICE);
    warden_on_reverse(warden, "198.51.100.7", false, "it greets as a.example, but its name is b");
    assert_int_equal(open_n(), 0);
}

static void what_is_said_of_a_decision(void **ctx)
{
    (void)ctx;
    static const struct {
        const char *name;
        bool is_observing;
        struct decision d;
        enum severity severity;
        const char *what, *cause, *you;
    } rows[] = {
        {"a stolen password",
         .d = {.action = ACTION_THROTTLE,
               .target = "customer:shop-42",
               .has_harm = true,
               .harm = HARM_SPAM,
               .bad = 9,
               .of = 107,
               .limit = 0.01,
               .signs = "looks like a stolen password: 38 times its usual rate"},
         SEVERITY_WARNING, "shop-42: a stolen password?",
         "9 of 107 refused as spam in 24 h: 8.4 %, limit 1 %; looks like a stolen password: 38 "
         "times its usual rate",
         "suspend shop-42"},
        {"complaints below one per cent",
         .d = {.action = ACTION_WARN,
               .target = "customer:velo",
               .has_harm = true,
               .harm = HARM_COMPLAINT,
               .bad = 5,
               .of = 2410,
               .limit = 0.001},
         SEVERITY_NOTICE, "velo draws spam complaints",
         "5 of 2,410 called spam in 24 h: 0.21 %, limit 0.1 %; looks like mail nobody asked for",
         ""},
        {"traps",
         .d = {.action = ACTION_SUSPEND,
               .target = "customer:velo",
               .has_harm = true,
               .harm = HARM_TRAP,
               .bad = 3,
               .limit = 2},
         SEVERITY_CRITICAL, "velo hits spam traps",
         "3 spam-trap hits in 7 days, limit 2; looks like a bought or collected list", ""},
        {"a block without a culprit",
         .d = {.action = ACTION_PAUSE,
               .target = "lane:198.51.100.11/t-online",
               .reason = "t-online blocks this IP",
               .samples = {"554 never seen this IP"}},
         SEVERITY_CRITICAL, "t-online blocks 198.51.100.11",
         "nobody of ours stands out: 554 never seen this IP", ""},
        {"a block's answer, without the host that speaks and codes said twice",
         .d = {.action = ACTION_PAUSE,
               .target = "lane:198.51.100.7/microsoft",
               .reason = "microsoft blocks this IP",
               .culprits = {{.customer = "acme", .share = 0.91, .bad = 218, .of = 3322}},
               .culprits_n = 1,
               .samples = {"550 550-5.7.1 mx3.outlook.example 5.7.1 Your network is on our list."}},
         SEVERITY_CRITICAL, "microsoft blocks 198.51.100.7",
         "acme: 91 % of the harm, 218 of 3,322 bad; 550 5.7.1 Your network is on our list.",
         "suspend acme"},
        {"repeats that are more than what was sent",
         .d = {.action = ACTION_WARN,
               .target = "customer:velo",
               .has_harm = true,
               .harm = HARM_REPEAT,
               .bad = 30,
               .of = 12,
               .limit = 0.02},
         SEVERITY_NOTICE, "velo writes to known dead addresses",
         "30 to addresses known as dead or gone in 24 h, limit 2 %; looks like a list that is "
         "never "
         "cleaned",
         ""},
        {"a block by two alike",
         .d = {.action = ACTION_PAUSE,
               .target = "lane:198.51.100.11/gmx",
               .reason = "9 of 9 refused",
               .culprits = {{.customer = "a", .share = 0.4}, {.customer = "b", .share = 0.4}},
               .culprits_n = 2},
         SEVERITY_CRITICAL, "gmx blocks 198.51.100.11",
         "no single culprit, a most: 40 % of the harm; 9 of 9 refused", ""},
        {"a listing",
         .d = {.action = ACTION_PULL,
               .target = "ip:198.51.100.40",
               .reason = "listed on zen.spamhaus.org (weight 1)"},
         SEVERITY_CRITICAL, "198.51.100.40 is on zen.spamhaus.org",
         "nobody of ours stands out: listed on zen.spamhaus.org (weight 1)", ""},
        {"our own failure",
         .d = {.action = ACTION_INCIDENT,
               .at = (usec_t)1764036840 * USEC_SECOND, // 02:14Z
               .target = "node:mta1",
               .customers = 30,
               .customers_of = 31},
         SEVERITY_CRITICAL, "all providers fail since 02:14Z",
         "our DNS or network: 30 of 31 customers fail everywhere; nothing is lost, nobody is "
         "judged",
         ""},
        {"the guard",
         .d = {.action = ACTION_CALL_OPERATOR,
               .target = "ip:198.51.100.7",
               .pool = "shared",
               .reason = "pulling it would leave 2 IPs, minimum 3"},
         SEVERITY_WARNING, "pool shared: the guard stopped it",
         "pulling it would leave 2 IPs, minimum 3", "pull 198.51.100.7"},
        {"what is only observed", .is_observing = true,
         .d = {.action = ACTION_PULL,
               .target = "ip:198.51.100.7",
               .reason = "blocked at gmx, yahoo"},
         SEVERITY_CRITICAL, "198.51.100.7 is blocked at gmx, yahoo",
         "nobody of ours stands out: blocked at gmx, yahoo; only observed, nothing is done",
         "pull 198.51.100.7"},
        {"a long name is cut, what is wrong never",
         .d = {.action = ACTION_THROTTLE,
               .target = "customer:a-customer-with-a-very-long-name-indeed.example",
               .has_harm = true,
               .bad = 213,
               .of = 3322,
               .limit = 0.04,
               .list = "spring"},
         SEVERITY_WARNING, "a-customer-wi… sends to dead addresses",
         "list spring: 213 of 3,322 dead in 24 h: 6.4 %, limit 4 %; looks like an old or bought "
         "list",
         "suspend a-customer-with-a-very-long-name-indeed.example/spring"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct incident_words words;
        print_message("%s\n", rows[i].name);
        assert_true(incident_words_make(&words, &rows[i].d, rows[i].is_observing));
        assert_int_equal(words.severity, rows[i].severity);
        assert_string_equal(words.what, rows[i].what);
        assert_string_equal(words.cause, rows[i].cause);
        assert_string_equal(words.you, rows[i].you);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, finish)

static const struct CMUnitTest tests[] = {
    CASE(a_throttle_opens_an_incident_that_its_entry_belongs_to),
    CASE(a_block_by_the_same_culprit_is_the_same_incident_said_worse),
    CASE(unrelated_customers_have_incidents_of_their_own),
    CASE(it_ends_when_what_was_done_is_lifted),
    CASE(a_provider_is_over_its_outage_when_it_is_said),
    CASE(what_lifts_or_moves_opens_nothing),
    CASE(a_restart_finds_them_again_with_their_story),
    CASE(what_is_only_observed_stays_open_without_any_hold),
    CASE(a_condition_is_one_incident_however_often_it_is_noted),
    CASE(one_that_somebody_resolved_opens_again_only_after_it_was_off),
    CASE(wrong_reverse_dns_is_an_incident_until_it_is_right),
    cmocka_unit_test(what_is_said_of_a_decision),
};

TEST_MAIN(tests)
