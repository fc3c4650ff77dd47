#include "ui/widgets/dialog.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/figure.h"
#include "ui/row.h"
#include "ui/screen.h"

enum { DEAD_MS = 300, WIDTH = 78, INDENT = 9, ROWS_MOST = 240, LIST_LEAST = 2, SKIPPED = 8 };
enum { SPARE_FIRST = 1, SPARE_LATER, SPARE_LAST };

void dialog_open(struct dialog *d, const char *command, json_t *targets, const char *marked)
{
    dialog_close(d);
    *d = (struct dialog){.is_open = true, .targets = targets, .focus = FOCUS_NONE};
    snprintf(d->command, sizeof(d->command), "%s", command);
    snprintf(d->marked, sizeof(d->marked), "%s", marked);
}

void dialog_close(struct dialog *d)
{
    json_decref(d->targets);
    json_decref(d->preview);
    *d = (struct dialog){.focus = FOCUS_NONE};
}

static void add_field(json_t *params, const char *name, const struct field *f)
{
    if (f->n)
        json_object_set_new(params, name, json_string(f->text));
}

json_t *dialog_params(const struct dialog *d, const char *phase)
{
    json_t *params =
        json_pack("{s:s, s:s, s:O}", "phase", phase, "command", d->command, "targets", d->targets);
    add_field(params, "for", &d->span);
    add_field(params, "rate", &d->rate);
    add_field(params, "reason", &d->reason);
    if (strcmp(phase, "apply") != 0)
        return params;
    add_field(params, "typed", &d->typed);
    json_object_set_new(params, "version", json_string(row_text(d->preview, "version")));
    return params;
}

void dialog_preview(struct dialog *d, const json_t *preview, usec_t now)
{
    json_decref(d->preview);
    d->preview = json_incref((json_t *)preview);
    d->arrived = now;
    d->request = 0;
    if (!d->span.n)
        field_set(&d->span, row_text(preview, "for"));
    if (!d->rate.n)
        field_set(&d->rate, row_text(preview, "rate"));
    if (!d->is_edited && !d->reason.n)
        field_set(&d->reason, row_text(preview, "reason"));
}

enum dialog_wish dialog_refused(struct dialog *d, const char *code, const char *message)
{
    bool is_stale = strcmp(code, "stale") == 0;
    snprintf(d->said, sizeof(d->said), "%s%s", message, is_stale ? " This is how it is now." : "");
    d->request = 0;
    d->is_applying = false;
    d->typed = (struct field){0};
    return is_stale ? DIALOG_PREVIEW : DIALOG_NOTHING;
}

static const char *wanted_word(const struct dialog *d)
{
    return strcmp(row_text(d->preview, "ceremony"), "type") == 0 ? row_text(d->preview, "type")
                                                                 : "";
}

static enum dialog_wish try_apply(struct dialog *d)
{
    const char *word = wanted_word(d);
    if (!d->reason.n)
        snprintf(d->said, sizeof(d->said), "a reason is needed: e");
    else if (*word && strcmp(word, d->typed.text) != 0)
        snprintf(d->said, sizeof(d->said), "type %s first", word);
    else if (!d->request) {
        d->is_applying = true;
        d->said[0] = '\0';
        return DIALOG_APPLY;
    }
    return DIALOG_NOTHING;
}

static bool has_rate(const struct dialog *d)
{
    return d->rate.n || row_maybe(d->preview, "rate");
}

static enum dialog_focus next_focus(const struct dialog *d, enum dialog_focus f)
{
    f = f == FOCUS_REASON ? FOCUS_FOR : (enum dialog_focus)(f + 1);
    if (f == FOCUS_FOR && !d->span.n && !row_maybe(d->preview, "for"))
        f = FOCUS_RATE;
    return f == FOCUS_RATE && !has_rate(d) ? FOCUS_REASON : f;
}

static struct field *focused(struct dialog *d)
{
    return d->focus == FOCUS_FOR ? &d->span : d->focus == FOCUS_RATE ? &d->rate : &d->reason;
}

static enum dialog_wish field_of_focus_key(struct dialog *d, int key)
{
    bool ends = key == '\n' || key == KEY_ESC;
    if (ends || key == '\t' || key == KEY_ARROW_DOWN) {
        d->focus = ends ? FOCUS_NONE : next_focus(d, d->focus);
        if (!d->wants_preview || d->request)
            return DIALOG_NOTHING;
        d->wants_preview = false;
        return DIALOG_PREVIEW;
    }
    if (!field_key(focused(d), key))
        return DIALOG_NOTHING;
    d->is_edited |= d->focus == FOCUS_REASON;
    d->wants_preview |= d->focus != FOCUS_REASON;
    d->said[0] = '\0';
    return DIALOG_NOTHING;
}

// `e` edits, unless it goes on with the word that is being typed.
static bool goes_on_with_word(const struct dialog *d, int key)
{
    const char *word = wanted_word(d);
    if (!*word)
        return false;
    return d->typed.n || key != 'e' || word[0] == 'e';
}

enum dialog_wish dialog_key(struct dialog *d, int key, usec_t now)
{
    if (d->focus != FOCUS_NONE)
        return field_of_focus_key(d, key);
    if (key == KEY_ESC)
        return DIALOG_LEAVE;
    if (!d->preview || now - d->arrived < DEAD_MS * USEC_MS || d->is_applying)
        return DIALOG_NOTHING;
    if (key == '\n')
        return try_apply(d);
    if (goes_on_with_word(d, key)) {
        field_key(&d->typed, key);
        return DIALOG_NOTHING;
    }
    if (key == 'e')
        d->focus = next_focus(d, FOCUS_NONE);
    if (key == 'q' || key == 'h' || key == KEY_ARROW_LEFT)
        return DIALOG_LEAVE;
    return DIALOG_NOTHING;
}

void dialog_paste(struct dialog *d, const char *text)
{
    if (d->focus == FOCUS_NONE || !field_paste(focused(d), text))
        return;
    d->is_edited |= d->focus == FOCUS_REASON;
    d->wants_preview |= d->focus != FOCUS_REASON;
}

// The rows of the box before they are drawn: its text, or a rule.
struct box {
    struct line rows[ROWS_MOST];
    bool is_rule[ROWS_MOST];
    uint8_t spare[ROWS_MOST]; // may go where the screen has no room for all; 1: first, 0: never
    int n, width;
    int left_out;                  // rows that had no room
    int cursor_row, cursor_column; // in the box
};

static struct line *box_row(struct box *b)
{
    struct line *l = &b->rows[b->n < ROWS_MOST ? b->n++ : ROWS_MOST - 1];
    line_clear(l);
    return l;
}

static void box_rule(struct box *b)
{
    box_row(b);
    b->is_rule[b->n - 1] = true;
}

static void box_say(struct box *b, const char *label, enum pen pen, const char *text)
{
    do {
        char part[LINE_BYTES];
        size_t n = text_wrap(text, b->width - 4 - INDENT);
        struct line *l = box_row(b);
        line_str(l, PEN_DIM, label);
        line_pad(l, INDENT);
        snprintf(part, sizeof(part), "%.*s", (int)n, text);
        line_str(l, pen, part);
        text += n;
        text += strspn(text, " ");
        label = "";
    } while (*text);
}

static void spare_from(struct box *b, int from, uint8_t level)
{
    for (int i = from; i < b->n; i++)
        b->spare[i] = b->spare[i] ? b->spare[i] : level;
}

static void box_list(struct box *b, const char *label, enum pen pen, const json_t *texts)
{
    size_t i;
    const json_t *text;
    json_array_foreach(texts, i, text)
    {
        const char *value = json_string_value(text);
        int from = b->n;
        box_say(b, i ? "" : label, pen, value ? value : "");
        if (i >= LIST_LEAST)
            spare_from(b, from, SPARE_FIRST);
    }
}

static void box_remove(struct box *b, int at)
{
    for (int i = at; i + 1 < b->n; i++) {
        b->rows[i] = b->rows[i + 1];
        b->is_rule[i] = b->is_rule[i + 1];
        b->spare[i] = b->spare[i + 1];
    }
    b->n--;
    b->cursor_row -= b->cursor_row > at;
}

// Leaves out rows of a level, the last first.
static void box_drop(struct box *b, int room, uint8_t level)
{
    for (int i = b->n - 1; i >= 0 && b->n > room; i--) {
        if (b->spare[i] != level)
            continue;
        box_remove(b, i);
        b->left_out++;
    }
}

// The guard, the fields and what is typed must be seen: details give way, and it is said that they do.
static void box_fit(struct box *b, int room)
{
    for (int level = SPARE_FIRST; level <= SPARE_LAST; level++)
        box_drop(b, room, (uint8_t)level);
}

static void box_skipped(struct box *b, const json_t *skipped)
{
    size_t i;
    const json_t *one;
    json_array_foreach(skipped, i, one)
    {
        char text[LINE_BYTES];
        int from = b->n;
        if (i == SKIPPED) {
            snprintf(text, sizeof(text), "%zu more", json_array_size(skipped) - i);
            box_say(b, "", PEN_NORMAL, text);
            return;
        }
        box_say(b, i ? "" : "skipped", PEN_NORMAL, row_text(one, "why"));
        if (i)
            spare_from(b, from, SPARE_FIRST);
    }
}

static void box_field(struct box *b, const struct dialog *d, struct line *l, const char *label,
                      enum dialog_focus which, const struct field *f)
{
    bool is_focused = d->focus == which;
    line_str(l, PEN_DIM, label);
    line_pad(l, l->columns < INDENT ? INDENT : l->columns + 1);
    int room = b->width - 4 - l->columns - 1;
    const char *text = f->text;
    while (is_focused && text_columns(text) > room && *text) // the end is what is being typed
        text += text_fit(text, 1) ? text_fit(text, 1) : 1;
    line_str(l, is_focused ? PEN_INPUT : PEN_NORMAL, text);
    if (!is_focused)
        return;
    b->cursor_row = b->n - 1;
    b->cursor_column = l->columns;
    line_str(l, PEN_INPUT, "_");
}

static void box_fields(struct box *b, const struct dialog *d)
{
    if (d->span.n || row_maybe(d->preview, "for") || has_rate(d)) {
        struct line *l = box_row(b);
        box_field(b, d, l, "for", FOCUS_FOR, &d->span);
        if (has_rate(d)) {
            line_pad(l, l->columns + 10 > 21 ? l->columns + 10 : 21);
            box_field(b, d, l, "rate", FOCUS_RATE, &d->rate);
        }
    }
    box_field(b, d, box_row(b), "reason", FOCUS_REASON, &d->reason);
    if (!d->reason.n && d->focus == FOCUS_NONE)
        box_say(b, "", PEN_NOTICE, "a reason is needed: e, or :COMMAND … -r TEXT");
    int from = b->n;
    if (row_maybe(d->preview, "tell"))
        box_say(b, "tell", PEN_NORMAL, row_text(d->preview, "tell"));
    spare_from(b, from, SPARE_LATER);
}

static void box_body(struct box *b, const struct dialog *d)
{
    const json_t *p = d->preview;
    if (d->marked[0])
        line_str(box_row(b), PEN_MARKED, d->marked);
    int from = b->n;
    box_list(b, "now", PEN_NORMAL, json_object_get(p, "now"));
    spare_from(b, from, SPARE_LATER);
    box_list(b, "will", PEN_NORMAL, json_object_get(p, "will"));
    box_skipped(b, json_object_get(p, "skipped"));
    from = b->n;
    box_list(b, "others", PEN_NORMAL, json_object_get(p, "others"));
    spare_from(b, from, SPARE_LATER);
    if (row_maybe(p, "ends"))
        box_say(b, "ends", PEN_NORMAL, row_text(p, "ends"));
    box_rule(b);
    if (json_array_size(json_object_get(p, "guard"))) {
        from = b->n;
        box_list(b, "W GUARD", PEN_WARNING, json_object_get(p, "guard"));
        for (int i = from; i < b->n; i++)
            b->spare[i] = b->spare[i] ? SPARE_LAST : 0;
        box_rule(b);
    }
    box_fields(b, d);
}

static void box_keys(struct box *b, const struct dialog *d, usec_t now)
{
    const char *word = wanted_word(d);
    char age[FIGURE_TEXT], text[64];
    if (!*word)
        box_rule(b);
    if (d->said[0])
        box_say(b, "", PEN_WARNING, d->said);
    struct line *l = box_row(b);
    if (*word) {
        line_add(l, PEN_KEY, "type %s", word);
        line_add(l, PEN_NORMAL, " to %s: ", d->command);
        line_str(l, PEN_INPUT, d->typed.text);
        b->cursor_row = d->focus == FOCUS_NONE ? b->n - 1 : b->cursor_row;
        b->cursor_column = d->focus == FOCUS_NONE ? l->columns : b->cursor_column;
        line_str(l, PEN_INPUT, "_");
        line_pad(l, l->columns + 3);
        line_str(l, PEN_KEY, "e");
        line_str(l, PEN_NORMAL, " edit    ");
        line_str(l, PEN_KEY, "Esc");
        line_str(l, PEN_NORMAL, " leave");
    } else {
        line_str(l, PEN_KEY, "Enter");
        line_add(l, PEN_NORMAL, " %s    ", d->command);
        line_str(l, PEN_KEY, "e");
        line_str(l, PEN_NORMAL, " edit    ");
        line_str(l, PEN_KEY, "Esc");
        line_str(l, PEN_NORMAL, " leave");
    }
    snprintf(text, sizeof(text),
             d->is_applying     ? "doing it …"
             : b->width < WIDTH ? "%s old"
                                : "preview %s old",
             figure_age(age, d->arrived, now));
    line_right(l, PEN_DIM, text, b->width - 4);
}

static void draw_edge(int row, int column, int width, const char *left, const char *right,
                      const char *title)
{
    struct line l;
    line_clear(&l);
    line_str(&l, PEN_NORMAL, left);
    if (*title) {
        struct line t;
        line_clear(&t);
        line_add(&t, PEN_TITLE, " %s ", title);
        line_cut(&t, width - 3);
        line_append(&l, &t);
    }
    while (l.columns < width - 1)
        line_str(&l, PEN_NORMAL, "─");
    line_str(&l, PEN_NORMAL, right);
    screen_line(row, column, width, &l, false);
}

static void draw_box(const struct box *b, const char *title, int row, int column)
{
    char more[64] = "";
    if (b->left_out)
        snprintf(more, sizeof(more), "%d more rows in a higher window", b->left_out);
    for (int i = 0; i < b->n + 2; i++) // a blank column at each side
        screen_blank(row + i, column - 1 < 0 ? 0 : column - 1, b->width + 2);
    draw_edge(row, column, b->width, "┌", "┐", title);
    for (int i = 0; i < b->n; i++) {
        struct line l;
        if (b->is_rule[i]) {
            draw_edge(row + 1 + i, column, b->width, "├", "┤", "");
            continue;
        }
        line_clear(&l);
        line_str(&l, PEN_NORMAL, "│ ");
        struct line text = b->rows[i];
        line_cut(&text, b->width - 4);
        line_append(&l, &text);
        line_pad(&l, b->width - 1);
        line_str(&l, PEN_NORMAL, "│");
        screen_line(row + 1 + i, column, b->width, &l, false);
    }
    draw_edge(row + 1 + b->n, column, b->width, "└", "┘", more);
}

static void box_waiting(struct box *b, const struct dialog *d)
{
    if (d->said[0])
        box_say(b, "", PEN_WARNING, d->said);
    else
        line_str(box_row(b), PEN_DIM, "asking what this would do …");
    struct line *l = box_row(b);
    line_str(l, PEN_KEY, "Esc");
    line_str(l, PEN_NORMAL, " leave");
}

void dialog_draw(const struct dialog *d, int rows, int columns, usec_t now, int *cursor_row,
                 int *cursor_column)
{
    static struct box b; // large; one screen, one thread
    b = (struct box){.cursor_row = -1, .width = columns < WIDTH ? columns : WIDTH};
    if (d->preview) {
        box_body(&b, d);
        box_keys(&b, d, now);
    } else {
        box_waiting(&b, d);
    }
    box_fit(&b, rows - 4);
    int height = b.n + 2, top = 4 + (rows - 6 - height) / 2, left = (columns - b.width) / 2;
    top = top > rows - 1 - height ? rows - 1 - height : top; // the keys below stay
    top = top < 0 ? 0 : top;
    left = left < 0 ? 0 : left;
    draw_box(&b, d->preview ? row_text(d->preview, "title") : d->command, top, left);
    *cursor_row = b.cursor_row < 0 ? top + height - 2 : top + 1 + b.cursor_row;
    *cursor_column = b.cursor_row < 0 ? left + 2 : left + 2 + b.cursor_column;
}

void dialog_keys(const struct dialog *d, struct line *l)
{
    static const char *const plain[] = {"e", " edit  ", "Esc", " leave"};
    if (d->focus != FOCUS_NONE) {
        line_str(l, PEN_KEY, "Enter");
        line_str(l, PEN_NORMAL, " ends the field  ");
        line_str(l, PEN_KEY, "Tab");
        line_str(l, PEN_NORMAL, " next field");
        return;
    }
    if (d->preview && !*wanted_word(d)) {
        line_str(l, PEN_KEY, "Enter");
        line_add(l, PEN_NORMAL, " %s  ", d->command);
    }
    for (size_t i = d->preview ? 0 : 2; i < ARRAY_LEN(plain); i++)
        line_str(l, i % 2 ? PEN_NORMAL : PEN_KEY, plain[i]);
}
