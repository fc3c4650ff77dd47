/* Every decision goes through a real ledger, and every letter through a real spool. */
#include "store_help.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/text.h"
#include "core/state.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "warden/warden.h"

enum { LETTERS = 1100 };

static struct fixture f;
static struct timers *timers;
static struct state state;
static struct settings settings;
static struct warden *warden;
static int changes, entries, letters_n, decided, refused;
static struct spool_message *letters[LETTERS];
static struct entry *last; // the one that was decided last

static void on_changed(void *ctx)
{
    (void)ctx;
    changes++;
}

static void on_entry(void *ctx, const struct ledger_row *row)
{
    (void)ctx;
    assert_true(row->entry->name.seq);
    entries++;
}

static void on_letter(void *ctx, struct spool_message *m)
{
    (void)ctx;
    assert_true(letters_n < LETTERS);
    letters[letters_n++] = m;
}

static void on_decided(void *ctx, int r, const struct ledger_row *row)
{
    (void)ctx;
    if (r < 0) {
        refused = r;
        return;
    }
    decided++;
    entry_free(last);
    last = entry_copy(row->entry);
}

static int begin(void **ctx)
{
    (void)ctx;
    fixture_new(&f);
    timers = timers_new(&f.loop);
    state_init(&state);
    settings = (struct settings){.node = "mta1.example.net", .policy = {.tells_customer = true}};
    changes = entries = letters_n = decided = refused = 0;
    warden = warden_new(&(struct warden_options){.store = f.store,
                                                 .state = &state,
                                                 .timers = timers,
                                                 .settings = &settings,
                                                 .on_changed = on_changed,
                                                 .on_entry = on_entry,
                                                 .on_message = on_letter});
    return 0;
}

static int finish(void **ctx)
{
    (void)ctx;
    f.store = store_close(f.store);
    warden_free(warden);
    timers_free(timers);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&f.loop) == 0);
    remove_tree(f.dir);
    state_deinit(&state);
    last = entry_free(last);
    for (int i = 0; i < letters_n; i++)
        spool_message_free(letters[i]);
    return 0;
}

static void wait_n(const int *number, int n, unsigned ms)
{
    for (unsigned waited = 0; *number < n && waited < ms; waited += 20)
        run_for(&f, 20);
    assert_int_equal(*number, n);
}

static void enforce(struct entry *e)
{
    warden_enforce(warden, e, on_decided, NULL);
}

static void decide(enum kind kind, const char *target)
{
    int before = decided;
    enforce(entry_new(kind, "ana", target, "test"));
    wait_n(&decided, before + 1, 5000);
}

static enum standing standing(const char *customer, const struct entry **why)
{
    return state_standing(&state, customer, "", clock_wall(), why);
}

// ---- decisions

static void a_hold_rules_before_its_commit_and_then_has_its_name(void **ctx)
{
    (void)ctx;
    const struct entry *why;
    enforce(entry_new(KIND_SUSPEND, "ana", "customer:acme", "test"));
    assert_int_equal(standing("acme", &why), STANDING_SUSPENDED);
    struct entry_name provisional = why->name;
    assert_int_equal(provisional.node.v, 0);
    assert_int_equal(entries, 0);
    assert_int_equal(changes, 1); // who acts on the state has looked already
    wait_n(&decided, 1, 5000);
    assert_int_equal(standing("acme", &why), STANDING_SUSPENDED);
    assert_true(entry_name_equal(why->name, last->name));
    assert_int_equal(why->name.node.v, store_node_id(f.store).v);
    assert_true(why->hlc == last->hlc && why->hlc);
    assert_null(state_entry_get(&state, provisional));
    assert_int_equal(entries, 1);
}

static void what_lets_mail_out_waits_for_its_commit(void **ctx)
{
    (void)ctx;
    decide(KIND_SUSPEND, "customer:acme");
    struct entry *restore = entry_new(KIND_RESTORE, "ana", "customer:acme", "test over");
    entry_add_name(restore, last->name);
    enforce(restore);
    assert_int_equal(standing("acme", NULL), STANDING_SUSPENDED);
    wait_n(&decided, 2, 5000);
    assert_int_equal(standing("acme", NULL), STANDING_GOOD);
}

static void a_lift_of_a_hold_without_a_name_waits_for_the_name(void **ctx)
{
    (void)ctx;
    const struct entry *why;
    enforce(entry_new(KIND_SUSPEND, "ana", "customer:acme", "test"));
    enforce(entry_new(KIND_WARN, "ana", "customer:shop", "test"));
    standing("acme", &why);
    struct entry *restore = entry_new(KIND_RESTORE, "ana", "customer:acme", "at once");
    entry_add_name(restore, why->name);
    enforce(restore);
    wait_n(&decided, 3, 5000);
    assert_int_equal(last->kind, KIND_RESTORE);
    assert_int_equal(last->names[0].seq, 1);
    assert_int_equal(last->names[0].node.v, store_node_id(f.store).v);
    assert_int_equal(standing("acme", NULL), STANDING_GOOD);
    assert_int_equal(standing("shop", NULL), STANDING_WARNED);
}

static void what_still_waits_at_the_end_is_told(void **ctx)
{
    struct entry *lift = entry_new(KIND_RESTORE, "ana", "customer:acme", "of nothing");
    entry_add_name(lift, (struct entry_name){.seq = 77});
    enforce(lift);
    run_for(&f, 100);
    assert_int_equal(decided + refused, 0);
    f.store = store_close(f.store);
    warden = warden_free(warden);
    assert_int_equal(refused, -ECANCELED);
    finish(ctx);
    begin(ctx);
}

// ---- reports

static struct spool_message *failing(const char *sender)
{
    struct spool_message *m = message_make(f.store, "shop", 1, 0);
    xfree(m->sender);
    m->sender = xstrdup(sender);
    xfree(m->body);
    m->body = (uint8_t *)xstrdup("Subject: the one that failed\r\n\r\nsecret\r\n");
    m->size = strlen((const char *)m->body);
    return m;
}

static void fail_one(const struct spool_message *m, unsigned no, enum outcome_kind kind)
{
    char recipient[40];
    snprintf(recipient, sizeof(recipient), "r%u@big.test", no);
    struct outcome o = outcome_of(m->id, no, kind, "shop");
    o.class = CLASS_UNKNOWN_USER;
    o.recipient = recipient;
    o.reply = "550 5.1.1 no such user";
    warden_on_outcome(warden, &o, m);
}

static const char *body_of(int i)
{
    return (const char *)letters[i]->body;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

static void failures_of_a_second_are_one_report(void **ctx)
{
    (void)ctx;
    CLEANUP(spool_message_free) struct spool_message *m = failing("a@shop.test");
    fail_one(m, 0, OUTCOME_BOUNCED);
    fail_one(m, 1, OUTCOME_EXPIRED);
    fail_one(m, 2, OUTCOME_DELIVERED);
    fail_one(m, 3, OUTCOME_DEFERRED);
    run_for(&f, 500);
    fail_one(m, 4, OUTCOME_BOUNCED);
    assert_int_equal(letters_n, 0);
    wait_n(&letters_n, 1, 3000);
    const struct spool_message *l = letters[0];
    assert_string_equal(l->sender, "");
    assert_string_equal(l->customer, STATE_SELF);
    assert_int_equal(l->recipients_n, 1);
    assert_string_equal(l->recipients[0].address, "a@shop.test");
    assert_int_equal(count(body_of(0), "Final-Recipient:"), 3);
    assert_non_null(strstr(body_of(0), "rfc822; r4@big.test"));
    assert_non_null(strstr(body_of(0), "Subject: the one that failed"));
    assert_null(strstr(body_of(0), "secret"));
    fail_one(m, 5, OUTCOME_BOUNCED);
    wait_n(&letters_n, 2, 3000);
    assert_int_equal(count(body_of(1), "Final-Recipient:"), 1);
}

static void nobody_is_told_of_a_report_that_failed(void **ctx)
{
    (void)ctx;
    CLEANUP(spool_message_free) struct spool_message *m = failing("");
    fail_one(m, 0, OUTCOME_BOUNCED);
    warden_flush(warden);
    run_for(&f, 1300);
    assert_int_equal(letters_n, 0);
}

static void a_hundred_failures_fill_a_report(void **ctx)
{
    (void)ctx;
    CLEANUP(spool_message_free) struct spool_message *m = failing("a@shop.test");
    for (unsigned i = 0; i < 101; i++)
        fail_one(m, i, OUTCOME_BOUNCED);
    wait_n(&letters_n, 1, 900);
    assert_int_equal(count(body_of(0), "Final-Recipient:"), 100);
    wait_n(&letters_n, 2, 3000);
    assert_int_equal(count(body_of(1), "Final-Recipient:"), 1);
}

static void in_a_flood_the_oldest_report_goes_out_early(void **ctx)
{
    (void)ctx;
    enum { FLOOD = 1003 };
    struct spool_message *all[FLOOD];
    for (unsigned i = 0; i < FLOOD; i++) {
        all[i] = failing("a@shop.test");
        fail_one(all[i], i, OUTCOME_BOUNCED);
    }
    for (unsigned i = 0; i < FLOOD; i++)
        spool_message_free(all[i]);
    wait_n(&letters_n, 3, 900);
    assert_non_null(strstr(body_of(0), "rfc822; r0@big.test"));
    warden_flush(warden); // as at the end
    wait_n(&letters_n, FLOOD, 8000);
}

static void a_letter_waits_for_room_on_the_disk(void **ctx)
{
    (void)ctx;
    struct rlimit before, none;
    CLEANUP(spool_message_free) struct spool_message *m = failing("a@shop.test");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    none = (struct rlimit){4096, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    fail_one(m, 0, OUTCOME_BOUNCED);
    warden_flush(warden);
    run_for(&f, 1500);
    assert_int_equal(letters_n, 0);
    setrlimit(RLIMIT_FSIZE, &before);
    wait_n(&letters_n, 1, 8000);
    assert_int_equal(count(body_of(0), "Final-Recipient:"), 1);
}

// ---- notices

static void set_contact(const char *customer, const char *contact)
{
    CLEANUP(xfree) char *target = xasprintf("customer:%s", customer);
    struct entry *e = entry_new(KIND_CUSTOMER, "ana", target, "");
    entry_add_field(e, "contact", contact, true);
    int before = decided;
    enforce(e);
    wait_n(&decided, before + 1, 5000);
}

static void a_customer_is_told_what_was_done_whoever_did_it(void **ctx)
{
    (void)ctx;
    static const struct {
        const char *name;
        enum kind kind;
        const char *actor, *target, *rate;
        const char *subject; // NULL: nobody is told
    } cases[] = {
        {"a warning", KIND_WARN, "ana", "customer:acme", NULL, "acme: your mail needs attention"},
        {"a throttle", KIND_THROTTLE, "engine", "customer:acme", "100/h",
         "acme: sending is slowed down"},
        {"a suspension", KIND_SUSPEND, "engine", "customer:acme", NULL,
         "acme: sending is suspended"},
        {"of a list", KIND_SUSPEND, "ana", "customer:acme/spring", NULL,
         "acme/spring: sending is suspended"},
        {"a restoration", KIND_RESTORE, "ana", "customer:acme", NULL, "acme: sending is restored"},
        {"an IP is no customer", KIND_PULL, "ana", "ip:127.0.0.2", NULL, NULL},
        {"a hold on queues is not told", KIND_HOLD, "ana", "queue:customer=acme", NULL, NULL},
        {"a change of contact is not told", KIND_CUSTOMER, "ana", "customer:acme", NULL, NULL},
        {"who has no contact hears nothing", KIND_SUSPEND, "ana", "customer:shop", NULL, NULL},
    };
    set_contact("acme", "ops@acme.example");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct entry *e = entry_new(cases[i].kind, cases[i].actor, cases[i].target, "why & how");
        int before = decided, told = letters_n;
        e->expires_at = clock_wall() + USEC_HOUR;
        if (cases[i].rate)
            entry_add_field(e, "rate", cases[i].rate, false);
        enforce(e);
        wait_n(&decided, before + 1, 5000);
        run_for(&f, 100);
        if (letters_n != told + (cases[i].subject ? 1 : 0))
            fail_msg("%s: %d letters", cases[i].name, letters_n - told);
        if (!cases[i].subject)
            continue;
        const struct spool_message *l = letters[told];
        if (strcmp(l->recipients[0].address, "ops@acme.example") != 0 || *l->sender ||
            !strstr((const char *)l->body, cases[i].subject) ||
            !strstr((const char *)l->body, "why & how") ||
            (cases[i].rate && !strstr((const char *)l->body, cases[i].rate)))
            fail_msg("%s:\n%s", cases[i].name, (const char *)l->body);
    }
}

static void where_the_policy_says_so_nobody_is_told(void **ctx)
{
    (void)ctx;
    set_contact("acme", "ops@acme.example");
    settings.policy.tells_customer = false;
    decide(KIND_SUSPEND, "customer:acme");
    run_for(&f, 200);
    assert_int_equal(letters_n, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, finish)
static const struct CMUnitTest tests[] = {
    CASE(a_hold_rules_before_its_commit_and_then_has_its_name),
    CASE(what_lets_mail_out_waits_for_its_commit),
    CASE(a_lift_of_a_hold_without_a_name_waits_for_the_name),
    CASE(what_still_waits_at_the_end_is_told),
    CASE(failures_of_a_second_are_one_report),
    CASE(nobody_is_told_of_a_report_that_failed),
    CASE(a_hundred_failures_fill_a_report),
    CASE(in_a_flood_the_oldest_report_goes_out_early),
    CASE(a_letter_waits_for_room_on_the_disk),
    CASE(a_customer_is_told_what_was_done_whoever_did_it),
    CASE(where_the_policy_says_so_nobody_is_told),
};
TEST_MAIN(tests)
