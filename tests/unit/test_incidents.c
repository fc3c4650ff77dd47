/* The five lines of an incident fit whatever room there is, and its keys act on whom it names. */
#include "test.h"

#include <string.h>

#include "ui/figure.h"
#include "ui/views/incidents.h"
#include "ui/views/views.h"

enum { ROWS = 16, WIDTH = 80 };

static json_t *row_of(const char *more)
{
    json_t *row = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:s}", "number", 318, "severity",
        "critical", "opened_at", "2026-11-24T11:55:02.000Z", "what",
        "microsoft blocks 198.51.100.7", "cause",
        "acme, list spring: 91 % of the harm; looks like a bought list", "done",
        "a lane was paused, acme warned, then throttled to 100/h, its import put back to pending",
        "next", "12:55Z one probe to microsoft", "you", "text",
        "suspend acme for 4 h: 60,669 bought addresses still wait to be asked, and nobody waits",
        "command", "suspend acme", "has_it", "nobody");
    json_t *extra = json_loads(more, 0, NULL);
    json_object_update(row, extra);
    json_decref(extra);
    return row;
}

static void five_lines_stand_in_any_room(void **state)
{
    static const char *const labels[] = {"what", "cause", "done", "next", "you"};
    json_t *row = row_of("{}");
    struct model m = {.now = 1764000000 * USEC_SECOND};
    (void)state;
    for (size_t room = INCIDENT_FIVE; room <= ROWS; room++) {
        struct line lines[ROWS];
        size_t found = 0;
        for (size_t i = 0; i < ROWS; i++) {
            line_clear(&lines[i]);
            line_str(&lines[i], PEN_NORMAL, " ");
        }
        view_incidents.foot(lines, room, WIDTH, &m, row);
        for (size_t i = 0; i < room && found < INCIDENT_FIVE; i++)
            found += strncmp(lines[i].text + 1, labels[found], strlen(labels[found])) == 0;
        assert_int_equal(found, INCIDENT_FIVE);
        for (size_t i = 0; i < ROWS; i++)
            assert_true(lines[i].columns <= WIDTH);
        for (size_t i = room; i < ROWS; i++)
            assert_int_equal(lines[i].columns, 1); // no further than its room
    }
    json_decref(row);
}

static void what_to_do_begins_with_its_key(void **state)
{
    static const struct {
        const char *name, *you, *start;
        bool has_key;
    } cases[] = {
        {"an act has its key",
         "{\"text\": \"suspend acme for 4 h\", \"command\": \"suspend acme\"}", "s suspend acme",
         true},
        {"of a provider too", "{\"text\": \"pause yahoo\", \"command\": \"pause yahoo\"}",
         "H pause yahoo", true},
        {"words of another kind do not",
         "{\"text\": \"look first\", \"command\": \"suspend acme\"}", "look first", false},
        {"nothing to do", "{\"text\": \"nothing: it ends by itself\", \"command\": null}",
         "nothing", false},
        {"no words at all", "{}", "nothing", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct incident_line five[INCIDENT_FIVE];
        CLEANUP(xfree) char *more = xasprintf("{\"you\": %s}", cases[i].you);
        json_t *row = row_of(more);
        incident_five(five, row, false);
        if (five[4].has_key != cases[i].has_key ||
            strncmp(five[4].text, cases[i].start, strlen(cases[i].start)) != 0)
            fail_msg("%s: %s", cases[i].name, five[4].text);
        json_decref(row);
    }
}

static void keys_act_on_whom_it_names_or_say_why_not(void **state)
{
    static const struct {
        const char *name, *row, *hole, *selected, *says; // says: filled in
        const char *why;
    } cases[] = {
        {"the first culprit", "{\"culprit\": \"customer:acme\"}", "culprit", "", "customer:acme",
         NULL},
        {"the selected one of the page", "{\"culprit\": \"customer:acme\"}", "culprit",
         "customer:velo", "customer:velo", NULL},
        {"a line that is no culprit", "{\"culprit\": \"customer:acme\"}", "culprit", "log:17",
         "customer:acme", NULL},
        {"nobody", "{\"why_no_culprit\": \"yahoo fails for all alike\"}", "culprit", "", NULL,
         "318 has no culprit: yahoo fails for all alike."},
        {"its provider instead",
         "{\"why_no_culprit\": \"It fails for all.\", \"provider\": \"yahoo\"}", "culprit", "",
         NULL, "318 has no culprit: It fails for all. H pauses yahoo"},
        {"its IP", "{\"ip\": \"198.51.100.7\"}", "ip", "", "ip:198.51.100.7", NULL},
        {"no IP, nobody", "{}", "ip", "", NULL, "318 has no culprit."},
        {"no IP", "{\"culprit\": \"customer:acme\"}", "ip", "", NULL,
         "318 is about no single IP: there is nothing to pull."},
        {"its list", "{\"list\": \"acme/spring\", \"provider\": \"gmx\"}", "hold", "",
         "hold queue:customer=acme,list=spring", NULL},
        {"its list by the culprit", "{\"list\": \"spring\", \"culprit\": \"customer:acme+web\"}",
         "release", "", "release queue:customer=acme,list=spring", NULL},
        {"its provider", "{\"provider\": \"gmx\"}", "release", "", "resume gmx", NULL},
        {"neither", "{}", "hold", "", NULL,
         "318 is about no list and no provider: there is nothing to hold."},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[256], why[VIEW_WHY] = "";
        json_t *row = row_of(cases[i].row);
        const char *says =
            incident_fill(cases[i].hole, row, cases[i].selected, out, sizeof(out), why);
        bool is_right = cases[i].says ? says && strcmp(says, cases[i].says) == 0
                                      : !says && strcmp(why, cases[i].why) == 0;
        if (!is_right)
            fail_msg("%s: %s; %s", cases[i].name, says ? says : "-", why);
        json_decref(row);
    }
}

static void addresses_are_short_where_room_is_short(void **state)
{
    static const struct {
        const char *text, *is;
    } cases[] = {
        {"probe 198.51.100.7/microsoft", "probe .7/microsoft"},
        {"198.51.100.7 returned", ".7 returned"},
        {"one to 10.0.0.12 and 10.0.0.200.", "one to .12 and .200."},
        {"version 1.2.3 and 1.2.3.4.5", "version 1.2.3 and 1.2.3.4.5"},
        {"x198.51.100.7", "x198.51.100.7"},
        {"2001:db8::25:6 returned", "2001:db8::25:6 returned"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[64], small[5];
        figure_short_ips(out, sizeof(out), cases[i].text);
        assert_string_equal(out, cases[i].is);
        figure_short_ips(small, sizeof(small), cases[i].text);
        assert_true(strlen(small) < sizeof(small));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_lines_stand_in_any_room),
        cmocka_unit_test(what_to_do_begins_with_its_key),
        cmocka_unit_test(keys_act_on_whom_it_names_or_say_why_not),
        cmocka_unit_test(addresses_are_short_where_room_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
