// Everything that one entry says is taken over when its hlc beats what said it before (a register a
// part), so that no order has to be kept; only the story is a sorted list.
#include "core/incident.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static struct incident *incident_free(struct incident *i)
{
    char *texts[] = {i->subject, i->what, i->cause,    i->you,      i->culprit,
                     i->ip,      i->list, i->provider, i->evidence, i->has_it};
    for (size_t k = 0; k < ARRAY_LEN(texts); k++)
        xfree(texts[k]);
    for (size_t k = 0; k < i->seen_n; k++)
        xfree(i->seen_by[k].name);
    for (size_t k = 0; k < i->story_n; k++) {
        xfree(i->story[k].actor);
        xfree(i->story[k].target);
        xfree(i->story[k].text);
        xfree(i->story[k].rate);
    }
    xfree(i->story);
    return xfree(i);
}

void incidents_deinit(struct incidents *s)
{
    for (size_t i = 0; i < s->n; i++)
        incident_free(s->items[i]);
    xfree(s->items);
    *s = (struct incidents){0};
}

uint32_t incident_number(const struct entry *e)
{
    const char *field = entry_field_get(e, "incident");
    int64_t number;
    const char *text = strncmp(e->target, "incident:", 9) == 0 ? e->target + 9 : field;
    return text && text_parse_number(&number, text, 1, INCIDENT_NUMBER_MOST) ? (uint32_t)number : 0;
}

// Where that number is, or belongs.
static size_t place_of(const struct incidents *s, uint32_t number)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->items[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct incident *incidents_get(const struct incidents *s, uint32_t number)
{
    size_t at = place_of(s, number);
    return at < s->n && s->items[at]->number == number ? s->items[at] : NULL;
}

static struct incident *incident_new(uint32_t number)
{
    struct incident *i = xcalloc(1, sizeof(*i));
    i->number = number;
    char **texts[] = {&i->subject, &i->what, &i->cause,    &i->you,   &i->culprit,
                      &i->ip,      &i->list, &i->provider, &i->has_it};
    for (size_t k = 0; k < ARRAY_LEN(texts); k++)
        *texts[k] = xstrdup("");
    i->evidence = xstrdup("{}");
    return i;
}

static struct incident *incident_add(struct incidents *s, uint32_t number)
{
    size_t at = place_of(s, number);
    if (at < s->n && s->items[at]->number == number)
        return s->items[at];
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        s->items = xrealloc(s->items, s->room, sizeof(struct incident *));
    }
    memmove(&s->items[at + 1], &s->items[at], (s->n - at) * sizeof(struct incident *));
    s->n++;
    return s->items[at] = incident_new(number);
}

// Those that may go: closed ones, and those that nothing but a later entry has named.
static void forget(struct incidents *s, bool is_known)
{
    size_t n = 0, first = s->n;
    for (size_t i = 0; i < s->n; i++) {
        const struct incident *one = s->items[i];
        if (one->is_known != is_known || incident_is_open(one))
            continue;
        if (!n++)
            first = i;
    }
    if (n <= INCIDENT_KEPT)
        return;
    incident_free(s->items[first]);
    memmove(&s->items[first], &s->items[first + 1], (s->n - first - 1) * sizeof(struct incident *));
    s->n--;
}

static int compare(int64_t a_hlc, struct entry_name a, int64_t b_hlc, struct entry_name b)
{
    if (a_hlc != b_hlc)
        return a_hlc < b_hlc ? -1 : 1;
    if (a.node.v != b.node.v)
        return a.node.v < b.node.v ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

static void drop_first(struct incident *i)
{
    xfree(i->story[0].actor);
    xfree(i->story[0].target);
    xfree(i->story[0].text);
    xfree(i->story[0].rate);
    memmove(&i->story[0], &i->story[1], --i->story_n * sizeof(*i->story));
}

static bool gives_back(const struct entry *e)
{
    const char *back = entry_field_get(e, "gives_back");
    return back && strcmp(back, "yes") == 0;
}

// False: the line is there already. One older than all that a full story keeps is left out.
static bool story_add(struct incident *i, const struct entry *e)
{
    size_t at = i->story_n;
    int order = 1;
    while (at &&
           (order = compare(i->story[at - 1].hlc, i->story[at - 1].name, e->hlc, e->name)) > 0)
        at--;
    if (at && order == 0)
        return false;
    i->story_of++;
    if (i->story_n == INCIDENT_STORY) {
        if (!at)
            return true;
        drop_first(i);
        at--;
    }
    const char *rate = entry_field_get(e, "rate"), *would = entry_field_get(e, "would");
    i->story = xrealloc(i->story, i->story_n + 1, sizeof(*i->story));
    memmove(&i->story[at + 1], &i->story[at], (i->story_n - at) * sizeof(*i->story));
    i->story[at] = (struct incident_line){.at = e->at,
                                          .hlc = e->hlc,
                                          .name = e->name,
                                          .kind = e->kind,
                                          .would = e->kind,
                                          .is_given_back = gives_back(e),
                                          .actor = xstrdup(e->actor),
                                          .target = xstrdup(e->target),
                                          .text = xstrdup(e->reason),
                                          .rate = xstrdup(rate ? rate : ""),
                                          .expires_at = e->expires_at};
    if (would)
        kind_parse(&i->story[at].would, would);
    i->story_n++;
    return true;
}

// Who acted on it; the engine is nobody.
static void saw(struct incident *i, const struct entry *e)
{
    struct incident_seen one = {.name = NULL, .hlc = e->hlc};
    if (strcmp(e->actor, "engine") == 0)
        return;
    for (size_t k = 0; k < i->seen_n; k++) {
        if (strcmp(i->seen_by[k].name, e->actor) != 0)
            continue;
        if (i->seen_by[k].hlc <= e->hlc)
            return;
        one.name = i->seen_by[k].name; // said to be earlier: taken out and sorted in anew
        memmove(&i->seen_by[k], &i->seen_by[k + 1], (--i->seen_n - k) * sizeof(one));
    }
    size_t at = i->seen_n;
    while (at && i->seen_by[at - 1].hlc > e->hlc)
        at--;
    if (at == INCIDENT_SEEN) {
        xfree(one.name);
        return;
    }
    if (i->seen_n == INCIDENT_SEEN)
        xfree(i->seen_by[--i->seen_n].name);
    memmove(&i->seen_by[at + 1], &i->seen_by[at], (i->seen_n++ - at) * sizeof(one));
    if (!one.name)
        one.name = xstrdup(e->actor);
    i->seen_by[at] = one;
}

static void set_text(char **text, const char *value)
{
    char *copy = xstrdup(value ? value : ""); // first: `value` may be the old one
    xfree(*text);
    *text = copy;
}

static double share_of(const char *text)
{
    char *end;
    double share = text ? strtod(text, &end) : 0;
    return share > 0 && share <= 1 ? share : 0; // not a number is neither
}

static void tell(struct incident *i, const struct entry *e)
{
    const char *condition = entry_field_get(e, "condition");
    const char *severity = entry_field_get(e, "severity");
    set_text(&i->what, e->reason);
    set_text(&i->subject, entry_field_get(e, "subject"));
    set_text(&i->cause, entry_field_get(e, "cause"));
    set_text(&i->you, entry_field_get(e, "you"));
    set_text(&i->culprit, entry_field_get(e, "culprit"));
    set_text(&i->ip, entry_field_get(e, "ip"));
    set_text(&i->provider, entry_field_get(e, "provider"));
    set_text(&i->list, entry_field_get(e, "list"));
    set_text(&i->evidence, e->evidence);
    i->share = share_of(entry_field_get(e, "share"));
    i->is_condition = condition && strcmp(condition, "yes") == 0;
    i->severity = SEVERITY_NOTICE;
    if (severity)
        severity_parse(&i->severity, severity);
    i->updated_at = e->at;
}

static void on_incident(struct incidents *s, struct incident *i, const struct entry *e)
{
    bool is_first = !i->is_known || (e->name.seq && (!i->opened_hlc || e->hlc < i->opened_hlc));
    if (is_first) {
        i->opened_at = e->at;
        i->opened_hlc = e->name.seq ? e->hlc : 0;
    }
    // Without a number it says the newest there is, and gives way to any that has one.
    if (!e->name.seq || e->hlc > i->told_hlc)
        tell(i, e);
    if (e->name.seq && e->hlc > i->told_hlc)
        i->told_hlc = e->hlc;
    i->is_known = true;
    if (s->last < i->number)
        s->last = i->number;
}

static void on_end(struct incident *i, const struct entry *e)
{
    if (i->closed_hlc && (!e->name.seq || i->closed_hlc <= e->hlc))
        return;
    i->closed_hlc = e->name.seq ? e->hlc : INT64_MAX;
    i->closed_at = e->at;
    i->is_resolved = e->kind == KIND_RESOLVE;
}

static void on_ack(struct incident *i, const struct entry *e)
{
    if (e->hlc <= i->had_hlc)
        return;
    i->had_hlc = e->hlc;
    set_text(&i->has_it, gives_back(e) ? "" : e->actor);
}

void incidents_apply(struct incidents *s, const struct entry *e)
{
    uint32_t number = incident_number(e);
    bool is_about = number && strncmp(e->target, "incident:", 9) == 0;
    if (!number)
        return;
    struct incident *i = incident_add(s, number);
    if (e->name.seq && !story_add(i, e))
        return;
    s->version++;
    if (is_about && e->kind == KIND_INCIDENT)
        on_incident(s, i, e);
    else if (is_about && (e->kind == KIND_INCIDENT_END || e->kind == KIND_RESOLVE))
        on_end(i, e);
    else if (is_about && e->kind == KIND_ACK)
        on_ack(i, e);
    saw(i, e);
    forget(s, i->is_known);
}

// The customer in `customer:acme`, `customer:acme+web`, `customer:acme/spring`; n = 0 for others.
static struct bytes customer_of(const char *target)
{
    return strncmp(target, "customer:", 9) == 0 ? bytes_of(target + 9, strcspn(target + 9, "/+"))
                                                : bytes_of(NULL, 0);
}

static bool is_same(struct bytes a, struct bytes b)
{
    return a.n && bytes_equal(a, b);
}

// The address that an IP or a lane is: of its text the part, or n = 0.
static struct bytes address_of(const char *subject)
{
    if (strncmp(subject, "ip:", 3) == 0)
        return bytes_of(subject + 3, strcspn(subject + 3, "#"));
    if (strncmp(subject, "lane:", 5) == 0)
        return bytes_of(subject + 5, strcspn(subject + 5, "/"));
    return bytes_of(NULL, 0);
}

// How well an open one fits, 0 not at all.
static int fit(const struct incident *i, const char *subject)
{
    struct bytes customer = customer_of(subject);
    if (!incident_is_open(i))
        return 0;
    if (i->is_condition)
        return strcmp(i->subject, subject) == 0;
    if (strcmp(i->subject, subject) == 0)
        return 5;
    if (*i->culprit && strcmp(i->culprit, subject) == 0)
        return 4;
    if (is_same(customer, customer_of(i->subject)) || is_same(customer, customer_of(i->culprit)))
        return 3;
    return is_same(address_of(subject), address_of(i->subject)) ? 2 : 0;
}

struct incident *incidents_open_about(const struct incidents *s, const char *subject)
{
    struct incident *best = NULL;
    int best_fit = 0;
    for (size_t i = 0; i < s->n; i++) {
        int f = fit(s->items[i], subject);
        if (f > best_fit || (f && f == best_fit && s->items[i]->severity > best->severity)) {
            best = s->items[i];
            best_fit = f;
        }
    }
    return best;
}

struct incident *incidents_condition(const struct incidents *s, const char *subject)
{
    for (size_t i = s->n; i--;)
        if (incident_is_open(s->items[i]) && s->items[i]->is_condition &&
            strcmp(s->items[i]->subject, subject) == 0)
            return s->items[i];
    return NULL;
}

void incidents_count(const struct incidents *s, unsigned counts[3])
{
    memset(counts, 0, 3 * sizeof(*counts));
    for (size_t i = 0; i < s->n; i++)
        if (incident_is_open(s->items[i]))
            counts[s->items[i]->severity]++;
}
