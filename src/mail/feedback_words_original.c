// Where the mail that failed begins, in a report that sends it back as text: at a header of its own, or
// behind a line that says so. What stands there is no word about the failure, but it tells who sent it
// and for whom. A few lines of From, To, Subject, Date alone are a summary: they are left out, and the
// report goes on behind them.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/feedback_words.h"
#include "mail/parts.h"

enum { NAME_MOST = 40, SEPARATOR_MOST = 140, REST_LEAST = 20 };

enum field { FIELD_NONE, FIELD_SUMMARY, FIELD_TRANSPORT };

// What people see of a mail, also in other tongues.
static const char *const summary[] = {
    "message-id", "from", "to",      "cc",     "subject", "date",     "sent",   "sender",
    "reply-to",   "bcc",  "von",     "an",     "betreff", "gesendet", "datum",  "de",
    "à",          "para", "objet",   "asunto", "enviado", "fecha",    "envoyé", "oggetto",
    "inviato",    "data", "assunto", "件名",   "宛先",    "от",       "кому",   "тема",
    "дата",       "konu", "kime",    "do",     "od",      "temat"};
// What only a mail on its way has.
static const char *const transport[] = {"received",
                                        "return-path",
                                        "mime-version",
                                        "content-type",
                                        "content-transfer-encoding",
                                        "dkim-signature",
                                        "domainkey-signature",
                                        "user-agent",
                                        "references",
                                        "in-reply-to",
                                        "authentication-results",
                                        "thread-index",
                                        "thread-topic",
                                        "received-spf",
                                        "importance",
                                        "envelope-to",
                                        "delivered-to",
                                        "list-unsubscribe",
                                        "list-id",
                                        "feedback-id"};
// Fields of reports that begin with X- and are none of a mail.
static const char *const reports[] = {"x-failed",        "x-actual",  "x-postfix",
                                      "x-supplementary", "x-display", "x-original-message",
                                      "x-mimecast",      "x-notes"};

static bool is_one_of(const char *name, size_t n, const char *const *names, size_t names_n)
{
    for (size_t i = 0; i < names_n; i++)
        if (strlen(names[i]) == n && strncmp(names[i], name, n) == 0)
            return true;
    return false;
}

// What kind of header field the line is; `value` is where its value begins.
static enum field field_of(const struct words *w, const struct words_line *l, size_t *value)
{
    size_t at = l->at, n = 0;
    while (at < l->end && strchr(" \t>|", w->low[at]))
        at++;
    while (at + n < l->end && n < NAME_MOST && w->low[at + n] != ':' && w->low[at + n] != ' ')
        n++;
    if (!n || at + n >= l->end || w->low[at + n] != ':')
        return FIELD_NONE;
    *value = at + n + 1;
    const char *name = w->low + at;
    for (size_t i = 0; i < ARRAY_LEN(reports); i++)
        if (n > strlen(reports[i]) && strncmp(name, reports[i], strlen(reports[i])) == 0)
            return FIELD_NONE;
    if (is_one_of(name, n, transport, ARRAY_LEN(transport)) ||
        (n > 3 && memcmp(name, "x-", 2) == 0))
        return FIELD_TRANSPORT;
    return is_one_of(name, n, summary, ARRAY_LEN(summary)) ? FIELD_SUMMARY : FIELD_NONE;
}

// --- what the original's header tells

static void keep(char **slot, const char *value, size_t n)
{
    while (n && strchr(" \t<", *value))
        value++, n--;
    while (n && strchr(" \t>\r\n", value[n - 1]))
        n--;
    if (!*slot && n)
        *slot = xmemdup0(value, n);
}

/* One field of the original. `name` has no colon; the value may be folded. */
static void on_field(struct words *w, const char *name, size_t n, const char *value)
{
    static const char *const to[] = {"to",
                                     "cc",
                                     "bcc",
                                     "an",
                                     "para",
                                     "à",
                                     "宛先",
                                     "кому",
                                     "kime",
                                     "do",
                                     "envelope-to",
                                     "x-envelope-to",
                                     "delivered-to",
                                     "x-original-to",
                                     "apparently-to",
                                     "resent-to"};
    static const char *const from[] = {"from",        "sender",     "reply-to",
                                       "return-path", "von",        "de",
                                       "от",          "od",         "x-envelope-from",
                                       "errors-to",   "message-id", "list-unsubscribe",
                                       "x-sender",    "resent-from"};
    CLEANUP(xfree) char *low = xmemdup0(name, n);
    words_lower(low, n);
    if (is_one_of(low, n, to, ARRAY_LEN(to)))
        words_collect(&w->asked, value);
    if (is_one_of(low, n, from, ARRAY_LEN(from)))
        words_collect(&w->others, value);
    if (strcmp(low, "received") == 0 && strcasestr(value, "for <"))
        words_collect(&w->asked, strcasestr(value, "for <"));
    if (strcmp(low, "message-id") == 0)
        keep(&w->message_id, value, strlen(value));
    if (strcmp(low, "feedback-id") == 0)
        keep(&w->feedback_id, value, strlen(value));
    if (strcmp(low, "return-path") == 0)
        keep(&w->return_path, value, strlen(value));
    w->has_original = true;
}

// --- headers in the text

static size_t indent_of(const struct words *w, const struct words_line *l)
{
    return strspn(w->text + l->at, " \t");
}

static bool is_blank(const struct words *w, const struct words_line *l)
{
    return l->at + strspn(w->text + l->at, " \t>|\r") >= l->end;
}

/* Lines of header fields that follow each other. */
struct block {
    size_t from, to; // lines
    size_t fields;
    size_t transport; // of them
};

// Is the line a field at all, known or not?
static bool is_any_field(const struct words *w, const struct words_line *l)
{
    const char *colon = memchr(w->text + l->at, ':', l->end - l->at);
    return colon && !memchr(w->text + l->at, ' ', (size_t)(colon - w->text) - l->at);
}

// A line is folded when it is set in deeper than the field it belongs to.
static struct block block_at(const struct words *w, size_t from)
{
    struct block b = {.from = from, .to = from};
    size_t value, indent = indent_of(w, &w->lines[from]);
    while (b.to < w->lines_n && (b.to == from || !w->lines[b.to].is_first)) {
        const struct words_line *l = &w->lines[b.to];
        enum field kind = field_of(w, l, &value);
        if (kind == FIELD_NONE && (!b.fields || is_blank(w, l) || indent_of(w, l) <= indent)) {
            // An unknown field among known ones is one of theirs.
            if (b.transport < 2 || !is_any_field(w, l))
                break;
        }
        b.fields += kind != FIELD_NONE;
        b.transport += kind == FIELD_TRANSPORT;
        b.to++;
    }
    return b;
}

static void read_block(struct words *w, const struct block *b)
{
    for (size_t i = b->from; i < b->to; i++) {
        size_t value, last = i;
        if (field_of(w, &w->lines[i], &value) == FIELD_NONE)
            continue;
        size_t name = w->lines[i].at + strspn(w->text + w->lines[i].at, " \t>|"), next;
        while (last + 1 < b->to && field_of(w, &w->lines[last + 1], &next) == FIELD_NONE &&
               indent_of(w, &w->lines[last + 1]) > 0)
            last++;
        CLEANUP(xfree) char *text = xmemdup0(w->text + value, w->lines[last].end - value);
        on_field(w, w->text + name, value - 1 - name, text);
    }
}

// --- lines that say that it begins

static bool has_any(const char *low, size_t at, size_t end, const char *const *words)
{
    for (; *words; words++)
        if (memmem(low + at, end - at, *words, strlen(*words)))
            return true;
    return false;
}

// What such a line speaks of, what it is to us, and what none of them says.
static const char *const mail_words[] = {
    "message",  "mail",   "header",  "nachricht",  "mensaje", "messaggio", "mensagem",
    "сообщени", "письм",  "メール",  "メッセージ", "邮件",    "郵件",      "wiadomo",
    "ileti",    "letter", "text of", "bericht",    NULL};
static const char *const sent_back[] = {
    "original",  "unsent",    "undelivered", "returned", "copy of",  "below",     "urspr", "kopie",
    "oorspronk", "d'origine", "copie",       "copia",    "исходн",   "копия",     "原文",  "原始",
    "元の",      "orijinal",  "oryginal",    "begin",    "start of", "forwarded", NULL};
static const char *const comes_now[] = {"follows", "follow:", "header", NULL};
static const char *const no_separator[] = {
    "not ",       "n't",     "could",  "recipient", "address", "failed", "was ",
    "transcript", "session", "reason", "error",     "problem", "@",      "undeliverable to",
    "system",     "unable",  " log",   NULL};

// "--- Below this line is a copy of the message.", "Original message follows:", in many tongues.
static bool is_separator(const struct words *w, const struct words_line *l)
{
    static const char *const at_end[] = {"follows", "below", "attached", "follow:", NULL};
    size_t at = l->at, end = l->end, rules = 0;
    while (at < end && strchr(" \t>|", w->low[at]))
        at++;
    while (end > at && strchr(" \t|", w->low[end - 1]))
        end--;
    while (at + rules < end && strchr("-=*_#~+", w->low[at + rules]))
        rules++;
    if (end <= at + 6 || end - at > SEPARATOR_MOST || has_any(w->low, at, end, no_separator))
        return false;
    size_t tail = end - at > 12 ? end - 12 : at;
    bool is_marked = rules >= 2 || (end - at < 80 && has_any(w->low, tail, end, at_end));
    if (!is_marked && w->low[end - 1] != ':')
        return false;
    return has_any(w->low, at, end, mail_words) &&
           (has_any(w->low, at, end, sent_back) ||
            (is_marked && has_any(w->low, at, end, comes_now)));
}

// --- all of it

static bool says_something_before(const struct words *w, size_t line)
{
    size_t n = 0;
    for (size_t i = 0; i < line; i++)
        if (!w->lines[i].is_out)
            n += w->lines[i].end - w->lines[i].at - indent_of(w, &w->lines[i]);
    return n >= REST_LEAST;
}

// The lines from `from` to the end of their part.
static size_t leave_out(struct words *w, size_t from)
{
    size_t i = from;
    do
        w->lines[i++].is_out = true;
    while (i < w->lines_n && !w->lines[i].is_first);
    return i;
}

// Behind a separator: its header is the next lines that are one.
static void read_behind(struct words *w, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct block b = block_at(w, i);
        if (b.fields >= 2) {
            read_block(w, &b);
            return;
        }
    }
}

// Quoted, not "> >" of a transcript: ">>> RCPT TO".
static bool is_quoted(const struct words *w, const struct words_line *l)
{
    const char *p = w->text + l->at;
    return l->end > l->at + 1 && p[0] == '>' && p[1] != '>' && p[1] != '-';
}

// "This mail has been scanned for viruses by …": what gateways write below any mail says nothing of this one.
static bool is_footer(const struct words *w, const struct words_line *l)
{
    static const char *const done[] = {"scanned",      "virus-free",  "virus free", "analizado",
                                       "escaneado",    "überprüft",   "geprüft",    "vérifié",
                                       "analysé",      "controllato", "verificado", "checked for",
                                       "protected by", "проверен",    NULL};
    static const char *const what[] = {"virus", "spam", "malware", "вирус", NULL};
    static const char *const news[] = {"found",    "contain", "infected", "detected",
                                       "block",    "reject",  "contiene", "enthält",
                                       "gefunden", "refus",   NULL};
    return has_any(w->low, l->at, l->end, done) && has_any(w->low, l->at, l->end, what) &&
           !has_any(w->low, l->at, l->end, news);
}

// To the end of its paragraph.
static size_t leave_out_footer(struct words *w, size_t i)
{
    do
        w->lines[i++].is_out = true;
    while (i < w->lines_n && !w->lines[i].is_first && !is_blank(w, &w->lines[i]));
    return i;
}

static void mark_lines(struct words *w)
{
    for (size_t i = 0; i < w->lines_n;) {
        struct block b = block_at(w, i);
        bool is_it = b.fields >= 2 && b.transport && says_something_before(w, i);
        if (is_it || (is_separator(w, &w->lines[i]) && says_something_before(w, i))) {
            size_t from = i;
            i = leave_out(w, i);
            read_behind(w, from, i);
            w->has_original = true;
            continue;
        }
        if (is_footer(w, &w->lines[i])) {
            i = leave_out_footer(w, i);
            continue;
        }
        if (b.fields >= 2) {
            read_block(w, &b);
            for (; i < b.to; i++)
                w->lines[i].is_out = true;
            continue;
        }
        w->lines[i].is_out = is_quoted(w, &w->lines[i]);
        i++;
    }
}

// Original mails that are parts of their own.
static void read_enclosed(struct words *w)
{
    for (size_t i = 1; i < w->parts->n; i++) {
        const struct part *part = &w->parts->items[i];
        bool is_it = strcmp(part->type, "message/rfc822") == 0 ||
                     strcmp(part->type, "text/rfc822-headers") == 0 || part->is_enclosed;
        if (!is_it)
            continue;
        for (size_t k = 0; k < part->headers_n; k++)
            on_field(w, part->headers[k].name, strlen(part->headers[k].name),
                     part->headers[k].value);
        return;
    }
}

void words_original(struct words *w)
{
    static const char *const ours[] = {
        "from",          "reply-to",   "to",          "return-path", "delivered-to", "sender",
        "x-original-to", "message-id", "in-reply-to", "references",  "envelope-to"};
    const struct part *mail = &w->parts->items[0];
    bool had;
    read_enclosed(w);
    mark_lines(w);
    had = w->has_original;
    for (size_t i = 0; i < mail->headers_n; i++)
        for (size_t k = 0; k < ARRAY_LEN(ours); k++)
            if (strcasecmp(mail->headers[i].name, ours[k]) == 0)
                words_collect(&w->others, mail->headers[i].value);
    w->has_original = had;
}
