/* One IP: its lanes, who uses it, its ledger. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"

// clang-format off
static const struct binding page_keys[] = {
    {'p',  "pull $key",   "pull",   "take out of rotation", .is_act = true},
    {'d',  "drain $key",  "drain",  "end what runs, start nothing new", .is_act = true},
    {'r',  "return $key", "return", "put back into rotation", .is_act = true},
    {'\n', "open",        NULL,     "the selected customer or entry", .shown = "Enter"},
};
// clang-format on

static enum pen pen_of_lane(const char *state)
{
    bool is_slow = !strcmp(state, "deferring") || !strcmp(state, "backing off");
    return strcmp(state, "blocked") == 0 ? PEN_CRITICAL : is_slow ? PEN_WARNING : PEN_NORMAL;
}

// As wide as the longest name, within reason: a fixed route's name is its address.
static int provider_columns(const json_t *all)
{
    enum { LEAST = 9, MOST = 24 };
    int most = LEAST;
    size_t i;
    const json_t *lane;
    json_array_foreach(all, i, lane)
    {
        int columns = text_columns(row_text(lane, "provider"));
        most = columns > most ? columns : most;
    }
    return most < MOST ? most : MOST;
}

static void add_right(struct line *l, int64_t v, int column)
{
    char text[FIGURE_TEXT];
    line_right(l, PEN_NORMAL, v < 0 ? "–" : figure_count(text, v), column);
}

static void page_lane(struct page *p, const json_t *lane, int first)
{
    char conn[64], defer[FIGURE_TEXT];
    int64_t connections = row_count(lane, "connections"), limit = row_count(lane, "limit");
    double deferred;
    const char *state = row_text(lane, "state"), *reply = row_text(lane, "last_reply");
    struct line *l = page_line(p, NULL), name;
    line_clear(&name);
    line_clear(&name);
    line_str(&name, PEN_NORMAL, row_text(lane, "provider"));
    line_cut(&name, first);
    line_str(l, PEN_NORMAL, " ");
    line_append(l, &name);
    line_pad(l, first + 4);
    line_str(l, pen_of_lane(state), state);
    snprintf(conn, sizeof(conn), limit < 0 ? "%lld" : "%lld/%lld", (long long)connections,
             (long long)limit);
    line_right(l, PEN_NORMAL, connections < 0 ? "–" : conn, first + 21);
    add_right(l, row_count(lane, "sent_1m"), first + 29);
    bool knows = row_number(lane, "deferred_rate", &deferred);
    line_right(l, PEN_NORMAL, knows ? figure_rate(defer, deferred, 1) : "–", first + 37);
    add_right(l, row_count(lane, "waiting"), first + 46);
    line_add(l, PEN_NORMAL, "  %s", *reply ? reply : "–");
    line_cut(l, p->width);
}

static void page_lanes(struct page *p, const json_t *all)
{
    size_t i;
    const json_t *lane;
    if (!json_array_size(all))
        return;
    int first = provider_columns(all);
    struct line *l = page_line(p, NULL);
    line_str(l, PEN_HEAD, "provider");
    line_pad(l, first + 4);
    line_str(l, PEN_HEAD, "lane         conn  sent/m  defer%  waiting  last answer");
    json_array_foreach(all, i, lane) page_lane(p, lane, first);
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

static void build(struct page *p, const struct model *m, const json_t *object)
{
    const json_t *row = json_object_get(object, "row");
    const char *rotation = row_text(row, "rotation");
    char word[FIGURE_TEXT], why[LINE_BYTES / 2], until[FIGURE_TEXT], dead[32], complaints[32],
        deferrals[32];
    double history[64];
    char chart[FIGURE_CHART];
    usec_t at = row_time(row, "rotation_until");
    line_add(&p->title, PEN_TITLE, " IP %s  ", row_text(row, "address"));
    line_str(&p->title, strcmp(rotation, "active") == 0 ? PEN_GOOD : pen_of_state(rotation),
             figure_loud(word, rotation));
    line_add(&p->title, PEN_TITLE, "  pool %s", row_text(row, "pool"));
    snprintf(p->side, sizeof(p->side), "%.60s", row_text(row, "helo"));
    say_reasons(why, sizeof(why), row);
    page_say(p, "now", PEN_NORMAL, "%s%s%s: %s", rotation, at ? " until " : "",
             at ? figure_time(until, at, m->now) : "", why);
    page_say(p, "harm", PEN_NORMAL,
             "dead recipients %s in 1 h, complaints %s in 24 h, deferrals %s in 1 h",
             percent(dead, row, "dead_rate_1h"), percent(complaints, row, "complaint_rate_24h"),
             percent(deferrals, row, "deferred_rate_1h"));
    size_t n = row_numbers(row, "history", history, ARRAY_LEN(history));
    int room = p->width - PAGE_INDENT;
    page_say(p, "1 h", PEN_NORMAL, "%s", figure_chart(chart, history, n, room < 60 ? room : 60));
    page_lanes(p, json_object_get(object, "lanes"));
    page_users(p, json_object_get(object, "customers"));
    page_log(p, m, "its ledger", json_object_get(object, "log"));
}

const struct view page_ip = {.name = "ip", .title = "IP", KEYS(page_keys), .build = build};
