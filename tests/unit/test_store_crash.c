/* What 250 means: a process is killed at a random moment, over and over; everything it acknowledged
 * is there whole, nothing is half, and what was delivered before does not go out again. */
#include "store_help.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "base/buf.h"
#include "base/map.h"

enum { ROUNDS = 24, WRITERS = 8 };

// What the child says over the pipe, after the store has said it.
struct said {
    struct message_id id;
    uint32_t what; // 0: on disk; 1: outcome handed in a commit ago at least
    uint32_t size;
};

struct child {
    struct fixture f;
    int pipe;
    uint64_t random;
    struct message_id delivered[WRITERS]; // handed in, not yet said
    size_t delivered_n;
};
struct child_writer {
    struct child *c;
    struct spool_message *m;
};

static void child_say(struct child *c, struct message_id id, uint32_t what, uint32_t size)
{
    struct said said = {id, what, size};
    must(write(c->pipe, &said, sizeof(said)) == sizeof(said));
}

static void child_next(struct child_writer *w);

static void child_added(void *ctx, int result)
{
    struct child_writer *w = ctx;
    struct child *c = w->c;
    must(result == SPOOL_OK);
    child_say(c, w->m->id, 0, (uint32_t)w->m->size);
    if (w->m->id.lo % 2)
        spool_keep(c->f.store, w->m->id);
    if (w->m->id.lo % 3 == 0) {
        struct outcome o = outcome_of(w->m->id, 0, OUTCOME_DELIVERED, "shop");
        spool_outcome(c->f.store, &o, 0);
    }
    w->m = spool_message_free(w->m);
    child_next(w);
}

static void child_next(struct child_writer *w)
{
    struct child *c = w->c;
    c->random = c->random * 6364136223846793005ULL + 1442695040888963407ULL;
    w->m = message_make(c->f.store, "shop", 1, (size_t)(c->random >> 33) % 9000);
    must(spool_add(c->f.store, w->m, child_added, w) == SPOOL_OK);
}

static _Noreturn void child_run(const char *dir, int pipe, uint64_t seed)
{
    struct child c = {.pipe = pipe, .random = seed};
    struct child_writer writers[WRITERS];
    snprintf(c.f.dir, sizeof(c.f.dir), "%s", dir);
    fixture_open(&c.f);
    for (int i = 0; i < WRITERS; i++) {
        writers[i].c = &c;
        child_next(&writers[i]);
    }
    uv_run(&c.f.loop, UV_RUN_DEFAULT);
    _exit(1);
}

// Lets a child write until it is killed; its words go into `said`.
static void kill_one(const char *dir, uint64_t seed, struct buf *said)
{
    int ends[2], status;
    uint8_t block[64 * sizeof(struct said)];
    ssize_t n;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child_run(dir, ends[1], seed);
    }
    close(ends[1]);
    // Mostly early in its life; some live to see the index written, and are killed about there.
    usec_t life = (usec_t)(seed % 13) * 11 * USEC_MS + (seed % 4 == 0 ? USEC_SECOND : 20 * USEC_MS);
    usec_t until = clock_monotonic() + life;
    while ((n = read(ends[0], block, sizeof(block))) > 0) {
        buf_add(said, block, (size_t)n);
        if (clock_monotonic() >= until)
            kill(pid, SIGKILL);
    }
    kill(pid, SIGKILL);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

struct seen {
    uint32_t size;
    bool is_delivered, is_waiting;
};

// All that waits after the restart is whole, and was written by a child.
static void take_all(struct fixture *f, struct map *messages, size_t *found)
{
    struct due_result due;
    bool has_more = true;
    while (has_more) {
        due_get(f, &due, "shop", clock_wall(), 200);
        for (size_t i = 0; i < due.n; i++) {
            struct spool_message *m = due.messages[i];
            struct seen *s = map_get(messages, bytes_of(&m->id, sizeof(m->id)));
            if (s) // else it was on disk but not yet acknowledged: whole all the same
                s->is_waiting = true;
            assert_int_equal(load_body(f, m), 1);
            assert_true(body_is_its_own(m));
            assert_true(!s || s->size == m->size);
            ++*found;
        }
        has_more = due.has_more;
        due_free(&due);
    }
}

static void forget_all(struct map *messages)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(messages, &i));)
        xfree(item->value);
    map_deinit(messages);
}

static void a_killed_process_loses_nothing_it_acknowledged(void **state)
{
    (void)state;
    struct fixture f;
    struct map messages = {0};
    size_t acknowledged = 0, repeated = 0, found = 0;
    fixture_new(&f);
    fixture_close(&f);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        CLEANUP(buf_deinit) struct buf said = {0};
        kill_one(f.dir, round * 7919, &said);
        const struct said *all = (const void *)said.p;
        for (size_t i = 0; i < said.n / sizeof(*all); i++) {
            struct seen *s = xcalloc(1, sizeof(*s));
            s->size = all[i].size;
            s->is_delivered = all[i].id.lo % 3 == 0;
            assert_null(map_put(&messages, bytes_of(&all[i].id, sizeof(all[i].id)), s));
            acknowledged++;
        }
    }
    fixture_open(&f);
    take_all(&f, &messages, &found);
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&messages, &i));) {
        const struct seen *s = item->value;
        assert_true(s->is_waiting || s->is_delivered);
        repeated += s->is_waiting && s->is_delivered;
    }
    print_message("%zu acknowledged in %d lives; %zu wait; %zu delivered ones come again\n",
                  acknowledged, ROUNDS, found, repeated);
    // An outcome is handed in right after its message is on disk: at most those of the last batch
    // of each life, and of one that was about to be written.
    assert_true(repeated <= ROUNDS * 2 * WRITERS);
    assert_true(acknowledged > ROUNDS * 10);
    forget_all(&messages);
    fixture_free(&f);
}

// ------------------------------------------------------------------------------------------------

static void spoil_tail(const struct fixture *f, size_t from_end, bool is_cut)
{
    CLEANUP(xfree) char *path = xasprintf("%s/spool/00000001.seg", f->dir);
    uint8_t block[4096];
    off_t end = 0;
    int fd = open(path, O_RDWR);
    for (off_t at = 0; pread(fd, block, sizeof(block), at) > 0; at += (off_t)sizeof(block))
        for (size_t i = 0; i < sizeof(block); i++)
            if (block[i])
                end = at + (off_t)i + 1;
    assert_true(end > (off_t)from_end);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, end - (off_t)from_end), 1);
    byte ^= 0x40;
    if (is_cut)
        assert_int_equal(ftruncate(fd, end - (off_t)from_end), 0);
    else
        assert_int_equal(pwrite(fd, &byte, 1, end - (off_t)from_end), 1);
    close(fd);
}

static void at_start(const struct fixture *f, const char *sql)
{
    CLEANUP(xfree) char *path = xasprintf("%s/mxwarden.db", f->dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_torn_tail_ends_the_reading_and_nothing_before_it(void **state)
{
    (void)state;
    for (int is_cut = 0; is_cut <= 1; is_cut++)
        for (size_t from_end = 1; from_end < 3000; from_end += 611) {
            struct fixture f;
            struct message_id ids[4];
            fixture_new(&f);
            for (size_t i = 0; i < ARRAY_LEN(ids); i++)
                ids[i] = add_one(&f, "shop", 1, 3000, true);
            fixture_close(&f);
            // As if the fold had not seen them: read the journal from its beginning again.
            at_start(&f, "UPDATE engine SET segment=1, offset=0; DELETE FROM message;"
                         "DELETE FROM recipient");
            spoil_tail(&f, from_end, is_cut);
            fixture_open(&f);
            for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
                CLEANUP(spool_message_free) struct spool_message *m = find(&f, ids[i]);
                assert_int_equal(m != NULL, i < 3);
                assert_true(!m || (load_body(&f, m) == 1 && body_is_its_own(m)));
            }
            add_one(&f, "shop", 1, 100, true); // and it goes on
            fixture_free(&f);
        }
}

static void damage_in_the_middle_costs_only_what_it_hits(void **state)
{
    (void)state;
    // From the tail back: in the last but one's body, in its head, in the first but one.
    static const struct {
        size_t from_end, lost;
    } cases[] = {{4500, 2}, {6100, 2}, {8000, 1}};
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct fixture f;
        struct message_id ids[4];
        fixture_new(&f);
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
            ids[i] = add_one(&f, "shop", 1, 3000, true);
        fixture_close(&f);
        at_start(&f, "UPDATE engine SET segment=1, offset=0; DELETE FROM message;"
                     "DELETE FROM recipient");
        spoil_tail(&f, cases[c].from_end, false);
        fixture_open(&f);
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
            CLEANUP(spool_message_free) struct spool_message *m = find(&f, ids[i]);
            assert_int_equal(m != NULL, i != cases[c].lost);
            assert_true(!m || (load_body(&f, m) == 1 && body_is_its_own(m)));
        }
        fixture_free(&f);
    }
}

static void a_spoilt_body_is_said_and_the_rest_is_kept(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    struct message_id good = add_one(&f, "shop", 1, 3000, false);
    struct message_id bad = add_one(&f, "shop", 1, 3000, false);
    settle(&f);
    spoil_tail(&f, 100, false);
    CLEANUP(spool_message_free) struct spool_message *a = find(&f, good);
    CLEANUP(spool_message_free) struct spool_message *b = find(&f, bad);
    assert_int_equal(load_body(&f, a), 1);
    assert_int_equal(load_body(&f, b), -1);
    assert_int_equal(f.fatal, 0);
    fixture_free(&f);
}

// ------------------------------------------------------------------------------------------------

static int add_result(struct fixture *f, size_t size)
{
    CLEANUP(spool_message_free)
    struct spool_message *m = message_make(f->store, "shop", 1, size);
    struct added a = {.f = f, .m = m, .is_kept = true};
    if (spool_add(f->store, m, on_added, &a) != SPOOL_OK)
        return SPOOL_E_FULL;
    wait_for(f, &a.is_done);
    return a.result;
}

static void a_full_disk_refuses_and_recovers(void **state)
{
    (void)state;
    struct fixture f = {.fatal = 0};
    struct due_result due;
    snprintf(f.dir, sizeof(f.dir), "/tmp/mxwarden-store-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    if (mount("none", f.dir, "tmpfs", 0, "size=96m,mode=0700") < 0) {
        rmdir(f.dir);
        skip();
    }
    fixture_open(&f);
    struct message_id first = add_one(&f, "shop", 1, 4096, true);
    run_for(&f, 1300); // what is kept in advance is there
    // Something else takes the room that the next segment needs.
    CLEANUP(xfree) char *path = xasprintf("%s/lost+found", f.dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    struct statvfs v;
    assert_int_equal(statvfs(f.dir, &v), 0);
    assert_int_equal(fallocate(fd, 0, 0, (off_t)(v.f_bavail * v.f_frsize - (1 << 20))), 0);
    int good = 1;
    while (add_result(&f, 1 << 20) == SPOOL_OK)
        good++;
    assert_true(good > 5 && good < 20);
    assert_false(store_may_accept(f.store));
    assert_int_equal(add_result(&f, 100), SPOOL_E_FULL);
    // Delivery goes on meanwhile, and its outcomes are not lost.
    struct outcome o = outcome_of(first, 0, OUTCOME_DELIVERED, "shop");
    spool_outcome(f.store, &o, 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    for (int i = 0; i < 40 && !store_may_accept(f.store); i++)
        run_for(&f, 100);
    assert_true(store_may_accept(f.store));
    assert_int_equal(add_result(&f, 1 << 20), SPOOL_OK);
    good++;
    close(fd);
    unlink(path);
    fixture_reopen(&f);
    due_get(&f, &due, "shop", clock_wall(), 100);
    assert_int_equal(due.n, good - 1);
    for (size_t i = 0; i < due.n; i++) {
        assert_int_equal(load_body(&f, due.messages[i]), 1);
        assert_true(body_is_its_own(due.messages[i]));
    }
    due_free(&due);
    assert_int_equal(f.fatal, 0);
    fixture_close(&f);
    f.store = NULL;
    umount(f.dir);
    rmdir(f.dir);
}

enum { WAITING = 400, TURNS = 60 };

static void take_all_space(const char *dir)
{
    CLEANUP(xfree) char *path = xasprintf("%s/filler", dir);
    char block[4096] = {1};
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
}

static void on_entry(void *ctx, int r, const struct ledger_row *row)
{
    (void)row;
    *(int *)ctx = r == 0 ? 1 : -1;
}

// All that is due is deferred until now, again and again; what something frees is taken at once.
static void not_a_byte_free_and_it_goes_on(void **state)
{
    (void)state;
    struct fixture f = {.fatal = 0};
    snprintf(f.dir, sizeof(f.dir), "/tmp/mxwarden-store-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    if (mount("none", f.dir, "tmpfs", 0, "size=96m,mode=0700") < 0) {
        rmdir(f.dir);
        skip();
    }
    f.options.disk_reserve = 32 << 20;
    fixture_open(&f);
    for (int i = 0; i < WAITING; i++)
        add_one(&f, "shop", 1, 30000, false);
    run_for(&f, 2300);
    take_all_space(f.dir);
    run_for(&f, 1100);
    assert_false(store_may_accept(f.store));
    char reply[500];
    memset(reply, 'x', sizeof(reply));
    reply[sizeof(reply) - 1] = 0;
    for (int round = 0, waited = 0; round < TURNS; waited++) {
        struct due_result due;
        due_get(&f, &due, "shop", clock_wall(), WAITING);
        for (size_t i = 0; i < due.n; i++) {
            struct outcome o = outcome_of(due.messages[i]->id, 0, OUTCOME_DEFERRED, "shop");
            o.reply = reply;
            spool_outcome(f.store, &o, clock_wall());
        }
        round += due.n == WAITING;
        assert_true(due.n == 0 || due.n == WAITING);
        due_free(&due);
        take_all_space(f.dir);
        // A question that sees all that was said: it waits for the fold.
        spool_message_free(find(&f, (struct message_id){1, 1}));
        assert_true(waited < 4 * TURNS);
    }
    int is_written = 0;
    ledger_append(f.store, entry_new(KIND_HOLD, "ana", "customer:shop", "full"), on_entry,
                  &is_written);
    wait_for(&f, &is_written);
    assert_int_equal(is_written, 1);
    assert_int_equal(f.fatal, 0);
    fixture_close(&f);
    f.store = NULL;
    umount(f.dir);
    rmdir(f.dir);
}

static void a_reserve_refuses_before_anything_breaks(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    fixture_close(&f);
    f.options.disk_reserve = UINT64_MAX / 2;
    fixture_open(&f);
    assert_false(store_may_accept(f.store));
    assert_int_equal(add_result(&f, 100), SPOOL_E_FULL);
    fixture_free(&f);
}

// Nothing can be written over a file size limit of nothing: for want of space, not a fault.
static void a_file_size_limit_is_want_of_space(void **state)
{
    (void)state;
    struct fixture f;
    struct rlimit before, none;
    signal(SIGXFSZ, SIG_IGN);
    fixture_new(&f);
    getrlimit(RLIMIT_FSIZE, &before);
    none = (struct rlimit){4096, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    assert_int_equal(add_result(&f, 100), SPOOL_E_FULL);
    run_for(&f, 1200);
    setrlimit(RLIMIT_FSIZE, &before);
    for (int i = 0; i < 40 && !store_may_accept(f.store); i++)
        run_for(&f, 100);
    assert_int_equal(add_result(&f, 100), SPOOL_OK);
    assert_int_equal(f.fatal, 0);
    fixture_free(&f);
}

// The segment's descriptor becomes one that takes writes and cannot be flushed.
static void spoil_flush(const struct fixture *f)
{
    DIR *d = opendir("/proc/self/fd");
    int null = open("/dev/null", O_RDWR), spoilt = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[300], target[300] = "";
        snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
        if (readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, f->dir) &&
            strstr(target, ".seg"))
            spoilt += dup2(null, atoi(e->d_name)) >= 0;
    }
    closedir(d);
    close(null);
    assert_int_equal(spoilt, 1);
}

static void a_failed_flush_is_the_end(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    struct message_id good = add_one(&f, "shop", 1, 100, true);
    spoil_flush(&f);
    assert_int_equal(add_result(&f, 100), SPOOL_E_FULL);
    run_for(&f, 1300); // a second's tick does not bring it back
    assert_int_equal(f.fatal, 1);
    assert_false(store_may_accept(f.store));
    assert_int_equal(add_result(&f, 100), SPOOL_E_FULL);
    assert_int_equal(f.fatal, 1);
    fixture_reopen(&f); // and what was acknowledged is there
    CLEANUP(spool_message_free) struct spool_message *m = find(&f, good);
    assert_non_null(m);
    assert_int_equal(load_body(&f, m), 1);
    fixture_free(&f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_killed_process_loses_nothing_it_acknowledged),
    cmocka_unit_test(a_torn_tail_ends_the_reading_and_nothing_before_it),
    cmocka_unit_test(damage_in_the_middle_costs_only_what_it_hits),
    cmocka_unit_test(a_spoilt_body_is_said_and_the_rest_is_kept),
    cmocka_unit_test(a_full_disk_refuses_and_recovers),
    cmocka_unit_test(not_a_byte_free_and_it_goes_on),
    cmocka_unit_test(a_reserve_refuses_before_anything_breaks),
    cmocka_unit_test(a_file_size_limit_is_want_of_space),
    cmocka_unit_test(a_failed_flush_is_the_end),
};
TEST_MAIN(tests)
