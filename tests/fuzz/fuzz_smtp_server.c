/* The server side of SMTP against a hostile client. Whole, in pieces, and with messages answered late,
 * the same bytes get the same answers; each is a well-formed reply; each message handed out has
 * recipients, keeps to the limits, holds no bare CR, LF or NUL, and survives stuffing and unstuffing. */
#include "fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "smtp/data.h"
#include "smtp/server.h"

enum { SIZE_MOST = 3000, RECIPIENTS_MOST = 3 };

struct owner {
    struct smtp_server *server;
    struct buf out, got;
    bool is_late;
};

// By the address, so that all runs refuse alike.
static void judge(const char *address, struct smtp_reply *reply)
{
    if (address[0] == 'n')
        smtp_reply_set(reply, 550, "5.1.1", "no");
    else if (address[0] == 'l')
        smtp_reply_set(reply, 450, "4.2.1", "later");
    else if (address[0] == 'q')
        smtp_reply_set(reply, 421, "4.7.0", "quit");
}

static void query_mail(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply)
{
    (void)ctx;
    must(mail->size <= SIZE_MOST);
    judge(mail->sender, reply);
}

static void query_rcpt(void *ctx, const char *address, struct smtp_reply *reply)
{
    (void)ctx;
    must(*address);
    judge(address, reply);
}

static void query_data(void *ctx, struct smtp_reply *reply)
{
    struct owner *o = ctx;
    if (o->got.n % 7 == 6)
        smtp_reply_set(reply, 452, "4.3.1", "disk low");
}

static void check_stuffing(struct bytes body)
{
    struct buf wire = {0};
    struct smtp_data data;
    for (size_t at = 0; at <= body.n;)
        at = smtp_data_stuff(&wire, body, at, 1 + body.n / 3);
    smtp_data_init(&data, SIZE_MOST);
    must(smtp_data_feed(&data, buf_bytes(&wire)) == wire.n);
    must(data.at == SMTP_DATA_END && !smtp_data_is_refused(&data));
    must(bytes_equal(buf_bytes(&data.body), body));
    smtp_data_deinit(&data);
    buf_deinit(&wire);
}

static void answer(struct owner *o)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, o->got.n % 3 ? 250 : 451, NULL, "%zu", o->got.n);
    smtp_server_answer(o->server, &reply, 0);
}

static void on_message(void *ctx, struct smtp_server_message *m)
{
    struct owner *o = ctx;
    struct bytes body = bytes_of(m->body, m->body_n);
    must(m->recipients_n > 0 && m->recipients_n <= RECIPIENTS_MOST);
    must(m->body_n <= SIZE_MOST && smtp_data_is_clean(body));
    must(!m->body_n || m->body[m->body_n - 1] == '\n');
    must(*m->helo && m->sender);
    check_stuffing(body);
    buf_printf(&o->got, "<%s>", m->sender);
    for (size_t i = 0; i < m->recipients_n; i++)
        buf_add_str(&o->got, m->recipients[i]);
    buf_add_bytes(&o->got, body);
    if (!o->is_late)
        answer(o);
}

static void drain(struct owner *o)
{
    struct buf *out = smtp_server_out(o->server);
    if (out->n)
        buf_add_bytes(&o->out, buf_bytes(out));
    buf_clear(out);
}

// Whole at once when `chance` is NULL.
static void play(struct owner *o, struct bytes in, struct chance *chance)
{
    static const struct smtp_server_ops ops = {query_mail, query_rcpt, query_data, on_message};
    static const struct smtp_server_limits limits = {.message_size = SIZE_MOST,
                                                     .recipients = RECIPIENTS_MOST,
                                                     .commands_in_error = 5,
                                                     .idle = USEC_SECOND};
    o->server = smtp_server_new("mx.test", &limits, &ops, o, 0);
    smtp_server_greet(o->server);
    if (!chance)
        smtp_server_feed(o->server, in, 0);
    while (chance && in.n) {
        smtp_server_feed(o->server, chance_cut(chance, &in), 0);
        drain(o);
        while (smtp_server_is_busy(o->server) && chance_roll(chance, 2))
            answer(o);
    }
    while (smtp_server_is_busy(o->server))
        answer(o);
    drain(o);
    smtp_server_free(o->server);
}

static void check_replies(struct bytes out)
{
    struct smtp_reply reply;
    for (size_t used; out.n; out = bytes_skip(out, used)) {
        must(smtp_reply_parse(&reply, &used, out) == SMTP_REPLY_DONE);
        must(used <= 1024 && out.p[used - 2] == '\r');
    }
}

static void owner_deinit(struct owner *o)
{
    buf_deinit(&o->out);
    buf_deinit(&o->got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes in = bytes_of(data, n);
    struct chance chance = chance_of(in);
    struct owner whole = {0}, cut = {0}, late = {.is_late = true};
    if (n > SMTP_SERVER_BEHIND)
        return 0;
    play(&whole, in, NULL);
    play(&cut, in, &chance);
    play(&late, in, &chance);
    check_replies(buf_bytes(&whole.out));
    must(bytes_equal(buf_bytes(&whole.out), buf_bytes(&cut.out)));
    must(bytes_equal(buf_bytes(&whole.out), buf_bytes(&late.out)));
    must(bytes_equal(buf_bytes(&whole.got), buf_bytes(&cut.got)));
    must(bytes_equal(buf_bytes(&whole.got), buf_bytes(&late.got)));
    owner_deinit(&whole);
    owner_deinit(&cut);
    owner_deinit(&late);
    return 0;
}
