/* The client side of SMTP against a hostile server. Whatever comes, each recipient of each envelope
 * that was handed in gets one result, each envelope one end, the connection one end, the last of all;
 * what goes out is lines ended by CRLF with no bare CR, LF or NUL. A reply that was read can be
 * written, and that reads the same. */
#include "fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "smtp/client.h"
#include "smtp/data.h"

enum { ENVELOPES = 6, RECIPIENTS_MOST = 3 };

struct owner {
    struct smtp_client *client;
    struct chance chance;
    struct smtp_envelope envelopes[ENVELOPES];
    unsigned results[ENVELOPES][RECIPIENTS_MOST], ends[ENVELOPES];
    size_t sent;
    struct buf out;
    bool is_ready, is_over;
};

static void hear_result(struct owner *o, const struct smtp_client_event *e)
{
    size_t no = (size_t)(e->envelope - o->envelopes);
    must(no < o->sent && e->recipient < e->envelope->recipients_n);
    must(!o->ends[no] && !o->results[no][e->recipient]++);
    must(e->phase == PHASE_MAIL || e->phase == PHASE_RCPT || e->phase == PHASE_DATA);
    must(!smtp_reply_is_ok(&e->reply) || (e->phase == PHASE_DATA && e->was_tried));
}

static void hear_end(struct owner *o, const struct smtp_client_event *e)
{
    size_t no = (size_t)(e->envelope - o->envelopes);
    must(no < o->sent && !o->ends[no]++);
    for (size_t i = 0; i < e->envelope->recipients_n; i++)
        must(o->results[no][i] == 1);
}

static void hear(struct owner *o)
{
    struct smtp_client_event e;
    while (smtp_client_next(o->client, &e)) {
        must(!o->is_over);
        switch (e.kind) {
        case SMTP_CLIENT_READY:
            must(!o->is_ready);
            o->is_ready = true;
            break;
        case SMTP_CLIENT_RECIPIENT:
            hear_result(o, &e);
            break;
        case SMTP_CLIENT_DONE:
            hear_end(o, &e);
            break;
        case SMTP_CLIENT_OVER:
            o->is_over = true;
            break;
        }
    }
}

static void drain(struct owner *o)
{
    struct buf *out = smtp_client_out(o->client);
    if (out->n)
        buf_add_bytes(&o->out, buf_bytes(out));
    buf_clear(out);
}

static void act(struct owner *o)
{
    hear(o);
    while (o->sent < ENVELOPES && smtp_client_may_send(o->client)) {
        must(o->is_ready);
        smtp_client_send(o->client, &o->envelopes[o->sent++], 0);
        hear(o);
    }
    if (chance_roll(&o->chance, 4))
        drain(o);
    if (!chance_roll(&o->chance, 64))
        smtp_client_tick(o->client, smtp_client_deadline(o->client));
    if (!chance_roll(&o->chance, 64))
        smtp_client_quit(o->client, 0);
    hear(o);
}

static void make_envelopes(struct owner *o)
{
    static const char *const to[] = {"a@d.test", "b@d.test", "c@d.test"};
    static const char *const texts[] = {"", "x\r\n", ".\r\n..\r\n", "no end", "\xe9\r\n", "a\nb"};
    for (size_t i = 0; i < ENVELOPES; i++) {
        const char *text = texts[chance_roll(&o->chance, ARRAY_LEN(texts))];
        o->envelopes[i] = (struct smtp_envelope){
            .sender = chance_roll(&o->chance, 4) ? "s@us.test" : "",
            .recipients = to,
            .recipients_n = 1 + chance_roll(&o->chance, RECIPIENTS_MOST),
            .body = bytes_str(text),
            .is_8bit = text[0] == '\xe9',
        };
    }
}

static void check_replies(struct bytes in)
{
    struct smtp_reply first, second, third;
    size_t used, again;
    while (smtp_reply_parse(&first, &used, in) == SMTP_REPLY_DONE) {
        struct buf wire = {0}, twice = {0};
        must(used > 0 && first.code >= 200 && first.code < 600);
        smtp_reply_format(&wire, &first);
        must(smtp_reply_parse(&second, &again, buf_bytes(&wire)) == SMTP_REPLY_DONE);
        must(again == wire.n && second.code == first.code);
        must(!*first.enhanced || strcmp(second.enhanced, first.enhanced) == 0);
        must(wire.n > 512 || (smtp_reply_format(&twice, &second), true));
        must(wire.n > 512 ||
             (smtp_reply_parse(&third, &again, buf_bytes(&twice)) == SMTP_REPLY_DONE &&
              strcmp(third.text, second.text) == 0));
        buf_deinit(&wire);
        buf_deinit(&twice);
        in = bytes_skip(in, used);
    }
}

// Mostly a line a piece, since a server answers after it was asked; sometimes less.
static struct bytes next_piece(struct owner *o, struct bytes *in)
{
    const uint8_t *lf = memchr(in->p, '\n', in->n);
    size_t line = lf ? (size_t)(lf - in->p) + 1 : in->n;
    size_t n = chance_roll(&o->chance, 4) ? line : 1 + chance_roll(&o->chance, (uint32_t)line);
    struct bytes piece = bytes_of(in->p, n);
    *in = bytes_skip(*in, n);
    return piece;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes in = bytes_of(data, n);
    struct owner o = {.chance = chance_of(in)};
    struct smtp_client_plan plan = {"us.test", chance_roll(&o.chance, 4)};
    check_replies(in);
    make_envelopes(&o);
    o.client = smtp_client_new(&plan, 0);
    while (in.n) {
        smtp_client_feed(o.client, next_piece(&o, &in), 0);
        act(&o);
    }
    smtp_client_lost(o.client, "lost", 0);
    hear(&o);
    must(o.is_over && smtp_client_is_idle(o.client) && !smtp_client_may_send(o.client));
    for (size_t i = 0; i < o.sent; i++)
        must(o.ends[i] == 1);
    drain(&o);
    must(smtp_data_is_clean(buf_bytes(&o.out)));
    must(!o.out.n || o.out.p[o.out.n - 1] == '\n');
    smtp_client_free(o.client);
    buf_deinit(&o.out);
    return 0;
}
