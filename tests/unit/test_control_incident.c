/* Incidents at the operator's door: the list, the page, the report, acts on them, and explanations. */
#include "control_bench.h"

#include "control/lines.h"

#include "core/outcome.h"

static void ignore(void *ctx, int r, const struct entry *e, const char *hash)
{
    (void)e;
    (void)hash;
    *(int *)ctx = r ? -1 : 1;
}

// Into the ledger, as the engine writes.
static void write_entry(struct bench *b, struct entry *e)
{
    int done = 0;
    usec_t until = clock_monotonic() + 5 * USEC_SECOND;
    b->engine.act(b, e, ignore, &done);
    while (!done && clock_monotonic() < until)
        turn(b);
    assert_int_equal(done, 1);
}

static const char evidence[] =
    "{\"harm\":\"dead recipients\",\"bad\":218,\"of\":3322,\"culprits\":[{\"customer\":\"acme\","
    "\"share\":0.91,\"bad\":218,\"of\":3322,\"samples\":[\"550 5.1.1 no such user\"]},"
    "{\"customer\":\"beta\",\"share\":0.04,\"bad\":9,\"of\":412,\"samples\":[]}],"
    "\"samples\":[\"550 5.7.1 blocked (S3140)\"]}";

static struct entry *opening(uint32_t number, const char *subject, const char *severity,
                             const char *title)
{
    CLEANUP(xfree) char *target = xasprintf("incident:%u", number);
    struct entry *e = entry_new(KIND_INCIDENT, "engine", target, title);
    entry_add_field(e, "subject", subject, false);
    entry_add_field(e, "severity", severity, false);
    return e;
}

// 318: google blocks .7, acme's doing; 317: an outage of yahoo.
static void fill(struct bench *b)
{
    struct entry *e = opening(317, "provider:yahoo", "warning", "yahoo defers 29 of 31 customers");
    entry_add_field(e, "cause", "yahoo itself; nobody is judged", false);
    entry_add_field(e, "provider", "yahoo", false);
    write_entry(b, e);
    e = opening(318, "lane:198.51.100.7/google", "critical", "google blocks 198.51.100.7");
    entry_add_field(e, "cause", "acme, list spring: 91 % of the harm", false);
    entry_add_field(e, "you", "suspend acme", false);
    entry_add_field(e, "culprit", "customer:acme", false);
    entry_add_field(e, "share", "0.91", false);
    entry_add_field(e, "ip", "198.51.100.7", false);
    entry_add_field(e, "provider", "google", false);
    entry_add_field(e, "list", "spring", false);
    entry_set_evidence(e, evidence);
    write_entry(b, e);
    e = entry_new(KIND_PAUSE, "engine", "lane:198.51.100.7/google", "google blocks this IP");
    e->expires_at = clock_wall() + USEC_HOUR;
    entry_add_field(e, "incident", "318", false);
    write_entry(b, e);
    e = entry_new(KIND_THROTTLE, "engine", "customer:acme", "dead recipients 6.4 %, limit 4 %");
    e->expires_at = clock_wall() + 4 * USEC_HOUR;
    entry_add_field(e, "rate", "100/h", false);
    entry_add_field(e, "incident", "318", false);
    write_entry(b, e);
}

static json_t *rows_of(struct bench *b, const char *filter)
{
    CLEANUP(json_decref)
    json_t *all = result(b, "list", json_pack("{s:s,s:s}", "table", "incidents", "filter", filter));
    return json_incref(json_object_get(all, "rows"));
}

static json_t *page_of(struct bench *b, const char *target)
{
    return result(b, "show", json_pack("{s:s}", "target", target));
}

static void has(const json_t *o, const char *name, const char *part)
{
    const char *text = protocol_get_text(o, name, "(nothing)");
    if (!strstr(text, part))
        fail_msg("%s: `%s` does not say `%s`", name, text, part);
}

static void nobodys_and_the_worst_come_first(void **state)
{
    struct bench *b = *state;
    fill(b);
    CLEANUP(json_decref) json_t *rows = rows_of(b, "");
    assert_int_equal(json_array_size(rows), 2);
    const json_t *row = json_array_get(rows, 0), *outage = json_array_get(rows, 1);
    has(row, "key", "incident:318");
    has(row, "severity", "critical");
    has(row, "state", "open");
    has(row, "what", "google blocks 198.51.100.7");
    has(row, "cause_short", "acme 91 %");
    has(row, "has_it", "nobody");
    has(row, "culprit", "customer:acme");
    has(row, "list", "spring");
    has(row, "done", "lane 198.51.100.7/google ");
    has(row, "done", " throttled to 100/h; 3 held");
    has(row, "next", "one probe to google over 198.51.100.7; ");
    has(row, "next", "acme restored; at 100 the engine would suspend acme, now 62");
    has(json_object_get(row, "you"), "command", "suspend acme");
    assert_true(json_is_null(json_object_get(row, "why_no_culprit")));
    has(outage, "has_it", "engine");
    has(outage, "cause_short", "yahoo itself");
    has(outage, "why_no_culprit", "317 has no culprit: yahoo itself; nobody is judged");
    has(outage, "next", "it ends by itself when yahoo takes mail again");
    assert_true(json_is_null(json_object_get(json_object_get(outage, "you"), "command")));
}

static void closed_ones_show_when_the_state_is_asked_for(void **state)
{
    struct bench *b = *state;
    fill(b);
    write_entry(b, entry_new(KIND_INCIDENT_END, "engine", "incident:317", "it takes mail again"));
    static const struct {
        const char *filter;
        size_t n;
    } cases[] = {{"", 1},       {"state:closed", 1}, {"state:open", 1},  {"number>0", 2},
                 {"no>317", 1}, {"yahoo", 0},        {"!state:open", 1}, {"culprit:acme", 1},
                 {"stated", 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(json_decref) json_t *rows = rows_of(b, cases[i].filter);
        if (json_array_size(rows) != cases[i].n)
            fail_msg("%s: %zu", cases[i].filter, json_array_size(rows));
    }
    CLEANUP(json_decref) json_t *s = result(b, "status", NULL);
    assert_int_equal(protocol_get_number(s, "incidents_open", 0), 1);
    assert_int_equal(protocol_get_number(json_object_get(s, "incidents"), "critical", 0), 1);
    assert_int_equal(protocol_get_number(json_object_get(s, "incidents"), "nobody", 0), 1);
    assert_int_equal(protocol_get_number(json_object_get(s, "incidents"), "last", 0), 318);
    assert_int_equal(protocol_get_number(json_object_get(s, "last_incident"), "number", 0), 317);
    assert_int_equal(protocol_get_number(s, "automatic", 0), 2);
}

static void the_page_has_culprits_replies_the_story_and_a_report(void **state)
{
    struct bench *b = *state;
    fill(b);
    CLEANUP(json_decref) json_t *p = page_of(b, "incident:318");
    assert_int_equal(protocol_get_number(p, "id", 0), 318);
    has(p, "cause", "91 % of the harm");
    const json_t *culprits = json_object_get(p, "culprits"), *acme = json_array_get(culprits, 0);
    assert_int_equal(json_array_size(culprits), 2);
    has(acme, "customer", "acme");
    has(acme, "why", "list spring");
    assert_int_equal(protocol_get_number(acme, "bad", 0), 218);
    assert_true(json_real_value(json_object_get(acme, "share")) == 0.91);
    assert_true(json_real_value(json_object_get(acme, "dead_rate")) == 0.064);
    const json_t *replies = json_object_get(p, "replies"), *story = json_object_get(p, "story");
    assert_int_equal(json_array_size(replies), 2);
    has(json_array_get(replies, 0), "reply", "550 5.1.1 no such user");
    assert_int_equal(json_array_size(story), 3);
    has(json_array_get(story, 0), "text", "opens: google blocks 198.51.100.7");
    has(json_array_get(story, 2), "text", "throttles acme to 100/h: dead recipients 6.4 %");
    static const char *const parts[] = {"Incident 318 on mta1.example.net, CRITICAL, open since ",
                                        ", nobody has it\n",
                                        "\nwhat   google blocks 198.51.100.7\n",
                                        "\nyou    suspend acme: ",
                                        "  acme              91 %  218 of 3,322 bad  dead 6.4 %",
                                        "  acme  550 5.1.1 no such user\n",
                                        "engine throttles acme to 100/h"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        has(p, "report", parts[i]);
    says(error(b, "show", json_pack("{s:s}", "target", "incident:9")),
         "there is no incident 9; incidents lists them");
}

static void write_pause(struct bench *b, const char *target, usec_t span)
{
    struct entry *e = entry_new(KIND_PAUSE, "engine", target, "google blocks this IP");
    e->expires_at = clock_wall() + span;
    entry_add_field(e, "incident", "318", false);
    write_entry(b, e);
}

static void nothing_is_said_twice(void **state)
{
    struct bench *b = *state;
    fill(b);
    write_pause(b, "lane:198.51.100.7/google", USEC_HOUR);
    write_pause(b, "lane:198.51.100.7/google", USEC_HOUR);
    write_pause(b, "lane:198.51.100.8/google", USEC_MINUTE);
    struct entry *moved = entry_new(KIND_CUSTOMER, "engine", "customer:acme", "apart from others");
    entry_add_field(moved, "pool", "probation", false);
    entry_add_field(moved, "incident", "318", false);
    write_entry(b, moved);
    struct entry *again =
        opening(318, "lane:198.51.100.7/google", "critical", "google blocks 198.51.100.7");
    entry_add_field(again, "culprit", "customer:acme", false);
    write_entry(b, again);
    CLEANUP(json_decref) json_t *p = page_of(b, "incident:318");
    const json_t *story = json_object_get(p, "story");
    has(p, "done", "lane 198.51.100.7/google paused 3 times, last ");
    assert_null(strstr(protocol_get_text(p, "done", ""), "moved"));
    // the title once; a move is part of the story alone
    assert_int_equal(json_array_size(story), 7);
    assert_int_equal(protocol_get_number(p, "story_of", 0), 7);
    has(json_array_get(story, 6), "text", "moves acme: apart from others");
    // what ends first, first
    const char *next = protocol_get_text(p, "next", "");
    const char *soon = strstr(next, "over 198.51.100.8"), *late = strstr(next, "acme restored");
    assert_true(soon && late && soon < late);
}

static void of_several_holds_the_ruling_one_speaks(void **state)
{
    struct bench *b = *state;
    fill(b);
    json_t *suspend = acting("apply", "suspend", "customer:acme", "as 318 says");
    json_object_set_new(suspend, "for", json_string("1h")); // the throttle lasts longer
    json_decref(result(b, "act", suspend));
    CLEANUP(json_decref) json_t *p = page_of(b, "incident:318");
    has(json_object_get(p, "you"), "text", "nothing: acme is suspended until ");
    has(p, "next", "acme no longer suspended, still throttled");
}

static void an_ack_puts_a_name_on_it_and_a_second_takes_it_off(void **state)
{
    struct bench *b = *state;
    fill(b);
    CLEANUP(json_decref) json_t *hello = result(b, "hello", NULL);
    const char *me = protocol_get_text(hello, "user", "");
    CLEANUP(json_decref)
    json_t *preview = result(b, "act", acting("preview", "ack", "incident:318", ""));
    has(preview, "title", "Ack incident 318 on mta1.example.net");
    has(preview, "ends", "nothing to undo");
    assert_true(json_is_null(json_object_get(preview, "for")));
    json_decref(result(b, "act", acting("apply", "ack", "incident:318", "")));
    assert_string_equal(incidents_get(&b->incidents, 318)->has_it, me);
    CLEANUP(json_decref) json_t *rows = rows_of(b, "state:acknowledged");
    assert_int_equal(json_array_size(rows), 1);
    has(json_array_get(rows, 0), "has_it", me);
    // what was previewed has moved on
    json_t *stale = acting("apply", "ack", "incident:318", "");
    json_object_set(stale, "version", json_object_get(preview, "version"));
    says(error(b, "act", stale), "stale");
    json_decref(result(b, "act", acting("apply", "ack", "incident:318", "")));
    assert_string_equal(incidents_get(&b->incidents, 318)->has_it, "");
}

static void a_note_needs_its_text_and_a_resolved_one_is_over(void **state)
{
    struct bench *b = *state;
    fill(b);
    says(error(b, "act", acting("apply", "note", "incident:318", "")), "a note needs its text");
    json_decref(result(b, "act", acting("apply", "note", "incident:318", "asked acme by phone")));
    json_decref(result(b, "act", acting("apply", "resolve", "incident:318", "list removed")));
    says(error(b, "act", acting("apply", "resolve", "incident:318", "")),
         "318 is resolved already");
    says(error(b, "act", acting("apply", "ack", "incident:318", "")), "318 is resolved already");
    says(error(b, "act", acting("apply", "ack", "incident:5", "")), "no incident 5");
    json_decref(result(b, "act", acting("apply", "note", "incident:318", "later")));
    CLEANUP(json_decref) json_t *p = page_of(b, "incident:318");
    has(p, "state", "resolved");
    has(p, "report", "notes: asked acme by phone");
    has(p, "report", "resolves: list removed");
    assert_int_equal(json_array_size(json_object_get(p, "seen_by")), 1);
}

static void what_an_operator_does_about_it_is_in_its_story(void **state)
{
    struct bench *b = *state;
    fill(b);
    json_decref(result(b, "act", acting("apply", "suspend", "customer:acme", "as 318 says")));
    CLEANUP(json_decref) json_t *p = page_of(b, "incident:318");
    assert_int_equal(json_array_size(json_object_get(p, "story")), 4);
    has(p, "done", "suspended by ");
    has(p, "has_it", "engine"); // nothing is left to do
    has(json_object_get(p, "you"), "text", "nothing: acme is suspended until ");
    assert_true(json_is_null(json_object_get(json_object_get(p, "you"), "command")));
    json_decref(result(b, "act", acting("apply", "suspend", "customer:beta", "no part of it")));
    CLEANUP(json_decref) json_t *again = page_of(b, "incident:318");
    assert_int_equal(json_array_size(json_object_get(again, "story")), 4);
}

static void customers_and_addresses_say_what_reputation_knows(void **state)
{
    struct bench *b = *state;
    fill(b);
    CLEANUP(json_decref) json_t *acme = page_of(b, "customer:acme");
    const json_t *row = json_object_get(acme, "row");
    has(row, "next_rung", "suspend");
    assert_int_equal(protocol_get_number(row, "next_level", 0), 62);
    assert_int_equal(protocol_get_number(row, "incident", 0), 318);
    const json_t *dead = json_array_get(json_object_get(acme, "harm"), 0);
    has(dead, "what", "dead recipients");
    assert_true(json_real_value(json_object_get(json_object_get(dead, "limits"), "suspend")) ==
                0.05);
    assert_int_equal(protocol_get_number(dead, "level", 0), 62);
    CLEANUP(json_decref) json_t *beta = page_of(b, "customer:beta");
    assert_true(json_is_null(json_object_get(json_object_get(beta, "row"), "next_rung")));
    CLEANUP(json_decref) json_t *ip = page_of(b, "ip:198.51.100.7");
    assert_int_equal(protocol_get_number(json_object_get(ip, "row"), "health", 0), 58);
    const json_t *part =
        json_array_get(json_object_get(json_object_get(ip, "health"), "parts"), HEALTH_BLOCKS);
    assert_int_equal(protocol_get_number(part, "takes", 0), 42);
    has(part, "text", "google, 31 %");
}

static void providers_add_up_their_lanes_and_queues(void **state)
{
    struct bench *b = *state;
    fill(b);
    control_on_outcome(b->control, &(struct outcome){.at = clock_wall(),
                                                     .kind = OUTCOME_DEFERRED,
                                                     .class = CLASS_IP_REPUTATION_BLOCK,
                                                     .customer = "acme",
                                                     .list = "",
                                                     .ip = "198.51.100.7",
                                                     .provider = "google",
                                                     .recipient = "",
                                                     .reply = ""});
    CLEANUP(json_decref)
    json_t *all = result(b, "list", json_pack("{s:s}", "table", "providers"));
    const json_t *rows = json_object_get(all, "rows");
    assert_int_equal(json_array_size(rows), 2);
    const json_t *yahoo = json_array_get(rows, 0), *google = json_array_get(rows, 1);
    has(yahoo, "state", "outage");
    assert_int_equal(protocol_get_number(yahoo, "incident", 0), 317);
    assert_int_equal(protocol_get_number(yahoo, "waiting", 0), 5);
    has(google, "state", "block");
    assert_int_equal(protocol_get_number(google, "incident", 0), 318);
    assert_int_equal(protocol_get_number(google, "waiting", 0), 13);
    assert_int_equal(protocol_get_number(google, "blocked_24h", 0), 1);
    has(google, "last_reply", "550 5.7.1");
}

static void explained(struct bench *b, const char *target, const char *const *parts, size_t n)
{
    CLEANUP(json_decref) json_t *r = result(b, "explain", json_pack("{s:s}", "target", target));
    CLEANUP(xfree) char *text = json_dumps(r, JSON_COMPACT);
    for (size_t i = 0; i < n; i++)
        if (!strstr(text, parts[i]))
            fail_msg("%s: `%s` is not in %s", target, parts[i], text);
}

static void a_short_cause_says_whose_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *subject, *culprit, *list;
        double share;
        bool is_condition;
        const char *says;
    } cases[] = {
        {"lane:198.51.100.7/google", "customer:acme", "", 0.91, false, "acme 91 %"},
        {"customer:acme", "customer:acme", "spring", 0, false, "list spring"},
        {"customer:acme", "customer:acme", "", 0, false, "acme"},
        {"customer:acme", "somebody", "", 0, false, "somebody"}, // another node's
        {"provider:yahoo", "", "", 0, false, "yahoo itself"},
        {"node:mta1", "", "", 0, false, "our DNS or network"},
        {"lane:198.51.100.7/t-online", "", "", 0, false, "nobody of ours"},
        {"ip:198.51.100.7#reverse", "", "", 0, true, "our DNS"},
        {"ip:198.51.100.7#lost", "", "", 0, true, "this machine"},
        {"node:mta1#disk", "", "", 0, true, "this machine"},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        CLEANUP(buf_deinit) struct buf out = {0};
        char what[] = "", cause[] = "";
        CLEANUP(xfree) char *subject = xstrdup(cases[k].subject);
        CLEANUP(xfree) char *culprit = xstrdup(cases[k].culprit);
        CLEANUP(xfree) char *list = xstrdup(cases[k].list);
        lines_short(&out, &(struct incident){.subject = subject,
                                             .culprit = culprit,
                                             .list = list,
                                             .what = what,
                                             .cause = cause,
                                             .share = cases[k].share,
                                             .is_condition = cases[k].is_condition});
        buf_add_byte(&out, 0);
        assert_string_equal((const char *)out.p, cases[k].says);
    }
}

static void an_explanation_says_rules_reasons_and_what_comes(void **state)
{
    struct bench *b = *state;
    static const char *const acme[] = {
        "throttled until ",
        "at most 100/h of its recipients",
        "dead recipients 6.4 %, 64 of 1,000 in 24 h; limits: warn 2 %, ",
        "throttle 4 %, suspend 5 %; 62 of 100 on the way to suspend",
        "traps: 1 in 7 days; at: warn 1, throttle 2, suspend 4; 25 of 100 on the way to suspend",
        "318: google blocks 198.51.100.7",
        "acme restored, unless"};
    static const char *const ip[] = {"active in pool shared", "google: deferring, 10.0 % deferred",
                                     "58 of 100", "-42 lanes blocked: google, 31 % of its mail"};
    fill(b);
    explained(b, "customer:acme", acme, ARRAY_LEN(acme));
    explained(b, "ip:198.51.100.7", ip, ARRAY_LEN(ip));
    static const struct {
        const char *target, *says;
    } wrong[] = {
        {"customer:oslo", "refused: there is no customer oslo"},
        {"ip:192.0.2.1", "refused: no pool has the IP"},
        {"message:01JDF3K700000000000000000A", "refused: nothing of it waits"},
        {"nobody@nowhere.example", "refused: nothing of it waits"},
        {"log:3", "usage: target: expected customer:ID"},
        {"nonsense", "usage: target: expected"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        says(error(b, "explain", json_pack("{s:s}", "target", wrong[i].target)), wrong[i].says);
}

static const struct CMUnitTest tests[] = {
    WITH_BENCH(nobodys_and_the_worst_come_first),
    WITH_BENCH(closed_ones_show_when_the_state_is_asked_for),
    WITH_BENCH(the_page_has_culprits_replies_the_story_and_a_report),
    WITH_BENCH(nothing_is_said_twice),
    WITH_BENCH(of_several_holds_the_ruling_one_speaks),
    WITH_BENCH(an_ack_puts_a_name_on_it_and_a_second_takes_it_off),
    WITH_BENCH(a_note_needs_its_text_and_a_resolved_one_is_over),
    WITH_BENCH(what_an_operator_does_about_it_is_in_its_story),
    WITH_BENCH(customers_and_addresses_say_what_reputation_knows),
    WITH_BENCH(providers_add_up_their_lanes_and_queues),
    cmocka_unit_test(a_short_cause_says_whose_it_is),
    WITH_BENCH(an_explanation_says_rules_reasons_and_what_comes),
};

TEST_MAIN(tests)
