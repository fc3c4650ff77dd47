/* Which delivery a report speaks of, and what it makes of it. The recipient, its customer, provider and time
 * come from history; a report only chooses among the recipients that a message had. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "core/outcome.h"
#include "mail/feedback.h"
#include "mail/token.h"

/* Where a report leads. */
struct match_lead {
    struct message_id message;
    enum token_kind kind;  // of the address it came to; TOKEN_RETURN where the report itself leads
    bool has_recipient_no; // else the report's addresses choose
    uint32_t recipient_no;
    bool is_proven; // by a token; else by what the report quotes, which anybody may
};

/* Reads an address (as address_parse gives it) as a token at the domain `bounce` ("" : there is none). As of
 * token_parse(): TOKEN_E_SHAPE for any other. */
int match_address(struct token *out, const char *address, const char *bounce,
                  const struct token_keys *keys);
/* What a token says: recipient TOKEN_RECIPIENTS - 1 is any of its message. */
struct match_lead match_token(const struct token *t);
/* What a report says that came to no token: the return path that it quotes (a token at domain `bounce`, not
 * forged, not older than `life`), else its Feedback-ID, else its Message-ID where these are ours. False:
 * nothing. */
bool match_report(struct match_lead *out, const struct feedback *f, const char *bounce,
                  const struct token_keys *keys, usec_t now, usec_t life);

/* A recipient as history has it. Borrows the rows. */
struct match {
    const struct outcome *delivered; // NULL: it was not, or bounced
    const char *sender;              // "" : nobody hears of it
    usec_t accepted_at;
    bool is_known;                                      // there are rows of it
    bool has_bounced, has_complained, has_unsubscribed; // and so does nothing twice
};
/* `rows`: outcomes of one message, oldest first; of the lead's recipient, or of all of whom one is meant:
 * where they have more than one recipient, it is nobody's. */
void match_history(struct match *m, const struct outcome *rows, size_t n);

/* The outcome that follows: late news of the match's delivery, at `now`. Borrows from match and report.
 * False: nothing follows (delayed, delivered, automatic; what is known already; nobody's). */
bool match_news(struct outcome *news, const struct match *m, const struct match_lead *lead,
                const struct feedback *f, usec_t now);
