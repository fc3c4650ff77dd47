#include "store/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
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

int keep_load(const struct store *s, const char *name, struct buf *out)
{
    CLEANUP(xfree) char *path = xasprintf("%s/%s", s->options.dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 1 : fault(-errno);
    int r = file_read_all(fd, out, KEEP_MOST);
    close(fd);
    return r < 0 && r != -EFBIG ? fault(r) : r;
}

static void keep_run(struct store *s, struct db *d, struct job *job)
{
    struct keep_job *j = CONTAINER_OF(job, struct keep_job, job);
    (void)d;
    j->r =
        j->bytes.n > KEEP_MOST ? -EFBIG : file_put(s->options.dir, j->name, buf_bytes(&j->bytes));
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
