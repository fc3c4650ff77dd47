/* Feeds: a window on a table, kept current. Each push carries what changed since the last: the order
 * when it changed, the rows that are new in the window or different, the status. What a row was is
 * kept as a hash. A feed that is costly to make is made less often, so that it takes at most a
 * twentieth of the loop; a client that reads slowly is sent the newest when it has caught up. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "control/page.h"
#include "control/peer.h"
#include "control/table.h"

enum { NAME = 64, FEED_ROWS = 2000, SLOW = 64 << 10, COST = 20 }; // unread bytes; times its cost

static const usec_t push_least = 100 * USEC_MS, push_most = 900 * USEC_MS;

struct feed {
    struct list link;
    uint64_t serial;
    char name[NAME];
    bool is_page;
    struct table_query query; // of a table
    struct target target;     // of a page
    bool is_asking;           // the page is on its way
    usec_t next_at, said_at;  // monotonic: the next look, the last push
    uint64_t order_hash, status_hash, page_hash;
    size_t total, matched;
    struct map rows; // key → hash of the row as the client has it, never NULL
};

static void forget_rows(struct feed *f)
{
    map_deinit(&f->rows);
    f->rows = (struct map){0};
}

struct feed *feed_free(struct feed *f)
{
    if (!f)
        return NULL;
    table_query_deinit(&f->query);
    forget_rows(f);
    return xfree(f);
}

static void feed_drop(struct peer *p, struct feed *f)
{
    list_remove(&f->link);
    p->feeds_n--;
    p->feed_rows -= f->query.limit;
    feed_free(f);
}

void feeds_free(struct peer *p)
{
    struct feed *f;
    LIST_EACH (&p->feeds, f, link)
        feed_drop(p, f);
}

static struct feed *feed_find(struct peer *p, const char *name)
{
    struct feed *f;
    LIST_EACH (&p->feeds, f, link)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static int parse(struct feed *f, const json_t *params, char **why)
{
    const char *name = protocol_get_text(params, "feed", "");
    f->is_page = strcmp(protocol_get_text(params, "table", ""), "show") == 0;
    size_t n = strlen(name);
    if (!n || text_visible(f->name, sizeof(f->name), name, n) != n) {
        *why = xasprintf("feed: expected a name of at most %d plain characters", NAME - 1);
        return 1;
    }
    return f->is_page ? target_parse(&f->target, protocol_get_text(params, "target", ""), why)
                      : table_query_parse(&f->query, params, PROTOCOL_ROWS, why);
}

void feed_run(struct request *r, const json_t *params)
{
    struct peer *p = request_peer(r);
    CLEANUP(xfree) char *why = NULL;
    struct feed *f = xcalloc(1, sizeof(*f));
    struct feed *old = NULL;
    bool is_wrong = parse(f, params, &why);
    if (!is_wrong)
        old = feed_find(p, f->name);
    size_t rows = p->feed_rows - (old ? old->query.limit : 0) + f->query.limit;
    if (is_wrong) {
        request_fail(r, "usage", "%s", why);
    } else if (!old && p->feeds_n == PROTOCOL_FEEDS) {
        request_fail(r, "refused", "%d feeds are open already; unfeed one", (int)PROTOCOL_FEEDS);
    } else if (rows > FEED_ROWS) {
        request_fail(r, "refused", "all feeds of a client show at most %d rows; ask for fewer",
                     (int)FEED_ROWS);
    } else {
        if (old)
            feed_drop(p, old);
        f->serial = ++r->control->serial;
        list_add_last(&p->feeds, &f->link);
        p->feeds_n++;
        p->feed_rows = rows;
        request_answer(r, json_object());
        feeds_tick(p, clock_monotonic());
        control_wake(p->control);
        return;
    }
    feed_free(f);
}

void unfeed_run(struct request *r, const json_t *params)
{
    struct peer *p = request_peer(r);
    struct feed *f = feed_find(p, protocol_get_text(params, "feed", ""));
    if (!f) {
        request_fail(r, "refused", "no such feed is open");
        return;
    }
    feed_drop(p, f);
    request_answer(r, json_object());
}

static json_t *push_new(const struct feed *f)
{
    return json_pack("{s:s,s:o}", "feed", f->name, "now", protocol_time(clock_wall()));
}

// The status rides along with every feed.
static void add_status(struct peer *p, struct feed *f, json_t *push)
{
    json_t *status = control_status(p->control);
    if (f->status_hash == p->control->status_hash)
        return;
    f->status_hash = p->control->status_hash;
    json_object_set(push, "status", status);
}

// Adds order and rows as far as they changed.
static void add_rows(struct feed *f, const struct table_window *w, json_t *push)
{
    struct map now = {0};
    json_t *order = json_array(), *rows = json_object(), *row;
    size_t i;
    json_array_foreach(w->rows, i, row)
    {
        const char *key = protocol_get_text(row, "key", "");
        // NOLINTNEXTLINE(performance-no-int-to-ptr): a number kept in a map of pointers
        void *hash = (void *)(control_hash(row) | 1);
        json_array_append(order, json_object_get(row, "key"));
        map_put_str(&now, key, hash);
        if (map_get_str(&f->rows, key) != hash)
            json_object_set(rows, key, row);
    }
    forget_rows(f);
    f->rows = now;
    uint64_t order_hash = control_hash(order);
    if (order_hash != f->order_hash)
        json_object_set(push, "order", order);
    if (json_object_size(rows))
        json_object_set(push, "rows", rows);
    f->order_hash = order_hash;
    json_decref(order);
    json_decref(rows);
}

static void push_table(struct peer *p, struct feed *f, usec_t now)
{
    struct table_window w;
    usec_t begin = clock_monotonic();
    table_look(&f->query, &p->control->world, clock_wall(), &w);
    json_t *push = push_new(f);
    json_object_set_new(push, "total", json_integer((json_int_t)w.total));
    json_object_set_new(push, "matched", json_integer((json_int_t)w.matched));
    add_rows(f, &w, push);
    add_status(p, f, push);
    json_decref(w.rows);
    usec_t took = clock_monotonic() - begin;
    // Nothing but the clock: it is said once a second, not at every look.
    bool is_quiet = json_object_size(push) == 4 && f->total == w.total && f->matched == w.matched;
    usec_t next = COST * took > push_least ? COST * took : push_least;
    f->total = w.total;
    f->matched = w.matched;
    f->next_at = now + (next < push_most ? next : push_most);
    if (is_quiet && now < f->said_at + push_most) {
        json_decref(push);
        return;
    }
    f->said_at = now;
    peer_push(p, push);
}

// The page that a feed asked for; it may be gone by now.
struct page_push {
    struct control *control;
    uint64_t peer, feed;
};

static void on_page(void *ctx, json_t *page, const char *why)
{
    struct page_push *to = ctx;
    struct peer *p = peer_find(to->control, to->peer);
    struct feed *f, *found = NULL;
    if (p)
        LIST_EACH (&p->feeds, f, link)
            if (f->serial == to->feed)
                found = f;
    if (found) {
        json_t *push = push_new(found);
        json_t *shown = page ? page : json_pack("{s:s}", "error", why);
        uint64_t hash = control_hash(shown);
        if (hash != found->page_hash)
            json_object_set(push, "page", shown);
        if (shown != page)
            json_decref(shown);
        found->page_hash = hash;
        found->is_asking = false;
        add_status(p, found, push);
        peer_push(p, push);
    }
    json_decref(page);
    xfree(to);
}

static void push_page(struct peer *p, struct feed *f, usec_t now)
{
    struct page_push *to = xcalloc(1, sizeof(*to));
    *to = (struct page_push){.control = p->control, .peer = p->serial, .feed = f->serial};
    f->is_asking = true;
    f->next_at = now + push_most;
    page_make(&p->control->world, &f->target, on_page, to);
}

void feeds_tick(struct peer *p, usec_t now)
{
    struct feed *f;
    if (peer_unread(p) > SLOW)
        return;
    LIST_EACH (&p->feeds, f, link) {
        if (p->is_ending)
            return;
        if (f->is_asking || now < f->next_at)
            continue;
        if (f->is_page)
            push_page(p, f, now);
        else
            push_table(p, f, now);
    }
}
