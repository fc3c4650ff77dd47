/* What replies mean, by the shipped rules: every line of tests/data/replies.tsv, what was written to
 * prove them wrong (replies_more.tsv: class, scope, reply; replies_alive.txt: no dead address), whom an answer speaks
 * of, and that no bytes of a stranger's do harm. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct reply_verdict judge(const char *provider, const char *text, enum phase phase)
{
    char enhanced[12];
    struct reply_verdict v;
    struct reply_said said = {
        .provider = provider, .enhanced = enhanced, .text = text, .phase = phase};
    replies_codes(text, &said.code, enhanced);
    replies_judge(replies, &said, &v);
    return v;
}

static void every_line_of_the_collection_means_what_it_says(void **state)
{
    (void)state;
    FILE *f = fopen(TEST_ROOT "/tests/data/replies.tsv", "re");
    char line[4096];
    size_t lines = 0, wrong = 0;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        char *provider = strchr(line, '\t'), *text = provider ? strchr(provider + 1, '\t') : NULL;
        assert_non_null(text);
        *provider++ = *text++ = '\0';
        text[strcspn(text, "\n")] = '\0';
        struct reply_verdict v = judge(provider, text, PHASE_NONE);
        lines++;
        if (strcmp(class_text(v.class), line) == 0)
            continue;
        wrong++;
        print_error("%s, not %s: %s\n", line, class_text(v.class), text);
    }
    (void)fclose(f);
    assert_true(lines > 390);
    assert_int_equal(wrong, 0);
}

static bool is_dead(enum class class)
{
    return class == CLASS_UNKNOWN_USER || class == CLASS_INACTIVE_MAILBOX ||
           class == CLASS_DOMAIN_NOT_FOUND;
}

// Written before the rules were tried on them: what they make of what they have not seen.
static void replies_that_nobody_tuned_on_are_understood_but_for_a_few(void **state)
{
    (void)state;
    FILE *f = fopen(TEST_ROOT "/tests/data/replies_more.tsv", "re");
    char line[4096];
    size_t lines = 0, wrong = 0;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        char *scope = strchr(line, '\t'), *text = scope ? strchr(scope + 1, '\t') : NULL;
        assert_non_null(text);
        *scope++ = *text++ = '\0';
        text[strcspn(text, "\n")] = '\0';
        struct reply_verdict v = judge("", text, PHASE_NONE);
        lines++;
        if (strcmp(class_text(v.class), line) == 0 && strcmp(scope_text(v.scope), scope) == 0)
            continue;
        wrong++;
        print_message("%s of %s, not %s of %s: %s\n", line, scope, class_text(v.class),
                      scope_text(v.scope), text);
        assert_false(is_dead(v.class) && strcmp(scope, "recipient") != 0);
    }
    (void)fclose(f);
    assert_true(lines > 330);
    assert_true(wrong * 100 <= lines * 3);
}

static void no_address_is_dead_where_somebody_else_is_named_or_nobody_looked(void **state)
{
    (void)state;
    FILE *f = fopen(TEST_ROOT "/tests/data/replies_alive.txt", "re");
    char line[4096];
    size_t lines = 0;
    assert_non_null(f);
    for (; fgets(line, sizeof(line), f); lines++) {
        line[strcspn(line, "\n")] = '\0';
        struct reply_verdict v = judge("", line, PHASE_NONE);
        if (is_dead(v.class))
            fail_msg("%s: %s", class_text(v.class), line);
    }
    (void)fclose(f);
    assert_true(lines > 150);
}

static void an_answer_speaks_of_somebody(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *text;
        enum phase phase;
        const char *class, *scope;
    } cases[] = {
        // clang-format off
        {"", "550 5.1.1 No such user", PHASE_RCPT, "unknown-user", "recipient"},
        {"", "550 no such user", PHASE_MAIL, "undetermined", "unknown"},
        {"", "550 5.1.1 no-one knows <spam.mailbox.full@corp.example>", PHASE_RCPT, "unknown-user", "recipient"},
        {"google", "421-4.7.28 unusual rate of unsolicited mail originating from your DKIM domain", PHASE_DATA, "rate-limited", "sender-domain"},
        {"google", "421-4.7.28 unusual rate of mail originating from your IP address", PHASE_DATA, "rate-limited", "ip"},
        {"comcast", "421 4.1.0 Throttled. http://x.example/codes#RL000010", PHASE_MAIL, "rate-limited", "sender-domain"},
        {"microsoft", "550 5.7.1 messages from [192.0.2.9] weren't sent (S3150)", PHASE_MAIL, "ip-reputation-block", "netblock"},
        {"m365", "550 5.7.513 Client host blocked using Customer Block list (AS16012607)", PHASE_RCPT, "ip-reputation-block", "recipient"},
        {"apple", "550 5.7.1 a domain present in the Spamhaus DBL", PHASE_DATA, "content-spam", "url"},
        {"", "554 5.7.1 Service unavailable; blocked using zen.spamhaus.org; Error: open resolver", PHASE_RCPT, "transient", "provider"},
        {"", "550 5.1.351 Remote server said so -> 550 5.1.1 User unknown", PHASE_NONE, "unknown-user", "recipient"},
        {"", "450 4.1.1 <a@b.example>: Recipient address rejected: Greylisted", PHASE_RCPT, "transient", "provider"},
        {"", "550 5.1.1 Recipient address rejected: Access denied by policy of the day", PHASE_RCPT, "unknown-user", "recipient"},
        {"", "554 5.7.1 Recipient address rejected: Access denied by policy of the day", PHASE_RCPT, "undetermined", "unknown"},
        {"nobody-knows-it", "421 4.7.0 [TSS04] deferred", PHASE_MAIL, "ip-reputation-block", "ip"},
        {"", "Rejected", PHASE_NONE, "no-connect", "unknown"},
        {"", "", PHASE_RCPT, "no-connect", "unknown"},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply_verdict v = judge(cases[i].provider, cases[i].text, cases[i].phase);
        if (strcmp(class_text(v.class), cases[i].class) != 0 ||
            strcmp(scope_text(v.scope), cases[i].scope) != 0)
            fail_msg("%s: %s, %s", cases[i].text, class_text(v.class), scope_text(v.scope));
    }
}

static void a_reply_becomes_plain_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *plain;
    } cases[] = {
        // clang-format off
        {"550-5.1.1 The user 550-5.1.1 (you) 550 5.1.1 https://x.example/?p=NoSuchUser", " the user you https x.example p nosuchuser "},
        {"554 <a@b.example>: it's [192.0.2.7] OFR005_104", " @ it s % ofr005 104 "},
        {"550 5.1.1 550 User unknown", " 550 user unknown "},
        {"550 Überfüllt ÜBERFÜLLT \\xfcberf\xfc" "llt u\xcc\x88" "berf\xc3\xbc" "llt", " uberfullt uberfullt uberfullt uberfullt "},
        {"550 Ящик ПЕРЕПОЛНЕН, ещё", " ящик переполнен еще "},
        {"550 用户不存在 (user)", " 用 户 不 存 在 user "},
        {"550 ユーザー不明。", " ユ ー ザ ー 不 明 "},
        {"550 Skrzynka pełna, boîte “pleine”, groß", " skrzynka pelna boite pleine gross "},
        {"550 e-mail by mx-1.spam-gw.example ＵＳＥＲ", " e mail by mx-1.spam-gw.example user "},
        {"550 [2001:db8::25] \xff\xfe\xe4", " % yta "},
        {"", " "},
        {"...", " "},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char plain[REPLIES_PLAIN];
        size_t n = replies_plain(plain, cases[i].text);
        assert_string_equal(plain, cases[i].plain);
        assert_int_equal(n, strlen(plain));
    }
}

static void codes_are_read_as_logs_show_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned code;
        const char *enhanced;
    } cases[] = {
        {"550-5.1.1 The", 550, "5.1.1"},
        {"550 5.1.1 The", 550, "5.1.1"},
        {"553 sorry (#5.7.1)", 553, "5.7.1"},
        {"4.7.4 TLS is required", 450, "4.7.4"},
        {"550", 550, ""},
        {"connect to mx: refused", 0, ""},
        {"5500 what", 0, ""},
        {"550 from 192.0.2.1", 550, ""},
        {"250 2.0.0 Ok", 250, "2.0.0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char enhanced[12];
        unsigned code;
        replies_codes(cases[i].text, &code, enhanced);
        assert_int_equal(code, cases[i].code);
        assert_string_equal(enhanced, cases[i].enhanced);
    }
}

static void the_first_rule_that_fits_wins(void **state)
{
    (void)state;
    static const char *both[] = {"over (the|all) * far*"}, *one[] = {"*hills.example"};
    static const enum phase at[] = {PHASE_DATA};
    static const struct reply_rule rules[] = {
        {.provider = "",
         .says = one,
         .says_n = 1,
         .class = CLASS_CONTENT_SPAM,
         .at = at,
         .at_n = 1},
        {.provider = "", .says = both, .says_n = 1, .class = CLASS_MAILBOX_FULL, .code = 5},
        {.provider = "p",
         .says = both,
         .says_n = 1,
         .class = CLASS_TRANSIENT,
         .is_only_here = true},
    };
    CLEANUP(replies_free) struct replies *r = replies_new(rules, ARRAY_LEN(rules));
    static const struct {
        const char *provider, *text;
        unsigned code;
        enum phase phase;
        enum class class;
    } cases[] = {
        {"", "over the hills and farther", 550, PHASE_DATA, CLASS_MAILBOX_FULL},
        {"p", "over the hills and farther", 550, PHASE_DATA, CLASS_TRANSIENT},
        {"q", "over all of it far", 550, PHASE_DATA, CLASS_MAILBOX_FULL},
        {"", "over all of it far", 450, PHASE_DATA, CLASS_TRANSIENT},
        {"", "far over the hills", 550, PHASE_DATA, CLASS_UNDETERMINED},
        {"", "mx.over-hills.example over the far", 550, PHASE_DATA, CLASS_CONTENT_SPAM},
        {"", "mx.over-hills.example over the far", 550, PHASE_RCPT, CLASS_MAILBOX_FULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply_verdict v;
        replies_judge(r,
                      &(struct reply_said){.provider = cases[i].provider,
                                           .code = cases[i].code,
                                           .enhanced = "",
                                           .text = cases[i].text,
                                           .phase = cases[i].phase},
                      &v);
        if (v.class != cases[i].class)
            fail_msg("%zu: %s", i, class_text(v.class));
    }
}

static void words_that_keep_alive_take_death_from_rules_and_status(void **state)
{
    (void)state;
    static const char *nobody[] = {"nobody looked"}, *gone[] = {"gone"}, *full[] = {"full"},
                      *riddle[] = {"a riddle"};
    static const struct reply_rule rules[] = {
        {.provider = "",
         .says = nobody,
         .says_n = 1,
         .class = CLASS_UNDETERMINED,
         .keeps_alive = true},
        {.provider = "", .says = gone, .says_n = 1, .class = CLASS_UNKNOWN_USER, .code = 550},
        {.provider = "", .says = full, .says_n = 1, .class = CLASS_MAILBOX_FULL},
        {.provider = "", .says = riddle, .says_n = 1, .class = CLASS_UNDETERMINED},
    };
    CLEANUP(replies_free) struct replies *r = replies_new(rules, ARRAY_LEN(rules));
    static const struct {
        const char *text;
        unsigned code;
        const char *enhanced;
        enum class class;
    } cases[] = {
        {"gone", 550, "", CLASS_UNKNOWN_USER},
        {"gone, nobody looked", 550, "", CLASS_UNDETERMINED},
        {"gone, nobody looked, full", 550, "", CLASS_MAILBOX_FULL},
        {"sorry", 550, "5.1.1", CLASS_UNKNOWN_USER},
        {"a riddle", 550, "5.1.1", CLASS_UNDETERMINED}, // a verdict like any other
        {"nobody looked", 550, "5.1.1", CLASS_UNDETERMINED},
        {"nobody looked", 450, "4.1.1", CLASS_TRANSIENT},
        {"gone", 0, "", CLASS_NO_CONNECT}, // a rule for one code needs it
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply_verdict v;
        replies_judge(r,
                      &(struct reply_said){.provider = "",
                                           .code = cases[i].code,
                                           .enhanced = cases[i].enhanced,
                                           .text = cases[i].text},
                      &v);
        if (v.class != cases[i].class)
            fail_msg("%zu: %s", i, class_text(v.class));
    }
}

// One pattern on one text.
static bool says(const char *pattern, const char *unless, const char *text)
{
    const char *all[] = {pattern}, *against[] = {unless};
    struct reply_rule rule = {.provider = "",
                              .says = all,
                              .says_n = 1,
                              .unless = against,
                              .unless_n = unless ? 1 : 0,
                              .class = CLASS_CONTENT_SPAM};
    CLEANUP(replies_free) struct replies *r = replies_new(&rule, 1);
    struct reply_verdict v;
    replies_judge(
        r, &(struct reply_said){.provider = "", .code = 550, .enhanced = "", .text = text}, &v);
    return v.rule;
}

static void a_pattern_says_what_stands_where(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *unless, *text;
        bool is;
    } cases[] = {
        // clang-format off
        {"no such (user|mailbox)", NULL, "550 no such mailbox", true},
        {"no such (user|mailbox)", NULL, "550 no such box", false},
        {"(no|bad) (big |)(user|mailbox)*", NULL, "550 bad big mailboxes", true},
        {"(no|bad) (big |)(user|mailbox)*", NULL, "550 no users", true},
        {"(no|bad) (big |)(user|mailbox)*", NULL, "550 no small users", false},
        {"mailbox (is|) full", NULL, "550 mailbox full", true},
        {"mailbox (size |)limit", NULL, "550 mailbox size limit", true},
        {"box* is full", NULL, "550 boxes is full", true},
        {"box* is full", NULL, "550 boxes it is full", false},
        {"box * full", NULL, "550 box a b c d e f g full", true},
        {"box ~ full", NULL, "550 box a b c d e f full", true},
        {"box ~ full", NULL, "550 box a b c d e f g full", false},
        {"box ~ is ~ full", NULL, "550 box a b c d e f g h box it is so full", true}, // the later box
        {"full & box", NULL, "550 box so full", true},
        {"full & box ~ red", NULL, "550 box is red and full", true},
        {"full ! box", NULL, "550 so full", true},
        {"full ! box", NULL, "550 box so full", false},
        {"full ! box ~ red", NULL, "550 so full and red", true},
        {"full", "your (ip|host)", "550 full, your ip", false},
        {"full", "your (ip|host)", "550 full, my ip", true},
        {"full", "your (big |)ip", "550 full, your big ip", false},
        {"*.lists.example", NULL, "550 see zen.lists.example", true},
        {"größe", NULL, "550 GRÖSSE", true},
        {"用户不存在", NULL, "550 对不起,用户不存在。", true},
        {"mail from % ~ @", NULL, "550 mail from 192.0.2.7 of <a@b.example>", true},
        {"mail from %", NULL, "550 mail from a@b.example", false},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (says(cases[i].pattern, cases[i].unless, cases[i].text) != cases[i].is)
            fail_msg("%s: %s", cases[i].pattern, cases[i].text);
}

static void an_answer_in_any_language_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *class;
    } cases[] = {
        // clang-format off
        {"550 Diese Adresse existiert bei uns nicht", "unknown-user"},
        {"550 Пользователь не найден", "unknown-user"},
        {"550 收件人地址不存在", "unknown-user"},
        {"550 Użytkownik nieznany", "unknown-user"},
        {"452 La bo\xeete aux lettres est pleine", "mailbox-full"},
        {"552 Почтовый ящик переполнен", "mailbox-full"},
        {"550 La cuenta ha sido cancelada", "inactive-mailbox"},
        {"554 Votre adresse IP est sur liste noire", "ip-reputation-block"},
        {"554 您的IP地址已被列入黑名单", "ip-reputation-block"},
        {"421 Zu viele Verbindungen von 192.0.2.7", "rate-limited"},
        {"451 请稍后再试", "transient"},
        {"550 Sender verify failed: 550 No such user", "auth-policy"},
        {"550 User unknown: your IP 192.0.2.7 is listed in our blacklist", "ip-reputation-block"},
        {"451 4.7.1 Greylisted, your IP is not blocked, come back in 5 minutes", "transient"},
        {"smtp; 550 5.1.1 <a@b.example> is unknown here: 452 4.2.2 mailbox full", "mailbox-full"},
        {"501 5.1.3 Invalid address", "protocol"},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply_verdict v = judge("", cases[i].text, PHASE_RCPT);
        if (strcmp(class_text(v.class), cases[i].class) != 0)
            fail_msg("%s: %s", cases[i].text, class_text(v.class));
    }
}

static void no_alternative_of_the_shipped_rules_is_lost(void **state)
{
    (void)state;
    assert_int_equal(replies_left_out(replies), 0);
    // The last of 1,305.
    struct reply_verdict v = judge("", "550 denied from a css list", PHASE_MAIL);
    assert_string_equal(class_text(v.class), "ip-reputation-block");
}

static void any_bytes_are_a_reply(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int i = 0; i < 20000; i++) {
        char text[3000];
        size_t n = (size_t)rand_r(&seed) % (i % 100 ? 80 : sizeof(text) - 1);
        for (size_t k = 0; k < n; k++)
            text[k] = (char)(rand_r(&seed) % 3 ? "0123456789. -@#a(>"[rand_r(&seed) % 18]
                                               : 1 + rand_r(&seed) % 255);
        text[n] = '\0';
        judge("", text, (enum phase)(rand_r(&seed) % 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_of_the_collection_means_what_it_says),
        cmocka_unit_test(replies_that_nobody_tuned_on_are_understood_but_for_a_few),
        cmocka_unit_test(no_address_is_dead_where_somebody_else_is_named_or_nobody_looked),
        cmocka_unit_test(an_answer_speaks_of_somebody),
        cmocka_unit_test(a_reply_becomes_plain_words),
        cmocka_unit_test(codes_are_read_as_logs_show_them),
        cmocka_unit_test(the_first_rule_that_fits_wins),
        cmocka_unit_test(words_that_keep_alive_take_death_from_rules_and_status),
        cmocka_unit_test(a_pattern_says_what_stands_where),
        cmocka_unit_test(an_answer_in_any_language_is_read),
        cmocka_unit_test(no_alternative_of_the_shipped_rules_is_lost),
        cmocka_unit_test(any_bytes_are_a_reply),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
