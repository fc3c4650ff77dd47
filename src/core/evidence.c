/* The live reading is a fold: `base`, then each item of the list. `now` keeps its end, so that a bad
 * observation costs one step; whatever changes the list folds it again from `base`, in the same
 * order of arithmetic, and so arrives at the very same bits. Of a few there is no `base` and no `now`:
 * it is folded from nothing when asked for, and its oldest are told from the recent by their age. */
#include "core/evidence.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/pack.h"

enum { ROOM_FIRST = 4 };
#define RUN_PAUSE (15 * USEC_MINUTE) // without a bad one, a run has ended

struct evidence_item {
    usec_t at;
    uint32_t gap; // good ones before it
    uint32_t provider;
};

static uint32_t bucket_of(usec_t at)
{
    return at < EVIDENCE_BUCKET ? 1 : (uint32_t)(at / EVIDENCE_BUCKET);
}

/* Is it one of the last EVIDENCE_BUCKETS, when this is the newest? */
static bool is_kept(uint32_t bucket, uint32_t newest)
{
    return bucket <= newest && newest - bucket < EVIDENCE_BUCKETS;
}

void evidence_volume_add(struct evidence_volume *v, usec_t at, uint32_t n)
{
    uint32_t bucket = bucket_of(at);
    if (bucket > v->newest) {
        uint32_t steps = bucket - v->newest;
        for (uint32_t i = 0; i < steps && i < EVIDENCE_BUCKETS; i++)
            v->n[(bucket - i) % EVIDENCE_BUCKETS] = 0;
        v->newest = bucket;
    }
    if (!is_kept(bucket, v->newest))
        return;
    uint32_t *sum = &v->n[bucket % EVIDENCE_BUCKETS];
    *sum = n > UINT32_MAX - *sum ? UINT32_MAX : *sum + n;
}

const uint32_t *evidence_volume_at(const struct evidence_volume *v, usec_t at)
{
    return &v->n[bucket_of(at) % EVIDENCE_BUCKETS];
}

static uint32_t volume_in(const struct evidence_volume *v, uint32_t bucket)
{
    return is_kept(bucket, v->newest) ? v->n[bucket % EVIDENCE_BUCKETS] : 0;
}

/* The first bucket of about the last 24 h. */
static uint32_t day_begin(usec_t now)
{
    uint32_t last = bucket_of(now), day = USEC_DAY / EVIDENCE_BUCKET;
    return last < day ? 1 : last - day + 1;
}

uint64_t evidence_volume_day(const struct evidence_volume *v, usec_t now)
{
    uint64_t sum = 0;
    for (uint32_t bucket = day_begin(now); bucket <= bucket_of(now); bucket++)
        sum += volume_in(v, bucket);
    return sum;
}

static void drop_list(struct evidence *e)
{
    e->recent = xfree(e->recent);
    e->recent_n = e->deep->recent_room = 0;
    memset(e->deep->before, 0, sizeof(e->deep->before));
}

void evidence_deinit(struct evidence *e)
{
    e->recent = xfree(e->recent);
    e->deep = xfree(e->deep);
    e->recent_n = 0;
}

static void forget_late(struct evidence_deep *d)
{
    memset(d->late, 0, sizeof(d->late));
}

/* Makes room for `bucket`; the oldest are forgotten. False when it is too old itself. */
static bool turn_to(struct evidence_deep *d, uint32_t bucket)
{
    uint32_t steps = bucket > d->newest ? bucket - d->newest : 0;
    for (uint32_t i = 0; i < steps && i < EVIDENCE_BUCKETS; i++) {
        struct evidence_bucket *b = &d->buckets[(bucket - i) % EVIDENCE_BUCKETS];
        d->late_n -= b->late;
        *b = (struct evidence_bucket){0};
    }
    d->newest += steps;
    if (steps && !d->late_n)
        forget_late(d);
    return is_kept(bucket, d->newest);
}

/* Counts one bad one by its delivery, and for which rungs it is news: a live one for all of them, a
 * late one where the rung began anew before its delivery. */
static void count_bad(struct evidence_deep *d, usec_t at, bool is_late)
{
    uint32_t bucket = bucket_of(at);
    if (is_kept(bucket, d->newest)) {
        struct evidence_bucket *b = &d->buckets[bucket % EVIDENCE_BUCKETS];
        uint16_t late = is_late && b->late < UINT16_MAX;
        b->bad += b->bad < UINT16_MAX;
        b->late = (uint16_t)(b->late + late);
        d->late_n += late;
    }
    for (int r = 0; r < RUNG_N; r++) {
        if (!is_late || at >= d->since[r])
            d->distinct[r] += d->distinct[r] < UINT32_MAX;
        if (at >= d->since[r] && bucket == bucket_of(d->since[r]))
            d->rest[r] += d->rest[r] < UINT16_MAX;
    }
}

/* The oldest of the list goes into the checkpoint: it can no longer be taken out. */
static void fold_oldest(struct evidence *e, const struct evidence_plans *plans)
{
    struct evidence_deep *d = e->deep;
    for (int r = 0; r < RUNG_N; r++)
        if (d->before[r])
            d->before[r]--;
        else
            detector_bad(&d->base[r], &plans->rungs[r], e->recent[0].gap);
    e->recent_n--;
    memmove(e->recent, e->recent + 1, e->recent_n * sizeof(*e->recent));
}

static void list_add(struct evidence *e, const struct evidence_plans *plans,
                     struct evidence_item item)
{
    struct evidence_deep *d = e->deep;
    if (!e->recent_n)
        memcpy(d->base, d->now, sizeof(d->now));
    while (e->recent_n &&
           (e->recent_n >= EVIDENCE_RECENT || e->recent[0].at + EVIDENCE_KEPT < item.at))
        fold_oldest(e, plans);
    if (!e->recent_n) { // a long list of another day is given back
        e->recent = xfree(e->recent);
        d->recent_room = 0;
    }
    if (e->recent_n == d->recent_room) {
        d->recent_room = d->recent_room ? (uint16_t)(2 * d->recent_room) : ROOM_FIRST;
        e->recent = xrealloc(e->recent, d->recent_room, sizeof(*e->recent));
    }
    e->recent[e->recent_n++] = item;
}

static void add_deep(struct evidence *e, const struct evidence_plans *plans,
                     struct evidence_item item)
{
    list_add(e, plans, item);
    for (int r = 0; r < RUNG_N; r++)
        detector_bad(&e->deep->now[r], &plans->rungs[r], item.gap);
    turn_to(e->deep, bucket_of(item.at));
    count_bad(e->deep, item.at, false);
}

/* From the few to detectors and buckets. */
static struct evidence_deep *deepen(struct evidence *e, const struct evidence_plans *plans)
{
    struct evidence few = *e;
    if (e->deep)
        return e->deep;
    e->deep = xcalloc(1, sizeof(*e->deep));
    e->recent = NULL;
    e->recent_n = 0;
    for (uint16_t i = 0; i < few.recent_n; i++)
        add_deep(e, plans, few.recent[i]);
    xfree(few.recent);
    return e->deep;
}

/* How many of the few are no longer recent. */
static uint16_t old_of(const struct evidence *e)
{
    uint16_t n = 0;
    while (!e->deep && n < e->recent_n &&
           e->recent[n].at + EVIDENCE_KEPT < e->recent[e->recent_n - 1].at)
        n++;
    return n;
}

void evidence_bad(struct evidence *e, const struct evidence_plans *plans, usec_t at,
                  uint32_t provider)
{
    struct evidence_item item = {.at = at, .gap = e->gap, .provider = provider};
    e->is_begun = true;
    e->gap = 0;
    if (e->deep || e->recent_n >= EVIDENCE_FEW) {
        deepen(e, plans);
        add_deep(e, plans, item);
        return;
    }
    e->recent = xrealloc(e->recent, e->recent_n + 1, sizeof(*e->recent));
    e->recent[e->recent_n++] = item;
}

/* The late reading of a rung: the buckets in order, from `since` on. */
static double read_buckets(const struct evidence_deep *e, const struct detector_plan *plan,
                           const struct evidence_volume *volume, enum rung r)
{
    struct detector d = {0};
    uint32_t oldest = e->newest < EVIDENCE_BUCKETS ? 1 : e->newest - EVIDENCE_BUCKETS + 1;
    uint32_t begin = e->since[r] ? bucket_of(e->since[r]) : 0;
    for (uint32_t bucket = oldest < begin ? begin : oldest; bucket <= e->newest; bucket++) {
        uint32_t bad = e->buckets[bucket % EVIDENCE_BUCKETS].bad;
        uint32_t n = volume_in(volume, bucket);
        if (bucket == begin)
            bad = e->rest[r];
        detector_bucket(&d, plan, n < bad ? bad : n, bad);
    }
    return detector_evidence(&d);
}

void evidence_late(struct evidence *e, const struct evidence_plans *plans,
                   const struct evidence_volume *volume, usec_t delivered_at, usec_t now)
{
    usec_t at = delivered_at < now ? delivered_at : now;
    struct evidence_deep *d = deepen(e, plans);
    e->is_begun = true;
    turn_to(d, volume->newest < bucket_of(now) ? volume->newest : bucket_of(now));
    if (!turn_to(d, bucket_of(at)))
        return;
    count_bad(d, at, true);
    for (int r = 0; r < RUNG_N; r++)
        d->late[r] = (float)read_buckets(d, &plans->rungs[r], volume, (enum rung)r);
}

double evidence_of(const struct evidence *e, const struct evidence_plans *plans, enum rung rung)
{
    const struct detector_plan *plan = &plans->rungs[rung];
    struct detector d = {0};
    if (e->deep)
        d = e->deep->now[rung];
    for (uint16_t i = 0; !e->deep && i < e->recent_n; i++)
        detector_bad(&d, plan, e->recent[i].gap);
    detector_good(&d, plan, e->gap);
    return fmax(detector_evidence(&d), e->deep ? (double)e->deep->late[rung] : 0);
}

uint32_t evidence_distinct(const struct evidence *e, enum rung rung)
{
    return e->deep ? e->deep->distinct[rung] : e->recent_n;
}

bool evidence_alarms(const struct evidence *e, const struct evidence_plans *plans, enum rung rung,
                     double scale)
{
    const struct detector_plan *plan = &plans->rungs[rung];
    uint32_t distinct = evidence_distinct(e, rung);
    return plan->p0 > 0 && distinct && distinct >= plans->least[rung] &&
           evidence_of(e, plans, rung) >= detector_alarm(plan, scale);
}

double evidence_without(const struct evidence *e, const struct evidence_plans *plans,
                        enum rung rung, uint32_t provider)
{
    struct detector d = {0};
    if (e->deep)
        d = e->recent_n ? e->deep->base[rung] : e->deep->now[rung];
    uint64_t gap = 0;
    uint16_t old = old_of(e), before = e->deep ? e->deep->before[rung] : 0;
    for (uint16_t i = 0; i < e->recent_n; i++) {
        gap += e->recent[i].gap;
        if (i >= old && e->recent[i].provider == provider)
            continue;
        if (i >= before)
            detector_bad(&d, &plans->rungs[rung], gap);
        gap = 0;
    }
    detector_good(&d, &plans->rungs[rung], gap + e->gap);
    return detector_evidence(&d);
}

bool evidence_worst(const struct evidence *e, uint32_t *provider, uint32_t *bad, usec_t *begin)
{
    // At most 400 items and few providers: counting each one's followers costs less than a table.
    uint32_t most = 0;
    uint16_t old = old_of(e);
    for (uint16_t i = old; i < e->recent_n && e->recent_n - i > (int)most; i++) {
        uint32_t n = 0;
        for (uint16_t k = i; k < e->recent_n; k++)
            n += e->recent[k].provider == e->recent[i].provider;
        if (n <= most)
            continue;
        most = n;
        *provider = e->recent[i].provider;
    }
    if (!most)
        return false;
    *bad = most;
    usec_t last = INT64_MIN;
    for (uint16_t i = old; i < e->recent_n; i++) {
        if (e->recent[i].provider != *provider)
            continue;
        if (last == INT64_MIN || e->recent[i].at > last + RUN_PAUSE)
            *begin = e->recent[i].at;
        last = e->recent[i].at;
    }
    return true;
}

/* A bad one that never was. */
static void uncount(struct evidence_deep *d, usec_t at, uint16_t index)
{
    uint32_t bucket = bucket_of(at);
    if (is_kept(bucket, d->newest)) {
        struct evidence_bucket *b = &d->buckets[bucket % EVIDENCE_BUCKETS];
        b->bad -= b->bad > b->late;
    }
    for (int r = 0; r < RUNG_N; r++) {
        if (index >= d->before[r])
            d->distinct[r] -= d->distinct[r] > 0;
        if (at >= d->since[r] && bucket == bucket_of(d->since[r]))
            d->rest[r] -= d->rest[r] > 0;
    }
}

static bool is_hit(const struct evidence_item *item, uint32_t provider, usec_t since)
{
    return (item->provider == provider || provider == UINT32_MAX) && item->at >= since;
}

/* Keeps of the list what `provider` and `since` do not hit; gives how many went. */
static uint32_t sift(struct evidence *e, uint32_t provider, usec_t since)
{
    struct evidence_deep *d = e->deep;
    uint16_t kept = 0, n = e->recent_n, before[RUNG_N] = {0};
    uint64_t gap = 0;
    for (uint16_t i = 0; i < n; i++) {
        struct evidence_item item = e->recent[i];
        gap += item.gap;
        if (is_hit(&item, provider, since)) {
            uncount(d, item.at, i);
            continue;
        }
        for (int r = 0; r < RUNG_N; r++)
            before[r] += i < d->before[r];
        item.gap = gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
        gap = 0;
        e->recent[kept++] = item;
    }
    gap += e->gap;
    e->gap = gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
    e->recent_n = kept;
    memcpy(d->before, before, sizeof(before));
    return n - kept;
}

static bool has_hit(const struct evidence *e, uint32_t provider, usec_t since)
{
    for (uint16_t i = old_of(e); i < e->recent_n; i++)
        if (is_hit(&e->recent[i], provider, since))
            return true;
    return false;
}

uint32_t evidence_take_out(struct evidence *e, const struct evidence_plans *plans,
                           uint32_t provider, usec_t since)
{
    if (!has_hit(e, provider, since))
        return 0;
    struct evidence_deep *d = deepen(e, plans);
    uint32_t gone = sift(e, provider, since);
    // The late reading held them too. Without the volume it cannot be read here: the next late one
    // reads it anew, and until then it accuses nobody.
    forget_late(d);
    memcpy(d->now, d->base, sizeof(d->now));
    for (uint16_t i = 0; i < e->recent_n; i++)
        for (int r = 0; r < RUNG_N; r++)
            if (i >= d->before[r])
                detector_bad(&d->now[r], &plans->rungs[r], e->recent[i].gap);
    if (!e->recent_n)
        drop_list(e);
    return gone;
}

static void reset_one(struct evidence *e, enum rung rung, usec_t now)
{
    struct evidence_deep *d = e->deep;
    d->now[rung] = d->base[rung] = (struct detector){0};
    d->before[rung] = e->recent_n;
    d->distinct[rung] = 0;
    d->since[rung] = now;
    d->rest[rung] = 0;
    d->late[rung] = 0;
}

void evidence_reset(struct evidence *e, const struct evidence_plans *plans, enum rung rung,
                    usec_t now)
{
    deepen(e, plans);
    for (int r = 0; r <= (int)rung; r++)
        reset_one(e, (enum rung)r, now);
}

void evidence_reset_all(struct evidence *e, const struct evidence_plans *plans, usec_t now)
{
    evidence_reset(e, plans, RUNG_N - 1, now);
}

uint64_t evidence_bad_day(const struct evidence *e, usec_t now)
{
    const struct evidence_deep *d = e->deep;
    uint32_t begin = day_begin(now), end = bucket_of(now);
    uint64_t sum = 0;
    for (uint16_t i = 0; !d && i < e->recent_n; i++)
        sum += bucket_of(e->recent[i].at) >= begin && bucket_of(e->recent[i].at) <= end;
    for (uint32_t bucket = begin; d && bucket <= end; bucket++)
        if (is_kept(bucket, d->newest))
            sum += d->buckets[bucket % EVIDENCE_BUCKETS].bad;
    return sum;
}

static void save_detectors(struct buf *out, const struct detector *d)
{
    for (int r = 0; r < RUNG_N; r++)
        for (int g = 0; g < DETECTOR_GRID; g++)
            pack_f32(out, d[r].m[g]);
}

static void save_list(struct buf *out, const struct evidence *e)
{
    pack_u32(out, e->recent_n);
    for (uint16_t i = 0; i < e->recent_n; i++) {
        pack_i64(out, e->recent[i].at);
        pack_u32(out, e->recent[i].gap);
        pack_u32(out, e->recent[i].provider);
    }
}

static void save_deep(struct buf *out, const struct evidence_deep *d)
{
    save_detectors(out, d->now);
    save_detectors(out, d->base);
    for (int r = 0; r < RUNG_N; r++) {
        pack_u16(out, d->before[r]);
        pack_u32(out, d->distinct[r]);
        pack_i64(out, d->since[r]);
        pack_u16(out, d->rest[r]);
        pack_f32(out, d->late[r]);
    }
    pack_u32(out, d->newest);
    for (int i = 0; i < EVIDENCE_BUCKETS; i++) {
        pack_u16(out, d->buckets[i].bad);
        pack_u16(out, d->buckets[i].late);
    }
}

void evidence_save(const struct evidence *e, struct buf *out)
{
    pack_u32(out, e->gap);
    pack_bool(out, e->is_begun);
    save_list(out, e);
    pack_bool(out, e->deep);
    if (e->deep)
        save_deep(out, e->deep);
}

static bool load_detectors(struct bytes *in, struct detector *d)
{
    for (int r = 0; r < RUNG_N; r++)
        for (int g = 0; g < DETECTOR_GRID; g++)
            if (!take_f32(in, &d[r].m[g]))
                return false;
    return true;
}

static bool load_list(struct bytes *in, struct evidence *e)
{
    uint32_t n;
    if (!take_count(in, &n, 16) || n > EVIDENCE_RECENT)
        return false;
    if (!n)
        return true;
    e->recent = xcalloc(n, sizeof(*e->recent));
    e->recent_n = (uint16_t)n;
    for (uint32_t i = 0; i < n; i++) {
        struct evidence_item *item = &e->recent[i];
        if (!take_i64(in, &item->at) || !take_u32(in, &item->gap) || !take_u32(in, &item->provider))
            return false;
    }
    return true;
}

static bool load_rungs(struct bytes *in, struct evidence_deep *d)
{
    for (int r = 0; r < RUNG_N; r++)
        if (!take_u16(in, &d->before[r]) || d->before[r] > d->recent_room ||
            !take_u32(in, &d->distinct[r]) || !take_i64(in, &d->since[r]) ||
            !take_u16(in, &d->rest[r]) || !take_f32(in, &d->late[r]))
            return false;
    return true;
}

static bool load_buckets(struct bytes *in, struct evidence_deep *d)
{
    if (!take_u32(in, &d->newest))
        return false;
    for (int i = 0; i < EVIDENCE_BUCKETS; i++) {
        struct evidence_bucket *b = &d->buckets[i];
        if (!take_u16(in, &b->bad) || !take_u16(in, &b->late) || b->late > b->bad)
            return false;
        d->late_n += b->late;
    }
    return true;
}

static bool load_deep(struct bytes *in, struct evidence *e)
{
    bool is_deep;
    if (!take_bool(in, &is_deep))
        return false;
    if (!is_deep)
        return e->recent_n <= EVIDENCE_FEW;
    e->deep = xcalloc(1, sizeof(*e->deep));
    e->deep->recent_room = e->recent_n;
    return load_detectors(in, e->deep->now) && load_detectors(in, e->deep->base) &&
           load_rungs(in, e->deep) && load_buckets(in, e->deep);
}

bool evidence_load(struct evidence *e, struct bytes *in)
{
    struct evidence fresh = {0};
    if (!take_u32(in, &fresh.gap) || !take_bool(in, &fresh.is_begun) || !load_list(in, &fresh) ||
        !load_deep(in, &fresh)) {
        evidence_deinit(&fresh);
        return false;
    }
    evidence_deinit(e);
    *e = fresh;
    return true;
}
