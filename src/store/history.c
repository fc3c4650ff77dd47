#include "store/history.h"

#include <stdio.h>

#include "base/mem.h"
#include "store/inside.h"

enum {
    HISTORY_BITS = 22,
    LIST_SPAN = 1000000 // µs; others wait for this thread
};

struct history_job {
    struct job job;
    struct history_query query; // texts are ours
    struct outcome *rows;
    size_t n;
    void (*done)(void *ctx, const struct outcome *outcomes, size_t n);
    void *ctx;
};

static const char *own(const char *s)
{
    return xstrdup(s ? s : "");
}

// The row's texts are SQLite's until its next step.
static struct outcome row_of(sqlite3_stmt *st)
{
    struct outcome o = {
        .at = sqlite3_column_int64(st, 0),
        .message = db_id(st, 1),
        .recipient_no = (uint32_t)sqlite3_column_int64(st, 2),
        .kind = (enum outcome_kind)sqlite3_column_int(st, 3),
        .class = (enum class)sqlite3_column_int(st, 4),
        .scope = (enum scope)sqlite3_column_int(st, 5),
        .phase = (enum phase)sqlite3_column_int(st, 6),
        .stream = (enum stream)sqlite3_column_int(st, 7),
        .code = (uint16_t)sqlite3_column_int(st, 8),
        .attempt = (uint16_t)sqlite3_column_int(st, 9),
        .customer = db_text(st, 10),
        .list = db_text(st, 11),
        .ip = db_text(st, 12),
        .provider = db_text(st, 13),
        .recipient = db_text(st, 14),
        .reply = db_text(st, 15),
        .delivered_at = sqlite3_column_int64(st, 16),
        .took = sqlite3_column_int64(st, 17),
    };
    if (o.kind == OUTCOME_LISTED || o.kind == OUTCOME_DELISTED) { // as store/record.c writes them
        o.zone = o.list;
        o.answer = o.reply;
        o.list = o.reply = "";
    } else if (o.kind == OUTCOME_ACCEPTED) {
        o.sender = o.reply;
        o.reply = "";
    }
    return o;
}

static void take_row(struct history_job *j, sqlite3_stmt *st)
{
    if ((j->n & (j->n - 1)) == 0)
        j->rows = xrealloc(j->rows, j->n ? 2 * j->n : 1, sizeof(*j->rows));
    struct outcome o = row_of(st);
    const char **const texts[] = {&o.customer, &o.list, &o.ip,     &o.provider, &o.recipient,
                                  &o.reply,    &o.zone, &o.answer, &o.sender};
    for (size_t k = 0; k < ARRAY_LEN(texts); k++)
        *texts[k] = own(*texts[k]);
    j->rows[j->n++] = o;
}

static void free_rows(struct history_job *j)
{
    for (size_t i = 0; i < j->n; i++) {
        const struct outcome *o = &j->rows[i];
        const char *const texts[] = {o->customer, o->list, o->ip,     o->provider, o->recipient,
                                     o->reply,    o->zone, o->answer, o->sender};
        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            xfree((char *)texts[k]);
    }
    xfree(j->rows);
}

// One statement for each index that can lead, in both directions; the other filters are tests.
#define SELECT(how)                                                                                \
    "SELECT h.at, h.ulid, h.recipient_no, h.kind, h.class, h.scope, h.phase, h.stream, h.code,"    \
    " h.attempt, cw.text, lw.text, iw.text, pw.text, h.recipient, h.reply, h.delivered_at, h.took" \
    " FROM history h " how " JOIN word cw ON cw.id=h.customer JOIN word lw ON lw.id=h.list"        \
    " JOIN word iw ON iw.id=h.ip JOIN word pw ON pw.id=h.provider WHERE "
#define BAD "h.kind IN (4,5,6,7)"
#define REST                                                                                       \
    "h.id>=?1 AND h.at>=?2 AND (?3<0 OR h.ip=?3) AND (?4<0 OR h.provider=?4)"                      \
    " AND (NOT ?5 OR " BAD ") AND (?6<0 OR h.customer=?6)"                                         \
    " AND (?8 IS NULL OR h.recipient=?8 COLLATE NOCASE)"
#define BOTH(how, by)                                                                              \
    {                                                                                              \
        SELECT(how)                                                                                \
        by REST " ORDER BY h.id LIMIT ?7", SELECT(how) by REST " ORDER BY h.id DESC LIMIT ?7"      \
    }

enum lead { LEAD_TIME, LEAD_BAD, LEAD_IP, LEAD_PROVIDER, LEAD_CUSTOMER, LEAD_MESSAGE };
// clang-format off
static const char *const statements[][2] = {
    [LEAD_TIME] = BOTH("NOT INDEXED", ""),
    [LEAD_BAD] = BOTH("INDEXED BY history_bad", BAD " AND "),
    [LEAD_IP] = BOTH("INDEXED BY history_ip", "h.ip=?3 AND "),
    [LEAD_PROVIDER] = BOTH("INDEXED BY history_provider", "h.provider=?4 AND "),
    [LEAD_CUSTOMER] = BOTH("INDEXED BY history_customer", "h.customer=?6 AND "),
    [LEAD_MESSAGE] = BOTH("INDEXED BY history_message", "h.message_low=?9 AND h.ulid=?10 AND (?11<0 OR h.recipient_no=?11) AND "),
};
// clang-format on

// Bad ones are few, whoever's they are; then who has fewest rows as a rule.
static enum lead lead_of(const struct history_query *q)
{
    if (*q->message)
        return LEAD_MESSAGE;
    if (q->is_bad_only)
        return LEAD_BAD;
    if (*q->customer)
        return LEAD_CUSTOMER;
    return *q->ip ? LEAD_IP : *q->provider ? LEAD_PROVIDER : LEAD_TIME;
}

// False: never heard of, so there is no such row. -1 for any.
static bool word_find(struct db *d, const char *text, int64_t *id)
{
    *id = *text ? db_int(d, -1, "SELECT id FROM word WHERE text=?", "t", text) : -1;
    return !*text || *id >= 0;
}

static void list_run(struct store *s, struct db *d, struct job *job)
{
    struct history_job *j = CONTAINER_OF(job, struct history_job, job);
    const struct history_query *q = &j->query;
    struct message_id id = {0, 0};
    int64_t since = q->since > 0 ? q->since / USEC_MS << HISTORY_BITS : 0, customer, ip, provider;
    (void)s;
    if (*q->message && !message_id_parse(&id, q->message))
        return; // no message has such an id
    if (!word_find(d, q->customer, &customer) || !word_find(d, q->ip, &ip) ||
        !word_find(d, q->provider, &provider))
        return;
    enum lead lead = lead_of(q);
    sqlite3_stmt *st =
        db_query(d, statements[lead][q->newest_first],
                 lead == LEAD_MESSAGE ? "iiiiiiitihi" : "iiiiiiit", since, (int64_t)q->since, ip,
                 provider, (int64_t)q->is_bad_only, customer, (int64_t)q->limit, q->recipient,
                 (int64_t)id.lo, id, q->has_recipient_no ? (int64_t)q->recipient_no : (int64_t)-1);
    db_limit_time(d, LIST_SPAN);
    while (db_step(d, st))
        take_row(j, st);
    db_limit_time(d, 0);
}

static void list_finish(struct store *s, struct job *job)
{
    struct history_job *j = CONTAINER_OF(job, struct history_job, job);
    (void)s;
    j->done(j->ctx, j->rows, j->n);
    free_rows(j);
    xfree((char *)j->query.customer);
    xfree((char *)j->query.ip);
    xfree((char *)j->query.provider);
    xfree((char *)j->query.message);
    xfree((char *)j->query.recipient);
    xfree(j);
}

void history_list(struct store *s, const struct history_query *q,
                  void (*done)(void *ctx, const struct outcome *outcomes, size_t n), void *ctx)
{
    struct history_job *j = xcalloc(1, sizeof(*j));
    *j = (struct history_job){
        .job = {.run = list_run, .finish = list_finish}, .query = *q, .done = done, .ctx = ctx};
    j->query.customer = own(q->customer);
    j->query.ip = own(q->ip);
    j->query.provider = own(q->provider);
    j->query.message = own(q->message);
    j->query.recipient = q->recipient ? xstrdup(q->recipient) : NULL;
    writer_query_after(s, &j->job);
}

void history_each(struct store *s, usec_t since, void (*each)(void *ctx, const struct outcome *o),
                  void *ctx)
{
    struct db *d = &s->query.db;
    sqlite3_stmt *st = db_query(d, statements[LEAD_TIME][false], "iiiiiii",
                                since > 0 ? since / USEC_MS << HISTORY_BITS : 0, (int64_t)since,
                                (int64_t)-1, (int64_t)-1, (int64_t)0, (int64_t)-1, INT64_MAX);
    while (db_step(d, st)) {
        struct outcome o = row_of(st);
        each(ctx, &o);
    }
    d->failed = 0;
}

void history_each_sum(struct store *s, usec_t now,
                      void (*each)(void *ctx, const struct history_sum *h), void *ctx)
{
    struct db *d = &s->query.db;
    int64_t minute = now / USEC_MINUTE;
    // Minutes for the last hour; before that a whole hour's sum stands at its first minute.
    sqlite3_stmt *st =
        db_query(d,
                 "SELECT cw.text, iw.text, pw.text, t.kind, t.class, t.bucket, sum(t.n) FROM"
                 " (SELECT *, CASE WHEN minute>?1-60 THEN minute ELSE minute/60*60 END bucket"
                 "  FROM tally WHERE minute>?1-25*60) t"
                 " JOIN word cw ON cw.id=t.customer JOIN word iw ON iw.id=t.ip"
                 " JOIN word pw ON pw.id=t.provider"
                 " GROUP BY t.bucket, t.customer, t.ip, t.provider, t.kind, t.class"
                 " HAVING sum(t.n)>0",
                 "i", minute);
    while (db_step(d, st)) {
        struct history_sum h = {.customer = db_text(st, 0),
                                .ip = db_text(st, 1),
                                .provider = db_text(st, 2),
                                .kind = (enum outcome_kind)sqlite3_column_int(st, 3),
                                .class = (enum class)sqlite3_column_int(st, 4),
                                .at = sqlite3_column_int64(st, 5) * USEC_MINUTE,
                                .n = (uint32_t)sqlite3_column_int64(st, 6)};
        each(ctx, &h);
    }
    d->failed = 0;
}

struct share_job {
    struct job job;
    char *name;
    bool is_ip; // name is an IP, and customers are asked for
    usec_t since;
    struct history_share *shares;
    size_t n;
    void (*done)(void *ctx, const struct history_share *shares, size_t n);
    void *ctx;
};

#define SHARES(of, other)                                                                          \
    "SELECT w.text, sum(n*(kind=3)), sum(n*(kind IN (5,6))) FROM tally t JOIN word w ON "          \
    "w.id=t." other " WHERE t." of                                                                 \
    "=(SELECT id FROM word WHERE text=?) AND t.minute>=? AND t.kind IN (3,5,6)"                    \
    " GROUP BY 1 ORDER BY 2 DESC, 1"

static void share_run(struct store *s, struct db *d, struct job *job)
{
    struct share_job *j = CONTAINER_OF(job, struct share_job, job);
    (void)s;
    sqlite3_stmt *st = db_query(d, j->is_ip ? SHARES("ip", "customer") : SHARES("customer", "ip"),
                                "ti", j->name, (int64_t)(j->since / USEC_MINUTE));
    while (db_step(d, st)) {
        if ((j->n & (j->n - 1)) == 0)
            j->shares = xrealloc(j->shares, j->n ? 2 * j->n : 1, sizeof(*j->shares));
        struct history_share *h = &j->shares[j->n++];
        snprintf(h->name, sizeof(h->name), "%s", db_text(st, 0));
        h->delivered = (uint64_t)sqlite3_column_int64(st, 1);
        h->bounced = (uint64_t)sqlite3_column_int64(st, 2);
    }
}

static void share_finish(struct store *s, struct job *job)
{
    struct share_job *j = CONTAINER_OF(job, struct share_job, job);
    (void)s;
    j->done(j->ctx, j->shares, j->n);
    xfree(j->shares);
    xfree(j->name);
    xfree(j);
}

void history_shares(struct store *s, const char *ip, const char *customer, usec_t since,
                    void (*done)(void *ctx, const struct history_share *shares, size_t n),
                    void *ctx)
{
    struct share_job *j = xcalloc(1, sizeof(*j));
    *j = (struct share_job){.job = {.run = share_run, .finish = share_finish},
                            .name = xstrdup(ip         ? ip
                                            : customer ? customer
                                                       : ""),
                            .is_ip = ip,
                            .since = since,
                            .done = done,
                            .ctx = ctx};
    writer_query_after(s, &j->job);
}
