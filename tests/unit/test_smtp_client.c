/* The client side of SMTP: what they say and what we say, and what becomes of each recipient; whole,
 * byte by byte and cut anywhere. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "smtp/client.h"

#define EHLO "EHLO us.test\r\n"
#define BANNER                                                                                     \
    {                                                                                              \
        "220 mx\r\n", EHLO                                                                         \
    }
#define PIPELINED "250-mx\r\n250-PIPELINING\r\n250-SIZE 100\r\n250 8BITMIME\r\n"
#define PLAIN "250-mx\r\n250 HELP\r\n"
#define TEXT                                                                                       \
    "hello"                                                                                        \
    "\r\n"                                                                                         \
    ".\r\n"
#define QUIT "QUIT\r\n"

static const char *const a[] = {"a@d.test"};
static const char *const ab[] = {"a@d.test", "b@d.test"};
static const char *const line_break[] = {"a@d.test>\r\nRSET"};

#define ENVELOPE(to, text, ...)                                                                    \
    {                                                                                              \
        .sender = "s@us.test", .recipients = to, .recipients_n = ARRAY_LEN(to),                    \
        .body = {(const uint8_t *)(text), sizeof(text) - 1}, __VA_ARGS__                           \
    }

enum { ENVELOPES = 3, LINES = 14 };

struct script {
    const char *name;
    struct smtp_envelope envelopes[ENVELOPES];
    struct line {
        const char *they, *we; // they NULL: nothing more; "-": the connection is lost; "Q": we quit
    } lines[LINES];
    const char *results; // "N:recipient phase code[!]" (! not tried), "N done", "over phase code"
    uint32_t messages_max;
};

#define ONE .envelopes = {ENVELOPE(a, "hello\r\n")}
#define TWO .envelopes = {ENVELOPE(a, "hello\r\n"), ENVELOPE(a, "hello\r\n")}
#define ONE_AB .envelopes = {ENVELOPE(ab, "hello\r\n")}

// clang-format off
static const struct script scripts[] = {
    {"a message goes out in one group", ONE, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n",                ""},
        {"354 go\r\n",                          TEXT},
        {"250 2.0.0 queued\r\n",                ""},
        {"Q",                                   QUIT},
        {"221 bye\r\n",                         ""}},
     "ready, 0:0 data 250, 0 done, over none 0, "},
    {"without PIPELINING one by one", ONE_AB, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"250 ok\r\n",                          "RCPT TO:<a@d.test>\r\n"},
        {"550 5.1.1 no\r\n",                    "RCPT TO:<b@d.test>\r\n"},
        {"250 ok\r\n",                          "DATA\r\n"},
        {"354 go\r\n",                          TEXT},
        {"250 ok\r\n",                          ""}},
     "ready, 0:0 rcpt 550, 0:1 data 250, 0 done, "},
    {"HELO when EHLO is refused", ONE, {
        BANNER,
        {"502 what\r\n",                        "HELO us.test\r\n"},
        {"250 mx\r\n",                          "MAIL FROM:<s@us.test>\r\n"}},
     "ready, "},
    {"the next goes right behind the dot", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n354 go\r\n",      TEXT "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"451 4.3.0 no\r\n",                    ""},
        {"250 ok\r\n250 ok\r\n354 go\r\n",      TEXT},
        {"250 ok\r\n",                          ""}},
     "ready, 0:0 data 451, 0 done, 1:0 data 250, 1 done, "},
    {"without PIPELINING the next waits", TWO, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"250 ok\r\n",                          "RCPT TO:<a@d.test>\r\n"},
        {"250 ok\r\n",                          "DATA\r\n"},
        {"354 go\r\n",                          TEXT},
        {"250 ok\r\n",                          "MAIL FROM:<s@us.test>\r\n"}},
     "ready, 0:0 data 250, 0 done, "},
    {"MAIL refused", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"550 5.7.1 no\r\n503 x\r\n503 x\r\n",  "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"}},
     "ready, 0:0 mail 550, 0 done, "},
    {"all recipients refused, DATA too: RSET before the next", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n550 5.1.1 no\r\n554 no valid recipients\r\n",
            "RSET\r\nMAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", TEXT},
        {"250 ok\r\n",                          ""}},
     "ready, 0:0 rcpt 550, 0 done, 1:0 data 250, 1 done, "},
    {"all recipients refused, 354 all the same: a lone dot delivers nothing", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n550 5.1.1 no\r\n354 go\r\n", ".\r\nMAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 queued\r\n",                      ""},
        {"250 ok\r\n250 ok\r\n354 go\r\n",      TEXT},
        {"250 ok\r\n",                          ""}},
     "ready, 0:0 rcpt 550, 0 done, 1:0 data 250, 1 done, "},
    {"all recipients refused one by one: no DATA", TWO, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"250 ok\r\n",                          "RCPT TO:<a@d.test>\r\n"},
        {"450 4.2.1 later\r\n",                 "RSET\r\n"},
        {"250 ok\r\n",                          "MAIL FROM:<s@us.test>\r\n"}},
     "ready, 0:0 rcpt 450, 0 done, "},
    {"DATA refused", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n451 4.3.0 x\r\n", "RSET\r\nMAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"}},
     "ready, 0:0 data 451, 0 done, "},
    {"a refused RSET leaves nothing to go on with", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n451 4.3.0 x\r\n", "RSET\r\nMAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"503 x\r\n",                           ""}},
     "ready, 0:0 data 451, 0 done, 1:0 mail 0!, 1 done, over mail 0, "},
    {"a banner that refuses", ONE, {
        {"554 5.7.1 blocked\r\n",               ""}},
     "over banner 554, "},
    {"EHLO put off", ONE, {
        BANNER,
        {"421 4.7.0 later\r\n",                 ""}},
     "over helo 421, "},
    {"HELO refused", ONE, {
        BANNER,
        {"550 no\r\n",                          "HELO us.test\r\n"},
        {"550 no\r\n",                          ""}},
     "over helo 550, "},
    {"421 to the first MAIL is its answer", ONE_AB, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"421 4.7.0 later\r\n",                 ""}},
     "ready, 0:0 mail 421, 0:1 mail 421, 0 done, over mail 421, "},
    {"421 to a later MAIL speaks of the connection", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n354 go\r\n",      TEXT "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n421 4.7.0 enough\r\n",      ""}},
     "ready, 0:0 data 250, 0 done, 1:0 mail 421!, 1 done, over mail 421, "},
    {"421 to one RCPT leaves the others untried", ONE_AB, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"250 ok\r\n",                          "RCPT TO:<a@d.test>\r\n"},
        {"421 4.7.0 enough\r\n",                ""}},
     "ready, 0:0 rcpt 421, 0:1 rcpt 421!, 0 done, over rcpt 421, "},
    {"421 to the dot", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n354 go\r\n",      TEXT "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"421 4.3.0 x\r\n",                     ""}},
     "ready, 0:0 data 421, 0 done, 1:0 mail 421!, 1 done, over data 421, "},
    {"421 while idle is no reproach", {{0}}, {
        BANNER,
        {PIPELINED,                             ""},
        {"421 4.4.2 timeout\r\n",               ""}},
     "ready, over none 421, "},
    {"lost before the banner", ONE, {
        {"-",                                   ""}},
     "over banner 0, "},
    {"lost at the first MAIL: not its fault, but the server's", ONE, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"-",                                   ""}},
     "ready, 0:0 mail 0!, 0 done, over mail 0, "},
    {"lost inside the envelope", ONE_AB, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"250 ok\r\n",                          "RCPT TO:<a@d.test>\r\n"},
        {"550 5.1.1 no\r\n",                    "RCPT TO:<b@d.test>\r\n"},
        {"-",                                   ""}},
     "ready, 0:0 rcpt 550, 0:1 rcpt 0, 0 done, over rcpt 0, "},
    {"lost between dot and answer", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n354 go\r\n",      TEXT "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"-",                                   ""}},
     "ready, 0:0 data 0, 0 done, 1:0 mail 0!, 1 done, over data 0, "},
    {"closed after a message, before the next: an orderly end", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n354 go\r\n",      TEXT "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n",                          ""},
        {"-",                                   ""}},
     "ready, 0:0 data 250, 0 done, 1:0 mail 0!, 1 done, over none 0, "},
    {"as many as the plan allows, then QUIT", TWO, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n354 go\r\n",      TEXT},
        {"250 ok\r\n",                          QUIT},
        {"-",                                   ""}},
     "ready, 0:0 data 250, 0 done, over none 0, ", .messages_max = 1},
    {"QUIT waits for what is in flight", ONE, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"Q",                                   ""},
        {"550 no\r\n",                          QUIT},
        {"221 bye\r\n",                         ""}},
     "ready, 0:0 mail 550, 0 done, over none 0, "},
    {"dots are stuffed, a missing last CRLF is added", .envelopes = {ENVELOPE(a, ".\r\n..x\r\ny.\r\n.z")}, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"250 ok\r\n",                          "RCPT TO:<a@d.test>\r\n"},
        {"250 ok\r\n",                          "DATA\r\n"},
        {"354 go\r\n",                          "..\r\n...x\r\ny.\r\n..z\r\n.\r\n"}},
     "ready, "},
    {"8-bit asks for 8BITMIME", .envelopes = {ENVELOPE(a, "\xe9\r\n", .is_8bit = true)}, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=3 BODY=8BITMIME\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"}},
     "ready, "},
    {"what the server cannot take is not sent", .envelopes = {
        ENVELOPE(ab, "\xe9\r\n", .is_8bit = true), ENVELOPE(a, "ok\r\n")}, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"}},
     "ready, 0:0 mail 554, 0:1 mail 554, 0 done, "},
    {"nor what is over its SIZE, nor what would break the line", .envelopes = {
        ENVELOPE(a, "0123456789"), ENVELOPE(a, "x\ny\r\n"), ENVELOPE(line_break, "x\r\n")}, {
        BANNER,
        {"250-mx\r\n250 SIZE 9\r\n",            ""}},
     "ready, 0:0 mail 552, 0 done, 1:0 mail 554, 1 done, 2:0 mail 553, 2 done, "},
    {"an answer before the dot ends it", ONE, {
        BANNER,
        {PLAIN,                                 "MAIL FROM:<s@us.test>\r\n"},
        {"250 ok\r\n250 ok\r\n",                "RCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"hello\r\n",                           ""}},
     "ready, 0:0 data 0, 0 done, over data 0, "},
    {"nonsense for a banner", {{0}}, {
        {"SSH-2.0-OpenSSH\r\n",                 ""}},
     "over banner 0, "},
    {"354 to RCPT", ONE, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n354 go\r\n",                ""}},
     "ready, 0:0 rcpt 0, 0 done, over rcpt 0, "},
    {"250 to DATA", ONE, {
        BANNER,
        {PIPELINED,                             "MAIL FROM:<s@us.test> SIZE=7\r\nRCPT TO:<a@d.test>\r\nDATA\r\n"},
        {"250 ok\r\n250 ok\r\n250 ok\r\n",      ""}},
     "ready, 0:0 data 0, 0 done, over data 0, "},
};
// clang-format on

struct owner {
    const struct script *script;
    struct smtp_client_plan plan;
    struct smtp_client *client;
    size_t sent;
    struct buf results;
};

static void note_event(struct owner *o, const struct smtp_client_event *e)
{
    size_t n = e->envelope ? (size_t)(e->envelope - o->script->envelopes) : 0;
    switch (e->kind) {
    case SMTP_CLIENT_READY:
        buf_add_str(&o->results, "ready, ");
        break;
    case SMTP_CLIENT_RECIPIENT:
        buf_printf(&o->results, "%zu:%zu %s %u%s, ", n, e->recipient, phase_text(e->phase),
                   e->reply.code, e->was_tried ? "" : "!");
        break;
    case SMTP_CLIENT_DONE:
        buf_printf(&o->results, "%zu done, ", n);
        break;
    case SMTP_CLIENT_OVER:
        buf_printf(&o->results, "over %s %u, ", phase_text(e->phase), e->reply.code);
        break;
    }
}

// What an owner does after each call: hears the news, hands in what may go.
static void turn(struct owner *o)
{
    struct smtp_client_event e;
    while (smtp_client_next(o->client, &e))
        note_event(o, &e);
    while (o->sent < ENVELOPES && o->script->envelopes[o->sent].sender &&
           smtp_client_may_send(o->client)) {
        smtp_client_send(o->client, &o->script->envelopes[o->sent++], 0);
        while (smtp_client_next(o->client, &e))
            note_event(o, &e);
    }
}

static void say(struct owner *o, const char *they, size_t piece)
{
    struct bytes in = bytes_str(they);
    if (strcmp(they, "-") == 0) {
        smtp_client_lost(o->client, "connection lost", 0);
        in.n = 0;
    } else if (strcmp(they, "Q") == 0) {
        smtp_client_quit(o->client, 0);
        in.n = 0;
    }
    while (in.n) {
        size_t n = in.n < piece ? in.n : piece;
        smtp_client_feed(o->client, bytes_of(in.p, n), 0);
        turn(o);
        in = bytes_skip(in, n);
    }
    turn(o);
}

static void play(const struct script *script, size_t piece)
{
    struct owner o = {.script = script, .plan = {"us.test", script->messages_max}};
    o.client = smtp_client_new(&o.plan, 0);
    for (size_t i = 0; i < LINES && script->lines[i].they; i++) {
        say(&o, script->lines[i].they, piece);
        struct buf *out = smtp_client_out(o.client);
        const char *we = out->n ? (const char *)out->p : "";
        if (strcmp(we, script->lines[i].we) != 0)
            fail_msg("%s, %zu a piece: after `%s` we said\n%s", script->name, piece,
                     script->lines[i].they, we);
        buf_clear(out);
    }
    const char *results = o.results.n ? (const char *)o.results.p : "";
    if (strcmp(results, script->results) != 0)
        fail_msg("%s, %zu a piece: got\n%s and not\n%s", script->name, piece, results,
                 script->results);
    smtp_client_free(o.client);
    buf_deinit(&o.results);
}

static void they_say_we_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        play(&scripts[i], SIZE_MAX);
}

static void cut_anywhere_it_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        for (size_t piece = 1; piece < 12; piece++)
            play(&scripts[i], piece);
}

static struct smtp_client *client_at(const char *they, usec_t now)
{
    static const struct smtp_client_plan plan = {"us.test", 0};
    struct smtp_client *c = smtp_client_new(&plan, now);
    smtp_client_feed(c, bytes_str(they), now);
    return c;
}

static void each_step_has_its_own_patience(void **state)
{
    (void)state;
    static const struct smtp_envelope e = ENVELOPE(a, "hello\r\n");
    static const struct {
        const char *they;
        usec_t patience;
        const char *text;
    } steps[] = {
        {"", 300, "timeout: no answer to banner in 300 s"},
        {"220 x\r\n", 300, "timeout: no answer to EHLO in 300 s"},
        {"220 x\r\n250 x\r\n", 300, "timeout: no answer to MAIL in 300 s"},
        {"250 x\r\n", 300, "timeout: no answer to RCPT in 300 s"},
        {"250 x\r\n250 x\r\n", 120, "timeout: no answer to DATA in 120 s"},
        {"250 x\r\n250 x\r\n354 x\r\n", 600, "timeout: no answer to dot in 600 s"},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct smtp_client *c = client_at(i < 3 ? steps[i].they : "220 x\r\n250 x\r\n", 7);
        struct smtp_client_event event = {0};
        if (i >= 2)
            smtp_client_send(c, &e, 7);
        if (i >= 3)
            smtp_client_feed(c, bytes_str(steps[i].they), 7);
        assert_int_equal(smtp_client_deadline(c), 7 + steps[i].patience * USEC_SECOND);
        smtp_client_feed(c, bytes_str("2"), 8); // a trickle gains nothing
        assert_int_equal(smtp_client_deadline(c), 7 + steps[i].patience * USEC_SECOND);
        smtp_client_tick(c, smtp_client_deadline(c) - 1);
        smtp_client_tick(c, smtp_client_deadline(c));
        while (smtp_client_next(c, &event))
            continue;
        assert_int_equal(event.kind, SMTP_CLIENT_OVER);
        assert_string_equal(event.reply.text, steps[i].text);
        smtp_client_free(c);
    }
}

static void idle_has_no_deadline_and_quit_a_short_one(void **state)
{
    (void)state;
    struct smtp_client_event event = {0};
    struct smtp_client *c = client_at("220 x\r\n250 x\r\n", 0);
    assert_int_equal(smtp_client_deadline(c), USEC_NEVER);
    assert_true(smtp_client_is_idle(c));
    smtp_client_quit(c, 0);
    assert_false(smtp_client_may_send(c));
    assert_int_equal(smtp_client_deadline(c), 5 * USEC_SECOND);
    smtp_client_tick(c, 5 * USEC_SECOND);
    while (smtp_client_next(c, &event))
        continue;
    assert_int_equal(event.kind, SMTP_CLIENT_OVER);
    assert_int_equal(event.phase, PHASE_NONE);
    smtp_client_free(c);
}

static void a_large_body_comes_in_pieces_and_moving_counts(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf body = {0};
    for (int i = 0; i < 10000; i++)
        buf_add_str(&body, "the same line again and again\r\n");
    struct smtp_envelope e = {
        .sender = "", .recipients = a, .recipients_n = 1, .body = buf_bytes(&body)};
    struct smtp_client *c = client_at("220 x\r\n250-x\r\n250 PIPELINING\r\n", 0);
    smtp_client_send(c, &e, 0);
    smtp_client_feed(c, bytes_str("250 x\r\n250 x\r\n354 x\r\n"), 0);
    usec_t block = 180 * USEC_SECOND;
    assert_int_equal(smtp_client_deadline(c), block);
    assert_false(smtp_client_may_send(c));
    size_t all = 0;
    usec_t now = 0;
    for (struct buf *out; (out = smtp_client_out(c))->n;) {
        assert_in_range(out->n, 1, 140 * 1024);
        all += out->n;
        buf_clear(out);
        now += 100 * USEC_SECOND; // slow, but it moves
        smtp_client_tick(c, now);
    }
    assert_int_equal(all,
                     strlen(EHLO "MAIL FROM:<>\r\nRCPT TO:<a@d.test>\r\nDATA\r\n") + body.n + 3);
    assert_true(smtp_client_may_send(c));
    smtp_client_tick(c, smtp_client_deadline(c)); // the last piece went out since it was set
    assert_true(smtp_client_may_send(c));
    smtp_client_tick(c, smtp_client_deadline(c));
    struct smtp_client_event event = {0};
    while (smtp_client_next(c, &event))
        continue;
    assert_int_equal(event.kind, SMTP_CLIENT_OVER);
    smtp_client_free(c);
}

// What they say, 41 ms apart, and what the last event gives as the conversation.
static char *conversation_after(const struct smtp_envelope *envelopes, size_t n,
                                const char *const *they)
{
    static const struct smtp_client_plan plan = {.helo = "us.test"};
    struct smtp_client *c = smtp_client_new(&plan, 0);
    struct smtp_client_event e;
    usec_t now = 0;
    size_t sent = 0;
    char *last = xstrdup("");
    for (; *they; they++, now += 41 * USEC_MS) {
        if (strcmp(*they, "-") == 0)
            smtp_client_lost(c, "the server closed the connection", now);
        else
            smtp_client_feed(c, bytes_str(*they), now);
        while (sent < n && smtp_client_may_send(c))
            smtp_client_send(c, &envelopes[sent++], now);
        while (smtp_client_next(c, &e))
            if (e.conversation.n) {
                xfree(last);
                last = xasprintf("%.*s", (int)e.conversation.n, e.conversation.p);
            }
        while (smtp_client_out(c)->n)
            buf_clear(smtp_client_out(c));
    }
    smtp_client_free(c);
    return last;
}

#define GREETED "0 < 220 mx\n0 > EHLO us.test\n"
#define OFFERED GREETED "41 < 250-mx\n41 < 250-PIPELINING\n41 < 250-SIZE 100\n41 < 250 8BITMIME\n"

// clang-format off
static const struct {
    const char *name;
    struct smtp_envelope envelopes[ENVELOPES];
    const char *they[8], *said;
} conversations[] = {
    {"a success gives nothing", ONE,
     {"220 mx\r\n", PIPELINED, "250 ok\r\n250 ok\r\n354 go\r\n", "250 ok\r\n"}, ""},
    {"one of two is refused", ONE_AB,
     {"220 mx\r\n", PIPELINED, "250 ok\r\n550 5.1.1 no\r\n250 ok\r\n354 go\r\n", "250 ok\r\n"},
     OFFERED "41 > MAIL FROM:<s@us.test> SIZE=7\n41 > RCPT TO:<a@d.test>\n41 > RCPT TO:<b@d.test>\n"
     "41 > DATA\n82 < 250 ok\n82 < 550 5.1.1 no\n82 < 250 ok\n82 < 354 go\n82 > (7 octets)\n"
     "123 < 250 ok\n"},
    {"the one behind the other's dot has its own lines", TWO,
     {"220 mx\r\n", PIPELINED, "250 ok\r\n250 ok\r\n354 go\r\n", "250 yes\r\n",
      "550-5.7.1 not\r\n550 5.7.1 you\x1b[1m\r\n", "550 no\r\n503 no\r\n"},
     OFFERED "82 > MAIL FROM:<s@us.test> SIZE=7\n82 > RCPT TO:<a@d.test>\n82 > DATA\n"
     "164 < 550-5.7.1 not\n164 < 550 5.7.1 you\x1b[1m\n205 < 550 no\n205 < 503 no\n"},
    {"the connection is lost behind RCPT", ONE,
     {"220 mx\r\n", PLAIN, "250 ok\r\n", "250 ok\r\n", "-"},
     GREETED "41 < 250-mx\n41 < 250 HELP\n41 > MAIL FROM:<s@us.test>\n82 < 250 ok\n"
     "82 > RCPT TO:<a@d.test>\n123 < 250 ok\n123 > DATA\n164 * the server closed the connection\n"},
    {"the door is shut", ONE, {"554 go\r\n"}, "0 < 554 go\n"},
    {"it is no SMTP", ONE, {"220 mx\r\n", "HTTP/1.1 400 Bad\r\n"},
     GREETED "41 < HTTP/1.1 400 Bad\n41 * unexpected answer to EHLO: HTTP/1.1 400 Bad\\x0d\\x0a\n"},
};
// clang-format on

static void a_failure_gives_what_was_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conversations); i++) {
        const struct smtp_envelope *envelopes = conversations[i].envelopes;
        size_t n = 0;
        while (n < ENVELOPES && envelopes[n].sender)
            n++;
        CLEANUP(xfree) char *said = conversation_after(envelopes, n, conversations[i].they);
        if (strcmp(said, conversations[i].said) != 0)
            fail_msg("%s:\n%s", conversations[i].name, said);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_failure_gives_what_was_said),
    cmocka_unit_test(they_say_we_say),
    cmocka_unit_test(cut_anywhere_it_is_the_same),
    cmocka_unit_test(each_step_has_its_own_patience),
    cmocka_unit_test(idle_has_no_deadline_and_quit_a_short_one),
    cmocka_unit_test(a_large_body_comes_in_pieces_and_moving_counts),
};
TEST_MAIN(tests)
