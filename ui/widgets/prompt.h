/* The prompt in row 23: a field behind a sign (`/` or `:`) or a label, with history and completion. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "ui/widgets/field.h"

enum { PROMPT_HISTORY = 50, PROMPT_FIT = 8 };

struct prompt {
    char sign;      // 0: a label stands there
    char label[64]; // "note on 318: "
    struct field field;
    char error[FIELD_TEXT];        // under it, in row 24
    char *history[PROMPT_HISTORY]; // owned, newest last
    size_t history_n, at;          // at == history_n: not in it
    const char *fit[PROMPT_FIT];   // words that would complete it; borrowed
    size_t fit_n, fits;            // shown, and all
};

enum prompt_wish { PROMPT_NOTHING, PROMPT_CHANGED, PROMPT_DONE, PROMPT_LEAVE };

void prompt_deinit(struct prompt *p);
void prompt_open(struct prompt *p, char sign, const char *text);
/* With a label in place of a sign: no history, no completion. */
void prompt_ask(struct prompt *p, const char *label);
enum prompt_wish prompt_key(struct prompt *p, int key);
void prompt_remember(struct prompt *p);
/* Tab: one candidate of `words` that starts with the last word typed is taken, or their common
 * start; all that fit are kept in `fit`. */
void prompt_complete(struct prompt *p, const char *const *words, size_t n);
void prompt_draw(const struct prompt *p, int row, int columns, int *cursor_column);
