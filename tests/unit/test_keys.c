/* The file with the keys of tokens: read strictly, made once. */
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/keys.h"
#include "mail/token.h"

#define A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define B "ff112233445566778899aabbccddeeff00112233445566778899aabbccddee00"

static void what_is_no_key_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *why;
    } cases[] = {
        {"one key", "1 " A "\n", NULL},
        {"several, comments, other line ends, no last one", "# x\r\n\r\n0 " A "\r\n255 " B, NULL},
        {"nothing", "", "k: no key in it, expected a line `ID HEX`"},
        {"comments alone", "# 1 " A "\n", "k: no key in it, expected a line `ID HEX`"},
        {"one ID twice", "1 " A "\n1 " B "\n",
         "k:2: this ID is here already, expected another for each key"},
        {"nine",
         "1 " A "\n2 " A "\n3 " A "\n4 " A "\n5 " A "\n6 " A "\n7 " A "\n8 " A "\n9 " A "\n",
         "k:9: one key too many, expected at most 8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(xfree) char *why = NULL;
        struct token_keys keys;
        int r = keys_parse(&keys, bytes_str(cases[i].text), "k", &why);
        if (r != (cases[i].why != NULL) || (r && strcmp(why, cases[i].why) != 0))
            fail_msg("%s: %s", cases[i].name, why ? why : "taken");
    }
}

static void anything_else_is_a_mistake(void **state)
{
    (void)state;
    static const char *const lines[] = {
        A,           "1",      "1 ",
        "256 " A,    "-1 " A,  "a " A,
        " 1 " A,     "1  " A,  "1 " A "0",
        "1 " A " x", "1\t" A,  "1 " A " 2",
        "0001 " A,   "1 0011", "1 g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(xfree) char *why = NULL;
        struct token_keys keys;
        if (keys_parse(&keys, bytes_str(lines[i]), "k", &why) != 1 || strstr(why, "0112233"))
            fail_msg("%s: %s", lines[i], why ? why : "taken");
    }
    CLEANUP(xfree) char *why = NULL;
    struct token_keys keys;
    assert_int_equal(keys_parse(&keys, bytes_of("1 " A "\0", 67), "k", &why), 1);
}

static void the_first_start_makes_one_and_the_next_reads_it(void **state)
{
    (void)state;
    char dir[] = "/tmp/mxwarden-keys-XXXXXX";
    CLEANUP(xfree) char *why = NULL;
    struct token_keys made, read;
    struct stat st;
    bool is_there;
    assert_non_null(mkdtemp(dir));
    CLEANUP(xfree) char *path = xasprintf("%s/token.keys", dir);
    assert_int_equal(keys_load(&read, &is_there, dir, &why), 0);
    assert_false(is_there);
    assert_int_equal(keys_make(&made, dir, &why), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(keys_load(&read, &is_there, dir, &why), 0);
    assert_true(is_there);
    assert_memory_equal(&made, &read, sizeof(made));
    // A token of the one is good with the other.
    char text[TOKEN_TEXT];
    struct token t = {.kind = TOKEN_RETURN, .message = {1, 2}, .recipient_no = 3}, back;
    token_format(text, &t, &made);
    assert_int_equal(token_parse(&back, text, &read), TOKEN_OK);

    chmod(path, 0640);
    assert_int_equal(keys_load(&read, &is_there, dir, &why), 1);
    assert_non_null(strstr(why, "token.keys: others may read it, expected mode 0600"));
    unlink(path);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    CLEANUP(xfree) char *other = NULL;
    assert_int_equal(keys_load(&read, &is_there, dir, &other), 1);
    assert_non_null(strstr(other, path));
    unlink(path);
    rmdir(dir);
}

static void a_folder_that_is_none_is_no_trouble_of_the_keys(void **state)
{
    (void)state;
    char file[] = "/tmp/mxwarden-keys-XXXXXX";
    CLEANUP(xfree) char *why = NULL;
    struct token_keys keys;
    bool is_there = true;
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(keys_load(&keys, &is_there, file, &why), 0); // the store says what it is
    assert_false(is_there);
    close(fd);
    unlink(file);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_no_key_is_told_with_its_line),
    cmocka_unit_test(anything_else_is_a_mistake),
    cmocka_unit_test(the_first_start_makes_one_and_the_next_reads_it),
    cmocka_unit_test(a_folder_that_is_none_is_no_trouble_of_the_keys),
};
TEST_MAIN(tests)
