/* The ledger: every action, whose, on what, why, until when; and one entry with its evidence. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"

static void draw_seq(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    line_add(cell, PEN_NORMAL, "%lld", (long long)row_count(row, "seq"));
}

static void draw_time(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[FIGURE_TEXT];
    usec_t at = row_time(row, "at");
    if (width >= 9 && at)
        line_str(cell, PEN_NORMAL, figure_clock(text, at));
    else
        cell_time(cell, m, row, "at");
}

static void draw_who(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "actor");
}

static void draw_did(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "kind");
}

// "acme", "incident 318": a number alone would not say of what.
static const char *whom(const json_t *row, char *out, size_t n)
{
    const char *target = row_text(row, "target"), *name = after_colon(target);
    bool is_number = name[0] && !name[strspn(name, "0123456789")];
    if (is_number && name > target && strncmp(target, "log:", 4) != 0)
        snprintf(out, n, "%.*s %s", (int)(name - target - 1), target, name);
    else
        snprintf(out, n, "%s", *target ? name : "–");
    return out;
}

static void draw_to(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[LINE_BYTES / 2];
    (void)m;
    (void)width;
    line_str(cell, PEN_NORMAL, whom(row, text, sizeof(text)));
}

static void draw_until(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)width;
    if (row_count(row, "undone_by") > 0)
        line_str(cell, PEN_DIM, "undone");
    else
        cell_time(cell, m, row, "expires_at");
}

static void draw_reason(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "reason");
}

// clang-format off
static const struct column columns[] = {
    {"seq",     5, RIGHT, 1, draw_seq, .wide = 9, .wide_step = 9, .is_whole = true, .sort = "seq"},
    {"time",    6, LEFT,  2, draw_time, .wide = 9, .wide_step = 8, .is_whole = true, .sort = "at"},
    {"who",     6, LEFT,  5, draw_who, .wide = 12, .wide_step = 10, .sort = "actor"},
    {"did",     8, LEFT,  3, draw_did, .sort = "kind"},
    {"to",     21, LEFT,  4, draw_to, .wide = 34, .wide_step = 11, .sort = "target"},
    {"until",   6, LEFT,  6, draw_until, .is_whole = true, .sort = "expires_at",
     .help = "when it ends by itself, or that it was undone"},
    {"reason", 14, LEFT,  7, draw_reason, .is_star = true},
};

static const struct binding keys[] = {
    {'\n', "open",      "evidence", "the evidence of one", .shown = "Enter"},
    {'u',  "undo $key", "undo",     "undo the selected one", .is_act = true},
};

static const struct binding page_keys[] = {
    {'u',  "undo $key", "undo", "undo this", .is_act = true},
    {'\n', "open",      NULL,   "what it was about", .shown = "Enter"},
};
// clang-format on

static void counts(struct line *l, const struct model *m, const struct table *t, int width)
{
    char text[FIGURE_TEXT];
    (void)m;
    (void)width;
    line_add(l, PEN_TITLE, "  %s %s", figure_full(text, (int64_t)t->total),
             t->total == 1 ? "entry" : "entries");
}

static void life(struct line *l, const struct model *m, const struct table *t, int width)
{
    char age[FIGURE_TEXT];
    const json_t *ledger = json_object_get(m->status, "ledger");
    int64_t seq = row_count(ledger, "verified_seq");
    usec_t at = row_time(ledger, "verified_at");
    (void)t;
    (void)width;
    if (seq < 0 || !at)
        line_str(l, PEN_DIM, "chain not verified yet: :verify");
    else
        line_add(l, PEN_DIM, "chain verified to %lld, %s ago", (long long)seq,
                 figure_age(age, at, m->now));
}

// What becomes of it, and what u does about that.
static void say_fate(char *out, size_t n, const struct model *m, const json_t *row)
{
    char at[FIGURE_TEXT];
    usec_t expires = row_time(row, "expires_at");
    bool is_hold = json_is_boolean(json_object_get(row, "stands"));
    bool is_lift = !json_is_null(json_object_get(row, "undoes"));
    if (row_count(row, "undone_by") > 0)
        snprintf(out, n, "Undone by %lld.", (long long)row_count(row, "undone_by"));
    else if (is_hold && !row_flag(row, "stands"))
        snprintf(out, n, "It ended by itself%s%s.", expires ? " at " : "",
                 expires ? figure_time(at, expires, m->now) : "");
    else if (is_hold && expires)
        snprintf(out, n, "It ends by itself %s; u undoes it before.",
                 figure_time(at, expires, m->now));
    else if (is_hold)
        snprintf(out, n, "It stands until u undoes it.");
    else if (is_lift)
        snprintf(out, n, "It took something back; u brings that into force again.");
    else if (strcmp(row_text(row, "kind"), "customer") == 0)
        snprintf(out, n, "It set values: there is no undo, :customer set sets them anew.");
    else
        snprintf(out, n, "Nothing to undo: that changed no mail.");
}

static void foot(struct line *lines, size_t n, int width, const struct model *m, const json_t *row)
{
    char text[LINE_BYTES], to[LINE_BYTES / 2], at[FIGURE_TEXT];
    const char *reason = row_text(row, "reason");
    snprintf(text, sizeof(text), "%lld  %s %s at %s by %s%s%s%s", (long long)row_count(row, "seq"),
             row_text(row, "kind"), whom(row, to, sizeof(to)),
             figure_clock(at, row_time(row, "at")), row_text(row, "actor"), *reason ? ": \"" : "",
             reason, *reason ? "\"" : "");
    foot_say(lines, 1, width, text);
    if (n < 2)
        return;
    say_fate(text, sizeof(text), m, row);
    foot_say(lines + 1, 1, width, text);
}

static void build(struct page *p, const struct model *m, const json_t *e)
{
    char at[CLOCK_TEXT], until[FIGURE_TEXT];
    const json_t *evidence = json_object_get(e, "evidence"), *value;
    const char *key, *entry = row_text(e, "entry");
    usec_t expires = row_time(e, "expires_at");
    clock_format(at, row_time(e, "at"));
    line_add(&p->title, PEN_TITLE, " Ledger %lld  %s", (long long)row_count(e, "seq"),
             row_text(e, "kind"));
    snprintf(p->side, sizeof(p->side), "%s", row_count(e, "undone_by") > 0 ? "UNDONE" : "");
    page_say(p, "when", PEN_NORMAL, "%s", at);
    page_say(p, "who", PEN_NORMAL, "%s on %s", row_text(e, "actor"), row_text(e, "node"));
    struct line *l = page_line(p, row_text(e, "target"));
    line_str(l, PEN_DIM, "to");
    line_pad(l, PAGE_INDENT);
    line_str(l, PEN_NORMAL, row_text(e, "target"));
    page_say(p, "reason", PEN_NORMAL, "%s", row_text(e, "reason"));
    page_say(p, "until", PEN_NORMAL, "%s", expires ? figure_time(until, expires, m->now) : "–");
    if (row_count(e, "undoes") > 0)
        page_say(p, "undoes", PEN_NORMAL, "%lld", (long long)row_count(e, "undoes"));
    if (row_count(e, "undone_by") > 0)
        page_say(p, "undone", PEN_NORMAL, "by %lld", (long long)row_count(e, "undone_by"));
    if (json_object_size(evidence))
        page_head(p, "evidence");
    json_object_foreach((json_t *)evidence, key, value)
    {
        CLEANUP(xfree) char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        page_say(p, "", PEN_NORMAL, "%s: %s", key, text ? text : "");
    }
    page_say(p, "hash", PEN_DIM, "%s", row_text(e, "hash"));
    page_say(p, "entry", PEN_DIM, "%s", entry);
    (void)m;
}

const struct view page_entry = {
    .name = "entry", .title = "Ledger entry", KEYS(page_keys), .build = build};

const struct view view_ledger = {
    .name = "log",
    .title = "Ledger",
    .digit = '8',
    .table = "log",
    COLUMNS(columns),
    KEYS(keys),
    .empty = "No action yet. Everything the engine or you do will stand here.",
    .counts = counts,
    .life = life,
    .foot = foot,
    .page = &page_entry,
};
