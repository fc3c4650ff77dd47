#include "core/fair.h"

// A member's quantum is added when it goes to the end of the round (or joins it there), which is the
// same as adding it when its turn comes: nobody is charged in between.

static struct fair_member *first(const struct fair *f)
{
    return LIST_FIRST(&f->round, struct fair_member, link);
}

void fair_init(struct fair *f, uint64_t quantum)
{
    list_init(&f->round);
    f->quantum = quantum ? quantum : 1;
}

void fair_activate(struct fair *f, struct fair_member *m)
{
    if (m->is_active)
        return;
    m->is_active = true;
    m->deficit = f->quantum;
    list_add_last(&f->round, &m->link);
}

void fair_deactivate(struct fair *f, struct fair_member *m)
{
    (void)f;
    if (!m->is_active)
        return;
    m->is_active = false;
    m->deficit = 0;
    list_remove(&m->link);
}

static uint64_t turns_needed(const struct fair *f, uint64_t lacking)
{
    return lacking / f->quantum + (lacking % f->quantum != 0);
}

// Goes round once. NULL: nobody could be served; *turns is how many turns the nearest one still
// needed before this round.
static struct fair_member *go_round(struct fair *f, uint64_t (*cost)(struct fair_member *m),
                                    uint64_t *turns)
{
    struct list *last = f->round.prev;
    *turns = UINT64_MAX;
    for (;;) {
        struct fair_member *m = first(f);
        uint64_t price = cost(m);
        if (price <= m->deficit)
            return m;
        uint64_t needs = turns_needed(f, price - m->deficit);
        *turns = needs < *turns ? needs : *turns;
        m->deficit += f->quantum;
        list_remove(&m->link);
        list_add_last(&f->round, &m->link);
        if (&m->link == last)
            return NULL;
    }
}

struct fair_member *fair_next(struct fair *f, uint64_t (*cost)(struct fair_member *m))
{
    while (!list_is_empty(&f->round)) {
        uint64_t turns;
        struct fair_member *m = go_round(f, cost, &turns), *each;
        if (m)
            return m;
        // All are dearer than a turn allows: the rounds in which nobody would be served, at once.
        if (turns > 1)
            LIST_EACH (&f->round, each, link)
                each->deficit += (turns - 1) * f->quantum;
    }
    return NULL;
}

void fair_charge(struct fair *f, struct fair_member *m, uint64_t cost)
{
    (void)f;
    m->deficit = m->deficit > cost ? m->deficit - cost : 0;
}
