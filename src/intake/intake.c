#include "intake/intake.h"

#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/log.h"
#include "core/state.h"
#include "intake/rate.h"
#include "intake/session.h"
#include "net/conn.h"

// The doors and the whole: which listeners are open, how many may come in, how it ends.

enum { FILES_OF_OTHERS = 40 }; // store, resolver, log, listeners, control

static const usec_t stop_most = 5 * USEC_SECOND, stop_most_written = 10 * USEC_SECOND;
static const char refusal[] = "421 4.3.2 no room for another session now, try again later\r\n";

// Descriptors are shared with delivery in the proportion of what both may use at most.
static size_t sessions_for(const struct settings *s)
{
    struct rlimit files;
    size_t sessions = s->limits.sessions, all = sessions + s->delivery.connections;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
        return sessions;
    size_t left = files.rlim_cur > FILES_OF_OTHERS ? files.rlim_cur - FILES_OF_OTHERS : 0;
    if (left >= all)
        return sessions;
    size_t share = left * sessions / all;
    return share > 1 ? share : 1;
}

static void take_settings(struct intake *in, const struct settings *settings)
{
    in->o.settings = settings;
    in->sessions_most = sessions_for(settings);
    if (in->sessions_most < settings->limits.sessions)
        log_notice("intake", "few descriptors: %zu sessions at once instead of %u",
                   in->sessions_most, settings->limits.sessions);
    for (size_t i = 0; i < settings->listeners_n; i++)
        for (size_t k = 0; k < settings->listeners[i].trust_n; k++)
            state_customer_add(in->o.state, settings->listeners[i].trust[k].customer)->is_known =
                true;
}

struct intake *intake_new(const struct intake_options *options)
{
    struct intake *in = xcalloc(1, sizeof(*in));
    in->o = *options;
    list_init(&in->doors);
    list_init(&in->sessions);
    list_init(&in->writing);
    list_init(&in->reports);
    take_settings(in, options->settings);
    return in;
}

void intake_set_store(struct intake *in, struct store *store)
{
    in->o.store = store;
}

void intake_set_suppressions(struct intake *in, const struct suppressions *suppressions)
{
    in->o.suppressions = suppressions;
}

// ---- doors

static void on_accept(void *ctx, struct conn *conn)
{
    session_accept(ctx, conn);
}

static void door_close(struct door *door)
{
    list_remove(&door->link);
    listener_close(door->listener);
    xfree(door);
}

static void doors_close(struct list *doors)
{
    struct door *door;
    LIST_EACH (doors, door, link)
        door_close(door);
}

static struct door *door_open(struct intake *in, const struct settings_listener *settings,
                              char **why)
{
    int r;
    struct door *door = xcalloc(1, sizeof(*door));
    door->intake = in;
    door->settings = settings;
    door->listener = listener_open_tcp(in->o.loop, (const struct sockaddr *)&settings->address.sa,
                                       refusal, on_accept, door, &r);
    if (door->listener)
        return door;
    *why = xasprintf("cannot listen on %s: %s", settings->address.text, strerror(-r));
    return xfree(door);
}

static bool is_same_address(const struct settings_address *a, const struct settings_address *b)
{
    return a->sa_n == b->sa_n && memcmp(&a->sa, &b->sa, a->sa_n) == 0;
}

static struct door *door_at(struct list *doors, const struct settings_address *address)
{
    struct door *door;
    LIST_EACH (doors, door, link) {
        if (is_same_address(&door->settings->address, address))
            return door;
    }
    return NULL;
}

// Opens what `settings` has and is not open yet, into `fresh`; all or none.
static int open_new(struct intake *in, const struct settings *settings, struct list *fresh,
                    char **why)
{
    for (size_t i = 0; i < settings->listeners_n; i++) {
        const struct settings_listener *l = &settings->listeners[i];
        if (door_at(&in->doors, &l->address))
            continue;
        struct door *door = door_open(in, l, why);
        if (!door) {
            doors_close(fresh);
            return 1;
        }
        list_add_last(fresh, &door->link);
    }
    return 0;
}

int intake_listen(struct intake *in, char **why)
{
    return open_new(in, in->o.settings, &in->doors, why);
}

static bool is_wanted(const struct settings *settings, const struct door *door)
{
    for (size_t i = 0; i < settings->listeners_n; i++)
        if (is_same_address(&settings->listeners[i].address, &door->settings->address))
            return true;
    return false;
}

// The doors in the order of the settings, each with what these say of it.
static void put_in_order(struct intake *in, const struct settings *settings, struct list *fresh)
{
    struct list doors;
    list_init(&doors);
    for (size_t i = 0; i < settings->listeners_n; i++) {
        const struct settings_listener *l = &settings->listeners[i];
        struct door *door = door_at(&in->doors, &l->address);
        if (!door)
            door = door_at(fresh, &l->address);
        if (!should(door))
            continue;
        list_remove(&door->link);
        if (door->settings->kind != l->kind)
            session_shut_all(in, door); // they were let in for something else
        door->settings = l;
        list_add_last(&doors, &door->link);
    }
    struct door *door;
    LIST_EACH (&doors, door, link) {
        list_remove(&door->link);
        list_add_last(&in->doors, &door->link);
    }
}

int intake_set_settings(struct intake *in, const struct settings *settings, char **why)
{
    struct list fresh;
    list_init(&fresh);
    if (open_new(in, settings, &fresh, why) != 0)
        return 1;
    struct door *door;
    LIST_EACH (&in->doors, door, link) {
        if (is_wanted(settings, door))
            continue;
        session_shut_all(in, door);
        door_close(door);
    }
    put_in_order(in, settings, &fresh);
    take_settings(in, settings);
    return 0;
}

uint16_t intake_port(const struct intake *in, size_t i)
{
    struct door *door;
    LIST_EACH (&in->doors, door, link) {
        if (i-- == 0)
            return listener_port(door->listener);
    }
    return 0;
}

size_t intake_sessions(const struct intake *in)
{
    return in->sessions_n;
}

// ---- the end

static void on_stopped(void *ctx)
{
    struct intake *in = ctx;
    void (*stopped)(void *ctx) = MOVE(in->stopped);
    stopped(in->stopped_ctx);
}

static void on_stop_time(void *ctx)
{
    struct intake *in = ctx;
    if (clock_monotonic() >= in->stop_at) {
        on_stopped(in);
        return;
    }
    // What the spool still has was promised to nobody, but is ours to hand on; so a bit more time.
    timer_set(in->o.timers, &in->stop_timer, in->stop_at, on_stop_time, in);
    session_close_all(in);
}

void intake_look_for_end(struct intake *in)
{
    if (!in->stopped || in->sessions_n || !list_is_empty(&in->writing))
        return;
    timer_set(in->o.timers, &in->stop_timer, 0, on_stopped, in);
}

void intake_stop(struct intake *in, void (*done)(void *ctx), void *ctx)
{
    usec_t now = clock_monotonic();
    in->stopped = done;
    in->stopped_ctx = ctx;
    in->stop_at = now + stop_most_written;
    doors_close(&in->doors);
    timer_set(in->o.timers, &in->stop_timer, now + stop_most, on_stop_time, in);
    session_shut_all(in, NULL);
    intake_look_for_end(in);
}

struct intake *intake_free(struct intake *in)
{
    if (!in)
        return NULL;
    in->stopped = NULL;
    timer_stop(in->o.timers, &in->stop_timer);
    doors_close(&in->doors);
    session_close_all(in);
    submit_disown(in);
    feedback_deinit(in);
    map_deinit(&in->clients);
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&in->o.state->customers, &i));)
        rate_account_drop(item->value);
    xfree(in);
    return NULL;
}
