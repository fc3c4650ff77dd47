#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

enum { LINE = 2048 };
static _Atomic int log_limit = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&log_limit, (int)level);
}

void log_line(enum log_level level, const char *room, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&log_limit, memory_order_relaxed))
        return;
    char raw[LINE], seen[LINE], line[LINE + 96], at[CLOCK_TEXT];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(raw, sizeof(raw), format, ap);
    va_end(ap);
    if (n < 0)
        return;
    text_visible(seen, sizeof(seen), raw, strlen(raw));
    clock_format(at, clock_wall());
    n = snprintf(line, sizeof(line), "%s <%d> %s: %s\n", at, (int)level, room, seen);
    if (n > (int)sizeof(line) - 1)
        n = (int)sizeof(line) - 1;
    // A log that cannot be written has nobody to tell.
    ssize_t written = write(STDERR_FILENO, line, (size_t)n);
    (void)written;
}
