// Which addresses in a report may be those that failed. Every address outside the original counts, and
// what stands beside it is weighed: its line's beginning, brackets, a colon behind, words before it that
// lead to a recipient ("RCPT TO", "delivered to") or away from one ("contact", "from"), words behind it
// that rules know. Who sent the original, we, and the reporter are nobody's failure.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/feedback_room.h"
#include "mail/feedback_words.h"

enum {
    WINDOW = 120,      // bytes before an address that may speak of it
    WRAPPED = 50,      // a line so long goes on in the next
    TAKEN = 3,         // weight that is enough
    TAKEN_UNASKED = 5, // where others are known from the original
    NAMED = 20,        // of one that a header of the report names
    ASKED_ALONE = 50,  // recipients of the original whose local part is looked for
    REASON = 8,        // lines below an address that may be its reason
    HEADING = 40,      // lines above a list in which its heading is looked for
};

// --- what stands beside one

size_t words_last(const char *low, size_t at, size_t end, const char *const *words)
{
    size_t last = 0;
    for (; *words; words++) {
        size_t n = strlen(*words);
        for (const char *p = low + at; (p = memmem(p, (size_t)(low + end - p), *words, n)) != NULL;
             p++) {
            bool is_start = p == low + at || !isalnum((unsigned char)p[-1]) ||
                            (unsigned char)(*words)[0] >= 0x80;
            if (is_start && (size_t)(p - low) + n > last)
                last = (size_t)(p - low) + n;
        }
    }
    return last;
}

static const char *const leading_to[] = {
    "recipient",   "rcpt to",  "to",        "deliver",   "address",   "user",      "mailbox",
    "account",     "reach",    "failed",    "for",       "addressee", "unknown",   "an ",
    "empf",        "destinat", "para ",     "à ",        "a ",        "member",    "получател",
    "адрес",       "宛先",     "あて先",    "收件",      "地址",      "受信",      "수신",
    "받는",        "alıcı",    "odbiorc",   "mottagar",  "modtager",  "ontvanger", "postfach",
    "email",       "e-mail",   "pour ",     "till ",     "til ",      "aan ",      "al ",
    "do ",         "buzón",    "cuenta",    "casella",   "caixa",     "conta ",    "boîte",
    "compte",      "ящик",     "skrzynk",   "schránk",   "usuario",   "usuário",   "utente",
    "utilisateur", "benutzer", "konto",     "пользоват", "użytkown",  "uživatel",  "kullanıcı",
    "користувач",  "bruger",   "användare", "käyttäjä",  "ke ",       "către",     "إلى",
    "אל ",         "tới ",     NULL};
static const char *const leading_from[] = {"sender address",
                                           "sender's address",
                                           "from address",
                                           "generated from",
                                           "forwarded for",
                                           "from",
                                           "sender",
                                           "by ",
                                           "return-path",
                                           "helo ",
                                           "ehlo ",
                                           "message-id",
                                           "message id",
                                           "msgid",
                                           "von ",
                                           "absender",
                                           "expéditeur",
                                           "remitente",
                                           "remetente",
                                           "mittente",
                                           "отправител",
                                           "寄件",
                                           "发件",
                                           "送信者",
                                           "差出人",
                                           "nadawc",
                                           "gönderen",
                                           "signed",
                                           "reply-to",
                                           "cc:",
                                           NULL};
static const char *const leading_away[] = {"contact",       "question",     "help",
                                           "assist",        "support",      "write to",
                                           "administrator", "postmaster",   "report to",
                                           "forward",       "kontakt",      "frage",
                                           "enquir",        "inquir",       "webmaster",
                                           "mailto:",       "complain",     "for more info",
                                           "you can reach", "whitelist",    "unblock",
                                           "send your",     "send a",       "reply to",
                                           "click",         "new address",  "neue adresse",
                                           "please use",    "instead",      "обратитесь",
                                           "联系",          "お問い合わせ", NULL};

// Where the words that lead to an address begin: the sentence it stands in, over a wrapped line.
static size_t window_start(const struct words *w, size_t at, size_t line)
{
    size_t from = w->lines[line].at;
    if (line && !w->lines[line].is_first && !w->lines[line - 1].is_out) {
        const struct words_line *up = &w->lines[line - 1];
        bool is_start = strspn(w->low + from, " \t<\"'(") + from >= at;
        char last = '.';
        if (up->end > up->at)
            last = w->low[up->end - 1];
        bool goes_on = last == ':' || (up->end - up->at >= WRAPPED && !strchr(".!?;", last));
        if (is_start && goes_on)
            from = up->at;
    }
    if (at - from > WINDOW)
        from = at - WINDOW;
    for (size_t i = from; i + 1 < at; i++)
        if ((w->low[i] == '.' || w->low[i] == '!' || w->low[i] == ';') && w->low[i + 1] == ' ')
            from = i + 1;
    return from;
}

static bool is_line_start(const struct words *w, size_t at, size_t line)
{
    for (size_t i = w->lines[line].at; i < at; i++)
        if (!strchr(" \t<>\"'([{:;*-#.", w->low[i]) && !isdigit((unsigned char)w->low[i]))
            return false;
    return true;
}

static bool is_list_line(const struct words *w, size_t i)
{
    const struct words_line *l = &w->lines[i];
    return l->end == l->at || memchr(w->low + l->at, '@', l->end - l->at) || w->low[l->at] == ' ' ||
           w->low[l->at] == '\t';
}

// Does a heading above say that what is below has failed? Over the lines of a list.
static bool has_heading(const struct words *w, size_t line)
{
    size_t least = line > HEADING ? line - HEADING : 0;
    for (size_t i = line; i-- > least;) {
        const struct words_line *l = &w->lines[i];
        if (l->is_trouble)
            return true;
        if (!is_list_line(w, i) && l->end - l->at > 5 && w->low[l->end - 1] != ':')
            return false;
    }
    return false;
}

static size_t next_stop(const struct words *w, size_t at)
{
    size_t end = at;
    while (end < w->n && end - at < 400) {
        if (w->low[end] == '\n' && (w->low[end + 1] == '\n' || w->low[end + 1] == '\r'))
            break;
        if (w->low[end] == '@')
            break;
        end++;
    }
    return end;
}

static int weigh_before(const struct words *w, const struct words_place *p)
{
    size_t from = window_start(w, p->at, p->line);
    size_t to = words_last(w->low, from, p->at, leading_to);
    size_t by = words_last(w->low, from, p->at, leading_from);
    if (words_last(w->low, from, p->at, leading_away))
        return -5;
    if (by && by >= to)
        return -10;
    if (to && p->at - to < 40)
        return 3;
    return p->at - from < 40 && p->at > from + 2 && memchr(w->low + p->at - 2, ':', 2); // a label
}

static size_t indent_of(const struct words *w, size_t line)
{
    return strspn(w->low + w->lines[line].at, " \t");
}

// The only thing on its line.
static bool is_alone(const struct words *w, const struct words_place *p)
{
    return is_line_start(w, p->at, p->line) && w->lines[p->line].end - p->end < 3;
}

// Does the other server's answer name it, in what is said of one before? "<a@x>: … 550 5.1.1 <b@y> unknown"
static bool is_in_reply_of_other(const struct words *w, const struct words_place *p)
{
    const struct words_place *before = p - 1;
    if (p == w->places || before->who == p->who || p->line > before->line + 4)
        return false;
    size_t n = p->at;
    while (n > before->end && strchr(" \t\n", w->low[n - 1]))
        n--;
    size_t digits = n;
    while (digits > before->end &&
           (isdigit((unsigned char)w->low[digits - 1]) || w->low[digits - 1] == '.'))
        digits--;
    return n - digits >= 3 && strchr("45", w->low[digits]);
}

// Does it stand in the reason of an address that has a line of its own above, set in deeper? Then it tells where
// that one's mail went.
static bool is_in_reason_of_other(const struct words *w, const struct words_place *p)
{
    const struct words_place *above = p;
    while (above > w->places && above[-1].line + REASON > p->line &&
           (above->line == p->line || !is_alone(w, above)))
        above--;
    if (above->line == p->line || above->who == p->who || !is_alone(w, above))
        return false;
    for (size_t i = above->line + 1; i <= p->line; i++)
        if (indent_of(w, i) <= indent_of(w, above->line) || w->lines[i].end == w->lines[i].at)
            return false;
    return !is_alone(w, p);
}

static bool is_role(const char *address)
{
    static const char *const roles[] = {
        "postmaster", "mailer-daemon", "abuse",        "support", "help",
        "helpdesk",   "hostmaster",    "webmaster",    "noreply", "no-reply",
        "admin",      "administrator", "mailerdaemon", "root",    "listmaster",
        "donotreply", "security",      "spam",         "nobody",  "service"};
    size_t n = strcspn(address, "@");
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (strlen(roles[i]) == n && strncasecmp(address, roles[i], n) == 0)
            return true;
    return false;
}

static int weigh(const struct words *w, const struct words_place *p)
{
    const char *address = p->who->address;
    bool is_asked = words_has(&w->asked, address);
    int weight = is_asked ? 4 : 0;
    char before = ' ', behind = w->low[p->end];
    if (p->at > 0)
        before = w->low[p->at];
    if (words_has(&w->failed, address))
        return NAMED;
    if (!is_asked && (words_has(&w->others, address)))
        return -NAMED;
    if (!is_asked && (is_in_reply_of_other(w, p) || is_in_reason_of_other(w, p)))
        return 0;
    if (!is_asked && is_role(address))
        weight -= 4;
    bool is_start = is_line_start(w, p->at, p->line);
    bool is_gateway = p->at && w->low[p->at - 1] == '='; // of an X.400 address
    if (w->is_respelled && !is_asked && !is_start && !is_gateway)
        return -1; // "received at mx.example"
    if (is_start || is_gateway)
        weight += 2 + (w->lines[p->line].end - p->end < 3) + (has_heading(w, p->line) ? 2 : 0);
    weight += (before == '<') + (behind == ':' || strncmp(w->low + p->end, "...", 3) == 0 ? 2 : 0);
    weight += weigh_before(w, p);
    return weight + (words_mean_something(w, p->end, next_stop(w, p->end)) ? 3 : 0);
}

// --- all of them

static struct words_person *person(struct words *w, struct bytes address)
{
    CLEANUP(xfree) char *raw = xmemdup0(address.p, address.n);
    char plain[ADDRESS_TEXT];
    if (!feedback_address(plain, raw)) // what gateways wrap is unwrapped
        return NULL;
    CLEANUP(xfree) char *low = words_lowered(bytes_str(plain));
    struct words_person *who = map_get_str(&w->people, low);
    if (!who) {
        who = xcalloc(1, sizeof(*who));
        who->address = xstrdup(plain);
        who->weight = -100;
        who->first = SIZE_MAX;
        map_put_str(&w->people, low, who);
    }
    return who;
}

static void add_place(struct words *w, size_t line, struct bytes address)
{
    size_t at = (size_t)((const char *)address.p - w->text), end = at + address.n;
    if (w->places_n == WORDS_PLACES)
        return;
    if (w->places_n == w->places_room) {
        w->places_room = w->places_room ? w->places_room * 2 : 16;
        w->places = xrealloc(w->places, w->places_room, sizeof(*w->places));
    }
    struct words_person *who = person(w, address);
    if (!who)
        return;
    if (at > w->lines[line].at && strchr("<\"'([", w->text[at - 1]))
        at--;
    while (end < w->lines[line].end && strchr(">\"')]", w->text[end]))
        end++;
    if (who->first > w->places_n)
        who->first = w->places_n;
    w->places[w->places_n++] = (struct words_place){.at = at, .end = end, .line = line, .who = who};
}

static void find_places(struct words *w)
{
    for (size_t i = 0; i < w->lines_n; i++) {
        struct words_line *l = &w->lines[i];
        struct bytes address;
        for (size_t at = 0;
             !l->is_out && words_address(w->text + l->at, l->end - l->at, &at, &address);)
            add_place(w, i, address);
    }
}

// Those with weight enough; where some of the original's are among them, others need more.
static void take(struct words *w)
{
    struct map_item *item;
    bool is_asked = false;
    for (size_t i = 0; (item = map_next(&w->people, &i));) {
        struct words_person *who = item->value;
        is_asked |=
            who->weight >= TAKEN && (words_has(&w->asked, who->address) || who->weight >= NAMED);
    }
    for (size_t i = 0; (item = map_next(&w->people, &i));) {
        struct words_person *who = item->value;
        bool is_known = words_has(&w->asked, who->address) || !is_asked;
        who->is_taken = who->weight >= (is_known ? TAKEN : TAKEN_UNASKED);
    }
}

// The only one that may be it, when none has weight enough.
static void take_the_only_one(struct words *w)
{
    struct words_person *only = NULL;
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->people, &i));) {
        struct words_person *who = item->value;
        if (who->weight < 0)
            continue;
        if (only)
            return;
        only = who;
    }
    if (only && only->weight > 0)
        only->is_taken = true;
}

static void add_named(struct words *w)
{
    static const char *const names[] = {"x-failed-recipients", "x-actual-recipient",
                                        "original-recipient", "final-recipient"};
    const struct part *mail = &w->parts->items[0];
    struct words_person *who;
    struct map_item *item;
    for (size_t i = 0; i < mail->headers_n; i++)
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            if (strcasecmp(mail->headers[i].name, names[k]) == 0)
                words_collect(&w->failed, mail->headers[i].value);
    for (size_t i = 0; (item = map_next(&w->failed, &i));)
        if ((who = person(w, bytes_of(item->key, item->key_n))))
            who->weight = NAMED;
}

// Set off from the words around: "550 bob... User unknown", "'bob'", "<bob>", a line of its own. A name that
// is also a word ("mail", "info") stands in any report.
static bool is_set_off(const struct words *w, const struct words_line *l, size_t at, size_t end)
{
    size_t from = at;
    while (from > l->at && strchr(" \t", w->low[from - 1]))
        from--;
    bool is_begun = from == l->at || strchr("<\"'([:", w->low[from - 1]) ||
                    (from < at && isdigit((unsigned char)w->low[from - 1]));
    return is_begun && (end == l->end || strchr(">\"')]:;,", w->low[end]) ||
                        strncmp(w->low + end, "..", 2) == 0);
}

// A local part alone.
static bool stands_alone(const struct words *w, const char *address)
{
    size_t n = strcspn(address, "@");
    for (size_t i = 0; i < w->lines_n && n > 1; i++) {
        const struct words_line *l = &w->lines[i];
        for (size_t at = l->at; !l->is_out && at + n <= l->end; at++)
            if (strncmp(w->low + at, address, n) == 0 && is_set_off(w, l, at, at + n))
                return true;
    }
    return false;
}

// Nothing in the text: those of the original of whom it speaks, or its only one.
static void take_asked(struct words *w)
{
    struct map_item *item;
    bool has_one = false;
    for (int is_rest = 0; is_rest < 2 && !has_one; is_rest++) {
        if (is_rest && w->asked.count != 1)
            return;
        for (size_t i = 0; (item = map_next(&w->asked, &i));) {
            CLEANUP(xfree) char *address = xmemdup0(item->key, item->key_n);
            struct words_person *who;
            if (!is_rest && (w->asked.count > ASKED_ALONE || !stands_alone(w, address)))
                continue;
            if ((who = person(w, bytes_str(address))))
                who->is_taken = has_one = true;
        }
    }
}

static void weigh_all(struct words *w)
{
    for (size_t i = 0; i < w->places_n; i++) {
        int weight = weigh(w, &w->places[i]);
        if (weight > w->places[i].who->weight)
            w->places[i].who->weight = weight;
    }
}

static bool has_taken(struct words *w)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->people, &i));)
        if (((struct words_person *)item->value)->is_taken)
            return true;
    return false;
}

// "Undeliverable: ann@x.example", when nothing else names anybody.
static void take_of_subject(struct words *w)
{
    const char *subject = part_header_get(&w->parts->items[0], "Subject");
    struct bytes address, more;
    size_t at = 0, n = subject ? strlen(subject) : 0;
    if (!n || !words_address(subject, n, &at, &address) || words_address(subject, n, &at, &more))
        return;
    CLEANUP(xfree) char *low = words_lowered(address);
    struct words_person *who = words_has(&w->others, low) ? NULL : person(w, address);
    if (who)
        who->is_taken = true;
}

void words_find(struct words *w)
{
    add_named(w);
    for (int is_again = 0; is_again < 2; is_again++) {
        w->places_n = 0;
        find_places(w);
        weigh_all(w);
        take(w);
        if (!has_taken(w))
            take_the_only_one(w);
        if (has_taken(w) || is_again || !words_respell(w))
            break;
    }
    if (!has_taken(w))
        take_asked(w);
    if (!has_taken(w))
        take_of_subject(w);
}
