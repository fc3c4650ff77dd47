/* The harm that somebody's mail did, in numbers and in words: what customers, addresses, pages and
 * offered reasons share. Bounce rates are of what was delivered or bounced, complaints of what was
 * delivered. */
#pragma once
#include <jansson.h>

#include "core/counter.h"

enum { HARM_FEW = 20 }; // under so many observations: too few to say

/* The rate of the last day, negative for unknown. */
double harm_day_rate(struct counter *c, enum counter_what what, usec_t now);
double harm_hour_rate(struct counter *c, enum counter_what what, usec_t now);
/* `[{"what", "rate", "bad", "of"}]` of the last day, for pages. */
json_t *harm_table(struct counter *c, usec_t now);
struct control_engine;
struct outcome;
struct state;
struct state_customer;
/* The same of a customer, with the policy's limits and how near the next rung is where the engine judges:
 * `limits` ({"warn", "throttle", "suspend"}), `next`, `level`, `shrunk`, null where it does not. */
json_t *harm_judged(const struct control_engine *e, struct state_customer *c, usec_t now);
/* What is worth saying, worst first: ["dead recipients 6.4 % of 3,322 in 24 h", …]; empty when
 * nothing is. */
json_t *harm_reasons(struct counter *c, usec_t now);
/* The worst two as one line, "complaints 0.3 % of 2,372, dead recipients 6.4 % of 3,322 in 24 h"; ""
 * for nothing. */
void harm_line(char *out, size_t room, struct counter *c, usec_t now);
/* What one outcome counts as, and for whom: "1 dead recipient of acme (9 of 412 in 24 h), of 198.51.100.6,
 * of 198.51.100.6/google"; "" : as nothing bad. */
void harm_counts(char *out, size_t room, struct state *state, const struct outcome *o, usec_t now);
