/* Errors with one idiom. An int says who must act: 0 done; > 0 a documented result of this call,
 * handled where it is called; < 0 a fault (-errno): release what is yours and pass it on unchanged.
 * What a person wrote wrongly is a struct diag; what a peer sent wrongly is a result. */
#pragma once
#include <stdbool.h>

/* Notes file and line of a fault once, where it arises, and gives it back: `return fault(r)`. */
#define fault(r) fault_at((r), __FILE__, __LINE__)
int fault_at(int r, const char *file, int line);

/* A bug if false: says so and ends the process (the spool is safe). Stays on in release. */
#define must(x) ((x) ? (void)0 : die_at(#x, __FILE__, __LINE__))

/* Reports if false, and lets the caller recover: `if (!should(n > 0)) return;` */
#define should(x) (__builtin_expect(!!(x), 1) ? true : should_at(#x, __FILE__, __LINE__))
bool should_at(const char *what, const char *file, int line);

/* Ends the process with a line on the log. */
#define die(what) die_at((what), __FILE__, __LINE__)
_Noreturn void die_at(const char *what, const char *file, int line);

/* A mistake in something a person wrote: where, and what would be right. */
struct diag {
    const char *file; // as the person named it; borrowed, outlives the diag
    unsigned line;    // from 1; 0: the file as a whole
    unsigned column;  // from 1
    char *text;       // "expected a duration like 4h, got `4x`"; owned by whoever holds the diag
};
