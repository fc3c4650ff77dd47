/* Fetching ahead. A fleet of 100,000 customers is 100 MiB of records, of which an outcome touches a dozen
 * lines in an order that nobody foresees: judged one by one, the processor waits for each of them.
 * Told a few outcomes before, it fetches many at once. */
#include "core/reputation_room.h"

enum { LINE = 64 };

static void fetch(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i += LINE)
        __builtin_prefetch((const char *)p + i, 1);
    __builtin_prefetch((const char *)p + n - 1, 1);
}

static bool is_answer(const struct outcome *o)
{
    return o->kind == OUTCOME_DELIVERED || o->kind == OUTCOME_BOUNCED;
}

// Which one it probably is: by the hash alone, since the name is not here yet.
static struct reputation_customer *probable(const struct reputation *r, uint64_t hash)
{
    size_t i = hash & (r->slots_n - 1);
    while (r->slots[i].c && r->slots[i].hash != hash)
        i = (i + 1) & (r->slots_n - 1);
    return r->slots[i].c;
}

// The lines of it that this outcome will touch.
static void fetch_record(const struct reputation_customer *c, const struct outcome *o)
{
    usec_t at = o->delivered_at > 0 ? o->delivered_at : o->at;
    __builtin_prefetch(c, 1);
    if (o->kind == OUTCOME_ACCEPTED) {
        __builtin_prefetch(&c->harms[HARM_REPEAT], 1);
        __builtin_prefetch(c->submissions, 1);
        if (o->stream == STREAM_LIST)
            __builtin_prefetch(&c->list_submissions[7], 1);
        return;
    }
    __builtin_prefetch(&c->rates_second, 1);
    if (!is_answer(o))
        return;
    __builtin_prefetch(c->harms, 1);
    __builtin_prefetch(&c->reporting, 1);
    __builtin_prefetch(evidence_volume_at(&c->finals, at), 1);
    __builtin_prefetch(evidence_volume_at(&c->reporting, at), 1);
}

static void fetch_details(const struct reputation *r, const struct outcome *o,
                          const struct reputation_found *found)
{
    const struct reputation_customer *c = found->customer;
    uint64_t hash = is_answer(o) ? reputation_seen_hash(c, o) : 0;
    if (hash)
        seen_expect(&r->seen, hash);
    if (o->kind == OUTCOME_ACCEPTED) {
        if (c->habit)
            fetch(c->habit, offsetof(struct habit, new_contents));
        return;
    }
    usage_prefetch(&r->everywhere.usage, c->index);
    if (found->provider)
        usage_prefetch(&found->provider->outage.usage, c->index);
    if (is_answer(o) && found->ip)
        usage_prefetch(&found->ip->usage, c->index);
}

void reputation_expect(const struct reputation *r, const struct outcome *o,
                       enum reputation_step step, struct reputation_found *found)
{
    if (!*o->customer || !r->slots_n)
        return;
    switch (step) {
    case REPUTATION_NAME:
        found->hash = reputation_hash(r, o->customer, strlen(o->customer));
        __builtin_prefetch(&r->slots[found->hash & (r->slots_n - 1)]);
        break;
    case REPUTATION_RECORD:
        found->probable = probable(r, found->hash);
        if (found->probable)
            fetch_record(found->probable, o);
        break;
    case REPUTATION_DETAILS:
        found->provider = reputation_provider_hint(r, o->provider);
        found->ip = reputation_ip_hint(r, o->ip);
        if (!found->probable || strcmp(found->probable->name, o->customer) != 0)
            break;
        found->customer = found->probable;
        fetch_details(r, o, found);
        break;
    }
}
