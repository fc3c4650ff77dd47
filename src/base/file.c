#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { READ = 64 << 10 };

int file_read_all(int fd, struct buf *out, size_t most)
{
    while (out->n <= most) {
        ssize_t n = read(fd, buf_reserve(out, READ), READ);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        buf_grew(out, n > 0 ? (size_t)n : 0);
    }
    return -EFBIG;
}

int file_write_all(int fd, struct bytes b)
{
    while (b.n) {
        ssize_t n = write(fd, b.p, b.n);
        if (n < 0 && errno != EINTR)
            return -errno;
        b = bytes_skip(b, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

static int flush_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return r;
}

// A new file, flushed.
static int write_fresh(const char *path, struct bytes b)
{
    unlink(path); // of one that was cut off
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = file_write_all(fd, b);
    if (r == 0 && fdatasync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

int file_put(const char *dir, const char *name, struct bytes b)
{
    CLEANUP(xfree) char *path = xasprintf("%s/%s", dir, name);
    CLEANUP(xfree) char *fresh = xasprintf("%s/%s.new", dir, name);
    int r = write_fresh(fresh, b);
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(fresh); // it would only take space
    return r < 0 ? r : flush_folder(dir);
}
