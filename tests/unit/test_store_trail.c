/* The trail: what failed is found again by whom it is of, and neither for ever nor without bound. */
#include "store_help.h"

#include "store/trail.h"

struct listed {
    int is_done;
    size_t n;
    struct trail first;
    char texts[4][64];
};

static void on_trails(void *ctx, const struct trail *trails, size_t n)
{
    struct listed *l = ctx;
    *l = (struct listed){.is_done = 1, .n = n};
    if (n)
        l->first = trails[0];
    for (size_t i = 0; i < n && i < ARRAY_LEN(l->texts); i++)
        snprintf(l->texts[i], sizeof(l->texts[i]), "%.*s",
                 (int)(trails[i].text.n < 63 ? trails[i].text.n : 63), trails[i].text.p);
}

static struct listed list(struct fixture *f, struct message_id id, uint32_t no, size_t limit)
{
    struct listed l = {0};
    trail_list(f->store, id, no, limit, on_trails, &l);
    wait_for(f, &l.is_done);
    return l;
}

static void add(struct fixture *f, struct message_id id, uint32_t no, usec_t at, const char *text)
{
    trail_add(f->store, &(struct trail){.kind = TRAIL_CONVERSATION,
                                        .message = id,
                                        .recipient_no = no,
                                        .at = at,
                                        .text = bytes_str(text)});
}

static void a_recipients_conversations_come_newest_first(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    usec_t now = clock_wall();
    struct message_id a = store_message_id(f.store, now), b = store_message_id(f.store, now);
    add(&f, a, 0, now - USEC_HOUR, "first");
    add(&f, a, 0, now, "second");
    add(&f, a, 1, now, "another's");
    add(&f, b, 0, now, "another message");
    struct listed l = list(&f, a, 0, 10);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.texts[0], "second");
    assert_string_equal(l.texts[1], "first");
    assert_int_equal(l.first.at, now);
    assert_int_equal(list(&f, a, UINT32_MAX, 10).n, 3);
    assert_int_equal(list(&f, a, UINT32_MAX, 2).n, 2);
    assert_int_equal(list(&f, a, 7, 10).n, 0);
    fixture_reopen(&f);
    assert_int_equal(list(&f, a, 0, 10).n, 2);
    fixture_free(&f);
}

static void recipients_of_one_transaction_share_a_row(void **state)
{
    (void)state;
    static const uint32_t others[] = {70000, 9};
    struct fixture f;
    fixture_new(&f);
    struct message_id id = store_message_id(f.store, clock_wall());
    trail_add(f.store, &(struct trail){.message = id,
                                       .recipient_no = 4,
                                       .others = others,
                                       .others_n = ARRAY_LEN(others),
                                       .at = clock_wall(),
                                       .text = bytes_str("shared")});
    assert_int_equal(list(&f, id, 4, 10).n, 1);
    assert_int_equal(list(&f, id, 9, 10).n, 1);
    assert_string_equal(list(&f, id, 70000, 10).texts[0], "shared");
    assert_int_equal(list(&f, id, 5, 10).n, 0);
    fixture_free(&f);
}

static void on_durable(void *ctx, int r)
{
    *(int *)ctx = r == 0 ? 1 : r;
}

static void a_report_is_on_disk_when_it_says_so(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    static const char raw[] = "Return-Path: <>\r\n\0\x1b[31m\r\n";
    int r = 0;
    struct store_figures before, after;
    store_figures_get(f.store, &before);
    usec_t at = clock_monotonic();
    trail_add_durably(f.store,
                      &(struct trail){.kind = TRAIL_REPORT,
                                      .at = clock_wall(),
                                      .text = bytes_of(raw, sizeof(raw) - 1)},
                      on_durable, &r);
    wait_for(&f, &r);
    assert_int_equal(r, 1);
    assert_true(clock_monotonic() - at < USEC_SECOND / 2); // not with the next fold
    store_figures_get(f.store, &after);
    assert_true(after.flushes > before.flushes);
    struct listed l = list(&f, (struct message_id){0, 0}, UINT32_MAX, 10);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.first.kind, TRAIL_REPORT);
    fixture_free(&f);
}

static void what_is_too_old_goes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    usec_t now = clock_wall();
    struct message_id id = store_message_id(f.store, now);
    add(&f, id, 0, now - TRAIL_KEPT - USEC_HOUR, "old");
    add(&f, id, 0, now - TRAIL_KEPT + USEC_HOUR, "young");
    struct listed l = list(&f, id, 0, 10);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.texts[0], "young");
    fixture_free(&f);
}

static void a_long_one_is_cut_in_the_middle(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    struct message_id id = store_message_id(f.store, clock_wall());
    size_t n = 3 * TRAIL_ONE;
    char *text = xmalloc(n);
    memset(text, 'x', n);
    memcpy(text, "begin", 5);
    trail_add(f.store,
              &(struct trail){.message = id, .at = clock_wall(), .text = {(void *)text, n}});
    struct listed l = list(&f, id, 0, 10);
    assert_int_equal(l.n, 1);
    assert_true(l.first.text.n <= TRAIL_ONE && l.first.text.n > TRAIL_ONE - 100);
    assert_int_equal(strncmp(l.texts[0], "beginxxx", 8), 0);
    xfree(text);
    fixture_free(&f);
}

static void more_than_may_wait_is_dropped_and_counted(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    struct message_id id = store_message_id(f.store, clock_wall());
    char *text = xcalloc(1, TRAIL_ONE);
    memset(text, 'x', TRAIL_ONE - 1);
    int r = 0;
    // More than the db thread can have taken meanwhile: it writes once a second.
    for (int i = 0; i < 3 * TRAIL_WAITING / TRAIL_ONE; i++)
        add(&f, id, 0, clock_wall(), text);
    assert_true(trail_dropped(f.store) >= TRAIL_WAITING / TRAIL_ONE);
    settle(&f); // there is room again
    trail_add_durably(f.store, &(struct trail){.message = id, .at = clock_wall()}, on_durable, &r);
    wait_for(&f, &r);
    assert_int_equal(r, 1);
    xfree(text);
    fixture_free(&f);
}

// Rows of a great weight in the database's own file, so that the test need not write them.
static void put_heavy(const char *dir, int n)
{
    sqlite3 *db;
    CLEANUP(xfree) char *path = xasprintf("%s/mxwarden.db", dir);
    CLEANUP(xfree)
    char *sql = xasprintf("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<%d)"
                          " INSERT INTO trail SELECT (%lld<<22)+i, 5, 67108864, x'00', 0, 0, 0,"
                          " x'', x'' FROM c",
                          n, (long long)(clock_wall() / USEC_MS - 3600000));
    must(sqlite3_open(path, &db) == SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int count_rows(const char *dir)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    CLEANUP(xfree) char *path = xasprintf("%s/mxwarden.db", dir);
    must(sqlite3_open(path, &db) == SQLITE_OK);
    must(sqlite3_prepare_v2(db, "SELECT count(*) FROM trail", -1, &st, NULL) == SQLITE_OK);
    must(sqlite3_step(st) == SQLITE_ROW);
    int n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static void the_oldest_make_room_for_the_newest(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    fixture_close(&f);
    put_heavy(f.dir, 4); // as much as may be
    fixture_open(&f);
    struct message_id id = store_message_id(f.store, clock_wall());
    add(&f, id, 0, clock_wall(), "new");
    assert_int_equal(list(&f, id, 0, 10).n, 1);
    fixture_close(&f);
    assert_int_equal(count_rows(f.dir), 4); // one of the heavy ones went
    fixture_open(&f);
    fixture_free(&f);
}

static void what_was_added_before_the_end_is_written(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    int r = 0;
    struct message_id id = store_message_id(f.store, clock_wall());
    add(&f, id, 0, clock_wall(), "last words");
    trail_add_durably(f.store, &(struct trail){.message = id, .at = clock_wall()}, on_durable, &r);
    fixture_reopen(&f);
    assert_int_equal(r, 1);
    assert_int_equal(list(&f, id, 0, 10).n, 2);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recipients_conversations_come_newest_first),
        cmocka_unit_test(recipients_of_one_transaction_share_a_row),
        cmocka_unit_test(a_report_is_on_disk_when_it_says_so),
        cmocka_unit_test(what_is_too_old_goes),
        cmocka_unit_test(a_long_one_is_cut_in_the_middle),
        cmocka_unit_test(more_than_may_wait_is_dropped_and_counted),
        cmocka_unit_test(the_oldest_make_room_for_the_newest),
        cmocka_unit_test(what_was_added_before_the_end_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
