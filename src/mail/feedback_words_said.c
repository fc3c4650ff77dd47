// Which words speak of which address: those that follow it, up to the next one that failed or its
// paragraph's end, a few paragraphs further where these say nothing; then those before it; then the whole
// text, a paragraph at a time, so that no rule joins words that have nothing to do with each other. Rules
// decide which of them mean something (mail/replies.h).
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "mail/feedback.h"
#include "mail/feedback_words.h"
#include "mail/parts.h"
#include "mail/replies.h"

enum {
    SAID = 1200,     // bytes of one judgement
    FURTHER = 3,     // paragraphs behind an address
    PARAGRAPHS = 64, // of the whole text
    PARAGRAPH = 60,  // lines: of a longer one the rest is not heard
    PLACES = 6       // of one address
};

/* How much words say. */
enum worth {
    WORTH_NOTHING,
    WORTH_VAGUE, // "could not deliver": any report says so
    WORTH_CODE,
    WORTH_REPLY, // a server's own words, unknown: what others say around them is no better
    WORTH_STATUS,
    WORTH_RULE
};

struct said {
    enum worth worth;
    char *text; // owned; NULL: none
};

// --- one judgement

static char *squeezed(const char *text, size_t n)
{
    char *out = xmemdup0(text, n < SAID ? n : SAID);
    size_t to = 0;
    for (size_t i = 0; out[i]; i++) {
        bool is_blank = isspace((unsigned char)out[i]);
        if (is_blank && (!to || out[to - 1] == ' '))
            continue;
        if (is_blank)
            out[to++] = ' ';
        else
            out[to++] = out[i];
    }
    while (to && out[to - 1] == ' ')
        to--;
    out[to] = '\0';
    return out;
}

// Where an SMTP reply begins: "550 …", "550-5.1.1 …", at a word's start; NULL: nowhere.
static const char *find_code(const char *text)
{
    for (const char *p = text; (p = strpbrk(p, "45")); p++) {
        bool is_start = p == text || strchr(" :<>\"'([#-", p[-1]);
        if (is_start && p[1] >= '0' && p[1] <= '5' && isdigit((unsigned char)p[2]) &&
            (p[3] == ' ' || p[3] == '-' || (p[3] == ':' && p[4] == ' ')) && p[4] &&
            (p == text || p[-1] != '-' || p == text + 1 || p[-2] == '-' || p[-2] == ' '))
            return p;
    }
    return NULL;
}

// Two words at least, beside codes and addresses.
static bool has_words(const char *text)
{
    char plain[REPLIES_PLAIN];
    int words = 0;
    size_t n = replies_plain(plain, text);
    for (size_t i = 1; i + 1 < n; i++)
        words += plain[i - 1] == ' ' && plain[i] != '%' && !isdigit((unsigned char)plain[i]);
    return words >= 2;
}

static enum worth weigh(const struct replies *replies, const char *text)
{
    char enhanced[12];
    struct reply_said said = {.provider = "", .enhanced = enhanced, .text = text};
    struct reply_verdict v;
    replies_codes(text, &said.code, enhanced);
    replies_judge(replies, &said, &v);
    if (v.rule)
        return v.class == CLASS_TRANSIENT && !said.code && !enhanced[0] ? WORTH_VAGUE : WORTH_RULE;
    if (enhanced[0] && v.class != CLASS_UNDETERMINED && v.class != CLASS_TRANSIENT &&
        v.class != CLASS_PROTOCOL && v.class != CLASS_NO_CONNECT)
        return WORTH_STATUS;
    if (said.code && has_words(text))
        return WORTH_REPLY;
    return said.code || enhanced[0] ? WORTH_CODE : WORTH_NOTHING;
}

// Keeps the words when they say more than those before.
static void offer(struct said *best, const struct replies *replies, const char *text)
{
    enum worth worth = *text ? weigh(replies, text) : WORTH_NOTHING;
    if (best->text && worth <= best->worth)
        return;
    if (!*text)
        return;
    xfree(best->text);
    best->text = xstrdup(text);
    best->worth = worth;
}

// What a reporter adds to any answer: that it gives up. Alone it is the reason, behind a reason it is none.
static size_t refrain_at(const char *text)
{
    static const char *const refrains[] = {
        "giving up on",           "i'm not going to try again", "i am not going to try again",
        "retry timeout exceeded", "will not try again",         "no further attempts",
        "i've given up",          "delivery attempts will"};
    size_t first = strlen(text);
    for (size_t i = 0; i < ARRAY_LEN(refrains); i++) {
        const char *at = strcasestr(text, refrains[i]);
        if (at && (size_t)(at - text) < first)
            first = (size_t)(at - text);
    }
    return first;
}

static void offer_from_code(struct said *best, const struct replies *replies, const char *text)
{
    const char *code = find_code(text);
    if (code)
        offer(best, replies, code);
    if (best->worth < WORTH_REPLY)
        offer(best, replies, text);
}

// What is a heading in any report is no reason, unless a server's reply has it.
static void blank_headings(char *text)
{
    static const char *const headings[] = {
        "failed recipient",   "failed address",          "failed user",
        "failed mailbox",     "undeliverable recipient", "undeliverable address",
        "undeliverable user", "undeliverable to",        "bounced recipient",
        "bounced address",    "rejected recipient",      "bad recipients:"};
    for (size_t i = 0; i < ARRAY_LEN(headings) && !find_code(text); i++)
        for (char *at = text; (at = strcasestr(at, headings[i]));)
            memset(at, ' ', strlen(headings[i]));
}

static void hear(const struct words *w, struct said *best, size_t at, size_t end)
{
    if (at >= end || best->worth == WORTH_RULE)
        return;
    CLEANUP(xfree) char *text = squeezed(w->text + at, end - at);
    blank_headings(text);
    const char *p = text + strspn(text, " :;.,>)\"'-=");
    size_t n = refrain_at(p);
    CLEANUP(xfree) char *reason = xmemdup0(p, n);
    while (n && strchr(" :;.", reason[n - 1]))
        reason[--n] = '\0';
    offer_from_code(best, w->replies, reason);
    if (p[n] && best->worth < WORTH_REPLY)
        offer_from_code(best, w->replies, p);
}

bool words_mean_something(const struct words *w, size_t at, size_t end)
{
    struct said said = {0};
    hear(w, &said, at, end);
    xfree(said.text);
    return said.worth > WORTH_VAGUE;
}

// --- paragraphs

static bool is_text(const struct words *w, size_t line)
{
    const struct words_line *l = &w->lines[line];
    return !l->is_out && strspn(w->text + l->at, " \t\r") < l->end - l->at;
}

static size_t paragraph_end(const struct words *w, size_t line)
{
    for (int i = 0; i < PARAGRAPH && line + 1 < w->lines_n && is_text(w, line + 1) &&
                    !w->lines[line + 1].is_first;
         i++)
        line++;
    return line;
}

static size_t paragraph_start(const struct words *w, size_t line)
{
    for (int i = 0; i < PARAGRAPH && line && is_text(w, line - 1) && !w->lines[line].is_first; i++)
        line--;
    return line;
}

// The first line of text behind; lines_n: none, or the original comes first.
static size_t next_paragraph(const struct words *w, size_t line)
{
    do
        line++;
    while (line < w->lines_n && !w->lines[line].is_out && !is_text(w, line));
    return line < w->lines_n && !w->lines[line].is_out ? line : w->lines_n;
}

// --- of one address

// Where the next address begins that failed too and is another; SIZE_MAX: none.
static size_t next_other(const struct words *w, size_t place)
{
    for (size_t i = place + 1; i < w->places_n; i++)
        if (w->places[i].who->is_taken && w->places[i].who != w->places[place].who)
            return w->places[i].at;
    return SIZE_MAX;
}

static size_t previous_other(const struct words *w, size_t place)
{
    for (size_t i = place; i-- > 0;)
        if (w->places[i].who->is_taken && w->places[i].who != w->places[place].who)
            return w->places[i].end;
    return 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// The words around it in its own paragraph: those behind, then its line, then a heading that is a reason.
static void hear_beside(const struct words *w, struct said *best, size_t place)
{
    const struct words_place *p = &w->places[place];
    size_t end = least(w->lines[paragraph_end(w, p->line)].end, next_other(w, place));
    size_t other = previous_other(w, place), from = w->lines[p->line].at;
    hear(w, best, p->end, end);
    hear(w, best, from > other ? from : other, end);
    for (size_t i = paragraph_start(w, p->line); i < p->line; i++)
        if (w->lines[i].at >= other && !w->lines[i].is_failure)
            hear(w, best, w->lines[i].at, w->lines[i].end);
}

// The paragraphs that follow, until the next address.
static void hear_behind(const struct words *w, struct said *best, size_t place)
{
    size_t stop = next_other(w, place), line = w->places[place].line;
    for (int i = 0; i < FURTHER && best->worth < WORTH_REPLY; i++) {
        line = next_paragraph(w, paragraph_end(w, line));
        if (line >= w->lines_n || w->lines[line].at >= stop)
            break;
        hear(w, best, w->lines[line].at, least(w->lines[paragraph_end(w, line)].end, stop));
    }
}

static void hear_before(const struct words *w, struct said *best, size_t place)
{
    const struct words_place *p = &w->places[place];
    size_t from = w->lines[paragraph_start(w, p->line)].at, other = previous_other(w, place);
    hear(w, best, from > other ? from : other, p->end);
}

// --- of all of them

static bool names_somebody(const struct words *w, size_t at, size_t end)
{
    for (size_t i = 0; i < w->places_n && w->places[i].at < end; i++)
        if (w->places[i].at >= at && w->places[i].who->is_taken)
            return true;
    return false;
}

// What the text says at all. Of several recipients' paragraphs none speaks for the others.
static struct said hear_all(const struct words *w, size_t taken)
{
    struct said best = {0};
    size_t left = PARAGRAPHS, failure = SIZE_MAX;
    for (size_t i = 0; i < w->lines_n && left && best.worth != WORTH_RULE; i++) {
        if (!is_text(w, i))
            continue;
        if (w->lines[i].is_failure && failure == SIZE_MAX)
            failure = i;
        size_t last = paragraph_end(w, i), end = w->lines[last].end;
        if (taken < 2 || !names_somebody(w, w->lines[i].at, end))
            hear(w, &best, w->lines[i].at, end);
        left--;
        i = last;
    }
    const char *subject = part_header_get(&w->parts->items[0], "Subject");
    if (subject && best.worth < WORTH_STATUS)
        offer(&best, w->replies, subject);
    if (best.worth == WORTH_NOTHING && failure != SIZE_MAX) { // at least what it is
        xfree(best.text);
        best.text = squeezed(w->text + w->lines[failure].at,
                             w->lines[paragraph_end(w, failure)].end - w->lines[failure].at);
    }
    return best;
}

/* What holds for all recipients of a report. */
struct general {
    struct said said; // what the text says at all
    bool is_delay, is_success;
};

static void add(const struct words *w, struct feedback *f, const char *address, const char *said,
                const struct general *general)
{
    struct feedback_recipient *r = feedback_add(f, address);
    if (!r)
        return;
    feedback_judge(r, w->replies, "", said ? said : "");
    if (general->is_delay) {
        r->class = CLASS_TRANSIENT;
        r->scope = SCOPE_PROVIDER;
    } else if (general->is_success) {
        r->class = CLASS_DELIVERED;
        r->scope = SCOPE_UNKNOWN;
    }
}

static void add_person(const struct words *w, struct feedback *f, const struct words_person *who,
                       const struct general *general)
{
    struct said best = {0};
    const struct said *all = &general->said;
    static void (*const ways[])(const struct words *, struct said *,
                                size_t) = {hear_beside, hear_behind, hear_before};
    for (size_t k = 0; k < ARRAY_LEN(ways) && best.worth < WORTH_REPLY; k++)
        for (size_t i = who->first, n = 0; i < w->places_n && n < PLACES; i++)
            if (w->places[i].who == who) {
                ways[k](w, &best, i);
                n++;
            }
    if (all->text && (!best.text || (best.worth < WORTH_REPLY && all->worth > best.worth)))
        offer(&best, w->replies, all->text);
    add(w, f, who->address, best.text, general);
    xfree(best.text);
}

void words_said(const struct words *w, struct feedback *f)
{
    struct map_item *item;
    size_t taken = 0;
    for (size_t i = 0; (item = map_next(&w->people, &i));)
        taken += ((struct words_person *)item->value)->is_taken;
    struct general general = {.said = hear_all(w, taken),
                              .is_delay = words_is_delay(w),
                              .is_success = words_is_success(w)};
    for (size_t i = 0; (item = map_next(&w->people, &i));)
        if (((struct words_person *)item->value)->is_taken)
            add_person(w, f, item->value, &general);
    if (!taken)
        add(w, f, "", general.said.text, &general);
    xfree(general.said.text);
}
