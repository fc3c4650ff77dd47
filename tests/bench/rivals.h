/* What the detector is measured against: the optimal CUSUM that knows the harmful rate (Page 1954,
 * Moustakides 1986), a moving average, and the fixed rule that many senders use. */
#pragma once
#include "core/chance.h"

/* Observations to the alarm of the CUSUM that knows p1, on the mean, from nothing; its threshold is the
 * lowest with a measured ARL of 0.9 gamma, in its favour. */
double rival_cusum(struct chance *c, double p0, double p1, double gamma, int streams);

/* A moving average over about `span` observations, which alarms above a threshold. */
struct rival_average {
    double keep, threshold;
};
/* With an ARL of about gamma at p0. */
struct rival_average rival_average_make(struct chance *c, double p0, double gamma, double span);
double rival_average_delay(const struct rival_average *a, struct chance *c, double p0, double p1,
                           int streams);

/* "5 % of the last 1,000", which needs 1,000; after `before` observations at that good rate. */
double rival_fixed_delay(struct chance *c, double p1, int before, double good, int streams);
