#include "settings/schema.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "settings/parse.h"

static void read_section(struct schema_reader *r, const char *prefix, const struct tree_node *node,
                         void *base);

const char *schema_key(const struct schema_row *row)
{
    const char *dot = strrchr(row->path, '.');
    return dot ? dot + 1 : row->path;
}

static bool is_child(const struct schema_row *row, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(row->path, prefix, n) != 0 || (n && row->path[n] != '.'))
        return false;
    const char *rest = row->path + n + (n > 0);
    return *rest && !strchr(rest, '.');
}

static const struct schema_row *find_row(const struct schema_reader *r, const char *prefix,
                                         const char *key)
{
    for (size_t i = 0; i < r->schema->n; i++) {
        const struct schema_row *row = &r->schema->rows[i];
        if (is_child(row, prefix) && strcmp(schema_key(row), key) == 0)
            return row;
    }
    return NULL;
}

static bool is_entries(const struct schema_row *row)
{
    return strcmp(schema_key(row), "*") == 0 || strcmp(schema_key(row), "-") == 0;
}

bool schema_is_first(struct schema_reader *r, const struct tree_node *node, const char *kind,
                     const char *value, const struct tree_node *inside)
{
    CLEANUP(buf_deinit) struct buf name = {0};
    uintptr_t around = (uintptr_t)inside;
    buf_add(&name, &around, sizeof(around));
    buf_printf(&name, "%s %s", kind, value);
    const struct tree_node *first = map_get(&r->seen, buf_bytes(&name));
    if (!first) {
        map_put(&r->seen, buf_bytes(&name), (void *)node);
        return true;
    }
    schema_say(r, node, "%s `%s` is here again, the first is at %u:%u", kind, value, first->line,
               first->column);
    return false;
}

void schema_reader_deinit(struct schema_reader *r)
{
    map_deinit(&r->seen);
    arena_deinit(&r->scratch);
}

// `x`, `y` or `z` of all fixed keys below prefix.
static void say_unknown(struct schema_reader *r, const char *prefix, const struct tree_node *key)
{
    const char *known[64] = {0};
    size_t n = 0;
    CLEANUP(buf_deinit) struct buf all = {0};
    for (size_t i = 0; i < r->schema->n && n < ARRAY_LEN(known); i++)
        if (is_child(&r->schema->rows[i], prefix))
            known[n++] = schema_key(&r->schema->rows[i]);
    const char *nearest = text_nearest(key->text, known, n);
    if (nearest) {
        schema_say(r, key, "unknown key `%.60s`, did you mean `%s`?", key->text, nearest);
        return;
    }
    for (size_t i = 0; i < n; i++)
        buf_printf(&all, "%s`%s`", i == 0 ? "" : i + 1 == n ? " or " : ", ", known[i]);
    schema_say(r, key, "unknown key `%.60s`, expected %s", key->text, (char *)all.p);
}

static void read_scalar(struct schema_reader *r, const struct schema_row *row,
                        const struct tree_node *node, void *base)
{
    if (parse_value(r, row, node, base) && row->check)
        row->check(r, node, base);
}

static void read_list(struct schema_reader *r, const struct schema_row *row,
                      const struct tree_node *node, void *base);
static void read_node(struct schema_reader *r, const struct schema_row *row,
                      const struct tree_node *node, void *base);

// A bare text for a mapping with one key, said short. Made in memory that outlasts the reading of it,
// since nodes are remembered as places.
static void read_short(struct schema_reader *r, const struct schema_row *row,
                       const struct tree_node *node, void *element)
{
    struct tree_node *made = arena_new(&r->scratch, 3, sizeof(*made));
    struct tree_node *map = &made[0], *key = &made[1], *member = &made[2];
    *map = *key = *member = *node;
    map->kind = TREE_MAP;
    map->first = map->last = member;
    map->n = 1;
    key->text = row->shorthand;
    member->key = key;
    member->up = map;
    member->next = NULL;
    read_node(r, row, map, element);
}

static void read_node(struct schema_reader *r, const struct schema_row *row,
                      const struct tree_node *node, void *base)
{
    bool is_nothing = node->kind == TREE_TEXT && node->is_empty;
    if (node->is_broken && node->kind == TREE_TEXT)
        return;
    if (row->type != SCHEMA_SECTION && row->type != SCHEMA_LIST) {
        read_scalar(r, row, node, base);
        return;
    }
    bool is_section = row->type == SCHEMA_SECTION;
    if (row->shorthand && node->kind == TREE_TEXT && !is_nothing) {
        read_short(r, row, node, base);
        return;
    }
    if (node->kind != (is_section ? TREE_MAP : TREE_LIST) && !is_nothing) {
        parse_say_expected(r, row, node);
        return;
    }
    if (is_section)
        read_section(r, row->path, node, base);
    else
        read_list(r, row, node, base);
    if (row->check)
        row->check(r, node, base);
}

static void read_element(struct schema_reader *r, const struct schema_row *row,
                         const struct tree_node *node, void *element)
{
    if (row->init)
        row->init(r, node, element);
    read_node(r, row, node, element);
}

static bool is_own_key(const struct schema_reader *r, const char *prefix,
                       const struct tree_node *node)
{
    return node->key && find_row(r, prefix, node->key->text) && strcmp(node->key->text, "*") != 0;
}

// Makes the array of a row `*` or `-`: of all that is in `node` and no key of its own.
static void read_elements(struct schema_reader *r, const struct schema_row *row, const char *prefix,
                          const struct tree_node *node, void *base)
{
    char *array = arena_new(r->keep, node->n, row->item);
    size_t count = 0;
    for (const struct tree_node *child = node->first; child; child = child->next)
        if (!is_own_key(r, prefix, child))
            read_element(r, row, child, array + row->item * count++);
    *(void **)(void *)((char *)base + row->array) = array;
    *(size_t *)(void *)((char *)base + row->count) = count;
    if (!count && row->needs_one && !node->is_broken && !r->is_cut)
        schema_say(r, node, "nothing here, expected at least one: %s", row->help);
}

static void read_list(struct schema_reader *r, const struct schema_row *row,
                      const struct tree_node *node, void *base)
{
    CLEANUP(xfree) char *path = xasprintf("%s.-", row->path);
    const struct schema_row *items = NULL;
    for (size_t i = 0; i < r->schema->n && !items; i++)
        if (strcmp(r->schema->rows[i].path, path) == 0)
            items = &r->schema->rows[i];
    must(items);
    read_elements(r, items, row->path, node, base);
}

// A key that is not there: its default, or the keys below it with theirs.
static void read_default(struct schema_reader *r, const struct schema_row *row,
                         const struct tree_node *around, void *base)
{
    struct tree_node none = {.kind = row->type == SCHEMA_LIST ? TREE_LIST : TREE_MAP,
                             .line = around->line,
                             .column = around->column};
    if (row->is_required) {
        if (!r->is_cut && !around->is_broken)
            schema_say(r, around, "`%s` is missing, expected %s", schema_key(row), row->help);
        return;
    }
    if (row->type == SCHEMA_SECTION) {
        read_section(r, row->path, &none, base);
    } else if (row->type != SCHEMA_LIST && row->fallback && !*row->fallback) {
        *(const char **)(void *)((char *)base + row->at) = "";
    } else if (row->fallback) {
        none.kind = TREE_TEXT;
        none.text = row->fallback;
        must(parse_value(r, row, &none, base));
    }
}

static void read_section(struct schema_reader *r, const char *prefix, const struct tree_node *node,
                         void *base)
{
    bool may_be_any = find_row(r, prefix, "*");
    for (const struct tree_node *child = node->first; child && !may_be_any; child = child->next)
        if (!find_row(r, prefix, child->key->text))
            say_unknown(r, prefix, child->key);
    for (size_t i = 0; i < r->schema->n; i++) {
        const struct schema_row *row = &r->schema->rows[i];
        if (!is_child(row, prefix))
            continue;
        const struct tree_node *member =
            is_entries(row) ? NULL : tree_member(node, schema_key(row));
        if (is_entries(row))
            read_elements(r, row, prefix, node, base);
        else if (member)
            read_node(r, row, member, base);
        else
            read_default(r, row, node, base);
    }
}

void schema_read(struct schema_reader *r, const struct tree_node *root, void *base)
{
    static const struct tree_node nothing = {.kind = TREE_MAP, .line = 1, .column = 1};
    bool is_nothing = !root || (root->kind == TREE_TEXT && root->is_empty);
    struct tree_node top = is_nothing ? nothing : *root;
    if (top.kind != TREE_MAP) {
        if (!top.is_broken)
            schema_say(r, &top, "expected a mapping (lines of `key: value`), got a %s",
                       top.kind == TREE_LIST ? "list" : "text");
        r->is_cut = true; // told once: not that each key is missing too
        top = nothing;
    }
    top.line = top.column = 1; // where a missing key is told
    read_section(r, "", &top, base);
}
