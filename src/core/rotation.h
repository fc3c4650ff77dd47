/* IPs and lanes: what a block, a listing, trouble at several providers mean for them, and who is to
 * blame.
 *
 * A lane that is told ip-reputation-block (scope IP, netblock or unknown) pauses at once, for as long
 * as the provider asks; blocked again while it probes, twice as long. At a gateway it takes three
 * recipient domains' answers. An IP blocked at several providers at once, or listed on what matters,
 * is pulled; it rests, and returns when its listings are gone and no lane is blocked. The guard: a
 * pull that would leave a pool under the policy's minimum throttles the culprit and calls an operator
 * instead. Incidents at a provider: its blocks count for nothing here.
 * Parts of core/reputation (core/reputation_room.h); nobody else includes this. */
#pragma once
#include "core/reputation_room.h"

/* A block, a listing, a delisting. */
void rotation_blocked(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                      uint32_t customer, const struct outcome *o, usec_t now);
void rotation_listed(struct reputation *r, struct reputation_ip *ip, const struct outcome *o,
                     usec_t now);
/* What is due of it: a lane's pause is over, a pulled IP may return. */
void rotation_lane_due(struct reputation *r, struct reputation_lane *lane, usec_t now);
void rotation_ip_due(struct reputation *r, struct reputation_ip *ip, usec_t now);
/* One bad observation that went over this IP, for blame. */
void rotation_note(struct reputation *r, struct reputation_ip *ip, uint32_t provider,
                   uint32_t customer, enum harm harm, usec_t at);
/* The bad ones at a provider since then were its own fault (UINT32_MAX: all of them). */
void rotation_take_out(struct reputation *r, uint32_t provider, usec_t since);
/* Told by somebody else. */
void rotation_told(struct reputation *r, enum kind kind, const char *target, usec_t until,
                   usec_t now);
void rotation_ip_deinit(struct reputation_ip *ip);
void rotation_save(const struct reputation *r, struct buf *out);
bool rotation_load(struct reputation *r, struct bytes *in);

/* --- blame.c: culprits of an IP (provider USAGE_NONE) or a lane, by their excess over the acceptable
 * rate: sum over harms of max(0, bad - rate n), complaints and spam rejections weighted by the ratio
 * of their warn rates to that of dead recipients. */
size_t blame_find(const struct reputation *r, const struct reputation_ip *ip, uint32_t provider,
                  usec_t now, struct decision_culprit *culprits, size_t room);
/* A customer's newest sample replies. */
void blame_samples(const struct reputation *r, uint32_t customer, uint32_t provider,
                   char samples[DECISION_SAMPLES][DECISION_SAMPLE]);
/* Keeps a reply as a sample: a ring of 4,096 over all. */
void blame_sample(struct reputation *r, uint32_t customer, uint32_t ip, uint32_t provider,
                  const struct outcome *o);
