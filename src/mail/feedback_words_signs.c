// Is a mail without a report's structure a bounce at all? Three things speak for it: who sends it, what
// the subject says, what the text says; and a recipient with a meaning. A person who writes about a
// bounce, or a list, or an automatic answer must not pass: without a sender that is a mail system, nearly
// everything else has to speak for it. A bounce missed costs a retry, a false one a living address.
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/feedback_words.h"
#include "mail/parts.h"

// clang-format off
// Parts of words for "not delivered", in the tongues in which mail servers speak; lower case.
static const char *const failures[] = {
    "failure reason", "returned message", "report to sender", "fatal errors", "could not be reached",
    "undeliver", "undelivr", "non-deliver", "nondeliver", "non deliver", "not delivered", "not been delivered",
    "not be delivered", "n't be delivered", "n't delivered", "n't been delivered", "delivery fail", "delivery has failed",
    "delivery error", "delivery problem", "delivery to the following", "delivery of your message", "delivery attempt",
    "failed delivery", "failure delivery", "mail delivery", "failure notice", "failed to deliver", "failure to deliver",
    "failed permanently", "could not deliver", "unable to deliver", "able to deliver", "cannot deliver", "can't deliver",
    "cannot be delivered", "can not be delivered", "couldn't deliver", "not deliverable", "problem delivering",
    "problems delivering", "error delivering", "returned mail", "mail returned", "returned to sender", "returned to you",
    "return to sender", "being returned", "message returned", "returning message", "did not reach", "didn't reach",
    "not reach the following", "not be reached", "fatal delivery", 
    "addresses failed", "address(es) failed", "address failed", "failed recipient", "failed address", "delivery status notification",
    "delivery notification", "delivery report", "notification of delivery", "mail failure", "failed mail", "mail system error",
    "could not be sent", "not be sent", "n't be sent", "delivery status",
    
    "could not send message",
    "delayed mail", "delivery delayed", "not yet been delivered", "still undelivered", 
    "not been sent", 
    
    // German, Dutch, Scandinavian
    "unzustellbar", "nicht zugestellt", "nicht zustellbar", "zugestellt werden", "nicht gesendet", "nicht übermittelt",
    "nicht ausgeliefert", "zurückgesandt", "zurückgewiesen", "onbestelbaar", "niet bezorg", "niet afgelever", "niet worden bezorg",
    "niet worden afgelever", "kunde inte levereras", "ej levere", "ikke lever", "olever", 
    // Romance
    "non remis", "échec de", "echec de", "échec d", "non distribu", "non délivr", "rapport de non", "pas été remis",
    "pas été délivr", "impossible de remettre", "non livr", "no se pudo entregar", "no entregad", "error de entrega", 
    "no se puede entregar", "no se entreg", "devuelto", "fallo en la entrega", "fallo de entrega", "entrega fallida", "imposible entregar",
    "no fue posible entregar", "mancato recapito", "mancata consegna", "non recapitabil", "non consegnat", 
    "impossibile recapitare", "impossibile consegnare", "não entreg", "não foi entreg", "falha na entrega",
    "nao entreg", "erro na entrega",
    // Slavic, Turkish, Hungarian, Greek
    "недоставл", "не доставл", "не может быть доставл", "не было доставл", "не удалось доставить", "невозможно доставить", "ошибка доставки",
    "не удаётся доставить", "не удается доставить", "не была доставл", "не может быть отправл", "niedostarcz", "nie dostarcz", "nie może zostać dostarcz", "nie została dostarcz",
    "zwrot wiadomości", "nedoruč", "nedoručiteľn", "teslim edilem", "iletilem", "gönderilem", "kézbesít", "δεν παραδόθηκε", "не доставлено",
    "تعذر تسليم", "لم يتم تسليم", "לא נמסרה", "לא ניתן למסור", "ไม่สามารถส่ง",
    // Chinese, Japanese, Korean
    "退信", "投递失败", "投遞失敗", "无法投递", "無法投遞", "无法送达", "無法送達", "寄件失敗", "無法傳遞", "无法传递", "無法傳送", "无法发送", "发送失败", "未能送达", "未送达", "传递失败", "傳遞失敗", "退件",
    "配信エラー", "送信エラー", "配送エラー", "配送でき", "配信でき", "配信不能", "配送不能", "送信できません", "送信できない", "送信でき", "お届けでき", "届けられません", "届きません", "不達", "未達", "送達でき", "エラーメール", 
    "반송", "전송 실패", "전송하지 못", "배달되지", "수신 실패", "발송 실패", "전달되지",
    NULL};

// Parts of words for failures of any kind: alone they mean little.
static const char *const troubles[] = {
    "fatal error", "permanent error", "permanent failure", "error sending", "message status", "mail status", "bounced", "unknown user",
    "user unknown", "no such user", "unknown recipient", "invalid recipient", "unknown address", "was rejected", "been rejected", "rejected by",
    "message rejected", "mail rejected", "rejected:", "was refused", "been blocked", "was blocked", "has blocked", "were blocked", "nu a putut fi", "tidak dapat dikirim", "tidak terkirim", "không thể gửi", "không gửi được", "is delayed", "been delayed", "not accepted",
    "following addresses", "following recipients", "following recipient", "following address", "unroutable", "unrouteable", "may not exist",
    "valid user", "valid address", "valid mailbox", "invalid user", "no such", "not found", "over quota", "not known here",
    "does not exist", "doesn't exist", "mailbox full", "quota exceeded", "mailbox is full", "unbekannte", "zustellung", "kunne ikke", "kunde inte",
    "n'a pas pu être", "n'a pu être", "n'ont pas pu", "ne peut être", "no ha podido ser", "no se ha podido", "no pudo ser", "non è stato possibile",
    "non può essere", "não pôde ser", "não pode ser", "não foi possível", "nao foi possivel", "nebylo možné", "nie mogła zostać", "失敗しました",
    "見つかりませんでした", "退回", "has been delayed", "devolvid", "devolución", "toimitta", NULL};
// In the From header: a mail system.
static const char *const daemons[] = {
    "mailer-daemon", "mailer daemon", "mailerdaemon", "mailer_daemon", "mail-daemon", "postmaster", "mail delivery", "maildelivery",
    "mail system", "mailsystem", "delivery system", "delivery subsystem", "system administrator", "systemadministrator", "mail administrator", "mailadmin",
    "internet mail delivery", "transfer agent", "mail transport", "bounce", "mdaemon", "mail router", "mail server", "mailserver", "mail gateway", "mail-gateway",
    "administrateur système", "administrateur syst", "administrador del sistema", "administrador do sistema", "amministratore di sistema", "администратор", "系统管理员", "システム管理者",
    "mail service", "delivery agent", "delivery fail", "smtp server", "smtp@", "mta@", "uucp@", "undeliver", "mail-dispatcher", "message router", "microsoft exchange", "delivery notification", "x400", "daemon@", "pmdf", NULL};
// In the From header: a machine at least.
static const char *const machines[] = {"noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "system@", "server@", "notification", "notify", "admin@", "administrator@",
    "support@", "daemon", "system", "server", "security", "antispam", "spam", "filter", "gateway", "robot", "root@", NULL};
// A subject that answers, forwards, or is an automatic answer.
static const char *const answers[] = {"re:", "aw:", "sv:", "vs:", "antw:", "fwd:", "fw:", "wg:", "tr:", "rv:", "res:", "enc:", "回复", "答复", "转发", "回覆", "轉寄", NULL};
static const char *const automatic[] = {
    "out of office", "out of the office", "auto-reply", "autoreply", "auto reply", "automatic reply", "auto response", "autoresponse", "auto-response", "auto:", "vacation", "away from", "on leave",
    "on holiday", "abwesen", "automatische antwort", "réponse automatique", "absence", "absent", "respuesta automática", "fuera de la oficina", "risposta automatica", "fuori ufficio", "resposta automática", "автоответ", "自动回复",
    "自動回覆", "自動返信", "不在", "i am away", "maternity", "nicht im büro", "automatisch antwoord", "afwezig", "autosvar", "nieobecno", "thank you for your", "we have received", "ticket", "confirm", NULL};
// Other things that are delivered, and fail to be.
static const char *const goods[] = {"parcel", "shipment", "courier", "your package", "your order", "paket", "sendung", "colis", "paquete", "encomenda", "pacco", "przesyłk", "посылк", "包裹", "荷物", "택배", NULL};
static const char *const delays[] = {
    "warning message only", "will be retried", "still being retried", "continue to try", "keep trying", "will keep on trying", "not need to resend", "has been delayed", "is delayed", "delivery delayed",
    "delayed mail", "been delayed", "not yet been delivered", "still undelivered", "not yet delivered", "could not send message for past", "notification (delay", "will try again", "still trying", "will continue", "continuing to try",
    "verzögert", "weiterhin versuch", "retardée", "demorad", "retrasad", "ritardata", "отложен", "задерж", "опаздывает", "延迟", "遅延", "geciktir", NULL};
// These leave no doubt.
static const char *const still[] = {
    "warning message only", "not need to resend", "yet been delivered", "warning may be repeated", "attempts will continue", "still being retried", "not yet delivered", "action: delayed", "temporary problem delivering", "temporarily unable to deliver", "noch nicht zugestellt", "wird weiterhin versucht",
    "tentatives vont se poursuivre", "aún no se ha entregado", "ещё не доставлен", "еще не доставлен", "配信を続け", "再送を続け", NULL};
// It was given up.
static const char *const ends[] = {
    "giving up", "given up", "gave up", "no longer retry", "not try again", "not be retried", "returned", "permanent", "failed", "could not be delivered", "unable to deliver", "expired", "not going to try", "will not", "undeliverable", "bounced", NULL};
static const char *const successes[] = {
    "successfully delivered", "successful delivery", "delivered successfully", "was delivered to", "been delivered to", "has been delivered", "successfully relayed", "successfully sent",
    "erfolgreich zugestellt", "remis avec succès", "entregado correctamente", "consegnato correttamente", NULL};
// clang-format on

// Is one of them in low[at, end)?
static bool has_any(const char *low, size_t at, size_t end, const char *const *words)
{
    for (; *words; words++)
        if (memmem(low + at, end - at, *words, strlen(*words)))
            return true;
    return false;
}

static bool text_has(const struct words *w, const char *const *words)
{
    for (size_t i = 0; i < w->lines_n && w->lines[i].at < WORDS_SIGNS; i++)
        if (!w->lines[i].is_out && has_any(w->low, w->lines[i].at, w->lines[i].end, words))
            return true;
    return false;
}

// Words at a line's end go on in the next.
static size_t wrapped_end(const struct words *w, size_t line)
{
    bool goes_on = line + 1 < w->lines_n && !w->lines[line + 1].is_out &&
                   !w->lines[line + 1].is_first && w->lines[line].end > w->lines[line].at + 40;
    return goes_on ? w->lines[line + 1].end : w->lines[line].end;
}

void words_mark_failure(struct words *w)
{
    for (size_t i = 0; i < w->lines_n && w->lines[i].at < WORDS_SIGNS; i++) {
        struct words_line *l = &w->lines[i];
        if (l->is_out || l->end - l->at < 4)
            continue; // too short for any of them
        size_t end = wrapped_end(w, i);
        l->is_failure = has_any(w->low, l->at, end, failures);
        l->is_trouble = l->is_failure || has_any(w->low, l->at, end, troubles);
    }
}

static char *header_low(const struct words *w, const char *name)
{
    const char *value = part_header_get(&w->parts->items[0], name);
    char *low = xstrdup(value ? value : "");
    words_lower(low, strlen(low));
    return low;
}

static bool has_header(const struct words *w, const char *name)
{
    return part_header_get(&w->parts->items[0], name) != NULL;
}

// Did it come with a return path, as a person's mail does?
static bool has_return_path(const struct words *w)
{
    const char *path = part_header_get(&w->parts->items[0], "Return-Path");
    return path && strchr(path, '@');
}

// 3: a mail system, 2: the null return path, 1: a machine, or one that only calls itself a mail system,
// 0: perhaps a person.
static int weigh_sender(const struct words *w)
{
    CLEANUP(xfree) char *from = header_low(w, "From");
    const char *path = part_header_get(&w->parts->items[0], "Return-Path");
    const char *address = strrchr(from, '<') ? strrchr(from, '<') : from;
    size_t n = strlen(from);
    if (!strchr(from, '@') || has_any(address, 0, strlen(address), daemons))
        return 3;
    if (has_any(from, 0, n, daemons) || has_any(from, 0, n, failures))
        return has_return_path(w) ? 1 : 3;
    if (path && strncmp(path + strspn(path, " "), "<>", 2) == 0)
        return 2;
    return has_any(from, 0, n, machines);
}

static bool is_answer(const char *subject)
{
    for (size_t i = 0; answers[i]; i++)
        if (strncmp(subject, answers[i], strlen(answers[i])) == 0)
            return true;
    return false;
}

// What makes it something else: a list, an answer.
static int weigh_against(const struct words *w, const char *subject, int sender)
{
    CLEANUP(xfree) char *precedence = header_low(w, "Precedence");
    CLEANUP(xfree) char *submitted = header_low(w, "Auto-Submitted");
    int against = 0;
    if (has_any(subject, 0, strlen(subject), automatic) &&
        !has_any(subject, 0, strlen(subject), failures))
        against += sender >= 3 ? 3 : 8;
    if (is_answer(subject))
        against += sender < 3 ? 4 : has_return_path(w) ? 3 : 1;
    if (has_header(w, "List-Id") || has_header(w, "List-Unsubscribe") ||
        strcmp(precedence, "list") == 0)
        against += 5;
    if (sender < 3 && (has_any(subject, 0, strlen(subject), goods) || text_has(w, goods)))
        against += 5;
    if (sender < 3 &&
        (has_header(w, "X-Autoreply") || has_header(w, "X-Autorespond") ||
         has_header(w, "X-Auto-Response-Suppress") || strncmp(submitted, "auto-replied", 12) == 0))
        against += 3;
    return against;
}

static bool has_taken(const struct words *w)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&w->people, &i));)
        if (((struct words_person *)item->value)->is_taken)
            return true;
    return false;
}

static int weigh_text(const struct words *w)
{
    int failure = 0, trouble = 0;
    for (size_t i = 0; i < w->lines_n; i++) {
        failure += w->lines[i].is_failure;
        trouble += w->lines[i].is_trouble;
    }
    return failure > 1 || (failure && trouble > 1) ? 4 : failure ? 3 : trouble ? 2 : 0;
}

static int weigh_subject(const char *subject)
{
    size_t n = strlen(subject);
    return has_any(subject, 0, n, failures) ? 3 : has_any(subject, 0, n, troubles) ? 2 : 0;
}

// A receipt tells of reading, not of delivery.
static bool is_receipt(const struct words *w)
{
    return strcmp(w->parts->items[0].report_type, "disposition-notification") == 0;
}

bool words_is_bounce(const struct words *w)
{
    static const int enough[] = {10, 9, 7, 6}; // by sender
    CLEANUP(xfree) char *subject = header_low(w, "Subject");
    int sender = weigh_sender(w), subject_says = weigh_subject(subject), text = weigh_text(w);
    if (is_receipt(w) || (sender == 0 && has_return_path(w)))
        return false;
    if (w->failed.count)
        return true;
    if (text < 3 && !(subject_says && sender >= 2) && !(text && sender == 3 && has_taken(w)))
        return false;
    if (!has_taken(w) && (sender < 2 || !(subject_says || w->has_original)))
        return false; // too little for a bounce that hides whom it speaks of
    int all = sender + subject_says + text + (w->has_original ? 1 : 0) + (has_taken(w) ? 2 : 0);
    // A machine that has a return path of its own is no mail system: more has to speak for it.
    int least = enough[sender] + (sender == 1 && has_return_path(w) ? 2 : 0);
    return all - weigh_against(w, subject, sender) >= least;
}

bool words_is_delay(const struct words *w)
{
    CLEANUP(xfree) char *subject = header_low(w, "Subject");
    if (text_has(w, still))
        return true;
    if (!text_has(w, delays) && !has_any(subject, 0, strlen(subject), delays))
        return false;
    return !text_has(w, ends) && !has_any(subject, 0, strlen(subject), ends);
}

bool words_is_success(const struct words *w)
{
    for (size_t i = 0; i < w->lines_n && w->lines[i].at < WORDS_SIGNS; i++) {
        const struct words_line *l = &w->lines[i];
        if (!l->is_out && words_last(w->low, l->at, l->end, successes))
            return true;
        if (l->is_failure)
            return false; // what comes first is the news
    }
    return false;
}
