/* The line to the engine: connects, says hello, tries again when it is lost (after 1, 2, 4 … 10 s),
 * and knows in words what is wrong. Requests are answered by id; a late answer finds nobody. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct client;

enum link_state {
    LINK_TRYING, // not connected yet, nothing known
    LINK_UP,
    LINK_LOST,   // it was there, and ended
    LINK_DOWN,   // nobody there: no socket, or nobody listens
    LINK_DENIED, // the socket's rights
};

struct link {
    const char *path; // borrowed
    struct client *client;
    enum link_state state;
    char *why;       // owned; what is wrong, in words
    usec_t since;    // monotonic: when the state began
    usec_t next_try; // monotonic
    usec_t pause;    // before the try after the next
};

void link_init(struct link *l, const char *path);
void link_deinit(struct link *l);
/* Connects when it is time. True: it has just connected (say hello). */
bool link_try(struct link *l, usec_t now);
/* The next try is now. */
void link_hurry(struct link *l);
/* Reads and writes what can go; notices the end. */
void link_ready(struct link *l, usec_t now);
/* The next message, the caller's and clean (row_clean); NULL: none. */
json_t *link_next(struct link *l);
/* Queues a request; params are taken. 0: not connected. */
uint64_t link_send(struct link *l, const char *method, json_t *params);
/* For poll(2); -1: not connected. */
int link_fd(const struct link *l);
bool link_wants_write(const struct link *l);
