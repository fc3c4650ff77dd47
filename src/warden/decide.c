#include "warden/decide.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/decision.h"
#include "core/entry.h"
#include "core/state.h"
#include "settings/settings.h"

#define MASK "<…>"

// Letters and digits, what local parts may hold beside them, and anything that is not ASCII.
static bool is_local(unsigned char c)
{
    return isalnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

static bool is_domain(unsigned char c)
{
    return isalnum(c) || c >= 0x80 || c == '-' || c == '.' || c == '[' || c == ']' || c == ':';
}

// Where the local part before `at` begins; `from`: not before this. A quoted one too.
static char *local_before(char *from, char *at)
{
    char *p = at;
    if (p > from && p[-1] == '"') {
        for (p--; p > from && p[-1] != '"'; p--)
            ;
        return p > from ? p - 1 : p;
    }
    while (p > from && is_local((unsigned char)p[-1]))
        p--;
    return p;
}

// What stands between `from` and the `at` sign, and behind it, is an address: where it ends. NULL: none.
static char *address_around(char *from, char *at, char **begin)
{
    char *end = at + 1;
    *begin = local_before(from, at);
    while (*end && is_domain((unsigned char)*end))
        end++;
    while (end > at + 1 && (end[-1] == '.' || end[-1] == ':'))
        end--; // the sentence's
    if (*begin == at || end == at + 1)
        return NULL;
    if (*begin > from && (*begin)[-1] == '<' && *end == '>') {
        --*begin;
        end++;
    }
    return end;
}

void decide_mask(char *text, size_t room)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    char *from = text, *at, *begin;
    while ((at = strchr(from, '@'))) {
        char *end = address_around(from, at, &begin);
        buf_add(&out, from, (size_t)((end ? begin : at + 1) - from));
        if (end)
            buf_add_str(&out, MASK);
        from = end ? end : at + 1;
    }
    buf_add_str(&out, from);
    size_t n = out.n;
    if (n >= room)
        for (n = room - 1; n && (out.p[n] & 0xc0) == 0x80;)
            n--; // at a whole character
    if (n)
        memcpy(text, out.p, n);
    text[n] = '\0';
}

void decide_mask_all(struct decision *d)
{
    decide_mask(d->reason, sizeof(d->reason));
    decide_mask(d->signs, sizeof(d->signs));
    for (size_t i = 0; i < DECISION_SAMPLES; i++)
        decide_mask(d->samples[i], sizeof(d->samples[i]));
    for (size_t i = 0; i < d->culprits_n; i++)
        for (size_t k = 0; k < DECISION_SAMPLES; k++)
            decide_mask(d->culprits[i].samples[k], sizeof(d->culprits[i].samples[k]));
}

static const struct row {
    enum action action;
    enum kind kind;
} rows[] = {
    {ACTION_WARN, KIND_WARN},       {ACTION_THROTTLE, KIND_THROTTLE},
    {ACTION_SUSPEND, KIND_SUSPEND}, {ACTION_RESTORE, KIND_RESTORE},
    {ACTION_PULL, KIND_PULL},       {ACTION_DRAIN, KIND_DRAIN},
    {ACTION_RETURN, KIND_RETURN},   {ACTION_PAUSE, KIND_PAUSE},
    {ACTION_RESUME, KIND_RESUME},   {ACTION_CALL_OPERATOR, KIND_CALL_OPERATOR},
    {ACTION_POOL, KIND_CUSTOMER},
};

bool decide_kind(enum kind *kind, enum action action)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].action != action)
            continue;
        *kind = rows[i].kind;
        return true;
    }
    return false;
}

bool decide_is_own(const struct entry *e, struct node_id node)
{
    bool is_here = !e->name.node.v || e->name.node.v == node.v; // 0: not committed yet
    return is_here && strcmp(e->actor, "engine") == 0;
}

// A lift names this engine's own holds alone: an operator's stays, and another node's. False: there is
// none.
static bool name_own_holds(struct entry *e, const struct state *s, struct node_id node, usec_t now)
{
    const struct state_entry *se = map_get_str(&s->by_target, e->target);
    for (; se && se->entry->expires_at > now; se = se->next_of_target)
        if (decide_is_own(se->entry, node))
            entry_add_name(e, se->entry->name);
    return e->names_n;
}

static bool has_pool(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->pools_n; i++)
        if (strcmp(s->pools[i].name, name) == 0)
            return true;
    return false;
}

static void add_fields(struct entry *e, const struct decision *d, const struct settings *settings)
{
    if (d->action == ACTION_THROTTLE)
        entry_add_field(e, "rate", settings->policy.throttle_rate, false);
    if (*d->pool)
        entry_add_field(e, "pool", d->pool, false);
    if (d->has_harm)
        entry_add_field(e, "harm", harm_text(d->harm), false);
}

struct entry *decide_entry(const struct decision *d, const struct state *s,
                           const struct settings *settings, struct node_id node, bool is_observing)
{
    enum kind kind;
    if (!decide_kind(&kind, d->action) ||
        (d->action == ACTION_POOL && !has_pool(settings, d->pool)))
        return NULL;
    CLEANUP(entry_free)
    struct entry *e =
        entry_new(is_observing ? KIND_OBSERVED : kind, "engine", d->target, d->reason);
    CLEANUP(buf_deinit) struct buf evidence = {0};
    e->at = d->at;
    e->expires_at = d->until ? d->until : USEC_NEVER;
    add_fields(e, d, settings);
    decision_format_evidence(&evidence, d);
    entry_set_evidence(e, (const char *)evidence.p);
    if (is_observing)
        entry_add_field(e, "would", action_text(d->action), false);
    else if (kind_shape(kind) == SHAPE_LIFT && (d->is_over || !name_own_holds(e, s, node, d->at)))
        return NULL;
    return MOVE(e);
}
