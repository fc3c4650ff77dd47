/* What is open, what is new, and since when. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "ui/headline.h"

static json_t *incident(int number, const char *severity, const char *who)
{
    return json_pack("{s:s+, s:i, s:s, s:s, s:s}", "key", "incident:", number == 1 ? "1" : "2",
                     "number", number, "severity", severity, "has_it", who, "culprit",
                     number == 1 ? "customer:acme" : "");
}

static void answer(struct headline *h, enum headline_ask which, json_t *rows, int matched)
{
    json_t *result = json_pack("{s:o, s:i}", "rows", rows, "matched", matched);
    h->ids[which] = 7;
    assert_true(headline_answer(h, 7, result));
    assert_int_equal(h->ids[which], 0);
    json_decref(result);
}

static void open_ones(struct headline *h, const char *first, const char *second)
{
    json_t *rows = json_array();
    if (first)
        json_array_append_new(rows, incident(1, first, "nobody"));
    if (second)
        json_array_append_new(rows, incident(2, second, "ana"));
    answer(h, ASK_OPEN, rows, 2);
}

static void it_rings_for_what_became_critical_while_one_looks(void **state)
{
    static const struct {
        const char *name, *before[2], *after[2];
        bool rings;
    } cases[] = {
        {"it was there", {"critical", NULL}, {"critical", NULL}, false},
        {"one came", {"critical", NULL}, {"critical", "critical"}, true},
        {"one got worse", {"warning", NULL}, {"critical", NULL}, true},
        {"one went", {"critical", "critical"}, {NULL, "critical"}, false},
        {"one went as one came", {"critical", NULL}, {NULL, "critical"}, true},
        {"a warning came", {NULL, NULL}, {NULL, "warning"}, false},
        {"the first of all", {NULL, NULL}, {"critical", NULL}, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct headline h;
        headline_init(&h);
        open_ones(&h, cases[i].before[0], cases[i].before[1]);
        assert_false(headline_rings(&h)); // nothing rings at the start
        open_ones(&h, cases[i].after[0], cases[i].after[1]);
        if (headline_rings(&h) != cases[i].rings)
            fail_msg("%s", cases[i].name);
        assert_false(headline_rings(&h)); // once
        headline_deinit(&h);
    }
}

static void it_counts_what_is_open_and_finds_whom_it_blames(void **state)
{
    struct headline h;
    (void)state;
    headline_init(&h);
    assert_null(headline_about(&h, "customer:acme"));
    open_ones(&h, "critical", "notice");
    assert_int_equal(h.critical, 1);
    assert_int_equal(h.warning, 0);
    assert_int_equal(h.notice, 1);
    assert_int_equal(h.nobody, 1);
    assert_ptr_equal(headline_about(&h, "customer:acme"), json_array_get(h.open, 0));
    assert_ptr_equal(headline_about(&h, "incident:2"), json_array_get(h.open, 1));
    assert_null(headline_about(&h, "customer:other"));
    headline_deinit(&h);
}

static void the_first_look_counts_from_there_on(void **state)
{
    struct headline h;
    (void)state;
    headline_init(&h);
    assert_int_equal(h.incidents, -1);
    answer(&h, ASK_NEW, json_pack("[{s:i}]", "number", 12), 12);
    assert_int_equal(h.incidents, 0); // not twelve news
    assert_int_equal(h.looked.incident, 12);
    answer(&h, ASK_NEW, json_pack("[{s:i}]", "number", 14), 2);
    assert_int_equal(h.incidents, 2);
    assert_int_equal(h.highest, 14);
    headline_deinit(&h);
}

static void what_was_refused_leaves_what_was_known(void **state)
{
    struct headline h;
    (void)state;
    headline_init(&h);
    open_ones(&h, "critical", NULL);
    h.ids[ASK_OPEN] = 9;
    assert_true(headline_answer(&h, 9, NULL));
    assert_int_equal(h.critical, 1);
    assert_false(headline_answer(&h, 9, NULL)); // that was it
    assert_false(headline_answer(&h, 0, NULL));
    headline_deinit(&h);
}

static void a_look_is_remembered_for_this_engine_alone(void **state)
{
    char folder[] = "/tmp/looked-XXXXXX";
    struct looked l, was = {.at = 1764000000 * USEC_SECOND, .seq = 17, .incident = 3};
    (void)state;
    must(mkdtemp(folder));
    setenv("XDG_STATE_HOME", folder, 1);
    assert_false(looked_load(&l, "mta1", "one"));
    looked_save(&was, "mta1", "one");
    assert_true(looked_load(&l, "mta1", "one"));
    assert_true(l.at == was.at && l.seq == was.seq && l.incident == was.incident);
    assert_false(looked_load(&l, "mta1", "another"));
    assert_false(looked_load(&l, "mta2", "one"));
    looked_save(&was, "../../escape", "one"); // a name is no path
    assert_true(looked_load(&l, "../../escape", "one"));
    CLEANUP(xfree) char *dir = xasprintf("%s/mxwarden", folder);
    CLEANUP(xfree) char *first = xasprintf("%s/looked-mta1", dir);
    CLEANUP(xfree) char *second = xasprintf("%s/looked-_.....escape", dir);
    assert_int_equal(unlink(second), 0);
    FILE *f = fopen(first, "we");
    fputs("{\"at\": 3", f);
    fclose(f);
    assert_false(looked_load(&l, "mta1", "one")); // broken: never looked
    unlink(first);
    rmdir(dir);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_rings_for_what_became_critical_while_one_looks),
        cmocka_unit_test(it_counts_what_is_open_and_finds_whom_it_blames),
        cmocka_unit_test(the_first_look_counts_from_there_on),
        cmocka_unit_test(what_was_refused_leaves_what_was_known),
        cmocka_unit_test(a_look_is_remembered_for_this_engine_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
