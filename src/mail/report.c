#include "mail/report.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/compose.h"
#include "mail/headers.h"

enum { TOLD = 50, HEADERS_BACK = 16 * 1024, LINE_MOST = 990, STATUS = 12 };

// The boundary holds `=_`, which no quoted-printable text can (RFC 2045 §6.7), and the other parts
// have no line that begins with a hyphen.
static void add_boundary(struct buf *out, const struct report_plan *plan)
{
    buf_add_str(out, "=_report_");
    compose_atom(out, plan->message_id);
}

static void add_delimiter(struct buf *out, const struct report_plan *plan, const char *end)
{
    buf_add_str(out, "\r\n--");
    add_boundary(out, plan);
    buf_printf(out, "%s\r\n", end);
}

static void add_top(struct buf *out, const struct report_plan *plan)
{
    compose_date(out, "Date", plan->now);
    buf_add_str(out, "From: Mail Delivery System <MAILER-DAEMON@");
    compose_atom(out, plan->node);
    buf_add_str(out, ">\r\n");
    compose_address(out, "To", plan->to);
    buf_add_str(out, "Subject: Undelivered mail returned to sender\r\nMessage-ID: <report.");
    compose_atom(out, plan->message_id);
    buf_printf(out, ".%lld@", (long long)plan->now);
    compose_atom(out, plan->node);
    buf_add_str(out,
                ">\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"");
    add_boundary(out, plan);
    buf_add_str(out, "\"\r\n\r\nThis is a delivery report in several parts (MIME, RFC 3464).\r\n");
}

// What a person reads first.
static const char *words_of(enum class class)
{
    switch (class) {
    case CLASS_UNKNOWN_USER:
        return "There is no such mailbox.";
    case CLASS_INACTIVE_MAILBOX:
        return "The mailbox is not in use any more.";
    case CLASS_MAILBOX_FULL:
        return "The mailbox is full.";
    case CLASS_RECIPIENT_REFUSED:
        return "The recipient does not take this mail.";
    case CLASS_DOMAIN_NOT_FOUND:
        return "The domain does not exist or takes no mail.";
    case CLASS_MESSAGE_TOO_BIG:
        return "The message is too big for the receiving server.";
    case CLASS_CONTENT_SPAM:
        return "The receiving server refuses the content of the message.";
    case CLASS_IP_REPUTATION_BLOCK:
        return "The receiving server takes no mail from our address at this time.";
    case CLASS_AUTH_POLICY:
        return "The receiving server could not verify the sender.";
    case CLASS_RATE_LIMITED:
        return "The receiving server limits how much mail it takes.";
    case CLASS_NO_CONNECT:
        return "The receiving server could not be reached.";
    case CLASS_DELIVERED:
    case CLASS_TRANSIENT:
    case CLASS_PROTOCOL:
    case CLASS_AUTO_REPLY:
    case CLASS_COMPLAINT:
    case CLASS_UNSUBSCRIBE:
    case CLASS_UNDETERMINED:
    case CLASS_SUSPENDED:
    case CLASS_OVER_LIMIT:
    case CLASS_UNCONFIRMED:
        break;
    }
    return "The message could not be delivered.";
}

// Its own paragraph; the values become one line each.
static void tell(struct buf *text, const struct report_failure *f)
{
    buf_add_str(text, "\n");
    text_visible_add(text, bytes_str(f->recipient));
    buf_printf(text, "\n    %s\n", words_of(f->class));
    if (!*f->reply)
        return;
    buf_add_str(text, "    ");
    if (*f->provider_host)
        text_visible_add(text, bytes_str(f->provider_host));
    else
        buf_add_str(text, f->code ? "The server" : "Last reason");
    buf_add_str(text, f->code || *f->provider_host ? " said: " : ": ");
    text_visible_add(text, bytes_of(f->reply, strnlen(f->reply, OUTCOME_REPLY)));
    buf_add_str(text, "\n");
}

static void add_text(struct buf *out, const struct report_plan *plan)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    char date[CLOCK_TEXT];
    clock_format_mail(date, plan->arrived_at);
    buf_add_str(&text, "This is the mail system at ");
    compose_atom(&text, plan->node);
    buf_printf(&text,
               ".\n\nYour message of %s\nwas not delivered to %s.\n"
               "It is not tried again; before sending it once more, see what is said below.\n",
               date, plan->failures_n == 1 ? "this recipient" : "these recipients");
    for (size_t i = 0; i < plan->failures_n && i < TOLD; i++)
        tell(&text, &plan->failures[i]);
    if (plan->failures_n > TOLD)
        buf_printf(&text, "\nand %zu more; all of them stand in the second part of this report.\n",
                   plan->failures_n - TOLD);
    buf_add_str(out, "Content-Type: text/plain; charset=UTF-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    compose_text(out, buf_bytes(&text));
}

static bool is_status(const char *s, size_t n)
{
    size_t dots = 0, digits = 0;
    if (n < 5 || n >= STATUS || (s[0] != '4' && s[0] != '5') || s[1] != '.')
        return false;
    for (size_t i = 0; i < n; i++) {
        bool is_digit = s[i] >= '0' && s[i] <= '9';
        if (!is_digit && (s[i] != '.' || !digits))
            return false;
        dots += !is_digit;
        digits = is_digit ? digits + 1 : 0;
        if (digits > 3)
            return false;
    }
    return dots == 2 && digits;
}

// The enhanced code that the reply has behind its code ("550 5.1.1 no such user").
static bool status_of_reply(char out[STATUS], const char *reply)
{
    const char *at = reply + strspn(reply, "0123456789");
    at += *at == ' ' || *at == '-';
    size_t n = strspn(at, "0123456789.");
    if (!is_status(at, n))
        return false;
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

static const char *status_by_class(enum class class, unsigned code)
{
    static const struct {
        enum class class;
        const char *status;
    } rows[] = {
        // RFC 3463; for mail that was given up the last failure was a passing one, hence 4.
        {CLASS_UNKNOWN_USER, "5.1.1"},    {CLASS_INACTIVE_MAILBOX, "5.2.1"},
        {CLASS_MAILBOX_FULL, "5.2.2"},    {CLASS_DOMAIN_NOT_FOUND, "5.1.2"},
        {CLASS_MESSAGE_TOO_BIG, "5.3.4"}, {CLASS_NO_CONNECT, "4.4.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].class == class && code / 100 != 4)
            return rows[i].status;
    return code / 100 == 4 ? "4.0.0" : "5.0.0";
}

static void add_failure(struct buf *out, const struct report_failure *f)
{
    char status[STATUS], parsed[ADDRESS_TEXT];
    bool is_address = address_parse(parsed, bytes_str(f->recipient));
    buf_add_str(out, "\r\n");
    compose_field(out, "Final-Recipient", is_address ? "rfc822; " : "unknown; ", f->recipient);
    buf_printf(out, "Action: failed\r\nStatus: %s\r\n",
               status_of_reply(status, f->reply) ? status : status_by_class(f->class, f->code));
    if (*f->provider_host)
        compose_field(out, "Remote-MTA", "dns; ", f->provider_host);
    if (*f->reply)
        compose_field(out, "Diagnostic-Code", f->code ? "smtp; " : "x-mxwarden; ", f->reply);
    if (f->last_attempt_at)
        compose_date(out, "Last-Attempt-Date", f->last_attempt_at);
}

static void add_status(struct buf *out, const struct report_plan *plan)
{
    buf_add_str(out, "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; ");
    compose_atom(out, plan->node);
    buf_add_str(out, "\r\nX-Mxwarden-Message: ");
    compose_atom(out, plan->message_id);
    buf_add_str(out, "\r\n");
    compose_date(out, "Arrival-Date", plan->arrived_at);
    for (size_t i = 0; i < plan->failures_n; i++)
        add_failure(out, &plan->failures[i]);
}

static bool has_plain_name(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && (!i || (c != '-' && c != '_')))
            return false;
    }
    return true;
}

// As it came, but for what a 7-bit line can't hold: that shows as ?.
static void add_original_field(struct buf *out, struct bytes whole)
{
    size_t column = 0;
    for (size_t i = 0; i < whole.n; i++) {
        uint8_t c = whole.p[i];
        bool is_crlf = c == '\r' && i + 1 < whole.n && whole.p[i + 1] == '\n';
        if (c == '\n' || is_crlf) {
            column = 0;
            buf_add_str(out, c == '\n' ? "\r\n" : "");
        } else if (column++ < LINE_MOST) {
            buf_add_byte(out, c == '\t' || (c >= 0x20 && c < 0x7f) ? c : '?');
        }
    }
    if (column)
        buf_add_str(out, "\r\n");
}

static void add_original(struct buf *out, const struct report_plan *plan)
{
    struct bytes left = headers_section(plan->original);
    struct headers_field field;
    size_t most = out->n + HEADERS_BACK;
    buf_add_str(out, "Content-Type: text/rfc822-headers\r\n\r\n");
    while (headers_next(&field, &left)) {
        if (field.whole.n > HEADERS_BACK || out->n + field.whole.n > most)
            break;
        if (has_plain_name(field.name))
            add_original_field(out, field.whole);
    }
}

void report_format(struct buf *out, const struct report_plan *plan)
{
    add_top(out, plan);
    add_delimiter(out, plan, "");
    add_text(out, plan);
    add_delimiter(out, plan, "");
    add_status(out, plan);
    add_delimiter(out, plan, "");
    add_original(out, plan);
    add_delimiter(out, plan, "--");
}
