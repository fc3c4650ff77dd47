/* The page of one outcome: its row, what was said or the report that told of it, how the answer was read,
 * whether the recipient was suppressed for it, what it counts as. */
#pragma once
#include <jansson.h>

#include "control/world.h"

/* Fills the object, now or later (`done`, once). The event is read now alone. */
void page_event(struct world *w, json_t *object, const struct world_event *event, usec_t now,
                void (*done)(void *ctx), void *ctx);
