/* What a view is: a table of columns over a feed, its keys, its words; or a page, built line by
 * line from one object. A view is a file that declares more than it does; add one by writing
 * views/NAME.c and naming it in views/views.c. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "ui/line.h"
#include "ui/model.h"

struct page;
struct table;

enum align { LEFT, RIGHT };

/* Writes a cell; `width` is what it has (0: its natural form is asked for). */
typedef void draw_fn(struct line *cell, const struct model *m, const json_t *row, int width);

/* Columns come in by their steps while there is room: step 1 first. `wide` at `wide_step` is a
 * wider form. The picture follows from the width alone, and more width takes no column away. */
struct column {
    const char *name;
    int width;
    enum align align;
    int step;
    draw_fn *draw;
    int wide, wide_step; // 0: no wider form
    bool is_star;        // the last of these that shows takes the rest of the width
    bool is_whole;       // never cut: as wide as its longest visible value
    const char *sort;    // the row's field that sorts it; NULL: it cannot
    const char *help;    // what the head means; NULL: it says so itself
    const char *(*head)(const struct table *t, int width); // the name as it is now; NULL: `name`
};

/* A key and the command it runs; there is no other path. `$key` in the command is the selected
 * thing, or all marked ones; any other `$name` is what the view fills in. */
struct binding {
    int key;
    const char *command;
    const char *label; // beside the key in the bottom line; NULL: not shown there
    const char *help;
    bool is_act;       // changes something: grey where one may not act
    const char *shown; // how the key is written; NULL: its character
    bool is_spare;     // in the bottom line only where there is room (from 150 columns)
};

enum { VIEW_WHY = 512 };

struct view {
    const char *name;  // what `:` calls it
    const char *title; // row 4
    int digit;         // 0: a page, reached from a table
    const char *table; // the protocol's
    const struct column *columns;
    size_t columns_n;
    const struct binding *keys;
    size_t keys_n;
    const char *const *by; // what Tab turns through (queue); NULL: nothing
    const char *empty;     // what it says when there is nothing
    /* The same where it depends on what is known; NULL: `empty`. At most `n` lines of `width`. */
    void (*nothing)(struct line *lines, size_t n, int width, const struct model *m);
    bool is_tail; // newest first: while the first row is selected it stays so
    /* Row 4: counts on the left, proof of life on the right. */
    void (*counts)(struct line *l, const struct model *m, const struct table *t, int width);
    void (*life)(struct line *l, const struct model *m, const struct table *t, int width);
    void (*prepare)(const struct table *t); // looks at all rows before cells are drawn
    /* The selected row in words: at most `n` lines of `width`. */
    void (*foot)(struct line *lines, size_t n, int width, const struct model *m, const json_t *row);
    int foot_rows;            // its height; 0: 2. With foot_most: at least
    int foot_most;            // it takes what a short list leaves, up to this; 0: it does not grow
    const struct view *page;  // what Enter opens; NULL: nothing
    const struct view *panel; // what stands beside the table, where that is another; NULL: the page
    bool is_local;            // a page of the selected row itself: the engine is not asked
    bool is_once;             // a page that keeps what came first: a picture that stands still
    bool is_of_row; // a page of a table's row: `next` and `previous` go on to the rows beside it
    /* A page's lines from the `show` object. */
    void (*build)(struct page *p, const struct model *m, const json_t *object);
    /* What `show` is asked for to draw the page of `target`; NULL: the target itself. */
    const char *(*asks)(const char *target, char *out, size_t n);
    const char *copies; // the object's field that `y` copies as it is; NULL: the page as drawn
    /* What stands for `$hole` in a key's command. `selected`: the key of the selected line of a
     * page, "" on a table. NULL, and why not in words: the key is grey. */
    const char *(*fill)(const char *hole, const json_t *row, const char *selected, char *out,
                        size_t n, char why[VIEW_WHY]);
};

#define COLUMNS(a) .columns = (a), .columns_n = ARRAY_LEN(a)
#define KEYS(a) .keys = (a), .keys_n = ARRAY_LEN(a)
