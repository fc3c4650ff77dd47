// What people press: "this is spam" and "unsubscribe", as reports of their providers (ARF, RFC 5965 and
// 6591; Microsoft's, which encloses the mail and says the rest in its subject; Apple's) and as the mail that
// a List-Unsubscribe address gets.
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/feedback_fields.h"
#include "mail/feedback_room.h"

#define OWN_FIELD "X-HmXmrOriginalRecipient" // Microsoft's

enum {
    FIRST_LINE = 200,
    WORDS_A_REQUEST = 4,
    RECIPIENTS_READ = FEEDBACK_RECIPIENTS * 2,
    HASH_LEAST = 32 // digits
};

// What a Feedback-Type asks for. What is not here counts as a complaint: somebody was annoyed.
static const struct feedback_type {
    const char *name;
    enum feedback_kind kind;
    enum class class;
    enum scope scope;
} types[] = {
    {"abuse", FEEDBACK_COMPLAINT, CLASS_COMPLAINT, SCOPE_RECIPIENT},
    // The mail was found in the junk folder and taken out: no news for us.
    {"not-spam", FEEDBACK_OTHER, CLASS_UNDETERMINED, SCOPE_UNKNOWN},
    {"auth-failure", FEEDBACK_BOUNCE, CLASS_AUTH_POLICY, SCOPE_SENDER_DOMAIN},
    {"dkim", FEEDBACK_BOUNCE, CLASS_AUTH_POLICY, SCOPE_SENDER_DOMAIN},
    {"opt-out", FEEDBACK_UNSUBSCRIBE, CLASS_UNSUBSCRIBE, SCOPE_RECIPIENT},
    {"opt-out-list", FEEDBACK_UNSUBSCRIBE, CLASS_UNSUBSCRIBE, SCOPE_RECIPIENT},
};

static const struct feedback_type *type_of(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strlen(types[i].name) == n && strncasecmp(name, types[i].name, n) == 0)
            return &types[i];
    return &types[0];
}

// Some providers hide who complained: "redacted@…", "u***@…", "xxxxxx@…", a hash. A hidden one is no address.
static bool is_hidden(const char *address)
{
    static const char *const words[] = {"redacted",  "hidden", "undisclosed",
                                        "anonymous", "***",    "xxxx"};
    size_t local = strcspn(address, "@");
    if (local >= HASH_LEAST && strspn(address, "0123456789abcdef") == local)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *at = strcasestr(address, words[i]);
        if (at && (size_t)(at - address) < local)
            return true;
    }
    return false;
}

static void say(struct feedback *f, const struct feedback_type *type, const char *address)
{
    char clean[ADDRESS_TEXT];
    if (!feedback_address(clean, address) || is_hidden(clean))
        return;
    feedback_say(f, clean, type->class, type->scope);
}

// Whom a mail that stands there as plain text was for: Microsoft's own field, else To.
static bool only_in_text(char only[ADDRESS_TEXT], const struct parts *p)
{
    static const char *const names[] = {OWN_FIELD ":", "To:"};
    only[0] = '\0';
    for (size_t i = 0; i < p->n && !only[0]; i++)
        for (size_t k = 0; k < ARRAY_LEN(names) && !only[0] && !p->items[i].is_enclosed; k++) {
            CLEANUP(xfree) char *value = feedback_line_of(p->items[i].text, names[k]);
            const char *at = value ? strchr(value, '@') : NULL;
            if (at && !strchr(at + 1, '@') && !feedback_address(only, value))
                only[0] = '\0';
        }
    return only[0];
}

// Did the mail arrive at another address than it was for, or at its own sender's? Then a field of its
// headers alone does not tell to whom we sent it.
static bool is_doubtful(const struct part *original, const char *only)
{
    char other[ADDRESS_TEXT];
    const char *at = original ? part_header_get(original, "Delivered-To") : NULL;
    const char *to = original ? part_header_get(original, "To") : NULL;
    return at && to && feedback_address(other, to) && strcasecmp(other, only) != 0;
}

static const char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');
    return at ? at + 1 : "";
}

// Where no field names anybody: whom the mail was for. Where one does and hides it (`hidden`), only one of that
// domain; else nobody.
static void end(struct feedback *f, const struct feedback_type *type, const struct parts *p,
                const struct part *original, const char *hidden)
{
    char only[ADDRESS_TEXT];
    f->kind = type->kind;
    if (f->recipients_n || f->kind == FEEDBACK_OTHER)
        return;
    feedback_only_recipient(only, original);
    if (!original && type->class != CLASS_AUTH_POLICY)
        (void)only_in_text(only, p);
    bool is_other = hidden && strcasecmp(domain_of(hidden), domain_of(only)) != 0;
    if (!is_other && !is_doubtful(original, only))
        say(f, type, only);
    if (!f->recipients_n)
        feedback_say(f, "", type->class, type->scope);
}

// --- ARF

static const struct part *arf_part(const struct parts *p)
{
    static const char *const names[] = {"feedback-type", NULL};
    for (size_t i = 0; i < p->n; i++) {
        const struct part *one = &p->items[i];
        bool is_typed = strcmp(one->type, "message/feedback-report") == 0;
        bool is_inside = !one->is_enclosed && one->text_n;
        if (is_inside && (is_typed || fields_have(one->text, names)))
            return one;
    }
    return NULL;
}

static const struct feedback_type *arf_type(const struct part *report)
{
    CLEANUP(field_walk_deinit) struct field_walk w = field_walk_of_any(report->text);
    while (field_next(&w))
        if (strcmp(w.field.name, "feedback-type") == 0)
            return type_of(w.field.value);
    return &types[0];
}

static void arf_field(struct feedback *f, const struct feedback_type *type, const struct field *one,
                      char **hidden)
{
    char clean[ADDRESS_TEXT];
    bool is_removal = strcmp(one->name, "removal-recipient") == 0;
    if (is_removal || strcmp(one->name, "original-rcpt-to") == 0) {
        say(f, type, one->value);
        if (!feedback_address(clean, one->value) || is_hidden(clean))
            feedback_keep(hidden, one->value);
    } else if (strcmp(one->name, "original-mail-from") == 0) {
        feedback_keep(&f->return_path, one->value);
    } else if (strcmp(one->name, "source-ip") == 0) {
        feedback_keep(&f->source_ip, one->value);
    }
}

static bool arf_read(struct feedback *f, const struct parts *p)
{
    const struct part *report = arf_part(p);
    CLEANUP(xfree) char *hidden = NULL;
    if (!report)
        return false;
    const struct feedback_type *type = arf_type(report);
    CLEANUP(field_walk_deinit) struct field_walk w = field_walk_of_any(report->text);
    for (size_t n = 0; n < RECIPIENTS_READ && field_next(&w) && type->kind != FEEDBACK_OTHER; n++)
        arf_field(f, type, &w.field, &hidden);
    end(f, type, p, feedback_original(p), hidden);
    return true;
}

// --- without ARF

static const char *subject_of(const struct parts *p)
{
    const char *subject = part_header_get(&p->items[0], "Subject");
    return subject ? subject + strspn(subject, " ") : "";
}

// Subjects of complaints that are no ARF. Where the mail must be enclosed, people write such subjects too.
static const struct {
    const char *says;
    bool is_begin, is_enclosing;
} complaints[] = {
    {"complaint about message from", true, true}, // Microsoft's JMRP: an address follows
    {"[spamcop (", true, false},                  // likewise
    {"abuse report", false, true},
    {"spam report", false, true},
    {"spam complaint", false, true},
    {"feedback report for", false, true},
};

static bool complains(const char *subject, bool encloses)
{
    for (size_t i = 0; i < ARRAY_LEN(complaints); i++) {
        const char *at = strcasestr(subject, complaints[i].says);
        if (at && (at == subject || !complaints[i].is_begin) &&
            (encloses || !complaints[i].is_enclosing))
            return true;
    }
    return false;
}

// The first IP address in a subject.
static void keep_address(struct feedback *f, const char *subject)
{
    for (const char *at = subject; *at; at++) {
        size_t n = strspn(at, "0123456789abcdefABCDEF.:");
        CLEANUP(xfree) char *word = xmemdup0(at, n < 46 ? n : 0);
        uint8_t ip[16];
        if (n && (inet_pton(AF_INET, word, ip) == 1 || inet_pton(AF_INET6, word, ip) == 1)) {
            feedback_keep(&f->source_ip, word);
            return;
        }
        at += n ? n - 1 : 0;
    }
}

// Is there a mail's header in the text?
static bool has_field_of_mail(const struct parts *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const char *text = p->items[i].is_enclosed ? "" : p->items[i].text;
        CLEANUP(xfree) char *received = feedback_line_of(text, "Received:");
        CLEANUP(xfree) char *id = feedback_line_of(text, "Message-ID:");
        if (received || id)
            return true;
    }
    return false;
}

// Microsoft's, which encloses the mail; some come as the mail itself, with the recipient in a header of
// theirs.
static bool plain_read(struct feedback *f, const struct parts *p)
{
    const struct part *original = feedback_original(p);
    const char *subject = subject_of(p);
    char only[ADDRESS_TEXT];
    if (!original && part_header_get(&p->items[0], OWN_FIELD))
        original = &p->items[0];
    bool encloses = original || (only_in_text(only, p) && has_field_of_mail(p));
    if (!complains(subject, encloses) && !(original && part_header_get(original, OWN_FIELD)))
        return false;
    keep_address(f, subject);
    feedback_origin(f, original);
    end(f, &types[0], p, original, NULL);
    return true;
}

// A provider's auth-failure report without the machine-readable part names its kind in the subject.
static bool auth_read(struct feedback *f, const struct parts *p)
{
    static const struct feedback_type type = {"", FEEDBACK_BOUNCE, CLASS_AUTH_POLICY,
                                              SCOPE_SENDER_DOMAIN};
    static const char *const says[] = {"DMARC failure", "DMARC fail", "DMARC forensic",
                                       "authentication failure report"};
    const char *subject = subject_of(p);
    bool is_said = false;
    for (size_t i = 0; i < ARRAY_LEN(says); i++)
        is_said |= strcasestr(subject, says[i]) != NULL;
    if (!is_said)
        return false;
    end(f, &type, p, feedback_original(p), NULL);
    return true;
}

static void unsubscribed(struct feedback *f, const struct parts *p)
{
    char from[ADDRESS_TEXT] = "";
    const char *value = part_header_get(&p->items[0], "From");
    f->kind = FEEDBACK_UNSUBSCRIBE;
    if (value)
        (void)feedback_address(from, value);
    feedback_say(f, from, CLASS_UNSUBSCRIBE, SCOPE_RECIPIENT);
}

static bool apple_read(struct feedback *f, const struct parts *p)
{
    const char *asks = part_header_get(&p->items[0], "X-Apple-Unsubscribe");
    if (!asks || strcasecmp(asks, "true") != 0)
        return false;
    unsubscribed(f, p);
    return true;
}

// A bounce has the subject of what failed: only what a report says of itself counts there.
static bool is_bounce(const struct part *top)
{
    return strcmp(top->report_type, "delivery-status") == 0 || feedback_is_daemon(top);
}

bool feedback_complaint(struct feedback *f, const struct parts *p)
{
    if (apple_read(f, p) || arf_read(f, p))
        return true;
    return !is_bounce(&p->items[0]) && (plain_read(f, p) || auth_read(f, p));
}

// --- mail to a List-Unsubscribe address

// Exactly that, or "unsubscribe" and what a List-Unsubscribe asked to write behind it; a sentence about it is
// a person's.
static bool asks_to_leave(const char *words)
{
    static const char *const asks[] = {"unsubscribe me", "un-subscribe", "opt-out", "optout",
                                       "opt out",        "remove me",    "remove",  "leave",
                                       "abmelden",       "abbestellen",  "signoff", "stop"};
    static const char *const begins[] = {"unsubscribe", "please unsubscribe", "please remove me"};
    size_t n = strcspn(words, "\n"), blanks = 0;
    while (n && (isspace((unsigned char)words[n - 1]) || strchr(".!", words[n - 1])))
        n--;
    for (size_t i = 0; i < n; i++)
        blanks += words[i] == ' ';
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        if (n == strlen(asks[i]) && strncasecmp(words, asks[i], n) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        size_t begin_n = strlen(begins[i]);
        if (strncasecmp(words, begins[i], begin_n) == 0 && n < FIRST_LINE &&
            blanks < WORDS_A_REQUEST && !isalpha((unsigned char)words[begin_n]))
            return true;
    }
    return false;
}

static bool is_door(const char *to)
{
    static const char *const doors[] = {"unsubscribe", "unsub",   "list-unsubscribe",
                                        "optout",      "opt-out", "leave"};
    const char *local = strchr(to, '<');
    local = local ? local + 1 : to;
    for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
        size_t n = strlen(doors[i]);
        if (strncasecmp(local, doors[i], n) == 0 && strchr("@+-._=", local[n]))
            return true;
    }
    return false;
}

static const char *first_words(const struct parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (!p->items[i].is_enclosed && p->items[i].text_n)
            return p->items[i].text + strspn(p->items[i].text, " \t\n");
    return "";
}

bool feedback_unsubscribe(struct feedback *f, const struct parts *p)
{
    const struct part *top = &p->items[0];
    const char *to = part_header_get(top, "To"), *sent = part_header_get(top, "Auto-Submitted");
    bool is_answer = sent && strncasecmp(sent, "auto-replied", 12) == 0;
    if (is_answer || feedback_is_daemon(top) || strcmp(top->type, "multipart/report") == 0)
        return false;
    if (!asks_to_leave(subject_of(p)) && !asks_to_leave(first_words(p)) && !(to && is_door(to)))
        return false;
    unsubscribed(f, p);
    return true;
}
