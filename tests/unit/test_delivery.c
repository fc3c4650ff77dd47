/* What waits goes out: fairly, over the right IP, within the limits, never lost. With a real store,
 * real connections and mail servers on loopback. */
#include "delivery_world.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define POOL "shared: {ips: [127.0.0.11]}"
#define POOL_OF_TWO "shared: {ips: [127.0.0.11, 127.0.0.12]}"

static struct sink *sink;

/* A world whose mail all goes to one sink. */
static void begin(const char *pools, const char *delivery)
{
    struct world *w = world_new();
    char rest[400];
    sink = sink_open(1, 1, 0);
    snprintf(rest, sizeof(rest), "delivery: {routes: {\"*\": \"127.0.1.1:%u\"}%s}\n", sink->port,
             delivery);
    world_begin(w, pools, NULL, rest);
}

static void end(void)
{
    world_end(world);
    sink_free(sink);
    world_free(world);
}

static struct delivery_totals totals(void)
{
    struct delivery_totals t;
    delivery_totals_get(world->d, &t);
    return t;
}

static void a_message_goes_out_and_is_counted(void **state)
{
    (void)state;
    begin(POOL, "");
    world_send("acme", "", 100, (const char *const[]){"a@x.test", "b@x.test", "c@y.test", NULL});
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 3, 5 * USEC_SECOND));
    assert_int_equal(sink->messages, 1); // one transaction
    assert_int_equal(sink->rcpts, 3);
    assert_string_equal(world->last_customer, "acme");
    assert_int_equal(world->last.attempt, 1);
    assert_int_equal(world->last.phase, PHASE_DATA);
    assert_int_equal(totals().queued, 0);
    assert_int_equal(state_customer_get(&world->state, "acme")->queued, 0);
    end();
}

static void each_recipient_has_a_return_path_of_its_own(void **state)
{
    (void)state;
    char rest[400], local[TOKEN_TEXT];
    struct world *w = world_new();
    struct token t[3];
    sink = sink_open(1, 1, 0);
    snprintf(rest, sizeof(rest),
             "domains: {bounce: b.test}\n"
             "delivery: {routes: {\"*\": \"127.0.1.1:%u\"}, connections: 1}\n",
             sink->port);
    world_begin(w, POOL, NULL, rest);
    sink->service = 50 * USEC_MS;
    world_send("acme", "", 100, (const char *const[]){"a@x.test", "b@x.test", "c@x.test", NULL});
    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        assert_true(run_until(&sink->messages, i + 1, 5 * USEC_SECOND));
        assert_int_equal(sink->rcpts, i + 1); // one recipient a transaction
        assert_string_equal(address_domain(sink->sender), "b.test");
        snprintf(local, sizeof(local), "%.60s", sink->sender);
        assert_int_equal(token_parse(&t[i], local, &world_keys), TOKEN_OK);
        assert_int_equal(t[i].kind, TOKEN_RETURN);
        assert_true(clock_wall() - t[i].at < 2 * USEC_MINUTE);
        const char *const names[] = {"a@x.test", "b@x.test", "c@x.test"};
        assert_string_equal(names[t[i].recipient_no], sink->seen[i]);
        assert_true(message_id_equal(t[i].message, t[0].message));
    }
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 3, 5 * USEC_SECOND));
    assert_int_equal(totals().queued, 0);
    end();
}

static void a_refused_recipient_bounces_and_a_deferred_one_is_tried_again(void **state)
{
    (void)state;
    begin(POOL, ", retry_first: 1s, retry_most: 2s");
    sink->rcpt_refusal = "550 5.1.1 no such user";
    world_send("acme", "", 100, (const char *const[]){"a@x.test", NULL});
    assert_true(run_until(&world->kinds[OUTCOME_BOUNCED], 1, 5 * USEC_SECOND));
    assert_int_equal(world->last.class, CLASS_UNKNOWN_USER);
    sink->rcpt_refusal = "450 4.2.0 not now";
    world_send("acme", "", 100, (const char *const[]){"a@x.test", NULL});
    assert_true(run_until(&world->kinds[OUTCOME_DEFERRED], 1, 5 * USEC_SECOND));
    assert_int_equal(totals().queued, 1);
    sink->rcpt_refusal = NULL;
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 1, 5 * USEC_SECOND));
    assert_int_equal(world->last.attempt, 2);
    assert_int_equal(totals().queued, 0);
    end();
}

static void what_is_deferred_too_long_expires(void **state)
{
    (void)state;
    begin(POOL, ", retry_first: 1s, retry_most: 1s, give_up: 2s");
    sink->rcpt_refusal = "450 4.2.0 not now";
    world_send("acme", "", 100, (const char *const[]){"a@x.test", NULL});
    assert_true(run_until(&world->kinds[OUTCOME_EXPIRED], 1, 8 * USEC_SECOND));
    assert_true(world->kinds[OUTCOME_DEFERRED] >= 1);
    assert_int_equal(totals().queued, 0);
    end();
}

static void a_domain_that_is_not_there_bounces(void **state)
{
    (void)state;
    struct world *w = world_new();
    world_begin(w, POOL, NULL, "dns: {local: [\"there.test. A 127.0.1.1\"]}\n");
    world_send("acme", "", 100, (const char *const[]){"a@nowhere.test", NULL});
    assert_true(run_until(&w->kinds[OUTCOME_BOUNCED], 1, 5 * USEC_SECOND));
    assert_int_equal(w->last.class, CLASS_DOMAIN_NOT_FOUND);
    world_end(w);
    world_free(w);
}

static void a_pulled_ip_starts_nothing_and_the_others_take_over(void **state)
{
    (void)state;
    begin(POOL_OF_TWO, "");
    sink->service = 5 * USEC_MS;
    world_flood("acme", "", "x.test", 2000);
    assert_true(run_until(&sink->messages_from[11], 20, 5 * USEC_SECOND));
    assert_true(sink->messages_from[12] > 5);
    usec_t pulled_at = clock_monotonic();
    world_act(KIND_PULL, "ip:127.0.0.11", USEC_NEVER, NULL);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 2000, 30 * USEC_SECOND));
    assert_true(sink->last_from[11] < pulled_at + 100 * USEC_MS);
    assert_true(sink->messages_from[12] > sink->messages_from[11]);
    end();
}

static void keep_lane(void *ctx, const struct delivery_lane_row *r)
{
    struct delivery_lane_row *row = ctx;
    if (strcmp(r->ip, "127.0.0.11") == 0)
        *row = *r;
}

static void a_paused_lane_starts_nothing_then_probes(void **state)
{
    (void)state;
    char target[100];
    struct delivery_lane_row row = {0};
    begin(POOL_OF_TWO, "");
    world->settings->policy.lane_step = 300 * USEC_MS;
    sink->service = 20 * USEC_MS;
    world_flood("acme", "", "x.test", 2000);
    assert_true(run_until(&sink->messages_from[11], 20, 5 * USEC_SECOND));
    snprintf(target, sizeof(target), "lane:127.0.0.11/route-127.0.1.1-%u", sink->port);
    usec_t paused_at = clock_monotonic();
    struct entry_name pause = world_act(KIND_PAUSE, target, clock_wall() + USEC_HOUR, NULL);
    run_for(200 * USEC_MS);
    assert_true(sink->last_from[11] < paused_at + 100 * USEC_MS);
    delivery_each_lane(world->d, keep_lane, &row);
    assert_string_equal(row.lane_state, "paused");
    assert_true(row.until > clock_wall() + 59 * USEC_MINUTE);
    unsigned before = sink->messages_from[11];
    world_act(KIND_RESUME, target, USEC_NEVER, &pause);
    assert_true(run_until(&sink->messages_from[11], before + 5, 5 * USEC_SECOND));
    delivery_each_lane(world->d, keep_lane, &row);
    assert_string_equal(row.lane_state, "probing");
    assert_int_equal(row.connections, 1);
    assert_int_equal(row.connections_max, 1);
    run_for(350 * USEC_MS);
    delivery_each_lane(world->d, keep_lane, &row);
    assert_int_equal(row.connections_max, 2);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 2000, 30 * USEC_SECOND));
    assert_int_equal(world->kinds[OUTCOME_DEFERRED], 0);
    end();
}

static void a_paused_provider_waits_and_says_until_when(void **state)
{
    (void)state;
    char target[100], why[200];
    begin(POOL, "");
    snprintf(target, sizeof(target), "provider:route-127.0.1.1-%u", sink->port);
    world_act(KIND_PAUSE, target, clock_wall() + USEC_SECOND, NULL);
    world_flood("acme", "", "x.test", 5);
    run_for(300 * USEC_MS);
    assert_int_equal(sink->greeted, 0);
    CLEANUP(spool_message_free) struct spool_message *m = spool_message_new();
    xfree(m->customer);
    m->customer = xstrdup("acme");
    spool_message_add_recipient(m, "a@x.test");
    delivery_why(world->d, m, 0, why, sizeof(why));
    assert_non_null(strstr(why, "127.0.0.11 is paused until"));
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 5, 5 * USEC_SECOND));
    end();
}

static void a_pulled_pool_waits_and_goes_on_by_itself_when_the_pull_expires(void **state)
{
    (void)state;
    begin(POOL, "");
    world_act(KIND_PULL, "ip:127.0.0.11", clock_wall() + USEC_SECOND, NULL);
    world_flood("acme", "", "x.test", 5);
    run_for(300 * USEC_MS);
    assert_int_equal(sink->greeted, 0);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 5, 5 * USEC_SECOND));
    end();
}

static void a_suspended_customer_gets_not_one_more_attempt(void **state)
{
    (void)state;
    begin(POOL, "");
    sink->service = 20 * USEC_MS;
    world_flood("acme", "", "x.test", 1500);
    assert_true(run_until(&sink->messages, 50, 5 * USEC_SECOND));
    struct entry_name name = world_act(KIND_SUSPEND, "customer:acme", USEC_NEVER, NULL);
    run_for(200 * USEC_MS); // what was under way
    unsigned messages = sink->messages;
    const struct state_customer *acme = state_customer_get(&world->state, "acme");
    assert_int_equal(acme->held, acme->queued);
    assert_int_equal(acme->queued, 1500 - world->kinds[OUTCOME_DELIVERED]);
    world_flood("other", "", "x.test", 3);
    world_flood("acme", "", "x.test", 3);
    assert_true(run_until(&sink->messages, messages + 3, 5 * USEC_SECOND));
    run_for(300 * USEC_MS);
    assert_int_equal(sink->messages, messages + 3);
    world_act(KIND_RESTORE, "customer:acme", USEC_NEVER, &name);
    sink->service = 0;
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 1506, 30 * USEC_SECOND));
    assert_int_equal(acme->held, 0);
    assert_int_equal(acme->queued, 0);
    end();
}

static void a_held_list_waits_while_the_customer_s_other_mail_goes(void **state)
{
    (void)state;
    begin(POOL, "");
    struct entry_name name =
        world_act(KIND_HOLD, "queue:customer=acme,list=spring", USEC_NEVER, NULL);
    world_flood("acme", "spring", "x.test", 20);
    world_flood("acme", "", "x.test", 20);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 20, 5 * USEC_SECOND));
    run_for(200 * USEC_MS);
    assert_int_equal(sink->messages, 20);
    assert_int_equal(state_customer_get(&world->state, "acme")->held, 20);
    world_act(KIND_RELEASE, "queue:customer=acme,list=spring", USEC_NEVER, &name);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 40, 5 * USEC_SECOND));
    assert_int_equal(totals().held, 0);
    end();
}

static void
a_large_held_queue_is_counted_after_a_restart_and_goes_at_once_when_released(void **state)
{
    (void)state;
    enum { HELD = 3500, FREE = 300 };
    const char *const target = "queue:customer=acme,list=spring";
    begin(POOL, "");
    world_act(KIND_HOLD, target, USEC_NEVER, NULL);
    world_flood("acme", "spring", "x.test", HELD);
    run_for(1500 * USEC_MS);
    assert_int_equal(totals().held, HELD);
    char rest[200];
    snprintf(rest, sizeof(rest), "delivery: {routes: {\"*\": \"127.0.1.1:%u\"}}\n", sink->port);
    world_end(world);
    world_begin(world, POOL, NULL, rest);
    struct entry_name name = world_act(KIND_HOLD, target, USEC_NEVER, NULL);
    assert_int_equal(totals().held, HELD);
    world_flood("acme", "", "x.test", FREE);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], FREE, 10 * USEC_SECOND));
    run_for(2500 * USEC_MS);
    assert_int_equal(sink->messages, FREE);
    assert_int_equal(totals().held, HELD);
    assert_int_equal(totals().queued, HELD);
    world_act(KIND_RELEASE, target, USEC_NEVER, &name);
    assert_int_equal(totals().held, 0);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], FREE + HELD, 10 * USEC_SECOND));
    assert_int_equal(totals().queued, 0);
    end();
}

/* How many of the sink's messages came before the one to `recipient`, from `since` on. */
static unsigned place_of(const char *recipient, unsigned since)
{
    for (unsigned i = since; i < sink->seen_n; i++)
        if (strcmp(sink->seen[i], recipient) == 0)
            return i - since;
    fail_msg("%s got nothing", recipient);
    return 0;
}

static void one_message_does_not_wait_behind_a_flood(void **state)
{
    (void)state;
    begin(POOL, "");
    sink->service = 5 * USEC_MS;
    world_flood("flood", "", "x.test", 3000);
    assert_true(run_until(&sink->messages, 200, 10 * USEC_SECOND));
    unsigned before = sink->seen_n;
    usec_t since = clock_monotonic();
    world_send("grandma", "", 100, (const char *const[]){"anna@x.test", NULL});
    unsigned messages = sink->messages;
    while (!state_customer_get(&world->state, "grandma") ||
           state_customer_get(&world->state, "grandma")->queued || world->added < 3001)
        run_for(USEC_MS);
    assert_true(clock_monotonic() - since < USEC_SECOND);
    // 20 connections with two each at most lay before it, and one turn of the flood's
    assert_true(place_of("anna@x.test", before) < 100);
    assert_true(sink->messages - messages < 200);
    end();
}

static void what_waits_survives_the_end_of_the_process(void **state)
{
    (void)state;
    begin(POOL, "");
    sink->service = 20 * USEC_MS;
    world_flood("acme", "", "x.test", 1500);
    world_flood("other", "", "y.test", 100);
    assert_true(run_until(&sink->messages, 100, 5 * USEC_SECOND));
    char rest[200];
    snprintf(rest, sizeof(rest), "delivery: {routes: {\"*\": \"127.0.1.1:%u\"}}\n", sink->port);
    world_end(world);
    sink->service = 0;
    world_begin(world, POOL, NULL, rest);
    assert_true(totals().queued >= 1500 && totals().queued <= 1600);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 1600, 30 * USEC_SECOND));
    assert_int_equal(totals().queued, 0);
    assert_true(sink->messages <= 1600 + 40); // twice at most what was in flight
    end();
}

static void on_stopped(void *ctx)
{
    (*(unsigned *)ctx)++;
}

static void a_stop_lets_what_is_in_flight_finish(void **state)
{
    (void)state;
    begin(POOL, "");
    sink->service = 100 * USEC_MS;
    world_flood("acme", "", "x.test", 200);
    assert_true(run_until(&sink->messages, 10, 5 * USEC_SECOND));
    unsigned stopped = 0;
    delivery_stop(world->d, on_stopped, &stopped);
    assert_true(run_until(&stopped, 1, 5 * USEC_SECOND));
    assert_int_equal(totals().in_flight, 0);
    assert_int_equal(sink->messages, world->kinds[OUTCOME_DELIVERED]);
    assert_int_equal(totals().queued, 200 - sink->messages);
    end();
}

static void a_provider_that_is_down_is_in_nobody_s_way(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct sink *good = sink_open(1, 1, 0);
    char rest[400];
    sink = sink_open(1, 2, good->port);
    sink_hang_up(sink);
    snprintf(rest, sizeof(rest),
             "delivery: {routes: {bad.test: \"127.0.1.2:%u\", \"*\": \"127.0.1.1:%u\"}, "
             "retry_first: 1s}\n",
             good->port, good->port);
    world_begin(w, POOL, NULL, rest);
    world_flood("acme", "", "bad.test", 2500);
    world_flood("acme", "", "good.test", 500);
    assert_true(run_until(&w->kinds[OUTCOME_DELIVERED], 500, 10 * USEC_SECOND));
    assert_true(w->kinds[OUTCOME_DEFERRED] >= 1); // who was tried
    assert_true(w->kinds[OUTCOME_DEFERRED] <= 3); // and nobody else
    assert_int_equal(totals().queued, 2500);
    uint16_t port = good->port;
    sink_free(sink);
    sink = sink_open(1, 2, port); // it is back
    assert_true(run_until(&w->kinds[OUTCOME_DELIVERED], 3000, 60 * USEC_SECOND));
    world_end(w);
    sink_free(sink);
    sink_free(good);
    world_free(w);
}

static void who_is_refused_at_the_door_goes_over_another_ip_uncharged(void **state)
{
    (void)state;
    begin(POOL_OF_TWO, "");
    sink->banner = 554;
    sink->banner_for = 11;
    world_flood("acme", "", "x.test", 50);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 50, 10 * USEC_SECOND));
    assert_int_equal(world->kinds[OUTCOME_DEFERRED], 0);
    assert_int_equal(sink->messages_from[12], 50);
    assert_int_equal(world->doors, 1); // nobody's mail was charged, and it is known all the same
    end();
}

static void where_all_ips_are_refused_one_message_is_charged(void **state)
{
    (void)state;
    begin(POOL, "");
    sink->banner = 554;
    world_flood("acme", "", "x.test", 50);
    assert_true(run_until(&world->kinds[OUTCOME_DEFERRED], 1, 5 * USEC_SECOND));
    run_for(300 * USEC_MS);
    assert_int_equal(world->kinds[OUTCOME_DEFERRED], 1);
    assert_int_equal(world->kinds[OUTCOME_BOUNCED], 0);
    assert_int_equal(world->last.phase, PHASE_BANNER);
    assert_int_equal(totals().queued, 50);
    end();
}

static void a_server_that_says_421_to_all_is_not_asked_by_each_message(void **state)
{
    (void)state;
    begin(POOL, "");
    sink->rcpt_refusal = "421 4.7.0 later";
    world_flood("acme", "", "x.test", 200);
    assert_true(run_until(&world->kinds[OUTCOME_DEFERRED], 1, 5 * USEC_SECOND));
    run_for(500 * USEC_MS);
    assert_true(world->kinds[OUTCOME_DEFERRED] <= sink->connections_most);
    assert_true(sink->greeted <= 25); // those of the first moment
    assert_int_equal(totals().queued, 200);
    end();
}

static void a_server_that_hangs_up_after_some_messages_charges_nobody(void **state)
{
    (void)state;
    begin(POOL, "");
    sink->closes_after = 3;
    world_flood("acme", "", "x.test", 100);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 100, 5 * USEC_SECOND));
    assert_int_equal(world->kinds[OUTCOME_DEFERRED], 0);
    assert_int_equal(sink->messages, 100);
    assert_true(sink->greeted >= 33);
    end();
}

static void limits_of_a_provider_hold(void **state)
{
    (void)state;
    struct world *w = world_new();
    static const char providers[] =
        "small: {mx: [small.test], connections: 3, connections_all: 4, messages: 5, rate: 1000/s}\n"
        "slow: {mx: [slow.test], connections: 2, rate: 10/s}\n";
    char main_text[800];
    struct sink *slow;
    sink = sink_open(1, 1, 0);
    slow = sink_open(1, 2, sink->port);
    sink->service = 2 * USEC_MS;
    snprintf(main_text, sizeof(main_text),
             "dns: {local: [\"a.test. MX 10 mx.small.test.\", \"mx.small.test. A 127.0.1.1\", "
             "\"b.test. MX 10 mx.slow.test.\", \"mx.slow.test. A 127.0.1.2\"]}\n"
             "delivery: {port: %u}\n",
             sink->port);
    world_begin(w, POOL_OF_TWO, providers, main_text);
    world_flood("acme", "", "a.test", 200);
    assert_true(run_until(&w->kinds[OUTCOME_DELIVERED], 200, 20 * USEC_SECOND));
    assert_true(sink->connections_most <= 4);
    assert_true(sink->greeted >= 40); // five messages each
    usec_t began = clock_monotonic();
    world_flood("acme", "", "b.test", 60);
    assert_true(run_until(&w->kinds[OUTCOME_DELIVERED], 260, 20 * USEC_SECOND));
    assert_true(clock_monotonic() - began >= 1500 * USEC_MS); // 2 IPs × 10 a second, and the first
    assert_true(slow->connections_most <= 4);
    world_end(w);
    sink_free(slow);
    sink_free(sink);
    world_free(w);
}

static void bodies_beyond_the_budget_come_from_disk(void **state)
{
    (void)state;
    begin(POOL, "");
    sink->service = 20 * USEC_MS;
    for (unsigned i = 0; i < 60; i++) {
        unsigned before = world->added;
        world_send("acme", "", 1 << 20, (const char *const[]){"a@x.test", NULL});
        assert_true(run_until(&world->added, before + 1, 10 * USEC_SECOND));
    }
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 60, 20 * USEC_SECOND));
    assert_int_equal(sink->messages, 60);
    end();
}

/* Overwrites the text of bodies in the spool's segments. */
static void spoil_bodies(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/spool/00000001.seg", world->dir);
    FILE *f = fopen(path, "r+e");
    assert_non_null(f);
    char *bytes = xmalloc(1 << 20);
    size_t n = fread(bytes, 1, 1 << 20, f);
    char *at = memmem(bytes, n, "This line", 9);
    assert_non_null(at);
    fseek(f, at - bytes, SEEK_SET);
    fputs("That", f);
    fclose(f);
    xfree(bytes);
}

static void a_body_that_the_disk_spoiled_is_deferred(void **state)
{
    (void)state;
    begin(POOL, "");
    world_act(KIND_PULL, "ip:127.0.0.11", USEC_NEVER, NULL);
    world_send("acme", "", 500, (const char *const[]){"a@x.test", "b@x.test", NULL});
    assert_true(run_until(&world->added, 1, 5 * USEC_SECOND));
    char rest[200];
    snprintf(rest, sizeof(rest), "delivery: {routes: {\"*\": \"127.0.1.1:%u\"}}\n", sink->port);
    world_end(world);
    world_begin(world, POOL, NULL, rest);
    spoil_bodies();
    assert_true(run_until(&world->kinds[OUTCOME_DEFERRED], 2, 5 * USEC_SECOND));
    assert_int_equal(world->last.class, CLASS_TRANSIENT);
    assert_int_equal(sink->messages, 0);
    assert_int_equal(totals().queued, 2);
    end();
}

static void sites_of_one_provider_share_its_connections(void **state)
{
    (void)state;
    enum { SITES = 8 };
    struct world *w = world_new();
    struct sink *sinks[SITES];
    CLEANUP(buf_deinit) struct buf rest = {0};
    uint16_t port = 0;
    unsigned most = 0;
    buf_add_str(&rest, "dns: {local: [");
    for (unsigned i = 0; i < SITES; i++) {
        sinks[i] = sink_open(2, (uint8_t)(1 + i), port);
        port = sinks[i]->port;
        buf_printf(&rest, "\"d%u.test. MX 10 c%u.many.test.\", \"c%u.many.test. A 127.0.2.%u\"%s",
                   i, i, i, 1 + i, i + 1 < SITES ? ", " : "]}\n");
    }
    buf_printf(&rest, "delivery: {port: %u}\n", port);
    world_begin(w, POOL, "many: {mx: [many.test], connections: 2, rate: 1000/s}\n", (char *)rest.p);
    for (unsigned i = 0; i < 20; i++)
        for (unsigned j = 0; j < SITES; j++) {
            char to[64];
            snprintf(to, sizeof(to), "u%u@d%u.test", i, j);
            world_send(j % 2 ? "acme" : "other", "", 500, (const char *const[]){to, NULL});
        }
    usec_t until = clock_monotonic() + 20 * USEC_SECOND;
    while (w->kinds[OUTCOME_DELIVERED] < 20 * SITES && clock_monotonic() < until) {
        run_for(USEC_MS);
        if (totals().connections > most)
            most = (unsigned)totals().connections;
    }
    assert_int_equal(w->kinds[OUTCOME_DELIVERED], 20 * SITES);
    assert_int_equal(most, 2);
    world_end(w);
    for (unsigned i = 0; i < SITES; i++)
        sink_free(sinks[i]);
    world_free(w);
}

static void providers_share_the_connections_there_are(void **state)
{
    (void)state;
    enum { PROVIDERS = 5 };
    struct world *w = world_new();
    struct sink *sinks[PROVIDERS];
    CLEANUP(buf_deinit) struct buf rest = {0};
    buf_add_str(&rest, "delivery: {connections: 2, routes: {");
    for (unsigned i = 0; i < PROVIDERS; i++) {
        sinks[i] = sink_open(2, (uint8_t)(1 + i), 0);
        sinks[i]->service = 2 * USEC_MS;
        buf_printf(&rest, "d%u.test: \"127.0.2.%u:%u\"%s", i, 1 + i, sinks[i]->port,
                   i + 1 < PROVIDERS ? ", " : "}}\n");
    }
    world_begin(w, POOL, NULL, (char *)rest.p);
    for (unsigned i = 0; i < PROVIDERS; i++) {
        char domain[16];
        snprintf(domain, sizeof(domain), "d%u.test", i);
        world_flood("acme", "", domain, 150);
    }
    assert_true(run_until(&w->kinds[OUTCOME_DELIVERED], 450, 20 * USEC_SECOND));
    for (unsigned i = 0; i < PROVIDERS; i++)
        assert_true(sinks[i]->messages >= 10);
    assert_true(run_until(&w->kinds[OUTCOME_DELIVERED], 750, 20 * USEC_SECOND));
    world_end(w);
    for (unsigned i = 0; i < PROVIDERS; i++)
        sink_free(sinks[i]);
    world_free(w);
}

static void a_reload_moves_what_waits(void **state)
{
    (void)state;
    begin(POOL, "");
    struct sink *other = sink_open(1, 2, 0);
    sink->service = 20 * USEC_MS;
    world_flood("acme", "", "x.test", 1500);
    assert_true(run_until(&sink->messages, 20, 5 * USEC_SECOND));
    char rest[200];
    snprintf(rest, sizeof(rest), "delivery: {routes: {\"*\": \"127.0.1.2:%u\"}}\n", other->port);
    struct settings *before = world->settings;
    world->settings = world_settings("other: {ips: [127.0.0.13]}", NULL, rest);
    state_ip_get(&world->state, "127.0.0.11")->is_configured = false;
    world_take_ips(world);
    usec_t reloaded_at = clock_monotonic();
    delivery_set_settings(world->d, world->settings, world->dns);
    settings_free(before);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 1500, 20 * USEC_SECOND));
    assert_true(sink->last_from[11] < reloaded_at + 100 * USEC_MS);
    assert_int_equal(sink->messages_from[13], 0); // the old route, and the old IP alone
    assert_true(other->messages_from[13] > 500);
    sink_free(other);
    end();
}

/* Something that an operator may do, and its lift. */
static const struct {
    enum kind kind, lift;
    const char *target;
} deeds[] = {
    {KIND_SUSPEND, KIND_RESTORE, "customer:acme"},
    {KIND_SUSPEND, KIND_RESTORE, "customer:other/spring"},
    {KIND_PULL, KIND_RETURN, "ip:127.0.0.11"},
    {KIND_DRAIN, KIND_RETURN, "ip:127.0.0.12"},
    {KIND_HOLD, KIND_RELEASE, "queue:customer=other"},
    {KIND_HOLD, KIND_RELEASE, "queue:customer=acme,ip=127.0.0.12"},
    {KIND_HOLD, KIND_RELEASE, "queue:pool=second"},
    {KIND_HOLD, KIND_RELEASE, "queue:all"},
};

/* The servers' share in it: connections break, recipients are deferred. */
static void disturb(struct sink *s, unsigned dice)
{
    struct sink_session *session;
    s->rcpt_refusal = dice % 3 == 0 ? "450 4.2.0 not now" : NULL;
    if (dice % 2)
        return;
    LIST_EACH (&s->sessions, session, link)
        sink_close(session);
}

static void whatever_is_done_nothing_is_lost_and_counts_stay_exact(void **state)
{
    (void)state;
    enum { MESSAGES = 900 };
    struct entry_name names[ARRAY_LEN(deeds)] = {0};
    bool stands[ARRAY_LEN(deeds)] = {false};
    begin("shared: {ips: [127.0.0.11, 127.0.0.12]}, second: {ips: [127.0.0.13]}",
          ", retry_first: 1s, retry_most: 1s");
    sink->service = 2 * USEC_MS;
    struct state_customer *third = state_customer_add(&world->state, "third");
    xfree(third->pool);
    third->pool = xstrdup("second");
    world_flood("acme", "", "x.test", MESSAGES / 3);
    world_flood("other", "spring", "y.test", MESSAGES / 3);
    world_flood("third", "", "x.test", MESSAGES / 3);
    srandom(7);
    for (unsigned i = 0; i < 80; i++) {
        unsigned n = (unsigned)random() % ARRAY_LEN(deeds);
        enum kind kind = stands[n] ? deeds[n].lift : deeds[n].kind;
        struct entry_name name =
            world_act(kind, deeds[n].target, USEC_NEVER, stands[n] ? &names[n] : NULL);
        names[n] = stands[n] ? names[n] : name;
        stands[n] = !stands[n];
        disturb(sink, (unsigned)random());
        run_for(30 * USEC_MS);
        assert_true(totals().held <= totals().queued);
        assert_int_equal(totals().queued + world->kinds[OUTCOME_DELIVERED], MESSAGES);
    }
    sink->rcpt_refusal = NULL;
    for (unsigned i = 0; i < ARRAY_LEN(deeds); i++)
        if (stands[i])
            world_act(deeds[i].lift, deeds[i].target, USEC_NEVER, &names[i]);
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], MESSAGES, 40 * USEC_SECOND));
    assert_int_equal(totals().queued, 0);
    assert_int_equal(totals().held, 0);
    assert_int_equal(sink->messages_from[13] >= MESSAGES / 3, 1); // its own pool's
    end();
}

static void note_queue(void *ctx, const struct delivery_queue_row *r)
{
    struct delivery_queue_row *row = ctx;
    if (*r->provider)
        *row = *r;
}

static void note_lane(void *ctx, const struct delivery_lane_row *r)
{
    *(struct delivery_lane_row *)ctx = *r;
}

static void the_tables_say_what_is(void **state)
{
    (void)state;
    begin(POOL, "");
    char provider[64], why[200];
    snprintf(provider, sizeof(provider), "route-127.0.1.1-%u", sink->port);
    sink->banner = 554;
    world_flood("acme", "", "x.test", 10);
    assert_true(run_until(&world->kinds[OUTCOME_DEFERRED], 1, 5 * USEC_SECOND));
    struct delivery_queue_row queue = {0};
    struct delivery_lane_row lane = {0};
    delivery_each_queue(world->d, note_queue, &queue);
    delivery_each_lane(world->d, note_lane, &lane);
    assert_string_equal(queue.customer, "acme");
    assert_string_equal(queue.provider, provider);
    assert_string_equal(queue.pool, "shared");
    assert_int_equal(queue.waiting, 10);
    assert_int_equal(queue.held, 0);
    assert_string_equal(lane.ip, "127.0.0.11");
    bool is_block = world->last.class == CLASS_IP_REPUTATION_BLOCK; // as the reply's words say
    assert_string_equal(lane.lane_state, is_block ? "blocked" : "backing off");
    assert_int_equal(lane.connections_max, 20);
    assert_true(lane.until > clock_wall());
    CLEANUP(spool_message_free) struct spool_message *m = spool_message_new();
    xfree(m->customer);
    m->customer = xstrdup("acme");
    spool_message_add_recipient(m, "a@x.test");
    delivery_why(world->d, m, 0, why, sizeof(why));
    assert_non_null(strstr(why, "is backing off until"));
    world_act(KIND_HOLD, "queue:all", USEC_NEVER, NULL);
    delivery_each_queue(world->d, note_queue, &queue);
    assert_int_equal(queue.held, 10);
    assert_int_equal(queue.waiting, 0);
    delivery_why(world->d, m, 0, why, sizeof(why));
    assert_string_equal(why, "its queue is held: a test");
    end();
}

/* Postfix's own sink, where it is installed. */
static pid_t sink_of_postfix(uint16_t port)
{
    char address[32];
    snprintf(address, sizeof(address), "127.0.1.3:%u", port);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0)
            execl("/usr/sbin/smtp-sink", "smtp-sink", "-u", "nobody", address, "100", (char *)NULL);
        execl("/usr/sbin/smtp-sink", "smtp-sink", address, "100", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void mail_goes_to_another_s_server(void **state)
{
    (void)state;
    if (access("/usr/sbin/smtp-sink", X_OK) != 0)
        skip();
    struct world *w = world_new();
    struct sink *port_finder = sink_open(1, 3, 0);
    uint16_t port = port_finder->port;
    sink_free(port_finder);
    pid_t pid = sink_of_postfix(port);
    usleep(300000);
    char rest[200];
    snprintf(rest, sizeof(rest), "delivery: {routes: {\"*\": \"127.0.1.3:%u\"}}\n", port);
    world_begin(w, POOL_OF_TWO, NULL, rest);
    usec_t began = clock_monotonic();
    clock_t cpu = clock();
    world_flood("acme", "", "x.test", 3000);
    assert_true(run_until(&w->kinds[OUTCOME_DELIVERED], 3000, 20 * USEC_SECOND));
    print_message("3,000 messages in %lld ms, %lld ms of CPU with the store's\n",
                  (long long)(clock_monotonic() - began) / 1000,
                  (long long)(clock() - cpu) * 1000 / CLOCKS_PER_SEC);
    assert_int_equal(w->kinds[OUTCOME_DEFERRED], 0);
    world_end(w);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    world_free(w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_message_goes_out_and_is_counted),
    cmocka_unit_test(each_recipient_has_a_return_path_of_its_own),
    cmocka_unit_test(a_refused_recipient_bounces_and_a_deferred_one_is_tried_again),
    cmocka_unit_test(what_is_deferred_too_long_expires),
    cmocka_unit_test(a_domain_that_is_not_there_bounces),
    cmocka_unit_test(a_pulled_ip_starts_nothing_and_the_others_take_over),
    cmocka_unit_test(a_paused_lane_starts_nothing_then_probes),
    cmocka_unit_test(a_paused_provider_waits_and_says_until_when),
    cmocka_unit_test(a_pulled_pool_waits_and_goes_on_by_itself_when_the_pull_expires),
    cmocka_unit_test(a_suspended_customer_gets_not_one_more_attempt),
    cmocka_unit_test(a_held_list_waits_while_the_customer_s_other_mail_goes),
    cmocka_unit_test(a_large_held_queue_is_counted_after_a_restart_and_goes_at_once_when_released),
    cmocka_unit_test(one_message_does_not_wait_behind_a_flood),
    cmocka_unit_test(what_waits_survives_the_end_of_the_process),
    cmocka_unit_test(a_stop_lets_what_is_in_flight_finish),
    cmocka_unit_test(a_provider_that_is_down_is_in_nobody_s_way),
    cmocka_unit_test(who_is_refused_at_the_door_goes_over_another_ip_uncharged),
    cmocka_unit_test(where_all_ips_are_refused_one_message_is_charged),
    cmocka_unit_test(a_server_that_says_421_to_all_is_not_asked_by_each_message),
    cmocka_unit_test(a_server_that_hangs_up_after_some_messages_charges_nobody),
    cmocka_unit_test(limits_of_a_provider_hold),
    cmocka_unit_test(bodies_beyond_the_budget_come_from_disk),
    cmocka_unit_test(a_body_that_the_disk_spoiled_is_deferred),
    cmocka_unit_test(sites_of_one_provider_share_its_connections),
    cmocka_unit_test(providers_share_the_connections_there_are),
    cmocka_unit_test(a_reload_moves_what_waits),
    cmocka_unit_test(whatever_is_done_nothing_is_lost_and_counts_stay_exact),
    cmocka_unit_test(the_tables_say_what_is),
    cmocka_unit_test(mail_goes_to_another_s_server),
};
TEST_MAIN(tests)
