#include "world_score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct bars bars[] = {
    {"quiet", .may_warn = true},
    {"clumped", .may_warn = true},
    {"big, full", .recognised_s = 15},
    {"big, full, 4xx", .recognised_s = 15},
    {"small, full", .recognised_s = 120},
    {"small, full, 4xx", .recognised_s = 120},
    {"big, 10 %", .recognised_s = 420},
    {"big, 10 %, 4xx"},
    {"our DNS, no such", .recognised_s = 60},
    {"our DNS, silent", .recognised_s = 60},
    {"dead domain", .may_warn = true},
    {"one address", .may_warn = true},
    {"greylisting", .may_warn = true},
    {"full mailboxes", .may_warn = true},
    {"bounces in a lump", .may_warn = true},
    {"old list", .may_warn = true},
    {"first campaign", .may_warn = true},
    {"bought list", .suspended = 90, .caught = 99, .messages = 150, .leak = 40, .blamed = 99,
     .may_warn = true},
    {"stolen password", .suspended = 99, .messages = 80, .leak = 80, .blamed = 99,
     .may_warn = true},
    {"complaints", .caught = 99, .messages = 20000, .blamed = 99, .may_warn = true},
    {"two culprits", .suspended = 90, .caught = 99, .messages = 150, .leak = 40, .blamed = 95,
     .may_warn = true},
    {"snowshoe", .suspended = 90, .caught = 95, .messages = 150, .leak = 40, .may_warn = true},
    {"collusion", .suspended = 90, .caught = 95, .messages = 150, .leak = 40, .may_warn = true},
    {"slow ramp", .caught = 99, .messages = 5500, .blamed = 95, .may_warn = true},
    {"block", .suspended = 90, .caught = 99, .messages = 150, .leak = 40, .blamed = 99,
     .lanes_s = 60, .may_warn = true},
    {"listing", .suspended = 90, .caught = 99, .messages = 150, .leak = 40, .blamed = 99,
     .lanes_s = 1, .may_warn = true},
    {"list's error", .may_warn = true},
};

static const struct bars *bars_of(const char *scenario)
{
    for (size_t i = 0; i < ARRAY_LEN(bars); i++)
        if (strcmp(bars[i].scenario, scenario) == 0)
            return &bars[i];
    abort(); // a scenario without bars is a mistake of ours
}

// ---- series

void series_add(struct series *s, double v)
{
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->v = xrealloc(s->v, s->room, sizeof(v));
    }
    s->v[s->n++] = v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double series_at(struct series *s, double part)
{
    if (!s->n)
        return NAN;
    qsort(s->v, s->n, sizeof(s->v[0]), by_value);
    return s->v[(size_t)(part * (double)(s->n - 1) + 0.5)];
}

// ---- taking in

static void loud(bool is_loud, const struct world *w, const char *what, const char *whom, usec_t at)
{
    if (is_loud)
        fprintf(stderr, "%s, seed %llu: %s %s at %.0f s\n", w->scenario->name,
                (unsigned long long)w->seed, what, whom, (double)(at - WORLD_BEGIN) / USEC_SECOND);
}

static void add_culprit(struct score_judge *j, const struct world_customer *c,
                        const struct world_fate *throttled, const struct world_fate *suspended)
{
    const struct world_fate *first = throttled->at ? throttled : suspended;
    if (suspended->at && suspended->at < first->at)
        first = suspended;
    j->culprits++;
    j->caught += first->at != 0;
    j->suspended += suspended->at != 0;
    series_add(&j->leak, suspended->at ? suspended->harm : c->harm);
    if (!first->at)
        return;
    series_add(&j->messages, first->sent);
    series_add(&j->seconds, (double)(first->at - c->bad_from) / USEC_SECOND);
}

static bool is_wrong(const struct world_customer *c, const struct world_fate *f)
{
    return f->at && (!c->is_culprit || f->at < c->bad_from);
}

static void score_customers(struct score *s, const struct world *w, bool is_loud)
{
    static const char *const words[] = {"wrongly warned", "wrongly throttled", "wrongly suspended"};
    struct score_judge *j = &s->judges[JUDGE_ENGINE];
    uint64_t *const wrong[] = {&j->warned, &j->throttled, &j->suspended_wrongly};
    for (uint32_t i = 0; i < w->customers_n; i++) {
        const struct world_customer *c = &w->customers[i];
        const struct world_fate *f = w->fates[i];
        j->innocents += !c->is_culprit;
        for (int rung = 0; rung < RUNG_N; rung++)
            if (is_wrong(c, &f[rung])) {
                ++*wrong[rung];
                loud(is_loud, w, words[rung], c->name, f[rung].at);
            }
        if (!c->is_culprit)
            continue;
        add_culprit(j, c, &f[RUNG_THROTTLE], &f[RUNG_SUSPEND]);
        if (!f[RUNG_THROTTLE].at && !f[RUNG_SUSPEND].at)
            loud(is_loud, w, "missed", c->name, w->end);
        else if (!f[RUNG_SUSPEND].at && bars_of(s->scenario->name)->suspended > 0)
            loud(is_loud, w, "not suspended", c->name, w->end);
    }
}

static void score_incidents(struct score *s, const struct world *w, bool is_loud)
{
    const struct world_outage *o = &w->outage;
    const struct world_incident *found = NULL;
    for (uint32_t i = 0; i < w->incidents_n; i++) {
        const struct world_incident *n = &w->incidents[i];
        bool is_then = o->to && n->at >= o->from && n->at < o->to + 2 * USEC_MINUTE;
        if (is_then && n->provider == o->provider && !found)
            found = n;
        if (is_then && (o->provider < 0 || n->provider == o->provider))
            continue;
        s->incidents_wrong++;
        loud(is_loud, w, "wrong incident at",
             n->provider < 0 ? "us" : w->providers[n->provider].name, n->at);
    }
    if (!o->to)
        return;
    s->outages++;
    if (!found && bars_of(s->scenario->name)->recognised_s > 0) {
        loud(is_loud, w, "outage not seen at",
             o->provider < 0 ? "us" : w->providers[o->provider].name, o->from);
    }
    if (!found)
        return;
    s->recognised++;
    series_add(&s->recognised_s, (double)(found->at - o->from) / USEC_SECOND);
    if (found->end) {
        s->closed++;
        series_add(&s->closed_s, (double)(found->end - o->to) / USEC_SECOND);
    } else {
        loud(is_loud, w, "incident never closed", "", found->at);
    }
}

static bool lane_is_due(const struct world *w, const struct world_lane *lane)
{
    const struct world_block *b = &w->block;
    const struct world_listing *l = &w->listing;
    bool is_listed = l->from && l->ip == lane->ip && lane->at >= l->from &&
                     strncmp(l->answer, "127.255.255.", 12) != 0;
    return is_listed ||
           (b->provider == lane->provider && b->from[lane->ip] && lane->at >= b->from[lane->ip]);
}

// Each lane that was blocked, each IP that was listed: was it taken out, how soon, and who was named?
static void score_lane(struct score *s, const struct world *w, uint32_t ip, usec_t from,
                       bool is_loud)
{
    s->lanes++;
    for (uint32_t i = 0; i < w->lanes_n; i++) {
        const struct world_lane *lane = &w->lanes[i];
        if (lane->ip != ip || !lane_is_due(w, lane))
            continue;
        unsigned long c = strtoul(lane->culprit + 1, NULL, 10);
        s->lanes_closed++;
        s->lanes_culprit += lane->culprit[0] && w->customers[c].is_culprit;
        if (!lane->culprit[0] || !w->customers[c].is_culprit)
            loud(is_loud, w, "blamed for a lane:", lane->culprit, lane->at);
        series_add(&s->lanes_s, (double)(lane->at - from) / USEC_SECOND);
        return;
    }
    loud(is_loud, w, "lane stays open:", w->ips[ip], from);
}

static void score_lanes(struct score *s, const struct world *w, bool is_loud)
{
    for (uint32_t i = 0; i < w->lanes_n; i++)
        if (!lane_is_due(w, &w->lanes[i])) {
            s->lanes_wrong++;
            loud(is_loud, w, "wrongly paused or pulled", w->ips[w->lanes[i].ip], w->lanes[i].at);
        }
    for (uint32_t ip = 0; ip < w->ips_n; ip++)
        if (w->block.told[ip])
            score_lane(s, w, ip, w->block.told[ip], is_loud);
    if (w->listing.from && strncmp(w->listing.answer, "127.255.255.", 12) != 0)
        score_lane(s, w, w->listing.ip, w->listing.from, is_loud);
}

void score_world(struct score *s, const struct world *w, int blame, bool is_loud)
{
    s->worlds++;
    s->outcomes += w->outcomes;
    s->calls += w->calls;
    s->blamed += blame >= 0;
    s->blamed_first += blame > 0;
    if (blame == 0)
        loud(is_loud, w, "another is blamed first", "", w->now);
    score_customers(s, w, is_loud);
    score_incidents(s, w, is_loud);
    score_lanes(s, w, is_loud);
}

void score_rules(struct score *s, const struct world *w, const struct rules *r)
{
    static const struct world_fate none;
    for (int rule = 0; rule < RULES; rule++) {
        struct score_judge *j = &s->judges[JUDGE_PERCENT + rule];
        for (uint32_t i = 0; i < w->customers_n; i++) {
            const struct world_customer *c = &w->customers[i];
            const struct world_fate *f = &r->fates[rule][i];
            j->innocents += !c->is_culprit;
            j->suspended_wrongly += is_wrong(c, f);
            if (c->is_culprit)
                add_culprit(j, c, &none, is_wrong(c, f) ? &none : f);
        }
    }
}

// ---- the table

struct row {
    struct score *s;
    const char *what;
    const char *unit;
    bool is_met;
};

void score_print_head(void)
{
    printf("%-19s %-34s %10s %9s %-7s %12s %11s\n", "scenario", "measure", "engine", "bar", "",
           "5 % of 1,000", "5 an hour");
}

static void print_value(double v, int width, const char *unit)
{
    char text[32];
    if (isnan(v))
        snprintf(text, sizeof(text), "-");
    else
        snprintf(text, sizeof(text), "%.*f%s", v < 10 && v != floor(v) ? 1 : 0, v, unit);
    printf(" %*s", width, text);
}

// `bar` NAN: none; is_most: the value may be at most that. `others`: of the two rules.
static bool print_row(struct score *s, const char *what, const char *unit,
                      const double values[JUDGES], double bar, bool is_most)
{
    bool is_met = isnan(bar) || (is_most ? values[0] <= bar : values[0] >= bar);
    printf("%-19s %-34s", s->scenario->name, what);
    print_value(values[0], 10, unit);
    print_value(bar, 9, unit);
    printf(" %-7s", isnan(bar) ? "" : is_met ? "ok" : "MISSED");
    print_value(values[1], 12, unit);
    print_value(values[2], 11, unit);
    printf("\n");
    return is_met;
}

static double percent(uint64_t part, uint64_t all)
{
    return all ? 100.0 * (double)part / (double)all : NAN;
}

static double or_none(double bar)
{
    return bar > 0 ? bar : NAN;
}

/* What a row says of one judge. */
typedef double figure_fn(struct score_judge *of);

static double suspended(struct score_judge *of)
{
    return percent(of->suspended, of->culprits);
}

static double caught(struct score_judge *of)
{
    return percent(of->caught, of->culprits);
}

static double messages_median(struct score_judge *of)
{
    return series_at(&of->messages, 0.5);
}

static double messages_most(struct score_judge *of)
{
    return series_at(&of->messages, 0.9);
}

static double seconds_median(struct score_judge *of)
{
    return series_at(&of->seconds, 0.5);
}

static double leak_median(struct score_judge *of)
{
    return series_at(&of->leak, 0.5);
}

static double punished(struct score_judge *of)
{
    return (double)(of->suspended_wrongly + of->throttled);
}

// One row of a figure that all judges have.
static bool print_judges(struct score *s, const char *what, const char *unit, figure_fn *figure,
                         double bar, bool is_most)
{
    double of[JUDGES];
    for (int i = 0; i < JUDGES; i++)
        of[i] = figure(&s->judges[i]);
    return print_row(s, what, unit, of, bar, is_most);
}

static bool print_culprits(struct score *s, const struct bars *b)
{
    struct score_judge *j = s->judges;
    bool ok = true;
    if (!j->culprits)
        return true;
    if (b->suspended > 0)
        ok &= print_judges(s, "suspended", " %", suspended, b->suspended, false);
    if (b->caught > 0)
        ok &= print_judges(s, "throttled or suspended", " %", caught, or_none(b->caught), false);
    ok &= print_judges(s, "messages till then, median", "", messages_median, or_none(b->messages),
                       true);
    print_judges(s, "  nine of ten", "", messages_most, NAN, true);
    print_judges(s, "seconds till then, median", "", seconds_median, NAN, true);
    ok &= print_judges(s, "harmful messages let out, median", "", leak_median, or_none(b->leak),
                       true);
    return ok;
}

static bool print_innocents(struct score *s, const struct bars *b)
{
    struct score_judge *j = s->judges;
    bool ok = true;
    char what[64];
    snprintf(what, sizeof(what), "of %llu innocents punished", (unsigned long long)j->innocents);
    ok &= print_judges(s, what, "", punished, 0, true);
    ok &= print_row(s, "  warned only", "", (const double[]){(double)j->warned, NAN, NAN},
                    b->may_warn ? NAN : 0, true);
    return ok;
}

#define ALONE(v) ((const double[JUDGES]){(v), NAN, NAN})

static bool print_incidents(struct score *s, const struct bars *b)
{
    bool ok =
        print_row(s, "incidents opened wrongly", "", ALONE((double)s->incidents_wrong), 0, true);
    if (!s->outages)
        return ok;
    ok &= print_row(s, "outages recognised", " %", ALONE(percent(s->recognised, s->outages)),
                    b->recognised_s > 0 ? 100 : NAN, false);
    print_row(s, "  median", " s", ALONE(series_at(&s->recognised_s, 0.5)), NAN, true);
    ok &= print_row(s, "  nine of ten", " s", ALONE(series_at(&s->recognised_s, 0.9)),
                    or_none(b->recognised_s), true);
    if (!s->recognised)
        return ok;
    ok &= print_row(s, "closed", " %", ALONE(percent(s->closed, s->recognised)), 100, false);
    ok &= print_row(s, "  after the end, nine of ten", " s", ALONE(series_at(&s->closed_s, 0.9)),
                    300, true);
    return ok;
}

static bool print_lanes(struct score *s, const struct bars *b)
{
    bool ok =
        print_row(s, "lanes and IPs taken out wrongly", "", ALONE((double)s->lanes_wrong), 0, true);
    if (s->blamed)
        ok &= print_row(s, "culprits first in the blame", " %",
                        ALONE(percent(s->blamed_first, s->blamed)), or_none(b->blamed), false);
    if (!s->lanes)
        return ok;
    ok &= print_row(s, "blocked or listed, taken out", " %",
                    ALONE(percent(s->lanes_closed, s->lanes)), 99, false);
    ok &= print_row(s, "  median", " s", ALONE(series_at(&s->lanes_s, 0.5)), or_none(b->lanes_s),
                    true);
    ok &= print_row(s, "  naming a culprit first", " %",
                    ALONE(percent(s->lanes_culprit, s->lanes_closed)), 99, false);
    return ok;
}

bool score_print(struct score *s)
{
    const struct bars *b = bars_of(s->scenario->name);
    bool ok = print_culprits(s, b);
    ok &= print_innocents(s, b);
    ok &= print_incidents(s, b);
    ok &= print_lanes(s, b);
    return ok;
}

void score_deinit(struct score *s)
{
    for (int i = 0; i < JUDGES; i++) {
        s->judges[i].messages.v = xfree(s->judges[i].messages.v);
        s->judges[i].seconds.v = xfree(s->judges[i].seconds.v);
        s->judges[i].leak.v = xfree(s->judges[i].leak.v);
    }
    s->recognised_s.v = xfree(s->recognised_s.v);
    s->closed_s.v = xfree(s->closed_s.v);
    s->lanes_s.v = xfree(s->lanes_s.v);
}
