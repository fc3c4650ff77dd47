// Each part is its cap times a stress of 0–1 that only grows with what is wrong; the score is 100 less
// their sum. Where they sum to more than 100 they share the hundred in their proportion.
#include "core/health.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

// clang-format off
static const struct {
    const char *text;
    double cap;
} parts[HEALTH_N] = {
    [HEALTH_BLOCKS]     = {"lanes blocked",    60},
    [HEALTH_DEAD]       = {"dead recipients",  30},
    [HEALTH_COMPLAINTS] = {"complaints",       30},
    [HEALTH_SPAM]       = {"spam rejections",  20},
    [HEALTH_DEFERRALS]  = {"deferrals",        15},
    [HEALTH_LISTINGS]   = {"blocklists",       50},
    [HEALTH_REVERSE]    = {"reverse DNS",      10},
};
// clang-format on

static const double strength = 50;       // of the prior, in observations
static const double full_at = 5;         // times the fine rate takes all of a part
static const double deferred_fine = .15; // greylisting and a busy hour
static const double deferred_full = .60;

const char *health_what_text(enum health_what what)
{
    return what < HEALTH_N ? parts[what].text : "?";
}

// What is no number counts as nothing.
static double at_least_0(double v)
{
    return v > 0 && isfinite(v) ? v : 0;
}

static double unit(double v)
{
    v = at_least_0(v);
    return v > 1 ? 1 : v;
}

static double shrink(double bad, double of, double mean, double by)
{
    bad = at_least_0(bad);
    of = at_least_0(of);
    return (fmin(bad, of) + unit(mean) * by) / (of + by);
}

double health_shrink(double bad, double of, double mean)
{
    return shrink(bad, of, mean, strength);
}

__attribute__((format(printf, 4, 5))) static void take(struct health *h, enum health_what what,
                                                       double stress, const char *format, ...)
{
    va_list ap;
    h->parts[what] = parts[what].cap * unit(stress);
    if (h->parts[what] <= 0)
        return;
    va_start(ap, format);
    vsnprintf(h->texts[what], HEALTH_TEXT, format, ap);
    va_end(ap);
}

static void take_rate(struct health *h, enum health_what what, double bad, double of, double mean,
                      double fine)
{
    if (fine <= 0 || fine >= 1 || !(of > 0))
        return;
    double rate = shrink(bad, of, mean, fmax(strength, 1 / fine));
    take(h, what, (rate - fine) / ((full_at - 1) * fine),
         "%.0f of %.0f (%.2g %%), fine up to %.2g %%", at_least_0(bad), of,
         100 * unit(at_least_0(bad) / of), 100 * fine);
}

static void take_deferrals(struct health *h, const struct health_input *in)
{
    if (!(in->attempts > 0))
        return;
    double rate = shrink(in->deferred, in->attempts, in->fleet_deferred, strength);
    take(h, HEALTH_DEFERRALS, (rate - deferred_fine) / (deferred_full - deferred_fine),
         "%.0f of %.0f attempts put off (%.2g %%)", at_least_0(in->deferred), in->attempts,
         100 * unit(at_least_0(in->deferred) / in->attempts));
}

static void add_up(struct health *h)
{
    double sum = 0;
    for (int i = 0; i < HEALTH_N; i++)
        sum += h->parts[i];
    for (int i = 0; sum > 100 && i < HEALTH_N; i++)
        h->parts[i] *= 100 / sum;
    h->score = sum > 100 ? 0 : 100 - sum;
}

void health_judge(struct health *out, const struct health_input *in)
{
    *out = (struct health){0};
    take(out, HEALTH_BLOCKS, in->blocked_share, "blocked at %s: %.0f %% of its traffic",
         *in->blocked_by ? in->blocked_by : "providers", 100 * unit(in->blocked_share));
    take_rate(out, HEALTH_DEAD, in->dead, in->dead_of, in->fleet_dead, in->fine_dead);
    take_rate(out, HEALTH_COMPLAINTS, in->complaints, in->delivered, in->fleet_complaints,
              in->fine_complaints);
    take_rate(out, HEALTH_SPAM, in->spam, in->dead_of, in->fleet_spam, in->fine_spam);
    take_deferrals(out, in);
    take(out, HEALTH_LISTINGS, in->listed, "listed on %s (weight %.2g)",
         *in->listed_on ? in->listed_on : "blocklists", in->listed);
    take(out, HEALTH_REVERSE, in->is_reverse_wrong ? 1 : 0,
         "its name does not lead back to it (reverse DNS)");
    add_up(out);
}
