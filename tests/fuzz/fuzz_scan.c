/* Any bytes as lines of outcomes: nothing crashes or reads beyond what it may, what is read lies in its
 * line, and what is written of it reads back alike. */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/scan.h"
#include "fuzz.h"

static void look_at(const struct outcome *o, const char *line, size_t n)
{
    const char *const texts[] = {o->customer,  o->list,  o->ip,   o->provider,
                                 o->recipient, o->reply, o->zone, o->answer};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        must(texts[i]);
        size_t length = strlen(texts[i]);
        must(!length || (texts[i] > line && texts[i] + length < line + n));
    }
    must(o->at >= 0 && o->delivered_at >= 0);
    must(strlen(o->customer) < 64 && strlen(o->reply) <= OUTCOME_REPLY);
    must(strcmp(outcome_kind_text(o->kind), "?") != 0 && strcmp(class_text(o->class), "?") != 0);
}

// Scans a copy with exactly the slack that is promised. The line is the caller's.
static enum scan_result scan_copy(struct outcome *o, char **copy, struct bytes line)
{
    const char *why = NULL;
    *copy = xmalloc(line.n + SCAN_SLACK);
    memcpy(*copy, line.n ? (const void *)line.p : "", line.n);
    memset(*copy + line.n, '"', SCAN_SLACK);
    enum scan_result result = scan_line(o, *copy, line.n, &why);
    must(!why == (result != SCAN_WRONG));
    if (result == SCAN_OUTCOME)
        look_at(o, *copy, line.n);
    return result;
}

// Once written, bytes that are no UTF-8 are visible text, a time has milliseconds, a long reply is cut:
// from then on nothing changes any more.
static void write_and_read(const struct outcome *o, struct buf *again)
{
    CLEANUP(buf_deinit) struct buf first = {0};
    CLEANUP(xfree) char *copy = NULL;
    struct outcome back;
    outcome_format(&first, o);
    if (scan_copy(&back, &copy, bytes_of(first.p, first.n - 1)) == SCAN_OUTCOME)
        outcome_format(again, &back);
}

static void scan_one(struct bytes line)
{
    CLEANUP(xfree) char *copy = NULL;
    CLEANUP(buf_deinit) struct buf second = {0};
    CLEANUP(buf_deinit) struct buf third = {0};
    struct outcome o;
    if (scan_copy(&o, &copy, line) != SCAN_OUTCOME)
        return;
    write_and_read(&o, &second);
    if (!second.n)
        return; // made visible, a name was too long
    CLEANUP(xfree) char *copy2 = NULL;
    must(scan_copy(&o, &copy2, bytes_of(second.p, second.n - 1)) == SCAN_OUTCOME);
    outcome_format(&third, &o);
    must(bytes_equal(buf_bytes(&second), buf_bytes(&third)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    while (rest.n) {
        const uint8_t *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        scan_one(bytes_of(rest.p, n));
        rest = bytes_skip(rest, n + 1);
    }
    return 0;
}
