/* The world's record of one message: one recipient each, numbered from 1; the number travels in the
 * envelope sender (`b+NUMBER@CUSTOMER.test`), so that both ends write into the same record. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
    bool is_acknowledged, is_refused_in; // by the engine
    bool is_bounced, is_deferred;        // last said by the provider
    bool exists, is_full;
    uint16_t arrived;
};

struct records {
    struct record *items; // number - 1
    size_t n, room;
    uint64_t progress; // grows with everything that happens
};

/* Valid until the next record is made: the array moves. NULL: the sender names none. */
static inline struct record *record_of(struct records *r, const char *sender)
{
    size_t number = 0;
    const char *at = sender;
    if (*at++ != 'b' || *at++ != '+')
        return NULL;
    for (; *at >= '0' && *at <= '9'; at++)
        number = number < 100000000 ? number * 10 + (size_t)(*at - '0') : number;
    return *at == '@' && number >= 1 && number <= r->n ? &r->items[number - 1] : NULL;
}
