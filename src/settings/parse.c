#include "settings/parse.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "settings/value.h"

enum { SHOWN = 60 }; // bytes of a wrong value that a mistake repeats
#define MILLION 1e6  // a share's bounds are in millionths

static void *field(const struct schema_row *row, void *base)
{
    return (char *)base + row->at;
}

static void set_text(struct schema_reader *r, void *to, const char *text)
{
    *(const char **)to = arena_copy(r->keep, bytes_str(text));
}

static bool is_in_range(const struct schema_row *row, int64_t v)
{
    return !row->max || (v >= row->min && v <= row->max);
}

static bool parse_text(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    if (!*text || (row->is_right && !row->is_right(text)))
        return false;
    set_text(r, field(row, base), text);
    return true;
}

static bool parse_name(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    if (!text_is_name(text))
        return false;
    set_text(r, field(row, base), text);
    return true;
}

static bool parse_path(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    if (!*text)
        return false;
    *(const char **)field(row, base) =
        arena_printf(r->keep, "%s%s", *text == '/' ? "" : r->folder, text);
    return true;
}

static bool parse_domain(struct schema_reader *r, const struct schema_row *row, const char *text,
                         void *base)
{
    char domain[VALUE_DOMAIN];
    if (!value_parse_domain(domain, text))
        return false;
    set_text(r, field(row, base), domain);
    return true;
}

static bool parse_number(struct schema_reader *r, const struct schema_row *row, const char *text,
                         void *base)
{
    (void)r;
    int64_t v;
    if (!text_parse_number(&v, text, 0, UINT32_MAX) || !is_in_range(row, v))
        return false;
    *(uint32_t *)field(row, base) = (uint32_t)v;
    return true;
}

static bool parse_count(struct schema_reader *r, const struct schema_row *row, const char *text,
                        void *base)
{
    (void)r;
    int64_t v;
    if (!text_parse_number(&v, text, 0, INT64_MAX) || !is_in_range(row, v))
        return false;
    *(uint64_t *)field(row, base) = (uint64_t)v;
    return true;
}

// Bounds are whole numbers of 1 / unit.
static bool is_real_in_range(const struct schema_row *row, double v, double unit)
{
    return !row->max || (v * unit >= (double)row->min && v * unit <= (double)row->max);
}

static bool parse_real(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    (void)r;
    double v;
    if (!value_parse_real(&v, text) || !is_real_in_range(row, v, 1))
        return false;
    *(double *)field(row, base) = v;
    return true;
}

static bool parse_share(struct schema_reader *r, const struct schema_row *row, const char *text,
                        void *base)
{
    (void)r;
    double v;
    if (!value_parse_share(&v, text) || !is_real_in_range(row, v, MILLION))
        return false;
    *(double *)field(row, base) = v;
    return true;
}

static bool parse_port(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    (void)r;
    int64_t v;
    if (!text_parse_number(&v, text, 1, UINT16_MAX))
        return false;
    *(uint16_t *)field(row, base) = (uint16_t)v;
    return true;
}

static bool parse_size(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    (void)r;
    uint64_t v;
    if (!text_parse_size(&v, text) || v > INT64_MAX || !is_in_range(row, (int64_t)v))
        return false;
    *(uint64_t *)field(row, base) = v;
    return true;
}

static bool parse_duration(struct schema_reader *r, const struct schema_row *row, const char *text,
                           void *base)
{
    (void)r;
    usec_t v;
    if (!text_parse_duration(&v, text) || !is_in_range(row, v))
        return false;
    *(usec_t *)field(row, base) = v;
    return true;
}

static bool parse_rate(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    (void)r;
    uint32_t count = 0;
    usec_t per = USEC_SECOND;
    if (strcmp(text, "none") != 0 && !text_parse_rate(&count, &per, text))
        return false;
    *(uint32_t *)field(row, base) = count;
    *(usec_t *)(void *)((char *)base + row->also) = per;
    return true;
}

static bool parse_date(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    (void)r;
    return clock_parse_date(field(row, base), text);
}

static bool parse_ip(struct schema_reader *r, const struct schema_row *row, const char *text,
                     void *base)
{
    struct settings_address *a = field(row, base);
    char canonical[VALUE_ADDRESS];
    if (!value_parse_ip(a, text))
        return false;
    value_format_ip(canonical, a);
    set_text(r, &a->text, canonical);
    return true;
}

static bool parse_address(struct schema_reader *r, const struct schema_row *row, const char *text,
                          void *base)
{
    struct settings_address *a = field(row, base);
    if (!value_parse_address(a, text))
        return false;
    set_text(r, &a->text, text);
    return true;
}

static const struct schema_word *word_of(const struct schema_row *row, const char *text)
{
    for (size_t i = 0; i < row->words_n; i++)
        if (strcmp(row->words[i].text, text) == 0)
            return &row->words[i];
    return NULL;
}

static bool parse_flag(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    (void)r;
    const struct schema_word *word = word_of(row, text);
    if (word)
        *(bool *)field(row, base) = word->number;
    return word;
}

static bool parse_word(struct schema_reader *r, const struct schema_row *row, const char *text,
                       void *base)
{
    (void)r;
    const struct schema_word *word = word_of(row, text);
    if (word)
        *(unsigned *)field(row, base) = word->number;
    return word;
}

// clang-format off
static const struct type {
    const char *expected;
    bool (*parse)(struct schema_reader *r, const struct schema_row *row, const char *text, void *base);
    size_t size; // of a value that a row's word for zero may set
} types[] = {
    [SCHEMA_SECTION]  = {"a mapping (lines of `key: value`)", NULL},
    [SCHEMA_LIST]     = {"a list like [a, b]", NULL},
    [SCHEMA_TEXT]     = {"a text", parse_text},
    [SCHEMA_NAME]     = {"a name (a-z 0-9 . _ -, first a letter or digit, at most 63)", parse_name},
    [SCHEMA_PATH]     = {"a path", parse_path},
    [SCHEMA_DOMAIN]   = {"a domain name like out1.example.net", parse_domain},
    [SCHEMA_NUMBER]   = {"a whole number", parse_number, sizeof(uint32_t)},
    [SCHEMA_COUNT]    = {"a whole number", parse_count, sizeof(uint64_t)},
    [SCHEMA_REAL]     = {"a number like 9, 0.25 or 1e6", parse_real, sizeof(double)},
    [SCHEMA_SHARE]    = {"a share like 5% or 0.1%", parse_share, sizeof(double)},
    [SCHEMA_PORT]     = {"a port from 1 to 65535", parse_port},
    [SCHEMA_SIZE]     = {"a size like 50M", parse_size},
    [SCHEMA_DURATION] = {"a duration like 30s, 5m, 4h or 7d", parse_duration, sizeof(usec_t)},
    [SCHEMA_RATE]     = {"a rate like 100/h (/s /m /h /d), or `none`", parse_rate},
    [SCHEMA_DATE]     = {"a date like 2026-11-20", parse_date},
    [SCHEMA_IP]       = {"an IP address that a machine can have, without a port", parse_ip},
    [SCHEMA_ADDRESS]  = {"an address with a port like 127.0.0.1:25 or \"[::1]:25\"", parse_address},
    [SCHEMA_FLAG]     = {NULL, parse_flag},
    [SCHEMA_WORD]     = {NULL, parse_word},
};
// clang-format on

static void add_words(struct buf *b, const struct schema_row *row)
{
    for (size_t i = 0; i < row->words_n; i++)
        buf_printf(b, "%s`%s`",
                   i == 0                  ? ""
                   : i + 1 == row->words_n ? " or "
                                           : ", ",
                   row->words[i].text);
}

static void format_bound(char out[TEXT_VALUE], const struct schema_row *row, int64_t v)
{
    if (row->type == SCHEMA_DURATION)
        text_format_duration(out, v);
    else if (row->type == SCHEMA_SIZE)
        text_format_size(out, (uint64_t)v);
    else if (row->type == SCHEMA_SHARE)
        snprintf(out, TEXT_VALUE, "%g%%", (double)v / MILLION * 100);
    else if (row->type == SCHEMA_REAL)
        snprintf(out, TEXT_VALUE, "%g", (double)v);
    else
        snprintf(out, TEXT_VALUE, "%lld", (long long)v);
}

static void add_expected(struct buf *b, const struct schema_row *row)
{
    if (row->words)
        add_words(b, row);
    else
        buf_add_str(b, row->expected ? row->expected : types[row->type].expected);
    if (row->max) {
        char min[TEXT_VALUE], max[TEXT_VALUE];
        format_bound(min, row, row->min);
        format_bound(max, row, row->max);
        buf_printf(b, ", from %s to %s", min, max);
    }
    if (row->zero)
        buf_printf(b, ", or `%s`", row->zero);
    if (row->never)
        buf_printf(b, ", or `%s`", row->never);
}

static void add_got(struct buf *b, const struct tree_node *node)
{
    size_t n = node->kind == TREE_TEXT ? strlen(node->text) : 0;
    size_t shown = n <= SHOWN ? n : SHOWN;
    while (shown < n && shown > 0 && (node->text[shown] & 0xc0) == 0x80)
        shown--;
    if (node->kind != TREE_TEXT)
        buf_add_str(b, node->kind == TREE_LIST ? "a list" : "a mapping");
    else if (node->is_empty)
        buf_add_str(b, "nothing");
    else if (!n)
        buf_add_str(b, "an empty text");
    else
        buf_printf(b, "`%.*s%s`", (int)shown, node->text, shown < n ? "…" : "");
}

void parse_say_expected(struct schema_reader *r, const struct schema_row *row,
                        const struct tree_node *node)
{
    CLEANUP(buf_deinit) struct buf b = {0};
    add_expected(&b, row);
    buf_add_str(&b, ", got ");
    add_got(&b, node);
    schema_say(r, node, "expected %s", (char *)b.p);
}

static bool is_zero(const struct schema_row *row, const char *text)
{
    return row->zero && strcmp(row->zero, text) == 0;
}

static void set_zero(const struct schema_row *row, void *base)
{
    if (row->type == SCHEMA_NAME) {
        *(const char **)field(row, base) = "";
        return;
    }
    must(types[row->type].size);
    memset(field(row, base), 0, types[row->type].size);
}

bool parse_value(struct schema_reader *r, const struct schema_row *row,
                 const struct tree_node *node, void *base)
{
    must(types[row->type].parse);
    bool is_text = node->kind == TREE_TEXT && !node->is_empty;
    if (is_text && is_zero(row, node->text)) {
        set_zero(row, base);
        return true;
    }
    if (is_text && row->never && strcmp(row->never, node->text) == 0) {
        must(row->type == SCHEMA_DURATION);
        *(usec_t *)field(row, base) = USEC_NEVER;
        return true;
    }
    if (is_text && types[row->type].parse(r, row, node->text, base))
        return true;
    parse_say_expected(r, row, node);
    return false;
}
