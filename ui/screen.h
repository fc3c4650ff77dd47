/* The terminal: the one place that knows ncurses. Draws lines at places, reads keys, and gives the
 * terminal back as it was whatever ends the process: the restoring bytes are prepared at the start,
 * and fatal signals write them before they are raised again. One screen a process. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/line.h"

/* Keys are code points; what has none is numbered from here. Enter is '\n', Esc 27. */
enum screen_key {
    KEY_NONE = 0,
    KEY_ESC = 27,
    KEY_ERASE = 0x7f,
    KEY_ARROW_UP = 0x110000,
    KEY_ARROW_DOWN,
    KEY_ARROW_LEFT,
    KEY_ARROW_RIGHT,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_FIRST,
    KEY_LAST,
    KEY_DELETE,
    KEY_BACKTAB,
    KEY_PASTE, // a bracketed paste: screen_pasted() has its text
};
#define CTRL_KEY(c) ((c)&0x1f)

enum { SCREEN_PASTE = 4096 }; // a longer paste is cut

/* Takes the terminal on stdin and stdout. 0, or > 0: it cannot (no terminal, no TERM), told on
 * stderr. */
int screen_open(void);
/* Gives it back; takes not having been opened. */
void screen_close(void);
/* Stops the process (Ctrl-Z) with the terminal given back, and takes it again when it goes on. */
void screen_stop(void);
/* The window changed its size: asks the kernel and redraws. */
void screen_resized(void);
/* Draws everything anew with the next frame (Ctrl-L). */
void screen_redraw(void);
void screen_size(int *rows, int *columns);
/* Next theme, and its name. */
const char *screen_next_theme(void);
bool screen_is_ascii(void);
/* How many pictures a second the line is good for: 10, over a slow ssh 2. Keys are drawn at once. */
int screen_pictures_a_second(void);

void screen_begin(void);
/* At row, column (from 0), cut to `width`; `is_selected`: on the selected row's background, filled
 * to `width`. */
void screen_line(int row, int column, int width, const struct line *l, bool is_selected);
void screen_text(int row, int column, int width, enum pen pen, const char *text);
void screen_blank(int row, int column, int width);
/* What is drawn from now on, in this frame, is dim (what lies under a dialog). */
void screen_dim(bool is_dim);
/* Shows the frame; the terminal's cursor stands at row, column (screen readers follow it). */
void screen_end(int row, int column);

/* The next key typed, KEY_NONE when there is none. */
int screen_key(void);
/* The text of the KEY_PASTE just read: one line, no control characters. */
const char *screen_pasted(void);
/* Throws away what was typed and not read. */
void screen_flush_keys(void);
/* Once: the bell, and a flash for whom the bell does not reach. */
void screen_alarm(void);
/* Into the clipboard by OSC 52. */
void screen_copy(const char *text);
