/* The one table of keys: each runs a command, there is no other path. The bottom line and the help
 * are made from it. */
#pragma once
#include <stddef.h>

#include "ui/view.h"

struct console;

/* The binding of a key here: the view's own first, then the common ones; NULL: none. */
const struct binding *keys_find(const struct view *v, int key);
const struct binding *keys_common(size_t *n);
/* How the key is written: `Enter`, `Ctrl-d`, `s`. */
const char *keys_shown(const struct binding *b, char out[16]);
/* Runs a command line: the console's own words, else the commands of the engine. */
void command_run(struct console *c, const char *text);
/* The console's own words, for completion; NULL past the end. */
const char *command_word(size_t i);
