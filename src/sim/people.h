/* The people of the simulated world: who has which address, and whether a mailbox lives behind it.
 * Everything follows from the seed and the address alone, so that providers and customers agree
 * without asking each other. */
#pragma once
#include <stdint.h>

#include "sim/dice.h"

enum { PEOPLE_ADDRESS = 80 };

enum mailbox {
    MAILBOX_LIVES,
    MAILBOX_DEAD, // nobody there
    MAILBOX_FULL, // somebody there, over quota
};

enum mailbox people_mailbox(uint64_t seed, const char *address);
/* Draws somebody at one of the world's domains whose mailbox is of that kind. */
void people_draw(char out[PEOPLE_ADDRESS], uint64_t seed, struct dice *dice, enum mailbox want);
