/* Lines of NDJSON become outcomes: what was written comes back, what is odd is skipped, what is wrong is
 * told, and no bytes do harm. */
#include "test.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "core/scan.h"

enum { ROOM = 1 << 16 };

// A line as the reader has it: writable, with slack behind it. Owned by the caller's buffer.
static enum scan_result scan_text(struct outcome *o, char *room, const char *text, const char **why)
{
    size_t n = strlen(text);
    assert_true(n + SCAN_SLACK < ROOM);
    memcpy(room, text, n);
    memset(room + n, 'x', SCAN_SLACK);
    return scan_line(o, room, n, why);
}

static void the_line_of_the_contract_is_read(void **state)
{
    (void)state;
    static char room[ROOM];
    struct outcome o;
    const char *why;
    assert_int_equal(
        scan_text(
            &o, room,
            "{\"t\":1764000000.250,\"kind\":\"bounced\",\"customer\":\"acme\",\"ip\":"
            "\"198.51.100.10\",\"provider\":\"google\",\"class\":\"unknown-user\",\"recipient\":"
            "\"a@big.test\",\"stream\":\"list\",\"list\":\"spring\"}",
            &why),
        SCAN_OUTCOME);
    assert_true(o.at == 1764000000250000);
    assert_int_equal(o.kind, OUTCOME_BOUNCED);
    assert_string_equal(o.customer, "acme");
    assert_string_equal(o.ip, "198.51.100.10");
    assert_string_equal(o.provider, "google");
    assert_int_equal(o.class, CLASS_UNKNOWN_USER);
    assert_string_equal(o.recipient, "a@big.test");
    assert_int_equal(o.stream, STREAM_LIST);
    assert_string_equal(o.list, "spring");
    assert_string_equal(o.reply, "");
    assert_string_equal(o.zone, "");
    assert_true(o.delivered_at == 0);
}

#define HEAD "{\"t\":1,\"kind\":\"bounced\",\"customer\":\"a\""

static void what_a_line_gives(void **state)
{
    (void)state;
    static char room[ROOM];
    static const struct {
        const char *name, *line;
        enum scan_result result;
        const char *why; // of SCAN_WRONG
    } cases[] = {
        {"the least there is", HEAD "}", SCAN_OUTCOME, NULL},
        {"blanks everywhere", " \t{ \"t\" : 1 ,\t\"kind\": \"bounced\" , \"customer\" :\"a\" } \r",
         SCAN_OUTCOME, NULL},
        {"another order", "{\"customer\":\"a\",\"kind\":\"bounced\",\"t\":1}", SCAN_OUTCOME, NULL},
        {"a key with escapes", "{\"\\u0074\":1,\"k\\u0069nd\":\"bounced\",\"customer\":\"a\"}",
         SCAN_OUTCOME, NULL},
        {"unknown fields", HEAD ",\"x\":1,\"yy\":null,\"z\":true,\"\":\"\",\"tt\":\"\\\"\"}",
         SCAN_OUTCOME, NULL},
        {"nested values", HEAD ",\"x\":{\"t\":[1,{\"kind\":\"}\"}],\"y\":[]},\"z\":[[[\"]\"]]] }",
         SCAN_OUTCOME, NULL},
        {"null is no field", HEAD ",\"class\":null,\"code\":null,\"reply\": null}", SCAN_OUTCOME,
         NULL},
        {"an empty text is no field",
         HEAD ",\"class\":\"\",\"delivered_at\":\"\",\"message\":\"\"}", SCAN_OUTCOME, NULL},
        {"a field twice: the last", HEAD ",\"customer\":\"b\"}", SCAN_OUTCOME, NULL},
        {"a listing", "{\"t\":1,\"kind\":\"listed\",\"ip\":\"1.2.3.4\",\"zone\":\"z\"}",
         SCAN_OUTCOME, NULL},
        {"nothing", "", SCAN_NOTHING, NULL},
        {"blanks", " \t \r", SCAN_NOTHING, NULL},
        {"a kind of tomorrow", "{\"t\":1,\"kind\":\"forgotten\"}", SCAN_NOTHING, NULL},
        {"no object", "[]", SCAN_WRONG, "expected an object"},
        {"a text", "\"t\"", SCAN_WRONG, "expected an object"},
        {"an empty object", "{}", SCAN_WRONG, "no `t`"},
        {"no time", "{\"kind\":\"bounced\",\"customer\":\"a\"}", SCAN_WRONG, "no `t`"},
        {"no kind", "{\"t\":1,\"customer\":\"a\"}", SCAN_WRONG, "no `kind`"},
        {"no customer", "{\"t\":1,\"kind\":\"bounced\",\"customer\":\"\"}", SCAN_WRONG,
         "no `customer`"},
        {"a listing of nothing", "{\"t\":1,\"kind\":\"listed\",\"zone\":\"z\"}", SCAN_WRONG,
         "a listing without `ip` or `zone`"},
        {"two objects", HEAD "}{}", SCAN_WRONG, "something behind the object"},
        {"a comma too many", HEAD ",}", SCAN_WRONG, "expected a key"},
        {"a comma too few", HEAD " \"x\":1}", SCAN_WRONG, "expected a comma or the object's end"},
        {"no colon", HEAD ",\"x\" 1}", SCAN_WRONG, "expected a colon behind the key"},
        {"no value", HEAD ",\"x\":}", SCAN_WRONG, "a key without a value"},
        {"cut in a key", HEAD ",\"x", SCAN_WRONG, "a text without its end"},
        {"cut in a text", "{\"t\":1,\"kind\":\"boun", SCAN_WRONG, "a text without its end"},
        {"cut in an escape", "{\"t\":1,\"kind\":\"boun\\u00", SCAN_WRONG, "an escape that is none"},
        {"cut in a number", "{\"t\":1", SCAN_WRONG, "expected a comma or the object's end"},
        {"cut in a nested value", HEAD ",\"x\":[{", SCAN_WRONG, "a value without its end"},
        {"cut behind a backslash", HEAD ",\"reply\":\"\\", SCAN_WRONG, "an escape that is none"},
        {"an escape of our own", HEAD ",\"reply\":\"\\x1b\"}", SCAN_WRONG,
         "an escape that is none"},
        {"a control character", HEAD ",\"reply\":\"a\tb\"}", SCAN_WRONG, "a text without its end"},
        {"a time as text", "{\"t\":\"1\"}", SCAN_WRONG, "a text where a number is expected"},
        {"a time before 1970", "{\"t\":-1}", SCAN_WRONG, "a time before 1970 or after 9999"},
        {"a time of no size", "{\"t\":1e300}", SCAN_WRONG, "a time before 1970 or after 9999"},
        {"a time that is none", "{\"t\":1.}", SCAN_WRONG, "a time that is no number"},
        {"a customer as number", "{\"t\":1,\"customer\":5}", SCAN_WRONG, "expected a text"},
        {"a customer as object", "{\"t\":1,\"customer\":{}}", SCAN_WRONG,
         "expected a text or a number"},
        {"a truth", "{\"t\":true}", SCAN_WRONG, "expected a text or a number"},
    };
    int failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        const char *why = NULL;
        enum scan_result result = scan_text(&o, room, cases[i].line, &why);
        bool is_said = cases[i].why ? why && strcmp(why, cases[i].why) == 0 : !why;
        if (result == cases[i].result && (result != SCAN_WRONG || is_said))
            continue;
        print_error("%s: got %d, %s\n", cases[i].name, result, why ? why : "fine");
        failed++;
    }
    assert_int_equal(failed, 0);
}

static void a_time_is_exact_to_the_microsecond(void **state)
{
    (void)state;
    static char room[ROOM];
    static const struct {
        const char *text;
        usec_t at;
    } cases[] = {
        {"0", 0},
        {"1764000000", 1764000000000000},
        {"1764000000.25", 1764000000250000},
        {"1764000000.250000", 1764000000250000},
        {"1764000000.123456", 1764000000123456},
        {"1764000000.1234564", 1764000000123456},
        {"1764000000.1234565", 1764000000123457},
        {"1764000000.24999999999999999999", 1764000000250000},
        {"1764000000.000001", 1764000000000001},
        {"1764000000.0000004", 1764000000000000},
        {"1.76400000025e9", 1764000000250000},
        {"1764000000250E-3", 1764000000250000},
        {"1764000000250000e-6", 1764000000250000},
        {"0.00000000000000000000000001", 0},
        {"1e-9999999999", 0},
        {"00001", 1000000},
        {"253402300799.999999", 253402300799999999},
        {"0e99999", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        const char *why;
        CLEANUP(xfree)
        char *line = xasprintf("{\"kind\":\"bounced\",\"customer\":\"a\",\"t\":%s}", cases[i].text);
        if (scan_text(&o, room, line, &why) != SCAN_OUTCOME || o.at != cases[i].at)
            fail_msg("%s: got %" PRId64, cases[i].text, o.at);
    }
}

static void escapes_are_what_they_say(void **state)
{
    (void)state;
    static char room[ROOM];
    static const struct {
        const char *written, *text;
    } cases[] = {
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"a\\u0041\\u00e4\\u20AC", "aA\u00e4\u20ac"},
        {"\\ud83d\\udE00 and", "\U0001f600 and"},
        {"\\ud83d", "\ufffd"},
        {"\\ud83dx", "\ufffdx"},
        {"\\ud83d\\u0041", "\ufffdA"},
        {"\\ude00", "\ufffd"},
        {"nul\\u0000here", "nul\ufffdhere"},
        {"\xff\xc3\x28", "\xff\xc3\x28"},
        {"0123456789abcdef0123456789abcdef\\n0123456789abcdef", "0123456789abcdef0123456789abcdef\n"
                                                                "0123456789abcdef"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome o;
        const char *why;
        CLEANUP(xfree) char *line = xasprintf(HEAD ",\"reply\":\"%s\"}", cases[i].written);
        if (scan_text(&o, room, line, &why) != SCAN_OUTCOME || strcmp(o.reply, cases[i].text) != 0)
            fail_msg("%s", cases[i].written);
    }
}

static void a_string_ends_wherever_it_ends(void **state)
{
    (void)state;
    static char room[ROOM];
    for (int n = 0; n < 40; n++) {
        for (int before = 0; before < 9; before++) {
            struct outcome o;
            const char *why;
            CLEANUP(xfree)
            char *line = xasprintf("%*s" HEAD ",\"recipient\":\"%.*s\"}", before, "", n,
                                   "!#[]~0123456789abcdefghijklmnopqrstuvwxyz");
            assert_int_equal(scan_text(&o, room, line, &why), SCAN_OUTCOME);
            assert_int_equal(strlen(o.recipient), n);
        }
    }
}

static void every_word_is_known(void **state)
{
    (void)state;
    static char room[ROOM];
    struct outcome o;
    const char *why;
#define TELLS(list, name, field, type)                                                             \
    for (int v = 0; strcmp(type##_text((enum type)v), "?") != 0; v++) {                            \
        CLEANUP(xfree)                                                                             \
        char *line = xasprintf("{\"t\":1,\"customer\":\"a\",\"kind\":\"bounced\",\"ip\":\"1\","    \
                               "\"zone\":\"z\",\"" name "\":\"%s\"}",                              \
                               type##_text((enum type)v));                                         \
        assert_int_equal(scan_text(&o, room, line, &why), SCAN_OUTCOME);                           \
        assert_int_equal(o.field, v);                                                              \
    }
    TELLS(WORDS_OUTCOME, "kind", kind, outcome_kind)
    TELLS(WORDS_CLASS, "class", class, class)
    TELLS(WORDS_SCOPE, "scope", scope, scope)
    TELLS(WORDS_PHASE, "phase", phase, phase)
    TELLS(WORDS_STREAM, "stream", stream, stream)
#undef TELLS
    assert_int_equal(
        scan_text(&o, room, HEAD ",\"class\":\"of-tomorrow\",\"scope\":\"all\"}", &why),
        SCAN_OUTCOME);
    assert_int_equal(o.class, CLASS_UNDETERMINED);
    assert_int_equal(o.scope, SCOPE_UNKNOWN);
}

static void what_is_too_long_is_wrong_or_cut(void **state)
{
    (void)state;
    static char room[ROOM];
    struct outcome o;
    const char *why;
    CLEANUP(xfree)
    char *name = xasprintf("{\"t\":1,\"kind\":\"bounced\",\"customer\":\"%064d\"}", 0);
    assert_int_equal(scan_text(&o, room, name, &why), SCAN_WRONG);
    assert_string_equal(why, "a name or address that is too long");
    CLEANUP(xfree)
    char *reply = xasprintf(HEAD ",\"reply\":\"%0*d\u00e4%0*d\"}", OUTCOME_REPLY - 1, 0, 100, 0);
    assert_int_equal(scan_text(&o, room, reply, &why), SCAN_OUTCOME);
    assert_int_equal(strlen(o.reply), OUTCOME_REPLY - 1); // not half of a letter
    assert_int_equal(scan_text(&o, room, HEAD ",\"code\":550,\"attempt\":99999}", &why),
                     SCAN_OUTCOME);
    assert_int_equal(o.code, 550);
    assert_int_equal(o.attempt, 0);
}

static void a_listing_has_the_blocklists_answer(void **state)
{
    (void)state;
    static char room[ROOM];
    struct outcome o;
    const char *why;
    assert_int_equal(scan_text(&o, room,
                               "{\"t\":1,\"kind\":\"listed\",\"ip\":\"198.51.100.1\",\"zone\":"
                               "\"zen.spamhaus.org\",\"code\":\"127.0.0.2\"}",
                               &why),
                     SCAN_OUTCOME);
    assert_string_equal(o.zone, "zen.spamhaus.org");
    assert_string_equal(o.answer, "127.0.0.2");
    assert_string_equal(o.customer, "");
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
    return a->at == b->at && a->kind == b->kind && a->class == b->class && a->scope == b->scope &&
           a->phase == b->phase && a->stream == b->stream && a->code == b->code &&
           a->attempt == b->attempt && a->delivered_at == b->delivered_at &&
           message_id_equal(a->message, b->message) && strcmp(a->customer, b->customer) == 0 &&
           strcmp(a->list, b->list) == 0 && strcmp(a->ip, b->ip) == 0 &&
           strcmp(a->provider, b->provider) == 0 && strcmp(a->recipient, b->recipient) == 0 &&
           strcmp(a->reply, b->reply) == 0 && strcmp(a->zone, b->zone) == 0 &&
           strcmp(a->answer, b->answer) == 0;
}

static uint32_t roll(uint64_t *x, uint32_t n)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return (uint32_t)(*x >> 33) % n;
}

// A random outcome, as text_visible() leaves its strings: any letters but control characters.
static void make_outcome(struct outcome *o, uint64_t *x)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "acme",
                                        "with \"quotes\" and \\",
                                        "\u00e4\U0001f600",
                                        "a@b.test",
                                        "0123456789012345678901234567890123456789"};
#define TEXT texts[roll(x, ARRAY_LEN(texts))]
    bool is_listing = roll(x, 8) == 0;
    *o = (struct outcome){.at = (usec_t)roll(x, 1u << 31) * USEC_SECOND + roll(x, 1000) * USEC_MS,
                          .kind = is_listing ? OUTCOME_LISTED : (enum outcome_kind)roll(x, 10),
                          .class = (enum class)(1 + roll(x, 20)),
                          .scope = (enum scope)roll(x, 9),
                          .phase = (enum phase)roll(x, 8),
                          .stream = (enum stream)roll(x, 2),
                          .code = is_listing ? 0 : (uint16_t)roll(x, 600),
                          .attempt = (uint16_t)roll(x, 100),
                          .customer = "acme",
                          .list = TEXT,
                          .ip = is_listing ? "::1" : TEXT,
                          .provider = TEXT,
                          .recipient = TEXT,
                          .reply = TEXT,
                          .zone = is_listing ? "z.test" : "",
                          .answer = is_listing ? "127.0.0.2" : "",
                          .delivered_at = (usec_t)roll(x, 2) * roll(x, 1u << 31) * USEC_SECOND};
    if (roll(x, 2))
        o->message = message_id_make(o->at, (struct node_id){roll(x, 1u << 31)}, roll(x, 1u << 31));
#undef TEXT
}

static void what_is_written_comes_back(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252;
    for (int i = 0; i < 20000; i++) {
        CLEANUP(buf_deinit) struct buf line = {0};
        struct outcome o, back;
        const char *why = NULL;
        make_outcome(&o, &x);
        outcome_format(&line, &o);
        buf_reserve(&line, SCAN_SLACK);
        CLEANUP(xfree) char *text = xmemdup0(line.p, line.n);
        if (scan_line(&back, (char *)line.p, line.n - 1, &why) != SCAN_OUTCOME)
            fail_msg("%s: %s", why, text);
        if (!is_same(&o, &back))
            fail_msg("%s", text);
    }
}

static void no_bytes_do_harm(void **state)
{
    (void)state;
    uint64_t x = 20261124;
    for (int i = 0; i < 20000; i++) {
        CLEANUP(buf_deinit) struct buf line = {0};
        struct outcome o;
        const char *why = NULL;
        make_outcome(&o, &x);
        outcome_format(&line, &o);
        size_t n = line.n - 1;
        for (uint32_t changes = roll(&x, 6); changes; changes--)
            line.p[roll(&x, (uint32_t)n)] = (uint8_t)roll(&x, 256);
        for (size_t j = 0; j < n; j++)
            if (line.p[j] == '\n')
                line.p[j] = 0;
        n = roll(&x, 3) ? n : roll(&x, (uint32_t)n + 1);
        // Exactly as much as is promised, so that a sanitizer sees each byte beyond.
        CLEANUP(xfree) char *exact = xmalloc(n + SCAN_SLACK);
        memcpy(exact, line.p, n);
        memset(exact + n, '"', SCAN_SLACK);
        if (scan_line(&o, exact, n, &why) == SCAN_WRONG)
            assert_non_null(why);
    }
}

// As a reply that nobody understands: a 5xx is undetermined, a 4xx is transient.
static void without_a_class_that_is_known_the_kind_speaks(void **state)
{
    (void)state;
    static char room[ROOM];
    static const struct {
        const char *rest;
        enum class class;
    } cases[] = {
        {"\"bounced\"}", CLASS_UNDETERMINED},
        {"\"bounced\",\"class\":\"\"}", CLASS_UNDETERMINED},
        {"\"expired\",\"class\":\"of tomorrow\"}", CLASS_UNDETERMINED},
        {"\"deferred\"}", CLASS_TRANSIENT},
        {"\"deferred\",\"class\":\"of tomorrow\"}", CLASS_TRANSIENT},
        {"\"deferred\",\"class\":\"undetermined\"}", CLASS_UNDETERMINED},
        {"\"delivered\"}", CLASS_DELIVERED},
        {"\"complained\"}", CLASS_DELIVERED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[200];
        struct outcome o;
        const char *why;
        snprintf(line, sizeof(line), "{\"t\":1,\"customer\":\"a\",\"kind\":%s", cases[i].rest);
        assert_int_equal(scan_text(&o, room, line, &why), SCAN_OUTCOME);
        if (o.class != cases[i].class)
            fail_msg("%s: %s", line, class_text(o.class));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_line_of_the_contract_is_read),
    cmocka_unit_test(what_a_line_gives),
    cmocka_unit_test(a_time_is_exact_to_the_microsecond),
    cmocka_unit_test(escapes_are_what_they_say),
    cmocka_unit_test(a_string_ends_wherever_it_ends),
    cmocka_unit_test(every_word_is_known),
    cmocka_unit_test(without_a_class_that_is_known_the_kind_speaks),
    cmocka_unit_test(what_is_too_long_is_wrong_or_cut),
    cmocka_unit_test(a_listing_has_the_blocklists_answer),
    cmocka_unit_test(what_is_written_comes_back),
    cmocka_unit_test(no_bytes_do_harm),
};
TEST_MAIN(tests)
