#include "ui/views/cells.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/figure.h"
#include "ui/row.h"

void cell_text(struct line *cell, const json_t *row, const char *field)
{
    const char *text = row_text(row, field);
    line_str(cell, PEN_NORMAL, *text ? text : "–");
}

void cell_count(struct line *cell, const json_t *row, const char *field)
{
    char text[FIGURE_TEXT];
    int64_t v = row_count(row, field);
    line_str(cell, PEN_NORMAL, v < 0 ? "–" : figure_count(text, v));
}

void cell_rate(struct line *cell, const json_t *row, const char *field, int decimals,
               double warning, double critical)
{
    char text[FIGURE_TEXT];
    double v;
    if (!row_number(row, field, &v)) {
        line_str(cell, PEN_NORMAL, "–");
        return;
    }
    enum pen pen = critical > 0 && v >= critical ? PEN_NUMBER
                   : warning > 0 && v >= warning ? PEN_WARNING
                                                 : PEN_NORMAL;
    line_str(cell, pen, figure_rate(text, v, decimals));
}

void cell_time(struct line *cell, const struct model *m, const json_t *row, const char *field)
{
    char text[FIGURE_TEXT];
    usec_t at = row_time(row, field);
    line_str(cell, PEN_NORMAL, at ? figure_time(text, at, m->now) : "–");
}

void cell_chart(struct line *cell, const json_t *row, const char *field, int width)
{
    double v[64];
    char text[FIGURE_CHART];
    size_t n = row_numbers(row, field, v, ARRAY_LEN(v));
    line_str(cell, PEN_NORMAL, figure_chart(text, v, n, width));
}

const char *after_colon(const char *target)
{
    const char *colon = strchr(target, ':');
    return colon ? colon + 1 : target;
}

enum pen pen_of_state(const char *word)
{
    static const struct {
        const char *word;
        enum pen pen;
    } pens[] = {
        {"good", PEN_NORMAL},       {"active", PEN_NORMAL},    {"warned", PEN_NOTICE},
        {"throttled", PEN_WARNING}, {"suspended", PEN_NUMBER}, {"warming", PEN_NOTICE},
        {"draining", PEN_WARNING},  {"pulled", PEN_WARNING},   {"resting", PEN_DIM},
    };
    for (size_t i = 0; i < ARRAY_LEN(pens); i++)
        if (strcmp(pens[i].word, word) == 0)
            return pens[i].pen;
    return PEN_NORMAL;
}

enum pen pen_of_health(double health)
{
    return health < 50 ? PEN_NUMBER : health < 75 ? PEN_WARNING : PEN_NORMAL;
}

const char *percent(char out[32], const json_t *row, const char *field)
{
    char text[FIGURE_TEXT];
    double v;
    if (!row_number(row, field, &v))
        return "–";
    snprintf(out, 32, "%s %%", figure_rate(text, v, v < 0.01 && v > 0 ? 2 : 1));
    return out;
}

// The engine puts the reason of the rotation first among the reasons.
void say_reasons(char *out, size_t n, const json_t *row)
{
    size_t i, at = 0;
    const json_t *reason, *reasons = json_object_get(row, "reasons");
    const char *rotation = row_text(row, "rotation_reason");
    out[0] = '\0';
    json_array_foreach(reasons, i, reason)
    {
        const char *text = json_string_value(reason);
        if (text && at < n)
            at += (size_t)snprintf(out + at, n - at, "%s%s", at ? ", " : "", text);
    }
    if (!out[0])
        snprintf(out, n, "%s", *rotation ? rotation : "nothing to speak of");
}

void say_heard(char *out, size_t n, const struct model *m, bool has_room)
{
    static const struct {
        const char *word, *field;
        bool is_always, wants_room;
    } kinds[] = {{"outcome", "last_outcome_at", .is_always = true},
                 {"bounce", "last_bounce_at"},
                 {"complaint", "last_complaint_at", .wants_room = true},
                 {"probe", "last_probe_at"}};
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && at < n; i++) {
        char age[FIGURE_TEXT];
        usec_t when = row_time(m->status, kinds[i].field);
        bool is_there = kinds[i].is_always || json_object_get(m->status, kinds[i].field);
        if (!is_there || (kinds[i].wants_room && !has_room))
            continue;
        at += (size_t)snprintf(out + at, n - at, "%s%s %s", at ? ", " : "", kinds[i].word,
                               when ? figure_age(age, when, m->now) : "–");
    }
}

void add_rung(struct line *l, const json_t *from, const char *rung, const char *level, int bar)
{
    enum { WORD = 8, LEVEL_WARNING = 50, LEVEL_CRITICAL = 80 };
    char text[FIGURE_CHART];
    double v;
    const char *next = row_maybe(from, rung);
    if (!next || !row_number(from, level, &v)) {
        line_str(l, PEN_NORMAL, "–");
        return;
    }
    enum pen pen = v >= LEVEL_CRITICAL ? PEN_NUMBER : v >= LEVEL_WARNING ? PEN_WARNING : PEN_NORMAL;
    line_add(l, PEN_NORMAL, "%-*s", WORD, next);
    line_add(l, pen, "%3d", (int)v);
    if (bar > 0)
        line_add(l, pen, " %s", figure_bar(text, v / 100, bar));
}

void foot_say(struct line *lines, size_t n, int width, const char *text)
{
    for (size_t i = 0; i < n && *text; i++) {
        bool is_last = i + 1 == n;
        size_t take = is_last ? strlen(text) : text_wrap(text, width - 1);
        line_add(&lines[i], PEN_NORMAL, "%.*s", (int)take, text);
        line_cut(&lines[i], width);
        text += take;
        text += strspn(text, " ");
    }
}

void page_log(struct page *p, const struct model *m, const char *head, const json_t *entries)
{
    size_t i;
    const json_t *e;
    if (!json_array_size(entries))
        return;
    page_head(p, head);
    json_array_foreach(entries, i, e)
    {
        char key[32], at[FIGURE_TEXT], until[FIGURE_TEXT];
        usec_t expires = row_time(e, "expires_at");
        snprintf(key, sizeof(key), "log:%lld", (long long)row_count(e, "seq"));
        struct line *l = page_line(p, key);
        line_add(l, PEN_NORMAL, " %-6s  %5lld  %-8s  %-9s",
                 figure_time(at, row_time(e, "at"), m->now), (long long)row_count(e, "seq"),
                 row_text(e, "actor"), row_text(e, "kind"));
        if (row_count(e, "undone_by") > 0)
            line_add(l, PEN_DIM, "  undone");
        else if (expires)
            line_add(l, PEN_NORMAL, "  until %s", figure_time(until, expires, m->now));
        line_add(l, PEN_NORMAL, "  %s", row_text(e, "reason"));
        line_cut(l, p->width);
    }
}

usec_t outcome_time(const json_t *row)
{
    double t;
    usec_t at = row_time(row, "at");
    return at ? at : row_number(row, "t", &t) ? (usec_t)(t * 1e6) : 0;
}

void page_outcomes(struct page *p, const char *head, const json_t *outcomes)
{
    size_t i;
    const json_t *o;
    if (!json_array_size(outcomes))
        return;
    page_head(p, head);
    json_array_foreach(outcomes, i, o)
    {
        char at[FIGURE_TEXT];
        struct line *l = page_line(p, NULL);
        line_add(l, PEN_NORMAL, " %s %-9s %s %s", figure_clock(at, outcome_time(o)),
                 row_text(o, "provider"), row_text(o, "phase"), row_text(o, "reply"));
        line_cut(l, p->width);
    }
}
