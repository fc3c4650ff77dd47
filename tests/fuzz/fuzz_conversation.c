/* What was said, by whoever: recording keeps its bounds, every line of it is read back as it was said and
 * by whom, and no byte of a stranger's makes a line of its own. Text that is no conversation is read as
 * notes. */
#include "fuzz.h"

#include <string.h>

#include "base/mem.h"
#include "core/conversation.h"

enum { HALF = 8 << 10 };

static void read_any(struct bytes in)
{
    struct conversation_head head;
    struct conversation_line line;
    struct bytes rest = in;
    conversation_parse_head(&head, &rest);
    must(rest.n <= in.n);
    while (conversation_next_line(&line, &rest)) {
        must(line.ms >= -1 && line.by <= CONVERSATION_NOTE);
        must(!line.said.n || !memchr(line.said.p, '\n', line.said.n));
    }
    must(!rest.n);
}

static size_t count_lines(struct bytes in)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++)
        n += in.p[i] == '\n' || i + 1 == in.n;
    return n;
}

// A piece as one says it: of each of its lines one is to come out, by the same.
static size_t record(struct conversation *c, struct chance *chance, struct bytes *in,
                     enum conversation_by by)
{
    size_t n = 1 + chance_roll(chance, (uint32_t)in->n);
    struct bytes piece = bytes_of(in->p, n);
    *in = bytes_skip(*in, n);
    conversation_add(c, (usec_t)chance_roll(chance, 1 << 30), by, piece);
    must(c->first.n <= HALF && c->last.n <= HALF);
    return count_lines(piece);
}

static void read_back(const struct conversation *c, const size_t *said)
{
    struct buf text = {0};
    struct conversation_line line;
    size_t got[CONVERSATION_NOTE + 1] = {0};
    conversation_format(&text, c, 0);
    struct bytes rest = buf_bytes(&text);
    while (conversation_next_line(&line, &rest)) {
        must(line.ms >= 0 || c->left_out);
        got[line.by] += line.ms >= 0;
    }
    for (int by = 0; by <= CONVERSATION_NOTE; by++)
        must(c->left_out ? got[by] <= said[by] : got[by] == said[by]);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes in = bytes_of(data, n);
    struct chance chance = chance_of(in);
    struct conversation c = {.half = HALF};
    size_t said[CONVERSATION_NOTE + 1] = {0};
    read_any(in);
    while (in.n) {
        enum conversation_by by = (enum conversation_by)chance_roll(&chance, 3);
        said[by] += record(&c, &chance, &in, by);
        if (!chance_roll(&chance, 8)) {
            conversation_add_body(&c, 0, in.n);
            said[CONVERSATION_WE]++;
        }
    }
    read_back(&c, said);
    conversation_clear(&c);
    memset(said, 0, sizeof(said));
    read_back(&c, said);
    conversation_deinit(&c);
    return 0;
}
