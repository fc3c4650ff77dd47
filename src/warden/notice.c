// Mail of the engine's own: notices to a customer's contact, and the way of any such letter into the
// spool. It goes as STATE_SELF, which nothing suspends, with the null return path: no answer loops.
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "core/entry.h"
#include "core/state.h"
#include "mail/report.h"
#include "settings/settings.h"
#include "store/spool.h"
#include "store/store.h"
#include "warden/warden_room.h"

enum { LETTERS = 1000, LETTERS_RETRY = 1 };

/* A letter that waits for its commit, or for room on the disk. */
struct letter {
    struct list link;
    struct warden *warden;
    struct spool_message *message;
    bool is_waiting; // for room
};

static void letter_free(struct letter *l)
{
    list_remove(&l->link);
    spool_message_free(l->message);
    xfree(l);
}

void letters_deinit(struct warden *w)
{
    struct letter *l;
    timer_stop(w->options.timers, &w->letters_due);
    LIST_EACH (&w->letters, l, link) {
        log_warning("warden", "the end came before there was room to write to %s",
                    l->message->recipients[0].address);
        letter_free(l);
    }
}

static void letter_spool(struct letter *l);

static void on_letters_due(void *ctx)
{
    struct warden *w = ctx;
    struct letter *l;
    LIST_EACH (&w->letters, l, link)
        if (l->is_waiting)
            letter_spool(l);
}

static void on_spooled(void *ctx, int r)
{
    struct letter *l = ctx;
    struct warden *w = l->warden;
    if (r == SPOOL_OK) {
        w->options.on_message(w->options.ctx, MOVE(l->message));
        letter_free(l);
        return;
    }
    if (w->letters_waiting == LETTERS) {
        log_warning("warden", "no room on the disk, too many letters wait for it: none to %s",
                    l->message->recipients[0].address);
        letter_free(l);
        return;
    }
    l->is_waiting = true;
    w->letters_waiting++;
    if (!heap_has(&w->letters_due.node))
        timer_set(w->options.timers, &w->letters_due,
                  clock_monotonic() + LETTERS_RETRY * USEC_SECOND, on_letters_due, w);
}

static void letter_spool(struct letter *l)
{
    if (l->is_waiting)
        l->warden->letters_waiting--;
    l->is_waiting = false;
    if (spool_add(l->warden->options.store, l->message, on_spooled, l) != SPOOL_OK)
        on_spooled(l, SPOOL_E_FULL);
}

void letter_send(struct warden *w, const char *recipient, const struct buf *body)
{
    usec_t now = clock_wall();
    struct spool_message *m = spool_message_new();
    m->id = store_message_id(w->options.store, now);
    xfree(m->customer);
    m->customer = xstrdup(STATE_SELF);
    m->stream = STREAM_TRANSACTIONAL;
    m->accepted_at = now;
    m->size = body->n;
    m->body = (uint8_t *)xmemdup0(body->p, body->n);
    spool_message_add_recipient(m, recipient);
    struct letter *l = xcalloc(1, sizeof(*l));
    *l = (struct letter){.warden = w, .message = m};
    list_add_last(&w->letters, &l->link);
    letter_spool(l);
}

// The template of a kind that a customer is told of; NULL for the others.
static const char *template_of(enum kind kind)
{
    static const struct {
        enum kind kind;
        const char *name;
    } rows[] = {
        {KIND_WARN, "warned"},
        {KIND_THROTTLE, "throttled"},
        {KIND_SUSPEND, "suspended"},
        {KIND_RESTORE, "restored"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].kind == kind)
            return rows[i].name;
    return NULL;
}

// The customer's name in "customer:acme/spring" or "customer:acme"; false for other targets.
static bool customer_of(char name[64], const char *target)
{
    if (strncmp(target, "customer:", 9) != 0)
        return false;
    snprintf(name, 64, "%.*s", (int)strcspn(target + 9, "/+"), target + 9);
    return true;
}

void notice_send(struct warden *w, const struct entry *e)
{
    char name[64], until[CLOCK_TEXT] = "", queue[80] = "";
    const char *template_name = template_of(e->kind);
    if (!template_name || !w->options.settings->policy.tells_customer ||
        !customer_of(name, e->target))
        return;
    const struct state_customer *c = state_customer_get(w->options.state, name);
    if (!c || !c->contact || !*c->contact) {
        log_notice("warden", "%s has no contact: nobody is told", name);
        return;
    }
    if (e->expires_at != USEC_NEVER)
        clock_format(until, e->expires_at);
    uint64_t waiting = c->queued + c->held;
    if (waiting)
        snprintf(queue, sizeof(queue), "%llu messages wait", (unsigned long long)waiting);
    const char *rate = entry_field_get(e, "rate");
    CLEANUP(buf_deinit) struct buf body = {0};
    notice_format(&body, &(struct notice_plan){.node = w->options.settings->node,
                                               .to = c->contact,
                                               .customer = e->target + strlen("customer:"),
                                               .template_name = template_name,
                                               .reason = e->reason,
                                               .until = until,
                                               .rate = rate ? rate : "",
                                               .queue = queue,
                                               .now = e->at});
    letter_send(w, c->contact, &body);
}
