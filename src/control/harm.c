#include "control/harm.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "remote/format.h"
#include "remote/protocol.h"

#define DEAD_NOTABLE 0.02
// Kinds of harm, worst first, and from which rate on it is worth a word (no judgement: that is the
// policy's).
static const struct harm_row {
    enum counter_what what;
    const char *words;
    double notable;
} harms[] = {
    {COUNTER_COMPLAINED, "complaints", 0.001}, {COUNTER_DEAD, "dead recipients", DEAD_NOTABLE},
    {COUNTER_SPAM, "spam rejections", 0.005},  {COUNTER_BOUNCED, "bounces", 0.05},
    {COUNTER_BLOCKED, "blocked", 0.02},        {COUNTER_DEFERRED, "deferrals", 0.2},
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
