#include "cli/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/scan.h"

void lines_init(struct lines *l, int fd)
{
    *l = (struct lines){.fd = fd, .p = xcalloc(1, LINES_MOST + LINES_READ + SCAN_SLACK)};
}

void lines_deinit(struct lines *l)
{
    xfree(l->p);
    *l = (struct lines){.fd = -1};
}

// A line from `at` to `end`; `next` is where the one behind it begins.
static enum lines_result give(struct lines *l, size_t end, size_t next, char **line, size_t *n)
{
    bool is_long = l->is_skipping || end - l->at > LINES_MOST;
    *line = l->p + l->at;
    *n = end - l->at;
    l->at = next;
    l->searched = 0;
    l->is_skipping = false;
    l->number++;
    return is_long ? LINES_LONG : LINES_LINE;
}

enum lines_result lines_next(struct lines *l, char **line, size_t *n)
{
    size_t from = l->at + l->searched;
    const char *end = from < l->n ? memchr(l->p + from, '\n', l->n - from) : NULL;
    if (end)
        return give(l, (size_t)(end - l->p), (size_t)(end - l->p) + 1, line, n);
    l->searched = l->n - l->at;
    if (!l->is_ended)
        return LINES_MORE;
    if (l->at < l->n || l->is_skipping)
        return give(l, l->n, l->n, line, n);
    return LINES_END;
}

// What is not given yet goes to the front. Of a line that is too long already nothing is kept.
static void make_room(struct lines *l)
{
    if (l->n - l->at > LINES_MOST || l->is_skipping) {
        l->is_skipping |= l->n > l->at;
        l->at = l->n;
    }
    memmove(l->p, l->p + l->at, l->n - l->at);
    l->n -= l->at;
    l->at = 0;
    l->searched = l->n;
}

int lines_read(struct lines *l)
{
    make_room(l);
    for (;;) {
        ssize_t n = read(l->fd, l->p + l->n, LINES_READ);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        l->n += (size_t)n;
        l->bytes += (uint64_t)n;
        l->is_ended = n == 0;
        return 0;
    }
}
