#include "control/control.h"
#include "core/state.h"
#include "engine/engine_room.h"
#include "settings/settings.h"
#include "store/history.h"
#include "store/ledger.h"
#include "store/spool.h"
#include "store/store.h"
#include "warden/incident.h"
#include "warden/reputation.h"
#include "warden/warden.h"

static void count(struct engine *e, const struct outcome *o)
{
    struct state_customer *c = state_customer_get(&e->state, o->customer);
    struct state_ip *ip = *o->ip ? state_ip_get(&e->state, o->ip) : NULL;
    if (c)
        counter_add(&c->counter, o);
    if (ip)
        counter_add(&ip->counter, o);
    if (e->control) // gone first at the end
        control_on_outcome(e->control, o);
}

void facts_on_delivery(void *ctx, const struct outcome *o, const struct spool_message *m)
{
    struct engine *e = ctx;
    count(e, o);
    warden_on_fact(e->warden, o);
    warden_on_outcome(e->warden, o, m);
}

void facts_on_intake(void *ctx, const struct outcome *o)
{
    struct engine *e = ctx;
    count(e, o);
    spool_outcome(e->store, o, 0);
    warden_on_fact(e->warden, o);
}

void facts_on_submitted(void *ctx, const char *customer, const char *recipient, usec_t at,
                        uint32_t network, uint32_t content)
{
    struct engine *e = ctx;
    warden_on_submitted(e->warden, customer, recipient, at, network, content);
}

void facts_on_reverse(void *ctx, const char *ip, bool is_wrong, const char *why)
{
    struct engine *e = ctx;
    warden_on_reverse(e->warden, ip, is_wrong, why);
}

void facts_on_entry(void *ctx, const struct ledger_row *row)
{
    struct engine *e = ctx;
    if (e->control) // gone first at the end, while the last entries are written
        control_on_entry(e->control, row->entry, row->hash);
}

static void on_entry(void *ctx, const struct entry *entry)
{
    struct engine *e = ctx;
    state_apply(&e->state, entry);
}

static void on_sum(void *ctx, const struct history_sum *h)
{
    struct engine *e = ctx;
    struct outcome o = {.kind = h->kind, .class = h->class, .at = h->at};
    struct state_customer *c = *h->customer ? state_customer_add(&e->state, h->customer) : NULL;
    struct state_ip *ip = *h->ip ? state_ip_get(&e->state, h->ip) : NULL;
    if (c)
        counter_load(&c->counter, &o, h->n);
    if (ip)
        counter_load(&ip->counter, &o, h->n);
}

void facts_load(struct engine *e)
{
    ledger_each(e->store, on_entry, e);
    history_each_sum(e->store, clock_wall(), on_sum, e);
}
