#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"
#include "store/segment.h"

struct fatal_job {
    struct job job;
    char *why;
};

static struct store *release(struct store *s)
{
    worker_stop(&s->query);
    worker_stop(&s->fetch);
    if (s->writer.store)
        writer_deinit(&s->writer);
    if (s->folder >= 0)
        close(s->folder);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    handout_deinit(&s->handout);
    suppressor_deinit(&s->suppressor);
    pthread_mutex_destroy(&s->due_lock);
    xfree((char *)s->options.dir);
    return xfree(s);
}

// Opens what has to be there before a thread runs.
static int open_files(struct store *s, char **why)
{
    // SQLite makes its files with the modes of the process: private, whatever the umask says.
    mode_t umask_before = umask(0077);
    int r = directory_open(s->options.dir, &s->lock_fd, &s->folder, why);
    if (r == 0)
        r = writer_open(&s->writer, s, why);
    if (r == 0)
        r = worker_start(&s->fetch, s, s->options.dir, why);
    if (r == 0)
        r = worker_start(&s->query, s, s->options.dir, why);
    umask(umask_before);
    return r;
}

int store_open(struct store **out, struct uv_loop_s *loop, const struct store_options *options,
               char **why)
{
    struct store *s = xcalloc(1, sizeof(*s));
    s->options = *options;
    s->options.dir = xstrdup(options->dir);
    s->loop = loop;
    s->lock_fd = s->folder = -1;
    hash_random(&s->ids, sizeof(s->ids));
    handout_init(&s->handout);
    must(pthread_mutex_init(&s->due_lock, NULL) == 0);
    if (open_files(s, why)) {
        release(s);
        return 1;
    }
    job_done_init(&s->done, loop, s);
    store_tick(s);
    journal_start(&s->journal, s, s->folder, s->writer.position.segment);
    writer_start(&s->writer);
    *out = s;
    return 0;
}

struct store *store_close(struct store *s)
{
    if (!s)
        return NULL;
    journal_stop(&s->journal);
    writer_stop(&s->writer);
    journal_deinit(&s->journal);
    worker_stop(&s->query);
    worker_stop(&s->fetch);
    job_done_deinit(&s->done, s);
    return release(s);
}

struct node_id store_node_id(const struct store *s)
{
    return s->node;
}

struct message_id store_message_id(struct store *s, usec_t now)
{
    return message_id_make(now, s->node, ++s->ids);
}

bool store_may_accept(const struct store *s)
{
    return !s->is_low && !s->is_full && !s->is_dead;
}

uint64_t store_disk_free(const struct store *s)
{
    return s->disk_free;
}

void store_figures_get(const struct store *s, struct store_figures *f)
{
    *f = (struct store_figures){
        .commits = s->commits, .flushes = s->flushes, .bytes = s->bytes, .recovered = s->recovered};
}

void store_count(struct store *s, uint64_t commits, uint64_t flushes, uint64_t bytes)
{
    s->commits += commits;
    s->flushes += flushes;
    s->bytes += bytes;
}

static void fatal_run(struct store *s, struct db *d, struct job *job)
{
    (void)s, (void)d, (void)job;
}

static void fatal_finish(struct store *s, struct job *job)
{
    struct fatal_job *f = CONTAINER_OF(job, struct fatal_job, job);
    if (s->options.on_fatal)
        s->options.on_fatal(s->options.ctx, f->why);
    xfree(f->why);
    xfree(f);
}

void store_fatal(struct store *s, const char *format, ...)
{
    char why[200];
    va_list ap;
    va_start(ap, format);
    vsnprintf(why, sizeof(why), format, ap);
    va_end(ap);
    if (atomic_exchange(&s->is_dead, true))
        return;
    log_error("store", "%s: %s; nothing is accepted any more", s->options.dir, why);
    struct fatal_job *f = xcalloc(1, sizeof(*f));
    f->job = (struct job){.run = fatal_run, .finish = fatal_finish};
    f->why = xasprintf("%s: %s", s->options.dir, why);
    job_done_add(&s->done, &f->job);
}

bool store_is_dead(const struct store *s)
{
    return s->is_dead;
}

void store_found_full(struct store *s, const char *what)
{
    if (!atomic_exchange(&s->is_full, true))
        log_error("store", "%s: no space for %s; mail is refused until there is", s->options.dir,
                  what);
}

bool store_is_full(const struct store *s)
{
    return s->is_full;
}

bool store_is_scarce(const struct store *s)
{
    return s->is_scarce || s->is_full;
}

void store_tick(struct store *s)
{
    struct statvfs v;
    if (fstatvfs(s->folder, &v) < 0)
        return;
    uint64_t space = (uint64_t)v.f_bavail * v.f_frsize;
    bool is_low = space < s->options.disk_reserve;
    s->disk_free = space;
    s->is_scarce = space < s->options.disk_reserve / 4;
    if (atomic_exchange(&s->is_low, is_low) != is_low)
        log_notice("store", "%s: %llu MiB free: mail is %s", s->options.dir,
                   (unsigned long long)(space >> 20), is_low ? "refused" : "accepted again");
    // Room for a segment, and as much again for the database: else the next try fails too.
    if (!is_low && s->is_full && space >= 2 * (uint64_t)SPOOL_SEGMENT) {
        s->is_full = false;
        log_notice("store", "%s: there is space again", s->options.dir);
    }
}
