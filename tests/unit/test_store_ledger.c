/* The ledger: a chain that shows every change made behind its back, and entries that give one state
 * in any order. */
#include "store_help.h"

#include "core/state.h"

struct appended {
    int is_done, r;
    struct entry_name name;
    char hash[2 * LEDGER_HASH + 1];
};

static void on_appended(void *ctx, int r, const struct ledger_row *row)
{
    struct appended *a = ctx;
    a->r = r;
    a->is_done = 1;
    if (r == 0) {
        a->name = row->entry->name;
        snprintf(a->hash, sizeof(a->hash), "%s", row->hash);
    }
}

static struct entry_name append(struct fixture *f, struct entry *e)
{
    struct appended a = {0};
    ledger_append(f->store, e, on_appended, &a);
    wait_for(f, &a.is_done);
    assert_int_equal(a.r, 0);
    return a.name;
}

static struct entry *contact(const char *customer, const char *address)
{
    CLEANUP(xfree) char *target = xasprintf("customer:%s", customer);
    struct entry *e = entry_new(KIND_CUSTOMER, "ana", target, "");
    entry_add_field(e, "contact", address, true);
    entry_add_field(e, "pool", "main", false);
    return e;
}

static void fill(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        struct entry *e = i % 3 ? entry_new(KIND_WARN, "engine", "customer:shop", "too many")
                                : contact("shop", "grandma@shop.test");
        append(f, e);
    }
}

struct rows {
    int is_done;
    size_t n;
    uint64_t total;
    struct ledger_row *rows;
};
static void on_rows(void *ctx, struct ledger_row *rows, size_t n, uint64_t total)
{
    struct rows *r = ctx;
    *r = (struct rows){1, n, total, rows};
}

struct verified {
    int is_done;
    struct ledger_check check;
};
static void on_verified(void *ctx, const struct ledger_check *c)
{
    struct verified *v = ctx;
    v->check = *c;
    v->is_done = 1;
}

static void entries_are_numbered_and_listed_newest_first(void **state)
{
    (void)state;
    struct fixture f;
    struct rows r;
    fixture_new(&f);
    fill(&f, 5);
    fixture_reopen(&f);
    struct entry *e = entry_new(KIND_SUSPEND, "ana", "customer:shop", "stolen \"password\"\n\xff");
    entry_set_evidence(e, "{\"bounced\":12}");
    e->expires_at = 1234567890123456;
    entry_add_name(e, (struct entry_name){store_node_id(f.store), 2});
    assert_int_equal(append(&f, e).seq, 6);
    ledger_list(f.store, NULL, 0, 3, on_rows, &r);
    r.is_done = 0;
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.total, 6);
    assert_int_equal(r.rows[0].entry->name.seq, 6);
    assert_int_equal(r.rows[2].entry->name.seq, 4);
    const struct entry *got = r.rows[0].entry;
    assert_string_equal(got->reason, "stolen \"password\"\\x0a\\xff"); // no UTF-8: made visible
    assert_string_equal(got->evidence, "{\"bounced\":12}");
    assert_true(got->expires_at == 1234567890123456);
    assert_int_equal(got->names_n, 1);
    assert_int_equal(got->names[0].seq, 2);
    assert_string_equal(entry_field_get(r.rows[2].entry, "contact"), "grandma@shop.test");
    assert_null(strstr(r.rows[2].bytes, "grandma")); // no person in what is hashed
    ledger_rows_free(r.rows, r.n);
    r.is_done = 0;
    ledger_list(f.store, "customer:nobody", 0, 3, on_rows, &r);
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 0);
    assert_int_equal(r.total, 0);
    ledger_rows_free(r.rows, r.n);
    r.is_done = 0;
    ledger_get(f.store, 3, on_rows, &r);
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.rows[0].entry->name.seq, 3);
    ledger_rows_free(r.rows, r.n);
    r.is_done = 0;
    ledger_get(f.store, 77, on_rows, &r);
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 0);
    ledger_rows_free(r.rows, r.n);
    fixture_free(&f);
}

static void many_at_once_keep_their_order(void **state)
{
    (void)state;
    enum { N = 50 };
    struct fixture f;
    struct appended a[N] = {0};
    struct store_figures before, after;
    fixture_new(&f);
    store_figures_get(f.store, &before);
    for (int i = 0; i < N; i++)
        ledger_append(f.store, entry_new(KIND_WARN, "ana", "customer:shop", ""), on_appended,
                      &a[i]);
    wait_for(&f, &a[N - 1].is_done);
    for (int i = 0; i < N; i++)
        assert_int_equal(a[i].name.seq, i + 1);
    store_figures_get(f.store, &after);
    assert_true(after.flushes - before.flushes < N / 2); // they shared
    fixture_free(&f);
}

// Changes the database behind the store's back, and says what the chain finds.
static void spoil(const struct fixture *f, const char *sql, struct ledger_check *c)
{
    CLEANUP(xfree) char *path = xasprintf("%s/mxwarden.db", f->dir);
    CLEANUP(xfree) char *why = NULL;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    assert_int_equal(ledger_verify_dir(f->dir, c, &why), 0);
}

static void verify_finds_what_was_changed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *sql;
        uint64_t broken_seq;
    } cases[] = {
        {"nothing changed", "SELECT 1", 0},
        {"a reason rewritten",
         "UPDATE entry SET bytes=replace(bytes,'too many','no')"
         " WHERE seq=5",
         5},
        {"an entry gone", "DELETE FROM entry WHERE seq=4", 4},
        {"the newest gone", "DELETE FROM entry WHERE seq=9", 9},
        {"the oldest gone", "DELETE FROM entry WHERE seq=1", 1},
        {"all gone", "DELETE FROM entry", 1},
        {"a hash changed", "UPDATE entry SET hash=zeroblob(32) WHERE seq=3", 3},
        {"a copy changed", "UPDATE entry SET target='customer:news' WHERE seq=3", 3},
        {"a time changed", "UPDATE entry SET at=at+1 WHERE seq=8", 8},
        {"a person changed",
         "UPDATE person SET part=replace(part,'grandma','grandpa')"
         " WHERE seq=4",
         4},
        {"persons erased", "DELETE FROM person", 0},
        {"two swapped",
         "UPDATE entry SET seq=-seq WHERE seq IN (2,3);"
         "UPDATE entry SET seq=5+seq WHERE seq<0",
         2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        struct ledger_check c;
        fixture_new(&f);
        fill(&f, 9);
        fixture_close(&f);
        f.store = NULL;
        spoil(&f, cases[i].sql, &c);
        if (c.broken_seq != cases[i].broken_seq)
            fail_msg("%s: found %llu (%s)", cases[i].name, (unsigned long long)c.broken_seq, c.why);
        if (!c.broken_seq)
            assert_int_equal(c.entries, 9);
        fixture_free(&f);
    }
}

static void any_flipped_byte_of_an_entry_is_found(void **state)
{
    (void)state;
    struct fixture f;
    struct verified v = {0};
    fixture_new(&f);
    fill(&f, 3);
    ledger_verify(f.store, on_verified, &v);
    wait_for(&f, &v.is_done);
    assert_int_equal(v.check.broken_seq, 0);
    assert_int_equal(v.check.entries, 3);
    fixture_close(&f);
    f.store = NULL;
    for (int at = 1; at < 300; at += 23) {
        struct ledger_check c;
        CLEANUP(xfree)
        char *sql =
            xasprintf("UPDATE entry SET bytes=substr(bytes,1,%d)||char(unicode(substr(bytes,"
                      "%d,1))+%d)||substr(bytes,%d) WHERE seq=2",
                      at - 1, at, 1, at + 1);
        CLEANUP(xfree)
        char *back = xasprintf("UPDATE entry SET bytes=substr(bytes,1,%d)||char(unicode(substr("
                               "bytes,%d,1))-%d)||substr(bytes,%d) WHERE seq=2",
                               at - 1, at, 1, at + 1);
        spoil(&f, sql, &c);
        assert_int_equal(c.broken_seq, 2);
        spoil(&f, back, &c);
        assert_int_equal(c.broken_seq, 0);
    }
    fixture_free(&f);
}

// ------------------------------------------------------------------------------------------------
// Two nodes' entries, taken in by a third in every order, some twice.

enum { EACH = 4, ALL = 2 * EACH };

struct piece {
    char *bytes, *person; // as import takes them
};

static void take_pieces(const struct fixture *f, struct piece *out)
{
    CLEANUP(xfree) char *path = xasprintf("%s/mxwarden.db", f->dir);
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT e.bytes, lower(hex(p.salt))||' '||p.part FROM entry"
                                        " e LEFT JOIN person p USING(node,seq) ORDER BY e.seq",
                                        -1, &st, NULL),
                     SQLITE_OK);
    for (int i = 0; i < EACH; i++) {
        assert_int_equal(sqlite3_step(st), SQLITE_ROW);
        const char *person = (const char *)sqlite3_column_text(st, 1);
        out[i].bytes = xstrdup((const char *)sqlite3_column_text(st, 0));
        out[i].person = person ? xstrdup(person) : NULL;
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void make_node(struct piece *out, const char *pool, const struct entry_name *undone,
                      struct entry_name *suspended)
{
    struct fixture f;
    fixture_new(&f);
    struct entry *e = contact("shop", "ana@shop.test");
    entry_add_field(e, "pool", pool, false);
    append(&f, e);
    *suspended = append(&f, entry_new(KIND_SUSPEND, "ana", "customer:shop", "spam"));
    append(&f, entry_new(KIND_WARN, "ana", "customer:news", "watch it"));
    e = entry_new(KIND_RESTORE, "ben", "customer:shop", "talked to them");
    entry_add_name(e, undone ? *undone : *suspended);
    append(&f, e);
    fixture_close(&f);
    take_pieces(&f, out);
    f.store = NULL;
    fixture_free(&f);
}

static void apply_each(void *ctx, const struct entry *e)
{
    state_apply(ctx, e);
}

// What the state says, in words that can be compared.
static char *told(struct store *s)
{
    struct state state;
    state_init(&state);
    ledger_each(s, apply_each, &state);
    const struct state_customer *c = state_customer_get(&state, "shop");
    usec_t now = clock_wall();
    char *text = xasprintf("shop %d %s %s, news %d", state_standing(&state, "shop", "", now, NULL),
                           c ? c->pool : "-", c ? c->contact : "-",
                           state_standing(&state, "news", "", now, NULL));
    state_deinit(&state);
    return text;
}

static void any_order_of_arrival_gives_one_state(void **state)
{
    (void)state;
    struct piece pieces[ALL];
    struct entry_name first, second;
    CLEANUP(xfree) char *expected = NULL;
    uint64_t random = 7;
    make_node(pieces, "main", NULL, &first);
    make_node(pieces + EACH, "warm", &first, &second); // lifts the other's, not its own
    for (int round = 0; round < 30; round++) {
        struct fixture f;
        struct verified v = {0};
        int order[ALL + 4];
        for (int i = 0; i < ALL; i++)
            order[i] = i;
        for (int i = ALL - 1; i > 0 && round; i--) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            int k = (int)((random >> 33) % (unsigned)(i + 1)), was = order[i];
            order[i] = order[k];
            order[k] = was;
        }
        for (int i = 0; i < 4; i++)
            order[ALL + i] = order[i]; // some twice
        fixture_new(&f);
        for (size_t i = 0; i < ARRAY_LEN(order); i++)
            assert_int_equal(
                ledger_import(f.store, pieces[order[i]].bytes, pieces[order[i]].person), 0);
        ledger_verify(f.store, on_verified, &v);
        wait_for(&f, &v.is_done);
        assert_int_equal(v.check.broken_seq, 0);
        assert_int_equal(v.check.entries, ALL);
        char *got = told(f.store);
        if (!expected)
            expected = xstrdup(got);
        assert_string_equal(got, expected);
        xfree(got);
        fixture_free(&f);
    }
    // The second's suspension still stands: only the first's was lifted.
    assert_non_null(strstr(expected, "shop 3"));
    assert_non_null(strstr(expected, "ana@shop.test"));
    for (int i = 0; i < ALL; i++) {
        xfree(pieces[i].bytes);
        xfree(pieces[i].person);
    }
}

static void what_does_not_fit_is_not_imported(void **state)
{
    (void)state;
    struct fixture f;
    struct piece p[EACH];
    struct entry_name name;
    fixture_new(&f);
    make_node(p, "main", NULL, &name);
    CLEANUP(xfree) char *wrong_person = xstrdup(p[0].person);
    wrong_person[40] ^= 1;
    CLEANUP(xfree) char *wrong_chain = xstrdup(p[2].bytes);
    char *prev = strstr(wrong_chain, "\"prev\":\"") + 8;
    *prev = *prev == '0' ? '1' : '0';
    assert_int_equal(ledger_import(f.store, "{}", NULL), 1);
    assert_int_equal(ledger_import(f.store, "no JSON", NULL), 1);
    assert_int_equal(ledger_import(f.store, "", NULL), 1);
    assert_int_equal(ledger_import(f.store, p[0].bytes, wrong_person), 1);
    assert_int_equal(ledger_import(f.store, p[0].bytes, "00"), 1);
    assert_int_equal(ledger_import(f.store, p[1].bytes, NULL), 0);
    assert_int_equal(ledger_import(f.store, wrong_chain, NULL), 1);
    assert_int_equal(ledger_import(f.store, p[3].bytes, NULL), 0);
    assert_int_equal(ledger_import(f.store, p[2].bytes, NULL), 0);
    assert_int_equal(ledger_import(f.store, wrong_chain, NULL), 1); // same name, other bytes
    for (int i = 0; i < EACH; i++) {
        for (size_t cut = 1; cut < strlen(p[i].bytes); cut += 11) {
            CLEANUP(xfree) char *part = xmemdup0(p[i].bytes, cut);
            assert_int_equal(ledger_import(f.store, part, NULL), 1);
        }
        xfree(p[i].bytes);
        xfree(p[i].person);
    }
    fixture_free(&f);
}

static void an_erased_person_is_gone_and_the_chain_holds(void **state)
{
    (void)state;
    struct fixture f;
    struct ledger_check c;
    fixture_new(&f);
    append(&f, contact("shop", "grandma@shop.test"));
    fixture_close(&f);
    spoil(&f, "DELETE FROM person", &c);
    assert_int_equal(c.broken_seq, 0);
    fixture_open(&f);
    CLEANUP(xfree) char *text = told(f.store);
    assert_null(strstr(text, "grandma"));
    fixture_free(&f);
}

static void count_story(void *ctx, const struct entry *e)
{
    struct entry_name *names = ctx;
    while (names->seq)
        names++;
    *names = e->name;
}

static void what_incidents_are_made_of_is_told_again(void **state)
{
    (void)state;
    struct fixture f;
    struct entry_name all[8] = {0}, none[8] = {0};
    fixture_new(&f);
    fill(&f, 3);
    struct entry *e = entry_new(KIND_WARN, "engine", "customer:shop", "\"incident\":\"7\"");
    append(&f, e); // a reason only looks like it
    e = entry_new(KIND_WARN, "engine", "customer:shop", "too many");
    entry_add_field(e, "incident", "7", false);
    struct entry_name part = append(&f, e);
    struct entry_name ack = append(&f, entry_new(KIND_ACK, "ana", "incident:7", ""));
    fixture_reopen(&f);
    ledger_each_incident(f.store, clock_wall() - USEC_DAY, count_story, all);
    ledger_each_incident(f.store, clock_wall() + USEC_HOUR, count_story, none);
    assert_true(entry_name_equal(all[0], part));
    assert_true(entry_name_equal(all[1], ack));
    assert_int_equal(all[2].seq, 0);
    assert_int_equal(none[0].seq, 0);
    assert_int_equal(ledger_last_incident(f.store), 7);
    append(&f, entry_new(KIND_INCIDENT, "engine", "incident:12", "later"));
    append(&f, entry_new(KIND_INCIDENT, "engine", "incident:9", "earlier"));
    fixture_reopen(&f);
    assert_int_equal(ledger_last_incident(f.store), 12);
    fixture_free(&f);
}

static void there_is_no_ledger_where_there_is_none(void **state)
{
    (void)state;
    struct ledger_check c;
    CLEANUP(xfree) char *why = NULL;
    assert_int_equal(ledger_verify_dir("/nonexistent", &c, &why), 1);
    assert_non_null(strstr(why, "/nonexistent"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(entries_are_numbered_and_listed_newest_first),
    cmocka_unit_test(many_at_once_keep_their_order),
    cmocka_unit_test(verify_finds_what_was_changed),
    cmocka_unit_test(any_flipped_byte_of_an_entry_is_found),
    cmocka_unit_test(any_order_of_arrival_gives_one_state),
    cmocka_unit_test(what_does_not_fit_is_not_imported),
    cmocka_unit_test(an_erased_person_is_gone_and_the_chain_holds),
    cmocka_unit_test(what_incidents_are_made_of_is_told_again),
    cmocka_unit_test(there_is_no_ledger_where_there_is_none),
};
TEST_MAIN(tests)
