// Follows the nesting as a parser would: a Content-Type with a boundary opens a level at its section's
// end, message/* opens one that begins with headers, a boundary's line closes all levels inside its own.
#include "mail/parts_bounds.h"

#include "mail/parts.h"

enum { COMPARED_MOST = 1000000 }; // lines with boundaries: more is not mail

struct walk {
    struct bytes levels[PARTS_NESTING]; // their boundaries; empty: an enclosed message
    size_t depth;
    size_t parts, header_lines, compared;
    bool is_header;       // inside a header section
    size_t section;       // bytes of it
    struct bytes type;    // its Content-Type field, folded lines included
    bool is_type_folding; // it may go on
    struct parts_bounds *bounds;
};

static void begin_section(struct walk *w)
{
    w->is_header = true;
    w->section = 0;
    w->type = bytes_of(NULL, 0);
    w->is_type_folding = false;
    w->parts++;
}

static struct bytes trimmed(struct bytes b)
{
    while (b.n && (b.p[0] == ' ' || b.p[0] == '\t' || b.p[0] == '\n'))
        b = bytes_skip(b, 1);
    while (b.n && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t' || b.p[b.n - 1] == '\r'))
        b.n--;
    return b;
}

static struct bytes value_of(struct bytes b)
{
    b = trimmed(b);
    if (b.n && b.p[0] == '"') {
        const uint8_t *end = memchr(b.p + 1, '"', b.n - 1);
        return bytes_of(b.p + 1, end ? (size_t)(end - b.p) - 1 : b.n - 1);
    }
    size_t n = 0;
    while (n < b.n && !memchr("; \t\n", b.p[n], 4))
        n++;
    return bytes_of(b.p, n);
}

// The boundary of a Content-Type field; empty when it has none. Counts its parameters.
static struct bytes boundary_of(struct bytes field, size_t *parameters)
{
    struct bytes found = {NULL, 0};
    *parameters = 0;
    for (const uint8_t *at; (at = field.n ? memchr(field.p, ';', field.n) : NULL);) {
        field = trimmed(bytes_skip(field, (size_t)(at - field.p) + 1));
        ++*parameters;
        const uint8_t *is = field.n ? memchr(field.p, '=', field.n) : NULL;
        if (!found.n && is && bytes_starts_nocase(field, "boundary"))
            found = value_of(bytes_skip(field, (size_t)(is - field.p) + 1));
    }
    return trimmed(found);
}

static struct bytes type_of(struct bytes field)
{
    const uint8_t *colon = field.n ? memchr(field.p, ':', field.n) : NULL;
    return colon ? trimmed(bytes_skip(field, (size_t)(colon - field.p) + 1)) : bytes_of(NULL, 0);
}

static void open_level(struct walk *w, struct bytes boundary)
{
    if (w->depth == PARTS_NESTING || boundary.n > PARTS_LINE)
        w->bounds->is_beyond = true;
    else
        w->levels[w->depth++] = boundary;
}

static void end_section(struct walk *w)
{
    size_t parameters;
    struct bytes type = type_of(w->type);
    struct bytes boundary = boundary_of(type, &parameters);
    w->is_header = false;
    if (parameters > PARTS_PARAMETERS || type.n > (size_t)PARTS_LINE * 4)
        w->bounds->is_beyond = true;
    if (bytes_starts_nocase(type, "multipart") && boundary.n)
        open_level(w, boundary);
    if (bytes_starts_nocase(type, "message/rfc822") ||
        bytes_starts_nocase(type, "message/global") || bytes_starts_nocase(type, "message/news")) {
        open_level(w, bytes_of(NULL, 0));
        begin_section(w);
    }
}

// The level whose boundary this line is, or `depth`. Inner ones first, as parsers do.
static size_t level_of(struct walk *w, struct bytes line)
{
    if (line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
        return w->depth;
    line = bytes_skip(line, 2);
    w->compared += w->depth;
    if (w->compared > COMPARED_MOST)
        w->bounds->is_beyond = true;
    for (size_t i = w->depth; i-- > 0;) {
        struct bytes b = w->levels[i];
        if (b.n && line.n >= b.n && memcmp(line.p, b.p, b.n) == 0)
            return i;
    }
    return w->depth;
}

static bool is_end(const struct walk *w, size_t level, struct bytes line)
{
    struct bytes rest = bytes_skip(line, 2 + w->levels[level].n);
    return rest.n >= 2 && rest.p[0] == '-' && rest.p[1] == '-';
}

static void header_line(struct walk *w, struct bytes line)
{
    static const char name[] = "content-type";
    w->section += line.n + 1;
    w->header_lines++;
    if (w->section > PARTS_HEADER || w->header_lines > PARTS_HEADER_LINES)
        w->bounds->is_beyond = true;
    if (!line.n) {
        end_section(w);
    } else if (line.p[0] == ' ' || line.p[0] == '\t') {
        if (w->is_type_folding)
            w->type.n = (size_t)(line.p + line.n - w->type.p);
        if (w->is_type_folding && line.n > PARTS_LINE)
            w->bounds->is_beyond = true;
    } else {
        w->is_type_folding = !w->type.n && bytes_starts_nocase(line, name);
        if (w->is_type_folding)
            w->type = line;
    }
}

static void walk_line(struct walk *w, struct bytes line)
{
    size_t level = level_of(w, line);
    if (level < w->depth) {
        bool ends = is_end(w, level, line);
        w->depth = ends ? level : level + 1;
        w->is_header = false;
        if (!ends)
            begin_section(w);
    } else if (w->is_header) {
        header_line(w, line);
    }
}

static size_t head_length(struct bytes mail)
{
    size_t most = mail.n < PARTS_HEADER ? mail.n : PARTS_HEADER;
    const uint8_t *end = most ? memmem(mail.p, most, "\n\n", 2) : NULL;
    return end ? (size_t)(end - mail.p) + 1 : most;
}

void parts_measure(struct parts_bounds *b, struct bytes mail)
{
    struct walk w = {.bounds = b};
    *b = (struct parts_bounds){.n = mail.n, .head_n = head_length(mail)};
    begin_section(&w);
    for (size_t at = 0; at < mail.n && !b->is_beyond;) {
        const uint8_t *end = memchr(mail.p + at, '\n', mail.n - at);
        size_t n = (end ? (size_t)(end - mail.p) : mail.n) - at;
        walk_line(&w, bytes_of(mail.p + at, n));
        if (w.parts > PARTS_MOST) {
            b->n = at; // the line that began one too many
            return;
        }
        at += n + 1;
    }
}
