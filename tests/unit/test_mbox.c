/* The mails of a file: where one ends and the next begins. */
#include "test.h"

#include <string.h>

#include "cli/mbox.h"

static void a_file_has_these_mails(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *mails; // joined by |
    } cases[] = {
        // clang-format off
        {"nothing", "", ""},
        {"one mail", "Subject: a\n\nb\n", "Subject: a\n\nb\n"},
        {"one mail without an end", "Subject: a\n\nb", "Subject: a\n\nb"},
        {"an mbox of two", "From a@b.example Mon Nov 23 10:00:00 2026\nA: 1\n\nb\n\nFrom c Mon Nov 23 10:00:00 2026\nA: 2\n\nd\n",
         "From a@b.example Mon Nov 23 10:00:00 2026\nA: 1\n\nb\n\n|From c Mon Nov 23 10:00:00 2026\nA: 2\n\nd\n"},
        {"CR LF", "From a Mon Nov 23 10:00:00 2026\r\nA: 1\r\n\r\nb\r\n\r\nFrom c Mon Nov 23 10:00:00 2026\r\nA: 2\r\n",
         "From a Mon Nov 23 10:00:00 2026\r\nA: 1\r\n\r\nb\r\n\r\n|From c Mon Nov 23 10:00:00 2026\r\nA: 2\r\n"},
        {"a quoted From", "From a Mon Nov 23 10:00:00 2026\nA: 1\n\n>From you\n>>From me\n>Fromage\n",
         "From a Mon Nov 23 10:00:00 2026\nA: 1\n\nFrom you\n>From me\n>Fromage\n"},
        {"a sentence that begins with From", "From a Mon Nov 23 10:00:00 2026\nA: 1\n\nFrom now on we close at 10:00\n",
         "From a Mon Nov 23 10:00:00 2026\nA: 1\n\nFrom now on we close at 10:00\n"},
        {"a separator with no empty line in front", "From a Mon Nov 23 10:00:00 2026\nA: 1\n\nb\nFrom c Mon Nov 23 10:00:00 2026\n",
         "From a Mon Nov 23 10:00:00 2026\nA: 1\n\nb\nFrom c Mon Nov 23 10:00:00 2026\n"},
        {"one that is beyond doubt", "From a Mon Nov 23 10:00:00 2026\nA: 1\n\nb\nFrom c@x.example Mon Nov 23 10:00:00 2026\nA: 2\n",
         "From a Mon Nov 23 10:00:00 2026\nA: 1\n\nb\n|From c@x.example Mon Nov 23 10:00:00 2026\nA: 2\n"},
        {"empty lines in front of the first", "\n\nFrom a Mon Nov 23 10:00:00 2026\nA: 1\n\nFrom b Mon Nov 23 10:00:00 2026\nA: 2\n",
         "From a Mon Nov 23 10:00:00 2026\nA: 1\n\n|From b Mon Nov 23 10:00:00 2026\nA: 2\n"},
        {"a mail that quotes an mbox", "A: 1\n\n\nFrom c Mon Nov 23 10:00:00 2026\n>From x\n", "A: 1\n\n\nFrom c Mon Nov 23 10:00:00 2026\n>From x\n"},
        // clang-format on
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_deinit) struct buf mail = {0}, all = {0};
        struct mbox m;
        FILE *f = fmemopen((char *)cases[i].file, strlen(cases[i].file) + 1, "r");
        assert_non_null(f);
        // fmemopen wants a byte at least: the NUL is not part of the case.
        (void)setvbuf(f, NULL, _IONBF, 0);
        mbox_init(&m, f);
        while (mbox_next(&m, &mail)) {
            while (mail.n && !mail.p[mail.n - 1])
                mail.n--;
            if (!mail.n)
                continue;
            if (all.n)
                buf_add_byte(&all, '|');
            buf_add_bytes(&all, buf_bytes(&mail));
        }
        mbox_deinit(&m);
        (void)fclose(f);
        CLEANUP(xfree) char *got = buf_take_str(&all);
        if (strcmp(got, cases[i].mails) != 0)
            fail_msg("%s: `%s`", cases[i].name, got);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_file_has_these_mails),
};

TEST_MAIN(tests)
