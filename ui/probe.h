/* Asks the terminal two things before the screen opens: how wide it draws `─` (some draw such
 * glyphs two columns wide), and what its background is (OSC 11). It waits at most 200 ms. */
#pragma once
#include <stdbool.h>

struct probe {
    bool is_wide;  // `─` took two columns: the ASCII twins are used
    bool is_light; // the background is light
    bool knows_background;
};

/* Leaves the terminal's modes as they were. No answer: everything false. */
void probe_terminal(struct probe *p, int in, int out);
