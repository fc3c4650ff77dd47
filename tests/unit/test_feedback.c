/* What a mail that comes back says: reports that keep the standards and those that do not, complaints,
 * unsubscriptions, answering machines, and mail that is none of it. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "mail/feedback.h"
#include "mail/replies.h"
#include "mail/report.h"
#include "settings/settings.h"

static struct settings *settings;
static struct replies *replies;

static int set_up(void **state)
{
    (void)state;
    settings = settings_shipped();
    replies = replies_new(settings->replies, settings->replies_n);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    replies = replies_free(replies);
    settings = settings_free(settings);
    return 0;
}

#define REPORT_HEAD                                                                                \
    "From: Mail Delivery System <MAILER-DAEMON@mx.far.example>\nTo: token@bounces.example.net\n"   \
    "Subject: Undelivered mail\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"                 \
    "Content-Type: multipart/report; report-type=delivery-status; boundary=cut\n\n"                \
    "--cut\nContent-Type: text/plain\n\nYour mail did not arrive.\n\n--cut\n"
#define STATUS "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.far.example\n\n"
#define ORIGINAL                                                                                   \
    "\n--cut\nContent-Type: text/rfc822-headers\n\nReturn-Path: <news@shop.example>\n"             \
    "Message-ID: <42@shop.example>\nFeedback-ID: 1:acme:x\nTo: ann@far.example\nSubject: News\n"   \
    "--cut--\n"

#define ARF_HEAD                                                                                   \
    "From: fbl@provider.example\nSubject: FW: News\nMIME-Version: 1.0\n"                           \
    "Content-Type: multipart/report; report-type=feedback-report; boundary=cut\n\n"                \
    "--cut\nContent-Type: text/plain\n\nA complaint.\n--cut\n"
#define ARF "Content-Type: message/feedback-report\n\nUser-Agent: loop/1\nVersion: 1\n"

// "kind address class enhanced scope; address class …"
static char *said(const char *mail)
{
    static const char *const kinds[] = {"other", "bounce", "auto", "complaint", "unsubscribe"};
    CLEANUP(feedback_free) struct feedback *f = feedback_read(bytes_str(mail), replies);
    CLEANUP(buf_deinit) struct buf out = {0};
    buf_add_str(&out, kinds[f->kind]);
    for (size_t i = 0; i < f->recipients_n; i++) {
        const struct feedback_recipient *r = &f->recipients[i];
        buf_printf(&out, "%s %s %s %s %s", i ? ";" : "", *r->address ? r->address : "-",
                   class_text(r->class), *r->enhanced ? r->enhanced : "-", scope_text(r->scope));
    }
    return buf_take_str(&out);
}

struct mail_case {
    const char *name, *mail, *said;
};

static void check(const struct mail_case *cases, size_t n)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        CLEANUP(xfree) char *got = said(cases[i].mail);
        if (strcmp(got, cases[i].said) == 0)
            continue;
        print_error("%s:\n  %s\nnot\n  %s\n", cases[i].name, got, cases[i].said);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void a_report_says_who_and_why(void **state)
{
    (void)state;
    static const struct mail_case cases[] = {
        // clang-format off
        {"as it should be", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@FAR.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 No such user here\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"two recipients", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822; bob@far.example\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 Mailbox full\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient; bob@far.example mailbox-full 5.2.2 recipient"},
        {"no empty line between two", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; bob@far.example\nAction: failed\nStatus: 5.1.1\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient; bob@far.example unknown-user 5.1.1 recipient"},
        {"empty lines inside of one", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\n\nAction: failed\n\nStatus: 5.1.1\n\n\nDiagnostic-Code: smtp; 550 5.1.1 unknown user\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"the same one twice", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822; ANN@far.example\nAction: failed\nStatus: 5.2.2\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"where we sent to, not where it went", REPORT_HEAD STATUS "Original-Recipient: rfc822;ann@far.example\nFinal-Recipient: rfc822; a.smith@inside.far.example\nAction: failed\nStatus: 5.1.1\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"an original that is none", REPORT_HEAD STATUS "Original-Recipient: rfc822;unknown\nFinal-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"nobody is named: whom the mail was for", REPORT_HEAD STATUS "Final-Recipient: rfc822;\nAction: failed\nStatus: 5.1.1\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"text weighs more than its code", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 mailbox is full, over quota\n" ORIGINAL,
         "bounce ann@far.example mailbox-full 5.1.1 recipient"},
        {"wrapped without a blank", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 there is\nno such user: ann\nhere\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"the system's own words", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: x-unix; user unknown\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"a status with its comment alone", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.2 (bad destination system address)\n" ORIGINAL,
         "bounce ann@far.example domain-not-found 5.1.2 recipient"},
        {"delayed, whatever it says", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: delayed\nStatus: 4.1.1\nDiagnostic-Code: smtp; 450 4.1.1 user unknown\n" ORIGINAL,
         "bounce ann@far.example transient 4.1.1 provider"},
        {"relayed", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: relayed (to a system that reports nothing)\nStatus: 2.0.0\n" ORIGINAL,
         "bounce ann@far.example delivered 2.0.0 unknown"},
        {"delivered", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: delivered\nStatus: 2.1.5\nDiagnostic-Code: smtp; 250 ok\n" ORIGINAL,
         "bounce ann@far.example delivered 2.1.5 unknown"},
        {"a status part of no type", REPORT_HEAD "\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"no MIME at all", "From: MAILER-DAEMON@mx.far.example\nSubject: failed\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\n",
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"a status part in base64", REPORT_HEAD "Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\nRmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFubkBmYXIuZXhhbXBsZQpBY3Rpb246IGZhaWxlZApTdGF0dXM6IDUuMS4xCg==\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"a routing loop", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.4.6\n" ORIGINAL,
         "bounce ann@far.example protocol 5.4.6 unknown"},
        {"expired in a queue", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 4.4.7\n" ORIGINAL,
         "bounce ann@far.example no-connect 4.4.7 unknown"},
        {"an unknown refusal", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 that will not do\n" ORIGINAL,
         "bounce ann@far.example undetermined 5.0.0 unknown"},
        {"UTF-8 (RFC 6533)", REPORT_HEAD "Content-Type: message/global-delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: utf-8; j\\x{F6}rg@far.example\nAction: failed\nStatus: 5.1.1\n" ORIGINAL,
         "bounce j\xc3\xb6rg@far.example unknown-user 5.1.1 recipient"},
        {"a local name, and where it is", REPORT_HEAD STATUS "Final-Recipient: LOCAL; ann\nX-Actual-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\n\n--cut--\n",
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"two lines of diagnostic", REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550-sorry\nDiagnostic-Code: smtp; 550 no such user\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.0.0 recipient"},
        {"a report without its machine-readable part", "From: MAILER-DAEMON@far.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=cut\n\n--cut\n\nzzz\n" ORIGINAL,
         "bounce ann@far.example undetermined - unknown"},
        {"a read receipt", "From: ann@far.example\nSubject: Read: News\nContent-Type: multipart/report; report-type=disposition-notification; boundary=cut\n\n--cut\n\nread\n--cut\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; ann@far.example\nDisposition: manual-action/MDN-sent-manually; displayed\n--cut--\n",
         "other"},
        {"deleted without being read", "From: ann@far.example\nSubject: Not read: News\nContent-Type: multipart/report; report-type=disposition-notification; boundary=cut\n\n--cut\n\ngone\n--cut\nContent-Type: message/disposition-notification\n\nOriginal-Recipient: rfc822; ann@far.example\nFinal-Recipient: rfc822; ann@far.example\nDisposition: automatic-action/MDN-sent-automatically; deleted\n--cut--\n",
         "other"},
        {"a report that somebody encloses", "From: bob@far.example\nSubject: what is this?\nContent-Type: multipart/mixed; boundary=out\n\n--out\n\nlook\n--out\nContent-Type: message/rfc822\n\n" REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\n" ORIGINAL "--out--\n",
         "other"},
        // clang-format on
    };
    check(cases, ARRAY_LEN(cases));
}

static void a_complaint_is_one_and_its_kin_are_not(void **state)
{
    (void)state;
    static const struct mail_case cases[] = {
        // clang-format off
        {"abuse", ARF_HEAD ARF "Feedback-Type: abuse\nOriginal-Rcpt-To: <ann@far.example>\nSource-IP: 192.0.2.1\n" ORIGINAL,
         "complaint ann@far.example complaint - recipient"},
        {"two recipients", ARF_HEAD ARF "Feedback-Type: abuse\nOriginal-Rcpt-To: ann@far.example\nOriginal-Rcpt-To: bob@far.example\n" ORIGINAL,
         "complaint ann@far.example complaint - recipient; bob@far.example complaint - recipient"},
        {"no recipient: whom the mail was for", ARF_HEAD ARF "Feedback-Type: fraud\n" ORIGINAL, "complaint ann@far.example complaint - recipient"},
        {"hidden", ARF_HEAD ARF "Feedback-Type: abuse\nOriginal-Rcpt-To: redacted@far.example\n\n--cut\nContent-Type: message/rfc822\n\nTo: [redacted]\n\nx\n--cut--\n",
         "complaint - complaint - recipient"},
        {"a type that nobody knows", ARF_HEAD ARF "Feedback-Type: annoyance\nOriginal-Rcpt-To: ann@far.example\n" ORIGINAL, "complaint ann@far.example complaint - recipient"},
        {"not spam", ARF_HEAD ARF "Feedback-Type: not-spam\nOriginal-Rcpt-To: ann@far.example\n" ORIGINAL, "other"},
        {"opt-out", ARF_HEAD ARF "Feedback-Type: opt-out\nRemoval-Recipient: ann@far.example\n" ORIGINAL, "unsubscribe ann@far.example unsubscribe - recipient"},
        {"authentication failed", ARF_HEAD ARF "Feedback-Type: auth-failure\nAuth-Failure: dmarc\nOriginal-Rcpt-To: ann@far.example\n" ORIGINAL,
         "bounce ann@far.example auth-policy - sender-domain"},
        {"a report that came as text", ARF_HEAD "Content-Type: text/plain\n\nFeedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: ann@far.example\n" ORIGINAL,
         "complaint ann@far.example complaint - recipient"},
        {"Microsoft's, which is none", "From: staff@hotmail.com\nSubject: complaint about message from 192.0.2.1\nContent-Type: multipart/mixed; boundary=cut\n\n--cut\nContent-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: ann@far.example\nTo: x@y.example\n\nhi\n--cut--\n",
         "complaint ann@far.example complaint - recipient"},
        {"a spam report with the mail", "From: desk@far.example\nSubject: Spam report\nContent-Type: multipart/mixed; boundary=cut\n\n--cut\n\nlook\n--cut\nContent-Type: message/rfc822\n\nTo: ann@far.example\n\nhi\n--cut--\n",
         "complaint ann@far.example complaint - recipient"},
        {"a bounce of one", "From: MAILER-DAEMON@far.example\nSubject: Undelivered: Spam report\nContent-Type: multipart/report; report-type=delivery-status; boundary=cut\n\n--cut\n" STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\nStatus: 5.1.1\n" ORIGINAL,
         "bounce ann@far.example unknown-user 5.1.1 recipient"},
        {"Apple's", "From: Ann <ann@far.example>\nTo: leave@x.example\nX-Apple-Unsubscribe: true\nSubject: Unsubscribe\n\n", "unsubscribe ann@far.example unsubscribe - recipient"},
        {"a mail that says so", "From: ann@far.example\nTo: token@x.example\nSubject: unsubscribe\n\n", "unsubscribe ann@far.example unsubscribe - recipient"},
        {"a mail with a token", "From: ann@far.example\nTo: token@x.example\nSubject: unsubscribe 8f3a-77\n\n", "unsubscribe ann@far.example unsubscribe - recipient"},
        {"a mail that asks", "From: ann@far.example\nTo: token@x.example\nSubject: Unsubscribe me please\n\n", "unsubscribe ann@far.example unsubscribe - recipient"},
        {"a body that says so", "From: ann@far.example\nSubject: Re: News\n\nUnsubscribe\n\n-- \nAnn\n", "unsubscribe ann@far.example unsubscribe - recipient"},
        {"to an address that says so", "From: ann@far.example\nTo: <unsubscribe+7@x.example>\nSubject:\n\n", "unsubscribe ann@far.example unsubscribe - recipient"},
        {"a sentence about it", "From: ann@far.example\nSubject: unsubscribe button is broken, please help\n\nhello\n", "other"},
        // clang-format on
    };
    check(cases, ARRAY_LEN(cases));
}

static void a_machine_that_answers_is_no_bounce(void **state)
{
    (void)state;
    static const struct mail_case cases[] = {
        // clang-format off
        {"RFC 3834", "From: ann@far.example\nSubject: Re: News\nAuto-Submitted: auto-replied\n\nI read mail on Fridays.\n", "auto ann@far.example auto-reply - recipient"},
        {"a subject alone", "From: Ann <ann@far.example>\nSubject: Out of office: News\n\nBack in May.\n", "auto ann@far.example auto-reply - recipient"},
        {"German", "From: ann@far.example\nSubject: Abwesenheitsnotiz: News\n\nBin im Mai wieder da.\n", "auto ann@far.example auto-reply - recipient"},
        {"Japanese", "From: ann@far.example\nSubject: =?utf-8?B?6Ieq5YuV6L+U5L+h?=: News\n\nx\n", "auto ann@far.example auto-reply - recipient"},
        {"Exchange", "From: ann@far.example\nSubject: Automatic reply: News\nX-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated\nIn-Reply-To: <42@shop.example>\n\nx\n", "auto ann@far.example auto-reply - recipient"},
        {"its own header", "From: ann@far.example\nSubject: Re: News\nX-Autoreply: yes\n\nx\n", "auto ann@far.example auto-reply - recipient"},
        {"an author who is no address", "From: x <a\xe2\x80\xae@far.example>\nSubject: Re: News\nAuto-Submitted: auto-replied\n\nx\n", "auto - auto-reply - recipient"},
        {"one that talks of a dead address", "From: ann@far.example\nSubject: Automatic reply: News\nAuto-Submitted: auto-replied\n\nThe address bob@far.example does not exist any more.\n", "auto ann@far.example auto-reply - recipient"},
        {"a person", "From: ann@far.example\nSubject: Re: News\nIn-Reply-To: <42@shop.example>\n\nThank you!\n", "other"},
        {"a newsletter", "From: news@far.example\nSubject: This week\nPrecedence: bulk\nList-Id: <n.far.example>\n\nHello\n", "other"},
        {"a ticket system's notice", "From: bugs@far.example\nSubject: [Bug 1] fixed\nAuto-Submitted: auto-generated\nIn-Reply-To: <b1@far.example>\n\nDone\n", "other"},
        // clang-format on
    };
    check(cases, ARRAY_LEN(cases));
}

static void addresses_come_in_every_dress(void **state)
{
    (void)state;
    static const struct {
        const char *as, *is; // NULL: none
    } cases[] = {
        // clang-format off
        {"ann@far.example", "ann@far.example"},
        {"<Ann@Far.Example>", "Ann@far.example"},
        {"rfc822; <ann@far.example>", "ann@far.example"},
        {"RFC822;ann@far.example", "ann@far.example"},
        {"rfc822;rfc822;ann@far.example", "ann@far.example"},
        {"\"Ann B.\" <ann@far.example>", "ann@far.example"},
        {"'ann@far.example'", "ann@far.example"},
        {"ann@far.example (Ann)", "ann@far.example"},
        {"mailto:ann@far.example", "ann@far.example"},
        {"rfc822;ann+40far.example", "ann@far.example"},
        {"ann+tag@far.example", "ann+tag@far.example"},
        {"ann@far.example.", "ann@far.example"},
        {"@relay.example:ann@far.example", "ann@far.example"},
        {"\"a b\"@far.example", "\"a b\"@far.example"},
        {"ann..b.@docomo.example", "ann..b.@docomo.example"},
        {"ann@[192.0.2.1]", "ann@[192.0.2.1]"},
        {"utf-8; j\\x{F6}rg@far.example", "j\xc3\xb6rg@far.example"},
        {"IMCEASMTP-ann+40far+2Eexample@gateway.example", "ann@far.example"},
        {"IMCEAEX-_O=ORG_OU=X_CN=ANN@gateway.example", NULL},
        {"X400;/C=US/A= /P=Org/DD.RFC-822=ann(a)far.example/", "ann@far.example"},
        {"rfc822;", NULL},
        {"unknown", NULL},
        {"a@b@c d", NULL},
        {"ann@far.example\xe2\x80\xae", NULL},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(feedback_free) struct feedback *f = xcalloc(1, sizeof(*f));
        const struct feedback_recipient *r = feedback_add(f, cases[i].as);
        if (!r != !cases[i].is || (r && strcmp(r->address, cases[i].is) != 0))
            fail_msg("%s: %s", cases[i].as, r ? r->address : "none");
    }
}

static void it_leads_to_the_mail_that_it_answers(void **state)
{
    (void)state;
    CLEANUP(feedback_free)
    struct feedback *report = feedback_read(
        bytes_str(REPORT_HEAD STATUS "Final-Recipient: rfc822; ann@far.example\nAction: failed\n"
                                     "Status: 5.1.1\n" ORIGINAL),
        replies);
    assert_string_equal(report->message_id, "42@shop.example");
    assert_string_equal(report->feedback_id, "1:acme:x");
    assert_string_equal(report->return_path, "news@shop.example");
    assert_string_equal(report->source_ip, "");
    CLEANUP(feedback_free)
    struct feedback *arf =
        feedback_read(bytes_str(ARF_HEAD ARF "Feedback-Type: abuse\nSource-IP: 192.0.2.1\n"
                                             "Original-Mail-From: <other@shop.example>\n" ORIGINAL),
                      replies);
    assert_string_equal(arf->source_ip, "192.0.2.1");
    assert_string_equal(arf->return_path, "other@shop.example");
    assert_string_equal(arf->message_id, "42@shop.example");
    CLEANUP(feedback_free)
    struct feedback *away = feedback_read(
        bytes_str("From: a@b.example\nSubject: Out of office\nIn-Reply-To: <42@shop.example>\n\n"),
        replies);
    assert_string_equal(away->message_id, "42@shop.example");
}

static void a_reply_is_kept_as_it_was_said(void **state)
{
    (void)state;
    static const struct {
        const char *status, *diagnostic;
        unsigned code;
        const char *enhanced, *class;
    } cases[] = {
        // clang-format off
        {"5.1.1", "smtp; 550 5.1.1 user unknown", 550, "5.1.1", "unknown-user"},
        {"", "smtp; 550-5.1.1 user 550 5.1.1 unknown", 550, "5.1.1", "unknown-user"},
        {"5.0.0", "host mx.far.example[192.0.2.1] said: 552 5.2.2 mailbox full (in reply to RCPT TO command)", 552, "5.2.2", "mailbox-full"},
        {"5.7.1", "x-unix; user unknown", 0, "5.7.1", "unknown-user"},
        {"4.4.7 (expired)", "", 0, "4.4.7", "no-connect"},
        {"", "", 0, "", "undetermined"},
        {"", "no idea", 0, "", "undetermined"},
        {"4.0.0", "no idea", 0, "4.0.0", "transient"},
        {"", "sent to 192.0.2.55 port 550 and 5.1.1.1", 0, "", "undetermined"},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(feedback_free) struct feedback *f = xcalloc(1, sizeof(*f));
        struct feedback_recipient *r = feedback_add(f, "ann@far.example");
        feedback_judge(r, replies, cases[i].status, cases[i].diagnostic);
        if (r->code != cases[i].code || strcmp(r->enhanced, cases[i].enhanced) != 0 ||
            strcmp(class_text(r->class), cases[i].class) != 0)
            fail_msg("%s, %s: %u %s %s", cases[i].status, cases[i].diagnostic, r->code, r->enhanced,
                     class_text(r->class));
    }
}

static void our_own_reports_read_as_they_were_meant(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf out = {0};
    const struct report_failure failures[] = {
        {"ann@far.example", "550 5.1.1 No such user here", "mx.far.example", CLASS_UNKNOWN_USER,
         550, 1},
        {"bob@far.example", "552 5.2.2 Mailbox full", "mx.far.example", CLASS_MAILBOX_FULL, 552, 1},
    };
    const struct report_plan plan = {
        .node = "mta1.example.net",
        .to = "news@shop.example",
        .message_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        .failures = failures,
        .failures_n = ARRAY_LEN(failures),
        .original = bytes_str("Message-ID: <42@shop.example>\r\nSubject: News\r\n\r\nHello\r\n")};
    report_format(&out, &plan);
    CLEANUP(feedback_free) struct feedback *f = feedback_read(buf_bytes(&out), replies);
    assert_int_equal(f->kind, FEEDBACK_BOUNCE);
    assert_int_equal(f->recipients_n, 2);
    assert_string_equal(f->recipients[0].address, "ann@far.example");
    assert_int_equal(f->recipients[0].class, CLASS_UNKNOWN_USER);
    assert_int_equal(f->recipients[1].class, CLASS_MAILBOX_FULL);
    assert_string_equal(f->message_id, "42@shop.example");
}

static void a_report_of_many_has_its_bound(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf mail = {0};
    buf_add_str(&mail, REPORT_HEAD STATUS);
    for (int i = 0; i < 10000; i++)
        buf_printf(&mail,
                   "Final-Recipient: rfc822; a%d@far.example\nAction: failed\nStatus: "
                   "5.1.1\n\n",
                   i);
    usec_t begin = clock_monotonic();
    CLEANUP(feedback_free) struct feedback *f = feedback_read(buf_bytes(&mail), replies);
    print_message("10,000 recipients: %ld us\n", (long)(clock_monotonic() - begin));
    assert_int_equal(f->recipients_n, FEEDBACK_RECIPIENTS);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_report_says_who_and_why),
    cmocka_unit_test(a_complaint_is_one_and_its_kin_are_not),
    cmocka_unit_test(a_machine_that_answers_is_no_bounce),
    cmocka_unit_test(addresses_come_in_every_dress),
    cmocka_unit_test(it_leads_to_the_mail_that_it_answers),
    cmocka_unit_test(a_reply_is_kept_as_it_was_said),
    cmocka_unit_test(our_own_reports_read_as_they_were_meant),
    cmocka_unit_test(a_report_of_many_has_its_bound),
};

int main(void)
{
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
