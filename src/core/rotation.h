/* IPs and lanes: what a block, a listing, trouble at several providers mean for them, and who is to
 * blame.
 *
 * A lane that is told ip-reputation-block (and the answer speaks of no sender) pauses at once, for as long
 * as the provider asks; blocked again while it probes, twice as long. At a gateway it takes three
 * recipient domains' answers. An IP blocked at several providers at once, or listed on what matters,
 * is pulled; it rests, and returns when its listings are gone and no lane is blocked. The guard: a
 * pull that would leave a pool under the policy's minimum throttles the culprit and calls an operator
 * instead. Incidents at a provider: its blocks count for nothing here. docs/rotation.md has the rules.
 * Parts of core/reputation (core/reputation_room.h); nobody else includes this. */
#pragma once
#include "core/reputation_room.h"

/* In all of these `provider` may be no index (REPUTATION_NOWHERE): such an outcome has no lane.
 *
 * Every outcome over an IP (delivered, deferred, bounced, expired, complained), counted already or
 * not: keeps the IP's own counters, for health and the guard. Cheap. It does not touch ip->usage:
 * the caller adds each *counted* observation there (once per recipient and day, channel USAGE_HARD),
 * and hands a bad one to rotation_note() too. */
void rotation_observe(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                      const struct outcome *o, usec_t now);
/* A block (deferred or bounced, class ip-reputation-block, scope ip, netblock, provider or unknown),
 * after rotation_observe(). Keeps the reply as a sample itself, of the
 * provider and nobody: the customer met the block, which makes it no harm of its own. */
void rotation_blocked(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                      uint32_t customer, const struct outcome *o, usec_t now);
/* A listing, a delisting (o->zone, o->answer). */
void rotation_listed(struct reputation *r, struct reputation_ip *ip, const struct outcome *o,
                     usec_t now);
/* What is due of it: a lane's pause is over, a pulled IP may return. The node may be in the heap or
 * not; it is added again when there is more to come. */
void rotation_lane_due(struct reputation *r, struct reputation_lane *lane, usec_t now);
void rotation_ip_due(struct reputation *r, struct reputation_ip *ip, usec_t now);
/* One bad observation that went over this IP, for blame; `at` is when the news came, also of a
 * complaint. */
void rotation_note(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                   uint32_t customer, enum harm harm, usec_t at);
/* The bad ones at a provider since then were its own fault (UINT32_MAX: all of them): they are no
 * harm, and its blocks since then no blocks. */
void rotation_take_out(struct reputation *r, uint32_t provider, usec_t since);
/* Told by somebody else: pull, drain, return on "ip:ADDR", pause and resume on "lane:ADDR/PROVIDER"
 * or "provider:ID" (its lanes that were ever blocked). Other kinds and targets change nothing. */
void rotation_told(struct reputation *r, enum kind kind, const char *target, usec_t until,
                   usec_t now);
/* Frees all that it owns, address and usage included, but not *ip. */
void rotation_ip_deinit(struct reputation_ip *ip);
/* All IPs with their usage, lanes, news and dues, and the ring of samples. The load comes after that
 * of customers and providers, whose indices it refers to; an IP that was configured before the load
 * stays as it is configured. False: no such bytes. */
void rotation_save(const struct reputation *r, struct buf *out);
bool rotation_load(struct reputation *r, struct bytes *in);

/* --- for the files of rotation */
/* NULL when it was never blocked or paused. */
struct reputation_lane *rotation_lane_get(const struct reputation_ip *ip, uint32_t provider);
/* Is the lane blocked now by its provider's answer (an operator's pause and a provider's incident are
 * none)? */
bool rotation_is_blocked(const struct reputation *r, const struct reputation_lane *lane,
                         usec_t now);
/* How many such lanes, and their providers' names, "google, yahoo" (as many as fit). */
unsigned rotation_blocked_at(const struct reputation *r, const struct reputation_ip *ip, usec_t now,
                             char *names, size_t room);
/* The weights of its listings by the policy in force, and (or NULL) those zones, "a, b". */
double rotation_weight(const struct reputation *r, const struct reputation_ip *ip, char *names,
                       size_t room);
/* rotation_ip.c: is there reason to pull or drain it? `is_news` when something just came to light: only
 * then may the guard throttle and call. */
void rotation_judge(struct reputation *r, struct reputation_ip *ip, usec_t now, bool is_news);
/* What took it out may be over: it is looked at again at `at`, and returns then if so. */
void rotation_look_early(struct reputation *r, struct reputation_ip *ip, usec_t at);
/* Told of an IP (rotation_told hands it on). */
void rotation_ip_told(struct reputation *r, struct reputation_ip *ip, enum kind kind, usec_t until);

/* --- guard.c: may this IP leave rotation? Not when its pool would keep fewer active IPs than the
 * policy says; `left` and `least` tell how many. */
bool guard_allows(const struct reputation *r, const struct reputation_ip *ip, usec_t now,
                  unsigned *left, unsigned *least);
/* It may not: the culprit of more than half of the harm is throttled, an operator called, at most
 * once an hour and IP. `why`: "blocked at google, yahoo". */
void guard_call(struct reputation *r, struct reputation_ip *ip, const char *why, unsigned left,
                unsigned least, usec_t now);

/* --- blame.c: culprits of an IP (provider USAGE_NONE) or a lane, by their excess over the acceptable
 * rate and chance: sum over harms of max(0, bad - rate n - chance - 1), weighted by the ratio of the
 * warn rate of dead recipients to their own (a complaint weighs 20). Counts fade with age, the blame
 * window (2 min, 15 min or 1 h: the longest that is not over the policy's) their time constant. A lane is asked first; where its own news holds less than
 * five, the IP's is taken. */
size_t blame_find(const struct reputation *r, const struct reputation_ip *ip, uint32_t provider,
                  usec_t now, struct decision_culprit *culprits, size_t room);
/* The first one's customer and share; USAGE_NONE: nobody. */
uint32_t blame_first(const struct reputation *r, const struct reputation_ip *ip, uint32_t provider,
                     usec_t now, double *share);
/* A harm's acceptable rate: that of the mildest rung in use; 0: not judged, or traps. */
double blame_rate(const struct policy *p, enum harm harm);
/* The newest sample replies, each text once; USAGE_NONE: of any customer, at any provider. */
void blame_samples(const struct reputation *r, uint32_t customer, uint32_t provider,
                   char samples[DECISION_SAMPLES][DECISION_SAMPLE]);
/* Keeps a reply as a sample: a ring of 4,096 over all. */
void blame_sample(struct reputation *r, uint32_t customer, uint32_t ip, uint32_t provider,
                  const struct outcome *o);
