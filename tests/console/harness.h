/* The console in a real terminal: a pty, and libvterm that reads what is drawn. Keys in, picture
 * out. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

enum {
    HARNESS_ROWS = 100,
    HARNESS_COLUMNS = 300,
    HARNESS_TEXT = 4 * HARNESS_ROWS * HARNESS_COLUMNS
};

struct harness;

struct harness_options {
    const char *program;     // tests/console/console
    const char *const *argv; // after the program's name; ends with NULL
    const char *const *env;  // "NAME=value" over the usual ones; ends with NULL; may be NULL
    int rows, columns;
    bool has_wide_glyphs; // the terminal draws `─` two columns wide (so it answers)
};

struct harness *harness_start(const struct harness_options *o);
/* Ends it (SIGKILL if need be). */
void harness_stop(struct harness *h);

void harness_keys(struct harness *h, const char *keys);
void harness_signal(struct harness *h, int number);
void harness_resize(struct harness *h, int rows, int columns);
/* Reads what is drawn for so long. */
void harness_pump(struct harness *h, int ms);
/* The whole picture, a line a row, no trailing blanks. */
const char *harness_picture(struct harness *h);
/* Waits until `text` is somewhere on the screen (or no longer). False: it did not come in 5 s. */
bool harness_wait(struct harness *h, const char *text);
bool harness_wait_gone(struct harness *h, const char *text);
/* Waits until the row (from 0) begins with the text. */
bool harness_wait_row(struct harness *h, int row, const char *start);
void harness_cursor(struct harness *h, int *row, int *column);
/* True when any cell has colours or other attributes than the terminal's own. */
bool harness_has_colour(struct harness *h);
/* All bytes the console wrote so far. */
const char *harness_raw(struct harness *h, size_t *n);
/* Waits for its end: the wait status. -1: it goes on after 5 s. */
int harness_end(struct harness *h);
/* The terminal as the console leaves it: modes as before, on the main screen, cursor visible. */
bool harness_is_restored(struct harness *h, const char **why);
pid_t harness_pid(struct harness *h);
