/* The mail room on a stranger's bytes: what it promises holds for any of them. The input is cut at
 * NUL bytes into pieces, which stand for a message, an address, a greeting, a reply, a reason; what
 * is left over or missing is empty. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "core/selector.h"
#include "mail/address.h"
#include "mail/classify.h"
#include "mail/headers.h"
#include "mail/report.h"

enum { PIECES = 6, LINE_MOST = 998 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cut(char *pieces[PIECES], struct bytes in)
{
    for (size_t i = 0; i < PIECES; i++) {
        const uint8_t *end = in.n ? memchr(in.p, '\0', in.n) : NULL;
        size_t n = end && i + 1 < PIECES ? (size_t)(end - in.p) : in.n;
        pieces[i] = xmemdup0(in.p, n);
        in = bytes_skip(in, n + 1);
    }
}

// What is read is ASCII and reads back as itself.
static void check_address(const char *piece)
{
    char once[ADDRESS_TEXT], twice[ADDRESS_TEXT];
    if (!address_parse(once, bytes_str(piece)))
        return;
    must(strlen(once) == strlen(piece) && strcasecmp(once, piece) == 0);
    for (const char *p = once; *p; p++)
        must(*p >= 0x20 && *p < 0x7f);
    must(address_parse(twice, bytes_str(once)) && strcmp(once, twice) == 0);
    const char *domain = address_domain(once);
    must(*domain == '[' || address_is_domain(bytes_str(domain)));
}

static void check_selector(const char *piece)
{
    struct selector once, twice;
    char text[SELECTOR_TEXT], again[SELECTOR_TEXT];
    if (!selector_parse(&once, piece))
        return;
    selector_format(text, &once);
    must(selector_parse(&twice, text));
    selector_format(again, &twice);
    must(strcmp(text, again) == 0);
}

// ASCII, lines that end with CRLF and nothing else.
static void check_lines(struct bytes text)
{
    size_t line = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool is_end = c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n';
        must(is_end || c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f));
        must(c != '\n' || (i && text.p[i - 1] == '\r'));
        line = c == '\n' ? 0 : line + 1;
        must(line <= LINE_MOST + 1);
    }
    must(!line);
}

// With ours in front the message has all it needs and one hop more, and its text stays text.
static void check_headers(char *const pieces[PIECES])
{
    CLEANUP(buf_deinit) struct buf out = {0};
    struct bytes body = bytes_str(pieces[0]);
    struct headers_plan plan = {.node = "mta1.example.net",
                                .helo = pieces[1],
                                .client = pieces[2],
                                .protocol = "ESMTP",
                                .id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                                .recipient = pieces[3],
                                .customer = "acme",
                                .list = pieces[4]};
    unsigned hops = headers_hops(body);
    headers_added(&out, &plan, body);
    check_lines(buf_bytes(&out));
    size_t added = out.n;
    must(added < 4096);
    buf_add_bytes(&out, body);
    struct bytes whole = buf_bytes(&out);
    must(headers_has(whole, "Received") && headers_has(whole, "Message-ID"));
    must(headers_has(whole, "Date") && headers_has(whole, "Feedback-ID"));
    must(whole.n > HEADERS_MOST || headers_hops(whole) == hops + 1);
}

// The walk gives every byte once, in order.
static void check_walk(struct bytes body)
{
    struct bytes left = headers_section(body);
    const uint8_t *at = left.p;
    struct headers_field field;
    while (headers_next(&field, &left)) {
        must(field.whole.p == at && field.whole.n > field.name.n && field.name.p == at);
        at += field.whole.n;
        must(left.p == at || !left.n);
    }
}

static void check_classify(const uint8_t *data, size_t size, const char *enhanced)
{
    enum class class;
    enum scope scope;
    unsigned code = size > 1 ? (unsigned)(data[0] << 8 | data[1]) % 1000 : 0;
    enum phase phase = size > 2 ? (enum phase)(data[2] % (PHASE_HELO + 1)) : PHASE_NONE;
    classify_reply(&class, &scope, code, enhanced, phase);
    must((class == CLASS_DELIVERED) == (code / 100 == 2));
    must(strcmp(class_text(class), "?") != 0 && strcmp(scope_text(scope), "?") != 0);
    must(scope != SCOPE_RECIPIENT || phase == PHASE_RCPT || phase == PHASE_DATA ||
         phase == PHASE_NONE);
}

static size_t count_lines(struct bytes text, const char *prefix)
{
    size_t count = 0;
    for (const uint8_t *end; text.n; text = bytes_skip(text, (size_t)(end - text.p) + 1)) {
        count += bytes_starts_nocase(text, prefix);
        end = memchr(text.p, '\n', text.n);
        if (!end)
            break;
    }
    return count;
}

// Three parts, as many failures as there are, and nobody else's fields on top.
static void check_report(char *const pieces[PIECES], unsigned code)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    struct report_failure failures[] = {
        {pieces[3], pieces[4], pieces[1], (enum class)(code % 22), code, 1},
        {pieces[2], pieces[5], pieces[4], CLASS_NO_CONNECT, 0, 0},
    };
    struct report_plan plan = {.node = pieces[1],
                               .to = pieces[3],
                               .message_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                               .failures = failures,
                               .failures_n = ARRAY_LEN(failures),
                               .original = bytes_str(pieces[0])};
    report_format(&out, &plan);
    check_lines(buf_bytes(&out));
    must(count_lines(buf_bytes(&out), "--=_report_") == 4);
    must(count_lines(buf_bytes(&out), "Action: failed\r") >= 2);
    const char *top = strstr((char *)out.p, "\r\n\r\n");
    must(top && count_lines(bytes_of(out.p, (size_t)(top - (char *)out.p)), "To:") == 1);
    must(out.n < 64 * 1024);
}

static void check_notice(char *const pieces[PIECES], unsigned code)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    const char *samples[] = {pieces[4], pieces[5]};
    struct notice_harm harm = {
        .harm = code % HARM_N, .bad = code, .of = 1000, .list = pieces[1], .samples = samples, 2};
    struct notice_plan plan = {.node = pieces[1],
                               .to = pieces[3],
                               .customer = pieces[2],
                               .template_name = pieces[5],
                               .reason = pieces[4],
                               .until = pieces[5],
                               .rate = pieces[2],
                               .waiting = code % 3,
                               .language = code % 2 ? "de" : pieces[0],
                               .harm = code % 4 ? &harm : NULL};
    notice_format(&out, &plan);
    check_lines(buf_bytes(&out));
    const char *top = strstr((char *)out.p, "\r\n\r\n");
    must(top && count_lines(bytes_of(out.p, (size_t)(top - (char *)out.p)), "Subject:") == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *pieces[PIECES];
    unsigned code = size > 1 ? (unsigned)(data[0] << 8 | data[1]) % 1000 : 0;
    check_walk(bytes_of(data, size));
    cut(pieces, bytes_of(data, size));
    for (size_t i = 0; i < PIECES; i++) {
        check_address(pieces[i]);
        check_selector(pieces[i]);
        check_classify(data, size, pieces[i]);
    }
    check_headers(pieces);
    check_report(pieces, code);
    check_notice(pieces, code);
    for (size_t i = 0; i < PIECES; i++)
        xfree(pieces[i]);
    return 0;
}
