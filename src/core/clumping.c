/* The customer's rate is estimated from its k blocks before, which has two consequences at the few
 * bad ones that good customers have. The estimate's own noise makes a term 1 + 1/k times as large: it
 * is divided out. And E[1/X] of a small count X is too large, while E[1/(X+1)] is right for a Poisson
 * count: so the variance is taken at one bad one more. */
#include "core/clumping.h"

#include <math.h>

enum {
    BLOCK = 100,
    LEARNING = 4, // first blocks of a customer: only its rate is learnt
    MEMORY = 100, // blocks over which the rate is a mean
    CAP = 49,     // of one block's term
    PRIOR = 500,  // independent blocks that are added
    MOST = 100000 // blocks; from here on the old ones fade
};

static void add_term(struct clumping *c, double term)
{
    if (c->blocks >= MOST) {
        c->blocks /= 2;
        c->terms /= 2;
    }
    c->blocks++;
    c->terms += fmin(term, CAP);
}

static double term_of(const struct clumping_block *b)
{
    double k = fmin(b->blocks, MEMORY);
    double rate = (double)b->rate, most = fmin(rate + 1 / (BLOCK * k), 0.5);
    double off = b->bad - BLOCK * rate;
    return off * off / (BLOCK * most * (1 - most)) / (1 + 1 / k);
}

void clumping_observe(struct clumping *c, struct clumping_block *b, bool bad, bool is_good_standing)
{
    b->n++;
    b->bad += bad;
    if (b->n < BLOCK)
        return;
    if (is_good_standing && b->blocks >= LEARNING)
        add_term(c, term_of(b));
    if (b->blocks < UINT16_MAX)
        b->blocks++;
    b->rate += ((float)b->bad / BLOCK - b->rate) / fminf(b->blocks, MEMORY);
    b->n = b->bad = 0;
}

double clumping_factor(const struct clumping *c)
{
    double d = (c->terms + PRIOR) / ((double)c->blocks + PRIOR);
    return fmax(1, round(d * 4) / 4);
}
