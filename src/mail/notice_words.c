#include "mail/notice_words.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

// clang-format off
static const struct notice_language languages[] = {
    {
        .code = "en", .decimal_point = '.',
        .why = "Why:", .rate = "Rate:", .until = "Until:", .waiting = "Waiting:", .list = "List:",
        .messages = "{n} messages",
        .seen = "What was seen", .examples = "What the receiving servers answered, for example:",
        .means = "What it means", .todo = "What to do",
        .stolen = "It looks as if somebody else uses your login: change its password first.",
        .footer = "This was written by the mail system at {node}; nobody reads answers to it.\n"
                  "Your mail operator can see the details.\n",
        .templates = {
            {"warned", "your mail needs attention",
             "Mail of customer {customer} is still sent as usual, and what is written below needs attention.",
             "Nothing is stopped. If it goes on, sending becomes slower, and then stops.",
             "Look at the addresses that were written to lately: where they come from, and whether these\n"
             "people asked for this mail. Take out the ones that do not exist any more."},
            {"throttled", "sending is slowed down",
             "Mail of customer {customer} is sent at a lower rate for now.",
             "What is over the rate is answered with a temporary refusal (450): mail programs try it again\n"
             "by themselves. Nothing that was accepted is lost.",
             "Stop mailings that can wait. Look at the addresses that were written to lately, and take out\n"
             "the ones that do not exist any more or did not ask for this mail."},
            {"suspended", "sending is suspended",
             "Mail of customer {customer} is not sent for now.",
             "New mail is answered with a refusal that says so. What was accepted before waits here and\n"
             "goes out when sending is restored; nothing is lost.",
             "Stop mailings. Look at the addresses that were written to lately. If you do not know this\n"
             "mail, somebody else may have your password: change it. Then tell your mail operator what was\n"
             "found; sending is restored by hand or at the time above."},
            {"restored", "sending is restored",
             "Mail of customer {customer} is sent as usual again.",
             "What waited goes out now. New mail is accepted.",
             "Nothing needs to be done."},
            {NULL, "your sending has changed",
             "Mail of customer {customer} is handled differently from now on.",
             "Your mail operator knows the details.",
             "Ask your mail operator."},
        },
        .harms = {
            [HARM_DEAD] = {
                "{bad} of {of} recipients in the last 24 hours do not exist ({rate}). Up to {limit} is accepted.",
                "Write only to addresses that people gave you and that you wrote to in the last year. Take out\n"
                "those that came back, and do not send to a bought or very old list."},
            [HARM_COMPLAINT] = {
                "{bad} of {of} recipients in the last 24 hours marked your mail as spam ({rate}). Up to {limit} is "
                "accepted.",
                "Write only to people who asked for it, say in each mail who you are and why they get it, and\n"
                "make leaving easy. Take out everybody who complained."},
            [HARM_SPAM] = {
                "{bad} of {of} mails in the last 24 hours were refused as spam ({rate}). Up to {limit} is accepted.",
                "Look at the text and its links: a linked site or a shortened link may have a bad name. Send it\n"
                "only to people who expect it."},
            [HARM_REPEAT] = {
                "{bad} of {of} mails in the last 24 hours were for people who are known not to exist, or who have\n"
                "unsubscribed ({rate}). Up to {limit} is accepted.",
                "Take out of your list every address that came back or unsubscribed, each time before you send."},
            [HARM_UNCONFIRMED] = {
                "{bad} of {of} list mails in the last 24 hours were for people who never confirmed that they want\n"
                "the list ({rate}). Up to {limit} is accepted.",
                "Send a list only to people who confirmed their subscription."},
            [HARM_TRAP] = {
                "{bad} mails in the last days went to addresses that belong to nobody and never asked for mail.",
                "Such addresses stand in bought and in collected lists. Send only to people who gave you their\n"
                "address themselves."},
        },
    },
    {
        .code = "de", .decimal_point = ',',
        .why = "Grund:", .rate = "Rate:", .until = "Bis:", .waiting = "Wartend:", .list = "Liste:",
        .messages = "{n} Nachrichten",
        .seen = "Was aufgefallen ist", .examples = "Was die Empfänger-Server geantwortet haben, zum Beispiel:",
        .means = "Was das bedeutet", .todo = "Was zu tun ist",
        .stolen = "Es sieht so aus, als ob jemand anders Ihre Zugangsdaten benutzt: Ändern Sie zuerst das Passwort.",
        .footer = "Diese Nachricht hat das Mailsystem {node} geschrieben; Antworten darauf liest niemand.\n"
                  "Die Einzelheiten sieht Ihr Mail-Betreiber.\n",
        .templates = {
            {"warned", "Ihre Mail braucht Aufmerksamkeit",
             "Die Mail des Kunden {customer} geht weiter hinaus wie gewohnt; was unten steht, braucht Aufmerksamkeit.",
             "Nichts ist angehalten. Geht es so weiter, wird der Versand langsamer und dann angehalten.",
             "Sehen Sie die zuletzt angeschriebenen Adressen an: woher sie kommen, und ob diese Menschen die\n"
             "Mail bestellt haben. Nehmen Sie heraus, was es nicht mehr gibt."},
            {"throttled", "Ihr Versand ist gebremst",
             "Die Mail des Kunden {customer} geht vorläufig langsamer hinaus.",
             "Was über der Rate liegt, wird vorläufig abgelehnt (450): Mailprogramme versuchen es von selbst\n"
             "wieder. Was angenommen wurde, geht nicht verloren.",
             "Halten Sie Aussendungen an, die warten können. Sehen Sie die zuletzt angeschriebenen Adressen an\n"
             "und nehmen Sie heraus, was es nicht mehr gibt oder diese Mail nicht bestellt hat."},
            {"suspended", "Ihr Versand ist angehalten",
             "Die Mail des Kunden {customer} geht vorläufig nicht hinaus.",
             "Neue Mail wird mit einer Begründung abgelehnt. Was vorher angenommen wurde, wartet hier und geht\n"
             "hinaus, sobald der Versand wieder frei ist; nichts geht verloren.",
             "Halten Sie Aussendungen an. Sehen Sie die zuletzt angeschriebenen Adressen an. Wenn Sie diese Mail\n"
             "nicht kennen, hat vielleicht jemand Ihr Passwort: Ändern Sie es. Sagen Sie dann Ihrem\n"
             "Mail-Betreiber, was Sie gefunden haben; er gibt den Versand frei, oder er ist zur Zeit oben\n"
             "wieder frei."},
            {"restored", "Ihr Versand ist wieder frei",
             "Die Mail des Kunden {customer} geht wieder hinaus wie gewohnt.",
             "Was gewartet hat, geht jetzt hinaus. Neue Mail wird angenommen.",
             "Es ist nichts zu tun."},
            {NULL, "bei Ihrem Versand hat sich etwas geändert",
             "Die Mail des Kunden {customer} wird von jetzt an anders behandelt.",
             "Ihr Mail-Betreiber kennt die Einzelheiten.",
             "Fragen Sie Ihren Mail-Betreiber."},
        },
        .harms = {
            [HARM_DEAD] = {
                "{bad} von {of} Empfängern der letzten 24 Stunden gibt es nicht ({rate}). Bis {limit} sind in Ordnung.",
                "Schreiben Sie nur an Adressen, die Ihnen jemand selbst gegeben hat und an die Sie im letzten Jahr\n"
                "geschrieben haben. Nehmen Sie heraus, was zurückkam; senden Sie nicht an gekaufte oder sehr alte\n"
                "Listen."},
            [HARM_COMPLAINT] = {
                "{bad} von {of} Empfängern der letzten 24 Stunden haben Ihre Mail als Spam gemeldet ({rate}). Bis\n"
                "{limit} sind in Ordnung.",
                "Schreiben Sie nur an Menschen, die es bestellt haben, sagen Sie in jeder Mail, wer Sie sind und\n"
                "warum sie kommt, und machen Sie das Abbestellen leicht. Nehmen Sie heraus, wer sich beschwert hat."},
            [HARM_SPAM] = {
                "{bad} von {of} Mails der letzten 24 Stunden wurden als Spam abgelehnt ({rate}). Bis {limit} sind in\n"
                "Ordnung.",
                "Sehen Sie Text und Links an: Eine verlinkte Seite oder ein Kurzlink kann einen schlechten Ruf\n"
                "haben. Senden Sie nur an Menschen, die diese Mail erwarten."},
            [HARM_REPEAT] = {
                "{bad} von {of} Mails der letzten 24 Stunden gingen an Adressen, die es bekanntlich nicht gibt oder die\n"
                "abbestellt haben ({rate}). Bis {limit} sind in Ordnung.",
                "Nehmen Sie vor jedem Versand heraus, was zurückkam oder abbestellt hat."},
            [HARM_UNCONFIRMED] = {
                "{bad} von {of} Listenmails der letzten 24 Stunden gingen an Menschen, die nie bestätigt haben, dass\n"
                "sie die Liste wollen ({rate}). Bis {limit} sind in Ordnung.",
                "Senden Sie eine Liste nur an Menschen, die ihre Anmeldung bestätigt haben."},
            [HARM_TRAP] = {
                "{bad} Mails der letzten Tage gingen an Adressen, die niemandem gehören und nie Mail bestellt haben.",
                "Solche Adressen stehen in gekauften und gesammelten Listen. Senden Sie nur an Menschen, die Ihnen\n"
                "ihre Adresse selbst gegeben haben."},
        },
    },
};
// clang-format on

const struct notice_language *notice_language_get(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(languages); i++)
        if (strcmp(languages[i].code, code) == 0)
            return &languages[i];
    return &languages[0];
}
