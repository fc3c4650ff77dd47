#include "sim/provider.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/conn.h"
#include "sim/answer.h"
#include "sim/courier.h"
#include "sim/people.h"
#include "smtp/server.h"

enum { PATIENCE_SPAN = 10, BLOCK_SPAN = 8, GREY_SPAN = 2, GREY_MOST = 100000 };

/* What a provider thinks of one client IP. */
struct client {
    unsigned connections;
    unsigned bad;     // in the span that began at
    usec_t bad_since; // monotonic
    usec_t blocked_until;
    bool is_blocked; // by its plan
};

struct provider {
    struct provider_options options;
    struct listener *listener;
    struct list sessions;
    struct map clients; // address → struct client
    struct map grey;    // "network sender-domain recipient" → usec_t of the first try, boxed
    struct dice dice;
};

struct session {
    struct list link;
    struct provider *provider;
    struct client *client;
    struct conn *conn;
    struct smtp_server *smtp;
    char ip[INET6_ADDRSTRLEN];
    char sender[LETTER_ADDRESS];    // of the message under way…
    char recipient[PEOPLE_ADDRESS]; // …and whom it is for: the last that was asked about
};

static void session_free(struct session *s)
{
    s->client->connections--;
    list_remove(&s->link);
    conn_close(s->conn);
    smtp_server_free(s->smtp);
    xfree(s);
}

// Writes what the machine has to say. The session may be gone afterwards.
static void session_flush(struct session *s)
{
    conn_write(s->conn, smtp_server_out(s->smtp));
    if (smtp_server_is_over(s->smtp) && !conn_queued(s->conn)) {
        session_free(s);
        return;
    }
    conn_set_deadline(s->conn, smtp_server_deadline(s->smtp));
}

static void on_bytes(void *ctx, struct bytes in)
{
    struct session *s = ctx;
    smtp_server_feed(s->smtp, in, clock_monotonic());
    session_flush(s);
}

static void on_drained(void *ctx)
{
    session_flush(ctx);
}

static void on_deadline(void *ctx)
{
    struct session *s = ctx;
    smtp_server_tick(s->smtp, clock_monotonic());
    session_flush(s);
}

static void on_end(void *ctx, int r)
{
    (void)r;
    session_free(ctx);
}

static const struct conn_ops conn_ops = {
    .on_bytes = on_bytes, .on_drained = on_drained, .on_deadline = on_deadline, .on_end = on_end};

// `answer` is "CODE ENHANCED text".
static void say(struct smtp_reply *reply, const char *answer)
{
    char *rest = NULL, enhanced[SMTP_ENHANCED];
    unsigned code = (unsigned)strtoul(answer, &rest, 10);
    int n = (int)strcspn(rest + 1, " ");
    snprintf(enhanced, sizeof(enhanced), "%.*s", n, rest + 1);
    smtp_reply_set(reply, code, enhanced, "%s", rest + 1 + n + 1);
}

static bool is_blocked(const struct client *c)
{
    return c->is_blocked || c->blocked_until > clock_monotonic();
}

static void try_patience(struct session *s)
{
    struct client *c = s->client;
    usec_t now = clock_monotonic();
    if (now - c->bad_since > PATIENCE_SPAN * USEC_SECOND) {
        c->bad = 0;
        c->bad_since = now;
    }
    if (++c->bad > s->provider->options.plan->patience) {
        c->blocked_until = now + BLOCK_SPAN * USEC_SECOND;
        c->bad = 0;
    }
}

static void query_mail(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply)
{
    struct session *s = ctx;
    snprintf(s->sender, sizeof(s->sender), "%s", mail->sender);
    if (is_blocked(s->client))
        say(reply, s->provider->options.plan->blocked);
}

// An unknown (network, recipient) is asked to come back in a moment.
static bool must_wait(struct session *s, const char *recipient)
{
    struct provider *p = s->provider;
    const char *domain = strrchr(s->sender, '@');
    if (!p->options.plan->is_greylisting || !domain)
        return false;
    // By network, as greylisters do: our next try may come from its neighbour.
    int network = (int)(strrchr(s->ip, '.') - s->ip);
    CLEANUP(xfree) char *key = xasprintf("%.*s %s %s", network, s->ip, domain, recipient);
    usec_t *since = map_get_str(&p->grey, key);
    if (since)
        return clock_monotonic() - *since < GREY_SPAN * USEC_SECOND;
    if (p->grey.count == GREY_MOST)
        return false;
    since = xmalloc(sizeof(*since));
    *since = clock_monotonic();
    map_put_str(&p->grey, key, since);
    return true;
}

// Of the message under way, or NULL (a report). Asked anew each time: records move when there are more.
static struct record *record_here(struct session *s)
{
    return record_of(s->provider->options.records, s->recipient);
}

static void note(struct session *s, bool is_final)
{
    struct record *r = record_here(s);
    s->provider->options.records->progress++;
    if (!r)
        return;
    r->is_bounced = is_final;
    r->is_deferred = !is_final;
}

static void query_rcpt(void *ctx, const char *address, struct smtp_reply *reply)
{
    struct session *s = ctx;
    const struct provider_plan *plan = s->provider->options.plan;
    snprintf(s->recipient, sizeof(s->recipient), "%s", address);
    if (!plan->unknown) // the customers' own mailboxes take all
        return;
    switch (people_mailbox(s->provider->options.seed, address)) {
    case MAILBOX_DEAD:
        if (plan->is_late)
            return;
        try_patience(s);
        note(s, true);
        say(reply, plan->unknown);
        return;
    case MAILBOX_FULL:
        note(s, false);
        say(reply, plan->full);
        return;
    case MAILBOX_LIVES:
        break;
    }
    if (must_wait(s, address)) {
        note(s, false);
        say(reply, plan->greylisted);
    }
}

// It is taken; what is wrong with it is said later, by mail.
static void arrive(struct session *s, const struct smtp_server_message *m)
{
    struct record *r = record_here(s);
    struct answers *answers = *s->provider->options.answers;
    struct answer_to to = {s->provider->options.plan, s->sender, s->recipient, s->ip,
                           bytes_of(m->body, m->body_n)};
    if (!r)
        return;
    if (r->is_dead)
        r->is_bounced = true;
    else
        r->arrived++;
    if (!answers)
        return;
    if (r->is_dead)
        answers_bounce(answers, &to);
    else if (r->complains && to.plan->complaints != COMPLAINTS_NEVER) {
        r->has_complained = true;
        answers_complain(answers, &to);
    }
}

static void on_message(void *ctx, struct smtp_server_message *m)
{
    struct session *s = ctx;
    struct provider *p = s->provider;
    struct smtp_reply reply;
    p->options.records->progress++;
    if (!*m->sender)
        ++*p->options.reports;
    if (p->options.plan->spam && memmem(m->body, m->body_n, "once in a lifetime", 18) &&
        dice_falls(&p->dice, 0.5)) {
        try_patience(s);
        note(s, true);
        say(&reply, p->options.plan->spam);
    } else {
        arrive(s, m);
        smtp_reply_set(&reply, 250, "2.0.0", "Ok, taken");
    }
    smtp_server_answer(s->smtp, &reply, clock_monotonic());
}

static void query_data(void *ctx, struct smtp_reply *reply)
{
    (void)ctx; // whoever got this far may send it
    (void)reply;
}

static const struct smtp_server_ops smtp_ops = {
    .query_mail = query_mail,
    .query_rcpt = query_rcpt,
    .query_data = query_data,
    .on_message = on_message,
};

static const struct smtp_server_limits limits = {
    .message_size = 1 << 20,
    .recipients = 100,
    .commands_in_error = 200,
    .idle = 60 * USEC_SECOND,
};

static struct client *client_of(struct provider *p, const char *ip)
{
    struct client *c = map_get_str(&p->clients, ip);
    if (!c) {
        c = xcalloc(1, sizeof(*c));
        map_put_str(&p->clients, ip, c);
    }
    return c;
}

void provider_block(struct provider *p, const char *ip, bool is_blocked)
{
    client_of(p, ip)->is_blocked = is_blocked;
}

static void on_accept(void *ctx, struct conn *conn)
{
    struct provider *p = ctx;
    struct session *s = xcalloc(1, sizeof(*s));
    const struct sockaddr_in *peer = (const struct sockaddr_in *)(const void *)conn_peer(conn);
    inet_ntop(AF_INET, &peer->sin_addr, s->ip, sizeof(s->ip));
    s->provider = p;
    s->conn = conn;
    s->client = client_of(p, s->ip);
    s->client->connections++;
    s->smtp = smtp_server_new(p->options.plan->host, &limits, &smtp_ops, s, clock_monotonic());
    list_add_last(&p->sessions, &s->link);
    conn_own(conn, &conn_ops, s);
    if (is_blocked(s->client))
        smtp_server_turn_away(s->smtp, 421, "4.7.0", p->options.plan->blocked + strlen("421 "));
    else if (s->client->connections > p->options.plan->connections)
        smtp_server_turn_away(s->smtp, 421, "4.7.0", "Too many connections from your IP");
    else
        smtp_server_greet(s->smtp);
    session_flush(s);
}

struct provider *provider_new(const struct provider_options *options, char **why)
{
    struct provider *p = xcalloc(1, sizeof(*p));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    int r = 0;
    inet_pton(AF_INET, options->plan->address, &at.sin_addr);
    p->options = *options;
    p->dice.state = options->seed ^ options->plan->share;
    list_init(&p->sessions);
    p->listener = listener_open_tcp(options->loop, (struct sockaddr *)&at, NULL, on_accept, p, &r);
    if (p->listener)
        return p;
    *why = xasprintf("%s:%u can't be listened on: %s", options->plan->address, options->port,
                     strerror(-r));
    return provider_free(p);
}

static void free_values(struct map *m)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(m, &i));)
        xfree(item->value);
    map_deinit(m);
}

struct provider *provider_free(struct provider *p)
{
    if (!p)
        return NULL;
    struct session *s;
    LIST_EACH (&p->sessions, s, link)
        session_free(s);
    listener_close(p->listener);
    free_values(&p->clients);
    free_values(&p->grey);
    return xfree(p);
}

uint16_t provider_port(const struct provider *p)
{
    return listener_port(p->listener);
}
