/* Who lives in the simulated world: tables of mailbox providers and customers, as data. The words of
 * the providers' answers are made up in the style of real ones; all names end in `.test`. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* Where the world reports complaints, and the domain of the engine's return paths. */
#define SCENARIO_BOUNCES "bounces.mxwarden.test"
#define SCENARIO_COMPLAINTS "fbl@" SCENARIO_BOUNCES

/* How a provider tells of complaints. */
enum complaints { COMPLAINTS_NEVER, COMPLAINTS_ARF, COMPLAINTS_JMRP };

/* A mailbox provider: where it listens, what it bears, how it answers. */
struct provider_plan {
    const char *name;
    const char *host;    // of its MX
    const char *address; // loopback
    const char *domains[4];
    unsigned share;       // of 1,000 recipients
    unsigned connections; // it bears from one IP; more get 421
    uint32_t rate;        // what our side is told to keep to, a second; 0: none
    enum complaints complaints;
    bool is_late;        // takes mail for who is not there, and says so later, by mail
    bool is_greylisting; // an unknown (network, sender's domain, recipient) waits 2 s
    unsigned patience;   // bad recipients or spam within 10 s before an IP is blocked for 8 s
    // Answers, code first; without `unknown` it takes all.
    const char *unknown, *full, *greylisted, *blocked, *spam;
};

/* A provider's own decision, for what it saw in other places: it blocks one IP for a part of the run. */
struct mood_plan {
    const char *provider, *ip;
    double begins, ends; // part of the run
};

/* What kind of life a customer leads. */
struct customer_plan {
    const char *name;
    const char *address; // loopback it submits from, a row's own: the engine knows it by this
    const char *pool;
    double rate;         // messages a second
    double dead;         // part of its recipients that are dead
    double complaints;   // part of those who read it that complain
    unsigned size;       // bytes of a message
    double begins, ends; // part of the run in which it sends
    bool is_spam;        // recipients' providers dislike its content
};

size_t scenario_providers(const struct provider_plan **plans);
size_t scenario_moods(const struct mood_plan **plans);
/* A customer's own first row. */
bool scenario_is_first(size_t row);
/* Several rows may be one customer: its own life, and what a thief does with its password. */
size_t scenario_customers(const struct customer_plan **plans);
/* The domain of the n-th of 1,000 recipients. */
const char *scenario_domain(unsigned n);

/* Writes the engine's configuration for this world into `dir` (mxwarden.yaml, providers.yaml and
 * policy.yaml, in mode `observe` when `is_observing`). 0, or -errno. */
struct scenario_ports {
    uint16_t submission; // where the engine listens for customers…
    uint16_t feedback;   // …and for what comes back
    uint16_t providers;  // where all providers do
    bool is_observing;
};
int scenario_write(const char *dir, const struct scenario_ports *ports);
/* Where all the customers' own mailboxes are: reports and notices arrive there. */
const struct provider_plan *scenario_home(void);
