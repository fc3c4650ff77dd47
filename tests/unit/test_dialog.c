/* The action dialog decides nothing by accident: time is a variable, keys are rows. */
#include "test.h"

#include <string.h>

#include "ui/screen.h"
#include "ui/widgets/dialog.h"

#define SHOWN_AT (10 * USEC_SECOND)
#define LATER (SHOWN_AT + 300 * USEC_MS)

static json_t *preview(const char *word, const char *reason)
{
    return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s, s:s?}", "version", "8841", "command", "pull",
                     "for", "4h", "rate", NULL, "reason", reason, "ceremony",
                     *word ? "type" : "enter", "type", *word ? word : NULL);
}

static void open_with(struct dialog *d, const char *word, const char *reason)
{
    json_t *p = preview(word, reason);
    dialog_open(d, "pull", json_pack("[s]", "ip:192.0.2.1"), "");
    dialog_preview(d, p, SHOWN_AT);
    json_decref(p);
}

// Gives the wish of the last key.
static enum dialog_wish type(struct dialog *d, const char *keys, usec_t now)
{
    enum dialog_wish wish = DIALOG_NOTHING;
    for (; *keys; keys++)
        wish = dialog_key(d, (unsigned char)*keys, now);
    return wish;
}

static void keys_do_what_they_should_and_no_more(void **state)
{
    static const struct {
        const char *name, *word, *reason, *keys;
        usec_t at;
        enum dialog_wish wish;
    } cases[] = {
        {"Enter acts", "", "why", "\n", LATER, DIALOG_APPLY},
        {"not before 300 ms have passed", "", "why", "\n", LATER - 1, DIALOG_NOTHING},
        {"not without a reason", "", "", "\n", LATER, DIALOG_NOTHING},
        {"Esc leaves at once", "", "why", "\033", SHOWN_AT, DIALOG_LEAVE},
        {"q leaves", "", "why", "q", LATER, DIALOG_LEAVE},
        {"Enter in a field only ends it", "", "why", "e\n", LATER, DIALOG_NOTHING},
        {"then Enter acts", "", "why", "e\n\n", LATER, DIALOG_APPLY},
        {"Esc in a field only ends it", "", "why", "e\033", LATER, DIALOG_NOTHING},
        {"another duration wants another preview", "", "why", "e\0250", LATER, DIALOG_NOTHING},
        {"and asks for it as the field ends", "", "why", "e9\n", LATER, DIALOG_PREVIEW},
        {"the reason asks for none", "", "why", "e\tx\n", LATER, DIALOG_NOTHING},
        {"a word must be typed", "shared", "why", "\n", LATER, DIALOG_NOTHING},
        {"the whole of it", "shared", "why", "share\n", LATER, DIALOG_NOTHING},
        {"and it may have an e", "shared", "why", "shared\n", LATER, DIALOG_APPLY},
        {"e edits while nothing is typed", "shared", "why", "e\n\n", LATER, DIALOG_NOTHING},
        {"a word that begins with e", "eins", "why", "eins\n", LATER, DIALOG_APPLY},
        {"q is a letter of the word", "shared", "why", "q", LATER, DIALOG_NOTHING},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dialog d = {0};
        open_with(&d, cases[i].word, cases[i].reason);
        enum dialog_wish wish = type(&d, cases[i].keys, cases[i].at);
        if (wish != cases[i].wish)
            fail_msg("%s: got %d", cases[i].name, (int)wish);
        dialog_close(&d);
    }
}

static void nothing_acts_before_the_preview_is_there(void **state)
{
    struct dialog d = {0};
    (void)state;
    dialog_open(&d, "pull", json_pack("[s]", "ip:192.0.2.1"), "");
    assert_int_equal(type(&d, "\n\n", LATER), DIALOG_NOTHING);
    assert_int_equal(type(&d, "\033", LATER), DIALOG_LEAVE);
    dialog_close(&d);
}

static void apply_is_bound_to_what_was_shown(void **state)
{
    struct dialog d = {0};
    (void)state;
    open_with(&d, "shared", "why");
    assert_int_equal(type(&d, "shared\n", LATER), DIALOG_APPLY);
    json_t *params = dialog_params(&d, "apply");
    assert_string_equal(json_string_value(json_object_get(params, "version")), "8841");
    assert_string_equal(json_string_value(json_object_get(params, "typed")), "shared");
    assert_string_equal(json_string_value(json_object_get(params, "reason")), "why");
    json_decref(params);
    // Under way it does not act again, and a stale one wants to be looked at anew.
    assert_int_equal(type(&d, "\n", LATER), DIALOG_NOTHING);
    assert_int_equal(dialog_refused(&d, "stale", "It moved on."), DIALOG_PREVIEW);
    assert_int_equal(d.typed.n, 0);
    dialog_close(&d);
}

static void what_one_typed_outlives_a_new_preview(void **state)
{
    struct dialog d = {0};
    (void)state;
    open_with(&d, "", "offered");
    type(&d, "e\t\025mine\n", LATER);
    json_t *p = preview("", "offered anew");
    dialog_preview(&d, p, LATER);
    json_decref(p);
    assert_string_equal(d.reason.text, "mine");
    dialog_close(&d);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(keys_do_what_they_should_and_no_more),
    cmocka_unit_test(nothing_acts_before_the_preview_is_there),
    cmocka_unit_test(apply_is_bound_to_what_was_shown),
    cmocka_unit_test(what_one_typed_outlives_a_new_preview),
};

TEST_MAIN(tests)
