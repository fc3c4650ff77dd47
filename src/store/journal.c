#include "store/journal.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"
#include "store/segment.h"

enum {
    FACTS_NAP = 2000,    // µs that facts wait for more of them
    COMPANY_NAP = 1000,  // µs, at most, that a message waits for the company it had before
    RETRY = 1000 * 1000, // µs between tries when there is no space
    PARTS = 512,         // of one writev
    SMALL = 256 << 10,   // the segment for facts when the disk has no room for a whole one
};

bool is_state_change(const struct outcome *o)
{
    if (!o->message.hi && !o->message.lo)
        return false; // of no message
    if (o->delivered_at)
        return false; // late news: its recipient is done
    switch (o->kind) {
    case OUTCOME_DELIVERED:
    case OUTCOME_DEFERRED:
    case OUTCOME_BOUNCED:
    case OUTCOME_EXPIRED:
        return true;
    case OUTCOME_ACCEPTED:
    case OUTCOME_HELD:
    case OUTCOME_REFUSED:
    case OUTCOME_COMPLAINED:
    case OUTCOME_UNSUBSCRIBED:
    case OUTCOME_TRAP:
    case OUTCOME_LISTED:
    case OUTCOME_DELISTED:
        return false;
    }
    return false;
}

// What one round of the thread writes.
struct batch {
    struct list adds;
    struct buf facts;
    size_t bytes, adds_n;
    uint64_t written; // the number up to which all is written afterwards
};

static size_t add_bytes(const struct journal_add *add)
{
    return add->record.n + (add->message ? (size_t)add->message->size : 0);
}

bool journal_add(struct journal *j, struct journal_add *add)
{
    size_t n = add_bytes(add);
    pthread_mutex_lock(&j->lock);
    bool is_taken = !j->adds_n || j->adds_bytes + n <= JOURNAL_WAITING_MAX;
    if (is_taken) {
        add->number = ++j->handed;
        list_add_last(&j->adds, &add->job.link);
        j->adds_n++;
        j->adds_bytes += n;
        // The thread naps until the company is complete; more signals would only wake it in vain.
        if (j->adds_n == 1 || j->adds_n == j->last_batch)
            pthread_cond_signal(&j->wake);
    }
    pthread_mutex_unlock(&j->lock);
    return is_taken;
}

// The length of the record at p, whose header is ours.
static size_t fact_length(const uint8_t *p)
{
    struct record_header h;
    must(record_header_parse(&h, p));
    return RECORD_HEADER + h.head_n;
}

// Drops the older half of what is history alone; what changes the state stays, in order.
static void drop_history(struct journal *j)
{
    struct buf kept = {0};
    size_t n, before = j->facts.n;
    for (size_t at = 0; at < before; at += n) {
        const uint8_t *p = j->facts.p + at;
        struct record_outcome o;
        n = fact_length(p);
        bool is_history =
            record_parse_outcome(&o, bytes_of(p + RECORD_HEADER, n - RECORD_HEADER)) &&
            !is_state_change(&o.outcome);
        if (is_history && at < before / 2)
            j->dropped++;
        else
            buf_add(&kept, p, n);
    }
    buf_deinit(&j->facts);
    j->facts = kept;
}

// What changes the state is never dropped: then the next look is a quarter later, not at each fact.
static void bound_facts(struct journal *j)
{
    if (j->facts.n <= JOURNAL_FACTS_MAX || j->facts.n <= j->drop_at)
        return;
    drop_history(j);
    j->drop_at = j->facts.n + JOURNAL_FACTS_MAX / 4;
}

static uint64_t fact_added(struct journal *j, bool was_empty)
{
    uint64_t number = ++j->handed;
    bound_facts(j);
    if (was_empty && !j->adds_n)
        pthread_cond_signal(&j->wake);
    return number;
}

uint64_t journal_add_outcome(struct journal *j, const struct outcome *o, usec_t next_try_at)
{
    pthread_mutex_lock(&j->lock);
    bool was_empty = !j->facts.n;
    record_add_outcome(&j->facts, o, next_try_at);
    uint64_t number = fact_added(j, was_empty);
    pthread_mutex_unlock(&j->lock);
    return number;
}

uint64_t journal_add_parked(struct journal *j, const struct record_parked *p)
{
    pthread_mutex_lock(&j->lock);
    bool was_empty = !j->facts.n;
    record_add_parked(&j->facts, p);
    uint64_t number = fact_added(j, was_empty);
    pthread_mutex_unlock(&j->lock);
    return number;
}

struct place journal_end(struct journal *j, uint64_t *written)
{
    pthread_mutex_lock(&j->lock);
    struct place end = j->end;
    *written = j->written;
    pthread_mutex_unlock(&j->lock);
    return end;
}

// Makes room for a batch in a new segment.
static int switch_segment(struct journal *j, uint64_t want, bool has_adds)
{
    uint64_t size = want > SPOOL_SEGMENT ? want : SPOOL_SEGMENT;
    int fd = segment_make(j->folder, j->at.segment + 1, size);
    if (is_want_of_space(fd) && !has_adds) {
        size = want > SMALL ? want : SMALL;
        fd = segment_make(j->folder, j->at.segment + 1, size);
    }
    if (is_want_of_space(fd) && !has_adds && want <= SPARE_SEGMENT) {
        int spare = segment_spare_take(j->folder, j->at.segment + 1);
        if (spare >= 0)
            log_notice("store", "no space: the journal goes on in what was kept for that");
        size = SPARE_SEGMENT;
        fd = spare == -ENOENT ? fd : spare;
    }
    if (fd < 0)
        return fd;
    if (j->fd >= 0 && fdatasync(j->fd) < 0) { // facts alone were not; a later flush is not theirs
        close(fd);
        return fault(-EIO);
    }
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->size = size;
    j->at = (struct place){j->at.segment + 1, 0};
    return 0;
}

// Writes parts at an offset, all of them. Uses the parts up.
static int write_parts(int fd, struct iovec *parts, int n, uint64_t offset)
{
    while (n) {
        ssize_t done = pwritev(fd, parts, n, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        offset += (uint64_t)done;
        for (; n && (size_t)done >= parts->iov_len; parts++, n--)
            done -= (ssize_t)parts->iov_len;
        if (n) {
            parts->iov_base = (char *)parts->iov_base + done;
            parts->iov_len -= (size_t)done;
        }
    }
    return 0;
}

struct writing {
    struct journal *j;
    struct iovec parts[PARTS];
    int n;
    uint64_t from; // where the parts begin
    uint64_t to;
    int r;
};

static void write_out(struct writing *w)
{
    if (w->n && w->r == 0)
        w->r = write_parts(w->j->fd, w->parts, w->n, w->from);
    w->from = w->to;
    w->n = 0;
}

static void write_part(struct writing *w, void *p, size_t n)
{
    if (!n)
        return;
    w->parts[w->n++] = (struct iovec){p, n};
    w->to += n;
    if (w->n == PARTS)
        write_out(w);
}

static void write_add(struct writing *w, struct journal_add *add)
{
    struct spool_message *m = add->message;
    struct place at = {w->j->at.segment, w->to};
    if (!m)
        return;
    record_seal(add->record.p, bytes_of(m->body, (size_t)m->size), at);
    write_part(w, add->record.p, add->record.n);
    write_part(w, m->body, (size_t)m->size);
    m->segment = at.segment;
    m->offset = at.offset;
}

static int write_batch(struct journal *j, struct batch *b)
{
    struct job *job;
    struct writing w = {.j = j, .from = j->at.offset, .to = j->at.offset};
    LIST_EACH (&b->adds, job, link)
        write_add(&w, CONTAINER_OF(job, struct journal_add, job));
    for (size_t at = 0; at < b->facts.n; at += fact_length(b->facts.p + at))
        record_seal(b->facts.p + at, bytes_of(NULL, 0), (struct place){j->at.segment, w.to + at});
    write_part(&w, b->facts.p, b->facts.n);
    write_out(&w);
    return w.r;
}

static int commit(struct journal *j, struct batch *b)
{
    int r = 0;
    if (j->fd < 0 || j->at.offset + b->bytes > j->size)
        r = switch_segment(j, b->bytes, b->adds_n);
    if (r < 0)
        return r;
    r = write_batch(j, b);
    if (r < 0 && is_want_of_space(r)) {
        // Nothing of it is kept: a zero header where the batch began ends the reading there.
        static const uint8_t none[RECORD_HEADER];
        if (pwrite(j->fd, none, sizeof(none), (off_t)j->at.offset) < 0 && b->adds_n)
            return fault(-EIO);
        j->size = j->at.offset; // and nothing is written over its remains
    }
    if (r < 0)
        return r;
    if (b->adds_n && fdatasync(j->fd) < 0)
        return fault(-EIO); // whatever it was: the pages are clean by now, a second try would lie
    store_count(j->store, 1, b->adds_n ? 1 : 0, b->bytes);
    j->at.offset += b->bytes;
    return 0;
}

// Called with the lock held.
static void take_batch(struct journal *j, struct batch *b)
{
    struct journal_add *add;
    *b = (struct batch){.facts = j->facts, .bytes = j->facts.n, .written = j->handed};
    j->facts = (struct buf){0};
    list_init(&b->adds);
    while (!list_is_empty(&j->adds)) {
        add = CONTAINER_OF(j->adds.next, struct journal_add, job.link);
        size_t n = add_bytes(add);
        if (b->adds_n && b->bytes + n > JOURNAL_BATCH) {
            b->written = add->number - 1;
            break;
        }
        list_remove(&add->job.link);
        list_add_last(&b->adds, &add->job.link);
        b->bytes += n;
        b->adds_n++;
        j->adds_n--;
        j->adds_bytes -= n;
    }
}

// Facts go back to the front of what waits; messages are told.
static void batch_failed(struct journal *j, struct batch *b, int r)
{
    struct job *job;
    bool is_full = is_want_of_space(r);
    LIST_EACH (&b->adds, job, link)
        CONTAINER_OF(job, struct journal_add, job)->result = SPOOL_E_FULL;
    pthread_mutex_lock(&j->lock);
    if (b->facts.n) {
        buf_add_bytes(&b->facts, buf_bytes(&j->facts));
        buf_deinit(&j->facts);
        j->facts = b->facts;
        b->facts = (struct buf){0};
    }
    bound_facts(j);
    pthread_mutex_unlock(&j->lock);
    if (is_full)
        store_found_full(j->store, "the journal");
    else
        store_fatal(j->store, "the journal can't be written: %s", strerror(-r));
}

static void run_batch(struct journal *j, struct batch *b)
{
    int r = store_is_dead(j->store) ? -EIO : commit(j, b);
    j->has_failed = r < 0;
    if (r < 0) {
        batch_failed(j, b, r);
    } else {
        pthread_mutex_lock(&j->lock);
        j->written = b->written;
        j->end = j->at;
        pthread_mutex_unlock(&j->lock);
        writer_wrote(j->store, b->adds_n + b->facts.n / 128);
    }
    buf_deinit(&b->facts);
    job_done_add_all(&j->store->done, &b->adds);
}

// A lone message goes at once. Where several came together before they will again: their answers
// left together, so waiting a moment for all of them saves flushes and costs nobody time.
static void wait_for_company(struct journal *j)
{
    usec_t until = clock_monotonic() + COMPANY_NAP;
    while (j->adds_n < j->last_batch && !j->must_stop)
        if (!wake_wait_until(&j->wake, &j->lock, until))
            break;
}

// Waits until there is something to write; false when there is not and never will be.
static bool wait_for_work(struct journal *j)
{
    while (!j->adds_n && !j->facts.n) {
        if (j->must_stop)
            return false;
        pthread_cond_wait(&j->wake, &j->lock);
    }
    usec_t until = clock_monotonic() + FACTS_NAP;
    if (j->has_failed || store_is_dead(j->store))
        until += RETRY;
    while (!j->adds_n && !j->must_stop)
        if (!wake_wait_until(&j->wake, &j->lock, until))
            break;
    if (j->adds_n)
        wait_for_company(j);
    return true;
}

static void *work(void *arg)
{
    struct journal *j = arg;
    struct batch b;
    pthread_mutex_lock(&j->lock);
    while (wait_for_work(j)) {
        take_batch(j, &b);
        if (b.adds_n)
            j->last_batch = b.adds_n;
        bool is_last = j->must_stop && !j->adds_n;
        pthread_mutex_unlock(&j->lock);
        run_batch(j, &b);
        pthread_mutex_lock(&j->lock);
        if (is_last && j->facts.n) {
            log_error("store", "facts for which the disk has no room are lost: %zu bytes",
                      j->facts.n);
            break;
        }
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

void journal_start(struct journal *j, struct store *s, int folder, uint32_t next)
{
    *j = (struct journal){.store = s, .folder = folder, .fd = -1, .at.segment = next - 1};
    j->end = (struct place){next, 0};
    list_init(&j->adds);
    must(pthread_mutex_init(&j->lock, NULL) == 0);
    wake_init(&j->wake);
    j->thread = thread_start(work, j);
    j->is_running = true;
}

void journal_stop(struct journal *j)
{
    if (!j->is_running)
        return;
    pthread_mutex_lock(&j->lock);
    j->must_stop = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    j->is_running = false;
}

void journal_deinit(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    buf_deinit(&j->facts);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
}
