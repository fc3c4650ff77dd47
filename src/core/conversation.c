#include "core/conversation.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

enum {
    PIECE = 4 << 10,  // recorded at once; what is longer goes line by line
    KEPT = 8 << 10,   // memory that stays for the next one
    BODY = UINT8_MAX, // beside enum conversation_by: eight bytes, how many octets
};

// In front of each piece's bytes.
struct piece {
    usec_t at;
    uint32_t n;
    uint32_t by;
};

void conversation_deinit(struct conversation *c)
{
    buf_deinit(&c->first);
    buf_deinit(&c->last);
    c->left_out = 0;
}

void conversation_clear(struct conversation *c)
{
    if (c->first.room > KEPT)
        buf_deinit(&c->first);
    buf_clear(&c->first);
    buf_deinit(&c->last);
    c->left_out = 0;
}

static void drop_oldest(struct conversation *c, size_t need)
{
    struct piece p;
    while (c->last.n && c->last.n + need > c->half) {
        memcpy(&p, c->last.p, sizeof(p));
        buf_consume(&c->last, sizeof(p) + p.n);
        c->left_out++;
    }
}

static void add_piece(struct conversation *c, usec_t at, unsigned by, struct bytes said)
{
    struct piece p = {at, (uint32_t)said.n, by};
    struct buf *to = &c->first;
    if (c->last.n || c->left_out || c->first.n + sizeof(p) + said.n > c->half) {
        drop_oldest(c, sizeof(p) + said.n);
        to = &c->last;
    }
    buf_add(to, &p, sizeof(p));
    buf_add_bytes(to, said);
}

// Up to and with its end. False: nothing is left.
static bool cut_line(struct bytes *line, struct bytes *rest)
{
    const uint8_t *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    if (!rest->n)
        return false;
    *line = bytes_of(rest->p, end ? (size_t)(end - rest->p) + 1 : rest->n);
    *rest = bytes_skip(*rest, line->n);
    return true;
}

void conversation_add(struct conversation *c, usec_t at, enum conversation_by by, struct bytes said)
{
    struct bytes line;
    if (said.n <= PIECE) {
        add_piece(c, at, by, said);
        return;
    }
    while (cut_line(&line, &said))
        add_piece(c, at, by, bytes_of(line.p, line.n < PIECE ? line.n : PIECE));
}

void conversation_add_body(struct conversation *c, usec_t at, size_t octets)
{
    add_piece(c, at, BODY, bytes_of(&octets, sizeof(octets)));
}

static void format_line(struct buf *out, int64_t ms, enum conversation_by by, struct bytes line)
{
    static const char marks[] = {
        [CONVERSATION_WE] = '>', [CONVERSATION_THEY] = '<', [CONVERSATION_NOTE] = '*'};
    while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    buf_printf(out, "%" PRId64 " %c ", ms, marks[by]);
    buf_add_bytes(out, line);
    buf_add_byte(out, '\n');
}

// 18412 as `18,412`.
static void format_octets(char *out, size_t room, size_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%zu", n);
    size_t at = 0;
    at += (size_t)snprintf(out, room, "(");
    for (int i = 0; i < length && at + 2 < room; i++) {
        if (i && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    snprintf(out + at, room - at, " octets)");
}

static void format_pieces(struct buf *out, const struct buf *pieces, usec_t opened_at)
{
    struct piece p;
    struct bytes line, rest = buf_bytes(pieces);
    while (rest.n >= sizeof(p)) {
        memcpy(&p, rest.p, sizeof(p));
        struct bytes said = bytes_of(rest.p + sizeof(p), p.n);
        rest = bytes_skip(rest, sizeof(p) + p.n);
        int64_t ms = p.at > opened_at ? (p.at - opened_at) / USEC_MS : 0;
        if (p.by == BODY) {
            char text[48];
            size_t octets;
            memcpy(&octets, said.p, sizeof(octets));
            format_octets(text, sizeof(text), octets);
            format_line(out, ms, CONVERSATION_WE, bytes_str(text));
            continue;
        }
        while (cut_line(&line, &said))
            format_line(out, ms, (enum conversation_by)p.by, line);
    }
}

void conversation_format(struct buf *out, const struct conversation *c, usec_t opened_at)
{
    format_pieces(out, &c->first, opened_at);
    if (c->left_out)
        buf_printf(out, "[… %" PRIu32 " pieces left out …]\n", c->left_out);
    format_pieces(out, &c->last, opened_at);
}

void conversation_format_head(struct buf *out, const struct conversation_head *head)
{
    char at[CLOCK_TEXT];
    clock_format(at, head->opened_at);
    buf_printf(out, "from %s %s\nto %s %u %s\nopened %s\n", head->ip, head->helo, head->address,
               head->port, head->host, at);
}

// ---- reading

static bool take_word(char *out, size_t room, struct bytes *line)
{
    const uint8_t *blank = line->n ? memchr(line->p, ' ', line->n) : NULL;
    size_t n = blank ? (size_t)(blank - line->p) : line->n;
    text_visible(out, room, line->p, n);
    *line = bytes_skip(*line, n + 1);
    return n > 0;
}

static void read_head_line(struct conversation_head *head, const char *what, struct bytes line)
{
    char word[CLOCK_TEXT];
    int64_t port;
    if (strcmp(what, "from") == 0) {
        take_word(head->ip, sizeof(head->ip), &line);
        take_word(head->helo, sizeof(head->helo), &line);
    } else if (strcmp(what, "to") == 0) {
        take_word(head->address, sizeof(head->address), &line);
        take_word(word, sizeof(word), &line);
        head->port = text_parse_number(&port, word, 0, UINT16_MAX) ? (unsigned)port : 0;
        take_word(head->host, sizeof(head->host), &line);
    } else {
        take_word(word, sizeof(word), &line);
        if (!clock_parse(&head->opened_at, word))
            head->opened_at = 0;
    }
}

void conversation_parse_head(struct conversation_head *head, struct bytes *text)
{
    static const char *const words[] = {"from", "to", "opened"};
    struct bytes line, rest = *text;
    *head = (struct conversation_head){.port = 0};
    for (size_t i = 0; i < 3 && cut_line(&line, &rest); i++) {
        char word[8];
        if (line.n && line.p[line.n - 1] == '\n')
            line.n--;
        take_word(word, sizeof(word), &line);
        if (strcmp(word, words[i]) != 0)
            return;
        read_head_line(head, words[i], line);
        *text = rest;
    }
}

static bool read_mark(enum conversation_by *by, struct bytes mark)
{
    static const char marks[] = "><*";
    const char *found = mark.n >= 2 && mark.p[1] == ' ' ? strchr(marks, mark.p[0]) : NULL;
    if (!found || !*found)
        return false;
    *by = (enum conversation_by)(found - marks);
    return true;
}

bool conversation_next_line(struct conversation_line *line, struct bytes *text)
{
    struct bytes whole;
    size_t n = 0;
    if (!cut_line(&whole, text))
        return false;
    if (whole.p[whole.n - 1] == '\n')
        whole.n--;
    *line = (struct conversation_line){.ms = 0, .by = CONVERSATION_NOTE, .said = whole};
    for (; n < whole.n && n < 12 && whole.p[n] >= '0' && whole.p[n] <= '9'; n++)
        line->ms = line->ms * 10 + (whole.p[n] - '0');
    struct bytes mark = bytes_skip(whole, n + 1);
    if (n && n < whole.n && whole.p[n] == ' ' && read_mark(&line->by, mark))
        line->said = bytes_skip(mark, 2);
    else
        line->ms = -1;
    return true;
}
