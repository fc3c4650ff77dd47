/* One line of typing: a text with a cursor at its end. Bounded; what does not fit is not taken. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { FIELD_TEXT = 512 };

struct field {
    char text[FIELD_TEXT];
    size_t n;
};

void field_set(struct field *f, const char *text);
/* A key of typing: true when the text changed. Erase, Ctrl-U (all), Ctrl-W (a word), letters. */
bool field_key(struct field *f, int key);
/* One line of text from outside (a paste), made visible. */
bool field_paste(struct field *f, const char *text);
