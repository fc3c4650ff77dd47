// Space kept for the time when there is none, so that delivery, its outcomes and the ledger go on with
// not a byte free. Each part is kept where it will be needed, because what is merely freed another
// process may take: spare segments for the journal, blocks behind the end of SQLite's log (WAL), and
// free pages inside the database. A database that is large finds its pages in old history (fold.c).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"
#include "store/segment.h"

enum {
    WAL_ROOM = 20 << 20,  // what it grows to between two checkpoints, and a transaction
    LARGE_PAGES = 1 << 14 // such a database has history to give
};

// Reserved behind its end, so that SQLite sees no change. Not so for the other files: closing a
// descriptor of the database or its shared memory would lose the locks that SQLite has on them.
static void keep_wal(struct writer *w)
{
    struct stat st;
    CLEANUP(xfree) char *path = xasprintf("%s/" DB_FILE "-wal", w->store->options.dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_blocks * 512 < WAL_ROOM &&
        fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, WAL_ROOM) < 0)
        log_debug("store", "%s: no space can be reserved", path);
    close(fd);
}

// Free pages, written once; then room behind the file's end for all that is still in the log alone.
static void keep_pages(struct writer *w)
{
    struct db *d = &w->db;
    int64_t spare = db_int(d, 0, "PRAGMA freelist_count", "");
    int64_t pages = db_int(d, 0, "PRAGMA page_count", "");
    d->failed = 0; // the next fold finds out for itself
    if (spare < SPARE_PAGES / 2 && pages < LARGE_PAGES) {
        db_begin(d, false);
        db_run(d, "INSERT INTO spare VALUES(zeroblob(?))", "i", (int64_t)SPARE_PAGES * DB_PAGE);
        db_run(d, "DELETE FROM spare", "");
        if (db_commit(d) < 0)
            return;
        pages += SPARE_PAGES;
    }
    sqlite3_int64 size = (pages + SPARE_PAGES) * DB_PAGE;
    sqlite3_file_control(d->handle, "main", SQLITE_FCNTL_SIZE_HINT, &size);
}

void spare_keep(struct writer *w)
{
    segment_spare_make(w->store->folder, SPARE_SEGMENT);
    keep_wal(w);
    keep_pages(w);
}
