#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/outcome.h"
#include "intake/session.h"
#include "mail/content.h"
#include "mail/headers.h"
#include "net/conn.h"
#include "store/spool.h"
#include "store/store.h"

// The spool answers later, to a *writing*: it knows its session as long as that lives, and holds all
// that is needed without it. A session that died meanwhile changes nothing for its message.

enum { HOPS = 100 };

// ---- the end of a transaction

void submit_give_back(struct session *s)
{
    judge_give_back(s->intake->o.state, s->customer, s->list, &s->taken);
}

// ---- outcomes

static void tell(struct intake *in, struct outcome *o, const char *customer, const char *list)
{
    o->at = clock_wall();
    o->customer = customer;
    o->list = list;
    o->stream = *list ? STREAM_LIST : STREAM_TRANSACTIONAL;
    o->ip = o->provider = "";
    in->o.on_outcome(in->o.ctx, o);
}

static void tell_refused(struct session *s, const char *address,
                         const struct judge_refusal *refusal, const struct smtp_reply *reply)
{
    bool is_customer = refusal->class == CLASS_SUSPENDED || refusal->class == CLASS_OVER_LIMIT;
    struct outcome o = {.kind = refusal->is_trap ? OUTCOME_TRAP : OUTCOME_REFUSED,
                        .class = refusal->class,
                        .scope = is_customer ? SCOPE_CUSTOMER : SCOPE_RECIPIENT,
                        .phase = PHASE_RCPT,
                        .code = (uint16_t)reply->code,
                        .recipient = address,
                        .reply = reply->text};
    tell(s->intake, &o, s->customer, s->list);
}

static void tell_submitted(const struct writing *w)
{
    const struct intake_options *o = &w->intake->o;
    usec_t now = clock_wall();
    for (size_t i = 0; o->on_submitted && i < w->m->recipients_n; i++)
        o->on_submitted(o->ctx, w->m->customer, w->m->recipients[i].address, now, w->network,
                        w->content);
}

static void tell_accepted(struct intake *in, const struct spool_message *m)
{
    for (size_t i = 0; i < m->recipients_n; i++) {
        struct outcome o = {.kind = OUTCOME_ACCEPTED,
                            .message = m->id,
                            .recipient_no = m->recipients[i].no,
                            .recipient = m->recipients[i].address,
                            .sender = m->sender,
                            .reply = ""};
        tell(in, &o, m->customer, m->list);
    }
}

// ---- messages

static void writing_free(struct writing *w)
{
    list_remove(&w->link);
    if (w->session)
        w->session->writing = NULL;
    spool_message_free(w->m);
    xfree(w);
}

// The answer first: the client waits. It may end the session, and begin its next message.
static void on_durable(struct writing *w)
{
    struct intake *in = w->intake;
    struct smtp_reply reply;
    char id[ID_MESSAGE_TEXT];
    struct session *s = w->session;
    message_id_format(id, w->m->id);
    if (s) {
        s->writing = NULL;
        w->session = NULL;
        smtp_reply_set(&reply, 250, "2.0.0", "Ok: queued as %s", id);
        session_answer(s, &reply);
    }
    tell_submitted(w);
    tell_accepted(in, w->m);
    in->o.on_accepted(in->o.ctx, MOVE(w->m));
}

static void on_full(struct writing *w)
{
    struct session *s = w->session;
    judge_give_back(w->intake->o.state, w->m->customer, w->m->list, &w->taken);
    if (!s)
        return;
    struct smtp_reply reply;
    s->writing = NULL;
    w->session = NULL;
    session_reply_full(&reply);
    session_answer(s, &reply);
}

static void on_written(void *ctx, int result)
{
    struct writing *w = ctx;
    struct intake *in = w->intake;
    if (in && result == SPOOL_OK)
        on_durable(w);
    else if (in)
        on_full(w);
    writing_free(w);
    if (in)
        intake_look_for_end(in);
}

// Our headers, then the client's text, in one piece.
static void take_body(struct spool_message *to, const struct headers_plan *plan,
                      struct smtp_server_message *m)
{
    struct buf head = {0};
    headers_added(&head, plan, bytes_of(m->body, m->body_n));
    to->body = xrealloc(MOVE(m->body), head.n + m->body_n, 1);
    memmove(to->body + head.n, to->body, m->body_n);
    memcpy(to->body, head.p, head.n);
    to->size = head.n + m->body_n;
    buf_deinit(&head);
}

static void set_text(char **field, const char *text)
{
    xfree(*field);
    *field = xstrdup(text);
}

static struct spool_message *message_of(struct session *s, struct smtp_server_message *m)
{
    struct spool_message *to = spool_message_new();
    usec_t now = clock_wall();
    char id[ID_MESSAGE_TEXT];
    to->id = store_message_id(s->intake->o.store, now);
    message_id_format(id, to->id);
    set_text(&to->customer, s->customer);
    set_text(&to->list, s->list);
    set_text(&to->sender, m->sender);
    to->stream = *s->list ? STREAM_LIST : STREAM_TRANSACTIONAL;
    to->is_8bit = m->is_8bit;
    to->accepted_at = now;
    for (size_t i = 0; i < m->recipients_n; i++)
        spool_message_add_recipient(to, m->recipients[i]);
    struct headers_plan plan = {.node = s->node,
                                .helo = m->helo,
                                .client = s->peer,
                                .protocol = m->protocol,
                                .id = id,
                                .recipient = m->recipients_n == 1 ? m->recipients[0] : "",
                                .customer = s->customer,
                                .list = s->list,
                                .now = now};
    take_body(to, &plan, m);
    return to;
}

static uint32_t network_of(const struct session *s)
{
    const struct sockaddr *sa = conn_peer(s->conn);
    if (sa->sa_family == AF_INET6)
        return content_network(
            (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    return content_network(
        (const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
}

static void on_message(void *ctx, struct smtp_server_message *m)
{
    struct session *s = ctx;
    struct smtp_reply reply;
    session_end_receiving(s);
    if (headers_hops(bytes_of(m->body, m->body_n)) >= HOPS) {
        smtp_reply_set(&reply, 554, "5.4.6",
                       "%d Received fields and more: this message goes in a circle", HOPS);
        submit_give_back(s);
        session_answer(s, &reply);
        return;
    }
    struct writing *w = xcalloc(1, sizeof(*w));
    *w = (struct writing){.intake = s->intake,
                          .session = s,
                          .taken = s->taken,
                          .network = network_of(s),
                          .content = content_hash(bytes_of(m->body, m->body_n))};
    w->m = message_of(s, m);
    s->taken = (struct judge_taken){0};
    s->writing = w;
    list_add_last(&s->intake->writing, &w->link);
    if (spool_add(s->intake->o.store, w->m, on_written, w) != SPOOL_OK)
        on_written(w, SPOOL_E_FULL);
}

// ---- the machine's questions

static void query_mail(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply)
{
    (void)mail; // any sender may be named, also none: size and syntax are the machine's
    struct session *s = ctx;
    submit_give_back(s); // of a transaction that came to nothing
    const struct settings_trust *trust =
        s->door ? settings_trust_of(s->door->settings, conn_peer(s->conn)) : NULL;
    if (!trust) {
        smtp_reply_set(reply, 550, "5.7.1",
                       "%s is in no network that may submit mail here, and there is no login",
                       s->peer);
        return;
    }
    if (!store_may_accept(s->intake->o.store)) {
        session_reply_full(reply);
        return;
    }
    snprintf(s->customer, sizeof(s->customer), "%s", trust->customer);
    snprintf(s->list, sizeof(s->list), "%s", trust->list);
}

static void query_rcpt(void *ctx, const char *address, struct smtp_reply *reply)
{
    struct session *s = ctx;
    struct judge_case c = {.state = s->intake->o.state,
                           .customer = s->customer,
                           .list = s->list,
                           .address = address,
                           .suppressions = s->intake->o.suppressions,
                           .store = s->intake->o.store,
                           .refusal = s->intake->o.settings->policy.refusal,
                           .wall = clock_wall(),
                           .now = clock_monotonic()};
    struct judge_refusal refusal;
    if (!judge_recipient(&c, &s->taken, reply, &refusal))
        tell_refused(s, address, &refusal, reply);
}

static void query_data(void *ctx, struct smtp_reply *reply)
{
    session_begin_receiving(ctx, reply);
}

const struct smtp_server_ops submit_ops = {
    .query_mail = query_mail,
    .query_rcpt = query_rcpt,
    .query_data = query_data,
    .on_message = on_message,
};

void submit_disown(struct intake *in)
{
    struct writing *w;
    LIST_EACH (&in->writing, w, link) {
        list_remove(&w->link);
        w->intake = NULL;
    }
}
