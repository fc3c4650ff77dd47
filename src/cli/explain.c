/* Collecting the points; explain_print.c shows them. */
#include "cli/explain_points.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

struct explain *explain_new(const char *target)
{
    struct explain *e = xcalloc(1, sizeof(*e));
    const char *colon = strchr(target, ':');
    e->target = xstrdup(target);
    e->name = e->target + (colon ? colon - target + 1 : 0);
    e->about = strncmp(target, "ip:", 3) == 0         ? EXPLAIN_IP
               : strncmp(target, "provider:", 9) == 0 ? EXPLAIN_PROVIDER
                                                      : EXPLAIN_CUSTOMER;
    return e;
}

struct explain *explain_free(struct explain *e)
{
    if (!e)
        return NULL;
    xfree(e->points);
    xfree(e->target);
    xfree(e);
    return NULL;
}

static double level_of(const struct explain_point *p)
{
    double most = 0;
    for (int rung = 0; rung < RUNG_N; rung++)
        most = p->level[rung] > most ? p->level[rung] : most;
    return most;
}

static bool is_alike(const struct explain_point *a, const struct explain_point *b,
                     enum explain_thinning how)
{
    if (a->kind == POINT_DECISION || b->kind == POINT_DECISION)
        return how == THIN_ANY;
    return how >= THIN_HARMS ||
           (a->kind == b->kind && a->harm == b->harm && strcmp(a->what, b->what) == 0);
}

size_t explain_thin(struct explain *e, enum explain_thinning how)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        struct explain_point p = e->points[i];
        if (i + 1 < e->n && is_alike(&p, &e->points[i + 1], how)) {
            const struct explain_point *second = &e->points[++i];
            uint64_t stands_for = p.stands_for + second->stands_for;
            if (level_of(second) >= level_of(&p))
                p = *second;
            p.stands_for = stands_for;
        }
        e->points[n++] = p;
    }
    size_t gone = e->n - n;
    e->n = n;
    return gone;
}

// What alternates never is alike: then less has to do.
static void make_room(struct explain *e)
{
    for (int how = THIN_ALIKE; how <= THIN_ANY && e->n > EXPLAIN_KEPT * 3 / 4; how++)
        explain_thin(e, (enum explain_thinning)how);
}

static struct explain_point *add_point(struct explain *e, enum explain_kind kind, usec_t at)
{
    if (!e->points)
        e->points = xcalloc(EXPLAIN_KEPT, sizeof(*e->points));
    if (e->n == EXPLAIN_KEPT)
        make_room(e);
    struct explain_point *p = &e->points[e->n++];
    *p = (struct explain_point){
        .kind = kind, .at = at, .standing = e->standing, .what = "", .stands_for = 1};
    return p;
}

// Its class where that says why, else its kind.
static const char *what_of(const struct outcome *o)
{
    bool is_listing = o->kind == OUTCOME_LISTED || o->kind == OUTCOME_DELISTED;
    return is_listing || o->class == CLASS_DELIVERED ? outcome_kind_text(o->kind)
                                                     : class_text(o->class);
}

// "unknown-user a@big.test at google: 550 …", made visible.
static void describe(char out[EXPLAIN_TEXT], const char *what, const struct outcome *o)
{
    CLEANUP(xfree)
    char *text =
        xasprintf("%s%s%s%s%s%s%s", what, *what && *o->recipient ? " " : "", o->recipient,
                  *o->provider ? " at " : "", o->provider, *o->reply ? ": " : "", o->reply);
    text_visible(out, EXPLAIN_TEXT, text, strlen(text));
}

void explain_trace(struct explain *e, const struct reputation_trace *t)
{
    struct explain_point *p = add_point(e, POINT_EVIDENCE, t->at);
    p->harm = t->harm;
    p->bad = t->bad;
    p->of = t->of;
    p->since = t->of > e->seen[t->harm] ? t->of - e->seen[t->harm] : 0;
    e->seen[t->harm] = t->of;
    p->what = t->what ? t->what : "";
    for (int rung = 0; rung < RUNG_N; rung++) {
        double alarm = t->alarm[rung], r = t->evidence[rung];
        p->evidence[rung] = alarm > 0 ? r : -1;
        p->level[rung] = alarm > 1 && r > 1 ? 100 * log(r) / log(alarm) : 0;
        e->alarm[t->harm][rung] = alarm;
    }
    if (t->outcome)
        describe(p->text, what_of(t->outcome), t->outcome);
}

// "lane:ADDR/PROVIDER" is about both.
static bool is_about(const struct explain *e, const struct decision *d)
{
    const char *lane = strncmp(d->target, "lane:", 5) == 0 ? d->target + 5 : NULL;
    const char *slash = lane ? strchr(lane, '/') : NULL;
    if (strcmp(d->target, e->target) == 0)
        return true;
    if (e->about == EXPLAIN_IP)
        return slash && (size_t)(slash - lane) == strlen(e->name) &&
               strncmp(lane, e->name, (size_t)(slash - lane)) == 0;
    return e->about == EXPLAIN_PROVIDER && slash && strcmp(slash + 1, e->name) == 0;
}

static void follow_standing(struct explain *e, enum action action)
{
    static const enum standing after[] = {[ACTION_WARN] = STANDING_WARNED,
                                          [ACTION_THROTTLE] = STANDING_THROTTLED,
                                          [ACTION_SUSPEND] = STANDING_SUSPENDED,
                                          [ACTION_RESTORE] = STANDING_GOOD};
    if (e->about == EXPLAIN_CUSTOMER && action <= ACTION_RESTORE)
        e->standing = after[action];
}

void explain_decision(struct explain *e, const struct decision *d)
{
    if (!is_about(e, d))
        return;
    struct explain_point *p = add_point(e, POINT_DECISION, d->at);
    p->what = action_text(d->action);
    p->action = d->action;
    p->until = d->until;
    p->harm = d->harm;
    bool is_itself = strcmp(d->target, e->target) == 0;
    CLEANUP(xfree)
    char *text = xasprintf("%s%s%s", is_itself ? "" : d->target, is_itself ? "" : ": ", d->reason);
    text_visible(p->text, EXPLAIN_TEXT, text, strlen(text));
    follow_standing(e, d->action);
}

static bool is_news(const struct outcome *o)
{
    switch (o->kind) {
    case OUTCOME_DEFERRED:
    case OUTCOME_BOUNCED:
    case OUTCOME_EXPIRED:
    case OUTCOME_COMPLAINED:
    case OUTCOME_TRAP:
    case OUTCOME_LISTED:
    case OUTCOME_DELISTED:
        return true;
    case OUTCOME_ACCEPTED:
    case OUTCOME_HELD:
    case OUTCOME_REFUSED:
    case OUTCOME_DELIVERED:
    case OUTCOME_UNSUBSCRIBED:
        break;
    }
    return false;
}

void explain_outcome(struct explain *e, const struct outcome *o)
{
    const char *name = e->about == EXPLAIN_IP         ? o->ip
                       : e->about == EXPLAIN_PROVIDER ? o->provider
                                                      : "";
    if (strcmp(name, e->name) != 0)
        return;
    e->of++;
    if (!is_news(o))
        return;
    bool is_listing = o->kind == OUTCOME_LISTED || o->kind == OUTCOME_DELISTED;
    const char *what = what_of(o);
    struct explain_point *last = e->n ? &e->points[e->n - 1] : NULL;
    e->bad++;
    if (last && last->kind == POINT_NEWS && strcmp(last->what, what) == 0 && !is_listing &&
        o->at - last->at < USEC_MINUTE) {
        last->stands_for++; // one line a minute says enough
        last->bad = e->bad;
        last->of = e->of;
        return;
    }
    struct explain_point *p = add_point(e, POINT_NEWS, o->at);
    p->what = what;
    p->bad = e->bad;
    p->of = e->of;
    if (is_listing) {
        CLEANUP(xfree) char *text = xasprintf("%s %s", o->zone, o->answer);
        text_visible(p->text, EXPLAIN_TEXT, text, strlen(text));
    } else {
        describe(p->text, "", o);
    }
}
