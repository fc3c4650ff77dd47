// Automatic answers: out of office, vacation, "we have got your mail". A machine that answers says so in one
// of a dozen headers, or in its subject in one of as many languages. Bounces say that they are automatic as
// well, so headers alone never tell the two apart: who wrote it does (a mail system, or somebody's mailbox).
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/feedback_room.h"
#include "mail/feedback_words.h"

enum { TEXT_READ = 1000, SHORT_WORD = 5 }; // bytes

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
    "absence notice",
    "away notice",
    "away message",
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
    "automatisch bericht",
    "buiten kantoor",
    "niet op kantoor",
    "automatische eingangsbestätigung",
    "bin im urlaub",
    "ich bin im urlaub",
    "bin nicht im büro",
    "nicht im haus",
    // French, Spanish, Catalan, Portuguese, Italian, Romanian
    "absence du bureau",
    "absent du bureau",
    "absente du bureau",
    "je suis absent",
    "absence de bureau",
    "hors du bureau",
    "autoréponse",
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
    "fora do escritorio",
    "ausente do escritório",
    "ausente de la oficina",
    "mensagem automática",
    "mensaje automático",
    "contestación automática",
    "messaggio automatico",
    "fuori sede",
    "assente dall'ufficio",
    "fora de l'oficina",
    "în afara biroului",
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
    "inte på kontoret",
    "ej på kontoret",
    "ikke på kontoret",
    "utenfor kontoret",
    "ude af kontoret",
    "ude af huset",
    "poissa toimistosta",
    "poissa",
    "lomalla",
    // Slavic, Baltic, Hungarian, Greek, Turkish
    "odpowiedź automatyczna",
    "automatyczna odpowiedź",
    "autoodpowiedź",
    "poza biurem",
    "nieobecność",
    "autoresponder",
    "odpověď v nepřítomnosti",
    "nepřítomnost",
    "mimo kancelář",
    "mimo kanceláriu",
    "izven pisarne",
    "izvan ureda",
    "не в офис",
    "нет на месте",
    "отсутствие на рабочем месте",
    "вне офиса",
    "поза офісом",
    "автоматичен отговор",
    "извън офиса",
    "аутоматски одговор",
    "автовідповідь",
    "automatická odpověď",
    "automatická odpoveď",
    "samodejni odgovor",
    "automatski odgovor",
    "автоответ",
    "автоматический ответ",
    "автоматична відповідь",
    "automātiskā atbilde",
    "automatiska atbilde",
    "ārpus biroja",
    "arpus biroja",
    "nesu darbe",
    "kontorist väljas",
    "házon kívül",
    "szabadságon",
    "εκτός γραφείου",
    "ofis dışında",
    "ofis dışı",
    "automatinis atsakymas",
    "automaatvastus",
    "automatikus válasz",
    "αυτόματη απάντηση",
    "otomatik yanıt",
    "otomatik cevap",
    // Hebrew, Arabic, Chinese, Japanese, Korean, Vietnamese, Thai
    "תשובה אוטומטית",
    "מענה אוטומטי",
    "מחוץ למשרד",
    "خارج المكتب",
    "الرد التلقائي",
    "پاسخ خودکار",
    "स्वचालित उत्तर",
    "balasan otomatis",
    "jawapan automatik",
    "رد تلقائي",
    "自动回复",
    "自動回覆",
    "自動回復",
    "自动答复",
    "不在办公室",
    "不在辦公室",
    "自動回信",
    "自動回答",
    "休暇のお知らせ",
    "自動返信",
    "自動応答",
    "自動配信",
    "不在通知",
    "不在のお知らせ",
    "자동 회신",
    "자동 응답",
    "부재중",
    "자동회신",
    "자동응답",
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

// In the text of an answering machine.
static const char *const phrases[] = {
    "out of office",
    "out of the office",
    "on vacation",
    "on holiday",
    "on leave",
    "automated response",
    "automatic response",
    "automatic reply",
    "auto-reply",
    "autoreply",
    "thank you for your e-mail",
    "thank you for your email",
    "thank you for your mail",
    "thank you for your message",
    "thank you for contacting",
    "thanks for contacting",
    "we have received your",
    "has been received",
    "vielen dank für ihre",
    "im urlaub",
    "nicht im büro",
    "nicht im hause",
    "nicht erreichbar",
    "merci pour votre",
    "nous avons bien reçu",
    "je suis absent",
    "gracias por su",
    "gracias por contactar",
    "hemos recibido su",
    "de vacaciones",
    "obrigado pela sua",
    "recebemos sua",
    "grazie per",
    "sono assente",
    "in ferie",
    "bedankt voor",
    "ben ik afwezig",
    "tack för ditt",
    "takk for din",
    "tak for din",
    "dziękujemy za",
    "děkujeme za",
    "köszönjük",
    "спасибо за",
    "ваше обращение",
    "в отпуске",
    "自動返信",
    "お問い合わせ",
    "自动回复",
    "收到您的",
    "자동",
};

// Who asks senders to prove that they are people says so in one of a few ways.
static const char *const challenges[] = {
    "recipient's allowed list",   "to be added to my allowed",
    "prove that you are a human", "prove you are human",
    "verify that you are a real", "confirm that you are a real person",
    "confirm that you are human", "this one-time confirmation",
    "challenge-response",         "is protected by boxbe",
    "is protected by spamarrest", "your message was sent by a human",
    "waiting for you to confirm", "confirm your address by clicking",
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

static bool begins_with(const char *text, const char *words)
{
    size_t n = strlen(words);
    return strncmp(text, words, n) == 0 && !isalpha((unsigned char)text[n]);
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

bool feedback_has_null_path(const struct part *top)
{
    const char *path = part_header_get(top, "Return-Path");
    return path && strncmp(path + strspn(path, " "), "<>", 2) == 0;
}

// Nobody's newsletter and no mail system's, and yet no person's.
static bool is_machines(const struct part *top)
{
    static const char *const lists[] = {"List-Id", "List-Unsubscribe", "List-Post", "Feedback-ID"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (part_header_get(top, lists[i]))
            return false;
    return !feedback_is_daemon(top) &&
           (feedback_has_null_path(top) || feedback_is_automatic(top) ||
            has_value(top, "Precedence", "bulk") || has_value(top, "Precedence", "junk") ||
            part_header_get(top, "X-Auto-Response-Suppress"));
}

// "Re: Automatic reply: lunch" with the thread's ids is somebody who answers a machine.
static bool is_answer_to_machine(const struct part *top, const char *low)
{
    const char *core = subject_core(low);
    return core > low && low[0] != '[' && low[0] != '*' && is_answer(top) && !is_machines(top);
}

// Set off from the rest: "[Autosvar] Hi", "Spring offers (vacation)", "Arpus biroja: automatiska atbilde: Hi".
static bool is_set_off(const char *low, const char *words)
{
    size_t n = strlen(words);
    for (const char *at = low; (at = strstr(at, words)); at++) {
        size_t gap = strspn(at + n, " ");
        const char *end = at + n + gap, *begin = at;
        while (begin > low && begin[-1] == ' ')
            begin--;
        if ((*end && strchr(":])|", *end)) || strncmp(end, "】", 3) == 0 ||
            (begin > low && strchr("[(|", begin[-1])) ||
            (begin >= low + 3 && strncmp(begin - 3, "【", 3) == 0))
            return true;
    }
    return false;
}

static char *subject_low(const struct part *top)
{
    const char *subject = part_header_get(top, "Subject");
    char *low = xstrdup(subject ? subject : "");
    words_lower(low, strlen(low));
    return low;
}

static bool is_away_subject(const struct part *top)
{
    CLEANUP(xfree) char *low = subject_low(top);
    const char *core = subject_core(low);
    bool is_likely =
        is_answer(top) || feedback_is_automatic(top) || part_header_get(top, "Precedence");
    if (is_answer_to_machine(top, low))
        return false;
    if (is_one_of(core, begins, ARRAY_LEN(begins)) ||
        (is_likely && is_one_of(core, perhaps, ARRAY_LEN(perhaps))))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        if (strstr(core, inside[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(begins); i++)
        if (is_set_off(low, begins[i]))
            return true;
    return false;
}

static bool is_receipt_subject(const struct part *top)
{
    static const char *const read[] = {
        "read:",  "not read:",  "gelesen:", "ungelesen:", "lu :",  "lu:",
        "leído:", "lida:",      "letto:",   "gelezen:",   "läst:", "læst:",
        "lest:",  "прочитано:", "已读:",    "開封済み:"};
    CLEANUP(xfree) char *low = subject_low(top);
    for (size_t i = 0; i < ARRAY_LEN(read); i++)
        if (strncmp(low, read[i], strlen(read[i])) == 0)
            return true;
    return false;
}

// What stands in the subject or text of one, of a mail that says by its envelope or headers that no person wrote it.
static char *words_low(const struct parts *p)
{
    const char *text = "";
    for (size_t i = 0; i < p->n && !*text; i++)
        if (!p->items[i].is_enclosed)
            text = p->items[i].text;
    CLEANUP(xfree) char *subject = subject_low(&p->items[0]);
    char *low = xasprintf("%s\n%.*s", subject, (int)TEXT_READ, text);
    words_lower(low, strlen(low));
    for (char *at = low; *at; at++)
        if (*at == '\n')
            *at = ' ';
    return low;
}

static bool has_phrase(const struct parts *p, const char *const *words, size_t n)
{
    CLEANUP(xfree) char *low = words_low(p);
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) > SHORT_WORD && strstr(low, words[i]))
            return true;
    return false;
}

static bool is_away_text(const struct parts *p)
{
    return has_phrase(p, phrases, ARRAY_LEN(phrases)) || has_phrase(p, begins, ARRAY_LEN(begins));
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

static bool is_auto(const struct parts *p)
{
    const struct part *top = &p->items[0];
    // "auto-generated" is said by every ticket system; one that answers and wants no answer is a rule's.
    bool is_rule = feedback_is_automatic(top) && is_answer(top) &&
                   part_header_get(top, "X-Auto-Response-Suppress");
    if (feedback_auto_sure(top) || has_value(top, "Auto-Submitted", "auto-replied") || is_rule)
        return true;
    if (has_phrase(p, challenges, ARRAY_LEN(challenges)))
        return true;
    return is_machines(top) && !is_receipt_subject(top) &&
           (is_away_text(p) || (feedback_has_null_path(top) && is_answer(top)));
}

bool feedback_auto(struct feedback *f, const struct parts *p)
{
    const struct part *top = &p->items[0];
    const char *from = part_header_get(top, "From");
    char address[ADDRESS_TEXT] = "";
    if (strcmp(top->type, "multipart/report") == 0 || !is_auto(p))
        return false;
    f->kind = FEEDBACK_AUTO_REPLY;
    if (from)
        (void)feedback_address(address, from);
    feedback_say(f, address, CLASS_AUTO_REPLY, SCOPE_RECIPIENT);
    return true;
}
