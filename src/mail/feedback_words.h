/* Bounces that are plain words, of any mail server: parts of mail/feedback_words.c.
 *
 * No parser for each server but five questions, each answered by general signs in a file of its own:
 * what is there to read (_text), where in it the mail begins that is sent back, and whom that was for
 * (_original), which addresses may be the failed ones (_address, _find), is it a bounce at all (_signs), and
 * which words speak of which address (_said). What they know of each other is `struct words`.
 * docs/bounces.md tells how they work together. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/map.h"

struct feedback;
struct parts;
struct replies;

enum {
    WORDS_TEXT = 256 * 1024, // bytes that are read; what is behind is left out
    WORDS_LINES = 8192,      // likewise
    WORDS_PLACES = 2000,     // addresses in the text; later ones are not seen
    WORDS_SIGNS = 16 * 1024, // of these bytes signs of a bounce are looked for
};

struct words_line {
    size_t at, end;  // without its line end
    bool is_first;   // of a part of the mail
    bool is_out;     // the original's, or quoted: says nothing of the failure
    bool is_failure; // speaks of a delivery that failed
    bool is_trouble; // or of anything that may be why
};

/* An address that stands somewhere in the text. */
struct words_person {
    char *address; // as written; owned
    int weight;    // how much speaks for it; the best of its places
    size_t first;  // of its places; SIZE_MAX when it has none
    bool is_taken; // it failed
};

/* Where one stands. */
struct words_place {
    size_t at, end; // in the text, with the brackets around it
    size_t line;
    struct words_person *who; // borrowed of people
};

struct words {
    const struct parts *parts;
    const struct replies *replies;
    char *text, *low; // UTF-8 with LF; the same in lower case, byte for byte
    size_t n;
    struct words_line *lines;
    size_t lines_n;
    bool is_respelled;          // "bob at x.example" was made an address
    bool has_original;          // the mail that failed is there, or its header
    struct map asked;           // addresses, lower case: whom the original was for
    struct map others;          // who it cannot be: its sender, we, the reporter
    struct map failed;          // named by a header of the report: X-Failed-Recipients
    char *message_id;           // of the original, without <>; NULL: none
    char *feedback_id;          // likewise
    char *return_path;          // likewise
    struct map people;          // address in lower case → struct words_person
    struct words_place *places; // in order
    size_t places_n, places_room;
};

void feedback_words_deinit(struct words *w);
static inline void feedback_words_deinit_p(struct words *w)
{
    feedback_words_deinit(w);
}

/* --- _text */

/* The readable text of the report itself, lines marked. */
void words_gather(struct words *w);
/* ASCII, Latin, Greek and Cyrillic letters become small; the length stays. `text` has n bytes. */
void words_lower(char *text, size_t n);

/* --- _original */

/* Marks the lines of the original and of quotations, learns who sent it and for whom. */
void words_original(struct words *w);

/* --- _address */

/* The next address at or behind *at: its place without brackets; *at is behind it. */
bool words_address(const char *text, size_t n, size_t *at, struct bytes *address);
/* All addresses of a header's value go into a set, in lower case. */
void words_collect(struct map *set, const char *value);
bool words_has(const struct map *set, const char *address);
/* In lower case; owned. */
char *words_lowered(struct bytes address);
/* Makes addresses of other spellings of them, in the report's lines. False: there are none. */
bool words_respell(struct words *w);

/* --- _find */

/* Finds addresses in the report's own words, weighs and takes them. */
void words_find(struct words *w);
/* A word of `words` (a NULL ends them) in low[at, end), at the beginning of a word: where the last of
 * them ends; 0: none. */
size_t words_last(const char *low, size_t at, size_t end, const char *const *words);

/* --- _signs */

/* Marks the lines that speak of failure: of the first WORDS_SIGNS bytes, what is out left out. */
void words_mark_failure(struct words *w);
bool words_is_bounce(const struct words *w);
/* A warning: it is still being tried. */
bool words_is_delay(const struct words *w);
/* News of success. */
bool words_is_success(const struct words *w);

/* --- _said */

/* Adds the recipients with what is said of each. */
void words_said(const struct words *w, struct feedback *f);
/* Do rules know what text[at, end) says? */
bool words_mean_something(const struct words *w, size_t at, size_t end);
