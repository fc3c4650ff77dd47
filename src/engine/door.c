// Between the control room and the rest: rows copied field by field, since neither knows the other.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"
#include "control/engine.h"
#include "core/entry.h"
#include "core/reputation.h"
#include "delivery/delivery.h"
#include "engine/engine_room.h"
#include "mail/replies.h"
#include "settings/settings.h"
#include "store/ledger.h"
#include "store/store.h"
#include "warden/feedback.h"
#include "warden/probe.h"
#include "warden/reputation.h"
#include "warden/suppress.h"
#include "warden/unknown.h"
#include "warden/warden.h"

struct each_queue {
    void (*each)(void *to, const struct control_queue_row *r);
    void *to;
};

static void on_queue_row(void *ctx, const struct delivery_queue_row *r)
{
    const struct each_queue *q = ctx;
    q->each(q->to, &(struct control_queue_row){.customer = r->customer,
                                               .provider = r->provider,
                                               .pool = r->pool,
                                               .waiting = r->waiting,
                                               .held = r->held,
                                               .oldest_at = r->oldest_at,
                                               .next_try_at = r->next_try_at,
                                               .last_reply = r->last_reply});
}

static void each_queue(void *ctx, void (*each)(void *to, const struct control_queue_row *r),
                       void *to)
{
    struct engine *e = ctx;
    delivery_each_queue(e->delivery, on_queue_row, &(struct each_queue){each, to});
}

struct each_lane {
    void (*each)(void *to, const struct control_lane_row *r);
    void *to;
};

static void on_lane_row(void *ctx, const struct delivery_lane_row *r)
{
    const struct each_lane *l = ctx;
    l->each(l->to, &(struct control_lane_row){.ip = r->ip,
                                              .provider = r->provider,
                                              .lane_state = r->lane_state,
                                              .connections = r->connections,
                                              .connections_max = r->connections_max,
                                              .sent_1m = r->sent_1m,
                                              .sent_1h = r->sent_1h,
                                              .deferred_rate = r->deferred_rate,
                                              .is_blocked = r->is_blocked,
                                              .until = r->until,
                                              .last_reply = r->last_reply});
}

static void each_lane(void *ctx, void (*each)(void *to, const struct control_lane_row *r), void *to)
{
    struct engine *e = ctx;
    delivery_each_lane(e->delivery, on_lane_row, &(struct each_lane){each, to});
}

static void totals(void *ctx, struct control_totals *t)
{
    struct engine *e = ctx;
    struct delivery_totals d;
    delivery_totals_get(e->delivery, &d);
    *t = (struct control_totals){.queued = d.queued - d.held, // delivery counts held ones in
                                 .held = d.held,
                                 .in_flight = d.in_flight,
                                 .connections = d.connections,
                                 .last_outcome_at = d.last_outcome_at};
}

static void limits(void *ctx, const char *provider, struct control_limits *l)
{
    struct engine *e = ctx;
    const struct settings_provider *p = settings_provider_limits(e->settings, provider);
    *l = (struct control_limits){.connections = p->connections,
                                 .connections_all = p->connections_all,
                                 .messages = p->messages,
                                 .rate = p->rate,
                                 .rate_per = p->rate_per};
}

static void health(void *ctx, struct control_health *h)
{
    struct engine *e = ctx;
    *h = (struct control_health){.disk_free = store_disk_free(e->store),
                                 .is_accepting = store_may_accept(e->store) && !e->is_ending,
                                 .problem = "",
                                 .last_probe_at = probe_heard_at(e->probe)};
    if (e->problem)
        h->problem = e->problem;
    else if (e->is_ending)
        h->problem = "the engine is ending";
    else if (!store_may_accept(e->store))
        h->problem = "the disk is nearly full: new mail gets 452, delivery goes on";
}

static void feedback(void *ctx, struct control_feedback *f)
{
    struct engine *e = ctx;
    struct feedback_figures n;
    feedback_figures_get(e->warden, &n);
    *f = (struct control_feedback){.bounces = n.bounces,
                                   .complaints = n.complaints,
                                   .unsubscribes = n.unsubscribes,
                                   .auto_replies = n.auto_replies,
                                   .others = n.others,
                                   .unmatched = n.unmatched,
                                   .died = n.died,
                                   .forged = n.forged,
                                   .stale = n.stale};
}

static void why(void *ctx, const struct spool_message *m, uint32_t no, char *out, size_t room)
{
    struct engine *e = ctx;
    delivery_why(e->delivery, m, no, out, room);
}

/* An action on its way through the ledger. */
struct act {
    control_act_fn *done;
    void *ctx;
};

static void on_enforced(void *ctx, int r, const struct ledger_row *row)
{
    struct act *a = ctx;
    a->done(a->ctx, r, row ? row->entry : NULL, row ? row->hash : NULL);
    xfree(a);
}

static void act(void *ctx, struct entry *entry, control_act_fn *done, void *done_ctx)
{
    struct engine *e = ctx;
    struct act *a = xmalloc(sizeof(*a));
    *a = (struct act){done, done_ctx};
    warden_enforce(e->warden, entry, on_enforced, a);
}

static void suppress(void *ctx, struct entry *entry, const struct suppress_row *rows, size_t n,
                     control_act_fn *done, void *done_ctx)
{
    struct engine *e = ctx;
    struct act *a = xmalloc(sizeof(*a));
    *a = (struct act){done, done_ctx};
    warden_suppress(e->warden, entry, rows, n, on_enforced, a);
}

static void on_unsuppressed(void *ctx, const struct suppress_removed *removed)
{
    on_enforced(ctx, removed->r, removed->row);
}

static void unsuppress(void *ctx, struct entry *entry, const struct suppress_removal *what,
                       control_act_fn *done, void *done_ctx)
{
    struct engine *e = ctx;
    struct act *a = xmalloc(sizeof(*a));
    *a = (struct act){done, done_ctx};
    warden_unsuppress(e->warden, entry, what, on_unsuppressed, a);
}

static bool next_rung(void *ctx, const char *customer, struct reputation_rung *out)
{
    struct engine *e = ctx;
    return reputation_next_rung(warden_reputation(e->warden), customer, out);
}

static bool harm(void *ctx, const char *customer, enum harm h, struct reputation_harm *out)
{
    struct engine *e = ctx;
    return reputation_harm_get(warden_reputation(e->warden), customer, h, out);
}

static bool ip_health(void *ctx, const char *ip, struct health *out)
{
    struct engine *e = ctx;
    return reputation_health(warden_reputation(e->warden), ip, out);
}

static bool is_incident(void *ctx, const char *provider)
{
    struct engine *e = ctx;
    return reputation_is_incident(warden_reputation(e->warden), provider);
}

static const struct incidents *incidents(void *ctx)
{
    struct engine *e = ctx;
    return warden_incidents(e->warden);
}

static bool judge(void *ctx, const struct outcome *o, struct control_reading *out)
{
    struct engine *e = ctx;
    struct reply_verdict verdict;
    delivery_reading(e->delivery, o, &verdict);
    *out = (struct control_reading){.class = verdict.class, .scope = verdict.scope};
    if (verdict.rule && verdict.rule->line)
        snprintf(out->rule, sizeof(out->rule), "providers.yaml:%u", verdict.rule->line);
    return true;
}

struct each_unknown {
    void (*each)(void *to, const struct control_unknown_row *r);
    void *to;
};

static void on_unknown_row(void *ctx, const struct unknown_reply *r)
{
    const struct each_unknown *u = ctx;
    u->each(u->to, &(struct control_unknown_row){.phase = phase_text(r->phase),
                                                 .class = class_text(r->class),
                                                 .shape = r->shape,
                                                 .sample = r->sample,
                                                 .code = r->code,
                                                 .count = r->count,
                                                 .first_at = r->first_at,
                                                 .last_at = r->last_at,
                                                 .providers = (const char *const *)r->providers,
                                                 .providers_n = r->providers_n,
                                                 .has_more_providers = r->has_more_providers});
}

static void each_unknown(void *ctx, void (*each)(void *to, const struct control_unknown_row *r),
                         void *to)
{
    struct engine *e = ctx;
    unknown_each(warden_unknown(e->warden), on_unknown_row, &(struct each_unknown){each, to});
}

static int on_reload(void *ctx, const char *actor, char **mistakes)
{
    struct engine *e = ctx;
    return reload(e, actor, mistakes);
}

// Fills what control copies; `pools` has room for the names, `node_id` for the text.
static struct control_settings settings_of(struct engine *e, char node_id[ID_NODE_TEXT],
                                           const char **pools)
{
    const struct settings *s = e->settings;
    node_id_format(node_id, store_node_id(e->store));
    for (size_t i = 0; i < s->pools_n; i++)
        pools[i] = s->pools[i].name;
    return (struct control_settings){
        .node = s->node,
        .label = s->control.label,
        .version = MXWARDEN_VERSION,
        .node_id = node_id,
        .started_at = e->started_at,
        .pools = pools,
        .pools_n = s->pools_n,
        .expiry_warn = s->policy.expiry_warn,
        .expiry_throttle = s->policy.expiry_throttle,
        .expiry_suspend = s->policy.expiry_suspend,
        .expiry_pull = s->policy.expiry_pull,
        .expiry_drain = s->policy.expiry_drain,
        .expiry_hold = s->policy.expiry_hold,
        .expiry_pause = s->policy.lane_pause,
        .mode = !s->policy.is_there      ? "none"
                : s->policy.is_observing ? "observe"
                                         : "enforce",
        .throttle_rate = s->policy.throttle_rate,
        .refusal = s->policy.refusal,
        .tells_customer = s->policy.tells_customer,
        .operators = (const char *const *)s->control.operators,
        .operators_n = s->control.operators_n,
        .viewers = (const char *const *)s->control.viewers,
        .viewers_n = s->control.viewers_n,
    };
}

int door_open(struct engine *e, char **why_not)
{
    char node_id[ID_NODE_TEXT];
    const char **pools = xcalloc(e->settings->pools_n, sizeof(*pools));
    struct control_settings s = settings_of(e, node_id, pools);
    e->calls = (struct control_engine){.ctx = e,
                                       .each_queue = each_queue,
                                       .each_lane = each_lane,
                                       .totals = totals,
                                       .limits = limits,
                                       .health = health,
                                       .feedback = feedback,
                                       .why = why,
                                       .act = act,
                                       .suppress = suppress,
                                       .unsuppress = unsuppress,
                                       .reload = on_reload,
                                       .next_rung = next_rung,
                                       .harm = harm,
                                       .ip_health = ip_health,
                                       .is_incident = is_incident,
                                       .incidents = incidents,
                                       .judge = judge,
                                       .each_unknown = each_unknown};
    int r = control_open(&e->control,
                         &(struct control_options){.loop = &e->loop,
                                                   .state = &e->state,
                                                   .store = e->store,
                                                   .engine = &e->calls,
                                                   .settings = &s,
                                                   .socket = e->settings->control.socket},
                         why_not);
    xfree((void *)pools);
    return r;
}

void door_set_settings(struct engine *e)
{
    char node_id[ID_NODE_TEXT];
    const char **pools = xcalloc(e->settings->pools_n, sizeof(*pools));
    struct control_settings s = settings_of(e, node_id, pools);
    control_set_settings(e->control, &s);
    xfree((void *)pools);
}
