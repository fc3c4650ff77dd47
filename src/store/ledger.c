#include "store/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/inside.h"
#include "store/ledger_row.h"

enum { BYTES_MAX = 256 << 10 };

struct ledger_row *ledger_rows_free(struct ledger_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        entry_free(rows[i].entry);
        xfree(rows[i].bytes);
    }
    return xfree(rows);
}

struct simple_job {
    struct append_job append;
    void (*done)(void *ctx, int r, const struct ledger_row *row);
    void *ctx;
};

const struct ledger_row *append_row(const struct append_job *j)
{
    return j->r < 0 || !j->entry ? NULL : &j->row;
}

void append_deinit(struct append_job *j)
{
    j->entry = entry_free(j->entry);
    j->row.bytes = xfree(j->row.bytes);
}

static void append_finish(struct store *s, struct job *job)
{
    struct simple_job *j = CONTAINER_OF(job, struct simple_job, append.job);
    (void)s;
    j->done(j->ctx, j->append.r, append_row(&j->append));
    append_deinit(&j->append);
    xfree(j);
}

void ledger_append(struct store *s, struct entry *e,
                   void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx)
{
    struct simple_job *j = xcalloc(1, sizeof(*j));
    *j = (struct simple_job){
        .append = {.job.finish = append_finish, .entry = e}, .done = done, .ctx = ctx};
    writer_add(s, &j->append.job);
}

void ledger_load_head(struct writer *w)
{
    struct db *d = &w->db;
    sqlite3_stmt *st = db_query(d, "SELECT ledger_seq, ledger_hash FROM engine", "");
    while (db_step(d, st)) {
        w->head.seq = (uint64_t)sqlite3_column_int64(st, 0);
        if (sqlite3_column_bytes(st, 1) == LEDGER_HASH)
            memcpy(w->head.hash, sqlite3_column_blob(st, 1), LEDGER_HASH);
    }
    w->head.hlc = db_int(d, 0, "SELECT max(hlc) FROM entry", "");
}

// Where mine and another's meet: the entry and its persons stand in the database.
static void apply(struct db *d, const struct entry *e, const struct ledger_text *t)
{
    // The kind's word as it is in the bytes: a newer version's has no number here.
    db_run(d, "INSERT INTO entry VALUES(?1,?2,?3,?4,json_extract(?6,'$.kind'),?5,?6,?7)", "iiiittb",
           (int64_t)e->name.node.v, (int64_t)e->name.seq, e->hlc, (int64_t)e->at, e->target,
           t->bytes, t->hash, LEDGER_HASH);
    if (t->person)
        db_run(d, "INSERT INTO person VALUES(?,?,?,?)", "iibt", (int64_t)e->name.node.v,
               (int64_t)e->name.seq, t->salt, 16, t->person);
}

static void write_entry(struct writer *w, struct append_job *j)
{
    struct entry *e = j->entry;
    struct ledger_text t;
    usec_t now = clock_wall();
    e->name = (struct entry_name){w->store->node, w->head.seq + 1};
    e->hlc = clock_hlc_next(w->head.hlc, now);
    if (!e->at)
        e->at = now;
    ledger_format(&t, e, w->head.hash);
    apply(&w->db, e, &t);
    w->head.seq = e->name.seq;
    w->head.hlc = e->hlc;
    memcpy(w->head.hash, t.hash, LEDGER_HASH);
    j->row.entry = e;
    j->row.bytes = xstrdup(t.bytes);
    ledger_hex(j->row.hash, t.hash);
    ledger_text_deinit(&t);
}

static void write_one(struct writer *w, struct append_job *j)
{
    if (j->before)
        j->before(w, j);
    if (j->entry)
        write_entry(w, j);
    if (j->after)
        j->after(w, j);
}

// 0, or why nothing of it is written.
static int finish_write(struct writer *w, struct ledger_head before)
{
    bucket_flush(w);
    db_run(&w->db, "UPDATE engine SET ledger_seq=?, ledger_hash=?", "ib", (int64_t)w->head.seq,
           w->head.hash, LEDGER_HASH);
    int r = db_commit(&w->db);
    if (r < 0) {
        w->head = before;
        bucket_changes_drop(&w->suppress);
        words_deinit(&w->words); // some of them were rolled back
    }
    if (r == -ENOSPC)
        store_found_full(w->store, "the ledger");
    else if (r < 0)
        store_fatal(w->store, "the ledger can't be written");
    else
        store_count(w->store, 1, 1, 0);
    return r;
}

void ledger_write(struct writer *w, struct list *jobs)
{
    struct ledger_head before = w->head;
    struct job *job;
    int r = store_is_dead(w->store) ? -EIO : 0;
    if (r == 0) {
        db_begin(&w->db, true);
        LIST_EACH (jobs, job, link)
            write_one(w, CONTAINER_OF(job, struct append_job, job));
        r = finish_write(w, before);
    }
    LIST_EACH (jobs, job, link)
        CONTAINER_OF(job, struct append_job, job)->r = r;
}

// `32 digits of salt, a space, the part` as import gets it.
static bool read_person(struct ledger_text *t, const char *person, const char *digest)
{
    if (!person)
        return true; // erased, or there never was one
    if (strlen(person) < 33 || person[32] != ' ' || !text_parse_hex(t->salt, 16, person, 32))
        return false;
    t->person = strdup(person + 33);
    return t->person && ledger_person_fits(digest, t->salt, t->person);
}

// The hash of an entry, false when there is none.
static bool hash_of(struct db *d, struct entry_name name, uint8_t hash[LEDGER_HASH])
{
    sqlite3_stmt *st = db_query(d, "SELECT hash FROM entry WHERE node=? AND seq=?", "ii",
                                (int64_t)name.node.v, (int64_t)name.seq);
    if (!db_step(d, st))
        return false;
    bool is_whole = sqlite3_column_bytes(st, 0) == LEDGER_HASH;
    if (is_whole)
        memcpy(hash, sqlite3_column_blob(st, 0), LEDGER_HASH);
    db_end(st);
    return is_whole;
}

// Entries come in any order: each neighbour that is there already must fit.
static bool chain_fits(struct db *d, struct entry_name name, const uint8_t prev[LEDGER_HASH],
                       const uint8_t hash[LEDGER_HASH])
{
    static const uint8_t none[LEDGER_HASH];
    uint8_t other[LEDGER_HASH];
    struct entry_name before = {name.node, name.seq - 1};
    if (name.seq == 1 && memcmp(prev, none, LEDGER_HASH) != 0)
        return false;
    if (name.seq > 1 && hash_of(d, before, other) && memcmp(prev, other, LEDGER_HASH) != 0)
        return false;
    bool fits = true;
    sqlite3_stmt *st = db_query(d, "SELECT bytes FROM entry WHERE node=? AND seq=?", "ii",
                                (int64_t)name.node.v, (int64_t)name.seq + 1);
    while (db_step(d, st)) {
        CLEANUP(entry_free) struct entry *next = ledger_parse(db_text(st, 0), NULL, other, NULL);
        fits = next && memcmp(other, hash, LEDGER_HASH) == 0;
    }
    return fits;
}

// 0 written or already there; 1 refused; < 0 a fault.
static int import(struct writer *w, const struct entry *e, const struct ledger_text *t,
                  const uint8_t prev[LEDGER_HASH])
{
    struct db *d = &w->db;
    uint8_t there[LEDGER_HASH];
    int r = 0;
    db_begin(d, true);
    if (hash_of(d, e->name, there))
        r = memcmp(there, t->hash, LEDGER_HASH) == 0 ? 0 : 1;
    else if (e->name.node.v == w->store->node.v || !chain_fits(d, e->name, prev, t->hash))
        r = 1;
    else
        apply(d, e, t);
    int failed = db_commit(d);
    return failed < 0 ? failed : r;
}

struct import_job {
    struct writer_call call;
    const struct entry *entry;
    const struct ledger_text *text;
    const uint8_t *prev;
    int r;
};

static void import_run(struct writer *w, struct writer_call *call)
{
    struct import_job *j = CONTAINER_OF(call, struct import_job, call);
    j->r = import(w, j->entry, j->text, j->prev);
    if (j->r >= 0 && w->head.hlc < j->entry->hlc)
        w->head.hlc = j->entry->hlc;
}

int ledger_import(struct store *s, const char *bytes, const char *person)
{
    uint8_t prev[LEDGER_HASH];
    char digest[2 * LEDGER_HASH + 1];
    struct ledger_text t = {.bytes = NULL};
    int r = 1;
    CLEANUP(entry_free)
    struct entry *e = strlen(bytes) > BYTES_MAX ? NULL : ledger_parse(bytes, NULL, prev, digest);
    if (e && read_person(&t, person, digest)) {
        t.bytes = strdup(bytes);
        ledger_hash(t.hash, bytes);
        struct import_job j = {.call.run = import_run, .entry = e, .text = &t, .prev = prev};
        writer_call(s, &j.call);
        r = j.r;
    }
    ledger_text_deinit(&t);
    return r;
}

void ledger_each(struct store *s, void (*each)(void *ctx, const struct entry *e), void *ctx)
{
    struct db *d = &s->query.db;
    sqlite3_stmt *st = db_query(d,
                                "SELECT e.kind, e.bytes, p.part FROM entry e"
                                " LEFT JOIN person p ON p.node=e.node AND p.seq=e.seq"
                                " ORDER BY e.hlc, e.node, e.seq",
                                "");
    while (db_step(d, st)) {
        enum kind kind;
        if (!kind_parse(&kind, db_text(st, 0)) || kind_shape(kind) == SHAPE_FACT)
            continue;
        const char *part = sqlite3_column_type(st, 2) == SQLITE_NULL ? NULL : db_text(st, 2);
        CLEANUP(entry_free) struct entry *e = ledger_parse(db_text(st, 1), part, NULL, NULL);
        if (e)
            each(ctx, e);
        else
            log_error("store", "a ledger entry can't be read; `mxwarden verify` says which");
    }
    d->failed = 0;
}

// Persons' parts are left out: a story shows none, and nothing is judged by them.
static void each_since(struct store *s, const char *sql, usec_t since,
                       void (*each)(void *ctx, const struct entry *e), void *ctx)
{
    struct db *d = &s->query.db;
    sqlite3_stmt *st =
        db_query(d, sql, "ii", clock_hlc_next(0, since > 0 ? since : 0), (int64_t)s->node.v);
    while (db_step(d, st)) {
        CLEANUP(entry_free) struct entry *e = ledger_parse(db_text(st, 0), NULL, NULL, NULL);
        if (e)
            each(ctx, e);
    }
    d->failed = 0;
}

void ledger_each_since(struct store *s, usec_t since,
                       void (*each)(void *ctx, const struct entry *e), void *ctx)
{
    each_since(s, "SELECT bytes FROM entry WHERE hlc>=?1 AND node=?2 ORDER BY hlc, node, seq",
               since, each, ctx);
}

void ledger_each_incident(struct store *s, usec_t since,
                          void (*each)(void *ctx, const struct entry *e), void *ctx)
{
    each_since(s,
               "SELECT bytes FROM entry WHERE hlc>=?1 AND node=?2 AND"
               " (target GLOB 'incident:*' OR instr(bytes, '\"incident\":\"'))"
               " ORDER BY hlc, node, seq",
               since, each, ctx);
}

uint32_t ledger_last_incident(struct store *s)
{
    int64_t last = db_int(&s->query.db, 0,
                          "SELECT max(CAST(substr(target, 10) AS INTEGER)) FROM entry"
                          " WHERE node=? AND target GLOB 'incident:[1-9]*'",
                          "i", (int64_t)s->node.v);
    return last > 0 && last < UINT32_MAX ? (uint32_t)last : 0;
}

struct list_job {
    struct job job;
    char *target; // NULL: any
    uint64_t before, exactly;
    size_t limit;
    struct ledger_row *rows;
    size_t n;
    uint64_t total;
    void (*done)(void *ctx, struct ledger_row *rows, size_t n, uint64_t total);
    void *ctx;
};

static void take_row(struct list_job *j, sqlite3_stmt *st)
{
    const char *part = sqlite3_column_type(st, 2) == SQLITE_NULL ? NULL : db_text(st, 2);
    struct entry *e = ledger_parse(db_text(st, 0), part, NULL, NULL);
    if (!e || sqlite3_column_bytes(st, 1) != LEDGER_HASH) {
        entry_free(e); // spoilt on disk: verify says which
        return;
    }
    if ((j->n & (j->n - 1)) == 0)
        j->rows = xrealloc(j->rows, j->n ? 2 * j->n : 1, sizeof(*j->rows));
    struct ledger_row *row = &j->rows[j->n++];
    row->entry = e;
    row->bytes = xstrdup(db_text(st, 0));
    ledger_hex(row->hash, sqlite3_column_blob(st, 1));
}

#define ROWS                                                                                       \
    "SELECT e.bytes, e.hash, p.part FROM entry e LEFT JOIN person p ON p.node=e.node"              \
    " AND p.seq=e.seq WHERE e.node=?1 AND "

static void list_run(struct store *s, struct db *d, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    int64_t node = (int64_t)s->node.v, limit = (int64_t)j->limit;
    int64_t before = j->before && j->before < INT64_MAX ? (int64_t)j->before : INT64_MAX;
    sqlite3_stmt *st;
    if (j->exactly)
        st = db_query(d, ROWS "e.seq=?2", "ii", node, (int64_t)j->exactly);
    else if (j->target)
        st = db_query(d, ROWS "e.target=?4 AND e.seq<?2 ORDER BY e.seq DESC LIMIT ?3", "iiit", node,
                      before, limit, j->target);
    else
        st = db_query(d, ROWS "e.seq<?2 ORDER BY e.seq DESC LIMIT ?3", "iii", node, before, limit);
    while (db_step(d, st))
        take_row(j, st);
    j->total =
        (uint64_t)(j->target ? db_int(d, 0, "SELECT count(*) FROM entry WHERE node=? AND target=?",
                                      "it", node, j->target)
                             : db_int(d, 0, "SELECT ledger_seq FROM engine", ""));
}

static void list_finish(struct store *s, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    (void)s;
    j->done(j->ctx, j->rows, j->n, j->total);
    xfree(j->target);
    xfree(j);
}

void ledger_list(struct store *s, const char *target, uint64_t before_seq, size_t limit,
                 void (*done)(void *ctx, struct ledger_row *rows, size_t n, uint64_t total),
                 void *ctx)
{
    struct list_job *j = xcalloc(1, sizeof(*j));
    *j = (struct list_job){.job = {.run = list_run, .finish = list_finish},
                           .target = target ? xstrdup(target) : NULL,
                           .before = before_seq,
                           .limit = limit,
                           .done = done,
                           .ctx = ctx};
    worker_add(&s->query, &j->job);
}

void ledger_get(struct store *s, uint64_t seq,
                void (*done)(void *ctx, struct ledger_row *rows, size_t n, uint64_t total),
                void *ctx)
{
    struct list_job *j = xcalloc(1, sizeof(*j));
    *j = (struct list_job){.job = {.run = list_run, .finish = list_finish},
                           // No entry has the number 0, nor one beyond a signed column.
                           .exactly = seq && seq < INT64_MAX ? seq : INT64_MAX,
                           .limit = 1,
                           .done = done,
                           .ctx = ctx};
    worker_add(&s->query, &j->job);
}
