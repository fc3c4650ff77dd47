/* The last row: which keys do something here and now, and where one stands. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "remote/command.h"
#include "ui/console.h"
#include "ui/figure.h"
#include "ui/keys.h"
#include "ui/screen.h"
#include "ui/widgets/help.h"

#define STALE_AFTER (3 * USEC_SECOND)

static usec_t silence(const struct console *c)
{
    return c->model.heard_at ? c->monotonic - c->model.heard_at : 0;
}

static void add_key(struct line *l, const struct console *c, const struct binding *b, bool is_wide)
{
    char shown[16];
    CLEANUP(buf_deinit) struct buf ignored = {0};
    char why[VIEW_WHY];
    bool is_grey = b->is_act && (console_why_not(c) || !console_fill(c, b->command, &ignored, why));
    const char *label = is_wide && strcmp(b->label, "cmd") == 0 ? "command" : b->label;
    line_pad(l, l->columns + (l->n > 1 ? 2 : 0));
    line_str(l, is_grey ? PEN_DIM : PEN_KEY, keys_shown(b, shown));
    line_add(l, is_grey ? PEN_DIM : PEN_NORMAL, " %s", label);
}

static int key_columns(const struct binding *b)
{
    char shown[16];
    return b->label ? text_columns(keys_shown(b, shown)) + 1 + text_columns(b->label) + 2 : 0;
}

// Which common keys there is room for: by how often one wants them, shown in their own order.
static unsigned long choose_common(int room, bool is_table, bool has_panel)
{
    static const int wanted[] = {'/', 'o', ':', 'y', 'u', 'v', ' ', 'I'};
    size_t n;
    const struct binding *keys = keys_common(&n);
    unsigned long chosen = 0;
    for (size_t w = 0; w < ARRAY_LEN(wanted); w++) {
        for (size_t i = 0; i < n; i++) {
            bool is_for_tables = strchr("oI v", wanted[w]) != NULL;
            if (keys[i].key != wanted[w] || (is_for_tables && !is_table) ||
                (wanted[w] == 'v' && !has_panel))
                continue;
            if (key_columns(&keys[i]) > room)
                return chosen;
            room -= key_columns(&keys[i]);
            chosen |= 1UL << i;
        }
    }
    return chosen;
}

static void add_common(struct console *c, struct line *l, int room, int columns)
{
    size_t n;
    const struct binding *keys = keys_common(&n);
    bool is_table = console_is_table(c), is_wide = columns >= CONSOLE_WIDE;
    unsigned long chosen = choose_common(room, is_table, is_wide);
    const struct view *v = console_top(c)->view;
    for (size_t i = 0; i < n; i++) {
        bool is_own = keys_find(v, keys[i].key) != &keys[i];
        if (keys[i].key == '?' || ((chosen >> i & 1) && !is_own))
            add_key(l, c, &keys[i], is_wide);
    }
}

static void position(const struct console *c, char *out, size_t n)
{
    struct console *w = (struct console *)c;
    struct place *p = console_top(w);
    int rows, columns;
    size_t place, of, left;
    char a[FIGURE_TEXT], b[FIGURE_TEXT];
    screen_size(&rows, &columns);
    const char *slash = columns >= CONSOLE_WIDE ? " of " : "/";
    out[0] = '\0';
    if (console_is_table(c)) {
        if (p->table.matched)
            snprintf(out, n, "%s%s%s", figure_count(a, (int64_t)p->table.cursor + 1), slash,
                     figure_count(b, (int64_t)p->table.matched));
        return;
    }
    page_place(&p->page, &place, &of);
    left = p->page.n > p->page.top + p->page.height ? p->page.n - p->page.top - p->page.height : 0;
    if (left)
        snprintf(out, n, "%zu more below", left);
    else if (of)
        snprintf(out, n, "%zu%s%zu", place, slash, of);
}

static void bottom_right(const struct console *c, char *out, size_t n)
{
    struct place *p = console_top((struct console *)c);
    char where[64], age[FIGURE_TEXT], marks[64] = "", rate[32] = "";
    const char *gap = " ";
    int rows, columns;
    bool is_frozen = console_is_table(c) ? p->table.is_frozen : p->is_frozen;
    position(c, where, sizeof(where));
    screen_size(&rows, &columns);
    if (columns >= CONSOLE_WIDE) {
        snprintf(rate, sizeof(rate), "%d/s   ", screen_pictures_a_second());
        gap = "   ";
    }
    if (console_is_table(c) && p->table.marks.count)
        snprintf(marks, sizeof(marks), "%zu marked, ", p->table.marks.count);
    if (c->mode == MODE_DIALOG)
        snprintf(out, n, "%s%s", marks, *marks ? "frozen" : "order frozen");
    else if (console_is_lost(c) || silence(c) > STALE_AFTER)
        snprintf(out, n, "%s%s STALE %s", marks, where,
                 figure_age(age, c->monotonic - silence(c), c->monotonic));
    else if (strstr(where, "below"))
        snprintf(out, n, "%s%s", marks, where);
    else
        snprintf(out, n, "%s%s%s%s%s", marks, where, *where ? gap : "", rate,
                 !is_frozen         ? "live"
                 : p->view->is_once ? "frozen picture"
                                    : "frozen");
}

static void lost_keys(struct line *l)
{
    line_str(l, PEN_KEY, "R");
    line_str(l, PEN_NORMAL, " try now  ");
    line_str(l, PEN_KEY, "/");
    line_str(l, PEN_NORMAL, " filter  ");
    line_str(l, PEN_KEY, ":");
    line_str(l, PEN_NORMAL, " cmd  ");
    line_str(l, PEN_KEY, "?");
    line_str(l, PEN_NORMAL, " help");
}

static void view_keys(struct console *c, struct line *l, int room, int columns)
{
    const struct view *v = console_top(c)->view;
    static const struct binding back = {KEY_ESC, "back", "back", NULL, .shown = "Esc"};
    if (!console_is_table(c))
        add_key(l, c, &back, columns >= CONSOLE_WIDE);
    for (size_t i = 0; i < v->keys_n; i++)
        if (v->keys[i].label && (columns >= CONSOLE_WIDE || !v->keys[i].is_spare))
            add_key(l, c, &v->keys[i], columns >= CONSOLE_WIDE);
    bool is_wide = columns >= CONSOLE_WIDE;
    add_common(c, l, room - l->columns - (is_wide ? 14 : 8), columns); // "? help", "command"
}

// The command that is being typed: its usage, where it takes anything.
static bool add_usage(const struct prompt *p, struct line *l)
{
    const char *text = p->field.text, *blank = strchr(text, ' ');
    if (p->sign != ':' || !blank)
        return false;
    CLEANUP(xfree) char *word = xmemdup0(text, (size_t)(blank - text));
    CLEANUP(xfree) char *two = xmemdup0(text, strcspn(text, " ") + 1 + strcspn(blank + 1, " "));
    const struct command *c = command_get(two) ? command_get(two) : command_get(word);
    if (!c)
        return false;
    CLEANUP(buf_deinit) struct buf b = {0};
    command_usage(&b, c);
    CLEANUP(xfree) char *usage = buf_take_str(&b);
    const char *own = strchr(usage, ' '); // behind the program's name
    line_str(l, PEN_NORMAL, own ? own + 1 : usage);
    return true;
}

static void prompt_keys(const struct prompt *p, struct line *l)
{
    if (p->error[0]) {
        line_str(l, PEN_WARNING, p->error);
        return;
    }
    if (p->fits < 2 && add_usage(p, l))
        return;
    if (p->fit_n) {
        for (size_t i = 0; i < p->fit_n; i++)
            line_add(l, PEN_NORMAL, "%s%s", i ? "  " : "", p->fit[i]);
        if (p->fits > p->fit_n)
            line_add(l, PEN_DIM, "  %zu more", p->fits - p->fit_n);
        return;
    }
    line_str(l, PEN_KEY, p->sign == '/' ? "Enter" : "Tab");
    line_str(l, PEN_NORMAL, p->sign == '/' ? " keep  " : " complete  ");
    if (p->sign == ':') {
        line_str(l, PEN_KEY, "Enter");
        line_str(l, PEN_NORMAL, " run  ");
        line_str(l, PEN_KEY, "↑");
        line_str(l, PEN_NORMAL, " history  ");
    }
    line_str(l, PEN_KEY, "Esc");
    line_str(l, PEN_NORMAL,
             p->sign == '/' ? " show all   words, field:word, field>2%, !not" : " leave");
}

static void ask_keys(const struct console *c, struct line *l)
{
    line_str(l, PEN_KEY, "Enter");
    line_add(l, PEN_NORMAL, " %s  ", c->fact.command);
    line_str(l, PEN_KEY, "Esc");
    line_str(l, PEN_NORMAL, " leave");
    if (!c->fact.needs_text)
        line_str(l, PEN_DIM, "   the reason may be empty");
}

void frame_keys(struct console *c, int row, int columns)
{
    struct line l;
    char right[128] = "";
    line_clear(&l);
    line_str(&l, PEN_NORMAL, " ");
    bottom_right(c, right, sizeof(right));
    int room = columns - text_columns(right) - 2;
    if (c->mode == MODE_DIALOG)
        dialog_keys(&c->dialog, &l);
    else if (c->mode == MODE_ASK)
        ask_keys(c, &l);
    else if (c->mode == MODE_FILTER || c->mode == MODE_COMMAND)
        prompt_keys(&c->prompt, &l);
    else if (c->mode == MODE_HELP)
        help_keys(&l);
    else if (console_is_lost(c))
        lost_keys(&l);
    else
        view_keys(c, &l, room, columns);
    if (c->mode != MODE_FILTER && c->mode != MODE_COMMAND) {
        line_cut(&l, room);
        line_right(&l, console_is_lost(c) ? PEN_WARNING : PEN_DIM, right, columns);
    }
    screen_line(row, 0, columns, &l, false);
}
