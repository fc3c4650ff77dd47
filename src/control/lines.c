#include "control/lines.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "core/reputation.h"
#include "core/selector.h"
#include "remote/format.h"

enum { DONE_TARGETS = 6, SHORT_NAME = 16 };

const struct incidents *lines_incidents(const struct world *w)
{
    return w->engine->incidents ? w->engine->incidents(w->engine->ctx) : NULL;
}

const struct incident *lines_get(const struct world *w, uint64_t number)
{
    const struct incidents *all = lines_incidents(w);
    const struct incident *i =
        all && number <= INCIDENT_NUMBER_MOST ? incidents_get(all, (uint32_t)number) : NULL;
    return i && i->is_known ? i : NULL;
}

uint32_t lines_about(const struct world *w, const char *subject)
{
    const struct incidents *all = lines_incidents(w);
    const struct incident *i = all ? incidents_open_about(all, subject) : NULL;
    return i ? i->number : 0;
}

enum lines_state lines_state(const struct incident *i)
{
    if (i->closed_at)
        return i->is_resolved ? LINES_RESOLVED : LINES_CLOSED;
    return *i->has_it ? LINES_ACKNOWLEDGED : LINES_OPEN;
}

const char *lines_state_text(enum lines_state s)
{
    static const char *const words[] = {[LINES_OPEN] = "open",
                                        [LINES_ACKNOWLEDGED] = "acknowledged",
                                        [LINES_RESOLVED] = "resolved",
                                        [LINES_CLOSED] = "closed"};
    return words[s];
}

// `acme` of customer:acme, `lane A/P`, the text where it is none of them.
static void add_name(struct buf *out, const char *target)
{
    const char *colon = strchr(target, ':');
    if (strncmp(target, "lane:", 5) == 0)
        buf_printf(out, "lane %s", target + 5);
    else if (strncmp(target, "queue:", 6) == 0 || !colon)
        buf_add_str(out, target);
    else
        buf_add_str(out, colon + 1);
}

// How a kind reads as what is done now, and as what was done.
static const struct verb {
    enum kind kind;
    const char *now, *was;
} verbs[] = {
    {KIND_WARN, "warns", "warned"},
    {KIND_THROTTLE, "throttles", "throttled"},
    {KIND_SUSPEND, "suspends", "suspended"},
    {KIND_RESTORE, "restores", "restored"},
    {KIND_PULL, "pulls", "pulled"},
    {KIND_DRAIN, "drains", "drained"},
    {KIND_RETURN, "returns", "returned"},
    {KIND_HOLD, "holds", "held"},
    {KIND_RELEASE, "releases", "released"},
    {KIND_UNDO, "takes back an action on", "an action taken back"},
    {KIND_PAUSE, "pauses", "paused"},
    {KIND_RESUME, "resumes", "resumed"},
    {KIND_UNSUPPRESS, "lifts suppressions of", "suppressions lifted"},
    {KIND_CUSTOMER, "moves", NULL}, // between pools: to be read in the story alone
};

static const struct verb *verb_of(enum kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (verbs[i].kind == kind)
            return &verbs[i];
    return NULL;
}

void lines_no_culprit(struct buf *out, const struct incident *i)
{
    if (!*i->culprit)
        buf_printf(out, "%u has no culprit: %s", i->number, *i->cause ? i->cause : i->what);
}

// Whose it is where nobody is named.
static const char *whose(const struct incident *i)
{
    bool is_node = strncmp(i->subject, "node:", 5) == 0, is_ip = strncmp(i->subject, "ip:", 3) == 0;
    if (i->is_condition)
        return is_ip && strstr(i->subject, "#reverse") ? "our DNS"
               : is_ip || is_node                      ? "this machine"
                                                       : "";
    if (is_node)
        return "our DNS or network";
    return is_ip || strncmp(i->subject, "lane:", 5) == 0 ? "nobody of ours" : "";
}

// What it looks like, in a column's width; the cause says it in full.
static const char *looks_like(const char *cause)
{
    static const struct {
        const char *like, *text;
    } rows[] = {{"stolen password", "stolen password?"},
                {"old or bought list", "old/bought list?"},
                {"mail nobody asked for", "unwanted mail?"},
                {"spam to the providers", "spam?"},
                {"list that is never cleaned", "uncleaned list?"},
                {"imported list", "imported list?"},
                {"bought or collected list", "bought list?"}};
    const char *at = strstr(cause, "looks like ");
    for (size_t i = 0; at && i < ARRAY_LEN(rows); i++)
        if (strstr(at, rows[i].like))
            return rows[i].text;
    return NULL;
}

void lines_short(struct buf *out, const struct incident *i)
{
    const char *colon = strchr(i->culprit, ':'), *culprit = colon ? colon + 1 : i->culprit;
    const char *like = looks_like(i->cause);
    bool is_cut = strlen(culprit) > SHORT_NAME;
    if (*culprit && i->share > 0)
        buf_printf(out, "%.*s%s %d %%", is_cut ? SHORT_NAME - 1 : SHORT_NAME, culprit,
                   is_cut ? "…" : "", (int)(i->share * 100 + 0.5));
    else if (like)
        buf_add_str(out, like);
    else if (*i->list)
        buf_printf(out, "list %.*s", SHORT_NAME, i->list);
    else if (*culprit)
        buf_printf(out, "%.*s", SHORT_NAME + 4, culprit);
    else if (strncmp(i->subject, "provider:", 9) == 0)
        buf_printf(out, "%.15s itself", i->subject + 9);
    else
        buf_add_str(out, whose(i));
}

static bool is_done(const struct incident_line *line)
{
    const struct verb *verb = verb_of(line->would);
    return line->kind == KIND_CALL_OPERATOR || (verb && verb->was);
}

// Done again, word for word: a lane that is paused whenever it is tried.
static bool is_same(const struct incident_line *a, const struct incident_line *b)
{
    return a->kind == b->kind && a->would == b->would && strcmp(a->target, b->target) == 0 &&
           strcmp(a->rate, b->rate) == 0 && strcmp(a->actor, b->actor) == 0;
}

// "throttled to 100/h by ana", "paused 3 times, last 00:19Z"
static void add_done(struct buf *out, const struct incident *i, size_t k, usec_t now)
{
    const struct incident_line *line = &i->story[k], *last = line;
    char at[FORMAT_TEXT];
    size_t times = 1;
    for (size_t m = k + 1; m < i->story_n; m++)
        if (is_same(line, &i->story[m])) {
            last = &i->story[m];
            times++;
        }
    if (line->kind == KIND_CALL_OPERATOR)
        buf_add_str(out, "an operator called");
    else
        buf_printf(out, "%s%s%s%s", line->kind == KIND_OBSERVED ? "would be " : "",
                   verb_of(line->would)->was, *line->rate ? " to " : "", line->rate);
    if (strcmp(line->actor, "engine") != 0)
        buf_printf(out, " by %s", line->actor);
    format_time(at, last->at, now);
    if (times > 1)
        buf_printf(out, " %zu times, last %s", times, at);
}

// Where something of this target, or word for word this, stands before it.
static bool was_before(const struct incident *i, size_t at, bool is_word_for_word)
{
    for (size_t k = 0; k < at; k++)
        if (is_done(&i->story[k]) &&
            (is_word_for_word ? is_same(&i->story[k], &i->story[at])
                              : strcmp(i->story[k].target, i->story[at].target) == 0))
            return true;
    return false;
}

// All that was done to one thing, as one clause; the hour only where it is another than `said`.
static void add_clause(struct buf *out, const struct incident *i, size_t first,
                       char said[FORMAT_TEXT], usec_t now)
{
    const char *target = i->story[first].target;
    buf_add_str(out, out->n ? "; " : "");
    for (size_t k = first; k < i->story_n; k++) {
        char at[FORMAT_TEXT];
        if (!is_done(&i->story[k]) || strcmp(i->story[k].target, target) != 0 ||
            was_before(i, k, true))
            continue;
        format_time(at, i->story[k].at, now);
        buf_add_str(out, k == first ? "" : ", ");
        if (strcmp(at, said) != 0)
            buf_printf(out, "%s ", at);
        snprintf(said, FORMAT_TEXT, "%s", at);
        if (k == first) {
            add_name(out, target);
            buf_add_str(out, " ");
        }
        add_done(out, i, k, now);
    }
}

static const struct state_customer *culprit_of(const struct world *w, const struct incident *i)
{
    char name[TEXT_NAME];
    if (strncmp(i->culprit, "customer:", 9) != 0)
        return NULL;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(i->culprit + 9, "/+"), i->culprit + 9);
    return state_customer_get(w->state, name);
}

void lines_done(struct buf *out, const struct world *w, const struct incident *i, usec_t now)
{
    char held[FORMAT_TEXT], said[FORMAT_TEXT] = "";
    size_t targets = 0;
    const struct state_customer *c = culprit_of(w, i);
    for (size_t k = 0; k < i->story_n; k++) {
        if (!is_done(&i->story[k]) || was_before(i, k, false))
            continue;
        if (++targets <= DONE_TARGETS)
            add_clause(out, i, k, said, now);
    }
    if (targets > DONE_TARGETS)
        buf_printf(out, "; and to %zu more", targets - DONE_TARGETS);
    if (incident_is_open(i) && targets && c && c->held) {
        format_count_full(held, (int64_t)c->held);
        buf_printf(out, "; %s held", held);
    }
}

// The standing of `customer:acme` or `customer:acme/spring` at a time, and the hold behind it.
static enum standing standing_at(const struct world *w, const char *target, usec_t at,
                                 const struct entry **why)
{
    char name[TEXT_NAME];
    const char *whom = strchr(target, ':') + 1, *slash = strchr(whom, '/');
    snprintf(name, sizeof(name), "%.*s", slash ? (int)(slash - whom) : (int)strlen(whom), whom);
    return state_standing(w->state, name, slash ? slash + 1 : "", at, why);
}

// How a customer or list stands once this has ended.
static void add_standing_after(struct buf *out, const struct world *w, const struct entry *e)
{
    const char *whom = strchr(e->target, ':') + 1;
    enum standing before = e->kind == KIND_WARN       ? STANDING_WARNED
                           : e->kind == KIND_THROTTLE ? STANDING_THROTTLED
                                                      : STANDING_SUSPENDED;
    enum standing s = standing_at(w, e->target, e->expires_at, NULL);
    if (s >= before)
        buf_printf(out, "%s still %s", whom, standing_text(s));
    else if (s != STANDING_GOOD)
        buf_printf(out, "%s no longer %s, still %s", whom, standing_text(before), standing_text(s));
    else
        buf_printf(out, "%s %s", whom, e->kind == KIND_WARN ? "no longer warned" : "restored");
}

// "mail of acme-news/spring to google released"
static void add_release(struct buf *out, const struct selector *s)
{
    buf_printf(out, "%s%s%s%s%s%s%s%s%s%s released", s->is_all ? "all mail" : "mail",
               s->customer[0] ? " of "
               : s->list[0]   ? " of list "
                              : "",
               s->customer, s->customer[0] && s->list[0] ? "/" : "", s->list,
               s->provider[0] ? " to " : "", s->provider, s->ip[0] || s->pool[0] ? " over " : "",
               s->ip, s->pool[0] ? s->pool : "");
}

void lines_end(struct buf *out, const struct world *w, const struct entry *e)
{
    struct selector sel;
    const char *colon = strchr(e->target, ':');
    const char *slash = colon ? strchr(colon, '/') : NULL;
    if (colon && strncmp(e->target, "customer:", 9) == 0)
        add_standing_after(out, w, e);
    else if (colon && strncmp(e->target, "ip:", 3) == 0)
        buf_printf(out, "%s returned", colon + 1);
    else if (slash && e->kind == KIND_PAUSE)
        buf_printf(out, "one probe to %s over %.*s", slash + 1, (int)(slash - colon - 1),
                   colon + 1);
    else if (colon && e->kind == KIND_PAUSE)
        buf_printf(out, "one probe to %s", colon + 1);
    else if (selector_parse(&sel, e->target))
        add_release(out, &sel);
    else
        buf_printf(out, "%s of %s ends", kind_text(e->kind), e->target);
}

void lines_coming(struct buf *out, const struct world *w, const struct entry *e)
{
    if (strncmp(e->target, "lane:", 5) == 0)
        buf_printf(out, "probe %s", e->target + 5);
    else
        lines_end(out, w, e);
}

// The hold that rules this target, of those alike the one that ends last; or NULL.
static const struct entry *standing_hold(const struct world *w, const char *target, usec_t now)
{
    const struct entry *why = NULL;
    if (strncmp(target, "customer:", 9) == 0) {
        standing_at(w, target, now, &why);
        return why;
    }
    const struct state_entry *se = map_get_str(&w->state->by_target, target);
    return se && se->entry->expires_at > now ? se->entry : NULL;
}

// What ends by itself, soonest first.
struct endings {
    const struct entry *due[DONE_TARGETS];
    size_t n;
};

static void note_ending(struct endings *all, const struct world *w, const char *target, usec_t now)
{
    const struct entry *e = standing_hold(w, target, now);
    size_t i = all->n;
    if (!e || e->expires_at == USEC_NEVER || all->n == ARRAY_LEN(all->due))
        return;
    for (; i && all->due[i - 1]->expires_at > e->expires_at; i--)
        all->due[i] = all->due[i - 1];
    all->due[i] = e;
    all->n++;
}

static void add_endings(struct buf *out, const struct world *w, const struct endings *all,
                        usec_t now)
{
    char at[FORMAT_TEXT];
    for (size_t i = 0; i < all->n; i++) {
        format_time(at, all->due[i]->expires_at, now);
        buf_printf(out, "%s%s ", out->n ? "; " : "", at);
        lines_end(out, w, all->due[i]);
    }
}

static void add_rung(struct buf *out, const struct world *w, const struct incident *i)
{
    struct reputation_rung rung;
    const struct state_customer *c = culprit_of(w, i);
    if (c && w->engine->next_rung && w->engine->next_rung(w->engine->ctx, c->name, &rung) &&
        rung.level >= 1)
        buf_printf(out, "%sat 100 the engine would %s %s, now %.0f", out->n ? "; " : "",
                   rung_text(rung.next), c->name, rung.level);
}

void lines_next(struct buf *out, const struct world *w, const struct incident *i, usec_t now)
{
    struct endings all = {0};
    if (!incident_is_open(i))
        return;
    if (!i->is_condition)
        note_ending(&all, w, i->subject, now);
    for (size_t k = 0; k < i->story_n; k++)
        if (is_done(&i->story[k]) && !was_before(i, k, false) &&
            strcmp(i->story[k].target, i->subject) != 0)
            note_ending(&all, w, i->story[k].target, now);
    add_endings(out, w, &all, now);
    add_rung(out, w, i);
    if (!i->is_condition && strncmp(i->subject, "provider:", 9) == 0)
        buf_printf(out, "%sit ends by itself when %s takes mail again", out->n ? "; " : "",
                   i->subject + 9);
    else if (i->is_condition || strncmp(i->subject, "node:", 5) == 0)
        buf_printf(out, "%sit ends by itself when all is well again", out->n ? "; " : "");
}

static const struct entry *hold_of_kind(const struct world *w, const char *target, enum kind kind,
                                        usec_t now)
{
    const struct state_entry *se = map_get_str(&w->state->by_target, target);
    for (; se && se->entry->expires_at > now; se = se->next_of_target)
        if (se->entry->kind == kind)
            return se->entry;
    return NULL;
}

// Does the action that was offered stand already, or on the whole customer? Then the hold that is it.
static const struct entry *done_already(const struct world *w, const char *command, usec_t now)
{
    static const struct {
        const char *word, *prefix;
        enum kind kind;
    } rows[] = {{"suspend ", "customer:", KIND_SUSPEND}, {"throttle ", "customer:", KIND_THROTTLE},
                {"warn ", "customer:", KIND_WARN},       {"pull ", "ip:", KIND_PULL},
                {"drain ", "ip:", KIND_DRAIN},           {"pause ", "lane:", KIND_PAUSE}};
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        size_t n = strlen(rows[k].word);
        if (strncmp(command, rows[k].word, n) != 0)
            continue;
        CLEANUP(xfree) char *target = xasprintf("%s%s", rows[k].prefix, command + n);
        const struct entry *e = hold_of_kind(w, target, rows[k].kind, now);
        if (!e && strcmp(rows[k].prefix, "customer:") == 0) {
            target[strcspn(target, "/+")] = '\0';
            e = hold_of_kind(w, target, rows[k].kind, now);
        }
        return e;
    }
    return NULL;
}

// Why there is nothing to do.
static void say_nothing(struct buf *out, const struct world *w, const struct incident *i,
                        const struct entry *done, usec_t now)
{
    char at[FORMAT_TEXT];
    const struct entry *hold = done ? done : *i->culprit ? standing_hold(w, i->culprit, now) : NULL;
    const struct verb *verb = hold ? verb_of(hold->kind) : NULL;
    if (verb) {
        format_time(at, hold->expires_at, now);
        buf_add_str(out, "nothing: ");
        add_name(out, hold->target);
        buf_printf(out, " is %s until %s", verb->was, at);
        if (hold->kind == KIND_SUSPEND)
            buf_add_str(out, "; restore it when its mail is clean");
    } else if (i->is_condition) {
        buf_add_str(out, "put right what the cause says; it ends by itself then");
    } else if (strncmp(i->subject, "provider:", 9) == 0 || strncmp(i->subject, "node:", 5) == 0) {
        buf_add_str(out, "nothing: nobody is judged by it");
    } else {
        buf_add_str(out, "nothing to stop: look at the story, then say who has it");
    }
}

void lines_you(struct buf *out, struct buf *command, const struct world *w,
               const struct incident *i, usec_t now)
{
    const struct entry *done = done_already(w, i->you, now);
    if (i->closed_at) {
        buf_add_str(out, "nothing: it is over");
    } else if (*i->you && !done) {
        buf_add_str(command, i->you);
        buf_printf(out, "%s", i->you);
        if (strncmp(i->you, "suspend ", 8) == 0)
            buf_add_str(out, ": its new mail is refused, what waits is held, nothing is lost");
    } else {
        say_nothing(out, w, i, done, now);
    }
}

const char *lines_has_it(const struct world *w, const struct incident *i, usec_t now)
{
    bool is_to_do = *i->you && !done_already(w, i->you, now);
    bool is_outage = !i->is_condition && strncmp(i->subject, "provider:", 9) == 0;
    if (*i->has_it)
        return i->has_it;
    if (i->closed_at)
        return "engine";
    return !is_to_do && (*i->culprit || is_outage) ? "engine" : "nobody";
}

// Kinds of the story that act on the incident itself.
static bool add_about(struct buf *out, const struct incident_line *line, bool is_first)
{
    const char *colon = *line->text ? ": " : "";
    switch ((int)line->kind) {
    case KIND_INCIDENT:
        buf_printf(out, "%s: %s", is_first ? "opens" : "says now", line->text);
        return true;
    case KIND_INCIDENT_END:
        buf_printf(out, "closes%s%s", colon, line->text);
        return true;
    case KIND_ACK:
        buf_printf(out, "%s%s%s", line->is_given_back ? "gives it back" : "has it", colon,
                   line->text);
        return true;
    case KIND_NOTE:
        buf_printf(out, "notes: %s", line->text);
        return true;
    case KIND_RESOLVE:
        buf_printf(out, "resolves%s%s", colon, line->text);
        return true;
    default:
        return false;
    }
}

void lines_story(struct buf *out, const struct incident_line *line, bool is_first)
{
    const struct verb *verb = verb_of(line->would);
    const char *colon = *line->text ? ": " : "";
    if (add_about(out, line, is_first))
        return;
    if (line->kind == KIND_OBSERVED)
        buf_printf(out, "would %s ", kind_text(line->would));
    else if (line->kind == KIND_CALL_OPERATOR)
        buf_add_str(out, "calls an operator about ");
    else
        buf_printf(out, "%s ", verb ? verb->now : kind_text(line->kind));
    add_name(out, line->target);
    buf_printf(out, "%s%s%s%s", *line->rate ? " to " : "", line->rate, colon, line->text);
}
