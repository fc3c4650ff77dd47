/* Plain questions of a struct dns: its part of them. For the files of net/ alone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "net/timer.h"

struct dns;
struct ub_ctx;

struct dns_asks {
    struct ub_ctx *ub;     // borrowed
    struct timers *timers; // borrowed
    struct list waiting;   // struct dns_ask: not asked yet
    struct list running;   // under way
    struct list ready;     // answered, to be handed out
    size_t running_n, waiting_n;
    struct timer soon;    // hands out what is ready
    const bool *is_freed; // the dns went while an answer was handed out
};

void dns_asks_init(struct dns_asks *s, struct ub_ctx *ub, struct timers *timers,
                   const bool *is_freed);
/* All questions are dropped. */
void dns_asks_deinit(struct dns_asks *s);
/* Hands out what is ready; outside of libunbound's callbacks. Look at is_freed afterwards. */
void dns_asks_deliver(struct dns_asks *s);
/* The questions of a dns (dns.c knows where they are). */
struct dns_asks *dns_asks_of(struct dns *d);
