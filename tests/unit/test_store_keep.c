/* What a room kept is there at the next start, whole: the new one or the one before. */
#include "store_help.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "store/keep.h"

struct saved {
    int is_done, r;
};

static void on_saved(void *ctx, int r)
{
    *(struct saved *)ctx = (struct saved){.is_done = 1, .r = r};
}

static int save(struct fixture *f, const char *text)
{
    struct saved saved = {0};
    struct buf b = {0};
    buf_add_str(&b, text);
    keep_save(f->store, "test.bytes", &b, on_saved, &saved);
    assert_null(b.p); // moved
    wait_for(f, &saved.is_done);
    return saved.r;
}

static void holds(struct fixture *f, const char *text)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    assert_int_equal(keep_load(f->store, "test.bytes", &b), 0);
    assert_int_equal(b.n, strlen(text));
    assert_memory_equal(b.p, text, b.n);
}

static void what_was_kept_is_there_at_the_next_start(void **state)
{
    (void)state;
    struct fixture f;
    CLEANUP(buf_deinit) struct buf b = {0};
    fixture_new(&f);
    assert_int_equal(keep_load(f.store, "test.bytes", &b), 1);
    assert_int_equal(save(&f, "one"), 0);
    assert_int_equal(save(&f, "one and two"), 0);
    fixture_reopen(&f);
    holds(&f, "one and two");
    fixture_free(&f);
}

static void the_last_one_is_written_while_the_store_closes(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b = {0};
    fixture_new(&f);
    buf_add_str(&b, "the end");
    keep_save(f.store, "test.bytes", &b, NULL, NULL);
    fixture_reopen(&f);
    holds(&f, "the end");
    fixture_free(&f);
}

static void without_room_the_one_before_stays(void **state)
{
    (void)state;
    struct fixture f;
    struct rlimit before, none;
    char path[100];
    fixture_new(&f);
    assert_int_equal(save(&f, "before"), 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    none = (struct rlimit){4, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
    int r = save(&f, "after, and too long");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(r, -EFBIG);
    holds(&f, "before");
    snprintf(path, sizeof(path), "%s/test.bytes.new", f.dir);
    assert_int_not_equal(access(path, F_OK), 0);
    fixture_free(&f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_was_kept_is_there_at_the_next_start),
    cmocka_unit_test(the_last_one_is_written_while_the_store_closes),
    cmocka_unit_test(without_room_the_one_before_stays),
};
TEST_MAIN(tests)
