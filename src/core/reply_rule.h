/* What a reply means, as one row of the configuration: settings/ reads them, mail/replies judges by
 * them. The order of rows is the order of evidence: the first that fits wins, a provider's own before
 * everybody's. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "core/words.h"

enum { REPLY_ALTERNATIVES = 2000 }; // that one pattern may spell out, all its groups together

struct reply_rule {
    const char *provider; // whose answer it is; "" : anybody's
    const char **says;    // patterns, any of them (docs/replies.md): words, `*` a gap
    size_t says_n;
    const char **unless; // patterns that speak against it: with one of them it does not fit
    size_t unless_n;
    enum class class;
    enum scope scope;
    const enum phase *at; // only in these phases; none: in any
    size_t at_n;
    unsigned code;     // only these replies: the first digit, or all three; 0: any
    bool is_only_here; // said by others it means something else; else it speaks by its look too
    bool
        keeps_alive; // no verdict: where it fits, no rule and no status says that an address is dead
    const char *from; // where that is known from; "" not said
    unsigned line;    // in its file
};

/* Words that patterns share: `$recipient` stands for them. Spelt out when the file is read. */
struct reply_words {
    const char *name;
    const char *text; // alternatives with | between them
};
