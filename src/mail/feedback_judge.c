// From the words and codes of a report to class and scope: the rules of replies (mail/replies.h) first, then
// the codes; the report's Status where the words carry none.
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "mail/classify.h"
#include "mail/feedback_room.h"
#include "mail/replies.h"

enum { CODES = 12 };

// "smtp;", "x-unix;" in front, several times at worst.
static const char *type_skipped(const char *text)
{
    for (;;) {
        text += strspn(text, " \t\n");
        size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
        size_t gap = strspn(text + n, " ");
        if (!n || n > 20 || text[n + gap] != ';')
            return text;
        text += n + gap + 1;
    }
}

// "5.1.1" at `at`, three numbers and no fourth; its length.
static size_t enhanced_length(const char *at)
{
    size_t n = 1;
    if ((at[0] != '2' && at[0] != '4' && at[0] != '5') || at[1] != '.')
        return 0;
    for (int part = 0; part < 2; part++) {
        size_t digits = at[n] == '.' ? strspn(at + n + 1, "0123456789") : 0;
        if (!digits || digits > 3)
            return 0;
        n += digits + 1;
    }
    return isalnum((unsigned char)at[n]) || (at[n] == '.' && isdigit((unsigned char)at[n + 1])) ? 0
                                                                                                : n;
}

static bool begins_word(const char *text, const char *at)
{
    return at == text || (!isalnum((unsigned char)at[-1]) && at[-1] != '.' && at[-1] != '-' &&
                          at[-1] != '@' && at[-1] != '/');
}

static void enhanced_find(char enhanced[CODES], const char *text)
{
    enhanced[0] = '\0';
    for (const char *at = text; *at; at++) {
        size_t n = begins_word(text, at) || (at[-1] == '-' && isdigit((unsigned char)at[0]))
                       ? enhanced_length(at)
                       : 0;
        if (!n || n >= CODES)
            continue;
        memcpy(enhanced, at, n);
        enhanced[n] = '\0';
        return;
    }
}

// A reply's code that stands inside, as "said: 550 …" or "(550-5.1.1 …": 0 when there is none.
static unsigned code_find(const char *text)
{
    for (const char *at = text; *at; at++) {
        bool is_code = (at[0] == '4' || at[0] == '5') && at[1] >= '0' && at[1] <= '5' &&
                       isdigit((unsigned char)at[2]) && (at[3] == ' ' || at[3] == '-') &&
                       begins_word(text, at);
        bool is_said = at == text ||
                       (at > text + 1 && at[-1] == ' ' && strchr(":;,>)", at[-2]) && at[-2]) ||
                       strchr("(:;'\"<", at > text ? at[-1] : '(');
        if (is_code && (is_said || enhanced_length(at + 4)))
            return (unsigned)(at[0] - '0') * 100 + (unsigned)(at[1] - '0') * 10 +
                   (unsigned)(at[2] - '0');
    }
    return 0;
}

// Postfix tells where in the dialogue it was.
static enum phase phase_of(const char *text)
{
    static const struct {
        const char *words;
        enum phase phase;
    } said[] = {
        {"in reply to RCPT TO", PHASE_RCPT},       {"in reply to MAIL FROM", PHASE_MAIL},
        {"in reply to end of DATA", PHASE_DATA},   {"in reply to DATA", PHASE_DATA},
        {"in reply to HELO", PHASE_HELO},          {"in reply to EHLO", PHASE_HELO},
        {"initial server greeting", PHASE_BANNER}, {"refused to talk to me", PHASE_BANNER},
    };
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        if (strcasestr(text, said[i].words))
            return said[i].phase;
    return PHASE_NONE;
}

static bool is_vague(const char *status)
{
    return !status[0] || strcmp(status + 1, ".0.0") == 0;
}

#define DNS_FAILED ".4.3" // no answer on the name: that says nothing of whether it exists

// What a status of the reporting system's own means; only what mail/classify.h leaves open, since in a
// reply these are used for everything.
static bool status_judge(struct feedback_recipient *r, const char *status)
{
    static const struct {
        const char *rest;
        enum class class;
        enum scope scope;
    } means[] = {
        {".1.2", CLASS_DOMAIN_NOT_FOUND, SCOPE_RECIPIENT},
        {".1.3", CLASS_PROTOCOL, SCOPE_RECIPIENT},
        {".1.8", CLASS_AUTH_POLICY, SCOPE_SENDER_DOMAIN},
        {".4.1", CLASS_NO_CONNECT, SCOPE_UNKNOWN},
        {".4.2", CLASS_NO_CONNECT, SCOPE_UNKNOWN},
        {DNS_FAILED, CLASS_TRANSIENT, SCOPE_PROVIDER},
        {".4.6", CLASS_PROTOCOL, SCOPE_UNKNOWN},
        {".4.14", CLASS_PROTOCOL, SCOPE_UNKNOWN},
        {".3.1", CLASS_TRANSIENT, SCOPE_PROVIDER},
    };
    for (size_t i = 0; *status && i < ARRAY_LEN(means); i++)
        if (strcmp(status + 1, means[i].rest) == 0) {
            r->class = means[i].class;
            r->scope = means[i].scope;
            return true;
        }
    return false;
}

// Whose words they are, for what means something at one provider alone (`only_here`): by the host (or software) that
// the report names, else by the recipient's domain. Names as in config/providers.yaml; a name that is not there
// counts as nobody. The first row whose ending stands there.
static const struct {
    const char *ending, *provider;
} hosts[] = {
    {".olc.protection.outlook.com", "microsoft"},
    {".protection.outlook.com", "m365"},
    {".prod.outlook.com", "m365"},
    {".exchangelabs.com", "m365"},
    {"RESOLVER.", "m365"}, // Exchange's own words, wherever it stands
    {"STOREDRV.", "m365"},
    {".yahoodns.net", "yahoo"},
    {".google.com", "google"},
    {".gmx.net", "gmx"},
    {".qq.com", "qq"},
};
static const struct {
    const char *ending, *provider;
} domains[] = {
    {"@hotmail.", "microsoft"}, {"@outlook.", "microsoft"}, {"@live.", "microsoft"},
    {"@msn.com", "microsoft"},  {"@gmail.com", "google"},   {"@yahoo.", "yahoo"},
    {"@aol.com", "yahoo"},      {"@gmx.", "gmx"},           {"@web.de", "gmx"},
    {"@qq.com", "qq"},
};

static const char *provider_of(const struct feedback_recipient *r, const char *text,
                               const char *host)
{
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (strcasestr(text, hosts[i].ending) || strcasestr(host, hosts[i].ending))
            return hosts[i].provider;
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (strcasestr(r->address, domains[i].ending))
            return domains[i].provider;
    return "";
}

// "mailbox is full: retry timeout exceeded": that it was given up says less than why.
static char *without_expiry(const char *text)
{
    static const char *const ends[] = {"retry timeout exceeded",
                                       "retry time not reached for any host"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const char *at = strcasestr(text, ends[i]);
        if (at && at > text + 3)
            return xmemdup0(text, (size_t)(at - text));
    }
    return NULL;
}

static void judge_said(struct feedback_recipient *r, const struct replies *replies,
                       const struct reply_said *said, struct reply_verdict *v)
{
    replies_judge(replies, said, v);
    CLEANUP(xfree)
    char *why = v->rule && v->class == CLASS_NO_CONNECT ? without_expiry(said->text) : NULL;
    if (why) {
        struct reply_verdict better;
        struct reply_said before = *said;
        before.text = why;
        replies_judge(replies, &before, &better);
        if (better.rule)
            *v = better;
    }
    r->class = v->class;
    r->scope = v->scope;
}

static void judge(struct feedback_recipient *r, const struct replies *replies, const char *status,
                  const char *text, const char *host)
{
    struct reply_verdict v;
    char own[CODES];
    enhanced_find(own, text);
    const char *enhanced = is_vague(own) && !is_vague(status) ? status : own;
    struct reply_said said = {.provider = provider_of(r, text, host),
                              .code = r->code,
                              .enhanced = enhanced,
                              .text = text,
                              .phase = phase_of(text)};
    judge_said(r, replies, &said, &v);
    bool is_dns = !r->code && *enhanced && strcmp(enhanced + 1, DNS_FAILED) == 0;
    if ((v.rule && !is_dns) || r->code)
        return;
    // Without a reply's code the words are the reporting system's own, and so is what its status means; a
    // text alone is a refusal.
    int digit = *enhanced ? *enhanced : *status ? *status : '5';
    if (!status_judge(r, enhanced))
        classify_reply(&r->class, &r->scope, (unsigned)(digit - '0') * 100, enhanced, said.phase);
}

void feedback_judge_of(struct feedback_recipient *r, const struct replies *replies,
                       const char *status, const char *diagnostic, const char *host)
{
    char first[CODES], enhanced[CODES], shown[FEEDBACK_REPLY * 2];
    const char *text = type_skipped(diagnostic);
    unsigned code;
    enhanced_find(first, status);
    replies_codes(text, &code, enhanced);
    r->code = code ? code : code_find(text);
    if (!enhanced[0])
        enhanced_find(enhanced, text);
    judge(r, replies, first, text, host);
    const char *best = is_vague(first) && enhanced[0] ? enhanced : first;
    (void)snprintf(r->enhanced, sizeof(r->enhanced), "%s", best);
    (void)text_visible(shown, FEEDBACK_REPLY + 1, text, strlen(text));
    xfree(r->reply);
    r->reply = xstrdup(shown);
}

void feedback_judge(struct feedback_recipient *r, const struct replies *replies, const char *status,
                    const char *diagnostic)
{
    feedback_judge_of(r, replies, status, diagnostic, "");
}
