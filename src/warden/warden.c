// A protective entry applies at once under a provisional name (node 0), since its place in the chain
// is only known at the commit; then it is renamed. So a refusal never waits for a disk.
#include "warden/warden.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "core/entry.h"
#include "core/state.h"
#include "store/ledger.h"
#include "warden/incident.h"
#include "warden/notice.h"
#include "warden/warden_room.h"

enum { RETRY = 1 };

/* One entry on its way into the ledger. */
struct pending {
    struct list link;
    struct warden *warden;
    struct entry *entry;           // ours; the ledger gets copies
    struct entry_name provisional; // seq 0: not applied yet
    struct notice_facts *facts;    // what the customer is told; NULL: the entry says all
    bool is_waiting;               // names an entry that has only a provisional name yet
    struct timer retry;
    void (*done)(void *ctx, int r, const struct ledger_row *row);
    void *ctx;
};

static void pending_free(struct pending *d)
{
    timer_stop(d->warden->options.timers, &d->retry);
    list_remove(&d->link);
    entry_free(d->entry);
    xfree(d->facts);
    xfree(d);
}

struct warden *warden_new(const struct warden_options *options)
{
    struct warden *w = xcalloc(1, sizeof(*w));
    w->options = *options;
    list_init(&w->pending);
    list_init(&w->reports_in_order);
    list_init(&w->letters);
    list_init(&w->notices);
    incident_load(w);
    notice_load(w);
    unknown_open(w);
    judging_init(w);
    suppressing_init(w);
    incoming_init(w);
    return w;
}

struct warden *warden_free(struct warden *w)
{
    if (!w)
        return NULL;
    struct pending *d;
    LIST_EACH (&w->pending, d, link) { // waiting for room on the disk, or for such a one's name
        if (d->done)
            d->done(d->ctx, -ECANCELED, NULL);
        pending_free(d);
    }
    incoming_deinit(w);
    reports_deinit(w);
    letters_deinit(w);
    notice_deinit(w);
    suppressing_deinit(w);
    judging_deinit(w);
    unknown_close(w);
    incident_deinit(w);
    return xfree(w);
}

void warden_set_settings(struct warden *w, const struct settings *settings)
{
    w->options.settings = settings;
    judging_set_settings(w);
    incoming_set_settings(w);
    unknown_set_settings(w);
}

static void pending_append(struct pending *d);

static bool has_provisional_name(const struct entry *e)
{
    for (size_t i = 0; i < e->names_n; i++)
        if (!e->names[i].node.v)
            return true;
    return false;
}

// Decisions that lift a hold which had only a provisional name may go now.
static void name_settled(struct warden *w, struct entry_name provisional, struct entry_name name)
{
    struct pending *d;
    LIST_EACH (&w->pending, d, link) {
        for (size_t i = 0; d->is_waiting && i < d->entry->names_n; i++)
            if (entry_name_equal(d->entry->names[i], provisional))
                d->entry->names[i] = name;
        if (d->is_waiting && !has_provisional_name(d->entry)) {
            d->is_waiting = false;
            pending_append(d);
        }
    }
}

static void on_retry(void *ctx)
{
    pending_append(ctx);
}

static bool is_engine(const struct entry *e)
{
    return strcmp(e->actor, "engine") == 0;
}

static void on_appended(void *ctx, int r, const struct ledger_row *row)
{
    struct pending *d = ctx;
    struct warden *w = d->warden;
    bool is_applied = d->provisional.seq;
    if (r < 0) {
        log_error("warden", "%s %s is not in the ledger yet: %s", kind_text(d->entry->kind),
                  d->entry->target, strerror(-r));
        if (d->done)
            d->done(d->ctx, r, NULL);
        d->done = NULL;
        // It rules already, or is what the engine went on from: it must come to stand in the ledger.
        if (is_applied || is_engine(d->entry))
            timer_set(w->options.timers, &d->retry, clock_monotonic() + RETRY * USEC_SECOND,
                      on_retry, d);
        else
            pending_free(d);
        return;
    }
    if (is_applied) {
        state_rename(w->options.state, d->provisional, row->entry);
        name_settled(w, d->provisional, row->entry->name);
    } else {
        state_apply(w->options.state, row->entry);
        judging_on_entry(w, row->entry);
    }
    log_notice("warden", "%s %s by %s: %s", kind_text(row->entry->kind), row->entry->target,
               row->entry->actor, row->entry->reason);
    incident_on_entry(w, row->entry);
    w->options.on_changed(w->options.ctx);
    w->options.on_entry(w->options.ctx, row);
    notice_send(w, row->entry, d->facts);
    if (d->done)
        d->done(d->ctx, 0, row);
    pending_free(d);
}

static void pending_append(struct pending *d)
{
    ledger_append(d->warden->options.store, entry_copy(d->entry), on_appended, d);
}

void warden_enforce_with(struct warden *w, struct entry *e, struct notice_facts *facts,
                         void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx)
{
    struct pending *d = xcalloc(1, sizeof(*d));
    *d = (struct pending){.warden = w, .entry = e, .facts = facts, .done = done, .ctx = ctx};
    list_add_last(&w->pending, &d->link);
    if (!e->at)
        e->at = clock_wall();
    if (kind_shape(e->kind) == SHAPE_HOLD) {
        d->provisional = (struct entry_name){.seq = ++w->provisional};
        CLEANUP(entry_free) struct entry *now = entry_copy(e);
        now->name = d->provisional;
        state_apply(w->options.state, now);
        judging_on_entry(w, now);
        w->options.on_changed(w->options.ctx);
    }
    d->is_waiting = has_provisional_name(e);
    if (!d->is_waiting)
        pending_append(d);
}

void warden_enforce(struct warden *w, struct entry *e,
                    void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx)
{
    warden_enforce_with(w, e, NULL, done, ctx);
}
