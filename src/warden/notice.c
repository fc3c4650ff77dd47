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
#include "store/ledger.h"
#include "store/spool.h"
#include "store/store.h"
#include "warden/notice.h"
#include "warden/warden_room.h"

enum { LETTERS = 1000, LETTERS_RETRY = 1, TOLD_LEAST = 1000 };

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

// ---- notices

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

// A letter that went out for a cause.
struct notice_told {
    usec_t at;
    enum kind kind; // worse steps are larger: KIND_WARN, KIND_THROTTLE, KIND_SUSPEND
};

/* A letter about a milder step, until it is clear that none worse follows at once. */
struct waiting {
    struct list link;
    struct entry *entry;
    struct notice_facts *facts; // or NULL
    usec_t due_at;              // monotonic
};

static void waiting_free(struct waiting *v)
{
    list_remove(&v->link);
    entry_free(v->entry);
    xfree(v->facts);
    xfree(v);
}

static char *cause_of(const struct entry *e)
{
    const char *harm = entry_field_get(e, "harm");
    if (e->kind == KIND_RESTORE)
        harm = "restored";
    return xasprintf("%s %s", e->target, harm ? harm : "");
}

// Of one cause once a day, and once more for each worse step. True: it is told now, and noted.
static bool is_due(struct warden *w, const struct entry *e)
{
    CLEANUP(xfree) char *key = cause_of(e);
    struct notice_told *told = map_get_str(&w->told, key);
    if (told && e->at - told->at < USEC_DAY && e->kind <= told->kind)
        return false;
    if (!told) {
        told = xcalloc(1, sizeof(*told));
        map_put_str(&w->told, key, told);
    }
    *told = (struct notice_told){e->at, e->kind};
    return true;
}

static void forget_old(struct warden *w, usec_t now)
{
    struct map_item *item;
    if (w->told.count < w->told_most)
        return;
    for (size_t i = 0; (item = map_next(&w->told, &i));) {
        struct notice_told *told = item->value;
        if (now - told->at < USEC_DAY)
            continue;
        CLEANUP(xfree) char *key = xmemdup0(item->key, item->key_n);
        map_remove_str(&w->told, key);
        xfree(told);
    }
    w->told_most = 2 * w->told.count + TOLD_LEAST;
}

static const char *contact_of(const struct warden *w, const char *target)
{
    char name[64];
    const struct state_customer *c =
        customer_of(name, target) ? state_customer_get(w->options.state, name) : NULL;
    return c && c->contact && *c->contact ? c->contact : NULL;
}

static struct notice_facts *facts_of(const struct decision *d)
{
    struct notice_facts *f = xcalloc(1, sizeof(*f));
    const char(*samples)[DECISION_SAMPLE] =
        d->culprits_n && *d->culprits[0].samples[0] ? d->culprits[0].samples : d->samples;
    *f = (struct notice_facts){
        .harm = d->harm, .bad = d->bad, .of = d->of, .limit = d->limit, .is_stolen = *d->signs};
    snprintf(f->list, sizeof(f->list), "%s", d->list);
    while (f->samples_n < NOTICE_SAMPLES && *samples[f->samples_n]) {
        memcpy(f->samples[f->samples_n], samples[f->samples_n], DECISION_SAMPLE);
        f->samples_n++;
    }
    return f;
}

void notice_enforce(struct warden *w, struct entry *e, const struct decision *d)
{
    if (template_of(e->kind)) {
        bool is_told =
            w->options.settings->policy.tells_customer && contact_of(w, e->target) && is_due(w, e);
        entry_add_field(e, "told", is_told ? "yes" : "no", false);
        forget_old(w, e->at);
    }
    warden_enforce_with(w, e, d->has_harm ? facts_of(d) : NULL, NULL, NULL);
}

static void on_past(void *ctx, const struct entry *e)
{
    const char *told = entry_field_get(e, "told");
    if (told && strcmp(told, "yes") == 0)
        is_due(ctx, e);
}

void notice_load(struct warden *w)
{
    w->told_most = TOLD_LEAST;
    ledger_each_since(w->options.store, clock_wall() - USEC_DAY, on_past, w);
}

void notice_deinit(struct warden *w)
{
    struct map_item *item;
    struct waiting *v;
    timer_stop(w->options.timers, &w->notices_due);
    LIST_EACH (&w->notices, v, link)
        waiting_free(v);
    for (size_t i = 0; (item = map_next(&w->told, &i));)
        xfree(item->value);
    map_deinit(&w->told);
}

// Must it be written, and to whom? NULL: nobody hears of it.
static const char *recipient_of(const struct warden *w, const struct entry *e)
{
    const char *told = entry_field_get(e, "told"), *contact;
    if (!template_of(e->kind) || !w->options.settings->policy.tells_customer ||
        strncmp(e->target, "customer:", 9) != 0 || (told && strcmp(told, "no") == 0))
        return NULL;
    contact = contact_of(w, e->target);
    if (!contact)
        log_notice("warden", "%s has no contact: nobody is told", e->target + strlen("customer:"));
    return contact;
}

static void harm_of(struct notice_harm *harm, const char *samples[NOTICE_SAMPLES],
                    const struct notice_facts *f)
{
    for (size_t i = 0; i < f->samples_n; i++)
        samples[i] = f->samples[i];
    *harm = (struct notice_harm){.harm = f->harm,
                                 .bad = f->bad,
                                 .of = f->of,
                                 .limit = f->limit,
                                 .list = f->list,
                                 .samples = samples,
                                 .samples_n = f->samples_n,
                                 .is_stolen = f->is_stolen};
}

static void write_letter(struct warden *w, const struct entry *e, const struct notice_facts *facts)
{
    char name[64], until[CLOCK_TEXT] = "";
    const char *contact = recipient_of(w, e), *rate = entry_field_get(e, "rate");
    const char *samples[NOTICE_SAMPLES];
    struct notice_harm harm;
    if (!contact || !customer_of(name, e->target))
        return;
    const struct state_customer *c = state_customer_get(w->options.state, name);
    if (e->expires_at != USEC_NEVER)
        clock_format(until, e->expires_at);
    if (facts)
        harm_of(&harm, samples, facts);
    CLEANUP(buf_deinit) struct buf body = {0};
    notice_format(&body, &(struct notice_plan){.node = w->options.settings->node,
                                               .to = contact,
                                               .customer = e->target + strlen("customer:"),
                                               .template_name = template_of(e->kind),
                                               .reason = e->reason,
                                               .until = until,
                                               .rate = rate ? rate : "",
                                               .waiting = c->queued,
                                               .now = e->at,
                                               .language = c->language,
                                               .harm = facts ? &harm : NULL});
    letter_send(w, contact, &body);
}

// ---- milder steps wait a moment

static bool is_superseded(const struct warden *w, const struct entry *e)
{
    CLEANUP(xfree) char *key = cause_of(e);
    const struct notice_told *told = map_get_str(&w->told, key);
    return told && told->kind > e->kind;
}

static void on_notices_due(void *ctx)
{
    struct warden *w = ctx;
    struct waiting *v;
    usec_t now = clock_monotonic();
    while ((v = LIST_FIRST(&w->notices, struct waiting, link)) && v->due_at <= now) {
        if (!is_superseded(w, v->entry))
            write_letter(w, v->entry, v->facts);
        waiting_free(v);
    }
    if (v)
        timer_set(w->options.timers, &w->notices_due, v->due_at, on_notices_due, w);
}

void notice_flush(struct warden *w)
{
    struct waiting *v;
    LIST_EACH (&w->notices, v, link)
        v->due_at = 0;
    on_notices_due(w);
}

void notice_send(struct warden *w, const struct entry *e, const struct notice_facts *facts)
{
    const char *told = entry_field_get(e, "told");
    if (!told || e->kind == KIND_SUSPEND || e->kind == KIND_RESTORE) {
        write_letter(w, e, facts);
        return;
    }
    if (strcmp(told, "yes") != 0)
        return;
    struct waiting *v = xcalloc(1, sizeof(*v));
    v->entry = entry_copy(e);
    v->facts = facts ? (void *)xmemdup0(facts, sizeof(*facts)) : NULL;
    v->due_at = clock_monotonic() + NOTICE_WAIT;
    list_add_last(&w->notices, &v->link);
    if (!heap_has(&w->notices_due.node))
        timer_set(w->options.timers, &w->notices_due, v->due_at, on_notices_due, w);
}
