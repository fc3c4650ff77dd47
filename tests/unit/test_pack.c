/* What is packed comes back bit for bit; what is cut short or mad is refused and changes nothing. */
#include "test.h"

#include <math.h>
#include <string.h>

#include "core/pack.h"

static void what_is_packed_comes_back(void **state)
{
    (void)state;
    struct buf b = {0};
    pack_u8(&b, 250);
    pack_u16(&b, 65500);
    pack_u32(&b, 4000000000u);
    pack_u64(&b, UINT64_MAX - 1);
    pack_i64(&b, -7);
    pack_bool(&b, true);
    pack_f32(&b, 0.1f);
    pack_f64(&b, 1e-300);
    pack_f64(&b, -2.5);
    pack_str(&b, "grün");
    pack_str(&b, NULL);
    pack_str(&b, "shared");
    struct bytes in = buf_bytes(&b);
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int64_t i64 = 0;
    bool flag;
    float f;
    double d, negative;
    char *s = NULL, *empty = NULL, pool[16];
    assert_true(take_u8(&in, &u8) && take_u16(&in, &u16) && take_u32(&in, &u32));
    assert_true(take_u64(&in, &u64) && take_i64(&in, &i64) && take_bool(&in, &flag));
    assert_true(take_f32(&in, &f) && take_f64(&in, &d) && take_f64_signed(&in, &negative));
    assert_true(take_str(&in, &s, 10) && take_str(&in, &empty, 0));
    assert_true(take_text(&in, pool, sizeof(pool)));
    assert_int_equal(in.n, 0);
    assert_true(u8 == 250 && u16 == 65500 && u32 == 4000000000u && u64 == UINT64_MAX - 1);
    assert_true(i64 == -7 && flag && f == 0.1f && d == 1e-300 && negative == -2.5);
    assert_string_equal(s, "grün");
    assert_string_equal(empty, "");
    assert_string_equal(pool, "shared");
    xfree(s);
    xfree(empty);
    buf_deinit(&b);
}

static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    struct buf b = {0};
    pack_str(&b, "twelve bytes");
    for (size_t n = 0; n < b.n; n++) {
        struct bytes in = bytes_of(b.p, n), text;
        char *s = NULL, room[20];
        assert_false(take_bytes(&in, &text));
        assert_false(take_str(&in, &s, 100));
        assert_false(take_text(&in, room, sizeof(room)));
        assert_true(in.n == n && in.p == b.p && !s);
    }
    buf_deinit(&b);
    struct bytes none = {0};
    uint8_t u8;
    uint64_t u64;
    bool flag;
    float f;
    assert_false(take_u8(&none, &u8) || take_u64(&none, &u64));
    assert_false(take_bool(&none, &flag) || take_f32(&none, &f));
}

static void a_mad_number_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double value;
        bool is_taken, is_taken_signed;
    } cases[] = {
        {"zero", 0, true, true},
        {"small", 1e-30, true, true},
        {"below zero", -1, false, true},
        {"not a number", NAN, false, false},
        {"infinite", INFINITY, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = {0};
        float f;
        double d;
        pack_f32(&b, (float)cases[i].value);
        pack_f64(&b, cases[i].value);
        struct bytes narrow = buf_bytes(&b), wide = bytes_skip(narrow, 4), n = narrow, w = wide;
        if (take_f32(&n, &f) != cases[i].is_taken || take_f64(&w, &d) != cases[i].is_taken ||
            take_f32_signed(&narrow, &f) != cases[i].is_taken_signed ||
            take_f64_signed(&wide, &d) != cases[i].is_taken_signed)
            fail_msg("%s", cases[i].name);
        buf_deinit(&b);
    }
}

static void a_string_has_a_bound_and_no_nul(void **state)
{
    (void)state;
    struct buf b = {0};
    char *s = NULL, room[4];
    pack_str(&b, "four");
    struct bytes in = buf_bytes(&b);
    assert_false(take_str(&in, &s, 3));
    assert_false(take_text(&in, room, sizeof(room)));
    buf_clear(&b);
    pack_bytes(&b, bytes_of("a\0b", 3));
    in = buf_bytes(&b);
    assert_false(take_str(&in, &s, 100));
    assert_false(take_text(&in, room, sizeof(room)));
    assert_null(s);
    buf_deinit(&b);
}

static void a_count_that_cannot_be_there_is_refused(void **state)
{
    (void)state;
    struct buf b = {0};
    uint32_t n;
    bool flag;
    pack_u32(&b, 3);
    pack_u64(&b, 0);
    struct bytes in = buf_bytes(&b), again = in, all = in;
    assert_true(take_count(&in, &n, 2));
    assert_int_equal(n, 3);
    assert_false(take_count(&again, &n, 3));
    assert_int_equal(again.n, 12);
    assert_false(take_bool(&all, &flag)); // 3 is neither
    buf_deinit(&b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_packed_comes_back),
    cmocka_unit_test(what_is_cut_short_is_refused),
    cmocka_unit_test(a_mad_number_is_refused),
    cmocka_unit_test(a_string_has_a_bound_and_no_nul),
    cmocka_unit_test(a_count_that_cannot_be_there_is_refused),
};
TEST_MAIN(tests)
