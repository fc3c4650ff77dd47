/* One incident: its five lines, the culprits with their counts, replies, the story; and the report,
 * all of it as plain text to paste. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/incidents.h"
#include "ui/views/views.h"

// clang-format off
static const struct binding page_keys[] = {
    {'a',  "ack $key",           "ack",      "it is mine; again: no longer", .is_act = true},
    {'w',  "warn $culprit",      "warn",     "warn the selected culprit", .is_act = true, .is_spare = true},
    {'t',  "throttle $culprit",  "throttle", "slow the selected culprit down", .is_act = true, .is_spare = true},
    {'s',  "suspend $culprit",   "suspend",  "suspend the selected culprit", .is_act = true},
    {'p',  "pull $ip",           "pull",     "take its IP out of rotation", .is_act = true},
    {'H',  "$hold",              "hold",     "hold its list, or pause its provider", .is_act = true, .is_spare = true},
    {'L',  "$release",           NULL,       "let that go again", .is_act = true, .is_spare = true},
    {'c',  "solve $key",         "solve",    "it is over: close it", .is_act = true},
    {'N',  "note $key",          "note",     "write a note into its story", .is_act = true},
    {'x',  "report $key",        "report",   "all of it as plain text, y copies", .is_spare = true},
    {'\n', "open",               NULL,       "the selected culprit or action", .shown = "Enter"},
};

static const struct binding report_keys[] = {
    {'y',  "copy",               "copy",     "copy all of it"},
};
// clang-format on

// "nobody has it  seen by ana, ben"; who had what is over is no news.
static void say_who(char *out, size_t n, const json_t *row)
{
    const char *who = row_text(row, "has_it");
    const json_t *seen = json_object_get(row, "seen_by"), *name;
    size_t i, at = 0;
    out[0] = '\0';
    if (!row_maybe(row, "closed_at"))
        at = (size_t)snprintf(out, n, "%s has it", *who ? who : "nobody");
    json_array_foreach(seen, i, name)
    {
        const char *lead = i ? ", " : at ? "  seen by " : "seen by ";
        if (at < n)
            at += (size_t)snprintf(out + at, n - at, "%s%s", lead, json_string_value(name));
    }
}

static void title(struct page *p, const struct model *m, const json_t *row)
{
    char state[96], loud[FIGURE_TEXT];
    long long number = (long long)row_count(row, "number");
    incident_state(state, sizeof(state), m, row);
    figure_loud(loud, row_text(row, "severity"));
    if (p->width < PAGE_NARROW) {
        line_add(&p->title, PEN_TITLE, " %lld ", number);
        line_str(&p->title, incident_pen(row), loud);
        line_add(&p->title, PEN_TITLE, ", %s", state);
        if (!row_maybe(row, "closed_at"))
            line_add(&p->title, PEN_TITLE, ", %s has it", row_text(row, "has_it"));
        return;
    }
    line_add(&p->title, PEN_TITLE, " Incident %lld  ", number);
    line_str(&p->title, incident_pen(row), loud);
    line_add(&p->title, PEN_TITLE, "  %s", state);
    say_who(p->side, sizeof(p->side), row);
}

static void page_five(struct page *p, const json_t *row)
{
    struct incident_line five[INCIDENT_FIVE];
    incident_five(five, row, false);
    for (size_t i = 0; i < INCIDENT_FIVE; i++) {
        size_t first = p->n;
        page_say(p, five[i].label, five[i].pen, "%s", five[i].text);
        if (five[i].has_key && p->n > first)
            p->items[first].line.pen[PAGE_INDENT] = PEN_KEY;
    }
}

static void add_rate(struct line *l, const json_t *from, const char *field, int decimals,
                     int column)
{
    char text[FIGURE_TEXT];
    double v;
    bool knows = row_number(from, field, &v);
    line_right(l, PEN_NORMAL, knows ? figure_rate(text, v, decimals) : "–", column);
}

static void page_culprit(struct page *p, const json_t *one)
{
    char key[160], share[32], bad[FIGURE_TEXT], of[FIGURE_TEXT];
    const char *name = after_colon(row_text(one, "customer"));
    int64_t b = row_count(one, "bad"), n = row_count(one, "of");
    double v;
    struct line who;
    snprintf(key, sizeof(key), "customer:%s", name);
    struct line *l = page_line(p, row_maybe(one, "customer") ? key : NULL);
    line_clear(&who);
    line_str(&who, PEN_NORMAL, *name ? name : "others");
    line_cut(&who, 15);
    line_str(l, PEN_NORMAL, " ");
    line_append(l, &who);
    if (row_number(one, "share", &v))
        snprintf(share, sizeof(share), "%.0f %%", v * 100);
    else
        snprintf(share, sizeof(share), "–");
    line_right(l, PEN_TITLE, share, 24);
    line_right(l, PEN_NORMAL, b < 0 ? "–" : figure_full(bad, b), 31);
    line_right(l, PEN_NORMAL, n < 0 ? "–" : figure_full(of, n), 39);
    add_rate(l, one, "dead_rate", 1, 47);
    add_rate(l, one, "complaint_rate", 2, 56);
    line_add(l, PEN_NORMAL, "  %s", row_text(one, "why"));
    line_cut(l, p->width);
}

static void page_culprits(struct page *p, const json_t *row, const json_t *culprits)
{
    size_t i;
    const json_t *one;
    const char *why = row_text(row, "why_no_culprit");
    if (!json_array_size(culprits)) {
        page_say(p, "culprit", PEN_NORMAL, "none%s%s", *why ? ": " : "", why);
        return;
    }
    line_str(page_line(p, NULL), PEN_HEAD,
             "culprits          share    bad      of  dead %  compl %  why");
    json_array_foreach(culprits, i, one) page_culprit(p, one);
}

// "replies  5 of 222"
static void head_of(struct page *p, const char *word, size_t n, int64_t of)
{
    char all[FIGURE_TEXT];
    struct line *l = page_line(p, NULL);
    line_str(l, PEN_HEAD, word);
    if (of > (int64_t)n)
        line_add(l, PEN_DIM, "  %zu of %s", n, figure_full(all, of));
}

static void page_replies(struct page *p, const json_t *object)
{
    const json_t *replies = json_object_get(object, "replies"), *one;
    size_t i, n = json_array_size(replies);
    if (!n)
        return;
    head_of(p, "replies", n, row_count(object, "replies_of"));
    json_array_foreach(replies, i, one)
    {
        const char *who = after_colon(row_text(one, "customer"));
        struct line *l = page_line(p, NULL);
        line_str(l, PEN_DIM, " ");
        line_str(l, PEN_DIM, who);
        line_pad(l, *who ? 12 : 1);
        line_add(l, PEN_NORMAL, " %s", row_text(one, "reply"));
        line_cut(l, p->width);
    }
}

// "11:53:02Z engine warns acme-news: 4.4 % of 812 dead, limit 2 %          4473"
static void story_line(struct page *p, const json_t *one)
{
    char key[32] = "", at[FIGURE_TEXT], seq[FIGURE_TEXT] = "";
    int64_t number = row_count(one, "seq");
    const char *actor = row_text(one, "actor"), *text = row_text(one, "text");
    bool is_told = strncmp(text, actor, strlen(actor)) == 0; // the sentence begins with who did it
    if (number > 0) {
        snprintf(key, sizeof(key), "log:%lld", (long long)number);
        snprintf(seq, sizeof(seq), "%lld", (long long)number);
    }
    struct line *l = page_line(p, key);
    line_add(l, PEN_NORMAL, " %s ", figure_clock(at, row_time(one, "at")));
    line_add(l, PEN_NORMAL, "%s%s%s", is_told ? "" : actor, is_told ? "" : " ", text);
    line_cut(l, p->width - (int)strlen(seq) - 2);
    line_right(l, PEN_DIM, seq, p->width - 1);
}

static void page_story(struct page *p, const json_t *object)
{
    const json_t *story = json_object_get(object, "story"), *one;
    size_t i, n = json_array_size(story);
    if (!n)
        return;
    head_of(p, "story", n, row_count(object, "story_of"));
    json_array_foreach(story, i, one) story_line(p, one);
}

static void build(struct page *p, const struct model *m, const json_t *object)
{
    const json_t *inner = json_object_get(object, "row"), *row = inner ? inner : object;
    title(p, m, row);
    page_five(p, row);
    page_culprits(p, row, json_object_get(object, "culprits"));
    page_replies(p, object);
    page_story(p, object);
}

static void build_report(struct page *p, const struct model *m, const json_t *object)
{
    const char *at = row_text(object, ROW_LINES);
    (void)m;
    line_add(&p->title, PEN_TITLE, " Report of %s, to paste", after_colon(p->target));
    snprintf(p->side, sizeof(p->side), "y copies it");
    while (*at) {
        size_t n = strcspn(at, "\n"), take = 0;
        char text[LINE_BYTES];
        snprintf(text, sizeof(text), "%.*s", (int)(n < LINE_BYTES ? n : LINE_BYTES - 1), at);
        do {
            size_t fits = text_wrap(text + take, p->width - 1);
            line_add(page_line(p, NULL), PEN_NORMAL, "%.*s", (int)fits, text + take);
            take += fits;
        } while (text[take]);
        at += n;
        at += *at == '\n';
    }
}

const struct view page_incident = {.name = "incident",
                                   .title = "Incident",
                                   KEYS(page_keys),
                                   .fill = incident_fill,
                                   .build = build};

const struct view page_report = {.name = "report",
                                 .title = "Report",
                                 KEYS(report_keys),
                                 .build = build_report,
                                 .copies = ROW_LINES};
