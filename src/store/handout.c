#include "store/handout.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum { ROOM_MIN = 64 };

void handout_init(struct handout *h)
{
    *h = (struct handout){.room = ROOM_MIN, .slots = xcalloc(ROOM_MIN, sizeof(*h->slots))};
    must(pthread_mutex_init(&h->lock, NULL) == 0);
}

void handout_deinit(struct handout *h)
{
    struct map_item *item;
    for (size_t i = 0; (item = map_next(&h->customers, &i));)
        xfree(item->value);
    map_deinit(&h->customers);
    xfree(h->slots);
    pthread_mutex_destroy(&h->lock);
}

// Ids are made here and are no stranger's choice: mixing is enough.
static size_t place_of(const struct handout *h, struct message_id m, uint32_t no)
{
    uint64_t v = (m.lo ^ (uint64_t)no << 44) * 0x9e3779b97f4a7c15ULL + m.hi;
    v = (v ^ v >> 29) * 0xbf58476d1ce4e5b9ULL;
    return (size_t)(v ^ v >> 32) & (h->room - 1);
}

// Its slot, or the free one where it would stand.
static struct handout_slot *slot_of(struct handout *h, struct message_id m, uint32_t no)
{
    size_t i = place_of(h, m, no);
    while (h->slots[i].is_used &&
           !(message_id_equal(h->slots[i].message, m) && h->slots[i].no == no))
        i = (i + 1) & (h->room - 1);
    return &h->slots[i];
}

static void resize(struct handout *h, size_t room)
{
    struct handout_slot *old = h->slots;
    size_t old_room = h->room;
    h->slots = xcalloc(room, sizeof(*h->slots));
    h->room = room;
    for (size_t i = 0; i < old_room; i++)
        if (old[i].is_used)
            *slot_of(h, old[i].message, old[i].no) = old[i];
    xfree(old);
}

static struct handout_slot *add(struct handout *h, struct message_id m, uint32_t no)
{
    if ((h->count + 1) * 2 > h->room)
        resize(h, h->room * 2);
    struct handout_slot *s = slot_of(h, m, no);
    if (!s->is_used) {
        *s = (struct handout_slot){.message = m, .no = no, .is_used = true};
        h->count++;
    }
    return s;
}

// Closes the gap, so that no marks of removed ones are left to probe past.
static void remove_slot(struct handout *h, struct handout_slot *s)
{
    size_t mask = h->room - 1, hole = (size_t)(s - h->slots);
    for (size_t i = (hole + 1) & mask; h->slots[i].is_used; i = (i + 1) & mask) {
        size_t home = place_of(h, h->slots[i].message, h->slots[i].no);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; // it stands between its home and the hole: reachable as it is
        h->slots[hole] = h->slots[i];
        hole = i;
    }
    h->slots[hole].is_used = false;
    h->count--;
    if (h->room > ROOM_MIN && h->count * 16 < h->room)
        resize(h, h->room / 4);
}

static void drop_if_done(struct handout *h, struct handout_slot *s)
{
    if (s->is_used && !s->is_held && !s->unfolded)
        remove_slot(h, s);
}

static struct handout_customer *customer_of(struct handout *h, const char *name)
{
    struct handout_customer *c = map_get_str(&h->customers, name);
    if (c)
        return c;
    c = xcalloc(1, sizeof(*c));
    map_put_str(&h->customers, name, c);
    return c;
}

static void fall_back(struct handout_customer *c, usec_t due_at)
{
    c->changed++;
    if (due_at < c->from)
        c->from = due_at;
}

void handout_hold_all(struct handout *h, struct message_id message, uint32_t n)
{
    pthread_mutex_lock(&h->lock);
    for (uint32_t no = 0; no < n; no++)
        add(h, message, no)->is_held = true;
    pthread_mutex_unlock(&h->lock);
}

bool handout_is_free(struct handout *h, struct message_id message, uint32_t no)
{
    pthread_mutex_lock(&h->lock);
    bool is_free = !slot_of(h, message, no)->is_used;
    pthread_mutex_unlock(&h->lock);
    return is_free;
}

bool handout_take(struct handout *h, struct message_id message, uint32_t no)
{
    pthread_mutex_lock(&h->lock);
    bool is_free = !slot_of(h, message, no)->is_used;
    if (is_free)
        add(h, message, no)->is_held = true;
    pthread_mutex_unlock(&h->lock);
    return is_free;
}

void handout_let_go(struct handout *h, struct message_id message, uint32_t n, const char *customer,
                    usec_t due_at, uint64_t fact)
{
    pthread_mutex_lock(&h->lock);
    for (uint32_t no = 0; no < n; no++) {
        struct handout_slot *s = slot_of(h, message, no);
        s->is_held = false;
        drop_if_done(h, s);
    }
    struct handout_customer *c = customer_of(h, customer);
    fall_back(c, due_at);
    if (c->returns < fact)
        c->returns = fact;
    pthread_mutex_unlock(&h->lock);
}

void handout_fact(struct handout *h, struct message_id message, uint32_t no)
{
    pthread_mutex_lock(&h->lock);
    struct handout_slot *s = add(h, message, no);
    s->is_held = false;
    must(s->unfolded < UINT16_MAX);
    s->unfolded++;
    pthread_mutex_unlock(&h->lock);
}

void handout_returns(struct handout *h, const char *customer, uint64_t fact)
{
    pthread_mutex_lock(&h->lock);
    *(customer ? &customer_of(h, customer)->returns : &h->returns) = fact;
    pthread_mutex_unlock(&h->lock);
}

void handout_folded(struct handout *h, struct message_id message, uint32_t no)
{
    pthread_mutex_lock(&h->lock);
    struct handout_slot *s = slot_of(h, message, no);
    if (s->is_used && s->unfolded) { // else a fact of the process before
        s->unfolded--;
        drop_if_done(h, s);
    }
    pthread_mutex_unlock(&h->lock);
}

void handout_row(struct handout *h, const char *customer, usec_t due_at)
{
    pthread_mutex_lock(&h->lock);
    fall_back(customer_of(h, customer), due_at);
    pthread_mutex_unlock(&h->lock);
}

struct handout_customer handout_query(struct handout *h, const char *customer)
{
    pthread_mutex_lock(&h->lock);
    struct handout_customer *c = map_get_str(&h->customers, customer);
    struct handout_customer copy = c ? *c : (struct handout_customer){0};
    if (copy.returns < h->returns)
        copy.returns = h->returns;
    pthread_mutex_unlock(&h->lock);
    return copy;
}

void handout_queried(struct handout *h, const char *customer, uint64_t changed, usec_t from)
{
    pthread_mutex_lock(&h->lock);
    struct handout_customer *c = customer_of(h, customer);
    if (c->changed == changed)
        c->from = from;
    pthread_mutex_unlock(&h->lock);
}
