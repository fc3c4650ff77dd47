/* Lanes (IP × provider): lines of the pages that have some, and the page of one. The engine is asked
 * for the provider, whose page has all its lanes. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/lanes.h"
#include "ui/views/views.h"

enum { FIRST_LEAST = 9, FIRST_MOST = 24 };

// clang-format off
static const struct binding keys[] = {
    {'L',  "resume $key", "resume now", "let it try now", .is_act = true},
    {'H',  "pause $key",  "pause",      "pause this lane; nothing is lost", .is_act = true},
    {'\n', "open",         NULL,         "its IP, its provider", .shown = "Enter"},
};
// clang-format on

enum pen pen_of_lane(const char *state)
{
    static const struct {
        const char *word;
        enum pen pen;
    } pens[] = {{"blocked", PEN_CRITICAL},
                {"deferring", PEN_WARNING},
                {"backing off", PEN_WARNING},
                {"paused", PEN_WARNING},
                {"probing", PEN_NOTICE}};
    for (size_t i = 0; i < ARRAY_LEN(pens); i++)
        if (strcmp(pens[i].word, state) == 0)
            return pens[i].pen;
    return PEN_NORMAL;
}

static const char *first_of(const json_t *lane, const char *ip)
{
    return row_text(lane, ip ? "provider" : "ip");
}

// As wide as the longest name, within reason: a fixed route's name is its address.
static int first_columns(const json_t *all, const char *ip)
{
    int most = FIRST_LEAST;
    size_t i;
    const json_t *lane;
    json_array_foreach(all, i, lane)
    {
        int columns = text_columns(first_of(lane, ip));
        most = columns > most ? columns : most;
    }
    return most < FIRST_MOST ? most : FIRST_MOST;
}

static void add_right(struct line *l, int64_t v, int column)
{
    char text[FIGURE_TEXT];
    line_right(l, PEN_NORMAL, v < 0 ? "–" : figure_count(text, v), column);
}

// "1/5": how many now, of how many at most.
static const char *connections(char out[FIGURE_TEXT], const json_t *lane)
{
    int64_t n = row_count(lane, "connections"), limit = row_count(lane, "limit");
    if (n < 0)
        return "–";
    if (limit < 0)
        snprintf(out, FIGURE_TEXT, "%u", (unsigned)n);
    else
        snprintf(out, FIGURE_TEXT, "%u/%u", (unsigned)n, (unsigned)limit);
    return out;
}

static void lane_line(struct page *p, const char *ip, const json_t *row, const json_t *lane,
                      int first)
{
    char key[320], text[FIGURE_TEXT];
    double v;
    const char *state = row_text(lane, "state"), *reply = row_text(lane, "last_reply");
    const json_t *own =
        json_object_get(json_object_get(row, "providers"), row_text(lane, "provider"));
    snprintf(key, sizeof(key), "lane:%s/%s", ip ? ip : row_text(lane, "ip"),
             row_text(lane, "provider"));
    struct line *l = page_line(p, key), name;
    line_clear(&name);
    line_str(&name, PEN_NORMAL, first_of(lane, ip));
    line_cut(&name, first);
    line_str(l, PEN_NORMAL, " ");
    line_append(l, &name);
    line_pad(l, first + 4);
    line_str(l, pen_of_lane(state), state);
    bool knows = row_number(own, "health", &v);
    if (ip)
        line_right(l, PEN_NORMAL, knows ? figure_rate(text, v / 100, 0) : "–", first + 21);
    line_right(l, PEN_NORMAL, connections(text, lane), first + (ip ? 27 : 21));
    add_right(l, row_count(lane, "sent_1m"), first + (ip ? 35 : 29));
    knows = row_number(lane, "deferred_rate", &v);
    line_right(l, PEN_NORMAL, knows ? figure_rate(text, v, 1) : "–", first + (ip ? 43 : 37));
    line_add(l, PEN_NORMAL, "  %s", *reply ? reply : "–");
    line_cut(l, p->width);
}

void page_lanes(struct page *p, const char *ip, const json_t *row, const json_t *lanes)
{
    size_t i;
    const json_t *lane;
    if (!json_array_size(lanes))
        return;
    int first = first_columns(lanes, ip);
    struct line *l = page_line(p, NULL);
    line_str(l, PEN_HEAD, ip ? "provider" : "IP");
    line_pad(l, first + 4);
    line_str(l, PEN_HEAD,
             ip ? "lane       health  conn  sent/m  defer%  last answer"
                : "lane         conn  sent/m  defer%  last answer");
    json_array_foreach(lanes, i, lane) lane_line(p, ip, row, lane, first);
}

void say_lane_waits(char *out, size_t n, const struct model *m, const json_t *lane)
{
    char at[FIGURE_TEXT], age[FIGURE_TEXT];
    usec_t until = row_time(lane, "until");
    bool is_probed = row_flag(lane, "blocked") || !strcmp(row_text(lane, "state"), "paused");
    out[0] = '\0';
    if (until > m->now)
        snprintf(out, n, "until %s (%s)%s", figure_time(at, until, m->now),
                 figure_age(age, until, m->now),
                 is_probed ? ", then one probe, then one connection, and one more at a time" : "");
    else if (strcmp(row_text(lane, "state"), "paused") == 0)
        snprintf(out, n, "until somebody resumes it");
}

// `lane:198.51.100.7/microsoft`
static const char *provider_of(const char *target)
{
    const char *slash = strrchr(target, '/');
    return slash ? slash + 1 : "";
}

static const char *asks(const char *target, char *out, size_t n)
{
    snprintf(out, n, "provider:%s", provider_of(target));
    return out;
}

static const json_t *find(const json_t *object, const char *target)
{
    const char *ip = after_colon(target), *slash = strrchr(ip, '/');
    size_t i, n = slash ? (size_t)(slash - ip) : 0;
    const json_t *lane;
    json_array_foreach(json_object_get(object, "lanes"), i, lane)
    {
        const char *own = row_text(lane, "ip");
        if (strlen(own) == n && strncmp(own, ip, n) == 0)
            return lane;
    }
    return NULL;
}

static void page_of(struct page *p, const char *kind, const char *name)
{
    char key[320];
    snprintf(key, sizeof(key), "%s:%s", kind, name);
    struct line *l = page_line(p, key);
    line_str(l, PEN_DIM, strcmp(kind, "ip") == 0 ? "IP" : "at");
    line_pad(l, PAGE_INDENT);
    line_str(l, PEN_NORMAL, name);
}

static void title(struct page *p, const struct model *m, const json_t *lane)
{
    char loud[FIGURE_TEXT];
    const json_t *incident = headline_about(&m->headline, p->target);
    const char *state = row_text(lane, "state");
    line_add(&p->title, PEN_TITLE, " Lane %s → %s  ", row_text(lane, "ip"),
             row_text(lane, "provider"));
    line_str(&p->title, strcmp(state, "fine") == 0 ? PEN_GOOD : pen_of_lane(state),
             figure_loud(loud, state));
    if (incident)
        snprintf(p->side, sizeof(p->side), "incident %lld",
                 (long long)row_count(incident, "number"));
}

static void build(struct page *p, const struct model *m, const json_t *object)
{
    const json_t *lane = find(object, p->target);
    char waits[160], conn[FIGURE_TEXT], defer[32], minute[FIGURE_TEXT], hour[FIGURE_TEXT];
    int64_t m1 = row_count(lane, "sent_1m"), h1 = row_count(lane, "sent_1h");
    if (!lane) {
        line_add(&p->title, PEN_TITLE, " Lane %s", after_colon(p->target));
        page_say(p, "", PEN_NORMAL, "Nothing goes over it now.");
        return;
    }
    title(p, m, lane);
    say_lane_waits(waits, sizeof(waits), m, lane);
    page_say(p, "waits", PEN_NORMAL, "%s", waits);
    page_say(p, "reply", PEN_NORMAL, "%s", row_text(lane, "last_reply"));
    page_say(p, "mail", PEN_NORMAL, "%s sent in 1 min, %s in 1 h; %s deferred in 1 h",
             m1 < 0 ? "–" : figure_full(minute, m1), h1 < 0 ? "–" : figure_full(hour, h1),
             percent(defer, lane, "deferred_rate"));
    struct line *l = page_line(p, NULL);
    line_str(l, PEN_DIM, "limits");
    line_pad(l, PAGE_INDENT);
    line_add(l, PEN_NORMAL, "%s connections", connections(conn, lane));
    page_of(p, "ip", row_text(lane, "ip"));
    page_of(p, "provider", row_text(lane, "provider"));
    if (row_flag(lane, "blocked"))
        page_say(p, "", PEN_NORMAL, "L lets it try now: %s may take that amiss.",
                 row_text(lane, "provider"));
}

const struct view page_lane = {
    .name = "lane", .title = "Lane", KEYS(keys), .build = build, .asks = asks};
