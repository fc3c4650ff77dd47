// Over a restart: what reputation knew is kept with the time of the newest outcome in it, and how many
// had that very time; history has what came since, in the order in which it was fed. While that is
// read, the ledger's entries are told at their own time, and a decision that stands in it is not made
// twice. One that is missing was made right before a kill, and is made now; an old one that is missing
// (another policy judged then, or nothing was kept) is not: reputation is told what stands instead.
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "core/decision.h"
#include "core/entry.h"
#include "core/outcome.h"
#include "core/pack.h"
#include "core/reputation.h"
#include "core/state.h"
#include "store/history.h"
#include "store/keep.h"
#include "store/ledger.h"
#include "store/store.h"
#include "warden/decide.h"
#include "warden/incident.h"
#include "warden/reputation.h"
#include "warden/warden_room.h"

enum { FORMAT = 1 }; // of what is written here; reputation_save() has a version of its own

#define FILE_NAME "reputation"
#define FILE_MARK "mxwarden reputation"
#define SAME (5 * USEC_SECOND) // an entry this near to a decision is that one's
#define RECENT (USEC_MINUTE)   // missing decisions this near to the end are made
#define OLDEST (USEC_DAY)      // what is read of history when nothing was kept

struct recall {
    struct warden *warden;
    usec_t since;
    uint64_t skip;          // outcomes of the time `since` that are in what was kept
    struct entry **entries; // of the ledger since then, in order
    bool *is_used;          // a decision was found to be it
    size_t n, next, from;   // next to tell; where decisions are looked for
    struct decision *missing;
    size_t missing_n;
    uint64_t fed;
};

// ---- keeping

static void on_kept(void *ctx, int r)
{
    struct warden *w = ctx;
    w->judging.is_keeping = false;
    if (r == 0)
        return;
    w->judging.kept_at = 0;
    log_warning("warden", "what reputation knows could not be kept, tried again in %d s: %s",
                (int)(WARDEN_KEEP_SPAN / USEC_SECOND), strerror(-r));
}

static void pack_keys(struct buf *out, const struct map *m)
{
    struct map_item *item;
    pack_u32(out, (uint32_t)m->count);
    for (size_t i = 0; (item = map_next(m, &i));)
        pack_bytes(out, bytes_of(item->key, item->key_n));
}

void warden_keep(struct warden *w)
{
    struct judging *j = &w->judging;
    struct buf out = {0}, inner = {0};
    if (!store_may_accept(w->options.store))
        return; // the room is for mail; history has what was not kept
    pack_str(&out, FILE_MARK);
    pack_u32(&out, FORMAT);
    pack_i64(&out, j->fed_at);
    pack_u64(&out, j->fed_n);
    pack_keys(&out, &j->beliefs);
    pack_keys(&out, &j->listings);
    reputation_save(j->reputation, &inner);
    pack_bytes(&out, buf_bytes(&inner));
    buf_deinit(&inner);
    j->is_keeping = true;
    j->kept_at = j->fed_at;
    j->kept_n = j->fed_n;
    keep_save(w->options.store, FILE_NAME, &out, on_kept, w);
}

static void on_keep(void *ctx)
{
    struct warden *w = ctx;
    struct judging *j = &w->judging;
    if (!j->is_keeping && (j->fed_at != j->kept_at || j->fed_n != j->kept_n))
        warden_keep(w);
    timer_set(w->options.timers, &w->judging.keep, clock_monotonic() + WARDEN_KEEP_SPAN, on_keep,
              w);
}

static bool take_keys(struct bytes *in, struct map *m)
{
    static char there[] = "there"; // the map's values
    uint32_t n;
    if (!take_count(in, &n, 4))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        struct bytes key;
        if (!take_bytes(in, &key) || key.n >= DECISION_TARGET)
            return false;
        map_put(m, key, there);
    }
    return true;
}

static bool read_kept(struct warden *w, struct bytes in)
{
    struct judging *j = &w->judging;
    char mark[sizeof(FILE_MARK)];
    uint32_t format;
    struct bytes inner;
    return take_text(&in, mark, sizeof(mark)) && strcmp(mark, FILE_MARK) == 0 &&
           take_u32(&in, &format) && format == FORMAT && take_i64(&in, &j->fed_at) &&
           take_u64(&in, &j->fed_n) && take_keys(&in, &j->beliefs) &&
           take_keys(&in, &j->listings) && take_bytes(&in, &inner) &&
           reputation_load(j->reputation, inner);
}

// False: nothing was kept that can be read; reputation is fresh then.
static bool load_kept(struct warden *w)
{
    CLEANUP(buf_deinit) struct buf kept = {0};
    int r = keep_load(w->options.store, FILE_NAME, &kept);
    if (r == 0 && read_kept(w, buf_bytes(&kept)))
        return true;
    if (r == 1)
        return false;
    log_notice("warden", "what reputation knew can't be read here: history is read instead");
    judging_deinit(w);
    w->judging = (struct judging){0};
    judging_init(w);
    return false;
}

// ---- the ledger since then

static void on_entry(void *ctx, const struct entry *e)
{
    struct recall *r = ctx;
    if ((r->n & (r->n - 1)) == 0)
        r->entries = xrealloc(r->entries, r->n ? 2 * r->n : 1,
                              // NOLINTNEXTLINE(bugprone-sizeof-expression): it holds pointers
                              sizeof(*r->entries));
    r->entries[r->n++] = entry_copy(e);
}

static bool is_own(const struct recall *r, const struct entry *e)
{
    return decide_is_own(e, store_node_id(r->warden->options.store));
}

static void tell_until(struct recall *r, usec_t at)
{
    for (; r->next < r->n && r->entries[r->next]->at <= at; r->next++)
        judging_tell(r->warden, r->entries[r->next], r->entries[r->next]->at);
}

static bool is_it(const struct recall *r, const struct entry *e, const struct decision *d)
{
    enum kind kind;
    const char *would = entry_field_get(e, "would");
    if (!is_own(r, e) || strcmp(e->target, d->target) != 0 || e->at > d->at + SAME)
        return false;
    if (e->kind == KIND_OBSERVED)
        return would && strcmp(would, action_text(d->action)) == 0;
    return decide_kind(&kind, d->action) && kind == e->kind;
}

static bool is_in_ledger(struct recall *r, const struct decision *d)
{
    while (r->from < r->n && r->entries[r->from]->at < d->at - SAME)
        r->from++;
    for (size_t i = r->from; i < r->n && r->entries[i]->at <= d->at + SAME; i++)
        if (!r->is_used[i] && is_it(r, r->entries[i], d))
            return r->is_used[i] = true;
    return false;
}

// A provider's incident that was open then; its end needs no other.
static bool is_known_incident(const struct warden *w, const struct decision *d)
{
    bool is_end = d->action == ACTION_INCIDENT_END;
    for (size_t i = 0; i < w->incidents.n; i++) {
        const struct incident *known = w->incidents.items[i];
        if (strcmp(known->subject, d->target) != 0 || known->opened_at > d->at + SAME)
            continue;
        if (is_end && !known->closed_at)
            return false;
        if (!is_end && (!known->closed_at || known->closed_at >= d->at - SAME))
            return true;
    }
    return is_end;
}

bool recall_takes(struct warden *w, const struct decision *d)
{
    struct recall *r = w->judging.past;
    bool is_incident = d->action == ACTION_INCIDENT || d->action == ACTION_INCIDENT_END;
    if (is_incident ? is_known_incident(w, d) : is_in_ledger(r, d)) {
        if (w->judging.mode != JUDGING_ENFORCE)
            judging_believe(w, d->target);
        return true;
    }
    while (r->missing_n && r->missing[0].at < d->at - RECENT) {
        judging_believe(w, r->missing[0].target);
        memmove(r->missing, r->missing + 1, --r->missing_n * sizeof(*r->missing));
    }
    r->missing = xrealloc(r->missing, r->missing_n + 1, sizeof(*r->missing));
    r->missing[r->missing_n++] = *d;
    return true;
}

// ---- all together

// What time alone brought about before then, at the time when it was due.
static void tick_until(struct recall *r, usec_t at)
{
    struct reputation *reputation = r->warden->judging.reputation;
    usec_t due, before = 0;
    while ((due = reputation_due(reputation)) <= at && due > before) {
        tell_until(r, due);
        reputation_tick(reputation, due);
        before = due;
    }
}

static void on_outcome(void *ctx, const struct outcome *o)
{
    struct recall *r = ctx;
    if (o->at == r->since && r->skip) {
        r->skip--;
        return;
    }
    tick_until(r, o->at);
    tell_until(r, o->at);
    warden_on_fact(r->warden, o);
    r->fed++;
}

static void tell_old_hold(void *ctx, const struct entry *e)
{
    struct recall *r = ctx;
    if (e->at < r->since)
        judging_tell_hold(r->warden, e, r->since);
}

// What stands by the engine and no decision was found for: it was judged on more than was read.
static void tell_unused(struct recall *r)
{
    struct state *s = r->warden->options.state;
    usec_t now = clock_wall();
    for (size_t i = 0; i < r->n; i++) {
        const struct entry *e = r->entries[i];
        const struct state_entry *se = state_entry_get(s, e->name);
        if (!r->is_used[i] && e->at > r->since && is_own(r, e) && se && state_stands(s, se, now))
            judging_tell_hold(r->warden, e, now);
    }
}

static void finish(struct recall *r)
{
    struct warden *w = r->warden;
    w->judging.past = NULL;
    tell_unused(r);
    for (size_t i = 0; i < r->missing_n; i++) {
        if (r->missing[i].at >= w->judging.fed_at - RECENT ||
            r->missing[i].action == ACTION_INCIDENT_END)
            judging_enforce(w, &r->missing[i]);
        else
            judging_believe(w, r->missing[i].target);
    }
    if (w->judging.mode == JUDGING_ENFORCE)
        judging_forget_beliefs(w);
    for (size_t i = 0; i < r->n; i++)
        entry_free(r->entries[i]);
    xfree(r->entries);
    xfree(r->is_used);
    xfree(r->missing);
}

void warden_recall(struct warden *w)
{
    struct judging *j = &w->judging;
    usec_t began = clock_monotonic();
    struct recall r = {.warden = w};
    bool has_kept = load_kept(w);
    r.since = j->fed_at ? j->fed_at : clock_wall() - OLDEST;
    r.skip = j->fed_n;
    ledger_each_since(w->options.store, r.since - SAME, on_entry, &r);
    r.is_used = xcalloc(r.n + 1, sizeof(*r.is_used));
    while (r.next < r.n && r.entries[r.next]->at < r.since && has_kept)
        r.next++; // told before it was kept
    if (has_kept)
        judging_set_settings(w); // they may be others since
    j->past = &r;
    if (!has_kept)
        state_each_standing(w->options.state, r.since, tell_old_hold, &r);
    history_each(w->options.store, r.since, on_outcome, &r);
    if (r.n)
        tick_until(&r, r.entries[r.n - 1]->at);
    tell_until(&r, USEC_NEVER);
    finish(&r);
    log_notice("warden", "reputation: %llu outcomes read from history in %d ms, %s",
               (unsigned long long)r.fed, (int)((clock_monotonic() - began) / USEC_MS),
               has_kept ? "behind what was kept" : "nothing was kept");
    timer_set(w->options.timers, &j->keep, clock_monotonic() + WARDEN_KEEP_SPAN, on_keep, w);
    judging_wait(w);
}
