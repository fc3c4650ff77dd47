// VERP tokens: what is written is read back, and nothing else is.
#include "mail/token.h"

#include "test.h"

#include <string.h>

#include "core/chance.h"

static void keys_make(struct token_keys *k, size_t n, uint64_t seed)
{
    struct chance c;
    c.state = seed;
    *k = (struct token_keys){.n = n};
    for (size_t i = 0; i < n; i++) {
        k->keys[i].id = (uint8_t)(seed + i);
        for (size_t j = 0; j < TOKEN_KEY; j++)
            k->keys[i].secret[j] = (uint8_t)chance_next(&c);
    }
}

static struct token some(struct chance *c)
{
    return (struct token){.kind = 1 + (enum token_kind)(chance_next(c) % 3),
                          .message = {chance_next(c), chance_next(c)},
                          .recipient_no = (uint32_t)chance_next(c) % TOKEN_RECIPIENTS,
                          .at = (chance_next(c) & 0xffffffff) * USEC_MINUTE};
}

static bool is_same(const struct token *a, const struct token *b)
{
    return a->kind == b->kind && message_id_equal(a->message, b->message) &&
           a->recipient_no == b->recipient_no && a->at == b->at;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct token_keys keys;
    struct chance c;
    keys_make(&keys, 2, 7);
    c.state = 1;
    for (int i = 0; i < 2000; i++) {
        struct token t = some(&c), back;
        char text[TOKEN_TEXT], upper[TOKEN_TEXT];
        token_format(text, &t, &keys);
        assert_int_equal(strlen(text), 60);
        assert_int_equal(token_parse(&back, text, &keys), TOKEN_OK);
        assert_true(is_same(&t, &back));
        for (size_t j = 0; j < TOKEN_TEXT; j++)
            upper[j] = (char)(text[j] >= 'a' && text[j] <= 'z' ? text[j] - 'a' + 'A' : text[j]);
        assert_int_equal(token_parse(&back, upper, &keys), TOKEN_OK);
    }
}

// Every other letter at every place: none of them passes.
static void no_other_letter_anywhere_passes(void **state)
{
    (void)state;
    static const char others[] = "0123456789abcdefghijklmnopqrstuvwxyz+-._= ";
    struct token_keys keys;
    struct chance c;
    keys_make(&keys, 1, 3);
    c.state = 2;
    struct token t = some(&c), back;
    char text[TOKEN_TEXT];
    token_format(text, &t, &keys);
    for (size_t i = 0; i < TOKEN_TEXT - 1; i++) {
        for (const char *o = others; *o; o++) {
            char was = text[i];
            if (*o == was)
                continue;
            text[i] = *o;
            assert_int_not_equal(token_parse(&back, text, &keys), TOKEN_OK);
            text[i] = was;
        }
    }
}

static void other_lengths_and_other_keys_do_not_pass(void **state)
{
    (void)state;
    struct token_keys keys, other, both;
    struct chance c;
    struct token back;
    keys_make(&keys, 1, 3);
    keys_make(&other, 1, 3 + 256); // the same id, another secret
    c.state = 2;
    struct token t = some(&c);
    char text[TOKEN_TEXT + 1];
    token_format(text, &t, &keys);
    assert_int_equal(token_parse(&back, text, &other), TOKEN_E_FORGED);
    both = (struct token_keys){.n = 2};
    keys_make(&other, 1, 9);
    both.keys[0] = other.keys[0];
    both.keys[1] = keys.keys[0];
    assert_int_equal(token_parse(&back, text, &both), TOKEN_OK); // an older key still verifies
    assert_int_equal(token_parse(&back, text, &other), TOKEN_E_FORGED);
    text[TOKEN_TEXT - 1] = '0';
    text[TOKEN_TEXT] = '\0';
    assert_int_equal(token_parse(&back, text, &keys), TOKEN_E_SHAPE);
    text[TOKEN_TEXT - 2] = '\0';
    assert_int_equal(token_parse(&back, text, &keys), TOKEN_E_SHAPE);
    assert_int_equal(token_parse(&back, "", &keys), TOKEN_E_SHAPE);
    assert_int_equal(token_parse(&back, "bounce", &keys), TOKEN_E_SHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(no_other_letter_anywhere_passes),
        cmocka_unit_test(other_lengths_and_other_keys_do_not_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
