// The table of unknown replies over the engine's life: its file, and what a new configuration knows.
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "mail/replies.h"
#include "settings/settings.h"
#include "store/keep.h"
#include "store/store.h"
#include "warden/unknown.h"
#include "warden/warden_room.h"

#define FILE_NAME "unknown-replies"

static void wait_to_keep(struct warden *w);

static void on_kept(void *ctx, int r)
{
    struct warden *w = ctx;
    w->unknown_is_keeping = false;
    if (r == 0)
        return;
    w->unknown.is_changed = true; // tried again with the next reply, or the next configuration
    log_warning("warden", "unknown replies could not be kept: %s", strerror(-r));
}

void warden_keep_unknown(struct warden *w)
{
    struct buf out = {0};
    if (!w->unknown.is_changed || !store_may_accept(w->options.store))
        return; // the room is for mail
    unknown_save(&w->unknown, &out);
    w->unknown_is_keeping = true;
    keep_save(w->options.store, FILE_NAME, &out, on_kept, w);
}

static void on_time(void *ctx)
{
    struct warden *w = ctx;
    w->unknown_is_due = false;
    if (w->unknown_is_keeping)
        wait_to_keep(w);
    else
        warden_keep_unknown(w);
}

static void wait_to_keep(struct warden *w)
{
    if (w->unknown_is_due)
        return;
    w->unknown_is_due = true;
    timer_set(w->options.timers, &w->unknown_due, clock_monotonic() + UNKNOWN_KEEP_SPAN, on_time,
              w);
}

void unknown_on_outcome(struct warden *w, const struct outcome *o)
{
    unknown_add(&w->unknown, o);
    wait_to_keep(w);
}

void unknown_set_settings(struct warden *w)
{
    const struct settings *s = w->options.settings;
    if (!w->unknown.by_key.count)
        return; // rules are compiled for nothing
    CLEANUP(replies_free) struct replies *rules = replies_new(s->replies, s->replies_n);
    size_t n = unknown_forget_known(&w->unknown, rules);
    if (n)
        log_notice("warden", "unknown replies: %zu shapes that a rule knows now are taken out", n);
    if (w->unknown.is_changed)
        wait_to_keep(w);
}

void unknown_open(struct warden *w)
{
    CLEANUP(buf_deinit) struct buf kept = {0};
    unknown_init(&w->unknown);
    int r = keep_load(w->options.store, FILE_NAME, &kept);
    if (r == 1)
        return;
    if (r < 0 || !unknown_load(&w->unknown, buf_bytes(&kept)))
        log_notice("warden", "the unknown replies that were kept can't be read here");
    unknown_set_settings(w);
}

void unknown_close(struct warden *w)
{
    timer_stop(w->options.timers, &w->unknown_due);
    unknown_deinit(&w->unknown);
}

const struct unknown *warden_unknown(const struct warden *w)
{
    return &w->unknown;
}
