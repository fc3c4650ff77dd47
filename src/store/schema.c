// Migrations are one table, append only: user_version is how many of its rows were applied. What the
// columns mean stands beside them; enums are the numbers of core/words.h.
#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/db.h"

enum { APPLICATION = 0x6d787764 }; // "mxwd"

// clang-format off
static const char *const migrations[] = {
    // engine: what there is once. Journal records before (segment, offset) are folded. The ledger's
    // newest entry of this node stands here too, so that a missing tail shows.
    "CREATE TABLE engine(one INTEGER PRIMARY KEY CHECK(one=1), node INTEGER NOT NULL,"
    "  segment INTEGER NOT NULL, offset INTEGER NOT NULL,"
    "  ledger_seq INTEGER NOT NULL, ledger_hash BLOB NOT NULL) STRICT;"
    // word: strings that repeat (customer, list, IP, provider)
    "CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;"
    "INSERT INTO word VALUES(0,'');"
    // message, recipient: what waits. record_n: length of its whole record in the journal
    "CREATE TABLE message(id INTEGER PRIMARY KEY, ulid BLOB NOT NULL UNIQUE,"
    "  customer INTEGER NOT NULL, list INTEGER NOT NULL, stream INTEGER NOT NULL,"
    "  sender TEXT NOT NULL, is_8bit INTEGER NOT NULL, accepted_at INTEGER NOT NULL,"
    "  size INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL,"
    "  record_n INTEGER NOT NULL) STRICT;"
    "CREATE INDEX message_place ON message(segment, offset);"
    "CREATE TABLE recipient(message INTEGER NOT NULL, no INTEGER NOT NULL, customer INTEGER NOT NULL,"
    "  address TEXT NOT NULL, attempts INTEGER NOT NULL, next_try_at INTEGER NOT NULL,"
    "  provider INTEGER NOT NULL, last_reply TEXT NOT NULL,"
    "  PRIMARY KEY(message, no)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX recipient_due ON recipient(customer, next_try_at);"
    // history: id = milliseconds of `at` * 2^22 + a running number, so that rows lie by time
    "CREATE TABLE history(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, ulid BLOB NOT NULL,"
    "  message_low INTEGER NOT NULL, recipient_no INTEGER NOT NULL, kind INTEGER NOT NULL,"
    "  class INTEGER NOT NULL, scope INTEGER NOT NULL, phase INTEGER NOT NULL,"
    "  stream INTEGER NOT NULL, code INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    "  customer INTEGER NOT NULL, list INTEGER NOT NULL, ip INTEGER NOT NULL,"
    "  provider INTEGER NOT NULL, recipient TEXT NOT NULL, reply TEXT NOT NULL,"
    "  delivered_at INTEGER NOT NULL, took INTEGER NOT NULL) STRICT;"
    "CREATE INDEX history_message ON history(message_low);"
    "CREATE INDEX history_customer ON history(customer);"
    // tally: outcomes a minute, for the counters at a start; kept for a day and an hour
    "CREATE TABLE tally(minute INTEGER NOT NULL, customer INTEGER NOT NULL, ip INTEGER NOT NULL,"
    "  provider INTEGER NOT NULL, kind INTEGER NOT NULL, class INTEGER NOT NULL,"
    "  n INTEGER NOT NULL, PRIMARY KEY(minute, customer, ip, provider, kind, class))"
    "  STRICT, WITHOUT ROWID;"
    // entry: the ledger. `bytes` is what the hash covers; the columns beside it are copies
    "CREATE TABLE entry(node INTEGER NOT NULL, seq INTEGER NOT NULL, hlc INTEGER NOT NULL,"
    "  at INTEGER NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, bytes TEXT NOT NULL,"
    "  hash BLOB NOT NULL, PRIMARY KEY(node, seq)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX entry_order ON entry(hlc, node, seq);"
    "CREATE INDEX entry_target ON entry(node, target, seq);"
    // person: the part of an entry that can be erased
    "CREATE TABLE person(node INTEGER NOT NULL, seq INTEGER NOT NULL, salt BLOB NOT NULL,"
    "  part TEXT NOT NULL, PRIMARY KEY(node, seq)) STRICT, WITHOUT ROWID;",
    // spare: what was in it leaves free pages behind (spare.c)
    "CREATE TABLE spare(x BLOB NOT NULL) STRICT;"
    // What people ask history for; the bad ones are few and asked for across all.
    "CREATE INDEX history_ip ON history(ip);"
    "CREATE INDEX history_provider ON history(provider);"
    "CREATE INDEX history_bad ON history(id) WHERE kind IN (4,5,6,7);",
    // trail: id as in history. `others`: more recipients' numbers, 32 bits each, little-endian.
    // `weight` is what it counts towards the bound; the index alone gives the sum at a start.
    "CREATE TABLE trail(id INTEGER PRIMARY KEY, message_low INTEGER NOT NULL, weight INTEGER NOT NULL,"
    "  ulid BLOB NOT NULL, recipient_no INTEGER NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL,"
    "  others BLOB NOT NULL, text BLOB NOT NULL) STRICT;"
    "CREATE INDEX trail_message ON trail(message_low, id, weight);",
    // suppress: the key by which addresses are hashed, and how many entries the buckets have
    "CREATE TABLE suppress(one INTEGER PRIMARY KEY CHECK(one=1), hash BLOB NOT NULL,"
    "  n INTEGER NOT NULL) STRICT;"
    "CREATE TABLE suppress_provider(no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    // suppress_bucket: all of them, packed in the order of their key (suppress_bucket.h)
    "CREATE TABLE suppress_bucket(no INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;"
    // suppressed: the texts, in the order of their making. entry: this node's, 0 of a mere suspicion
    "CREATE TABLE suppressed(id INTEGER PRIMARY KEY, entry INTEGER NOT NULL, owner INTEGER NOT NULL,"
    "  provider INTEGER NOT NULL, since INTEGER NOT NULL, address TEXT NOT NULL,"
    "  reason TEXT NOT NULL) STRICT;"
    "CREATE INDEX suppressed_entry ON suppressed(entry) WHERE entry>0;"
    "CREATE INDEX suppressed_provider ON suppressed(provider, since) WHERE provider>0;",
};
// clang-format on

static int apply(struct db *d, int64_t version)
{
    CLEANUP(xfree)
    char *stamp = xasprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;", APPLICATION,
                            (int)version + 1);
    sqlite3_exec(d->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    int r = sqlite3_exec(d->handle, migrations[version], NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(d->handle, stamp, NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(d->handle, "COMMIT", NULL, NULL, NULL);
    else
        sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

int db_migrate(struct db *d, char **why)
{
    int64_t ours = ARRAY_LEN(migrations);
    const char *path = sqlite3_db_filename(d->handle, "main");
    int64_t application = db_int(d, -1, "PRAGMA application_id", "");
    int64_t version = db_int(d, -1, "PRAGMA user_version", "");
    int64_t tables = db_int(d, -1, "SELECT count(*) FROM sqlite_schema", "");
    if (d->failed || (application != APPLICATION && (tables || version))) {
        *why = xasprintf("%s: is no database of mxwarden", path);
        return 1;
    }
    if (version > ours) {
        *why = xasprintf("%s: was written by a newer mxwarden (schema %lld, this one knows %lld): "
                         "start that one, or restore a backup",
                         path, (long long)version, (long long)ours);
        return 1;
    }
    for (; version < ours; version++) {
        if (apply(d, version) == SQLITE_OK)
            continue;
        *why = xasprintf("%s: can't be brought to schema %lld: %s", path, (long long)version + 1,
                         sqlite3_errmsg(d->handle));
        return 1;
    }
    return 0;
}
