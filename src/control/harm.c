#include "control/harm.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "control/engine.h"
#include "core/reputation.h"
#include "core/state.h"
#include "remote/format.h"
#include "remote/protocol.h"

#define DEAD_NOTABLE 0.02
// Kinds of harm, worst first, and from which rate on it is worth a word (no judgement: that is the
// policy's).
static const struct harm_row {
    enum counter_what what;
    const char *words, *one;
    double notable;
} harms[] = {
    {COUNTER_COMPLAINED, "complaints", "complaint", 0.001},
    {COUNTER_DEAD, "dead recipients", "dead recipient", DEAD_NOTABLE},
    {COUNTER_SPAM, "spam rejections", "spam rejection", 0.005},
    {COUNTER_BOUNCED, "bounces", "bounce", 0.05},
    {COUNTER_BLOCKED, "blocked", "block", 0.02},
    {COUNTER_DEFERRED, "deferrals", "deferral", 0.2},
};

typedef uint64_t window_fn(struct counter *c, enum counter_what what, usec_t now);

static uint64_t whole_of(window_fn *window, struct counter *c, enum counter_what what, usec_t now)
{
    uint64_t delivered = window(c, COUNTER_DELIVERED, now);
    if (what == COUNTER_COMPLAINED)
        return delivered;
    uint64_t whole = delivered + window(c, COUNTER_BOUNCED, now);
    if (what == COUNTER_DEFERRED || what == COUNTER_BLOCKED)
        whole += window(c, COUNTER_DEFERRED, now);
    return whole;
}

static double rate(window_fn *window, struct counter *c, enum counter_what what, usec_t now)
{
    return counter_rate(window(c, what, now), whole_of(window, c, what, now));
}

double harm_day_rate(struct counter *c, enum counter_what what, usec_t now)
{
    return rate(counter_day, c, what, now);
}

double harm_hour_rate(struct counter *c, enum counter_what what, usec_t now)
{
    return rate(counter_hour, c, what, now);
}

json_t *harm_table(struct counter *c, usec_t now)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < ARRAY_LEN(harms); i++) {
        uint64_t of = whole_of(counter_day, c, harms[i].what, now);
        json_array_append_new(rows, json_pack("{s:s,s:o,s:I,s:I}", "what", harms[i].words, "rate",
                                              protocol_rate(harm_day_rate(c, harms[i].what, now)),
                                              "bad", (json_int_t)counter_day(c, harms[i].what, now),
                                              "of", (json_int_t)of));
    }
    return rows;
}

// The policy's rates, null for a rung that is not used.
static json_t *limits_json(const struct reputation_harm *h)
{
    json_t *limits = json_object();
    for (int rung = 0; rung < RUNG_N; rung++)
        json_object_set_new(limits, rung_text((enum rung)rung),
                            h->rate[rung] > 0 ? json_real(h->rate[rung]) : json_null());
    return limits;
}

// What reputation counts is what it judges by: once a recipient and day.
static json_t *judged_json(enum harm harm, const struct reputation_harm *h)
{
    json_t *next = h->is_highest ? json_null() : json_string(rung_text(h->next));
    json_t *level = h->is_highest ? json_null() : json_integer((json_int_t)h->level);
    return json_pack("{s:s,s:o,s:I,s:I,s:o,s:o,s:o,s:o}", "what", harm_text(harm), "rate",
                     protocol_rate(counter_rate(h->bad, h->of)), "bad", (json_int_t)h->bad, "of",
                     (json_int_t)h->of, "limits", limits_json(h), "next", next, "level", level,
                     "shrunk", protocol_rate(h->of ? h->shrunk : -1));
}

static void remove_named(json_t *rows, const char *what)
{
    for (size_t i = json_array_size(rows); i--;)
        if (strcmp(protocol_get_text(json_array_get(rows, i), "what", ""), what) == 0)
            json_array_remove(rows, i);
}

json_t *harm_judged(const struct control_engine *e, struct state_customer *c, usec_t now)
{
    json_t *rows = harm_table(&c->counter, now), *row;
    json_t *all = json_array();
    size_t at;
    for (int harm = 0; e->harm && harm < HARM_N; harm++) {
        struct reputation_harm h;
        if (!e->harm(e->ctx, c->name, (enum harm)harm, &h))
            continue;
        json_array_append_new(all, judged_json((enum harm)harm, &h));
        remove_named(rows, harm_text((enum harm)harm));
    }
    json_array_foreach(rows, at, row)
    {
        static const char *const unknown[] = {"limits", "next", "level", "shrunk"};
        for (size_t k = 0; k < ARRAY_LEN(unknown); k++)
            json_object_set_new(row, unknown[k], json_null());
    }
    json_array_extend(all, rows);
    json_decref(rows);
    return all;
}

// When most bounces are dead recipients, the bounces have been told by them.
static bool is_told(struct counter *c, enum counter_what what, usec_t now)
{
    return what == COUNTER_BOUNCED &&
           counter_day(c, COUNTER_DEAD, now) * 2 >= counter_day(c, COUNTER_BOUNCED, now) &&
           harm_day_rate(c, COUNTER_DEAD, now) >= DEAD_NOTABLE;
}

static bool is_notable(struct counter *c, const struct harm_row *h, usec_t now)
{
    return whole_of(counter_day, c, h->what, now) >= HARM_FEW &&
           harm_day_rate(c, h->what, now) >= h->notable && !is_told(c, h->what, now);
}

enum { HARM_TEXT = 120, HARM_SAID = 2 };

// "dead recipients 6.4 % of 3,322"
static void say(char out[HARM_TEXT], struct counter *c, const struct harm_row *h, usec_t now)
{
    char per_cent[FORMAT_TEXT], whole[FORMAT_TEXT];
    format_rate(per_cent, harm_day_rate(c, h->what, now));
    format_count_full(whole, (int64_t)whole_of(counter_day, c, h->what, now));
    snprintf(out, HARM_TEXT, "%s %s %% of %s", h->words, per_cent, whole);
}

json_t *harm_reasons(struct counter *c, usec_t now)
{
    json_t *reasons = json_array();
    for (size_t i = 0; i < ARRAY_LEN(harms); i++) {
        char text[HARM_TEXT];
        if (!is_notable(c, &harms[i], now))
            continue;
        say(text, c, &harms[i], now);
        json_array_append_new(reasons, json_sprintf("%s in 24 h", text));
    }
    return reasons;
}

void harm_line(char *out, size_t room, struct counter *c, usec_t now)
{
    size_t n = 0, said = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(harms) && said < HARM_SAID && n < room; i++) {
        char text[HARM_TEXT];
        if (!is_notable(c, &harms[i], now))
            continue;
        say(text, c, &harms[i], now);
        n += (size_t)snprintf(out + n, room - n, "%s%s", said++ ? ", " : "", text);
    }
    if (said && n < room)
        snprintf(out + n, room - n, " in 24 h");
}

// The worst that an outcome counts as alone; NULL: nothing.
static const struct harm_row *row_of(const struct outcome *o)
{
    struct counter alone = {.minute = 0};
    usec_t at = o->delivered_at ? o->delivered_at : o->at;
    counter_add(&alone, o);
    for (size_t i = 0; i < ARRAY_LEN(harms); i++)
        if (counter_day(&alone, harms[i].what, at))
            return &harms[i];
    return NULL;
}

void harm_counts(char *out, size_t room, struct state *state, const struct outcome *o, usec_t now)
{
    const struct harm_row *row = row_of(o);
    struct state_customer *c = state_customer_get(state, o->customer);
    char bad[FORMAT_TEXT], of[FORMAT_TEXT];
    int n = 0;
    *out = '\0';
    if (!row || !*o->customer)
        return;
    n = snprintf(out, room, "1 %s of %s", row->one, o->customer);
    if (c) {
        format_count_full(bad, (int64_t)counter_day(&c->counter, row->what, now));
        format_count_full(of, (int64_t)whole_of(counter_day, &c->counter, row->what, now));
        n += snprintf(out + n, room - (size_t)n, " (%s of %s in 24 h)", bad, of);
    }
    if (*o->ip && (size_t)n < room)
        n += snprintf(out + n, room - (size_t)n, ", of %s", o->ip);
    if (*o->ip && *o->provider && (size_t)n < room)
        snprintf(out + n, room - (size_t)n, ", of %s/%s", o->ip, o->provider);
}
