/* Hands mail in for somebody of the simulated world: letters queue up here, and one connection at a time
 * takes them to a port on loopback, one after the other. Turned away or without an answer it comes back in
 * a second, with what has no answer yet: a letter may then arrive twice, as with any client. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "smtp/client.h"

enum { LETTER_ADDRESS = 160 };

/* One message to one recipient. */
struct letter {
    struct list link;
    size_t number; // of its record; 0: none
    char sender[LETTER_ADDRESS], recipient[LETTER_ADDRESS];
    struct buf body;
    // the courier's
    const char *recipients[1];
    struct smtp_envelope envelope;
    bool is_settled;
};

struct courier;
struct timers;
struct uv_loop_s;

struct courier_options {
    struct uv_loop_s *loop;
    struct timers *timers;
    const char *address; // loopback it comes from, borrowed
    uint16_t port;
    /* The other side answered; `l` is freed afterwards. May be NULL. */
    void (*on_answer)(void *ctx, const struct letter *l, const struct smtp_reply *reply);
    void *ctx;
};

struct courier *courier_new(const struct courier_options *options);
/* What waits is dropped. Takes NULL; returns NULL. */
struct courier *courier_free(struct courier *c);
struct letter *letter_new(void);
struct letter *letter_free(struct letter *l);
/* Moved in. It goes with the next courier_go(). */
void courier_add(struct courier *c, struct letter *l);
/* Connects where there is something to take, and goes on. */
void courier_go(struct courier *c);
/* Letters without an answer yet. */
size_t courier_waiting(const struct courier *c);
