/* Suppressions in memory against a naive list; what an outcome asks for. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "core/chance.h"
#include "core/outcome.h"
#include "core/policy.h"
#include "core/suppression.h"

#define NOON (20000 * USEC_DAY + 12 * USEC_HOUR)

static const struct hash_key hash = {1, 2};

// ---- the table

enum { MODEL = 3000, KEYS = 700, OWNERS = 5 };

struct model {
    struct suppression all[MODEL];
    size_t n;
};

static struct suppression *model_get(struct model *m, uint64_t key, uint32_t owner)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->all[i].key == key && m->all[i].owner == owner)
            return &m->all[i];
    return NULL;
}

static void model_put(struct model *m, const struct suppression *one)
{
    struct suppression *there = model_get(m, one->key, one->owner);
    if (!there)
        assert_true(m->n < MODEL);
    *(there ? there : &m->all[m->n++]) = *one;
}

static bool model_remove(struct model *m, uint64_t key, uint32_t owner)
{
    struct suppression *there = model_get(m, key, owner);
    if (there)
        *there = m->all[--m->n];
    return there;
}

// Everything is there once, in order, nowhere before its home, and no search ends too early.
static void compare(const struct suppressions *s, struct model *m)
{
    const struct suppression *before = NULL;
    size_t n = 0, domains = 0, suspects = 0;
    for (size_t i = 0; i < s->end; i++) {
        const struct suppression *one = &s->slots[i];
        if (!one->key)
            continue;
        if (before)
            assert_true(before->key < one->key ||
                        (before->key == one->key && before->owner < one->owner));
        before = one;
        const struct suppression *there = model_get(m, one->key, one->owner);
        assert_non_null(there);
        assert_memory_equal(there, one, sizeof(*one));
        domains += (one->flags & SUPPRESSION_DOMAIN) != 0;
        suspects += (one->flags & SUPPRESSION_SUSPECT) != 0;
        n++;
    }
    assert_int_equal(n, m->n);
    assert_int_equal(n, s->n);
    assert_int_equal(domains, s->domains);
    assert_int_equal(suspects, s->suspects);
    for (size_t i = 0; i < m->n; i++)
        assert_non_null(suppressions_get(s, m->all[i].key, m->all[i].owner));
}

// Keys that are often neighbours, and the largest and smallest ones.
static uint64_t some_key(struct chance *c)
{
    uint64_t x = chance_next(c), n = x % KEYS + 1;
    switch (x >> 60) {
    case 0:
        return n % 40 + 1;
    case 1:
        return UINT64_MAX - n % 200;
    case 2:
        return (n << 20) + n % 3;
    default:
        return n * 0x9e3779b97f4a7c15ULL | 1;
    }
}

static struct suppression some(struct chance *c)
{
    return (struct suppression){.key = some_key(c),
                                .owner = (uint32_t)(chance_next(c) % OWNERS),
                                .since = (uint32_t)(chance_next(c) % 1000),
                                .until = (uint32_t)(chance_next(c) % 1000),
                                .flags = (uint8_t)(chance_next(c) % 16)};
}

static void random_steps_leave_what_a_list_would(void **state)
{
    (void)state;
    struct model *m = xcalloc(1, sizeof(*m));
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct suppressions s;
        struct chance c = {seed};
        suppressions_init(&s, &hash);
        m->n = 0;
        for (int i = 0; i < 12000; i++) {
            struct suppression one = some(&c);
            if (m->n < MODEL - 1 && chance_next(&c) % 100 < (i / 3000 % 2 ? 35 : 60)) {
                assert_true(suppressions_put(&s, &one));
                model_put(m, &one);
            } else {
                assert_int_equal(suppressions_remove(&s, one.key, one.owner),
                                 model_remove(m, one.key, one.owner));
            }
            if (i % 500 == 0)
                compare(&s, m);
        }
        compare(&s, m);
        suppressions_deinit(&s);
    }
    xfree(m);
}

static void what_is_over_is_swept_out_in_steps(void **state)
{
    (void)state;
    struct model *m = xcalloc(1, sizeof(*m));
    struct suppressions s;
    struct chance c = {9};
    suppressions_init(&s, &hash);
    for (int i = 0; i < 2000; i++) {
        struct suppression one = some(&c);
        suppressions_put(&s, &one);
        model_put(m, &one);
    }
    size_t at = 0, gone = 0, rounds = 0, before = s.n;
    do {
        gone += suppressions_sweep(&s, &at, 100, 500 * USEC_MINUTE);
        rounds++;
    } while (at);
    for (size_t i = 0; i < m->n;)
        if (m->all[i].until <= 500)
            m->all[i] = m->all[--m->n];
        else
            i++;
    compare(&s, m);
    assert_int_equal(before - gone, s.n);
    assert_true(rounds >= s.end / 100);
    suppressions_deinit(&s);
    xfree(m);
}

static void it_grows_and_a_reserved_one_does_not(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct suppressions s, reserved;
    struct chance c = {3}, again = {3};
    suppressions_init(&s, &hash);
    suppressions_init(&reserved, &hash);
    suppressions_reserve(&reserved, N);
    size_t room = reserved.room;
    for (int i = 0; i < N; i++) {
        struct suppression one = {.key = chance_next(&c) | 1, .until = UINT32_MAX};
        assert_true(suppressions_put(&s, &one));
        assert_true(suppressions_put(&reserved, &one));
    }
    assert_int_equal(reserved.room, room);
    assert_true(s.n * 4 <= s.room * 3 && s.end < s.room + s.room / 8);
    for (int i = 0; i < N; i++) {
        uint64_t key = chance_next(&again) | 1;
        assert_non_null(suppressions_get(&s, key, 0));
        assert_non_null(suppressions_get(&reserved, key, 0));
        assert_null(suppressions_get(&s, key ^ 2, 0));
    }
    suppressions_deinit(&s);
    suppressions_deinit(&reserved);
}

// ---- may it go there

static void put(struct suppressions *s, const char *what, const char *owner, usec_t until,
                unsigned flags)
{
    bool is_domain = *what == '@' || !strchr(what, '@');
    struct suppression one = {.key = suppression_key(s, what),
                              .owner = suppression_owner(owner),
                              .since = suppression_minute(NOON),
                              .until = suppression_minute(until),
                              .class = CLASS_UNKNOWN_USER,
                              .flags = (uint8_t)(flags | (is_domain ? SUPPRESSION_DOMAIN : 0))};
    assert_true(suppressions_put(s, &one));
}

static void case_makes_no_difference_at_any_length(void **state)
{
    (void)state;
    struct suppressions s;
    suppressions_init(&s, &hash);
    for (size_t n = 1; n < 60; n++) {
        char small[80], large[80], other[80];
        for (size_t i = 0; i < n; i++) {
            small[i] = (char)('a' + i % 26);
            large[i] = (char)('A' + i % 26);
        }
        memcpy(small + n, "@[`{z", 6); // what stands beside the letters stays as it is
        memcpy(large + n, "@[`{Z", 6);
        memcpy(other, small, sizeof(other));
        other[n / 2] ^= 1;
        CLEANUP(xfree) char *exact = xstrdup(large); // nothing is read behind its end
        assert_int_equal(suppression_key(&s, small), suppression_key(&s, exact));
        assert_int_not_equal(suppression_key(&s, small), suppression_key(&s, other));
        other[n / 2] ^= 1;
        other[n + 1] = '{';
        assert_int_not_equal(suppression_key(&s, small), suppression_key(&s, other));
        assert_int_equal(suppression_key(&s, small + n), suppression_key(&s, large + n));
    }
    assert_int_equal(suppression_key(&s, "Gone.test"), suppression_key(&s, "@gone.TEST"));
}

static void who_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *name, *address, *customer, *list;
        bool is_found;
    } cases[] = {
        {"everybody's holds for anybody", "dead@big.test", "acme", "", true},
        {"letters in any case are the same", "DEAD@Big.TEST", "acme", "", true},
        {"so are quotes around what needs none", "\"dead\"@big.test", "acme", "", true},
        {"also with a backslash in them", "\"d\\ead\"@big.test", "acme", "", true},
        {"what needs them is found with them", "\"a b\"@big.test", "acme", "", true},
        {"an empty one is an address, no domain", "\"\"@empty.test", "acme", "", true},
        {"which speaks of itself alone", "anybody@empty.test", "acme", "", false},
        {"an open quote is no other address", "\"dead@big.test", "acme", "", false},
        {"a customer's holds for it", "left@big.test", "acme", "", true},
        {"and for its lists", "left@big.test", "acme", "spring", true},
        {"and not for others", "left@big.test", "shop", "", false},
        {"a list's holds for the list", "off@big.test", "acme", "spring", true},
        {"and for no other", "off@big.test", "acme", "autumn", false},
        {"nor for the customer's own mail", "off@big.test", "acme", "", false},
        {"a domain holds for all in it", "anybody@gone.test", "acme", "", true},
        {"and for none below it", "anybody@sub.gone.test", "acme", "", false},
        {"a domain of a customer's", "anybody@rival.test", "acme", "", true},
        {"holds for that customer alone", "anybody@rival.test", "shop", "", false},
        {"what is over says nothing", "over@big.test", "acme", "", false},
        {"nor does a mere suspicion", "suspect@big.test", "acme", "", false},
        {"nor what is not there", "alive@big.test", "acme", "", false},
        {"an address without a domain is asked for too", "postmaster", "acme", "", false},
    };
    struct suppressions s;
    suppressions_init(&s, &hash);
    assert_null(suppressions_find(&s, "dead@big.test", "acme", "", NOON));
    put(&s, "dead@BIG.test", "", NOON + USEC_DAY, 0);
    put(&s, "left@big.test", "acme", USEC_NEVER, 0);
    put(&s, "off@big.test", "acme/spring", USEC_NEVER, 0);
    put(&s, "\"a b\"@big.test", "", USEC_NEVER, 0);
    put(&s, "\"\"@empty.test", "", USEC_NEVER, 0);
    put(&s, "gone.test", "", USEC_NEVER, 0);
    put(&s, "@rival.test", "acme", USEC_NEVER, 0);
    put(&s, "over@big.test", "", NOON, 0);
    put(&s, "suspect@big.test", "", USEC_NEVER, SUPPRESSION_SUSPECT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct suppression *one =
            suppressions_find(&s, cases[i].address, cases[i].customer, cases[i].list, NOON);
        if ((one != NULL) != cases[i].is_found)
            fail_msg("%s", cases[i].name);
    }
    suppressions_deinit(&s);
}

static void the_strongest_speaks(void **state)
{
    (void)state;
    struct suppressions s;
    suppressions_init(&s, &hash);
    put(&s, "a@big.test", "", NOON + USEC_DAY, 0);
    put(&s, "a@big.test", "acme", NOON + 2 * USEC_DAY, 0);
    assert_int_equal(suppressions_find(&s, "a@big.test", "acme", "", NOON)->owner,
                     suppression_owner("acme"));
    assert_int_equal(suppressions_find(&s, "a@big.test", "shop", "", NOON)->owner, 0);
    put(&s, "@big.test", "", USEC_NEVER, 0);
    assert_true(suppressions_find(&s, "a@big.test", "acme", "", NOON)->flags & SUPPRESSION_DOMAIN);
    put(&s, "a@big.test", "", NOON + USEC_HOUR, SUPPRESSION_TRAP);
    assert_true(suppressions_find(&s, "a@big.test", "acme", "", NOON)->flags & SUPPRESSION_TRAP);
    suppressions_deinit(&s);
}

// ---- the rule

enum want { NOTHING, SIGN, STANDS, CUSTOMERS };

struct judge_case {
    const char *name;
    enum outcome_kind kind;
    enum class class;
    enum suppression_trust trust;
    enum want want;
    enum scope scope;    // 0: as if it were the recipient
    int days;            // after NOON
    usec_t lasts;        // of what stands; 0: not looked at
    usec_t delivered_at; // late news
    struct suppression known;
};

#define B OUTCOME_BOUNCED
#define DAY(n) ((uint32_t)((NOON + (n)*USEC_DAY) / USEC_MINUTE))
#define SUSPECT(of, day, to)                                                                       \
    {                                                                                              \
        .key = 1, .class = (of), .since = DAY(day), .until = DAY(to), .flags = SUPPRESSION_SUSPECT \
    }

// clang-format off
static const struct judge_case judge_cases[] = {
    {"a trusted provider's word is enough", B, CLASS_UNKNOWN_USER, TRUST_SURE, STANDS, .lasts = 180 * USEC_DAY},
    {"another's is a first sign", B, CLASS_UNKNOWN_USER, TRUST_TWICE, SIGN, .lasts = 30 * USEC_DAY},
    {"a weak one's is nothing", B, CLASS_UNKNOWN_USER, TRUST_WEAK, NOTHING},
    {"nor does it confirm", B, CLASS_UNKNOWN_USER, TRUST_WEAK, NOTHING, .days = 1,
     .known = SUSPECT(CLASS_UNKNOWN_USER, 0, 30)},
    {"the second on another day stands", B, CLASS_UNKNOWN_USER, TRUST_TWICE, STANDS, .days = 1, .lasts = 180 * USEC_DAY,
     .known = SUSPECT(CLASS_UNKNOWN_USER, 0, 30)},
    {"the second on the same day does not", B, CLASS_UNKNOWN_USER, TRUST_TWICE, NOTHING,
     .known = SUSPECT(CLASS_UNKNOWN_USER, 0, 30)},
    {"nor a second report on the first one's message", B, CLASS_UNKNOWN_USER, TRUST_TWICE, NOTHING, .days = 2,
     .delivered_at = NOON, .known = SUSPECT(CLASS_UNKNOWN_USER, 0, 30)},
    {"after too long it is the first again", B, CLASS_UNKNOWN_USER, TRUST_TWICE, SIGN, .days = 31,
     .known = SUSPECT(CLASS_UNKNOWN_USER, 0, 30)},
    {"given up with that answer is as good", OUTCOME_EXPIRED, CLASS_UNKNOWN_USER, TRUST_SURE, STANDS},
    {"put off is not", OUTCOME_DEFERRED, CLASS_UNKNOWN_USER, TRUST_SURE, NOTHING},
    {"refused by ourselves is not", OUTCOME_REFUSED, CLASS_UNKNOWN_USER, TRUST_SURE, NOTHING},
    {"an answer about the sender is not", B, CLASS_UNKNOWN_USER, TRUST_SURE, NOTHING, .scope = SCOPE_SENDER_DOMAIN},
    {"nor one about our IP", B, CLASS_UNKNOWN_USER, TRUST_SURE, NOTHING, .scope = SCOPE_IP},
    {"inactive takes two even where one is sure", B, CLASS_INACTIVE_MAILBOX, TRUST_SURE, SIGN},
    {"and two are enough", B, CLASS_INACTIVE_MAILBOX, TRUST_TWICE, STANDS, .days = 3, .lasts = 90 * USEC_DAY,
     .known = SUSPECT(CLASS_INACTIVE_MAILBOX, 0, 30)},
    {"unknown confirms inactive", B, CLASS_UNKNOWN_USER, TRUST_TWICE, STANDS, .days = 3,
     .known = SUSPECT(CLASS_INACTIVE_MAILBOX, 0, 30)},
    {"a domain takes two", B, CLASS_DOMAIN_NOT_FOUND, TRUST_SURE, SIGN},
    {"and is confirmed by itself", B, CLASS_DOMAIN_NOT_FOUND, TRUST_TWICE, STANDS, .days = 1, .lasts = 30 * USEC_DAY,
     .known = SUSPECT(CLASS_DOMAIN_NOT_FOUND, 0, 30)},
    {"and not by another sign", B, CLASS_UNKNOWN_USER, TRUST_TWICE, SIGN, .days = 1,
     .known = SUSPECT(CLASS_DOMAIN_NOT_FOUND, 0, 30)},
    {"a full mailbox rests for days", B, CLASS_MAILBOX_FULL, TRUST_TWICE, STANDS, .lasts = 3 * USEC_DAY},
    {"also when given up", OUTCOME_EXPIRED, CLASS_MAILBOX_FULL, TRUST_WEAK, STANDS, .lasts = 3 * USEC_DAY},
    {"not while it is tried", OUTCOME_DEFERRED, CLASS_MAILBOX_FULL, TRUST_TWICE, NOTHING},
    {"a complaint is the customer's, for ever", OUTCOME_COMPLAINED, CLASS_COMPLAINT, TRUST_WEAK, CUSTOMERS,
     .lasts = USEC_NEVER},
    {"so is leaving", OUTCOME_UNSUBSCRIBED, CLASS_UNSUBSCRIBE, TRUST_TWICE, CUSTOMERS, .lasts = USEC_NEVER},
    {"whatever class they come with", OUTCOME_COMPLAINED, CLASS_UNDETERMINED, TRUST_TWICE, CUSTOMERS},
    {"an automatic reply is nothing", B, CLASS_AUTO_REPLY, TRUST_SURE, NOTHING},
    {"a block is nothing", B, CLASS_IP_REPUTATION_BLOCK, TRUST_SURE, NOTHING},
    {"spam is nothing", B, CLASS_CONTENT_SPAM, TRUST_SURE, NOTHING},
    {"what nobody understands is nothing", B, CLASS_UNDETERMINED, TRUST_SURE, NOTHING},
    {"who does not want us is alive", B, CLASS_RECIPIENT_REFUSED, TRUST_SURE, NOTHING},
    {"a passing trouble is nothing", OUTCOME_EXPIRED, CLASS_TRANSIENT, TRUST_SURE, NOTHING},
    {"nobody there to connect to is nothing", OUTCOME_EXPIRED, CLASS_NO_CONNECT, TRUST_SURE, NOTHING},
    {"a hand's is left alone", B, CLASS_UNKNOWN_USER, TRUST_SURE, NOTHING,
     .known = {.key = 1, .until = DAY(1), .flags = SUPPRESSION_MANUAL}},
    {"a longer one too", B, CLASS_MAILBOX_FULL, TRUST_SURE, NOTHING,
     .known = {.key = 1, .class = CLASS_UNKNOWN_USER, .until = DAY(100)}},
    {"a shorter one gives way", B, CLASS_UNKNOWN_USER, TRUST_SURE, STANDS,
     .known = {.key = 1, .class = CLASS_MAILBOX_FULL, .until = DAY(2)}},
    {"a sign takes the place of none that stands", B, CLASS_UNKNOWN_USER, TRUST_TWICE, NOTHING,
     .known = {.key = 1, .class = CLASS_MAILBOX_FULL, .until = DAY(2)}},
    {"one that is over is as none", B, CLASS_UNKNOWN_USER, TRUST_TWICE, SIGN, .days = 3,
     .known = {.key = 1, .class = CLASS_MAILBOX_FULL, .until = DAY(2)}},
};
// clang-format on

static void judge_one(const struct judge_case *c, const struct policy *p)
{
    struct outcome o = {.at = NOON + c->days * USEC_DAY,
                        .kind = c->kind,
                        .class = c->class,
                        .scope = c->scope ? c->scope : SCOPE_RECIPIENT,
                        .delivered_at = c->delivered_at,
                        .customer = "acme",
                        .list = "",
                        .recipient = "a@big.test"};
    struct suppression out = {0};
    bool for_customer = false;
    bool asks =
        suppression_judge(&out, &for_customer, &o, c->trust, c->known.key ? &c->known : NULL, p);
    enum want got = !asks                             ? NOTHING
                    : for_customer                    ? CUSTOMERS
                    : out.flags & SUPPRESSION_SUSPECT ? SIGN
                                                      : STANDS;
    if (got != c->want)
        fail_msg("%s: %d instead of %d", c->name, got, c->want);
    uint32_t until = c->lasts == USEC_NEVER ? UINT32_MAX : suppression_minute(o.at + c->lasts);
    if (c->lasts && out.until != until)
        fail_msg("%s: until %u instead of %u", c->name, out.until, until);
}

static void what_an_outcome_asks_for(void **state)
{
    (void)state;
    struct policy p;
    policy_default(&p);
    for (size_t i = 0; i < ARRAY_LEN(judge_cases); i++)
        judge_one(&judge_cases[i], &p);
}

static void nobody_is_suppressed_without_a_name(void **state)
{
    (void)state;
    struct policy p;
    struct suppression out;
    bool for_customer;
    policy_default(&p);
    struct outcome o = {
        .at = NOON, .kind = OUTCOME_COMPLAINED, .customer = "acme", .recipient = ""};
    assert_false(suppression_judge(&out, &for_customer, &o, TRUST_SURE, NULL, &p));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_steps_leave_what_a_list_would),
    cmocka_unit_test(what_is_over_is_swept_out_in_steps),
    cmocka_unit_test(it_grows_and_a_reserved_one_does_not),
    cmocka_unit_test(case_makes_no_difference_at_any_length),
    cmocka_unit_test(who_is_asked_for),
    cmocka_unit_test(the_strongest_speaks),
    cmocka_unit_test(what_an_outcome_asks_for),
    cmocka_unit_test(nobody_is_suppressed_without_a_name),
};
TEST_MAIN(tests)
