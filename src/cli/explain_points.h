/* What explain.c collects and explain_print.c shows; nobody else includes this. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "cli/explain.h"

enum { EXPLAIN_TEXT = 200 };

enum explain_about { EXPLAIN_CUSTOMER, EXPLAIN_IP, EXPLAIN_PROVIDER };
enum explain_kind { POINT_EVIDENCE, POINT_NEWS, POINT_DECISION };

struct explain_point {
    enum explain_kind kind;
    enum harm harm;
    enum action action; // of a decision
    enum standing standing;
    usec_t at, until;
    uint64_t bad, of;        // so far
    uint64_t since;          // observations since the last bad one
    uint64_t stands_for;     // itself and those thinned out
    double evidence[RUNG_N]; // negative: this rung is not used
    double level[RUNG_N];    // 100 ln R / ln alarm, from 0
    const char *what;        // static
    char text[EXPLAIN_TEXT]; // visible
};

struct explain {
    char *target, *name; // owned; name is in target
    enum explain_about about;
    enum standing standing;
    struct explain_point *points; // owned, [EXPLAIN_KEPT]
    size_t n;
    uint64_t seen[HARM_N]; // `of` at the last point
    double alarm[HARM_N][RUNG_N];
    uint64_t bad, of; // of an IP or provider
};

enum explain_thinning {
    THIN_ALIKE, // neighbours that say the same
    THIN_HARMS, // any but decisions
    THIN_ANY,
};
/* Of each two such neighbours one stays. How many went. */
size_t explain_thin(struct explain *e, enum explain_thinning how);
