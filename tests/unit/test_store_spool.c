/* The spool: what is added waits, is handed out once, comes again when it should, and survives. */
#include "store_help.h"

#include "base/error.h"
#include "base/map.h"

static void what_was_not_kept_is_found_on_disk(void **state)
{
    (void)state;
    struct fixture f;
    struct due_result due;
    fixture_new(&f);
    struct message_id id = add_one(&f, "shop", 3, 5000, false);
    settle(&f);
    due_get(&f, &due, "shop", clock_wall(), 10);
    assert_int_equal(due.n, 1);
    assert_int_equal(due.recipients, 3);
    assert_true(message_id_equal(due.messages[0]->id, id));
    assert_string_equal(due.messages[0]->recipients[2].address, "r2@big.test");
    assert_string_equal(due.messages[0]->sender, "a@shop.test");
    assert_int_equal(load_body(&f, due.messages[0]), 1);
    assert_true(body_is_its_own(due.messages[0]));
    due_free(&due);
    due_get(&f, &due, "shop", clock_wall(), 10); // once only
    assert_int_equal(due.n, 0);
    due_free(&due);
    fixture_free(&f);
}

static void what_is_kept_is_not_handed_out(void **state)
{
    (void)state;
    struct fixture f;
    struct due_result due;
    fixture_new(&f);
    struct message_id id = add_one(&f, "shop", 1, 100, true);
    settle(&f);
    due_get(&f, &due, "shop", clock_wall(), 10);
    assert_int_equal(due.n, 0);
    usec_t later = clock_wall() + USEC_SECOND / 10;
    struct outcome o = outcome_of(id, 0, OUTCOME_DEFERRED, "shop");
    spool_outcome(f.store, &o, later);
    due_get(&f, &due, "shop", clock_wall(), 10);
    assert_true(due.next_at <= clock_wall() + USEC_SECOND); // never "nothing waits"
    settle(&f);
    due_get(&f, &due, "shop", later, 10);
    assert_int_equal(due.n, 1);
    assert_int_equal(due.messages[0]->recipients[0].attempts, 1);
    assert_string_equal(due.messages[0]->recipients[0].provider, "big");
    due_free(&due);
    fixture_free(&f);
}

static void a_query_before_done_does_not_lose_them(void **state)
{
    (void)state;
    struct fixture f;
    struct due_result due = {0};
    struct added a[2];
    fixture_new(&f);
    for (int i = 0; i < 2; i++) {
        a[i] = (struct added){.f = &f, .m = message_make(f.store, "shop", 1, 100)};
        assert_int_equal(spool_add(f.store, a[i].m, on_added, &a[i]), SPOOL_OK);
        usleep(1000);
    }
    usleep(1200 * 1000); // they are indexed, and nobody has said yet who holds them
    spool_due(f.store, "shop", clock_wall(), 0, 10, on_due, &due);
    usleep(50 * 1000); // the query passes them by
    wait_for(&f, &due.is_done);
    assert_int_equal(due.n, 0);
    assert_true(due.next_at <= clock_wall() + USEC_SECOND);
    due_get(&f, &due, "shop", clock_wall(), 10);
    assert_int_equal(due.n, 2);
    due_free(&due);
    for (int i = 0; i < 2; i++)
        spool_message_free(a[i].m);
    fixture_free(&f);
}

static void delivered_ones_do_not_come_again(void **state)
{
    (void)state;
    struct fixture f;
    struct due_result due;
    fixture_new(&f);
    struct message_id id = add_one(&f, "shop", 2, 100, true);
    struct message_id young = add_one(&f, "shop", 1, 100, true);
    settle(&f); // both are indexed now
    struct outcome o = outcome_of(id, 1, OUTCOME_DELIVERED, "shop");
    spool_outcome(f.store, &o, 0);
    o = outcome_of(young, 0, OUTCOME_BOUNCED, "shop");
    spool_outcome(f.store, &o, 0);
    struct message_id quick = add_one(&f, "shop", 1, 100, true);
    o = outcome_of(quick, 0, OUTCOME_DELIVERED, "shop");
    spool_outcome(f.store, &o, 0);
    fixture_reopen(&f);
    due_get(&f, &due, "shop", clock_wall(), 10);
    assert_int_equal(due.recipients, 1);
    assert_int_equal(due.messages[0]->recipients[0].no, 0);
    due_free(&due);
    assert_null(find(&f, young));
    assert_null(find(&f, quick));
    fixture_free(&f);
}

static void a_parked_one_is_due_later_and_not_charged(void **state)
{
    (void)state;
    struct fixture f;
    struct due_result due;
    fixture_new(&f);
    struct message_id id = add_one(&f, "shop", 1, 100, false);
    settle(&f);
    usec_t now = clock_wall();
    due_get(&f, &due, "shop", now, 10);
    assert_int_equal(due.n, 1);
    due_free(&due);
    spool_park(f.store, id, 0, now + USEC_MINUTE);
    settle(&f);
    due_get(&f, &due, "shop", now, 10);
    assert_int_equal(due.n, 0);
    assert_true(due.next_at == now + USEC_MINUTE);
    due_get(&f, &due, "shop", now + USEC_MINUTE, 10);
    assert_int_equal(due.n, 1);
    assert_int_equal(due.messages[0]->recipients[0].attempts, 0);
    due_free(&due);
    fixture_free(&f);
}

static void the_limit_counts_recipients_and_more_is_said(void **state)
{
    (void)state;
    struct fixture f;
    struct due_result due;
    fixture_new(&f);
    add_one(&f, "shop", 5, 100, false);
    add_one(&f, "shop", 5, 100, false);
    settle(&f);
    size_t sizes[] = {4, 4, 2, 0};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        due_get(&f, &due, "shop", clock_wall(), 4);
        assert_int_equal(due.recipients, sizes[i]);
        assert_int_equal(due.has_more, i < 2);
        due_free(&due);
    }
    assert_true(due.next_at == 0 || due.next_at == USEC_NEVER);
    fixture_free(&f);
}

struct waiting {
    uint64_t recipients;
    int rows;
};
static void on_waiting(void *ctx, const struct spool_waiting *w)
{
    struct waiting *sum = ctx;
    sum->recipients += w->recipients;
    sum->rows++;
    assert_true(w->oldest_at > 0 && w->oldest_at <= clock_wall());
}

struct list_result {
    int is_done;
    size_t n;
};
static void on_list(void *ctx, struct spool_message **messages, size_t n)
{
    struct list_result *r = ctx;
    *r = (struct list_result){1, n};
    for (size_t i = 0; i < n; i++)
        spool_message_free(messages[i]);
    xfree(messages);
}

static void what_waits_is_counted_and_listed(void **state)
{
    (void)state;
    struct fixture f;
    struct waiting sum = {0};
    struct list_result r = {0};
    fixture_new(&f);
    add_one(&f, "shop", 3, 100, false);
    add_one(&f, "news", 2, 100, true);
    fixture_reopen(&f);
    spool_each_waiting(f.store, on_waiting, &sum);
    assert_int_equal(sum.recipients, 5);
    assert_int_equal(sum.rows, 2);
    spool_list(f.store, NULL, NULL, 10, on_list, &r);
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 2);
    r.is_done = 0;
    spool_list(f.store, "news", NULL, 10, on_list, &r);
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 1);
    r.is_done = 0;
    spool_list(f.store, NULL, NULL, 1, on_list, &r);
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 1);
    r.is_done = 0;
    spool_list_to(f.store, "R1@BIG.test", 10, on_list, &r);
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 2);
    r.is_done = 0;
    spool_list_to(f.store, "nobody@big.test", 10, on_list, &r);
    wait_for(&f, &r.is_done);
    assert_int_equal(r.n, 0);
    fixture_free(&f);
}

// ------------------------------------------------------------------------------------------------
// A model of many customers, messages and outcomes, driven at random: every waiting recipient is
// handed out exactly once a due period, and all that wait come again after a restart.

enum { MODEL_CUSTOMERS = 3, MODEL_MAX = 400 };

enum standing_of { GONE, ON_DISK, HELD };
struct model_recipient {
    struct message_id id;
    uint32_t no;
    int customer;
    enum standing_of where;
    usec_t due_at;
};
struct model {
    struct fixture f;
    struct model_recipient r[MODEL_MAX];
    size_t n;
    uint64_t random;
};

static uint32_t dice(struct model *m, uint32_t sides)
{
    m->random = m->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(m->random >> 33) % sides;
}

static const char *const customers[MODEL_CUSTOMERS] = {"shop", "news", "person"};

static void model_add(struct model *m)
{
    size_t recipients = 1 + dice(m, 4);
    int customer = (int)dice(m, MODEL_CUSTOMERS);
    bool is_kept = dice(m, 2);
    if (m->n + recipients > MODEL_MAX)
        return;
    struct message_id id = add_one(&m->f, customers[customer], recipients, 200, is_kept);
    for (size_t i = 0; i < recipients; i++)
        m->r[m->n++] = (struct model_recipient){id, (uint32_t)i, customer, is_kept ? HELD : ON_DISK,
                                                clock_wall()};
}

static struct model_recipient *model_find(struct model *m, struct message_id id, uint32_t no)
{
    for (size_t i = 0; i < m->n; i++)
        if (message_id_equal(m->r[i].id, id) && m->r[i].no == no)
            return &m->r[i];
    return NULL;
}

static void model_due(struct model *m, usec_t now)
{
    struct due_result due;
    int customer = (int)dice(m, MODEL_CUSTOMERS);
    due_get(&m->f, &due, customers[customer], now, 1 + dice(m, 12));
    for (size_t i = 0; i < due.n; i++)
        for (size_t k = 0; k < due.messages[i]->recipients_n; k++) {
            const struct spool_recipient *got = &due.messages[i]->recipients[k];
            struct model_recipient *r = model_find(m, due.messages[i]->id, got->no);
            assert_non_null(r);
            assert_int_equal(r->where, ON_DISK);
            assert_int_equal(r->customer, customer);
            assert_true(r->due_at <= now);
            r->where = HELD;
        }
    due_free(&due);
}

static void model_outcome(struct model *m)
{
    struct model_recipient *r = m->n ? &m->r[dice(m, (uint32_t)m->n)] : NULL;
    if (!r || r->where != HELD)
        return;
    usec_t later = clock_wall() + (usec_t)dice(m, 3000) * 10; // at most 30 ms
    struct outcome o = outcome_of(r->id, r->no, OUTCOME_DEFERRED, customers[r->customer]);
    switch (dice(m, 4)) {
    case 0:
        spool_park(m->f.store, r->id, r->no, later);
        break;
    case 1:
        o.kind = OUTCOME_DELIVERED;
        spool_outcome(m->f.store, &o, 0);
        r->where = GONE;
        return;
    default:
        spool_outcome(m->f.store, &o, later);
    }
    r->where = ON_DISK;
    r->due_at = later;
}

static void model_restart(struct model *m)
{
    fixture_reopen(&m->f);
    for (size_t i = 0; i < m->n; i++)
        if (m->r[i].where == HELD)
            m->r[i].where = ON_DISK; // due at once
}

// Takes all that is left: nothing may be missing.
static void model_drain(struct model *m)
{
    struct due_result due;
    settle(&m->f);
    usec_t now = clock_wall() + USEC_MINUTE;
    for (int c = 0; c < MODEL_CUSTOMERS; c++)
        do {
            due_get(&m->f, &due, customers[c], now, 7);
            for (size_t i = 0; i < due.n; i++)
                for (size_t k = 0; k < due.messages[i]->recipients_n; k++) {
                    struct model_recipient *r =
                        model_find(m, due.messages[i]->id, due.messages[i]->recipients[k].no);
                    assert_int_equal(r->where, ON_DISK);
                    r->where = HELD;
                }
            bool has_more = due.has_more;
            due_free(&due);
            due.has_more = has_more;
        } while (due.has_more);
    for (size_t i = 0; i < m->n; i++)
        assert_int_not_equal(m->r[i].where, ON_DISK);
}

static void each_is_handed_out_once_a_due_period(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct model *m = xcalloc(1, sizeof(*m));
        m->random = seed;
        fixture_new(&m->f);
        for (int i = 0; i < 600; i++) {
            uint32_t what = dice(m, 100);
            if (what < 15)
                model_add(m);
            else if (what < 40)
                model_due(m, clock_wall());
            else if (what < 97)
                model_outcome(m);
            else if (what < 98)
                model_restart(m);
            else
                settle(&m->f);
        }
        model_drain(m);
        fixture_free(&m->f);
        xfree(m);
    }
}

static void a_large_message_has_a_segment_of_its_own(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    struct message_id small = add_one(&f, "shop", 1, 100, false);
    struct message_id large = add_one(&f, "shop", 1, SPOOL_SEGMENT + 1000, false);
    fixture_reopen(&f);
    CLEANUP(spool_message_free) struct spool_message *a = find(&f, small);
    CLEANUP(spool_message_free) struct spool_message *b = find(&f, large);
    assert_int_not_equal(a->segment, b->segment);
    assert_int_equal(load_body(&f, b), 1);
    assert_true(body_is_its_own(b));
    fixture_free(&f);
}

static off_t spool_blocks(const struct fixture *f, int *files)
{
    CLEANUP(xfree) char *path = xasprintf("%s/spool", f->dir);
    off_t sum = 0;
    *files = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode)) {
            sum += st.st_blocks * 512;
            ++*files;
        }
    }
    closedir(d);
    return sum;
}

static void dead_segments_go_and_thin_ones_shrink(void **state)
{
    (void)state;
    struct fixture f;
    struct message_id ids[24];
    int files;
    fixture_new(&f);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = add_one(&f, "shop", 1, 2 << 20, true);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct outcome o = outcome_of(ids[i], 0, OUTCOME_DELIVERED, "shop");
        if (i != 2) // one in the first segment stays
            spool_outcome(f.store, &o, 0);
    }
    fixture_reopen(&f); // its last fold is flushed
    off_t left = spool_blocks(&f, &files);
    assert_true(files <= 3);
    assert_true(left < 3 << 20); // the one, and hardly more
    CLEANUP(spool_message_free) struct spool_message *m = find(&f, ids[2]);
    assert_non_null(m);
    assert_int_equal(load_body(&f, m), 1);
    assert_true(body_is_its_own(m));
    fixture_free(&f);
}

static void modes_are_private_whatever_the_umask(void **state)
{
    (void)state;
    struct fixture f;
    mode_t before = umask(0);
    fixture_new(&f);
    add_one(&f, "shop", 1, 100, false);
    umask(before);
    static const char *const paths[] = {"mxwarden.db", "mxwarden.db-wal", "lock",
                                        "spool/00000001.seg"};
    struct stat st;
    assert_int_equal(stat(f.dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        CLEANUP(xfree) char *path = xasprintf("%s/%s", f.dir, paths[i]);
        if (stat(path, &st) < 0)
            fail_msg("%s is not there", path);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    fixture_free(&f);
}

static void a_second_engine_is_refused_by_name(void **state)
{
    (void)state;
    struct fixture f;
    struct store *second = NULL;
    CLEANUP(xfree) char *why = NULL;
    CLEANUP(xfree) char *pid = xasprintf("pid %d", (int)getpid());
    fixture_new(&f);
    assert_int_equal(store_open(&second, &f.loop, &f.options, &why), 1);
    assert_non_null(strstr(why, f.dir));
    assert_non_null(strstr(why, pid));
    fixture_free(&f);
}

static void other_peoples_directories_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *content, *says;
    } cases[] = {
        {"other files", "precious.txt", "x", "other files"},
        {"a database of somebody else", "mxwarden.db", "not a database at all, just some text",
         "no database of mxwarden"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f = {.options.history_kept = USEC_DAY};
        CLEANUP(xfree) char *why = NULL;
        snprintf(f.dir, sizeof(f.dir), "/tmp/mxwarden-store-XXXXXX");
        assert_non_null(mkdtemp(f.dir));
        CLEANUP(xfree) char *path = xasprintf("%s/%s", f.dir, cases[i].file);
        int fd = open(path, O_WRONLY | O_CREAT, 0644);
        assert_true(write(fd, cases[i].content, strlen(cases[i].content)) > 0);
        close(fd);
        f.options.dir = f.dir;
        uv_loop_init(&f.loop);
        assert_int_equal(store_open(&f.store, &f.loop, &f.options, &why), 1);
        if (!strstr(why, cases[i].says) || !strstr(why, f.dir))
            fail_msg("%s: got `%s`", cases[i].name, why);
        uv_loop_close(&f.loop);
        remove_tree(f.dir);
    }
}

static void a_file_is_no_state(void **state)
{
    (void)state;
    struct fixture f = {.options.history_kept = USEC_DAY};
    CLEANUP(xfree) char *why = NULL;
    snprintf(f.dir, sizeof(f.dir), "/tmp/mxwarden-store-XXXXXX");
    close(mkstemp(f.dir));
    f.options.dir = f.dir;
    uv_loop_init(&f.loop);
    assert_int_equal(store_open(&f.store, &f.loop, &f.options, &why), 1);
    assert_non_null(strstr(why, "is no directory"));
    assert_non_null(strstr(why, f.dir));
    uv_loop_close(&f.loop);
    unlink(f.dir);
}

static void a_newer_database_is_refused_in_words(void **state)
{
    (void)state;
    struct fixture f;
    CLEANUP(xfree) char *why = NULL;
    fixture_new(&f);
    fixture_close(&f);
    CLEANUP(xfree) char *path = xasprintf("%s/mxwarden.db", f.dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL);
    sqlite3_close(db);
    uv_loop_init(&f.loop);
    assert_int_equal(store_open(&f.store, &f.loop, &f.options, &why), 1);
    assert_non_null(strstr(why, "newer"));
    uv_loop_close(&f.loop);
    f.store = NULL;
    fixture_free(&f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_was_not_kept_is_found_on_disk),
    cmocka_unit_test(what_is_kept_is_not_handed_out),
    cmocka_unit_test(a_query_before_done_does_not_lose_them),
    cmocka_unit_test(delivered_ones_do_not_come_again),
    cmocka_unit_test(a_parked_one_is_due_later_and_not_charged),
    cmocka_unit_test(the_limit_counts_recipients_and_more_is_said),
    cmocka_unit_test(what_waits_is_counted_and_listed),
    cmocka_unit_test(each_is_handed_out_once_a_due_period),
    cmocka_unit_test(a_large_message_has_a_segment_of_its_own),
    cmocka_unit_test(dead_segments_go_and_thin_ones_shrink),
    cmocka_unit_test(modes_are_private_whatever_the_umask),
    cmocka_unit_test(a_second_engine_is_refused_by_name),
    cmocka_unit_test(other_peoples_directories_are_refused),
    cmocka_unit_test(a_file_is_no_state),
    cmocka_unit_test(a_newer_database_is_refused_in_words),
};
TEST_MAIN(tests)
