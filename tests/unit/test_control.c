/* The server over a real Unix socket: requests, lists, feeds, acts. */
#include "control_bench.h"

#include <sys/socket.h>

#include "core/outcome.h"

static void hello_says_who_one_is(void **state)
{
    struct bench *b = *state;
    CLEANUP(json_decref) json_t *r = result(b, "hello", NULL);
    assert_string_equal(protocol_get_text(r, "node", ""), "mta1.example.net");
    assert_string_equal(protocol_get_text(r, "label", ""), "PROD");
    assert_string_equal(protocol_get_text(r, "role", ""), "operator");
    assert_int_equal(protocol_get_number(r, "protocol", 0), 1);
}

static void lists_are_sorted_and_filtered_by_any_column(void **state)
{
    struct bench *b = *state;
    CLEANUP(json_decref)
    json_t *all = result(b, "list", json_pack("{s:s,s:s}", "table", "customers", "sort", "-id"));
    json_t *rows = json_object_get(all, "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(protocol_get_text(json_array_get(rows, 0), "id", ""), "beta");
    CLEANUP(json_decref)
    json_t *some =
        result(b, "list", json_pack("{s:s,s:s}", "table", "customers", "filter", "dead>2% !beta"));
    json_t *row = json_array_get(json_object_get(some, "rows"), 0);
    assert_int_equal(protocol_get_number(some, "matched", 0), 1);
    assert_int_equal(protocol_get_number(some, "total", 0), 2);
    assert_string_equal(protocol_get_text(row, "key", ""), "customer:acme");
    assert_true(json_real_value(json_object_get(row, "bounce_rate_24h")) == 0.064);
    assert_int_equal(protocol_get_number(row, "queued", 0), 17);
    assert_true(json_is_null(json_object_get(row, "standing_until")));
    assert_int_equal(json_array_size(json_object_get(row, "history")), 24);
    says(error(b, "list", json_pack("{s:s,s:s}", "table", "customers", "filter", "acme ded>1")),
         "usage: filter, column 6: no field `ded`");
    says(error(b, "list", json_pack("{s:s,s:s}", "table", "customers", "sort", "standin")),
         "nearest: standing");
    says(error(b, "list", json_pack("{s:s}", "table", "custmers")), "nearest: customers");
}

static void every_table_can_be_listed_and_shown(void **state)
{
    struct bench *b = *state;
    static const char *const tables[] = {"status",    "incidents", "ips", "customers", "queue",
                                         "providers", "events",    "log", "unknown"};
    static const char *const targets[] = {"customer:acme", "ip:198.51.100.7",
                                          "queue:provider=google", "queue:pool=shared",
                                          "provider:google"};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        json_decref(result(b, "list", json_pack("{s:s}", "table", tables[i])));
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        CLEANUP(json_decref)
        json_t *page = result(b, "show", json_pack("{s:s}", "target", targets[i]));
        CLEANUP(xfree) char *text = json_dumps(page, 0);
        if (strchr(text, '\x1b') || strstr(text, "\\u001b"))
            fail_msg("%s has an escape", targets[i]);
    }
    says(error(b, "show", json_pack("{s:s}", "target", "customer:nobody")), "no customer nobody");
    says(error(b, "show", json_pack("{s:s}", "target", "log:99")), "no entry 99");
    says(error(b, "show", json_pack("{s:s}", "target", "message:01JD3VR5Q8000000000000ABCD")),
         "no message");
}

static void unknown_replies_are_a_table_like_others(void **state)
{
    struct bench *b = *state;
    CLEANUP(json_decref) json_t *all = result(b, "list", json_pack("{s:s}", "table", "unknown"));
    CLEANUP(json_decref)
    json_t *one = result(
        b, "list", json_pack("{s:s,s:s}", "table", "unknown", "filter", "provider:yahoo count>40"));
    const json_t *row = json_array_get(json_object_get(one, "rows"), 0);
    assert_int_equal(json_array_size(json_object_get(all, "rows")), 2);
    assert_int_equal(protocol_get_number(one, "matched", 0), 1);
    assert_string_equal(protocol_get_text(row, "key", ""), "reply:rcpt/550/moon of * is sad");
    assert_string_equal(protocol_get_text(row, "providers", ""), "google, yahoo, …");
    assert_string_equal(protocol_get_text(row, "sample", ""), "550 Moon of \\x1b[7 is sad");
    row = json_array_get(json_object_get(all, "rows"), 1);
    assert_true(json_is_null(json_object_get(row, "providers")));
    CLEANUP(json_decref)
    json_t *page = result(b, "show", json_pack("{s:s}", "target", "provider:google"));
    assert_int_equal(protocol_get_number(page, "unknown_shapes", 0), 1);
    CLEANUP(json_decref) json_t *s = result(b, "status", NULL);
    double rate = json_number_value(json_object_get(s, "undetermined_rate_1h"));
    assert_true(rate > 0.0199 && rate < 0.0201);
}

static void the_queue_adds_up_by_what_is_asked(void **state)
{
    struct bench *b = *state;
    CLEANUP(json_decref)
    json_t *r = result(b, "list", json_pack("{s:s,s:s}", "table", "queue", "by", "customer"));
    json_t *row = json_array_get(json_object_get(r, "rows"), 0);
    assert_string_equal(protocol_get_text(row, "key", ""), "queue:customer=acme");
    assert_int_equal(protocol_get_number(row, "waiting", 0), 17);
    assert_true(json_is_null(json_object_get(row, "provider")));
    assert_string_equal(protocol_get_text(row, "pool", ""), "shared");
}

static void a_suspension_is_previewed_done_and_undone(void **state)
{
    struct bench *b = *state;
    CLEANUP(json_decref)
    json_t *p = result(b, "act", acting("preview", "suspend", "customer:acme", ""));
    assert_string_equal(protocol_get_text(p, "title", ""),
                        "Suspend customer acme on mta1.example.net");
    assert_string_equal(protocol_get_text(p, "for", ""), "2h");
    assert_string_equal(protocol_get_text(p, "ceremony", ""), "enter");
    assert_string_equal(protocol_get_text(p, "tell", ""),
                        "yes, template \"suspended\" to ops@acme.example");
    assert_non_null(strstr(protocol_get_text(p, "reason", ""), "dead recipients 6.4 %"));
    json_t *apply = acting("apply", "suspend", "customer:acme", "bought list");
    json_object_set(apply, "version", json_object_get(p, "version"));
    CLEANUP(json_decref) json_t *entry = result(b, "act", json_incref(apply));
    assert_string_equal(protocol_get_text(entry, "kind", ""), "suspend");
    assert_string_equal(protocol_get_text(entry, "actor", ""), "root");
    assert_int_equal(strlen(protocol_get_text(entry, "hash", "")), 64);
    assert_int_equal(state_standing(&b->state, "acme", "", clock_wall(), NULL), STANDING_SUSPENDED);
    says(error(b, "act", apply), "stale: ");
    char *log = xasprintf("log:%jd", (intmax_t)protocol_get_number(entry, "seq", 0));
    CLEANUP(json_decref)
    json_t *undone = result(b, "act", acting("apply", "undo", log, "the wrong one"));
    assert_string_equal(protocol_get_text(undone, "target", ""), "customer:acme");
    assert_int_equal(protocol_get_number(undone, "undoes", 0),
                     protocol_get_number(entry, "seq", -1));
    assert_int_equal(state_standing(&b->state, "acme", "", clock_wall(), NULL), STANDING_GOOD);
    says(error(b, "act", acting("apply", "undo", log, "again")), "undone already");
    // undoing the undo brings it back
    xfree(log);
    log = xasprintf("log:%jd", (intmax_t)protocol_get_number(undone, "seq", 0));
    json_decref(result(b, "act", acting("apply", "undo", log, "it was right")));
    assert_int_equal(state_standing(&b->state, "acme", "", clock_wall(), NULL), STANDING_SUSPENDED);
    json_decref(result(b, "act", acting("apply", "restore", "customer:acme", "list cleaned")));
    assert_int_equal(state_standing(&b->state, "acme", "", clock_wall(), NULL), STANDING_GOOD);
    xfree(log);
}

static void what_cannot_be_done_is_refused_in_words(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *command, *target, *says;
    } cases[] = {
        {"suspend", "customer:acm", "refused: there is no customer acm; nearest: acme"},
        {"suspend", "customer:postmaster", "the engine's own mail"},
        {"suspend", "customer:ACME", "usage: targets: expected a customer"},
        {"restore", "customer:acme", "good already"},
        {"pull", "ip:192.0.2.1", "no pool has the IP 192.0.2.1"},
        {"return", "ip:198.51.100.7", "in rotation already"},
        {"pause", "lane:192.0.2.1/google", "no pool has the IP 192.0.2.1"},
        {"pause", "provider:[::1]", "no provider's name"},
        {"resume", "lane:198.51.100.7/google", "is not paused"},
        {"release", "queue:all", "nothing is held"},
        {"hold", "queue:pool=moon", "there is no pool moon"},
        {"hold", "queue:customer=nobody", "there is no customer nobody"},
        {"undo", "log:77", "the ledger has no action 77"},
        {"purge", "queue:all", "usage: command: expected"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        says(error(b, "act", acting("apply", cases[i].command, cases[i].target, "test")),
             cases[i].says);
    says(error(b, "act", acting("apply", "suspend", "customer:acme", " ")), "a reason is needed");
    b->is_full = true;
    says(error(b, "act", acting("apply", "suspend", "customer:acme", "x")),
         "failed: the ledger could not be written");
}

static void pulling_the_last_ip_of_a_pool_wants_its_name(void **state)
{
    struct bench *b = *state;
    CLEANUP(json_decref)
    json_t *one = result(b, "act", acting("preview", "pull", "ip:198.51.100.7", ""));
    assert_string_equal(protocol_get_text(one, "ceremony", ""), "enter");
    assert_true(json_is_null(json_object_get(one, "guard")));
    CLEANUP(json_decref)
    json_t *last = result(b, "act", acting("preview", "pull", "ip:198.51.100.20", ""));
    assert_string_equal(protocol_get_text(last, "type", ""), "premium");
    assert_true(json_array_size(json_object_get(last, "guard")) > 0);
    json_t *apply = acting("apply", "pull", "ip:198.51.100.20", "blocked");
    json_object_set(apply, "version", json_object_get(last, "version"));
    says(error(b, "act", json_incref(apply)), "this wants `premium` typed");
    json_object_set_new(apply, "typed", json_string("premium"));
    json_decref(result(b, "act", apply));
    assert_int_equal(state_rotation(&b->state, "198.51.100.20", clock_wall(), NULL),
                     ROTATION_PULLED);
    says(error(b, "act", acting("apply", "drain", "ip:198.51.100.20", "x")), "it is pulled");
    json_decref(result(b, "act", acting("apply", "return", "ip:198.51.100.20", "clean")));
    assert_int_equal(state_rotation(&b->state, "198.51.100.20", clock_wall(), NULL),
                     ROTATION_ACTIVE);
}

static void several_targets_want_their_count_and_skip_what_is_refused(void **state)
{
    struct bench *b = *state;
    json_t *params =
        json_pack("{s:s,s:s,s:[s,s,s],s:s}", "phase", "preview", "command", "throttle", "targets",
                  "customer:acme", "customer:beta", "customer:nobody", "rate", "20/h");
    CLEANUP(json_decref) json_t *p = result(b, "act", json_incref(params));
    assert_string_equal(protocol_get_text(p, "type", ""), "2");
    assert_int_equal(json_array_size(json_object_get(p, "skipped")), 1);
    json_object_set_new(params, "phase", json_string("apply"));
    json_object_set_new(params, "reason", json_string("slow"));
    CLEANUP(json_decref) json_t *done = result(b, "act", json_incref(params));
    assert_int_equal(json_array_size(json_object_get(done, "entries")), 2);
    json_object_set_new(params, "rate", json_string("100/h"));
    says(error(b, "act", params), "throttled to 20/h already");
}

static void holds_are_released_by_their_selection(void **state)
{
    struct bench *b = *state;
    CLEANUP(json_decref) json_t *all = result(b, "act", acting("preview", "hold", "queue:all", ""));
    assert_string_equal(protocol_get_text(all, "type", ""), "all");
    json_decref(result(b, "act", acting("apply", "hold", "queue:provider=google", "outage")));
    struct state_path path = {.customer = "acme", .provider = "google"};
    assert_non_null(state_hold(&b->state, &path, clock_wall()));
    says(error(b, "act", acting("apply", "release", "queue:provider=yahoo", "x")),
         "these do: queue:provider=google");
    json_decref(result(b, "act", acting("apply", "release", "queue:all", "over")));
    assert_null(state_hold(&b->state, &path, clock_wall()));
}

static void a_guard_says_each_pool_and_the_way_out_once(void **state)
{
    struct bench *b = *state;
    CLEANUP(json_decref)
    json_t *p =
        result(b, "act",
               json_pack("{s:s,s:s,s:[s,s,s]}", "phase", "preview", "command", "pull", "targets",
                         "ip:198.51.100.7", "ip:198.51.100.8", "ip:198.51.100.20"));
    const json_t *guard = json_object_get(p, "guard");
    assert_int_equal(json_array_size(guard), 3);
    assert_non_null(strstr(json_string_value(json_array_get(guard, 0)), "shared has no other"));
    assert_non_null(strstr(json_string_value(json_array_get(guard, 1)), "premium has no other"));
    assert_non_null(strstr(json_string_value(json_array_get(guard, 2)), "instead: "));
}

static void what_takes_back_offers_what_it_takes_back(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *command, *target, *back, *back_target, *offers;
    } cases[] = {
        {"suspend", "customer:acme", "restore", "customer:acme", "lifts suspend 1 of root"},
        {"pull", "ip:198.51.100.7", "return", "ip:198.51.100.7", "lifts pull 2 of root"},
        {"hold", "queue:provider=google", "release", "queue:provider=google",
         "lifts hold 3 of root"},
        {"hold", "queue:pool=shared", "release", "queue:all", "lifts hold 3 of root and 1 more"},
        {"warn", "customer:beta", "undo", "log:5", "takes 5 back"},
        {"pause", "lane:198.51.100.8/google", "resume", "lane:198.51.100.8/google",
         "lifts pause 6 of root"},
        {"pause", "provider:yahoo", "resume", "provider:yahoo", "lifts pause 7 of root"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_decref(result(b, "act", acting("apply", cases[i].command, cases[i].target, "test")));
        CLEANUP(json_decref)
        json_t *p = result(b, "act", acting("preview", cases[i].back, cases[i].back_target, ""));
        assert_string_equal(protocol_get_text(p, "reason", ""), cases[i].offers);
    }
}

static void a_pause_says_what_waits_and_what_stays_open(void **state)
{
    struct bench *b = *state;
    const char *lane = "lane:198.51.100.7/google";
    CLEANUP(json_decref) json_t *p = result(b, "act", acting("preview", "pause", lane, ""));
    assert_non_null(strstr(protocol_get_text(p, "title", ""), "lane 198.51.100.7/google"));
    json_decref(result(b, "act", acting("apply", "pause", "provider:google", "outage")));
    assert_non_null(state_lane(&b->state, "198.51.100.7", "google", clock_wall()));
    says(error(b, "act", acting("apply", "pause", lane, "x")), "resume google ends that");
    says(error(b, "act", acting("apply", "resume", lane, "x")), "resume google");
    json_t *stale = acting("apply", "pause", lane, "x");
    json_object_set(stale, "version", json_object_get(p, "version"));
    says(error(b, "act", stale), "stale: ");
    json_decref(result(b, "act", acting("apply", "resume", "provider:google", "over")));
    assert_null(state_lane(&b->state, "198.51.100.7", "google", clock_wall()));
}

static void releasing_all_is_stale_when_another_hold_came(void **state)
{
    struct bench *b = *state;
    json_decref(result(b, "act", acting("apply", "hold", "queue:provider=google", "outage")));
    CLEANUP(json_decref)
    json_t *p = result(b, "act", acting("preview", "release", "queue:all", ""));
    json_decref(result(b, "act", acting("apply", "hold", "queue:provider=yahoo", "outage")));
    json_t *apply = acting("apply", "release", "queue:all", "over");
    json_object_set(apply, "version", json_object_get(p, "version"));
    says(error(b, "act", apply), "stale: ");
}

static void what_ends_by_itself_is_told_in_words(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *command, *target, *span, *says;
    } cases[] = {
        {"suspend", "customer:acme", "1h", "acme no longer suspended, still throttled"},
        {"throttle", "customer:acme", "2h", "acme restored"},
        {"warn", "customer:beta", "3h", "beta no longer warned"},
        {"suspend", "customer:beta/spring", "4h", "beta/spring restored"},
        {"pull", "ip:198.51.100.7", "5h", "198.51.100.7 returned"},
        {"hold", "queue:customer=acme,list=spring,provider=google", "6h",
         "mail of acme/spring to google released"},
        {"hold", "queue:pool=shared", "7h", "mail over shared released"},
        {"hold", "queue:all", "8h", "all mail released"},
        {"pause", "lane:198.51.100.7/google", "9h", "probe 198.51.100.7/google"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *params = acting("apply", cases[i].command, cases[i].target, "test");
        json_object_set_new(params, "for", json_string(cases[i].span));
        json_decref(result(b, "act", params));
    }
    CLEANUP(json_decref) json_t *s = result(b, "status", NULL);
    const json_t *coming = json_object_get(s, "coming");
    assert_int_equal(json_array_size(coming), ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(protocol_get_text(json_array_get(coming, i), "what", ""),
                            cases[i].says);
}

static json_t *managing(const char *command, const char *customer)
{
    return json_pack("{s:s,s:s}", "command", command, "customer", customer);
}

static void customers_are_added_set_and_removed(void **state)
{
    struct bench *b = *state;
    json_t *add = managing("customer add", "nord");
    json_object_set_new(add, "contact", json_string("ops@nord.example"));
    json_object_set_new(add, "language", json_string("de"));
    json_object_set_new(add, "pool", json_string("premium"));
    json_object_set_new(add, "rate", json_string("500/h"));
    json_decref(result(b, "manage", add));
    const struct state_customer *c = state_customer_get(&b->state, "nord");
    assert_true(c->is_known);
    assert_string_equal(c->contact, "ops@nord.example");
    assert_string_equal(c->pool, "premium");
    assert_int_equal(c->rate, 500);
    says(error(b, "manage", managing("customer add", "nord")), "there already");
    says(error(b, "manage", managing("customer set", "nord")), "what?");
    says(error(b, "manage", managing("customer add", "postmaster")), "engine's own");
    says(error(b, "manage", managing("customer rm", "acme")), "20 of acme's messages wait");
    assert_string_equal(state_customer_get(&b->state, "nord")->language, "de");
    json_t *tongue = managing("customer set", "nord");
    json_object_set_new(tongue, "language", json_string("fr"));
    says(error(b, "manage", tongue), "language: expected en or de");
    json_t *wrong = managing("customer add", "oslo");
    json_object_set_new(wrong, "pool", json_string("moon"));
    says(error(b, "manage", wrong), "no pool moon");
    json_decref(result(b, "manage", managing("customer rm", "nord")));
    assert_false(c->is_known);
    CLEANUP(json_decref) json_t *v = result(b, "manage", json_pack("{s:s}", "command", "verify"));
    assert_int_equal(protocol_get_number(v, "entries", 0), 2);
    assert_true(protocol_get_flag(v, "holds"));
}

static void a_reload_with_mistakes_says_them(void **state)
{
    struct bench *b = *state;
    json_decref(result(b, "manage", json_pack("{s:s}", "command", "reload")));
    b->has_mistakes = true;
    says(error(b, "manage", json_pack("{s:s}", "command", "reload")), "mxwarden.yaml:3:1");
}

static void feeds_push_what_changed_and_the_clock(void **state)
{
    struct bench *b = *state;
    json_decref(result(b, "feed",
                       json_pack("{s:s,s:s,s:s,s:i}", "feed", "f1", "table", "customers", "sort",
                                 "id", "limit", 10)));
    CLEANUP(json_decref) json_t *first = await(b, "feed");
    assert_int_equal(json_array_size(json_object_get(first, "order")), 2);
    assert_int_equal(json_object_size(json_object_get(first, "rows")), 2);
    assert_non_null(json_object_get(first, "status"));
    state_customer_get(&b->state, "beta")->queued = 99;
    CLEANUP(json_decref) json_t *next = await(b, "rows");
    assert_null(json_object_get(next, "order"));
    assert_int_equal(json_object_size(json_object_get(next, "rows")), 1);
    assert_int_equal(
        protocol_get_number(json_object_get(json_object_get(next, "rows"), "customer:beta"),
                            "queued", 0),
        99);
    usec_t begin_at = clock_monotonic();
    CLEANUP(json_decref) json_t *quiet = await(b, "feed");
    assert_null(json_object_get(quiet, "rows"));
    assert_non_null(json_object_get(quiet, "now"));
    assert_true(clock_monotonic() - begin_at < 1500 * USEC_MS);
    json_decref(result(b, "unfeed", json_pack("{s:s}", "feed", "f1")));
    says(error(b, "unfeed", json_pack("{s:s}", "feed", "f1")), "no such feed");
}

static void a_page_can_be_fed(void **state)
{
    struct bench *b = *state;
    json_decref(result(
        b, "feed",
        json_pack("{s:s,s:s,s:s}", "feed", "p", "table", "show", "target", "customer:acme")));
    CLEANUP(json_decref) json_t *push = await(b, "page");
    assert_non_null(json_object_get(json_object_get(push, "page"), "harm"));
    json_decref(result(b, "act", acting("apply", "warn", "customer:acme", "dead addresses")));
    CLEANUP(json_decref) json_t *next = await(b, "page");
    assert_int_equal(json_array_size(json_object_get(json_object_get(next, "page"), "holds")), 1);
}

static void feeds_are_bounded(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < PROTOCOL_FEEDS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%zu", i);
        json_decref(result(b, "feed",
                           json_pack("{s:s,s:s,s:i}", "feed", name, "table", "ips", "limit", 1)));
    }
    says(error(b, "feed", json_pack("{s:s,s:s,s:i}", "feed", "more", "table", "ips", "limit", 1)),
         "32 feeds are open");
    says(error(b, "feed", json_pack("{s:s,s:s,s:i}", "feed", "f0", "table", "ips", "limit", 501)),
         "limit: expected a number up to 500");
}

static void outcome(struct bench *b, const char *customer, usec_t at)
{
    struct outcome o = {.at = at,
                        .kind = OUTCOME_DELIVERED,
                        .class = CLASS_DELIVERED,
                        .customer = customer,
                        .list = "",
                        .ip = "198.51.100.7",
                        .provider = "google",
                        .recipient = "a@big.test",
                        .reply = "250 ok"};
    control_on_outcome(b->control, &o);
}

static void followers_get_every_outcome_once(void **state)
{
    struct bench *b = *state;
    size_t seen = 0;
    json_decref(result(b, "events", json_pack("{s:b,s:s}", "follow", 1, "filter", "!beta")));
    for (size_t i = 0; i < 5000; i++)
        outcome(b, i % 5 ? "acme" : "beta", USEC_DAY + (usec_t)i);
    while (seen < 4000) {
        CLEANUP(json_decref) json_t *push = await(b, "events");
        seen += json_array_size(json_object_get(push, "events"));
    }
    assert_int_equal(seen, 4000);
    json_decref(result(b, "events", NULL));
    CLEANUP(json_decref) json_t *kept = await(b, "events");
    assert_int_equal(json_array_size(json_object_get(kept, "events")), 2000);
    json_decref(await(b, "end"));
    CLEANUP(json_decref)
    json_t *listed = result(b, "list", json_pack("{s:s,s:i}", "table", "events", "limit", 1));
    const json_t *row = json_array_get(json_object_get(listed, "rows"), 0);
    assert_string_equal(protocol_get_text(row, "key", ""), "event:5000");
}

static void wrong_requests_get_one_answer_each(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *line, *code;
        json_int_t id; // 0: null
    } cases[] = {
        {"{\"id\":7}", "usage", 7},
        {"{\"id\":7,\"method\":\"fly\"}", "unknown-method", 7},
        {"{\"id\":7,\"method\":\"status\",\"params\":[]}", "usage", 7},
        {"{\"id\":[7],\"method\":\"status\"}", "usage", 0},
        {"nonsense", "usage", 0},
        {"{\"id\":7,\"id\":8,\"method\":\"status\"}", "usage", 0},
        {"{\"id\":7,\"method\":\"list\",\"params\":{\"table\":\"ips\",\"limit\":-1}}", "usage", 7},
        {"{\"id\":7,\"method\":\"act\",\"params\":{\"command\":\"suspend\"}}", "usage", 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_new(b->control, NULL, ROLE_OPERATOR, "ana");
        buf_add_str(&p->reader.in, cases[i].line);
        buf_add_str(&p->reader.in, "\n");
        peer_work(p);
        json_t *answer = json_loadb((char *)p->out.p, p->out.n, 0, NULL);
        const json_t *id = json_object_get(answer, "id");
        if (!id || json_integer_value(id) != cases[i].id ||
            strcmp(protocol_get_text(json_object_get(answer, "error"), "code", ""),
                   cases[i].code) != 0)
            fail_msg("%s: %.*s", cases[i].line, (int)p->out.n, (char *)p->out.p);
        json_decref(answer);
        peer_free(p);
    }
}

static void who_may_not_is_told_so(void **state)
{
    struct bench *b = *state;
    static const struct {
        enum role role;
        const char *line, *says;
    } cases[] = {
        {ROLE_NONE, "{\"id\":1,\"method\":\"hello\"}", "\"role\":\"none\""},
        {ROLE_NONE, "{\"id\":1,\"method\":\"status\"}", "not-allowed"},
        {ROLE_NONE, "{\"id\":1,\"method\":\"fly\"}", "not-allowed"},
        {ROLE_VIEWER, "{\"id\":1,\"method\":\"status\"}", "mta1.example.net"},
        {ROLE_VIEWER, "{\"id\":1,\"method\":\"act\",\"params\":{}}", "not-allowed"},
        {ROLE_VIEWER, "{\"id\":1,\"method\":\"manage\",\"params\":{\"command\":\"reload\"}}",
         "not-allowed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_new(b->control, NULL, cases[i].role, "eve");
        buf_add_str(&p->reader.in, cases[i].line);
        buf_add_str(&p->reader.in, "\n");
        peer_work(p);
        if (!p->out.n || !strstr((char *)p->out.p, cases[i].says))
            fail_msg("%s: %s", cases[i].line, p->out.p ? (char *)p->out.p : "nothing");
        peer_free(p);
    }
}

static void a_client_that_does_not_read_is_cut_off(void **state)
{
    struct bench *b = *state;
    usec_t until = clock_monotonic() + 20 * USEC_SECOND;
    for (size_t i = 0; i < 600; i++)
        outcome(b, "acme", USEC_DAY);
    for (size_t i = 0; i < 60 && clock_monotonic() < until; i++) {
        client_send(b->client, "list", json_pack("{s:s}", "table", "events"));
        for (int k = 0; k < 5; k++)
            turn(b);
    }
    while (b->control->peers_n && clock_monotonic() < until)
        turn(b);
    assert_int_equal(b->control->peers_n, 0);
}

static void connections_are_bounded(void **state)
{
    struct bench *b = *state;
    struct client *all[CONTROL_PEERS + 5] = {0};
    size_t refused = 0;
    char *why_not = NULL;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(client_connect(&all[i], b->socket, &why_not), CLIENT_OK);
        turn(b);
    }
    for (int k = 0; k < 50; k++)
        turn(b);
    assert_int_equal(b->control->peers_n, CONTROL_PEERS);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        json_t *message = NULL;
        client_feed_ready(all[i]);
        if (client_next(all[i], &message)) {
            refused++;
            assert_non_null(json_object_get(message, "error"));
        }
        json_decref(message);
        client_free(all[i]);
    }
    assert_int_equal(refused, 6); // the test's own was there before
}

static void idle_clients_cost_no_turn(void **state)
{
    struct bench *b = *state;
    struct client *more[3];
    char *why_not = NULL;
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        assert_int_equal(client_connect(&more[i], b->socket, &why_not), CLIENT_OK);
    json_decref(result(b, "hello", NULL));
    usec_t until = clock_monotonic() + 400 * USEC_MS;
    while (clock_monotonic() < until)
        turn(b);
    assert_int_equal(b->control->peers_n, 4);
    assert_false(heap_has(&b->control->tick.node));
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        client_free(more[i]);
}

static void one_that_ends_its_half_still_gets_its_answers(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 3; i++)
        client_send(b->client, "show", json_pack("{s:s}", "target", "customer:acme"));
    shutdown(client_fd(b->client), SHUT_WR);
    for (int i = 0; i < 3; i++) {
        CLEANUP(json_decref) json_t *answer = await(b, "id");
        assert_non_null(json_object_get(answer, "result"));
    }
    usec_t until = clock_monotonic() + 5 * USEC_SECOND;
    while (b->control->peers_n && clock_monotonic() < until)
        turn(b);
    assert_int_equal(b->control->peers_n, 0);
}

static void many_requests_at_once_are_all_answered(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 300; i++)
        client_send(b->client, i % 3 ? "status" : "show",
                    i % 3 ? NULL : json_pack("{s:s}", "target", "customer:acme"));
    for (int i = 0; i < 300; i++)
        json_decref(await(b, "id"));
}

static void what_is_on_its_way_survives_the_close(void **state)
{
    struct bench *b = *state;
    client_send(b->client, "show", json_pack("{s:s}", "target", "customer:acme"));
    client_send(b->client, "act", acting("apply", "suspend", "customer:acme", "x"));
    client_send(b->client, "manage", json_pack("{s:s}", "command", "verify"));
    usec_t until = clock_monotonic() + 5 * USEC_SECOND;
    while (!b->control->world.asking && clock_monotonic() < until)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    b->control = control_close(b->control);
}

static const struct CMUnitTest tests[] = {
    WITH_BENCH(hello_says_who_one_is),
    WITH_BENCH(lists_are_sorted_and_filtered_by_any_column),
    WITH_BENCH(every_table_can_be_listed_and_shown),
    WITH_BENCH(unknown_replies_are_a_table_like_others),
    WITH_BENCH(the_queue_adds_up_by_what_is_asked),
    WITH_BENCH(a_suspension_is_previewed_done_and_undone),
    WITH_BENCH(what_cannot_be_done_is_refused_in_words),
    WITH_BENCH(pulling_the_last_ip_of_a_pool_wants_its_name),
    WITH_BENCH(a_pause_says_what_waits_and_what_stays_open),
    WITH_BENCH(several_targets_want_their_count_and_skip_what_is_refused),
    WITH_BENCH(holds_are_released_by_their_selection),
    WITH_BENCH(a_guard_says_each_pool_and_the_way_out_once),
    WITH_BENCH(what_takes_back_offers_what_it_takes_back),
    WITH_BENCH(releasing_all_is_stale_when_another_hold_came),
    WITH_BENCH(what_ends_by_itself_is_told_in_words),
    WITH_BENCH(customers_are_added_set_and_removed),
    WITH_BENCH(a_reload_with_mistakes_says_them),
    WITH_BENCH(feeds_push_what_changed_and_the_clock),
    WITH_BENCH(a_page_can_be_fed),
    WITH_BENCH(feeds_are_bounded),
    WITH_BENCH(followers_get_every_outcome_once),
    WITH_BENCH(wrong_requests_get_one_answer_each),
    WITH_BENCH(who_may_not_is_told_so),
    WITH_BENCH(a_client_that_does_not_read_is_cut_off),
    WITH_BENCH(connections_are_bounded),
    WITH_BENCH(idle_clients_cost_no_turn),
    WITH_BENCH(one_that_ends_its_half_still_gets_its_answers),
    WITH_BENCH(many_requests_at_once_are_all_answered),
    WITH_BENCH(what_is_on_its_way_survives_the_close),
};
TEST_MAIN(tests)
