// Whole files: what is put is read back, never half, and nothing is left beside it.
#include "base/file.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

static char dir[] = "/tmp/mxwarden-file-XXXXXX";

static int read_back(struct buf *out, size_t most)
{
    CLEANUP(xfree) char *path = xasprintf("%s/kept", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int r = file_read_all(fd, out, most);
    close(fd);
    return r;
}

static void what_is_put_is_read_back_whole(void **state)
{
    (void)state;
    struct buf big = {0}, back = {0};
    struct stat st;
    for (int i = 0; i < 200000; i++)
        buf_printf(&big, "%d,", i);
    assert_int_equal(file_put(dir, "kept", bytes_str("first")), 0);
    assert_int_equal(file_put(dir, "kept", buf_bytes(&big)), 0);
    assert_int_equal(read_back(&back, big.n), 0);
    assert_true(bytes_equal(buf_bytes(&big), buf_bytes(&back)));
    buf_clear(&back);
    assert_int_equal(read_back(&back, big.n - 1), -EFBIG);
    CLEANUP(xfree) char *path = xasprintf("%s/kept", dir);
    CLEANUP(xfree) char *fresh = xasprintf("%s/kept.new", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(access(fresh, F_OK), -1);
    buf_deinit(&big);
    buf_deinit(&back);
    unlink(path);
}

static void where_it_cannot_be_put_it_is_said_and_what_was_there_stays(void **state)
{
    (void)state;
    struct buf back = {0};
    assert_int_equal(file_put(dir, "kept", bytes_str("first")), 0);
    assert_int_equal(file_put("/tmp/mxwarden-no-such-folder", "kept", bytes_str("x")), -ENOENT);
    CLEANUP(xfree) char *fresh = xasprintf("%s/kept.new", dir);
    assert_int_equal(mkdir(fresh, 0700), 0); // in the way, and no file that could be removed
    assert_true(file_put(dir, "kept", bytes_str("second")) < 0);
    assert_int_equal(rmdir(fresh), 0);
    assert_int_equal(read_back(&back, 100), 0);
    assert_true(bytes_equal(buf_bytes(&back), bytes_str("first")));
    assert_int_equal(file_write_all(-1, bytes_str("x")), -EBADF);
    buf_deinit(&back);
    CLEANUP(xfree) char *path = xasprintf("%s/kept", dir);
    unlink(path);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read_back_whole),
        cmocka_unit_test(where_it_cannot_be_put_it_is_said_and_what_was_there_stays),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
