/* Events: outcomes as they come, newest first, and one of them in words. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"

enum { IP_WHOLE = 15 };

static void draw_time(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[FIGURE_TEXT];
    usec_t at = outcome_time(row);
    (void)m;
    (void)width;
    line_str(cell, PEN_NORMAL, at ? figure_clock(text, at) : "–");
}

static enum pen pen_of_kind(const char *kind)
{
    static const char *const bad[] = {"bounced", "complained", "expired",
                                      "trap",    "listed",     "refused"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (strcmp(bad[i], kind) == 0)
            return PEN_WARNING;
    return strcmp(kind, "deferred") == 0 ? PEN_NOTICE : PEN_NORMAL;
}

static void draw_kind(struct line *cell, const struct model *m, const json_t *row, int width)
{
    const char *kind = row_text(row, "kind");
    (void)m;
    (void)width;
    line_str(cell, pen_of_kind(kind), kind);
}

static void draw_customer(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "customer");
}

// Narrow: `.20`, the last part, which tells the node's own addresses apart.
static void draw_ip(struct line *cell, const struct model *m, const json_t *row, int width)
{
    const char *ip = row_text(row, "ip"),
               *last = strpbrk(ip, ":") ? strrchr(ip, ':') : strrchr(ip, '.');
    (void)m;
    if (width >= IP_WHOLE || !last)
        cell_text(cell, row, "ip");
    else
        line_str(cell, PEN_NORMAL, last);
}

static void draw_provider(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "provider");
}

static void draw_class(struct line *cell, const struct model *m, const json_t *row, int width)
{
    const char *class = row_text(row, "class");
    (void)m;
    (void)width;
    line_str(cell, PEN_NORMAL, !*class || strcmp(class, "delivered") == 0 ? "–" : class);
}

static void draw_recipient(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "recipient");
}

static void draw_reply(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "reply");
}

// clang-format off
static const struct column columns[] = {
    {"time",       9, LEFT, 1,  draw_time, .is_whole = true, .sort = "at"},
    {"outcome",   10, LEFT, 2,  draw_kind, .sort = "kind"},
    {"customer",  10, LEFT, 3,  draw_customer, .wide = 20, .wide_step = 9, .sort = "customer"},
    {"IP",         3, LEFT, 6,  draw_ip, .wide = IP_WHOLE, .wide_step = 10, .is_whole = true, .sort = "ip"},
    {"provider",   9, LEFT, 5,  draw_provider, .wide = 16, .wide_step = 11, .sort = "provider"},
    {"class",     12, LEFT, 7,  draw_class, .wide = 19, .wide_step = 12, .sort = "class",
     .help = "why it was what it was"},
    {"recipient", 12, LEFT, 4,  draw_recipient, .wide = 32, .wide_step = 8, .is_star = true,
     .sort = "recipient"},
    {"reply",     30, LEFT, 13, draw_reply, .is_star = true},
};

static const struct binding keys[] = {
    {'\n', "open",   "conversation", "what was said, and how it was read", .shown = "Enter"},
    {'f',  "freeze", "freeze",  "freeze, go on"},
};

static const struct binding page_keys[] = {
    {'\n', "open", "customer", "the selected customer, IP or message", .shown = "Enter"},
};
// clang-format on

static void counts(struct line *l, const struct model *m, const struct table *t, int width)
{
    (void)m;
    (void)width;
    line_str(l, PEN_TITLE, t->is_frozen ? "  frozen, all kinds" : "  live, all kinds");
}

static void life(struct line *l, const struct model *m, const struct table *t, int width)
{
    char text[FIGURE_TEXT];
    int64_t minute = row_count(m->status, "sent_1m");
    (void)t;
    (void)width;
    if (minute >= 0)
        line_add(l, PEN_DIM, "%s/min", figure_count(text, minute));
}

static void foot(struct line *lines, size_t n, int width, const struct model *m, const json_t *row)
{
    char text[LINE_BYTES];
    const char *reply = row_text(row, "reply"), *ip = row_text(row, "ip"),
               *to = row_text(row, "provider");
    (void)m;
    if (*ip)
        snprintf(text, sizeof(text), "%s → %s, %s: %s", ip, to, row_text(row, "phase"),
                 *reply ? reply : row_text(row, "message"));
    else
        snprintf(text, sizeof(text), "%s %s: %s", row_text(row, "kind"), row_text(row, "recipient"),
                 *reply ? reply : row_text(row, "class"));
    foot_say(lines, n, width, text);
}

static void link_to(struct page *p, const char *label, const char *kind, const char *name)
{
    char key[TABLE_KEY];
    if (!*name)
        return;
    snprintf(key, sizeof(key), "%s:%s", kind, name);
    struct line *l = page_line(p, key);
    line_str(l, PEN_DIM, label);
    line_pad(l, PAGE_INDENT);
    line_str(l, PEN_NORMAL, name);
}

static void build(struct page *p, const struct model *m, const json_t *row)
{
    char word[FIGURE_TEXT], at[FIGURE_TEXT], tries[48];
    int64_t attempt = row_count(row, "attempt");
    const char *kind = row_text(row, "kind"), *class = row_text(row, "class");
    (void)m;
    line_add(&p->title, PEN_TITLE, " Outcome  %s → %s", row_text(row, "customer"),
             row_text(row, "recipient"));
    snprintf(p->side, sizeof(p->side), "%s", figure_loud(word, kind));
    snprintf(tries, sizeof(tries), attempt > 0 ? ", attempt %lld" : "", (long long)attempt);
    page_say(p, "when", PEN_NORMAL, "%s%s", figure_clock(at, outcome_time(row)), tries);
    bool has_class = *class && strcmp(class, kind) != 0;
    page_say(p, "what", pen_of_kind(kind), "%s%s%s", kind, has_class ? ", read as " : "",
             has_class ? class : "");
    page_say(p, "scope", PEN_NORMAL, "%s", row_text(row, "scope"));
    page_say(p, "at", PEN_NORMAL, "%s", row_text(row, "provider"));
    page_say(p, "phase", PEN_NORMAL, "%s", row_text(row, "phase"));
    page_say(p, "answer", PEN_NORMAL, "%s", row_text(row, "reply"));
    page_say(p, "stream", PEN_NORMAL, "%s %s", row_text(row, "stream"), row_text(row, "list"));
    link_to(p, "who", "customer", row_text(row, "customer"));
    link_to(p, "IP", "ip", row_text(row, "ip"));
    link_to(p, "mail", "message", row_text(row, "message"));
}

const struct view page_event = {
    .name = "event", .title = "Outcome", KEYS(page_keys), .build = build, .is_local = true};

const struct view view_events = {
    .name = "events",
    .title = "Events",
    .digit = '7',
    .table = "events",
    COLUMNS(columns),
    KEYS(keys),
    .is_tail = true,
    .empty = "Nothing was sent since the engine started.",
    .counts = counts,
    .life = life,
    .foot = foot,
    .page = &page_conversation,
    .panel = &page_event,
};
