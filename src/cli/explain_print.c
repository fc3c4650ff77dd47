/* The path as lines, at most about EXPLAIN_LINES of them and the decisions, and the evidence of the
 * harm that came nearest to a step as bars: a strip for each step, its top the step's alarm, on the
 * scale of the logarithm; the letters below are where something was decided. */
#include "cli/explain_points.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { WIDTH = 72, HEIGHT = 3, EIGHTHS = 8 };

static void add_time(struct buf *out, usec_t at)
{
    char text[CLOCK_TEXT];
    clock_format(text, at);
    text[10] = ' ';
    buf_printf(out, "%.19s", text);
}

// --- Lines

static void add_rung(struct buf *out, const struct explain_point *p, int rung)
{
    if (p->evidence[rung] < 0)
        buf_printf(out, "  %-14s", "-");
    else
        buf_printf(out, "  %7.3g (%3.0f%%)", p->evidence[rung], p->level[rung]);
}

static void add_more(struct buf *out, const struct explain_point *p)
{
    if (p->stands_for > 1)
        buf_printf(out, " [and %" PRIu64 " like it]", p->stands_for - 1);
    buf_add_byte(out, '\n');
}

static void add_evidence(struct buf *out, const struct explain_point *p)
{
    CLEANUP(xfree) char *counts = xasprintf("%" PRIu64 " of %" PRIu64, p->bad, p->of);
    add_time(out, p->at);
    buf_printf(out, "  %-16s %+6" PRId64, counts, (int64_t)p->since);
    for (int rung = 0; rung < RUNG_N; rung++)
        add_rung(out, p, rung);
    buf_printf(out, "  %-9s  %s, %s%s%s", standing_text(p->standing), harm_text(p->harm), p->what,
               *p->text ? ": " : "", p->text);
    add_more(out, p);
}

static void add_news(struct buf *out, const struct explain_point *p)
{
    CLEANUP(xfree) char *counts = xasprintf("%" PRIu64 " of %" PRIu64, p->bad, p->of);
    add_time(out, p->at);
    buf_printf(out, "  %-20s  %s%s%s", counts, p->what, *p->text ? ": " : "", p->text);
    add_more(out, p);
}

static void add_decision(struct buf *out, const struct explain_point *p)
{
    add_time(out, p->at);
    buf_printf(out, "  ==> %s", p->what);
    if (p->until > 0 && p->until != USEC_NEVER) {
        buf_add_str(out, " until ");
        add_time(out, p->until);
    }
    buf_printf(out, ": %s", p->text);
    add_more(out, p);
}

static size_t count_others(const struct explain *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++)
        n += e->points[i].kind != POINT_DECISION;
    return n;
}

static void add_lines(struct explain *e, struct buf *out)
{
    while (count_others(e) > EXPLAIN_LINES)
        if (!explain_thin(e, THIN_ALIKE) && !explain_thin(e, THIN_HARMS))
            break;
    for (size_t i = 0; i < e->n; i++) {
        switch (e->points[i].kind) {
        case POINT_EVIDENCE:
            add_evidence(out, &e->points[i]);
            break;
        case POINT_NEWS:
            add_news(out, &e->points[i]);
            break;
        case POINT_DECISION:
            add_decision(out, &e->points[i]);
            break;
        }
    }
}

static void add_head(const struct explain *e, struct buf *out)
{
    buf_printf(out, "%s", e->target);
    if (e->n) {
        buf_add_str(out, "  from ");
        add_time(out, e->points[0].at);
        buf_add_str(out, " to ");
        add_time(out, e->points[e->n - 1].at);
    }
    buf_add_byte(out, '\n');
    if (e->about == EXPLAIN_CUSTOMER) {
        buf_add_str(
            out, "\nEvidence towards each step, and how far that is on its way to the alarm (on a "
                 "log scale; a step is taken at 100%)\n");
        buf_printf(out, "%-19s  %-16s %6s", "time", "bad of seen", "since");
        for (int rung = 0; rung < RUNG_N; rung++)
            buf_printf(out, "  %-14s", rung_text((enum rung)rung));
        buf_printf(out, "  %-9s  %s\n", "standing", "what");
    } else {
        buf_printf(out, "\n%-19s  %-20s  what\n", "time", "bad of seen");
    }
}

// --- The plot

struct plot {
    float columns[RUNG_N][WIDTH]; // levels, 0-100
    char marks[WIDTH + 1];
    size_t used;
    bool is_utf8;
};

static size_t count_points(const struct explain *e, enum harm harm)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++)
        n += e->points[i].kind == POINT_EVIDENCE && e->points[i].harm == harm;
    return n;
}

// The harm that came nearest to a step; false: there is none.
static bool worst_harm(const struct explain *e, enum harm *harm)
{
    double most = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct explain_point *p = &e->points[i];
        for (int rung = 0; rung < RUNG_N && p->kind == POINT_EVIDENCE; rung++) {
            if (p->level[rung] > most) {
                most = p->level[rung];
                *harm = p->harm;
            }
        }
    }
    return most > 0;
}

static char mark_of(enum action action)
{
    return action_text(action)[0];
}

// Several points that share a column give it their largest value.
static void fill_plot(struct plot *plot, const struct explain *e, enum harm harm)
{
    size_t n = count_points(e, harm), seen = 0;
    memset(plot->marks, ' ', WIDTH);
    plot->used = n < WIDTH ? n : WIDTH;
    if (!n)
        return;
    for (size_t i = 0; i < e->n; i++) {
        const struct explain_point *p = &e->points[i];
        size_t column = (seen < n ? seen : n - 1) * plot->used / n;
        if (p->kind == POINT_DECISION) {
            size_t before = seen ? (seen - 1) * plot->used / n : 0;
            plot->marks[before] = mark_of(p->action);
        } else if (p->kind == POINT_EVIDENCE && p->harm == harm) {
            for (int rung = 0; rung < RUNG_N; rung++) {
                float *value = &plot->columns[rung][column];
                *value = p->level[rung] > *value ? (float)p->level[rung] : *value;
            }
            seen++;
        }
    }
}

static const char *cell_of(const struct plot *plot, float level, int row)
{
    static const char *const blocks[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const letters[] = {" ", ".", ".", ".", ":", ":", "+", "+", "#"};
    int eighths = (int)(level * HEIGHT * EIGHTHS / 100 + 0.5F) - row * EIGHTHS;
    eighths = eighths < 0 ? 0 : eighths > EIGHTHS ? EIGHTHS : eighths;
    return plot->is_utf8 ? blocks[eighths] : letters[eighths];
}

static void add_rule(struct buf *out, const struct plot *plot, const char *name, double alarm)
{
    buf_printf(out, "%-9s ", name);
    for (size_t i = 0; i < plot->used; i++)
        buf_add_str(out, plot->is_utf8 ? "\u2504" : "-");
    buf_printf(out, " alarm at %.3g\n", alarm);
}

static void add_strip(struct buf *out, const struct plot *plot, int rung, double alarm)
{
    add_rule(out, plot, rung_text((enum rung)rung), alarm);
    for (int row = HEIGHT - 1; row >= 0; row--) {
        buf_printf(out, "%9s ", "");
        for (size_t i = 0; i < plot->used; i++)
            buf_add_str(out, cell_of(plot, plot->columns[rung][i], row));
        buf_add_byte(out, '\n');
    }
}

static void add_plot(const struct explain *e, struct buf *out, bool is_utf8)
{
    struct plot plot = {.is_utf8 = is_utf8};
    enum harm harm = HARM_DEAD;
    if (!worst_harm(e, &harm))
        return;
    fill_plot(&plot, e, harm);
    buf_printf(out, "\n%s: evidence on a log scale, one bad observation after the other\n",
               harm_text(harm));
    for (int rung = RUNG_N - 1; rung >= 0; rung--)
        if (e->alarm[harm][rung] > 0)
            add_strip(out, &plot, rung, e->alarm[harm][rung]);
    buf_printf(out, "%9s %.*s\n", "decided", (int)plot.used, plot.marks);
}

void explain_print(struct explain *e, struct buf *out, bool is_utf8)
{
    CLEANUP(buf_deinit) struct buf plot = {0};
    add_head(e, out);
    add_plot(e, &plot, is_utf8); // of all points; the lines are fewer
    add_lines(e, out);
    if (!e->n)
        buf_add_str(out, e->of ? "nothing bad\n" : "nothing was seen of it\n");
    buf_add_bytes(out, buf_bytes(&plot));
}
