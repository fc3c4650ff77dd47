/* Bounces in plain words: samples of as many kinds of servers, tongues and scripts as there are, and mail
 * that must not be taken for one; and that no bytes of a stranger's do harm. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/chance.h"
#include "mail/feedback.h"
#include "mail/feedback_words.h"
#include "mail/parts.h"
#include "mail/replies.h"
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

// clang-format off
// A file tests/data/feedback/words-NAME.eml, and its recipients with their classes; "" : no bounce.
static const struct {
    const char *name, *says;
} cases[] = {
    {"qmail", "vera@there.example=unknown-user ivo@other.example=mailbox-full"},
    {"qmail-hosts", "vera@nosuch.example=domain-not-found"},
    {"exim", "lena@firm.example=unknown-user paul@firm.example=message-too-big"},
    {"exim-alias", "lena@inside.example=mailbox-full"},
    {"exim-delay", "lena@firm.example=transient"},
    {"postfix", "omar@dest.example=inactive-mailbox"},
    {"exchange55", "nadja.berg@corp.example=unknown-user"},
    {"exchange2003", "nadja.berg@corp.example=unknown-user"},
    {"sendmail8", "carla@cs.uni.example=unknown-user"},
    {"sendmail5", "carla@nosuch.uni.example=domain-not-found"},
    {"sendmail-warning", "carla@slow.uni.example=transient"},
    {"local-part", "carla@uni.example=unknown-user"},
    {"domino", "kim.lee@notes.example=unknown-user"},
    {"groups", "old-team@groups.example=recipient-refused"},
    {"gmail", "zoe.h@bigmail.example=unknown-user"},
    {"yahoo", "bert77@ymail.example=unknown-user"},
    {"aol", "=recipient-refused"},
    {"mailenable", "ute@small.example=unknown-user"},
    {"imail", "ute@small.example=mailbox-full"},
    {"groupwise", "rolf@gw.example=unknown-user"},
    {"courier", "jana@c.example=unknown-user"},
    {"interscan", "fritz@corp.example=unknown-user"},
    {"mdaemon", "gina@far.example=mailbox-full"},
    {"kerio", "gina@kerio.example=unknown-user"},
    {"hmail", "gina@h.example=unknown-user"},
    {"communigate", "gina@cg.example=mailbox-full"},
    {"pmdf", "tom@ims.example=domain-not-found"},
    {"zimbra", "tom@z.example=mailbox-full"},
    {"james", "tom@j.example=unknown-user"},
    {"opensmtpd", "tom@osd.example=unknown-user"},
    {"ses", "tom@d.example=undetermined"},
    {"powermta", "tom@d.example=undetermined"},
    {"gateway", "tom@d.example=content-spam"},
    {"x400", "tom@x400.example=undetermined"},
    {"html", "tom@web.example=unknown-user"},
    {"docomo", "taro..y@docomo.example=mailbox-full"},
    {"japanese", "taro@mail.example.jp=unknown-user"},
    {"japanese-jis", "hanako@keitai.example.jp=unknown-user"},
    {"german", "heike@post.example.de=mailbox-full"},
    {"german-unknown", "heike@web.example.de=unknown-user"},
    {"french", "luc@poste.example.fr=unknown-user"},
    {"russian", "oleg@pochta.example.ru=mailbox-full"},
    {"chinese", "wang@mail.example.cn=unknown-user"},
    {"spanish", "ana@correo.example.es=unknown-user"},
    {"portuguese", "rui@correio.example.br=mailbox-full"},
    {"italian", "ugo@posta.example.it=unknown-user"},
    {"turkish", "ali@eposta.example.tr=unknown-user"},
    {"polish", "jan@poczta.example.pl=unknown-user"},
    {"script", "tom@script.example=unknown-user"},
    {"many", "a1@bulk.example=unknown-user a2@bulk.example=mailbox-full a3@bulk.example=inactive-mailbox"},
    {"wrapped", "nina@bulk.example=mailbox-full"},
    {"hidden", "=unknown-user"},
    {"enclosed", "only@enc.example=unknown-user"},
    {"success", "tom@ok.example=delivered"},
    {"exchange-german", "heike@firma.example=unknown-user"},
    {"smail", "heike@ol.example=unknown-user"},
    {"ccmail", "nadja@cc.example=unknown-user"},
    {"notes", "nadja@ln.example=unknown-user"},
    {"surfcontrol", "nadja@sc.example=unknown-user"},
    {"delivery-problems", "nadja@nai.example=unknown-user"},
    {"ezweb", "jiro@ez.example=unknown-user"},
    {"gmx", "heike@gmx.example=unknown-user"},
    {"barracuda", "nadja@bfw.example=content-spam"},
    {"outlook", "nadja@corp.example=unknown-user"},
    {"postfix-alias", "omar@inside.example=mailbox-full"},
    {"pmdf-list", "omar@vms.example=unknown-user"},
    {"reason-first", "omar@rf.example=unknown-user olga@rf.example=mailbox-full"},
    {"softbank", "saburo@vf.example=unknown-user"},
    {"expired", "omar@slow.example=no-connect"},
    {"qmail-queue", "vera@full.example=mailbox-full"},
    {"html-chinese", "wang@qiye.example.cn=mailbox-full"},
    {"korean", "kim@mail.example.kr=unknown-user"},
    {"dutch", "jan@post.example.nl=mailbox-full"},
    {"quoted-display", "omar@qd.example=unknown-user"},
    {"summary-only", "nadja@corp.example=unknown-user"},
    {"no-person", ""},
    {"no-forward", ""},
    {"no-question", ""},
    {"no-away", ""},
    {"no-gone", ""},
    {"no-newsletter", ""},
    {"no-ticket", ""},
    {"no-thanks", ""},
    {"no-quarantine", ""},
    {"no-cron", ""},
    {"no-challenge", ""},
    {"no-receipt", ""},
    {"no-moderation", ""},
    {"no-parcel", ""},
    {"no-german-away", ""},
    {"no-left", ""},
    {"success-postfix", "ann@r.example=delivered"},
    {"no-postmaster", ""},
    {"no-phish", ""},
    {"no-membership", ""},
};
// clang-format on

static void load(struct buf *mail, const char *name)
{
    CLEANUP(xfree) char *path = xasprintf(TEST_ROOT "/tests/data/feedback/words-%s.eml", name);
    FILE *f = fopen(path, "re");
    char block[4096];
    size_t n;
    if (!f)
        print_error("no %s\n", path);
    assert_non_null(f);
    while ((n = fread(block, 1, sizeof(block), f)) > 0)
        buf_add(mail, block, n);
    (void)fclose(f);
}

// Asked directly: what other readers of feedback would make of it does not count.
static struct feedback *read_words(struct bytes mail)
{
    CLEANUP(parts_free) struct parts *p = parts_read(mail);
    struct feedback *f = xcalloc(1, sizeof(*f));
    if (feedback_words(f, p, replies))
        f->kind = FEEDBACK_BOUNCE;
    return f;
}

static char *what_it_says(const struct feedback *f)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    for (size_t i = 0; i < f->recipients_n && f->kind == FEEDBACK_BOUNCE; i++)
        buf_printf(&out, "%s%s=%s", i ? " " : "", f->recipients[i].address,
                   class_text(f->recipients[i].class));
    return buf_take_str(&out);
}

static void every_sample_says_what_it_says(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf mail = {0};
        load(&mail, cases[i].name);
        CLEANUP(feedback_free) struct feedback *f = read_words(buf_bytes(&mail));
        CLEANUP(xfree) char *says = what_it_says(f);
        if (strcmp(says ? says : "", cases[i].says) == 0)
            continue;
        wrong++;
        print_error("%s: %s, not %s\n", cases[i].name, says ? says : "", cases[i].says);
    }
    assert_int_equal(wrong, 0);
}

static void the_original_tells_which_mail_it_was(void **state)
{
    (void)state;
    CLEANUP(buf_deinit) struct buf mail = {0};
    load(&mail, "qmail");
    CLEANUP(feedback_free) struct feedback *f = read_words(buf_bytes(&mail));
    assert_string_equal(f->message_id, "42.abc@sender.example");
    assert_string_equal(f->return_path, "news@sender.example");
}

static void line_ends_make_no_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf mail = {0}, crlf = {0};
        load(&mail, cases[i].name);
        for (size_t k = 0; k < mail.n; k++) {
            if (mail.p[k] == '\n')
                buf_add_byte(&crlf, '\r');
            buf_add_byte(&crlf, mail.p[k]);
        }
        CLEANUP(feedback_free) struct feedback *f = read_words(buf_bytes(&crlf));
        CLEANUP(xfree) char *says = what_it_says(f);
        assert_string_equal(says ? says : "", cases[i].says);
    }
}

// All that a reader sees of a mail.
static char *all_text(struct bytes mail)
{
    CLEANUP(buf_deinit) struct buf out = {0};
    CLEANUP(parts_free) struct parts *p = parts_read(mail);
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->items[i].headers_n; k++)
            buf_printf(&out, "%s\n", p->items[i].headers[k].value);
        buf_add_str(&out, p->items[i].text);
        buf_add_byte(&out, '\n');
    }
    return buf_take_str(&out);
}

// A recipient is never made up: its local part and its domain stand in the mail.
static void check_origin(const struct feedback *f, struct bytes mail)
{
    CLEANUP(xfree) char *text = all_text(mail);
    for (size_t i = 0; i < f->recipients_n; i++) {
        const char *address = f->recipients[i].address, *domain = strrchr(address, '@');
        if (!domain)
            continue; // hidden
        CLEANUP(xfree) char *local = xmemdup0(address, (size_t)(domain - address));
        assert_non_null(strcasestr(text, domain + 1));
        assert_non_null(strcasestr(text, local));
    }
}

// Cut, stretched and with other bytes here and there.
static void damage(struct buf *mail, struct chance *c)
{
    static const char bytes[] = "\n\n  @<>:.-=\"(\0\xff\xe3;5";
    for (size_t i = chance_next(c) % 30; i > 0 && mail->n; i--)
        mail->p[chance_next(c) % mail->n] = (uint8_t)bytes[chance_next(c) % (sizeof(bytes) - 1)];
    if (chance_next(c) % 2) {
        size_t n = mail->n / 4;
        CLEANUP(xfree) char *again = xmemdup0(mail->p + mail->n / 2, n);
        buf_add(mail, again, n);
    }
    if (chance_next(c) % 2)
        buf_consume(mail, chance_next(c) % (mail->n + 1));
}

static void nothing_damaged_does_harm_or_makes_up_a_recipient(void **state)
{
    (void)state;
    struct chance c = {.state = 5};
    for (size_t i = 0; i < ARRAY_LEN(cases) * 20; i++) {
        CLEANUP(buf_deinit) struct buf mail = {0};
        load(&mail, cases[i % ARRAY_LEN(cases)].name);
        struct buf damaged = {0};
        buf_add_bytes(&damaged, buf_bytes(&mail));
        damage(&damaged, &c);
        CLEANUP(feedback_free) struct feedback *f = read_words(buf_bytes(&damaged));
        check_origin(f, buf_bytes(&damaged));
        buf_deinit(&damaged);
    }
}

// What costs most: text that is nothing but addresses, headers, separators or one long line.
static void much_of_anything_is_bounded(void **state)
{
    (void)state;
    static const char *const fillers[] = {
        "<a@b.example>: ",
        "a@b.example\n",
        "To: a@b.example\n",
        "Received: x\n",
        "@",
        " at ",
        "\n",
        "bob at x.example ",
        "-- original message --\n",
        "> ",
        "550 ",
        "a.",
        "=",
        "(a)x.example ",
    };
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        CLEANUP(buf_deinit) struct buf mail = {0};
        buf_add_str(&mail, "From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n"
                           "Could not be delivered:\n");
        while (mail.n < 300000)
            buf_add_str(&mail, fillers[i]);
        CLEANUP(feedback_free) struct feedback *f = read_words(buf_bytes(&mail));
        assert_true(f->recipients_n <= FEEDBACK_RECIPIENTS);
    }
}

static void letters_of_many_alphabets_become_small(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"ÄÖÜ Éßx", "äöü éßx"}, {"НЕ ДОСТАВЛЕНО Ё", "не доставлено ё"},
        {"ΔΕΝ", "δεν"},         {"ŻÓŁĆ", "żółć"},
        {"宛先A", "宛先a"},     {"\xc3", "\xc3"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        CLEANUP(xfree) char *text = xstrdup(pairs[i][0]);
        words_lower(text, strlen(text));
        assert_string_equal(text, pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_says_what_it_says),
        cmocka_unit_test(the_original_tells_which_mail_it_was),
        cmocka_unit_test(line_ends_make_no_difference),
        cmocka_unit_test(nothing_damaged_does_harm_or_makes_up_a_recipient),
        cmocka_unit_test(much_of_anything_is_bounded),
        cmocka_unit_test(letters_of_many_alphabets_become_small),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
