/* A conversation: what was said in a failed attempt, line by line with its milliseconds, how the answer was
 * read and what it counts as; of a bounce by mail the report as it came. A picture that stands still. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ui/figure.h"
#include "ui/row.h"
#include "ui/views/cells.h"
#include "ui/views/views.h"

enum {
    ID_SHOWN = 8,
    SAID_AT = 11,     // behind the blank of each line; what is too long goes on…
    SAID_INDENT = 13, // …under its text, one column in
    LABEL_INDENT = 10,
    REPORT_INDENT = 3,
    KEY_TEXT = 128,
    CONNECTED = 40,
};

// clang-format off
static const struct binding keys[] = {
    {'n',  "next",     "next, previous", "the next event, the previous one", .shown = "n P"},
    {'P',  "previous", NULL,             NULL},
    {'y',  "copy",     "copy",           NULL},
    {'\n', "open",     NULL,             "the selected IP, message or customer", .shown = "Enter"},
};
// clang-format on

static void title(struct page *p, const json_t *row)
{
    char word[FIGURE_TEXT];
    const char *message = row_text(row, "message"), *customer = row_text(row, "customer");
    line_add(&p->title, PEN_TITLE, " Conversation  %.*s  %s → %s", ID_SHOWN, message,
             *customer ? customer : "–", row_text(row, "recipient"));
    snprintf(p->side, sizeof(p->side), "%s", figure_loud(word, row_text(row, "kind")));
}

static const char *key_of(char out[KEY_TEXT], const char *kind, const char *name)
{
    snprintf(out, KEY_TEXT, "%s:%s", kind, name);
    return *name ? out : "";
}

// Who talked to whom; where nothing was said, over which IP it was to go.
static void peers(struct page *p, const json_t *row, const json_t *said)
{
    char key[KEY_TEXT];
    const char *ip = row_text(row, "ip"), *helo = row_text(said, "helo"),
               *host = row_text(said, "host"), *address = row_text(said, "address");
    int64_t port = row_count(said, "port");
    struct line *l = page_line(p, key_of(key, "ip", ip));
    line_str(l, PEN_NORMAL, *ip ? ip : "no IP of ours");
    if (*helo)
        line_add(l, PEN_NORMAL, " (%s)", helo);
    line_str(l, PEN_NORMAL, " → ");
    if (*host)
        line_add(l, PEN_NORMAL, "%s [%s]", host, address);
    else if (*address)
        line_str(l, PEN_NORMAL, address);
    else
        line_str(l, PEN_NORMAL, *row_text(row, "provider") ? row_text(row, "provider") : "–");
    if (port > 0)
        line_add(l, PEN_NORMAL, ":%lld", (long long)port);
}

// `connected 12:04:29.612Z`, of `2026-11-24T12:04:29.612Z`.
static void circumstances(struct page *p, const json_t *row, const json_t *said)
{
    char text[CONNECTED] = "", at[FIGURE_TEXT];
    const char *opened = row_text(said, "opened_at"), *t = strchr(opened, 'T');
    int64_t attempt = row_count(row, "attempt");
    struct line *l = page_line(p, NULL);
    if (attempt > 0)
        line_add(l, PEN_DIM, "attempt %lld, ", (long long)attempt);
    line_add(l, PEN_DIM, "%s%s%s", row_text(row, "stream"), *row_text(row, "list") ? " " : "",
             row_text(row, "list"));
    if (t)
        snprintf(text, sizeof(text), "connected %.*s", CONNECTED - 12, t + 1);
    else
        snprintf(text, sizeof(text), "at %s", figure_clock(at, outcome_time(row)));
    line_right(l, PEN_DIM, text, p->width - 1);
}

static const char *mark_of(const json_t *line)
{
    const char *by = row_text(line, "by");
    return strcmp(by, "we") == 0 ? ">" : strcmp(by, "they") == 0 ? "<" : "*";
}

// Is this line the answer that decided, or one of its lines? The reply has them joined by blanks.
static bool is_decisive(const json_t *line, const char *reply)
{
    const char *text = row_text(line, "text");
    size_t n = strlen(text), most = strlen(reply);
    bool is_theirs = strcmp(row_text(line, "by"), "we") != 0;
    while (n && text[n - 1] == ' ')
        n--;
    if (n > most)
        n = most; // the reply was cut
    return is_theirs && n > 3 && memmem(reply, most, text, n) != NULL;
}

static void say_line(struct page *p, const json_t *line, const char *key, bool is_bad)
{
    struct line head;
    int64_t ms = row_count(line, "ms");
    bool is_long = ms > 99999;
    line_clear(&head);
    if (ms >= 0)
        line_add(&head, PEN_DIM, "%5" PRId64 " %s", is_long ? ms / 1000 : ms,
                 is_long ? "s " : "ms");
    line_pad(&head, SAID_AT - 2);
    line_add(&head, PEN_KEY, "%s ", mark_of(line));
    page_fold(p, key, &head, SAID_INDENT, is_bad ? PEN_WARNING : PEN_NORMAL,
              row_text(line, "text"));
}

// The decisive answer can be selected, and is at first: it opens the message.
static void lines(struct page *p, const json_t *row, const json_t *said)
{
    char key[KEY_TEXT];
    const json_t *line;
    size_t i;
    bool is_first = true;
    const char *reply = row_text(row, "reply");
    key_of(key, "message", row_text(row, "message"));
    json_array_foreach(json_object_get(said, "lines"), i, line)
    {
        bool is_bad = is_decisive(line, reply);
        say_line(p, line, is_bad && is_first ? key : NULL, is_bad);
        if (is_bad && is_first && !p->selected[0])
            snprintf(p->selected, sizeof(p->selected), "%s", key);
        is_first &= !is_bad;
    }
}

static void report(struct page *p, const json_t *raw)
{
    const json_t *line;
    size_t i;
    struct line none;
    line_clear(&none);
    line_str(&none, PEN_NORMAL, " ");
    page_head(p, "the report, as it came");
    json_array_foreach(json_object_get(raw, "lines"), i, line)
    {
        const char *text = json_string_value(line);
        if (text && *text)
            page_fold(p, NULL, &none, REPORT_INDENT, PEN_NORMAL, text);
        else
            page_line(p, NULL);
    }
    page_line(p, NULL);
}

static void nothing(struct page *p, const json_t *row, const char *why)
{
    char key[KEY_TEXT];
    struct line head;
    const char *reply = row_text(row, "reply");
    page_line(p, NULL);
    line_clear(&head);
    page_fold(p, NULL, &head, 1, PEN_NORMAL, why);
    page_line(p, NULL);
    if (!*reply)
        return;
    line_str(&head, PEN_DIM, "answer");
    line_pad(&head, LABEL_INDENT - 1);
    page_fold(p, key_of(key, "message", row_text(row, "message")), &head, LABEL_INDENT, PEN_NORMAL,
              reply);
}

static void label(struct page *p, const char *key, const char *word, const char *text)
{
    struct line head;
    line_clear(&head);
    line_str(&head, PEN_DIM, word);
    line_pad(&head, LABEL_INDENT - 1);
    page_fold(p, key, &head, LABEL_INDENT, PEN_NORMAL, text);
}

static void reading(struct page *p, const json_t *read)
{
    char text[LINE_BYTES];
    const char *rule = row_maybe(read, "rule"), *now = row_maybe(read, "now");
    bool is_judged = row_flag(read, "judged");
    if (!is_judged && strcmp(row_text(read, "class"), "delivered") == 0)
        return;
    snprintf(text, sizeof(text), "%s, scope %s, phase %s%s%s", row_text(read, "class"),
             row_text(read, "scope"), row_text(read, "phase"),
             !is_judged ? ""
             : rule     ? "    rule "
                        : "    by its codes",
             is_judged && rule ? rule : "");
    label(p, NULL, "read as", text);
    if (!now)
        return;
    snprintf(text, sizeof(text), "%s, by the rules of now", now);
    label(p, NULL, "now", text);
}

static void build(struct page *p, const struct model *m, const json_t *object)
{
    char key[KEY_TEXT];
    const json_t *row = json_object_get(object, "row"),
                 *said = json_object_get(object, "conversation"),
                 *raw = json_object_get(object, "raw");
    const char *so = row_maybe(object, "so"), *counts = row_maybe(object, "counts");
    (void)m;
    title(p, row);
    peers(p, row, said);
    circumstances(p, row, said);
    if (json_is_object(said))
        lines(p, row, said);
    else if (json_is_object(raw))
        report(p, raw);
    else
        nothing(p, row, row_text(object, "none"));
    reading(p, json_object_get(object, "read"));
    if (so)
        label(p, NULL, "so", so);
    if (counts)
        label(p, key_of(key, "customer", row_text(row, "customer")), "counts", counts);
}

const struct view page_conversation = {.name = "conversation",
                                       .title = "Conversation",
                                       KEYS(keys),
                                       .build = build,
                                       .is_once = true,
                                       .is_of_row = true};
