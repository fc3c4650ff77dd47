/* Fetching ahead. A fleet of 100,000 customers is 100 MiB of records, of which an outcome touches a dozen
 * lines in an order that nobody foresees: judged one by one, the processor waits for each of them.
 * Told a few outcomes before, it fetches many at once. */
#include "core/reputation_room.h"

enum { LINE = 64 };

static void fetch(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i += LINE)
        __builtin_prefetch((const char *)p + i, 1);
}

static struct reputation_slot *slot_of(const struct reputation *r, const char *name)
{
    return &r->slots[reputation_hash(r, name, strlen(name)) & (r->slots_n - 1)];
}

// Whoever it turns out to be: fetching somebody else's is a line in vain, no mistake.
static void fetch_details(const struct reputation *r, const struct reputation_customer *c,
                          const struct outcome *o)
{
    uint64_t hash = reputation_seen_hash(c, o);
    if (hash)
        seen_expect(&r->seen, hash);
    if (o->kind == OUTCOME_ACCEPTED && c->habit)
        fetch(c->habit, sizeof(*c->habit));
}

void reputation_expect(const struct reputation *r, const struct outcome *o,
                       enum reputation_step step)
{
    if (!*o->customer || !r->slots_n)
        return;
    const struct reputation_slot *slot = slot_of(r, o->customer);
    switch (step) {
    case REPUTATION_NAME:
        __builtin_prefetch(slot);
        break;
    case REPUTATION_RECORD:
        if (slot->c)
            fetch(slot->c, sizeof(*slot->c) + LINE); // its name stands behind it
        break;
    case REPUTATION_DETAILS:
        if (slot->c)
            fetch_details(r, slot->c, o);
        break;
    }
}
