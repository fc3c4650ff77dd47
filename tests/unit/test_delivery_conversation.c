/* What was said in an attempt that failed is kept, once for all recipients it failed for; of what went
 * well nothing is. */
#include "delivery_world.h"

#include "core/conversation.h"
#include "store/trail.h"

static struct sink *sink;

static void begin(const char *delivery)
{
    struct world *w = world_new();
    char rest[200];
    sink = sink_open(1, 1, 0);
    snprintf(rest, sizeof(rest), "delivery: {routes: {\"*\": \"127.0.1.1:%u\"}%s}\n", sink->port,
             delivery);
    world_begin(w, "shared: {ips: [127.0.0.11]}", NULL, rest);
}

static void end(void)
{
    world_end(world);
    sink_free(sink);
    world_free(world);
}

struct kept {
    unsigned is_done;
    size_t n, others_n;
    uint32_t first, second;
    struct conversation_head head;
    char text[4000]; // of the newest: its lines, without times
};

static void on_trails(void *ctx, const struct trail *trails, size_t n)
{
    struct kept *k = ctx;
    struct conversation_line line;
    size_t at = 0;
    *k = (struct kept){.is_done = 1, .n = n};
    if (!n)
        return;
    struct bytes rest = trails[0].text;
    k->first = trails[0].recipient_no;
    k->others_n = trails[0].others_n;
    k->second = k->others_n ? trails[0].others[0] : 0;
    conversation_parse_head(&k->head, &rest);
    while (conversation_next_line(&line, &rest) && at < sizeof(k->text))
        at += (size_t)snprintf(k->text + at, sizeof(k->text) - at, "%c %.*s\n", "><*"[line.by],
                               (int)line.said.n, line.said.p);
}

static struct kept kept_of_last(void)
{
    struct kept k = {0};
    trail_list(world->store, world->last.message, UINT32_MAX, 10, on_trails, &k);
    assert_true(run_until(&k.is_done, 1, 5 * USEC_SECOND));
    return k;
}

static void recipients_that_are_refused_share_their_conversation(void **state)
{
    (void)state;
    begin("");
    sink->rcpt_refusal = "550 5.1.1 no such user";
    world_send("acme", "", 100, (const char *const[]){"a@x.test", "b@x.test", NULL});
    assert_true(run_until(&world->kinds[OUTCOME_BOUNCED], 2, 5 * USEC_SECOND));
    struct kept k = kept_of_last();
    assert_int_equal(k.n, 1);
    assert_int_equal(k.first, 0);
    assert_int_equal(k.others_n, 1);
    assert_int_equal(k.second, 1);
    assert_string_equal(k.head.ip, "127.0.0.11");
    assert_string_equal(k.head.address, "127.0.1.1");
    assert_int_equal(k.head.port, sink->port);
    assert_true(k.head.opened_at > 0 && k.head.opened_at <= world->last.at);
    const char *mail = strstr(k.text, "> MAIL FROM:<sender@origin.test>");
    const char *a = strstr(k.text, "> RCPT TO:<a@x.test>\n> RCPT TO:<b@x.test>\n> DATA\n");
    const char *no = strstr(k.text, "< 550 5.1.1 no such user\n< 550 5.1.1 no such user\n");
    assert_true(strncmp(k.text, "< 220 ", 6) == 0);
    assert_non_null(strstr(k.text, "> EHLO "));
    assert_true(mail && a && no && mail < a && a < no);
    end();
}

static void of_what_was_delivered_nothing_is_kept(void **state)
{
    (void)state;
    begin("");
    world_send("acme", "", 100, (const char *const[]){"a@x.test", NULL});
    assert_true(run_until(&world->kinds[OUTCOME_DELIVERED], 1, 5 * USEC_SECOND));
    assert_int_equal(kept_of_last().n, 0);
    end();
}

static void each_attempt_has_its_own(void **state)
{
    (void)state;
    begin(", retry_first: 1s, retry_most: 1s");
    sink->rcpt_refusal = "450 4.2.0 not now";
    world_send("acme", "", 100, (const char *const[]){"a@x.test", NULL});
    assert_true(run_until(&world->kinds[OUTCOME_DEFERRED], 2, 5 * USEC_SECOND));
    assert_int_equal(kept_of_last().n, 2);
    end();
}

static void a_shut_door_is_kept_for_whom_it_is_charged_to(void **state)
{
    (void)state;
    begin("");
    sink->banner = 554;
    world_send("acme", "", 100, (const char *const[]){"a@x.test", NULL});
    assert_true(run_until(&world->kinds[OUTCOME_DEFERRED], 1, 5 * USEC_SECOND));
    struct kept k = kept_of_last();
    assert_int_equal(k.n, 1);
    assert_int_equal(strncmp(k.text, "< 554", 5), 0);
    end();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(recipients_that_are_refused_share_their_conversation),
    cmocka_unit_test(of_what_was_delivered_nothing_is_kept),
    cmocka_unit_test(each_attempt_has_its_own),
    cmocka_unit_test(a_shut_door_is_kept_for_whom_it_is_charged_to),
};
TEST_MAIN(tests)
