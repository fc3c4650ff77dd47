#include "store/writer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/fold.h"
#include "store/inside.h"

enum {
    FLUSH_SPAN = 10 * 1000 * 1000, // µs: a fold is flushed at least so often
    AFTER_SPAN = 20 * 1000,        // µs that a query waits for what was just said
    WORDS_MAX = 1 << 17,           // kept in memory
};

int64_t words_id(struct words *w, struct db *d, const char *text)
{
    if (!*text)
        return 0;
    int64_t id = (intptr_t)map_get_str(&w->ids, text);
    if (id)
        return id;
    id = db_int(d, 0, "SELECT id FROM word WHERE text=?", "t", text);
    if (!id) {
        db_run(d, "INSERT INTO word(text) VALUES(?)", "t", text);
        id = sqlite3_last_insert_rowid(d->handle);
    }
    if (d->failed)
        return 0;
    if (w->ids.count >= WORDS_MAX)
        words_deinit(w);
    map_put_str(&w->ids, text, (void *)(intptr_t)id);
    return id;
}

void words_deinit(struct words *w)
{
    map_deinit(&w->ids);
}

// The next record. What lies between whole ones is damage, not a tail: said, and stepped over.
static int next_record(struct segment_walk *w, struct segment_record *record)
{
    int r = segment_walk_next(w, record);
    if (r != 0 || !w->is_torn || !w->is_checked)
        return r;
    struct place from = w->at;
    r = segment_walk_resync(w);
    if (r <= 0)
        return r;
    log_error("store", "segment %u is damaged from %llu to %llu: what stood there is lost",
              from.segment, (unsigned long long)from.offset, (unsigned long long)w->at.offset);
    return segment_walk_next(w, record);
}

// Reads on from *at, at most records_most, not beyond `until`. 1: there is more; 0; < 0.
static int read_records(struct fold *f, struct place *at, struct place until, bool is_checked)
{
    int folder = f->writer->store->folder, r = 0;
    while (place_before(*at, until) && f->records < f->records_most) {
        struct segment_walk w;
        struct segment_record record;
        bool is_last = at->segment == until.segment;
        int fd = segment_open(folder, at->segment);
        if (fd < 0 && fd != -ENOENT)
            return fault(fd);
        segment_walk_init(&w, fd, *at, is_last ? until.offset : UINT64_MAX, is_checked);
        while (fd >= 0 && f->records < f->records_most && (r = next_record(&w, &record)) > 0)
            fold_record(f, &record);
        *at = w.at;
        bool is_over = f->records < f->records_most;
        if (w.is_torn)
            log_notice("store", "segment %u ends at %llu with a record that was not finished",
                       at->segment, (unsigned long long)at->offset);
        segment_walk_deinit(&w);
        if (r < 0 || (is_over && is_last))
            break;
        if (is_over)
            *at = (struct place){at->segment + 1, 0};
    }
    return r < 0 ? r : place_before(*at, until) && f->records >= f->records_most;
}

static int commit(struct writer *w, struct fold *f, struct place at, uint64_t number)
{
    struct store *s = w->store;
    pthread_mutex_lock(&s->due_lock);
    int r = db_commit(f->db);
    if (r == 0) {
        w->position = at;
        fold_tell(f);
        if (s->folded < number)
            s->folded = number;
    }
    pthread_mutex_unlock(&s->due_lock);
    if (r < 0)
        words_deinit(&w->words); // some of them were rolled back
    return r;
}

static void folded_flushed(struct writer *w)
{
    w->flushed = w->position;
    w->flushed_at = clock_monotonic();
    thin_segments(w);
}

// One transaction. 1: there is more to fold; 0; < 0.
static int fold_once(struct writer *w, struct place until, uint64_t number, bool is_recovery,
                     bool is_flushed)
{
    struct fold f;
    struct place at = w->position;
    fold_init(&f, w);
    db_set_thrifty(f.db, !store_may_accept(w->store));
    is_flushed |= clock_monotonic() - w->flushed_at >= FLUSH_SPAN;
    is_flushed |= until.segment != w->flushed.segment;
    db_begin(f.db, is_flushed);
    int more = read_records(&f, &at, until, is_recovery);
    if (more < 0)
        f.db->failed = more;
    else if (!more && !is_recovery && !should(!place_before(at, until)))
        f.db->failed = -EIO; // what was written a moment ago can't be read: nothing is safe
    else if (!more && is_recovery)
        at = until;
    fold_finish(&f, at);
    if (is_recovery)
        w->store->recovered += f.messages;
    int r = commit(w, &f, at, more ? 0 : number);
    fold_deinit(&f);
    if (r == 0)
        store_count(w->store, 1, is_flushed, 0);
    if (r == 0 && is_flushed)
        folded_flushed(w);
    return r < 0 ? r : more;
}

// Folds what was written until now. Leaves `unfolded` set when there is more.
static void fold(struct writer *w, bool is_flushed)
{
    struct store *s = w->store;
    uint64_t number;
    struct place end = journal_end(&s->journal, &number);
    if (!place_before(w->position, end) && !is_flushed) {
        pthread_mutex_lock(&s->due_lock);
        s->folded = number;
        pthread_mutex_unlock(&s->due_lock);
        return;
    }
    int r = store_is_dead(s) ? 0 : fold_once(w, end, number, false, is_flushed);
    if (r == -ENOSPC)
        store_found_full(s, "the database");
    else if (r < 0)
        store_fatal(s, "the database can't be written");
    else if (r > 0)
        writer_wrote(s, FOLD_RECORDS);
}

void writer_wrote(struct store *s, uint64_t records)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&w->lock);
    bool was_enough = w->unfolded >= FOLD_RECORDS;
    w->unfolded += records;
    if (!was_enough && w->unfolded >= FOLD_RECORDS)
        pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void writer_add(struct store *s, struct job *job)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&w->lock);
    list_add_last(&w->entries, &job->link);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void writer_add_trail(struct store *s, struct job *job, bool is_at_once)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&w->lock);
    list_add_last(&w->trails, &job->link);
    w->has_durable_trail |= is_at_once;
    if (is_at_once)
        pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void writer_query_after(struct store *s, struct job *job)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&w->lock);
    bool is_first = list_is_empty(&w->after);
    if (is_first)
        w->after_at = clock_monotonic() + AFTER_SPAN;
    list_add_last(&w->after, &job->link);
    if (is_first)
        pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static void hand_on(struct writer *w, struct list *jobs)
{
    struct job *job;
    while ((job = LIST_FIRST(jobs, struct job, link))) {
        list_remove(&job->link);
        worker_add(&w->store->query, job);
    }
}

void writer_call(struct store *s, struct writer_call *call)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&w->lock);
    list_add_last(&w->calls, &call->link);
    pthread_cond_signal(&w->wake);
    while (!call->is_done)
        pthread_cond_wait(&w->called, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

// Called with the lock held, which it gives up meanwhile; so are the next three.
static void do_call(struct writer *w)
{
    struct writer_call *call = LIST_FIRST(&w->calls, struct writer_call, link);
    list_remove(&call->link);
    pthread_mutex_unlock(&w->lock);
    call->run(w, call);
    pthread_mutex_lock(&w->lock);
    call->is_done = true;
    pthread_cond_broadcast(&w->called);
}

static void do_entries(struct writer *w)
{
    struct list jobs;
    list_init(&jobs);
    list_move_all(&jobs, &w->entries);
    pthread_mutex_unlock(&w->lock);
    ledger_write(w, &jobs);
    job_done_add_all(&w->store->done, &jobs);
    pthread_mutex_lock(&w->lock);
}

static void do_trails(struct writer *w)
{
    struct list jobs;
    list_init(&jobs);
    list_move_all(&jobs, &w->trails);
    w->has_durable_trail = false;
    pthread_mutex_unlock(&w->lock);
    trail_write(w, &jobs);
    job_done_add_all(&w->store->done, &jobs);
    pthread_mutex_lock(&w->lock);
}

static void do_fold(struct writer *w)
{
    struct list jobs;
    list_init(&jobs);
    list_move_all(&jobs, &w->after);
    w->unfolded = 0;
    do_trails(w);
    pthread_mutex_unlock(&w->lock);
    fold(w, false);
    store_tick(w->store);
    if (store_may_accept(w->store))
        spare_keep(w);
    hand_on(w, &jobs);
    pthread_mutex_lock(&w->lock);
}

static void *work(void *arg)
{
    struct writer *w = arg;
    usec_t next_at = clock_monotonic() + FOLD_SPAN;
    pthread_mutex_lock(&w->lock);
    while (!w->must_stop || !list_is_empty(&w->entries) || w->has_durable_trail) {
        usec_t at = next_at;
        if (!list_is_empty(&w->after) && w->after_at < at)
            at = w->after_at;
        if (!list_is_empty(&w->entries)) {
            do_entries(w);
        } else if (w->has_durable_trail) {
            do_trails(w);
        } else if (!list_is_empty(&w->calls)) {
            do_call(w);
        } else if (w->unfolded >= FOLD_RECORDS || clock_monotonic() >= at) {
            next_at = clock_monotonic() + FOLD_SPAN;
            do_fold(w);
        } else {
            wake_wait_until(&w->wake, &w->lock, at);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

// The row of what there is once: made at the first start, read at each.
static void load(struct writer *w)
{
    struct db *d = &w->db;
    uint8_t none[LEDGER_HASH] = {0};
    uint64_t node = 0;
    hash_random(&node, 5);
    db_begin(d, true);
    db_run(d, "INSERT OR IGNORE INTO engine VALUES(1,?,1,0,0,?)", "ib", (int64_t)node, none,
           LEDGER_HASH);
    w->store->node.v = (uint64_t)db_int(d, 0, "SELECT node FROM engine", "");
    w->position.segment = (uint32_t)db_int(d, 1, "SELECT segment FROM engine", "");
    w->position.offset = (uint64_t)db_int(d, 0, "SELECT offset FROM engine", "");
    w->history_count = db_int(d, 0, "SELECT max(id) FROM history", "") + 1;
    ledger_load_head(w);
    trail_load(w);
    d->failed = db_commit(d);
    if (!d->failed)
        suppressor_open(&w->store->suppressor, d);
}

// Folds what the journal has beyond the database, segment by segment, up to where none is.
static int recover(struct writer *w)
{
    uint32_t *numbers;
    size_t n;
    int r = segment_list(w->store->folder, &numbers, &n);
    if (r < 0)
        return r;
    struct place end = {w->position.segment, 0};
    if (n && numbers[n - 1] >= end.segment)
        end.segment = numbers[n - 1] + 1;
    else if (w->position.offset)
        end.segment++;
    xfree(numbers);
    do
        r = fold_once(w, end, 0, true, true);
    while (r > 0);
    return r;
}

int writer_open(struct writer *w, struct store *s, char **why)
{
    *w = (struct writer){.store = s};
    list_init(&w->entries);
    list_init(&w->after);
    list_init(&w->calls);
    list_init(&w->trails);
    must(pthread_cond_init(&w->called, NULL) == 0);
    must(pthread_mutex_init(&w->lock, NULL) == 0);
    wake_init(&w->wake);
    if (db_open(&w->db, s->options.dir, false, why))
        return 1;
    if (db_migrate(&w->db, why))
        return 1;
    load(w);
    int r = w->db.failed ? w->db.failed : recover(w);
    if (r == 0)
        return 0;
    *why = xasprintf("%s: can't be read or written: %s", s->options.dir, strerror(-r));
    return 1;
}

void writer_start(struct writer *w)
{
    w->thread = thread_start(work, w);
    w->is_running = true;
}

void writer_stop(struct writer *w)
{
    if (!w->is_running)
        return;
    pthread_mutex_lock(&w->lock);
    w->must_stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->is_running = false;
    pthread_mutex_lock(&w->lock);
    do_trails(w);
    pthread_mutex_unlock(&w->lock);
    do {
        w->unfolded = 0;
        fold(w, true);
    } while (w->unfolded);
    hand_on(w, &w->after);
}

void writer_deinit(struct writer *w)
{
    db_close(&w->db);
    words_deinit(&w->words);
    bucket_changes_deinit(&w->suppress);
    map_deinit(&w->thinned);
    pthread_cond_destroy(&w->called);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}
