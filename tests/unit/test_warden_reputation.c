/* Reputation at work: what it decides becomes entries, once, whatever happens to the process. */
#include "store_help.h"

#include "core/decision.h"
#include "core/policy.h"
#include "core/reputation.h"
#include "core/state.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "warden/decide.h"
#include "warden/reputation.h"
#include "warden/warden.h"

enum { KINDS_MOST = 100 };

static struct fixture f;
static struct timers *timers;
static struct state state;
static struct settings settings;
static struct settings_pool pools[] = {{.name = "shared"}, {.name = "probation"}};
static struct warden *warden;
static unsigned fed;
static int letters;
static char bodies[20][6000];

// What the engine wrote into the ledger, without incidents.
static char kinds[KINDS_MOST][32];
static char evidence[8000];
static int kinds_n;

static void on_changed(void *ctx)
{
    (void)ctx;
}

static void on_entry(void *ctx, const struct ledger_row *row)
{
    const struct entry *e = row->entry;
    const char *would = entry_field_get(e, "would");
    (void)ctx;
    if (strcmp(e->actor, "engine") != 0 || e->kind == KIND_INCIDENT || e->kind == KIND_INCIDENT_END)
        return;
    assert_true(kinds_n < KINDS_MOST);
    snprintf(kinds[kinds_n++], sizeof(kinds[0]), "%s%s", would ? "would " : "",
             would ? would : kind_text(e->kind));
    snprintf(evidence, sizeof(evidence), "%s", e->evidence);
}

static void on_letter(void *ctx, struct spool_message *m)
{
    (void)ctx;
    assert_true(letters < 20);
    snprintf(bodies[letters++], sizeof(bodies[0]), "%s", (const char *)m->body);
    spool_message_free(m);
}

static void load_entry(void *ctx, const struct entry *e)
{
    (void)ctx;
    state_apply(&state, e);
}

static void add_ip(const char *address)
{
    struct state_ip *ip = state_ip_add(&state, address);
    xfree(ip->pool);
    ip->pool = xstrdup("shared");
    ip->is_configured = ip->is_here = true;
}

static void open_warden(void)
{
    timers = timers_new(&f.loop);
    state_init(&state);
    add_ip("127.0.0.11");
    add_ip("127.0.0.12");
    ledger_each(f.store, load_entry, NULL);
    warden = warden_new(&(struct warden_options){.store = f.store,
                                                 .state = &state,
                                                 .timers = timers,
                                                 .settings = &settings,
                                                 .on_changed = on_changed,
                                                 .on_entry = on_entry,
                                                 .on_message = on_letter});
    warden_recall(warden);
}

static void close_warden(void)
{
    f.store = store_close(f.store);
    warden = warden_free(warden);
    timers_free(timers);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&f.loop) == 0);
    state_deinit(&state);
}

static int begin(void **ctx)
{
    (void)ctx;
    fixture_new(&f);
    settings = (struct settings){.node = "mta1.example.net", .pools = pools, .pools_n = 2};
    policy_default(&settings.policy);
    settings.policy.is_there = true;
    fed = 0;
    kinds_n = letters = 0;
    open_warden();
    return 0;
}

static int finish(void **ctx)
{
    (void)ctx;
    close_warden();
    remove_tree(f.dir);
    return 0;
}

// run_for() may wait for the loop's next timer, which is far here.
static void pump(unsigned ms)
{
    usec_t end = clock_monotonic() + ms * USEC_MS;
    do {
        uv_run(&f.loop, UV_RUN_NOWAIT);
        usleep(200);
    } while (clock_monotonic() < end);
}

// What was written is there; a gentle end keeps what is known.
static void restart(bool is_gentle)
{
    if (is_gentle)
        warden_keep(warden);
    pump(50);
    close_warden();
    fixture_open(&f);
    open_warden();
}

// As the engine does: recorded, and fed.
static void feed(const char *customer, unsigned i, bool is_dead)
{
    char recipient[64];
    struct message_id id = store_message_id(f.store, clock_wall());
    struct outcome o = outcome_of(id, 0, is_dead ? OUTCOME_BOUNCED : OUTCOME_DELIVERED, customer);
    snprintf(recipient, sizeof(recipient), "%s%u@big.test", customer, i);
    o.class = is_dead ? CLASS_UNKNOWN_USER : CLASS_DELIVERED;
    o.scope = SCOPE_RECIPIENT;
    o.phase = PHASE_RCPT;
    o.ip = "127.0.0.11";
    o.provider = "big";
    o.recipient = recipient;
    o.reply = is_dead ? "550 5.1.1 <nobody@big.test>: no such user" : "250 ok";
    spool_outcome(f.store, &o, 0);
    warden_on_fact(warden, &o);
}

static bool is_suspended(void)
{
    return state_standing(&state, "acme", "", clock_wall(), NULL) == STANDING_SUSPENDED;
}

// One of everybody; every third of acme's is dead.
static void step(void)
{
    static const char *const others[] = {"grandma", "c3", "c4", "c5"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        feed(others[i], fed, false);
    feed("acme", fed, fed % 3 == 0);
    fed++;
    pump(2);
}

// The disk may be slow: until the last decision is in the ledger.
static void pump_until_written(const char *kind)
{
    for (int i = 0; i < 250 && (!kinds_n || strcmp(kinds[kinds_n - 1], kind) != 0); i++)
        pump(20);
    pump(20);
}

static unsigned steps_until_suspended(void)
{
    while (!is_suspended() && fed < 200)
        step();
    pump_until_written("suspend");
    return fed;
}

static void a_harmful_customer_is_suspended_and_the_ledger_says_why(void **ctx)
{
    (void)ctx;
    assert_true(steps_until_suspended() < 60);
    assert_string_equal(kinds[0], "warn");
    assert_string_equal(kinds[kinds_n - 1], "suspend");
    assert_non_null(strstr(evidence, "\"customer\":\"acme\""));
    assert_non_null(strstr(evidence, "550 5.1.1 <…>: no such user"));
    assert_null(strchr(evidence, '@'));
    assert_int_equal(state_standing(&state, "grandma", "", clock_wall(), NULL), STANDING_GOOD);
}

static void restarts_change_nothing(void **ctx)
{
    unsigned without = steps_until_suspended();
    int decided = kinds_n;
    static const bool is_gentle[][3] = {
        {true, true, true}, {false, false, false}, {false, true, false}};
    for (size_t i = 0; i < ARRAY_LEN(is_gentle); i++) {
        finish(ctx);
        begin(ctx);
        for (size_t k = 0; k < 3; k++) {
            while (fed < without * (k + 1) / 4)
                step();
            restart(is_gentle[i][k]);
        }
        assert_int_equal(steps_until_suspended(), without);
        restart(is_gentle[i][0]);
        pump(100);
        assert_int_equal(kinds_n, decided);
        assert_true(is_suspended());
    }
}

static void a_decision_that_the_kill_swallowed_is_made_at_the_start(void **ctx)
{
    (void)ctx;
    unsigned n = steps_until_suspended();
    finish(ctx);
    begin(ctx);
    while (fed < n - 1)
        step();
    restart(true);
    int before = kinds_n;
    struct policy *p = &settings.policy;
    p->is_there = false; // whoever is not asked decides nothing, as a process that is dead
    warden_set_settings(warden, &settings);
    step();
    p->is_there = true;
    f.store = store_close(f.store); // nothing is kept, and nothing in the ledger
    warden = warden_free(warden);
    timers_free(timers);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&f.loop) == 0);
    state_deinit(&state);
    assert_int_equal(kinds_n, before);
    fixture_open(&f);
    open_warden();
    pump_until_written("suspend");
    assert_true(is_suspended());
    assert_string_equal(kinds[kinds_n - 1], "suspend");
}

static void what_is_only_observed_is_recorded_and_not_in_force(void **ctx)
{
    unsigned n = steps_until_suspended();
    char enforced[KINDS_MOST][32];
    int enforced_n = kinds_n;
    memcpy(enforced, kinds, sizeof(kinds));
    finish(ctx);
    begin(ctx);
    settings.policy.is_observing = true;
    warden_set_settings(warden, &settings);
    while (fed < n) {
        step();
        if (fed == n / 2)
            restart(false);
    }
    pump_until_written("would suspend");
    assert_int_equal(kinds_n, enforced_n);
    for (int i = 0; i < kinds_n; i++)
        assert_string_equal(kinds[i] + strlen("would "), enforced[i]);
    assert_int_equal(state_standing(&state, "acme", "", clock_wall(), NULL), STANDING_GOOD);
    restart(true);
    settings.policy.is_observing = false;
    warden_set_settings(warden, &settings);
    assert_true(steps_until_suspended() > n);
    assert_true(is_suspended()); // on evidence since then
}

static void without_a_policy_nothing_is_decided_and_all_is_seen(void **ctx)
{
    (void)ctx;
    struct reputation_harm harm;
    settings.policy.is_there = false;
    warden_set_settings(warden, &settings);
    for (int i = 0; i < 60; i++)
        step();
    pump(50);
    assert_int_equal(kinds_n, 0);
    assert_true(reputation_harm_get(warden_reputation(warden), "acme", HARM_DEAD, &harm));
    assert_int_equal(harm.bad, 20);
}

static void set_contact(void)
{
    struct entry *e = entry_new(KIND_CUSTOMER, "ana", "customer:acme", "");
    entry_add_field(e, "contact", "ops@acme.example", true);
    entry_add_field(e, "language", "de", false);
    warden_enforce(warden, e, NULL, NULL);
    pump(100);
}

static void lift_all(void)
{
    struct entry *e = entry_new(KIND_RESTORE, "ana", "customer:acme", "cleaned");
    const struct state_entry *se = map_get_str(&state.by_target, "customer:acme");
    for (; se; se = se->next_of_target)
        entry_add_name(e, se->entry->name);
    warden_enforce(warden, e, NULL, NULL);
    pump(100);
}

static void a_cause_is_told_once_a_day_and_each_worse_step(void **ctx)
{
    (void)ctx;
    set_contact();
    steps_until_suspended();
    assert_true(kinds_n > 1);
    warden_flush(warden); // what was milder is no news beside it
    pump(100);
    assert_int_equal(letters, 1);
    assert_non_null(strstr(bodies[letters - 1], "angehalten"));
    assert_non_null(strstr(bodies[letters - 1], "Empf=C3=A4ngern"));
    assert_null(strstr(bodies[letters - 1], "nobody@"));
    lift_all();
    int told = letters; // with the operator's own
    restart(false);
    unsigned until = fed + 60;
    while (fed < until && !is_suspended())
        step();
    pump(200);
    assert_true(is_suspended());
    assert_int_equal(letters, told);
}

static void a_warning_alone_is_told_after_a_moment(void **ctx)
{
    (void)ctx;
    set_contact();
    while (!kinds_n && fed < 100)
        step();
    assert_string_equal(kinds[0], "warn");
    pump(100);
    assert_int_equal(letters, 0);
    warden_flush(warden);
    for (int i = 0; i < 100 && !letters; i++)
        pump(20);
    assert_int_equal(letters, 1);
    assert_non_null(strstr(bodies[0], "braucht Aufmerksamkeit"));
}

static void what_operators_lift_is_known_over_a_restart(void **ctx)
{
    (void)ctx;
    unsigned n = steps_until_suspended();
    lift_all();
    restart(false);
    int before = kinds_n;
    for (int i = 0; i < 4; i++)
        step();
    pump(50);
    assert_int_equal(kinds_n, before);
    assert_true(!is_suspended() && n);
}

static void what_operators_undo_begins_anew(void **ctx)
{
    (void)ctx;
    const struct entry *why;
    steps_until_suspended();
    state_standing(&state, "acme", "", clock_wall(), &why);
    struct entry *undo = entry_new(KIND_UNDO, "ana", "customer:acme", "a mistake");
    entry_add_name(undo, why->name);
    warden_enforce(warden, undo, NULL, NULL);
    pump(200);
    assert_false(is_suspended());
    restart(true);
    unsigned until = fed + 6;
    while (fed < until)
        step();
    pump(50);
    assert_false(is_suspended());
    assert_int_equal(steps_until_suspended() > until, true); // it goes on, and is seen
}

static void block(const char *ip)
{
    struct outcome o = outcome_of((struct message_id){0, 0}, 0, OUTCOME_DEFERRED, "");
    o.class = CLASS_IP_REPUTATION_BLOCK;
    o.scope = SCOPE_IP;
    o.phase = PHASE_BANNER;
    o.code = 554;
    o.ip = ip;
    o.reply = "554 5.7.1 blocked";
    o.recipient = "";
    spool_outcome(f.store, &o, 0);
    warden_on_fact(warden, &o);
}

static void a_lane_that_is_paused_by_hand_is_not_paused_again(void **ctx)
{
    (void)ctx;
    for (int i = 0; i < 5; i++)
        step();
    struct entry *e = entry_new(KIND_PAUSE, "ana", "provider:big", "peace");
    e->expires_at = clock_wall() + 12 * USEC_HOUR;
    warden_enforce(warden, e, NULL, NULL);
    block("127.0.0.11");
    assert_false(kinds_n);
    restart(false);
    block("127.0.0.12");
    pump(50);
    assert_false(kinds_n);
}

static void a_blocked_lane_is_paused_at_once_and_over_a_restart(void **ctx)
{
    (void)ctx;
    for (int i = 0; i < 5; i++)
        step();
    block("127.0.0.11");
    assert_non_null(state_lane(&state, "127.0.0.11", "big", clock_wall()));
    pump_until_written("pause");
    restart(false);
    assert_non_null(state_lane(&state, "127.0.0.11", "big", clock_wall()));
    assert_null(state_lane(&state, "127.0.0.12", "big", clock_wall()));
    pump(50);
    assert_int_equal(kinds_n, 1);
}

// ---- from a decision to an entry

static void addresses_are_masked(void **ctx)
{
    (void)ctx;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"550 5.1.1 <a.b+c@big.test>: no such user", "550 5.1.1 <…>: no such user"},
        {"a@b.test is not here", "<…> is not here"},
        {"no user \"john doe\"@b.test.", "no user <…>."},
        {"rfc822;a@b.test", "rfc822;<…>"},
        {"a@[192.0.2.1] b@c", "<…> <…>"},
        {"mail a@b, c@d.", "mail <…>, <…>."},
        {"jörg@müller.test", "<…>"},
        {"@ alone, a@ and @b", "@ alone, a@ and @b"},
        {"554 IP 192.0.2.1 blocked", "554 IP 192.0.2.1 blocked"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[100];
        snprintf(text, sizeof(text), "%s", cases[i].from);
        decide_mask(text, sizeof(text));
        assert_string_equal(text, cases[i].to);
    }
    char small[9] = "a@b c@d";
    decide_mask(small, sizeof(small)); // grows, and is cut at a whole character
    assert_string_equal(small, "<…> <");
}

static const struct node_id here = {1}, elsewhere = {2};

static void apply_of(struct node_id node, struct entry *e, uint64_t seq)
{
    e->name = (struct entry_name){node, seq};
    e->hlc = (int64_t)seq;
    state_apply(&state, e);
    entry_free(e);
}

static void apply(struct entry *e, uint64_t seq)
{
    apply_of(here, e, seq);
}

static void a_lift_takes_the_engines_own_holds_alone(void **ctx)
{
    (void)ctx;
    struct decision d = {.at = clock_wall(), .action = ACTION_RESTORE, .target = "customer:acme"};
    assert_null(decide_entry(&d, &state, &settings, here, false)); // nothing stands
    apply(entry_new(KIND_SUSPEND, "ana", "customer:acme", ""), 1);
    assert_null(decide_entry(&d, &state, &settings, here, false));
    apply_of(elsewhere, entry_new(KIND_SUSPEND, "engine", "customer:acme", ""), 1);
    assert_null(
        decide_entry(&d, &state, &settings, here, false)); // another node's engine knows why
    apply(entry_new(KIND_THROTTLE, "engine", "customer:acme", ""), 2);
    CLEANUP(entry_free) struct entry *e = decide_entry(&d, &state, &settings, here, false);
    assert_int_equal(e->names_n, 1);
    assert_int_equal(e->names[0].seq, 2);
    assert_string_equal(e->actor, "engine");
    d.is_over = true; // what it speaks of has run out; what stands is another, and longer
    assert_null(decide_entry(&d, &state, &settings, here, false));
    CLEANUP(entry_free) struct entry *observed = decide_entry(&d, &state, &settings, here, true);
    assert_int_equal(observed->kind, KIND_OBSERVED);
    assert_int_equal(observed->names_n, 0);
}

static void decisions_become_entries(void **ctx)
{
    (void)ctx;
    static const struct {
        struct decision d;
        enum kind kind;
        const char *field, *value;
    } cases[] = {
        {{.action = ACTION_THROTTLE, .target = "customer:acme"}, KIND_THROTTLE, "rate", "100/h"},
        {{.action = ACTION_WARN, .target = "customer:acme", .has_harm = true, .harm = HARM_SPAM},
         KIND_WARN,
         "harm",
         "spam rejections"},
        {{.action = ACTION_PAUSE, .target = "lane:127.0.0.11/big", .until = 77},
         KIND_PAUSE,
         NULL,
         NULL},
        {{.action = ACTION_POOL, .target = "customer:acme", .pool = "probation"},
         KIND_CUSTOMER,
         "pool",
         "probation"},
        {{.action = ACTION_CALL_OPERATOR, .target = "ip:127.0.0.11"},
         KIND_CALL_OPERATOR,
         NULL,
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(entry_free)
        struct entry *e = decide_entry(&cases[i].d, &state, &settings, here, false);
        assert_int_equal(e->kind, cases[i].kind);
        assert_string_equal(e->target, cases[i].d.target);
        assert_true(e->expires_at == (cases[i].d.until ? cases[i].d.until : USEC_NEVER));
        if (cases[i].field)
            assert_string_equal(entry_field_get(e, cases[i].field), cases[i].value);
    }
    struct decision d = {.action = ACTION_POOL, .target = "customer:acme", .pool = "moon"};
    assert_null(decide_entry(&d, &state, &settings, here, false));
    d.action = ACTION_INCIDENT;
    assert_null(decide_entry(&d, &state, &settings, here, false));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, finish)
static const struct CMUnitTest tests[] = {
    CASE(a_harmful_customer_is_suspended_and_the_ledger_says_why),
    CASE(restarts_change_nothing),
    CASE(a_decision_that_the_kill_swallowed_is_made_at_the_start),
    CASE(what_is_only_observed_is_recorded_and_not_in_force),
    CASE(without_a_policy_nothing_is_decided_and_all_is_seen),
    CASE(a_cause_is_told_once_a_day_and_each_worse_step),
    CASE(a_warning_alone_is_told_after_a_moment),
    CASE(what_operators_lift_is_known_over_a_restart),
    CASE(what_operators_undo_begins_anew),
    CASE(a_lane_that_is_paused_by_hand_is_not_paused_again),
    CASE(a_blocked_lane_is_paused_at_once_and_over_a_restart),
    CASE(addresses_are_masked),
    CASE(a_lift_takes_the_engines_own_holds_alone),
    CASE(decisions_become_entries),
};
TEST_MAIN(tests)
