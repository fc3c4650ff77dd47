// Delivery reports (RFC 3464, 6533) and their half-broken kin. Fields count wherever they stand: in a
// message/delivery-status part, in one that came as text/plain or without a type, in the mail itself.
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/feedback_fields.h"
#include "mail/feedback_room.h"

enum { GROUPS_MOST = FEEDBACK_RECIPIENTS * 2 }; // double ones included

// What a report says of one recipient. Empty strings: not said.
struct group {
    char *final, *original, *actual, *action, *status, *diagnostic, *more, *host;
    bool is_begun;
};

struct report {
    struct feedback *f;
    const struct parts *parts;
    const struct replies *replies;
    struct group group;
    char only[ADDRESS_TEXT]; // the one recipient that the mail answered had, else ""
    size_t groups;           // so many were there
};

static const char *const status_types[] = {"message/delivery-status",
                                           "message/global-delivery-status", "text/delivery-status",
                                           "message/x-delivery-status"};

static bool is_status(const struct part *one)
{
    static const char *const recipients[] = {"final-recipient", "original-recipient", NULL};
    static const char *const rest[] = {"action", "status", "diagnostic-code", NULL};
    if (one->is_enclosed || !one->text_n)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(status_types); i++)
        if (strcmp(one->type, status_types[i]) == 0)
            return true;
    return fields_have(one->text, recipients) && fields_have(one->text, rest);
}

static void group_clear(struct group *g)
{
    char **const fields[] = {&g->final,  &g->original,   &g->actual, &g->action,
                             &g->status, &g->diagnostic, &g->more,   &g->host};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        *fields[i] = xfree(*fields[i]);
    g->is_begun = false;
}

static const char *text(const char *field)
{
    return field ? field : "";
}

// --- one recipient

// The address that we sent to. What a system had before it rewrote (Original-Recipient) is that one.
static void address_of(char out[ADDRESS_TEXT], const struct report *r)
{
    const struct group *g = &r->group;
    if (feedback_address(out, text(g->original)))
        return;
    if (!feedback_address(out, text(g->final)) && !feedback_address(out, text(g->actual)))
        (void)snprintf(out, ADDRESS_TEXT, "%s", r->only);
}

// "5.1.1 (bad destination mailbox address)": the comment.
static const char *status_words(const char *status)
{
    return status + strcspn(status, "(");
}

static void judge_failed(struct feedback_recipient *r, const struct report *report)
{
    const struct group *g = &report->group;
    const char *said = text(g->diagnostic);
    if (!*said)
        said = text(g->more);
    if (!*said)
        said = status_words(text(g->status));
    feedback_judge_of(r, report->replies, text(g->status), said, text(g->host));
}

static void judge_group(struct feedback_recipient *r, const struct report *report)
{
    static const struct {
        const char *action;
        enum class class;
        enum scope scope;
    } ends[] = {
        {"delayed", CLASS_TRANSIENT, SCOPE_PROVIDER},
        {"delivered", CLASS_DELIVERED, SCOPE_UNKNOWN},
        {"relayed", CLASS_DELIVERED, SCOPE_UNKNOWN},
        {"expanded", CLASS_DELIVERED, SCOPE_UNKNOWN},
    };
    const char *action = text(report->group.action);
    judge_failed(r, report);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (strncasecmp(action, ends[i].action, strlen(ends[i].action)) == 0) {
            r->class = ends[i].class;
            r->scope = ends[i].scope;
        }
}

static void group_end(struct report *r)
{
    struct group *g = &r->group;
    char address[ADDRESS_TEXT];
    bool has_recipient = g->final || g->original;
    if (g->is_begun && (has_recipient || (g->action && g->status)) && r->groups++ < GROUPS_MOST) {
        address_of(address, r);
        struct feedback_recipient *one = feedback_add(r->f, address);
        if (one)
            judge_group(one, r);
    }
    group_clear(g);
}

// --- fields

// A second line of the same kind goes on with the first.
static void take(char **field, const char *value)
{
    char *both = *field ? xasprintf("%s %s", *field, value) : xstrdup(value);
    if (strlen(both) > FIELD_VALUE)
        both[FIELD_VALUE] = '\0';
    xfree(*field);
    *field = both;
}

// What one field says. False: the group has it already.
static bool field_take(struct group *g, const struct field *f)
{
    static const struct {
        const char *name;
        size_t at;
        bool is_begin;
    } known[] = {
        {"final-recipient", offsetof(struct group, final), true},
        {"original-recipient", offsetof(struct group, original), true},
        {"action", offsetof(struct group, action), true},
        {"status", offsetof(struct group, status), true},
        {"diagnostic-code", offsetof(struct group, diagnostic), false},
        {"x-actual-recipient", offsetof(struct group, actual), false},
        {"remote-mta", offsetof(struct group, host), false},
        {"x-supplementary-info", offsetof(struct group, more), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        char **field = (char **)(void *)((char *)g + known[i].at);
        if (strcmp(f->name, known[i].name) != 0)
            continue;
        if (*field && known[i].is_begin)
            return false;
        take(field, f->value);
        g->is_begun |= known[i].is_begin;
        return true;
    }
    return true;
}

// Groups are apart by an empty line; some writers leave it out, some put one inside. So a new one begins
// with a recipient behind an empty line, and with any field that is there already.
static void field_read(struct report *r, const struct field *f)
{
    struct group *g = &r->group;
    bool is_recipient =
        strcmp(f->name, "final-recipient") == 0 || strcmp(f->name, "original-recipient") == 0;
    if (is_recipient && f->is_apart && (g->final || g->original))
        group_end(r);
    if (!field_take(g, f)) {
        group_end(r);
        (void)field_take(g, f);
    }
    if (strcmp(f->name, "x-original-message-id") == 0)
        feedback_keep(&r->f->message_id, f->value);
}

static void status_read(struct report *r, const struct part *one)
{
    CLEANUP(field_walk_deinit) struct field_walk w = field_walk_of(one->text);
    while (field_next(&w))
        field_read(r, &w.field);
    group_end(r);
}

// Where the empty line between a part's headers and its fields is missing, they are its headers.
static void headers_read(struct report *r, const struct part *one)
{
    if (one->is_enclosed || one->text_n || !part_header_get(one, "Final-Recipient"))
        return;
    for (size_t i = 0; i < one->headers_n; i++) {
        struct field f = {.value = (char *)one->headers[i].value};
        (void)snprintf(f.name, sizeof(f.name), "%s", one->headers[i].name);
        for (char *c = f.name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        field_read(r, &f);
    }
    group_end(r);
}

// --- what the words add

static const struct feedback_recipient *same(const struct feedback *words,
                                             const struct feedback_recipient *r, bool is_alone)
{
    for (size_t i = 0; i < words->recipients_n; i++)
        if (strcasecmp(words->recipients[i].address, r->address) == 0)
            return &words->recipients[i];
    return is_alone && words->recipients_n == 1 ? &words->recipients[0] : NULL;
}

static void learn(struct feedback_recipient *r, const struct feedback_recipient *known)
{
    char *address = *r->address ? r->address : known->address;
    if (address != r->address) {
        xfree(r->address);
        r->address = xstrdup(address);
    }
    if (r->class != CLASS_UNDETERMINED || known->class == CLASS_UNDETERMINED)
        return;
    r->class = known->class;
    r->scope = known->scope;
    r->code = r->code ? r->code : known->code;
    xfree(r->reply);
    r->reply = xstrdup(known->reply);
    bool is_vague = !r->enhanced[0] || strcmp(r->enhanced + 1, ".0.0") == 0;
    if (is_vague && known->enhanced[0])
        memcpy(r->enhanced, known->enhanced, sizeof(r->enhanced));
}

// A status part that says no more than "failed" stands beside a text for people that says why.
static void words_add(struct report *r)
{
    struct feedback *f = r->f;
    CLEANUP(feedback_free) struct feedback *words = NULL;
    for (size_t i = 0; i < f->recipients_n; i++) {
        struct feedback_recipient *one = &f->recipients[i];
        if (one->class != CLASS_UNDETERMINED && *one->address)
            continue;
        if (!words) {
            words = xcalloc(1, sizeof(*words));
            if (!feedback_words(words, r->parts, r->replies))
                return;
        }
        const struct feedback_recipient *known = same(words, one, f->recipients_n == 1);
        if (known)
            learn(one, known);
    }
}

// --- the mail

void feedback_only_recipient(char out[ADDRESS_TEXT], const struct part *original)
{
    static const char *const names[] = {"X-HmXmrOriginalRecipient", "X-Original-To", "Delivered-To",
                                        "To"};
    out[0] = '\0';
    for (size_t i = 0; original && i < ARRAY_LEN(names) && !out[0]; i++) {
        const char *value = part_header_get(original, names[i]);
        const char *at = value ? strchr(value, '@') : NULL;
        if (at && !strchr(at + 1, '@') && !feedback_address(out, value))
            out[0] = '\0';
    }
}

// X-Failed-Recipients, else whom the mail answered was for.
static void only_recipient(char out[ADDRESS_TEXT], const struct parts *p)
{
    const char *failed = part_header_get(&p->items[0], "X-Failed-Recipients");
    const char *at = failed ? strchr(failed, '@') : NULL;
    if (!at || strchr(at + 1, '@') || !feedback_address(out, failed))
        feedback_only_recipient(out, feedback_original(p));
}

// Read receipts (RFC 8098) answer a mail that has arrived, read or deleted: no news.
static bool is_receipt(const struct parts *p, const struct part **fields)
{
    static const char type[] = "message/disposition-notification";
    *fields = NULL;
    for (size_t i = 0; i < p->n && !*fields; i++)
        if (!p->items[i].is_enclosed && strcmp(p->items[i].type, type) == 0)
            *fields = &p->items[i];
    return *fields || strcmp(p->items[0].report_type, "disposition-notification") == 0;
}

// But filters that reject when the mail is there already (RFC 5429) answer in the form of a receipt.
static void rejection_read(struct report *r, const struct part *fields)
{
    const struct parts *p = r->parts;
    const char *words = "", *subject = part_header_get(&p->items[0], "Subject");
    char address[ADDRESS_TEXT];
    for (size_t i = 0; i < p->n && !*words; i++)
        if (!p->items[i].is_enclosed && strncmp(p->items[i].type, "text/", 5) == 0)
            words = p->items[i].text;
    CLEANUP(xfree) char *said = xmemdup0(words, strnlen(words, 1000));
    if (!strcasestr(said, "reject") && !(subject && strcasestr(subject, "reject")))
        return;
    CLEANUP(field_walk_deinit) struct field_walk w = field_walk_of(fields->text);
    while (field_next(&w))
        (void)field_take(&r->group, &w.field);
    address_of(address, r);
    group_clear(&r->group);
    struct feedback_recipient *one = feedback_add(r->f, address);
    if (!one)
        return;
    feedback_judge(one, r->replies, "", said);
    if (one->class == CLASS_UNDETERMINED) {
        one->class = CLASS_RECIPIENT_REFUSED;
        one->scope = SCOPE_RECIPIENT;
    }
    r->f->kind = FEEDBACK_BOUNCE;
}

bool feedback_report(struct feedback *f, const struct parts *p, const struct replies *replies)
{
    struct report r = {.f = f, .parts = p, .replies = replies};
    const struct part *receipt;
    only_recipient(r.only, p);
    if (is_receipt(p, &receipt)) {
        if (receipt)
            rejection_read(&r, receipt);
        return true;
    }
    for (size_t i = 0; i < p->n; i++)
        if (is_status(&p->items[i]))
            status_read(&r, &p->items[i]);
        else
            headers_read(&r, &p->items[i]);
    if (!r.groups)
        return false;
    if (!f->recipients_n)
        (void)feedback_add(f, "");
    words_add(&r);
    f->kind = FEEDBACK_BOUNCE;
    return true;
}

// A report whose machine-readable part is lost, and whose words nobody understood.
bool feedback_report_rest(struct feedback *f, const struct parts *p, const struct replies *replies)
{
    char address[ADDRESS_TEXT];
    bool is_report = false;
    for (size_t i = 0; i < p->n; i++)
        is_report |=
            !p->items[i].is_enclosed && strcmp(p->items[i].report_type, "delivery-status") == 0;
    if (!is_report)
        return false;
    only_recipient(address, p);
    struct feedback_recipient *r = feedback_add(f, address);
    for (size_t i = 0; r && i < p->n; i++)
        if (!p->items[i].is_enclosed && p->items[i].text_n) {
            CLEANUP(xfree)
            char *words = xmemdup0(p->items[i].text, strnlen(p->items[i].text, 1000));
            feedback_judge(r, replies, "", words);
            break;
        }
    f->kind = FEEDBACK_BOUNCE;
    return true;
}
