// Automatic answers: out of office, vacation, "we have got your mail". A machine that answers says so in one
// of a dozen headers, or in its subject in one of as many languages. Bounces say that they are automatic as
// well, so headers alone never tell the two apart: who wrote it does (a mail system, or somebody's mailbox).
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/feedback_room.h"

// Subjects that begin so are an answering machine's.
static const char *const begins[] = {
    // English
    "out of office",
    "out of the office",
    "out-of-office",
    "ooo:",
    "auto reply",
    "auto-reply",
    "autoreply",
    "automatic reply",
    "automatic response",
    "auto response",
    "auto-response",
    "autoresponse",
    "autoresponder",
    "automated reply",
    "automated response",
    "auto:",
    "auto :",
    "away from my mail",
    "away from the office",
    "i am out of",
    "i'm out of",
    "vacation reply",
    "vacation response",
    "vacation message",
    "on annual leave",
    "on maternity leave",
    // German, Dutch
    "abwesenheitsnotiz",
    "abwesenheitsnachricht",
    "abwesenheitsmeldung",
    "abwesenheit:",
    "automatische antwort",
    "automatische antwoord",
    "automatisch antwoord",
    "autom. antwort",
    "außer haus",
    "ausser haus",
    "nicht im büro",
    "afwezig",
    "ik ben afwezig",
    // French, Spanish, Catalan, Portuguese, Italian, Romanian
    "absence du bureau",
    "absent du bureau",
    "message d'absence",
    "réponse automatique",
    "reponse automatique",
    "message automatique",
    "respuesta automática",
    "respuesta automatica",
    "fuera de la oficina",
    "fuera de oficina",
    "resposta automática",
    "resposta automatica",
    "fora do escritório",
    "risposta automatica",
    "fuori ufficio",
    "resposta automàtica",
    "raspuns automat",
    "răspuns automat",
    // Nordic
    "autosvar",
    "automatiskt svar",
    "automatisk svar",
    "frånvaro",
    "fravær",
    "ikke til stede",
    "automaattinen vastaus",
    "poissaolo",
    "sjálfvirkt svar",
    // Slavic, Baltic, Hungarian, Greek, Turkish
    "odpowiedź automatyczna",
    "automatyczna odpowiedź",
    "autoodpowiedź",
    "poza biurem",
    "automatická odpověď",
    "automatická odpoveď",
    "samodejni odgovor",
    "automatski odgovor",
    "автоответ",
    "автоматический ответ",
    "Автоответ",
    "Автоматический ответ",
    "автоматична відповідь",
    "Автоматична відповідь",
    "automātiskā atbilde",
    "automatinis atsakymas",
    "automaatvastus",
    "automatikus válasz",
    "αυτόματη απάντηση",
    "Αυτόματη απάντηση",
    "otomatik yanıt",
    "otomatik cevap",
    // Hebrew, Arabic, Chinese, Japanese, Korean, Vietnamese, Thai
    "תשובה אוטומטית",
    "رد تلقائي",
    "自动回复",
    "自動回覆",
    "自動回復",
    "自动答复",
    "不在办公室",
    "自動返信",
    "自動応答",
    "自動配信",
    "不在通知",
    "不在のお知らせ",
    "자동 회신",
    "자동 응답",
    "부재중",
    "trả lời tự động",
    "ตอบกลับอัตโนมัติ",
};

// These begin newsletters as well: only of a mail that is an answer, or says that it is automatic.
static const char *const perhaps[] = {
    "vacation",
    "on vacation",
    "on holiday",
    "holiday",
    "on leave",
    "away",
    "urlaub",
    "abwesenheit",
    "absence",
    "absent",
    "en congé",
    "congés",
    "ausência",
    "ausente",
    "ausencia",
    "in ferie",
    "assente",
    "semester",
    "ferie",
    "отпуск",
    "Отпуск",
    "empfangsbestätigung",
    "not in the office",
};

// And these are said in the middle.
static const char *const inside[] = {
    "out of office",
    "out of the office",
    "autoreply",
    "auto-reply",
    "automatic reply",
    "autoresponder",
    "(auto response)",
    "abwesenheitsnotiz",
    "automatische antwort",
    "réponse automatique",
    "respuesta automática",
    "自动回复",
    "自動返信",
};

// Headers that only answering machines write.
static const char *const machines[] = {
    "X-Autoreply",       "X-Autoreply-From",
    "X-Autorespond",     "X-Autoresponder",
    "X-AutoReply-From",  "X-Mail-Autoreply",
    "X-Vacation",        "Vacation",
    "X-Auto-Reply",      "X-MS-Exchange-Inbox-Rules-Loop",
    "X-Auto-Reply-From",
};

// Local parts of mail systems.
bool feedback_is_daemon(const struct part *top)
{
    static const char *const locals[] = {"mailer-daemon", "mailer_daemon", "mailerdaemon",
                                         "mail-daemon",   "maildaemon",    "postmaster",
                                         "mdaemon",       "mmdf",          "mailsystem"};
    static const char *const names[] = {"mail delivery s", "mail delivery sub",
                                        "mail administrator", "mailer-daemon", "mail system"};
    const char *from = part_header_get(top, "From");
    if (!from)
        return false;
    const char *open = strrchr(from, '<'), *local = open ? open + 1 : from;
    for (size_t i = 0; i < ARRAY_LEN(locals); i++)
        if (strncasecmp(local, locals[i], strlen(locals[i])) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (open && strcasestr(from, names[i]))
            return true;
    return false;
}

bool feedback_is_automatic(const struct part *top)
{
    const char *sent = part_header_get(top, "Auto-Submitted");
    return sent && strncasecmp(sent, "no", 2) != 0;
}

static bool has_value(const struct part *top, const char *name, const char *prefix)
{
    const char *value = part_header_get(top, name);
    return value && strncasecmp(value, prefix, strlen(prefix)) == 0;
}

// Letters beyond ASCII change case as well: lower-case subjects are what is common, and most languages here
// begin with a capital that ASCII has, or have no case.
static bool begins_with(const char *text, const char *words)
{
    size_t n = strlen(words);
    return strncasecmp(text, words, n) == 0 && !isalpha((unsigned char)text[n]);
}

// "Re: ", "AW: ", "[EXT] ", "*** " in front.
static const char *subject_core(const char *subject)
{
    static const char *const front[] = {"re:", "aw:", "antw:", "sv:", "rv:", "fwd:", "fw:", "***"};
    for (size_t i = 0; i < ARRAY_LEN(front); i++) {
        subject += strspn(subject, " ");
        const char *end = subject[0] == '[' ? strchr(subject, ']') : NULL;
        if (end) {
            subject = end + 1;
            i = 0;
        } else if (strncasecmp(subject, front[i], strlen(front[i])) == 0) {
            subject += strlen(front[i]);
            i = 0;
        }
    }
    return subject + strspn(subject, " ");
}

static bool is_one_of(const char *core, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (begins_with(core, words[i]))
            return true;
    return false;
}

static bool is_answer(const struct part *top)
{
    return part_header_get(top, "In-Reply-To") || part_header_get(top, "References");
}

static bool is_away_subject(const struct part *top)
{
    const char *subject = part_header_get(top, "Subject");
    const char *core = subject ? subject_core(subject) : "";
    bool is_likely =
        is_answer(top) || feedback_is_automatic(top) || part_header_get(top, "Precedence");
    if (is_one_of(core, begins, ARRAY_LEN(begins)) ||
        (is_likely && is_one_of(core, perhaps, ARRAY_LEN(perhaps))))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        if (strcasestr(core, inside[i]))
            return true;
    return false;
}

static bool says_machine(const struct part *top)
{
    for (size_t i = 0; i < ARRAY_LEN(machines); i++)
        if (part_header_get(top, machines[i]))
            return true;
    return has_value(top, "Precedence", "auto_reply") ||
           has_value(top, "Precedence", "auto-reply") ||
           has_value(top, "X-Precedence", "auto_reply") ||
           has_value(top, "X-POST-MessageClass", "9; Autoresponder") ||
           has_value(top, "X-FC-MachineGenerated", "true") ||
           has_value(top, "Delivered-To", "Autoresponder");
}

bool feedback_auto_sure(const struct part *top)
{
    if (strcmp(top->type, "multipart/report") == 0 || feedback_is_daemon(top))
        return false;
    return says_machine(top) || is_away_subject(top);
}

bool feedback_auto(struct feedback *f, const struct parts *p)
{
    const struct part *top = &p->items[0];
    const char *from = part_header_get(top, "From");
    char address[ADDRESS_TEXT] = "";
    // "auto-generated" is said by every ticket system; one that answers and wants no answer is a rule's.
    bool is_rule = feedback_is_automatic(top) && is_answer(top) &&
                   part_header_get(top, "X-Auto-Response-Suppress");
    bool is_auto =
        feedback_auto_sure(top) || has_value(top, "Auto-Submitted", "auto-replied") || is_rule;
    if (!is_auto || strcmp(top->type, "multipart/report") == 0)
        return false;
    f->kind = FEEDBACK_AUTO_REPLY;
    if (from)
        (void)feedback_address(address, from);
    feedback_say(f, address, CLASS_AUTO_REPLY, SCOPE_RECIPIENT);
    return true;
}
