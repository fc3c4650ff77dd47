// Which reader is asked in which order, and what all of them need: recipients, the judging of a
// diagnostic, what leads to the mail answered. docs/bounces.md tells the order and why.
#include "mail/feedback.h"

#include <string.h>
#include <strings.h>

#include "mail/feedback_room.h"

enum { TEXT_LINES = 400 }; // in which headers of the mail answered are looked for

// --- the mail answered

void feedback_keep(char **field, const char *text)
{
    if (!text || (*field && **field))
        return;
    while (*text == ' ' || *text == '<')
        text++;
    xfree(*field);
    *field = xmemdup0(text, strcspn(text, "> \t"));
}

const struct part *feedback_original(const struct parts *p)
{
    static const char *const types[] = {"message/rfc822",     "text/rfc822-headers",
                                        "message/global",     "message/global-headers",
                                        "text/rfc822-header", "message/news"};
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < ARRAY_LEN(types) && !p->items[i].is_enclosed; k++)
            if (strcmp(p->items[i].type, types[k]) == 0 && p->items[i].headers_n)
                return &p->items[i];
    return NULL;
}

void feedback_origin(struct feedback *f, const struct part *original)
{
    if (!original)
        return;
    feedback_keep(&f->message_id, part_header_get(original, "Message-ID"));
    feedback_keep(&f->feedback_id, part_header_get(original, "Feedback-ID"));
    feedback_keep(&f->return_path, part_header_get(original, "Return-Path"));
}

char *feedback_line_of(const char *text, const char *name)
{
    size_t name_n = strlen(name);
    for (int line = 0; *text && line < TEXT_LINES; line++) {
        size_t n = strcspn(text, "\n"), skipped = strspn(text, "> \t|");
        if (skipped + name_n <= n && strncasecmp(text + skipped, name, name_n) == 0)
            return xmemdup0(text + skipped + name_n, n - skipped - name_n);
        text += n + (text[n] == '\n');
    }
    return NULL;
}

// A report in plain text quotes the mail's headers, or some of them, at the beginning of lines.
static void origin_in_text(struct feedback *f, const char *text)
{
    for (int line = 0; *text && line < TEXT_LINES; line++) {
        size_t n = strcspn(text, "\n");
        CLEANUP(xfree) char *one = xmemdup0(text, n < 998 ? n : 998);
        const char *at = one + strspn(one, "> \t|");
        if (strncasecmp(at, "Message-ID:", 11) == 0)
            feedback_keep(&f->message_id, at + 11);
        else if (strncasecmp(at, "Feedback-ID:", 12) == 0)
            feedback_keep(&f->feedback_id, at + 12);
        else if (strncasecmp(at, "Return-Path:", 12) == 0)
            feedback_keep(&f->return_path, at + 12);
        text += n + (text[n] == '\n');
    }
}

static void origin_find(struct feedback *f, const struct parts *p)
{
    const struct part *original = feedback_original(p);
    feedback_origin(f, original);
    for (size_t i = 0; i < p->n && !original; i++)
        if (!p->items[i].is_enclosed)
            origin_in_text(f, p->items[i].text);
    feedback_keep(&f->message_id, part_header_get(&p->items[0], "In-Reply-To"));
}

// --- reading

static void read_mail(struct feedback *f, const struct parts *p, const struct replies *replies)
{
    if (feedback_complaint(f, p) || feedback_report(f, p, replies) || feedback_unsubscribe(f, p))
        return;
    if (!feedback_auto_sure(&p->items[0]) && feedback_words(f, p, replies))
        f->kind = FEEDBACK_BOUNCE;
    else if (!feedback_auto(f, p))
        (void)feedback_report_rest(f, p, replies);
}

// A report that a gateway or an abuse desk sends on, enclosed in a mail of its own: a complaint from anybody, a
// bounce from a mail system alone, since people show each other their bounces.
static bool read_inside(struct feedback *f, const struct parts *p, const struct replies *replies)
{
    const struct part *top = &p->items[0];
    bool is_system = feedback_is_daemon(top) || feedback_has_null_path(top), is_read = false;
    for (size_t i = 1; i < p->n && !is_read && !*top->report_type; i++) {
        struct parts in = {0};
        if (!p->items[i].is_enclosed)
            in = parts_inside(p, i);
        const char *type = in.n ? in.items[0].report_type : "";
        is_read =
            (strcmp(type, "feedback-report") == 0 && feedback_complaint(f, &in)) ||
            (is_system && strcmp(type, "delivery-status") == 0 && feedback_report(f, &in, replies));
        if (is_read)
            feedback_origin(f, feedback_original(&in));
        xfree((void *)in.items);
    }
    return is_read;
}

struct feedback *feedback_read(struct bytes mail, const struct replies *replies)
{
    CLEANUP(parts_free) struct parts *p = parts_read(mail);
    struct feedback *f = xcalloc(1, sizeof(*f));
    if (!read_inside(f, p, replies))
        read_mail(f, p, replies);
    if (f->kind != FEEDBACK_OTHER)
        origin_find(f, p);
    feedback_keep(&f->message_id, "");
    feedback_keep(&f->feedback_id, "");
    feedback_keep(&f->return_path, "");
    feedback_keep(&f->source_ip, "");
    return f;
}

struct feedback *feedback_free(struct feedback *f)
{
    if (!f)
        return NULL;
    for (size_t i = 0; i < f->recipients_n; i++) {
        xfree(f->recipients[i].address);
        xfree(f->recipients[i].reply);
    }
    xfree(f->recipients);
    xfree(f->message_id);
    xfree(f->feedback_id);
    xfree(f->return_path);
    xfree(f->source_ip);
    return xfree(f);
}

// --- recipients

static struct feedback_recipient *recipient_get(struct feedback *f, const char *address)
{
    for (size_t i = 0; i < f->recipients_n; i++)
        if (strcasecmp(f->recipients[i].address, address) == 0)
            return &f->recipients[i];
    return NULL;
}

struct feedback_recipient *feedback_add(struct feedback *f, const char *address)
{
    char clean[ADDRESS_TEXT] = "";
    if (*address && !feedback_address(clean, address))
        return NULL;
    struct feedback_recipient *r = recipient_get(f, clean);
    if (r)
        return r->class == CLASS_UNDETERMINED || r->class == CLASS_TRANSIENT ? r : NULL;
    if (f->recipients_n == FEEDBACK_RECIPIENTS)
        return NULL;
    f->recipients = xrealloc(f->recipients, f->recipients_n + 1, sizeof(*r));
    r = &f->recipients[f->recipients_n++];
    *r = (struct feedback_recipient){.address = xstrdup(clean),
                                     .class = CLASS_UNDETERMINED,
                                     .scope = SCOPE_UNKNOWN,
                                     .reply = xstrdup("")};
    return r;
}

void feedback_say(struct feedback *f, const char *address, enum class class, enum scope scope)
{
    struct feedback_recipient *r = feedback_add(f, address);
    if (!r)
        return;
    r->class = class;
    r->scope = scope;
}
