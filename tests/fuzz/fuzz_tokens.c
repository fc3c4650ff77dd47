/* Return addresses as strangers write them: at the door, and quoted in a report. What is taken is what was
 * handed out, in its one spelling; what was handed out is taken, and nothing that differs by a letter. The
 * input is cut at NUL bytes into an address, a return path, a Feedback-ID, a Message-ID and a local part. */
#include "fuzz.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "mail/address.h"
#include "warden/feedback_match.h"

enum { PIECES = 5 };

#define DOMAIN "b.test"
#define NOW (1764000000 * USEC_SECOND)

static const struct token_keys keys = {
    .n = 2, .keys = {{.id = 'k', .secret = "a key"}, {.id = 0, .secret = "another"}}};

static void cut(char *pieces[PIECES], struct bytes in)
{
    for (size_t i = 0; i < PIECES; i++) {
        const uint8_t *end = in.n ? memchr(in.p, '\0', in.n) : NULL;
        size_t n = end && i + 1 < PIECES ? (size_t)(end - in.p) : in.n;
        pieces[i] = xmemdup0(in.p, n);
        in = bytes_skip(in, n + 1);
    }
}

static void check_local(const char *local)
{
    char text[TOKEN_TEXT];
    struct token t;
    if (token_parse(&t, local, &keys) != TOKEN_OK)
        return;
    must(t.recipient_no < TOKEN_RECIPIENTS && t.at % USEC_MINUTE == 0);
    for (size_t i = 0; i < keys.n; i++) {
        struct token_keys one = {.n = 1, .keys[0] = keys.keys[i]};
        token_format(text, &t, &one);
        if (strcasecmp(text, local) == 0)
            return;
    }
    must(!"another spelling of a token was taken");
}

static void check_address(const char *piece)
{
    char address[ADDRESS_TEXT];
    struct token t;
    if (!address_parse(address, bytes_str(piece)))
        return;
    if (match_address(&t, address, DOMAIN, &keys) == TOKEN_OK)
        must(strcmp(address_domain(address), DOMAIN) == 0);
    must(match_address(&t, address, "", &keys) == TOKEN_E_SHAPE);
}

static void check_report(char *path, char *feedback_id, char *message_id)
{
    struct feedback f = {.message_id = message_id,
                         .feedback_id = feedback_id,
                         .return_path = path,
                         .source_ip = path};
    struct match_lead lead;
    char address[ADDRESS_TEXT];
    struct token t;
    if (!match_report(&lead, &f, DOMAIN, &keys, NOW, 30 * USEC_DAY))
        return;
    must(lead.is_proven || !lead.has_recipient_no);
    if (lead.is_proven)
        must(address_parse(address, bytes_str(path)) &&
             match_address(&t, address, DOMAIN, &keys) == TOKEN_OK && t.at + 30 * USEC_DAY >= NOW);
}

// The input's bytes as a token, and the same with another letter somewhere.
static void check_forged(struct bytes in)
{
    char text[TOKEN_TEXT];
    uint8_t bytes[20] = {0};
    struct token t = {.kind = TOKEN_RETURN}, back;
    if (in.n)
        memcpy(bytes, in.p, in.n < sizeof(bytes) ? in.n : sizeof(bytes));
    memcpy(&t.message, bytes, sizeof(t.message));
    t.recipient_no = bytes[16] | (uint32_t)bytes[17] << 8;
    t.at = (usec_t)hash_crc32c(0, in) * USEC_MINUTE;
    token_format(text, &t, &keys);
    must(token_parse(&back, text, &keys) == TOKEN_OK);
    must(message_id_equal(back.message, t.message) && back.at == t.at);
    struct chance c = chance_of(in);
    char *letter = &text[chance_roll(&c, TOKEN_TEXT - 1)];
    *letter = *letter == 'q' ? 'r' : 'q';
    must(token_parse(&back, text, &keys) != TOKEN_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *pieces[PIECES];
    struct bytes in = bytes_of(data, n);
    cut(pieces, in);
    check_address(pieces[0]);
    check_report(pieces[1], pieces[2], pieces[3]);
    check_local(pieces[4]);
    check_forged(in);
    for (size_t i = 0; i < PIECES; i++)
        xfree(pieces[i]);
    return 0;
}
