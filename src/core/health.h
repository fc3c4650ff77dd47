/* An IP's health, 0–100: 100 less what named parts take off. Never a mystery, monotone in each part;
 * small samples are pulled towards the fleet's mean (Beta prior), so one bounce of three is not red.
 * The formula stands in docs/health.md. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum health_what {
    HEALTH_BLOCKS, // share of its traffic at providers that block it
    HEALTH_DEAD,   // dead recipients beyond what is fine
    HEALTH_COMPLAINTS,
    HEALTH_SPAM,
    HEALTH_DEFERRALS, // providers with an incident left out
    HEALTH_LISTINGS,  // weights of blocklists
    HEALTH_REVERSE,   // missing or wrong reverse DNS
    HEALTH_N
};

enum { HEALTH_TEXT = 160 };

struct health_input {
    double blocked_share;         // 0–1 of its deliveries' providers
    char blocked_by[64];          // the largest of them, "" none
    double dead, dead_of;         // counts, about 1 h
    double complaints, delivered; // about 24 h
    double spam;                  // of dead_of
    double deferred, attempts;    // about 1 h
    double listed;                // sum of weights
    char listed_on[64];
    bool is_reverse_wrong; // false too while unknown
    double fleet_dead, fleet_complaints, fleet_spam,
        fleet_deferred; // means of the fleet, for the prior
    double fine_dead, fine_complaints,
        fine_spam; // the policy's warn rates: takes nothing off below; 0: not judged
};

struct health {
    double score;                      // 0–100
    double parts[HEALTH_N];            // what each took off, >= 0, sums to 100 - score
    char texts[HEALTH_N][HEALTH_TEXT]; // in words, "" where nothing was taken off
};

const char *health_what_text(enum health_what what); // "lanes blocked", "dead recipients", …
/* Fills all of *out: score, parts and their words. */
void health_judge(struct health *out, const struct health_input *in);
/* (bad + mean * strength) / (of + strength): the shrunk rate; strength 50. In health_judge() a rare
 * harm is pulled harder: strength 1/fine, as much as makes one bad one the fine rate. */
double health_shrink(double bad, double of, double mean);
