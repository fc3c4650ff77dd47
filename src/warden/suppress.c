#include "warden/suppress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "core/decision.h"
#include "core/entry.h"
#include "core/json.h"
#include "core/outcome.h"
#include "core/reputation.h"
#include "core/state.h"
#include "settings/settings.h"
#include "store/ledger.h"
#include "warden/incident.h"
#include "warden/warden_room.h"

enum { REASON = 300, SAID_BY = 8, RETRY = 10 };

/* Of one class and owner, signs apart from what stands. */
struct batch {
    struct suppress_row *rows; // texts are ours
    size_t n, room;
    enum class class;
    bool is_sign;
    char *owner;
};

const struct suppressions *warden_suppressions(const struct warden *w)
{
    return &w->suppressing.all;
}

// ---- what is written

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        xfree((char *)b->rows[i].address);
        xfree((char *)b->rows[i].provider);
        xfree((char *)b->rows[i].reason);
    }
    xfree(b->rows);
    xfree(b->owner);
    xfree(b);
}

/* Whose answers made a batch. */
struct said_by {
    const char *provider; // "" : whoever is left
    size_t n;
};

static size_t said_by(const struct batch *b, struct said_by out[SAID_BY + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        size_t at = 0;
        while (at < n && strcmp(out[at].provider, b->rows[i].provider) != 0)
            at++;
        if (at == n && n <= SAID_BY) { // the last place is of all others
            out[n] = (struct said_by){n < SAID_BY ? b->rows[i].provider : "", 0};
            n++;
        }
        out[at < n ? at : SAID_BY].n++;
    }
    return n;
}

static char *evidence_of(const struct batch *b, const struct said_by *by, size_t by_n)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    const char *between = "";
    buf_printf(&out, "{\"class\":\"%s\",\"addresses\":%zu,\"providers\":{", class_text(b->class),
               b->n);
    for (size_t i = 0; i < by_n; i++) {
        if (!*by[i].provider)
            continue;
        buf_add_str(&out, between);
        json_quoted(&out, by[i].provider);
        buf_printf(&out, ":%zu", by[i].n);
        between = ",";
    }
    buf_add_str(&out, "}}");
    return buf_take_str(&out);
}

static char *reason_of(const struct batch *b, const struct said_by *by, size_t by_n)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    const char *between = ", said by ";
    buf_printf(&out, "%zu address%s: %s", b->n, b->n == 1 ? "" : "es", class_text(b->class));
    for (size_t i = 0; i < by_n; i++) {
        if (!*by[i].provider)
            continue;
        buf_printf(&out, "%s%s", between, by[i].provider);
        if (b->n > 1)
            buf_printf(&out, " (%zu)", by[i].n);
        between = ", ";
    }
    return buf_take_str(&out);
}

static struct entry *entry_of(const struct warden *w, const struct batch *b)
{
    struct said_by by[SAID_BY + 1];
    size_t by_n = said_by(b, by);
    CLEANUP(xfree)
    char *target = *b->owner ? xasprintf("customer:%s", b->owner)
                             : xasprintf("node:%s", w->options.settings->node);
    CLEANUP(xfree) char *reason = reason_of(b, by, by_n);
    CLEANUP(xfree) char *evidence = evidence_of(b, by, by_n);
    struct entry *e = entry_new(KIND_SUPPRESS, "engine", target, reason);
    e->at = clock_wall();
    entry_set_evidence(e, evidence);
    entry_add_field(e, "class", class_text(b->class), false);
    return e;
}

static void on_entry(struct warden *w, const struct ledger_row *row)
{
    log_notice("warden", "%s %s by %s: %s", kind_text(row->entry->kind), row->entry->target,
               row->entry->actor, row->entry->reason);
    incident_on_entry(w, row->entry);
    w->options.on_entry(w->options.ctx, row);
}

static void on_written(void *ctx, int r, const struct ledger_row *row)
{
    struct warden *w = ctx;
    if (r < 0)
        log_error("warden", "suppressions are not on disk and end with this process: %s",
                  strerror(-r));
    else if (row)
        on_entry(w, row);
}

static void batch_write(struct warden *w, struct batch *b)
{
    struct entry *e = b->is_sign ? NULL : entry_of(w, b);
    suppress_add(w->options.store, e, b->rows, b->n, on_written, w);
}

void suppressing_flush(struct warden *w)
{
    struct suppressing *s = &w->suppressing;
    struct map_item *item;
    timer_stop(w->options.timers, &s->due);
    for (size_t i = 0; (item = map_next(&s->batches, &i));) {
        batch_write(w, item->value);
        batch_free(item->value);
    }
    map_deinit(&s->batches);
    s->batches = (struct map){0};
    s->waiting = 0;
}

static void on_due(void *ctx)
{
    suppressing_flush(ctx);
}

// ---- what an outcome asks for

static struct batch *batch_of(struct warden *w, const struct suppression *one, const char *owner)
{
    struct suppressing *s = &w->suppressing;
    bool is_sign = one->flags & SUPPRESSION_SUSPECT;
    CLEANUP(xfree)
    char *key = xasprintf("%u %d %s", (unsigned)one->class, is_sign, owner);
    struct batch *b = map_get_str(&s->batches, key);
    if (b)
        return b;
    b = xcalloc(1, sizeof(*b));
    *b = (struct batch){
        .class = (enum class)one->class, .is_sign = is_sign, .owner = xstrdup(owner)};
    map_put_str(&s->batches, key, b);
    return b;
}

static void add_row(struct warden *w, const struct suppression *one, const char *owner,
                    const struct outcome *o, const char *provider)
{
    struct suppressing *s = &w->suppressing;
    struct batch *b = batch_of(w, one, owner);
    char reason[REASON];
    text_visible(reason, sizeof(reason), o->reply ? o->reply : "", o->reply ? strlen(o->reply) : 0);
    if (b->n == b->room) {
        b->room = b->room ? 2 * b->room : 16;
        b->rows = xrealloc(b->rows, b->room, sizeof(*b->rows));
    }
    b->rows[b->n++] = (struct suppress_row){.address = xstrdup(o->recipient),
                                            .owner = b->owner,
                                            .provider = xstrdup(provider),
                                            .reason = xstrdup(reason),
                                            .s = *one};
    if (++s->waiting >= SUPPRESS_BATCH)
        suppressing_flush(w);
    else if (s->waiting == 1)
        timer_set(w->options.timers, &s->due, clock_monotonic() + SUPPRESSING_SPAN, on_due, w);
}

// "", "acme" or, who left a list alone, "acme/spring". A complaint is about the customer.
static void owner_of(char *out, size_t room, const struct outcome *o, bool for_customer)
{
    bool is_list = o->kind == OUTCOME_UNSUBSCRIBED && *o->list;
    snprintf(out, room, "%s%s%s", for_customer ? o->customer : "",
             for_customer && is_list ? "/" : "", for_customer && is_list ? o->list : "");
}

// A wish that stands already as long is not written again.
static bool is_there(const struct suppressions *all, const struct suppression *one, usec_t now)
{
    const struct suppression *there = suppressions_get(all, one->key, one->owner);
    return one->owner && there && suppression_stands(there, now) && there->until >= one->until;
}

// What nobody vouches for may count, but it is no reason to refuse everybody an address.
static bool may_judge(const struct warden *w, const struct outcome *o)
{
    if (o->is_unproven)
        return false;
    return !*o->provider || !reputation_is_incident(w->judging.reputation, o->provider);
}

static void put(struct warden *w, const struct suppression *one, const char *owner,
                const struct outcome *o, const char *provider)
{
    struct suppressing *s = &w->suppressing;
    if (suppressions_put(&s->all, one)) {
        add_row(w, one, owner, o, provider);
    } else if (!s->has_said_all) {
        s->has_said_all = true;
        log_error("warden", "%zu suppressions are all there is room for: no more are made",
                  (size_t)SUPPRESSION_MOST);
    }
}

static enum suppression_trust trust_in(const struct settings *s, const char *provider)
{
    return s->providers_n
               ? (enum suppression_trust)settings_provider_limits(s, provider)->unknown_user
               : TRUST_TWICE;
}

void suppressing_on_outcome(struct warden *w, const struct outcome *o)
{
    struct suppressing *s = &w->suppressing;
    const struct settings *settings = w->options.settings;
    struct suppression one;
    bool for_customer;
    char owner[2 * 64 + 2];
    if (o->kind != OUTCOME_BOUNCED && o->kind != OUTCOME_EXPIRED && o->kind != OUTCOME_COMPLAINED &&
        o->kind != OUTCOME_UNSUBSCRIBED)
        return;
    if (!*o->customer || strcmp(o->customer, STATE_SELF) == 0)
        return; // our own letters'
    uint64_t key = suppression_key(&s->all, o->recipient);
    if (!suppression_judge(&one, &for_customer, o, trust_in(settings, o->provider),
                           suppressions_get(&s->all, key, 0), &settings->policy) ||
        (!for_customer && !may_judge(w, o)))
        return;
    owner_of(owner, sizeof(owner), o, for_customer);
    one.key = key;
    one.owner = suppression_owner(owner);
    one.provider = for_customer ? 0 : suppress_provider(w->options.store, o->provider);
    if (!is_there(&s->all, &one, o->at))
        put(w, &one, owner, o, for_customer ? "" : o->provider);
}

// ---- taking out

// Who was put anew while the removal was on its way to the disk stays.
static void forget(struct suppressions *all, const struct suppress_removed *removed)
{
    for (size_t i = 0; i < removed->n; i++) {
        const struct suppression *one = &removed->removed[i];
        const struct suppression *there = suppressions_get(all, one->key, one->owner);
        if (there && memcmp(there, one, sizeof(*one)) == 0)
            suppressions_remove(all, one->key, one->owner);
    }
}

/* What an incident lifts, until it is written. */
struct lift {
    struct list link;
    struct warden *warden;
    char *provider;
    usec_t since;
    uint32_t incident;
    struct timer retry;
};

static void lift_free(struct lift *l)
{
    timer_stop(l->warden->options.timers, &l->retry);
    list_remove(&l->link);
    xfree(l->provider);
    xfree(l);
}

static void lift_write(void *ctx);

static void on_lifted(void *ctx, const struct suppress_removed *removed)
{
    struct lift *l = ctx;
    struct warden *w = l->warden;
    if (removed->r < 0) {
        log_error("warden", "what %s said in its trouble still suppresses: %s", l->provider,
                  strerror(-removed->r));
        timer_set(w->options.timers, &l->retry, clock_monotonic() + RETRY * USEC_SECOND, lift_write,
                  l);
        return;
    }
    forget(&w->suppressing.all, removed);
    if (removed->row)
        on_entry(w, removed->row);
    lift_free(l);
}

static void lift_write(void *ctx)
{
    struct lift *l = ctx;
    struct warden *w = l->warden;
    CLEANUP(xfree) char *target = xasprintf("provider:%s", l->provider);
    CLEANUP(xfree)
    char *reason =
        xasprintf("may be written to again: %s called them dead in its own trouble", l->provider);
    struct entry *e = entry_new(KIND_UNSUPPRESS, "engine", target, reason);
    e->at = clock_wall();
    if (l->incident) {
        char number[16];
        snprintf(number, sizeof(number), "%u", l->incident);
        entry_add_field(e, "incident", number, false);
    }
    suppress_remove(w->options.store, e,
                    &(struct suppress_removal){.provider = l->provider, .since = l->since},
                    on_lifted, l);
}

void suppressing_on_incident(struct warden *w, const struct decision *d)
{
    if (d->action != ACTION_INCIDENT || strncmp(d->target, "provider:", 9) != 0)
        return;
    const struct incident *i = incidents_open_about(&w->incidents, d->target);
    struct lift *l = xcalloc(1, sizeof(*l));
    *l = (struct lift){.warden = w,
                       .provider = xstrdup(d->target + 9),
                       .since = d->at - SUPPRESSING_BEFORE,
                       .incident = i ? i->number : 0};
    list_add_last(&w->suppressing.lifts, &l->link);
    suppressing_flush(w); // so that what waits is lifted too
    lift_write(l);
}

// ---- by hand

struct by_hand {
    struct warden *warden;
    struct suppression *all;
    size_t n;
    void (*added)(void *ctx, int r, const struct ledger_row *row);
    void (*removed)(void *ctx, const struct suppress_removed *removed);
    void *ctx;
};

static void on_added(void *ctx, int r, const struct ledger_row *row)
{
    struct by_hand *h = ctx;
    for (size_t i = 0; r == 0 && i < h->n; i++)
        suppressions_put(&h->warden->suppressing.all, &h->all[i]);
    if (r == 0)
        on_entry(h->warden, row);
    h->added(h->ctx, r, row);
    xfree(h->all);
    xfree(h);
}

// A list that names a known trap, or whose owner complained, knows less than what stands.
static bool would_weaken(const struct suppressions *all, const struct suppression *one, usec_t now)
{
    const struct suppression *there = suppressions_get(all, one->key, one->owner);
    if (!there || !suppression_stands(there, now))
        return false;
    bool is_wish = there->class == CLASS_COMPLAINT || there->class == CLASS_UNSUBSCRIBE;
    return (there->flags & SUPPRESSION_TRAP && !(one->flags & SUPPRESSION_TRAP)) ||
           (is_wish && (one->class != there->class || one->until < there->until));
}

// Those of the rows that weaken nothing, as the store wants them and as `h` has them.
static void take_rows(struct by_hand *h, struct suppress_row *taken,
                      const struct suppress_row *rows, size_t n)
{
    struct warden *w = h->warden;
    usec_t now = clock_wall();
    for (size_t i = 0; i < n; i++) {
        struct suppression one = rows[i].s;
        one.key = suppression_key(&w->suppressing.all, rows[i].address);
        one.owner = suppression_owner(rows[i].owner);
        one.provider = suppress_provider(w->options.store, rows[i].provider);
        if (would_weaken(&w->suppressing.all, &one, now))
            continue;
        taken[h->n] = rows[i];
        h->all[h->n++] = one;
    }
}

void warden_suppress(struct warden *w, struct entry *e, const struct suppress_row *rows, size_t n,
                     void (*done)(void *ctx, int r, const struct ledger_row *row), void *ctx)
{
    struct suppressing *s = &w->suppressing;
    if (s->all.n + n > SUPPRESSION_MOST) {
        entry_free(e);
        done(ctx, -EFBIG, NULL);
        return;
    }
    struct by_hand *h = xcalloc(1, sizeof(*h));
    *h = (struct by_hand){
        .warden = w, .all = xcalloc(n + 1, sizeof(*h->all)), .added = done, .ctx = ctx};
    struct suppress_row *taken = xcalloc(n + 1, sizeof(*taken));
    suppressing_flush(w); // the disk has them in the order in which they rule
    take_rows(h, taken, rows, n);
    if (h->n) {
        suppress_add(w->options.store, e, taken, h->n, on_added, h);
    } else {
        entry_free(e);
        xfree(h->all);
        xfree(h);
        done(ctx, 0, NULL);
    }
    xfree(taken);
}

static void on_removed(void *ctx, const struct suppress_removed *removed)
{
    struct by_hand *h = ctx;
    forget(&h->warden->suppressing.all, removed);
    if (removed->row)
        on_entry(h->warden, removed->row);
    h->removed(h->ctx, removed);
    xfree(h);
}

void warden_unsuppress(struct warden *w, struct entry *e, const struct suppress_removal *what,
                       void (*done)(void *ctx, const struct suppress_removed *removed), void *ctx)
{
    struct by_hand *h = xcalloc(1, sizeof(*h));
    *h = (struct by_hand){.warden = w, .removed = done, .ctx = ctx};
    suppressing_flush(w); // what rules may not be written yet
    suppress_remove(w->options.store, e, what, on_removed, h);
}

// ---- life

static void on_sweep(void *ctx)
{
    struct warden *w = ctx;
    struct suppressing *s = &w->suppressing;
    usec_t now = clock_wall();
    suppressions_sweep(&s->all, &s->swept, s->all.end / 64 + 1, now);
    suppress_sweep(w->options.store, now);
    timer_set(w->options.timers, &s->sweep, clock_monotonic() + SUPPRESSING_SWEEP, on_sweep, w);
}

void suppressing_init(struct warden *w)
{
    struct suppressing *s = &w->suppressing;
    struct hash_key hash;
    list_init(&s->lifts);
    suppress_hash(w->options.store, &hash);
    suppressions_init(&s->all, &hash);
    suppress_load(w->options.store, &s->all);
    timer_set(w->options.timers, &s->sweep, clock_monotonic() + SUPPRESSING_SWEEP, on_sweep, w);
}

void suppressing_deinit(struct warden *w)
{
    struct suppressing *s = &w->suppressing;
    struct map_item *item;
    struct lift *l;
    timer_stop(w->options.timers, &s->due);
    timer_stop(w->options.timers, &s->sweep);
    LIST_EACH (&s->lifts, l, link)
        lift_free(l);
    for (size_t i = 0; (item = map_next(&s->batches, &i));)
        batch_free(item->value);
    map_deinit(&s->batches);
    suppressions_deinit(&s->all);
}
