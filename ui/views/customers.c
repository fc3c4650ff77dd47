/* Customers: who sends, how they stand, what harm they did in 24 h. Worst first is the engine's
 * order. */
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"

// Where a number turns into a warning: the policy as shipped, for colour only; the engine decides.
#define DEAD_WARNING 0.02
#define DEAD_CRITICAL 0.04
#define COMPLAINT_WARNING 0.001
#define COMPLAINT_CRITICAL 0.002
#define SPAM_WARNING 0.005
#define SPAM_CRITICAL 0.01
enum { TOO_FEW = 20, STANDING_WIDE = 15 };

static bool is_too_few(const json_t *row)
{
    return row_count(row, "sent_24h") < TOO_FEW;
}

static void draw_customer(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "id");
}

static void draw_standing(struct line *cell, const struct model *m, const json_t *row, int width)
{
    const char *standing = row_text(row, "standing"), *rate = row_text(row, "rate");
    (void)m;
    line_str(cell, pen_of_state(standing), standing);
    if (width >= STANDING_WIDE && *rate && strcmp(standing, "throttled") == 0)
        line_add(cell, PEN_NORMAL, " %s", rate);
}

static void draw_rung(struct line *cell, const struct model *m, const json_t *row, int width)
{
    enum { NARROW = 11 };
    (void)m;
    add_rung(cell, row, "next_rung", "next_level", width - NARROW - 1);
}

static void draw_until(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)width;
    cell_time(cell, m, row, "standing_until");
}

static void draw_pool(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_text(cell, row, "pool");
}

static void draw_dead(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_rate(cell, is_too_few(row) ? NULL : row, "unknown_user_rate_24h", 1, DEAD_WARNING,
              DEAD_CRITICAL);
}

static void draw_complaints(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_rate(cell, is_too_few(row) ? NULL : row, "complaint_rate_24h", 2, COMPLAINT_WARNING,
              COMPLAINT_CRITICAL);
}

static void draw_spam(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_rate(cell, is_too_few(row) ? NULL : row, "spam_rate_24h", 1, SPAM_WARNING, SPAM_CRITICAL);
}

static void draw_sent(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "sent_24h");
}

static void draw_history(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    cell_chart(cell, row, "history", width);
}

static void draw_queued(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "queued");
}

static void draw_held(struct line *cell, const struct model *m, const json_t *row, int width)
{
    (void)m;
    (void)width;
    cell_count(cell, row, "held");
}

// clang-format off
static const struct column columns[] = {
    {"customer", 13, LEFT,  1,  draw_customer, .is_star = true, .sort = "id"},
    {"standing",  9, LEFT,  2,  draw_standing, .wide = STANDING_WIDE, .wide_step = 9, .sort = "standing",
     .help = "good, warned, throttled, suspended"},
    {"until",     6, LEFT,  10, draw_until, .is_whole = true, .sort = "standing_until",
     .help = "when it ends by itself"},
    {"pool",      9, LEFT,  11, draw_pool, .sort = "pool"},
    {"next rung", 11, LEFT, 3,  draw_rung, .wide = 18, .wide_step = 12, .sort = "next_level",
     .help = "evidence on the way to it; at 100 the engine acts by itself"},
    {"dead%",     6, RIGHT, 4,  draw_dead, .is_whole = true, .sort = "unknown_user_rate_24h",
     .help = "unknown recipients, of final outcomes"},
    {"compl%",    6, RIGHT, 6,  draw_complaints, .is_whole = true, .sort = "complaint_rate_24h",
     .help = "of delivered, where the provider reports"},
    {"spam%",     5, RIGHT, 13, draw_spam, .is_whole = true, .sort = "spam_rate_24h",
     .help = "refused as spam"},
    {"sent24h",   7, RIGHT, 5,  draw_sent, .is_whole = true, .sort = "sent_24h"},
    {"24 h",     10, LEFT,  14, draw_history, .wide = 24, .wide_step = 16},
    {"queued",    6, RIGHT, 7,  draw_queued, .is_whole = true, .sort = "queued"},
    {"held",      5, RIGHT, 8,  draw_held, .is_whole = true, .sort = "held"},
};

static const struct binding keys[] = {
    {'\n', "open",           "evidence", "evidence of one", .shown = "Enter"},
    {'w',  "warn $key",      "warn",     "warn",     .is_act = true},
    {'t',  "throttle $key",  "throttle", "throttle", .is_act = true},
    {'s',  "suspend $key",   "suspend",  "suspend",  .is_act = true},
    {'r',  "restore $key",   "restore",  "restore",  .is_act = true},
};

static const struct binding page_keys[] = {
    {'w',  "warn $key",      "warn",     "warn",     .is_act = true},
    {'t',  "throttle $key",  "throttle", "throttle", .is_act = true},
    {'s',  "suspend $key",   "suspend",  "suspend",  .is_act = true},
    {'r',  "restore $key",   "restore",  "restore",  .is_act = true},
    {'\n', "open",           NULL,       "the selected ledger entry", .shown = "Enter"},
};
// clang-format on

static void counts(struct line *l, const struct model *m, const struct table *t, int width)
{
    static const char *const words[] = {"good", "warned", "throttled", "suspended"};
    const json_t *customers = json_object_get(m->status, "customers");
    (void)width;
    char text[FIGURE_TEXT];
    line_add(l, PEN_TITLE, "  %s", figure_full(text, (int64_t)t->total));
    for (size_t i = 0; t->total && i < ARRAY_LEN(words); i++) {
        int64_t n = row_count(customers, words[i]);
        if (n >= 0)
            line_add(l, PEN_TITLE, "%s%s %s", i ? ", " : ": ", figure_full(text, n), words[i]);
    }
}

static void life(struct line *l, const struct model *m, const struct table *t, int width)
{
    (void)m;
    (void)t;
    line_str(l, PEN_DIM, width >= 120 ? "rates over 24 h" : "24 h");
}

static bool is_throttled(const json_t *row)
{
    return strcmp(row_text(row, "standing"), "throttled") == 0;
}

// "throttled to 100/h until 15:58Z: why"
static void say_standing(char *out, size_t n, const struct model *m, const json_t *row)
{
    char until[FIGURE_TEXT];
    usec_t at = row_time(row, "standing_until");
    const char *why = row_text(row, "standing_reason");
    snprintf(out, n, "%s%s%s%s%s%s%s", row_text(row, "standing"), is_throttled(row) ? " to " : "",
             is_throttled(row) ? row_text(row, "rate") : "", at ? " until " : "",
             at ? figure_time(until, at, m->now) : "", *why ? ": " : "", why);
}

// "dead recipients 6.4 % of 3,322 in 24 h" beside a hold that was made for dead recipients: only how
// it goes now. NULL: that has been said.
static const char *since_then(const char *reason, const char *held_for)
{
    char kind[LINE_BYTES / 4];
    size_t n = strcspn(reason, "0123456789");
    snprintf(kind, sizeof(kind), "%.*s", (int)n, reason);
    const char *of = strstr(reason, " of ");
    if (strstr(held_for, reason) || (strstr(held_for, kind) && of && strstr(held_for, of)))
        return NULL;
    return reason[n] && n && strstr(held_for, kind) ? reason + n : reason;
}

// The harm of now: what its mail does, beside the reason that a hold was given. "" for none.
static void say_harm(char *out, size_t n, const json_t *row)
{
    const char *held_for = row_text(row, "standing_reason");
    size_t i, at = 0;
    const json_t *reason;
    out[0] = '\0';
    json_array_foreach(json_object_get(row, "reasons"), i, reason)
    {
        const char *text = json_string_value(reason);
        const char *news = text ? since_then(text, held_for) : NULL;
        if (news && at < n)
            at += (size_t)snprintf(out + at, n - at, "%s%s%s", at ? "; " : "",
                                   news != text ? "now " : "", news);
    }
}

static void foot(struct line *lines, size_t n, int width, const struct model *m, const json_t *row)
{
    char standing[LINE_BYTES / 2], harm[LINE_BYTES / 4], text[LINE_BYTES];
    bool is_held = row_maybe(row, "standing_reason");
    say_standing(standing, sizeof(standing), m, row);
    say_harm(harm, sizeof(harm), row);
    snprintf(text, sizeof(text), "%s  %s%s%s", row_text(row, "id"), standing,
             is_held && harm[0] ? "; "
             : is_held          ? ""
                                : ": ",
             harm[0]   ? harm
             : is_held ? ""
                       : "nothing to speak of");
    foot_say(lines, n, width, text);
}

// Two decimals where the limits are below 1 %, one where they are above.
static void add_limit(struct line *l, const json_t *limits, const char *rung, int column)
{
    char text[FIGURE_TEXT];
    double v, least;
    if (!row_number(limits, rung, &v) || v <= 0) {
        line_right(l, PEN_DIM, "–", column);
        return;
    }
    bool is_small = row_number(limits, "warn", &least) && least < 0.005;
    if (v >= 1) // a number, as of traps
        snprintf(text, sizeof(text), "%.0f", v);
    else
        figure_rate(text, v, is_small ? 2 : 1);
    line_right(l, PEN_DIM, text, column);
}

// How bad a rate is by the policy's own limits.
static enum pen pen_by_limits(const json_t *h, bool is_too_few)
{
    const json_t *limits = json_object_get(h, "limits");
    double rate, v;
    if (is_too_few || !row_number(h, "rate", &rate))
        return PEN_NORMAL;
    if (row_number(limits, "throttle", &v) && v > 0 && rate >= v)
        return PEN_NUMBER;
    return row_number(limits, "warn", &v) && v > 0 && rate >= v ? PEN_WARNING : PEN_NORMAL;
}

static void page_harm_line(struct page *p, const json_t *h)
{
    enum { RATE = 28, BAD = 33, WARN = 48, THROTTLE = 53, SUSPEND = 59, RUNG = 61, TIGHT = 5 };
    bool is_narrow = p->width < PAGE_NARROW;
    int less = is_narrow ? TIGHT : 0, bar = is_narrow ? 0 : p->width - RUNG - 12;
    char rate[32], bad[FIGURE_TEXT], of[FIGURE_TEXT];
    const json_t *limits = json_object_get(h, "limits");
    int64_t b = row_count(h, "bad"), n = row_count(h, "of");
    bool is_too_few = n >= 0 && n < TOO_FEW;
    struct line *l = page_line(p, NULL);
    line_add(l, PEN_NORMAL, " %s", row_text(h, "what"));
    line_right(l, pen_by_limits(h, is_too_few), is_too_few ? "–" : percent(rate, h, "rate"),
               RATE - less);
    line_right(l, PEN_NORMAL, b < 0 ? "–" : figure_full(bad, b), BAD - less);
    line_add(l, PEN_NORMAL, " of %s", n < 0 ? "–" : figure_full(of, n));
    add_limit(l, limits, "warn", WARN - less);
    add_limit(l, limits, "throttle", THROTTLE - less);
    add_limit(l, limits, "suspend", SUSPEND - less);
    line_pad(l, RUNG - less - is_narrow);
    if (n == 0)
        line_str(l, PEN_DIM, "–");
    else if (is_too_few && !row_maybe(h, "next"))
        line_str(l, PEN_DIM, "too few to say");
    else
        add_rung(l, h, "next", "level", bar < 8 ? bar : 8);
    line_cut(l, p->width);
}

static void page_harm(struct page *p, const json_t *harm)
{
    size_t i;
    const json_t *h;
    if (!json_array_size(harm))
        return;
    line_str(page_line(p, NULL), PEN_HEAD,
             p->width < PAGE_NARROW
                 ? "harm in 24 h     rate  bad of total   warn thrt  susp next rung"
                 : "harm in 24 h          rate  bad of total   warn thrt  susp  next rung");
    json_array_foreach(harm, i, h) page_harm_line(p, h);
}

static void page_lists(struct page *p, const json_t *lists)
{
    size_t i;
    const json_t *one;
    if (!json_array_size(lists))
        return;
    page_head(p, "lists");
    json_array_foreach(lists, i, one) line_add(page_line(p, NULL), PEN_NORMAL, " %-20s %s",
                                               row_text(one, "id"), row_text(one, "standing"));
}

static void page_ips(struct page *p, const json_t *ips)
{
    size_t i;
    const json_t *one;
    if (!json_array_size(ips))
        return;
    line_str(page_line(p, NULL), PEN_HEAD, "IPs                    share  delivered  bounced");
    json_array_foreach(ips, i, one)
    {
        char key[128], text[FIGURE_TEXT], share[32];
        int64_t delivered = row_count(one, "delivered"), bounced = row_count(one, "bounced");
        snprintf(key, sizeof(key), "ip:%s", row_text(one, "address"));
        struct line *l = page_line(p, key);
        line_add(l, PEN_NORMAL, " %s", row_text(one, "address"));
        line_right(l, PEN_NORMAL, percent(share, one, "share"), 29);
        line_right(l, PEN_NORMAL, delivered < 0 ? "–" : figure_count(text, delivered), 40);
        line_right(l, PEN_NORMAL, bounced < 0 ? "–" : figure_count(text, bounced), 49);
    }
}

static void title(struct page *p, const json_t *row)
{
    int64_t incident = row_count(row, "incident");
    const char *standing = row_text(row, "standing");
    char word[FIGURE_TEXT];
    line_add(&p->title, PEN_TITLE, " Customer %s  ", row_text(row, "id"));
    line_str(&p->title, strcmp(standing, "good") == 0 ? PEN_TITLE : pen_of_state(standing),
             figure_loud(word, standing));
    line_add(&p->title, PEN_TITLE, "  pool %s", row_text(row, "pool"));
    if (incident > 0)
        snprintf(p->side, sizeof(p->side), "incident %lld", (long long)incident);
    else
        snprintf(p->side, sizeof(p->side), "%.60s", row_text(row, "contact"));
}

// "at 100 the engine suspends it (dead recipients); 15:58Z restored if clean"
static void page_next(struct page *p, const struct model *m, const json_t *row)
{
    char at[FIGURE_TEXT], rung[160] = "", end[64] = "";
    usec_t until = row_time(row, "standing_until");
    const char *next = row_text(row, "next_rung"), *harm = row_text(row, "next_harm");
    if (*next)
        snprintf(rung, sizeof(rung), "at 100 the engine %ss it%s%s%s", next, *harm ? " (" : "",
                 harm, *harm ? ")" : "");
    if (until)
        snprintf(end, sizeof(end), "%s%s restored if clean", *rung ? "; " : "",
                 figure_time(at, until, m->now));
    page_say(p, "next", PEN_NORMAL, "%s%s", rung, end);
}

// "throttled to 100/h until 15:58Z (engine 11:58Z, 4475): why"
static void page_now(struct page *p, const struct model *m, const json_t *row, const json_t *hold)
{
    char standing[LINE_BYTES / 2], at[FIGURE_TEXT], by[96] = "";
    say_standing(standing, sizeof(standing), m, row);
    const char *colon = strstr(standing, ": ");
    int n = colon ? (int)(colon - standing) : (int)strlen(standing);
    if (hold)
        snprintf(by, sizeof(by), " (%.40s %s, %lld)", row_text(hold, "actor"),
                 figure_time(at, row_time(hold, "at"), m->now), (long long)row_count(hold, "seq"));
    page_say(p, "now", PEN_NORMAL, "%.*s%s%s", n, standing, by, standing + n);
}

static void build(struct page *p, const struct model *m, const json_t *object)
{
    const json_t *row = json_object_get(object, "row"), *harms = json_object_get(object, "harm");
    const json_t *holds = json_object_get(object, "holds");
    char harm[LINE_BYTES / 4], queued[FIGURE_TEXT], held[FIGURE_TEXT], sent[FIGURE_TEXT];
    int64_t q = row_count(row, "queued"), h = row_count(row, "held"),
            s = row_count(row, "sent_24h");
    bool has_limit = row_maybe(row, "rate") && !is_throttled(row) &&
                     strcmp(row_text(row, "standing"), "suspended") != 0;
    title(p, row);
    say_harm(harm, sizeof(harm), row);
    page_now(p, m, row, json_array_get(holds, 0));
    page_say(p, "harm", PEN_NORMAL, "%s",
             harm[0]                             ? harm
             : row_maybe(row, "standing_reason") ? ""
                                                 : "nothing to speak of");
    page_next(p, m, row);
    page_say(p, "mail", PEN_NORMAL, "%s sent in 24 h   %s queued   %s held%s%s",
             s < 0 ? "–" : figure_full(sent, s), q < 0 ? "–" : figure_full(queued, q),
             h < 0 ? "–" : figure_full(held, h), has_limit ? "   own limit " : "",
             has_limit ? row_text(row, "rate") : "");
    page_harm(p, harms);
    if (json_array_size(holds) > 1) // one alone stands in `now`
        page_log(p, m, "in force", holds);
    page_lists(p, json_object_get(object, "lists"));
    page_outcomes(p, "replies", json_object_get(object, "replies"));
    page_ips(p, json_object_get(object, "ips"));
    page_log(p, m, "its ledger", json_object_get(object, "log"));
}

const struct view page_customer = {
    .name = "customer", .title = "Customer", KEYS(page_keys), .build = build};

const struct view view_customers = {
    .name = "customers",
    .title = "Customers",
    .digit = '3',
    .table = "customers",
    COLUMNS(columns),
    KEYS(keys),
    .empty = "No customers yet. :customer add NAME --contact ADDRESS --pool POOL",
    .counts = counts,
    .life = life,
    .foot = foot,
    .page = &page_customer,
};
