/* History: every outcome is found again by what people ask for, and not for ever. */
#include "store_help.h"

struct listed {
    int is_done;
    size_t n;
    struct message_id first, last;
    char reply[64];
};
static void on_listed(void *ctx, const struct outcome *outcomes, size_t n)
{
    struct listed *l = ctx;
    *l = (struct listed){.is_done = 1, .n = n};
    if (!n)
        return;
    l->first = outcomes[0].message;
    l->last = outcomes[n - 1].message;
    snprintf(l->reply, sizeof(l->reply), "%s", outcomes[0].reply);
}

static struct listed list(struct fixture *f, const struct history_query *q)
{
    struct listed l = {0};
    history_list(f->store, q, on_listed, &l);
    wait_for(f, &l.is_done);
    return l;
}

// Ten outcomes: customers shop and news by turns, every third bounced, one of them a week ago.
static struct message_id ids[10];
static void fill(struct fixture *f)
{
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = store_message_id(f->store, clock_wall());
        struct outcome o = outcome_of(ids[i], 0, i % 3 ? OUTCOME_DELIVERED : OUTCOME_BOUNCED,
                                      i % 2 ? "news" : "shop");
        if (i == 0)
            o.at -= 7 * USEC_DAY;
        o.ip = i < 5 ? "127.0.0.2" : "127.0.0.3";
        o.provider = i < 5 ? "big" : "small";
        spool_outcome(f->store, &o, 0);
    }
}

struct told {
    size_t n, bounced;
    usec_t before;
    bool is_in_order;
    struct message_id last;
    char customer[16], ip[16], provider[16], recipient[64];
};

static void on_each(void *ctx, const struct outcome *o)
{
    struct told *t = ctx;
    t->is_in_order &= o->at >= t->before;
    t->before = o->at;
    t->n++;
    t->bounced += o->kind == OUTCOME_BOUNCED;
    t->last = o->message;
    snprintf(t->customer, sizeof(t->customer), "%s", o->customer);
    snprintf(t->ip, sizeof(t->ip), "%s", o->ip);
    snprintf(t->provider, sizeof(t->provider), "%s", o->provider);
    snprintf(t->recipient, sizeof(t->recipient), "%s", o->recipient);
}

static void all_is_told_again_in_order_at_a_start(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    fill(&f);
    fixture_reopen(&f);
    struct told all = {.is_in_order = true}, late = {.is_in_order = true};
    history_each(f.store, 0, on_each, &all);
    history_each(f.store, clock_wall() - USEC_HOUR, on_each, &late);
    assert_int_equal(all.n, 10);
    assert_int_equal(all.bounced, 4);
    assert_true(all.is_in_order && late.is_in_order);
    assert_true(message_id_equal(all.last, ids[9]));
    assert_string_equal(all.customer, "news");
    assert_string_equal(all.ip, "127.0.0.3");
    assert_string_equal(all.provider, "small");
    assert_true(*all.recipient);
    assert_int_equal(late.n, 9);
    fixture_free(&f);
}

struct listing {
    unsigned listed, deferred;
    char zone[40], answer[40], list[8];
};

static void on_listing(void *ctx, const struct outcome *o)
{
    struct listing *l = ctx;
    l->deferred += o->kind == OUTCOME_DEFERRED;
    if (o->kind != OUTCOME_LISTED)
        return;
    l->listed++;
    snprintf(l->zone, sizeof(l->zone), "%s", o->zone);
    snprintf(l->answer, sizeof(l->answer), "%s", o->answer);
    snprintf(l->list, sizeof(l->list), "%s", o->list);
}

// Of blocklists, and of a lane at a provider's door.
static void what_is_of_no_message_is_history_only(void **state)
{
    (void)state;
    struct fixture f;
    struct listing l = {0};
    fixture_new(&f);
    struct outcome o = outcome_of((struct message_id){0, 0}, 0, OUTCOME_LISTED, "");
    o.zone = "zen.spamhaus.org";
    o.answer = "127.0.0.2";
    spool_outcome(f.store, &o, 0);
    o = outcome_of((struct message_id){0, 0}, 0, OUTCOME_DEFERRED, "");
    spool_outcome(f.store, &o, 0);
    fixture_reopen(&f);
    history_each(f.store, 0, on_listing, &l);
    assert_int_equal(l.listed, 1);
    assert_int_equal(l.deferred, 1);
    assert_string_equal(l.zone, "zen.spamhaus.org");
    assert_string_equal(l.answer, "127.0.0.2");
    assert_string_equal(l.list, "");
    fixture_free(&f);
}

static void outcomes_are_found_by_what_people_ask(void **state)
{
    (void)state;
    struct fixture f;
    char id[ID_MESSAGE_TEXT];
    fixture_new(&f);
    fill(&f);
    message_id_format(id, ids[4]);
    usec_t hour_ago = clock_wall() - USEC_HOUR;
    const struct {
        const char *name;
        struct history_query q;
        size_t n, first; // first of them
    } cases[] = {
        {"all", {.limit = 100}, 10, 0},
        {"newest first", {.limit = 100, .newest_first = true}, 10, 9},
        {"limited", {.limit = 3}, 3, 0},
        {"to a recipient, in any case", {.limit = 100, .recipient = "R0@BIG.test"}, 10, 0},
        {"to nobody", {.limit = 100, .recipient = "nobody@big.test"}, 0, 0},
        {"of a customer", {.limit = 100, .customer = "news"}, 5, 1},
        {"of a customer, newest first",
         {.limit = 2, .customer = "news", .newest_first = true},
         2,
         9},
        {"of an IP", {.limit = 100, .ip = "127.0.0.3"}, 5, 5},
        {"of a provider", {.limit = 100, .provider = "big"}, 5, 0},
        {"bad ones", {.limit = 100, .is_bad_only = true}, 4, 0},
        {"of the last hour", {.limit = 100, .since = hour_ago}, 9, 1},
        {"of a message", {.limit = 100, .message = id}, 1, 4},
        {"of a customer at an IP", {.limit = 100, .customer = "shop", .ip = "127.0.0.3"}, 2, 6},
        {"of nobody", {.limit = 100, .customer = "nobody"}, 0, 0},
        {"of no message", {.limit = 100, .message = "what"}, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct listed l = list(&f, &cases[i].q);
        if (l.n != cases[i].n)
            fail_msg("%s: got %zu", cases[i].name, l.n);
        if (l.n && !message_id_equal(l.first, ids[cases[i].first]))
            fail_msg("%s: begins with another", cases[i].name);
    }
    fixture_reopen(&f);
    struct listed l = list(&f, &(struct history_query){.limit = 100});
    assert_int_equal(l.n, 10);
    assert_string_equal(l.reply, "250 2.0.0 Ok: queued as 4F1D2A0B3C");
    fixture_free(&f);
}

struct sums {
    uint64_t all, bounced;
    int rows;
};
static void on_sum(void *ctx, const struct history_sum *h)
{
    struct sums *s = ctx;
    s->all += h->n;
    s->bounced += h->kind == OUTCOME_BOUNCED ? h->n : 0;
    s->rows++;
    assert_true(h->at <= clock_wall() && h->at > clock_wall() - 26 * USEC_HOUR);
}

struct shares {
    int is_done;
    size_t n;
    struct history_share first;
};
static void on_shares(void *ctx, const struct history_share *shares, size_t n)
{
    struct shares *s = ctx;
    s->is_done = 1;
    s->n = n;
    if (n)
        s->first = shares[0];
}

static void sums_and_shares_add_up(void **state)
{
    (void)state;
    struct fixture f;
    struct sums sums = {0};
    struct shares shares = {0};
    fixture_new(&f);
    fill(&f);
    settle(&f);
    fill(&f); // the same minute, another fold
    fixture_reopen(&f);
    history_each_sum(f.store, clock_wall(), on_sum, &sums);
    assert_int_equal(sums.all, 18); // not those of last week
    assert_int_equal(sums.bounced, 6);
    history_shares(f.store, "127.0.0.3", NULL, clock_wall() - USEC_HOUR, on_shares, &shares);
    wait_for(&f, &shares.is_done);
    assert_int_equal(shares.n, 2);
    assert_int_equal(shares.first.delivered + shares.first.bounced, 6);
    shares.is_done = 0;
    history_shares(f.store, NULL, "shop", clock_wall() - USEC_HOUR, on_shares, &shares);
    wait_for(&f, &shares.is_done);
    assert_int_equal(shares.n, 2);
    fixture_free(&f);
}

static void what_is_old_is_deleted(void **state)
{
    (void)state;
    struct fixture f;
    fixture_new(&f);
    fill(&f);
    fixture_close(&f);
    f.options.history_kept = USEC_DAY;
    fixture_open(&f);
    struct outcome o = outcome_of(ids[1], 0, OUTCOME_COMPLAINED, "shop");
    spool_outcome(f.store, &o, 0);
    settle(&f);
    struct listed l = list(&f, &(struct history_query){.limit = 100});
    assert_int_equal(l.n, 10); // nine, and the complaint
    fixture_free(&f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_of_no_message_is_history_only),
    cmocka_unit_test(outcomes_are_found_by_what_people_ask),
    cmocka_unit_test(all_is_told_again_in_order_at_a_start),
    cmocka_unit_test(sums_and_shares_add_up),
    cmocka_unit_test(what_is_old_is_deleted),
};
TEST_MAIN(tests)
