/* Whole files and whole writes, in the three forms that the house needs. Blocking: never on the loop while
 * it runs. Errors come back as -errno, unnoted: the caller knows the path. */
#pragma once
#include <stddef.h>

#include "base/bytes.h"

struct buf;

/* Appends what comes from the descriptor till its end. -EFBIG once `out` holds more than `most` bytes: what
 * was read stays there. */
int file_read_all(int fd, struct buf *out, size_t most);
int file_write_all(int fd, struct bytes b);
/* `dir/name`, mode 0600, is there whole or as it was before, whenever the process or the machine dies: written
 * as `name.new`, flushed, renamed, the folder flushed. */
int file_put(const char *dir, const char *name, struct bytes b);
