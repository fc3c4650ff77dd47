#include "mail/headers.h"

#include <string.h>

#include "base/buf.h"
#include "mail/address.h"
#include "mail/compose.h"

// The header section as strangers write it: fields, folded lines, LF or CRLF. It ends at the empty
// line, at the first line that is no field, or when HEADERS_MOST bytes are read.

enum { HELO_MOST = 255 };

static struct bytes line_of(struct bytes in, size_t *whole)
{
    const uint8_t *end = in.n ? memchr(in.p, '\n', in.n) : NULL;
    size_t n = end ? (size_t)(end - in.p) : in.n;
    *whole = end ? n + 1 : n;
    return bytes_of(in.p, n && in.p[n - 1] == '\r' ? n - 1 : n);
}

// The name of the field that the line begins; empty when it begins none (RFC 5322 §2.2, §4.5).
static struct bytes name_of(struct bytes line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] > 0x20 && line.p[n] < 0x7f && line.p[n] != ':')
        n++;
    size_t colon = n;
    while (colon < line.n && (line.p[colon] == ' ' || line.p[colon] == '\t'))
        colon++;
    bool is_field = n && colon < line.n && line.p[colon] == ':';
    return bytes_of(line.p, is_field ? n : 0);
}

static bool is_folded(struct bytes line)
{
    return line.n && (line.p[0] == ' ' || line.p[0] == '\t');
}

bool headers_next(struct headers_field *field, struct bytes *left)
{
    size_t used;
    struct bytes line = line_of(*left, &used);
    field->name = name_of(line);
    if (!field->name.n)
        return false;
    for (size_t more = used; used < left->n; used += more) {
        line = line_of(bytes_skip(*left, used), &more);
        if (!is_folded(line))
            break;
    }
    field->whole = bytes_of(left->p, used);
    *left = bytes_skip(*left, used);
    return true;
}

struct bytes headers_section(struct bytes body)
{
    return bytes_of(body.p, body.n < HEADERS_MOST ? body.n : HEADERS_MOST);
}

bool headers_has(struct bytes body, const char *name)
{
    struct bytes left = headers_section(body);
    struct headers_field field;
    while (headers_next(&field, &left))
        if (bytes_equal_nocase(field.name, bytes_str(name)))
            return true;
    return false;
}

unsigned headers_hops(struct bytes body)
{
    struct bytes left = headers_section(body);
    struct headers_field field;
    unsigned hops = 0;
    while (headers_next(&field, &left))
        hops += bytes_equal_nocase(field.name, bytes_str("Received"));
    return hops;
}

// What the client called itself: anything but what a name or an address literal has shows as ?.
static void add_helo(struct buf *out, const char *helo)
{
    for (size_t i = 0; i < HELO_MOST && helo[i]; i++) {
        char c = helo[i];
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       strchr("-._:[]", c);
        buf_add_byte(out, (uint8_t)(is_fine ? c : '?'));
    }
}

static void add_received(struct buf *out, const struct headers_plan *plan)
{
    char recipient[ADDRESS_TEXT], date[CLOCK_TEXT];
    buf_add_str(out, "Received: from ");
    add_helo(out, *plan->helo ? plan->helo : "unknown");
    buf_printf(out, " ([%s", strchr(plan->client, ':') ? "IPv6:" : "");
    add_helo(out, plan->client);
    buf_add_str(out, "])\r\n\tby ");
    compose_atom(out, plan->node);
    buf_add_str(out, " with ");
    compose_atom(out, plan->protocol);
    buf_add_str(out, " id ");
    compose_atom(out, plan->id);
    if (address_parse(recipient, bytes_str(plan->recipient)))
        buf_printf(out, "\r\n\tfor <%s>", recipient);
    clock_format_mail(date, plan->now);
    buf_printf(out, ";\r\n\t%s\r\n", date);
}

static void add_message_id(struct buf *out, const struct headers_plan *plan)
{
    buf_add_str(out, "Message-ID: <");
    compose_atom(out, plan->id);
    buf_add_byte(out, '@');
    compose_atom(out, plan->node);
    buf_add_str(out, ">\r\n");
}

// What a complaint is matched by: list ("-" for none), customer, message; and a sender id that is the
// same on every node (support.google.com/mail/answer/6254652).
static void add_feedback_id(struct buf *out, const struct headers_plan *plan)
{
    buf_add_str(out, "Feedback-ID: ");
    compose_atom(out, *plan->list ? plan->list : "-");
    buf_add_byte(out, ':');
    compose_atom(out, plan->customer);
    buf_add_byte(out, ':');
    compose_atom(out, plan->id);
    buf_add_str(out, ":mxwarden\r\n");
}

// Would the body's first line be read as part of the field in front of it, or spoil it?
static bool begins_with_text(struct bytes body)
{
    size_t used;
    struct bytes line = line_of(body, &used);
    return line.n && !name_of(line).n;
}

void headers_added(struct buf *out, const struct headers_plan *plan, struct bytes body)
{
    add_received(out, plan);
    if (!headers_has(body, "Message-ID"))
        add_message_id(out, plan);
    if (!headers_has(body, "Date"))
        compose_date(out, "Date", plan->now);
    if (*plan->customer && !headers_has(body, "Feedback-ID"))
        add_feedback_id(out, plan);
    if (begins_with_text(body))
        buf_add_str(out, "\r\n");
}
