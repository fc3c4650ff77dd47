/* An incident's page: the five lines, culprits, replies, story, and all of it as plain text to paste. */
#pragma once
#include <jansson.h>

#include "control/world.h"

struct incident;

/* Fills the page but for its report. */
void page_incident(struct world *w, json_t *page, const struct incident *i, usec_t now);
/* Adds `report`, from what stands in the page. */
void page_incident_report(struct world *w, json_t *page, usec_t now);
