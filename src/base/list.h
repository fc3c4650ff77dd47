/* An intrusive doubly linked list: the links stand in the thing itself, so that adding never
 * allocates and removing needs no search. A head is a link that points at itself when empty. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_before(struct list *at, struct list *item)
{
    item->prev = at->prev;
    item->next = at;
    at->prev->next = item;
    at->prev = item;
}

static inline void list_add_last(struct list *head, struct list *item)
{
    list_insert_before(head, item);
}

static inline void list_add_first(struct list *head, struct list *item)
{
    list_insert_before(head->next, item);
}

/* The item stands alone afterwards; removing it again does nothing. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

static inline struct list *list_first(const struct list *head)
{
    return head->next == head ? NULL : head->next;
}

#define LIST_FIRST(head, type, member)                                                             \
    (list_is_empty(head) ? NULL : CONTAINER_OF((head)->next, type, member))

/* `item` may be removed or freed inside; `break` works. */
#define LIST_EACH(head, item, member)                                                              \
    for (struct list *item##_at_ = (head)->next, *item##_next_ = item##_at_->next;                 \
         item##_at_ != (head) &&                                                                   \
         ((item) = CONTAINER_OF(item##_at_, __typeof__(*(item)), member), true);                   \
         item##_at_ = item##_next_, item##_next_ = item##_at_->next)
