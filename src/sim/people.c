#include "sim/people.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "sim/scenario.h"

static const char *const first[] = {
    "anna", "ben",  "carla", "david", "elif", "finn", "greta", "hakan", "ida",  "jan",
    "kim",  "lena", "marek", "nora",  "olga", "paul", "rosa",  "sami",  "tove", "uli",
};
static const char *const last[] = {
    "berg",  "costa", "dahl",  "ekman", "falk",   "graf",   "hansen", "ivanov", "jung", "kaya",
    "lopez", "meyer", "novak", "olsen", "petrov", "reiter", "silva",  "turan",  "vogt", "weber",
};

enum mailbox people_mailbox(uint64_t seed, const char *address)
{
    struct hash_key key = {seed, 0x70656f706c65};
    uint64_t h = hash_sip(&key, bytes_str(address)) % 100;
    return h < 20 ? MAILBOX_DEAD : h < 23 ? MAILBOX_FULL : MAILBOX_LIVES;
}

void people_draw(char out[PEOPLE_ADDRESS], uint64_t seed, struct dice *dice, enum mailbox want)
{
    do { // one throw a line: in one call every compiler would throw them in an order of its own
        const char *domain = scenario_domain(dice_below(dice, 1000));
        const char *given = first[dice_below(dice, ARRAY_LEN(first))];
        const char *family = last[dice_below(dice, ARRAY_LEN(last))];
        unsigned number = dice_below(dice, 1000);
        snprintf(out, PEOPLE_ADDRESS, "%s.%s%u@%s", given, family, number, domain);
    } while (people_mailbox(seed, out) != want);
}
