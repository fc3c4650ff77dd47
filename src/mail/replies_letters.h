/* The letters of strangers, brought to the few that patterns are written in: lower case, accents and
 * umlauts off ("Überfüllt", "ÜBERFÜLLT" and "uberfullt" are one), Cyrillic and Greek lower case, and a
 * sign of Chinese, Japanese or Korean a word by itself, since those scripts have no blanks. What is no UTF-8
 * is taken for ISO-8859-1, also where it was made visible ("\xfc"). Pure. */
#pragma once
#include <stddef.h>

enum letter_kind {
    LETTER_NONE, // punctuation, a blank: words end here
    LETTER_MARK, // belongs to the letter before and says nothing: an accent by itself, a zero-width sign
    LETTER_WORD, // part of a word
    LETTER_SIGN, // a word by itself
};

enum { LETTER_BYTES = 4 };

struct letter {
    enum letter_kind kind;
    size_t taken;             // bytes of the text, at least 1
    char plain[LETTER_BYTES]; // what is written for it
    size_t plain_n;           // 0 but for WORD and SIGN
};

/* What stands at `text`, which is not at its end. */
void letter_read(struct letter *l, const char *text);
