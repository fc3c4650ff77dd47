/* A table over a feed: the window the engine keeps current, the selection (a thing, not a row
 * number), marks, sort and filter. It asks through table_params() and takes pushes; who sends is the
 * console's affair. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "ui/line.h"
#include "ui/view.h"

enum { TABLE_FILTER = 256, TABLE_KEY = 640, TABLE_MARKS = 500, TABLE_WINDOW = 500 };

struct table {
    const struct view *view;
    int sort; // column, -1: the view's own order
    bool is_descending;
    char filter[TABLE_FILTER]; // as wanted
    char shown[TABLE_FILTER];  // that of the picture: the last valid one
    size_t by;                 // index into view->by
    json_t *order, *rows;      // of the window; NULL before the first push
    size_t offset;             // of the window in the whole order
    size_t total, matched;
    size_t top, cursor;       // in the whole order
    size_t height;            // rows that fitted when last drawn
    char selected[TABLE_KEY]; // key of the selected thing; "": whatever is at the cursor
    struct map marks;         // keys of marked things
    bool is_frozen;           // pushes change nothing
    bool is_loaded;
    bool is_adopting;   // a new feed was accepted: its first push replaces all
    size_t next_offset; // of that feed's window
};

void table_init(struct table *t, const struct view *view);
void table_deinit(struct table *t);
/* Params of a feed for the window that is wanted now (the caller's), without its name. */
json_t *table_params(const struct table *t);
/* True when the window asked for last does no longer hold what is to be seen. */
bool table_wants_window(const struct table *t);
/* A feed with these params was accepted: its first push brings all; until then the old picture
 * stays. */
void table_adopt(struct table *t, const json_t *params);
void table_push(struct table *t, const json_t *push);

/* The selected row, or NULL. Borrowed until the next push. */
const json_t *table_row(const struct table *t);
const json_t *table_row_at(const struct table *t, size_t index);
void table_move(struct table *t, long by);
void table_move_to(struct table *t, size_t index);
/* Marks or unmarks the selected one, and goes on to the next. False: no more can be marked. */
bool table_mark(struct table *t);
/* Marks all of the window that match; gives how many are marked. */
size_t table_mark_all(struct table *t);
void table_mark_none(struct table *t);
/* The next column that can be sorted by; after the last, the view's own order. */
void table_sort_next(struct table *t);

/* Heads at `row`, then at most `height` rows. *cursor_row: where the selected one is drawn. */
void table_draw(struct table *t, const struct model *m, int row, int column, int width, int height,
                int *cursor_row);
