/* The table of unknown replies: what is one shape, who goes when it is full, its file, and what a new
 * configuration does to it. */
#include "store_help.h"

#include "base/buf.h"
#include "core/outcome.h"
#include "core/pack.h"
#include "core/policy.h"
#include "core/state.h"
#include "mail/replies.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "warden/reputation.h"
#include "warden/unknown.h"
#include "warden/warden.h"

static struct outcome refusal(const char *provider, const char *reply, usec_t at)
{
    return (struct outcome){.at = at,
                            .kind = OUTCOME_BOUNCED,
                            .class = CLASS_UNDETERMINED,
                            .phase = PHASE_RCPT,
                            .code = 550,
                            .customer = "acme",
                            .list = "",
                            .ip = "127.0.0.11",
                            .provider = provider,
                            .recipient = "",
                            .reply = reply,
                            .is_unknown = true};
}

static void add(struct unknown *u, const char *provider, const char *reply, usec_t at)
{
    struct outcome o = refusal(provider, reply, at);
    unknown_add(u, &o);
}

struct found {
    const struct unknown_reply *rows[UNKNOWN_MOST + 1];
    size_t n;
};

static void on_row(void *ctx, const struct unknown_reply *r)
{
    struct found *found = ctx;
    found->rows[found->n++] = r;
}

static const struct unknown_reply *only(const struct unknown *u)
{
    static struct found found;
    found.n = 0;
    unknown_each(u, on_row, &found);
    assert_int_equal(found.n, 1);
    return found.rows[0];
}

static size_t count(const struct unknown *u)
{
    return u->by_key.count;
}

static void replies_of_one_shape_are_one_row(void **ctx)
{
    (void)ctx;
    struct unknown u;
    unknown_init(&u);
    add(&u, "big", "550 <joe@big.test> made 7 people sad", 1000);
    add(&u, "small", "550 <amy@small.test> made 12 people sad", 2000);
    add(&u, "big", "550 <bob@big.test> made 9 people sad", 3000);
    const struct unknown_reply *r = only(&u);
    assert_string_equal(r->shape, "* made * people sad");
    assert_string_equal(r->sample, "550 <…> made 7 people sad");
    assert_int_equal(r->count, 3);
    assert_int_equal(r->first_at, 1000);
    assert_int_equal(r->last_at, 3000);
    assert_int_equal(r->providers_n, 2);
    assert_string_equal(r->providers[1], "small");
    assert_int_equal(r->class, CLASS_UNDETERMINED);
    struct outcome later = refusal("big", "550 <joe@big.test> made 7 people sad", 4000);
    later.phase = PHASE_DATA; // in answer to something else it means something else
    unknown_add(&u, &later);
    assert_int_equal(count(&u), 2);
    unknown_deinit(&u);
}

static void providers_beyond_the_bound_are_not_named(void **ctx)
{
    (void)ctx;
    struct unknown u;
    unknown_init(&u);
    for (int i = 0; i < 20; i++) {
        char name[20];
        snprintf(name, sizeof(name), "p%d", i % 12);
        add(&u, name, "550 sad", 1000 + i);
    }
    assert_int_equal(only(&u)->providers_n, UNKNOWN_PROVIDERS);
    assert_true(only(&u)->has_more_providers);
    unknown_deinit(&u);
}

// "550 aab sad": a shape of its own for each number.
static void add_numbered(struct unknown *u, unsigned i, usec_t at)
{
    char reply[40];
    snprintf(reply, sizeof(reply), "550 a%c%c%c sad", 'a' + i / 676 % 26, 'a' + i / 26 % 26,
             'a' + i % 26);
    add(u, "big", reply, at);
}

static bool has(const struct unknown *u, const char *shape)
{
    static struct found found;
    found.n = 0;
    unknown_each(u, on_row, &found);
    for (size_t i = 0; i < found.n; i++)
        if (strcmp(found.rows[i]->shape, shape) == 0)
            return true;
    return false;
}

static void a_full_table_forgets_the_least_used_of_the_oldest(void **ctx)
{
    (void)ctx;
    struct unknown u;
    unknown_init(&u);
    for (unsigned i = 0; i < UNKNOWN_MOST; i++)
        for (unsigned k = 0; k < (i == 3 ? 1u : 2u); k++)
            add_numbered(&u, i, 1000 + i);
    assert_int_equal(count(&u), UNKNOWN_MOST);
    add_numbered(&u, UNKNOWN_MOST, 9000);
    assert_int_equal(count(&u), UNKNOWN_MOST);
    assert_false(has(&u, "aaad sad"));
    assert_true(has(&u, "aaaa sad"));
    add_numbered(&u, 0, 9001); // seen anew: no longer old
    add_numbered(&u, UNKNOWN_MOST + 1, 9002);
    assert_true(has(&u, "aaaa sad"));
    assert_false(has(&u, "aaab sad")); // all alike: the oldest
    for (unsigned i = 0; i < 17000; i++)
        add_numbered(&u, i, 10000 + i);
    assert_int_equal(count(&u), UNKNOWN_MOST);
    unknown_deinit(&u);
}

static void what_was_saved_is_loaded(void **ctx)
{
    (void)ctx;
    CLEANUP(buf_deinit) struct buf bytes = {0};
    CLEANUP(buf_deinit) struct buf again = {0};
    struct unknown u, v;
    unknown_init(&u);
    unknown_init(&v);
    add(&u, "big", "550 <joe@big.test> made 7 people sad", 1000);
    add(&u, "", "550 other words", 2000);
    add(&u, "small", "550 <amy@small.test> made 8 people sad", 3000);
    assert_true(u.is_changed);
    unknown_save(&u, &bytes);
    assert_false(u.is_changed);
    assert_true(unknown_load(&v, buf_bytes(&bytes)));
    assert_false(v.is_changed);
    unknown_save(&v, &again);
    assert_true(bytes_equal(buf_bytes(&bytes), buf_bytes(&again)));
    unknown_deinit(&u);
    unknown_deinit(&v);
}

static void bytes_that_are_no_table_leave_it_empty(void **ctx)
{
    (void)ctx;
    CLEANUP(buf_deinit) struct buf whole = {0};
    struct unknown u;
    unknown_init(&u);
    for (unsigned i = 0; i < 5; i++)
        add_numbered(&u, i, 1000);
    unknown_save(&u, &whole);
    unknown_deinit(&u);
    for (size_t n = 0; n < whole.n; n++) { // cut short anywhere
        assert_false(unknown_load(&u, bytes_of(whole.p, n)));
        assert_int_equal(count(&u), 0);
    }
    for (size_t i = 0; i < whole.n; i++) { // any bit turned: refused, or within its bounds
        for (unsigned bit = 0; bit < 8; bit++) {
            whole.p[i] ^= (uint8_t)(1u << bit);
            if (unknown_load(&u, buf_bytes(&whole)))
                assert_in_range(count(&u), 1, 5);
            unknown_deinit(&u);
            whole.p[i] ^= (uint8_t)(1u << bit);
        }
    }
    buf_add_byte(&whole, 0);
    assert_false(unknown_load(&u, buf_bytes(&whole)));
}

static void known_providers_go_and_the_shape_with_the_last(void **ctx)
{
    (void)ctx;
    static const char *says[] = {"@ made * people sad"};
    static const enum phase at[] = {PHASE_RCPT};
    struct reply_rule rule = {.provider = "big",
                              .says = says,
                              .says_n = 1,
                              .is_only_here = true,
                              .class = CLASS_RATE_LIMITED,
                              .scope = SCOPE_IP,
                              .at = at,
                              .at_n = 1};
    struct unknown u;
    unknown_init(&u);
    add(&u, "big", "550 joe@big.test made 7 people sad", 1000);
    add(&u, "small", "550 amy@small.test made 7 people sad", 1000);
    add(&u, "big", "550 other words", 1000);
    CLEANUP(replies_free) struct replies *big = replies_new(&rule, 1);
    assert_int_equal(unknown_forget_known(&u, big), 0);
    assert_int_equal(count(&u), 2);
    rule.provider = "";
    CLEANUP(replies_free) struct replies *all = replies_new(&rule, 1);
    assert_int_equal(unknown_forget_known(&u, all), 1);
    assert_string_equal(only(&u)->shape, "other words");
    unknown_deinit(&u);
}

// ---- in the warden

static struct fixture f;
static struct timers *timers;
static struct state state;
static struct settings settings;
static struct warden *warden;

static void on_changed(void *ctx)
{
    (void)ctx;
}

static void on_entry(void *ctx, const struct ledger_row *row)
{
    (void)ctx;
    (void)row;
}

static void open_warden(void)
{
    timers = timers_new(&f.loop);
    state_init(&state);
    warden = warden_new(&(struct warden_options){.store = f.store,
                                                 .state = &state,
                                                 .timers = timers,
                                                 .settings = &settings,
                                                 .on_changed = on_changed,
                                                 .on_entry = on_entry});
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

static void restart(void)
{
    warden_keep_unknown(warden);
    close_warden();
    fixture_open(&f);
    open_warden();
}

static int begin(void **ctx)
{
    (void)ctx;
    fixture_new(&f);
    settings = (struct settings){.node = "mta1.example.net"};
    policy_default(&settings.policy);
    open_warden();
    return 0;
}

static int end(void **ctx)
{
    (void)ctx;
    close_warden();
    remove_tree(f.dir);
    return 0;
}

static void a_restart_keeps_them_and_a_new_rule_takes_them_out(void **ctx)
{
    (void)ctx;
    static const char *says[] = {"made * people sad"};
    static struct reply_rule rule = {
        .provider = "", .says = says, .says_n = 1, .class = CLASS_RATE_LIMITED, .scope = SCOPE_IP};
    struct outcome o = refusal("big", "550 <joe@big.test> made 7 people sad", clock_wall());
    struct outcome known = o;
    known.is_unknown = false;
    warden_on_fact(warden, &o);
    warden_on_fact(warden, &known);
    assert_int_equal(only(warden_unknown(warden))->count, 1);
    restart();
    assert_string_equal(only(warden_unknown(warden))->shape, "* made * people sad");
    settings.replies = &rule;
    settings.replies_n = 1;
    warden_set_settings(warden, &settings);
    assert_int_equal(count(warden_unknown(warden)), 0);
    restart();
    assert_int_equal(count(warden_unknown(warden)), 0);
}

static void a_rule_that_came_while_it_was_stopped_holds_too(void **ctx)
{
    (void)ctx;
    static const char *says[] = {"made * people sad"};
    static struct reply_rule rule = {
        .provider = "", .says = says, .says_n = 1, .class = CLASS_RATE_LIMITED, .scope = SCOPE_IP};
    struct outcome o = refusal("big", "550 <joe@big.test> made 7 people sad", clock_wall());
    warden_on_fact(warden, &o);
    settings.replies = &rule;
    settings.replies_n = 1;
    restart();
    assert_int_equal(count(warden_unknown(warden)), 0);
}

static void a_damaged_file_is_an_empty_table(void **ctx)
{
    (void)ctx;
    struct outcome o = refusal("big", "550 sad", clock_wall());
    warden_on_fact(warden, &o);
    warden_keep_unknown(warden);
    close_warden();
    CLEANUP(xfree) char *path = xasprintf("%s/unknown-replies", f.dir);
    assert_int_equal(truncate(path, 30), 0);
    fixture_open(&f);
    open_warden();
    assert_int_equal(count(warden_unknown(warden)), 0);
    warden_on_fact(warden, &o);
    assert_int_equal(only(warden_unknown(warden))->count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_one_shape_are_one_row),
        cmocka_unit_test(providers_beyond_the_bound_are_not_named),
        cmocka_unit_test(a_full_table_forgets_the_least_used_of_the_oldest),
        cmocka_unit_test(what_was_saved_is_loaded),
        cmocka_unit_test(bytes_that_are_no_table_leave_it_empty),
        cmocka_unit_test(known_providers_go_and_the_shape_with_the_last),
        cmocka_unit_test_setup_teardown(a_restart_keeps_them_and_a_new_rule_takes_them_out, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_rule_that_came_while_it_was_stopped_holds_too, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_an_empty_table, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
