/* The keys of tokens (mail/token.h): STATE/token.keys, a text file that an operator may put on several
 * nodes, so that each takes what comes back to any.
 *
 * A line a key, `ID HEX`: a number from 0 to 255 and 64 digits 0-9 a-f; the first signs, all verify.
 * Empty lines and lines that begin with # mean nothing. Anything else, two keys of one ID, a file that
 * others may read or that is no plain file is a mistake, and the engine does not start: a key that is lost
 * unseen would turn away what is on its way back. docs/feedback.md says how to change keys. */
#pragma once
#include <stdbool.h>

#include "base/bytes.h"

struct token_keys;

/* Reads the file of the state directory `dir`, as long as root may: an operator's copy may be root's.
 * 0; *is_there says whether there is one. 1 with *why (owned), which names the path and line. */
int keys_load(struct token_keys *keys, bool *is_there, const char *dir, char **why);
/* Makes the file with one random key; once the directory is known to be ours. 0, or 1 with *why (owned). */
int keys_make(struct token_keys *keys, const char *dir, char **why);
/* The text alone; the name is for *why (owned). 0 or 1. */
int keys_parse(struct token_keys *keys, struct bytes text, const char *name, char **why);
