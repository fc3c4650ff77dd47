/* The engine as a whole: makes the rooms, hands one's facts to the other, reloads, ends. It decides
 * nothing; whoever reads it learns what talks to what. */
#pragma once
#include "base/mem.h"

struct engine;
struct reader;
struct settings;

/* Opens everything that a loaded configuration (moved in) names: state, ports, control socket; gives
 * up root. `reader` (moved in) was forked before. 0, or 1 with *why (owned): nothing is left running.
 * Blocks; before the loop runs. */
int engine_open(struct engine **out, struct settings *settings, struct reader *reader, char **why);
/* Runs until SIGTERM or SIGINT, or until the disk fails; the process's exit code. */
int engine_run(struct engine *e);
struct engine *engine_free(struct engine *e);
DEFINE_CLEANUP(struct engine *, engine_free)
