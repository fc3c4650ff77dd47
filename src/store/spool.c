#include "store/spool.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "store/inside.h"

struct spool_message *spool_message_new(void)
{
    struct spool_message *m = xcalloc(1, sizeof(*m));
    m->customer = xstrdup("");
    m->list = xstrdup("");
    m->sender = xstrdup("");
    return m;
}

struct spool_message *spool_message_free(struct spool_message *m)
{
    if (!m)
        return NULL;
    for (size_t i = 0; i < m->recipients_n; i++) {
        xfree(m->recipients[i].address);
        xfree(m->recipients[i].provider);
        xfree(m->recipients[i].last_reply);
    }
    xfree(m->recipients);
    xfree(m->customer);
    xfree(m->list);
    xfree(m->sender);
    xfree(m->body);
    return xfree(m);
}

void spool_message_add_recipient(struct spool_message *m, const char *address)
{
    size_t n = m->recipients_n;
    if ((n & (n - 1)) == 0) // a power of two: full
        m->recipients = xrealloc(m->recipients, n ? 2 * n : 1, sizeof(*m->recipients));
    m->recipients[n] = (struct spool_recipient){.address = xstrdup(address),
                                                .no = (uint32_t)n,
                                                .next_try_at = m->accepted_at,
                                                .provider = xstrdup(""),
                                                .last_reply = xstrdup("")};
    m->recipients_n++;
}

static void add_finish(struct store *s, struct job *job)
{
    struct journal_add *add = CONTAINER_OF(job, struct journal_add, job);
    // `done` may free the message: what is needed afterwards is taken before.
    struct message_id id = add->message->id;
    uint32_t n = (uint32_t)add->message->recipients_n;
    usec_t accepted_at = add->message->accepted_at;
    CLEANUP(xfree) char *customer = xstrdup(add->message->customer);
    s->adding = add;
    s->adding_id = id;
    s->is_kept = false;
    add->done(add->ctx, add->result);
    s->adding = NULL;
    if (!s->is_kept)
        handout_let_go(&s->handout, id, n, customer, accepted_at, add->number);
    buf_deinit(&add->record);
    xfree(add);
}

int spool_add(struct store *s, struct spool_message *m, void (*done)(void *ctx, int result),
              void *ctx)
{
    if (!store_may_accept(s) || !should(m->recipients_n))
        return SPOOL_E_FULL;
    must(m->recipients_n < UINT32_MAX);
    struct journal_add *add = xcalloc(1, sizeof(*add));
    *add = (struct journal_add){
        .job.finish = add_finish, .message = m, .done = done, .ctx = ctx, .result = SPOOL_OK};
    record_add_arrived(&add->record, m);
    // Held until `done` has said whether it is kept: no query may give it out before.
    handout_hold_all(&s->handout, m->id, (uint32_t)m->recipients_n);
    if (journal_add(&s->journal, add))
        return SPOOL_OK;
    handout_let_go(&s->handout, m->id, (uint32_t)m->recipients_n, m->customer, USEC_NEVER, 0);
    buf_deinit(&add->record);
    xfree(add);
    return SPOOL_E_FULL;
}

static void flush_finish(struct store *s, struct job *job)
{
    struct journal_add *add = CONTAINER_OF(job, struct journal_add, job);
    (void)s;
    add->done(add->ctx, add->result);
    xfree(add);
}

void spool_flush(struct store *s, void (*done)(void *ctx, int result), void *ctx)
{
    struct journal_add *add = xcalloc(1, sizeof(*add));
    *add = (struct journal_add){
        .job.finish = flush_finish, .done = done, .ctx = ctx, .result = SPOOL_OK};
    if (journal_add(&s->journal, add))
        return;
    add->result = SPOOL_E_FULL;
    job_done_add(&s->done, &add->job);
}

void spool_keep(struct store *s, struct message_id id)
{
    if (should(s->adding && message_id_equal(s->adding_id, id)))
        s->is_kept = true;
}

void spool_outcome(struct store *s, const struct outcome *o, usec_t next_try_at)
{
    bool is_deferred = o->kind == OUTCOME_DEFERRED && is_state_change(o);
    // First: once the journal has it, the fold may look for it here.
    if (is_state_change(o))
        handout_fact(&s->handout, o->message, o->recipient_no);
    uint64_t number = journal_add_outcome(&s->journal, o, is_deferred ? next_try_at : 0);
    if (is_deferred)
        handout_returns(&s->handout, o->customer, number);
}

void spool_park(struct store *s, struct message_id id, uint32_t recipient_no, usec_t next_try_at)
{
    struct record_parked p = {id, recipient_no, next_try_at};
    handout_fact(&s->handout, id, recipient_no);
    handout_returns(&s->handout, NULL, journal_add_parked(&s->journal, &p));
}
