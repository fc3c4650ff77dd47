/* The help of a view, made from its keys, the common keys and its columns. */
#pragma once
#include <stddef.h>

#include "ui/line.h"
#include "ui/view.h"

/* From `row` to two rows above the end; *top is clamped to what there is. */
void help_draw(const struct view *v, size_t *top, int row, int rows, int columns, int *cursor);
void help_keys(struct line *l);
