/* What speaks against one customer (or IP) in one kind of harm: the observations, as the detectors of
 * all rungs read them, in bounded memory, and so that a part can be taken out again.
 *
 * Live observations come in order: `gap` good ones, then a bad one. The bad ones of the last 4 h (at
 * most 400) stay in a list behind a checkpoint of the detectors, so that a provider's can be taken
 * out by folding the list again without them. *Late* bad ones (complaints, bounces by mail) belong to
 * the time of their delivery: 36 buckets of 2 h hold how many observations and bad ones there were,
 * and when there is any late one the detectors' second reading is the fold of those buckets
 * (detector_bucket), anew at each late one. A rung alarms when either reading does.
 *
 * Most customers only ever have a few bad ones. Up to EVIDENCE_FEW are that list and no more, and are
 * folded when somebody asks; one more, a late one, one taken out or a new beginning, and detectors and
 * buckets are made of it, the same as if they had been there from the first one on.
 * A zeroed evidence has seen nothing and owns nothing. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/detector.h"
#include "core/words.h"

struct buf;
struct bytes;

enum { EVIDENCE_RECENT = 400, EVIDENCE_BUCKETS = 36, EVIDENCE_FEW = 8 };
#define EVIDENCE_KEPT (4 * USEC_HOUR)
#define EVIDENCE_BUCKET (2 * USEC_HOUR)

/* The plans of one kind of harm. */
struct evidence_plans {
    struct detector_plan rungs[RUNG_N];
    uint32_t least[RUNG_N];
};

/* Observations by time of delivery: the denominators, kept for everybody from the first one on. */
struct evidence_volume {
    uint32_t newest;              // bucket number since 1970 of the newest; 0: none yet
    uint32_t n[EVIDENCE_BUCKETS]; // a ring
};
void evidence_volume_add(struct evidence_volume *v, usec_t at, uint32_t n); // too old: not counted
/* Where evidence_volume_add() of that moment will write. */
const uint32_t *evidence_volume_at(const struct evidence_volume *v, usec_t at);
/* About the last 24 h. */
uint64_t evidence_volume_day(const struct evidence_volume *v, usec_t now);

struct evidence_item; // one bad observation

struct evidence_bucket {
    uint16_t bad; // all, saturating
    uint16_t late;
};

/* What is kept beside the list of who had more than a few. */
struct evidence_deep {
    struct detector now[RUNG_N];  // live reading, after the last bad one
    struct detector base[RUNG_N]; // before the list, while there is one
    uint16_t before[RUNG_N];      // so many of the list came before this rung began anew
    uint16_t recent_room;

    struct evidence_bucket buckets[EVIDENCE_BUCKETS]; // by delivery, a ring
    uint32_t newest;                                  // its newest bucket; 0: none yet
    uint32_t late_n;                                  // late ones in the buckets still kept

    uint32_t distinct[RUNG_N]; // bad ones since this rung began anew
    usec_t since[RUNG_N];      // the late reading begins here; 0: at the oldest bucket
    uint16_t rest[RUNG_N];     // bad ones after `since` in its bucket
    float late[RUNG_N];        // evidence of the late reading
};

struct evidence {
    uint32_t gap; // good ones since the last bad one
    uint16_t recent_n;
    bool is_begun;                // there was a bad one, once
    struct evidence_item *recent; // owned; in order
    struct evidence_deep *deep;   // owned; NULL: the list is all there ever was
};

void evidence_deinit(struct evidence *e);

/* One good observation in order. */
static inline void evidence_good(struct evidence *e)
{
    e->gap++;
}
/* A bad one in order, at that time and provider. */
void evidence_bad(struct evidence *e, const struct evidence_plans *plans, usec_t at,
                  uint32_t provider);
/* A late bad one: its delivery was at `delivered_at`, where `volume` counted it already. Older than
 * all buckets: forgotten. For a rung that began anew after that delivery it is dealt with already. */
void evidence_late(struct evidence *e, const struct evidence_plans *plans,
                   const struct evidence_volume *volume, usec_t delivered_at, usec_t now);
/* R of a rung now, the larger reading; the good ones since the last bad one pull it down. */
double evidence_of(const struct evidence *e, const struct evidence_plans *plans, enum rung rung);
/* Is the rung's alarm reached, with enough distinct bad ones? `scale` >= 1 multiplies the alarm. */
bool evidence_alarms(const struct evidence *e, const struct evidence_plans *plans, enum rung rung,
                     double scale);
/* The same R without this provider's recent bad ones (live reading only). */
double evidence_without(const struct evidence *e, const struct evidence_plans *plans,
                        enum rung rung, uint32_t provider);
/* Which provider most of the recent bad ones came from, and how many; begin: when the run of them
 * began that is still on (no 15 min without one since). False: none recent. */
bool evidence_worst(const struct evidence *e, uint32_t *provider, uint32_t *bad, usec_t *begin);
/* A provider's recent bad ones from `since` on never were. UINT32_MAX: everybody's. How many. The late
 * reading is silent until the next late one, which reads the buckets without them. */
uint32_t evidence_take_out(struct evidence *e, const struct evidence_plans *plans,
                           uint32_t provider, usec_t since);
/* The rung and those below begin anew: what was seen is dealt with. Call it right after the bad one
 * that alarmed; good ones since then count for what follows. */
void evidence_reset(struct evidence *e, const struct evidence_plans *plans, enum rung rung,
                    usec_t now);
/* All of it begins anew (an operator restored). */
void evidence_reset_all(struct evidence *e, const struct evidence_plans *plans, usec_t now);
/* Bad ones since the rung began anew. */
uint32_t evidence_distinct(const struct evidence *e, enum rung rung);
/* How many bad ones in about 24 h. */
uint64_t evidence_bad_day(const struct evidence *e, usec_t now);

/* For a restart, exactly. Load: false when the bytes are none of ours, *e is as it was. */
void evidence_save(const struct evidence *e, struct buf *out);
bool evidence_load(struct evidence *e, struct bytes *in);
