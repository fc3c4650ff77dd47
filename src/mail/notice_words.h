/* The words of notices, by language: data, so that a language or a text is added without code. In a
 * text, `{customer}` and the like stand for values; notice.c says which there are. */
#pragma once
#include "core/words.h"

/* What was done. Plain words, present tense, the thing first; no blame, no alarm. */
struct notice_template {
    const char *name;    // NULL: any other
    const char *subject; // stands behind "CUSTOMER: "
    const char *what, *means, *todo;
};

/* What was seen of one kind of harm, and how to put it right. */
struct notice_harm_words {
    const char *seen, *todo;
};

enum { NOTICE_TEMPLATES = 5 };

struct notice_language {
    const char *code;   // "en"
    char decimal_point; // '.' or ','
    const char *why, *rate, *until, *waiting, *list;
    const char *messages; // "{n} messages"
    const char *seen, *examples, *means, *todo;
    const char *stolen; // looks like a compromised account
    const char *footer;
    struct notice_template templates[NOTICE_TEMPLATES];
    struct notice_harm_words harms[HARM_N];
};

/* By its code; the first where there is no such. */
const struct notice_language *notice_language_get(const char *code);
