/* Answers of a reader that a mail took over: whatever it says, what is taken is within bounds, can be shown,
 * and means the same when it is said again. */
#include "fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "mail/address.h"
#include "mail/feedback.h"
#include "warden/reader_wire.h"

static void check_visible(const char *text)
{
    for (const char *p = text; *p; p++)
        must((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void check_recipient(const struct feedback_recipient *r)
{
    char address[ADDRESS_TEXT];
    must(class_text(r->class) && scope_text(r->scope) && r->code < 600);
    must(!*r->address || address_parse(address, bytes_str(r->address)));
    must(strlen(r->reply) <= FEEDBACK_REPLY);
    check_visible(r->reply);
    check_visible(r->enhanced);
}

static void check_answer(const struct feedback *f)
{
    must(f->recipients_n <= FEEDBACK_RECIPIENTS);
    must(f->recipients_n || f->kind == FEEDBACK_OTHER);
    for (size_t i = 0; i < f->recipients_n; i++)
        check_recipient(&f->recipients[i]);
    check_visible(f->message_id);
    check_visible(f->feedback_id);
    check_visible(f->return_path);
    check_visible(f->source_ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    CLEANUP(feedback_free) struct feedback *once = wire_take_answer(bytes_of(data, n));
    CLEANUP(buf_deinit) struct buf again = {0};
    if (!once)
        return 0;
    check_answer(once);
    wire_put_answer(&again, once);
    CLEANUP(feedback_free) struct feedback *twice = wire_take_answer(buf_bytes(&again));
    must(twice && twice->kind == once->kind && twice->recipients_n == once->recipients_n);
    return 0;
}
