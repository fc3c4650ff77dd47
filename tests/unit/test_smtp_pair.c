/* Our client talks to our server, in memory: whatever the envelopes, the texts and the packets, each
 * text arrives as it was, once, and every recipient hears what the server's owner said. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "smtp/client.h"
#include "smtp/server.h"

enum { MESSAGES = 40, RECIPIENTS = 5, ROUNDS = 60 };

struct message {
    struct smtp_envelope envelope;
    char sender[24], addresses[RECIPIENTS][32];
    const char *recipients[RECIPIENTS];
    struct buf body;
    bool has_arrived;
    unsigned results[RECIPIENTS]; // how many each recipient got
    unsigned done;
};

struct world {
    uint32_t random;
    struct message messages[MESSAGES];
    size_t sent, ended;
    struct smtp_server *server;
    struct smtp_client *client;
    bool is_waiting; // a message is not answered yet
};

static uint32_t roll(struct world *w, uint32_t n)
{
    w->random = w->random * 1664525 + 1013904223;
    return (w->random >> 12) % n;
}

// Lines of all lengths with dots and 8-bit where they hurt; sometimes larger than a piece.
static void make_body(struct world *w, struct message *m)
{
    static const char *const parts[] = {".", "..", "x", "hello", ". ", "\xc3\xa9", "=\t"};
    uint32_t lines = roll(w, 10) ? roll(w, 30) : 3000;
    for (uint32_t i = 0; i < lines; i++) {
        for (uint32_t n = roll(w, 4) ? roll(w, 4) : roll(w, 190); n; n--)
            buf_add_str(&m->body, parts[roll(w, roll(w, 3) ? 3 : ARRAY_LEN(parts))]);
        buf_add_str(&m->body, "\r\n");
    }
    for (size_t i = 0; i < m->body.n; i++)
        m->envelope.is_8bit |= m->body.p[i] > 127;
    m->envelope.body = buf_bytes(&m->body);
}

// A recipient whose name begins with "no" or "later" is refused so.
static void make_message(struct world *w, size_t no)
{
    static const char *const kinds[] = {"no", "later", "yes", "yes", "yes"};
    struct message *m = &w->messages[no];
    snprintf(m->sender, sizeof(m->sender), "%s%zu@us.test", roll(w, 10) ? "s" : "no", no);
    m->envelope.sender = m->sender;
    m->envelope.recipients = m->recipients;
    m->envelope.recipients_n = 1 + roll(w, RECIPIENTS);
    for (size_t i = 0; i < m->envelope.recipients_n; i++) {
        snprintf(m->addresses[i], sizeof(m->addresses[i]), "%s%zu@them.test",
                 kinds[roll(w, ARRAY_LEN(kinds))], i);
        m->recipients[i] = m->addresses[i];
    }
    make_body(w, m);
}

static unsigned code_of(const char *address)
{
    return strncmp(address, "no", 2) == 0 ? 550 : strncmp(address, "later", 5) == 0 ? 450 : 250;
}

static void query_mail(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply)
{
    (void)ctx;
    if (code_of(mail->sender) == 550)
        smtp_reply_set(reply, 550, "5.7.1", "not you");
}

static void query_rcpt(void *ctx, const char *address, struct smtp_reply *reply)
{
    (void)ctx;
    if (code_of(address) != 250)
        smtp_reply_set(reply, code_of(address), NULL, "not here");
}

static void query_data(void *ctx, struct smtp_reply *reply)
{
    (void)ctx, (void)reply;
}

static void on_message(void *ctx, struct smtp_server_message *m)
{
    struct world *w = ctx;
    size_t no = (size_t)atoi(m->sender + 1);
    assert_in_range(no, 0, MESSAGES - 1);
    struct message *sent = &w->messages[no];
    assert_false(sent->has_arrived);
    sent->has_arrived = true;
    assert_string_equal(m->sender, sent->sender);
    assert_int_equal(m->is_8bit, sent->envelope.is_8bit);
    assert_true(bytes_equal(bytes_of(m->body, m->body_n), sent->envelope.body));
    size_t accepted = 0;
    for (size_t i = 0; i < sent->envelope.recipients_n; i++)
        if (code_of(sent->recipients[i]) == 250)
            assert_string_equal(m->recipients[accepted++], sent->recipients[i]);
    assert_int_equal(m->recipients_n, accepted);
    w->is_waiting = true;
}

static void check_result(struct world *w, const struct smtp_client_event *e)
{
    struct message *m = &w->messages[(struct message *)e->envelope->ctx - w->messages];
    m->results[e->recipient]++;
    assert_true(e->was_tried);
    unsigned sender = code_of(m->sender), recipient = code_of(m->recipients[e->recipient]);
    assert_int_equal(e->reply.code, sender == 550 ? 550 : recipient);
    assert_int_equal(e->phase, sender == 550      ? PHASE_MAIL
                               : recipient != 250 ? PHASE_RCPT
                                                  : PHASE_DATA);
    assert_true(e->reply.code != 250 || m->has_arrived);
}

static void hear(struct world *w)
{
    struct smtp_client_event e;
    while (smtp_client_next(w->client, &e)) {
        assert_int_not_equal(e.kind, SMTP_CLIENT_OVER);
        if (e.kind == SMTP_CLIENT_RECIPIENT)
            check_result(w, &e);
        if (e.kind == SMTP_CLIENT_DONE) {
            ((struct message *)e.envelope->ctx)->done++;
            w->ended++;
        }
    }
}

// Moves some bytes of what `out` holds; how many is chance.
static struct bytes packet(struct world *w, struct buf *out)
{
    size_t most = roll(w, 4) ? 5000 : 5;
    size_t n = 1 + roll(w, (uint32_t)most);
    return bytes_of(out->p, n < out->n ? n : out->n);
}

static void step(struct world *w)
{
    struct buf *out = smtp_client_out(w->client);
    if (out->n && !smtp_server_is_busy(w->server) && roll(w, 2)) {
        struct bytes in = packet(w, out);
        smtp_server_feed(w->server, in, 0);
        buf_consume(out, in.n);
    }
    if (w->is_waiting && !roll(w, 3)) {
        struct smtp_reply reply;
        smtp_reply_set(&reply, 250, "2.0.0", "queued");
        w->is_waiting = false;
        smtp_server_answer(w->server, &reply, 0);
    }
    out = smtp_server_out(w->server);
    if (out->n && roll(w, 2)) {
        struct bytes in = packet(w, out);
        smtp_client_feed(w->client, in, 0);
        buf_consume(out, in.n);
    }
    hear(w);
    if (w->sent < MESSAGES && smtp_client_may_send(w->client))
        smtp_client_send(w->client, &w->messages[w->sent++].envelope, 0);
}

static void check_message(const struct message *m)
{
    bool should_arrive = false;
    for (size_t i = 0; i < m->envelope.recipients_n; i++) {
        assert_int_equal(m->results[i], 1);
        should_arrive |= code_of(m->recipients[i]) == 250;
    }
    assert_int_equal(m->done, 1);
    assert_int_equal(m->has_arrived, should_arrive && code_of(m->sender) == 250);
}

static void play(uint32_t seed)
{
    static const struct smtp_server_ops ops = {query_mail, query_rcpt, query_data, on_message};
    static const struct smtp_server_limits limits = {
        .message_size = 4 << 20, .recipients = RECIPIENTS, .commands_in_error = 1, .idle = 1};
    static const struct smtp_client_plan plan = {"us.test", 0};
    struct world *w = xcalloc(1, sizeof(*w));
    w->random = seed;
    for (size_t i = 0; i < MESSAGES; i++) {
        make_message(w, i);
        w->messages[i].envelope.ctx = &w->messages[i];
    }
    w->server = smtp_server_new("them.test", &limits, &ops, w, 0);
    w->client = smtp_client_new(&plan, 0);
    smtp_server_greet(w->server);
    for (int i = 0; i < 1000000 && w->ended < MESSAGES; i++)
        step(w);
    assert_int_equal(w->ended, MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++) {
        check_message(&w->messages[i]);
        buf_deinit(&w->messages[i].body);
    }
    smtp_client_free(w->client);
    smtp_server_free(w->server);
    xfree(w);
}

static void texts_arrive_as_they_were(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= ROUNDS; seed++)
        play(seed);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(texts_arrive_as_they_were),
};
TEST_MAIN(tests)
