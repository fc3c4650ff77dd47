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
#include "warden/warden_room.h"

enum { RETRY = 1 };

/* One entry on its way into the ledger. */
struct decision {
    struct list link;
    struct warden *warden;
    struct entry *entry;           // ours; the ledger gets copies
    struct entry_name provisional; // seq 0: not applied yet
    bool is_waiting;               // names an entry that has only a provisional name yet
    struct timer retry;
    void (*done)(void *ctx, int r, const struct ledger_row *row);
    void *ctx;
};

static void decision_free(struct decision *d)
{
    timer_stop(d->warden->options.timers, &d->retry);
    list_remove(&d->link);
    entry_free(d->entry);
    xfree(d);
}

struct warden *warden_new(const struct warden_options *options)
{
    struct warden *w = xcalloc(1, sizeof(*w));
    w->options = *options;
    list_init(&w->decisions);
    list_init(&w->reports_in_order);
    list_init(&w->letters);
    incident_load(w);
    return w;
}

struct warden *warden_free(struct warden *w)
{
    if (!w)
        return NULL;
    struct decision *d;
    LIST_EACH (&w->decisions, d, link) { // waiting for room on the disk, or for such a one's name
        if (d->done)
            d->done(d->ctx, -ECANCELED, NULL);
        decision_free(d);
    }
    reports_deinit(w);
    letters_deinit(w);
    incident_deinit(w);
    return xfree(w);
}

void warden_set_settings(struct warden *w, const struct settings *settings)
{
    w->options.settings = settings;
}

static void decision_append(struct decision *d);

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
    struct decision *d;
    LIST_EACH (&w->decisions, d, link) {
        for (size_t i = 0; d->is_waiting && i < d->entry->names_n; i++)
            if (entry_name_equal(d->entry->names[i], provisional))
                d->entry->names[i] = name;
        if (d->is_waiting && !has_provisional_name(d->entry)) {
            d->is_waiting = false;
            decision_append(d);
        }
    }
}

static void on_retry(void *ctx)
{
    decision_append(ctx);
}

static void on_appended(void *ctx, int r, const struct ledger_row *row)
{
    struct decision *d = ctx;
    struct warden *w = d->warden;
    bool is_applied = d->provisional.seq;
    if (r < 0) {
        log_error("warden", "%s %s is not in the ledger yet: %s", kind_text(d->entry->kind),
                  d->entry->target, strerror(-r));
        if (d->done)
            d->done(d->ctx, r, NULL);
        d->done = NULL;
        // It rules already, or is shown already: it must come to stand in the ledger.
        if (is_applied || d->entry->kind == KIND_INCIDENT || d->entry->kind == KIND_INCIDENT_END)
            timer_set(w->options.timers, &d->retry, clock_monotonic() + RETRY * USEC_SECOND,
                      on_retry, d);
        else
            decision_free(d);
        return;
    }
    if (is_applied) {
        state_rename(w->options.state, d->provisional, row->entry);
        name_settled(w, d->provisional, row->entry->name);
    } else {
        state_apply(w->options.state, row->entry);
    }
    log_notice("warden", "%s %s by %s: %s", kind_text(row->entry->kind), row->entry->target,
               row->entry->actor, row->entry->reason);
    incident_on_entry(w, row->entry);
    w->options.on_changed(w->options.ctx);
    w->options.on_entry(w->options.ctx, row);
    notice_send(w, row->entry);
    if (d->done)
        d->done(d->ctx, 0, row);
    decision_free(d);
}

static void decision_append(struct decision *d)
{
    ledger_append(d->warden->options.store, entry_copy(d->entry), on_appended, d);
}

void warden_enforce(struct warden *w, struct entry *e,
                    void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx)
{
    struct decision *d = xcalloc(1, sizeof(*d));
    *d = (struct decision){.warden = w, .entry = e, .done = done, .ctx = ctx};
    list_add_last(&w->decisions, &d->link);
    if (!e->at)
        e->at = clock_wall();
    if (kind_shape(e->kind) == SHAPE_HOLD) {
        d->provisional = (struct entry_name){.seq = ++w->provisional};
        CLEANUP(entry_free) struct entry *now = entry_copy(e);
        now->name = d->provisional;
        state_apply(w->options.state, now);
        w->options.on_changed(w->options.ctx);
    }
    d->is_waiting = has_provisional_name(e);
    if (!d->is_waiting)
        decision_append(d);
}
