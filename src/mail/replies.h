/* From an SMTP reply to class and scope, by rules that are data (config/providers.yaml): text weighed
 * over a misleading code, the phase taken into account.
 *
 * A reply's text is brought to plain words first: lower case, repeated codes dropped, addresses and
 * IPs masked, accents off, punctuation to blanks. All words of all patterns are searched in one pass
 * (Aho, Corasick 1975); of the rules that have a pattern there and nothing against them, the first wins. Where
 * none does, the codes alone speak (mail/classify.h). Of a relayed reply the inner one counts.
 * Pure; a struct replies never changes, so that threads may share it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "core/reply_rule.h"

struct replies;

/* Rules in order of their file, borrowed for as long as it lives. Patterns that say nothing (no word) are
 * left out; the settings refuse them before. */
struct replies *replies_new(const struct reply_rule *rules, size_t n);
struct replies *replies_free(struct replies *r);
DEFINE_CLEANUP(struct replies *, replies_free)

/* How many patterns found no room: at most 20,000 are kept, and REPLY_ALTERNATIVES of a part. */
size_t replies_left_out(const struct replies *r);

/* What is known of an answer. `text` is all of it, codes in front or not, lines joined by blanks. */
struct reply_said {
    const char *provider; // "" : unknown
    unsigned code;        // 0: none
    const char *enhanced; // "5.1.1", "" : none
    const char *text;
    enum phase phase;
};

struct reply_verdict {
    enum class class;
    enum scope scope;
    const struct reply_rule *rule; // NULL: the codes spoke
};

void replies_judge(const struct replies *r, const struct reply_said *said,
                   struct reply_verdict *verdict);
/* Reads the codes in front of a reply as a log shows it: "550-5.1.1 No such…", "554 5.7.1 …",
 * "4.7.4 TLS…", "… (#5.1.1)". `enhanced` has 12 bytes. Code 0 where there is none. */
void replies_codes(const char *text, unsigned *code, char *enhanced);

enum { REPLIES_PLAIN = 2048 };
/* The plain words that patterns are compared with: " no such user here ". */
size_t replies_plain(char out[REPLIES_PLAIN], const char *text);
/* A pattern's word as it stands there: letters plain, a dash a blank but in a host's name. At most `room`
 * bytes; gives their number. */
size_t replies_plain_word(char *out, size_t room, const char *w, size_t n);
