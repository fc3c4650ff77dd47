/* The console as an operator has it: keys in, pictures out, in a terminal emulator against a fake
 * engine. Pictures stand in golden/; UPDATE_GOLDEN=1 writes them anew. Seconds that pass while one
 * looks show as `#` there. */
#include "unit/test.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "fake.h"
#include "harness.h"

static const char *program, *folder;
static char socket_path[108], world_path[512];

struct scene {
    struct fake *fake;
    struct harness *h;
};

// When this user looked last: 11:20Z, before three of the incidents.
static void write_looked(const char *node_id)
{
    FILE *f = fopen("state/mxwarden/looked-mta1.example.net", "we");
    assert_non_null(f);
    fprintf(f,
            "{\"node_id\": \"%s\", \"at\": \"2026-11-24T11:20:00.000Z\", \"seq\": 4470, "
            "\"incident\": 316}\n",
            node_id);
    fclose(f);
}

// At home: the incidents.
static struct scene scene_home(int rows, int columns, const char *const *more,
                               const char *const *env)
{
    const char *argv[8] = {socket_path};
    for (size_t i = 0; more && more[i] && i < 6; i++)
        argv[i + 1] = more[i];
    struct harness_options o = {
        .program = program, .argv = argv, .env = env, .rows = rows, .columns = columns};
    struct scene s = {.fake = fake_start(socket_path, world_path)};
    write_looked("7k3m9q2x");
    s.h = harness_start(&o);
    assert_true(harness_wait(s.h, "yahoo itself"));
    assert_true(harness_wait(s.h, columns < 150 ? "C2 W1 N1" : "2 critical"));
    return s;
}

// At the IPs.
static struct scene scene_start(int rows, int columns, const char *const *more,
                                const char *const *env)
{
    struct scene s = scene_home(rows, columns, more, env);
    harness_keys(s.h, "2");
    assert_true(harness_wait(s.h, "198.51.100.20"));
    return s;
}

static struct scene scene(void)
{
    return scene_start(24, 80, NULL, NULL);
}

static void scene_end(struct scene *s)
{
    harness_stop(s->h);
    fake_stop(s->fake);
}

static void keys(struct scene *s, const char *text, const char *until)
{
    harness_keys(s->h, text);
    assert_true(harness_wait(s->h, until));
}

// Seconds pass: "preview 0 s old", "(2 s)", "in 1 s", "STALE 3 s" show as `#`.
static void mask_seconds(char *text)
{
    for (char *p = text; (p = strstr(p, " s")); p += 2) {
        char *digit = p - 1;
        bool is_counting = strncmp(p, " s old", 6) == 0 || p[2] == ')' || p[2] == '\n' ||
                           strncmp(p, " s  queue", 9) == 0;
        while (digit > text && isdigit((unsigned char)*digit) && is_counting)
            *digit-- = '#';
    }
}

static char *read_golden(const char *path)
{
    char *text = xcalloc(1, HARNESS_TEXT);
    FILE *f = fopen(path, "r");
    if (f) {
        text[fread(text, 1, HARNESS_TEXT - 1, f)] = '\0';
        fclose(f);
    }
    return text;
}

static void update_golden(const char *path, const char *picture)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(picture, f);
    fclose(f);
}

static void compare(struct scene *s, const char *name)
{
    char path[600];
    static char picture[HARNESS_TEXT];
    snprintf(path, sizeof(path), "%s/golden/%s.txt", folder, name);
    CLEANUP(xfree) char *golden = read_golden(path);
    for (int tries = 0; tries < 25; tries++) {
        harness_pump(s->h, 100);
        snprintf(picture, sizeof(picture), "%s", harness_picture(s->h));
        mask_seconds(picture);
        if (strcmp(picture, golden) == 0)
            return;
        if (getenv("UPDATE_GOLDEN") && tries > 5)
            break;
    }
    if (getenv("UPDATE_GOLDEN"))
        update_golden(path, picture);
    else
        fail_msg("%s: the picture is\n%s\nbut should be\n%s", name, picture, golden);
}

static void every_view_and_page_has_its_picture(void **state)
{
    static const struct {
        const char *name, *keys, *until;
    } cases[] = {
        {"incidents", "1j", "318 critical"},
        {"incident", "\r", "culprits"},
        {"report", "x", "to paste"},
        {"ips", "\0332", "GMYA+"},
        {"ip", "\r", "who uses it"},
        {"customers", "\0333", "24 h"},
        {"customer", "\r", "harm in 24 h"},
        {"queue", "\0335", "Queue by provider"},
        {"queue-messages", "\r", "b.kaya@yh.example"},
        {"message", "\r", "18,412 bytes"},
        {"queue-by-customer", "5\t", "Queue by customer"},
        {"providers", "6", "an outage of its own"},
        {"provider", "j\r", "it blocks one of our IPs"},
        {"lane", "\r", "one probe"},
        {"events", "7", "oma@mail"},
        {"conversation", "jjj\r", "providers.yaml:204"},
        {"conversation-none", "nnn", "no connection came about"},
        {"conversation-report", "nn", "the report, as it came"},
        {"ledger", "8", "wrong customer"},
        {"entry", "jjj\r", "evidence"},
    };
    struct scene s = scene();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *k = cases[i].keys;
        if (*k == '\033') { // back first: Escape alone must not meet a digit
            harness_keys(s.h, "\033");
            harness_pump(s.h, 150);
            k++;
        }
        keys(&s, k, cases[i].until);
        compare(&s, cases[i].name);
    }
    scene_end(&s);
}

static void wide_screens_have_a_panel(void **state)
{
    struct scene s = scene_home(60, 200, NULL, NULL);
    (void)state;
    keys(&s, "j", "318 CRITICAL");
    compare(&s, "incidents-wide");
    keys(&s, "\r", "Incident 318");
    compare(&s, "incident-wide");
    keys(&s, "6", "an outage of its own");
    keys(&s, "j", "it blocks one of our IPs");
    compare(&s, "providers-wide");
    keys(&s, "2", "lanes blocked");
    compare(&s, "ips-panel-wide");
    keys(&s, "\r", "IP 198.51.100.7");
    compare(&s, "ip-wide");
    keys(&s, "2v", "sent, 1 h");
    compare(&s, "ips-wide");
    keys(&s, "7v", "Outcome  home-mail");
    compare(&s, "events-wide");
    keys(&s, "jjj\r", "providers.yaml:204");
    compare(&s, "conversation-wide");
    keys(&s, "7v", "reply");
    keys(&s, "3", "rates over 24 h");
    keys(&s, "v", "Customer acme-news");
    keys(&s, "j", "Customer shop-42");
    compare(&s, "customers-wide");
    scene_end(&s);
}

static void from_one_conversation_to_the_next(void **state)
{
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    keys(&s, "7", "oma@mail");
    keys(&s, "jjj\r", "providers.yaml:204");
    keys(&s, "nnn", "no connection came about");
    keys(&s, "PPP", "providers.yaml:204");
    keys(&s, "\r", "18,412 bytes"); // the answer opens its message
    keys(&s, "h", "frozen picture");
    keys(&s, "k\r", " ip:198.51.100.6"); // this world has no page of it
    keys(&s, "h", "frozen picture");
    keys(&s, "nnnnn", "the report, as it came");
    keys(&s, "n", "Nothing more here: Esc goes back.");
    keys(&s, "y", "copied: this page");
    keys(&s, "/spring\r", "Spring is here"); // where one searches, n is the next hit
    keys(&s, "n", "Spring is here");
    keys(&s, "h", "▌ 12:04:29Z  complained"); // the list went along
    scene_end(&s);
}

static void nothing_wrong_is_told_with_signs_of_life(void **state)
{
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    fake_calm(s.fake);
    assert_true(harness_wait(s.h, "Nothing is wrong. Last incident 313, closed 02:31Z."));
    assert_true(harness_wait(s.h, "calm"));
    compare(&s, "calm");
    scene_end(&s);
}

static void a_long_list_pushes_the_story_down(void **state)
{
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    assert_true(harness_wait_row(s.h, 12, "── 319 critical"));
    fake_repeat(s.fake, "incidents", 5);
    assert_true(harness_wait_row(s.h, 14, "── 319 critical"));
    fake_repeat(s.fake, "incidents", 5); // the story keeps a row each
    assert_true(harness_wait_row(s.h, 17, " what   shop-42 sends"));
    assert_true(harness_wait_row(s.h, 21, " you    s suspend login shop-42"));
    harness_resize(s.h, 20, 80); // no room for both
    assert_true(harness_wait_gone(s.h, "you    s suspend"));
    scene_end(&s);
}

static void no_culprit_no_key(void **state)
{
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    keys(&s, "jj", "317 warning");
    keys(&s, "s", "317 has no culprit: yahoo fails for 29 of 31 alike. Nobody is judged.");
    compare(&s, "no-culprit");
    keys(&s, "w", "317 has no culprit");
    keys(&s, "t", "317 has no culprit");
    keys(&s, "p", "317 has no culprit");
    assert_int_equal(fake_applied(s.fake, NULL, 0), 0);
    keys(&s, "H", "Pause provider yahoo");
    scene_end(&s);
}

static void the_keys_of_an_incident_act_on_whom_it_names(void **state)
{
    char params[2048];
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    keys(&s, "j", "318 critical");
    keys(&s, "s", "Suspend customer acme-news");
    compare(&s, "incident-suspend");
    harness_pump(s.h, 400);
    keys(&s, "\r", "done: suspend acme-news");
    keys(&s, "H", "Hold the mail of acme-news/spring");
    harness_keys(s.h, "\033");
    harness_pump(s.h, 150);
    keys(&s, "p", "Pull IP 198.51.100.7");
    harness_keys(s.h, "\033");
    harness_pump(s.h, 150);
    keys(&s, "\r", "culprits");
    keys(&s, "j", "▌ velo-club"); // on the page it is the selected culprit
    keys(&s, "t", "Throttle 3 marked customers");
    harness_keys(s.h, "\033");
    harness_pump(s.h, 150);
    keys(&s, "k", "▌ acme-news");
    keys(&s, "\r", "Customer acme-news");
    fake_applied(s.fake, params, sizeof(params));
    assert_non_null(strstr(params, "\"targets\":[\"customer:acme-news\"]"));
    scene_end(&s);
}

static void an_incident_is_taken_noted_and_closed(void **state)
{
    char params[2048];
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    keys(&s, "a", "done: 319 is yours, a gives it back (4479)");
    assert_int_equal(fake_applied(s.fake, params, sizeof(params)), 1);
    assert_non_null(strstr(params, "\"command\":\"ack\""));
    assert_non_null(strstr(params, "\"targets\":[\"incident:319\"]"));
    keys(&s, "jj", "317 warning"); // ana has it already
    keys(&s, "a", "done: 317 is given back");
    keys(&s, "N", "note on 317: _");
    harness_keys(s.h, "\r"); // nothing is no note
    keys(&s, "asked", "note on 317: asked_");
    keys(&s, "\033[200~ them\033[201~\r", "done: note 317");
    fake_applied(s.fake, params, sizeof(params));
    assert_non_null(strstr(params, "\"command\":\"note\""));
    assert_non_null(strstr(params, "\"reason\":\"asked them\""));
    keys(&s, "c", "close 317, because: _");
    keys(&s, "over", "over_");
    harness_keys(s.h, "\033");
    assert_true(harness_wait_gone(s.h, "because"));
    assert_int_equal(fake_applied(s.fake, NULL, 0), 3);
    keys(&s, "c\r", "done: resolve 317");
    keys(&s, ":ack nonsense\r", "`nonsense` is no incident's number");
    scene_end(&s);
}

static void a_report_is_copied_as_it_is(void **state)
{
    size_t n;
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    keys(&s, "j", "318 critical");
    keys(&s, "x", "Report of 318");
    keys(&s, "y", "copied: the report");
    const char *raw = harness_raw(s.h, &n);
    // "Incident 318 on mta" in base64, and no blank before it.
    assert_non_null(memmem(raw, n, "\033]52;c;SW5jaWRlbnQgMzE4IG9uIG10", 31));
    scene_end(&s);
}

static void a_new_critical_one_rings_once(void **state)
{
    size_t before, after;
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    const char *raw = harness_raw(s.h, &before);
    assert_null(memchr(raw, '\a', before)); // what was there already does not ring
    fake_incident(s.fake, "incident:317", "critical");
    assert_true(harness_wait(s.h, "C3 W0 N1"));
    fake_incident(s.fake, "incident:314", "warning");
    assert_true(harness_wait(s.h, "C3 W1 N0"));
    raw = harness_raw(s.h, &after);
    size_t rings = 0;
    for (size_t i = 0; i < after; i++)
        rings += raw[i] == '\a';
    assert_int_equal(rings, 1);
    scene_end(&s);
}

static void it_remembers_when_one_looked_last(void **state)
{
    struct scene s = scene_home(24, 80, NULL, NULL);
    (void)state;
    assert_true(harness_wait(s.h, "since 11:20Z: 3 incidents, 7 automatic actions"));
    harness_keys(s.h, "qq");
    assert_int_equal(harness_end(s.h), 0);
    harness_stop(s.h);
    const char *const argv[] = {socket_path, NULL};
    struct harness_options o = {.program = program, .argv = argv, .rows = 24, .columns = 80};
    s.h = harness_start(&o);
    assert_true(harness_wait(s.h, "since 12:04Z: no incident, no automatic action"));
    harness_stop(s.h);
    write_looked("another"); // a node of the same name
    s.h = harness_start(&o);
    assert_true(harness_wait(s.h, "since 12:04Z: no incident, no automatic action"));
    scene_end(&s);
}

static void the_dialog_shows_the_preview_and_acts(void **state)
{
    char params[2048];
    struct scene s = scene();
    (void)state;
    keys(&s, "3", "acme-news");
    keys(&s, "s", "Suspend customer acme-news");
    compare(&s, "suspend");
    harness_pump(s.h, 300);
    keys(&s, "\r", "done: suspend acme-news (4479), u undoes it");
    assert_int_equal(fake_applied(s.fake, params, sizeof(params)), 1);
    assert_non_null(strstr(params, "\"version\":\"8841\""));
    assert_non_null(strstr(params, "\"targets\":[\"customer:acme-news\"]"));
    keys(&s, "u", "Undo 4479");
    harness_pump(s.h, 400);
    keys(&s, "\r", "done: undo");
    fake_applied(s.fake, params, sizeof(params));
    assert_non_null(strstr(params, "\"targets\":[\"log:4479\"]"));
    scene_end(&s);
}

static void enter_is_dead_until_the_preview_was_there_for_300_ms(void **state)
{
    struct scene s = scene();
    (void)state;
    fake_slow(s.fake, 300);
    keys(&s, "3", "acme-news");
    harness_keys(s.h, "s\r\r\r"); // typed ahead
    assert_true(harness_wait(s.h, "Suspend customer acme-news"));
    harness_keys(s.h, "\r"); // too soon
    harness_pump(s.h, 700);
    assert_int_equal(fake_applied(s.fake, NULL, 0), 0);
    assert_true(harness_wait(s.h, "Enter suspend"));
    keys(&s, "\r", "done: suspend");
    assert_int_equal(fake_applied(s.fake, NULL, 0), 1);
    scene_end(&s);
}

static void what_is_risky_wants_a_word_typed(void **state)
{
    char params[2048];
    struct scene s = scene();
    (void)state;
    keys(&s, "p", "W GUARD");
    harness_pump(s.h, 400);
    keys(&s, "sha", "type shared to pull: sha_");
    compare(&s, "pull");
    keys(&s, "\r", "type shared first");
    assert_int_equal(fake_applied(s.fake, NULL, 0), 0);
    keys(&s, "red", "shared_");
    keys(&s, "\r", "done: pull 198.51.100.7");
    assert_int_equal(fake_applied(s.fake, params, sizeof(params)), 1);
    assert_non_null(strstr(params, "\"typed\":\"shared\""));
    scene_end(&s);
}

static void marked_ones_are_acted_on_not_the_cursor(void **state)
{
    char params[2048];
    struct scene s = scene();
    (void)state;
    keys(&s, "3", "acme-news");
    keys(&s, "jj j", "1 marked");
    keys(&s, "k ", "2 marked");
    keys(&s, "kkk ", "3 marked");
    keys(&s, "jjjjj", "home-mail");
    keys(&s, "t", "3 marked, not the cursor (home-mail)");
    compare(&s, "bulk");
    harness_resize(s.h, 16, 60); // what is typed must be seen: details give way
    assert_true(harness_wait(s.h, "more rows in a higher window"));
    assert_true(harness_wait(s.h, "to throttle: _"));
    compare(&s, "bulk-small");
    harness_resize(s.h, 24, 80);
    assert_true(harness_wait(s.h, "not the cursor (home-mail)"));
    harness_pump(s.h, 300);
    keys(&s, "\r", "a reason is needed");
    keys(&s, "e", "Enter ends the field");
    keys(&s, "\t\tneighbours\r", "neighbours");
    keys(&s, "3\r", "done: throttle");
    fake_applied(s.fake, params, sizeof(params));
    assert_non_null(strstr(params, "\"reason\":\"neighbours\""));
    assert_non_null(strstr(params, "customer:nordwind"));
    assert_null(strstr(params, "home-mail"));
    scene_end(&s);
}

static void a_stale_preview_is_shown_anew(void **state)
{
    struct scene s = scene();
    (void)state;
    keys(&s, "3", "acme-news");
    keys(&s, "s", "Suspend customer");
    harness_pump(s.h, 400);
    fake_stale(s.fake);
    keys(&s, "\r", "acme-news was restored meanwhile.");
    assert_int_equal(fake_applied(s.fake, NULL, 0), 0);
    harness_pump(s.h, 400);
    keys(&s, "\r", "done: suspend");
    scene_end(&s);
}

static void a_filter_shows_what_matches_and_says_what_is_wrong(void **state)
{
    struct scene s = scene();
    (void)state;
    keys(&s, "3", "acme-news");
    keys(&s, "/standing:throttled", "2 of 41 match standing:throttled");
    keys(&s, " dead>2x", "at 25:");
    compare(&s, "filter");
    keys(&s, "\033", "41: 39 good");
    scene_end(&s);
}

static void the_help_is_made_from_the_keys(void **state)
{
    struct scene s = scene();
    (void)state;
    keys(&s, "3", "acme-news");
    keys(&s, "?", "Help for Customers");
    compare(&s, "help");
    keys(&s, "\033", "41: 39 good");
    scene_end(&s);
}

static void the_command_line_completes_and_runs(void **state)
{
    struct scene s = scene();
    (void)state;
    keys(&s, ":thr\tac\t", ":throttle ac");
    harness_keys(s.h, "\033");
    harness_pump(s.h, 150);
    keys(&s, ":customers\r", "41: 39 good");
    keys(&s, ":suspend acme-news -r test\r", "Suspend customer acme-news");
    keys(&s, "\033", "41: 39 good");
    harness_pump(s.h, 100);
    keys(&s, ":show ip:198.51.100.7\r", "out7.example.net");
    keys(&s, ":nonsense\r", "nonsense");
    scene_end(&s);
}

static void the_selection_follows_the_thing(void **state)
{
    int row, column;
    struct scene s = scene();
    (void)state;
    keys(&s, "3", "acme-news");
    keys(&s, "jj", "▌ velo-club");
    harness_cursor(s.h, &row, &column);
    assert_int_equal(row, 7);
    fake_move(s.fake, "customers", "customer:velo-club", 0);
    assert_true(harness_wait_row(s.h, 5, "▌ velo-club"));
    fake_move(s.fake, "customers", "customer:velo-club", 10);
    assert_true(harness_wait(s.h, "11/41"));
    assert_true(harness_wait(s.h, "▌ velo-club"));
    scene_end(&s);
}

static void sorting_and_scrolling_ask_for_the_window(void **state)
{
    struct scene s = scene();
    (void)state;
    keys(&s, "3", "acme-news");
    keys(&s, "G", "41/41");
    assert_true(harness_wait(s.h, "▌ kunde-26"));
    keys(&s, "g", "1/41");
    keys(&s, "o", "customer ↑");
    assert_true(harness_wait_row(s.h, 6, "  bank-ost"));
    keys(&s, "I", "customer ↓");
    assert_true(harness_wait(s.h, "▌ acme-news"));
    scene_end(&s);
}

static void a_paste_is_no_key(void **state)
{
    struct scene s = scene();
    (void)state;
    keys(&s, "3", "acme-news");
    harness_keys(s.h, "\033[200~s\rq\rq\r\033[201~");
    harness_pump(s.h, 400);
    assert_int_equal(fake_applied(s.fake, NULL, 0), 0);
    assert_null(strstr(harness_picture(s.h), "Suspend"));
    keys(&s, "s", "Suspend customer");
    harness_pump(s.h, 400);
    harness_keys(s.h, "\033[200~\r\n\r\033[201~"); // no field has the focus
    harness_pump(s.h, 300);
    assert_int_equal(fake_applied(s.fake, NULL, 0), 0);
    keys(&s, "e\t", "Enter ends the field");
    keys(&s, "\033[200~ and\nmore\033[201~", "block and more_");
    assert_int_equal(fake_applied(s.fake, NULL, 0), 0);
    scene_end(&s);
}

static void an_idle_console_locks(void **state)
{
    static const char *const lock[] = {"--lock-after", "1000", NULL};
    struct scene s = scene_start(24, 80, lock, NULL);
    (void)state;
    keys(&s, "3", "acme-news");
    assert_true(harness_wait(s.h, "LOCK"));
    keys(&s, "s", "Locked since 12:04Z: s did nothing.");
    compare(&s, "locked");
    keys(&s, "U", "Enter unlocks");
    keys(&s, "x", "Still locked");
    keys(&s, "U", "Enter unlocks");
    keys(&s, "\r", "Unlocked.");
    keys(&s, "s", "Suspend customer");
    scene_end(&s);
}

static void viewers_and_read_only_cannot_act(void **state)
{
    static const char *const read_only[] = {"--read-only", NULL};
    struct scene s = scene_start(24, 80, read_only, NULL);
    (void)state;
    keys(&s, "3", "acme-news");
    keys(&s, "s", "--read-only");
    keys(&s, ":suspend acme-news -r x\r", "--read-only");
    scene_end(&s);
    s = scene();
    fake_role(s.fake, "viewer");
    harness_stop(s.h);
    const char *const argv[] = {socket_path, NULL};
    struct harness_options o = {.program = program, .argv = argv, .rows = 24, .columns = 80};
    s.h = harness_start(&o);
    assert_true(harness_wait(s.h, "yahoo itself"));
    keys(&s, "p", "you are a viewer here");
    keys(&s, "a", "you are a viewer here");
    keys(&s, ":note 318\r", "you are a viewer here");
    scene_end(&s);
}

static void a_lost_engine_is_told_and_found_again(void **state)
{
    struct scene s = scene();
    (void)state;
    fake_stop(s.fake);
    assert_true(harness_wait(s.h, "DISCONNECTED since 12:04:31Z"));
    compare(&s, "disconnected");
    assert_true(harness_wait(s.h, "ENGINE DOWN"));
    harness_keys(s.h, "s");
    compare(&s, "down");
    s.fake = fake_start(socket_path, world_path);
    keys(&s, "R", "1/9 live");
    assert_true(harness_wait_gone(s.h, "ENGINE DOWN"));
    scene_end(&s);
}

static void a_silent_engine_is_stale(void **state)
{
    struct scene s = scene();
    (void)state;
    fake_mute(s.fake, true);
    assert_true(harness_wait(s.h, "STALE"));
    fake_mute(s.fake, false);
    assert_true(harness_wait_gone(s.h, "STALE"));
    scene_end(&s);
}

static void every_signal_leaves_a_usable_terminal(void **state)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV,
                                  SIGBUS,  SIGFPE, SIGILL, SIGABRT};
    const char *why;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct scene s = scene();
        harness_signal(s.h, numbers[i]);
        int status = harness_end(s.h);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != numbers[i])
            fail_msg("signal %d: the end is %#x", numbers[i], (unsigned)status);
        if (!harness_is_restored(s.h, &why))
            fail_msg("signal %d: %s", numbers[i], why);
        scene_end(&s);
    }
}

// The console itself, whose parent the guard is.
static pid_t child_of(pid_t pid)
{
    CLEANUP(xfree) char *path = xasprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "re");
    char line[64] = "";
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    fclose(f);
    return (pid_t)strtol(line, NULL, 10);
}

static void a_killed_console_leaves_a_usable_terminal(void **state)
{
    const char *why;
    (void)state;
    struct scene s = scene();
    kill(child_of(harness_pid(s.h)), SIGKILL);
    int status = harness_end(s.h);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);
    if (!harness_is_restored(s.h, &why))
        fail_msg("the console killed: %s", why);
    scene_end(&s);
    s = scene();
    harness_signal(s.h, SIGKILL); // the guard: the console hears of it and ends by itself
    harness_end(s.h);
    bool is_restored = false;
    for (int i = 0; i < 100 && !is_restored; i++) {
        harness_pump(s.h, 20);
        is_restored = harness_is_restored(s.h, &why);
    }
    if (!is_restored)
        fail_msg("the guard killed: %s", why);
    scene_end(&s);
}

static void leaving_asks_once_and_restores(void **state)
{
    const char *why;
    struct scene s = scene();
    (void)state;
    keys(&s, "q", "q again leaves");
    harness_keys(s.h, "q");
    int status = harness_end(s.h);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    if (!harness_is_restored(s.h, &why))
        fail_msg("%s", why);
    scene_end(&s);
}

static void a_stop_gives_the_terminal_back_for_a_while(void **state)
{
    // A shell with job control: Ctrl-Z comes back to it, and fg goes on.
    char script[700];
    const char *why, *const argv[] = {"-c", script, NULL};
    struct harness_options o = {.program = "/bin/sh", .argv = argv, .rows = 24, .columns = 80};
    struct scene s = {.fake = fake_start(socket_path, world_path)};
    (void)state;
    snprintf(script, sizeof(script), "set -m; %s %s; echo it stands; sleep 1; fg", program,
             socket_path);
    s.h = harness_start(&o);
    assert_true(harness_wait(s.h, "yahoo itself"));
    keys(&s, "\032", "it stands");
    if (!harness_is_restored(s.h, &why))
        fail_msg("%s", why);
    assert_true(harness_wait(s.h, "yahoo itself"));
    keys(&s, "3", "acme-news");
    scene_end(&s);
}

static void it_follows_any_resize(void **state)
{
    static const int sizes[][2] = {{1, 1},    {100, 300}, {16, 60}, {15, 60}, {24, 59}, {60, 200},
                                   {24, 150}, {5, 20},    {16, 80}, {30, 80}, {24, 80}};
    struct scene s = scene();
    (void)state;
    for (int i = 0; i < 200; i++) {
        size_t k = (size_t)(i * 7) % ARRAY_LEN(sizes);
        harness_resize(s.h, sizes[k][0], sizes[k][1]);
        harness_pump(s.h, 3);
    }
    harness_resize(s.h, 15, 60);
    assert_true(harness_wait(s.h, "too small: 60x16 needed"));
    harness_resize(s.h, 16, 60);
    assert_true(harness_wait(s.h, "1/9 live"));
    compare(&s, "small");
    harness_resize(s.h, 24, 80);
    assert_true(harness_wait(s.h, "GMYA+"));
    compare(&s, "ips");
    scene_end(&s);
}

static void hostile_text_never_reaches_the_terminal(void **state)
{
    size_t n;
    struct scene s = scene();
    (void)state;
    fake_set(s.fake, "customers", "customer:acme-news", "id",
             "x\033]0;owned\007\033[2J\302\233\342\200\256evil\n");
    fake_set(s.fake, "customers", "customer:acme-news", "standing_reason", "\033[31mred\302\205");
    keys(&s, "3", "\\x1b[31mred");
    assert_true(harness_wait(s.h, "\\x1b]0;"));
    const char *raw = harness_raw(s.h, &n);
    assert_null(memmem(raw, n, "]0;owned\007", 9));
    assert_null(memmem(raw, n, "\342\200\256", 3));
    assert_null(memmem(raw, n, "\302\233", 2));
    assert_null(memmem(raw, n, "\302\205", 2));
    // The row keeps its place whatever stands in it.
    assert_true(harness_wait_row(s.h, 6, "  shop-42         throttled"));
    scene_end(&s);
}

static void letters_of_all_widths_line_up(void **state)
{
    struct scene s = scene();
    (void)state;
    fake_set(s.fake, "customers", "customer:velo-club", "id", "你好-josé-e\314\201");
    keys(&s, "3", "你好-josé-e\314\201");
    assert_true(harness_wait_row(s.h, 7, "  你好-josé-e\314\201     good  "));
    scene_end(&s);
}

static void without_colour_it_says_the_same(void **state)
{
    static const char *const env[] = {"NO_COLOR=1", NULL};
    struct scene s = scene_start(24, 80, NULL, env);
    (void)state;
    compare(&s, "ips");
    keys(&s, "3", "acme-news");
    compare(&s, "customers");
    assert_false(harness_has_colour(s.h));
    scene_end(&s);
    s = scene();
    assert_true(harness_has_colour(s.h));
    scene_end(&s);
}

static void without_utf8_it_draws_ascii(void **state)
{
    static const char *const env[] = {"LC_ALL=C", NULL};
    struct scene s = scene_start(24, 80, NULL, env);
    size_t n;
    (void)state;
    compare(&s, "ips-ascii");
    const char *raw = harness_raw(s.h, &n);
    // But for the probe, which goes out before anything is drawn.
    const char *drawn = memmem(raw, n, "\033[?1049h", 8);
    for (const char *p = drawn; drawn && p < raw + n; p++)
        assert_true((unsigned char)*p < 0x80);
    scene_end(&s);
}

static void wide_glyphs_turn_into_ascii(void **state)
{
    const char *const argv[] = {socket_path, NULL};
    struct harness_options o = {
        .program = program, .argv = argv, .rows = 24, .columns = 80, .has_wide_glyphs = true};
    struct scene s = {.fake = fake_start(socket_path, world_path)};
    (void)state;
    s.h = harness_start(&o);
    assert_true(harness_wait(s.h, "> C  319"));
    keys(&s, "2", "> 198.51.100.7");
    compare(&s, "ips-ascii");
    scene_end(&s);
}

static void it_starts_without_an_engine_and_waits(void **state)
{
    const char *const argv[] = {socket_path, NULL};
    struct harness_options o = {.program = program, .argv = argv, .rows = 24, .columns = 80};
    struct scene s = {0};
    (void)state;
    s.h = harness_start(&o);
    assert_true(harness_wait(s.h, "ENGINE DOWN"));
    s.fake = fake_start(socket_path, world_path);
    assert_true(harness_wait(s.h, "yahoo itself"));
    scene_end(&s);
}

static void copying_says_what(void **state)
{
    size_t n;
    struct scene s = scene();
    (void)state;
    keys(&s, "y", "copied: 198.51.100.7");
    const char *raw = harness_raw(s.h, &n);
    assert_non_null(memmem(raw, n, "\033]52;c;MTk4LjUxLjEwMC43\033\\", 25));
    scene_end(&s);
}

// A console whose terminal went away may still be writing when one looked last.
static void remove_state(const char *own)
{
    for (int tries = 0; tries < 100; tries++) {
        unlink("state/mxwarden/looked-mta1.example.net");
        unlink("state/mxwarden/looked-mta1.example.net.new");
        rmdir("state/mxwarden");
        rmdir("state");
        if (rmdir(own) == 0)
            return;
        usleep(20000);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_and_page_has_its_picture),
        cmocka_unit_test(wide_screens_have_a_panel),
        cmocka_unit_test(from_one_conversation_to_the_next),
        cmocka_unit_test(nothing_wrong_is_told_with_signs_of_life),
        cmocka_unit_test(a_long_list_pushes_the_story_down),
        cmocka_unit_test(no_culprit_no_key),
        cmocka_unit_test(the_keys_of_an_incident_act_on_whom_it_names),
        cmocka_unit_test(an_incident_is_taken_noted_and_closed),
        cmocka_unit_test(a_report_is_copied_as_it_is),
        cmocka_unit_test(a_new_critical_one_rings_once),
        cmocka_unit_test(it_remembers_when_one_looked_last),
        cmocka_unit_test(the_dialog_shows_the_preview_and_acts),
        cmocka_unit_test(enter_is_dead_until_the_preview_was_there_for_300_ms),
        cmocka_unit_test(what_is_risky_wants_a_word_typed),
        cmocka_unit_test(marked_ones_are_acted_on_not_the_cursor),
        cmocka_unit_test(a_stale_preview_is_shown_anew),
        cmocka_unit_test(a_filter_shows_what_matches_and_says_what_is_wrong),
        cmocka_unit_test(the_help_is_made_from_the_keys),
        cmocka_unit_test(the_command_line_completes_and_runs),
        cmocka_unit_test(the_selection_follows_the_thing),
        cmocka_unit_test(sorting_and_scrolling_ask_for_the_window),
        cmocka_unit_test(a_paste_is_no_key),
        cmocka_unit_test(an_idle_console_locks),
        cmocka_unit_test(viewers_and_read_only_cannot_act),
        cmocka_unit_test(a_lost_engine_is_told_and_found_again),
        cmocka_unit_test(a_silent_engine_is_stale),
        cmocka_unit_test(every_signal_leaves_a_usable_terminal),
        cmocka_unit_test(a_killed_console_leaves_a_usable_terminal),
        cmocka_unit_test(leaving_asks_once_and_restores),
        cmocka_unit_test(a_stop_gives_the_terminal_back_for_a_while),
        cmocka_unit_test(it_follows_any_resize),
        cmocka_unit_test(hostile_text_never_reaches_the_terminal),
        cmocka_unit_test(letters_of_all_widths_line_up),
        cmocka_unit_test(without_colour_it_says_the_same),
        cmocka_unit_test(without_utf8_it_draws_ascii),
        cmocka_unit_test(wide_glyphs_turn_into_ascii),
        cmocka_unit_test(it_starts_without_an_engine_and_waits),
        cmocka_unit_test(copying_says_what),
    };
    if (argc < 3) {
        fprintf(stderr, "usage: test_console CONSOLE FOLDER\n");
        return 2;
    }
    program = argv[1];
    folder = argv[2];
    snprintf(world_path, sizeof(world_path), "%s/world.json", folder);
    char own[] = "/tmp/console-test-XXXXXX";
    must(mkdtemp(own) && chdir(own) == 0); // the socket's name shows on the screen
    must(mkdir("state", 0700) == 0 && mkdir("state/mxwarden", 0700) == 0);
    CLEANUP(xfree) char *home = xasprintf("XDG_STATE_HOME=%s/state", own);
    putenv(home);
    snprintf(socket_path, sizeof(socket_path), "engine.sock");
    signal(SIGPIPE, SIG_IGN);
    if (argc > 3)
        cmocka_set_test_filter(argv[3]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_state(own);
    return failed;
}
