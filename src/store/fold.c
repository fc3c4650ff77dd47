#include "store/fold.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"

enum { RETIRE = 2000, HISTORY_BITS = 22, TALLY_MINUTES = 25 * 60 };

// A message that arrived in this fold. Most are over before its end: its head is only read when one
// of its recipients still waits then.
struct young_recipient {
    bool is_done;
    uint16_t attempts;
    usec_t next_try_at;
    char *provider, *last_reply; // NULL before the first attempt
};
struct young {
    struct message_id id;
    usec_t accepted_at;
    struct place at;
    uint64_t length, size;
    uint32_t n, waiting;
    struct young_recipient *recipients; // NULL: nothing happened yet
    size_t head_n;
    uint8_t head[];
};

struct fact {
    struct message_id message;
    uint32_t no;
};
struct row {
    usec_t due_at; // the earliest
};

struct tally_key {
    int64_t minute, customer, ip, provider, kind, class;
};
struct tally {
    int64_t n;
};

static struct young *young_free(struct young *y)
{
    for (uint32_t i = 0; y->recipients && i < y->n; i++) {
        xfree(y->recipients[i].provider);
        xfree(y->recipients[i].last_reply);
    }
    xfree(y->recipients);
    return xfree(y);
}

static struct bytes id_key(const struct message_id *id)
{
    return bytes_of(id, sizeof(*id));
}

void fold_init(struct fold *f, struct writer *w)
{
    *f = (struct fold){.writer = w,
                       .db = &w->db,
                       .records_most = store_is_scarce(w->store) ? FOLD_SCARCE : FOLD_RECORDS};
}

void fold_deinit(struct fold *f)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&f->young, &i));)
        young_free(item->value);
    for (size_t i = 0; (item = map_next(&f->tallies, &i));)
        xfree(item->value);
    for (size_t i = 0; (item = map_next(&f->rows, &i));)
        xfree(item->value);
    map_deinit(&f->young);
    map_deinit(&f->tallies);
    buf_deinit(&f->facts);
    map_deinit(&f->rows);
}

static void add_arrived(struct fold *f, const struct segment_record *r)
{
    struct record_arrived a;
    if (!record_peek_arrived(&a, r->head) || !a.recipients_n) {
        log_error("store", "a message at %u/%llu has no envelope that can be read", r->at.segment,
                  (unsigned long long)r->at.offset);
        return;
    }
    struct young *y = xmalloc(sizeof(*y) + r->head.n);
    *y = (struct young){.id = a.id,
                        .accepted_at = a.accepted_at,
                        .at = r->at,
                        .length = r->length,
                        .size = r->header.body_n,
                        .n = a.recipients_n,
                        .waiting = a.recipients_n,
                        .head_n = r->head.n};
    memcpy(y->head, r->head.p, r->head.n);
    struct young *before = map_put(&f->young, id_key(&a.id), y);
    if (before)
        young_free(before);
    f->messages++;
}

// The young recipient, or NULL when the message is not young or it is done.
static struct young_recipient *young_of(struct fold *f, struct message_id id, uint32_t no,
                                        struct young **of)
{
    struct young *y = map_get(&f->young, id_key(&id));
    if (!y || no >= y->n)
        return NULL;
    if (!y->recipients) {
        y->recipients = xcalloc(y->n, sizeof(*y->recipients));
        for (uint32_t i = 0; i < y->n; i++)
            y->recipients[i].next_try_at = y->accepted_at;
    }
    *of = y;
    return y->recipients[no].is_done ? NULL : &y->recipients[no];
}

static void set(char **to, const char *text)
{
    xfree(*to);
    *to = xstrdup(text);
}

static void fact_told(struct fold *f, struct message_id id, uint32_t no)
{
    struct fact fact = {id, no};
    buf_add(&f->facts, &fact, sizeof(fact));
}

static void row_written(struct fold *f, const char *customer, usec_t due_at)
{
    struct row *row = map_get_str(&f->rows, customer);
    if (!row) {
        row = xmalloc(sizeof(*row));
        row->due_at = due_at;
        map_put_str(&f->rows, customer, row);
    }
    if (due_at < row->due_at)
        row->due_at = due_at;
}

static int64_t message_row(struct fold *f, struct message_id id)
{
    return db_int(f->db, 0, "SELECT id FROM message WHERE ulid=?", "h", id);
}

static void indexed_done(struct fold *f, const struct outcome *o)
{
    int64_t row = message_row(f, o->message);
    if (!row)
        return;
    db_run(f->db, "DELETE FROM recipient WHERE message=? AND no=?", "ii", row,
           (int64_t)o->recipient_no);
    db_run(f->db,
           "DELETE FROM message WHERE id=?1 AND NOT EXISTS"
           " (SELECT 1 FROM recipient WHERE message=?1)",
           "i", row);
}

static void indexed_deferred(struct fold *f, const struct record_outcome *r)
{
    const struct outcome *o = &r->outcome;
    int64_t row = message_row(f, o->message);
    if (!row)
        return;
    db_run(f->db,
           "UPDATE recipient SET attempts=?, next_try_at=?, provider=?, last_reply=?"
           " WHERE message=? AND no=?",
           "iiitii", (int64_t)o->attempt, (int64_t)r->next_try_at,
           words_id(&f->writer->words, f->db, o->provider), o->reply, row,
           (int64_t)o->recipient_no);
    row_written(f, o->customer, r->next_try_at);
}

static void change_state(struct fold *f, const struct record_outcome *r)
{
    const struct outcome *o = &r->outcome;
    struct young *y = NULL;
    struct young_recipient *yr = young_of(f, o->message, o->recipient_no, &y);
    fact_told(f, o->message, o->recipient_no);
    if (yr && o->kind == OUTCOME_DEFERRED) {
        yr->attempts = o->attempt;
        yr->next_try_at = r->next_try_at;
        set(&yr->provider, o->provider);
        set(&yr->last_reply, o->reply);
    } else if (yr) {
        yr->is_done = true;
        y->waiting--;
    } else if (!y && o->kind == OUTCOME_DEFERRED) {
        indexed_deferred(f, r);
    } else if (!y) {
        indexed_done(f, o);
    }
    if (y && !y->waiting) {
        map_remove(&f->young, id_key(&y->id));
        young_free(y);
    }
}

static void tally(struct fold *f, const struct tally_key *key, int n)
{
    struct tally *t = map_get(&f->tallies, bytes_of(key, sizeof(*key)));
    if (!t) {
        t = xcalloc(1, sizeof(*t));
        map_put(&f->tallies, bytes_of(key, sizeof(*key)), t);
    }
    t->n += n;
}

// As core/counter.h counts: late news at its delivery's time, a late bounce in that delivery's stead.
static void count(struct fold *f, const struct outcome *o, int64_t customer, int64_t ip,
                  int64_t provider)
{
    usec_t at = o->delivered_at ? o->delivered_at : o->at;
    struct tally_key key = {at / USEC_MINUTE, customer, ip, provider, o->kind, o->class};
    tally(f, &key, 1);
    if (!o->delivered_at || (o->kind != OUTCOME_BOUNCED && o->kind != OUTCOME_EXPIRED))
        return;
    key.kind = OUTCOME_DELIVERED;
    key.class = CLASS_DELIVERED;
    tally(f, &key, -1);
}

static void add_history(struct fold *f, const struct outcome *o)
{
    struct writer *w = f->writer;
    int64_t mask = (1 << HISTORY_BITS) - 1;
    int64_t ms = o->at > 0 ? o->at / USEC_MS : 0;
    int64_t id = ms << HISTORY_BITS | (w->history_count++ & mask);
    int64_t customer = words_id(&w->words, f->db, o->customer);
    int64_t ip = words_id(&w->words, f->db, o->ip);
    int64_t provider = words_id(&w->words, f->db, o->provider);
    // OR REPLACE: two of one millisecond meet only after four million others.
    db_run(f->db, "INSERT OR REPLACE INTO history VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
           "iihiiiiiiiiiiiiittii", id, (int64_t)o->at, o->message, (int64_t)o->message.lo,
           (int64_t)o->recipient_no, (int64_t)o->kind, (int64_t)o->class, (int64_t)o->scope,
           (int64_t)o->phase, (int64_t)o->stream, (int64_t)o->code, (int64_t)o->attempt, customer,
           words_id(&w->words, f->db, o->list), ip, provider, o->recipient, o->reply,
           (int64_t)o->delivered_at, (int64_t)o->took);
    count(f, o, customer, ip, provider);
}

static void park(struct fold *f, const struct record_parked *p)
{
    struct young *y = NULL;
    struct young_recipient *yr = young_of(f, p->message, p->recipient_no, &y);
    fact_told(f, p->message, p->recipient_no);
    if (yr)
        yr->next_try_at = p->next_try_at;
    int64_t row = y ? 0 : message_row(f, p->message);
    if (!row)
        return;
    db_run(f->db, "UPDATE recipient SET next_try_at=? WHERE message=? AND no=?", "iii",
           (int64_t)p->next_try_at, row, (int64_t)p->recipient_no);
    sqlite3_stmt *st =
        db_query(f->db, "SELECT text FROM word WHERE id=(SELECT customer FROM message WHERE id=?)",
                 "i", row);
    while (db_step(f->db, st))
        row_written(f, db_text(st, 0), p->next_try_at);
}

void fold_record(struct fold *f, const struct segment_record *record)
{
    struct record_outcome o;
    struct record_parked p;
    f->records++;
    switch (record->header.type) {
    case RECORD_ARRIVED:
        add_arrived(f, record);
        return;
    case RECORD_OUTCOME:
        if (!should(record_parse_outcome(&o, record->head)))
            return;
        add_history(f, &o.outcome);
        if (is_state_change(&o.outcome))
            change_state(f, &o);
        return;
    case RECORD_PARKED:
        if (should(record_parse_parked(&p, record->head)))
            park(f, &p);
        return;
    }
}

static void index_recipient(struct fold *f, const struct young *y, int64_t message,
                            int64_t customer, const struct spool_recipient *r)
{
    const struct young_recipient *yr = y->recipients ? &y->recipients[r->no] : NULL;
    const char *provider = yr && yr->provider ? yr->provider : "";
    usec_t due_at = yr ? yr->next_try_at : r->next_try_at;
    db_run(f->db, "INSERT OR REPLACE INTO recipient VALUES(?,?,?,?,?,?,?,?)", "iiitiiit", message,
           (int64_t)r->no, customer, r->address, (int64_t)(yr ? yr->attempts : 0), (int64_t)due_at,
           words_id(&f->writer->words, f->db, provider),
           yr && yr->last_reply ? yr->last_reply : "");
}

static void index_young(struct fold *f, const struct young *y)
{
    CLEANUP(spool_message_free) struct spool_message *m = spool_message_new();
    if (!record_parse_arrived(m, bytes_of(y->head, y->head_n))) {
        log_error("store", "a message at %u/%llu has an envelope that can't be read", y->at.segment,
                  (unsigned long long)y->at.offset);
        return;
    }
    int64_t customer = words_id(&f->writer->words, f->db, m->customer);
    db_run(f->db,
           "INSERT OR REPLACE INTO "
           "message(ulid,customer,list,stream,sender,is_8bit,accepted_at,size,segment,"
           "offset,record_n) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
           "hiiitiiiiii", m->id, customer, words_id(&f->writer->words, f->db, m->list),
           (int64_t)m->stream, m->sender, (int64_t)m->is_8bit, (int64_t)m->accepted_at,
           (int64_t)y->size, (int64_t)y->at.segment, (int64_t)y->at.offset, (int64_t)y->length);
    int64_t row = sqlite3_last_insert_rowid(f->db->handle);
    row_written(f, m->customer, m->accepted_at); // none of its rows is due before
    for (size_t i = 0; i < m->recipients_n; i++) {
        m->recipients[i].next_try_at = m->accepted_at;
        if (!y->recipients || !y->recipients[i].is_done)
            index_recipient(f, y, row, customer, &m->recipients[i]);
    }
}

static void write_tallies(struct fold *f)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&f->tallies, &i));) {
        struct tally_key k;
        memcpy(&k, item->key, sizeof(k));
        db_run(f->db,
               "INSERT INTO tally VALUES(?,?,?,?,?,?,?)"
               " ON CONFLICT DO UPDATE SET n=n+excluded.n",
               "iiiiiii", k.minute, k.customer, k.ip, k.provider, k.kind, k.class,
               ((struct tally *)item->value)->n);
    }
}

// In small steps: never more than twice what came in, so that no fold is long. When there is hardly
// any space, the oldest history makes room for the newest.
static void retire(struct fold *f, usec_t now, usec_t kept)
{
    int64_t limit = RETIRE + 2 * (int64_t)f->records;
    if (store_is_scarce(f->writer->store) && f->records &&
        db_int(f->db, 0, "PRAGMA freelist_count", "") < SPARE_PAGES / 2)
        kept = 0;
    int64_t before = (now - kept) / USEC_MS;
    if (kept < now) // else before 1970
        db_run(f->db,
               "DELETE FROM history WHERE id IN"
               " (SELECT id FROM history WHERE id<? ORDER BY id LIMIT ?)",
               "ii", before << HISTORY_BITS, limit);
    db_run(f->db, "DELETE FROM tally WHERE minute<?", "i",
           (int64_t)(now / USEC_MINUTE - TALLY_MINUTES));
}

void fold_finish(struct fold *f, struct place position)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&f->young, &i));)
        index_young(f, item->value);
    write_tallies(f);
    retire(f, clock_wall(), f->writer->store->options.history_kept);
    db_run(f->db, "UPDATE engine SET segment=?, offset=?", "ii", (int64_t)position.segment,
           (int64_t)position.offset);
}

void fold_tell(struct fold *f)
{
    struct handout *h = &f->writer->store->handout;
    const struct fact *facts = (const void *)f->facts.p;
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&f->rows, &i));)
        handout_row(h, (const char *)item->key, ((struct row *)item->value)->due_at);
    for (size_t i = 0; i < f->facts.n / sizeof(*facts); i++)
        handout_folded(h, facts[i].message, facts[i].no);
}
