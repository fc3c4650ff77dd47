/* Any bytes as replies, a line each: codes, judgement by the shipped rules and shape hold their bounds, and
 * give the same for the same; the shape of a shape is itself. */
#include <string.h>

#include "base/mem.h"
#include "core/words.h"
#include "fuzz.h"
#include "mail/replies.h"
#include "mail/replies_shape.h"
#include "settings/settings.h"

static struct settings *settings;
static struct replies *replies;

static void judge(const char *text, const char *provider, enum phase phase)
{
    char enhanced[12];
    struct reply_verdict v, again;
    struct reply_said said = {
        .provider = provider, .enhanced = enhanced, .text = text, .phase = phase};
    replies_codes(text, &said.code, enhanced);
    must(said.code < 600 && strlen(enhanced) < sizeof(enhanced));
    replies_judge(replies, &said, &v);
    replies_judge(replies, &said, &again);
    must(v.class == again.class && v.scope == again.scope && v.rule == again.rule);
    must(strcmp(class_text(v.class), "?") != 0 && strcmp(scope_text(v.scope), "?") != 0);
    must(!replies_is_unknown(said.code, &v) || (said.code >= 400 && !v.rule));
}

static void look_at(const char *text, struct chance *c)
{
    static const char *const providers[] = {"", "google", "microsoft", "yahoo", "nobody"};
    char plain[REPLIES_PLAIN], once[REPLIES_SHAPE], twice[REPLIES_SHAPE];
    must(replies_plain(plain, text) < REPLIES_PLAIN);
    size_t n = replies_shape(once, text);
    must(n < REPLIES_SHAPE && n == strlen(once) && !strpbrk(once, "0123456789@"));
    must(replies_shape(twice, once) == n && strcmp(once, twice) == 0);
    judge(text, providers[chance_roll(c, ARRAY_LEN(providers))],
          (enum phase)chance_roll(c, PHASE_HELO + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    struct chance c = chance_of(rest);
    if (!settings) {
        settings = settings_shipped();
        replies = replies_new(settings->replies, settings->replies_n);
    }
    while (rest.n) {
        const uint8_t *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        CLEANUP(xfree) char *text = xmemdup0(rest.p, n);
        look_at(text, &c);
        rest = bytes_skip(rest, n + 1);
    }
    return 0;
}
