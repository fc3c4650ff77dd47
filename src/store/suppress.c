// Texts stand in table `suppressed`, a row each in the order of their making: an import appends. What is
// looked up and loaded stands packed beside them (suppress_bucket.h). A ledger job writes both.
#include "store/suppress.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "core/entry.h"
#include "store/inside.h"
#include "store/ledger_row.h"

enum { SWEEP_BUCKETS = BUCKETS / 64 };

void suppress_hash(struct store *s, struct hash_key *out)
{
    *out = s->suppressor.hash;
}

uint16_t suppress_provider(struct store *s, const char *name)
{
    return suppressor_number(&s->suppressor, name);
}

const char *suppress_provider_name(const struct store *s, uint16_t number)
{
    return number && number <= s->suppressor.names_n ? s->suppressor.names[number - 1] : "";
}

static uint64_t key_of(const struct store *s, const char *address)
{
    const struct suppressions hashed = {.hash = s->suppressor.hash};
    return suppression_key(&hashed, address);
}

// ---- the start

void suppress_load(struct store *s, struct suppressions *to)
{
    struct db *d = &s->query.db;
    struct bucket b = {0};
    uint32_t now = suppression_minute(clock_wall());
    size_t all = (size_t)db_int(d, 0, "SELECT n FROM suppress", "");
    suppressions_reserve(to, all + all / 16); // it does not grow right away
    sqlite3_stmt *st = db_query(d, "SELECT entries FROM suppress_bucket ORDER BY no", "");
    while (db_step(d, st)) {
        bucket_take(&b, st);
        for (size_t i = 0; i < b.n; i++)
            if (b.all[i].s.until > now)
                suppressions_put(to, &b.all[i].s);
    }
    bucket_deinit(&b);
    d->failed = 0;
}

// ---- adding

/* A row as a job keeps it: the texts are in the job's buffer. */
struct kept {
    struct suppression s;
    size_t address, owner, reason;
};

struct add_job {
    struct append_job append;
    struct kept *rows;
    size_t n;
    struct buf texts;
    char **providers; // by the rows' numbers; NULL: not among them
    size_t providers_n;
    void (*done)(void *ctx, int r, const struct ledger_row *row);
    void *ctx;
};

static size_t keep_text(struct buf *b, const char *text)
{
    size_t at = b->n;
    buf_add(b, text, strlen(text) + 1);
    return at;
}

static const char *kept_text(const struct add_job *j, size_t at)
{
    return (const char *)j->texts.p + at;
}

// The provider's name goes along: the loop's own list may grow meanwhile.
static void keep_provider(struct add_job *j, uint16_t no, const char *name)
{
    if (no >= j->providers_n) {
        j->providers = xrealloc(j->providers, no + 1U, sizeof(*j->providers));
        memset(j->providers + j->providers_n, 0,
               (no + 1U - j->providers_n) * sizeof(*j->providers));
        j->providers_n = no + 1U;
    }
    if (!j->providers[no])
        j->providers[no] = xstrdup(name);
}

static void keep_row(struct store *s, struct add_job *j, const struct suppress_row *row)
{
    struct kept *k = &j->rows[j->n++];
    k->s = row->s;
    k->s.key = key_of(s, row->address);
    k->s.owner = suppression_owner(row->owner);
    k->s.provider = suppress_provider(s, row->provider);
    k->address = keep_text(&j->texts, row->address);
    k->owner = keep_text(&j->texts, row->owner);
    k->reason = keep_text(&j->texts, row->reason);
    if (k->s.provider)
        keep_provider(j, k->s.provider, row->provider);
}

static void set_count(struct entry *e, size_t n)
{
    char count[24];
    snprintf(count, sizeof(count), "%zu", n);
    entry_add_field(e, "addresses", count, false);
}

static void add_finish(struct store *s, struct job *job)
{
    struct add_job *j = CONTAINER_OF(job, struct add_job, append.job);
    (void)s;
    if (j->done)
        j->done(j->ctx, j->append.r, append_row(&j->append));
    append_deinit(&j->append);
    for (size_t i = 0; i < j->providers_n; i++)
        xfree(j->providers[i]);
    xfree(j->providers);
    buf_deinit(&j->texts);
    xfree(j->rows);
    xfree(j);
}

static void add_after(struct writer *w, struct append_job *append)
{
    struct add_job *j = CONTAINER_OF(append, struct add_job, append);
    struct db *d = &w->db;
    int64_t entry = append->entry ? (int64_t)append->entry->name.seq : 0;
    for (size_t i = 1; i < j->providers_n; i++)
        if (j->providers[i])
            db_run(d, "INSERT OR IGNORE INTO suppress_provider VALUES(?,?)", "it", (int64_t)i,
                   j->providers[i]);
    for (size_t i = 0; i < j->n; i++) {
        const struct kept *k = &j->rows[i];
        db_run(d,
               "INSERT INTO suppressed(entry, owner, provider, since, address, reason)"
               " VALUES(?,?,?,?,?,?)",
               "iiiitt", entry, words_id(&w->words, d, kept_text(j, k->owner)),
               (int64_t)k->s.provider, (int64_t)k->s.since, kept_text(j, k->address),
               kept_text(j, k->reason));
        bucket_put(w, &(struct packed){k->s, (uint64_t)sqlite3_last_insert_rowid(d->handle)});
    }
}

void suppress_add(struct store *s, struct entry *e, const struct suppress_row *rows, size_t n,
                  void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx)
{
    struct add_job *j = xcalloc(1, sizeof(*j));
    must(n <= SUPPRESS_BATCH);
    *j = (struct add_job){.append = {.job.finish = add_finish, .entry = e, .after = add_after},
                          .rows = xcalloc(n + 1, sizeof(*j->rows)),
                          .done = done,
                          .ctx = ctx};
    for (size_t i = 0; i < n; i++)
        keep_row(s, j, &rows[i]);
    if (e)
        set_count(e, n);
    writer_add(s, &j->append.job);
}

// ---- removing

struct remove_job {
    struct append_job append;
    struct suppression *asked; // key and owner
    size_t asked_n;
    uint16_t provider; // 0: not by it
    uint32_t since;
    uint64_t entry_seq;
    struct suppression *removed;
    size_t n, room;
    void (*done)(void *ctx, const struct suppress_removed *removed);
    void *ctx;
};

static void remove_finish(struct store *s, struct job *job)
{
    struct remove_job *j = CONTAINER_OF(job, struct remove_job, append.job);
    (void)s;
    struct suppress_removed removed = {.r = j->append.r,
                                       .row = append_row(&j->append),
                                       .removed = j->removed,
                                       .n = j->append.r < 0 ? 0 : j->n};
    if (j->done)
        j->done(j->ctx, &removed);
    append_deinit(&j->append);
    xfree(j->asked);
    xfree(j->removed);
    xfree(j);
}

// True when there was one.
static bool remove_one(struct writer *w, struct remove_job *j, struct bucket *b, uint64_t key,
                       uint32_t owner, bool is_by_provider)
{
    bucket_read(b, &w->db, bucket_of(key));
    const struct packed *p = bucket_get(b, key, owner);
    if (!p || (is_by_provider && p->s.flags & SUPPRESSION_MANUAL))
        return false;
    if (j->n == j->room) {
        j->room = j->room ? 2 * j->room : 16;
        j->removed = xrealloc(j->removed, j->room, sizeof(*j->removed));
    }
    j->removed[j->n++] = p->s;
    bucket_remove(w, key, owner);
    return true;
}

static void remove_rows_of(struct writer *w, struct remove_job *j, struct bucket *b,
                           sqlite3_stmt *st)
{
    while (db_step(&w->db, st))
        remove_one(w, j, b, key_of(w->store, db_text(st, 0)), suppression_owner(db_text(st, 1)),
                   j->provider != 0);
}

// Only here is known how many there are: `2 addresses: …`.
static void begin_reason(struct entry *e, size_t n)
{
    char *reason = xasprintf("%zu address%s: %s", n, n == 1 ? "" : "es", e->reason);
    xfree(e->reason);
    e->reason = reason;
}

#define ADDRESSES "SELECT s.address, w.text FROM suppressed s JOIN word w ON w.id=s.owner WHERE "

static void remove_before(struct writer *w, struct append_job *append)
{
    struct remove_job *j = CONTAINER_OF(append, struct remove_job, append);
    struct bucket b = {0};
    bucket_flush(w); // what was added a moment ago is seen
    for (size_t i = 0; i < j->asked_n; i++)
        remove_one(w, j, &b, j->asked[i].key, j->asked[i].owner, false);
    if (j->provider)
        remove_rows_of(w, j, &b,
                       db_query(&w->db, ADDRESSES "s.provider=? AND s.provider>0 AND s.since>=?",
                                "ii", (int64_t)j->provider, (int64_t)j->since));
    if (j->entry_seq)
        remove_rows_of(
            w, j, &b,
            db_query(&w->db, ADDRESSES "s.entry=? AND s.entry>0", "i", (int64_t)j->entry_seq));
    bucket_deinit(&b);
    if (j->n && append->entry) {
        set_count(append->entry, j->n);
        if (j->provider)
            begin_reason(append->entry, j->n);
    } else {
        append->entry = entry_free(append->entry);
    }
}

void suppress_remove(struct store *s, struct entry *e, const struct suppress_removal *what,
                     void (*done)(void *ctx, const struct suppress_removed *removed), void *ctx)
{
    struct remove_job *j = xcalloc(1, sizeof(*j));
    *j = (struct remove_job){
        .append = {.job.finish = remove_finish, .entry = e, .before = remove_before},
        .asked = xcalloc(what->n + 1, sizeof(*j->asked)),
        .asked_n = what->n,
        .provider = what->provider ? suppress_provider(s, what->provider) : 0,
        .since = suppression_minute(what->since),
        .entry_seq = what->entry_seq,
        .done = done,
        .ctx = ctx};
    for (size_t i = 0; i < what->n; i++)
        j->asked[i] = (struct suppression){.key = key_of(s, what->rows[i].address),
                                           .owner = suppression_owner(what->rows[i].owner)};
    writer_add(s, &j->append.job);
}

// ---- the sweep

struct sweep_job {
    struct append_job append;
    uint32_t now;
};

static void sweep_finish(struct store *s, struct job *job)
{
    struct sweep_job *j = CONTAINER_OF(job, struct sweep_job, append.job);
    (void)s;
    append_deinit(&j->append);
    xfree(j);
}

static void sweep_before(struct writer *w, struct append_job *append)
{
    const struct sweep_job *j = CONTAINER_OF(append, struct sweep_job, append);
    struct bucket b = {0};
    bucket_flush(w);
    for (int i = 0; i < SWEEP_BUCKETS; i++) {
        bucket_read(&b, &w->db, w->suppress.swept);
        for (size_t k = 0; k < b.n; k++)
            if (b.all[k].s.until <= j->now)
                bucket_remove(w, b.all[k].s.key, b.all[k].s.owner);
        w->suppress.swept = (w->suppress.swept + 1) % BUCKETS;
    }
    bucket_deinit(&b);
}

void suppress_sweep(struct store *s, usec_t now)
{
    struct sweep_job *j = xcalloc(1, sizeof(*j));
    *j = (struct sweep_job){.append = {.job.finish = sweep_finish, .before = sweep_before},
                            .now = suppression_minute(now)};
    writer_add(s, &j->append.job);
}

// ---- for people

struct list_job {
    struct job job;
    uint64_t key; // 0: any
    bool has_owner, has_suspects, has_more;
    uint32_t owner, after_owner;
    uint64_t after_key;
    size_t limit;
    struct suppress_row *rows;
    size_t n;
    void (*done)(void *ctx, const struct suppress_row *rows, size_t n, bool has_more);
    void *ctx;
};

static bool is_wanted(const struct list_job *j, const struct suppression *s)
{
    if (s->key < j->after_key || (s->key == j->after_key && s->owner <= j->after_owner))
        return j->after_key == 0;
    return (!j->key || j->key == s->key) && (!j->has_owner || j->owner == s->owner) &&
           (j->has_suspects || !(s->flags & SUPPRESSION_SUSPECT));
}

static void take_row(struct list_job *j, struct db *d, const struct packed *p)
{
    sqlite3_stmt *st = db_query(d,
                                "SELECT s.address, w.text, p.name, s.reason FROM suppressed s"
                                " JOIN word w ON w.id=s.owner"
                                " LEFT JOIN suppress_provider p ON p.no=s.provider WHERE s.id=?",
                                "i", (int64_t)p->row);
    while (db_step(d, st))
        j->rows[j->n++] = (struct suppress_row){.address = xstrdup(db_text(st, 0)),
                                                .owner = xstrdup(db_text(st, 1)),
                                                .provider = xstrdup(db_text(st, 2)),
                                                .reason = xstrdup(db_text(st, 3)),
                                                .s = p->s};
}

// False: as many as were wanted are there.
static bool take_bucket(struct list_job *j, struct db *d, const struct packed *all, size_t n)
{
    for (size_t i = 0; i < n && !j->has_more; i++) {
        if (!is_wanted(j, &all[i].s))
            continue;
        if (j->n == j->limit)
            j->has_more = true;
        else
            take_row(j, d, &all[i]);
    }
    return !j->has_more;
}

static void list_run(struct store *s, struct db *d, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    struct bucket b = {0};
    (void)s;
    // One view of the database: buckets and rows belong together.
    db_run(d, "BEGIN", "");
    uint32_t no = bucket_of(j->key ? j->key : j->after_key);
    int64_t last = j->key ? no : BUCKETS - 1;
    sqlite3_stmt *st =
        db_query(d, "SELECT entries FROM suppress_bucket WHERE no BETWEEN ? AND ? ORDER BY no",
                 "ii", (int64_t)no, last);
    bool goes_on = true;
    while (goes_on && db_step(d, st)) {
        bucket_take(&b, st);
        goes_on = take_bucket(j, d, b.all, b.n);
    }
    if (!goes_on)
        db_end(st);
    db_run(d, "COMMIT", "");
    bucket_deinit(&b);
}

static void list_finish(struct store *s, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    (void)s;
    j->done(j->ctx, j->rows, j->n, j->has_more);
    for (size_t i = 0; i < j->n; i++) {
        xfree((char *)j->rows[i].address);
        xfree((char *)j->rows[i].owner);
        xfree((char *)j->rows[i].provider);
        xfree((char *)j->rows[i].reason);
    }
    xfree(j->rows);
    xfree(j);
}

void suppress_list(struct store *s, const struct suppress_query *q,
                   void (*done)(void *ctx, const struct suppress_row *rows, size_t n,
                                bool has_more),
                   void *ctx)
{
    struct list_job *j = xcalloc(1, sizeof(*j));
    *j = (struct list_job){.job = {.run = list_run, .finish = list_finish},
                           .key = q->what ? key_of(s, q->what) : 0,
                           .has_owner = q->owner != NULL,
                           .owner = q->owner ? suppression_owner(q->owner) : 0,
                           .has_suspects = q->has_suspects,
                           .after_key = q->after_key,
                           .after_owner = q->after_owner,
                           .limit = q->limit,
                           .rows = xcalloc(q->limit + 1, sizeof(*j->rows)),
                           .done = done,
                           .ctx = ctx};
    worker_add(&s->query, &j->job);
}
