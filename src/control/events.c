/* `events`: outcomes as they were and as they come. Reading up goes through history in pieces, each
 * only when the last one has been read; then what history does not have yet comes from the ring in
 * memory, then every outcome live, in batches. */
#include <string.h>

#include "base/text.h"
#include "control/peer.h"
#include "control/table.h"
#include "store/history.h"

enum { PIECE = 500, SLOW = 512 << 10 }; // outcomes of one question; unread bytes

// Outcomes on their way to one peer, as one push.
struct batch {
    struct peer *peer;
    struct buf text;
    size_t n;
};

static void batch_begin(struct batch *b, struct peer *p)
{
    *b = (struct batch){.peer = p};
    buf_add_str(&b->text, "{\"feed\":\"events\",\"events\":[");
}

static void batch_end(struct batch *b)
{
    buf_add_str(&b->text, "]}\n");
    if (b->n && !b->peer->is_ending)
        buf_add_bytes(&b->peer->out, buf_bytes(&b->text));
    buf_deinit(&b->text);
    peer_flush(b->peer);
}

static void batch_add(struct batch *b, const struct world_event *e)
{
    if (!table_match(b->peer->events, &b->peer->control->world, e))
        return;
    if (b->n++)
        buf_add_byte(&b->text, ',');
    outcome_format(&b->text, &e->outcome);
    while (b->text.p[b->text.n - 1] == '\n')
        b->text.p[--b->text.n] = '\0';   // a line of its own elsewhere
    if (b->text.n > PROTOCOL_LINE / 2) { // the bound of a line
        struct peer *p = b->peer;
        batch_end(b);
        batch_begin(b, p);
    }
}

// What is in the ring from event `from` on and younger than `after`.
static void send_ring(struct peer *p, uint64_t from, usec_t after)
{
    const struct world *w = &p->control->world;
    struct batch b;
    batch_begin(&b, p);
    if (w->events_n >= WORLD_EVENTS && from <= w->events_n - WORLD_EVENTS)
        from = w->events_n - WORLD_EVENTS + 1;
    for (uint64_t n = from ? from : 1; n <= w->events_n; n++) {
        const struct world_event *e = world_event_get(w, n);
        if (e && e->outcome.at > after)
            batch_add(&b, e);
    }
    batch_end(&b);
}

// Reading up is over: the newest, then the end or the live ones.
static void caught_up(struct peer *p, usec_t last_at)
{
    events_flush(
        p->control); // others' batches end here, so that this one misses and doubles nothing
    send_ring(p, 1, last_at);
    p->is_live = p->catch_up.is_following;
    p->catch_up = (struct catch_up){0};
    if (!p->is_live)
        peer_push(p, json_pack("{s:s,s:b}", "feed", "events", "end", 1));
}

// One question to history, and whose it was.
struct asked {
    struct control *control;
    uint64_t peer, serial;
};

static void send_piece(struct peer *p, const struct outcome *outcomes, size_t n)
{
    struct catch_up *c = &p->catch_up;
    struct batch b;
    size_t skip = c->skip < n ? c->skip : n;
    batch_begin(&b, p);
    for (size_t i = skip; i < n; i++) {
        struct world_event e = {.outcome = outcomes[i]};
        batch_add(&b, &e);
        c->skip = outcomes[i].at == c->at ? c->skip + 1 : 1;
        c->at = outcomes[i].at;
    }
    batch_end(&b);
}

static void on_history(void *ctx, const struct outcome *outcomes, size_t n)
{
    struct asked *a = ctx;
    struct peer *p = peer_find(a->control, a->peer);
    if (p && p->catch_up.serial == a->serial) {
        bool has_more = n >= PIECE + p->catch_up.skip;
        p->catch_up.is_asking = false;
        send_piece(p, outcomes, n);
        if (!has_more)
            caught_up(p, n ? outcomes[n - 1].at : p->catch_up.at - 1);
        control_wake(a->control);
    }
    struct world *w = &a->control->world;
    xfree(a);
    world_asked(w);
}

static void ask_history(struct peer *p)
{
    struct world *w = &p->control->world;
    struct history_query q = {.since = p->catch_up.at, .limit = PIECE + p->catch_up.skip};
    struct asked *a = xcalloc(1, sizeof(*a));
    *a = (struct asked){.control = p->control, .peer = p->serial, .serial = p->catch_up.serial};
    p->catch_up.is_asking = true;
    world_ask(w);
    history_list(w->store, &q, on_history, a);
}

void events_tick(struct peer *p)
{
    if (p->catch_up.serial && !p->catch_up.is_asking && !p->is_ending && peer_unread(p) < SLOW)
        ask_history(p);
}

void events_flush(struct control *c)
{
    struct peer *p;
    if (c->events_sent == c->world.events_n)
        return;
    LIST_EACH (&c->peers, p, link)
        if (p->is_live && !p->is_ending)
            send_ring(p, c->events_sent + 1, 0);
    c->events_sent = c->world.events_n;
}

// Unix seconds, whole or not; RFC 3339 too.
static bool parse_since(usec_t *at, const json_t *v)
{
    *at = 0;
    if (!v || json_is_null(v))
        return true;
    if (json_is_string(v))
        return clock_parse(at, json_string_value(v));
    double seconds = json_number_value(v);
    if (!json_is_number(v) || !(seconds >= 0 && seconds < 1e11))
        return false;
    *at = (usec_t)(seconds * (double)USEC_SECOND);
    return true;
}

void events_free(struct peer *p)
{
    if (p->events)
        table_query_deinit(p->events);
    p->events = xfree(p->events);
    p->is_live = false;
    p->catch_up = (struct catch_up){0};
}

// Only the filter is the client's: all other outcomes come in the order they happened.
static struct table_query *query_new(const json_t *params, char **why)
{
    struct table_query *q = xcalloc(1, sizeof(*q));
    CLEANUP(json_decref)
    json_t *asked = json_pack("{s:s,s:s}", "table", "events", "filter",
                              protocol_get_text(params, "filter", ""));
    if (!table_query_parse(q, asked, TABLE_LIMIT, why))
        return q;
    table_query_deinit(q);
    return xfree(q);
}

void events_run(struct request *r, const json_t *params)
{
    struct peer *p = request_peer(r);
    bool is_following = protocol_get_flag(params, "follow");
    const json_t *since = json_object_get(params, "since");
    CLEANUP(xfree) char *why = NULL;
    usec_t at;
    if (!parse_since(&at, since)) {
        request_fail(r, "usage", "since: expected Unix seconds");
        return;
    }
    struct table_query *q = query_new(params, &why);
    if (!q) {
        request_fail(r, "usage", "%s", why);
        return;
    }
    request_answer(r, json_object());
    events_flush(p->control);
    events_free(p);
    p->events = q;
    p->catch_up = (struct catch_up){.at = at, .is_following = is_following};
    if (p->control->world.store && since && !json_is_null(since)) {
        p->catch_up.serial = ++p->control->serial;
        ask_history(p);
    } else if (is_following && !at) {
        p->is_live = true; // from now
        p->catch_up = (struct catch_up){0};
    } else {
        caught_up(p, at ? at - 1 : 0);
    }
    control_wake(p->control);
}
