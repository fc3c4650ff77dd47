/* The mails of a file, one after the other: a single mail, or an mbox (its `From ` lines, `>From ` undone).
 * Holds one mail at a time, at most MBOX_MAIL bytes of it; what is behind them is left out. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

enum { MBOX_MAIL = 32 << 20, MBOX_LINE = 1 << 20 };

struct mbox {
    FILE *file;      // borrowed
    struct buf line; // read already: begins the next mail
    bool is_mbox;    // its first line is a separator
    bool is_begun, is_over;
};

void mbox_init(struct mbox *m, FILE *file);
void mbox_deinit(struct mbox *m);
/* The next one; *mail is emptied before. False: no more, or an error (ferror). */
bool mbox_next(struct mbox *m, struct buf *mail);
