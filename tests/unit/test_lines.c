/* Lines come out as they went in, whatever their lengths and wherever a read ends. */
#include "test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/lines.h"
#include "core/scan.h"

static int file_of(const struct buf *text)
{
    int fd = memfd_create("lines", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t at = 0; at < text->n;) {
        ssize_t n = write(fd, text->p + at, text->n - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

// A line of n bytes that says its number in its first and last byte.
static void add_line(struct buf *text, size_t n, unsigned number)
{
    uint8_t *p = buf_reserve(text, n + 1);
    memset(p, 'a' + (int)(number % 26), n);
    p[n] = '\n';
    buf_grew(text, n + 1);
}

static void check_lines(const size_t *sizes, size_t n, bool has_end)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    struct lines l;
    char *line;
    size_t length, seen = 0;
    for (size_t i = 0; i < n; i++)
        add_line(&text, sizes[i], (unsigned)i);
    text.n -= !has_end;
    int fd = file_of(&text);
    lines_init(&l, fd);
    for (enum lines_result r; (r = lines_next(&l, &line, &length)) != LINES_END;) {
        if (r == LINES_MORE) {
            assert_int_equal(lines_read(&l), 0);
            continue;
        }
        assert_true(seen < n);
        // cppcheck-suppress nullPointer // without sizes n is 0, and the line above ends it
        assert_int_equal(r, sizes[seen] > LINES_MOST ? LINES_LONG : LINES_LINE);
        assert_int_equal(l.number, seen + 1);
        if (r == LINES_LINE) {
            char wanted = (char)('a' + (int)(seen % 26));
            assert_int_equal(length, sizes[seen]);
            assert_true(!length || (line[0] == wanted && line[length - 1] == wanted));
            memset(line, '!', length + 1); // it is ours
        }
        seen++;
    }
    assert_int_equal(seen, n);
    assert_int_equal(l.bytes, text.n);
    lines_deinit(&l);
    close(fd);
}

static void lines_of_any_length_are_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,
                                   1,
                                   0,
                                   LINES_READ - 4,
                                   LINES_READ,
                                   LINES_READ - 1,
                                   5,
                                   LINES_MOST,
                                   LINES_MOST + 1,
                                   3,
                                   LINES_MOST - 1,
                                   3 * LINES_MOST,
                                   LINES_MOST + LINES_READ,
                                   0,
                                   LINES_MOST + LINES_READ + 1,
                                   7};
    check_lines(sizes, ARRAY_LEN(sizes), true);
    check_lines(sizes, ARRAY_LEN(sizes), false);
    check_lines(sizes, 12, false); // ends in a line that is too long
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        check_lines(sizes + i, 1, true);
        check_lines(sizes + i, 1, sizes[i] == 0);
    }
}

static void many_short_lines_cross_every_read(void **state)
{
    (void)state;
    enum { N = 20000 };
    size_t *sizes = xcalloc(N, sizeof(*sizes));
    uint64_t x = 88172645463325252;
    for (size_t i = 0; i < N; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        sizes[i] = (x >> 40) % 300;
    }
    sizes[N - 1] = 1;
    check_lines(sizes, N, true);
    check_lines(sizes, N, false);
    xfree(sizes);
}

static void nothing_has_no_lines(void **state)
{
    (void)state;
    check_lines(NULL, 0, true);
}

static void what_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct lines l;
    lines_init(&l, -1);
    assert_true(lines_read(&l) < 0);
    lines_deinit(&l);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_of_any_length_are_whole),
    cmocka_unit_test(many_short_lines_cross_every_read),
    cmocka_unit_test(nothing_has_no_lines),
    cmocka_unit_test(what_cannot_be_read_is_told),
};
TEST_MAIN(tests)
