/* The filter language of docs/protocol.md: words with blanks between, all of which must match. A word
 * is text that stands in any text field, or `field:text`, `field>number`, `field<number` (`2%` is
 * 0.02); `!` before a word inverts it. Case makes no difference. Pure: which fields there are, and
 * what a row has in them, is asked. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "control/value.h"

struct filter;

enum { FILTER_TEXT = 1000, FILTER_WORDS = 32 }; // more is a mistake

/* Which field has this name? Gives its number, or < 0. `names` of all, for the nearest. */
struct filter_fields {
    int (*find)(const void *ctx, const char *name);
    const char *(*name)(const void *ctx, size_t i); // NULL behind the last
    const void *ctx;
};

/* 0, or 1 with the column (from 1) and *why (owned): what is wrong there. */
int filter_parse(struct filter **out, const char *text, const struct filter_fields *fields,
                 unsigned *column, char **why);
struct filter *filter_free(struct filter *f);
DEFINE_CLEANUP(struct filter *, filter_free)

/* Does a row match? `get` gives field i (zeroed before), false behind the last. f NULL: all match. */
bool filter_match(const struct filter *f, bool (*get)(void *ctx, size_t i, struct value *v),
                  void *ctx);
