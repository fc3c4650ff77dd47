#include "store/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "store/inside.h"

struct keep_job {
    struct job job;
    char *name;
    struct buf bytes;
    int r;
    void (*done)(void *ctx, int r);
    void *ctx;
};

static int read_all(int fd, struct buf *out)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fault(-errno);
    if ((uint64_t)st.st_size > KEEP_MOST)
        return -EFBIG;
    size_t room = (size_t)st.st_size, n = 0;
    CLEANUP(xfree) char *bytes = xmalloc(room + 1);
    while (n < room) {
        ssize_t got = read(fd, bytes + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault(-errno);
        if (!got)
            break;
        n += (size_t)got;
    }
    buf_add(out, bytes, n);
    return 0;
}

int keep_load(const struct store *s, const char *name, struct buf *out)
{
    CLEANUP(xfree) char *path = xasprintf("%s/%s", s->options.dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 1 : fault(-errno);
    int r = read_all(fd, out);
    close(fd);
    return r;
}

static int write_all(int fd, const struct buf *b)
{
    for (size_t n = 0; n < b->n;) {
        ssize_t put = write(fd, b->p + n, b->n - n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        n += (size_t)put;
    }
    return fdatasync(fd) < 0 ? -errno : 0;
}

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return r;
}

static int write_file(const char *dir, const char *name, const struct buf *b)
{
    CLEANUP(xfree) char *path = xasprintf("%s/%s", dir, name);
    CLEANUP(xfree) char *fresh = xasprintf("%s/%s.new", dir, name);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, b);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(fresh); // it would only take space
    return r < 0 ? r : sync_folder(dir);
}

static void keep_run(struct store *s, struct db *d, struct job *job)
{
    struct keep_job *j = CONTAINER_OF(job, struct keep_job, job);
    (void)d;
    j->r = j->bytes.n > KEEP_MOST ? -EFBIG : write_file(s->options.dir, j->name, &j->bytes);
}

static void keep_finish(struct store *s, struct job *job)
{
    struct keep_job *j = CONTAINER_OF(job, struct keep_job, job);
    (void)s;
    if (j->done)
        j->done(j->ctx, j->r);
    buf_deinit(&j->bytes);
    xfree(j->name);
    xfree(j);
}

void keep_save(struct store *s, const char *name, struct buf *bytes, void (*done)(void *ctx, int r),
               void *ctx)
{
    struct keep_job *j = xcalloc(1, sizeof(*j));
    *j = (struct keep_job){.job = {.run = keep_run, .finish = keep_finish},
                           .name = xstrdup(name),
                           .bytes = *bytes,
                           .done = done,
                           .ctx = ctx};
    *bytes = (struct buf){0};
    worker_add(&s->query, &j->job);
}
