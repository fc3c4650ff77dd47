#include "control/conversation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/conversation.h"
#include "remote/format.h"
#include "remote/protocol.h"

enum { JOINED = 1000 };
#define SLACK (100 * USEC_MS) // between an outcome and what was kept of it

// Lines on their way into an array, within their bounds.
struct lines {
    json_t *all;
    size_t bytes, left_out;
};

static bool may_add(struct lines *l, size_t n)
{
    bool may = json_array_size(l->all) < CONVERSATION_LINES && l->bytes + n <= CONVERSATION_BYTES &&
               !l->left_out;
    l->bytes += may ? n : 0;
    l->left_out += !may;
    return may;
}

static const char *by_text(enum conversation_by by)
{
    static const char *const words[] = {
        [CONVERSATION_WE] = "we", [CONVERSATION_THEY] = "they", [CONVERSATION_NOTE] = "note"};
    return words[by];
}

static json_t *line_json(int64_t ms, enum conversation_by by, const char *text)
{
    return json_pack("{s:o,s:s,s:o}", "ms", ms < 0 ? json_null() : json_integer(ms), "by",
                     by_text(by), "text", protocol_text(text));
}

static bool is_yes(const struct conversation_line *line, uint8_t behind)
{
    return line->by == CONVERSATION_THEY && line->said.n > 3 && line->said.p[0] == '2' &&
           line->said.p[3] == behind;
}

// "250-mx", "250-SIZE 100", "250 8BITMIME": as `250 mx, SIZE 100, 8BITMIME`.
static void join(struct buf *text, const struct conversation_line *line)
{
    struct bytes words = bytes_skip(line->said, 4);
    if (!text->n) {
        text_visible_add(text, bytes_of(line->said.p, 3));
        buf_add_byte(text, ' ');
    } else if (words.n) {
        buf_add_str(text, ", ");
    }
    text_visible_add(text, words);
}

static void add_line(struct lines *l, struct conversation_line line, struct bytes *rest)
{
    CLEANUP(buf_deinit) struct buf text = {0};
    while (is_yes(&line, '-')) {
        struct bytes ahead = *rest;
        struct conversation_line next;
        join(&text, &line);
        if (!conversation_next_line(&next, &ahead) ||
            (!is_yes(&next, '-') && !is_yes(&next, ' ')) || text.n > JOINED)
            break;
        *rest = ahead;
        line = next;
        if (is_yes(&line, ' '))
            join(&text, &line);
    }
    if (!text.n)
        text_visible_add(&text, line.said);
    buf_add_byte(&text, '\0');
    if (may_add(l, text.n))
        json_array_append_new(l->all, line_json(line.ms, line.by, (const char *)text.p));
}

static json_t *recipients_json(const struct trail *t)
{
    json_t *all = json_array();
    json_array_append_new(all, json_integer(t->recipient_no));
    for (size_t i = 0; i < t->others_n; i++)
        json_array_append_new(all, json_integer(t->others[i]));
    return all;
}

json_t *conversation_json(const struct trail *t)
{
    struct conversation_head head;
    struct conversation_line line;
    struct lines l = {.all = json_array()};
    struct bytes rest = t->text;
    conversation_parse_head(&head, &rest);
    while (conversation_next_line(&line, &rest))
        add_line(&l, line, &rest);
    if (l.left_out) {
        char text[64];
        snprintf(text, sizeof(text), "%zu lines more", l.left_out);
        json_array_append_new(l.all, line_json(-1, CONVERSATION_NOTE, text));
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:o,s:o}", "at", protocol_time(t->at),
                     "recipients", recipients_json(t), "ip", protocol_text(head.ip), "helo",
                     protocol_text(head.helo), "address", protocol_text(head.address), "host",
                     protocol_text(head.host[0] ? head.host : NULL), "port", (int)head.port,
                     "opened_at", protocol_time(head.opened_at), "lines", l.all);
}

json_t *conversation_report_json(const struct trail *t)
{
    struct lines l = {.all = json_array()};
    struct bytes rest = t->text;
    while (rest.n) {
        const uint8_t *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        size_t shown = n && rest.p[n - 1] == '\r' ? n - 1 : n;
        CLEANUP(xfree) char *text = text_visible_new(bytes_of(rest.p, shown));
        if (may_add(&l, strlen(text) + 1))
            json_array_append_new(l.all, json_string(text));
        rest = bytes_skip(rest, n + 1);
    }
    if (l.left_out)
        json_array_append_new(l.all, json_sprintf("[%zu lines more]", l.left_out));
    return json_pack("{s:o,s:o,s:o}", "at", protocol_time(t->at), "recipients", recipients_json(t),
                     "lines", l.all);
}

json_t *conversation_list(const struct trail *trails, size_t n, enum trail_kind kind)
{
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++)
        if (trails[i].kind == kind)
            json_array_append_new(all, kind == TRAIL_REPORT ? conversation_report_json(&trails[i])
                                                            : conversation_json(&trails[i]));
    return all;
}

bool conversation_is_reported(const struct outcome *o)
{
    return o->delivered_at || o->kind == OUTCOME_COMPLAINED;
}

// A conversation is kept when its transaction ends: right behind the outcome, before the next try's.
const struct trail *conversation_of(const struct outcome *o, const struct trail *trails, size_t n)
{
    enum trail_kind kind = conversation_is_reported(o) ? TRAIL_REPORT : TRAIL_CONVERSATION;
    const struct trail *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (trails[i].kind == kind && trails[i].at >= o->at - SLACK &&
            (!best || trails[i].at < best->at))
            best = &trails[i];
    return best;
}

static void explain_line(json_t *lines, const char *head, const char *text)
{
    json_array_append_new(lines, json_pack("{s:s,s:o}", "head", head, "text", protocol_text(text)));
}

static const char *mark_of(const char *by)
{
    return strcmp(by, "we") == 0 ? ">" : strcmp(by, "they") == 0 ? "<" : "*";
}

// "mx3.outlook.example [192.0.2.44]:25", or the address alone.
static char *peer_of(const json_t *c)
{
    const char *host = protocol_get_text(c, "host", "");
    return xasprintf("%s%s%s%s:%jd", host, *host ? " [" : "", protocol_get_text(c, "address", "–"),
                     *host ? "]" : "", (intmax_t)protocol_get_number(c, "port", 0));
}

static void explain_conversation(json_t *lines, const json_t *c, const char *at)
{
    const json_t *line;
    size_t i;
    CLEANUP(xfree) char *peer = peer_of(c);
    CLEANUP(xfree)
    char *head = xasprintf("%s %s (%s) to %s", at, protocol_get_text(c, "ip", "–"),
                           protocol_get_text(c, "helo", "–"), peer);
    explain_line(lines, "said", head);
    json_array_foreach(json_object_get(c, "lines"), i, line)
    {
        int64_t ms = protocol_get_number(line, "ms", -1);
        char time[24] = "";
        if (ms >= 0)
            snprintf(time, sizeof(time), "%" PRId64 " ms", ms);
        CLEANUP(xfree)
        char *text = xasprintf("%10s %s %s", time, mark_of(protocol_get_text(line, "by", "")),
                               protocol_get_text(line, "text", ""));
        explain_line(lines, "said", text);
    }
}

void conversation_explain(json_t *lines, const struct trail *t, usec_t now)
{
    char at[FORMAT_TEXT];
    size_t i;
    const json_t *line;
    format_time(at, t->at, now);
    if (t->kind == TRAIL_CONVERSATION) {
        CLEANUP(json_decref) json_t *c = conversation_json(t);
        explain_conversation(lines, c, at);
        return;
    }
    CLEANUP(json_decref) json_t *report = conversation_report_json(t);
    CLEANUP(xfree) char *head = xasprintf("%s, as it came:", at);
    explain_line(lines, "report", head);
    json_array_foreach(json_object_get(report, "lines"), i, line)
        explain_line(lines, "report", json_string_value(line));
}
