#include "store/suppress_bucket.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"

enum { PROVIDERS = UINT16_MAX };

_Static_assert(sizeof(struct suppression) == 24 && sizeof(struct packed) == 32,
               "they are on disk as they are in memory");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "so they are on disk");

// ---- reading

void bucket_deinit(struct bucket *b)
{
    xfree(b->all);
    *b = (struct bucket){.all = NULL};
}

uint32_t bucket_of(uint64_t key)
{
    return (uint32_t)(key >> (64 - BUCKET_BITS));
}

static void make_room(struct bucket *b, size_t n)
{
    if (n <= b->room)
        return;
    size_t doubled = b->room ? 2 * b->room : 64;
    b->room = doubled < n ? n : doubled;
    b->all = xrealloc(b->all, b->room, sizeof(*b->all));
}

static void bucket_add(struct bucket *b, const struct packed *p)
{
    make_room(b, b->n + 1);
    b->all[b->n++] = *p;
}

void bucket_take(struct bucket *b, sqlite3_stmt *row)
{
    const void *p = sqlite3_column_blob(row, 0); // before its length; not aligned
    b->n = (size_t)sqlite3_column_bytes(row, 0) / sizeof(*b->all);
    make_room(b, b->n);
    if (b->n)
        memcpy(b->all, p, b->n * sizeof(*b->all));
}

void bucket_read(struct bucket *b, struct db *d, uint32_t no)
{
    sqlite3_stmt *st =
        db_query(d, "SELECT entries FROM suppress_bucket WHERE no=?", "i", (int64_t)no);
    b->n = 0;
    while (db_step(d, st))
        bucket_take(b, st);
}

static int order_of(const struct suppression *a, const struct suppression *b)
{
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->owner > b->owner) - (a->owner < b->owner);
}

const struct packed *bucket_get(const struct bucket *b, uint64_t key, uint32_t owner)
{
    const struct suppression wanted = {.key = key, .owner = owner};
    size_t from = 0, to = b->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (order_of(&b->all[middle].s, &wanted) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from < b->n && order_of(&b->all[from].s, &wanted) == 0 ? &b->all[from] : NULL;
}

// ---- changing

void bucket_changes_deinit(struct bucket_changes *c)
{
    xfree(c->all);
    *c = (struct bucket_changes){.all = NULL};
}

void bucket_changes_drop(struct bucket_changes *c)
{
    c->n = 0;
}

static struct bucket_change *change_add(struct bucket_changes *c)
{
    if (c->n == c->room) {
        c->room = c->room ? 2 * c->room : 256;
        c->all = xrealloc(c->all, c->room, sizeof(*c->all));
    }
    struct bucket_change *change = &c->all[c->n];
    *change = (struct bucket_change){.order = (uint32_t)c->n++};
    return change;
}

void bucket_put(struct writer *w, const struct packed *p)
{
    change_add(&w->suppress)->p = *p;
}

void bucket_remove(struct writer *w, uint64_t key, uint32_t owner)
{
    struct bucket_change *change = change_add(&w->suppress);
    change->p.s = (struct suppression){.key = key, .owner = owner};
    change->is_removal = true;
}

static int compare(const void *a, const void *b)
{
    const struct bucket_change *x = a, *y = b;
    int order = order_of(&x->p.s, &y->p.s);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void forget_row(struct writer *w, uint64_t row)
{
    db_run(&w->db, "DELETE FROM suppressed WHERE id=?", "i", (int64_t)row);
}

// The changes of one key and owner: the last one counts, rows of those before it are over.
static void take_change(struct writer *w, struct bucket *fresh, const struct bucket_change *all,
                        size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (!all[i].is_removal)
            forget_row(w, all[i].p.row);
    if (!all[n - 1].is_removal)
        bucket_add(fresh, &all[n - 1].p);
}

static size_t same(const struct bucket_change *all, size_t n)
{
    size_t same = 1;
    while (same < n && order_of(&all[same].p.s, &all[0].p.s) == 0)
        same++;
    return same;
}

// Both are in order: what is there, and what changes.
static void merge(struct writer *w, struct bucket *fresh, const struct bucket *there,
                  const struct bucket_change *all, size_t n)
{
    size_t i = 0;
    for (size_t k = 0; k < n;) {
        size_t run = same(all + k, n - k);
        while (i < there->n && order_of(&there->all[i].s, &all[k].p.s) < 0)
            bucket_add(fresh, &there->all[i++]);
        if (i < there->n && order_of(&there->all[i].s, &all[k].p.s) == 0)
            forget_row(w, there->all[i++].row);
        take_change(w, fresh, all + k, run);
        k += run;
    }
    while (i < there->n)
        bucket_add(fresh, &there->all[i++]);
}

static void bucket_write(struct db *d, uint32_t no, const struct bucket *b)
{
    if (b->n)
        db_run(d, "INSERT OR REPLACE INTO suppress_bucket VALUES(?,?)", "ib", (int64_t)no, b->all,
               (int)(b->n * sizeof(*b->all)));
    else
        db_run(d, "DELETE FROM suppress_bucket WHERE no=?", "i", (int64_t)no);
}

void bucket_flush(struct writer *w)
{
    struct bucket_changes *c = &w->suppress;
    struct bucket there = {0}, fresh = {0};
    int64_t more = 0;
    if (!c->n)
        return;
    qsort(c->all, c->n, sizeof(*c->all), compare);
    for (size_t i = 0, n; i < c->n; i += n) {
        uint32_t no = bucket_of(c->all[i].p.s.key);
        n = 1;
        while (i + n < c->n && bucket_of(c->all[i + n].p.s.key) == no)
            n++;
        bucket_read(&there, &w->db, no);
        fresh.n = 0;
        merge(w, &fresh, &there, c->all + i, n);
        bucket_write(&w->db, no, &fresh);
        more += (int64_t)fresh.n - (int64_t)there.n;
    }
    db_run(&w->db, "UPDATE suppress SET n=n+?", "i", more);
    bucket_deinit(&there);
    bucket_deinit(&fresh);
    bucket_changes_drop(c);
}

// ---- what there is once

static void name_add(struct suppressor *s, const char *name)
{
    if (s->names_n == s->names_room) {
        s->names_room = s->names_room ? 2 * s->names_room : 16;
        s->names = xrealloc(s->names, s->names_room, sizeof(*s->names));
    }
    s->names[s->names_n++] = xstrdup(name);
}

uint16_t suppressor_number(struct suppressor *s, const char *name)
{
    if (!*name)
        return 0;
    uintptr_t no = (uintptr_t)map_get_str(&s->numbers, name);
    if (no || s->names_n >= PROVIDERS)
        return (uint16_t)no;
    name_add(s, name);
    map_put_str(&s->numbers, name, (void *)(uintptr_t)s->names_n);
    return (uint16_t)s->names_n;
}

void suppressor_open(struct suppressor *s, struct db *d)
{
    struct hash_key fresh;
    hash_random(&fresh, sizeof(fresh));
    db_begin(d, true);
    db_run(d, "INSERT OR IGNORE INTO suppress VALUES(1,?,0)", "b", &fresh, (int)sizeof(fresh));
    sqlite3_stmt *st = db_query(d, "SELECT hash FROM suppress", "");
    while (db_step(d, st))
        if (sqlite3_column_bytes(st, 0) == (int)sizeof(s->hash))
            memcpy(&s->hash, sqlite3_column_blob(st, 0), sizeof(s->hash));
    st = db_query(d, "SELECT no, name FROM suppress_provider ORDER BY no", "");
    while (db_step(d, st)) {
        while ((int64_t)s->names_n + 1 < sqlite3_column_int64(st, 0))
            name_add(s, ""); // one that was never written
        suppressor_number(s, db_text(st, 1));
    }
    d->failed = db_commit(d);
}

void suppressor_deinit(struct suppressor *s)
{
    for (size_t i = 0; i < s->names_n; i++)
        xfree(s->names[i]);
    xfree(s->names);
    map_deinit(&s->numbers);
    *s = (struct suppressor){.names = NULL};
}
