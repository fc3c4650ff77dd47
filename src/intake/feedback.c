// A session at a feedback listener: anybody may say MAIL, whom one may write to and what becomes of a
// report is asked outside. The answer comes later, to a *reporting: it knows its session as long as that
// lives. How many wait is bounded there (451) and by the sessions.
#include "intake/session.h"

#include "store/store.h"

/* A report whose answer is not known yet. */
struct reporting {
    struct list link;
    struct session *session; // NULL: gone
};

void feedback_leave(struct session *s)
{
    if (s->report)
        s->report->session = NULL;
}

void feedback_deinit(struct intake *in)
{
    struct reporting *r;
    LIST_EACH (&in->reports, r, link) {
        list_remove(&r->link);
        xfree(r);
    }
}

static void on_read(void *ctx, const struct smtp_reply *reply)
{
    struct reporting *r = ctx;
    struct session *s = r->session;
    list_remove(&r->link);
    xfree(r);
    if (!s)
        return;
    s->report = NULL;
    session_answer(s, reply);
}

static void on_message(void *ctx, struct smtp_server_message *m)
{
    struct session *s = ctx;
    const struct intake_options *o = &s->intake->o;
    struct reporting *r = xcalloc(1, sizeof(*r));
    session_end_receiving(s);
    r->session = s;
    s->report = r;
    list_add_last(&s->intake->reports, &r->link);
    o->on_feedback(o->ctx, m->recipients, m->recipients_n, bytes_of(m->body, m->body_n), on_read,
                   r);
}

static void query_mail(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply)
{
    (void)mail; // reports come from anywhere, as a rule from nobody (RFC 5321 §4.5.5)
    struct session *s = ctx;
    if (!store_may_accept(s->intake->o.store))
        session_reply_full(reply);
}

static void query_rcpt(void *ctx, const char *address, struct smtp_reply *reply)
{
    struct session *s = ctx;
    s->intake->o.query_feedback(s->intake->o.ctx, address, reply);
}

static void query_data(void *ctx, struct smtp_reply *reply)
{
    session_begin_receiving(ctx, reply);
}

const struct smtp_server_ops feedback_ops = {
    .query_mail = query_mail,
    .query_rcpt = query_rcpt,
    .query_data = query_data,
    .on_message = on_message,
};
