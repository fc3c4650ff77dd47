#include "store/db.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/segment.h"

enum { BUSY_MS = 5000, CHECKPOINT = 4000, CHECKPOINT_THRIFTY = 500, CHUNK = 2 << 20 };

// secure_delete is compiled in, and on, in Debian: each deleted page would be written twice more.
static const char pragmas[] = "PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY;"
                              "PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF;"
                              "PRAGMA cell_size_check=ON;";
static const char writer_pragmas[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;"
    "PRAGMA journal_size_limit=33554432;";
static const char reader_pragmas[] = "PRAGMA cache_size=-4000; PRAGMA query_only=ON;";

int db_open(struct db *d, const char *dir, bool is_reader, char **why)
{
    CLEANUP(xfree) char *path = xasprintf("%s/" DB_FILE, dir);
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    flags |= is_reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    *d = (struct db){.handle = NULL};
    int r = sqlite3_open_v2(path, &d->handle, flags, NULL);
    if (r == SQLITE_OK) {
        sqlite3_busy_timeout(d->handle, BUSY_MS);
        r = sqlite3_exec(d->handle, pragmas, NULL, NULL, NULL);
    }
    if (r == SQLITE_OK)
        r = sqlite3_exec(d->handle, is_reader ? reader_pragmas : writer_pragmas, NULL, NULL, NULL);
    if (r == SQLITE_OK && !is_reader)
        r = sqlite3_wal_autocheckpoint(d->handle, CHECKPOINT);
    if (r == SQLITE_OK && !is_reader) {
        int chunk = CHUNK; // the file grows by so much at once, really allocated
        r = sqlite3_file_control(d->handle, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    }
    if (r == SQLITE_OK)
        return 0;
    const char *text = d->handle ? sqlite3_errmsg(d->handle) : sqlite3_errstr(r);
    *why = r == SQLITE_NOTADB ? xasprintf("%s: is no database of mxwarden", path)
                              : xasprintf("%s: can't be opened: %s", path, text);
    db_close(d);
    return 1;
}

void db_close(struct db *d)
{
    for (size_t i = 0; i < d->kept_n; i++)
        sqlite3_finalize(d->kept[i].statement);
    sqlite3_close(d->handle);
    *d = (struct db){.handle = NULL};
}

static void fail(struct db *d, int r, const char *sql)
{
    int system = -sqlite3_system_errno(d->handle);
    bool is_space = r == SQLITE_FULL || r == SQLITE_IOERR_SHMSIZE ||
                    ((r & 0xff) == SQLITE_IOERR && is_want_of_space(system)) ||
                    ((r & 0xff) == SQLITE_CANTOPEN && is_want_of_space(system));
    log_error("store", "database: %s (%d: %s; at `%.60s`)", sqlite3_errmsg(d->handle), r,
              system ? strerror(-system) : sqlite3_errstr(r), sql);
    if (!d->failed)
        d->failed = is_space ? -ENOSPC : -EIO;
}

static sqlite3_stmt *statement(struct db *d, const char *sql)
{
    for (size_t i = 0; i < d->kept_n; i++)
        if (d->kept[i].sql == sql)
            return d->kept[i].statement;
    sqlite3_stmt *st = NULL;
    must(d->kept_n < DB_STATEMENTS);
    int r = sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
    if (r != SQLITE_OK) {
        fail(d, r, sql);
        return NULL;
    }
    d->kept[d->kept_n].sql = sql;
    d->kept[d->kept_n++].statement = st;
    return st;
}

static void bind_id(sqlite3_stmt *st, int i, struct message_id id)
{
    uint8_t bytes[16];
    for (int k = 0; k < 8; k++) {
        bytes[k] = (uint8_t)(id.hi >> (56 - 8 * k));
        bytes[8 + k] = (uint8_t)(id.lo >> (56 - 8 * k));
    }
    sqlite3_bind_blob(st, i, bytes, sizeof(bytes), SQLITE_TRANSIENT);
}

static sqlite3_stmt *bound(struct db *d, const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *st = d->failed ? NULL : statement(d, sql);
    if (!st)
        return NULL;
    for (int i = 1; types[i - 1]; i++) {
        const void *p;
        switch (types[i - 1]) {
        case 'i':
            sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
            break;
        case 't':
            sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
            break;
        case 'h':
            bind_id(st, i, va_arg(ap, struct message_id));
            break;
        case 'b':
            p = va_arg(ap, const void *);
            sqlite3_bind_blob(st, i, p, va_arg(ap, int), SQLITE_STATIC);
            break;
        default:
            die("a type that db_query() does not know");
        }
    }
    return st;
}

sqlite3_stmt *db_query(struct db *d, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *st = bound(d, sql, types, ap);
    va_end(ap);
    return st;
}

bool db_step(struct db *d, sqlite3_stmt *st)
{
    int r = st ? sqlite3_step(st) : SQLITE_DONE;
    if (r == SQLITE_ROW)
        return true;
    if (st && r != SQLITE_DONE && r != SQLITE_INTERRUPT)
        fail(d, sqlite3_extended_errcode(d->handle), sqlite3_sql(st));
    db_end(st);
    return false;
}

static int is_late(void *ctx)
{
    const struct db *d = ctx;
    return clock_monotonic() >= d->until;
}

void db_limit_time(struct db *d, usec_t span)
{
    d->until = clock_monotonic() + span;
    sqlite3_progress_handler(d->handle, span ? 10000 : 0, span ? is_late : NULL, d);
}

void db_end(sqlite3_stmt *st)
{
    if (st)
        sqlite3_reset(st);
}

int db_run(struct db *d, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *st = bound(d, sql, types, ap);
    va_end(ap);
    while (db_step(d, st))
        ;
    return st && !d->failed ? sqlite3_changes(d->handle) : 0;
}

int64_t db_int(struct db *d, int64_t none, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *st = bound(d, sql, types, ap);
    va_end(ap);
    if (!db_step(d, st))
        return none;
    int64_t v = sqlite3_column_type(st, 0) == SQLITE_NULL ? none : sqlite3_column_int64(st, 0);
    db_end(st);
    return v;
}

const char *db_text(sqlite3_stmt *st, int column)
{
    const unsigned char *s = sqlite3_column_text(st, column);
    return s ? (const char *)s : "";
}

struct message_id db_id(sqlite3_stmt *st, int column)
{
    struct message_id id = {0, 0};
    const uint8_t *p = sqlite3_column_blob(st, column);
    if (!p || sqlite3_column_bytes(st, column) != 16)
        return id;
    for (int k = 0; k < 8; k++) {
        id.hi = id.hi << 8 | p[k];
        id.lo = id.lo << 8 | p[8 + k];
    }
    return id;
}

void db_set_thrifty(struct db *d, bool is_thrifty)
{
    sqlite3_wal_autocheckpoint(d->handle, is_thrifty ? CHECKPOINT_THRIFTY : CHECKPOINT);
}

void db_begin(struct db *d, bool is_flushed)
{
    // Not by db_run: this pragma takes effect when it is compiled, which a kept statement is once.
    if (d->is_lazy == is_flushed) {
        sqlite3_exec(d->handle,
                     is_flushed ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL,
                     NULL, NULL);
        d->is_lazy = !is_flushed;
    }
    db_run(d, "BEGIN IMMEDIATE", "");
}

int db_commit(struct db *d)
{
    db_run(d, "COMMIT", "");
    int r = d->failed;
    d->failed = 0;
    if (r < 0 && !sqlite3_get_autocommit(d->handle))
        sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
    if (r == -ENOSPC) // the log may begin anew then, in the space that it has
        sqlite3_wal_checkpoint_v2(d->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return r;
}
