/* A stranger's mail, whole: whatever it is, what comes out keeps its promises. Parts stand in order and
 * under each other, their text is clean UTF-8 without NUL; recipients are addresses, each once, with words
 * that may be shown. */
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"
#include "mail/feedback.h"
#include "mail/parts.h"
#include "mail/replies.h"
#include "settings/settings.h"

static const struct replies *shipped(void)
{
    static struct replies *replies;
    static struct settings *settings;
    if (!settings) { // both are reached from here as long as the process lives
        settings = settings_shipped();
        replies = replies_new(settings->replies, settings->replies_n);
    }
    return replies;
}

static bool is_clean(const char *text, bool has_lines)
{
    uint32_t code;
    for (size_t left = strlen(text), n; left; text += n, left -= n) {
        n = text_utf8(&code, (const uint8_t *)text, left);
        if (!n || (code < 0x20 && !(has_lines && (code == '\n' || code == '\t'))) ||
            (code >= 0x7f && code < 0xa0))
            return false;
    }
    return true;
}

static void check_parts(const struct parts *p)
{
    must(p->n >= 1 && p->n <= PARTS_MOST && !p->items[0].depth && !p->items[0].up);
    for (size_t i = 0; i < p->n; i++) {
        const struct part *one = &p->items[i];
        must(one->text_n == strlen(one->text) && one->text_n <= PARTS_TEXT);
        must(one->depth <= PARTS_NESTING + 1 && (!i || one->up < i));
        must(!i || one->depth > p->items[one->up].depth);
        must(one->is_enclosed || !p->items[one->up].is_enclosed);
        for (size_t k = 0; k < one->headers_n; k++)
            must(one->headers[k].name[0] && is_clean(one->headers[k].value, false));
    }
}

static void check_feedback(const struct feedback *f)
{
    must((f->kind == FEEDBACK_OTHER) == !f->recipients_n);
    must(f->recipients_n <= FEEDBACK_RECIPIENTS);
    must(f->message_id && f->feedback_id && f->return_path && f->source_ip);
    for (size_t i = 0; i < f->recipients_n; i++) {
        const struct feedback_recipient *r = &f->recipients[i];
        must(!r->address[0] || strchr(r->address, '@'));
        must(is_clean(r->address, false) && is_clean(r->reply, false));
        must(strlen(r->reply) <= FEEDBACK_REPLY && strlen(r->enhanced) < sizeof(r->enhanced));
        must(strcmp(class_text(r->class), "?") != 0 && strcmp(scope_text(r->scope), "?") != 0);
        for (size_t k = 0; k < i && i < 50; k++)
            must(strcasecmp(r->address, f->recipients[k].address) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes mail = bytes_of(data, n);
    CLEANUP(parts_free) struct parts *p = parts_read(mail);
    CLEANUP(feedback_free) struct feedback *f = feedback_read(mail, shipped());
    check_parts(p);
    check_feedback(f);
    return 0;
}
