/* All of reputation as bytes and back, exactly: customers and providers in their order (their indices
 * are what everything else refers to), then IPs and lanes (rotation), then who was seen. Plans, hints
 * and what the policy says are made anew. */
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "core/pack.h"
#include "core/reputation_room.h"
#include "core/rotation.h"

enum { VERSION = 3, NAME_MOST = 255, CUSTOMER_LEAST = 200, PROVIDER_LEAST = 60 };

/* --- customers */
static void save_volume(const struct evidence_volume *v, struct buf *out)
{
    pack_u32(out, v->newest);
    for (int i = 0; i < EVIDENCE_BUCKETS; i++)
        pack_u32(out, v->n[i]);
}

static bool load_volume(struct evidence_volume *v, struct bytes *in)
{
    bool is_ok = take_u32(in, &v->newest);
    for (int i = 0; is_ok && i < EVIDENCE_BUCKETS; i++)
        is_ok = take_u32(in, &v->n[i]);
    return is_ok;
}

static void save_harmed(const struct reputation_customer *c, struct buf *out)
{
    const struct reputation_traps *t = c->traps;
    pack_str(out, c->list ? c->list : "");
    pack_u32(out, c->votes);
    pack_u32(out, c->voted);
    pack_bool(out, t);
    for (int i = 0; t && i < REPUTATION_TRAPS; i++)
        pack_u32(out, t->hits[i]);
    for (int i = 0; t && i < RUNG_N; i++)
        pack_u32(out, t->since[i]);
}

static bool load_traps(struct reputation_customer *c, struct bytes *in)
{
    bool is_ok = true;
    c->traps = xcalloc(1, sizeof(*c->traps));
    for (int i = 0; is_ok && i < REPUTATION_TRAPS; i++)
        is_ok = take_u32(in, &c->traps->hits[i]);
    for (int i = 0; is_ok && i < RUNG_N; i++)
        is_ok = take_u32(in, &c->traps->since[i]);
    return is_ok;
}

static bool load_harmed(struct reputation_customer *c, struct bytes *in)
{
    char list[REPUTATION_LIST];
    bool has_traps;
    if (!take_text(in, list, sizeof(list)) || !take_u32(in, &c->votes) ||
        !take_u32(in, &c->voted) || !take_bool(in, &has_traps))
        return false;
    if (*list)
        c->list = xstrdup(list);
    return !has_traps || load_traps(c, in);
}

static void save_counts(const struct reputation_customer *c, struct buf *out)
{
    save_volume(&c->finals, out);
    save_volume(&c->reporting, out);
    for (int i = 0; i < 8; i++) {
        pack_u32(out, c->submissions[i]);
        pack_u32(out, c->list_submissions[i]);
    }
    pack_u32(out, c->submissions_newest);
    pack_f32(out, c->hard_n);
    pack_f32(out, c->hard_bad);
    pack_f32(out, c->soft_n);
    pack_f32(out, c->soft_bad);
    pack_u32(out, c->rates_second);
    pack_u8(out, c->block.n);
    pack_u8(out, c->block.bad);
    pack_u16(out, c->block.blocks);
    pack_f32(out, c->block.rate);
}

static bool load_counts(struct reputation_customer *c, struct bytes *in)
{
    bool is_ok = load_volume(&c->finals, in) && load_volume(&c->reporting, in);
    for (int i = 0; is_ok && i < 8; i++)
        is_ok = take_u32(in, &c->submissions[i]) && take_u32(in, &c->list_submissions[i]);
    return is_ok && take_u32(in, &c->submissions_newest) && take_f32(in, &c->hard_n) &&
           take_f32(in, &c->hard_bad) && take_f32(in, &c->soft_n) && take_f32(in, &c->soft_bad) &&
           take_u32(in, &c->rates_second) && take_u8(in, &c->block.n) &&
           take_u8(in, &c->block.bad) && take_u16(in, &c->block.blocks) &&
           take_f32(in, &c->block.rate);
}

static void save_standing(const struct reputation_customer *c, struct buf *out)
{
    pack_u8(out, (uint8_t)c->standing);
    pack_i64(out, c->standing_until);
    pack_i64(out, c->waits_since);
    pack_u32(out, c->waits_provider);
    pack_u8(out, c->waits_rung);
    pack_u8(out, c->waits_harm);
    pack_bool(out, c->is_clean_wanted);
    pack_u8(out, c->clean_harm);
    pack_u8(out, c->clean_rung);
    pack_f32(out, c->clean);
    pack_u8(out, c->pooled);
    pack_bool(out, c->is_submission_told);
    pack_u64(out, c->pool);
    pack_i64(out, c->pool_since);
    pack_u64(out, c->clean_n);
    pack_u32(out, c->observations);
}

static bool load_standing(struct reputation_customer *c, struct bytes *in)
{
    uint8_t standing;
    if (!take_u8(in, &standing) || standing > STANDING_SUSPENDED ||
        !take_i64(in, &c->standing_until) || !take_i64(in, &c->waits_since) ||
        !take_u32(in, &c->waits_provider) || !take_u8(in, &c->waits_rung) ||
        !take_u8(in, &c->waits_harm) || !take_bool(in, &c->is_clean_wanted) ||
        !take_u8(in, &c->clean_harm) || c->clean_harm >= HARM_N || !take_u8(in, &c->clean_rung) ||
        c->clean_rung >= RUNG_N || !take_f32_signed(in, &c->clean))
        return false;
    c->standing = (enum standing)standing;
    return take_u8(in, &c->pooled) && take_bool(in, &c->is_submission_told) &&
           take_u64(in, &c->pool) && take_i64(in, &c->pool_since) && take_u64(in, &c->clean_n) &&
           take_u32(in, &c->observations);
}

static void save_customer(const struct reputation_customer *c, struct buf *out)
{
    pack_str(out, c->name);
    save_standing(c, out);
    save_counts(c, out);
    for (int h = 0; h < HARM_N; h++) {
        pack_bool(out, c->harms[h].is_begun);
        if (c->harms[h].is_begun)
            evidence_save(&c->harms[h], out);
    }
    pack_bool(out, c->habit != NULL);
    if (c->habit)
        habit_save(c->habit, out);
    save_harmed(c, out);
}

static bool load_habit(struct reputation_customer *c, struct bytes *in)
{
    c->habit = xcalloc(1, sizeof(*c->habit));
    return habit_load(c->habit, in);
}

static bool load_customer(struct reputation *r, struct bytes *in)
{
    char name[NAME_MOST + 1];
    uint32_t before = r->customers_n;
    if (!take_text(in, name, sizeof(name)))
        return false;
    struct reputation_customer *c = reputation_customer_of(r, name);
    if (!c || r->customers_n != before + 1 || !load_standing(c, in) || !load_counts(c, in))
        return false; // there twice, or broken
    for (int h = 0; h < HARM_N; h++) {
        bool has;
        if (!take_bool(in, &has) || (has && !evidence_load(&c->harms[h], in)))
            return false;
    }
    bool has_habit;
    return take_bool(in, &has_habit) && (!has_habit || load_habit(c, in)) && load_harmed(c, in);
}

/* --- providers */
static void save_provider(const struct reputation_provider *p, struct buf *out)
{
    pack_str(out, p->name);
    outage_save(&p->outage, out);
    pack_i64(out, p->pause);
    for (size_t i = 0; i < ARRAY_LEN(p->domains); i++)
        pack_u32(out, p->domains[i]);
    pack_i64(out, p->domains_at);
}

static bool load_provider(struct reputation *r, struct bytes *in)
{
    char name[NAME_MOST + 1];
    uint32_t before = r->providers_n;
    usec_t pause;
    if (!take_text(in, name, sizeof(name)))
        return false;
    struct reputation_provider *p = reputation_provider_of(r, name);
    if (!p || r->providers_n != before + 1 || !outage_load(&p->outage, in) || !take_i64(in, &pause))
        return false;
    p->pause = pause;
    for (size_t i = 0; i < ARRAY_LEN(p->domains); i++)
        if (!take_u32(in, &p->domains[i]))
            return false;
    return take_i64(in, &p->domains_at);
}

/* --- what is due: in the order it came, so that equal times leave in it again */
static struct due *due_of(struct reputation *r, uint8_t what, uint32_t index)
{
    if (what == DUE_CUSTOMER && index < r->customers_n)
        return &r->customers[index]->due;
    if (what == DUE_PROVIDER && index < r->providers_n)
        return &r->providers[index]->due;
    return what == DUE_PROVIDER && index == USAGE_NONE ? &r->everywhere_due : NULL;
}

static uint32_t index_of(const struct reputation *r, const struct due *due)
{
    if (due == &r->everywhere_due)
        return USAGE_NONE;
    return due->what == DUE_CUSTOMER ? CONTAINER_OF(due, struct reputation_customer, due)->index
                                     : CONTAINER_OF(due, struct reputation_provider, due)->index;
}

static int by_order(const void *a, const void *b)
{
    const struct due *x = *(const struct due *const *)a, *y = *(const struct due *const *)b;
    return (x->node.order > y->node.order) - (x->node.order < y->node.order);
}

static void save_dues(const struct reputation *r, struct buf *out)
{
    const struct due **list = xcalloc(r->due.n + 1, sizeof(struct due *));
    uint32_t n = 0;
    for (size_t i = 0; i < r->due.n; i++) {
        const struct due *due = CONTAINER_OF(r->due.nodes[i], struct due, node);
        if (due->what == DUE_CUSTOMER || due->what == DUE_PROVIDER)
            list[n++] = due;
    }
    qsort(list, n, sizeof(struct due *), by_order);
    pack_u32(out, n);
    for (uint32_t i = 0; i < n; i++) {
        pack_u8(out, (uint8_t)list[i]->what);
        pack_u32(out, index_of(r, list[i]));
        pack_i64(out, list[i]->node.at);
    }
    xfree(list);
}

static bool load_dues(struct reputation *r, struct bytes *in)
{
    uint32_t n;
    if (!take_count(in, &n, 13))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t what;
        uint32_t index;
        usec_t at;
        if (!take_u8(in, &what) || !take_u32(in, &index) || !take_i64(in, &at))
            return false;
        struct due *due = due_of(r, what, index);
        if (!due || heap_has(&due->node))
            return false;
        heap_add(&r->due, &due->node, at);
    }
    return true;
}

/* --- the whole */
static void save_fleet(const struct reputation *r, struct buf *out)
{
    pack_i64(out, r->now);
    pack_i64(out, r->ahead);
    pack_u32(out, r->ahead_n);
    pack_u32(out, r->settled);
    pack_f64(out, r->clumping.terms);
    pack_u64(out, r->clumping.blocks);
    pack_f64(out, r->plans_clump);
    for (int h = 0; h < HARM_N; h++) {
        pack_f64(out, r->fleet_n[h]);
        pack_f64(out, r->fleet_bad[h]);
    }
    pack_u32(out, r->fleet_second);
    pack_bool(out, r->is_trimmed);
    for (int h = 0; h < 2; h++)
        evidence_save(&r->newcomers.harms[h], out);
    for (int i = 0; i < REPUTATION_NEWCOMERS; i++)
        pack_u32(out, r->newcomers.customers[i]);
    pack_u32(out, r->newcomers.n);
    for (int i = 0; i < REPUTATION_LATEST; i++)
        pack_u32(out, r->latest[i]);
    pack_u32(out, r->latest_n);
}

static bool load_newcomers(struct reputation *r, struct bytes *in)
{
    struct reputation_newcomers *s = &r->newcomers;
    for (int h = 0; h < 2; h++)
        if (!evidence_load(&s->harms[h], in))
            return false;
    for (int i = 0; i < REPUTATION_NEWCOMERS; i++)
        if (!take_u32(in, &s->customers[i]) ||
            (s->customers[i] >= r->customers_n && s->customers[i]))
            return false;
    return take_u32(in, &s->n) && (!s->n || r->customers_n);
}

static bool load_fleet(struct reputation *r, struct bytes *in)
{
    double clump;
    bool is_ok = take_i64(in, &r->now) && take_i64(in, &r->ahead) && take_u32(in, &r->ahead_n) &&
                 take_u32(in, &r->settled) && take_f64(in, &r->clumping.terms) &&
                 take_u64(in, &r->clumping.blocks) && take_f64(in, &clump);
    for (int h = 0; is_ok && h < HARM_N; h++)
        is_ok = take_f64(in, &r->fleet_n[h]) && take_f64(in, &r->fleet_bad[h]);
    is_ok = is_ok && take_u32(in, &r->fleet_second) && take_bool(in, &r->is_trimmed) &&
            load_newcomers(r, in);
    for (int i = 0; is_ok && i < REPUTATION_LATEST; i++)
        is_ok = take_u32(in, &r->latest[i]);
    is_ok = is_ok && take_u32(in, &r->latest_n);
    if (is_ok)
        reputation_plan(r);
    return is_ok;
}

void reputation_save(const struct reputation *r, struct buf *out)
{
    pack_u32(out, VERSION);
    pack_u32(out, r->customers_n);
    for (uint32_t i = 0; i < r->customers_n; i++)
        save_customer(r->customers[i], out);
    pack_u32(out, r->providers_n);
    for (uint32_t i = 0; i < r->providers_n; i++)
        save_provider(r->providers[i], out);
    outage_save(&r->everywhere, out);
    save_fleet(r, out);
    save_dues(r, out);
    rotation_save(r, out);
    seen_save(&r->seen, out);
}

static bool load_all(struct reputation *r, struct bytes *in)
{
    uint32_t version, n;
    if (!take_u32(in, &version) || version != VERSION || !take_count(in, &n, CUSTOMER_LEAST) ||
        n > REPUTATION_CUSTOMERS)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!load_customer(r, in))
            return false;
    if (!take_count(in, &n, PROVIDER_LEAST) || n > REPUTATION_PROVIDERS)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (!load_provider(r, in))
            return false;
    return outage_load(&r->everywhere, in) && load_fleet(r, in) && load_dues(r, in) &&
           rotation_load(r, in) && seen_load(&r->seen, in) && !in->n;
}

// A due that stands in the struct itself moved with it; its heap has to learn where to.
static void settle(struct reputation *r)
{
    struct heap_node *node = &r->everywhere_due.node;
    if (heap_has(node))
        r->due.nodes[node->place - 1] = node;
}

// An IP that is configured no more is nobody's: no pool may count on it.
static void configure_ips(struct reputation *loaded, const struct reputation *r)
{
    bool is_any = false;
    for (uint32_t i = 0; i < r->ips_n; i++)
        is_any |= r->ips[i]->is_configured;
    for (uint32_t i = 0; is_any && i < loaded->ips_n; i++)
        loaded->ips[i]->is_here = false;
    for (uint32_t i = 0; i < r->ips_n; i++)
        if (r->ips[i]->is_configured)
            reputation_set_ip(loaded, r->ips[i]->address, r->ips[i]->pool, r->ips[i]->is_here);
}

// What was configured before the load stands above what the bytes say.
static void configure(struct reputation *loaded, const struct reputation *r)
{
    configure_ips(loaded, r);
    for (uint32_t i = 0; i < r->providers_n; i++)
        if (r->providers[i]->pause)
            reputation_set_pause(loaded, r->providers[i]->name, r->providers[i]->pause);
    for (uint32_t i = 0; i < r->customers_n; i++)
        if (r->customers[i]->pool)
            reputation_pool_set(loaded, r->customers[i]->name, r->customers[i]->pool);
    if (r->trace_customer < r->customers_n)
        reputation_trace(loaded, r->customers[r->trace_customer]->name, r->on_trace, r->trace_ctx);
}

bool reputation_load(struct reputation *r, struct bytes in)
{
    struct reputation *loaded = reputation_new(&r->o);
    if (!load_all(loaded, &in)) {
        reputation_free(loaded);
        return false;
    }
    configure(loaded, r);
    // The two change places; what was before goes.
    struct reputation before = *r;
    *r = *loaded;
    *loaded = before;
    settle(r);
    settle(loaded);
    reputation_free(loaded);
    return true;
}
