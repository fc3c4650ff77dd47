/* Small files beside the database: what a room wants to find again at the next start, as bytes that
 * mean something to it alone. A file is there whole or not at all, whenever the process or the machine
 * dies: it is written under another name, flushed, and renamed. `name` is a plain file name. */
#pragma once
#include <stdint.h>

struct buf;
struct store;

#define KEEP_MOST ((uint64_t)512 << 20)

/* Reads what was kept, before the loop runs (blocks). 0; 1: nothing was; < 0 a fault (-EFBIG: beyond
 * KEEP_MOST, so it is none of ours). */
int keep_load(const struct store *s, const char *name, struct buf *out);

/* Writes it on the query thread, where people's questions wait meanwhile (a second for 100 MiB, on a
 * slow disk more). The bytes are moved in. `done` (may be NULL) runs on the loop with 0, or with r < 0:
 * what was kept before is still there (-ENOSPC; -EFBIG: more than KEEP_MOST). store_close() waits for
 * those under way; nobody should have more than one of them but at the end. */
void keep_save(struct store *s, const char *name, struct buf *bytes, void (*done)(void *ctx, int r),
               void *ctx);
