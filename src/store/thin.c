// Giving disk space back: a segment whose messages are all done is removed, or a spare again; where few are left, the
// dead stretches between them become holes. Only what a flushed commit knows counts: rows that a
// power failure could bring back must find their segment.
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/fold.h"
#include "store/inside.h"

enum { STRETCH = 64 << 10 }; // shorter ones are not worth a system call and an extent

static void punch_between(struct writer *w, uint32_t segment)
{
    uint64_t dead_from = 0;
    int fd = segment_open(w->store->folder, segment);
    if (fd < 0)
        return;
    sqlite3_stmt *st =
        db_query(&w->db, "SELECT offset, record_n FROM message WHERE segment=? ORDER BY offset",
                 "i", (int64_t)segment);
    while (db_step(&w->db, st)) {
        uint64_t live = (uint64_t)sqlite3_column_int64(st, 0);
        if (live >= dead_from + STRETCH)
            segment_punch(fd, dead_from, live);
        dead_from = live + (uint64_t)sqlite3_column_int64(st, 1);
    }
    off_t end = lseek(fd, 0, SEEK_END);
    if (end > 0 && (uint64_t)end >= dead_from + STRETCH && !w->db.failed)
        segment_punch(fd, dead_from, (uint64_t)end);
    close(fd);
}

// Anew whenever half of those that were left have gone.
static void thin(struct writer *w, uint32_t segment)
{
    struct bytes key = bytes_of(&segment, sizeof(segment));
    int64_t before = (intptr_t)map_get(&w->thinned, key);
    int64_t n =
        db_int(&w->db, 0, "SELECT count(*) FROM message WHERE segment=?", "i", (int64_t)segment);
    if (w->db.failed || !n || (before && n * 2 > before))
        return;
    punch_between(w, segment);
    map_put(&w->thinned, key, (void *)(intptr_t)n);
}

void thin_segments(struct writer *w)
{
    uint32_t *numbers;
    size_t n;
    if (segment_list(w->store->folder, &numbers, &n) < 0)
        return;
    for (size_t i = 0; i < n && numbers[i] < w->flushed.segment; i++) {
        int64_t is_needed =
            db_int(&w->db, 1, "SELECT EXISTS(SELECT 1 FROM message WHERE segment=?)", "i",
                   (int64_t)numbers[i]);
        if (is_needed) {
            thin(w, numbers[i]);
            continue;
        }
        segment_spare_put(w->store->folder, numbers[i], SPARE_SEGMENT);
        map_remove(&w->thinned, bytes_of(&numbers[i], sizeof(numbers[i])));
    }
    w->db.failed = 0; // nothing was written; the next fold finds out for itself
    xfree(numbers);
}
