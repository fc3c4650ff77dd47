#include "control/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/filter.h"
#include "remote/protocol.h"

static const struct table *const tables[] = {
    &table_status,    &table_incidents, &table_ips, &table_customers, &table_queue,
    &table_providers, &table_events,    &table_log, &table_unknown,
};

const struct table *table_get(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        if (strcmp(tables[i]->name, name) == 0)
            return tables[i];
    return NULL;
}

void table_rows_add(struct table_rows *rows, void *item)
{
    if (rows->n == rows->room) {
        rows->room = rows->room ? 2 * rows->room : 64;
        rows->items = xrealloc(rows->items, rows->room, sizeof(*rows->items));
    }
    rows->items[rows->n++] = item;
}

static int column_find(const void *ctx, const char *name)
{
    const struct table *t = ctx;
    for (size_t i = 0; i < t->columns_n; i++)
        if (strcmp(t->columns[i].name, name) == 0 ||
            (t->columns[i].alias && strcmp(t->columns[i].alias, name) == 0))
            return (int)i;
    return -1;
}

static const char *column_name(const void *ctx, size_t i)
{
    const struct table *t = ctx;
    return i < t->columns_n ? t->columns[i].name : NULL;
}

static char *unknown(const char *what, const char *word, const char *const *words, size_t n)
{
    CLEANUP(xfree) char *shown = text_visible_new(bytes_of(word, strnlen(word, 80)));
    const char *near = text_nearest(shown, words, n);
    return xasprintf("no %s `%s`%s%s", what, shown, near ? "; nearest: " : "", near ? near : "");
}

static char *unknown_table(const char *name)
{
    const char *names[ARRAY_LEN(tables)];
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        names[i] = tables[i]->name;
    return unknown("table", name, names, ARRAY_LEN(names));
}

static char *unknown_column(const struct table *t, const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (; n < t->columns_n && n < ARRAY_LEN(names); n++)
        names[n] = t->columns[n].name;
    return unknown("column", name, names, n);
}

// `-standing,id`
static int parse_sort(struct table_query *q, const char *text, bool is_descending, char **why)
{
    while (*text && q->sorts_n < TABLE_SORTS) {
        bool is_reversed = *text == '-';
        text += is_reversed;
        size_t n = strcspn(text, ",");
        CLEANUP(xfree) char *name = xmemdup0(text, n);
        int column = column_find(q->table, name);
        if (column < 0) {
            *why = unknown_column(q->table, name);
            return 1;
        }
        q->sorts[q->sorts_n].column = (size_t)column;
        q->sorts[q->sorts_n++].is_descending = is_reversed != is_descending;
        text += n + (text[n] == ',');
    }
    return 0;
}

// Does the filter speak of one of these fields?
static bool speaks_of(const char *text, const char *fields)
{
    for (const char *f = fields; *f; f += strcspn(f, " "), f += strspn(f, " ")) {
        size_t n = strcspn(f, " ");
        for (const char *at = text; (at = strchr(at, *f)); at++)
            if (strncasecmp(at, f, n) == 0 && at[n] && strchr(":<>", at[n]) &&
                (at == text || strchr(" \t!", at[-1])))
                return true;
    }
    return false;
}

static int parse_filter(struct table_query *q, const char *given, char **why)
{
    bool is_implied = q->table->implied && !speaks_of(given, q->table->unless);
    CLEANUP(xfree)
    char *text = is_implied ? xasprintf("%s %s", given, q->table->implied) : xstrdup(given);
    struct filter_fields fields = {.find = column_find, .name = column_name, .ctx = q->table};
    CLEANUP(xfree) char *what = NULL;
    unsigned column;
    if (!filter_parse(&q->filter, text, &fields, &column, &what))
        return 0;
    CLEANUP(xfree) char *shown = text_visible_new(bytes_str(what));
    *why = xasprintf("filter, column %u: %s", column, shown);
    return 1;
}

static int parse_number(size_t *v, const json_t *params, const char *key, size_t otherwise,
                        size_t most, char **why)
{
    const json_t *given = json_object_get(params, key);
    json_int_t n = json_is_integer(given) ? json_integer_value(given) : -1;
    *v = otherwise;
    if (!given || json_is_null(given))
        return 0;
    if (n < 0 || n > (json_int_t)most) {
        *why = xasprintf("%s: expected a number up to %zu", key, most);
        return 1;
    }
    *v = (size_t)n;
    return 0;
}

static int parse_by(struct table_query *q, const char *by, char **why)
{
    static const char *const words[] = {"provider", "customer", "pool"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i], by) == 0) {
            q->by = (enum table_by)i;
            return 0;
        }
    }
    *why = xstrdup("by: expected provider, customer or pool");
    return 1;
}

int table_query_parse(struct table_query *q, const json_t *params, size_t limit_most, char **why)
{
    const char *name = protocol_get_text(params, "table", "");
    const char *sort = protocol_get_text(params, "sort", "");
    *q = (struct table_query){.table = table_get(name)};
    if (!q->table) {
        *why = unknown_table(name);
        return 1;
    }
    return parse_sort(q, sort[0] ? sort : q->table->order, protocol_get_flag(params, "descending"),
                      why) ||
           parse_filter(q, protocol_get_text(params, "filter", ""), why) ||
           parse_by(q, protocol_get_text(params, "by", "provider"), why) ||
           parse_number(&q->offset, params, "offset", 0, 1000000000, why) ||
           parse_number(&q->limit, params, "limit", limit_most, limit_most, why);
}

void table_query_deinit(struct table_query *q)
{
    q->filter = filter_free(q->filter);
}

json_t *table_history_minutes(struct counter *c, usec_t now)
{
    json_t *a = json_array();
    int64_t minute = now / USEC_MINUTE;
    counter_hour(c, COUNTER_DELIVERED, now); // moves the ring on
    for (int64_t i = minute - COUNTER_MINUTES + 1; i <= minute; i++)
        json_array_append_new(a, json_integer(c->minutes[i % COUNTER_MINUTES][COUNTER_DELIVERED]));
    return a;
}

json_t *table_history_hours(struct counter *c, usec_t now)
{
    json_t *a = json_array();
    int64_t hour = now / USEC_HOUR;
    counter_day(c, COUNTER_DELIVERED, now);
    for (int64_t i = hour - COUNTER_HOURS + 1; i <= hour; i++)
        json_array_append_new(a, json_integer(c->hours[i % COUNTER_HOURS][COUNTER_DELIVERED]));
    return a;
}

struct row_ref {
    const struct table *table;
    const struct table_rows *rows;
    const void *row;
};

static bool get_text_field(void *ctx, size_t i, struct value *v)
{
    const struct row_ref *r = ctx;
    if (i >= r->table->columns_n)
        return false;
    if (!r->table->columns[i].is_json)
        r->table->columns[i].get(r->rows, r->row, v);
    return true;
}

// A row with what it is sorted by.
struct sortable {
    void *row;
    size_t place; // equal ones keep their order
    struct {
        bool is_none;
        double number;
        char *text;
    } keys[TABLE_SORTS];
};

static int compare_key(const struct sortable *a, const struct sortable *b, size_t i)
{
    if (a->keys[i].text && b->keys[i].text)
        return strcmp(a->keys[i].text, b->keys[i].text);
    return (a->keys[i].number > b->keys[i].number) - (a->keys[i].number < b->keys[i].number);
}

static int compare(const void *x, const void *y, void *ctx)
{
    const struct table_query *q = ctx;
    const struct sortable *a = x, *b = y;
    for (size_t i = 0; i < q->sorts_n; i++) {
        if (a->keys[i].is_none != b->keys[i].is_none)
            return a->keys[i].is_none ? 1 : -1; // unknown stands last either way
        int r = a->keys[i].is_none ? 0 : compare_key(a, b, i);
        if (r)
            return q->sorts[i].is_descending ? -r : r;
    }
    return (a->place > b->place) - (a->place < b->place);
}

static void take_keys(struct sortable *s, const struct table_query *q,
                      const struct table_rows *rows)
{
    for (size_t i = 0; i < q->sorts_n; i++) {
        struct value v = {.type = VALUE_NONE};
        q->table->columns[q->sorts[i].column].get(rows, s->row, &v);
        s->keys[i].is_none = v.type == VALUE_NONE || v.type == VALUE_JSON;
        s->keys[i].number = v.number;
        if (v.type == VALUE_TEXT)
            s->keys[i].text = xstrdup(v.text);
        value_deinit(&v);
    }
}

static json_t *row_json(const struct table *t, const struct table_rows *rows, const void *row)
{
    json_t *object = json_object();
    for (size_t i = 0; i < t->columns_n; i++) {
        struct value v = {.type = VALUE_NONE};
        t->columns[i].get(rows, row, &v);
        json_object_set_new(object, t->columns[i].name, value_take_json(&v));
    }
    return object;
}

static void forget_keys(struct sortable *s, const struct table_query *q)
{
    for (size_t i = 0; i < q->sorts_n; i++)
        xfree(s->keys[i].text);
}

// Keeps the first `room` in order: a small window of many rows needs no full sort.
static void keep_first(struct sortable *first, size_t *n, size_t room, struct sortable *s,
                       const struct table_query *q)
{
    if (*n == room && compare(s, &first[room - 1], (void *)q) > 0) {
        forget_keys(s, q);
        return;
    }
    size_t low = 0, high = *n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(s, &first[middle], (void *)q) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (*n == room)
        forget_keys(&first[--*n], q);
    memmove(&first[low + 1], &first[low], (*n - low) * sizeof(*first));
    first[low] = *s;
    ++*n;
}

enum { FEW = 512 }; // rows up to which an ordered window beats sorting all

// The rows that match, those of the window in order; *n of them are there.
static struct sortable *match_all(const struct table_query *q, const struct table_rows *rows,
                                  size_t *n, size_t *matched)
{
    size_t wanted = q->offset + q->limit;
    bool is_few = wanted <= FEW;
    size_t room = is_few ? wanted : rows->n;
    struct sortable *found = xcalloc(room + 1, sizeof(*found));
    *n = *matched = 0;
    for (size_t i = 0; i < rows->n; i++) {
        struct row_ref ref = {.table = q->table, .rows = rows, .row = rows->items[i]};
        if (!filter_match(q->filter, get_text_field, &ref))
            continue;
        struct sortable s = {.row = rows->items[i], .place = i};
        ++*matched;
        if (!room)
            continue;
        take_keys(&s, q, rows);
        if (is_few)
            keep_first(found, n, room, &s, q);
        else
            found[(*n)++] = s;
    }
    if (!is_few)
        qsort_r(found, *n, sizeof(*found), compare, (void *)q);
    return found;
}

bool table_match(const struct table_query *q, struct world *w, const void *row)
{
    struct table_rows rows = {.world = w};
    struct row_ref ref = {.table = q->table, .rows = &rows, .row = row};
    return filter_match(q->filter, get_text_field, &ref);
}

static void rows_done(const struct table *t, struct table_rows *rows)
{
    if (t->done)
        t->done(rows);
    xfree(rows->items);
}

static void look(const struct table_query *q, const struct table_rows *rows,
                 struct table_window *out)
{
    size_t n, bytes = 0;
    struct sortable *found = match_all(q, rows, &n, &out->matched);
    out->total = rows->n;
    out->rows = json_array();
    for (size_t i = q->offset; i < n && i - q->offset < q->limit && bytes < TABLE_BYTES; i++) {
        json_t *row = row_json(q->table, rows, found[i].row);
        bytes += json_dumpb(row, NULL, 0, JSON_COMPACT);
        json_array_append_new(out->rows, row);
    }
    for (size_t i = 0; i < n; i++)
        forget_keys(&found[i], q);
    xfree(found);
}

void table_look(const struct table_query *q, struct world *w, usec_t now, struct table_window *out)
{
    struct table_rows rows = {.world = w, .now = now, .by = q->by};
    q->table->collect(&rows);
    look(q, &rows, out);
    rows_done(q->table, &rows);
}

void table_look_at(const struct table_query *q, struct world *w, usec_t now, void **items, size_t n,
                   struct table_window *out)
{
    struct table_rows rows = {.world = w, .now = now, .items = items, .n = n};
    look(q, &rows, out);
}

static void *walk(const struct table *t, const struct table_rows *rows, const char *key)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct value v = {.type = VALUE_NONE};
        t->columns[0].get(rows, rows->items[i], &v);
        bool is_it = v.type == VALUE_TEXT && strcmp(v.text, key) == 0;
        value_deinit(&v);
        if (is_it)
            return rows->items[i];
    }
    return NULL;
}

json_t *table_row(const struct table *t, struct world *w, usec_t now, enum table_by by,
                  const char *key)
{
    struct table_rows rows = {.world = w, .now = now, .by = by};
    if (!t->find)
        t->collect(&rows);
    void *row = t->find ? t->find(&rows, key) : walk(t, &rows, key);
    json_t *object = row ? row_json(t, &rows, row) : NULL;
    rows_done(t, &rows);
    return object;
}
