/* Collecting what a person wrote wrongly, over all files of one load, to be told in one go.
 *
 * Files are numbered in the order they are named; mistakes come out sorted by file and place. Past
 * MISTAKES_KEPT nothing more is kept, only counted: a file of nothing but mistakes costs no more. */
#pragma once
#include <stddef.h>

#include "settings/settings.h"

enum { MISTAKES_KEPT = 1000, MISTAKES_TOLD = 100 };

/* A zeroed struct mistakes is an empty one. */
struct mistakes {
    struct mistake *items; // in order of discovery
    size_t n, room;
    size_t lost; // found, and not kept
    char **files;
    size_t files_n;
};

/* A file's number for mistakes_add. */
unsigned mistakes_file(struct mistakes *m, const char *name);
/* Line and column count from 1. */
void mistakes_add(struct mistakes *m, unsigned file, unsigned line, unsigned column,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Hands the mistakes over, sorted, at most MISTAKES_TOLD (the last then says how many more there
 * are); m is empty afterwards. */
void mistakes_finish(struct mistakes *m, struct settings_mistakes *out);
