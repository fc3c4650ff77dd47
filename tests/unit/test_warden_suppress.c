/* Outcomes make suppressions that rule at once, stand in the ledger within a second, and are lifted when
 * it was the provider. */
#include "store_help.h"

#include "core/decision.h"
#include "core/policy.h"
#include "core/state.h"
#include "core/suppression.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "store/suppress.h"
#include "warden/incident.h"
#include "warden/reputation.h"
#include "warden/warden.h"
#include "warden/warden_room.h"

enum { ENTRIES_MOST = 40 };

static struct fixture f;
static struct timers *timers;
static struct state state;
static struct settings *settings;
static struct warden *warden;
static int entries_n;
static char entries[ENTRIES_MOST][300];

static const char config[] = "node: mta1.example.net\n"
                             "state: /tmp\n"
                             "listeners:\n  - {address: \"127.0.0.1:2525\", kind: submission}\n"
                             "pools: {shared: {ips: [127.0.0.2]}}\n"
                             "providers: providers.yaml\n"
                             "policy: policy.yaml\n";
static const char providers[] = "big: {mx: [.big.test], unknown_user: sure}\n"
                                "jp: {mx: [.jp.test], unknown_user: weak}\n";

static void load_settings(const char *policy)
{
    struct settings_mistakes m = {0};
    struct settings_text files[] = {{"m.yaml", bytes_str(config)},
                                    {"providers.yaml", bytes_str(providers)},
                                    {"policy.yaml", bytes_str(policy)}};
    if (settings_load_texts(&settings, &m, files, ARRAY_LEN(files)) != 0)
        fail_msg("%s", m.items[0].text);
}

static void on_changed(void *ctx)
{
    (void)ctx;
}

static void on_entry(void *ctx, const struct ledger_row *row)
{
    const struct entry *e = row->entry;
    const char *n = entry_field_get(e, "addresses");
    (void)ctx;
    if (e->kind != KIND_SUPPRESS && e->kind != KIND_UNSUPPRESS)
        return;
    assert_true(entries_n < ENTRIES_MOST);
    snprintf(entries[entries_n++], sizeof(entries[0]), "%s %s %s [%s] %s", kind_text(e->kind),
             e->target, n ? n : "", e->reason, e->actor);
}

static void on_letter(void *ctx, struct spool_message *m)
{
    (void)ctx;
    spool_message_free(m);
}

static void open_warden(void)
{
    timers = timers_new(&f.loop);
    state_init(&state);
    warden = warden_new(&(struct warden_options){.store = f.store,
                                                 .state = &state,
                                                 .timers = timers,
                                                 .settings = settings,
                                                 .on_changed = on_changed,
                                                 .on_entry = on_entry,
                                                 .on_message = on_letter});
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

static void begin(const char *policy)
{
    fixture_new(&f);
    load_settings(policy);
    entries_n = 0;
    open_warden();
}

static void finish(void)
{
    close_warden();
    remove_tree(f.dir);
    settings = settings_free(settings);
}

static void restart(void)
{
    warden_flush(warden);
    close_warden();
    fixture_open(&f);
    open_warden();
}

static void feed_at(usec_t at, enum outcome_kind kind, enum class class, const char *provider,
                    const char *recipient, const char *list)
{
    struct outcome o = {.at = at,
                        .kind = kind,
                        .class = class,
                        .scope = SCOPE_RECIPIENT,
                        .code = 550,
                        .customer = "acme",
                        .list = list,
                        .ip = "127.0.0.2",
                        .provider = provider,
                        .recipient = recipient,
                        .reply = "550 5.1.1 no such user"};
    warden_on_fact(warden, &o);
}

static void bounce(const char *provider, const char *recipient)
{
    feed_at(clock_wall(), OUTCOME_BOUNCED, CLASS_UNKNOWN_USER, provider, recipient, "");
}

static const struct suppression *stands(const char *address, const char *customer, const char *list)
{
    return suppressions_find(warden_suppressions(warden), address, customer, list, clock_wall());
}

static void expect_entries(int n)
{
    for (int waited = 0; entries_n < n && waited < 5000; waited += 20)
        run_for(&f, 20);
    assert_int_equal(entries_n, n);
}

static void it_rules_at_once_and_is_written_within_a_second(void **ctx)
{
    (void)ctx;
    begin("mode: enforce\n");
    bounce("big", "dead@big.test");
    bounce("big", "gone@big.test");
    bounce("big", "dead@big.test"); // known
    bounce("jp", "alive@jp.test");
    bounce("other", "once@other.test");
    assert_non_null(stands("dead@big.test", "shop", ""));
    assert_null(stands("alive@jp.test", "shop", ""));
    assert_null(stands("once@other.test", "shop", ""));
    assert_int_equal(entries_n, 0);
    expect_entries(1);
    assert_string_equal(entries[0], "suppress node:mta1.example.net 2 [2 addresses: unknown-user, "
                                    "said by big (2)] engine");
    restart();
    assert_non_null(stands("gone@big.test", "shop", ""));
    // The first sign is remembered too, and confirmed on another day.
    feed_at(clock_wall() + USEC_DAY, OUTCOME_BOUNCED, CLASS_UNKNOWN_USER, "other",
            "once@other.test", "");
    assert_non_null(stands("once@other.test", "shop", ""));
    expect_entries(2);
    finish();
}

static void wishes_are_their_customers(void **ctx)
{
    (void)ctx;
    begin("mode: observe\n");
    feed_at(clock_wall(), OUTCOME_COMPLAINED, CLASS_COMPLAINT, "big", "angry@big.test", "spring");
    feed_at(clock_wall(), OUTCOME_UNSUBSCRIBED, CLASS_UNSUBSCRIBE, "", "tired@big.test", "spring");
    bounce(
        "big",
        "dead@big.test"); // observing: customers are not acted on, addresses are known dead all the same
    assert_non_null(stands("angry@big.test", "acme", ""));
    assert_non_null(stands("tired@big.test", "acme", "spring"));
    assert_null(stands("tired@big.test", "acme", ""));
    assert_null(stands("angry@big.test", "shop", ""));
    assert_non_null(stands("dead@big.test", "shop", ""));
    expect_entries(3);
    feed_at(clock_wall(), OUTCOME_COMPLAINED, CLASS_COMPLAINT, "big", "angry@big.test", "spring");
    run_for(&f, 1200);
    assert_int_equal(entries_n, 3);
    finish();
}

static void what_nobody_vouches_for_closes_an_address_to_nobody_else(void **ctx)
{
    (void)ctx;
    begin("mode: enforce\n");
    struct outcome o = {.at = clock_wall(),
                        .kind = OUTCOME_BOUNCED,
                        .class = CLASS_UNKNOWN_USER,
                        .scope = SCOPE_RECIPIENT,
                        .customer = "acme",
                        .list = "",
                        .ip = "",
                        .provider = "big",
                        .recipient = "victim@big.test",
                        .reply = "550 5.1.1 no such user",
                        .is_unproven = true};
    warden_on_fact(warden, &o);
    assert_null(stands("victim@big.test", "acme", ""));
    o.is_unproven = false;
    warden_on_fact(warden, &o);
    assert_non_null(stands("victim@big.test", "shop", ""));
    finish();
}

static void the_engines_own_letters_suppress_nobody(void **ctx)
{
    (void)ctx;
    begin("mode: enforce\n");
    struct outcome o = {.at = clock_wall(),
                        .kind = OUTCOME_BOUNCED,
                        .class = CLASS_UNKNOWN_USER,
                        .scope = SCOPE_RECIPIENT,
                        .customer = STATE_SELF,
                        .list = "",
                        .ip = "",
                        .provider = "big",
                        .recipient = "ops@big.test",
                        .reply = ""};
    warden_on_fact(warden, &o);
    assert_null(stands("ops@big.test", "acme", ""));
    finish();
}

static void a_providers_own_trouble_lifts_what_it_said(void **ctx)
{
    (void)ctx;
    begin("mode: enforce\n");
    bounce("big", "written@big.test");
    expect_entries(1);
    bounce("big", "waiting@big.test");
    feed_at(clock_wall() - USEC_HOUR, OUTCOME_BOUNCED, CLASS_UNKNOWN_USER, "big", "old@big.test",
            "");
    feed_at(clock_wall(), OUTCOME_COMPLAINED, CLASS_COMPLAINT, "big", "angry@big.test", "");
    struct decision d = {.at = clock_wall(),
                         .action = ACTION_INCIDENT,
                         .target = "provider:big",
                         .reason = "fails for all"};
    judging_enforce(warden, &d);
    for (int waited = 0; stands("waiting@big.test", "shop", "") && waited < 5000; waited += 20)
        run_for(&f, 20);
    assert_null(stands("written@big.test", "shop", ""));
    assert_null(stands("waiting@big.test", "shop", ""));
    assert_non_null(stands("old@big.test", "shop", ""));
    assert_non_null(stands("angry@big.test", "acme", ""));
    assert_non_null(strstr(entries[entries_n - 1], "2 addresses: may be written to again"));
    const struct incident *i = incidents_open_about(warden_incidents(warden), "provider:big");
    assert_non_null(i);
    assert_int_equal(i->story[i->story_n - 1].kind, KIND_UNSUPPRESS);
    finish();
}

static int is_done;

static void on_hand(void *ctx, int r, const struct ledger_row *row)
{
    (void)ctx;
    assert_int_equal(r, 0);
    assert_non_null(row);
    is_done++;
}

static void on_hand_removed(void *ctx, const struct suppress_removed *removed)
{
    *(size_t *)ctx = removed->n;
    assert_int_equal(removed->r, 0);
    is_done++;
}

static void by_hand_it_rules_once_it_is_written(void **ctx)
{
    (void)ctx;
    size_t n = 0;
    const struct suppress_row row = {
        .address = "me@big.test",
        .owner = "acme",
        .provider = "",
        .reason = "asked by phone",
        .s = {.until = UINT32_MAX, .class = CLASS_RECIPIENT_REFUSED, .flags = SUPPRESSION_MANUAL}};
    begin("mode: enforce\n");
    is_done = 0;
    warden_suppress(warden, entry_new(KIND_SUPPRESS, "ana", "customer:acme", "asked by phone"),
                    &row, 1, on_hand, NULL);
    wait_for(&f, &is_done);
    assert_non_null(stands("ME@big.test", "acme", "spring"));
    is_done = 0;
    warden_unsuppress(warden, entry_new(KIND_UNSUPPRESS, "ana", "customer:acme", "came back"),
                      &(struct suppress_removal){.rows = &row, .n = 1}, on_hand_removed, &n);
    wait_for(&f, &is_done);
    assert_int_equal(n, 1);
    assert_null(stands("me@big.test", "acme", ""));
    finish();
}

static int hand_r;
static bool hand_has_row;

static void on_hand_tried(void *ctx, int r, const struct ledger_row *row)
{
    (void)ctx;
    hand_r = r;
    hand_has_row = row != NULL;
    is_done++;
}

// One address by hand; true when it was written.
static bool add_by_hand(const char *address, const char *owner, enum class class, unsigned flags,
                        uint32_t until)
{
    const struct suppress_row row = {
        .address = address,
        .owner = owner,
        .provider = "",
        .reason = "",
        .s = {.until = until, .class = (uint8_t) class, .flags = (uint8_t)flags}};
    is_done = 0;
    warden_suppress(warden, entry_new(KIND_SUPPRESS, "ana", "node:mta1.example.net", ""), &row, 1,
                    on_hand_tried, NULL);
    wait_for(&f, &is_done);
    assert_int_equal(hand_r, 0);
    return hand_has_row;
}

static void by_hand_nothing_is_weakened(void **ctx)
{
    (void)ctx;
    const unsigned plain = SUPPRESSION_MANUAL, trap = SUPPRESSION_MANUAL | SUPPRESSION_TRAP;
    const uint32_t soon = suppression_minute(clock_wall() + USEC_DAY), never = UINT32_MAX;
    static const struct {
        const char *name, *address, *owner;
        enum class class;
        bool is_trap, is_never, is_written;
    } cases[] = {
        {"a trap stays one", "trap@big.test", "", CLASS_RECIPIENT_REFUSED, false, true, false},
        {"it may be said again", "trap@big.test", "", CLASS_RECIPIENT_REFUSED, true, false, true},
        {"a complaint ends no sooner", "angry@big.test", "acme", CLASS_COMPLAINT, false, false,
         false},
        {"nor is it made another thing", "angry@big.test", "acme", CLASS_UNKNOWN_USER, false, true,
         false},
        {"it may be said again", "angry@big.test", "acme", CLASS_COMPLAINT, false, true, true},
        {"it is its customer's alone", "angry@big.test", "", CLASS_UNKNOWN_USER, false, false,
         true},
        {"a dead one is as the hand says", "dead@big.test", "", CLASS_RECIPIENT_REFUSED, false,
         false, true},
        {"what is over holds nobody up", "past@big.test", "", CLASS_RECIPIENT_REFUSED, false, false,
         true},
    };
    begin("mode: enforce\n");
    assert_true(add_by_hand("trap@big.test", "", CLASS_RECIPIENT_REFUSED, trap, never));
    assert_true(add_by_hand("angry@big.test", "acme", CLASS_COMPLAINT, plain, never));
    assert_true(add_by_hand("dead@big.test", "", CLASS_UNKNOWN_USER, plain, never));
    assert_true(add_by_hand("past@big.test", "", CLASS_COMPLAINT, trap, 1));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool is_written =
            add_by_hand(cases[i].address, cases[i].owner, cases[i].class,
                        cases[i].is_trap ? trap : plain, cases[i].is_never ? never : soon);
        if (is_written != cases[i].is_written)
            fail_msg("%s", cases[i].name);
    }
    assert_true(stands("trap@big.test", "shop", "")->flags & SUPPRESSION_TRAP);
    assert_int_equal(stands("angry@big.test", "acme", "")->class, CLASS_COMPLAINT);
    finish();
}

// A dead one waits for its second to be written when a hand adds it: the disk has them in that order too.
static void by_hand_comes_after_what_waits(void **ctx)
{
    (void)ctx;
    size_t n = 0;
    const struct suppress_row row = {
        .address = "dead@big.test", .owner = "", .provider = "", .reason = ""};
    begin("mode: enforce\n");
    bounce("big", "dead@big.test");
    assert_true(
        add_by_hand("dead@big.test", "", CLASS_RECIPIENT_REFUSED, SUPPRESSION_MANUAL, UINT32_MAX));
    warden_flush(warden);
    is_done = 0;
    warden_unsuppress(warden, entry_new(KIND_UNSUPPRESS, "ana", "node:mta1.example.net", ""),
                      &(struct suppress_removal){.rows = &row, .n = 1}, on_hand_removed, &n);
    wait_for(&f, &is_done);
    assert_int_equal(n, 1);
    assert_null(stands("dead@big.test", "shop", ""));
    finish();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(it_rules_at_once_and_is_written_within_a_second),
    cmocka_unit_test(wishes_are_their_customers),
    cmocka_unit_test(what_nobody_vouches_for_closes_an_address_to_nobody_else),
    cmocka_unit_test(the_engines_own_letters_suppress_nobody),
    cmocka_unit_test(a_providers_own_trouble_lifts_what_it_said),
    cmocka_unit_test(by_hand_it_rules_once_it_is_written),
    cmocka_unit_test(by_hand_nothing_is_weakened),
    cmocka_unit_test(by_hand_comes_after_what_waits),
};
TEST_MAIN(tests)
