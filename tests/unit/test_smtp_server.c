/* The server side of SMTP: what they say and what we answer, whole, byte by byte and cut anywhere. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "smtp/server.h"

#define EHLO_ANSWER                                                                                \
    "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 2000\r\n250-8BITMIME\r\n250 "                       \
    "ENHANCEDSTATUSCODES\r\n"
#define GREETING "220 mx.test ESMTP mxwarden\r\n"
#define MAIL_OK "250 2.1.0 sender ok\r\n"
#define RCPT_OK "250 2.1.5 recipient ok\r\n"
#define OK "250 2.0.0 ok\r\n"
#define GO "354 end with CRLF.CRLF\r\n"
#define QUEUED "250 2.0.0 queued\r\n"
#define UNKNOWN "500 5.5.2 command not recognized\r\n"
#define BARE "500 5.5.2 a bare CR, LF or NUL: a line ends with CRLF\r\n"
#define BARE_TEXT "550 5.6.11 a bare CR, LF or NUL in the message: lines end with CRLF\r\n"
#define TOO_LONG "500 5.5.2 line too long\r\n"
#define ORDER_MAIL "503 5.5.1 not now: EHLO first, one MAIL a transaction\r\n"
#define ORDER_RCPT "503 5.5.1 MAIL first\r\n"
#define ORDER_DATA "503 5.5.1 MAIL and RCPT first\r\n"
#define NO_RCPT "554 5.5.1 no valid recipients\r\n"
#define BYE "221 2.0.0 mx.test bye\r\n"
#define TOO_BIG "552 5.3.4 at most 2000 bytes\r\n"

// 100 octets.
#define X100                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                                           \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X500 X100 X100 X100 X100 X100
#define X998                                                                                       \
    X500 X100 X100 X100 X100 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                  \
                             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

// The owner: refuses some addresses by their names, and writes down what it gets.
struct owner {
    struct smtp_server *server;
    struct buf got;
    bool is_disk_low, is_late;
};

static void query_mail(void *ctx, const struct smtp_server_mail *mail, struct smtp_reply *reply)
{
    (void)ctx;
    if (strncmp(mail->sender, "no", 2) == 0)
        smtp_reply_set(reply, 550, "5.7.1", "not you");
}

static void query_rcpt(void *ctx, const char *address, struct smtp_reply *reply)
{
    (void)ctx;
    if (strncmp(address, "no", 2) == 0)
        smtp_reply_set(reply, 550, "5.1.1", "nobody here");
    else if (strncmp(address, "bye", 3) == 0)
        smtp_reply_set(reply, 421, "4.7.0", "enough");
}

static void query_data(void *ctx, struct smtp_reply *reply)
{
    struct owner *owner = ctx;
    if (owner->is_disk_low)
        smtp_reply_set(reply, 452, "4.3.1", "disk low");
}

static void answer(struct owner *owner)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, 250, "2.0.0", "queued");
    smtp_server_answer(owner->server, &reply, 0);
}

static void on_message(void *ctx, struct smtp_server_message *m)
{
    struct owner *owner = ctx;
    CLEANUP(xfree) char *body = (char *)MOVE(m->body);
    buf_printf(&owner->got, "%s %s%s <%s>", m->protocol, m->helo, m->is_8bit ? " 8bit" : "",
               m->sender);
    for (size_t i = 0; i < m->recipients_n; i++)
        buf_printf(&owner->got, " <%s>", m->recipients[i]);
    buf_add_str(&owner->got, "\n");
    buf_add(&owner->got, body, m->body_n);
    buf_add_str(&owner->got, "|\n");
    if (!owner->is_late)
        answer(owner);
}

static const struct smtp_server_ops ops = {query_mail, query_rcpt, query_data, on_message};
static const struct smtp_server_limits limits = {
    .message_size = 2000,
    .recipients = 3,
    .commands_in_error = 4,
    .idle = 300 * USEC_SECOND,
    .data_total = 1000 * USEC_SECOND,
};

struct line {
    const char *they, *we;
    size_t they_n; // 0: a string
};

struct script {
    const char *name;
    struct line lines[16]; // one at least is left empty
    const char *got;
    bool is_disk_low, is_over;
};

#define HELLO                                                                                      \
    {                                                                                              \
        "EHLO c.test\r\n", EHLO_ANSWER                                                             \
    }
#define MAIL                                                                                       \
    {                                                                                              \
        "MAIL FROM:<a@b.test>\r\n", MAIL_OK                                                        \
    }
#define RCPT                                                                                       \
    {                                                                                              \
        "RCPT TO:<c@d.test>\r\n", RCPT_OK                                                          \
    }
#define DATA                                                                                       \
    {                                                                                              \
        "DATA\r\n", GO                                                                             \
    }
#define BEGIN HELLO, MAIL, RCPT, DATA
#define ENVELOPE "ESMTP c.test <a@b.test> <c@d.test>\n"

// clang-format off
static const struct script scripts[] = {
    {"a message goes through", {
        BEGIN,
        {"Subject: x\r\n\r\nhello\r\n.\r\n",    QUEUED},
        {"QUIT\r\n",                            BYE}},
     .got = ENVELOPE "Subject: x\r\n\r\nhello\r\n|\n", .is_over = true},
    {"HELO makes it SMTP, case and blanks do not matter", {
        {"helo c.test \r\n",                    "250 mx.test\r\n"},
        {"mail from: <a@B.Test> size=10\r\n",   MAIL_OK},
        {"rcpt to:<c@d.test>\r\n",              RCPT_OK},
        {"data\r\n",                            GO},
        {".\r\n",                               QUEUED}},
     .got = "SMTP c.test <a@b.test> <c@d.test>\n|\n"},
    {"dots are unstuffed", {
        BEGIN,
        {"..\r\n.x\r\n...\r\nx.\r\n\r\n.\r\n",  QUEUED}},
     .got = ENVELOPE ".\r\nx\r\n..\r\nx.\r\n\r\n|\n"},
    {"8-bit is what the text has, not what MAIL said", {
        HELLO,
        {"MAIL FROM:<a@b.test> BODY=8BITMIME SIZE=5\r\n", MAIL_OK},
        RCPT, DATA,
        {"\xc3\xa9\r\n.\r\n",                   QUEUED},
        {"MAIL FROM:<a@b.test> BODY=8bitmime\r\n", MAIL_OK},
        RCPT, DATA,
        {"e\r\n.\r\n",                          QUEUED}},
     .got = "ESMTP c.test 8bit <a@b.test> <c@d.test>\n\xc3\xa9\r\n|\n" ENVELOPE "e\r\n|\n"},
    {"two messages, the null sender, some recipients refused", {
        BEGIN,
        {"1\r\n.\r\n",                          QUEUED},
        {"MAIL FROM:<>\r\n",                    MAIL_OK},
        {"RCPT TO:<no@d.test>\r\n",             "550 5.1.1 nobody here\r\n"},
        {"RCPT TO:<e@d.test>\r\n",              RCPT_OK},
        DATA,
        {"2\r\n.\r\n",                          QUEUED}},
     .got = ENVELOPE "1\r\n|\n" "ESMTP c.test <> <e@d.test>\n2\r\n|\n"},
    {"a bare LF before the dot does not end it", {
        BEGIN,
        {"x\r\n\n.\r\nMAIL FROM:<evil@b.test>\r\n.\r\n", BARE_TEXT},
        {"QUIT\r\n",                            BYE}},
     .got = "", .is_over = true},
    {"nor does LF dot LF, CR dot CR, LF dot CRLF", {
        BEGIN,
        {"x\n.\nNOOP\r\n",                      ""},
        {"x\r.\rNOOP\r\n",                      ""},
        {"x\n.\r\nNOOP\r\n",                    ""},
        {"x\r\n.\nNOOP\r\n",                    ""},
        {"x\r\n.\rNOOP\r\n.\r\n",               BARE_TEXT}},
     .got = ""},
    {"a NUL refuses the message", {
        BEGIN,
        {"a\0b\r\n.\r\n",                       BARE_TEXT, 8},
        {"NOOP\r\n",                            OK}},
     .got = ""},
    {"CR CR LF holds a bare CR", {
        BEGIN,
        {"a\r\r\n.\r\n",                        BARE_TEXT}},
     .got = ""},
    {"a dot behind CR CR LF ends it, after a refusal", {
        BEGIN,
        {"a\r\n.\r\r\n.\r\n",                   BARE_TEXT},
        {"NOOP\r\n",                            OK}},
     .got = ""},
    {"998 octets a line pass, also behind a stuffed dot", {
        BEGIN,
        {X998 "\r\n.\r\n",                      QUEUED},
        MAIL, RCPT, DATA,
        {"." X998 "\r\n.\r\n",                  QUEUED}},
     .got = ENVELOPE X998 "\r\n|\n" ENVELOPE X998 "\r\n|\n"},
    {"999 do not", {
        BEGIN,
        {X998 "x\r\nshort\r\n.\r\n",            "550 5.6.0 a line over 998 octets: encode or wrap it\r\n"},
        {"NOOP\r\n",                            OK}},
     .got = ""},
    {"a message of exactly the limit passes", {
        BEGIN,
        {X998 "\r\n" X998 "\r\n.\r\n",          QUEUED}},
     .got = ENVELOPE X998 "\r\n" X998 "\r\n|\n"},
    {"one over it is refused after its real end", {
        BEGIN,
        {X998 "\r\n" X998 "\r\n\r\n",           ""},
        {"NOOP\r\n.\r\n",                       TOO_BIG},
        {"NOOP\r\n",                            OK}},
     .got = ""},
    {"SIZE is believed at MAIL when it is too much", {
        HELLO,
        {"MAIL FROM:<a@b.test> SIZE=2001\r\n",  TOO_BIG},
        {"MAIL FROM:<a@b.test> SIZE=99999999999999999999\r\n", TOO_BIG},
        {"MAIL FROM:<a@b.test> SIZE=2000\r\n",  MAIL_OK}},
     .got = ""},
    {"wrong order", {
        {"MAIL FROM:<a@b.test>\r\n",            ORDER_MAIL},
        HELLO,
        {"RCPT TO:<c@d.test>\r\n",              ORDER_RCPT},
        {"DATA\r\n",                            ORDER_DATA},
        MAIL,
        {"MAIL FROM:<a@b.test>\r\n",            ORDER_MAIL "421 4.7.0 mx.test too many errors\r\n"}},
     .got = "", .is_over = true},
    {"an accepted message clears the errors", {
        {"x\r\nx\r\nx\r\n",                     UNKNOWN UNKNOWN UNKNOWN},
        BEGIN,
        {".\r\nx\r\nx\r\nx\r\n",                QUEUED UNKNOWN UNKNOWN UNKNOWN},
        {"x\r\nNOOP\r\n",                       UNKNOWN "421 4.7.0 mx.test too many errors\r\n"}},
     .got = ENVELOPE "|\n", .is_over = true},
    {"refusals and what is pipelined behind them are no errors", {
        HELLO,
        {"MAIL FROM:<no@b.test>\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<e@d.test>\r\nDATA\r\n",
            "550 5.7.1 not you\r\n" ORDER_RCPT ORDER_RCPT ORDER_DATA},
        {"MAIL FROM:<a@b.test>\r\nRCPT TO:<no1@d.test>\r\nRCPT TO:<no2@d.test>\r\nDATA\r\n",
            MAIL_OK "550 5.1.1 nobody here\r\n" "550 5.1.1 nobody here\r\n" NO_RCPT},
        {"RSET\r\n",                            OK},
        {"MAIL FROM:<a@b.test>\r\nRCPT TO:<no1@d.test>\r\nRCPT TO:<no2@d.test>\r\nDATA\r\n",
            MAIL_OK "550 5.1.1 nobody here\r\n" "550 5.1.1 nobody here\r\n" NO_RCPT},
        {"NOOP\r\n",                            OK}},
     .got = ""},
    {"a whole pipelined session in one packet", {
        {"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n"
         "1\r\n.\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n2\r\n.\r\nQUIT\r\nNOOP\r\n",
         EHLO_ANSWER MAIL_OK RCPT_OK GO QUEUED MAIL_OK RCPT_OK GO QUEUED BYE}},
     .got = ENVELOPE "1\r\n|\n" ENVELOPE "2\r\n|\n", .is_over = true},
    {"when DATA is refused, what follows is commands", {
        HELLO,
        {"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nRSET\r\nNOOP\r\n",
            MAIL_OK RCPT_OK "452 4.3.1 disk low\r\n" OK OK}},
     .got = "", .is_disk_low = true},
    {"parameters", {
        HELLO,
        {"MAIL FROM:<a@b.test> RET=HDRS\r\n",   "555 5.5.4 unknown parameter\r\n"},
        {"MAIL FROM:<a@b.test> SIZE=1 SIZE=1\r\n", "501 5.5.4 the same parameter twice\r\n"},
        {"MAIL FROM:<a@b.test> SIZE=\r\n",      "501 5.5.4 SIZE wants a number\r\n"}},
     .got = ""},
    {"more parameters", {
        HELLO,
        {"MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n", "501 5.5.4 BODY is 7BIT or 8BITMIME\r\n"},
        MAIL,
        {"RCPT TO:<c@d.test> NOTIFY=NEVER\r\n", "555 5.5.4 unknown parameter\r\n"},
        RCPT},
     .got = ""},
    {"addresses that are none", {
        HELLO,
        {"MAIL FROM:a@b.test\r\n",              "501 5.5.4 expected MAIL FROM:<address>\r\n"},
        {"MAIL FROM:<nonsense>\r\n",            "501 5.1.7 no such form of address\r\n"},
        MAIL,
        {"RCPT TO:<>\r\n",                      "501 5.1.3 no such form of address\r\n"},
        RCPT},
     .got = ""},
    {"postmaster needs no domain, a source route is ignored", {
        HELLO, MAIL,
        {"RCPT TO:<Postmaster>\r\n",            RCPT_OK},
        {"RCPT TO:<@one.test,@two.test:e@d.test>\r\n", RCPT_OK},
        {"RCPT TO:<\"a>b\"@d.test>\r\n",        RCPT_OK},
        DATA,
        {".\r\n",                               QUEUED}},
     .got = "ESMTP c.test <a@b.test> <Postmaster@mx.test> <e@d.test> <\"a>b\"@d.test>\n|\n"},
    {"too many recipients wait for another message", {
        HELLO, MAIL, RCPT, RCPT, RCPT,
        {"RCPT TO:<c@d.test>\r\n",
            "452 4.5.3 too many recipients, send the rest in another message\r\n"},
        DATA,
        {".\r\n",                               QUEUED}},
     .got = "ESMTP c.test <a@b.test> <c@d.test> <c@d.test> <c@d.test>\n|\n"},
    {"a refusal with 421 ends the session", {
        HELLO, MAIL,
        {"RCPT TO:<bye@d.test>\r\n",            "421 4.7.0 enough\r\n"},
        {"NOOP\r\n",                            ""}},
     .got = "", .is_over = true},
    {"only CRLF ends a command", {
        HELLO,
        {"NOOP\nNOOP\r\n",                      BARE},
        {"NOOP\rNOOP\r\n",                      BARE},
        {"NO\0OP\r\n",                          BARE, 7},
        {"NOOP\r\n",                            OK}},
     .got = ""},
    {"a command line has 512 octets at most", {
        {"NOOP " X500 "xxxxx\r\n",              OK},
        {"NOOP " X500 "xxxxxx\r\n",             TOO_LONG},
        {"NOOP " X998 X998 X998 "\n\r\n",       TOO_LONG},
        {"MAIL " X998 "\n" X100 "\r\n",         TOO_LONG}},
     .got = ""},
    {"MAIL and RCPT lines have 1,024", {
        HELLO,
        {"MAIL FROM:<a@b.test>" X500 "\r\n",    "501 5.5.4 expected MAIL FROM:<address>\r\n"},
        {"MAIL FROM:<a@b.test> " X998 "x\r\n",  "555 5.5.4 unknown parameter\r\n"},
        {"MAIL FROM:<a@b.test> " X998 "xxxx\r\n", TOO_LONG}},
     .got = ""},
    {"the small verbs", {
        {"NOOP x\r\n",                          OK},
        {"RSET\r\n",                            OK},
        {"VRFY a\r\n",                          "252 2.0.0 send the message, we will try to deliver it\r\n"},
        {"HELP\r\n",                            "214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT\r\n"},
        {"EXPN a\r\n",                          "502 5.5.1 not offered here\r\n"},
        {"STARTTLS\r\n",                        "502 5.5.1 not offered here\r\n"},
        {"DATA x\r\n",                          ORDER_DATA},
        {"QUIT\r\n",                            BYE}},
     .got = "", .is_over = true},
    {"a host name that is none", {
        {"EHLO\r\n",                            "501 5.5.4 this wants your host name\r\n"},
        {"EHLO a(b)\r\n",                       "501 5.5.4 this wants your host name\r\n"},
        {"EHLO [127.0.0.1]\r\n",                EHLO_ANSWER}},
     .got = ""},
    {"EHLO and RSET forget the transaction", {
        HELLO, MAIL, RCPT, HELLO,
        {"RCPT TO:<c@d.test>\r\n",              ORDER_RCPT},
        MAIL, RCPT,
        {"RSET\r\n",                            OK},
        {"DATA\r\n",                            ORDER_DATA}},
     .got = ""},
    {"a browser is sent away at once", {
        {"POST / HTTP/1.1\r\nHost: mx.test\r\n\r\nEHLO c.test\r\n",
            "421 4.7.0 mx.test this is no web server\r\n"}},
     .got = "", .is_over = true},
};
// clang-format on

static struct bytes they_say(const struct line *line)
{
    return bytes_of(line->they, line->they_n ? line->they_n : strlen(line->they));
}

static struct owner *owner_new(bool is_disk_low)
{
    struct owner *owner = xcalloc(1, sizeof(*owner));
    owner->is_disk_low = is_disk_low;
    owner->server = smtp_server_new("mx.test", &limits, &ops, owner, 0);
    smtp_server_greet(owner->server);
    return owner;
}

static void owner_free(struct owner *owner)
{
    smtp_server_free(owner->server);
    buf_deinit(&owner->got);
    xfree(owner);
}

static const char *out_text(struct owner *owner)
{
    struct buf *out = smtp_server_out(owner->server);
    return out->n ? (const char *)out->p : "";
}

static void check(const struct script *script, struct owner *owner, const char *want,
                  const char *how)
{
    if (strcmp(out_text(owner), want) != 0)
        fail_msg("%s, %s: we answered\n%sand not\n%s", script->name, how, out_text(owner), want);
    buf_clear(smtp_server_out(owner->server));
}

static void check_end(const struct script *script, struct owner *owner, const char *how)
{
    const char *got = owner->got.n ? (const char *)owner->got.p : "";
    if (strcmp(got, script->got) != 0)
        fail_msg("%s, %s: the owner got\n%sand not\n%s", script->name, how, got, script->got);
    if (smtp_server_is_over(owner->server) != script->is_over)
        fail_msg("%s, %s: over or not over", script->name, how);
    owner_free(owner);
}

static void they_say_we_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct owner *owner = owner_new(scripts[i].is_disk_low);
        check(&scripts[i], owner, GREETING, "line by line");
        for (const struct line *line = scripts[i].lines; line->they; line++) {
            smtp_server_feed(owner->server, they_say(line), 0);
            check(&scripts[i], owner, line->we, "line by line");
        }
        check_end(&scripts[i], owner, "line by line");
    }
}

static void byte_by_byte_it_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct owner *owner = owner_new(scripts[i].is_disk_low);
        buf_clear(smtp_server_out(owner->server));
        for (const struct line *line = scripts[i].lines; line->they; line++) {
            struct bytes in = they_say(line);
            for (size_t at = 0; at < in.n; at++)
                smtp_server_feed(owner->server, bytes_of(in.p + at, 1), 0);
            check(&scripts[i], owner, line->we, "byte by byte");
        }
        check_end(&scripts[i], owner, "byte by byte");
    }
}

static void cut_anywhere_it_is_the_same(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (size_t i = 0; i < ARRAY_LEN(scripts) * 50; i++) {
        const struct script *script = &scripts[i / 50];
        CLEANUP(buf_deinit) struct buf they = {0}, we = {0};
        for (const struct line *line = script->lines; line->they; line++) {
            buf_add_bytes(&they, they_say(line));
            buf_add_str(&we, line->we);
        }
        struct owner *owner = owner_new(script->is_disk_low);
        buf_clear(smtp_server_out(owner->server));
        while (they.n) {
            random = random * 1664525 + 1013904223;
            size_t n = 1 + (random >> 16) % (random & 0x8000 ? 400 : 7);
            n = n < they.n ? n : they.n;
            smtp_server_feed(owner->server, bytes_of(they.p, n), 0);
            buf_consume(&they, n);
        }
        check(script, owner, (const char *)we.p, "cut anywhere");
        check_end(script, owner, "cut anywhere");
    }
}

#define BEGIN_TEXT "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx\r\n.\r\n"

static void feed(struct owner *owner, const char *text, usec_t now)
{
    smtp_server_feed(owner->server, bytes_str(text), now);
}

static void what_is_pipelined_behind_a_message_waits_for_its_answer(void **state)
{
    (void)state;
    struct owner *owner = owner_new(false);
    owner->is_late = true;
    feed(owner, BEGIN_TEXT "NOOP\r\nQU", 0);
    assert_true(smtp_server_is_busy(owner->server));
    assert_int_equal(smtp_server_deadline(owner->server), USEC_NEVER);
    assert_string_equal(out_text(owner), GREETING EHLO_ANSWER MAIL_OK RCPT_OK GO);
    feed(owner, "IT\r\n", 0);
    buf_clear(smtp_server_out(owner->server));
    answer(owner);
    assert_string_equal(out_text(owner), QUEUED OK BYE);
    assert_true(smtp_server_is_over(owner->server));
    answer(owner); // late: finds nothing
    assert_string_equal(out_text(owner), QUEUED OK BYE);
    owner_free(owner);
}

static void who_sends_without_end_while_a_message_waits_is_cut_off(void **state)
{
    (void)state;
    static uint8_t much[SMTP_SERVER_BEHIND];
    struct owner *owner = owner_new(false);
    owner->is_late = true;
    feed(owner, BEGIN_TEXT "NOOP\r\n", 0);
    smtp_server_feed(owner->server, bytes_of(much, sizeof(much)), 0);
    buf_clear(smtp_server_out(owner->server));
    answer(owner);
    assert_string_equal(out_text(owner),
                        QUEUED "421 4.7.0 mx.test too much sent without waiting\r\n");
    assert_true(smtp_server_is_over(owner->server));
    owner_free(owner);
}

static void silence_ends_the_session(void **state)
{
    (void)state;
    struct owner *owner = owner_new(false);
    feed(owner, "EHLO c.test\r\n", 10 * USEC_SECOND);
    assert_int_equal(smtp_server_deadline(owner->server), 310 * USEC_SECOND);
    smtp_server_tick(owner->server, 310 * USEC_SECOND - 1);
    assert_false(smtp_server_is_over(owner->server));
    buf_clear(smtp_server_out(owner->server));
    smtp_server_tick(owner->server, 310 * USEC_SECOND);
    assert_string_equal(out_text(owner), "421 4.4.2 mx.test timeout\r\n");
    assert_true(smtp_server_is_over(owner->server));
    owner_free(owner);
}

static void a_command_that_trickles_in_gets_no_more_time_than_silence(void **state)
{
    (void)state;
    struct owner *owner = owner_new(false);
    feed(owner, "EHLO c.test\r\n", 0);
    for (int i = 1; i < 4; i++)
        feed(owner, "N", i * 100 * USEC_SECOND - 1);
    assert_int_equal(smtp_server_deadline(owner->server), 300 * USEC_SECOND);
    feed(owner, "\r\nNO", 299 * USEC_SECOND);
    assert_int_equal(smtp_server_deadline(owner->server), 599 * USEC_SECOND);
    smtp_server_tick(owner->server, 599 * USEC_SECOND);
    assert_true(smtp_server_is_over(owner->server));
    owner_free(owner);
}

static void a_session_that_only_chats_is_ended(void **state)
{
    (void)state;
    struct owner *owner = owner_new(false);
    for (int i = 1; i < SMTP_SERVER_CHAT; i++)
        feed(owner, "NOOP\r\n", 0);
    assert_false(smtp_server_is_over(owner->server));
    feed(owner, "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n.\r\n", 0);
    for (int i = 0; i < SMTP_SERVER_CHAT; i++) // a message clears the account
        feed(owner, "RSET\r\n", 0);
    assert_false(smtp_server_is_over(owner->server));
    for (uint32_t i = 0; i < limits.commands_in_error; i++)
        feed(owner, "VRFY x\r\n", 0);
    assert_true(smtp_server_is_over(owner->server));
    owner_free(owner);
}

static void data_has_an_end_also_when_it_trickles(void **state)
{
    (void)state;
    struct owner *owner = owner_new(false);
    feed(owner, "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n", 0);
    for (int i = 1; i < 10; i++)
        feed(owner, "x\r\n", i * 100 * USEC_SECOND);
    assert_int_equal(smtp_server_deadline(owner->server), 1000 * USEC_SECOND);
    smtp_server_tick(owner->server, 1000 * USEC_SECOND);
    assert_true(smtp_server_is_over(owner->server));
    owner_free(owner);
}

static void the_engines_end_waits_for_a_message_in_flight(void **state)
{
    (void)state;
    struct owner *owner = owner_new(false);
    owner->is_late = true;
    feed(owner, "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx", 0);
    smtp_server_shut(owner->server);
    assert_false(smtp_server_is_over(owner->server));
    feed(owner, "\r\n.\r\nNOOP\r\n", 0);
    buf_clear(smtp_server_out(owner->server));
    answer(owner);
    assert_string_equal(out_text(owner), QUEUED "421 4.3.2 mx.test going down, try again soon\r\n");
    assert_true(smtp_server_is_over(owner->server));
    owner_free(owner);
    owner = owner_new(false);
    smtp_server_shut(owner->server);
    assert_string_equal(out_text(owner),
                        GREETING "421 4.3.2 mx.test going down, try again soon\r\n");
    owner_free(owner);
}

static void who_is_turned_away_hears_why(void **state)
{
    (void)state;
    struct owner owner = {0};
    owner.server = smtp_server_new("mx.test", &limits, &ops, &owner, 0);
    smtp_server_turn_away(owner.server, 421, "4.7.0", "too many sessions from your address");
    assert_string_equal(out_text(&owner),
                        "421 4.7.0 mx.test too many sessions from your address\r\n");
    assert_true(smtp_server_is_over(owner.server));
    smtp_server_free(owner.server);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(they_say_we_answer),
    cmocka_unit_test(byte_by_byte_it_is_the_same),
    cmocka_unit_test(cut_anywhere_it_is_the_same),
    cmocka_unit_test(what_is_pipelined_behind_a_message_waits_for_its_answer),
    cmocka_unit_test(who_sends_without_end_while_a_message_waits_is_cut_off),
    cmocka_unit_test(silence_ends_the_session),
    cmocka_unit_test(a_command_that_trickles_in_gets_no_more_time_than_silence),
    cmocka_unit_test(a_session_that_only_chats_is_ended),
    cmocka_unit_test(data_has_an_end_also_when_it_trickles),
    cmocka_unit_test(the_engines_end_waits_for_a_message_in_flight),
    cmocka_unit_test(who_is_turned_away_hears_why),
};
TEST_MAIN(tests)
