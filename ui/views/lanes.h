/* Lanes as lines of a page: those of an IP, and those of a provider. */
#pragma once
#include <jansson.h>

#include "ui/views/cells.h"

enum pen pen_of_lane(const char *state);
/* A table of lanes, each of which opens its page. `ip`: the address they all belong to, the first
 * column is the provider; NULL: they are a provider's, and the first column is the address. `row`
 * (of the IP, may be NULL) knows each provider's health. */
void page_lanes(struct page *p, const char *ip, const json_t *row, const json_t *lanes);
/* "waits until 12:55Z (50 m), then one probe", "" when it does not. */
void say_lane_waits(char *out, size_t n, const struct model *m, const json_t *lane);
