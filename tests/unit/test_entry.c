/* An entry owns what it is made of, and a copy is a whole one. */
#include "test.h"

#include "core/entry.h"

static void a_new_entry_says_what_it_was_given_and_lasts(void **state)
{
    (void)state;
    CLEANUP(entry_free)
    struct entry *e = entry_new(KIND_SUSPEND, "ana", "customer:acme", "bounces");
    assert_int_equal(e->kind, KIND_SUSPEND);
    assert_string_equal(e->actor, "ana");
    assert_string_equal(e->target, "customer:acme");
    assert_string_equal(e->reason, "bounces");
    assert_string_equal(e->evidence, "{}");
    assert_true(e->expires_at == USEC_NEVER);
    assert_int_equal(e->name.seq, 0);
    assert_null(entry_field_get(e, "rate"));
}

static void a_copy_outlives_what_it_was_made_of(void **state)
{
    (void)state;
    struct entry *e = entry_new(KIND_CUSTOMER, "engine", "customer:acme", "");
    e->name = (struct entry_name){{7}, 3};
    e->hlc = 99;
    e->at = 5;
    e->expires_at = 6;
    entry_set_evidence(e, "{\"bad\":3}");
    entry_set_evidence(e, e->evidence);
    entry_add_field(e, "contact", "ops@acme.test", true);
    entry_add_field(e, "rate", "100/h", false);
    entry_add_name(e, (struct entry_name){{8}, 1});
    entry_add_name(e, (struct entry_name){{8}, 2});
    CLEANUP(entry_free) struct entry *copy = entry_copy(e);
    entry_free(e);
    assert_true(entry_name_equal(copy->name, (struct entry_name){{7}, 3}));
    assert_int_equal(copy->hlc, 99);
    assert_int_equal(copy->at, 5);
    assert_int_equal(copy->expires_at, 6);
    assert_string_equal(copy->evidence, "{\"bad\":3}");
    assert_string_equal(entry_field_get(copy, "contact"), "ops@acme.test");
    assert_true(copy->fields[0].is_person);
    assert_string_equal(entry_field_get(copy, "rate"), "100/h");
    assert_false(copy->fields[1].is_person);
    assert_int_equal(copy->names_n, 2);
    assert_true(entry_name_equal(copy->names[1], (struct entry_name){{8}, 2}));
}

static void of_two_fields_of_a_name_the_first_counts(void **state)
{
    (void)state;
    CLEANUP(entry_free) struct entry *e = entry_new(KIND_CUSTOMER, "ana", "customer:acme", "");
    entry_add_field(e, "pool", "shared", false);
    entry_add_field(e, "pool", "premium", false);
    assert_string_equal(entry_field_get(e, "pool"), "shared");
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    assert_null(entry_free(NULL));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_new_entry_says_what_it_was_given_and_lasts),
    cmocka_unit_test(a_copy_outlives_what_it_was_made_of),
    cmocka_unit_test(of_two_fields_of_a_name_the_first_counts),
    cmocka_unit_test(freeing_nothing_is_fine),
};
TEST_MAIN(tests)
