/* The queue: what waits, by provider, customer or pool (Tab turns), and the messages behind a row. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"

static const char *const ways[] = {"provider", "customer", "pool", NULL};

// `queue:provider=yahoo`: what stands behind the sign names the row, whatever it is sorted by.
static const char *name_of(const json_t *row)
{
    const char *key = row_text(row, "key"), *sign = strchr(key, '=');
    const char *name = sign ? sign + 1 : key;
    return strcmp(name, "-") == 0 ? "not known" : name; // its MX is still being looked up
}

static void draw_name(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    line_str(cell, PEN_NORMAL, name_of(row));
}

static const char *name_head(const struct table *t, int width)
{
    (void)width;
    return ways[t->by];
}

static void draw_waiting(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "waiting");
}

static void draw_held(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "held");
}

static void draw_oldest(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[FIGURE_TEXT];
    usec_t at = row_time(row, "oldest_at");
    (void)width;
    line_str(cell, PEN_NORMAL, at ? figure_age(text, at, m->now) : "–");
}

static const char *next_try(char out[FIGURE_TEXT], const struct model *m, const json_t *row)
{
    usec_t at = row_time(row, "next_try_at");
    return !at ? "–" : at <= m->now ? "now" : figure_time(out, at, m->now);
}

static void draw_next(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[FIGURE_TEXT];
    (void)width;
    line_str(cell, PEN_NORMAL, next_try(text, m, row));
}

static void draw_why(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "why");
}

// clang-format off
static const struct column columns[] = {
    {"provider", 10, LEFT,  1, draw_name, .wide = 24, .wide_step = 7, .is_star = true, .head = name_head,
     .sort = "key"},
    {"waiting",   7, RIGHT, 2, draw_waiting, .is_whole = true, .sort = "waiting"},
    {"held",      5, RIGHT, 3, draw_held, .wide = 7, .wide_step = 8, .is_whole = true, .sort = "held",
     .help = "waits until somebody or something lets it go"},
    {"oldest",    8, RIGHT, 4, draw_oldest, .is_whole = true, .sort = "oldest_at"},
    {"next try",  8, LEFT,  6, draw_next, .is_whole = true, .sort = "next_try_at"},
    {"why",      20, LEFT,  5, draw_why, .is_star = true},
};

static const struct binding keys[] = {
    {'\n', "open",         "messages", "its messages and why each waits", .shown = "Enter"},
    {'\t', "by",           "by",       "by provider, customer, pool", .shown = "Tab"},
    {'H',  "hold $key",    "hold",     "hold; nothing is lost", .is_act = true},
    {'L',  "release $key", "release",  "let go", .is_act = true},
};

static const struct binding page_keys[] = {
    {'\n', "open",         "message",  "the message", .shown = "Enter"},
    {'H',  "hold $key",    "hold",     "hold; nothing is lost", .is_act = true},
    {'L',  "release $key", "release",  "let go", .is_act = true},
};

static const struct binding message_keys[] = {
    {'l', "open", NULL, NULL},
};
// clang-format on

static void counts(struct line *l, const struct model *m, const struct table *t, int width)
{
    char a[FIGURE_TEXT], b[FIGURE_TEXT];
    int64_t queued = row_count(m->status, "queued"), held = row_count(m->status, "held");
    (void)width;
    line_add(l, PEN_TITLE, " by %s  %s waiting, %s held", ways[t->by],
             queued < 0 ? "–" : figure_full(a, queued), held < 0 ? "–" : figure_full(b, held));
}

static void life(struct line *l, const struct model *m, const struct table *t, int width)
{
    (void)m;
    (void)width;
    size_t next = ways[t->by + 1] ? t->by + 1 : 0, after = ways[next + 1] ? next + 1 : 0;
    line_add(l, PEN_DIM, "Tab: %s, %s", ways[next], ways[after]);
}

static void foot(struct line *lines, size_t n, int width, const struct model *m, const json_t *row)
{
    char text[LINE_BYTES], age[FIGURE_TEXT];
    usec_t oldest = row_time(row, "oldest_at");
    const char *reply = row_text(row, "last_reply");
    snprintf(text, sizeof(text), "%s: %s", name_of(row), *reply ? reply : "no answer yet");
    foot_say(lines, 1, width, text);
    if (n < 2)
        return;
    snprintf(text, sizeof(text), "Enter shows its messages and why each waits. Oldest %s",
             oldest ? figure_age(age, oldest, m->now) : "–");
    foot_say(lines + 1, 1, width, text);
}

static void page_messages(struct page *p, const struct model *m, const json_t *messages)
{
    size_t i;
    const json_t *one;
    if (!json_array_size(messages))
        return;
    line_str(page_line(p, NULL), PEN_HEAD,
             "customer      recipient                      age   tries  next    why");
    json_array_foreach(messages, i, one)
    {
        char key[128], age[FIGURE_TEXT], next[FIGURE_TEXT], tries[FIGURE_TEXT];
        const char *why = row_text(one, "why");
        int64_t attempts = row_count(one, "attempts");
        snprintf(key, sizeof(key), "message:%s", row_text(one, "message"));
        struct line *l = page_line(p, key), to;
        line_add(l, PEN_NORMAL, " %.12s", row_text(one, "customer"));
        line_pad(l, 15);
        line_clear(&to);
        line_str(&to, PEN_NORMAL, row_text(one, "recipient"));
        line_cut(&to, 28);
        line_append(l, &to);
        line_right(l, PEN_NORMAL, figure_age(age, row_time(one, "accepted_at"), m->now), 50);
        line_right(l, PEN_NORMAL, attempts < 0 ? "–" : figure_count(tries, attempts), 57);
        line_add(l, PEN_NORMAL, "  %-6s  %s", next_try(next, m, one),
                 *why ? why : row_text(one, "last_reply"));
        line_cut(l, p->width);
    }
}

static void build(struct page *p, const struct model *m, const json_t *object)
{
    const json_t *row = json_object_get(object, "row");
    char waiting[FIGURE_TEXT], held[FIGURE_TEXT], next[FIGURE_TEXT];
    int64_t w = row_count(row, "waiting"), h = row_count(row, "held");
    line_add(&p->title, PEN_TITLE, " Queue %s", name_of(row));
    page_say(p, "now", PEN_NORMAL, "%s waiting, %s held; next try %s",
             w < 0 ? "–" : figure_full(waiting, w), h < 0 ? "–" : figure_full(held, h),
             next_try(next, m, row));
    page_say(p, "why", PEN_NORMAL, "%s", row_text(row, "why"));
    if (strcmp(row_text(row, "why"), row_text(row, "last_reply")) != 0)
        page_say(p, "answer", PEN_NORMAL, "%s", row_text(row, "last_reply"));
    page_messages(p, m, json_object_get(object, "messages"));
    if (!json_array_size(json_object_get(object, "messages")))
        page_say(p, "", PEN_NORMAL, "%s",
                 w > 0 || h > 0 ? "They came just now, and are listed in a moment."
                                : "Nothing waits here.");
}

static void page_recipients(struct page *p, const struct model *m, const json_t *recipients)
{
    size_t i;
    const json_t *one;
    if (!json_array_size(recipients))
        return;
    page_head(p, "recipients");
    json_array_foreach(recipients, i, one)
    {
        char next[FIGURE_TEXT];
        const char *why = row_text(one, "why"), *reply = row_text(one, "last_reply");
        struct line *l = page_line(p, NULL);
        line_add(l, PEN_NORMAL, " %s  %s", row_text(one, "recipient"), row_text(one, "state"));
        line_cut(l, p->width);
        page_say(p, "", PEN_NORMAL, "%s, tries %lld, next %s%s%s", row_text(one, "provider"),
                 (long long)row_count(one, "attempts"), next_try(next, m, one), *why ? ": " : "",
                 why);
        page_say(p, "", PEN_DIM, "%s", reply);
    }
}

static void page_events(struct page *p, const json_t *events)
{
    size_t i;
    const json_t *o;
    if (!json_array_size(events))
        return;
    page_head(p, "what happened");
    json_array_foreach(events, i, o)
    {
        char at[FIGURE_TEXT];
        const char *ip = row_text(o, "ip"), *reply = row_text(o, "reply");
        struct line *l = page_line(p, NULL);
        line_add(l, PEN_NORMAL, " %s %-9s  %s", figure_clock(at, outcome_time(o)),
                 row_text(o, "kind"), row_text(o, "recipient"));
        if (*ip)
            line_add(l, PEN_NORMAL, "  %s → %s", ip, row_text(o, "provider"));
        line_cut(l, p->width);
        if (*reply)
            page_say(p, "", PEN_DIM, "%s: %s", row_text(o, "phase"), reply);
    }
}

static void build_message(struct page *p, const struct model *m, const json_t *object)
{
    char size[FIGURE_TEXT], at[FIGURE_TEXT], age[FIGURE_TEXT];
    usec_t accepted = row_time(object, "accepted_at");
    int64_t bytes = row_count(object, "size");
    const char *list = row_text(object, "list");
    line_add(&p->title, PEN_TITLE, " Message %s  %s%s%s", row_text(object, "id"),
             row_text(object, "customer"), *list ? "/" : "", list);
    page_say(p, "from", PEN_NORMAL, "%s", row_text(object, "sender"));
    if (bytes >= 0)
        page_say(p, "size", PEN_NORMAL, "%s bytes", figure_full(size, bytes));
    if (accepted)
        page_say(p, "taken", PEN_NORMAL, "%s, %s ago", figure_time(at, accepted, m->now),
                 figure_age(age, accepted, m->now));
    page_recipients(p, m, json_object_get(object, "recipients"));
    page_events(p, json_object_get(object, "events"));
    if (!json_array_size(json_object_get(object, "recipients")))
        page_say(p, "", PEN_NORMAL, "Nothing of it waits.");
}

const struct view page_queue = {.name = "queue", .title = "Queue", KEYS(page_keys), .build = build};

const struct view page_message = {
    .name = "message", .title = "Message", KEYS(message_keys), .build = build_message};

const struct view view_queue = {
    .name = "queue",
    .title = "Queue",
    .digit = '5',
    .table = "queue",
    COLUMNS(columns),
    KEYS(keys),
    .by = ways,
    .empty = "Nothing waits.",
    .counts = counts,
    .life = life,
    .foot = foot,
    .page = &page_queue,
};
