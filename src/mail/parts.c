// GMime does the MIME, this file the rest: bounds before, plain data after. The bytes are parsed as a part,
// not as a message, so that no address header is taken apart that nobody asked for. What GMime leaves
// whole (an enclosed mail that is encoded, text/rfc822-headers, message/global) is read by the same door
// again, deeper.
#include "mail/parts.h"

#include <gmime/gmime.h>
#include <strings.h>

#include "base/buf.h"
#include "mail/parts_bounds.h"
#include "mail/parts_text.h"

enum {
    TYPE_MOST = 100,
    HEADERS_A_PART = 1000,
    LOOK_FOR_NUL = 1000,
    FIELD_SHOWN = 8192,
    PREAMBLE_LINES = 8,
    BOUNDARY_MOST = 70,
    FIRST_LINES = 5
};

struct list_of_parts {
    struct part *items;
    size_t n, room;
    bool is_beyond;
};

void parts_prepare(void)
{
    static gsize is_done;
    if (g_once_init_enter(&is_done)) {
        g_mime_init();
        parts_text_prepare();
        g_once_init_leave(&is_done, 1);
    }
}

static size_t part_add(struct list_of_parts *l, const char *type, size_t up, unsigned depth,
                       bool is_enclosed)
{
    if (l->n == l->room) {
        l->room = l->room ? l->room * 2 : 8;
        l->items = xrealloc(l->items, l->room, sizeof(*l->items));
    }
    char *lower = xmemdup0(type, strnlen(type, TYPE_MOST));
    for (char *c = lower; *c; c++)
        *c = g_ascii_tolower(*c);
    l->items[l->n] = (struct part){.type = lower,
                                   .report_type = xstrdup(""),
                                   .text = xstrdup(""),
                                   .up = up,
                                   .depth = depth,
                                   .is_enclosed = is_enclosed};
    return l->n++;
}

// Buffers are taken.
static void part_set_text(struct part *p, struct buf *text)
{
    xfree((char *)p->text);
    if (text->n > PARTS_TEXT)
        text->n = PARTS_TEXT;
    p->text_n = text->n;
    p->text = buf_take_str(text);
    ((char *)p->text)[p->text_n] = '\0';
}

// --- headers

// Decoded, unfolded, one line of clean UTF-8.
static char *header_value(struct bytes raw)
{
    CLEANUP(buf_deinit) struct buf clean = {0}, flat = {0};
    if (raw.n > FIELD_SHOWN)
        raw.n = FIELD_SHOWN;
    for (size_t i = 0; i < raw.n; i++)
        if (raw.p[i] != '\n') // what folded it goes on with a blank
            buf_add_byte(&flat, raw.p[i] && raw.p[i] != '\t' ? raw.p[i] : ' ');
    buf_add_byte(&flat, '\0');
    const char *text = (char *)flat.p;
    while (*text == ' ')
        text++;
    bool is_encoded = strstr(text, "=?") != NULL;
    char *decoded = is_encoded ? g_mime_utils_header_decode_text(NULL, text) : NULL;
    if (decoded)
        parts_text_clean(&clean, bytes_str(decoded));
    else
        parts_text_decode(&clean, bytes_str(text), "");
    g_free(decoded);
    for (size_t i = 0; i < clean.n; i++)
        if (clean.p[i] == '\n' || clean.p[i] == '\t')
            clean.p[i] = ' ';
    while (clean.n && clean.p[clean.n - 1] == ' ')
        clean.p[--clean.n] = '\0';
    return buf_take_str(&clean);
}

static void header_add(struct part *p, struct bytes name, struct bytes raw)
{
    struct part_header *h;
    while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
        name.n--;
    if (p->headers_n == HEADERS_A_PART || !name.n)
        return;
    p->headers = xrealloc((void *)p->headers, p->headers_n + 1, sizeof(*h));
    h = (struct part_header *)&p->headers[p->headers_n++];
    h->name = xmemdup0(name.p, name.n);
    h->value = header_value(raw);
}

static void headers_free(struct part *p)
{
    for (size_t i = 0; i < p->headers_n; i++) {
        xfree((char *)p->headers[i].name);
        xfree((char *)p->headers[i].value);
    }
    p->headers = xfree((void *)p->headers);
    p->headers_n = 0;
}

static bool is_field_name(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
            return i && (name.p[i] == ' ' || name.p[i] == '\t'); // "Name :"
    return name.n;
}

// One field off the front, folded lines included; its length, or 0: no field stands there.
static size_t field_length(struct bytes in, size_t *name_n)
{
    size_t line = in.n;
    if (!in.n)
        return 0;
    const uint8_t *end = memchr(in.p, '\n', in.n);
    if (end)
        line = (size_t)(end - in.p);
    const uint8_t *colon = memchr(in.p, ':', line);
    if (!colon || !is_field_name(bytes_of(in.p, (size_t)(colon - in.p))))
        return 0;
    *name_n = (size_t)(colon - in.p);
    while (line + 1 < in.n && (in.p[line + 1] == ' ' || in.p[line + 1] == '\t')) {
        end = memchr(in.p + line + 1, '\n', in.n - line - 1);
        line = end ? (size_t)(end - in.p) : in.n;
    }
    return line < in.n ? line + 1 : in.n;
}

// Reads the header section in front; gives what is behind it. Lines that are no field are left out.
static struct bytes headers_read(struct part *p, struct bytes in)
{
    size_t name_n;
    while (in.n && in.p[0] != '\n') {
        size_t n = field_length(in, &name_n);
        if (n) {
            header_add(p, bytes_of(in.p, name_n), bytes_of(in.p + name_n + 1, n - name_n - 1));
        } else {
            const uint8_t *end = memchr(in.p, '\n', in.n);
            n = end ? (size_t)(end - in.p) + 1 : in.n;
        }
        in = bytes_skip(in, n);
    }
    return bytes_skip(in, 1);
}

static void headers_of_object(struct part *p, GMimeObject *object)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(object);
    int n = g_mime_header_list_get_count(list);
    for (int i = 0; i < n; i++) {
        GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
        const char *raw = g_mime_header_get_raw_value(h);
        header_add(p, bytes_str(g_mime_header_get_name(h)), bytes_str(raw ? raw : ""));
    }
}

// --- bodies

// What a part holds, its transfer encoding undone, at most PARTS_TEXT.
static void content_read(struct buf *out, GMimePart *part)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    GMimeStream *stream = content ? g_mime_data_wrapper_get_stream(content) : NULL;
    if (!stream)
        return;
    g_mime_stream_reset(stream);
    GMimeStream *decoded = g_mime_stream_filter_new(stream);
    GMimeFilter *filter = g_mime_filter_basic_new(g_mime_data_wrapper_get_encoding(content), FALSE);
    g_mime_stream_filter_add((GMimeStreamFilter *)decoded, filter);
    g_object_unref(filter);
    for (ssize_t n = 1; n > 0 && out->n < PARTS_TEXT;) {
        n = g_mime_stream_read(decoded, (char *)buf_reserve(out, 8192), 8192);
        if (n > 0)
            buf_grew(out, (size_t)n);
    }
    g_object_unref(decoded);
    if (out->n > PARTS_TEXT)
        out->n = PARTS_TEXT;
}

static bool has_parameter(GMimeContentType *type, const char *name, const char *value)
{
    const char *v = g_mime_content_type_get_parameter(type, name);
    return v && strcasecmp(v, value) == 0;
}

// Raw bytes of a body to what one reads.
static void text_of(struct buf *out, struct bytes raw, GMimeContentType *type)
{
    const char *charset = type ? g_mime_content_type_get_parameter(type, "charset") : NULL;
    CLEANUP(buf_deinit) struct buf utf8 = {0}, lines = {0};
    if (charset && strncasecmp(charset, "utf-16", 6) == 0) { // its zeros are no blanks
        parts_text_decode(&lines, raw, charset);
        parts_text_lines(&utf8, buf_bytes(&lines));
    } else {
        parts_text_lines(&lines, raw);
        parts_text_decode(&utf8, buf_bytes(&lines), charset ? charset : "");
    }
    if (type && g_mime_content_type_is_type(type, "text", "html"))
        parts_text_html(out, buf_bytes(&utf8));
    else if (type && has_parameter(type, "format", "flowed"))
        parts_text_flowed(out, buf_bytes(&utf8), has_parameter(type, "delsp", "yes"));
    else
        buf_add_bytes(out, buf_bytes(&utf8));
}

static bool is_readable(const char *type, struct bytes raw)
{
    if (strncmp(type, "image/", 6) == 0 || strncmp(type, "audio/", 6) == 0 ||
        strncmp(type, "video/", 6) == 0 || strncmp(type, "font/", 5) == 0)
        return false;
    if (strncmp(type, "text/", 5) == 0 || strncmp(type, "message/", 8) == 0)
        return true;
    return !memchr(raw.p, '\0', raw.n < LOOK_FOR_NUL ? raw.n : LOOK_FOR_NUL);
}

// --- the tree

static void object_read(struct list_of_parts *l, GMimeObject *object, size_t up, unsigned depth,
                        bool is_enclosed);
static void mail_read(struct list_of_parts *l, struct bytes mail, size_t up, unsigned depth,
                      bool is_enclosed, size_t holder);

static bool is_headers_type(const char *type)
{
    return strcmp(type, "text/rfc822-headers") == 0 || strcmp(type, "text/rfc822-header") == 0 ||
           strcmp(type, "message/global-headers") == 0;
}

static bool is_mail_type(const char *type)
{
    return strcmp(type, "message/rfc822") == 0 || strcmp(type, "message/global") == 0 ||
           strcmp(type, "message/news") == 0;
}

static void leaf_read(struct list_of_parts *l, size_t i, GMimePart *part)
{
    CLEANUP(buf_deinit) struct buf raw = {0}, text = {0}, lines = {0};
    const char *type = l->items[i].type;
    content_read(&raw, part);
    struct bytes bytes = buf_bytes(&raw);
    if (is_mail_type(type) || is_headers_type(type)) {
        parts_text_lines(&lines, bytes);
        headers_free(&l->items[i]);
        if (is_mail_type(type) && l->items[i].depth < PARTS_NESTING) {
            mail_read(l, buf_bytes(&lines), i, l->items[i].depth + 1, true, i);
            return;
        }
        headers_read(&l->items[i], buf_bytes(&lines));
        return;
    }
    if (!bytes.n || !is_readable(type, bytes))
        return;
    text_of(&text, bytes, g_mime_object_get_content_type((GMimeObject *)part));
    part_set_text(&l->items[i], &text);
}

static void multipart_read(struct list_of_parts *l, size_t i, GMimeMultipart *multipart)
{
    unsigned depth = l->items[i].depth + 1;
    bool is_enclosed = l->items[i].is_enclosed;
    int n = g_mime_multipart_get_count(multipart);
    for (int no = 0; no < n; no++)
        object_read(l, g_mime_multipart_get_part(multipart, no), i, depth, is_enclosed);
    const char *prologue = n ? NULL : g_mime_multipart_get_prologue(multipart);
    if (!prologue || l->n == PARTS_MOST)
        return;
    // No boundary, or none that fits: all of it is text.
    CLEANUP(buf_deinit) struct buf text = {0};
    size_t all = part_add(l, "text/plain", i, depth, is_enclosed);
    text_of(&text, bytes_str(prologue), NULL);
    part_set_text(&l->items[all], &text);
}

static void message_read(struct list_of_parts *l, size_t i, GMimeMessagePart *holder)
{
    GMimeMessage *message = g_mime_message_part_get_message(holder);
    headers_free(&l->items[i]);
    if (!message)
        return;
    GMimeObject *root = g_mime_message_get_mime_part(message);
    headers_of_object(&l->items[i], (GMimeObject *)message);
    if (root)
        headers_of_object(&l->items[i], root);
    if (root)
        object_read(l, root, i, l->items[i].depth + 1, true);
}

static void report_type_read(struct part *p, GMimeContentType *type)
{
    const char *said = g_mime_content_type_get_parameter(type, "report-type");
    if (!said || strcmp(p->type, "multipart/report") != 0)
        return;
    CLEANUP(buf_deinit) struct buf clean = {0};
    parts_text_clean(&clean, bytes_of(said, strnlen(said, TYPE_MOST)));
    xfree((char *)p->report_type);
    char *lower = buf_take_str(&clean);
    for (char *c = lower; *c; c++)
        *c = g_ascii_tolower(*c);
    p->report_type = lower;
}

static void object_read(struct list_of_parts *l, GMimeObject *object, size_t up, unsigned depth,
                        bool is_enclosed)
{
    GMimeContentType *type = g_mime_object_get_content_type(object);
    if (l->n == PARTS_MOST)
        return;
    if (depth > PARTS_NESTING) {
        l->is_beyond = true;
        return;
    }
    char *name = type ? g_mime_content_type_get_mime_type(type) : NULL;
    size_t i = part_add(l, name ? name : "text/plain", up, depth, is_enclosed);
    g_free(name);
    headers_of_object(&l->items[i], object);
    if (type)
        report_type_read(&l->items[i], type);
    if (GMIME_IS_MESSAGE_PART(object))
        message_read(l, i, (GMimeMessagePart *)object);
    else if (GMIME_IS_MULTIPART(object))
        multipart_read(l, i, (GMimeMultipart *)object);
    else if (GMIME_IS_PART(object))
        leaf_read(l, i, (GMimePart *)object);
}

// NULL: GMime makes nothing of it.
static GMimeObject *mail_parse(struct bytes mail)
{
    guint8 *copy = g_memdup2(mail.p, mail.n);
    GMimeStream *stream =
        g_mime_stream_mem_new_with_byte_array(g_byte_array_new_take(copy, mail.n));
    g_mime_stream_mem_set_owner((GMimeStreamMem *)stream, TRUE);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    g_mime_parser_set_respect_content_length(parser, FALSE);
    g_object_unref(stream);
    GMimeObject *object = g_mime_parser_construct_part(parser, NULL);
    g_object_unref(parser);
    return object;
}

// A mail that is not parsed: its headers, and all that is behind them as one text.
static void plain_read(struct list_of_parts *l, struct bytes mail, size_t i, size_t head_n)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    headers_free(&l->items[i]);
    (void)headers_read(&l->items[i], bytes_of(mail.p, head_n));
    const uint8_t *body = mail.n > head_n ? memmem(mail.p, mail.n, "\n\n", 2) : NULL;
    struct bytes rest = bytes_skip(mail, body ? (size_t)(body - mail.p) : head_n);
    if (rest.n > PARTS_TEXT)
        rest.n = PARTS_TEXT;
    parts_text_decode(&text, rest, "");
    part_set_text(&l->items[i], &text);
}

// LF line ends. `holder`: the part that has this mail's headers; of the outermost SIZE_MAX.
static void mail_read(struct list_of_parts *l, struct bytes mail, size_t up, unsigned depth,
                      bool is_enclosed, size_t holder)
{
    struct parts_bounds bounds;
    parts_measure(&bounds, mail);
    if (holder != SIZE_MAX)
        (void)headers_read(&l->items[holder], bytes_of(mail.p, bounds.head_n));
    GMimeObject *object =
        bounds.is_beyond || !mail.n ? NULL : mail_parse(bytes_of(mail.p, bounds.n));
    if (object) {
        object_read(l, object, up, depth, is_enclosed);
        g_object_unref(object);
    } else if (l->n < PARTS_MOST) {
        plain_read(l, mail, part_add(l, "text/plain", up, depth, is_enclosed), bounds.head_n);
    }
    l->is_beyond |= bounds.is_beyond;
}

// Is one of the first lines a field? Else it is a text without headers.
static bool has_headers(struct bytes mail)
{
    size_t name_n;
    for (int line = 0; line < FIRST_LINES && mail.n && mail.p[0] != '\n'; line++) {
        if (field_length(mail, &name_n))
            return true;
        const uint8_t *end = memchr(mail.p, '\n', mail.n);
        mail = end ? bytes_skip(mail, (size_t)(end - mail.p) + 1) : bytes_of(NULL, 0);
    }
    return false;
}

// Empty lines in front, and the separator of an mbox.
static struct bytes front_skipped(struct bytes mail)
{
    while (mail.n && mail.p[0] == '\n')
        mail = bytes_skip(mail, 1);
    struct bytes from = mail.n && mail.p[0] == '>' ? bytes_skip(mail, 1) : mail;
    if (from.n < 5 || memcmp(from.p, "From ", 5) != 0)
        return mail;
    const uint8_t *end = memchr(mail.p, '\n', mail.n);
    return end ? bytes_skip(mail, (size_t)(end - mail.p) + 1) : mail;
}

// The line at `at` of a body is a boundary when a part's header follows it; its length, else 0.
static size_t boundary_length(struct bytes at)
{
    size_t name_n;
    const uint8_t *end = at.n ? memchr(at.p, '\n', at.n) : NULL;
    size_t n = end ? (size_t)(end - at.p) : 0;
    if (n < 6 || n > BOUNDARY_MOST + 2 || memcmp(at.p, "--", 2) != 0 || memchr(at.p, '"', n) ||
        memchr(at.p, '\\', n) || !field_length(bytes_skip(at, n + 1), &name_n))
        return 0;
    return bytes_starts_nocase(bytes_skip(at, n + 1), "content-") ? n : 0;
}

// A mail whose header has lost its Content-Type: parts begin at once, or behind a few lines about MIME. A text that
// has somebody's parts further down is none.
static struct bytes boundary_find(struct bytes body)
{
    struct bytes begin = body;
    for (int line = 0; line < PREAMBLE_LINES && body.n; line++) {
        size_t n = boundary_length(body);
        struct bytes before = bytes_of(begin.p, (size_t)(body.p - begin.p));
        if (n)
            return before.n < 3 || memmem(before.p, before.n, "MIME", 4)
                       ? bytes_of(body.p + 2, n - 2)
                       : bytes_of(NULL, 0);
        const uint8_t *end = memchr(body.p, '\n', body.n);
        body = end ? bytes_skip(body, (size_t)(end - body.p) + 1) : bytes_of(NULL, 0);
    }
    return bytes_of(NULL, 0);
}

static bool has_type(struct bytes head)
{
    static const char name[] = "content-type";
    for (size_t n, name_n; head.n && head.p[0] != '\n'; head = bytes_skip(head, n)) {
        n = field_length(head, &name_n);
        if (n && name_n >= sizeof(name) - 1 && bytes_starts_nocase(head, name))
            return true;
        const uint8_t *end = n ? NULL : memchr(head.p, '\n', head.n);
        n = n ? n : end ? (size_t)(end - head.p) + 1 : head.n;
    }
    return false;
}

// Gives a mail the Content-Type that its body shows and its header lacks.
static struct bytes type_restored(struct buf *out, struct bytes mail)
{
    const uint8_t *end = mail.n ? memmem(mail.p, mail.n, "\n\n", 2) : NULL;
    if (!end || (size_t)(end - mail.p) > PARTS_HEADER || has_type(mail))
        return mail;
    struct bytes boundary = boundary_find(bytes_skip(mail, (size_t)(end - mail.p) + 2));
    if (!boundary.n)
        return mail;
    buf_add_str(out, "Content-Type: multipart/mixed; boundary=\"");
    buf_add_bytes(out, boundary);
    buf_add_str(out, "\"\n");
    buf_add_bytes(out, mail);
    return buf_bytes(out);
}

struct parts *parts_read(struct bytes mail)
{
    struct list_of_parts l = {0};
    CLEANUP(buf_deinit) struct buf lines = {0}, typed = {0};
    parts_prepare();
    if (mail.n > PARTS_MAIL)
        mail.n = PARTS_MAIL;
    buf_add_byte(&lines, '\n');
    parts_text_lines(&lines, mail);
    struct bytes whole = front_skipped(buf_bytes(&lines));
    if (!has_headers(whole) && whole.n)
        whole = bytes_of(whole.p - 1, whole.n + 1); // the empty line that it lacks
    whole = type_restored(&typed, whole);
    mail_read(&l, whole, 0, 0, false, SIZE_MAX);
    struct parts *p = xcalloc(1, sizeof(*p));
    *p = (struct parts){.items = l.items, .n = l.n, .is_beyond = l.is_beyond};
    return p;
}

struct parts *parts_free(struct parts *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < p->n; i++) {
        struct part *one = (struct part *)&p->items[i];
        headers_free(one);
        xfree((char *)one->type);
        xfree((char *)one->report_type);
        xfree((char *)one->text);
    }
    xfree((void *)p->items);
    return xfree(p);
}

struct parts parts_inside(const struct parts *p, size_t i)
{
    size_t first = i + 1, end = first;
    while (end < p->n && p->items[end].depth > p->items[i].depth)
        end++;
    if (first >= end || !is_mail_type(p->items[i].type))
        return (struct parts){0};
    struct part *items = xcalloc(end - first, sizeof(*items));
    for (size_t k = first; k < end; k++) {
        struct part *one = &items[k - first];
        *one = p->items[k];
        one->up = k == first ? 0 : one->up - first;
        one->depth -= p->items[first].depth;
        const struct part *up = &items[one->up];
        one->is_enclosed = k != first && (up->is_enclosed || is_mail_type(up->type));
    }
    items[0].headers = p->items[i].headers;
    items[0].headers_n = p->items[i].headers_n;
    return (struct parts){.items = items, .n = end - first};
}

const char *part_header_get(const struct part *p, const char *name)
{
    for (size_t i = 0; i < p->headers_n; i++)
        if (strcasecmp(p->headers[i].name, name) == 0)
            return p->headers[i].value;
    return NULL;
}
