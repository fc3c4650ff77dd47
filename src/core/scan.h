/* Outcomes read back from NDJSON, in place and fast: a line of a buffer becomes a struct outcome whose
 * strings lie in that line, each ended by a NUL where its quote was.
 *
 * Fields come in any order; unknown ones, and values nested in them, are skipped. A word of a newer
 * version is `undetermined` or unknown; a kind of a newer version is nothing. What is no JSON object, or
 * has no time, no kind, no customer (of a listing: no IP), is wrong. Every byte is a stranger's: the
 * strings are neither UTF-8 for sure nor clean, so whoever shows one sends it through text_visible().
 * Fields of a usual length of 200 bytes a line take about 0.1 us. Pure; cannot fail. */
#pragma once
#include <stddef.h>

#include "core/outcome.h"

/* So many bytes behind a line's end may be read, whatever they hold. */
enum { SCAN_SLACK = 24 };

enum scan_result {
    SCAN_OUTCOME,
    SCAN_NOTHING, // an empty line, or a kind that is not known
    SCAN_WRONG,   // *why says what, in words of our own
};

/* Reads line[0..n), without its line end; line[n] is overwritten. `o` is valid with SCAN_OUTCOME as long
 * as the line. Names are at most 63 bytes, providers and zones 255, addresses 400: longer ones are
 * wrong; a reply is cut at OUTCOME_REPLY. */
enum scan_result scan_line(struct outcome *o, char *line, size_t n, const char **why);
