/* One table of commands, one parser: what people may type, and what they are told when it is wrong. */
#include "test.h"

#include <string.h>

#include "base/buf.h"
#include "remote/command.h"
#include "remote/format.h"

static void right_lines_become_checked_calls(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words, *target; // the last target
        size_t targets_n;
    } cases[] = {
        {"status --json", "status", NULL, 0},
        {"suspend acme -r stale list", "suspend", "customer:acme", 1},
        {"suspend acme acme customer:beta -r x", "suspend", "customer:beta", 2},
        {"-r 'stale list' suspend acme/spring", "suspend", "customer:acme/spring", 1},
        {"throttle acme --rate 100/h --for 2h --reason=slow", "throttle", "customer:acme", 1},
        {"pull 2001:DB8::0:7 -r blocked", "pull", "ip:2001:db8::7", 1},
        {"pull ip:198.51.100.7 --dry-run", "pull", "ip:198.51.100.7", 1},
        {"pause 2001:DB8::7/Google -r asks for peace", "pause", "lane:2001:db8::7/google", 1},
        {"pause lane:198.51.100.7/google google -r x", "pause", "provider:google", 2},
        {"resume provider:google -r x", "resume", "provider:google", 1},
        {"hold --provider google --customer acme -r x", "hold",
         "queue:customer=acme,provider=google", 1},
        {"hold --all -r x", "hold", "queue:all", 1},
        {"hold queue:pool=shared,ip=1.2.3.4 -r x", "hold", "queue:ip=1.2.3.4,pool=shared", 1},
        {"undo 17 -r wrong one", "undo", "log:17", 1},
        {"incidents --filter state:closed", "incidents", NULL, 0},
        {"providers --sort -waiting", "providers", NULL, 0},
        {"replies unknown --filter count>9 --json", "replies unknown", NULL, 0},
        {"ack 318", "ack", "incident:318", 1},
        {"resolve incident:318 -r list removed", "resolve", "incident:318", 1},
        {"note 318 asked acme by phone", "note", "incident:318", 1},
        {"note 318 -r asked acme", "note", "incident:318", 1},
        {"show incident:318", "show", "incident:318", 1},
        {"explain customer:acme", "explain", "customer:acme", 1},
        {"explain oma@mail.example", "explain", "oma@mail.example", 1},
        {"show message:01jd3vr5q8000000000000abcd", "show", "message:01JD3VR5Q8000000000000ABCD",
         1},
        {"show provider:Google", "show", "provider:google", 1},
        {"customer add acme --contact ops@acme.example --pool shared", "customer add",
         "customer:acme", 1},
        {"customer set acme --rate none", "customer set", "customer:acme", 1},
        {"customer set acme --language de", "customer set", "customer:acme", 1},
        {"suppress add Ana@Big.Test gone.test --trap --for never", "suppress add", "@gone.test", 2},
        {"suppress rm @Gone.Test gone.test --customer acme/spring -r back", "suppress rm",
         "@gone.test", 1},
        {"suppress check a@big.test --json", "suppress check", "a@big.test", 1},
        {"suppress import - --customer acme", "suppress import", "-", 1},
        {"suppress export", "suppress export", NULL, 0},
        {"replay --policy p.yaml -", "replay", "-", 1},
        {"replay events.ndjson --config=c.yaml --explain ip:2001:DB8::7", "replay", "events.ndjson",
         1},
        {"customers --filter 'standing:warned bounce>2%' --limit 5", "customers", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(command_call_deinit) struct command_call call;
        char *why = NULL;
        if (command_parse_text(&call, cases[i].line, &why))
            fail_msg("%s: %s", cases[i].line, why);
        assert_string_equal(call.command->words, cases[i].words);
        assert_int_equal(call.targets_n, cases[i].targets_n);
        if (cases[i].target)
            assert_string_equal(call.targets[call.targets_n - 1], cases[i].target);
    }
}

static void wrong_lines_say_what_is_wrong_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"suspnd acme", "nearest: suspend"},
        {"customer", "half a command: `customer add`"},
        {"replies", "half a command: `replies unknown`"},
        {"suspend -r x", "wants an argument"},
        {"suspend acme", "wants a reason"},
        {"suspend Acme -r x", "expected a customer like acme"},
        {"suspend acme+web -r x", "expected a customer like acme"},
        {"suspend acme --for 4x -r x", "expected a duration like 4h, got `4x`"},
        {"suspend acme --rate 1/h -r x", "suspend takes no --rate"},
        {"suspend acme -r", "expected a reason"},
        {"suspend acme -r x --reson y", "nearest: --reason"},
        {"suspend acme -r x --read-only", "--read-only was said"},
        {"customer set acme --language fr", "--language: expected en or de"},
        {"pull 198.51.100 -r x", "expected an IP address"},
        {"pause google/198.51.100.7 -r x", "an address and a provider like 198.51.100.7/google"},
        {"resume 198.51.100.7/ -r x", "an address and a provider"},
        {"resume x --for 2h -r x", "resume takes no --for"},
        {"hold -r x", "which?"},
        {"hold --all --pool shared -r x", "not both"},
        {"hold --pool Shared -r x", "expected a pool's name"},
        {"undo x -r y", "expected a ledger number"},
        {"ack", "wants an argument"},
        {"ack 318 319", "takes one argument"},
        {"ack acme", "expected an incident's number like 318"},
        {"ack 0", "expected an incident's number"},
        {"ack 318 --for 2h", "ack takes no --for"},
        {"note 318", "a text"},
        {"note", "a text"},
        {"note 318 x -r y", "not both"},
        {"explain", "wants an argument"},
        {"explain acme", "expected customer:ID"},
        {"explain a@b,c", "no mail address"},
        {"show acme", "expected customer:ID"},
        {"status now", "takes no arguments"},
        {"replay", "wants an argument; usage: mxwarden replay FILE|-"},
        {"replay a b", "takes one argument"},
        {"replay - --explain acme", "expected customer:ID, ip:ADDR or provider:ID, got `acme`"},
        {"replay - --explain customer:acme/spring", "expected customer:ID"},
        {"replay - --json", "replay takes no --json"},
        {"status --policy p", "status takes no --policy"},
        {"status --json=1", "takes no value"},
        {"customers --limit 0", "expected a number from 1"},
        {"customers --sort id --sort id", "given twice"},
        {"customer set acme", "what?"},
        {"customer add acme/spring", "not a list"},
        {"customer add acme --contact nobody", "expected a mail address"},
        {"suppress add", "wants an argument"},
        {"suppress add nobody@", "expected a mail address or a domain"},
        {"suppress add a@big..test", "expected a mail address or a domain"},
        {"suppress add a@big.test --customer acme/", "expected a customer `acme` or a list"},
        {"suppress rm a@big.test --trap", "suppress rm takes no --trap"},
        {"suppress check a@big.test --customer acme", "suppress check takes no --customer"},
        {"suspend acme -r x --for never", "--for: expected a duration"},
        {"events --since never", "--since: expected"},
        {"events --since yesterday", "expected 8h"},
        {"queue --by moon", "expected provider, customer or pool"},
        {"log \"open", "a quote is left open"},
        {"throttle acme --rate none -r x", "restore takes it off"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(command_call_deinit) struct command_call call;
        CLEANUP(xfree) char *why = NULL;
        if (!command_parse_text(&call, cases[i].line, &why))
            fail_msg("%s: passed", cases[i].line);
        if (!strstr(why, cases[i].says))
            fail_msg("%s: says `%s`", cases[i].line, why);
    }
}

static void no_words_are_the_console(void **state)
{
    (void)state;
    CLEANUP(command_call_deinit) struct command_call call;
    static const char *const argv[] = {"-s", "/tmp/x", "--read-only"};
    char *why = NULL;
    assert_int_equal(command_parse(&call, 3, argv, &why), 0);
    assert_null(call.command);
    assert_string_equal(call.socket, "/tmp/x");
    assert_true(call.is_read_only);
}

static void in_argv_a_reason_is_one_word(void **state)
{
    (void)state;
    CLEANUP(command_call_deinit) struct command_call call;
    static const char *const argv[] = {"suspend", "-r", "stale list", "acme", "beta"};
    char *why = NULL;
    assert_int_equal(command_parse(&call, 5, argv, &why), 0);
    assert_string_equal(call.reason, "stale list");
    assert_int_equal(call.targets_n, 2);
}

static void the_words_behind_a_number_are_the_note(void **state)
{
    (void)state;
    CLEANUP(command_call_deinit) struct command_call call;
    char *why = NULL;
    assert_int_equal(command_parse_text(&call, "note 318 asked  acme by phone", &why), 0);
    assert_string_equal(call.reason, "asked acme by phone");
}

static void since_is_a_span_back_or_a_date(void **state)
{
    (void)state;
    CLEANUP(command_call_deinit) struct command_call call;
    char *why = NULL;
    assert_int_equal(command_parse_text(&call, "events --since 8h", &why), 0);
    assert_int_equal(command_since(&call, 10 * USEC_HOUR), 2 * USEC_HOUR);
}

static void every_command_has_its_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count(); i++) {
        CLEANUP(buf_deinit) struct buf b = {0};
        command_help(&b, command_at(i));
        assert_non_null(strstr((char *)b.p, command_at(i)->words));
        assert_ptr_equal(command_get(command_at(i)->words), command_at(i));
    }
}

static void numbers_read_as_people_read_them(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        const char *text;
    } counts[] = {
        {0, "0"}, {1204, "1,204"}, {99999, "99,999"}, {148000, "148k"}, {1200000, "1.2M"}};
    static const struct {
        double rate;
        const char *text;
    } rates[] = {{-1, "–"}, {0, "0.0"}, {0.0021, "0.21"}, {0.064, "6.4"}, {1, "100.0"}};
    char out[FORMAT_TEXT];
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        format_count(out, counts[i].n);
        assert_string_equal(out, counts[i].text);
    }
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        format_rate(out, rates[i].rate);
        assert_string_equal(out, rates[i].text);
    }
    format_count_full(out, -1234567);
    assert_string_equal(out, "-1,234,567");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(right_lines_become_checked_calls),
    cmocka_unit_test(wrong_lines_say_what_is_wrong_and_what_was_expected),
    cmocka_unit_test(no_words_are_the_console),
    cmocka_unit_test(in_argv_a_reason_is_one_word),
    cmocka_unit_test(the_words_behind_a_number_are_the_note),
    cmocka_unit_test(since_is_a_span_back_or_a_date),
    cmocka_unit_test(every_command_has_its_help),
    cmocka_unit_test(numbers_read_as_people_read_them),
};
TEST_MAIN(tests)
