#include "intake/rate.h"

#include "base/mem.h"
#include "core/state.h"

static void refill(struct rate_bucket *b, usec_t now)
{
    if (now > b->at)
        b->left += (double)(now - b->at) * b->count / (double)b->per;
    b->at = now;
    if (b->left > b->count)
        b->left = b->count;
}

bool rate_take(struct rate_bucket *b, uint32_t count, usec_t per, usec_t now, usec_t *next_at)
{
    if (b->count) {
        refill(b, now);
    } else {
        b->left = count;
        b->at = now;
    }
    b->count = count;
    b->per = per;
    if (b->left > count)
        b->left = count;
    if (b->left >= 1) {
        b->left -= 1;
        return true;
    }
    *next_at = now + (usec_t)((1 - b->left) * (double)per / count) + 1;
    return false;
}

void rate_give_back(struct rate_bucket *b, uint32_t n)
{
    b->left += n;
    if (b->left > b->count)
        b->left = b->count;
}

struct rate_account *rate_account_of(struct state_customer *c)
{
    if (!c->intake)
        c->intake = xcalloc(1, sizeof(struct rate_account));
    return c->intake;
}

struct rate_bucket *rate_account_list(struct rate_account *a, const char *list)
{
    struct rate_bucket *b = map_get_str(&a->lists, list);
    if (!b) {
        b = xcalloc(1, sizeof(*b));
        map_put_str(&a->lists, list, b);
    }
    return b;
}

void rate_account_drop(struct state_customer *c)
{
    struct rate_account *a = c->intake;
    if (!a)
        return;
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&a->lists, &i));)
        xfree(item->value);
    map_deinit(&a->lists);
    c->intake = xfree(a);
}
