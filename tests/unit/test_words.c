/* Every word reads back as its number; numbers and texts are used once; strangers are no words. */
#include "test.h"

#include <string.h>

#include "core/words.h"

#define TEST_ROW(name, number, text, ...) {number, text},
#define DEFINE_TEST(type, LIST)                                                                    \
    static void every_##type##_reads_back(void **state)                                            \
    {                                                                                              \
        (void)state;                                                                               \
        static const struct {                                                                      \
            int number;                                                                            \
            const char *text;                                                                      \
        } rows[] = {LIST(TEST_ROW)};                                                               \
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {                                             \
            enum type v;                                                                           \
            assert_int_equal(rows[i].number, i);                                                   \
            assert_true(type##_parse(&v, rows[i].text));                                           \
            assert_int_equal(v, rows[i].number);                                                   \
            assert_string_equal(type##_text(v), rows[i].text);                                     \
        }                                                                                          \
        enum type v;                                                                               \
        assert_false(type##_parse(&v, ""));                                                        \
        assert_false(type##_parse(&v, "?"));                                                       \
        assert_string_equal(type##_text((enum type)(ARRAY_LEN(rows))), "?");                       \
    }

DEFINE_TEST(standing, WORDS_STANDING)
DEFINE_TEST(rotation, WORDS_ROTATION)
DEFINE_TEST(stream, WORDS_STREAM)
DEFINE_TEST(outcome_kind, WORDS_OUTCOME)
DEFINE_TEST(class, WORDS_CLASS)
DEFINE_TEST(scope, WORDS_SCOPE)
DEFINE_TEST(phase, WORDS_PHASE)
DEFINE_TEST(kind, WORDS_KIND)

static void every_kind_has_its_shape(void **state)
{
    (void)state;
    assert_int_equal(kind_shape(KIND_SUSPEND), SHAPE_HOLD);
    assert_int_equal(kind_shape(KIND_RELEASE), SHAPE_LIFT);
    assert_int_equal(kind_shape(KIND_UNDO), SHAPE_LIFT);
    assert_int_equal(kind_shape(KIND_CUSTOMER), SHAPE_REGISTER);
    assert_int_equal(kind_shape(KIND_START), SHAPE_FACT);
    assert_int_equal(kind_shape((enum kind)9999), SHAPE_FACT);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_standing_reads_back), cmocka_unit_test(every_rotation_reads_back),
    cmocka_unit_test(every_stream_reads_back),   cmocka_unit_test(every_outcome_kind_reads_back),
    cmocka_unit_test(every_class_reads_back),    cmocka_unit_test(every_scope_reads_back),
    cmocka_unit_test(every_phase_reads_back),    cmocka_unit_test(every_kind_reads_back),
    cmocka_unit_test(every_kind_has_its_shape),
};
TEST_MAIN(tests)
