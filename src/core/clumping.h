/* Clumping: how much more than independent observations do bad ones vary? Real lists are sorted by age
 * or domain; a detector that believes in independence takes a clump for a change. The factor here is
 * what the evidence is divided by (detector_plan_make).
 *
 * D = variance of the bad ones in blocks of 100 over the binomial variance at the customer's own
 * long-run rate, over the customers in good standing. Each block's term is capped at 49, and 500
 * blocks of an independent fleet are added, so that a short record or one culprit moves little; old
 * blocks fade. Pure: no clock, I/O or allocation. For a restart the holder saves the fields. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The fleet's. Zeroed has seen nothing. */
struct clumping {
    double terms;    // sum of the blocks' (x - np)^2 / np(1-p), capped
    uint64_t blocks; // of 100
};
/* One customer's running block; kept per customer. Zeroed is fresh. */
struct clumping_block {
    uint8_t n, bad;  // of the running one
    uint16_t blocks; // finished ones, saturating
    float rate;      // long-run mean of the bad part, 0–1
};
/* One observation of a customer; of one that stands badly, only its own rate is learnt. */
void clumping_observe(struct clumping *c, struct clumping_block *b, bool bad,
                      bool is_good_standing);
/* >= 1, in steps of a quarter. */
double clumping_factor(const struct clumping *c);
