#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "mail/compose.h"
#include "mail/report.h"

// One row a kind of notice. Plain words, present tense, the thing first; no blame, no alarm.
static const struct template
{
    const char *name;
    const char *subject; // stands behind "CUSTOMER: "
    const char *what;    // stands behind "Mail of CUSTOMER "
    const char *means;
    const char *todo;
}
templates[] = {
    {"warned", "your mail needs attention",
     "is still sent as usual, and what is written below needs attention.",
     "Nothing is stopped. If it goes on, sending becomes slower, and then stops.",
     "Look at the addresses that were written to lately: where they come from, and whether these\n"
     "people asked for this mail. Take out the ones that do not exist any more."},
    {"throttled", "sending is slowed down", "is sent at a lower rate for now.",
     "What is over the rate is answered with a temporary refusal (450): mail programs try it "
     "again\n"
     "by themselves. Nothing that was accepted is lost.",
     "Stop mailings that can wait. Look at the addresses that were written to lately, and take "
     "out\n"
     "the ones that do not exist any more or did not ask for this mail."},
    {"suspended", "sending is suspended", "is not sent for now.",
     "New mail is answered with a refusal that says so. What was accepted before waits here and\n"
     "goes out when sending is restored; nothing is lost.",
     "Stop mailings. Look at the addresses that were written to lately. If you do not know this\n"
     "mail, somebody else may have your password: change it. Then tell your mail operator what "
     "was\n"
     "found; sending is restored by hand or at the time above."},
    {"restored", "sending is restored", "is sent as usual again.",
     "What waited goes out now. New mail is accepted.", "Nothing needs to be done."},
    {NULL, "your sending has changed", "is handled differently from now on.",
     "Your mail operator knows the details.", "Ask your mail operator."},
};

static const struct template *template_of(const char *name)
{
    const struct template *t = templates;
    while (t->name && strcmp(t->name, name) != 0)
        t++;
    return t;
}

static void add_top(struct buf *out, const struct notice_plan *plan, const struct template *t)
{
    CLEANUP(xfree) char *subject = xasprintf("%s: %s", plan->customer, t->subject);
    compose_date(out, "Date", plan->now);
    buf_add_str(out, "From: Mail Delivery System <MAILER-DAEMON@");
    compose_atom(out, plan->node);
    buf_add_str(out, ">\r\n");
    compose_address(out, "To", plan->to);
    compose_field(out, "Subject", "", subject);
    buf_add_str(out, "Message-ID: <notice.");
    compose_atom(out, plan->customer);
    buf_printf(out, ".%s.%lld@", t->name ? t->name : "other", (long long)plan->now);
    compose_atom(out, plan->node);
    buf_add_str(out, ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=UTF-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
}

// "Name: value", when there is a value.
static void add_fact(struct buf *text, const char *name, const char *value)
{
    if (!*value)
        return;
    buf_printf(text, "%-10s ", name);
    text_visible_add(text, bytes_str(value));
    buf_add_str(text, "\n");
}

void notice_format(struct buf *out, const struct notice_plan *plan)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    const struct template *t = template_of(plan->template_name);
    add_top(out, plan, t);
    buf_add_str(&text, "Mail of customer ");
    text_visible_add(&text, bytes_str(plan->customer));
    buf_printf(&text, " %s\n\n", t->what);
    add_fact(&text, "Why:", plan->reason);
    add_fact(&text, "Rate:", plan->rate);
    add_fact(&text, "Until:", plan->until);
    add_fact(&text, "Waiting:", plan->queue);
    buf_printf(&text, "\nWhat it means\n%s\n\nWhat to do\n%s\n\n", t->means, t->todo);
    buf_add_str(&text, "This was written by the mail system at ");
    compose_atom(&text, plan->node);
    buf_add_str(&text, "; nobody reads answers to it.\nYour mail operator can see the details.\n");
    compose_text(out, buf_bytes(&text));
}
