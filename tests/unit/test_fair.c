/* Turns are fair in cost, not in number, and nobody waits behind another's pile. */
#include "test.h"

#include <string.h>

#include "core/fair.h"

enum { MEMBERS = 7, QUANTUM = 1000, MOST = 5000 };

struct sender {
    struct fair_member member;
    uint64_t next; // cost of its next thing
    uint64_t sent;
    unsigned served;
};

static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

static uint64_t cost_of(struct fair_member *m)
{
    return CONTAINER_OF(m, struct sender, member)->next;
}

static struct sender *serve(struct fair *f, uint64_t most)
{
    struct fair_member *m = fair_next(f, cost_of);
    struct sender *s = m ? CONTAINER_OF(m, struct sender, member) : NULL;
    if (!s)
        return NULL;
    fair_charge(f, m, s->next);
    s->sent += s->next;
    s->served++;
    s->next = 1 + random_below(most);
    return s;
}

static void an_empty_round_has_nobody(void **state)
{
    (void)state;
    struct fair f;
    struct sender a = {.next = 1};
    fair_init(&f, QUANTUM);
    assert_null(fair_next(&f, cost_of));
    fair_deactivate(&f, &a.member);
    fair_activate(&f, &a.member);
    fair_activate(&f, &a.member);
    assert_ptr_equal(fair_next(&f, cost_of), &a.member);
    fair_deactivate(&f, &a.member);
    assert_false(a.member.is_active);
    assert_null(fair_next(&f, cost_of));
}

// Members that always have something get within one quantum and the dearest thing of each other,
// whatever others come and go between them.
static void shares_differ_by_a_quantum_and_the_dearest_thing(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= 50; run++) {
        struct sender s[MEMBERS] = {0};
        struct fair f;
        seed = run * 0x9e3779b97f4a7c15u;
        fair_init(&f, QUANTUM);
        for (size_t i = 0; i < MEMBERS; i++) {
            s[i].next = 1 + random_below(MOST);
            if (i < 4)
                fair_activate(&f, &s[i].member); // the four who stay
        }
        for (int step = 0; step < 4000; step++) {
            struct sender *guest = &s[4 + random_below(MEMBERS - 4)];
            if (random_below(10) == 0 && guest->member.is_active)
                fair_deactivate(&f, &guest->member);
            else if (random_below(10) == 0)
                fair_activate(&f, &guest->member);
            assert_non_null(serve(&f, MOST));
            for (size_t i = 1; i < 4; i++) {
                uint64_t a = s[0].sent, b = s[i].sent, apart = a > b ? a - b : b - a;
                if (apart > QUANTUM + MOST)
                    fail_msg("run %u step %d: %u and %u apart", (unsigned)run, step, (unsigned)a,
                             (unsigned)b);
            }
        }
    }
}

static void one_message_is_served_within_one_round(void **state)
{
    (void)state;
    struct sender s[MEMBERS] = {0}, late = {.next = QUANTUM};
    struct fair f;
    seed = 42;
    fair_init(&f, QUANTUM);
    for (size_t i = 0; i < MEMBERS; i++) {
        s[i].next = 1 + random_below(QUANTUM);
        fair_activate(&f, &s[i].member);
    }
    for (int i = 0; i < 1000; i++)
        serve(&f, QUANTUM);
    fair_activate(&f, &late.member);
    uint64_t before = 0, after = 0;
    for (size_t i = 0; i < MEMBERS; i++)
        before += s[i].sent;
    while (!late.served)
        assert_non_null(serve(&f, QUANTUM));
    for (size_t i = 0; i < MEMBERS; i++)
        after += s[i].sent;
    assert_true(after - before <= MEMBERS * 2 * QUANTUM);
}

// Where all things are half a turn long a round is exact: two of each, then the late one.
static void a_latecomer_waits_one_exact_round(void **state)
{
    (void)state;
    struct sender s[MEMBERS] = {0}, late = {.next = QUANTUM};
    struct fair f;
    fair_init(&f, QUANTUM);
    for (size_t i = 0; i < MEMBERS; i++)
        fair_activate(&f, &s[i].member);
    fair_activate(&f, &late.member);
    for (size_t i = 0; i < MEMBERS; i++)
        s[i].next = QUANTUM / 2;
    for (size_t turn = 0; turn < 2 * MEMBERS; turn++) {
        struct fair_member *m = fair_next(&f, cost_of);
        assert_ptr_equal(m, &s[turn / 2].member);
        fair_charge(&f, m, QUANTUM / 2);
    }
    assert_ptr_equal(fair_next(&f, cost_of), &late.member);
}

static void asking_without_sending_changes_nobodys_turn(void **state)
{
    (void)state;
    struct sender a = {.next = 10}, b = {.next = 10};
    struct fair f;
    fair_init(&f, QUANTUM);
    fair_activate(&f, &a.member);
    fair_activate(&f, &b.member);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(fair_next(&f, cost_of), &a.member);
}

// A thing of 50 MB at a quantum of 1 KB: the rounds that serve nobody are not walked one by one, and
// the order they would have ended in stays.
static void things_far_dearer_than_a_turn_cost_no_time(void **state)
{
    (void)state;
    struct sender a = {.next = UINT64_C(1) << 50}, b = {.next = (UINT64_C(1) << 50) - QUANTUM};
    struct fair f;
    fair_init(&f, QUANTUM);
    fair_activate(&f, &a.member);
    fair_activate(&f, &b.member);
    assert_ptr_equal(fair_next(&f, cost_of), &b.member);
    fair_charge(&f, &b.member, b.next);
    b.next = 2 * QUANTUM;
    assert_ptr_equal(fair_next(&f, cost_of), &a.member);
}

// What is saved up is lost on leaving: coming and going gives nobody more than staying.
static void leaving_loses_what_was_saved(void **state)
{
    (void)state;
    struct sender a = {.next = 900}, b = {.next = 900};
    struct fair f;
    fair_init(&f, QUANTUM);
    fair_activate(&f, &a.member);
    fair_activate(&f, &b.member);
    for (int i = 0; i < 100; i++) {
        struct fair_member *m = fair_next(&f, cost_of);
        struct sender *s = CONTAINER_OF(m, struct sender, member);
        fair_charge(&f, m, s->next);
        s->sent += s->next;
        if (s == &a) {
            fair_deactivate(&f, m);
            fair_activate(&f, m);
        }
    }
    assert_true(a.sent <= b.sent + QUANTUM + 900);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_empty_round_has_nobody),
    cmocka_unit_test(shares_differ_by_a_quantum_and_the_dearest_thing),
    cmocka_unit_test(one_message_is_served_within_one_round),
    cmocka_unit_test(a_latecomer_waits_one_exact_round),
    cmocka_unit_test(asking_without_sending_changes_nobodys_turn),
    cmocka_unit_test(things_far_dearer_than_a_turn_cost_no_time),
    cmocka_unit_test(leaving_loses_what_was_saved),
};
TEST_MAIN(tests)
