#include "store/job.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <uv.h>

#include "base/error.h"
#include "base/mem.h"
#include "store/inside.h"

static void finish_all(struct job_done *done, struct store *s)
{
    struct list jobs;
    struct job *job;
    list_init(&jobs);
    pthread_mutex_lock(&done->lock);
    list_move_all(&jobs, &done->jobs);
    pthread_mutex_unlock(&done->lock);
    while ((job = LIST_FIRST(&jobs, struct job, link))) {
        list_remove(&job->link);
        job->finish(s, job);
    }
}

static void on_async(uv_async_t *async)
{
    struct store *s = async->data;
    if (s)
        finish_all(&s->done, s);
}

void job_done_init(struct job_done *done, struct uv_loop_s *loop, struct store *s)
{
    must(pthread_mutex_init(&done->lock, NULL) == 0);
    list_init(&done->jobs);
    done->async = xcalloc(1, sizeof(*done->async));
    must(uv_async_init(loop, done->async, on_async) == 0);
    done->async->data = s;
}

static void on_closed(uv_handle_t *handle)
{
    xfree(handle);
}

void job_done_deinit(struct job_done *done, struct store *s)
{
    finish_all(done, s);
    done->async->data = NULL;
    uv_close((uv_handle_t *)done->async, on_closed);
    pthread_mutex_destroy(&done->lock);
}

void job_done_add_all(struct job_done *done, struct list *jobs)
{
    if (list_is_empty(jobs))
        return;
    pthread_mutex_lock(&done->lock);
    bool is_first = list_is_empty(&done->jobs);
    list_move_all(&done->jobs, jobs);
    pthread_mutex_unlock(&done->lock);
    if (is_first)
        uv_async_send(done->async);
}

void job_done_add(struct job_done *done, struct job *job)
{
    struct list one;
    list_init(&one);
    list_add_last(&one, &job->link);
    job_done_add_all(done, &one);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        struct job *job = LIST_FIRST(&w->jobs, struct job, link);
        if (!job && w->must_stop)
            break;
        if (!job) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        list_remove(&job->link);
        pthread_mutex_unlock(&w->lock);
        job->run(w->store, &w->db, job);
        w->db.failed = 0; // a query that failed has said so; the next one may do better
        job_done_add(&w->store->done, job);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int worker_start(struct worker *w, struct store *s, const char *dir, char **why)
{
    if (db_open(&w->db, dir, true, why))
        return 1;
    w->store = s;
    w->must_stop = false;
    list_init(&w->jobs);
    must(pthread_mutex_init(&w->lock, NULL) == 0);
    wake_init(&w->wake);
    w->thread = thread_start(work, w);
    return 0;
}

void worker_stop(struct worker *w)
{
    if (!w->store)
        return;
    pthread_mutex_lock(&w->lock);
    w->must_stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    db_close(&w->db);
    w->store = NULL;
}

void worker_add(struct worker *w, struct job *job)
{
    pthread_mutex_lock(&w->lock);
    bool is_first = list_is_empty(&w->jobs);
    list_add_last(&w->jobs, &job->link);
    if (is_first)
        pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void wake_init(pthread_cond_t *wake)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(wake, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

bool wake_wait_until(pthread_cond_t *wake, pthread_mutex_t *lock, usec_t at)
{
    struct timespec ts = {.tv_sec = at / USEC_SECOND, .tv_nsec = at % USEC_SECOND * 1000};
    return pthread_cond_timedwait(wake, lock, &ts) != ETIMEDOUT;
}

// Signals are the loop's: our threads take none.
pthread_t thread_start(void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    must(pthread_create(&thread, NULL, run, arg) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}
