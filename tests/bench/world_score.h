/* What the worlds of a scenario came to, and whether that is good enough: rows of one table. */
#pragma once
#include "world_rules.h"

struct series {
    double *v; // owned
    size_t n, room;
};
void series_add(struct series *s, double v);
double series_at(struct series *s, double part); // its quantile; NAN when empty

/* Who judged: the engine, or one of the fixed rules. */
enum { JUDGE_ENGINE, JUDGE_PERCENT, JUDGE_PATTERN, JUDGES };

struct score_judge {
    uint64_t culprits, caught, suspended;
    struct series messages, seconds, leak; // of the culprits, till caught; harm till suspended
    uint64_t innocents, warned, throttled, suspended_wrongly; // customers
};

struct score {
    const struct scenario *scenario;
    uint64_t worlds, outcomes;
    struct score_judge judges[JUDGES];
    /* The engine alone. */
    uint64_t outages, recognised, closed, incidents_wrong;
    struct series recognised_s, closed_s;
    uint64_t blamed,
        blamed_first; // worlds with culprits asked about; all of them ahead of the rest
    uint64_t lanes, lanes_closed, lanes_culprit, lanes_wrong; // blocked or listed, acted on
    struct series lanes_s;
    uint64_t calls, signs;
};

/* What a scenario must reach; zero: not asked. */
struct bars {
    const char *scenario;
    double caught, suspended; // %, at least
    double messages;          // till caught, at the median, at most
    double leak;              // likewise
    double recognised_s;      // nine of ten outages, at most
    double blamed;            // %, at least
    double lanes_s;           // till a block or listing is acted on, at the median, at most
    bool may_warn;            // innocents' warnings are shown, not held against it
};

/* Adds a world that the engine judged, and the same one that the rules saw. `blame`: 1 the culprits
 * were first, 0 not, -1 not asked. Says what went wrong in it on stderr when `is_loud`. */
void score_world(struct score *s, const struct world *w, int blame, bool is_loud);
void score_rules(struct score *s, const struct world *w, const struct rules *r);
/* Prints the rows; true when every bar is met. */
bool score_print(struct score *s);
void score_print_head(void);
void score_deinit(struct score *s);
