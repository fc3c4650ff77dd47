/* Asks the terminal two things before the screen opens: how wide it draws `─` (some draw such
 * glyphs two columns wide), and what its background is (OSC 11). It waits at most 200 ms, over SSH a
 * second: a later answer would be read as keys. How long the answer took is the round trip. */
#pragma once
#include <stdbool.h>

#include "base/clock.h"

struct probe {
    bool is_wide;  // `─` took two columns: the ASCII twins are used
    bool is_light; // the background is light
    bool knows_background;
    usec_t round_trip; // none answered: as long as was waited
};

/* Leaves the terminal's modes as they were. No answer: everything false. */
void probe_terminal(struct probe *p, int in, int out);
