/* Lines of a file or pipe, in big reads into one reused buffer, each writable in place and with
 * SCAN_SLACK bytes behind it. A line of more than LINES_MOST bytes is skipped, and told. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINES_MOST = 1 << 20, LINES_READ = 1 << 18 };

struct lines {
    int fd;
    char *p;         // owned; LINES_MOST + LINES_READ bytes, and slack
    size_t at, n;    // what is not given yet: [at, n)
    size_t searched; // from `at`: no line end in there
    uint64_t number; // of the line just given, from 1
    uint64_t bytes;  // read so far
    bool is_ended, is_skipping;
};

enum lines_result {
    LINES_LINE, // without its end
    LINES_LONG, // skipped
    LINES_MORE, // nothing whole is here: call lines_read()
    LINES_END,
};

/* The descriptor stays the caller's. */
void lines_init(struct lines *l, int fd);
void lines_deinit(struct lines *l);
/* The line is the caller's to write to until the next lines_read(). */
enum lines_result lines_next(struct lines *l, char **line, size_t *n);
/* One read(2), which may wait; 0 or -errno. */
int lines_read(struct lines *l);
