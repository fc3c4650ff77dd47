/* Suppressions on disk: what was added is there after a restart, with its entry; what was removed is
 * gone; an import of many is one transaction. */
#include "store_help.h"

#include "core/suppression.h"
#include "store/suppress.h"

#define NOW (clock_wall())

struct done {
    int is_done, r;
    uint64_t seq;
    char addresses[24];
    struct suppression removed[64];
    size_t n;
    bool has_more;
    char text[2000];
    uint64_t last_key;
    uint32_t last_owner;
};

static void note_row(struct done *d, int r, const struct ledger_row *row)
{
    d->is_done = 1;
    d->r = r;
    if (!row)
        return;
    const char *count = entry_field_get(row->entry, "addresses");
    d->seq = row->entry->name.seq;
    snprintf(d->addresses, sizeof(d->addresses), "%s", count ? count : "");
}

static void on_added_rows(void *ctx, int r, const struct ledger_row *row)
{
    note_row(ctx, r, row);
}

static void on_removed(void *ctx, const struct suppress_removed *removed)
{
    struct done *d = ctx;
    note_row(d, removed->r, removed->row);
    for (size_t i = 0; i < removed->n && i < ARRAY_LEN(d->removed); i++)
        d->removed[i] = removed->removed[i];
    d->n = removed->n;
}

static void on_listed(void *ctx, const struct suppress_row *rows, size_t n, bool has_more)
{
    struct done *d = ctx;
    size_t at = 0;
    for (size_t i = 0; i < n && at < sizeof(d->text) - 100; i++)
        at += (size_t)snprintf(d->text + at, sizeof(d->text) - at, "%s|%s|%s|%s|%s\n",
                               rows[i].address, rows[i].owner, rows[i].provider, rows[i].reason,
                               class_text((enum class)rows[i].s.class));
    d->n = n;
    d->has_more = has_more;
    if (n) {
        d->last_key = rows[n - 1].s.key;
        d->last_owner = rows[n - 1].s.owner;
    }
    d->is_done = 1;
}

static struct entry *an_entry(enum kind kind)
{
    return entry_new(kind, "ana", "addresses", "because");
}

static struct suppress_row a_row(const char *address, const char *owner, const char *provider,
                                 unsigned flags)
{
    return (struct suppress_row){.address = address,
                                 .owner = owner,
                                 .provider = provider,
                                 .reason = "why",
                                 .s = {.since = suppression_minute(NOW),
                                       .until = suppression_minute(NOW + USEC_DAY),
                                       .class = CLASS_UNKNOWN_USER,
                                       .flags = (uint8_t)flags}};
}

static struct done add(struct fixture *f, struct entry *e, const struct suppress_row *rows,
                       size_t n)
{
    struct done d = {0};
    suppress_add(f->store, e, rows, n, on_added_rows, &d);
    wait_for(f, &d.is_done);
    assert_int_equal(d.r, 0);
    return d;
}

static struct done take_out(struct fixture *f, const struct suppress_removal *what)
{
    struct done d = {0};
    suppress_remove(f->store, an_entry(KIND_UNSUPPRESS), what, on_removed, &d);
    wait_for(f, &d.is_done);
    assert_int_equal(d.r, 0);
    return d;
}

static struct done list(struct fixture *f, const struct suppress_query *q)
{
    struct done d = {0};
    suppress_list(f->store, q, on_listed, &d);
    wait_for(f, &d.is_done);
    return d;
}

static void load(struct fixture *f, struct suppressions *s)
{
    struct hash_key hash;
    suppress_hash(f->store, &hash);
    suppressions_init(s, &hash);
    suppress_load(f->store, s);
}

static void a_restart_finds_all_of_it(void **state)
{
    struct fixture f;
    struct suppressions s;
    (void)state;
    fixture_new(&f);
    const struct suppress_row rows[] = {a_row("A@Big.test", "", "google", 0),
                                        a_row("a@big.test", "acme", "", SUPPRESSION_MANUAL),
                                        a_row("@gone.test", "", "", SUPPRESSION_DOMAIN)};
    const struct suppress_row sign = a_row("b@big.test", "", "yahoo", SUPPRESSION_SUSPECT);
    struct suppress_row over = a_row("c@big.test", "", "yahoo", 0);
    over.s.until = over.s.since;
    struct done d = add(&f, an_entry(KIND_SUPPRESS), rows, ARRAY_LEN(rows));
    assert_int_equal(d.seq, 1);
    assert_string_equal(d.addresses, "3");
    d = add(&f, NULL, &sign, 1);
    assert_int_equal(d.seq, 0);
    add(&f, an_entry(KIND_SUPPRESS), &over, 1);
    fixture_reopen(&f);
    load(&f, &s);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.domains, 1);
    assert_int_equal(s.suspects, 1);
    const struct suppression *one = suppressions_find(&s, "a@big.test", "shop", "", NOW);
    assert_string_equal(suppress_provider_name(f.store, one->provider), "google");
    assert_non_null(suppressions_find(&s, "x@gone.test", "shop", "", NOW));
    assert_int_equal(suppress_provider(f.store, "yahoo"), 2);
    suppressions_deinit(&s);
    fixture_free(&f);
}

static void the_newest_of_an_address_and_owner_stands_alone(void **state)
{
    struct fixture f;
    (void)state;
    fixture_new(&f);
    struct suppress_row rows[] = {a_row("a@big.test", "", "google", 0),
                                  a_row("a@big.test", "", "yahoo", 0),
                                  a_row("a@big.test", "acme", "", 0)};
    add(&f, an_entry(KIND_SUPPRESS), rows, ARRAY_LEN(rows));
    struct done d = list(&f, &(struct suppress_query){.limit = 9});
    assert_int_equal(d.n, 2);
    rows[0].reason = "again";
    rows[0].s.class = CLASS_MAILBOX_FULL;
    add(&f, an_entry(KIND_SUPPRESS), rows, 1);
    d = list(&f, &(struct suppress_query){.what = "A@BIG.test", .owner = "", .limit = 9});
    assert_string_equal(d.text, "a@big.test||google|again|mailbox-full\n");
    // What the first entry made and nobody replaced goes with it.
    d = take_out(&f, &(struct suppress_removal){.entry_seq = 1});
    assert_int_equal(d.n, 1);
    d = list(&f, &(struct suppress_query){.limit = 9});
    assert_string_equal(d.text, "a@big.test||google|again|mailbox-full\n");
    fixture_free(&f);
}

static void what_is_removed_is_told_and_leaves_an_entry(void **state)
{
    struct fixture f;
    struct suppressions s;
    (void)state;
    fixture_new(&f);
    const struct suppress_row rows[] = {a_row("a@big.test", "", "", 0),
                                        a_row("a@big.test", "acme/spring", "", 0),
                                        a_row("b@big.test", "", "", 0)};
    const struct suppress_row asked[] = {a_row("A@big.test", "acme/spring", "", 0),
                                         a_row("nobody@big.test", "", "", 0)};
    add(&f, an_entry(KIND_SUPPRESS), rows, ARRAY_LEN(rows));
    struct done d = take_out(&f, &(struct suppress_removal){.rows = asked, .n = 2});
    assert_int_equal(d.n, 1);
    assert_int_equal(d.seq, 2);
    assert_string_equal(d.addresses, "1");
    assert_int_equal(d.removed[0].owner, suppression_owner("acme/spring"));
    d = take_out(&f, &(struct suppress_removal){.rows = asked, .n = 2});
    assert_int_equal(d.n, 0);
    assert_int_equal(d.seq, 0); // no entry of nothing
    load(&f, &s);
    assert_int_equal(s.n, 2);
    suppressions_deinit(&s);
    fixture_free(&f);
}

static void what_a_provider_said_since_is_lifted_but_no_hands(void **state)
{
    struct fixture f;
    (void)state;
    fixture_new(&f);
    struct suppress_row rows[] = {a_row("old@big.test", "", "google", 0),
                                  a_row("new@big.test", "", "google", 0),
                                  a_row("sign@big.test", "", "google", SUPPRESSION_SUSPECT),
                                  a_row("hand@big.test", "", "google", SUPPRESSION_MANUAL),
                                  a_row("other@big.test", "", "yahoo", 0)};
    rows[0].s.since -= 60;
    add(&f, an_entry(KIND_SUPPRESS), rows, ARRAY_LEN(rows));
    struct done d = take_out(
        &f, &(struct suppress_removal){.provider = "google", .since = NOW - 10 * USEC_MINUTE});
    assert_int_equal(d.n, 2);
    d = list(&f, &(struct suppress_query){.limit = 9, .has_suspects = true});
    assert_int_equal(d.n, 3);
    assert_non_null(strstr(d.text, "old@big.test"));
    assert_non_null(strstr(d.text, "hand@big.test"));
    assert_non_null(strstr(d.text, "other@big.test"));
    d = take_out(&f, &(struct suppress_removal){.provider = "nobody", .since = 0});
    assert_int_equal(d.n, 0);
    fixture_free(&f);
}

static void a_removal_sees_what_was_added_a_moment_before(void **state)
{
    struct fixture f;
    (void)state;
    fixture_new(&f);
    for (int i = 0; i < 20; i++) {
        const struct suppress_row row = a_row("a@big.test", "", "", 0);
        struct done added = {0}, removed = {0};
        suppress_add(f.store, an_entry(KIND_SUPPRESS), &row, 1, on_added_rows, &added);
        suppress_remove(f.store, an_entry(KIND_UNSUPPRESS),
                        &(struct suppress_removal){.rows = &row, .n = 1}, on_removed, &removed);
        wait_for(&f, &removed.is_done);
        assert_int_equal(added.is_done, 1);
        assert_int_equal(removed.n, 1);
    }
    fixture_free(&f);
}

enum { MANY = 3 * SUPPRESS_BATCH };

static void import_many(struct fixture *f, unsigned from, unsigned step)
{
    struct suppress_row *rows = xcalloc(SUPPRESS_BATCH, sizeof(*rows));
    char(*texts)[32] = xcalloc(SUPPRESS_BATCH, sizeof(*texts));
    struct done d[MANY / SUPPRESS_BATCH] = {{0}};
    unsigned next = from;
    for (size_t k = 0; k < ARRAY_LEN(d); k++) {
        for (size_t i = 0; i < SUPPRESS_BATCH; i++, next += step) {
            snprintf(texts[i], sizeof(texts[i]), "r%u@big.test", next);
            rows[i] = a_row(texts[i], "", "", SUPPRESSION_MANUAL);
        }
        suppress_add(f->store, an_entry(KIND_SUPPRESS), rows, SUPPRESS_BATCH, on_added_rows, &d[k]);
    }
    for (size_t k = 0; k < ARRAY_LEN(d); k++)
        wait_for(f, &d[k].is_done);
    xfree(texts);
    xfree(rows);
}

static void many_come_and_are_listed_in_pages(void **state)
{
    struct fixture f;
    struct suppressions s;
    (void)state;
    fixture_new(&f);
    import_many(&f, 0, 1);
    import_many(&f, 0, 2); // half of them again
    fixture_reopen(&f);
    load(&f, &s);
    assert_int_equal(s.n, MANY + MANY / 2);
    assert_non_null(suppressions_find(&s, "r77@big.test", "acme", "", NOW));
    assert_null(suppressions_find(&s, "r77@bigger.test", "acme", "", NOW));
    suppressions_deinit(&s);
    struct suppress_query q = {.limit = 7000};
    size_t n = 0;
    struct done d;
    do {
        d = list(&f, &q);
        n += d.n;
        assert_true(d.n && d.last_key >= q.after_key);
        q.after_key = d.last_key;
        q.after_owner = d.last_owner;
    } while (d.has_more);
    assert_int_equal(n, MANY + MANY / 2);
    fixture_free(&f);
}

static void what_is_over_is_swept_out(void **state)
{
    struct fixture f;
    (void)state;
    fixture_new(&f);
    struct suppress_row rows[] = {a_row("a@big.test", "", "", 0), a_row("b@big.test", "", "", 0)};
    rows[1].s.until = UINT32_MAX;
    add(&f, an_entry(KIND_SUPPRESS), rows, 2);
    for (int i = 0; i < 64; i++)
        suppress_sweep(f.store, NOW + 2 * USEC_DAY);
    struct done d = {0};
    ledger_append(f.store, an_entry(KIND_NOTE), on_added_rows, &d);
    wait_for(&f, &d.is_done);
    d = list(&f, &(struct suppress_query){.limit = 9});
    assert_string_equal(d.text, "b@big.test|||why|unknown-user\n");
    fixture_free(&f);
}

static void the_chain_holds_without_the_addresses(void **state)
{
    struct fixture f;
    CLEANUP(xfree) char *why = NULL;
    struct ledger_check check;
    (void)state;
    fixture_new(&f);
    const struct suppress_row row = a_row("a@big.test", "", "", 0);
    add(&f, an_entry(KIND_SUPPRESS), &row, 1);
    take_out(&f, &(struct suppress_removal){.rows = &row, .n = 1});
    fixture_close(&f);
    assert_int_equal(ledger_verify_dir(f.dir, &check, &why), 0);
    assert_int_equal(check.entries, 2);
    assert_int_equal(check.broken_seq, 0);
    f.store = NULL;
    remove_tree(f.dir);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_restart_finds_all_of_it),
    cmocka_unit_test(the_newest_of_an_address_and_owner_stands_alone),
    cmocka_unit_test(what_is_removed_is_told_and_leaves_an_entry),
    cmocka_unit_test(what_a_provider_said_since_is_lifted_but_no_hands),
    cmocka_unit_test(a_removal_sees_what_was_added_a_moment_before),
    cmocka_unit_test(many_come_and_are_listed_in_pages),
    cmocka_unit_test(what_is_over_is_swept_out),
    cmocka_unit_test(the_chain_holds_without_the_addresses),
};
TEST_MAIN(tests)
