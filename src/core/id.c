#include "core/id.h"

#include <string.h>

// Crockford's base32: no I, L, O, U.
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int value_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

void node_id_format(char out[ID_NODE_TEXT], struct node_id id)
{
    for (int i = 0; i < 8; i++) {
        char c = letters[(id.v >> (35 - 5 * i)) & 31];
        out[i] = (char)(c >= 'A' ? c - 'A' + 'a' : c);
    }
    out[8] = '\0';
}

bool node_id_parse(struct node_id *id, const char *text)
{
    uint64_t v = 0;
    if (strlen(text) != 8)
        return false;
    for (int i = 0; i < 8; i++) {
        int d = value_of(text[i]);
        if (d < 0)
            return false;
        v = v << 5 | (uint64_t)d;
    }
    id->v = v;
    return true;
}

struct message_id message_id_make(usec_t at, struct node_id node, uint64_t counter)
{
    uint64_t ms = (uint64_t)(at / USEC_MS) & 0xffffffffffffULL;
    uint64_t who = node.v & 0xffffffffffULL;
    return (struct message_id){ms << 16 | who >> 24, who << 40 | (counter & 0xffffffffffULL)};
}

void message_id_format(char out[ID_MESSAGE_TEXT], struct message_id id)
{
    for (int i = 25; i >= 0; i--) {
        out[i] = letters[id.lo & 31];
        id.lo = id.lo >> 5 | id.hi << 59;
        id.hi >>= 5;
    }
    out[26] = '\0';
}

bool message_id_parse(struct message_id *id, const char *text)
{
    uint64_t hi = 0, lo = 0;
    if (strlen(text) != 26 || value_of(text[0]) > 7)
        return false;
    for (int i = 0; i < 26; i++) {
        int d = value_of(text[i]);
        if (d < 0)
            return false;
        hi = hi << 5 | lo >> 59;
        lo = lo << 5 | (uint64_t)d;
    }
    *id = (struct message_id){hi, lo};
    return true;
}
