#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

int fault_at(int r, const char *file, int line)
{
    if (r < 0)
        log_debug("fault", "%s:%d: %s", file, line, strerror(-r));
    return r;
}

bool should_at(const char *what, const char *file, int line)
{
    log_error("bug", "%s:%d: %s does not hold; going on", file, line, what);
    return false;
}

void die_at(const char *what, const char *file, int line)
{
    log_error("fatal", "%s:%d: %s", file, line, what);
    abort();
}
