/* A report's whole way, with a real store and a real reader: to the outcome, to the disk, to the sender. */
#include "store_help.h"

#include "core/state.h"
#include "mail/token.h"
#include "net/timer.h"
#include "settings/settings.h"
#include "smtp/reply.h"
#include "store/trail.h"
#include "warden/feedback.h"
#include "warden/reader.h"
#include "warden/warden.h"

#define BOUNCE_DOMAIN "b.test"

static struct fixture f;
static struct timers *timers;
static struct state state;
static struct settings settings;
static struct warden *warden;
static struct reader *reader;
static struct token_keys keys = {.n = 1, .keys[0] = {.id = 1, .secret = "of this test"}};
static const char *complaints[] = {"fbl@shop.test"};
static struct outcome late;
static char late_recipient[64], late_ip[64], late_reply[64];
static int late_n, letters_n, answers;
static unsigned code;
static struct spool_message *letters[8];

static void on_changed(void *ctx)
{
    (void)ctx;
}

static void on_entry(void *ctx, const struct ledger_row *row)
{
    (void)ctx, (void)row;
}

static void on_letter(void *ctx, struct spool_message *m)
{
    (void)ctx;
    assert_true(letters_n < (int)ARRAY_LEN(letters));
    letters[letters_n++] = m;
}

static void on_late(void *ctx, const struct outcome *o)
{
    (void)ctx;
    late = *o;
    late_n++;
    snprintf(late_recipient, sizeof(late_recipient), "%s", o->recipient);
    snprintf(late_ip, sizeof(late_ip), "%s", o->ip);
    snprintf(late_reply, sizeof(late_reply), "%s", o->reply);
    spool_outcome(f.store, o, 0); // as the engine does
}

static void on_answer(void *ctx, const struct smtp_reply *reply)
{
    (void)ctx;
    code = reply->code;
    answers++;
}

static int begin(void **ctx)
{
    char *why = NULL;
    (void)ctx;
    reader = reader_new(&why);
    if (!reader)
        fail_msg("%s", why);
    fixture_new(&f);
    timers = timers_new(&f.loop);
    reader_start(reader, &f.loop, timers);
    state_init(&state);
    settings = (struct settings){.node = "mta1.example.net",
                                 .domains = {.bounce = BOUNCE_DOMAIN,
                                             .complaints = complaints,
                                             .complaints_n = ARRAY_LEN(complaints)}};
    late_n = letters_n = answers = 0;
    warden = warden_new(&(struct warden_options){.store = f.store,
                                                 .state = &state,
                                                 .timers = timers,
                                                 .settings = &settings,
                                                 .on_changed = on_changed,
                                                 .on_entry = on_entry,
                                                 .on_message = on_letter,
                                                 .reader = reader,
                                                 .keys = &keys,
                                                 .on_late = on_late});
    return 0;
}

static int finish(void **ctx)
{
    (void)ctx;
    feedback_stop(warden);
    reader = reader_free(reader);
    f.store = store_close(f.store);
    warden_free(warden);
    timers_free(timers);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&f.loop) == 0);
    remove_tree(f.dir);
    state_deinit(&state);
    for (int i = 0; i < letters_n; i++)
        spool_message_free(letters[i]);
    return 0;
}

// One recipient's life so far, as the engine would have recorded it: delivered at `at`.
static void delivered(struct message_id id, uint32_t no, const char *to, const char *sender,
                      usec_t at)
{
    struct outcome o = outcome_of(id, no, OUTCOME_ACCEPTED, "acme");
    o.recipient = to;
    o.at = at - USEC_SECOND;
    o.sender = sender;
    o.ip = o.provider = "";
    spool_outcome(f.store, &o, 0);
    o = outcome_of(id, no, OUTCOME_DELIVERED, "acme");
    o.recipient = to;
    o.at = at;
    spool_outcome(f.store, &o, 0);
}

static char *address_of(enum token_kind kind, struct message_id id, uint32_t no, usec_t at)
{
    char text[TOKEN_TEXT];
    struct token t = {.kind = kind, .message = id, .recipient_no = no, .at = at};
    token_format(text, &t, &keys);
    return xasprintf("%s@%s", text, BOUNCE_DOMAIN);
}

static unsigned query(const char *address)
{
    struct smtp_reply reply;
    smtp_reply_set(&reply, 250, "2.1.5", "ok");
    feedback_query(warden, address, &reply);
    return reply.code;
}

static unsigned take(const char *to, const char *mail)
{
    int before = answers;
    feedback_take(warden, &to, 1, bytes_str(mail), on_answer, NULL);
    for (int i = 0; i < 500 && answers == before; i++)
        run_for(&f, 20);
    assert_int_equal(answers, before + 1);
    return code;
}

static char *bounce_of(const char *to, const char *status, const char *said, const char *more)
{
    return xasprintf(
        "From: MAILER-DAEMON@mx.big.test\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.big.test\r\n\r\n"
        "Final-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: %s\r\n"
        "Diagnostic-Code: smtp; %s\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n%sSubject: x\r\n\r\n--b--\r\n",
        to, status, said, more);
}

static const char arf_head[] =
    "From: fbl@big.test\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\nAn abuse report.\r\n"
    "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
    "Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n";
static const char arf_middle[] =
    "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@shop.test\r\n";
static const char arf_tail[] = "Subject: x\r\n\r\nx\r\n--b--\r\n";

static struct feedback_figures figures(void)
{
    struct feedback_figures now;
    feedback_figures_get(warden, &now);
    return now;
}

static void a_bounce_three_hours_after_delivery(void **ctx)
{
    (void)ctx;
    usec_t at = clock_wall() - 3 * USEC_HOUR;
    struct message_id id = store_message_id(f.store, at);
    delivered(id, 0, "other@big.test", "a@acme.test", at);
    delivered(id, 1, "nobody@big.test", "a@acme.test", at);
    CLEANUP(xfree) char *to = address_of(TOKEN_RETURN, id, 1, at);
    CLEANUP(xfree) char *mail = bounce_of("other@big.test", "5.1.1", "550 5.1.1 no such user", "");
    assert_int_equal(query(to), 250);
    assert_int_equal(take(to, mail), 250);
    assert_int_equal(late_n, 1);
    assert_int_equal(late.kind, OUTCOME_BOUNCED);
    assert_int_equal(late.class, CLASS_UNKNOWN_USER);
    assert_true(late.delivered_at == at);
    assert_true(late.at > at + 2 * USEC_HOUR);
    assert_string_equal(late_recipient, "nobody@big.test"); // whoever the report names
    assert_string_equal(late_ip, "127.0.0.2");
    // Its sender hears of it, once, however often it is told.
    assert_int_equal(take(to, mail), 250);
    settle(&f);
    assert_int_equal(take(to, mail), 250);
    assert_int_equal(late_n, 1);
    assert_int_equal(figures().bounces, 3);
    for (int i = 0; i < 200 && !letters_n; i++)
        run_for(&f, 20);
    assert_int_equal(letters_n, 1);
    assert_string_equal(letters[0]->recipients[0].address, "a@acme.test");
    assert_string_equal(letters[0]->sender, "");
    CLEANUP(xfree) char *body = xmemdup0(letters[0]->body, letters[0]->size);
    assert_non_null(strstr(body, "nobody@big.test"));
}

struct sums {
    uint32_t delivered, bounced;
    usec_t bounced_at;
};

static void on_sum(void *ctx, const struct history_sum *h)
{
    struct sums *s = ctx;
    s->delivered += h->kind == OUTCOME_DELIVERED ? h->n : 0;
    s->bounced += h->kind == OUTCOME_BOUNCED ? h->n : 0;
    s->bounced_at = h->kind == OUTCOME_BOUNCED ? h->at : s->bounced_at;
}

static void a_late_bounce_stands_in_its_deliverys_place_after_a_restart(void **ctx)
{
    (void)ctx;
    usec_t at = clock_wall() - 3 * USEC_HOUR;
    struct message_id id = store_message_id(f.store, at);
    struct sums sums = {0};
    delivered(id, 0, "a@big.test", "", at);
    delivered(id, 1, "b@big.test", "", at);
    settle(&f);
    CLEANUP(xfree) char *to = address_of(TOKEN_RETURN, id, 1, at);
    CLEANUP(xfree) char *mail = bounce_of("b@big.test", "5.1.1", "550 5.1.1 no such user", "");
    assert_int_equal(take(to, mail), 250);
    settle(&f);
    history_each_sum(f.store, clock_wall(), on_sum, &sums);
    assert_int_equal(sums.delivered, 1);
    assert_int_equal(sums.bounced, 1);
    assert_true(sums.bounced_at == at / USEC_HOUR * USEC_HOUR);
    run_for(&f, 1200);
    assert_int_equal(letters_n, 0); // nobody sent it
}

static void who_may_be_written_to(void **ctx)
{
    (void)ctx;
    usec_t now = clock_wall();
    struct message_id id = store_message_id(f.store, now);
    CLEANUP(xfree) char *fine = address_of(TOKEN_RETURN, id, 0, now);
    CLEANUP(xfree) char *old = address_of(TOKEN_RETURN, id, 0, now - FEEDBACK_LIFE - USEC_HOUR);
    CLEANUP(xfree) char *forged = xstrdup(fine);
    CLEANUP(xfree) char *elsewhere = xasprintf("%.60s@other.test", fine);
    CLEANUP(xfree) char *longer = xasprintf("x%s", fine);
    forged[40] = forged[40] == 'x' ? 'y' : 'x';
    const struct {
        const char *address;
        unsigned code;
    } cases[] = {
        {fine, 250},
        {old, 550},
        {forged, 550},
        {elsewhere, 550},
        {longer, 550},
        {"fbl@shop.test", 250},
        {"FBL@shop.test", 250},
        {"x@shop.test", 550},
        {"postmaster@b.test", 550},
        {"a@big.test", 550},
        {"\"a b\"@b.test", 550},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (query(cases[i].address) != cases[i].code)
            fail_msg("%s", cases[i].address);
    assert_int_equal(figures().forged, 1);
    assert_int_equal(figures().stale, 1);
    settings.domains.bounce = "";
    settings.domains.complaints_n = 0;
    assert_int_equal(query(fine), 550);
    assert_int_equal(query("fbl@shop.test"), 550);
    assert_int_equal(query("postmaster"), 550);
}

static void a_complaint_finds_its_delivery_by_what_it_quotes(void **ctx)
{
    (void)ctx;
    char ulid[ID_MESSAGE_TEXT];
    usec_t at = clock_wall() - USEC_HOUR;
    struct message_id one = store_message_id(f.store, at), two = store_message_id(f.store, at);
    delivered(one, 0, "only@big.test", "a@acme.test", at);
    delivered(two, 0, "a@big.test", "a@acme.test", at);
    delivered(two, 1, "b@big.test", "a@acme.test", at);
    CLEANUP(xfree) char *path = address_of(TOKEN_RETURN, two, 1, at);
    // Its return path leads, whatever else it names.
    CLEANUP(xfree)
    char *by_path =
        xasprintf("%sOriginal-Mail-From: <%s>\r\n%s%s", arf_head, path, arf_middle, arf_tail);
    assert_int_equal(take("fbl@shop.test", by_path), 250);
    assert_int_equal(late_n, 1);
    assert_int_equal(late.kind, OUTCOME_COMPLAINED);
    assert_string_equal(late_recipient, "b@big.test");
    assert_true(late.delivered_at == at);
    // Feedback-ID, of a message with one recipient: which one need not be said.
    message_id_format(ulid, one);
    CLEANUP(xfree)
    char *by_id = xasprintf("%s%sFeedback-ID: -:acme:%s:mxwarden\r\n%s", arf_head, arf_middle, ulid,
                            arf_tail);
    assert_int_equal(take("fbl@shop.test", by_id), 250);
    assert_int_equal(late_n, 2);
    assert_string_equal(late_recipient, "only@big.test");
    // Of two it must be.
    message_id_format(ulid, two);
    CLEANUP(xfree)
    char *hidden = xasprintf("%s%sMessage-ID: <%s@mta1.example.net>\r\n%s", arf_head, arf_middle,
                             ulid, arf_tail);
    assert_int_equal(take("fbl@shop.test", hidden), 250);
    assert_int_equal(late_n, 2);
    assert_int_equal(figures().unmatched, 1);
    CLEANUP(xfree)
    char *named = xasprintf("%sOriginal-Rcpt-To: <A@big.test>\r\n%sMessage-ID: "
                            "<%s@mta1.example.net>\r\n%s",
                            arf_head, arf_middle, ulid, arf_tail);
    assert_int_equal(take("fbl@shop.test", named), 250);
    assert_int_equal(late_n, 3);
    assert_string_equal(late_recipient, "a@big.test");
    // And nobody is harmed who never had it.
    CLEANUP(xfree)
    char *other = xasprintf("%sOriginal-Rcpt-To: <victim@big.test>\r\n%sMessage-ID: "
                            "<%s@mta1.example.net>\r\n%s",
                            arf_head, arf_middle, ulid, arf_tail);
    assert_int_equal(take("fbl@shop.test", other), 250);
    CLEANUP(xfree) char *nothing = xasprintf("%s%s%s", arf_head, arf_middle, arf_tail);
    assert_int_equal(take("fbl@shop.test", nothing), 250);
    assert_int_equal(late_n, 3);
    assert_int_equal(figures().unmatched, 3);
    assert_int_equal(figures().complaints, 6);
    assert_int_equal(letters_n, 0); // a complaint is no failure
}

static void other_mail_is_counted_and_changes_nothing(void **ctx)
{
    (void)ctx;
    usec_t at = clock_wall() - USEC_HOUR;
    struct message_id id = store_message_id(f.store, at);
    delivered(id, 0, "a@big.test", "a@acme.test", at);
    CLEANUP(xfree) char *to = address_of(TOKEN_RETURN, id, 0, at);
    CLEANUP(xfree) char *leave = address_of(TOKEN_UNSUBSCRIBE, id, 0, at);
    assert_int_equal(take(to, "From: a@big.test\r\nAuto-Submitted: auto-replied\r\n"
                              "Subject: Out of office\r\n\r\nI am away until Monday.\r\n"),
                     250);
    assert_int_equal(take(to, "From: a@big.test\r\nSubject: Lunch?\r\n\r\nAt noon?\r\n"), 250);
    assert_int_equal(figures().auto_replies, 1);
    assert_int_equal(figures().others, 1);
    assert_int_equal(late_n, 0);
    assert_int_equal(take(leave, "From: a@big.test\r\nSubject: unsubscribe\r\n\r\n\r\n"), 250);
    assert_int_equal(figures().unsubscribes, 1);
    assert_int_equal(late_n, 1);
    assert_int_equal(late.kind, OUTCOME_UNSUBSCRIBED);
}

struct trails {
    int is_done;
    size_t n;
    char front[16];
};

static void on_trails(void *ctx, const struct trail *trails, size_t n)
{
    struct trails *t = ctx;
    t->is_done = 1;
    t->n = n;
    if (n)
        snprintf(t->front, sizeof(t->front), "%.*s", 10, (const char *)trails[0].text.p);
}

static void a_report_is_on_disk_when_it_is_taken(void **ctx)
{
    (void)ctx;
    usec_t at = clock_wall() - USEC_HOUR;
    struct message_id id = store_message_id(f.store, at);
    struct trails t = {0};
    struct store_figures before, after;
    delivered(id, 4, "a@big.test", "a@acme.test", at);
    CLEANUP(xfree) char *to = address_of(TOKEN_RETURN, id, 4, at);
    CLEANUP(xfree) char *mail = bounce_of("a@big.test", "5.2.2", "552 5.2.2 mailbox full", "");
    store_figures_get(f.store, &before);
    assert_int_equal(take(to, mail), 250);
    store_figures_get(f.store, &after);
    assert_true(after.flushes >= before.flushes + 2); // what follows from it, and its words
    trail_list(f.store, id, 4, 10, on_trails, &t);
    wait_for(&f, &t.is_done);
    assert_int_equal(t.n, 1);
    assert_string_equal(t.front, "From: MAIL");
}

static void without_a_reader_it_comes_again(void **ctx)
{
    (void)ctx;
    kill(reader_pid(reader), SIGKILL);
    run_for(&f, 200);
    assert_int_equal(take("fbl@shop.test", "Subject: x\r\n\r\nx\r\n"), 451);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, finish)
static const struct CMUnitTest tests[] = {
    TEST(a_bounce_three_hours_after_delivery),
    TEST(a_late_bounce_stands_in_its_deliverys_place_after_a_restart),
    TEST(who_may_be_written_to),
    TEST(a_complaint_finds_its_delivery_by_what_it_quotes),
    TEST(other_mail_is_counted_and_changes_nothing),
    TEST(a_report_is_on_disk_when_it_is_taken),
    TEST(without_a_reader_it_comes_again),
};
TEST_MAIN(tests)
