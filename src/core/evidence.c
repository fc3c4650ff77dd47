/* The live reading is a fold: `base`, then each item of the list. `now` keeps its end, so that a bad
 * observation costs one step; whatever changes the list folds it again from `base`, in the same
 * order of arithmetic, and so arrives at the very same bits. */
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

struct evidence_bucket {
    uint16_t bad; // all, saturating
    uint16_t late;
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
    e->base = xfree(e->base);
    e->recent = xfree(e->recent);
    e->recent_n = e->recent_room = 0;
    memset(e->before, 0, sizeof(e->before));
}

void evidence_deinit(struct evidence *e)
{
    drop_list(e);
    e->buckets = xfree(e->buckets);
}

static void forget_late(struct evidence *e)
{
    memset(e->late, 0, sizeof(e->late));
}

/* Makes room for `bucket`; the oldest are forgotten. False when it is too old itself. */
static bool turn_to(struct evidence *e, uint32_t bucket)
{
    if (!e->buckets)
        e->buckets = xcalloc(EVIDENCE_BUCKETS, sizeof(*e->buckets));
    uint32_t steps = bucket > e->newest ? bucket - e->newest : 0;
    for (uint32_t i = 0; i < steps && i < EVIDENCE_BUCKETS; i++) {
        struct evidence_bucket *b = &e->buckets[(bucket - i) % EVIDENCE_BUCKETS];
        e->late_n -= b->late;
        *b = (struct evidence_bucket){0};
    }
    e->newest += steps;
    if (steps && !e->late_n)
        forget_late(e);
    return is_kept(bucket, e->newest);
}

/* Counts one bad one by its delivery, and for which rungs it is news: a live one for all of them, a
 * late one where the rung began anew before its delivery. */
static void count_bad(struct evidence *e, usec_t at, bool is_late)
{
    uint32_t bucket = bucket_of(at);
    if (is_kept(bucket, e->newest)) {
        struct evidence_bucket *b = &e->buckets[bucket % EVIDENCE_BUCKETS];
        uint16_t late = is_late && b->late < UINT16_MAX;
        b->bad += b->bad < UINT16_MAX;
        b->late = (uint16_t)(b->late + late);
        e->late_n += late;
    }
    for (int r = 0; r < RUNG_N; r++) {
        if (!is_late || at >= e->since[r])
            e->distinct[r] += e->distinct[r] < UINT32_MAX;
        if (at >= e->since[r] && bucket == bucket_of(e->since[r]))
            e->rest[r] += e->rest[r] < UINT16_MAX;
    }
}

/* The oldest of the list goes into the checkpoint: it can no longer be taken out. */
static void fold_oldest(struct evidence *e, const struct evidence_plans *plans)
{
    for (int r = 0; r < RUNG_N; r++)
        if (e->before[r])
            e->before[r]--;
        else
            detector_bad(&e->base[r], &plans->rungs[r], e->recent[0].gap);
    e->recent_n--;
    memmove(e->recent, e->recent + 1, e->recent_n * sizeof(*e->recent));
}

static void list_add(struct evidence *e, const struct evidence_plans *plans,
                     struct evidence_item item)
{
    if (!e->base) {
        e->base = xcalloc(RUNG_N, sizeof(*e->base));
        memcpy(e->base, e->now, sizeof(e->now));
    }
    while (e->recent_n &&
           (e->recent_n >= EVIDENCE_RECENT || e->recent[0].at + EVIDENCE_KEPT < item.at))
        fold_oldest(e, plans);
    if (!e->recent_n) { // a long list of another day is given back
        e->recent = xfree(e->recent);
        e->recent_room = 0;
    }
    if (e->recent_n == e->recent_room) {
        e->recent_room = e->recent_room ? (uint16_t)(2 * e->recent_room) : ROOM_FIRST;
        e->recent = xrealloc(e->recent, e->recent_room, sizeof(*e->recent));
    }
    e->recent[e->recent_n++] = item;
}

void evidence_bad(struct evidence *e, const struct evidence_plans *plans, usec_t at,
                  uint32_t provider)
{
    list_add(e, plans, (struct evidence_item){.at = at, .gap = e->gap, .provider = provider});
    for (int r = 0; r < RUNG_N; r++)
        detector_bad(&e->now[r], &plans->rungs[r], e->gap);
    e->gap = 0;
    turn_to(e, bucket_of(at));
    count_bad(e, at, false);
}

/* The late reading of a rung: the buckets in order, from `since` on. */
static double read_buckets(const struct evidence *e, const struct detector_plan *plan,
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
    turn_to(e, volume->newest < bucket_of(now) ? volume->newest : bucket_of(now));
    if (!turn_to(e, bucket_of(at)))
        return;
    count_bad(e, at, true);
    for (int r = 0; r < RUNG_N; r++)
        e->late[r] = (float)read_buckets(e, &plans->rungs[r], volume, (enum rung)r);
}

static double larger(const struct evidence *e, struct detector d,
                     const struct evidence_plans *plans, enum rung rung, uint64_t gap)
{
    detector_good(&d, &plans->rungs[rung], gap);
    return fmax(detector_evidence(&d), (double)e->late[rung]);
}

double evidence_of(const struct evidence *e, const struct evidence_plans *plans, enum rung rung)
{
    return larger(e, e->now[rung], plans, rung, e->gap);
}

bool evidence_alarms(const struct evidence *e, const struct evidence_plans *plans, enum rung rung,
                     double scale)
{
    const struct detector_plan *plan = &plans->rungs[rung];
    return plan->p0 > 0 && e->distinct[rung] && e->distinct[rung] >= plans->least[rung] &&
           evidence_of(e, plans, rung) >= detector_alarm(plan, scale);
}

double evidence_without(const struct evidence *e, const struct evidence_plans *plans,
                        enum rung rung, uint32_t provider)
{
    struct detector d = e->base ? e->base[rung] : e->now[rung];
    uint64_t gap = 0;
    for (uint16_t i = 0; i < e->recent_n; i++) {
        gap += e->recent[i].gap;
        if (e->recent[i].provider == provider)
            continue;
        if (i >= e->before[rung])
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
    for (uint16_t i = 0; i < e->recent_n && e->recent_n - i > (int)most; i++) {
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
    for (uint16_t i = 0; i < e->recent_n; i++) {
        if (e->recent[i].provider != *provider)
            continue;
        if (last == INT64_MIN || e->recent[i].at > last + RUN_PAUSE)
            *begin = e->recent[i].at;
        last = e->recent[i].at;
    }
    return true;
}

/* A bad one that never was. */
static void uncount(struct evidence *e, usec_t at, uint16_t index)
{
    uint32_t bucket = bucket_of(at);
    if (is_kept(bucket, e->newest) && e->buckets) {
        struct evidence_bucket *b = &e->buckets[bucket % EVIDENCE_BUCKETS];
        b->bad -= b->bad > b->late;
    }
    for (int r = 0; r < RUNG_N; r++) {
        if (index >= e->before[r])
            e->distinct[r] -= e->distinct[r] > 0;
        if (at >= e->since[r] && bucket == bucket_of(e->since[r]))
            e->rest[r] -= e->rest[r] > 0;
    }
}

/* Keeps of the list what `provider` and `since` do not hit; gives how many went. */
static uint32_t sift(struct evidence *e, uint32_t provider, usec_t since)
{
    uint16_t kept = 0, n = e->recent_n, before[RUNG_N] = {0};
    uint64_t gap = 0;
    for (uint16_t i = 0; i < n; i++) {
        struct evidence_item item = e->recent[i];
        gap += item.gap;
        if ((item.provider == provider || provider == UINT32_MAX) && item.at >= since) {
            uncount(e, item.at, i);
            continue;
        }
        for (int r = 0; r < RUNG_N; r++)
            before[r] += i < e->before[r];
        item.gap = gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
        gap = 0;
        e->recent[kept++] = item;
    }
    gap += e->gap;
    e->gap = gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
    e->recent_n = kept;
    memcpy(e->before, before, sizeof(before));
    return n - kept;
}

uint32_t evidence_take_out(struct evidence *e, const struct evidence_plans *plans,
                           uint32_t provider, usec_t since)
{
    uint32_t gone = sift(e, provider, since);
    if (!gone)
        return 0;
    // The late reading held them too. Without the volume it cannot be read here: the next late one
    // reads it anew, and until then it accuses nobody.
    forget_late(e);
    memcpy(e->now, e->base, sizeof(e->now));
    for (uint16_t i = 0; i < e->recent_n; i++)
        for (int r = 0; r < RUNG_N; r++)
            if (i >= e->before[r])
                detector_bad(&e->now[r], &plans->rungs[r], e->recent[i].gap);
    if (!e->recent_n)
        drop_list(e);
    return gone;
}

static void reset_one(struct evidence *e, enum rung rung, usec_t now)
{
    e->now[rung] = (struct detector){0};
    if (e->base)
        e->base[rung] = (struct detector){0};
    e->before[rung] = e->recent_n;
    e->distinct[rung] = 0;
    e->since[rung] = now;
    e->rest[rung] = 0;
    e->late[rung] = 0;
}

void evidence_reset(struct evidence *e, enum rung rung, usec_t now)
{
    for (int r = 0; r <= (int)rung; r++)
        reset_one(e, (enum rung)r, now);
}

void evidence_reset_all(struct evidence *e, usec_t now)
{
    evidence_reset(e, RUNG_N - 1, now);
}

uint64_t evidence_bad_day(const struct evidence *e, usec_t now)
{
    uint64_t sum = 0;
    for (uint32_t bucket = day_begin(now); e->buckets && bucket <= bucket_of(now); bucket++)
        if (is_kept(bucket, e->newest))
            sum += e->buckets[bucket % EVIDENCE_BUCKETS].bad;
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
    if (e->base)
        save_detectors(out, e->base);
    for (uint16_t i = 0; i < e->recent_n; i++) {
        pack_i64(out, e->recent[i].at);
        pack_u32(out, e->recent[i].gap);
        pack_u32(out, e->recent[i].provider);
    }
}

void evidence_save(const struct evidence *e, struct buf *out)
{
    pack_u32(out, e->gap);
    save_detectors(out, e->now);
    save_list(out, e);
    for (int r = 0; r < RUNG_N; r++) {
        pack_u16(out, e->before[r]);
        pack_u32(out, e->distinct[r]);
        pack_i64(out, e->since[r]);
        pack_u16(out, e->rest[r]);
        pack_f32(out, e->late[r]);
    }
    pack_bool(out, e->buckets);
    pack_u32(out, e->newest);
    for (int i = 0; e->buckets && i < EVIDENCE_BUCKETS; i++) {
        pack_u16(out, e->buckets[i].bad);
        pack_u16(out, e->buckets[i].late);
    }
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
    e->base = xcalloc(RUNG_N, sizeof(*e->base));
    e->recent = xcalloc(n, sizeof(*e->recent));
    e->recent_n = e->recent_room = (uint16_t)n;
    if (!load_detectors(in, e->base))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        struct evidence_item *item = &e->recent[i];
        if (!take_i64(in, &item->at) || !take_u32(in, &item->gap) || !take_u32(in, &item->provider))
            return false;
    }
    return true;
}

static bool load_rungs(struct bytes *in, struct evidence *e)
{
    for (int r = 0; r < RUNG_N; r++)
        if (!take_u16(in, &e->before[r]) || e->before[r] > e->recent_n ||
            !take_u32(in, &e->distinct[r]) || !take_i64(in, &e->since[r]) ||
            !take_u16(in, &e->rest[r]) || !take_f32(in, &e->late[r]))
            return false;
    return true;
}

static bool load_buckets(struct bytes *in, struct evidence *e)
{
    bool has_buckets;
    if (!take_bool(in, &has_buckets) || !take_u32(in, &e->newest))
        return false;
    if (!has_buckets)
        return !e->newest && !e->recent_n;
    e->buckets = xcalloc(EVIDENCE_BUCKETS, sizeof(*e->buckets));
    for (int i = 0; i < EVIDENCE_BUCKETS; i++) {
        struct evidence_bucket *b = &e->buckets[i];
        if (!take_u16(in, &b->bad) || !take_u16(in, &b->late) || b->late > b->bad)
            return false;
        e->late_n += b->late;
    }
    return true;
}

bool evidence_load(struct evidence *e, struct bytes *in)
{
    struct evidence fresh = {0};
    if (!take_u32(in, &fresh.gap) || !load_detectors(in, fresh.now) || !load_list(in, &fresh) ||
        !load_rungs(in, &fresh) || !load_buckets(in, &fresh)) {
        evidence_deinit(&fresh);
        return false;
    }
    evidence_deinit(e);
    *e = fresh;
    return true;
}
