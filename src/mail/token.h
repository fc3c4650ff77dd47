/* Tokens: the local parts that come back to us. VERP: each recipient's mail is sent from an address of
 * its own at `domains.bounce`, which says message, recipient and minute, so that every later bounce names
 * them, and nobody can make one up.
 *
 * 1 byte kind and version, 1 byte key id, 16 bytes message id, 3 bytes recipient number, 4 bytes minute
 * of the attempt, 12 bytes MAC: HMAC-SHA-256 over all that is in front, cut to 96 bits (RFC 2104 §5). As
 * 60 letters of Crockford's base32, lower case, which hold exactly these bits: one spelling a token, any
 * other (upper case counts as the same) is none. The message's id says whose node it is. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/id.h"

enum {
    TOKEN_BYTES = 37,
    TOKEN_TEXT = 61, // NUL included
    TOKEN_KEY = 32,
    TOKEN_KEYS = 8,
    TOKEN_RECIPIENTS = 1 << 24,
};

/* Numbers stand in addresses for years: never renumber. */
enum token_kind {
    TOKEN_RETURN = 1,      // return path of a delivery
    TOKEN_UNSUBSCRIBE = 2, // mailto of List-Unsubscribe
    TOKEN_COMPLAINT = 3,   // CFBL-Address (RFC 9477)
};

struct token {
    enum token_kind kind;
    struct message_id message;
    uint32_t recipient_no; // below TOKEN_RECIPIENTS
    usec_t at;             // wall, of whole minutes: when it was handed out
};

/* Several live keys: the first signs, all verify. */
struct token_keys {
    struct token_key {
        uint8_t id;
        uint8_t secret[TOKEN_KEY];
    } keys[TOKEN_KEYS];
    size_t n; // at least 1 to format
};

void token_format(char out[TOKEN_TEXT], const struct token *t, const struct token_keys *keys);

enum token_result {
    TOKEN_OK = 0,
    TOKEN_E_SHAPE = 1,  // no token at all: another local part
    TOKEN_E_FORGED = 2, // looks like one; its MAC or key is not ours
};
/* Reads a local part. *t is set when TOKEN_OK. Whether it is too old is the caller's to say. */
int token_parse(struct token *t, const char *local, const struct token_keys *keys);
