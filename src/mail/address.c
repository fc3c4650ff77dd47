#include "mail/address.h"

#include <arpa/inet.h>
#include <string.h>

enum { LOCAL_MOST = 64, DOMAIN_MOST = 255, NAME_MOST = 253, LABEL_MOST = 63 };

static bool is_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_atext(uint8_t c)
{
    return is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

// Dot-string: atoms with single dots between. Gives its length, 0 when there is none.
static size_t dot_string(struct bytes in)
{
    size_t n = 0;
    while (n < in.n && (is_atext(in.p[n]) || (in.p[n] == '.' && n && in.p[n - 1] != '.')))
        n++;
    return n && in.p[n - 1] == '.' ? 0 : n;
}

// Quoted-string, both quotes included. Gives its length, 0 when there is none.
static size_t quoted_string(struct bytes in)
{
    for (size_t n = 1; n < in.n; n++) {
        if (in.p[n] == '"')
            return n + 1;
        n += in.p[n] == '\\';
        if (n >= in.n || in.p[n] < 0x20 || in.p[n] > 0x7e)
            return 0;
    }
    return 0;
}

bool address_is_domain(struct bytes in)
{
    size_t label = 0;
    if (!in.n || in.n > NAME_MOST)
        return false;
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        bool is_end = i + 1 == in.n || in.p[i + 1] == '.';
        if (c == '.') {
            if (!label)
                return false;
            label = 0;
            continue;
        }
        if (!is_alnum(c) && c != '_' && (c != '-' || !label || is_end))
            return false;
        if (++label > LABEL_MOST)
            return false;
    }
    return label;
}

static bool is_literal(struct bytes in)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];
    if (in.n < 2 || in.p[0] != '[' || in.p[in.n - 1] != ']')
        return false;
    struct bytes inside = bytes_of(in.p + 1, in.n - 2);
    bool is_v6 = bytes_starts_nocase(inside, "IPv6:");
    inside = is_v6 ? bytes_skip(inside, 5) : inside;
    if (!inside.n || inside.n >= sizeof(text) || memchr(inside.p, '\0', inside.n))
        return false;
    memcpy(text, inside.p, inside.n);
    text[inside.n] = '\0';
    return inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

bool address_parse(char out[ADDRESS_TEXT], struct bytes in)
{
    size_t local = in.n && in.p[0] == '"' ? quoted_string(in) : dot_string(in);
    if (!local || local > LOCAL_MOST || local >= in.n || in.p[local] != '@')
        return false;
    struct bytes domain = bytes_skip(in, local + 1);
    if (domain.n > DOMAIN_MOST || (!address_is_domain(domain) && !is_literal(domain)))
        return false;
    memcpy(out, in.p, in.n);
    for (size_t i = local; i < in.n; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] - 'A' + 'a');
    out[in.n] = '\0';
    return true;
}

const char *address_domain(const char *address)
{
    const char *at = strrchr(address, '@');
    return at ? at + 1 : "";
}
