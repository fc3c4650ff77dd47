/* Whole mails of many kinds, as they come: broken MIME, odd forms of reports and complaints, nested ones, answering
 * machines and bounces in many tongues, and mail that is none of it. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "mail/feedback.h"
#include "mail/replies.h"
#include "settings/settings.h"

// clang-format off
// A file tests/data/feedback/mail-NAME.eml, and a line of `mxwarden classify` for each recipient; "": none.
static const struct {
    const char *name, *says;
} cases[] = {
    {"amavis", "kai@one.example=content-spam"},
    {"arabic", "ali@x.example=unknown-user"},
    {"arf-case", "u@provider.example=complaint"},
    {"arf-eol-ws", "u@p.example=complaint"},
    {"arf-forwarded", "u@provider.example=complaint"},
    {"arf-hash", "=complaint"},
    {"arf-in-report-of-bounce", "fbl@p.example=unknown-user"},
    {"arf-inline", "u@p.example=complaint"},
    {"arf-many-to", "=complaint"},
    {"arf-multi", "u@p.example=complaint w@p.example=complaint"},
    {"arf-notspam", ""},
    {"arf-octet", "u@provider.example=complaint"},
    {"arf-plain-parts", "u@provider.example=complaint"},
    {"arf-redacted", "=complaint"},
    {"auto-capitals", "p@a6.example=auto-reply"},
    {"auto-de2", "uta@x.example=auto-reply"},
    {"auto-he", "dan@x.example=auto-reply"},
    {"auto-ja", "yamada@x.example=auto-reply"},
    {"auto-lv", "juris@x.example=auto-reply"},
    {"auto-null", "info@x.example=auto-reply"},
    {"auto-text-german", "p@a8.example=auto-reply"},
    {"auto-text-japanese", "p@a14.example=auto-reply"},
    {"auto-undeliverable", "p@a18.example=auto-reply"},
    {"bounce-fwd-attach", "zoe@one.example=unknown-user"},
    {"carrier-sms", "15551234567@sms.carrier.example=unknown-user"},
    {"carrier3", "5551234567@txt.carrier.example=recipient-refused"},
    {"cc-list", "b@one.example=unknown-user"},
    {"cn-full", "wang@mail.example.cn=mailbox-full"},
    {"cr-only", "kim@one.example=unknown-user"},
    {"cs-full", "eva@posta.example.cz=mailbox-full"},
    {"da-unknown", "bo@x.example.dk=unknown-user"},
    {"dsn-badboundary", "eve@one.example=unknown-user"},
    {"dsn-expanded", "all@one.example=delivered"},
    {"dsn-expired-after-delay", "eve@one.example=no-connect"},
    {"dsn-fates", "a@one.example=unknown-user b@one.example=mailbox-full c@two.example=delivered d@two.example=transient"},
    {"dsn-gmail-spanish", "kai@one.example=unknown-user"},
    {"dsn-headers-as-text", "eve@one.example=unknown-user"},
    {"dsn-misspelt", "kai@one.example=unknown-user"},
    {"dsn-noend", "eve@one.example=unknown-user"},
    {"dsn-octet", "eve@one.example=unknown-user"},
    {"dsn-same-twice", "kai@one.example=mailbox-full"},
    {"dsn-tabs", "kai@one.example=unknown-user"},
    {"dsn-trunc", "eve@one.example=unknown-user"},
    {"dsn-unknown-type", "eve@one.example=unknown-user"},
    {"exim-defer-fail", "kim@one.example=no-connect"},
    {"forward-target", "kai@one.example=unknown-user"},
    {"fr-full", "lea@far.example.fr=mailbox-full"},
    {"haraka", "kai@one.example=domain-not-found"},
    {"headerless", "kai@one.example=unknown-user"},
    {"helpdesk-mention", "kai@one.example=mailbox-full"},
    {"html-only", "mia@corp.example=mailbox-full"},
    {"hu-unknown", "bela@posta.example.hu=unknown-user"},
    {"jmrp", "v@hot.example=complaint"},
    {"jmrp-text", "v@hot.example=complaint"},
    {"jp-unknown", "taro@mobile.example=unknown-user"},
    {"list-expanded", "kai@one.example=unknown-user"},
    {"mimesweeper", "kai@one.example=content-spam"},
    {"mixed-fate", "a@one.example=unknown-user b@one.example=transient"},
    {"no-abuse-question", ""},
    {"no-answer-auto-quoted", ""},
    {"no-answer-quoting", ""},
    {"no-boundary-param", "kai@one.example=unknown-user"},
    {"no-dmarc", ""},
    {"no-dsn-talk", ""},
    {"no-empty-line", "kai@one.example=unknown-user"},
    {"no-forwarded-sentence", ""},
    {"no-mailman-notice", ""},
    {"no-parcel", ""},
    {"no-person-fwd", ""},
    {"no-phish-undelivered", ""},
    {"no-postmaster-person", ""},
    {"no-support", ""},
    {"qp-broken", "kai@one.example=unknown-user"},
    {"received-for", "kai@one.example=mailbox-full"},
    {"report-in-mixed", "kai@one.example=inactive-mailbox"},
    {"ru-unknown", "ivan@mail.example.ru=unknown-user"},
    {"sieve", "kai@one.example=recipient-refused"},
    {"source-route", "kai@one.example=unknown-user"},
    {"spanish-quota", "ana@x.example=mailbox-full"},
    {"sv-unknown", "sven@post.example.se=unknown-user"},
    {"three-reasons", "a@one.example=unknown-user b@one.example=mailbox-full c@one.example=no-connect"},
    {"unsub2", "tom@x.example=unsubscribe"},
    {"utf16", "kai@one.example=unknown-user"},
    {"vi-full", "an@x.example.vn=mailbox-full"},
    {"web-table", "kai@one.example=unknown-user"},
    {"webform", "gast@hotel.example=unknown-user"},
    {"xmail", "kai@one.example=unknown-user"},
};
// clang-format on

static void load(struct buf *mail, const char *name, bool is_crlf)
{
    CLEANUP(xfree) char *path = xasprintf(TEST_ROOT "/tests/data/feedback/mail-%s.eml", name);
    FILE *f = fopen(path, "re");
    int c;
    if (!f)
        print_error("no %s\n", path);
    assert_non_null(f);
    while ((c = getc(f)) != EOF) {
        if (c == '\n' && is_crlf)
            buf_add_byte(mail, '\r');
        buf_add_byte(mail, (uint8_t)c);
    }
    (void)fclose(f);
}

static char *what_it_says(const struct replies *replies, const char *name, bool is_crlf)
{
    CLEANUP(buf_deinit) struct buf mail = {0}, out = {0};
    load(&mail, name, is_crlf);
    CLEANUP(feedback_free) struct feedback *f = feedback_read(buf_bytes(&mail), replies);
    buf_add_str(&out, "");
    for (size_t i = 0; i < f->recipients_n && f->kind != FEEDBACK_OTHER; i++)
        buf_printf(&out, "%s%s=%s", i ? " " : "", f->recipients[i].address,
                   class_text(f->recipients[i].class));
    return buf_take_str(&out);
}

static void every_mail_says_what_it_says(void **state)
{
    (void)state;
    struct settings *settings = settings_shipped();
    struct replies *replies = replies_new(settings->replies, settings->replies_n);
    size_t wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) { // with LF, then with CR LF
        const char *name = cases[i / 2].name, *expected = cases[i / 2].says;
        CLEANUP(xfree) char *says = what_it_says(replies, name, i % 2);
        if (strcmp(says, expected) == 0)
            continue;
        wrong++;
        print_error("%s%s: %s, not %s\n", name, i % 2 ? " (CR LF)" : "", says, expected);
    }
    assert_int_equal(wrong, 0);
    replies_free(replies);
    settings_free(settings);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_mail_says_what_it_says),
};

TEST_MAIN(tests)
