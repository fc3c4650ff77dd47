/* The console as a whole: takes the terminal, runs until one leaves it. */
#pragma once
#include <stdbool.h>

#include "base/clock.h"

struct app_options {
    const char *socket; // the engine's control socket
    bool is_read_only;  // acting is off
    usec_t lock_after;  // idle time after which acting wants an unlock; 0: 10 minutes
};

/* Exit codes of the contract: 0 left, 1 no terminal that can be used, 3 no terminal and no engine. */
int app_run(const struct app_options *options);
