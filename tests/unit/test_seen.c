/* Who was seen is remembered, to a bound; strangers are hardly ever taken for somebody seen. */
#include "test.h"

#include <string.h>

#include "core/chance.h"
#include "core/pack.h"
#include "core/seen.h"

static void a_repetition_is_known_with_what_was_seen(void **state)
{
    (void)state;
    struct seen s;
    seen_init(&s);
    assert_int_equal(seen_add(&s, 77, 1), 0);
    assert_int_equal(seen_add(&s, 77, 4), 1);
    assert_int_equal(seen_add(&s, 77, 1), 5);
    assert_int_equal(seen_add(&s, 77, 0), 5);
    assert_int_equal(seen_add(&s, 77ull << 40, 2), 0); // the same set, another print
    assert_int_equal(seen_add(&s, 78, 0), 0);          // asking leaves nothing
    assert_int_equal(seen_add(&s, 78, 8), 0);
    assert_int_equal(seen_add(&s, 0, 3), 0); // a hash of nothing but zeroes counts too
    assert_int_equal(seen_add(&s, 0, 3), 3);
    seen_deinit(&s);
}

static void a_full_set_drops_its_oldest(void **state)
{
    (void)state;
    struct seen s;
    seen_init(&s);
    for (uint64_t i = 1; i <= 16; i++)
        assert_int_equal(seen_add(&s, i << 36, 1), 0);
    assert_int_equal(seen_add(&s, 1ull << 36, 1), 1); // now the newest
    assert_int_equal(seen_add(&s, 17ull << 36, 1), 0);
    assert_int_equal(seen_add(&s, 1ull << 36, 0), 1);
    assert_int_equal(seen_add(&s, 2ull << 36, 0), 0); // the oldest made room
    assert_int_equal(seen_add(&s, 3ull << 36, 0), 1);
    seen_deinit(&s);
}

static void millions_are_remembered_and_hardly_one_mistaken(void **state)
{
    (void)state;
    struct seen s;
    struct chance c = {1}, again = {1};
    enum { N = 2000000, ASKED = 2000000 };
    unsigned mistaken = 0, lost = 0;
    seen_init(&s);
    for (int i = 0; i < N; i++)
        mistaken += seen_add(&s, chance_next(&c), 1) != 0;
    for (int i = 0; i < ASKED; i++)
        mistaken += seen_add(&s, chance_next(&c), 0) != 0;
    for (int i = 0; i < N; i++)
        lost += seen_add(&s, chance_next(&again), 0) != 1;
    assert_true(mistaken <= 5); // expected: less than 0.1
    assert_true(lost < N / 500);
    seen_deinit(&s);
}

static void nothing_grows_when_all_the_world_writes(void **state)
{
    (void)state;
    struct seen s;
    struct chance c = {2};
    seen_init(&s);
    uint64_t first = chance_next(&c);
    seen_add(&s, first, 1);
    for (int i = 0; i < 11000000; i++)
        seen_add(&s, chance_next(&c), 1);
    assert_int_equal(seen_add(&s, first, 0), 0);
    unsigned mistaken = 0;
    for (int i = 0; i < 4000000; i++)
        mistaken += seen_add(&s, chance_next(&c), 0) != 0;
    assert_true(mistaken <= 3); // of full sets: one in 2^28/16, so 0.24 expected
    seen_deinit(&s);
}

static void after_a_restart_the_same_is_known(void **state)
{
    (void)state;
    struct seen s, loaded;
    struct chance c = {3}, both = {4};
    struct buf b = {0};
    seen_init(&s);
    seen_init(&loaded);
    for (int i = 0; i < 100000; i++)
        seen_add(&s, chance_next(&c), 1 + chance_below(&c, 15));
    seen_save(&s, &b);
    buf_add_str(&b, "what follows");
    struct bytes in = buf_bytes(&b);
    assert_true(seen_load(&loaded, &in));
    assert_int_equal(in.n, strlen("what follows"));
    assert_memory_equal(s.slots, loaded.slots, SEEN_BYTES);
    for (int i = 0; i < 100000; i++) {
        uint64_t hash = chance_next(&both);
        assert_int_equal(seen_add(&s, hash, 1), seen_add(&loaded, hash, 1));
    }
    seen_deinit(&s);
    seen_deinit(&loaded);
    buf_deinit(&b);
}

static void bytes_that_are_none_of_ours_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t sets, first, second;
        uint8_t n;
        uint32_t slot;
    } cases[] = {
        {"more sets than bytes", 100, 1, 2, 1, 0x11},
        {"a set beyond the last", 2, 1, 1 << 19, 1, 0x11},
        {"sets out of order", 2, 5, 5, 1, 0x11},
        {"an empty set", 2, 1, 2, 0, 0x11},
        {"a set of seventeen", 2, 1, 2, 17, 0x11},
        {"a slot without flags", 2, 1, 2, 1, 0x10},
    };
    struct seen s;
    seen_init(&s);
    seen_add(&s, 5, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = {0};
        pack_u32(&b, cases[i].sets);
        for (int k = 0; k < 2; k++) {
            pack_u32(&b, k ? cases[i].second : cases[i].first);
            pack_u8(&b, cases[i].n);
            pack_u32(&b, cases[i].slot);
        }
        struct bytes in = buf_bytes(&b);
        if (seen_load(&s, &in))
            fail_msg("%s", cases[i].name);
        assert_int_equal(seen_add(&s, 5, 0), 1);
        buf_deinit(&b);
    }
    seen_deinit(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_repetition_is_known_with_what_was_seen),
    cmocka_unit_test(a_full_set_drops_its_oldest),
    cmocka_unit_test(millions_are_remembered_and_hardly_one_mistaken),
    cmocka_unit_test(nothing_grows_when_all_the_world_writes),
    cmocka_unit_test(after_a_restart_the_same_is_known),
    cmocka_unit_test(bytes_that_are_none_of_ours_change_nothing),
};
TEST_MAIN(tests)
