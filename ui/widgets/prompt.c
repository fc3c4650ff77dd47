#include "ui/widgets/prompt.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/screen.h"

void prompt_deinit(struct prompt *p)
{
    for (size_t i = 0; i < p->history_n; i++)
        xfree(p->history[i]);
    *p = (struct prompt){0};
}

void prompt_open(struct prompt *p, char sign, const char *text)
{
    p->sign = sign;
    p->error[0] = '\0';
    p->fit_n = p->fits = 0;
    p->at = p->history_n;
    field_set(&p->field, text);
}

void prompt_ask(struct prompt *p, const char *label)
{
    prompt_open(p, '\0', "");
    snprintf(p->label, sizeof(p->label), "%s", label);
}

static enum prompt_wish from_history(struct prompt *p, bool is_older)
{
    if (p->sign != ':' || (is_older ? p->at == 0 : p->at >= p->history_n))
        return PROMPT_NOTHING;
    p->at += is_older ? (size_t)-1 : 1;
    field_set(&p->field, p->at < p->history_n ? p->history[p->at] : "");
    return PROMPT_CHANGED;
}

enum prompt_wish prompt_key(struct prompt *p, int key)
{
    if (key == '\n')
        return PROMPT_DONE;
    if (key == KEY_ESC || (key == KEY_ERASE && !p->field.n))
        return PROMPT_LEAVE;
    if (key == KEY_ARROW_UP || key == KEY_ARROW_DOWN)
        return from_history(p, key == KEY_ARROW_UP);
    if (!field_key(&p->field, key))
        return PROMPT_NOTHING;
    p->fit_n = p->fits = 0;
    return PROMPT_CHANGED;
}

void prompt_remember(struct prompt *p)
{
    if (!p->field.n || (p->history_n && !strcmp(p->history[p->history_n - 1], p->field.text)))
        return;
    if (p->history_n == PROMPT_HISTORY) {
        xfree(p->history[0]);
        memmove(p->history, p->history + 1, (PROMPT_HISTORY - 1) * sizeof(p->history[0]));
        p->history_n--;
    }
    p->history[p->history_n++] = xstrdup(p->field.text);
}

static size_t common_start(const char *a, const char *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] && a[i] == b[i])
        i++;
    return i;
}

void prompt_complete(struct prompt *p, const char *const *words, size_t n)
{
    const char *blank = strrchr(p->field.text, ' '), *typed = blank ? blank + 1 : p->field.text;
    const char *first = NULL;
    size_t same = 0;
    p->fit_n = p->fits = 0;
    for (size_t i = 0; i < n; i++) {
        if (strncmp(words[i], typed, strlen(typed)) != 0)
            continue;
        same = first ? common_start(first, words[i], same) : strlen(words[i]);
        first = first ? first : words[i];
        if (p->fit_n < PROMPT_FIT)
            p->fit[p->fit_n++] = words[i];
        p->fits++;
    }
    if (!first)
        return;
    char rest[FIELD_TEXT];
    snprintf(rest, sizeof(rest), "%.*s%s", (int)(same - strlen(typed)), first + strlen(typed),
             p->fits == 1 ? " " : "");
    field_paste(&p->field, rest);
}

void prompt_draw(const struct prompt *p, int row, int columns, int *cursor_column)
{
    struct line l;
    const char *text = p->field.text, sign[2] = {p->sign}, *lead = p->sign ? sign : p->label;
    int room = columns - text_columns(lead) - 2;
    while (text_columns(text) > room && *text) // the end is what is being typed
        text += text_fit(text, 1) ? text_fit(text, 1) : 1;
    line_clear(&l);
    line_add(&l, PEN_INPUT, "%s%s", lead, text);
    *cursor_column = l.columns;
    line_str(&l, PEN_INPUT, "_");
    screen_line(row, 0, columns, &l, false);
}
