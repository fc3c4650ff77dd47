/* What each SMTP command does. A verb is a row of the table at the end. */
#include "smtp/verbs.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "smtp/command.h"

static void hello(struct smtp_server *s, struct bytes name, bool is_esmtp)
{
    while (name.n && name.p[name.n - 1] == ' ')
        name.n--;
    if (!smtp_helo_is_valid(name)) {
        smtp_session_complain(s, "501 5.5.4 this wants your host name");
        return;
    }
    snprintf(s->helo, sizeof(s->helo), "%.*s", (int)name.n, name.p);
    s->is_esmtp = is_esmtp;
    smtp_session_end_transaction(s);
    smtp_session_enter(s, SERVER_READY);
    if (is_esmtp)
        buf_printf(&s->out,
                   "250-%s\r\n250-PIPELINING\r\n250-SIZE %" PRIu64
                   "\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
                   s->name, s->limits->message_size);
    else
        buf_printf(&s->out, "250 %s\r\n", s->name);
}

static void on_ehlo(struct smtp_server *s, struct bytes argument)
{
    hello(s, argument, true);
}

static void on_helo(struct smtp_server *s, struct bytes argument)
{
    hello(s, argument, false);
}

static const char *read_size(struct smtp_server_mail *mail, struct bytes value)
{
    return smtp_param_size(&mail->size, value) ? NULL : "501 5.5.4 SIZE wants a number";
}

static const char *read_body(struct smtp_server_mail *mail, struct bytes value)
{
    mail->is_8bit = bytes_equal_nocase(value, bytes_str("8BITMIME"));
    bool is_known = mail->is_8bit || bytes_equal_nocase(value, bytes_str("7BIT"));
    return is_known ? NULL : "501 5.5.4 BODY is 7BIT or 8BITMIME";
}

static const struct param {
    const char *name;
    const char *(*read)(struct smtp_server_mail *mail,
                        struct bytes value); // NULL, or what is wrong
} mail_params[] = {
    {"SIZE", read_size}, // RFC 1870
    {"BODY", read_body}, // RFC 6152
};

// NULL, or the line that says what is wrong.
static const char *read_mail_params(struct smtp_server_mail *mail, struct bytes params)
{
    struct bytes name, value;
    unsigned seen = 0;
    while (smtp_param_next(&name, &value, &params)) {
        size_t i = 0;
        while (i < ARRAY_LEN(mail_params) &&
               !bytes_equal_nocase(name, bytes_str(mail_params[i].name)))
            i++;
        if (i == ARRAY_LEN(mail_params))
            return "555 5.5.4 unknown parameter";
        if (seen & 1U << i)
            return "501 5.5.4 the same parameter twice";
        seen |= 1U << i;
        const char *wrong = mail_params[i].read(mail, value);
        if (wrong)
            return wrong;
    }
    return NULL;
}

static const char *path_wrong(enum smtp_path_result result, const char *syntax, const char *address)
{
    switch (result) {
    case SMTP_PATH_DONE:
        return NULL;
    case SMTP_PATH_SYNTAX:
        return syntax;
    case SMTP_PATH_ADDRESS:
        return address;
    }
    return NULL;
}

static void on_mail(struct smtp_server *s, struct bytes argument)
{
    char sender[ADDRESS_TEXT];
    struct bytes params;
    struct smtp_server_mail mail = {.sender = sender};
    s->was_refused = true;
    const char *wrong =
        path_wrong(smtp_path_parse(sender, &params, "FROM", s->name, argument),
                   "501 5.5.4 expected MAIL FROM:<address>", "501 5.1.7 no such form of address");
    if (!wrong)
        wrong = read_mail_params(&mail, params);
    if (wrong) {
        smtp_session_complain(s, wrong);
        return;
    }
    struct smtp_reply reply;
    smtp_reply_set(&reply, 250, "2.1.0", "sender ok");
    if (mail.size > s->limits->message_size)
        smtp_reply_set(&reply, 552, "5.3.4", "at most %" PRIu64 " bytes", s->limits->message_size);
    else
        s->ops->query_mail(s->ctx, &mail, &reply);
    if (!smtp_reply_is_ok(&reply)) {
        smtp_session_answer(s, &reply);
        return;
    }
    smtp_session_end_transaction(s);
    s->sender = xstrdup(sender);
    smtp_session_enter(s, SERVER_MAIL);
    smtp_reply_format(&s->out, &reply);
}

static void add_recipient(struct smtp_server *s, const char *address)
{
    if ((s->recipients_n & (s->recipients_n - 1)) == 0) // full at each power of two
        s->recipients = xrealloc(s->recipients, s->recipients_n ? s->recipients_n * 2 : 1,
                                 sizeof(*s->recipients));
    s->recipients[s->recipients_n++] = xstrdup(address);
    smtp_session_enter(s, SERVER_RCPT);
}

static void on_rcpt(struct smtp_server *s, struct bytes argument)
{
    char address[ADDRESS_TEXT];
    struct bytes params, name, value;
    enum smtp_path_result result = smtp_path_parse(address, &params, "TO", s->name, argument);
    if (result == SMTP_PATH_DONE && !*address)
        result = SMTP_PATH_ADDRESS;
    const char *wrong = path_wrong(result, "501 5.5.4 expected RCPT TO:<address>",
                                   "501 5.1.3 no such form of address");
    if (!wrong && smtp_param_next(&name, &value, &params))
        wrong = "555 5.5.4 unknown parameter";
    if (wrong) {
        s->was_refused = true;
        smtp_session_complain(s, wrong);
        return;
    }
    struct smtp_reply reply;
    smtp_reply_set(&reply, 250, "2.1.5", "recipient ok");
    if (s->recipients_n >= s->limits->recipients)
        smtp_reply_set(&reply, 452, "4.5.3",
                       "too many recipients, send the rest in another message");
    else
        s->ops->query_rcpt(s->ctx, address, &reply);
    if (!smtp_reply_is_ok(&reply)) {
        s->was_refused = true;
        smtp_session_answer(s, &reply);
        return;
    }
    add_recipient(s, address);
    smtp_reply_format(&s->out, &reply);
}

static void on_data(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    struct smtp_reply reply;
    if (s->state != SERVER_RCPT) {
        smtp_session_complain_order(s, "554 5.5.1 no valid recipients");
        return;
    }
    smtp_reply_set(&reply, 250, "2.0.0", "go ahead");
    s->ops->query_data(s->ctx, &reply);
    if (!smtp_reply_is_ok(&reply)) {
        smtp_session_answer(s, &reply);
        return;
    }
    usec_t total = s->limits->data_total;
    s->data_until = total ? s->now + total : USEC_NEVER;
    smtp_data_init(&s->data, s->limits->message_size);
    smtp_session_enter(s, SERVER_DATA);
    smtp_session_say(s, "354 end with CRLF.CRLF");
}

static void on_rset(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    smtp_session_end_transaction(s);
    if (s->state != SERVER_HELLO)
        smtp_session_enter(s, SERVER_READY);
    smtp_session_say(s, "250 2.0.0 ok");
}

static void on_noop(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    smtp_session_say(s, "250 2.0.0 ok");
}

static void on_quit(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    smtp_session_finish_with(s, 221, "2.0.0", "bye");
}

static void on_vrfy(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    smtp_session_say(s, "252 2.0.0 send the message, we will try to deliver it");
}

static void on_help(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    smtp_session_say(s, "214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
}

static void on_unimplemented(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    smtp_session_complain(s, "502 5.5.1 not offered here");
}

// A browser that was talked into posting mail at us (cross-protocol scripting).
static void on_http(struct smtp_server *s, struct bytes argument)
{
    (void)argument;
    smtp_session_finish_with(s, 421, "4.7.0", "this is no web server");
}

/* RFC 5321 §4.1.4 says which order. RFC 2920 §3.1 lets some only end a pipelined group; that binds the
 * client: a group cannot be told from its bytes, since the network joins and cuts them. */
#define S_ANY (S(HELLO) | S(READY) | S(MAIL) | S(RCPT))
// clang-format off
static const struct verb verbs[] = {
    {"EHLO",     on_ehlo, S_ANY, .is_chat = true},
    {"HELO",     on_helo, S_ANY, .is_chat = true},
    {"MAIL",     on_mail, S(READY), "503 5.5.1 not now: EHLO first, one MAIL a transaction", .has_path = true},
    {"RCPT",     on_rcpt, S(MAIL) | S(RCPT), "503 5.5.1 MAIL first", .has_path = true},
    {"DATA",     on_data, S(MAIL) | S(RCPT), "503 5.5.1 MAIL and RCPT first", .is_bare = true},
    {"RSET",     on_rset, S_ANY, .is_bare = true, .is_chat = true},
    {"NOOP",     on_noop, S_ANY, .is_chat = true},
    {"QUIT",     on_quit, S_ANY, .is_bare = true},
    {"VRFY",     on_vrfy, S_ANY, .is_chat = true},
    {"HELP",     on_help, S_ANY, .is_chat = true},
    {"EXPN",     on_unimplemented, S_ANY},
    {"AUTH",     on_unimplemented, S_ANY},
    {"STARTTLS", on_unimplemented, S_ANY},
    {"BDAT",     on_unimplemented, S_ANY},
    {"ETRN",     on_unimplemented, S_ANY},
    {"GET",      on_http, S_ANY},
    {"POST",     on_http, S_ANY},
    {"PUT",      on_http, S_ANY},
    {"HEAD",     on_http, S_ANY},
    {"OPTIONS",  on_http, S_ANY},
    {"CONNECT",  on_http, S_ANY},
};
// clang-format on

const struct verb *verb_get(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (bytes_equal_nocase(name, bytes_str(verbs[i].name)))
            return &verbs[i];
    return NULL;
}
