// What the spool is asked: what is due, bodies, what waits. Queries run on the reading threads; what
// they find is finished on the loop.
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"
#include "store/segment.h"
#include "store/spool.h"

enum { SEARCH_SPAN = 1000000 }; // µs; others wait for this thread

// Columns of every query that makes messages, in this order.
#define COLUMNS                                                                                    \
    "m.ulid, cw.text, lw.text, m.stream, m.sender, m.is_8bit, m.accepted_at, m.size, m.segment,"   \
    " m.offset, r.no, r.address, r.attempts, r.next_try_at, pw.text, r.last_reply"
#define JOINS                                                                                      \
    " JOIN word cw ON cw.id=m.customer JOIN word lw ON lw.id=m.list"                               \
    " JOIN word pw ON pw.id=r.provider "

// Messages in the making: rows of one message come together, or by id.
struct gathering {
    struct spool_message **messages;
    size_t n, room;
    struct map by_id;
};

static struct spool_message *message_of(sqlite3_stmt *st, struct message_id id)
{
    struct spool_message *m = spool_message_new();
    m->id = id;
    m->customer = (xfree(m->customer), xstrdup(db_text(st, 1)));
    m->list = (xfree(m->list), xstrdup(db_text(st, 2)));
    m->stream = (enum stream)sqlite3_column_int(st, 3);
    m->sender = (xfree(m->sender), xstrdup(db_text(st, 4)));
    m->is_8bit = sqlite3_column_int(st, 5);
    m->accepted_at = sqlite3_column_int64(st, 6);
    m->size = (uint64_t)sqlite3_column_int64(st, 7);
    m->segment = (uint32_t)sqlite3_column_int64(st, 8);
    m->offset = (uint64_t)sqlite3_column_int64(st, 9);
    return m;
}

static void gather(struct gathering *g, sqlite3_stmt *st)
{
    struct message_id id = db_id(st, 0);
    struct spool_message *m = map_get(&g->by_id, bytes_of(&id, sizeof(id)));
    if (!m) {
        m = message_of(st, id);
        map_put(&g->by_id, bytes_of(&id, sizeof(id)), m);
        if (g->n == g->room) {
            g->room = g->room ? 2 * g->room : 8;
            // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
            g->messages = xrealloc(g->messages, g->room, sizeof(*g->messages));
        }
        g->messages[g->n++] = m;
    }
    spool_message_add_recipient(m, db_text(st, 11));
    struct spool_recipient *r = &m->recipients[m->recipients_n - 1];
    r->no = (uint32_t)sqlite3_column_int64(st, 10);
    r->attempts = (uint16_t)sqlite3_column_int(st, 12);
    r->next_try_at = sqlite3_column_int64(st, 13);
    if (r->next_try_at >= SPOOL_HELD)
        r->next_try_at -= SPOOL_HELD; // it was due when it was parked
    r->provider = (xfree(r->provider), xstrdup(db_text(st, 14)));
    r->last_reply = (xfree(r->last_reply), xstrdup(db_text(st, 15)));
}

static struct spool_message **gathered(struct gathering *g, size_t *n)
{
    map_deinit(&g->by_id);
    *n = g->n;
    return g->messages;
}

struct due_job {
    struct job job;
    char *customer;
    usec_t now, held_before;
    size_t limit, taken;
    struct spool_due due;
    uint64_t folded, changed; // when it looked
    void (*done)(void *ctx, struct spool_due *due);
    void *ctx;
};

static const char due_sql[] =
    "SELECT " COLUMNS " FROM recipient r JOIN message m ON m.id=r.message" JOINS
    "WHERE r.customer=? AND r.next_try_at>=? AND r.next_try_at<=?"
    " ORDER BY r.next_try_at, r.message, r.no";

// Takes rows due from one time to another; gives the time of the last it looked at.
static usec_t due_rows(struct store *s, struct db *d, struct due_job *j, int64_t customer,
                       usec_t from, usec_t to, struct gathering *g)
{
    sqlite3_stmt *st = db_query(d, due_sql, "iii", customer, (int64_t)from, (int64_t)to);
    while (db_step(d, st)) {
        struct message_id id = db_id(st, 0);
        uint32_t no = (uint32_t)sqlite3_column_int64(st, 10);
        from = sqlite3_column_int64(st, 13);
        if (j->taken == j->limit) {
            if (!handout_is_free(&s->handout, id, no))
                continue;
            j->due.has_more = true;
            db_end(st);
            break;
        }
        if (!handout_take(&s->handout, id, no))
            continue;
        gather(g, st);
        j->taken++;
    }
    return from;
}

// Walks the customer's due rows from where all before is out. Under due_lock.
static void due_walk(struct store *s, struct db *d, struct due_job *j, int64_t customer,
                     struct gathering *g)
{
    struct handout_customer c = handout_query(&s->handout, j->customer);
    j->changed = c.changed;
    usec_t from = due_rows(s, d, j, customer, c.from, j->now, g);
    if (!d->failed)
        handout_queried(&s->handout, j->customer, c.changed, from);
    if (j->held_before && !j->due.has_more)
        due_rows(s, d, j, customer, SPOOL_HELD, SPOOL_HELD + j->held_before - 1, g);
}

static void due_run(struct store *s, struct db *d, struct job *job)
{
    struct due_job *j = CONTAINER_OF(job, struct due_job, job);
    struct gathering g = {0};
    pthread_mutex_lock(&s->due_lock);
    int64_t customer = db_int(d, -1, "SELECT id FROM word WHERE text=?", "t", j->customer);
    due_walk(s, d, j, customer, &g);
    j->due.next_at = db_int(d, USEC_NEVER,
                            "SELECT min(next_try_at) FROM recipient"
                            " WHERE customer=? AND next_try_at>? AND next_try_at<?",
                            "iii", customer, (int64_t)j->now, (int64_t)SPOOL_HELD);
    j->folded = s->folded;
    pthread_mutex_unlock(&s->due_lock);
    j->due.messages = gathered(&g, &j->due.n);
    if (d->failed) { // said in the log; what was found is given, and asked for again soon
        usec_t soon = j->now + FOLD_SPAN;
        j->due.next_at = j->due.next_at < soon ? j->due.next_at : soon;
    }
}

static void due_finish(struct store *s, struct job *job)
{
    struct due_job *j = CONTAINER_OF(job, struct due_job, job);
    // Looked at here, on the loop: what the caller has said since it asked counts too.
    struct handout_customer c = handout_query(&s->handout, j->customer);
    bool may_come = c.returns > j->folded || c.changed != j->changed;
    if (may_come && j->due.next_at > j->now + FOLD_SPAN)
        j->due.next_at = j->now + FOLD_SPAN;
    if (j->due.has_more)
        j->due.next_at = j->now;
    j->done(j->ctx, &j->due);
    xfree(j->customer);
    xfree(j);
}

void spool_due(struct store *s, const char *customer, usec_t now, usec_t held_before, size_t limit,
               void (*done)(void *ctx, struct spool_due *due), void *ctx)
{
    struct due_job *j = xcalloc(1, sizeof(*j));
    *j = (struct due_job){.job = {.run = due_run, .finish = due_finish},
                          .customer = xstrdup(customer),
                          .now = now,
                          .held_before = held_before,
                          .limit = limit,
                          .done = done,
                          .ctx = ctx};
    worker_add(&s->fetch, &j->job);
}

struct body_job {
    struct job job;
    struct spool_message *message;
    int r;
    void (*done)(void *ctx, int r);
    void *ctx;
};

static void body_run(struct store *s, struct db *d, struct job *job)
{
    struct body_job *j = CONTAINER_OF(job, struct body_job, job);
    struct spool_message *m = j->message;
    (void)d;
    xfree(m->body);
    m->body = NULL;
    j->r = segment_read_body(s->folder, (struct place){m->segment, m->offset}, &m->body, &m->size);
    if (j->r < 0)
        log_error("store", "the body at %u/%llu can't be read whole", m->segment,
                  (unsigned long long)m->offset);
}

static void body_finish(struct store *s, struct job *job)
{
    struct body_job *j = CONTAINER_OF(job, struct body_job, job);
    (void)s;
    j->done(j->ctx, j->r);
    xfree(j);
}

void spool_load_body(struct store *s, struct spool_message *m, void (*done)(void *ctx, int r),
                     void *ctx)
{
    struct body_job *j = xcalloc(1, sizeof(*j));
    *j = (struct body_job){
        .job = {.run = body_run, .finish = body_finish}, .message = m, .done = done, .ctx = ctx};
    worker_add(&s->fetch, &j->job);
}

void spool_each_waiting(struct store *s, void (*each)(void *ctx, const struct spool_waiting *w),
                        void *ctx)
{
    struct db *d = &s->query.db;
    // Rows of messages ascend with acceptance: the smallest is the oldest.
    sqlite3_stmt *st = db_query(d,
                                "SELECT cw.text, lw.text, pw.text, g.n, o.accepted_at,"
                                " g.next_try_at FROM"
                                " (SELECT r.customer, m.list, r.provider, count(*) n,"
                                "  min(r.message) oldest, min(r.next_try_at) next_try_at"
                                "  FROM recipient r JOIN message m ON m.id=r.message"
                                "  GROUP BY r.customer, m.list, r.provider) g"
                                " JOIN word cw ON cw.id=g.customer JOIN word lw ON lw.id=g.list"
                                " JOIN word pw ON pw.id=g.provider"
                                " JOIN message o ON o.id=g.oldest",
                                "");
    while (db_step(d, st)) {
        struct spool_waiting w = {.customer = db_text(st, 0),
                                  .list = db_text(st, 1),
                                  .provider = db_text(st, 2),
                                  .recipients = (uint64_t)sqlite3_column_int64(st, 3),
                                  .oldest_at = sqlite3_column_int64(st, 4),
                                  .next_try_at = sqlite3_column_int64(st, 5)};
        each(ctx, &w);
    }
    d->failed = 0;
}

struct list_job {
    struct job job;
    struct message_id id; // one message; else the list
    char *customer, *provider;
    char *recipient; // NULL: any
    size_t limit;
    struct spool_message **messages;
    size_t n;
    void (*done_list)(void *ctx, struct spool_message **messages, size_t n);
    void (*done_one)(void *ctx, struct spool_message *m);
    void *ctx;
};

static void find_run(struct store *s, struct db *d, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    struct gathering g = {0};
    (void)s;
    sqlite3_stmt *st = db_query(d,
                                "SELECT " COLUMNS " FROM message m JOIN recipient r"
                                " ON r.message=m.id" JOINS "WHERE m.ulid=? ORDER BY r.no",
                                "h", j->id);
    while (db_step(d, st))
        gather(&g, st);
    j->messages = gathered(&g, &j->n);
}

// The limit is of messages: it stops at the first row of one too many.
static void list_run(struct store *s, struct db *d, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    struct gathering g = {0};
    (void)s;
    sqlite3_stmt *st =
        db_query(d,
                 "SELECT " COLUMNS " FROM message m JOIN recipient r ON r.message=m.id" JOINS
                 "WHERE (?1='' OR m.customer=(SELECT id FROM word WHERE text=?1))"
                 " AND (?2='' OR r.provider=(SELECT id FROM word WHERE text=?2))"
                 " AND (?3 IS NULL OR r.address=?3 COLLATE NOCASE) ORDER BY m.id, r.no",
                 "ttt", j->customer, j->provider, j->recipient);
    db_limit_time(d, j->recipient ? SEARCH_SPAN : 0);
    while (db_step(d, st)) {
        struct message_id id = db_id(st, 0);
        if (g.n == j->limit && (!g.n || !message_id_equal(g.messages[g.n - 1]->id, id))) {
            db_end(st);
            break;
        }
        gather(&g, st);
    }
    db_limit_time(d, 0);
    j->messages = gathered(&g, &j->n);
}

static void list_finish(struct store *s, struct job *job)
{
    struct list_job *j = CONTAINER_OF(job, struct list_job, job);
    (void)s;
    if (j->done_one)
        j->done_one(j->ctx, j->n ? j->messages[0] : NULL);
    else
        j->done_list(j->ctx, j->messages, j->n);
    if (j->done_one)
        xfree(j->messages);
    xfree(j->customer);
    xfree(j->provider);
    xfree(j->recipient);
    xfree(j);
}

void spool_find(struct store *s, struct message_id id,
                void (*done)(void *ctx, struct spool_message *m), void *ctx)
{
    struct list_job *j = xcalloc(1, sizeof(*j));
    *j = (struct list_job){
        .job = {.run = find_run, .finish = list_finish}, .id = id, .done_one = done, .ctx = ctx};
    writer_query_after(s, &j->job);
}

void spool_list(struct store *s, const char *customer, const char *provider, size_t limit,
                void (*done)(void *ctx, struct spool_message **messages, size_t n), void *ctx)
{
    struct list_job *j = xcalloc(1, sizeof(*j));
    *j = (struct list_job){.job = {.run = list_run, .finish = list_finish},
                           .customer = xstrdup(customer ? customer : ""),
                           .provider = xstrdup(provider ? provider : ""),
                           .limit = limit,
                           .done_list = done,
                           .ctx = ctx};
    writer_query_after(s, &j->job);
}

void spool_list_to(struct store *s, const char *recipient, size_t limit,
                   void (*done)(void *ctx, struct spool_message **messages, size_t n), void *ctx)
{
    struct list_job *j = xcalloc(1, sizeof(*j));
    *j = (struct list_job){.job = {.run = list_run, .finish = list_finish},
                           .customer = xstrdup(""),
                           .provider = xstrdup(""),
                           .recipient = xstrdup(recipient),
                           .limit = limit,
                           .done_list = done,
                           .ctx = ctx};
    writer_query_after(s, &j->job);
}
