/* IPs: source addresses, their rotation, and a letter a provider that says how its lane goes. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"

enum { PROVIDERS = 64, LETTERS = 8, LANES_WIDE = 7, POOLS = 16 };
#define DEFERRING 0.10 // from here on a lane is called deferring
#define DEAD_WARNING 0.02
#define DEAD_CRITICAL 0.04

// Providers of all rows, largest first, and their letters: made anew before each picture.
struct provider {
    char name[64];
    int64_t sent;
};
static struct {
    struct provider providers[PROVIDERS];
    size_t n;
    char head[LETTERS + 1];
} lanes;

static void count_provider(const char *name, const json_t *lane)
{
    int64_t sent = row_count(lane, "sent_1h");
    size_t i;
    for (i = 0; i < lanes.n; i++)
        if (strcmp(lanes.providers[i].name, name) == 0)
            break;
    if (i == PROVIDERS)
        return; // small ones, beyond any letter
    if (i == lanes.n) {
        snprintf(lanes.providers[i].name, sizeof(lanes.providers[i].name), "%s", name);
        lanes.providers[i].sent = 0;
        lanes.n++;
    }
    lanes.providers[i].sent += sent > 0 ? sent : 0;
}

static int by_size(const void *a, const void *b)
{
    const struct provider *x = a, *y = b;
    return x->sent != y->sent ? (x->sent < y->sent ? 1 : -1) : strcmp(x->name, y->name);
}

// The first letter of its name that no larger one has.
static char letter_of(const char *name, size_t taken)
{
    for (; *name; name++) {
        char c = (char)toupper((unsigned char)*name);
        if (isalpha((unsigned char)c) && !memchr(lanes.head, c, taken))
            return c;
    }
    return '?';
}

static void prepare(const struct table *t)
{
    const char *name;
    json_t *lane;
    lanes.n = 0;
    for (size_t i = 0; i < json_array_size(t->order); i++) {
        json_t *all = json_object_get(table_row_at(t, t->offset + i), "providers");
        json_object_foreach(all, name, lane) count_provider(name, lane);
    }
    qsort(lanes.providers, lanes.n, sizeof(lanes.providers[0]), by_size);
    for (size_t i = 0; i < LETTERS && i < lanes.n; i++)
        lanes.head[i] = letter_of(lanes.providers[i].name, i);
}

static size_t letters_in(int width)
{
    size_t room = width > 1 ? (size_t)width - 1 : 0;
    return lanes.n < room ? lanes.n : room < LETTERS ? room : LETTERS;
}

// How bad each state is, and its sign: the worst of the others stands under `+`.
static int lane_state(const json_t *lane)
{
    static const struct {
        const char *word;
        int state;
    } words[] = {{"blocked", 5},   {"probing", 5},     {"paused", 4},
                 {"deferring", 3}, {"backing off", 3}, {"warming", 2}};
    const char *word = row_text(lane, "rotation");
    double deferred;
    if (row_flag(lane, "blocked"))
        return 5;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].state;
    if (row_number(lane, "deferred_rate", &deferred) && deferred >= DEFERRING)
        return 3;
    return row_count(lane, "sent_1h") > 0 ? 1 : 0;
}

static void add_state(struct line *l, int state)
{
    static const struct {
        const char *sign;
        enum pen pen;
    } signs[] = {
        {"–", PEN_DIM},     {"·", PEN_NORMAL},  {"w", PEN_NOTICE},
        {"d", PEN_WARNING}, {"P", PEN_WARNING}, {"B", PEN_CRITICAL},
    };
    line_str(l, signs[state].pen, signs[state].sign);
}

static const char *state_word(int state)
{
    static const char *const words[] = {"silent",    "fine",   "warming",
                                        "deferring", "paused", "blocked"};
    return words[state];
}

static void draw_lanes(struct line *cell, const struct model *m, const json_t *row, int width)
{
    const json_t *all = json_object_get(row, "providers");
    size_t n = letters_in(width);
    int others = 0;
    (void)m;
    for (size_t i = 0; i < lanes.n; i++) {
        const json_t *lane = json_object_get(all, lanes.providers[i].name);
        int state = lane ? lane_state(lane) : 0;
        if (i < n)
            add_state(cell, state);
        else
            others = state > others ? state : others;
    }
    if (lanes.n > n || !lanes.n)
        add_state(cell, others);
}

static const char *lanes_head(const struct table *t, int width)
{
    static char head[LETTERS + 2];
    size_t n = letters_in(width);
    (void)t;
    if (!lanes.n)
        return "lanes";
    snprintf(head, sizeof(head), "%.*s%s", (int)n, lanes.head, lanes.n > n ? "+" : "");
    return head;
}

static void draw_address(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "address");
}

static void draw_pool(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "pool");
}

static void draw_rotation(struct line *cell, const struct model *m, const json_t *row, int width)
{
    const char *rotation = row_text(row, "rotation");
    (void)m;
    (void)width;
    line_str(cell, pen_of_state(rotation), rotation);
}

static void draw_health(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char bar[FIGURE_CHART];
    double health;
    int room = width > 4 ? width - 4 : 0;
    (void)m;
    if (!row_number(row, "health", &health)) {
        line_add(cell, PEN_DIM, " – %*s", room, ""); // where the number would stand
        return;
    }
    enum pen pen = pen_of_health(health);
    line_add(cell, pen, "%d ", (int)(health + 0.5));
    line_str(cell, pen, figure_bar(bar, health / 100, room));
}

static void draw_minute(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "sent_1m");
}

static void draw_hour(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    cell_chart(cell, row, "history", width);
}

static void draw_dead(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_rate(cell, row, "dead_rate_1h", 1, DEAD_WARNING, DEAD_CRITICAL);
}

static void draw_complaints(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_rate(cell, row, "complaint_rate_24h", 2, 0.001, 0.002);
}

static void draw_deferrals(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_rate(cell, row, "deferred_rate_1h", 1, DEFERRING, 0);
}

static void draw_spam(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_rate(cell, row, "spam_rate_1h", 1, 0.005, 0.01);
}

static void draw_listed(struct line *cell, const struct model *m, const json_t *row, int width)
{
    size_t n = json_array_size(json_object_get(row, "listed"));
    (void)m;
    (void)width;
    line_add(cell, n ? PEN_NUMBER : PEN_NORMAL, "%zu", n);
}

static void draw_why(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[LINE_BYTES];
    (void)m;
    (void)width;
    say_reasons(text, sizeof(text), row);
    line_str(cell, PEN_NORMAL, text);
}

// clang-format off
static const struct column columns[] = {
    {"address",   15, LEFT,  1,  draw_address, .is_star = true, .is_whole = true, .sort = "address"},
    {"pool",       9, LEFT,  8,  draw_pool, .wide = 12, .wide_step = 15, .sort = "pool"},
    {"rotation",   8, LEFT,  2,  draw_rotation, .sort = "rotation",
     .help = "active, warming, draining, pulled, resting"},
    {"health",     9, RIGHT, 3,  draw_health, .wide = 14, .wide_step = 10, .sort = "health",
     .help = "0 to 100; Enter shows what takes off it"},
    {"lanes",      5, LEFT,  4,  draw_lanes, .wide = LANES_WIDE, .wide_step = 11, .head = lanes_head,
     .help = "a letter a provider: · fine, w warming, d deferring, P paused, B blocked, – no traffic"},
    {"sent/m",     6, RIGHT, 6,  draw_minute, .is_whole = true, .sort = "sent_1m"},
    {"sent, 1 h", 12, LEFT,  12, draw_hour, .wide = 24, .wide_step = 16},
    {"dead%",      5, RIGHT, 5,  draw_dead, .is_whole = true, .sort = "dead_rate_1h",
     .help = "unknown recipients, of final outcomes in 1 h"},
    {"compl%",     6, RIGHT, 7,  draw_complaints, .is_whole = true, .sort = "complaint_rate_24h",
     .help = "of delivered in 24 h, where the provider reports"},
    {"defer%",     6, RIGHT, 13, draw_deferrals, .is_whole = true, .sort = "deferred_rate_1h"},
    {"spam%",      5, RIGHT, 14, draw_spam, .is_whole = true, .sort = "spam_rate_1h"},
    {"listed",     6, RIGHT, 9,  draw_listed, .help = "blocklists that name it"},
    {"why",       40, LEFT,  17, draw_why, .is_star = true},
};

static const struct binding keys[] = {
    {'\n', "open",        "lanes",  "its lanes and who uses it", .shown = "Enter"},
    {'p',  "pull $key",   "pull",   "take out of rotation", .is_act = true},
    {'d',  "drain $key",  "drain",  "end what runs, start nothing new", .is_act = true},
    {'r',  "return $key", "return", "put back into rotation", .is_act = true},
};

// clang-format on

static bool has_state(const json_t *row, int state)
{
    const char *name;
    json_t *lane;
    json_object_foreach(json_object_get(row, "providers"), name,
                        lane) if (lane_state(lane) == state) return true;
    return false;
}

static void counts(struct line *l, const struct model *m, const struct table *t, int width)
{
    static const char *const rotations[] = {"draining", "pulled", "resting"};
    size_t blocked = 0, n[ARRAY_LEN(rotations)] = {0};
    (void)m;
    (void)width;
    for (size_t i = 0; i < json_array_size(t->order); i++) {
        const json_t *row = table_row_at(t, t->offset + i);
        blocked += has_state(row, 5);
        for (size_t k = 0; k < ARRAY_LEN(rotations); k++)
            n[k] += strcmp(row_text(row, "rotation"), rotations[k]) == 0;
    }
    line_add(l, PEN_TITLE, "  %zu", t->total);
    if (blocked)
        line_add(l, PEN_TITLE, ", %zu blocked somewhere", blocked);
    for (size_t k = 0; k < ARRAY_LEN(rotations); k++)
        if (n[k])
            line_add(l, PEN_TITLE, ", %zu %s", n[k], rotations[k]);
}

struct pool {
    const char *name;
    size_t n, at_work;
};

static size_t count_pools(const struct table *t, struct pool pools[POOLS])
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(t->order); i++) {
        const json_t *row = table_row_at(t, t->offset + i);
        const char *pool = row_text(row, "pool"), *rotation = row_text(row, "rotation");
        size_t k = 0;
        while (k < n && strcmp(pools[k].name, pool) != 0)
            k++;
        if (k == POOLS)
            continue;
        if (k == n)
            pools[n++] = (struct pool){.name = pool};
        pools[k].n++;
        pools[k].at_work += !strcmp(rotation, "active") || !strcmp(rotation, "warming");
    }
    return n;
}

// Pools with the most addresses first; at 80 columns one of them has room.
static void life(struct line *l, const struct model *m, const struct table *t, int width)
{
    struct pool pools[POOLS];
    size_t n = count_pools(t, pools);
    (void)m;
    for (size_t shown = 0; shown < n && (shown < 1 || width >= 120); shown++) {
        size_t most = shown;
        for (size_t k = shown; k < n; k++)
            most = pools[k].n > pools[most].n ? k : most;
        struct pool p = pools[most];
        pools[most] = pools[shown];
        pools[shown] = p;
        line_add(l, p.at_work < p.n ? PEN_TITLE : PEN_DIM, "%s%s %zu of %zu%s", shown ? ", " : "",
                 p.name, p.at_work, p.n, shown ? "" : " at work");
    }
}

static void foot(struct line *lines, size_t n, int width, const struct model *m, const json_t *row)
{
    char text[LINE_BYTES], why[LINE_BYTES / 2];
    size_t at = 0, fine = 0;
    (void)m;
    say_reasons(why, sizeof(why), row);
    snprintf(text, sizeof(text), "%s  %s", row_text(row, "address"), why);
    foot_say(lines, 1, width, text);
    if (n < 2)
        return;
    at = (size_t)snprintf(text, sizeof(text), "lanes:");
    for (size_t i = 0; i < lanes.n && at < sizeof(text); i++) {
        const json_t *all = json_object_get(row, "providers");
        int state = lane_state(json_object_get(all, lanes.providers[i].name));
        fine += state == 1;
        if (state > 1)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %s %s", at > 6 ? "," : "",
                                   lanes.providers[i].name, state_word(state));
    }
    if (at < sizeof(text))
        snprintf(text + at, sizeof(text) - at, "%s %zu%s fine", at > 6 ? "," : "", fine,
                 at > 6 ? " others" : "");
    foot_say(lines + 1, 1, width, lanes.n ? text : "lanes: none yet");
}

const struct view view_ips = {
    .name = "ips",
    .title = "IPs",
    .digit = '2',
    .table = "ips",
    COLUMNS(columns),
    KEYS(keys),
    .empty = "No IP to send from yet. Pools stand in mxwarden.yaml; then: mxwarden reload.",
    .prepare = prepare,
    .counts = counts,
    .life = life,
    .foot = foot,
    .page = &page_ip,
};
