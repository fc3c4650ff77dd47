#include "mail/classify.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

// What the codes alone prove: the first row that matches. Many enhanced codes prove nothing, because
// servers use them for everything (x.7.1, x.7.0, x.0.0, x.1.0, x.5.0, 5.4.1): they have no row, and
// the first digit decides. A code about the recipient counts only where a recipient was named: a
// 5.1.1 in answer to MAIL speaks of somebody else.

enum { ANY = -1, BARE = -2 };

#define P(phase) (1u << PHASE_##phase)
#define NAMED (P(RCPT) | P(DATA) | P(NONE)) // NONE: from a report, where the phase is not told
#define EARLY (P(BANNER) | P(HELO))         // the server knows nothing of us but our address
#define ALL 0xffffffffu

struct enhanced {
    int class, subject, detail; // class 0: none was given
    int last;                   // the detail may be up to this; 0: is `detail`
};

static const struct row {
    int code;                 // of the reply, or its first digit, or ANY
    struct enhanced enhanced; // BARE: only without one
    unsigned phases;
    enum class class;
    enum scope scope;
} rows[] = {
    // clang-format off
    {ANY, {ANY,  1,   1, 0}, NAMED, CLASS_UNKNOWN_USER,     SCOPE_RECIPIENT},     // RFC 3463 §3.2
    {ANY, {ANY,  1,   6, 0}, NAMED, CLASS_INACTIVE_MAILBOX, SCOPE_RECIPIENT},     // RFC 3463 §3.2: moved
    {ANY, {ANY,  1,  10, 0}, NAMED, CLASS_DOMAIN_NOT_FOUND, SCOPE_RECIPIENT},     // RFC 7505 §4.1: null MX
    {ANY, {ANY,  2,   1, 0}, NAMED, CLASS_INACTIVE_MAILBOX, SCOPE_RECIPIENT},     // RFC 3463 §3.3
    {ANY, {ANY,  2,   2, 0}, NAMED, CLASS_MAILBOX_FULL,     SCOPE_RECIPIENT},     // RFC 3463 §3.3
    {ANY, {ANY,  2,   3, 0}, ALL,   CLASS_MESSAGE_TOO_BIG,  SCOPE_MESSAGE},       // RFC 3463 §3.3
    {ANY, {ANY,  3,   4, 0}, ALL,   CLASS_MESSAGE_TOO_BIG,  SCOPE_MESSAGE},       // RFC 3463 §3.4
    {ANY, {  4,  3, ANY, 0}, ALL,   CLASS_TRANSIENT,        SCOPE_PROVIDER},      // RFC 3463 §3.4
    {ANY, {  4,  4,   1, 0}, ALL,   CLASS_NO_CONNECT,       SCOPE_UNKNOWN},       // RFC 3463 §3.5
    {ANY, {ANY,  4,   4, 0}, NAMED, CLASS_DOMAIN_NOT_FOUND, SCOPE_RECIPIENT},     // RFC 3463 §3.5: no route
    {ANY, {ANY,  4,   7, 0}, ALL,   CLASS_NO_CONNECT,       SCOPE_UNKNOWN},       // RFC 3463 §3.5: expired
    {ANY, {ANY,  5,   3, 0}, ALL,   CLASS_RATE_LIMITED,     SCOPE_MESSAGE},       // RFC 3463 §3.6: split it
    {ANY, {  5,  7,  23, 0}, ALL,   CLASS_AUTH_POLICY,      SCOPE_SENDER_DOMAIN}, // RFC 7372 §3.2: SPF
    {ANY, {  5,  7,  25, 0}, ALL,   CLASS_AUTH_POLICY,      SCOPE_IP},            // RFC 7372 §3.3: PTR
    {ANY, {  5,  7,  26, 0}, ALL,   CLASS_AUTH_POLICY,      SCOPE_SENDER_DOMAIN}, // RFC 7372 §3.4
    {ANY, {  5,  7,  27, 0}, ALL,   CLASS_AUTH_POLICY,      SCOPE_SENDER_DOMAIN}, // RFC 7505 §4.2
    {ANY, {  5,  7, 509, 0}, ALL,   CLASS_AUTH_POLICY,      SCOPE_SENDER_DOMAIN}, // Microsoft: DMARC
    {ANY, {  5,  7, 515, 0}, ALL,   CLASS_AUTH_POLICY,      SCOPE_SENDER_DOMAIN}, // Microsoft
    // Microsoft's, of three digits: nobody else uses them
    {ANY, {  5,  2, 121, 122}, ALL, CLASS_RATE_LIMITED,      SCOPE_RECIPIENT},
    {ANY, {  5,  7, 124, 0}, ALL,   CLASS_RECIPIENT_REFUSED,    SCOPE_RECIPIENT},
    {ANY, {  5,  7, 133, 136}, ALL, CLASS_RECIPIENT_REFUSED, SCOPE_RECIPIENT},
    {ANY, {  5,  7, 507, 0}, ALL,   CLASS_RECIPIENT_REFUSED,    SCOPE_RECIPIENT},
    {ANY, {  5,  7, 508, 0}, ALL,   CLASS_RATE_LIMITED,         SCOPE_IP},
    {ANY, {  5,  7, 511, 0}, ALL,   CLASS_IP_REPUTATION_BLOCK,  SCOPE_IP},
    {ANY, {  5,  7, 513, 0}, ALL,   CLASS_IP_REPUTATION_BLOCK,  SCOPE_RECIPIENT},
    {ANY, {  5,  7, 606, 649}, ALL, CLASS_IP_REPUTATION_BLOCK, SCOPE_IP},
    {ANY, {  4,  7, 500, 699}, ALL, CLASS_IP_REPUTATION_BLOCK, SCOPE_IP},
    {ANY, {  4,  7, 850, 899}, ALL, CLASS_IP_REPUTATION_BLOCK, SCOPE_IP},
    {552, {BARE, 0,   0, 0}, P(RCPT), CLASS_MAILBOX_FULL,   SCOPE_RECIPIENT},     // RFC 5321 §4.2.3
    {552, {BARE, 0,   0, 0}, ~EARLY, CLASS_MESSAGE_TOO_BIG, SCOPE_MESSAGE},       // RFC 1870 §6.1
    {  4, {ANY, ANY, ANY, 0}, EARLY, CLASS_TRANSIENT,       SCOPE_IP},
    {  5, {ANY, ANY, ANY, 0}, EARLY, CLASS_UNDETERMINED,    SCOPE_IP},
    {  4, {ANY, ANY, ANY, 0}, ALL,  CLASS_TRANSIENT,        SCOPE_UNKNOWN},
    {  5, {ANY, ANY, ANY, 0}, ALL,  CLASS_UNDETERMINED,     SCOPE_UNKNOWN},
    {  2, {ANY, ANY, ANY, 0}, ALL,  CLASS_DELIVERED,        SCOPE_UNKNOWN},
    {ANY, {ANY, ANY, ANY, 0}, ALL,  CLASS_PROTOCOL,         SCOPE_UNKNOWN},       // no final reply at all
    // clang-format on
};

// One number of at most three digits, RFC 3463 §2.
static bool number(int *v, const char **at)
{
    int digits = 0;
    for (*v = 0; **at >= '0' && **at <= '9' && digits < 3; (*at)++, digits++)
        *v = *v * 10 + (**at - '0');
    return digits > 0;
}

static bool parse(struct enhanced *e, const char *text)
{
    if (!number(&e->class, &text) || *text++ != '.' || !number(&e->subject, &text) ||
        *text++ != '.' || !number(&e->detail, &text))
        return false;
    return !*text && (e->class == 4 || e->class == 5);
}

static bool is_or_any(int wanted, int is)
{
    return wanted == ANY || wanted == is;
}

static bool matches_enhanced(const struct enhanced *wanted, const struct enhanced *is)
{
    if (wanted->class == BARE || !is->class)
        return !is->class && (wanted->class == BARE || wanted->subject == ANY);
    bool is_between = wanted->last && is->detail >= wanted->detail && is->detail <= wanted->last;
    return is_or_any(wanted->class, is->class) && is_or_any(wanted->subject, is->subject) &&
           (is_between || is_or_any(wanted->detail, is->detail));
}

static bool matches_code(int wanted, unsigned code)
{
    return wanted == ANY || (wanted < 10 ? code / 100 : code) == (unsigned)wanted;
}

void classify_reply(enum class *class, enum scope *scope, unsigned code, const char *enhanced,
                    enum phase phase)
{
    struct enhanced e = {0};
    const struct row *row = rows;
    *class = CLASS_NO_CONNECT;
    *scope = SCOPE_UNKNOWN;
    if (!code)
        return;
    if ((code >= 400 && code <= 599) && !parse(&e, enhanced))
        e = (struct enhanced){0};
    while (!matches_code(row->code, code) || !(row->phases & 1u << phase) ||
           !matches_enhanced(&row->enhanced, &e))
        row++; // the last row matches all
    *class = row->class;
    *scope = row->scope;
}
