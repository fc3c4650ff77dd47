/* The picture as a whole: top rows, the view (with its foot or side panel), what was said, keys. */
#include <stdio.h>
#include <string.h>

#include "ui/console.h"
#include "ui/figure.h"
#include "ui/row.h"
#include "ui/screen.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"
#include "ui/widgets/help.h"

enum {
    ROWS_LEAST = 16,
    COLUMNS_LEAST = 60,
    COLUMNS_WHOLE = 80,
    ROWS_FOOT = 24,
    ROWS_NEWS = 20,
    FOOT = 2,
    FOOT_MOST = 16,
    NOTHING = 6,
    LIST_LEAST = 7
};

bool console_shows_panel(const struct console *c, int columns)
{
    return columns >= CONSOLE_WIDE && c->has_panel && console_is_table(c) &&
           c->roots[c->root].view->page != NULL;
}

static void add_gap(struct line *l, int n)
{
    line_pad(l, l->columns + n);
}

// What the engine was asked for last stands still while it is gone: the clock with it.
static void top_right(const struct console *c, struct line *l, int columns)
{
    char clock[FIGURE_TEXT] = "–", text[256];
    const struct model *m = &c->model;
    if (m->now)
        figure_clock(clock, m->now);
    const char *who = console_is_lost(c) ? "LOST" : c->is_locked ? "LOCK" : m->user;
    if (c->link.state == LINK_DOWN)
        snprintf(text, sizeof(text), "no mail moves");
    else if (columns >= CONSOLE_WIDE && !console_is_lost(c) && !c->is_locked)
        snprintf(text, sizeof(text), "%s  %s %s", clock, m->user, m->role);
    else
        snprintf(text, sizeof(text), "%s %s", clock, who);
    int room = columns - text_columns(text) - 1;
    line_cut(l, room > 0 ? room : 0);
    line_right(l, console_is_lost(c) || c->is_locked ? PEN_WARNING : PEN_TITLE, text, columns);
}

// "C2 W1 N1", or "2 critical  1 warning  1 notice"; `calm` when nothing is open.
static void add_severities(const struct headline *h, struct line *l, bool is_wide)
{
    const struct {
        const char *letter, *word;
        unsigned n;
        enum pen pen;
    } all[] = {{"C", "critical", h->critical, PEN_CRITICAL},
               {"W", "warning", h->warning, PEN_WARNING},
               {"N", "notice", h->notice, PEN_NOTICE}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        enum pen pen = all[i].n ? all[i].pen : PEN_TITLE;
        add_gap(l, i ? 1 + is_wide : 0);
        if (is_wide)
            line_add(l, pen, "%u %s", all[i].n, all[i].word);
        else
            line_add(l, pen, "%s%u", all[i].letter, all[i].n);
    }
}

static void add_state(const struct console *c, struct line *l, bool is_wide)
{
    const struct headline *h = &c->model.headline;
    bool is_calm = h->open && !json_array_size(h->open);
    if (row_maybe(c->model.status, "problem"))
        line_str(l, PEN_CRITICAL, "TROUBLE");
    else if (h->open && !is_calm)
        add_severities(h, l, is_wide);
    else
        line_str(l, is_calm ? PEN_GOOD : PEN_DIM, is_calm ? "calm" : "–");
}

static void top_numbers(const struct console *c, struct line *l, int gap, bool is_wide)
{
    char text[FIGURE_TEXT];
    const json_t *s = c->model.status;
    int64_t queued = row_count(s, "queued"), held = row_count(s, "held");
    int64_t minute = row_count(s, "sent_1m"), automatic = row_count(s, "automatic");
    add_state(c, l, is_wide);
    add_gap(l, gap);
    line_add(l, PEN_TITLE, "auto %s", automatic < 0 ? "–" : figure_count(text, automatic));
    add_gap(l, gap);
    line_add(l, PEN_TITLE, "queue %s",
             queued < 0 ? "–" : figure_count(text, queued + (held > 0 ? held : 0)));
    add_gap(l, gap);
    line_add(l, PEN_TITLE, "%s%s/min", is_wide ? "sent " : "",
             minute < 0 ? "–" : figure_count(text, minute));
}

static void down_numbers(const struct console *c, struct line *l, int gap)
{
    char text[FIGURE_TEXT], at[FIGURE_TEXT];
    int64_t queued = row_count(c->model.status, "queued"),
            held = row_count(c->model.status, "held");
    line_add(l, PEN_CRITICAL, "ENGINE DOWN %s", figure_age(text, c->link.since, c->monotonic));
    if (queued < 0)
        return;
    add_gap(l, gap);
    line_add(l, PEN_TITLE, "queue %s (at %s)", figure_count(text, queued + (held > 0 ? held : 0)),
             figure_time(at, c->model.now, c->model.now));
}

static void draw_top(const struct console *c, int columns)
{
    struct line l;
    const struct model *m = &c->model;
    bool is_wide = columns >= CONSOLE_WIDE, is_down = c->link.state == LINK_DOWN;
    int gap = is_wide ? 3 : 2;
    line_clear(&l);
    char node[MODEL_NAME];
    model_short_node(m, node); // where the whole name would cost the queue
    line_add(&l, PEN_TITLE, " %s",
             !m->node[0]               ? "mxwarden"
             : columns < COLUMNS_WHOLE ? node
                                       : m->node);
    if (m->label[0]) {
        char label[FIGURE_TEXT];
        add_gap(&l, 1);
        line_str(&l, PEN_LABEL, figure_loud(label, m->label));
    }
    add_gap(&l, gap);
    if (is_down)
        down_numbers(c, &l, gap);
    else
        top_numbers(c, &l, gap, is_wide);
    char heard[128];
    if (is_wide && !is_down) {
        add_gap(&l, gap);
        say_heard(heard, sizeof(heard), m, false);
        line_add(&l, PEN_TITLE, "heard: %s", heard);
    }
    top_right(c, &l, columns);
    screen_line(0, 0, columns, &l, false);
}

static void draw_views(const struct console *c, int columns)
{
    struct line l;
    line_clear(&l);
    for (size_t i = 0; i < CONSOLE_VIEWS; i++) {
        bool is_current = i == c->root;
        add_gap(&l, i && columns >= CONSOLE_WIDE ? 2 : 1);
        line_add(&l, is_current ? PEN_CURRENT : PEN_KEY, "%c", views_roots[i]->digit);
        line_add(&l, is_current ? PEN_CURRENT : PEN_NORMAL, "%s%s",
                 columns >= CONSOLE_WIDE ? " " : "", views_roots[i]->title);
    }
    screen_line(1, 0, columns, &l, false);
}

static void banner(const struct console *c, struct line *l)
{
    char age[FIGURE_TEXT], clock[FIGURE_TEXT] = "the start";
    usec_t wait = c->link.next_try > c->monotonic ? c->link.next_try - c->monotonic : 0;
    long seconds = (long)((wait + USEC_SECOND - 1) / USEC_SECOND);
    if (c->model.now)
        figure_clock(clock, c->model.now);
    figure_age(age, c->link.since, c->monotonic);
    switch (c->link.state) {
    case LINK_UP:
    case LINK_TRYING:
        break;
    case LINK_LOST:
        line_add(l, PEN_BANNER,
                 " DISCONNECTED since %s (%s): this is the last state. Next try in %ld s", clock,
                 age, seconds);
        break;
    case LINK_DOWN:
        line_add(l, PEN_BANNER,
                 " ENGINE DOWN since %s (%s): this is the last state. Next try in %ld s", clock,
                 age, seconds);
        break;
    case LINK_DENIED:
        line_add(l, PEN_BANNER, " NOT ALLOWED to ask the engine (%s). Next try in %ld s", age,
                 seconds);
        break;
    }
}

static void add_coming(const struct console *c, struct line *l, int columns)
{
    const json_t *coming = json_object_get(c->model.status, "coming"), *one;
    bool is_wide = columns >= CONSOLE_WIDE;
    size_t i, most = is_wide ? 4 : 1;
    struct line r;
    line_clear(&r);
    json_array_foreach(coming, i, one)
    {
        char at[FIGURE_TEXT], what[256];
        if (i == most)
            break;
        if (is_wide)
            snprintf(what, sizeof(what), "%s", row_text(one, "what"));
        else
            figure_short_ips(what, sizeof(what), row_text(one, "what"));
        line_add(&r, PEN_NOTICE, "%s%s %s",
                 i         ? ", "
                 : is_wide ? "next by itself: "
                           : "next ",
                 figure_time(at, row_time(one, "at"), c->model.now), what);
    }
    line_cut(&r, columns - l->columns - 3);
    if (r.n)
        line_pad(l, columns - r.columns > l->columns + 3 ? columns - r.columns : l->columns + 3);
    line_append(l, &r);
}

// "no incident", "3 incidents"; `–` while it is not known.
static void add_number(struct line *l, int64_t n, const char *word)
{
    char text[FIGURE_TEXT];
    line_add(l, PEN_NOTICE, "%s %s%s",
             n < 0    ? "–"
             : n == 0 ? "no"
                      : figure_full(text, n),
             word, n > 1 ? "s" : "");
}

static void news(const struct console *c, struct line *l, int columns)
{
    char at[FIGURE_TEXT];
    const struct model *m = &c->model;
    const struct headline *h = &m->headline;
    const char *problem = row_maybe(m->status, "problem");
    if (problem) {
        line_add(l, PEN_CRITICAL, " %s", problem);
        return;
    }
    if (!h->looked.at)
        return;
    line_add(l, PEN_NOTICE,
             columns >= CONSOLE_WIDE ? " since you last looked (%s): " : " since %s: ",
             figure_time(at, h->looked.at, m->now));
    add_number(l, h->incidents, "incident");
    line_str(l, PEN_NOTICE, ", ");
    add_number(l, h->actions, "automatic action");
    add_coming(c, l, columns);
}

static void draw_news(const struct console *c, int columns)
{
    struct line l;
    line_clear(&l);
    if (console_is_lost(c) && c->link.state != LINK_TRYING)
        banner(c, &l);
    else
        news(c, &l, columns);
    screen_line(2, 0, columns, &l, false);
}

static void say_nothing(struct console *c, const struct view *v, int row, int columns)
{
    struct line lines[NOTHING];
    for (int i = 0; i < NOTHING; i++)
        line_clear(&lines[i]);
    v->nothing(lines, NOTHING, columns - 3, &c->model);
    for (int i = 0; i < NOTHING; i++)
        screen_line(row + 2 + i, 2, columns - 2, &lines[i], false);
}

static void say_nothing_there(struct console *c, const struct table *t, int row, int columns)
{
    char node[MODEL_NAME], text[512];
    model_short_node(&c->model, node);
    if (!t->is_loaded && !console_is_lost(c))
        snprintf(text, sizeof(text), "asking %s …", *node ? node : "the engine");
    else if (!t->is_loaded)
        snprintf(text, sizeof(text), "Nothing was heard from the engine yet.");
    else if (t->shown[0] && t->total)
        snprintf(text, sizeof(text), "None of %zu matches %s. Esc shows all.", t->total, t->shown);
    else if (t->view->nothing) {
        say_nothing(c, t->view, row, columns);
        return;
    } else
        snprintf(text, sizeof(text), "%s", t->view->empty);
    screen_text(row + 2, 2, columns - 2, PEN_NORMAL, text);
}

static void draw_counts(struct console *c, struct table *t, int row, int width)
{
    struct line l, right;
    line_clear(&l);
    line_clear(&right);
    line_add(&l, PEN_TITLE, " %s", t->view->title);
    if (t->shown[0] && t->is_loaded)
        line_add(&l, PEN_TITLE, "  %zu of %zu match %s", t->matched, t->total, t->shown);
    else if (t->is_loaded && t->view->counts)
        t->view->counts(&l, &c->model, t, width);
    if (t->is_loaded && t->view->life)
        t->view->life(&right, &c->model, t, width);
    line_cut(&l, width - right.columns - 2);
    if (right.n)
        line_pad(&l, width - right.columns);
    line_append(&l, &right);
    screen_line(row, 0, width, &l, false);
}

// How much of `room` rows below the heads the foot has: what says a whole story takes what a short
// list leaves.
static int foot_rows(const struct table *t, int room)
{
    const struct view *v = t->view;
    int least = v->foot_rows ? v->foot_rows : FOOT,
        list = (int)(t->matched < 500 ? t->matched : 500);
    int most = v->foot_most < FOOT_MOST ? v->foot_most : FOOT_MOST;
    int left = room - (list > LIST_LEAST ? list : LIST_LEAST);
    if (!v->foot_most || left < least)
        return least;
    return left < most ? left : most;
}

static void draw_foot(struct console *c, struct table *t, int row, int rows, int columns)
{
    struct line lines[FOOT_MOST];
    const json_t *selected = table_row(t);
    for (int i = 0; i < rows; i++) {
        line_clear(&lines[i]);
        line_str(&lines[i], PEN_NORMAL, " ");
    }
    if (!selected || !t->view->foot)
        return;
    t->view->foot(lines, (size_t)rows, columns, &c->model, selected);
    for (int i = 0; i < rows; i++)
        screen_line(row + i, 0, columns, &lines[i], false);
}

static void build_page(struct console *c, struct place *p, int width)
{
    char node[MODEL_NAME];
    model_short_node(&c->model, node);
    page_begin(&p->page, width);
    p->page.target = p->target;
    if (p->object)
        p->view->build(&p->page, &c->model, p->object);
    else {
        line_add(&p->page.title, PEN_TITLE, " %s", p->target);
        page_line(&p->page, NULL);
        line_add(page_line(&p->page, NULL), PEN_NORMAL, " %s%s%s", p->problem,
                 p->problem[0] ? "" : "asking ",
                 p->problem[0] ? ""
                 : *node       ? node
                               : "the engine");
    }
    page_end(&p->page);
}

static void draw_panel(struct console *c, int row, int rows, int columns, int width)
{
    int left = columns - width, ignored;
    for (int i = row; i < rows - 2; i++)
        screen_text(i, left - 2, 1, PEN_DIM, "│");
    if (!c->panel.view)
        return;
    build_page(c, &c->panel, width);
    page_draw(&c->panel.page, row, left - 1, rows - 3 - row, false, &ignored);
}

static void draw_body(struct console *c, int row, int rows, int columns, int *cursor)
{
    struct place *p = console_top(c);
    if (!console_is_table(c)) {
        build_page(c, p, columns);
        page_draw(&p->page, row, 0, rows - 3 - row, true, cursor);
        return;
    }
    bool is_beside = console_shows_panel(c, columns),
         has_foot = rows >= ROWS_FOOT && columns < CONSOLE_WIDE;
    int panel = (columns + 1) / 3, width = is_beside ? columns - panel - 3 : columns;
    int room = rows - 2 - row - 2, foot = has_foot ? foot_rows(&p->table, room) : 0;
    int height = room - foot;
    draw_counts(c, &p->table, row, width);
    table_draw(&p->table, &c->model, row + 1, 0, width, height, cursor);
    if (!p->table.matched)
        say_nothing_there(c, &p->table, row, width);
    if (has_foot)
        draw_foot(c, &p->table, rows - 2 - foot, foot, columns);
    if (is_beside)
        draw_panel(c, row, rows, columns, panel);
}

static void draw_said(struct console *c, int rows, int columns)
{
    char text[CONSOLE_SAID + 2];
    snprintf(text, sizeof(text), " %s", c->said);
    if (!c->said[0] && c->link.state != LINK_LOST && console_is_lost(c) && c->link.why) {
        const char *words = strstr(c->link.why, ": "); // behind the socket's path
        bool is_long = text_columns(c->link.why) >= columns;
        snprintf(text, sizeof(text), " %s", is_long && words ? words + 2 : c->link.why);
    }
    if (text[1])
        screen_text(rows - 2, 0, columns, c->said[0] ? c->said_pen : PEN_WARNING, text);
    else if (c->link.state == LINK_LOST)
        screen_text(rows - 2, 0, columns, PEN_NOTICE,
                    " Acting is off. The node protects its IPs by itself. R tries at once.");
}

static void draw_too_small(const struct console *c, int rows, int columns)
{
    char text[64];
    draw_top(c, columns);
    snprintf(text, sizeof(text), "too small: %dx%d needed", COLUMNS_LEAST, ROWS_LEAST);
    if (rows > 2)
        screen_text(rows / 2, 0, columns, PEN_NORMAL, text);
}

void frame_draw(struct console *c)
{
    int rows, columns, cursor = 0, cursor_column = 0;
    screen_size(&rows, &columns);
    screen_begin();
    if (rows < ROWS_LEAST || columns < COLUMNS_LEAST) {
        draw_too_small(c, rows, columns);
        frame_keys(c, rows - 1, columns);
        screen_end(rows - 1, 0);
        return;
    }
    bool has_news = rows >= ROWS_NEWS || console_is_lost(c);
    screen_dim(false);
    draw_top(c, columns);
    draw_views(c, columns);
    if (has_news)
        draw_news(c, columns);
    screen_dim(c->mode == MODE_DIALOG);
    if (c->mode == MODE_HELP)
        help_draw(console_top(c)->view, &c->help_top, has_news ? 3 : 2, rows, columns, &cursor);
    else
        draw_body(c, has_news ? 3 : 2, rows, columns, &cursor);
    screen_dim(false);
    if (c->mode == MODE_FILTER || c->mode == MODE_COMMAND || c->mode == MODE_ASK) {
        cursor = rows - 2;
        prompt_draw(&c->prompt, cursor, columns, &cursor_column);
    } else {
        draw_said(c, rows, columns);
    }
    frame_keys(c, rows - 1, columns);
    if (c->mode == MODE_DIALOG)
        dialog_draw(&c->dialog, rows, columns, c->monotonic, &cursor, &cursor_column);
    screen_end(cursor, cursor_column);
}
