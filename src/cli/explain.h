/* `replay --explain`: one customer's, IP's or provider's path as text: what spoke against it, how far
 * that was on its way to each step, what was decided, and a small plot of it.
 *
 * Points are thinned out as they come, so that a year of them costs no more than EXPLAIN_KEPT: of two
 * neighbours the one with more evidence stays and says how many it stands for. Decisions stay. */
#pragma once
#include <stdbool.h>

#include "core/reputation.h"

struct buf;
struct explain;

enum { EXPLAIN_KEPT = 4096, EXPLAIN_LINES = 60 };

/* `target` as remote/target.h writes it: "customer:acme", "ip:198.51.100.7", "provider:google". */
struct explain *explain_new(const char *target);
struct explain *explain_free(struct explain *e);
/* The target's evidence changed. */
void explain_trace(struct explain *e, const struct reputation_trace *t);
/* Whatever was decided: those about others are left out. */
void explain_decision(struct explain *e, const struct decision *d);
/* Whatever happened: of an IP or a provider, what was bad there. */
void explain_outcome(struct explain *e, const struct outcome *o);
/* The whole of it. */
void explain_print(struct explain *e, struct buf *out, bool is_utf8);
