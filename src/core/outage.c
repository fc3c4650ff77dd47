#include "core/outage.h"

#include <math.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "core/pack.h"
#include "core/policy.h"

enum {
    MOST_BAD = 3,
    PRIOR = 100,
    KNOWN = 200, // observations from which the long-run rate is believed
    MEMORY = 20000,
    MEMORY_ODD = 500000,
    LATEST = 20,
    OTHERS_MOST = 50,
};

#define PIECE (90 * USEC_SECOND)
#define PIECE_LONG (3 * USEC_MINUTE) // with little news
#define SILENCE (15 * USEC_MINUTE)   // nobody sends there: nothing speaks for an incident
#define EXPECTED_MOST 0.3
#define ODD 1.0 // excess from which the long-run rate is learned slowly
#define WEIGHT_MOST 20.0
// Until a provider is known it may be worse than most: nothing opens by chance in its first minutes.
static const float unknown_rate[USAGE_CHANNELS] = {[USAGE_HARD] = 0.03f, [USAGE_SOFT] = 0.1f};
static const usec_t windows[USAGE_N] = {[USAGE_30S] = 30 * USEC_SECOND,
                                        [USAGE_2M] = 2 * USEC_MINUTE,
                                        [USAGE_15M] = 15 * USEC_MINUTE,
                                        [USAGE_1H] = USEC_HOUR};

void outage_deinit(struct outage *o)
{
    usage_deinit(&o->usage);
}

static void learn(struct outage *o, enum usage_channel channel, float bad)
{
    if (!o->learned[channel])
        o->rate[channel] = unknown_rate[channel];
    o->learned[channel]++;
    o->latest[channel] += (bad - o->latest[channel]) / LATEST;
    // What looks like an incident must not become usual before it is recognised as one; what was so
    // from the beginning is usual.
    uint64_t of = o->learned[channel] + PRIOR;
    bool is_odd = o->is_odd[channel] && o->learned[channel] > KNOWN;
    of = is_odd ? MEMORY_ODD : of < MEMORY ? of : MEMORY;
    o->rate[channel] += (bad - o->rate[channel]) / (float)of;
}

void outage_observe_facts(struct outage *o, uint32_t customer, const struct usage_facts *facts,
                          usec_t at)
{
    usage_add_facts(&o->usage, customer, facts, at);
    if (o->open_since)
        return;
    for (int c = 0; c < USAGE_CHANNELS; c++)
        if (facts->n[c] > 0)
            learn(o, (enum usage_channel)c, facts->bad[c]);
}

struct sum {
    double x, e, n, bad;
    double part, weight; // of the customers' bad parts, for their mean
    uint32_t failing, active;
};

static double expected_rate(const struct outage *o, const struct usage_user *user,
                            enum usage_channel channel, bool is_candidate,
                            outage_elsewhere_fn *elsewhere, void *ctx)
{
    double rate = o->rate[channel] < 0.001 ? 0.001 : o->rate[channel];
    double own = is_candidate && elsewhere ? elsewhere(ctx, user->customer, channel) : 0;
    return own > rate ? own : rate;
}

static struct sum sum_up(struct outage *o, enum usage_channel channel, enum usage_window w,
                         outage_elsewhere_fn *elsewhere, void *ctx, usec_t now)
{
    struct sum s = {0};
    struct usage_user user;
    for (uint32_t i = 0; usage_next(&o->usage, &i, w, now, &user);) {
        double n = user.n[channel][w], bad = user.bad[channel][w];
        if (n < USAGE_ACTIVE)
            continue;
        bad = bad > n ? n : bad;
        bool is_candidate = bad > n * o->rate[channel];
        double rate = expected_rate(o, &user, channel, is_candidate, elsewhere, ctx);
        if (rate >= 1) // nothing is known of it: its news says nothing
            continue;
        double e = n * rate;
        double scale = e > EXPECTED_MOST ? EXPECTED_MOST / e : 1;
        double x = bad * scale > MOST_BAD ? MOST_BAD : bad * scale;
        s.x += x;
        s.e += e * scale;
        double weight = n > WEIGHT_MOST ? WEIGHT_MOST : n;
        s.part += bad / n * weight;
        s.weight += weight;
        s.n += n;
        s.bad += bad;
        s.active++;
        s.failing += bad >= 0.5 && x > e * scale;
    }
    return s;
}

// Poisson deviance of x over its expectation, for clumps of three.
static double excess_of(const struct sum *s)
{
    if (s->x <= s->e || s->e <= 0)
        return 0;
    return (s->x * log(s->x / s->e) - s->x + s->e) / MOST_BAD;
}

// How many would fail if all had the mean bad part: who sent two messages since has hardly failed in a
// partial outage, nor who sent none since a full one began.
static double failing_expected(struct outage *o, enum usage_channel channel, enum usage_window w,
                               const struct sum *s, usec_t now)
{
    double fine = log1p(-fmin(0.99, s->part / s->weight)), sum = 0;
    struct usage_user user;
    for (uint32_t i = 0; usage_next(&o->usage, &i, w, now, &user);)
        if (user.n[channel][w] >= USAGE_ACTIVE)
            sum -= expm1(fine * (double)user.n[channel][w]);
    return sum;
}

static bool is_worth_a_look(const struct outage *o, const struct policy *p,
                            enum usage_channel channel, enum usage_window w)
{
    double n = o->usage.all.n[channel][w], bad = o->usage.all.bad[channel][w];
    return bad >= p->incident.customers * 0.7 && bad > 1.3 * n * o->rate[channel];
}

// Deferrals are usual: most of the latest attempts must be, far more than in the long run, and a
// provider that is not known yet may greylist.
static bool is_unusual(const struct outage *o, enum usage_channel channel)
{
    if (channel == USAGE_HARD)
        return true;
    return o->learned[channel] > KNOWN && o->latest[channel] >= 0.5F &&
           o->latest[channel] >= 3 * o->rate[channel];
}

static void begin(struct outage *o, enum usage_channel channel, enum usage_window w,
                  const struct sum *s, usec_t now)
{
    o->open_since = now;
    o->begun_at = now - 2 * windows[w];
    o->channel = channel;
    o->window = w;
    o->level = (float)(s->bad / s->n);
    o->customers = s->failing;
    o->customers_of = s->active;
}

bool outage_begins(struct outage *o, const struct policy *p, double share,
                   outage_elsewhere_fn *elsewhere, void *ctx, usec_t now)
{
    if (o->open_since || (o->looked_at && now - o->looked_at < USEC_SECOND))
        return false;
    bool has_looked = false;
    for (int c = 0; c < USAGE_CHANNELS; c++) {
        bool is_odd = false;
        for (int w = 0; w < USAGE_N; w++) {
            enum usage_channel channel = (enum usage_channel)c;
            enum usage_window window = (enum usage_window)w;
            if (!is_worth_a_look(o, p, channel, window))
                continue;
            has_looked = true;
            struct sum s = sum_up(o, channel, window, elsewhere, ctx, now);
            is_odd = is_odd || (excess_of(&s) > ODD && s.failing > 1);
            if (s.failing < p->incident.customers || excess_of(&s) <= p->incident.excess ||
                !is_unusual(o, channel) ||
                s.failing < share * (o->is_whole ? s.active
                                                 : failing_expected(o, channel, window, &s, now)))
                continue;
            begin(o, channel, window, &s, now);
            return true;
        }
        o->is_odd[c] = is_odd;
    }
    if (has_looked)
        o->looked_at = now;
    return false;
}

void outage_open(struct outage *o, usec_t now)
{
    usage_forget_bad(&o->usage, USAGE_HARD);
    usage_forget_bad(&o->usage, USAGE_SOFT);
    usage_renew(&o->usage);
    o->piece_at = now;
}

void outage_close(struct outage *o, usec_t now)
{
    usage_forget_bad(&o->usage, USAGE_HARD);
    usage_forget_bad(&o->usage, USAGE_SOFT);
    o->before_begun = o->begun_at;
    o->before_end = now;
    o->open_since = o->begun_at = o->piece_at = 0;
}

bool outage_ends(struct outage *o, outage_elsewhere_fn *elsewhere, void *ctx, usec_t now)
{
    usec_t span = now - o->piece_at;
    if (!o->open_since || span < PIECE)
        return false;
    struct sum s = sum_up(o, o->channel, USAGE_2M, elsewhere, ctx, now);
    if (s.active && s.x >= 2.5 * s.e && (o->channel == USAGE_HARD || s.bad >= 0.1 * s.n)) {
        usage_renew(&o->usage);
        o->piece_at = now;
        return false;
    }
    // Three bad ones should be among the news if it went on.
    bool has_news = s.n * o->level >= 3 || (s.active && span >= PIECE_LONG);
    if (!has_news && span < SILENCE)
        return false;
    outage_close(o, now);
    return true;
}

bool outage_was(const struct outage *o, usec_t at)
{
    if (o->open_since && at >= o->begun_at)
        return true;
    return o->before_end && at >= o->before_begun && at <= o->before_end;
}

double outage_excess(struct outage *o, enum usage_channel channel, enum usage_window window,
                     usec_t now)
{
    const struct usage_user *all = &o->usage.all;
    // The sum decays when something comes; a window in which nothing came since is less than it says.
    int64_t age = now / USEC_SECOND - all->second;
    double left = exp(-(double)age * USEC_SECOND / (double)windows[window]);
    double usual = all->n[channel][window] * o->rate[channel], x = all->bad[channel][window];
    return x > 2 * usual ? (x - usual) * (left > 1 ? 1 : left) : 0;
}

struct outage_news outage_others(struct outage *o, uint32_t customer)
{
    struct outage_news news = {0};
    for (uint32_t i = 0; i < o->usage.room; i++) {
        const struct usage_marked *m = &o->usage.marked[i];
        if (!m->n || o->usage.users[i].customer == customer) // of a free slot nothing is marked
            continue;
        double weight = m->n > OTHERS_MOST ? (double)OTHERS_MOST / m->n : 1;
        news.customers++;
        news.n += m->n * weight;
        news.bad += m->bad * weight;
    }
    if (news.n > 0)
        news.bad /= news.n;
    return news;
}

uint32_t outage_active(struct outage *o, uint32_t customer, usec_t now)
{
    uint32_t n = 0;
    struct usage_user user;
    for (uint32_t i = 0; usage_next(&o->usage, &i, USAGE_1H, now, &user);)
        n += user.customer != customer && user.n[USAGE_HARD][USAGE_1H] >= USAGE_ACTIVE;
    return n;
}

void outage_save(const struct outage *o, struct buf *out)
{
    usage_save(&o->usage, out);
    for (int c = 0; c < USAGE_CHANNELS; c++) {
        pack_f32(out, o->rate[c]);
        pack_u64(out, o->learned[c]);
        pack_bool(out, o->is_odd[c]);
        pack_f32(out, o->latest[c]);
    }
    const usec_t times[] = {o->looked_at, o->open_since,   o->begun_at,
                            o->piece_at,  o->before_begun, o->before_end};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        pack_i64(out, times[i]);
    pack_f32(out, o->level);
    pack_u8(out, (uint8_t)o->channel);
    pack_u8(out, (uint8_t)o->window);
    pack_u32(out, o->customers);
    pack_u32(out, o->customers_of);
}

bool outage_load(struct outage *o, struct bytes *in)
{
    *o = (struct outage){.is_whole = o->is_whole};
    if (!usage_load(&o->usage, in))
        return false;
    bool is_ok = true;
    for (int c = 0; c < USAGE_CHANNELS; c++)
        is_ok = is_ok && take_f32(in, &o->rate[c]) && take_u64(in, &o->learned[c]) &&
                take_bool(in, &o->is_odd[c]) && take_f32(in, &o->latest[c]);
    usec_t *times[] = {&o->looked_at, &o->open_since,   &o->begun_at,
                       &o->piece_at,  &o->before_begun, &o->before_end};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        is_ok = is_ok && take_i64(in, times[i]);
    uint8_t channel = 0, window = 0;
    is_ok = is_ok && take_f32(in, &o->level) && take_u8(in, &channel) && take_u8(in, &window) &&
            channel < USAGE_CHANNELS && window < USAGE_N && take_u32(in, &o->customers) &&
            take_u32(in, &o->customers_of);
    o->channel = (enum usage_channel)channel;
    o->window = (enum usage_window)window;
    if (!is_ok)
        outage_deinit(o);
    return is_ok;
}
