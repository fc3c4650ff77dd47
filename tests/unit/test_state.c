/* Entries in any order, some twice, give one state; what stands rules, until when it says. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "core/state.h"

#define HOUR USEC_HOUR

// One line of a ledger, short: who (node 1 or 2, seq), when, what, and what it names.
struct line {
    uint64_t node, seq;
    int64_t hlc;
    enum kind kind;
    const char *target;
    const char *rate;
    usec_t expires_at; // 0: never
    struct entry_name names[2];
};

static struct entry *entry_of(const struct line *l)
{
    struct entry *e = entry_new(l->kind, "ana", l->target, "test");
    e->name = (struct entry_name){{l->node}, l->seq};
    e->hlc = l->hlc;
    e->expires_at = l->expires_at ? l->expires_at : USEC_NEVER;
    if (l->rate)
        entry_add_field(e, "rate", l->rate, false);
    for (size_t i = 0; i < 2 && l->names[i].seq; i++)
        entry_add_name(e, l->names[i]);
    return e;
}

static void apply(struct state *s, const struct line *l)
{
    CLEANUP(entry_free) struct entry *e = entry_of(l);
    state_apply(s, e);
}

static enum standing standing_of(const struct state *s, const char *customer, const char *list,
                                 usec_t now)
{
    return state_standing(s, customer, list, now, NULL);
}

static void a_hold_stands_until_it_expires(void **state)
{
    (void)state;
    struct state s;
    const struct entry *why;
    state_init(&s);
    apply(&s, &(struct line){1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 4 * HOUR, {{{0}}}});
    assert_int_equal(state_standing(&s, "acme", "", 4 * HOUR - 1, &why), STANDING_SUSPENDED);
    assert_int_equal(why->name.seq, 1);
    assert_int_equal(state_standing(&s, "acme", "", 4 * HOUR, &why), STANDING_GOOD);
    assert_null(why);
    assert_int_equal(standing_of(&s, "shop", "", 0), STANDING_GOOD);
    assert_true(state_next_expiry(&s, 0) == 4 * HOUR);
    assert_true(state_next_expiry(&s, 4 * HOUR) == USEC_NEVER);
    state_deinit(&s);
}

static void the_strictest_rules_and_a_list_has_its_own(void **state)
{
    (void)state;
    struct state s;
    const struct entry *why;
    state_init(&s);
    apply(&s, &(struct line){1, 1, 10, KIND_WARN, "customer:acme", NULL, 9 * HOUR, {{{0}}}});
    apply(&s, &(struct line){1, 2, 11, KIND_THROTTLE, "customer:acme", "100/h", 5 * HOUR, {{{0}}}});
    apply(&s,
          &(struct line){1, 3, 12, KIND_SUSPEND, "customer:acme/spring", NULL, 3 * HOUR, {{{0}}}});
    assert_int_equal(standing_of(&s, "acme", "", HOUR), STANDING_THROTTLED);
    assert_int_equal(state_standing(&s, "acme", "spring", HOUR, &why), STANDING_SUSPENDED);
    assert_int_equal(why->name.seq, 3);
    assert_int_equal(standing_of(&s, "acme", "autumn", HOUR), STANDING_THROTTLED);
    assert_int_equal(standing_of(&s, "acme", "spring", 4 * HOUR), STANDING_THROTTLED);
    assert_int_equal(standing_of(&s, "acme", "spring", 6 * HOUR), STANDING_WARNED);
    assert_int_equal(standing_of(&s, "acme", NULL, 10 * HOUR), STANDING_GOOD);
    state_deinit(&s);
}

static void of_holds_as_strict_the_last_to_expire_is_why(void **state)
{
    (void)state;
    struct state s;
    const struct entry *why;
    state_init(&s);
    apply(&s, &(struct line){1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 4 * HOUR, {{{0}}}});
    apply(&s, &(struct line){1, 2, 11, KIND_SUSPEND, "customer:acme", NULL, 9 * HOUR, {{{0}}}});
    apply(&s, &(struct line){1, 3, 12, KIND_SUSPEND, "customer:acme", NULL, 2 * HOUR, {{{0}}}});
    assert_int_equal(state_standing(&s, "acme", "", HOUR, &why), STANDING_SUSPENDED);
    assert_int_equal(why->name.seq, 2);
    assert_true(state_next_expiry(&s, HOUR) == 2 * HOUR);
    state_deinit(&s);
}

static void the_slowest_throttle_counts(void **state)
{
    (void)state;
    struct state s;
    uint32_t count;
    usec_t per;
    state_init(&s);
    apply(&s, &(struct line){1, 1, 10, KIND_THROTTLE, "customer:acme", "100/h", 9 * HOUR, {{{0}}}});
    apply(&s, &(struct line){1, 2, 11, KIND_THROTTLE, "customer:acme", "1/s", 8 * HOUR, {{{0}}}});
    apply(&s, &(struct line){1, 3, 12, KIND_THROTTLE, "customer:acme", "nonsense", 0, {{{0}}}});
    apply(&s,
          &(struct line){1, 4, 13, KIND_THROTTLE, "customer:acme/spring", "1000/d", HOUR, {{{0}}}});
    assert_true(state_throttle(&s, "acme", "", 0, &count, &per));
    assert_int_equal(count, 100);
    assert_true(per == HOUR);
    assert_true(state_throttle(&s, "acme", "spring", 0, &count, &per));
    assert_int_equal(count, 1000);
    assert_true(per == USEC_DAY);
    assert_int_equal(standing_of(&s, "acme", "", 9 * HOUR), STANDING_THROTTLED);
    assert_false(state_throttle(&s, "acme", "", 9 * HOUR, &count, &per));
    assert_false(state_throttle(&s, "shop", "", 0, &count, &per));
    state_deinit(&s);
}

static void undo_and_undo_of_the_undo(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    apply(&s, &(struct line){1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}});
    uint64_t version = s.version;
    apply(&s, &(struct line){1, 2, 11, KIND_RESTORE, "customer:acme", NULL, 0, {{{1}, 1}}});
    assert_true(s.version > version);
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_GOOD);
    const struct state_entry *hold = state_entry_get(&s, (struct entry_name){{1}, 1});
    assert_int_equal(state_lifted_by(&s, hold)->name.seq, 2);
    apply(&s, &(struct line){1, 3, 12, KIND_UNDO, "customer:acme", NULL, 0, {{{1}, 2}}});
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_SUSPENDED);
    assert_true(state_stands(&s, hold, 0));
    assert_null(state_lifted_by(&s, hold));
    apply(&s, &(struct line){1, 4, 13, KIND_UNDO, "customer:acme", NULL, 0, {{{1}, 3}}});
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_GOOD);
    state_deinit(&s);
}

static void a_lift_before_its_hold_lifts_that_hold_alone(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    apply(&s, &(struct line){2, 1, 20, KIND_RESTORE, "customer:acme", NULL, 0, {{{1}, 2}}});
    assert_null(state_entry_get(&s, (struct entry_name){{1}, 2}));
    apply(&s, &(struct line){1, 1, 10, KIND_WARN, "customer:acme", NULL, 0, {{{0}}}});
    apply(&s, &(struct line){1, 2, 11, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}});
    apply(&s, &(struct line){1, 3, 12, KIND_THROTTLE, "customer:acme", "1/h", 0, {{{0}}}});
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_THROTTLED);
    assert_false(state_stands(&s, state_entry_get(&s, (struct entry_name){{1}, 2}), 0));
    assert_true(state_stands(&s, state_entry_get(&s, (struct entry_name){{1}, 1}), 0));
    state_deinit(&s);
}

static void the_same_entry_twice_changes_nothing(void **state)
{
    (void)state;
    struct state s;
    const struct line hold = {1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}};
    const struct line lift = {
        1, 2, 11, KIND_RESTORE, "customer:acme", NULL, 0, {{{1}, 1}, {{1}, 1}}};
    state_init(&s);
    apply(&s, &hold);
    apply(&s, &lift);
    uint64_t version = s.version;
    apply(&s, &hold);
    apply(&s, &lift);
    assert_true(s.version == version);
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_GOOD);
    assert_int_equal(state_entry_get(&s, lift.names[0])->lifts_n, 1);
    state_deinit(&s);
}

static void the_engines_own_mail_stays_good(void **state)
{
    (void)state;
    struct state s;
    uint32_t count;
    usec_t per;
    state_init(&s);
    apply(&s, &(struct line){1, 1, 10, KIND_SUSPEND, "customer:" STATE_SELF, NULL, 0, {{{0}}}});
    apply(&s, &(struct line){1, 2, 11, KIND_THROTTLE, "customer:" STATE_SELF, "1/h", 0, {{{0}}}});
    apply(&s,
          &(struct line){1, 3, 12, KIND_SUSPEND, "customer:" STATE_SELF "/x", NULL, 0, {{{0}}}});
    apply(&s, &(struct line){1, 4, 13, KIND_CUSTOMER, "customer:" STATE_SELF, "1/h", 0, {{{0}}}});
    assert_int_equal(standing_of(&s, STATE_SELF, "", 0), STANDING_GOOD);
    assert_int_equal(standing_of(&s, STATE_SELF, "x", 0), STANDING_GOOD);
    assert_false(state_throttle(&s, STATE_SELF, "x", 0, &count, &per));
    struct state_customer *c = state_customer_get(&s, STATE_SELF);
    assert_true(!c || (!c->is_known && !c->rate_per));
    state_deinit(&s);
}

static void a_lane_is_paused_by_itself_or_with_all_of_its_provider(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    const char *ip = "198.51.100.7";
    apply(&s,
          &(struct line){1, 1, 10, KIND_PAUSE, "lane:198.51.100.7/google", NULL, HOUR, {{{0}}}});
    assert_non_null(state_lane(&s, ip, "google", 0));
    assert_null(state_lane(&s, ip, "yahoo", 0));
    assert_null(state_lane(&s, "198.51.100.8", "google", 0));
    assert_null(state_lane(&s, ip, "google", HOUR));
    apply(&s, &(struct line){1, 2, 11, KIND_PAUSE, "provider:google", NULL, 3 * HOUR, {{{0}}}});
    assert_int_equal(state_lane(&s, ip, "google", 0)->name.seq, 2);
    assert_int_equal(state_lane(&s, "198.51.100.8", "google", 2 * HOUR)->name.seq, 2);
    apply(&s, &(struct line){1, 3, 12, KIND_RESUME, "provider:google", NULL, 0, {{{1}, 2}}});
    assert_int_equal(state_lane(&s, ip, "google", 0)->name.seq, 1);
    apply(&s, &(struct line){1, 4, 13, KIND_UNDO, "provider:google", NULL, 0, {{{1}, 3}}});
    assert_int_equal(state_lane(&s, ip, "google", 0)->name.seq, 2);
    state_deinit(&s);
}

static void an_ip_goes_out_and_comes_back(void **state)
{
    (void)state;
    struct state s;
    const struct entry *why;
    const char *ip = "198.51.100.7";
    state_init(&s);
    assert_int_equal(state_rotation(&s, ip, 0, &why), ROTATION_ACTIVE);
    state_ip_add(&s, ip)->warming_since = HOUR;
    assert_int_equal(state_rotation(&s, ip, HOUR, &why), ROTATION_WARMING);
    assert_null(why);
    apply(&s, &(struct line){1, 1, 10, KIND_DRAIN, "ip:198.51.100.7", NULL, 9 * HOUR, {{{0}}}});
    assert_int_equal(state_rotation(&s, ip, HOUR, &why), ROTATION_DRAINING);
    apply(&s, &(struct line){1, 2, 11, KIND_PULL, "ip:198.51.100.7", NULL, 5 * HOUR, {{{0}}}});
    assert_int_equal(state_rotation(&s, ip, HOUR, &why), ROTATION_PULLED);
    assert_int_equal(why->name.seq, 2);
    assert_int_equal(state_rotation(&s, ip, 5 * HOUR, &why), ROTATION_DRAINING);
    apply(&s,
          &(struct line){1, 3, 12, KIND_RETURN, "ip:198.51.100.7", NULL, 0, {{{1}, 1}, {{1}, 2}}});
    assert_int_equal(state_rotation(&s, ip, HOUR, NULL), ROTATION_WARMING);
    apply(&s, &(struct line){1, 4, 13, KIND_PULL, "ip:2001:DB8::1", NULL, 0, {{{0}}}});
    assert_null(state_ip_get(&s, "2001:DB8::1"));
    state_deinit(&s);
}

static void a_hold_on_queues_covers_what_it_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *target;
        struct state_path path;
        bool is_held;
    } cases[] = {
        {"all holds everything", "queue:all", {"acme", "", NULL, NULL, "shared"}, true},
        {"its customer", "queue:customer=acme", {"acme", "", NULL, NULL, NULL}, true},
        {"another customer", "queue:customer=acme", {"shop", "", NULL, NULL, NULL}, false},
        {"both", "queue:customer=acme,provider=google", {"acme", "", "google", NULL, NULL}, true},
        {"one of both",
         "queue:customer=acme,provider=google",
         {"acme", "", "yahoo", "", ""},
         false},
        {"not known yet", "queue:provider=google", {"acme", "", NULL, NULL, NULL}, false},
        {"an address", "queue:ip=198.51.100.7", {"acme", "", "google", "198.51.100.7", "p"}, true},
        {"a list", "queue:list=spring", {"acme", "spring", NULL, NULL, NULL}, true},
        {"a pool", "queue:pool=shared", {"acme", "", NULL, NULL, "premium"}, false},
        {"a newer version's words", "queue:moon=full", {"acme", "", NULL, NULL, NULL}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct state s;
        state_init(&s);
        apply(&s, &(struct line){1, 1, 10, KIND_HOLD, cases[i].target, NULL, HOUR, {{{0}}}});
        if ((state_hold(&s, &cases[i].path, 0) != NULL) != cases[i].is_held)
            fail_msg("%s", cases[i].name);
        assert_null(state_hold(&s, &cases[i].path, HOUR));
        apply(&s, &(struct line){1, 2, 11, KIND_RELEASE, cases[i].target, NULL, 0, {{{1}, 1}}});
        assert_null(state_hold(&s, &cases[i].path, 0));
        state_deinit(&s);
    }
}

static void apply_fields(struct state *s, int64_t hlc, uint64_t node, const char *const pairs[][2],
                         size_t n)
{
    CLEANUP(entry_free) struct entry *e = entry_new(KIND_CUSTOMER, "ana", "customer:acme", "");
    e->hlc = hlc;
    e->name = (struct entry_name){{node}, 1};
    for (size_t i = 0; i < n; i++)
        entry_add_field(e, pairs[i][0], pairs[i][1], false);
    state_apply(s, e);
}

static void each_register_is_its_last_writers(void **state)
{
    (void)state;
    static const char *const added[][2] = {
        {"contact", "a@acme.test"}, {"pool", "shared"}, {"rate", "100/h"}, {"removed", "no"}};
    static const char *const moved[][2] = {{"pool", "premium"}};
    static const char *const free_[][2] = {{"rate", "none"}};
    static const char *const gone[][2] = {{"removed", "yes"}};
    struct state s;
    state_init(&s);
    apply_fields(&s, 20, 1, moved, 1);
    apply_fields(&s, 10, 1, added, 4);
    struct state_customer *c = state_customer_get(&s, "acme");
    assert_true(c->is_known);
    assert_string_equal(c->contact, "a@acme.test");
    assert_string_equal(c->pool, "premium");
    assert_int_equal(c->rate, 100);
    assert_true(c->rate_per == HOUR);
    apply_fields(&s, 30, 2, gone, 1);
    assert_false(c->is_known);
    apply_fields(&s, 31, 1, free_, 1);
    assert_true(c->rate_per == 0 && !c->is_known);
    apply_fields(&s, 30, 1, added, 4); // the same time, a smaller node: older
    assert_false(c->is_known);
    apply_fields(&s, 40, 1, added, 4);
    assert_true(c->is_known && c->rate == 100);
    state_deinit(&s);
}

static void a_removed_customer_is_not_brought_back_by_a_field(void **state)
{
    (void)state;
    static const char *const moved[][2] = {{"pool", "premium"}};
    static const char *const gone[][2] = {{"removed", "yes"}};
    for (int is_first = 0; is_first < 2; is_first++) {
        struct state s;
        state_init(&s);
        apply_fields(&s, 20 + is_first, 1, is_first ? gone : moved, 1);
        apply_fields(&s, 21 - is_first, 1, is_first ? moved : gone, 1);
        assert_false(state_customer_get(&s, "acme")->is_known);
        state_deinit(&s);
    }
}

static void two_lifts_that_name_each_other_end(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    apply(&s, &(struct line){1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}});
    apply(&s, &(struct line){1, 2, 11, KIND_UNDO, "", NULL, 0, {{{1}, 3}, {{1}, 1}}});
    apply(&s, &(struct line){1, 3, 12, KIND_UNDO, "", NULL, 0, {{{1}, 2}, {{1}, 3}}});
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_SUSPENDED);
    state_deinit(&s);
}

// A random ledger of two nodes.

static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

enum { ENTRIES = 14 };

static const char *const targets[] = {"customer:acme", "customer:acme/spring", "ip:198.51.100.7",
                                      "queue:all", "queue:customer=acme,provider=google"};

static const char *pick(const char *const words[], size_t n)
{
    return words[random_below(n)];
}

static struct entry *random_entry(size_t i)
{
    static const enum kind kinds[] = {KIND_WARN,  KIND_THROTTLE, KIND_SUSPEND, KIND_PULL,
                                      KIND_DRAIN, KIND_HOLD,     KIND_RESTORE, KIND_CUSTOMER,
                                      KIND_UNDO,  KIND_UNDO};
    static const char *const rates[] = {"1/s", "100/h", "none", "5/m"};
    static const char *const pools[] = {"shared", "premium", "probation"};
    enum kind kind = kinds[random_below(ARRAY_LEN(kinds))];
    const char *target =
        kind == KIND_CUSTOMER ? "customer:acme" : targets[random_below(ARRAY_LEN(targets))];
    struct entry *e = entry_new(kind, "ana", target, "");
    e->name = (struct entry_name){{1 + i % 2}, 1 + i / 2};
    e->hlc = (int64_t)(100 + i / (1 + random_below(2)) * 3);
    e->expires_at = random_below(3) ? (usec_t)(1 + random_below(4)) * HOUR : USEC_NEVER;
    if (kind == KIND_THROTTLE || (kind == KIND_CUSTOMER && random_below(2)))
        entry_add_field(e, "rate", pick(rates, ARRAY_LEN(rates)), false);
    if (kind == KIND_CUSTOMER && random_below(2))
        entry_add_field(e, "pool", pick(pools, ARRAY_LEN(pools)), false);
    if (kind == KIND_CUSTOMER && random_below(2))
        entry_add_field(e, "removed", random_below(2) ? "yes" : "no", false);
    for (size_t n = 0; kind_shape(kind) == SHAPE_LIFT && n <= random_below(3); n++) {
        uint64_t named = random_below(ENTRIES);
        entry_add_name(e, (struct entry_name){{1 + named % 2}, 1 + named / 2});
    }
    return e;
}

static void say_time(struct buf *out, const struct state *s, usec_t now)
{
    static const char *const lists[] = {"", "spring"};
    static const struct state_path paths[] = {{"acme", "", "google", "198.51.100.7", "shared"},
                                              {"acme", "", "yahoo", NULL, NULL}};
    const struct entry *why;
    uint32_t count;
    usec_t per;
    for (size_t i = 0; i < 2; i++) {
        buf_printf(out, " %d", (int)state_standing(s, "acme", lists[i], now, &why));
        buf_printf(out, "<%d", why ? (int)(why->name.seq * 2 + why->name.node.v) : 0);
        state_throttle(s, "acme", lists[i], now, &count, &per);
        buf_printf(out, " %u/%d", count, (int)(per / USEC_SECOND));
        why = state_hold(s, &paths[i], now);
        buf_printf(out, " %d", why ? (int)(why->name.seq * 2 + why->name.node.v) : 0);
    }
    buf_printf(out, " r%d", (int)state_rotation(s, "198.51.100.7", now, &why));
    buf_printf(out, " e%lld\n", (long long)state_next_expiry(s, now));
}

// Everything one can ask, as text.
static char *say(const struct state *s)
{
    struct buf out = {0};
    for (usec_t now = 0; now <= 5 * HOUR; now += HOUR)
        say_time(&out, s, now);
    const struct state_customer *c = state_customer_get(s, "acme");
    if (c)
        buf_printf(&out, "%d %s %u\n", c->is_known, c->pool, c->rate);
    for (size_t i = 0; i < ENTRIES; i++) {
        struct state_entry *se = state_entry_get(s, (struct entry_name){{1 + i % 2}, 1 + i / 2});
        const struct entry *by = se ? state_lifted_by(s, se) : NULL;
        buf_printf(&out, "%d:%d:%d ", se != NULL, se && state_stands(s, se, HOUR),
                   by ? (int)(by->name.seq * 2 + by->name.node.v) : 0);
    }
    char *text = buf_take_str(&out);
    buf_deinit(&out);
    return text;
}

static char *fold(struct entry *const entries[], const size_t order[], size_t n)
{
    struct state s;
    state_init(&s);
    for (size_t i = 0; i < n; i++)
        state_apply(&s, entries[order[i]]);
    char *text = say(&s);
    state_deinit(&s);
    return text;
}

// 0..n-1 shuffled, each a third time twice; gives how many.
static size_t random_order(size_t order[], size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < 2 * n; i++) {
        if (i >= n && random_below(3))
            continue;
        size_t at = (size_t)random_below(used + 1);
        order[used] = order[at];
        used++;
        order[at] = i % n;
    }
    return used;
}

static void entries_in_random_orders_give_one_state(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= 300; run++) {
        struct entry *entries[ENTRIES];
        size_t order[2 * ENTRIES];
        seed = run * 0x9e3779b97f4a7c15u;
        for (size_t i = 0; i < ENTRIES; i++) {
            entries[i] = random_entry(i);
            order[i] = i;
        }
        CLEANUP(xfree) char *first = fold(entries, order, ENTRIES);
        for (int again = 0; again < 20; again++) {
            size_t n = random_order(order, ENTRIES);
            CLEANUP(xfree) char *other = fold(entries, order, n);
            if (strcmp(first, other) != 0)
                fail_msg("run %u:\n%s\n%s", (unsigned)run, first, other);
        }
        for (size_t i = 0; i < ENTRIES; i++)
            entry_free(entries[i]);
    }
}

static bool next_permutation(size_t order[], size_t n)
{
    size_t i = n - 1, j = n - 1;
    while (i && order[i - 1] > order[i])
        i--;
    if (!i)
        return false;
    while (order[j] < order[i - 1])
        j--;
    size_t kept = order[i - 1];
    order[i - 1] = order[j];
    order[j] = kept;
    for (j = n - 1; i < j; i++, j--) {
        kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    return true;
}

// Suspend, restore, undo, undo of that, a hold of another node and its lift: in all 720 orders.
static void six_entries_in_every_order_give_one_state(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 4 * HOUR, {{{0}}}},
        {1, 2, 11, KIND_RESTORE, "customer:acme", NULL, 0, {{{1}, 1}}},
        {1, 3, 12, KIND_UNDO, "customer:acme", NULL, 0, {{{1}, 2}}},
        {2, 1, 13, KIND_UNDO, "customer:acme", NULL, 0, {{{1}, 3}}},
        {2, 2, 14, KIND_THROTTLE, "customer:acme", "5/h", 2 * HOUR, {{{0}}}},
        {2, 3, 15, KIND_UNDO, "customer:acme", NULL, 0, {{{2}, 2}, {{2}, 1}}},
    };
    struct entry *entries[ARRAY_LEN(lines)];
    size_t order[ARRAY_LEN(lines)];
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        entries[i] = entry_of(&lines[i]);
        order[i] = i;
    }
    CLEANUP(xfree) char *first = fold(entries, order, ARRAY_LEN(lines));
    assert_int_equal(strncmp(first, " 3<3", 4), 0); // suspended by node 1's first
    do {
        CLEANUP(xfree) char *other = fold(entries, order, ARRAY_LEN(lines));
        assert_string_equal(first, other);
    } while (next_permutation(order, ARRAY_LEN(lines)));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        entry_free(entries[i]);
}

static void count_one(void *ctx, const struct entry *e)
{
    assert_non_null(e);
    ++*(int *)ctx;
}

// A customer that was warned ten thousand times and restored costs what a new one costs.
static void retired_holds_are_not_walked(void **state)
{
    (void)state;
    struct state s;
    int standing = 0;
    state_init(&s);
    for (uint64_t i = 0; i < 10000; i++)
        apply(&s, &(struct line){1,
                                 i + 1,
                                 (int64_t)i,
                                 KIND_WARN,
                                 "customer:acme",
                                 NULL,
                                 i % 2 ? (usec_t)i + 1 : 20000,
                                 {{{0}}}});
    for (uint64_t i = 0; i < 10000; i += 2)
        apply(&s, &(struct line){2,
                                 i + 1,
                                 20000 + (int64_t)i,
                                 KIND_RESTORE,
                                 "customer:acme",
                                 NULL,
                                 0,
                                 {{{1}, i + 1}}});
    apply(&s, &(struct line){2, 10001, 50000, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}});
    state_each_standing(&s, 15000, count_one, &standing);
    assert_int_equal(standing, 1);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(standing_of(&s, "acme", "spring", 15000), STANDING_SUSPENDED);
    state_deinit(&s);
}

static void rename_to(struct state *s, struct entry_name provisional, const struct line *l)
{
    CLEANUP(entry_free) struct entry *e = entry_of(l);
    state_rename(s, provisional, e);
}

static void a_provisional_hold_gets_its_name_place_and_order(void **state)
{
    (void)state;
    struct state s;
    const struct entry *why;
    const struct entry_name provisional = {{0}, 7};
    state_init(&s);
    apply(&s, &(struct line){0, 7, 0, KIND_SUSPEND, "customer:acme", NULL, 4 * HOUR, {{{0}}}});
    apply(&s, &(struct line){1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 4 * HOUR, {{{0}}}});
    state_standing(&s, "acme", "", HOUR, &why);
    assert_int_equal(why->name.seq, 1); // of the same end, the later: the provisional has no time
    uint64_t version = s.version;
    rename_to(&s, provisional,
              &(struct line){1, 2, 11, KIND_SUSPEND, "customer:acme", NULL, 4 * HOUR, {{{0}}}});
    assert_true(s.version > version);
    assert_null(state_entry_get(&s, provisional));
    assert_int_equal(state_standing(&s, "acme", "", HOUR, &why), STANDING_SUSPENDED);
    assert_int_equal(why->name.seq, 2);
    apply(&s,
          &(struct line){1, 3, 12, KIND_RESTORE, "customer:acme", NULL, 0, {{{1}, 1}, {{1}, 2}}});
    assert_int_equal(standing_of(&s, "acme", "", HOUR), STANDING_GOOD);
    state_deinit(&s);
}

static void a_provisional_hold_on_queues_covers_mail_before_and_after(void **state)
{
    (void)state;
    struct state s;
    const struct state_path path = {"acme", "", "", "", "shared"};
    state_init(&s);
    apply(&s, &(struct line){0, 1, 0, KIND_HOLD, "queue:customer=acme", NULL, HOUR, {{{0}}}});
    assert_int_equal(state_hold(&s, &path, 0)->name.node.v, 0);
    rename_to(&s, (struct entry_name){{0}, 1},
              &(struct line){1, 1, 10, KIND_HOLD, "queue:customer=acme", NULL, HOUR, {{{0}}}});
    assert_int_equal(state_hold(&s, &path, 0)->name.node.v, 1);
    apply(&s, &(struct line){1, 2, 11, KIND_RELEASE, "queue:customer=acme", NULL, 0, {{{1}, 1}}});
    assert_null(state_hold(&s, &path, 0));
    state_deinit(&s);
}

static void what_named_the_real_one_before_lifts_it(void **state)
{
    (void)state;
    struct state s;
    state_init(&s);
    apply(&s, &(struct line){0, 1, 0, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}});
    apply(&s, &(struct line){2, 1, 20, KIND_RESTORE, "customer:acme", NULL, 0, {{{1}, 1}}});
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_SUSPENDED);
    rename_to(&s, (struct entry_name){{0}, 1},
              &(struct line){1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}});
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_GOOD);
    state_deinit(&s);
}

static void a_name_that_is_here_already_does_not_rule_twice(void **state)
{
    (void)state;
    struct state s;
    const struct line real = {1, 1, 10, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}};
    state_init(&s);
    apply(&s, &(struct line){0, 1, 0, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}});
    apply(&s, &real);
    rename_to(&s, (struct entry_name){{0}, 1}, &real);
    apply(&s, &(struct line){1, 2, 11, KIND_RESTORE, "customer:acme", NULL, 0, {{{1}, 1}}});
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_GOOD);
    uint64_t version = s.version;
    rename_to(&s, (struct entry_name){{0}, 9},
              &(struct line){1, 3, 12, KIND_SUSPEND, "customer:acme", NULL, 0, {{{0}}}});
    assert_true(s.version == version);
    assert_int_equal(standing_of(&s, "acme", "", 0), STANDING_GOOD);
    state_deinit(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_hold_stands_until_it_expires),
    cmocka_unit_test(the_strictest_rules_and_a_list_has_its_own),
    cmocka_unit_test(of_holds_as_strict_the_last_to_expire_is_why),
    cmocka_unit_test(the_slowest_throttle_counts),
    cmocka_unit_test(undo_and_undo_of_the_undo),
    cmocka_unit_test(a_lift_before_its_hold_lifts_that_hold_alone),
    cmocka_unit_test(the_same_entry_twice_changes_nothing),
    cmocka_unit_test(the_engines_own_mail_stays_good),
    cmocka_unit_test(a_lane_is_paused_by_itself_or_with_all_of_its_provider),
    cmocka_unit_test(an_ip_goes_out_and_comes_back),
    cmocka_unit_test(a_hold_on_queues_covers_what_it_names),
    cmocka_unit_test(each_register_is_its_last_writers),
    cmocka_unit_test(a_removed_customer_is_not_brought_back_by_a_field),
    cmocka_unit_test(two_lifts_that_name_each_other_end),
    cmocka_unit_test(entries_in_random_orders_give_one_state),
    cmocka_unit_test(six_entries_in_every_order_give_one_state),
    cmocka_unit_test(retired_holds_are_not_walked),
    cmocka_unit_test(a_provisional_hold_gets_its_name_place_and_order),
    cmocka_unit_test(a_provisional_hold_on_queues_covers_mail_before_and_after),
    cmocka_unit_test(what_named_the_real_one_before_lifts_it),
    cmocka_unit_test(a_name_that_is_here_already_does_not_rule_twice),
};
TEST_MAIN(tests)
