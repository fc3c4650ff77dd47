/* What the list of incidents and the page of one share: the five lines, and what their keys act on. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ui/line.h"
#include "ui/view.h"

enum { INCIDENT_FIVE = 5 };

/* One of the five lines, in their order: what, cause, done, next, you. */
struct incident_line {
    const char *label;
    enum pen pen;
    bool has_key; // its first letter is a key
    char text[LINE_BYTES];
};

/* `row`: of the list or the page. `is_home`: how to take it is said where nobody has it. */
void incident_five(struct incident_line five[INCIDENT_FIVE], const json_t *row, bool is_home);
enum pen incident_pen(const json_t *row);
/* "open 9 m (11:55Z)", "closed 12:31Z, opened 11:52Z". */
void incident_state(char *out, size_t n, const struct model *m, const json_t *row);
/* For view.fill: $culprit, $ip, $hold, $release. */
const char *incident_fill(const char *hole, const json_t *row, const char *selected, char *out,
                          size_t n, char why[VIEW_WHY]);
