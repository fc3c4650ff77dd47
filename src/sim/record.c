#include "sim/record.h"

#include "base/mem.h"

size_t records_add(struct records *r, const char *recipient, const struct record *one)
{
    if (r->n == r->room) {
        r->room = r->room ? r->room * 2 : 1024;
        r->items = xrealloc(r->items, r->room, sizeof(*r->items));
    }
    r->items[r->n++] = *one;
    map_put_str(&r->numbers, recipient, (void *)(uintptr_t)r->n);
    return r->n;
}

struct record *record_of(struct records *r, const char *recipient)
{
    size_t number = (size_t)(uintptr_t)map_get_str(&r->numbers, recipient);
    return number ? &r->items[number - 1] : NULL;
}

void records_deinit(struct records *r)
{
    xfree(r->items);
    map_deinit(&r->numbers);
}
