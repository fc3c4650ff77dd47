/* Any bytes as a reply: it means something, its plain words are plain, its shape is its own shape; and
 * any bytes as a pattern do no harm. The input is a reply; what stands behind a NUL is a pattern. */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "mail/replies.h"
#include "mail/replies_shape.h"
#include "settings/settings.h"

static struct replies *shipped;

static void check_plain(const char *text)
{
    char plain[REPLIES_PLAIN];
    size_t n = replies_plain(plain, text);
    must(n && n < REPLIES_PLAIN && strlen(plain) == n && plain[0] == ' ' && plain[n - 1] == ' ');
    must(!strstr(plain, "  "));
    for (size_t i = 0; i < n; i++)
        must((unsigned char)plain[i] >= 0x20 && (plain[i] < 'A' || plain[i] > 'Z'));
}

static void check_shape(const char *text)
{
    char once[REPLY_SHAPE], twice[REPLY_SHAPE];
    must(replies_shape(once, text) < REPLY_SHAPE);
    replies_shape(twice, once);
    must(strcmp(once, twice) == 0);
}

static void check_judge(const struct replies *r, const char *text, unsigned dice)
{
    char enhanced[12];
    struct reply_verdict v;
    struct reply_said said = {.provider = dice & 8 ? "google" : "",
                              .enhanced = enhanced,
                              .text = text,
                              .phase = (enum phase)(dice % (PHASE_HELO + 1))};
    replies_codes(text, &said.code, enhanced);
    must(said.code < 600 && strlen(enhanced) < sizeof(enhanced));
    replies_judge(r, &said, &v);
    must(strcmp(class_text(v.class), "?") != 0 && strcmp(scope_text(v.scope), "?") != 0);
    must(!v.rule || v.rule->class == v.class);
    must((v.class == CLASS_DELIVERED) <=
         (said.code / 100 == 2 || strstr(text, ": 2") || strstr(text, "-> 2")));
}

static void check_pattern(const char *text, const char *pattern)
{
    const char *says[] = {pattern}, *unless[] = {text};
    struct reply_rule rule = {.provider = "",
                              .says = says,
                              .says_n = 1,
                              .unless = unless,
                              .unless_n = 1,
                              .class = CLASS_CONTENT_SPAM};
    CLEANUP(replies_free) struct replies *r = replies_new(&rule, 1);
    check_judge(r, text, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(xfree) char *text = xmemdup0(data, size);
    size_t n = strlen(text);
    if (!shipped) {
        static struct settings *settings;
        settings = settings_shipped();
        shipped = replies_new(settings->replies, settings->replies_n);
    }
    check_plain(text);
    check_shape(text);
    check_judge(shipped, text, (unsigned)size);
    if (n < size)
        check_pattern(text, text + n + 1);
    return 0;
}
