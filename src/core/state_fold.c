#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/heap.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/selector.h"
#include "core/state.h"

// How entries become state.
//
// Every hold and lift stands in `entries` under its name; a name that a lift mentions before its
// entry is here has a place there already. `is_lifted` is kept, not computed when asked: a new lift
// is judged, then what it names, then what these name, newest first. A lift can only be undone by a
// later one, so each is judged once. Unlifted holds stand in a chain of their target, the last to
// expire first: a walk ends at the first that has expired.

// Whom the target mentions: a customer (also by a list or a login of it) or an IP, made when new.
static void mention(struct state *s, const char *target)
{
    char name[TEXT_NAME];
    if (strncmp(target, "customer:", 9) == 0) {
        const char *from = target + 9;
        size_t n = strcspn(from, "/+");
        if (!text_is_name_n(from, n))
            return;
        snprintf(name, sizeof(name), "%.*s", (int)n, from);
        state_customer_add(s, name);
    } else if (strncmp(target, "ip:", 3) == 0) {
        uint8_t address[16];
        int family = strchr(target + 3, ':') ? AF_INET6 : AF_INET;
        if (inet_pton(family, target + 3, address) == 1 &&
            inet_ntop(family, address, name, sizeof(name)) && strcmp(name, target + 3) == 0)
            state_ip_add(s, name);
    }
}

// Order over all nodes; entries of one name are one entry.
static int compare(int64_t a_hlc, struct entry_name a, int64_t b_hlc, struct entry_name b)
{
    if (a_hlc != b_hlc)
        return a_hlc < b_hlc ? -1 : 1;
    if (a.node.v != b.node.v)
        return a.node.v < b.node.v ? -1 : 1;
    return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}

// Does a stand before b in their chain?
static bool is_before(const struct entry *a, const struct entry *b)
{
    if (a->expires_at != b->expires_at)
        return a->expires_at > b->expires_at;
    return compare(a->hlc, a->name, b->hlc, b->name) > 0;
}

static void chain_to_target(struct state *s, struct state_entry *se)
{
    struct state_entry *head = map_get_str(&s->by_target, se->entry->target);
    struct state_entry **at = &head;
    while (*at && is_before((*at)->entry, se->entry))
        at = &(*at)->next_of_target;
    se->next_of_target = *at;
    *at = se;
    map_put_str(&s->by_target, se->entry->target, head);
}

static void unchain_from_target(struct state *s, struct state_entry *se)
{
    struct state_entry *head = map_get_str(&s->by_target, se->entry->target);
    struct state_entry **at = &head;
    while (*at != se)
        at = &(*at)->next_of_target;
    *at = se->next_of_target;
    se->next_of_target = NULL;
    if (head)
        map_put_str(&s->by_target, se->entry->target, head);
    else
        map_remove_str(&s->by_target, se->entry->target);
}

static void chain(struct state *s, struct state_entry *se)
{
    chain_to_target(s, se);
    if (!se->selector)
        return;
    struct state_entry **at = &s->queue_holds;
    while (*at && is_before((*at)->entry, se->entry))
        at = &(*at)->next_of_queue;
    se->next_of_queue = *at;
    *at = se;
}

static void unchain(struct state *s, struct state_entry *se)
{
    unchain_from_target(s, se);
    if (!se->selector)
        return;
    struct state_entry **at = &s->queue_holds;
    while (*at != se)
        at = &(*at)->next_of_queue;
    *at = se->next_of_queue;
    se->next_of_queue = NULL;
}

static bool is_hold(const struct state_entry *se)
{
    return se->entry && kind_shape(se->entry->kind) == SHAPE_HOLD;
}

// Two lifts that name each other (no engine writes such) must not both wait for the other.
static bool may_lift(const struct state_entry *lift, const struct state_entry *named)
{
    return is_hold(named) || lift->entry->hlc > named->entry->hlc;
}

static struct bytes name_bytes(const struct entry_name *name)
{
    return bytes_of(name, sizeof(*name));
}

static struct state_entry *place_of(struct state *s, struct entry_name name)
{
    struct state_entry *se = map_get(&s->entries, name_bytes(&name));
    if (!se) {
        se = xcalloc(1, sizeof(*se));
        map_put(&s->entries, name_bytes(&name), se);
    }
    return se;
}

static bool has_effective_lift(const struct state_entry *se)
{
    for (size_t i = 0; i < se->lifts_n; i++)
        if (!se->lifts[i]->is_lifted && may_lift(se->lifts[i], se))
            return true;
    return false;
}

// Judges one anew; true when that changes what its own names are.
static bool judge(struct state *s, struct state_entry *se)
{
    bool was_lifted = se->is_lifted;
    se->is_lifted = has_effective_lift(se);
    if (se->is_lifted == was_lifted)
        return false;
    if (is_hold(se) && se->is_lifted)
        unchain(s, se);
    else if (is_hold(se))
        chain(s, se);
    return !is_hold(se);
}

static void add_names(struct state *s, struct heap *due, const struct state_entry *lift)
{
    for (size_t i = 0; i < lift->entry->names_n; i++) {
        struct state_entry *named = place_of(s, lift->entry->names[i]);
        if (named->entry)
            heap_add(due, &named->due, -named->entry->hlc);
    }
}

static void judge_names(struct state *s, const struct state_entry *lift)
{
    struct heap due = {0};
    struct heap_node *node;
    add_names(s, &due, lift);
    while ((node = heap_first(&due))) {
        struct state_entry *se = CONTAINER_OF(node, struct state_entry, due);
        heap_remove(&due, node);
        if (judge(s, se))
            add_names(s, &due, se);
    }
    heap_deinit(&due);
}

static void read_hold(struct state_entry *se)
{
    const char *rate = entry_field_get(se->entry, "rate");
    struct selector sel;
    if (se->entry->kind == KIND_THROTTLE && rate &&
        !text_parse_rate(&se->rate, &se->rate_per, rate))
        se->rate_per = 0;
    if (se->entry->kind == KIND_HOLD && selector_parse(&sel, se->entry->target)) {
        se->selector = xmalloc(sizeof(sel));
        *se->selector = sel;
    }
}

static bool is_named_twice(const struct entry *e, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (entry_name_equal(e->names[i], e->names[j]))
            return true;
    return false;
}

static void link_names(struct state *s, struct state_entry *lift)
{
    for (size_t i = 0; i < lift->entry->names_n; i++) {
        struct state_entry *named = place_of(s, lift->entry->names[i]);
        if (is_named_twice(lift->entry, i))
            continue;
        named->lifts = xrealloc(named->lifts, named->lifts_n + 1, sizeof(struct state_entry *));
        named->lifts[named->lifts_n++] = lift;
    }
}

static void apply_hold_or_lift(struct state *s, const struct entry *e)
{
    struct state_entry *se = place_of(s, e->name);
    if (se->entry)
        return;
    se->entry = entry_copy(e);
    s->version++;
    mention(s, e->target);
    se->is_lifted = has_effective_lift(se);
    if (is_hold(se)) {
        read_hold(se);
        if (!se->is_lifted)
            chain(s, se);
    } else {
        link_names(s, se);
        if (!se->is_lifted)
            judge_names(s, se);
    }
}

// The field's value when this entry is its last writer, which it then notes; else NULL.
static const char *newer_field(struct state *s, struct state_stamp *set, const struct entry *e,
                               const char *name)
{
    const char *value = entry_field_get(e, name);
    if (!value || compare(e->hlc, e->name, set->hlc, set->name) <= 0)
        return NULL;
    *set = (struct state_stamp){e->hlc, e->name};
    s->version++;
    return value;
}

static void set_text(char **text, const char *value)
{
    if (!value)
        return;
    xfree(*text);
    *text = xstrdup(value);
}

static void set_rate(struct state_customer *c, const char *value)
{
    if (!value || text_parse_rate(&c->rate, &c->rate_per, value))
        return;
    c->rate = 0; // "none"
    c->rate_per = 0;
}

static void apply_register(struct state *s, const struct entry *e)
{
    const char *name = e->target + 9;
    if (strncmp(e->target, "customer:", 9) != 0 || !text_is_name(name) ||
        strcmp(name, STATE_SELF) == 0)
        return;
    struct state_customer *c = state_customer_add(s, name);
    set_text(&c->contact, newer_field(s, &c->contact_set, e, "contact"));
    set_text(&c->pool, newer_field(s, &c->pool_set, e, "pool"));
    set_rate(c, newer_field(s, &c->rate_set, e, "rate"));
    const char *language = newer_field(s, &c->language_set, e, "language");
    if (language)
        snprintf(c->language, sizeof(c->language), "%s", language);
    const char *removed = newer_field(s, &c->removed_set, e, "removed");
    if (removed)
        c->is_known = strcmp(removed, "yes") != 0;
    else if (!c->removed_set.name.seq)
        c->is_known = true; // nobody has said anything of it: setting a field is adding it
}

void state_apply(struct state *s, const struct entry *e)
{
    switch (kind_shape(e->kind)) {
    case SHAPE_FACT:
        break;
    case SHAPE_HOLD:
    case SHAPE_LIFT:
        apply_hold_or_lift(s, e);
        break;
    case SHAPE_REGISTER:
        apply_register(s, e);
        break;
    }
}

void state_rename(struct state *s, struct entry_name provisional, const struct entry *e)
{
    struct state_entry *se = map_get(&s->entries, name_bytes(&provisional));
    if (!se || !is_hold(se))
        return;
    // Nothing names a provisional entry; what names the real one may be here before it.
    if (!se->is_lifted)
        unchain(s, se);
    map_remove(&s->entries, name_bytes(&provisional));
    entry_free(se->entry);
    xfree(se->lifts);
    xfree(se->selector);
    xfree(se);
    state_apply(s, e);
}

bool state_stands(const struct state *s, const struct state_entry *e, usec_t now)
{
    (void)s;
    return is_hold(e) && !e->is_lifted && e->entry->expires_at > now;
}

struct state_entry *state_entry_get(const struct state *s, struct entry_name name)
{
    struct state_entry *se = map_get(&s->entries, name_bytes(&name));
    return se && se->entry ? se : NULL;
}

const struct entry *state_lifted_by(const struct state *s, const struct state_entry *e)
{
    const struct entry *first = NULL;
    (void)s;
    for (size_t i = 0; i < e->lifts_n; i++) {
        const struct entry *lift = e->lifts[i]->entry;
        if (e->lifts[i]->is_lifted || !may_lift(e->lifts[i], e))
            continue;
        if (!first || compare(lift->hlc, lift->name, first->hlc, first->name) < 0)
            first = lift;
    }
    return first;
}
