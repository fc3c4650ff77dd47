// The order of opening is the order of needs: ports while we may still be root; no thread before root
// is given up (capabilities are a thread's own); then the state, and what lives on it.
#include "engine/engine.h"

#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"
#include "core/entry.h"
#include "delivery/delivery.h"
#include "engine/engine_room.h"
#include "engine/keys.h"
#include "engine/privileges.h"
#include "intake/intake.h"
#include "net/dns.h"
#include "settings/settings.h"
#include "store/spool.h"
#include "store/store.h"
#include "warden/feedback.h"
#include "warden/probe.h"
#include "warden/reader.h"
#include "warden/reputation.h"
#include "warden/suppress.h"
#include "warden/unknown.h"
#include "warden/warden.h"

enum { LOOK_SECONDS = 30, HISTORY_DAYS = 30, FILES_LEAST = 64 };

static void on_changed(void *ctx)
{
    struct engine *e = ctx;
    delivery_changed(e->delivery);
}

static void on_message(void *ctx, struct spool_message *m)
{
    struct engine *e = ctx;
    delivery_add(e->delivery, m);
}

static void query_feedback(void *ctx, const char *address, struct smtp_reply *reply)
{
    struct engine *e = ctx;
    feedback_query(e->warden, address, reply);
}

static void on_feedback(void *ctx, const char *const *recipients, size_t n, struct bytes mail,
                        void (*done)(void *done_ctx, const struct smtp_reply *reply),
                        void *done_ctx)
{
    struct engine *e = ctx;
    feedback_take(e->warden, recipients, n, mail, done, done_ctx);
}

static void on_fatal(void *ctx, const char *why)
{
    struct engine *e = ctx;
    log_error("engine", "%s: accepting nothing more, ending", why);
    xfree(e->problem);
    e->problem = xstrdup(why);
    e->exit_code = 1;
    uv_stop(&e->loop);
}

static void on_look(void *ctx)
{
    struct engine *e = ctx;
    if (roster_look(e)) {
        warden_roster_changed(e->warden);
        delivery_changed(e->delivery);
    }
    conditions_look(e);
    timer_set(e->timers, &e->look, clock_monotonic() + LOOK_SECONDS * USEC_SECOND, on_look, e);
}

// Sessions may still bring messages while deliveries finish: both must be over.
static void on_part_over(struct engine *e)
{
    if (!e->is_intake_over || !e->is_delivery_over)
        return;
    warden_flush(e->warden);
    warden_keep(e->warden);
    warden_keep_unknown(e->warden);
    uv_stop(&e->loop);
}

static void on_delivery_stopped(void *ctx)
{
    struct engine *e = ctx;
    e->is_delivery_over = true;
    on_part_over(e);
}

static void on_intake_stopped(void *ctx)
{
    struct engine *e = ctx;
    e->is_intake_over = true;
    on_part_over(e);
}

static void on_term(uv_signal_t *signal, int number)
{
    struct engine *e = signal->data;
    if (e->is_ending)
        return;
    log_notice("engine", "ending on signal %d: deliveries in flight finish", number);
    e->is_ending = true;
    intake_stop(e->intake, on_intake_stopped, e);
    delivery_stop(e->delivery, on_delivery_stopped, e);
}

static void on_hup(uv_signal_t *signal, int number)
{
    struct engine *e = signal->data;
    CLEANUP(xfree) char *mistakes = NULL;
    (void)number;
    if (!e->is_ending)
        reload(e, "signal", &mistakes); // the log says what is wrong
}

static void watch_signal(struct engine *e, uv_signal_t *signal, int number,
                         void (*on_signal)(uv_signal_t *, int))
{
    uv_signal_init(&e->loop, signal);
    signal->data = e;
    uv_signal_start(signal, on_signal, number);
    uv_unref((uv_handle_t *)signal);
}

static void watch_signals(struct engine *e)
{
    watch_signal(e, &e->on_term, SIGTERM, on_term);
    watch_signal(e, &e->on_int, SIGINT, on_term);
    watch_signal(e, &e->on_hup, SIGHUP, on_hup);
}

// The folders that root may have to make for the user.
static int make_folders(const struct settings *s, char **why)
{
    CLEANUP(xfree) char *socket = xstrdup(s->control.socket);
    int r = privileges_make_state(s->state, s->user, why);
    return r ? r : privileges_make_folder(dirname(socket), s->state, s->user, why);
}

static int open_rooms(struct engine *e, bool has_keys, char **why)
{
    const struct settings *s = e->settings;
    int r = store_open(&e->store, &e->loop,
                       &(struct store_options){.dir = s->state,
                                               .disk_reserve = s->limits.disk_reserve,
                                               .history_kept = HISTORY_DAYS * USEC_DAY,
                                               .on_fatal = on_fatal,
                                               .ctx = e},
                       why);
    if (!r && !has_keys)
        r = keys_make(&e->keys, s->state, why);
    if (r)
        return r;
    intake_set_store(e->intake, e->store);
    roster_set(e);
    facts_load(e);
    e->dns = resolver_new(e, s, why);
    if (!e->dns)
        return 1;
    e->warden = warden_new(&(struct warden_options){.store = e->store,
                                                    .state = &e->state,
                                                    .timers = e->timers,
                                                    .settings = s,
                                                    .on_changed = on_changed,
                                                    .on_message = on_message,
                                                    .reader = e->reader,
                                                    .keys = &e->keys,
                                                    .on_late = facts_on_intake,
                                                    .on_entry = facts_on_entry,
                                                    .ctx = e});
    intake_set_suppressions(e->intake, warden_suppressions(e->warden));
    e->delivery = delivery_new(&(struct delivery_options){.loop = &e->loop,
                                                          .store = e->store,
                                                          .state = &e->state,
                                                          .dns = e->dns,
                                                          .settings = s,
                                                          .keys = &e->keys,
                                                          .on_outcome = facts_on_delivery,
                                                          .on_door = facts_on_intake,
                                                          .ctx = e});
    warden_recall(e->warden); // what it decides now reaches delivery
    watch_signals(e);         // before anybody can see that it is there, and send one
    return door_open(e, why);
}

int engine_open(struct engine **out, struct settings *settings, struct reader *reader, char **why)
{
    CLEANUP(engine_free) struct engine *e = xcalloc(1, sizeof(*e));
    bool has_keys = false;
    e->settings = settings;
    e->reader = reader;
    e->started_at = clock_wall();
    unsigned long files = privileges_raise_files();
    if (files < FILES_LEAST)
        log_warning("engine", "only %lu descriptors: few sessions at once", files);
    must(uv_loop_init(&e->loop) == 0);
    e->is_loop_open = true;
    e->timers = timers_new(&e->loop);
    reader_start(reader, &e->loop, e->timers);
    state_init(&e->state);
    e->intake = intake_new(&(struct intake_options){.loop = &e->loop,
                                                    .settings = settings,
                                                    .state = &e->state,
                                                    .timers = e->timers,
                                                    .on_accepted = on_message,
                                                    .on_outcome = facts_on_intake,
                                                    .on_submitted = facts_on_submitted,
                                                    .query_feedback = query_feedback,
                                                    .on_feedback = on_feedback,
                                                    .ctx = e});
    int r = make_folders(settings, why);
    if (!r && store_is_held(settings->state, why))
        r = 1;
    if (!r)
        r = intake_listen(e->intake, why);
    if (!r)
        r = keys_load(&e->keys, &has_keys, settings->state, why);
    if (!r)
        r = privileges_drop(settings->state, settings->user, why);
    if (!r)
        r = open_rooms(e, has_keys, why);
    if (r)
        return r;
    *out = MOVE(e);
    return 0;
}

static void note_start(struct engine *e)
{
    CLEANUP(xfree) char *target = xasprintf("node:%s", e->settings->node);
    warden_enforce(e->warden, entry_new(KIND_START, "engine", target, "version " MXWARDEN_VERSION),
                   NULL, NULL);
    log_notice("engine", "%s runs: version %s, state %s", e->settings->node, MXWARDEN_VERSION,
               e->settings->state);
}

int engine_run(struct engine *e)
{
    note_start(e);
    roster_probe(e);
    delivery_start(e->delivery);
    on_look(e);
    uv_run(&e->loop, UV_RUN_DEFAULT);
    log_notice("engine", "ended%s%s", e->problem ? ": " : "", e->problem ? e->problem : "");
    return e->exit_code;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

struct engine *engine_free(struct engine *e)
{
    if (!e)
        return NULL;
    e->control = control_close(e->control);
    if (e->warden)
        feedback_stop(e->warden);
    reader_free(e->reader);
    store_close(e->store); // its last callbacks find everybody else there
    probe_free(e->probe);
    dns_free(e->dns);
    delivery_free(e->delivery);
    intake_free(e->intake);
    warden_free(e->warden);
    if (e->is_loop_open) {
        timers_free(e->timers);
        uv_run(&e->loop, UV_RUN_NOWAIT); // lets what was closed go
        uv_walk(&e->loop, close_handle, NULL);
        uv_run(&e->loop, UV_RUN_DEFAULT);
        uv_loop_close(&e->loop);
    }
    state_deinit(&e->state);
    settings_free(e->settings);
    xfree(e->problem);
    return xfree(e);
}
