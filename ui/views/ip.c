/* One IP: its health and what takes off it, its lanes, who uses it, its ledger. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/lanes.h"
#include "ui/views/views.h"

// clang-format off
static const struct binding page_keys[] = {
    {'\n', "open",        "lane",   "the selected lane, customer or entry", .shown = "Enter"},
    {'p',  "pull $key",   "pull",   "take out of rotation", .is_act = true},
    {'d',  "drain $key",  "drain",  "end what runs, start nothing new", .is_act = true},
    {'r',  "return $key", "return", "put back into rotation", .is_act = true},
};
// clang-format on

// What took a point at least.
static bool takes(const json_t *part, double *v)
{
    return row_number(part, "takes", v) && *v >= 0.5;
}

// "−42 lanes blocked      microsoft, 31 % of its mail"
static void page_part(struct page *p, const json_t *part)
{
    char text[FIGURE_TEXT];
    double v;
    if (!takes(part, &v))
        return;
    struct line *l = page_line(p, NULL);
    snprintf(text, sizeof(text), "−%.0f", v);
    line_right(l, v >= 10 ? PEN_NUMBER : PEN_NORMAL, text, 6);
    line_add(l, PEN_NORMAL, " %s", row_text(part, "what"));
    line_pad(l, 26);
    line_str(l, PEN_NORMAL, row_text(part, "text"));
    line_cut(l, p->width);
}

// " 0 complaints, blocklists: in order", or as many as fit: " 0 complaints, 5 others: in order"
static void page_in_order(struct page *p, const json_t *parts)
{
    enum { AROUND = 30 }; // "     0 ", ", 5 others" and ": in order"
    char text[LINE_BYTES / 4] = "";
    size_t i, at = 0, left_out = 0;
    double v;
    const json_t *part;
    json_array_foreach(parts, i, part)
    {
        const char *what = row_text(part, "what");
        if (takes(part, &v))
            continue;
        if (left_out || at + strlen(what) + AROUND > (size_t)p->width)
            left_out++;
        else
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? ", " : "", what);
    }
    if (!at)
        return;
    struct line *l = page_line(p, NULL);
    line_right(l, PEN_DIM, "0", 6);
    line_add(l, PEN_DIM, " %s", text);
    if (left_out)
        line_add(l, PEN_DIM, ", %zu other%s", left_out, left_out > 1 ? "s" : "");
    line_str(l, PEN_DIM, ": in order");
}

// What each part of the health took off.
static void page_health(struct page *p, const json_t *row, const json_t *health)
{
    const json_t *parts = json_object_get(health, "parts"), *part;
    char chart[FIGURE_CHART];
    double v, history[64];
    size_t i, n = row_numbers(row, "history", history, ARRAY_LEN(history));
    int room = p->width - PAGE_INDENT - 26;
    struct line *l = page_line(p, NULL);
    line_str(l, PEN_DIM, "health");
    line_pad(l, PAGE_INDENT);
    if (!row_number(health, "score", &v) && !row_number(row, "health", &v))
        line_str(l, PEN_DIM, "– no traffic");
    else {
        line_add(l, pen_of_health(v), "%d", (int)(v + 0.5));
        line_str(l, PEN_NORMAL, " of 100");
    }
    line_str(l, PEN_DIM, "    sent, 1 h ");
    line_str(l, PEN_NORMAL, figure_chart(chart, history, n, room < 40 ? room : 40));
    json_array_foreach(parts, i, part) page_part(p, part);
    page_in_order(p, parts);
}

static void page_users(struct page *p, const json_t *customers)
{
    size_t i;
    const json_t *one;
    if (!json_array_size(customers))
        return;
    line_str(page_line(p, NULL), PEN_HEAD, "who uses it (1 h)      share  delivered  bounced");
    json_array_foreach(customers, i, one)
    {
        char key[128], text[FIGURE_TEXT], share[32];
        int64_t delivered = row_count(one, "delivered"), bounced = row_count(one, "bounced");
        snprintf(key, sizeof(key), "customer:%s", row_text(one, "customer"));
        struct line *l = page_line(p, key);
        line_add(l, PEN_NORMAL, " %.20s", row_text(one, "customer"));
        line_right(l, PEN_NORMAL, percent(share, one, "share"), 29);
        line_right(l, PEN_NORMAL, delivered < 0 ? "–" : figure_count(text, delivered), 40);
        line_right(l, PEN_NORMAL, bounced < 0 ? "–" : figure_count(text, bounced), 49);
    }
}

static void title(struct page *p, const json_t *row)
{
    const char *rotation = row_text(row, "rotation");
    char word[FIGURE_TEXT];
    int64_t incident = row_count(row, "incident");
    line_add(&p->title, PEN_TITLE, " IP %s  ", row_text(row, "address"));
    line_str(&p->title, strcmp(rotation, "active") == 0 ? PEN_GOOD : pen_of_state(rotation),
             figure_loud(word, rotation));
    line_add(&p->title, PEN_TITLE, "  pool %s", row_text(row, "pool"));
    if (incident > 0 && p->width >= PAGE_NARROW)
        line_add(&p->title, PEN_TITLE, "  %s", row_text(row, "helo"));
    if (incident > 0)
        snprintf(p->side, sizeof(p->side), "incident %lld", (long long)incident);
    else
        snprintf(p->side, sizeof(p->side), "%.60s", row_text(row, "helo"));
}

// What comes to it by itself: the lanes that wait, and until when.
static void page_next(struct page *p, const struct model *m, const json_t *row, const json_t *lanes)
{
    char text[LINE_BYTES / 2] = "", waits[160], at[FIGURE_TEXT];
    size_t i, n = 0;
    const json_t *lane;
    usec_t back = row_time(row, "rotation_until");
    if (back)
        n = (size_t)snprintf(text, sizeof(text), "%s returned", figure_time(at, back, m->now));
    json_array_foreach(lanes, i, lane)
    {
        say_lane_waits(waits, sizeof(waits), m, lane);
        if (waits[0] && n < sizeof(text))
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s waits %s", n ? "; " : "",
                                  row_text(lane, "provider"), waits);
    }
    page_say(p, "next", PEN_NORMAL, "%s", text);
}

static void build(struct page *p, const struct model *m, const json_t *object)
{
    const json_t *row = json_object_get(object, "row"), *lanes = json_object_get(object, "lanes");
    const char *rotation = row_text(row, "rotation");
    char why[LINE_BYTES / 2], until[FIGURE_TEXT];
    usec_t at = row_time(row, "rotation_until");
    title(p, row);
    say_reasons(why, sizeof(why), row);
    if (strcmp(rotation, "active") != 0)
        page_say(p, "now", PEN_NORMAL, "%s%s%s: %s", rotation, at ? " until " : "",
                 at ? figure_time(until, at, m->now) : "", why);
    page_health(p, row, json_object_get(object, "health"));
    if (strcmp(rotation, "active") == 0 &&
        !json_array_size(json_object_get(json_object_get(object, "health"), "parts")))
        page_say(p, "now", PEN_NORMAL, "%s", why);
    page_lanes(p, row_text(row, "address"), row, lanes);
    page_users(p, json_object_get(object, "customers"));
    page_next(p, m, row, lanes);
    page_log(p, m, "its ledger", json_object_get(object, "log"));
}

const struct view page_ip = {.name = "ip", .title = "IP", KEYS(page_keys), .build = build};
