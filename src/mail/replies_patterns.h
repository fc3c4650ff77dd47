/* What patterns are made of, and which of them a text has. A pattern is parts with a gap before each; a
 * part is a set of fragments of which any may stand there ("no such (user|mailbox)" is two), and parts
 * that are written alike are one set. All fragments are searched in one pass; then only those patterns
 * are looked at whose rarest part was found. Built once, then only read. Pure; parts of mail/replies. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "mail/replies.h"
#include "mail/replies_search.h"

enum {
    PATTERNS_MOST = 20000,
    SETS_MOST = 8000,
    PARTS_MOST = 16,
    FOUND_MOST = 2048,
    NEAR_WORDS = 6,
    PATTERN_VARIANTS = 16
};

enum gap {
    GAP_ANY,  // `*`: any words
    GAP_NEAR, // `~`: at most NEAR_WORDS
    GAP_NONE, // the rest of a word
    GAP_ALSO, // `&`: anywhere, before or behind
    GAP_NOT,  // `!`: nowhere
};

struct pattern {
    uint32_t owner; // the caller's
    uint16_t sets[PARTS_MOST];
    uint8_t gaps[PARTS_MOST]; // before each; [0] has none
    uint8_t n;
    uint32_t next; // of the same rarest part; 0: none
};

struct patterns {
    struct pattern *all; // [0] is none; in order of precedence
    size_t n, room;
    size_t left_out; // for want of room
    struct search search;
    struct map set_ids; // how a part is written → its set + 1
    size_t sets_n;
    struct member *members; // which sets a fragment is of: chains, [0] is none
    size_t members_n, members_room;
    uint32_t *members_of; // fragment → its first
    size_t members_of_room;
    uint32_t *first_of; // set → the first pattern whose rarest part it is
};

/* The text's fragments, by set. */
struct found {
    struct occurrence {
        uint16_t start, end, next; // next of the same set + 1
    } all[FOUND_MOST];
    size_t n;
    const char *plain;
    const struct patterns *patterns;
    uint16_t first[SETS_MOST], last[SETS_MOST]; // set → occurrence + 1
    uint16_t sets[FOUND_MOST];                  // those that were found
    size_t sets_n;
};

/* Those that are not looked for by themselves, for patterns_stands(). How many: a group that may be left
 * out makes two of one, up to PATTERN_VARIANTS; 0: it says nothing, or there was no room. `room` is that
 * of `made`. */
size_t patterns_make(struct patterns *p, struct pattern *made, const char *text, size_t room);
void patterns_add(struct patterns *p, uint32_t owner, const char *text);
/* After the last was added. */
void patterns_build(struct patterns *p);
void patterns_deinit(struct patterns *p);

/* Beyond FOUND_MOST fragments a text is none that people wrote: the rest of it is not looked at. */
void patterns_search(const struct patterns *p, struct found *f, const char *plain, size_t n);
/* The first in order that stands there and `fits`, or NULL. */
const struct pattern *patterns_first(const struct patterns *p, const struct found *f,
                                     bool (*fits)(void *ctx, uint32_t owner), void *ctx);
/* Does this one stand there? */
bool patterns_stands(const struct found *f, const struct pattern *p);
