/* Providers: how the mail to each goes, who has an outage, who blocks one of our IPs; and one with
 * its lanes. Worst first is the engine's order. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/lanes.h"
#include "ui/views/views.h"

#define DEFERRING 0.10

static bool is_state(const json_t *row, const char *state)
{
    return strcmp(row_text(row, "state"), state) == 0;
}

static void draw_provider(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "id");
}

static void draw_state(struct line *cell, const struct model *m, const json_t *row, int width)
{
    bool is_fine = is_state(row, "fine");
    (void)m;
    (void)width;
    if (!is_fine)
        line_str(cell, PEN_WARNING, "W ");
    line_str(cell, is_fine ? PEN_NORMAL : PEN_WARNING, row_text(row, "state"));
}

static void draw_since(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[FIGURE_TEXT];
    usec_t at = row_time(row, "since");
    (void)width;
    line_str(cell, PEN_NORMAL, at ? figure_age(text, at, m->now) : "–");
}

static void draw_lanes(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "lanes");
}

static void draw_shut(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[FIGURE_TEXT];
    int64_t n = row_count(row, "shut");
    (void)m;
    (void)width;
    line_str(cell, n > 0 ? PEN_WARNING : PEN_NORMAL, n < 0 ? "–" : figure_count(text, n));
}

static void draw_minute(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "sent_1m");
}

static void draw_defer(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_rate(cell, row, "deferred_rate_1h", 1, DEFERRING, 0);
}

static void draw_blocked(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "blocked_24h");
}

static void draw_waiting(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "waiting");
}

static void draw_answer(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "last_reply");
}

// clang-format off
static const struct column columns[] = {
    {"provider",  9, LEFT,  1, draw_provider, .wide = 24, .wide_step = 12, .is_star = true, .sort = "id"},
    {"state",     8, LEFT,  2, draw_state, .wide = 12, .wide_step = 11, .sort = "state",
     .help = "fine; W outage: its own trouble, nobody is judged; W block: it refuses one of our IPs"},
    {"since",     5, RIGHT, 5, draw_since, .is_whole = true, .sort = "since"},
    {"lanes",     5, RIGHT, 7, draw_lanes, .is_whole = true, .sort = "lanes", .help = "one an IP of ours"},
    {"shut",      4, RIGHT, 6, draw_shut, .is_whole = true, .sort = "shut", .help = "lanes that are paused"},
    {"sent/m",    6, RIGHT, 4, draw_minute, .is_whole = true, .sort = "sent_1m"},
    {"defer%",    6, RIGHT, 3, draw_defer, .is_whole = true, .sort = "deferred_rate_1h",
     .help = "of all tries in 1 h"},
    {"block24h",  8, RIGHT, 9, draw_blocked, .is_whole = true, .sort = "blocked_24h",
     .help = "answers that block an IP of ours"},
    {"waiting",   7, RIGHT, 8, draw_waiting, .is_whole = true, .sort = "waiting"},
    {"last answer", 30, LEFT, 10, draw_answer, .is_star = true},
};

static const struct binding keys[] = {
    {'\n', "open",        "lanes",  "its lanes and why they wait", .shown = "Enter"},
    {'H',  "pause $key",  "pause",  "pause all its lanes; nothing is lost", .is_act = true},
    {'L',  "resume $key", "resume", "let its lanes try again now", .is_act = true},
};

static const struct binding page_keys[] = {
    {'\n', "open",        "lane",   "the lane", .shown = "Enter"},
    {'H',  "pause $key",  "pause",  "pause all its lanes; nothing is lost", .is_act = true},
    {'L',  "resume $key", "resume", "let its lanes try again now", .is_act = true},
};
// clang-format on

static void counts(struct line *l, const struct model *m, const struct table *t, int width)
{
    size_t outages = 0, blocks = 0;
    char text[FIGURE_TEXT];
    (void)m;
    (void)width;
    for (size_t i = 0; i < json_array_size(t->order); i++) {
        const json_t *row = table_row_at(t, t->offset + i);
        outages += is_state(row, "outage");
        blocks += is_state(row, "block");
    }
    line_add(l, PEN_TITLE, "  %s", figure_full(text, (int64_t)t->total));
    if (outages)
        line_add(l, PEN_TITLE, "%s %zu %s", ":", outages, outages == 1 ? "outage" : "outages");
    if (blocks)
        line_add(l, PEN_TITLE, "%s %zu %s one of our IPs", outages ? "," : ":", blocks,
                 blocks == 1 ? "blocks" : "block");
}

static void life(struct line *l, const struct model *m, const struct table *t, int width)
{
    char age[FIGURE_TEXT];
    usec_t at = row_time(m->status, "last_outcome_at");
    (void)t;
    (void)width;
    line_add(l, PEN_DIM, "last answer %s%s", at ? figure_age(age, at, m->now) : "–",
             at ? " ago" : "");
}

static void say_state(char *out, size_t n, const json_t *row)
{
    char defer[32], blocked[FIGURE_TEXT];
    int64_t incident = row_count(row, "incident"), b = row_count(row, "blocked_24h");
    char by[64] = "";
    if (incident > 0)
        snprintf(by, sizeof(by), " (incident %lld)", (long long)incident);
    percent(defer, row, "deferred_rate_1h");
    if (is_state(row, "outage"))
        snprintf(out, n,
                 "an outage of its own%s: %s deferred in 1 h. Nobody is judged by it; we try with "
                 "few connections, and it ends by itself when %s recovers.",
                 by, percent(defer, row, "deferred_rate_1h"), row_text(row, "id"));
    else if (is_state(row, "block"))
        snprintf(out, n,
                 "it blocks one of our IPs%s: %lld of %lld lanes are shut, %s answers that block "
                 "in 24 h. The other lanes go on.",
                 by, (long long)row_count(row, "shut"), (long long)row_count(row, "lanes"),
                 b < 0 ? "–" : figure_full(blocked, b));
    else
        snprintf(out, n, "fine%s: %s deferred in 1 h.", by,
                 percent(defer, row, "deferred_rate_1h"));
}

static void foot(struct line *lines, size_t n, int width, const struct model *m, const json_t *row)
{
    char text[LINE_BYTES], state[LINE_BYTES / 2];
    const char *reply = row_text(row, "last_reply");
    (void)m;
    say_state(state, sizeof(state), row);
    snprintf(text, sizeof(text), "%s  %s%s%s", row_text(row, "id"), state,
             *reply ? " Last answer: " : "", reply);
    foot_say(lines, n, width, text);
}

static void build(struct page *p, const struct model *m, const json_t *object)
{
    const json_t *row = json_object_get(object, "row");
    const char *state = row_text(row, "state");
    char text[LINE_BYTES / 2], loud[FIGURE_TEXT], sent[FIGURE_TEXT], waits[FIGURE_TEXT],
        held[FIGURE_TEXT];
    int64_t s = row_count(row, "sent_1h"), w = row_count(row, "waiting"),
            h = row_count(row, "held"), incident = row_count(row, "incident");
    line_add(&p->title, PEN_TITLE, " Provider %s  ", row_text(row, "id"));
    line_str(&p->title, is_state(row, "fine") ? PEN_GOOD : PEN_WARNING, figure_loud(loud, state));
    if (incident > 0)
        snprintf(p->side, sizeof(p->side), "incident %lld", (long long)incident);
    say_state(text, sizeof(text), row);
    page_say(p, "now", PEN_NORMAL, "%s", text);
    page_say(p, "answer", PEN_NORMAL, "%s", row_text(row, "last_reply"));
    page_say(p, "mail", PEN_NORMAL, "%s sent in 1 h   %s waiting   %s held",
             s < 0 ? "–" : figure_full(sent, s), w < 0 ? "–" : figure_full(waits, w),
             h < 0 ? "–" : figure_full(held, h));
    page_log(p, m, "in force", json_object_get(object, "holds"));
    page_lanes(p, NULL, NULL, json_object_get(object, "lanes"));
}

const struct view page_provider = {
    .name = "provider", .title = "Provider", KEYS(page_keys), .build = build};

const struct view view_providers = {
    .name = "providers",
    .title = "Providers",
    .digit = '6',
    .table = "providers",
    COLUMNS(columns),
    KEYS(keys),
    .empty = "Nothing sent since the engine started.",
    .counts = counts,
    .life = life,
    .foot = foot,
    .foot_rows = 3,
    .page = &page_provider,
};
