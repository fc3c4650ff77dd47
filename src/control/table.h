/* A table: columns, and who fetches the rows. What a list or a feed asks (sort, filter, window) works
 * on any column of any table from this one code. Adding a table is a file in this room and a line in
 * table.c; adding a column is a row in that file. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "control/value.h"
#include "control/world.h"

struct filter;

enum table_by { TABLE_BY_PROVIDER, TABLE_BY_CUSTOMER, TABLE_BY_POOL };

/* The rows of one look, while it lasts. */
struct table_rows {
    struct world *world;
    usec_t now;       // wall
    enum table_by by; // of the queue
    void **items;     // what the table's columns know
    size_t n, room;
    void *shared; // the table's own, for all rows of this look; freed by `done`
};

struct column {
    const char *name; // as in docs/protocol.md
    void (*get)(const struct table_rows *rows, const void *row, struct value *v);
    const char *alias; // a shorter name for filter and sort, or NULL
    bool is_json;      // an object or array: neither sorted nor filtered
};

struct table {
    const char *name;
    const struct column *columns; // the first is `key`
    size_t columns_n;
    const char *order;   // sorted so when nobody says: columns with commas, `-` for largest first
    const char *implied; // a filter that holds unless a given one has a word of `unless`; or NULL
    const char *unless;  // fields, with blanks between
    void (*collect)(struct table_rows *rows);
    void (*done)(struct table_rows *rows); // frees items (not the array) and shared; NULL: borrowed
    /* The row of that key alone, for pages; NULL: by walking. */
    void *(*find)(struct table_rows *rows, const char *key);
};

/* The head of a getter. */
#define COLUMN(name)                                                                               \
    static void name(__attribute__((unused)) const struct table_rows *rows,                        \
                     __attribute__((unused)) const void *row, struct value *v)

/* The numbers of a ring of buckets as an array, oldest first: delivered a minute of the last hour, or
 * an hour of the last day. */
json_t *table_history_minutes(struct counter *c, usec_t now);
json_t *table_history_hours(struct counter *c, usec_t now);

extern const struct table table_status, table_incidents, table_ips, table_customers, table_queue,
    table_providers, table_events, table_log, table_unknown;

/* NULL when there is none. */
const struct table *table_get(const char *name);
void table_rows_add(struct table_rows *rows, void *item);

/* Rows of one answer, and bytes of them: an answer is a line. */
enum { TABLE_SORTS = 4, TABLE_LIMIT = 1000, TABLE_BYTES = 768 << 10 };

/* A checked question. */
struct table_query {
    const struct table *table;
    struct filter *filter; // owned, NULL: all
    struct {
        size_t column;
        bool is_descending;
    } sorts[TABLE_SORTS];
    size_t sorts_n;
    size_t offset, limit;
    enum table_by by;
};

/* Reads `table sort descending filter offset limit by`. 0, or 1 with *why (owned). */
int table_query_parse(struct table_query *q, const json_t *params, size_t limit_most, char **why);
void table_query_deinit(struct table_query *q);

/* Does a row that stands in no look match? (Outcomes on their way to followers.) */
bool table_match(const struct table_query *q, struct world *w, const void *row);

struct table_window {
    size_t total, matched;
    json_t *rows; // array of objects, owned
};
/* Answers it as of `now`: up to TABLE_BYTES of the window's rows. O(rows × columns asked); a window
 * near the front is not sorted beyond its end. */
void table_look(const struct table_query *q, struct world *w, usec_t now, struct table_window *out);
/* The same over these rows (borrowed) instead of the table's own. */
void table_look_at(const struct table_query *q, struct world *w, usec_t now, void **items, size_t n,
                   struct table_window *out);
/* One row by its key, or NULL. */
json_t *table_row(const struct table *t, struct world *w, usec_t now, enum table_by by,
                  const char *key);
