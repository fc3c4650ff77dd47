/* Jobs between the loop and the store's threads. A job is run on a thread and finished on the loop;
 * whoever finishes it frees it. */
#pragma once
#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/list.h"
#include "store/db.h"

struct store;
struct uv_async_s;
struct uv_loop_s;

struct job {
    struct list link;
    void (*run)(struct store *s, struct db *d, struct job *job); // on a thread
    void (*finish)(struct store *s, struct job *job);            // on the loop; frees it
};

/* What is done waits here for the loop. */
struct job_done {
    pthread_mutex_t lock;
    struct list jobs;
    struct uv_async_s *async; // a handle lives until the loop has closed it
};
void job_done_init(struct job_done *done, struct uv_loop_s *loop, struct store *s);
/* Finishes what is left, on the caller's thread. */
void job_done_deinit(struct job_done *done, struct store *s);
void job_done_add(struct job_done *done, struct job *job);
/* All jobs of `jobs` in order; it is empty afterwards. One wake-up. */
void job_done_add_all(struct job_done *done, struct list *jobs);

/* A thread with a read-only connection that runs jobs in order. */
struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list jobs;
    struct store *store;
    struct db db;
    bool must_stop;
};
/* 0; or 1 with *why. */
int worker_start(struct worker *w, struct store *s, const char *dir, char **why);
/* Runs what is left, then ends the thread. */
void worker_stop(struct worker *w);
/* Thread-safe. */
void worker_add(struct worker *w, struct job *job);

/* A condition that can be waited for until a monotonic time, and that wait: false when the time is
 * over. */
void wake_init(pthread_cond_t *wake);
bool wake_wait_until(pthread_cond_t *wake, pthread_mutex_t *lock, usec_t at);
pthread_t thread_start(void *(*run)(void *), void *arg);

/* Appends all of `from` to `to`; `from` is empty afterwards. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}
