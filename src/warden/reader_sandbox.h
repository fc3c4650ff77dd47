/* What shuts a reader in: bounds on memory, CPU, files and processes, no new privileges, and a filter of
 * system calls. For this process alone and for good. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* `parent`: dies with it. NULL: shut in; else what could not be done, in words. */
const char *sandbox_enter(pid_t parent);
/* Is this program built with a sanitizer? Its own memory is huge, and it must be able to say what it
 * found: no bound on address space then, stderr stays, and a few more system calls. */
bool sandbox_is_watched(void);
