/* SQLite in few words: a connection with our pragmas, kept statements, and errors that stick.
 *
 * The first failure of a connection stays (`failed`) and makes all later calls do nothing, so that a
 * transaction is written as if nothing could fail and asked once, at its end. One thread a
 * connection. */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/id.h"

enum { DB_STATEMENTS = 96, DB_PAGE = 4096 };

struct db {
    sqlite3 *handle;
    struct {
        const char *sql; // a constant: compared by address
        sqlite3_stmt *statement;
    } kept[DB_STATEMENTS];
    size_t kept_n;
    usec_t until; // of the query under way, monotonic; 0: no end
    bool is_lazy; // commits are not flushed now
    int failed;   // 0, or -errno: -ENOSPC for want of space, -EIO for the rest
};

#define DB_FILE "mxwarden.db"

/* 0; or 1 with *why (owned). The writer makes the file when it is missing; `is_reader` opens
 * read-only. */
int db_open(struct db *d, const char *dir, bool is_reader, char **why);
void db_close(struct db *d);
/* Brings the schema up to date. 0; or 1 with *why: not ours, or newer than this program. */
int db_migrate(struct db *d, char **why);

/* Binds by types: i int64_t · t text · h 16 bytes of a message id · b bytes (pointer, int). Borrowed
 * until the next use of the same SQL. NULL when the connection has failed. `sql` is a constant. */
sqlite3_stmt *db_query(struct db *d, const char *sql, const char *types, ...);
/* True while there is a row; resets the statement at the end. Takes NULL. */
bool db_step(struct db *d, sqlite3_stmt *st);
/* What is stepped from now on ends after `span` µs as if there were no more rows; 0: no such end. */
void db_limit_time(struct db *d, usec_t span);
/* Ends a query before its last row. Takes NULL. */
void db_end(sqlite3_stmt *st);
/* Runs it; the number of changed rows. */
int db_run(struct db *d, const char *sql, const char *types, ...);
/* The first column of the first row, or `none`. */
int64_t db_int(struct db *d, int64_t none, const char *sql, const char *types, ...);

/* A text column, "" for NULL; borrowed until the next step. */
const char *db_text(sqlite3_stmt *st, int column);
struct message_id db_id(sqlite3_stmt *st, int column);

/* A transaction of the writer. Flushed: on disk when db_commit returns 0; else when the next one that
 * is flushed, or a checkpoint, has been. db_commit gives `failed` (rolled back then) and clears it. */
void db_begin(struct db *d, bool is_flushed);
/* Thrifty: the log of SQLite (WAL) goes into the file early, so that it needs little space itself. */
void db_set_thrifty(struct db *d, bool is_thrifty);
int db_commit(struct db *d);
