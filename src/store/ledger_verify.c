// Checking the chain: every entry's hash from its bytes, its link, its number, the copies beside it
// and its persons' digest. In steps of a bounded number of rows, each a read of its own: a long read
// would keep the WAL from being taken in.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/inside.h"
#include "store/ledger_row.h"

enum { STEP = 1000 };

// What the walk remembers of the entry before.
struct walk {
    struct ledger_check *check;
    struct entry_name name;
    uint8_t hash[LEDGER_HASH];
    uint64_t own_node;
};

static bool broken(struct walk *w, uint64_t seq, const char *what)
{
    char node[ID_NODE_TEXT];
    node_id_format(node, w->name.node);
    w->check->broken_seq = seq;
    snprintf(w->check->why, sizeof(w->check->why), "entry %s/%llu: %s", node,
             (unsigned long long)seq, what);
    return false;
}

// Columns: node seq hlc at kind target bytes hash salt part.
static bool copies_fit(sqlite3_stmt *st, const struct entry *e)
{
    enum kind kind;
    bool is_known = kind_parse(&kind, db_text(st, 4));
    return e->name.node.v == (uint64_t)sqlite3_column_int64(st, 0) &&
           e->name.seq == (uint64_t)sqlite3_column_int64(st, 1) &&
           e->hlc == sqlite3_column_int64(st, 2) && e->at == sqlite3_column_int64(st, 3) &&
           (is_known ? kind == e->kind : strcmp(kind_text(e->kind), "?") == 0) &&
           strcmp(e->target, db_text(st, 5)) == 0;
}

static bool person_fits(sqlite3_stmt *st, const char *digest)
{
    if (sqlite3_column_type(st, 9) == SQLITE_NULL)
        return true; // erased, or there never was one
    return sqlite3_column_bytes(st, 8) == 16 &&
           ledger_person_fits(digest, sqlite3_column_blob(st, 8), db_text(st, 9));
}

static bool links(struct walk *w, struct entry_name name, const uint8_t prev[LEDGER_HASH])
{
    static const uint8_t none[LEDGER_HASH];
    bool is_next = w->name.node.v == name.node.v && w->name.seq + 1 == name.seq;
    if (name.seq == 1)
        return memcmp(prev, none, LEDGER_HASH) == 0;
    return !is_next || memcmp(prev, w->hash, LEDGER_HASH) == 0;
}

static bool check_row(struct walk *w, sqlite3_stmt *st)
{
    uint8_t prev[LEDGER_HASH], hash[LEDGER_HASH];
    char digest[2 * LEDGER_HASH + 1];
    struct entry_name name = {{(uint64_t)sqlite3_column_int64(st, 0)},
                              (uint64_t)sqlite3_column_int64(st, 1)};
    if (w->name.node.v != name.node.v)
        w->name = (struct entry_name){name.node, 0};
    // Another node's may still be on their way; mine have no gap.
    if (name.node.v == w->own_node && name.seq != w->name.seq + 1)
        return broken(w, w->name.seq + 1, "is missing");
    ledger_hash(hash, db_text(st, 6));
    if (sqlite3_column_bytes(st, 7) != LEDGER_HASH ||
        memcmp(hash, sqlite3_column_blob(st, 7), LEDGER_HASH) != 0)
        return broken(w, name.seq, "its bytes do not give its hash");
    CLEANUP(entry_free) struct entry *e = ledger_parse(db_text(st, 6), NULL, prev, digest);
    if (!e)
        return broken(w, name.seq, "its bytes are no entry");
    if (!copies_fit(st, e))
        return broken(w, name.seq, "a column beside the bytes says something else");
    if (!links(w, name, prev))
        return broken(w, name.seq, "it does not follow from the one before");
    if (!person_fits(st, digest))
        return broken(w, name.seq, "its persons' part does not give its digest");
    w->name = name;
    memcpy(w->hash, hash, LEDGER_HASH);
    w->check->entries++;
    return true;
}

// The next rows; false at the end or at what is broken.
static bool check_step(struct walk *w, struct db *d)
{
    bool is_fine = true;
    int n = 0;
    sqlite3_stmt *st = db_query(
        d,
        "SELECT e.node, e.seq, e.hlc, e.at, e.kind, e.target, e.bytes, e.hash, p.salt, p.part"
        " FROM entry e LEFT JOIN person p ON p.node=e.node AND p.seq=e.seq"
        " WHERE (e.node, e.seq)>(?,?) ORDER BY e.node, e.seq LIMIT ?",
        "iii", (int64_t)w->name.node.v, (int64_t)w->name.seq, (int64_t)STEP);
    while (is_fine && db_step(d, st)) {
        is_fine = check_row(w, st);
        n++;
    }
    if (!is_fine)
        db_end(st);
    return is_fine && n == STEP;
}

// The newest of mine stands in the engine's row too: else a missing tail would not show.
static void check_end(struct walk *w, struct db *d)
{
    // Read together with the newest entry: another may be appended between two reads.
    sqlite3_stmt *st = db_query(d,
                                "SELECT g.ledger_seq, e.seq, e.hash=g.ledger_hash FROM engine g"
                                " LEFT JOIN entry e ON e.node=g.node AND e.seq="
                                "  (SELECT max(seq) FROM entry WHERE node=g.node)",
                                "");
    while (db_step(d, st)) {
        uint64_t expected = (uint64_t)sqlite3_column_int64(st, 0);
        uint64_t seq = (uint64_t)sqlite3_column_int64(st, 1);
        w->name.node.v = w->own_node;
        if (seq < expected)
            broken(w, seq + 1, "is missing, at the end");
        else if (seq != expected || (seq && !sqlite3_column_int(st, 2)))
            broken(w, seq, "is not the newest that was written");
    }
}

void ledger_check_all(struct db *d, struct ledger_check *c)
{
    *c = (struct ledger_check){.entries = 0};
    struct walk w = {.check = c, .own_node = (uint64_t)db_int(d, 0, "SELECT node FROM engine", "")};
    while (check_step(&w, d))
        ;
    if (!c->broken_seq && !d->failed)
        check_end(&w, d);
    if (d->failed && !c->broken_seq)
        broken(&w, w.name.seq + 1, "can't be read");
}

struct verify_job {
    struct job job;
    struct ledger_check check;
    void (*done)(void *ctx, const struct ledger_check *c);
    void *ctx;
};

static void verify_run(struct store *s, struct db *d, struct job *job)
{
    (void)s;
    ledger_check_all(d, &CONTAINER_OF(job, struct verify_job, job)->check);
}

static void verify_finish(struct store *s, struct job *job)
{
    struct verify_job *j = CONTAINER_OF(job, struct verify_job, job);
    (void)s;
    j->done(j->ctx, &j->check);
    xfree(j);
}

void ledger_verify(struct store *s, void (*done)(void *ctx, const struct ledger_check *c),
                   void *ctx)
{
    struct verify_job *j = xcalloc(1, sizeof(*j));
    *j = (struct verify_job){
        .job = {.run = verify_run, .finish = verify_finish}, .done = done, .ctx = ctx};
    worker_add(&s->query, &j->job);
}

int ledger_verify_dir(const char *dir, struct ledger_check *c, char **why)
{
    struct db d;
    CLEANUP(xfree) char *path = xasprintf("%s/" DB_FILE, dir);
    if (access(path, F_OK) < 0) {
        *why = xasprintf("%s: there is no ledger here", path);
        return 1;
    }
    if (db_open(&d, dir, true, why))
        return 1;
    if (!db_int(&d, 0, "SELECT count(*) FROM sqlite_schema WHERE name='entry'", "") || d.failed) {
        *why = xasprintf("%s: is no database of mxwarden, or can't be read", path);
        db_close(&d);
        return 1;
    }
    ledger_check_all(&d, c);
    db_close(&d);
    return 0;
}
