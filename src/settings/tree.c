#include "settings/tree.h"

#include <limits.h>
#include <string.h>

#include <yaml.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"

struct builder {
    yaml_parser_t parser;
    struct tree *tree;
    struct mistakes *mistakes;
    unsigned file;
    struct bytes text;      // without its tabs
    bool is_shifted;        // by tabs, which are told: broken nesting is their fault
    struct tree_node *open; // innermost list or map
    struct tree_node *key;  // of the open map, waiting for its value
    unsigned depth, documents;
    size_t nodes;
    struct map members; // (map, key) → node: finds duplicates
};

#define say(b, node, ...)                                                                          \
    mistakes_add((b)->mistakes, (b)->file, (node)->line, (node)->column, __VA_ARGS__)

static unsigned place(size_t from_zero)
{
    return from_zero < UINT_MAX - 1 ? (unsigned)from_zero + 1 : UINT_MAX;
}

static struct tree_node *node_new(struct builder *b, enum tree_kind kind,
                                  const struct tree_node *at)
{
    struct tree_node *node = arena_new(&b->tree->arena, 1, sizeof(*node));
    node->kind = kind;
    node->line = at->line;
    node->column = at->column;
    node->up = b->open;
    return node;
}

static bool is_first_of_its_name(struct builder *b, struct tree_node *key)
{
    CLEANUP(buf_deinit) struct buf name = {0};
    uintptr_t around = (uintptr_t)b->open;
    buf_add(&name, &around, sizeof(around));
    buf_add_str(&name, key->text);
    const struct tree_node *first = map_get(&b->members, buf_bytes(&name));
    if (first)
        say(b, key, "`%.60s` is here again, the first is at %u:%u", key->text, first->line,
            first->column);
    else
        map_put(&b->members, buf_bytes(&name), key);
    return !first;
}

static void append(struct tree_node *around, struct tree_node *node)
{
    if (around->last)
        around->last->next = node;
    else
        around->first = node;
    around->last = node;
    around->n++;
}

static void attach_member(struct builder *b, struct tree_node *value)
{
    struct tree_node *key = MOVE(b->key);
    value->key = key;
    if (!key->is_broken && is_first_of_its_name(b, key))
        append(b->open, value);
}

static void attach(struct builder *b, struct tree_node *node)
{
    if (!b->open)
        b->tree->root = node;
    else if (b->open->kind == TREE_LIST)
        append(b->open, node);
    else if (b->key)
        attach_member(b, node);
    else
        b->key = node; // in a map a key comes first, its value follows
}

static bool refuse_extras(struct builder *b, struct tree_node *node, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    if (anchor)
        say(b, node, "an anchor (`&%.60s`), expected the value itself: each is written once",
            (const char *)anchor);
    if (tag)
        say(b, node, "a tag (`%.60s`), expected the value alone", (const char *)tag);
    return anchor || tag;
}

static bool has_control_characters(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0x20 || p[i] == 0x7f)
            return true;
    return false;
}

static void on_scalar(struct builder *b, const yaml_event_t *e, struct tree_node *node)
{
    const uint8_t *p = e->data.scalar.value;
    size_t n = e->data.scalar.length;
    node->is_broken = refuse_extras(b, node, e->data.scalar.anchor, e->data.scalar.tag);
    node->is_empty = !n && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (n > TREE_SCALAR)
        say(b, node, "a text of %zu bytes, expected at most %d", n, TREE_SCALAR);
    else if (has_control_characters(p, n))
        say(b, node, "a text with line ends or control characters, expected one line");
    else
        node->text = arena_copy(&b->tree->arena, bytes_of(p, n));
    if (!node->text) {
        node->text = "";
        node->is_broken = true;
    }
    attach(b, node);
}

// An alias may stand for anything: it takes its place and nothing more is said of it.
static void on_alias(struct builder *b, const yaml_event_t *e, struct tree_node *node)
{
    say(b, node,
        "an alias (`*%.60s`), expected the value itself; a text with `*` is written in quotes",
        (const char *)e->data.alias.anchor);
    node->is_broken = true;
    node->text = "";
    attach(b, node);
}

static bool on_open(struct builder *b, const yaml_char_t *anchor, const yaml_char_t *tag,
                    struct tree_node *node)
{
    const char *what = node->kind == TREE_LIST ? "list" : "mapping";
    node->is_broken = refuse_extras(b, node, anchor, tag);
    if (++b->depth > TREE_DEPTH) {
        say(b, node, "nested deeper than %d levels", TREE_DEPTH);
        return false;
    }
    if (b->open && b->open->kind == TREE_MAP && !b->key) {
        say(b, node, "expected a key like `name:`, got a %s", what);
        return false;
    }
    attach(b, node);
    b->open = node;
    return true;
}

static bool on_document(struct builder *b, const struct tree_node *at)
{
    if (++b->documents == 1)
        return true;
    say(b, at, "a second document, expected one");
    return false;
}

// Takes in one event. False: nothing more is to be read.
static bool on_event(struct builder *b, const yaml_event_t *e)
{
    struct tree_node at = {.line = place(e->start_mark.line),
                           .column = place(e->start_mark.column)};
    struct tree_node *node = NULL;
    if (e->type == YAML_SCALAR_EVENT || e->type == YAML_ALIAS_EVENT)
        node = node_new(b, TREE_TEXT, &at);
    else if (e->type == YAML_SEQUENCE_START_EVENT)
        node = node_new(b, TREE_LIST, &at);
    else if (e->type == YAML_MAPPING_START_EVENT)
        node = node_new(b, TREE_MAP, &at);
    if (node && ++b->nodes > TREE_NODES) {
        say(b, node, "more than %d values in one file", TREE_NODES);
        return false;
    }
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(b, e, node);
        return true;
    case YAML_ALIAS_EVENT:
        on_alias(b, e, node);
        return true;
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, e->data.sequence_start.anchor, e->data.sequence_start.tag, node);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, e->data.mapping_start.anchor, e->data.mapping_start.tag, node);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        b->open = b->open->up;
        return true;
    case YAML_DOCUMENT_START_EVENT:
        return on_document(b, &at);
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_NO_EVENT:
        return true;
    case YAML_STREAM_END_EVENT:
        return false;
    }
    return false;
}

// The place of a byte, counted as libyaml does: columns are characters.
static void find_place(struct tree_node *at, struct bytes text, size_t offset)
{
    size_t line = 0, column = 0;
    for (size_t i = 0; i < text.n && i < offset; i++) {
        if (text.p[i] == '\n') {
            line++;
            column = 0;
        } else if ((text.p[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    at->line = place(line);
    at->column = place(column);
}

// What libyaml says is for those who know its inside; the usual cause is said in our words.
// `index` counts characters.
static const char *hint(struct bytes text, size_t index)
{
    size_t i = 0, seen = 0;
    while (i < text.n && (seen += (text.p[i] & 0xc0) != 0x80) <= index)
        i++;
    uint8_t at = i < text.n ? text.p[i] : 0, before = i > 0 ? text.p[i - 1] : 0;
    bool is_special = at && strchr("@`%*&!", at);
    return is_special || before == '*' || before == '&'
               ? "; a text that begins with one of @ ` % * & ! needs quotes"
               : "";
}

static void on_syntax_error(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    must(p->error != YAML_MEMORY_ERROR);
    b->tree->is_cut = true;
    if (b->is_shifted)
        return;
    struct tree_node at = {.line = place(p->problem_mark.line),
                           .column = place(p->problem_mark.column)};
    const char *problem = p->problem ? p->problem : "it can't be read";
    if (p->error == YAML_READER_ERROR) {
        find_place(&at, b->text, p->problem_offset);
        say(b, &at, "%s, expected plain text in UTF-8", problem);
    } else if (p->context) {
        say(b, &at, "this is no YAML: %s %s that begins at %u:%u%s", problem, p->context,
            place(p->context_mark.line), place(p->context_mark.column),
            hint(b->text, p->problem_mark.index));
    } else {
        say(b, &at, "this is no YAML: %s%s", problem, hint(b->text, p->problem_mark.index));
    }
}

static void read_events(struct builder *b)
{
    bool goes_on = true;
    while (goes_on) {
        yaml_event_t e;
        if (!yaml_parser_parse(&b->parser, &e)) {
            on_syntax_error(b);
            return;
        }
        goes_on = on_event(b, &e);
        if (!goes_on && e.type != YAML_STREAM_END_EVENT)
            b->tree->is_cut = e.type != YAML_DOCUMENT_START_EVENT;
        yaml_event_delete(&e);
    }
}

// Tabs would shift what is nested in what. Each line's first is told, and all read as blanks, so
// that the rest of the file can be checked too.
static void blank_tabs(struct builder *b, uint8_t *text, size_t n)
{
    struct tree_node at = {.line = 1, .column = 1};
    unsigned told_line = 0;
    bool is_indent = true;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\t') {
            text[i] = ' ';
            if (told_line != at.line)
                say(b, &at, "a tab, expected blanks");
            told_line = at.line;
            b->is_shifted = b->is_shifted || is_indent;
        }
        is_indent = text[i] == '\n' || (is_indent && text[i] == ' ');
        at.column += (text[i] & 0xc0) != 0x80;
        if (text[i] == '\n') {
            at.line++;
            at.column = 1;
        }
    }
}

void tree_load(struct tree *t, struct bytes text, struct mistakes *m, unsigned file)
{
    *t = (struct tree){0};
    if (text.n > TREE_BYTES) {
        mistakes_add(m, file, 1, 1, "a file larger than %d bytes", TREE_BYTES);
        t->is_cut = true;
        return;
    }
    static const char mark[] = "\xef\xbb\xbf"; // some editors begin a file so
    if (text.n >= 3 && memcmp(text.p, mark, 3) == 0)
        text = bytes_skip(text, 3);
    CLEANUP(xfree) char *copy = xmemdup0(text.p, text.n);
    struct builder b = {.tree = t, .mistakes = m, .file = file, .text = bytes_of(copy, text.n)};
    blank_tabs(&b, (uint8_t *)copy, text.n);
    must(yaml_parser_initialize(&b.parser));
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)copy, text.n);
    read_events(&b);
    yaml_parser_delete(&b.parser);
    map_deinit(&b.members);
}

void tree_deinit(struct tree *t)
{
    arena_deinit(&t->arena);
    *t = (struct tree){0};
}

const struct tree_node *tree_member(const struct tree_node *map, const char *key)
{
    if (!map || map->kind != TREE_MAP)
        return NULL;
    for (const struct tree_node *node = map->first; node; node = node->next)
        if (strcmp(node->key->text, key) == 0)
            return node;
    return NULL;
}
