// An incident's entry is applied here at once, before its commit, so that the next decision in the same
// turn finds it; the committed one overwrites it.
#include "warden/incident.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/decision.h"
#include "core/state.h"
#include "settings/settings.h"
#include "store/ledger.h"
#include "warden/warden_room.h"

enum { LOOK = 10, SOON = 1, DAYS = 30 };
#define LINGER (10 * USEC_MINUTE)
#define CALLED USEC_DAY   // a called operator is waited for
#define GRACE USEC_MINUTE // for what a new one was opened for to be in the ledger
#define SAY_AGAIN (10 * USEC_MINUTE)

static char on[] = "on", off[] = "off"; // how a condition was noted last, in the map

static void on_look(void *ctx);

static void look_in(struct warden *w, usec_t span)
{
    usec_t at = clock_monotonic() + span;
    if (heap_has(&w->incidents_due.node) && w->incidents_look_at <= at)
        return; // sooner already: a stream of entries does not put it off
    w->incidents_look_at = at;
    timer_set(w->options.timers, &w->incidents_due, at, on_look, w);
}

static void on_loaded(void *ctx, const struct entry *e)
{
    struct warden *w = ctx;
    incidents_apply(&w->incidents, e);
}

void incident_load(struct warden *w)
{
    ledger_each_incident(w->options.store, clock_wall() - DAYS * USEC_DAY, on_loaded, w);
    uint32_t last = ledger_last_incident(w->options.store); // also of those before: never again
    w->incidents.last = last > w->incidents.last ? last : w->incidents.last;
    look_in(w, SOON * USEC_SECOND);
}

void incident_deinit(struct warden *w)
{
    timer_stop(w->options.timers, &w->incidents_due);
    incidents_deinit(&w->incidents);
    map_deinit(&w->conditions);
}

const struct incidents *warden_incidents(const struct warden *w)
{
    return &w->incidents;
}

static struct entry *entry_about(enum kind kind, uint32_t number, const char *reason)
{
    char target[40];
    snprintf(target, sizeof(target), "incident:%u", number);
    struct entry *e = entry_new(kind, "engine", target, reason);
    e->at = clock_wall();
    return e;
}

static void enforce(struct warden *w, struct entry *e)
{
    incidents_apply(&w->incidents, e);
    warden_enforce(w, e, NULL, NULL);
}

static void add_field(struct entry *e, const char *name, const char *value)
{
    if (*value)
        entry_add_field(e, name, value, false);
}

// Opens number, or says it anew.
static void say(struct warden *w, uint32_t number, const char *subject, bool is_condition,
                const struct incident_words *words, const char *evidence)
{
    struct entry *e = entry_about(KIND_INCIDENT, number, words->what);
    char share[16] = "";
    if (words->share > 0)
        snprintf(share, sizeof(share), "%.3f", words->share);
    add_field(e, "subject", subject);
    add_field(e, "severity", severity_text(words->severity));
    add_field(e, "cause", words->cause);
    add_field(e, "you", words->you);
    add_field(e, "culprit", words->culprit);
    add_field(e, "share", share);
    add_field(e, "ip", words->ip);
    add_field(e, "provider", words->provider);
    add_field(e, "list", words->list);
    add_field(e, "condition", is_condition ? "yes" : "");
    entry_set_evidence(e, evidence);
    enforce(w, e);
}

static void end(struct warden *w, uint32_t number, const char *why)
{
    enforce(w, entry_about(KIND_INCIDENT_END, number, why));
}

// The open one that a decision belongs to; NULL: none.
static struct incident *find(const struct warden *w, const struct decision *d,
                             const struct incident_words *words)
{
    struct incident *i = incidents_open_about(&w->incidents, d->target);
    if (i && i->is_condition)
        i = NULL;
    if (!i && words && *words->culprit && strcmp(words->culprit, d->target) != 0)
        i = incidents_open_about(&w->incidents, words->culprit);
    return i && !i->is_condition ? i : NULL;
}

// Worse than known, or the cause is known now.
static bool is_news(const struct incident *i, const struct incident_words *words)
{
    return words->severity > i->severity ||
           (words->severity == i->severity && !*i->culprit && *words->culprit);
}

// A step against whom an address suffers from: what the culprit does is known now.
static bool is_explanation(const struct incident *i, const struct decision *d)
{
    return d->has_harm && strcmp(i->subject, d->target) != 0 && strcmp(i->culprit, d->target) == 0;
}

// The same title, and behind the culprit's share what it does and looks like.
static void explain(struct warden *w, const struct incident *i, const struct incident_words *step)
{
    struct incident_words words = {.severity = i->severity, .share = i->share};
    const char *name = strchr(i->culprit, ':') + 1;
    if (words.severity < step->severity)
        words.severity = step->severity;
    snprintf(words.what, sizeof(words.what), "%s", i->what);
    snprintf(words.cause, sizeof(words.cause), "%.79s: %.0f %% of the harm; %.790s", name,
             i->share * 100, step->cause);
    snprintf(words.you, sizeof(words.you), "%s", step->you);
    snprintf(words.culprit, sizeof(words.culprit), "%s", i->culprit);
    snprintf(words.ip, sizeof(words.ip), "%s", i->ip);
    snprintf(words.provider, sizeof(words.provider), "%s", i->provider);
    snprintf(words.list, sizeof(words.list), "%s", step->list);
    CLEANUP(xfree) char *subject = xstrdup(i->subject);
    CLEANUP(xfree) char *evidence = xstrdup(i->evidence); // the incident changes underneath
    say(w, i->number, subject, false, &words, evidence);
}

static void join(struct entry *e, uint32_t number)
{
    char text[16];
    if (!e || entry_field_get(e, "incident"))
        return;
    snprintf(text, sizeof(text), "%u", number);
    entry_add_field(e, "incident", text, false);
}

void incident_on_decision(struct warden *w, const struct decision *d, struct entry *e)
{
    struct incident_words words;
    bool opens = incident_words_make(&words, d, w->options.settings->policy.is_observing);
    struct incident *i = find(w, d, opens ? &words : NULL);
    uint32_t number = i ? i->number : w->incidents.last + 1;
    if (!i && !opens)
        return;
    if (opens && i && is_explanation(i, d)) {
        explain(w, i, &words);
    } else if (opens && (!i || is_news(i, &words))) {
        CLEANUP(buf_deinit) struct buf evidence = {0};
        decision_format_evidence(&evidence, d);
        say(w, number, d->target, false, &words, (const char *)evidence.p);
    }
    join(e, number);
    if (d->action == ACTION_INCIDENT_END)
        end(w, number, d->reason);
    look_in(w, SOON * USEC_SECOND);
}

void incident_on_entry(struct warden *w, const struct entry *e)
{
    incidents_apply(&w->incidents, e);
    look_in(w, SOON * USEC_SECOND);
}

// ---- ends

static bool stands_on(const struct warden *w, const char *target, usec_t now)
{
    const struct state_entry *se = map_get_str(&w->options.state->by_target, target);
    return se && se->entry->expires_at > now; // the last to expire stands first
}

static bool is_lift(enum kind kind)
{
    return kind_shape(kind) == SHAPE_LIFT;
}

// An observed hold is over when it would have ended, or when it would have been lifted.
static bool observed_stands(const struct incident *i, size_t at, usec_t now)
{
    const struct incident_line *line = &i->story[at];
    usec_t until = line->expires_at == USEC_NEVER ? line->at + CALLED : line->expires_at;
    if (kind_shape(line->would) != SHAPE_HOLD || until <= now)
        return false;
    for (size_t k = at + 1; k < i->story_n; k++)
        if (is_lift(i->story[k].would) && strcmp(i->story[k].target, line->target) == 0)
            return false;
    return true;
}

static bool line_stands(const struct warden *w, const struct incident *i, size_t at, usec_t now)
{
    const struct incident_line *line = &i->story[at];
    if (line->kind == KIND_OBSERVED)
        return observed_stands(i, at, now);
    if (line->kind == KIND_CALL_OPERATOR)
        return now - line->at < CALLED;
    if (kind_shape(line->kind) != SHAPE_HOLD)
        return false;
    bool ran_out = line->expires_at <= now && now - line->expires_at < LINGER;
    return ran_out || stands_on(w, line->target, now);
}

// What ends only by news of its own: a condition, an outage.
static bool has_own_end(const struct incident *i)
{
    bool is_outage =
        strncmp(i->subject, "provider:", 9) == 0 || strncmp(i->subject, "node:", 5) == 0;
    for (size_t k = 0; is_outage && k < i->story_n; k++)
        is_outage = i->story[k].kind != KIND_CALL_OPERATOR; // no outage: somebody was called
    return i->is_condition || is_outage;
}

static bool is_over(const struct warden *w, const struct incident *i, usec_t now)
{
    bool was_acted = now - i->opened_at > GRACE;
    if (!incident_is_open(i) || has_own_end(i) || stands_on(w, i->subject, now))
        return false;
    for (size_t k = 0; k < i->story_n; k++) {
        if (line_stands(w, i, k, now))
            return false;
        was_acted |= kind_shape(i->story[k].would) == SHAPE_HOLD;
    }
    return was_acted;
}

static const char *why_over(const struct incident *i)
{
    for (size_t k = i->story_n; k--;) {
        if (is_lift(i->story[k].kind))
            return "what was done is lifted; nothing stands any more";
        if (kind_shape(i->story[k].kind) == SHAPE_HOLD)
            return "time was up, and it did not come back";
    }
    return "nothing stands any more";
}

static void on_look(void *ctx)
{
    struct warden *w = ctx;
    usec_t now = clock_wall();
    bool has_open = false;
    for (size_t k = w->incidents.n; k--;) { // an end may forget a closed one before it
        if (k >= w->incidents.n)
            continue;
        const struct incident *i = w->incidents.items[k];
        if (is_over(w, i, now))
            end(w, i->number, why_over(i));
        else
            has_open |= incident_is_open(i);
    }
    if (has_open)
        look_in(w, LOOK * USEC_SECOND);
}

// ---- conditions

// The newest of this subject was ended by somebody.
static bool is_hushed(const struct warden *w, const char *subject, usec_t now)
{
    for (size_t k = w->incidents.n; k--;) {
        const struct incident *i = w->incidents.items[k];
        if (i->is_condition && strcmp(i->subject, subject) == 0)
            return i->is_resolved && now - i->closed_at < USEC_DAY;
    }
    return false;
}

static void condition_on(struct warden *w, const char *subject, const struct incident_words *words)
{
    const struct incident *i = incidents_condition(&w->incidents, subject);
    const char *noted = map_put_str(&w->conditions, subject, on);
    usec_t now = clock_wall();
    if (!i && noted == on)
        return; // somebody resolved it
    if (!i && !noted && is_hushed(w, subject, now))
        return; // likewise, before a restart
    if (i && words->severity <= i->severity &&
        (strcmp(i->what, words->what) == 0 || now - i->updated_at < SAY_AGAIN))
        return;
    say(w, i ? i->number : w->incidents.last + 1, subject, true, words, "{}");
}

void incident_note_condition(struct warden *w, const char *subject, enum severity severity,
                             const char *what, const char *cause, bool is_on)
{
    struct incident *i = incidents_condition(&w->incidents, subject);
    struct incident_words words = {.severity = severity};
    if (!is_on) {
        map_put_str(&w->conditions, subject, off);
        if (i)
            end(w, i->number, "all is well again");
        return;
    }
    snprintf(words.what, sizeof(words.what), "%s", what);
    snprintf(words.cause, sizeof(words.cause), "%s", cause);
    if (strncmp(subject, "ip:", 3) == 0)
        snprintf(words.ip, sizeof(words.ip), "%.*s", (int)strcspn(subject + 3, "#"), subject + 3);
    condition_on(w, subject, &words);
}
