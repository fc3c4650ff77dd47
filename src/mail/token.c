#include "mail/token.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"

enum { VERSION = 0x10, KEY_AT = 1, ID_AT = 2, NO_AT = 18, MINUTE_AT = 21, MAC_AT = 25, MAC = 12 };

static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's: no i, l, o, u

static void put(uint8_t *out, uint64_t v, unsigned n)
{
    while (n--) {
        out[n] = (uint8_t)v;
        v >>= 8;
    }
}

static uint64_t take(const uint8_t *in, unsigned n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | *in++;
    return v;
}

static void sign(uint8_t mac[MAC], const uint8_t *bytes, const struct token_key *key)
{
    uint8_t whole[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    must(HMAC(EVP_sha256(), key->secret, TOKEN_KEY, bytes, MAC_AT, whole, &n) && n >= MAC);
    memcpy(mac, whole, MAC);
}

// The last letter holds one bit of the bytes; its other four are zero.
static void encode(char out[TOKEN_TEXT], const uint8_t bytes[TOKEN_BYTES])
{
    for (unsigned i = 0; i < TOKEN_TEXT - 1; i++) {
        unsigned bit = i * 5, v = (unsigned)bytes[bit / 8] << 8;
        if (bit / 8 + 1 < TOKEN_BYTES)
            v |= bytes[bit / 8 + 1];
        out[i] = letters[v >> (11 - bit % 8) & 31];
    }
    out[TOKEN_TEXT - 1] = '\0';
}

static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        c += 'a' - 'A';
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

// False: not 60 of the letters, or bits where none may be.
static bool decode(uint8_t bytes[TOKEN_BYTES], const char *text)
{
    memset(bytes, 0, TOKEN_BYTES);
    if (strnlen(text, TOKEN_TEXT) != TOKEN_TEXT - 1)
        return false;
    for (unsigned i = 0; i < TOKEN_TEXT - 1; i++) {
        int v = letter_value(text[i]);
        unsigned bit = i * 5, word = (unsigned)v << (11 - bit % 8);
        if (v < 0)
            return false;
        bytes[bit / 8] |= (uint8_t)(word >> 8);
        if (bit / 8 + 1 < TOKEN_BYTES)
            bytes[bit / 8 + 1] |= (uint8_t)word;
        else if (word & 0xff)
            return false;
    }
    return true;
}

void token_format(char out[TOKEN_TEXT], const struct token *t, const struct token_keys *keys)
{
    uint8_t bytes[TOKEN_BYTES];
    must(keys->n > 0 && t->recipient_no < TOKEN_RECIPIENTS);
    bytes[0] = (uint8_t)(VERSION | t->kind);
    bytes[KEY_AT] = keys->keys[0].id;
    put(bytes + ID_AT, t->message.hi, 8);
    put(bytes + ID_AT + 8, t->message.lo, 8);
    put(bytes + NO_AT, t->recipient_no, 3);
    put(bytes + MINUTE_AT, t->at / USEC_MINUTE, 4);
    sign(bytes + MAC_AT, bytes, &keys->keys[0]);
    encode(out, bytes);
}

static const struct token_key *key_of(const struct token_keys *keys, uint8_t id)
{
    for (size_t i = 0; i < keys->n; i++)
        if (keys->keys[i].id == id)
            return &keys->keys[i];
    return NULL;
}

int token_parse(struct token *t, const char *local, const struct token_keys *keys)
{
    uint8_t bytes[TOKEN_BYTES], mac[MAC];
    if (!decode(bytes, local))
        return TOKEN_E_SHAPE;
    unsigned kind = bytes[0] & 0x0f;
    if ((bytes[0] & 0xf0) != VERSION || kind < TOKEN_RETURN || kind > TOKEN_COMPLAINT)
        return TOKEN_E_SHAPE;
    const struct token_key *key = key_of(keys, bytes[KEY_AT]);
    if (!key)
        return TOKEN_E_FORGED;
    sign(mac, bytes, key);
    if (CRYPTO_memcmp(mac, bytes + MAC_AT, MAC) != 0)
        return TOKEN_E_FORGED;
    *t = (struct token){.kind = (enum token_kind)kind,
                        .message = {take(bytes + ID_AT, 8), take(bytes + ID_AT + 8, 8)},
                        .recipient_no = (uint32_t)take(bytes + NO_AT, 3),
                        .at = (usec_t)take(bytes + MINUTE_AT, 4) * USEC_MINUTE};
    return TOKEN_OK;
}
