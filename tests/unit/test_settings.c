/* Configurations are taken whole or not at all, and every mistake is told with its place. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "settings/files.h"
#include "settings/settings.h"
#include "settings/tree.h"
#include "settings/value.h"

#ifndef TEST_ROOT
#define TEST_ROOT ".."
#endif

DEFINE_CLEANUP(struct settings *, settings_free)

// A configuration without mistakes, to which a case adds its own lines.
#define GOOD                                                                                       \
    "node: mta1\n"                                                                                 \
    "state: st\n"                                                                                  \
    "listeners: [{address: \"127.0.0.1:2525\"}]\n"                                                 \
    "pools: {shared: {ips: [198.51.100.10]}}\n"

static char *text_of(const struct settings_mistakes *m)
{
    struct buf b = {0};
    buf_add_str(&b, "");
    for (size_t i = 0; i < m->n; i++)
        buf_printf(&b, "%s:%u:%u: %s\n", m->items[i].file, m->items[i].line, m->items[i].column,
                   m->items[i].text);
    return buf_take_str(&b);
}

// The mistakes of a text, as lines; "" when there are none.
static char *mistakes_of(const char *name, struct bytes text)
{
    struct settings *s;
    struct settings_mistakes m;
    int r = settings_load_text(&s, &m, name, text);
    assert_int_equal(r, m.n > 0);
    assert_int_equal(r, s == NULL);
    char *lines = text_of(&m);
    settings_mistakes_deinit(&m);
    settings_free(s);
    return lines;
}

static char *file_text(const char *path)
{
    struct buf b = {0};
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("no %s", path);
    for (size_t n = 1; n;) {
        n = fread(buf_reserve(&b, 4096), 1, 4096, f);
        buf_grew(&b, n);
    }
    fclose(f);
    return buf_take_str(&b);
}

static struct settings *load_good(const char *lines)
{
    CLEANUP(xfree) char *text = xasprintf(GOOD "%s", lines);
    struct settings *s;
    struct settings_mistakes m;
    if (settings_load_text(&s, &m, "good.yaml", bytes_str(text)) != 0)
        fail_msg("%s: %s", lines, text_of(&m));
    return s;
}

static void ten_mistakes_give_ten_messages(void **state)
{
    (void)state;
    CLEANUP(xfree) char *text = file_text(TEST_ROOT "/tests/data/settings/ten-mistakes.yaml");
    CLEANUP(xfree) char *expected = file_text(TEST_ROOT "/tests/data/settings/ten-mistakes.expected");
    CLEANUP(xfree) char *got = mistakes_of("ten-mistakes.yaml", bytes_str(text));
    assert_string_equal(got, expected);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ten_mistakes_give_ten_messages),
};
TEST_MAIN(tests)
