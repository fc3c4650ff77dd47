#include "ui/widgets/table.h"

#include <stdio.h>
#include <string.h>

#include "ui/row.h"
#include "ui/screen.h"

enum { LEAD = 2, GAP = 2, COLUMNS_MOST = 24, STEPS_MOST = 24, WINDOWS = 3 };

void table_init(struct table *t, const struct view *view)
{
    *t = (struct table){.view = view, .sort = -1, .height = 15};
}

void table_deinit(struct table *t)
{
    json_decref(t->order);
    json_decref(t->rows);
    map_deinit(&t->marks);
    *t = (struct table){0};
}

// Three screens: scrolling by one needs no asking, and costs no more than it shows.
static size_t window_size(const struct table *t)
{
    size_t n = t->height * WINDOWS;
    return n > TABLE_WINDOW ? TABLE_WINDOW : n ? n : 1;
}

json_t *table_params(const struct table *t)
{
    size_t offset = t->top > t->height ? t->top - t->height : 0;
    json_t *params = json_pack("{s:s, s:I, s:I}", "table", t->view->table, "offset",
                               (json_int_t)offset, "limit", (json_int_t)window_size(t));
    if (t->sort >= 0) {
        json_object_set_new(params, "sort", json_string(t->view->columns[t->sort].sort));
        json_object_set_new(params, "descending", json_boolean(t->is_descending));
    }
    if (t->filter[0])
        json_object_set_new(params, "filter", json_string(t->filter));
    if (t->view->by)
        json_object_set_new(params, "by", json_string(t->view->by[t->by]));
    return params;
}

bool table_wants_window(const struct table *t)
{
    if (!t->is_loaded || t->is_frozen || t->is_adopting)
        return false;
    size_t have = json_array_size(t->order), end = t->top + t->height;
    if (end > t->matched)
        end = t->matched;
    return t->top < t->offset || end > t->offset + have;
}

void table_adopt(struct table *t, const json_t *params)
{
    t->next_offset = (size_t)json_integer_value(json_object_get(params, "offset"));
    const char *filter = row_maybe(params, "filter");
    snprintf(t->shown, sizeof(t->shown), "%s", filter ? filter : "");
    t->is_adopting = true;
}

static const char *key_at(const struct table *t, size_t index)
{
    if (index < t->offset)
        return NULL;
    return json_string_value(json_array_get(t->order, index - t->offset));
}

static bool find_key(const struct table *t, const char *key, size_t *index)
{
    size_t i;
    const json_t *value;
    json_array_foreach(t->order, i, value)
    {
        const char *text = json_string_value(value);
        if (!text || strcmp(text, key) != 0)
            continue;
        *index = t->offset + i;
        return true;
    }
    return false;
}

static void select_at(struct table *t)
{
    const char *key = key_at(t, t->cursor);
    snprintf(t->selected, sizeof(t->selected), "%s", key ? key : "");
}

static void clamp(struct table *t)
{
    size_t n = t->matched;
    if (t->cursor >= n)
        t->cursor = n ? n - 1 : 0;
    if (t->cursor < t->top)
        t->top = t->cursor;
    if (t->height && t->cursor >= t->top + t->height)
        t->top = t->cursor - t->height + 1;
    size_t most = n > t->height ? n - t->height : 0;
    if (t->top > most)
        t->top = most;
}

// The thing keeps its line on the screen when others move past it; a thing that is gone leaves the
// selection to whatever stands there now.
static void follow(struct table *t)
{
    size_t at, line = t->cursor - t->top;
    bool stays_first = t->view->is_tail && t->cursor == 0;
    if (!stays_first && t->selected[0] && find_key(t, t->selected, &at)) {
        t->cursor = at;
        t->top = at > line ? at - line : 0;
        clamp(t);
        return;
    }
    clamp(t);
    select_at(t);
}

static void forget_rows(struct table *t)
{
    json_t *kept = json_object();
    size_t i;
    const json_t *value;
    json_array_foreach(t->order, i, value)
    {
        const char *key = json_string_value(value);
        json_t *row = key ? json_object_get(t->rows, key) : NULL;
        if (row)
            json_object_set(kept, key, row);
    }
    json_decref(t->rows);
    t->rows = kept;
}

void table_push(struct table *t, const json_t *push)
{
    json_t *order = json_object_get(push, "order"), *rows = json_object_get(push, "rows");
    if (t->is_frozen && t->is_loaded && !t->is_adopting)
        return;
    int64_t total = row_count(push, "total"), matched = row_count(push, "matched");
    t->total = total < 0 ? t->total : (size_t)total;
    t->matched = matched < 0 ? t->matched : (size_t)matched;
    if (t->is_adopting || !t->rows) {
        json_decref(t->rows);
        t->rows = json_object();
        t->offset = t->next_offset;
        t->is_adopting = false;
    }
    if (json_is_object(rows))
        json_object_update(t->rows, rows);
    if (json_is_array(order)) {
        json_decref(t->order);
        t->order = json_incref(order);
        forget_rows(t);
    }
    t->is_loaded = true;
    follow(t);
}

const json_t *table_row_at(const struct table *t, size_t index)
{
    const char *key = key_at(t, index);
    return key ? json_object_get(t->rows, key) : NULL;
}

const json_t *table_row(const struct table *t)
{
    return t->selected[0] ? json_object_get(t->rows, t->selected) : NULL;
}

void table_move_to(struct table *t, size_t index)
{
    t->cursor = index;
    clamp(t);
    select_at(t);
}

void table_move(struct table *t, long by)
{
    long to = (long)t->cursor + by;
    table_move_to(t, to < 0 ? 0 : (size_t)to);
}

bool table_mark(struct table *t)
{
    if (!t->selected[0])
        return true;
    if (!map_remove_str(&t->marks, t->selected)) {
        if (t->marks.count >= TABLE_MARKS)
            return false;
        map_put_str(&t->marks, t->selected, t);
    }
    table_move(t, 1);
    return true;
}

size_t table_mark_all(struct table *t)
{
    size_t i;
    const json_t *value;
    json_array_foreach(t->order, i, value)
    {
        const char *key = json_string_value(value);
        if (key && *key && t->marks.count < TABLE_MARKS)
            map_put_str(&t->marks, key, t);
    }
    return t->marks.count;
}

void table_mark_none(struct table *t)
{
    map_deinit(&t->marks);
    t->marks = (struct map){0};
}

void table_sort_next(struct table *t)
{
    for (int i = t->sort + 1; i < (int)t->view->columns_n; i++) {
        if (!t->view->columns[i].sort)
            continue;
        t->sort = i;
        t->is_descending = t->view->columns[i].align == RIGHT; // the most first, names from a
        return;
    }
    t->sort = -1;
}

// What the width shows.
struct layout {
    int width[COLUMNS_MOST]; // 0: not shown
};

static int natural(const struct table *t, const struct model *m, const struct column *c, int rows)
{
    int most = c->width;
    if (!c->is_whole)
        return most;
    for (int i = 0; i < rows; i++) {
        const json_t *row = table_row_at(t, t->top + (size_t)i);
        struct line cell;
        line_clear(&cell);
        if (row)
            c->draw(&cell, m, row, 0);
        most = cell.columns > most ? cell.columns : most;
    }
    return most;
}

static bool take_step(const struct view *v, const int base[], struct layout *out, int step,
                      int *room)
{
    for (size_t i = 0; i < v->columns_n; i++) {
        const struct column *c = &v->columns[i];
        int wide = c->wide > base[i] ? c->wide : base[i];
        int cost = c->step == step        ? base[i] + GAP
                   : c->wide_step == step ? wide - out->width[i]
                                          : 0;
        if (c->step != step && c->wide_step != step)
            continue;
        if (cost > *room)
            return false;
        *room -= cost;
        out->width[i] = c->step == step ? base[i] : wide;
    }
    return true;
}

static void lay_out(const struct table *t, const struct model *m, struct layout *out, int width,
                    int rows)
{
    const struct view *v = t->view;
    int base[COLUMNS_MOST], room = width, star = -1;
    *out = (struct layout){0};
    for (size_t i = 0; i < v->columns_n; i++)
        base[i] = natural(t, m, &v->columns[i], rows);
    for (int step = 1; step <= STEPS_MOST; step++)
        if (!take_step(v, base, out, step, &room))
            break;
    for (size_t i = 0; i < v->columns_n; i++)
        if (out->width[i] && v->columns[i].is_star)
            star = (int)i;
    if (star >= 0)
        out->width[star] += room;
}

static void head_text(const struct table *t, size_t i, int width, char out[64])
{
    const char *arrow = (int)i != t->sort ? "" : t->is_descending ? "↓" : "↑";
    const struct column *c = &t->view->columns[i];
    const char *name = c->head ? c->head(t, width) : c->name;
    bool has_room = *arrow && text_columns(name) + 2 <= width;
    snprintf(out, 64, "%s%s%s", name, has_room ? " " : "", arrow);
}

static void draw_heads(const struct table *t, const struct layout *lay, int row, int column,
                       int width)
{
    struct line l;
    int at = LEAD;
    line_clear(&l);
    for (size_t i = 0; i < t->view->columns_n; i++) {
        char text[64];
        if (!lay->width[i])
            continue;
        head_text(t, i, lay->width[i], text);
        // An arrow may stand in the gap, so that a sorted narrow column keeps its name.
        int lead = t->view->columns[i].align == RIGHT ? lay->width[i] - text_columns(text) : 0;
        line_pad(&l, at + (lead > -1 ? lead : -1));
        line_str(&l, PEN_HEAD, text);
        at += lay->width[i] + GAP;
    }
    screen_line(row, column, width, &l, false);
}

static void add_cell(struct line *l, struct line *cell, const struct column *c, int at, int width)
{
    line_cut(cell, width);
    line_pad(l, at + (c->align == RIGHT ? width - cell->columns : 0));
    line_append(l, cell);
}

static void draw_row(const struct table *t, const struct model *m, const struct layout *lay,
                     const json_t *row, struct line *l, bool is_selected)
{
    int at = LEAD;
    line_str(l, PEN_NORMAL, is_selected ? "▌" : " ");
    bool is_marked = map_get_str(&t->marks, row_text(row, "key"));
    line_str(l, is_marked ? PEN_MARKED : PEN_NORMAL, is_marked ? "•" : " ");
    for (size_t i = 0; i < t->view->columns_n; i++) {
        struct line cell;
        if (!lay->width[i])
            continue;
        line_clear(&cell);
        t->view->columns[i].draw(&cell, m, row, lay->width[i]);
        add_cell(l, &cell, &t->view->columns[i], at, lay->width[i]);
        at += lay->width[i] + GAP;
    }
}

void table_draw(struct table *t, const struct model *m, int row, int column, int width, int height,
                int *cursor_row)
{
    struct layout lay;
    t->height = height > 0 ? (size_t)height : 1;
    clamp(t);
    if (t->view->prepare)
        t->view->prepare(t);
    lay_out(t, m, &lay, width, height);
    draw_heads(t, &lay, row, column, width);
    *cursor_row = row + 1;
    for (int i = 0; i < height; i++) {
        const json_t *r = table_row_at(t, t->top + (size_t)i);
        bool is_selected = r && t->top + (size_t)i == t->cursor;
        struct line l;
        if (!r)
            continue;
        line_clear(&l);
        draw_row(t, m, &lay, r, &l, is_selected);
        screen_line(row + 1 + i, column, width, &l, is_selected);
        if (is_selected)
            *cursor_row = row + 1 + i;
    }
}
