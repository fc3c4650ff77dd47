/* Incidents, the home of the console: what is wrong, why, who has it; and the selected one in five
 * lines: what, cause, done, next, you. The engine orders them: nobody's first, then the worst. */
#include "ui/views/incidents.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"

enum { SEVERITY_WIDE = 8, LABEL = 8 };

enum pen incident_pen(const json_t *row)
{
    const char *severity = row_text(row, "severity");
    return strcmp(severity, "critical") == 0  ? PEN_CRITICAL
           : strcmp(severity, "warning") == 0 ? PEN_WARNING
                                              : PEN_NOTICE;
}

static bool is_nobodys(const json_t *row)
{
    return strcmp(row_text(row, "has_it"), "nobody") == 0;
}

void incident_state(char *out, size_t n, const struct model *m, const json_t *row)
{
    char age[FIGURE_TEXT], at[FIGURE_TEXT];
    usec_t opened = row_time(row, "opened_at"), closed = row_time(row, "closed_at");
    if (closed)
        snprintf(out, n, "%s %s, opened %s", row_text(row, "state"),
                 figure_time(at, closed, m->now), figure_time(age, opened, m->now));
    else
        snprintf(out, n, "open %s (%s)", opened ? figure_age(age, opened, m->now) : "–",
                 opened ? figure_time(at, opened, m->now) : "–");
}

static void draw_severity(struct line *cell, const struct model *m, const json_t *row, int width)
{
    const char *severity = row_text(row, "severity");
    (void)m;
    if (width >= SEVERITY_WIDE)
        line_str(cell, incident_pen(row), severity);
    else
        line_add(cell, incident_pen(row), "%c",
                 toupper((unsigned char)(*severity ? *severity : '?')));
}

static void draw_number(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    int64_t number = row_count(row, "number");
    if (number < 0)
        line_str(cell, PEN_NORMAL, "–");
    else
        line_add(cell, PEN_NORMAL, "%lld", (long long)number);
}

static void draw_age(struct line *cell, const struct model *m, const json_t *row, int width)
{
    char text[FIGURE_TEXT];
    usec_t at = row_time(row, "opened_at");
    (void)width;
    line_str(cell, PEN_NORMAL, at ? figure_age(text, at, m->now) : "–");
}

static void draw_opened(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)width;
    cell_time(cell, m, row, "opened_at");
}

static void draw_what(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "what");
}

static void draw_cause(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, row_maybe(row, "cause_short") ? "cause_short" : "cause");
}

// Behind "11:58Z " or "23 Nov ", where the text begins with such a time.
static const char *after_time(const char *text)
{
    bool has_time = strlen(text) > 7 && isdigit((unsigned char)text[0]) && text[6] == ' ' &&
                    (text[5] == 'Z' || isalpha((unsigned char)text[5]));
    return has_time ? text + 7 : text;
}

// The last that was done to what it began with: "throttled to 100/h" of "11:53Z acme-news warned,
// 11:58Z throttled to 100/h; lane 198.51.100.7/gmx paused".
static void draw_done(struct line *cell, const struct model *m, const json_t *row, int width)
{
    const char *done = row_text(row, "done");
    size_t n = strcspn(done, ";"), from = n;
    (void)m;
    (void)width;
    while (from && strncmp(done + from, ", ", 2) != 0)
        from--;
    const char *last = after_time(from ? done + from + 2 : done);
    if (!from && *last) { // the name itself goes before it
        last += strncmp(last, "lane ", 5) == 0 ? 5 : 0;
        last += strcspn(last, " ");
        last += strspn(last, " ");
    }
    line_add(cell, PEN_NORMAL, "%.*s", *done ? (int)(done + n - last) : 3, *done ? last : "–");
}

static void draw_has_it(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    const char *who = row_text(row, "has_it");
    line_str(cell, is_nobodys(row) ? PEN_WARNING : PEN_NORMAL, *who ? who : "–");
}

// clang-format off
static const struct column columns[] = {
    {"S",        1, LEFT,  1, draw_severity, .wide = SEVERITY_WIDE, .wide_step = 9, .sort = "severity",
     .help = "C critical, W warning, N notice"},
    {"no",       3, RIGHT, 2, draw_number, .is_whole = true, .sort = "number"},
    {"age",      4, RIGHT, 3, draw_age, .is_whole = true, .sort = "opened_at", .help = "since it opened"},
    {"opened",   6, LEFT,  8, draw_opened, .is_whole = true, .sort = "opened_at"},
    {"what",    24, LEFT,  4, draw_what, .is_star = true, .sort = "what"},
    {"cause",   16, LEFT,  6, draw_cause, .wide = 22, .wide_step = 10,
     .help = "who does most of the harm, and how much of it; \"looks like\" until proven"},
    {"done",    18, LEFT,  7, draw_done, .help = "what was done against it"},
    {"has it",   6, LEFT,  5, draw_has_it, .wide = 8, .wide_step = 11, .sort = "has_it",
     .help = "nobody, the engine (nobody is needed), or a name"},
};

static const struct binding keys[] = {
    {'\n', "open",               "story",    "evidence, replies, story", .shown = "Enter"},
    {'a',  "ack $key",           "ack",      "it is mine; again: no longer", .is_act = true},
    {'w',  "warn $culprit",      "warn",     "warn its first culprit", .is_act = true, .is_spare = true},
    {'t',  "throttle $culprit",  "throttle", "slow its first culprit down", .is_act = true, .is_spare = true},
    {'s',  "suspend $culprit",   "suspend",  "suspend its first culprit", .is_act = true},
    {'p',  "pull $ip",           "pull",     "take its IP out of rotation", .is_act = true},
    {'H',  "$hold",              "hold",     "hold its list, or pause its provider", .is_act = true, .is_spare = true},
    {'L',  "$release",           NULL,       "let that go again", .is_act = true, .is_spare = true},
    {'c',  "solve $key",         "solve",    "it is over: close it", .is_act = true, .is_spare = true},
    {'N',  "note $key",          "note",     "write a note into its story", .is_act = true, .is_spare = true},
    {'x',  "report $key",        "report",   "all of it as plain text, y copies"},
};
// clang-format on

static void counts(struct line *l, const struct model *m, const struct table *t, int width)
{
    const struct headline *h = &m->headline;
    (void)width;
    // What matches no filter at all are the open ones; the total has the closed ones too.
    if (!t->matched)
        line_str(l, PEN_TITLE, "  none");
    else
        line_add(l, PEN_TITLE, "  %zu open", t->matched);
    if (h->nobody && t->matched)
        line_add(l, PEN_TITLE, ", nobody has %u", h->nobody);
}

static void life(struct line *l, const struct model *m, const struct table *t, int width)
{
    char heard[128];
    if (width >= 100 && t->matched) {
        line_str(l, PEN_DIM, "nobody first, then worst");
        return;
    }
    say_heard(heard, sizeof(heard), m, false);
    line_add(l, PEN_DIM, "heard: %s", heard);
}

// --- the five lines

// Verbs that the keys' commands do not begin with.
static const struct {
    const char *verb;
    int key;
} other_verbs[] = {
    {"hold", 'H'}, {"pause", 'H'}, {"release", 'L'}, {"resume", 'L'}, {"resolve", 'c'}};

// The key of this view that does what the engine advises, or 0: the text begins with the same verb.
static int key_of(const char *command, const char *text)
{
    size_t n = strcspn(command, " ");
    if (strncmp(command, text, n) != 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(other_verbs); i++)
        if (strlen(other_verbs[i].verb) == n && strncmp(other_verbs[i].verb, command, n) == 0)
            return other_verbs[i].key;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (n && strncmp(keys[i].command, command, n) == 0 && keys[i].command[n] == ' ')
            return keys[i].key;
    return 0;
}

void incident_five(struct incident_line five[INCIDENT_FIVE], const json_t *row, bool is_home)
{
    static const char *const labels[] = {"what", "cause", "done", "next", "you"};
    const json_t *you = json_object_get(row, "you");
    int key = key_of(row_text(you, "command"), row_text(you, "text"));
    for (size_t i = 0; i < INCIDENT_FIVE; i++) {
        const char *text = row_text(row, labels[i]);
        five[i] = (struct incident_line){.label = labels[i], .pen = i ? PEN_NORMAL : PEN_TITLE};
        snprintf(five[i].text, sizeof(five[i].text), "%s", *text ? text : "nothing");
    }
    struct incident_line *last = &five[INCIDENT_FIVE - 1];
    const char *text = row_text(you, "text");
    bool is_free = is_home && is_nobodys(row);
    last->has_key = key != 0;
    snprintf(last->text, sizeof(last->text), "%.1s%s%s%s", key ? (char[]){(char)key, '\0'} : "",
             key ? " " : "", *text ? text : "nothing", is_free ? "; a puts your name on it" : "");
}

static size_t rows_of(const struct incident_line *one, int width)
{
    size_t n = 0;
    for (const char *at = one->text; *at; n++) {
        at += text_wrap(at, width);
        at += strspn(at, " ");
    }
    return n ? n : 1;
}

// Each has a row; those that need more get them in turn while there are any, what was done last.
static void share_rows(const struct incident_line five[], size_t rows[], size_t room, int width)
{
    static const size_t turns[] = {4, 1, 0, 3, 2};
    size_t used = INCIDENT_FIVE;
    for (size_t i = 0; i < INCIDENT_FIVE; i++)
        rows[i] = 1;
    for (bool is_given = true; is_given && used < room;) {
        is_given = false;
        for (size_t k = 0; k < ARRAY_LEN(turns) && used < room; k++) {
            size_t i = turns[k];
            if (rows_of(&five[i], width) <= rows[i])
                continue;
            rows[i]++;
            used++;
            is_given = true;
        }
    }
}

static void say_line(struct line *lines, size_t n, const struct incident_line *one, int width)
{
    const char *at = one->text;
    for (size_t i = 0; i < n; i++) {
        struct line *l = &lines[i], rest;
        size_t take = i + 1 == n ? strlen(at) : text_wrap(at, width);
        line_clear(&rest);
        line_str(l, PEN_DIM, i ? "" : one->label);
        line_pad(l, LABEL);
        if (one->has_key && i == 0)
            line_add(&rest, PEN_KEY, "%.1s", at);
        line_add(&rest, one->pen, "%.*s", (int)take - rest.n, at + rest.n);
        line_cut(&rest, width);
        line_append(l, &rest);
        at += take;
        at += strspn(at, " ");
    }
}

static void rule(struct line *l, int width, const struct model *m, const json_t *row)
{
    char state[96];
    incident_state(state, sizeof(state), m, row);
    line_clear(l);
    line_add(l, PEN_DIM, "── ");
    line_add(l, PEN_TITLE, "%lld ", (long long)row_count(row, "number"));
    line_str(l, incident_pen(row), row_text(row, "severity"));
    line_add(l, PEN_TITLE, ", %s ", state);
    while (l->columns < width)
        line_str(l, PEN_DIM, "─");
}

static void foot(struct line *lines, size_t n, int width, const struct model *m, const json_t *row)
{
    struct incident_line five[INCIDENT_FIVE];
    size_t rows[INCIDENT_FIVE];
    incident_five(five, row, true);
    if (n > INCIDENT_FIVE) {
        rule(lines++, width, m, row);
        n--;
    }
    share_rows(five, rows, n, width - LABEL - 1);
    for (size_t i = 0; i < INCIDENT_FIVE && rows[i] <= n; i++) {
        say_line(lines, rows[i], &five[i], width - LABEL - 1);
        lines += rows[i];
        n -= rows[i];
    }
}

// --- nothing is wrong

static void nothing(struct line *lines, size_t n, int width, const struct model *m)
{
    char heard[128], at[FIGURE_TEXT], text[LINE_BYTES];
    const json_t *closed = m->headline.closed;
    usec_t when = row_time(closed, "closed_at");
    say_heard(heard, sizeof(heard), m, true);
    line_str(&lines[0], PEN_GOOD, "Nothing is wrong.");
    if (when)
        line_add(&lines[0], PEN_NORMAL, " Last incident %lld, closed %s.",
                 (long long)row_count(closed, "number"), figure_time(at, when, m->now));
    snprintf(text, sizeof(text), "Heard: %s.", heard);
    foot_say(lines + 1, n - 1, width, text);
}

// --- what the keys act on

static const char *no_culprit(const json_t *row, char why[VIEW_WHY])
{
    const char *because = row_text(row, "why_no_culprit"), *provider = row_text(row, "provider");
    enum { ROOM = 78 };
    size_t n = strlen(because);
    const char *stop = n && because[n - 1] == '.' ? "" : ".";
    snprintf(why, VIEW_WHY, "%lld has no culprit%s%s%s", (long long)row_count(row, "number"),
             n ? ": " : "", because, stop);
    int left = ROOM - text_columns(why) - (int)strlen(" H pauses ");
    if (*provider && text_columns(provider) <= left)
        snprintf(why + strlen(why), VIEW_WHY - strlen(why), " H pauses %s", provider);
    return NULL;
}

static const char *culprit(const json_t *row, const char *selected, char *out, size_t n,
                           char why[VIEW_WHY])
{
    const char *first = row_text(row, "culprit");
    bool is_other = strncmp(selected, "customer:", 9) == 0; // the page's selected line
    if (!*first && !is_other)
        return no_culprit(row, why);
    snprintf(out, n, "%s", is_other ? selected : first);
    return out;
}

// `acme/spring`, or `spring` of the culprit.
static const char *queue_of_list(const json_t *row, char *out, size_t n)
{
    const char *list = row_text(row, "list"), *slash = strchr(list, '/');
    const char *whose = slash ? list : after_colon(row_text(row, "culprit"));
    if (!*list)
        return NULL;
    snprintf(out, n, "queue:customer=%.*s,list=%s", (int)strcspn(whose, "/+"), whose,
             slash ? slash + 1 : list);
    return out;
}

static const char *hold(const json_t *row, bool is_hold, char *out, size_t n, char why[VIEW_WHY])
{
    char queue[TABLE_KEY];
    const char *provider = row_text(row, "provider");
    if (queue_of_list(row, queue, sizeof(queue)))
        snprintf(out, n, "%s %s", is_hold ? "hold" : "release", queue);
    else if (*provider)
        snprintf(out, n, "%s %s", is_hold ? "pause" : "resume", provider);
    else {
        snprintf(why, VIEW_WHY, "%lld is about no list and no provider: there is nothing to %s.",
                 (long long)row_count(row, "number"), is_hold ? "hold" : "release");
        return NULL;
    }
    return out;
}

const char *incident_fill(const char *hole, const json_t *row, const char *selected, char *out,
                          size_t n, char why[VIEW_WHY])
{
    const char *ip = row_text(row, "ip");
    if (strcmp(hole, "culprit") == 0)
        return culprit(row, selected, out, n, why);
    if (strcmp(hole, "hold") == 0 || strcmp(hole, "release") == 0)
        return hold(row, *hole == 'h', out, n, why);
    if (*ip) {
        snprintf(out, n, "ip:%s", after_colon(ip));
        return out;
    }
    if (!row_maybe(row, "culprit"))
        return no_culprit(row, why);
    snprintf(why, VIEW_WHY, "%lld is about no single IP: there is nothing to pull.",
             (long long)row_count(row, "number"));
    return NULL;
}

const struct view view_incidents = {
    .name = "incidents",
    .title = "Incidents",
    .digit = '1',
    .table = "incidents",
    COLUMNS(columns),
    KEYS(keys),
    .nothing = nothing,
    .counts = counts,
    .life = life,
    .foot = foot,
    .foot_rows = INCIDENT_FIVE,
    .foot_most = 16,
    .fill = incident_fill,
    .page = &page_incident,
};
