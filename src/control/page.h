/* Pages: all about one thing (`show`), put together from the tables and from what the store is asked. */
#pragma once
#include <jansson.h>

#include "control/world.h"
#include "remote/target.h"

/* `done` once, now or later: the page (the callback's), or NULL and why not, in words. */
void page_make(struct world *w, const struct target *t,
               void (*done)(void *ctx, json_t *page, const char *why), void *ctx);
