/* Shapes: what varies is out, what is said stays, and a shape is a pattern that knows its replies. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "core/words.h"
#include "mail/replies.h"
#include "mail/replies_shape.h"

static void what_varies_is_out_and_what_is_said_stays(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *shape;
    } cases[] = {
        {"codes are no words", "550-5.1.1 Ask the 550 5.1.1 postmaster", "ask the postmaster"},
        {"an address", "550 Mail to <joe@big.test> was sad", "mail to * was sad"},
        {"one without brackets", "550 joe+x=y@big.test: sad", "* sad"},
        {"IPs of both kinds", "554 Host [192.0.2.7] or 2001:db8::7 unloved", "host * or * unloved"},
        {"host names", "450 mx-1.big.test (of Big Corp.) rests", "* of big corp rests"},
        {"a URL", "550 See https://big.test/a?b=C&d for more", "see * for more"},
        {"one without a scheme", "550 See big.test/help/why?x for more", "see * for more"},
        {"numbers, alone and in ids", "451 4.0.0 12 of q1W2-e3 (a_9/b) wait", "* of * wait"},
        {"an id without a digit", "451 Ask for aBcDeFgHi or xkcdqrstv", "ask for * or *"},
        {"a date", "451 Wed, 25 Nov 2026 03:04:05 +0000 is over, may be", "* is over may be"},
        {"a word in quotes", "550 No 'joe' here, \"bob\" there: can't", "no * here * there can t"},
        {"several words in quotes are said", "550 it is \"very sad\"", "it is very sad"},
        {"a masked address", "550 <…> is sad", "* is sad"},
        {"letters as patterns have them", "550 Empf\\xe4nger \u00dcBERRASCHT",
         "empfanger uberrascht"},
        {"signs that have no blanks", "550 宛先なし5通", "宛 先 な し * 通"},
        {"codes alone", "550 5.0.0", ""},
        {"nothing", "", ""},
        {"words that dashes and slashes join", "550 and/or non-sense", "and or non sense"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char shape[REPLIES_SHAPE];
        size_t n = replies_shape(shape, cases[i].text);
        if (strcmp(shape, cases[i].shape) != 0 || n != strlen(shape))
            fail_msg("%s: `%s`", cases[i].name, shape);
    }
}

// ---- properties, over replies put together by chance

static unsigned roll(unsigned n)
{
    static unsigned state = 7;
    state = state * 1664525 + 1013904223;
    return (state >> 12) % n;
}

static void random_letters(char *out, size_t n, const char *of)
{
    for (size_t i = 0; i < n; i++)
        out[i] = of[roll((unsigned)strlen(of))];
    out[n] = '\0';
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

// Something of a kind that varies.
static void add_variable(char *out, size_t room, unsigned kind)
{
    char a[40], b[12];
    random_letters(a, 1 + roll(12), letters);
    random_letters(b, 2 + roll(6), letters);
    switch (kind) {
    case 0:
        snprintf(out, room, "<%s.%u@%s.test>", a, roll(99), b);
        return;
    case 1:
        snprintf(out, room, "%u.%u.%u.%u", roll(256), roll(256), roll(256), roll(256));
        return;
    case 2:
        snprintf(out, room, "[2001:db8:%x::%x]", roll(65536), roll(65536));
        return;
    case 3:
        snprintf(out, room, "%u", roll(1000000));
        return;
    case 4:
        snprintf(out, room, "mx%u.%s.%s.example", roll(9), a, b);
        return;
    case 5:
        snprintf(out, room, "https://%s.test/%s?id=%u#%s", b, a, roll(1000), b);
        return;
    case 6:
        snprintf(out, room, "%s%u-%s_%u", b, roll(100), a, roll(100000));
        return;
    default:
        snprintf(out, room, "'%s'", a);
        return;
    }
}

static const char *const said[] = {"mailbox",      "unhappy", "(the",     "moon)", "is,",
                                   "policy-wise,", "not",     "today;",   "sorry", "e.g.",
                                   "über",         "and/or",  "message:", "may",   "DNS",
                                   "Gateway",      "can't.",  "届かない"};

enum { PARTS = 14, KINDS = 8 };

// Two replies that say the same of different things.
static void two_alike(char a[2000], char b[2000])
{
    size_t at = (size_t)snprintf(a, 2000, "550 5.9.9"), bt = (size_t)snprintf(b, 2000, "550 5.9.9");
    for (unsigned i = 0, n = 2 + roll(PARTS); i < n; i++) {
        char x[200], y[200];
        if (roll(3)) {
            snprintf(x, sizeof(x), "%s", said[roll(ARRAY_LEN(said))]);
            snprintf(y, sizeof(y), "%s", x);
        } else {
            unsigned kind = roll(KINDS);
            add_variable(x, sizeof(x), kind);
            add_variable(y, sizeof(y), kind);
        }
        at += (size_t)snprintf(a + at, 2000 - at, " %s", x);
        bt += (size_t)snprintf(b + bt, 2000 - bt, " %s", y);
    }
}

static void replies_that_differ_in_what_varies_have_one_shape(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char a[2000], b[2000], of_a[REPLIES_SHAPE], of_b[REPLIES_SHAPE];
        two_alike(a, b);
        replies_shape(of_a, a);
        replies_shape(of_b, b);
        if (strcmp(of_a, of_b) != 0)
            fail_msg("%s: %s\n%s: %s", a, of_a, b, of_b);
    }
}

static void the_shape_of_a_shape_is_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char a[2000], b[2000], once[REPLIES_SHAPE], twice[REPLIES_SHAPE];
        two_alike(a, b);
        replies_shape(once, a);
        replies_shape(twice, once);
        if (strcmp(once, twice) != 0)
            fail_msg("%s: %s: %s", a, once, twice);
    }
}

static bool knows(const char *pattern, const char *text)
{
    const char *says[] = {pattern};
    struct reply_rule rule = {
        .provider = "", .says = says, .says_n = 1, .class = CLASS_RATE_LIMITED, .scope = SCOPE_IP};
    CLEANUP(replies_free) struct replies *r = replies_new(&rule, 1);
    struct reply_verdict v;
    replies_judge(r, &(struct reply_said){"", 550, "5.9.9", text, PHASE_RCPT}, &v);
    return v.rule;
}

static void a_shape_is_a_pattern_that_knows_its_replies(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        char a[2000], b[2000], shape[REPLIES_SHAPE];
        two_alike(a, b);
        replies_shape(shape, a);
        if (strcmp(shape, "*") != 0 && !(knows(shape, a) && knows(shape, b)))
            fail_msg("%s: %s, %s", shape, a, b);
    }
}

static void a_long_text_has_a_short_shape(void **state)
{
    (void)state;
    char text[20000], shape[REPLIES_SHAPE];
    for (size_t i = 0; i + 1 < sizeof(text); i++)
        text[i] = "many a word "[i % 12];
    text[sizeof(text) - 1] = '\0';
    assert_in_range(replies_shape(shape, text), 230, REPLIES_SHAPE - 1);
    assert_string_equal(shape + strlen(shape) - 4, "word");
    memset(text, 'a', sizeof(text) - 1);
    replies_shape(shape, text);
    assert_string_equal(shape, "*");
    for (size_t i = 0; i + 1 < sizeof(text); i++)
        text[i] = "a 1 "[i % 4];
    replies_shape(shape, text);
    assert_int_equal(strlen(shape), 4 * REPLIES_SHAPE_GAPS + 1);
}

static void unknown_is_what_only_the_codes_spoke_of(void **state)
{
    (void)state;
    static const struct reply_rule rule;
    static const struct {
        const char *name;
        unsigned code;
        struct reply_verdict v;
        bool is_unknown;
    } cases[] = {
        {"a 5xx without a rule", 550, {CLASS_UNDETERMINED, SCOPE_UNKNOWN, NULL}, true},
        {"a 4xx without a rule", 450, {CLASS_TRANSIENT, SCOPE_UNKNOWN, NULL}, true},
        {"one that a rule knew", 450, {CLASS_TRANSIENT, SCOPE_UNKNOWN, &rule}, false},
        {"a code that says it all", 550, {CLASS_UNKNOWN_USER, SCOPE_RECIPIENT, NULL}, false},
        {"no reply at all", 0, {CLASS_TRANSIENT, SCOPE_UNKNOWN, NULL}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (replies_is_unknown(cases[i].code, &cases[i].v) != cases[i].is_unknown)
            fail_msg("%s", cases[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_varies_is_out_and_what_is_said_stays),
        cmocka_unit_test(replies_that_differ_in_what_varies_have_one_shape),
        cmocka_unit_test(the_shape_of_a_shape_is_the_same),
        cmocka_unit_test(a_shape_is_a_pattern_that_knows_its_replies),
        cmocka_unit_test(a_long_text_has_a_short_shape),
        cmocka_unit_test(unknown_is_what_only_the_codes_spoke_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
