#include "control/harm.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "remote/format.h"
#include "remote/protocol.h"

// Kinds of harm, worst first, and from which rate on it is worth a word (no judgement: that is the
// policy's).
static const struct harm {
    enum counter_what what;
    const char *words;
    double notable;
} harms[] = {
    {COUNTER_COMPLAINED, "complaints", 0.001}, {COUNTER_DEAD, "dead recipients", 0.02},
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

// When all bounces are dead recipients, that has been said.
static bool is_said(struct counter *c, enum counter_what what, usec_t now)
{
    return what == COUNTER_BOUNCED &&
           counter_day(c, COUNTER_DEAD, now) == counter_day(c, COUNTER_BOUNCED, now);
}

json_t *harm_reasons(struct counter *c, usec_t now)
{
    json_t *reasons = json_array();
    for (size_t i = 0; i < ARRAY_LEN(harms); i++) {
        uint64_t of = whole_of(counter_day, c, harms[i].what, now);
        double r = harm_day_rate(c, harms[i].what, now);
        if (of < HARM_FEW || r < harms[i].notable || is_said(c, harms[i].what, now))
            continue;
        char per_cent[FORMAT_TEXT], whole[FORMAT_TEXT];
        format_rate(per_cent, r);
        format_count_full(whole, (int64_t)of);
        json_array_append_new(
            reasons, json_sprintf("%s %s %% of %s in 24 h", harms[i].words, per_cent, whole));
    }
    return reasons;
}

void harm_line(char *out, size_t room, struct counter *c, usec_t now)
{
    CLEANUP(json_decref) json_t *reasons = harm_reasons(c, now);
    size_t n = 0, i;
    json_t *reason;
    out[0] = '\0';
    json_array_foreach(reasons, i, reason)
    {
        int more = snprintf(out + n, room - n, "%s%s", i ? ", " : "", json_string_value(reason));
        if (more < 0 || (size_t)more >= room - n)
            return;
        n += (size_t)more;
    }
}
