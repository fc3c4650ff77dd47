// Rows of the trail: handed to the db thread as jobs with copies, written in a transaction of their own, so
// that what fails here never takes a fold with it. A job that nobody waits for is freed where it is
// finished, on the loop, like the others.
#include "store/trail.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"

enum {
    ID_BITS = 22,
    WEIGHT = 200,        // of a row beside its bytes
    RETIRE = 1000,       // rows that go in one step beside twice what came in
    LIST_SPAN = 1000000, // µs; others wait for the reading thread
    CUT_WORDS = 48,
};
#define SWEEP_SPAN USEC_MINUTE

struct add_job {
    struct job job;
    struct trail trail; // its bytes stand behind the job
    int64_t weight;
    bool is_durable;
    int r;
    void (*done)(void *ctx, int r); // NULL: nobody waits
    void *ctx;
};

// ---- on the loop

static void add_finish(struct store *s, struct job *job)
{
    struct add_job *j = CONTAINER_OF(job, struct add_job, job);
    (void)s;
    if (j->done)
        j->done(j->ctx, j->r);
    xfree(j);
}

// Both ends of a text that is too long, and between them how much is missing.
static size_t copy_cut(uint8_t *to, struct bytes text)
{
    char words[CUT_WORDS];
    if (text.n <= TRAIL_ONE) {
        memcpy(to, text.p ? text.p : (const uint8_t *)"", text.n);
        return text.n;
    }
    size_t half = (TRAIL_ONE - CUT_WORDS) / 2;
    int n = snprintf(words, sizeof(words), "\n[… %zu bytes cut …]\n", text.n - 2 * half);
    memcpy(to, text.p, half);
    memcpy(to + half, words, (size_t)n);
    memcpy(to + half + n, text.p + text.n - half, half);
    return 2 * half + (size_t)n;
}

static struct add_job *job_new(const struct trail *t)
{
    size_t others = t->others_n * sizeof(uint32_t);
    size_t room = t->text.n < TRAIL_ONE ? t->text.n : TRAIL_ONE;
    struct add_job *j = xcalloc(1, sizeof(*j) + others + room);
    uint32_t *numbers = (uint32_t *)(void *)(j + 1);
    uint8_t *at = (uint8_t *)numbers + others;
    *j = (struct add_job){.job.finish = add_finish, .trail = *t};
    for (size_t i = 0; i < t->others_n; i++)
        numbers[i] = htole32(t->others[i]);
    j->trail.others = numbers; // as they go to disk
    j->trail.text = bytes_of(at, copy_cut(at, t->text));
    j->weight = (int64_t)(others + j->trail.text.n + WEIGHT);
    return j;
}

// False: it is not taken, and counted.
static bool submit(struct store *s, struct add_job *j)
{
    bool has_room = s->trail_waiting + (uint64_t)j->weight <= TRAIL_WAITING;
    if (!has_room || store_is_dead(s) || store_is_scarce(s)) {
        s->trail_dropped++;
        return false;
    }
    s->trail_waiting += (uint64_t)j->weight;
    writer_add_trail(s, &j->job, j->is_durable);
    return true;
}

void trail_add(struct store *s, const struct trail *t)
{
    struct add_job *j = job_new(t);
    if (!submit(s, j))
        xfree(j);
}

void trail_add_durably(struct store *s, const struct trail *t, void (*done)(void *ctx, int r),
                       void *ctx)
{
    struct add_job *j = job_new(t);
    j->is_durable = true;
    j->done = done;
    j->ctx = ctx;
    if (submit(s, j))
        return;
    j->r = store_is_scarce(s) ? -ENOSPC : -EAGAIN;
    job_done_add(&s->done, &j->job);
}

uint64_t trail_dropped(const struct store *s)
{
    return s->trail_dropped;
}

// ---- on the db thread

void trail_load(struct writer *w)
{
    w->trail_bytes = db_int(&w->db, 0, "SELECT sum(weight) FROM trail", "");
}

static void write_one(struct writer *w, const struct add_job *j)
{
    const struct trail *t = &j->trail;
    int64_t mask = (1 << ID_BITS) - 1;
    int64_t id = (t->at > 0 ? t->at / USEC_MS : 0) << ID_BITS | (w->history_count++ & mask);
    db_run(&w->db, "INSERT OR REPLACE INTO trail VALUES(?,?,?,?,?,?,?,?,?)", "iiihiiibb", id,
           (int64_t)t->message.lo, j->weight, t->message, (int64_t)t->recipient_no, (int64_t)t->at,
           (int64_t)t->kind, (const void *)t->others, (int)(t->others_n * sizeof(uint32_t)),
           (const void *)t->text.p, (int)t->text.n);
}

// The oldest go while they are too old or all are too many; gives what is left of `bytes`.
static int64_t retire(struct writer *w, int64_t bytes, size_t added)
{
    int64_t last = -1, before = (clock_wall() - TRAIL_KEPT) / USEC_MS;
    before = before > 0 ? before << ID_BITS : 0;
    sqlite3_stmt *st = db_query(&w->db, "SELECT id, weight FROM trail ORDER BY id LIMIT ?", "i",
                                (int64_t)(RETIRE + 2 * added));
    while (db_step(&w->db, st)) {
        int64_t id = sqlite3_column_int64(st, 0);
        if (id >= before && bytes <= TRAIL_BYTES) {
            db_end(st);
            break;
        }
        last = id;
        bytes -= sqlite3_column_int64(st, 1);
    }
    if (last >= 0)
        db_run(&w->db, "DELETE FROM trail WHERE id<=?", "i", last);
    return bytes;
}

static void tell_dropped(struct writer *w)
{
    uint64_t n = w->store->trail_dropped;
    if (n > w->trail_missed)
        log_warning("store", "%llu conversations or reports were not kept: no room for them",
                    (unsigned long long)(n - w->trail_missed));
    w->trail_missed = n;
}

// What came in goes to disk; 0, or why nothing of it did.
static int write_all(struct writer *w, struct list *jobs)
{
    struct job *job;
    bool is_flushed = false;
    int64_t bytes = w->trail_bytes;
    size_t n = 0;
    LIST_EACH (jobs, job, link)
        is_flushed |= CONTAINER_OF(job, struct add_job, job)->is_durable;
    db_begin(&w->db, is_flushed);
    LIST_EACH (jobs, job, link) {
        write_one(w, CONTAINER_OF(job, struct add_job, job));
        bytes += CONTAINER_OF(job, struct add_job, job)->weight;
        n++;
    }
    bytes = retire(w, bytes, n);
    int r = db_commit(&w->db);
    if (r == 0) {
        w->trail_bytes = bytes;
        store_count(w->store, 1, is_flushed, 0);
    } else {
        w->store->trail_dropped += n;
    }
    return r;
}

void trail_write(struct writer *w, struct list *jobs)
{
    struct job *job;
    usec_t now = clock_monotonic();
    bool is_sweep = now - w->trail_swept_at >= SWEEP_SPAN;
    if (list_is_empty(jobs) && !is_sweep)
        return;
    int r = store_is_dead(w->store) ? -EIO : write_all(w, jobs);
    LIST_EACH (jobs, job, link) {
        struct add_job *j = CONTAINER_OF(job, struct add_job, job);
        j->r = r;
        w->store->trail_waiting -= (uint64_t)j->weight;
    }
    if (!is_sweep)
        return;
    w->trail_swept_at = now;
    tell_dropped(w);
}

// ---- reading

struct list_job {
    struct job job;
    struct message_id message;
    uint32_t recipient_no;
    size_t limit, n;
    struct trail *trails; // with what they point to
    void (*done)(void *ctx, const struct trail *trails, size_t n);
    void *ctx;
};

static struct bytes copy_blob(sqlite3_stmt *st, int column)
{
    const void *p = sqlite3_column_blob(st, column);
    size_t n = (size_t)sqlite3_column_bytes(st, column);
    uint8_t *copy = xmalloc(n ? n : 1);
    if (n)
        memcpy(copy, p, n);
    return bytes_of(copy, n);
}

static uint32_t *copy_numbers(sqlite3_stmt *st, int column, size_t *n)
{
    struct bytes raw = copy_blob(st, column);
    uint32_t *numbers = (uint32_t *)(void *)raw.p;
    *n = raw.n / sizeof(*numbers);
    for (size_t i = 0; i < *n; i++)
        numbers[i] = le32toh(numbers[i]);
    return numbers;
}

static bool is_of(const struct trail *t, uint32_t recipient_no)
{
    bool is = recipient_no == UINT32_MAX || t->recipient_no == recipient_no;
    for (size_t i = 0; !is && i < t->others_n; i++)
        is = t->others[i] == recipient_no;
    return is;
}

// A row of the message is taken when it is of the recipient that was asked for.
static void take_row(struct list_job *j, sqlite3_stmt *st)
{
    struct trail t = {
        .kind = (enum trail_kind)sqlite3_column_int(st, 3),
        .message = j->message,
        .recipient_no = (uint32_t)sqlite3_column_int64(st, 0),
        .at = sqlite3_column_int64(st, 2),
    };
    t.others = copy_numbers(st, 4, &t.others_n);
    if (!is_of(&t, j->recipient_no)) {
        xfree((void *)t.others);
        return;
    }
    t.text = copy_blob(st, 5);
    j->trails = xrealloc(j->trails, j->n + 1, sizeof(*j->trails));
    j->trails[j->n++] = t;
}

static void list_run(struct store *s, struct db *d, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    (void)s;
    sqlite3_stmt *st = db_query(d,
                                "SELECT recipient_no, id, at, kind, others, text FROM trail"
                                " INDEXED BY trail_message WHERE message_low=? AND ulid=?"
                                " ORDER BY id DESC",
                                "ih", (int64_t)j->message.lo, j->message);
    db_limit_time(d, LIST_SPAN);
    while (j->n < j->limit && db_step(d, st))
        take_row(j, st);
    db_end(st);
    db_limit_time(d, 0);
}

static void list_finish(struct store *s, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    (void)s;
    j->done(j->ctx, j->trails, j->n);
    for (size_t i = 0; i < j->n; i++) {
        xfree((void *)j->trails[i].others);
        xfree((void *)j->trails[i].text.p);
    }
    xfree(j->trails);
    xfree(j);
}

void trail_list(struct store *s, struct message_id message, uint32_t recipient_no, size_t limit,
                void (*done)(void *ctx, const struct trail *trails, size_t n), void *ctx)
{
    struct list_job *j = xcalloc(1, sizeof(*j));
    *j = (struct list_job){.job = {.run = list_run, .finish = list_finish},
                           .message = message,
                           .recipient_no = recipient_no,
                           .limit = limit,
                           .done = done,
                           .ctx = ctx};
    writer_query_after(s, &j->job);
}
