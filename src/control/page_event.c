#include "control/page_event.h"

#include <stdio.h>
#include <string.h>

#include "control/conversation.h"
#include "control/harm.h"
#include "control/table.h"
#include "core/suppression.h"
#include "remote/format.h"
#include "remote/protocol.h"
#include "store/suppress.h"
#include "store/trail.h"

enum { TRAILS = 50, SUPPRESSED = 20 };
#define FOLLOWS (2 * USEC_MINUTE) // what an outcome led to stands about as soon as it does

// Asked for its trail, then for what followed.
struct asked {
    json_t *object;             // the page's, which waits for us
    struct outcome outcome;     // its times, kind and phase; no strings but…
    char *recipient, *customer; // …these, owned
    struct store *store;
    usec_t now;
    void (*done)(void *ctx);
    void *ctx;
};

static bool is_attempt(const struct outcome *o)
{
    return o->kind == OUTCOME_DEFERRED || o->kind == OUTCOME_BOUNCED || o->kind == OUTCOME_EXPIRED;
}

static bool may_suppress(const struct outcome *o)
{
    return o->kind == OUTCOME_BOUNCED || o->kind == OUTCOME_COMPLAINED;
}

// Why there is nothing to show.
static const char *why_none(const struct outcome *o, usec_t now)
{
    if (now - o->at > TRAIL_KEPT)
        return "It is gone: what was said is kept for 7 days.";
    if (conversation_is_reported(o))
        return "The report that told of it was not kept.";
    if (!is_attempt(o))
        return "What was said is kept of failed attempts alone.";
    if (o->phase == PHASE_CONNECT || o->phase == PHASE_NONE)
        return "Nothing was said: no connection came about.";
    return "What was said was not kept.";
}

static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static void say_none(const struct asked *a)
{
    set(a->object, "none", json_string(why_none(&a->outcome, a->now)));
}

static void end(struct asked *a)
{
    a->done(a->ctx);
    xfree(a->recipient);
    xfree(a->customer);
    xfree(a);
}

// Everybody's, this customer's or one of its lists', made when the outcome was told.
static bool has_followed(const struct asked *a, const struct suppress_row *row)
{
    size_t n = strlen(a->customer);
    usec_t since = suppression_usec(row->s.since);
    bool is_its_own = !*row->owner || (strncmp(row->owner, a->customer, n) == 0 &&
                                       (!row->owner[n] || row->owner[n] == '/'));
    return is_its_own && since >= a->outcome.at - FOLLOWS && since <= a->outcome.at + FOLLOWS;
}

static json_t *followed_json(const struct suppress_row *row, usec_t now)
{
    char until[FORMAT_TEXT] = "it is taken out";
    const char *whom = *row->owner ? row->owner : "everybody";
    if (row->s.until != UINT32_MAX)
        format_time(until, suppression_usec(row->s.until), now);
    return row->s.flags & SUPPRESSION_SUSPECT
               ? json_sprintf("a sign against the recipient, which refuses nobody yet; kept for %s "
                              "until %s",
                              whom, until)
               : json_sprintf("recipient suppressed for %s until %s", whom, until);
}

static void on_suppressed(void *ctx, const struct suppress_row *rows, size_t n, bool has_more)
{
    struct asked *a = ctx;
    const struct suppress_row *found = NULL;
    (void)has_more;
    for (size_t i = 0; i < n; i++) {
        bool is_sign = rows[i].s.flags & SUPPRESSION_SUSPECT;
        if (has_followed(a, &rows[i]) && (!found || !is_sign))
            found = &rows[i];
    }
    if (found)
        set(a->object, "so", followed_json(found, a->now));
    end(a);
}

static void on_trails(void *ctx, const struct trail *trails, size_t n)
{
    struct asked *a = ctx;
    const struct trail *t = conversation_of(&a->outcome, trails, n);
    if (!t)
        say_none(a);
    else if (t->kind == TRAIL_REPORT)
        set(a->object, "raw", conversation_report_json(t));
    else
        set(a->object, "conversation", conversation_json(t));
    if (may_suppress(&a->outcome) && *a->recipient)
        suppress_list(a->store,
                      &(struct suppress_query){
                          .what = a->recipient, .has_suspects = true, .limit = SUPPRESSED},
                      on_suppressed, a);
    else
        end(a);
}

// By the rules of now: what the answer meant then stands beside it.
static json_t *reading_json(const struct world *w, const struct outcome *o)
{
    struct control_reading now = {.class = o->class};
    bool is_known = is_attempt(o) && w->engine->judge && w->engine->judge(w->engine->ctx, o, &now);
    const char *changed = now.class != o->class ? class_text(now.class) : NULL;
    return json_pack("{s:s,s:s,s:s,s:o,s:b,s:o}", "class", class_text(o->class), "scope",
                     scope_text(o->scope), "phase", phase_text(o->phase), "rule",
                     protocol_text(now.rule[0] ? now.rule : NULL), "judged", is_known, "now",
                     protocol_text(changed));
}

void page_event(struct world *w, json_t *object, const struct world_event *event, usec_t now,
                void (*done)(void *ctx), void *ctx)
{
    const struct outcome *o = &event->outcome;
    char key[32], counts[400];
    struct asked here = {.object = object, .outcome = *o, .now = now, .done = done, .ctx = ctx};
    snprintf(key, sizeof(key), "event:%ju", (uintmax_t)event->n);
    harm_counts(counts, sizeof(counts), w->state, o, now);
    json_t *row = table_row(&table_events, w, now, TABLE_BY_PROVIDER, key);
    set(object, "row", row ? row : json_null());
    set(object, "read", reading_json(w, o));
    set(object, "counts", protocol_text(counts[0] ? counts : NULL));
    set(object, "conversation", json_null());
    set(object, "raw", json_null());
    set(object, "none", json_null());
    set(object, "so", json_null());
    if (!w->store || !(o->message.hi || o->message.lo)) {
        say_none(&here);
        done(ctx);
        return;
    }
    struct asked *a = xmalloc(sizeof(*a));
    *a = here;
    a->store = w->store;
    a->recipient = xstrdup(o->recipient);
    a->customer = xstrdup(o->customer);
    trail_list(w->store, o->message, o->recipient_no, TRAILS, on_trails, a);
}
